#include "agent/session/raw.h"

#include <ctype.h>
#include <poll.h>
#include <stdio.h>

#include "agent/base/secret.h"
#include "agent/session/try.h"

#define SNIFF_BYTES 256

/* ---- the request --------------------------------------------------------- */

static enum err
refuse(struct request *r, const char *name, const char *why)
{
    enum err e = fail(&r->problem, ERR_USAGE, "%s: %s", name, why);

    problem_set_subject(&r->problem, name);
    return e;
}

static bool
is_given(const struct request *r, const char *name)
{
    const json_t *value = json_object_get(r->parameters, name);

    return value && !json_is_null(value);
}

/* What nobody would heed is refused: who asks for it counts on it. */
enum err
raw_is_wanted(struct request *r, bool *out)
{
    static const char *const ours[] = {"encoding", "label",        "text",
                                       "chain",    "certificates", "self",
                                       "content",  "sender"};
    const char *form = request_text(r, "form");
    bool raw = form && strcmp(form, "cms") == 0;

    if (form && !raw && strcmp(form, "mail") != 0)
        return refuse(r, "form", "\"mail\" or \"cms\"");
    for (size_t i = 0; !raw && i < ARRAY_COUNT(ours); i++)
        if (is_given(r, ours[i]))
            return refuse(r, ours[i], "only with form \"cms\"");
    *out = raw;
    return ERR_OK;
}

/* ---- PEM ----------------------------------------------------------------- */

/* Gives what is left of the N bytes at OUT when the lines are taken off. */
static size_t
pem_cut(struct stream_pem *s, uint8_t *out, size_t n)
{
    uint8_t *dash, *lf = s->inside ? out : memchr(out, '\n', n);
    size_t from = lf ? (size_t)(lf - out) : n;

    if (s->ended || !lf)
        return 0;
    s->inside = true;
    dash = memchr(out + from, '-', n - from);
    s->ended = dash != NULL;
    if (dash)
        n = (size_t)(dash - out);
    memmove(out, out + from, n - from);
    return n - from;
}

static enum err
pem_read(struct stream *stream, uint8_t *out, size_t size, size_t *got,
         struct problem *p)
{
    struct stream_pem *s = (struct stream_pem *)stream;

    for (;;) {
        size_t n = 0;

        TRY(stream_read(s->from, out, size, &n, p));
        *got = 0;
        if (n == 0)
            return ERR_OK;
        *got = pem_cut(s, out, n);
        wipe(out + *got, n - *got);
        if (*got > 0)
            return ERR_OK;
    }
}

/* ---- what it is ---------------------------------------------------------- */

/* The first bytes, more than one where a pipe gives one at a time. */
static enum err
read_first(struct stream *from, struct buf *out, struct problem *p)
{
    size_t got = 1;

    buf_reserve(out, SNIFF_BYTES);
    while (got > 0 && out->len < SNIFF_BYTES) {
        TRY(stream_read(from, out->data + out->len, SNIFF_BYTES - out->len,
                        &got, p));
        out->len += got;
    }
    return ERR_OK;
}

/* Where a PEM block begins: at a line's beginning. */
static const uint8_t *
find_begin(struct slice s)
{
    static const char begin[] = "-----BEGIN ";
    const uint8_t *at = s.n ? memmem(s.p, s.n, begin, strlen(begin)) : NULL;

    return at && (at == s.p || at[-1] == '\n') ? at : NULL;
}

/* DER begins with the octet 0x30, its base64 with the letter M. */
static bool
is_base64(struct slice s)
{
    size_t i = 0;

    while (i < s.n && isspace(s.p[i]))
        i++;
    return i < s.n && s.p[i] == 'M';
}

enum err
raw_input_open(int fd, struct raw_input *out, struct problem *p)
{
    struct slice first;
    const uint8_t *begin;

    memset(out, 0, sizeof(*out));
    input_open(fd, &out->input);
    TRY(read_first(&out->input.stream.s, &out->first, p));
    first = buf_slice(&out->first);
    if (first.n == 0)
        return fail(p, ERR_BAD_MESSAGE, "it is empty");
    begin = find_begin(first);
    if (begin)
        first = slice_of(begin, first.n - (size_t)(begin - first.p));
    stream_joined_init(&out->joined, first, &out->input.stream.s);
    out->pem =
        (struct stream_pem){.s = {.read = pem_read}, .from = &out->joined.s};
    out->der = &out->joined.s;
    if (begin)
        out->base64 = base64_reader_new(&out->pem.s);
    else if (is_base64(first))
        out->base64 = base64_reader_new(&out->joined.s);
    if (out->base64)
        out->der = base64_reader_stream(out->base64);
    return ERR_OK;
}

enum err
raw_input_finish(struct raw_input *in, bool *out_rubbish, struct problem *p)
{
    *out_rubbish = false;
    return in->base64 ? base64_reader_finish(in->base64, out_rubbish, p)
                      : ERR_OK;
}

void
raw_input_drop(struct raw_input *in)
{
    base64_reader_drop(&in->base64);
    buf_drop(&in->first);
    input_drop(&in->input);
}

static enum err
tapped_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
            struct problem *p)
{
    struct stream_tapped *t = (struct stream_tapped *)s;

    TRY(stream_read(t->from, out, size, got, p));
    return t->to ? sink_write(t->to, out, *got, p) : ERR_OK;
}

void
stream_tapped_init(struct stream_tapped *t, struct stream *from,
                   struct sink *to)
{
    *t = (struct stream_tapped){
        .s = {.read = tapped_read}, .from = from, .to = to};
}

/* ---- writing ------------------------------------------------------------- */

static enum err
label_of(struct request *r, const char **out)
{
    static const char *const labels[] = {"CMS", "PKCS7", "SIGNED MESSAGE",
                                         "ENCRYPTED MESSAGE"};
    const char *label = request_text(r, "label");

    *out = label ? label : labels[0];
    for (size_t i = 0; label && i < ARRAY_COUNT(labels); i++)
        if (strcmp(label, labels[i]) == 0)
            return ERR_OK;
    return label ? refuse(r, "label",
                          "CMS, PKCS7, SIGNED MESSAGE or ENCRYPTED MESSAGE")
                 : ERR_OK;
}

static enum err
put_line(struct raw_output *o, const char *word, struct problem *p)
{
    char line[64];
    int n = snprintf(line, sizeof(line), "-----%s %s-----\n", word, o->label);

    return sink_write(output_sink(o->file), line, (size_t)n, p);
}

enum err
raw_output_open(struct request *r, int fd, struct raw_output *out)
{
    const char *encoding = request_text(r, "encoding");
    bool pem = encoding && strcmp(encoding, "pem") == 0;
    bool base64 = pem || (encoding && strcmp(encoding, "base64") == 0);

    memset(out, 0, sizeof(*out));
    TRY(output_open(fd, &r->session->scratch, &out->file, &r->problem));
    if (encoding && !base64 && strcmp(encoding, "der") != 0)
        return refuse(r, "encoding", "\"der\", \"pem\" or \"base64\"");
    out->sink = output_sink(out->file);
    if (pem) {
        TRY(label_of(r, &out->label));
        TRY(put_line(out, "BEGIN", &r->problem));
    }
    if (base64) {
        out->base64 = base64_writer_new(out->sink, false);
        out->sink = base64_writer_sink(out->base64);
    }
    return ERR_OK;
}

enum err
raw_client_check(struct request *r)
{
    struct pollfd client = {.fd = r->session->conn, .events = POLLRDHUP};

    if (poll(&client, 1, 0) <= 0)
        return ERR_OK;
    return fail(&r->problem, ERR_INPUT, "the program that asked is gone");
}

enum err
raw_output_commit(struct request *r, struct raw_output *o)
{
    struct problem *p = &r->problem;

    TRY(raw_client_check(r));
    if (o->base64)
        TRY(base64_writer_finish(o->base64, p));
    if (o->label)
        TRY(put_line(o, "END", p));
    return output_commit(o->file, p);
}

void
raw_output_drop(struct raw_output *o)
{
    base64_writer_drop(&o->base64);
    output_drop(&o->file);
}
