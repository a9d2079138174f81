/*
 * io.smimeagent.Mail.Encrypt: to everybody named and to oneself, or not at
 * all. Every recipient without a usable certificate is named in one answer.
 */
#include <stdio.h>

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/session/audience.h"
#include "agent/session/compose.h"
#include "agent/session/output.h"
#include "agent/session/raw.h"
#include "agent/session/try.h"

static enum err
put_envelope_header(struct sink *to, enum cipher cipher, bool crlf,
                    struct problem *p)
{
    const char *eol = crlf ? "\r\n" : "\n";
    char head[320];

    snprintf(head, sizeof(head),
             "Content-Type: application/pkcs7-mime; smime-type=%s;%s"
             " name=\"smime.p7m\"%s"
             "Content-Transfer-Encoding: base64%s"
             "Content-Disposition: attachment; filename=\"smime.p7m\"%s%s",
             cipher_is_aead(cipher) ? "authEnveloped-data" : "enveloped-data",
             eol, eol, eol, eol, eol);
    return sink_write(to, head, strlen(head), p);
}

/* What is encrypted is in canonical form (RFC 8551 3.1.1). */
static enum err
put_plaintext(struct request *r, struct signer *s, struct draft *d,
              struct sink *to)
{
    if (s)
        return compose_signed(r, s, d, false, true, to);
    return compose_inner(d, to, &r->problem);
}

static enum err
put_envelope(struct request *r, struct signer *s, struct draft *d,
             const struct audience *a, enum cipher cipher, struct sink *to)
{
    struct base64_writer *base64 = base64_writer_new(to, d->crlf);
    struct enveloped_writer *w = NULL;
    enum err e;

    e = enveloped_writer_begin(base64_writer_sink(base64), cipher, a->recipient,
                               a->count, &w, &r->problem);
    if (e == ERR_OK)
        e = put_plaintext(r, s, d, enveloped_writer_content(w));
    if (e == ERR_OK)
        e = enveloped_writer_end(w, &r->problem);
    if (e == ERR_OK)
        e = base64_writer_finish(base64, &r->problem);
    enveloped_writer_drop(&w);
    base64_writer_drop(&base64);
    return e;
}

static enum err
compose(struct request *r, struct signer *s, struct draft *d,
        const struct audience *a, enum cipher cipher, struct output *o)
{
    TRY(compose_outer(d, output_sink(o), d->crlf, &r->problem));
    TRY(put_envelope_header(output_sink(o), cipher, d->crlf, &r->problem));
    return put_envelope(r, s, d, a, cipher, output_sink(o));
}

static enum err
encrypt_draft(struct request *r, struct signer *s, struct draft *d,
              const struct audience *a, enum cipher cipher, int out_fd)
{
    AUTO(output) struct output *o = NULL;
    enum err e;

    TRY(output_open(out_fd, &r->session->scratch, &o, &r->problem));
    e = compose(r, s, d, a, cipher, o);
    if (e != ERR_OK && d->begin_again) {
        TRY(draft_rewind(d, &r->problem));
        TRY(output_restart(o, &r->problem));
        e = compose(r, s, d, a, cipher, o);
    }
    return e == ERR_OK ? output_commit(o, &r->problem) : e;
}

static json_t *
reply_json(enum cipher cipher, const struct audience *a, bool is_signed)
{
    return json_pack("{s:s, s:O, s:b, s:O}", "cipher", cipher_name(cipher),
                     "recipients", a->names, "signed", is_signed, "warnings",
                     a->warnings);
}

static enum err
encrypt(struct request *r, struct draft *d, struct own_keys *keys, int out_fd,
        json_t **out)
{
    const char *wanted = request_text(r, "key");
    const char *from = request_text(r, "from");
    const char *signs = from;
    AUTO(audience) struct audience a = {0};
    AUTO(signer) struct signer *s = NULL;
    AUTO(fd) int result = out_fd;
    char sender[LIMIT_ADDRESS_BYTES + 1] = "";
    enum cipher cipher;

    if (!from && sender_of(&d->entity.header, sender, sizeof(sender)))
        from = sender;
    if (!wanted)
        signs = from;
    TRY(draft_protect(r, true, d));
    TRY(audience_gather(r, keys, &a));
    TRY(audience_add_self(r, keys, from, &a));
    if (request_flag(r, "sign"))
        TRY(signer_choose(r, VERB_ENCRYPT, wanted, signs, keys, &s));
    TRY(audience_choose(r, &a, &cipher));
    TRY(encrypt_draft(r, s, d, &a, cipher, fd_take(&result)));
    compose_warn(d, a.warnings);
    *out = reply_json(cipher, &a, s != NULL);
    return ERR_OK;
}

/* Exact bytes: no header says who the sender is. `self` false leaves one's
 * own copy out, for programs that name everybody themselves. */
static enum err
encrypt_raw(struct request *r, struct own_keys *keys, int input, int output,
            json_t **out)
{
    AUTO(audience) struct audience a = {0};
    AUTO(fd) int in_fd = input;
    AUTO(fd) int out_fd = output;
    bool alone = json_is_false(json_object_get(r->parameters, "self"));
    enum cipher cipher;

    if (request_flag(r, "sign"))
        return fail(&r->problem, ERR_USAGE,
                    "sign: not with form \"cms\"; sign first");
    TRY(audience_gather(r, keys, &a));
    if (!alone)
        TRY(audience_add_self(r, keys, request_text(r, "from"), &a));
    TRY(audience_choose(r, &a, &cipher));
    TRY(raw_encrypt(r, &a, cipher, fd_take(&in_fd), fd_take(&out_fd)));
    *out = reply_json(cipher, &a, false);
    return ERR_OK;
}

enum err
mail_encrypt(struct request *r, json_t **out)
{
    AUTO(draft) struct draft d = {.input = {.fd = -1}};
    AUTO(own_keys) struct own_keys keys = {0};
    AUTO(fd) int result = -1;
    bool raw = false;
    int in_fd;

    TRY(raw_is_wanted(r, &raw));
    TRY(request_fd(r, "input", &in_fd));
    d.input.fd = in_fd;
    TRY(request_fd(r, "output", &result));
    TRY(own_keys_load(r, false, &keys));
    if (r->session->verb == VERB_NONE)
        TRY(session_narrow(r, VERB_ENCRYPT, LIMIT_SESSION_OPERATIONS,
                           slice_of(NULL, 0)));
    if (raw)
        return encrypt_raw(r, &keys, fd_take(&d.input.fd), fd_take(&result),
                           out);
    TRY(draft_open(fd_take(&d.input.fd), &d, &r->problem));
    return encrypt(r, &d, &keys, fd_take(&result), out);
}
