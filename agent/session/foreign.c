#include "agent/session/foreign.h"

#include <strings.h>

#include "agent/cms/certs_only.h"
#include "agent/session/input.h"

#define LOOK_BYTES (64 * 1024) /* of the beginning, to see what it is */

/* ---- PEM ------------------------------------------------------------------
 */

static bool
begins(struct slice s, const char *text)
{
    return s.n >= strlen(text) && memcmp(s.p, text, strlen(text)) == 0;
}

static const char trusted[] = "-----BEGIN TRUSTED CERTIFICATE-----";

/* How long the label is of a block that is wanted; else 0. */
static size_t
label_length(struct slice line)
{
    static const char *const labels[] = {"-----BEGIN CERTIFICATE-----",
                                         "-----BEGIN X509 CERTIFICATE-----",
                                         trusted,
                                         "-----BEGIN PKCS7-----",
                                         "-----BEGIN PKCS #7 SIGNED DATA-----",
                                         "-----BEGIN CMS-----"};

    for (size_t i = 0; i < ARRAY_COUNT(labels); i++)
        if (begins(line, labels[i]))
            return strlen(labels[i]);
    return 0;
}

struct block {
    struct buf text;
    size_t line; /* 0: outside of one that is wanted */
    bool is_cut;
    bool is_trusted; /* OpenSSL's: its own words follow the certificate */
};

static void
block_drop(struct block *b)
{
    buf_drop(&b->text);
}

static struct slice
first_element(struct slice der)
{
    size_t head = 2, n = der.n > 1 ? der.p[1] : 0;

    if (n > 0x80 && n <= 0x84 && der.n >= head + (n & 0x7f))
        for (size_t digits = n & 0x7f, i = n = 0; i < digits; i++)
            n = n << 8 | der.p[head++];
    return der.n >= head && n < der.n - head ? slice_of(der.p, head + n) : der;
}

static enum err
block_take(const struct block *b, struct entry *one,
           const struct foreign_sink *to, size_t line, struct problem *p)
{
    AUTO(buf) struct buf der = {0};

    if (!entry_decode(buf_slice(&b->text), &der))
        return to->bad(to->context, line, "it is no base64", p);
    return entry_add_bytes(
        one, b->is_trusted ? first_element(buf_slice(&der)) : buf_slice(&der),
        line, to, p);
}

static enum err
block_end(struct block *b, const char *why, const struct foreign_sink *to,
          struct problem *p)
{
    AUTO(entry) struct entry one = {.count = 0};
    size_t line = b->line;
    enum err e;

    b->line = 0;
    if (b->is_cut)
        why = "it is too large";
    if (why)
        return to->bad(to->context, line, why, p);
    e = block_take(b, &one, to, line, p);
    return e == ERR_OK ? entry_end(&one, to, p) : e;
}

static void
block_add(struct block *b, struct slice text, bool is_cut)
{
    b->is_cut =
        b->is_cut || is_cut || text.n > LIMIT_LOGICAL_LINE_BYTES - b->text.len;
    if (!b->is_cut)
        buf_add_slice(&b->text, text);
}

/* What programs put before a line: a byte order mark, the indentation of other
 * files, the sign of a quotation. */
static struct slice
bare(struct slice line)
{
    size_t i = begins(line, "\xef\xbb\xbf") ? 3 : 0;

    while (i < line.n &&
           (line.p[i] == ' ' || line.p[i] == '\t' || line.p[i] == '>'))
        i++;
    return i == 0 ? line : slice_of(line.p + i, line.n - i);
}

/* A block may be all on one line. */
static enum err
pem_line(struct block *b, const struct lines *l, const struct foreign_sink *to,
         struct problem *p)
{
    struct slice line = bare(buf_slice(&l->line));
    const uint8_t *end;
    enum err e = ERR_OK;

    if (begins(line, "-----BEGIN ")) {
        size_t label = label_length(line);

        if (b->line != 0)
            e = block_end(b, "a PEM block without its end", to, p);
        b->line = label > 0 ? l->number : 0;
        b->is_cut = false;
        b->is_trusted = begins(line, trusted);
        buf_clear(&b->text);
        line = slice_of(line.p + label, line.n - label);
    }
    if (b->line == 0 || e != ERR_OK)
        return e;
    end = memmem(line.p, line.n, "-----END ", 9);
    block_add(b, slice_of(line.p, end ? (size_t)(end - line.p) : line.n),
              l->is_cut);
    return end ? block_end(b, NULL, to, p) : ERR_OK;
}

static enum err
pem_read(struct stream *from, const struct foreign_sink *to, struct problem *p)
{
    AUTO(block) struct block b = {.line = 0};
    AUTO(lines) struct lines l;
    bool some = true;
    enum err e = ERR_OK;

    lines_init(&l, from, "");
    while (e == ERR_OK && (e = lines_next(&l, &some, p)) == ERR_OK && some)
        e = pem_line(&b, &l, to, p);
    if (e == ERR_OK && b.line != 0)
        e = block_end(&b, "a PEM block without its end", to, p);
    return e;
}

/* ---- binary ---------------------------------------------------------------
 */

static const struct slice_list nobody = {.n = 0};

static enum err
binary_found(void *context, struct slice der, struct problem *p)
{
    const struct foreign_sink *to = context;
    const struct foreign_found f = {.bytes = der, .stated = &nobody};

    return to->found(to->context, &f, p);
}

static enum err
list_read(struct stream *from, const struct foreign_sink *to, struct problem *p)
{
    /* The sink's own errors are not the file's. */
    struct problem why = {0};
    struct foreign_sink copy = *to;
    size_t passed_over = 0;
    enum err e = certs_only_read(from, binary_found, &copy, &passed_over, &why);

    if (e == ERR_BAD_MESSAGE)
        return fail(p, ERR_BAD_CERTIFICATE, "%s", why.detail);
    if (e != ERR_OK)
        *p = why;
    return e == ERR_OK && passed_over > 0
               ? to->bad(to->context, 0,
                         "it is too large, or no X.509 certificate", p)
               : e;
}

static enum err
whole_read(struct stream *from, const struct foreign_sink *to,
           struct problem *p)
{
    AUTO(buf) struct buf file = {0};
    enum err e = stream_read_all(from, LIMIT_BUNDLE_BYTES, &file, p);

    return e == ERR_OK
               ? binary_found((void *)(uintptr_t)to, buf_slice(&file), p)
               : e;
}

static enum err
is_for_harvest(struct problem *p)
{
    *p = (struct problem){0};
    return fail(p, ERR_BAD_CERTIFICATE, "it is mail, for: smime harvest");
}

/* A certs-only message (RFC 8551 3.8): nobody signed it, so harvest learns
 * nothing from it. */
static enum err
mail_read(struct stream *from, const struct foreign_sink *to, struct problem *p)
{
    AUTO(base64_reader) struct base64_reader *base64 = NULL;
    AUTO(entity) struct entity mail = {.is_entity = false};
    struct content_type type;
    const char *kind;
    enum err e = entity_read(from, &mail, p);

    if (e != ERR_OK)
        return e;
    if (header_smime_kind(&mail.header, &type) != SMIME_PKCS7)
        return is_for_harvest(p);
    kind = content_type_find(&type, "smime-type");
    if (kind && strcasecmp(kind, "certs-only") != 0)
        return is_for_harvest(p);
    if (header_transfer(&mail.header) == TRANSFER_BASE64)
        base64 = base64_reader_new(mail.body);
    e = list_read(base64 ? base64_reader_stream(base64) : mail.body, to, p);
    /* Without smime-type only its content says what it is. */
    return !kind && (e == ERR_BAD_CERTIFICATE || e == ERR_BAD_MESSAGE)
               ? is_for_harvest(p)
               : e;
}

/* ---- what it is -----------------------------------------------------------
 */

enum form {
    FORM_NONE,
    FORM_EMPTY,
    FORM_UTF16,
    FORM_PEM,
    FORM_VCARD,
    FORM_LDIF,
    FORM_LIST,
    FORM_DER,
    FORM_P12,
    FORM_MAIL
};

/* SEQUENCE, then what it begins with. */
static enum form
form_of_der(struct slice s)
{
    size_t head = s.n > 1 && s.p[1] > 0x80 ? 2 + (s.p[1] & 0x7fU) : 2;

    if (s.n <= head + 2)
        return FORM_NONE;
    if (s.p[head] == 0x06)
        return FORM_LIST;
    if (s.p[head] == 0x02 && s.p[head + 1] == 1 && s.p[head + 2] == 3)
        return FORM_P12;
    return FORM_DER;
}

static bool
begins_nocase(struct slice s, const char *text)
{
    size_t n = strlen(text);

    return s.n >= n && slice_is_nocase(slice_of(s.p, n), text);
}

static struct slice
cut(struct slice s, size_t n)
{
    return slice_of(s.p + n, s.n - n);
}

/* Behind a byte order mark, empty lines and comments, which go on in lines
 * that begin with a blank (RFC 2849). */
static struct slice
first_line(struct slice s)
{
    bool in_comment = false;

    if (begins(s, "\xef\xbb\xbf"))
        s = cut(s, 3);
    while (s.n > 0) {
        const uint8_t *end = memchr(s.p, '\n', s.n);

        in_comment = s.p[0] == '#' || (in_comment && s.p[0] == ' ');
        if (in_comment && end)
            s = cut(s, (size_t)(end - s.p) + 1);
        else if (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\r' ||
                 s.p[0] == '\n')
            s = cut(s, 1);
        else
            break;
    }
    return s;
}

static bool
is_mail(struct slice text)
{
    static const char *const fields[] = {
        "From",        "To:",           "Date:",       "Subject:", "Received",
        "Return-Path", "Delivered-To:", "Message-ID:", "MIME-",    "Content-",
        "X-",          "DKIM-"};

    for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
        if (begins_nocase(text, fields[i]))
            return true;
    return false;
}

/* With its mark, or every second byte of ASCII. */
static bool
is_utf16(struct slice s)
{
    return begins(s, "\xff\xfe") || begins(s, "\xfe\xff") ||
           (s.n >= 4 && (s.p[0] == 0) == (s.p[2] == 0) &&
            (s.p[1] == 0) == (s.p[3] == 0) && (s.p[0] == 0) != (s.p[1] == 0));
}

static enum form
form_of(struct slice start)
{
    struct slice text = first_line(start);

    if (is_utf16(start))
        return FORM_UTF16;
    if (text.n == 0)
        return FORM_EMPTY;
    if (start.p[0] == 0x30)
        return form_of_der(start);
    if (begins_nocase(text, "BEGIN:VCARD"))
        return FORM_VCARD;
    if (begins_nocase(text, "dn:") || begins_nocase(text, "version:"))
        return FORM_LDIF;
    if (memmem(start.p, start.n, "-----BEGIN ", 11))
        return FORM_PEM;
    if (begins(text, "MI"))
        return FORM_DER; /* bare base64 */
    return is_mail(text) ? FORM_MAIL : FORM_NONE;
}

static enum err
start_read(struct stream *from, struct buf *out, struct problem *p)
{
    size_t got = 1;
    enum err e = ERR_OK;

    while (e == ERR_OK && got > 0 && out->len < LOOK_BYTES) {
        buf_reserve(out, LOOK_BYTES);
        e = stream_read(from, out->data + out->len, LOOK_BYTES - out->len, &got,
                        p);
        if (e == ERR_OK)
            out->len += got;
    }
    return e;
}

enum err
foreign_read(struct stream *from, const struct foreign_sink *to,
             struct problem *p)
{
    AUTO(buf) struct buf start = {0};
    struct stream_joined all;
    enum err e = start_read(from, &start, p);

    if (e != ERR_OK)
        return e;
    stream_joined_init(&all, buf_slice(&start), from);
    switch (form_of(buf_slice(&start))) {
    case FORM_PEM:
        return pem_read(&all.s, to, p);
    case FORM_VCARD:
        return vcard_read(&all.s, to, p);
    case FORM_LDIF:
        return ldif_read(&all.s, to, p);
    case FORM_LIST:
        return list_read(&all.s, to, p);
    case FORM_DER:
        return whole_read(&all.s, to, p);
    case FORM_P12:
        return fail(p, ERR_BAD_CERTIFICATE,
                    "it is a PKCS#12 file with a key, for: smime import");
    case FORM_MAIL:
        return mail_read(&all.s, to, p);
    case FORM_UTF16:
        return fail(p, ERR_BAD_CERTIFICATE,
                    "it is text in UTF-16; try: iconv -f UTF-16 FILE | smime "
                    "contacts import -");
    case FORM_EMPTY:
        return fail(p, ERR_BAD_CERTIFICATE, "it is empty");
    case FORM_NONE:
        break;
    }
    return fail(p, ERR_BAD_CERTIFICATE,
                "it is neither PEM, DER, PKCS#7, vCard nor LDIF");
}
