/*
 * io.smimeagent.Mail.Encrypt: to everybody named and to oneself, or not at
 * all. Every recipient without a usable certificate is named in one answer.
 */
#include <stdio.h>

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/cms/enveloped.h"
#include "agent/mime/address.h"
#include "agent/session/compose.h"
#include "agent/session/output.h"
#include "agent/session/try.h"

/* Everyone the message is encrypted to; owns copies of certificates. */
struct audience {
    struct envelope_recipient *recipient;
    struct slice *capabilities; /* of the contacts among them */
    size_t contacts;
    struct buf *bytes; /* one for each certificate, one for capabilities */
    size_t count;
    size_t room;
    json_t *names;
    struct buf missing; /* "a@x (why), b@y (why)" */
};

static void
audience_new(struct audience *a, size_t most)
{
    *a = (struct audience){.room = most, .names = json_array()};
    a->recipient = mem_new(most * sizeof(*a->recipient));
    a->capabilities = mem_new(most * sizeof(*a->capabilities));
    a->bytes = mem_new(2 * most * sizeof(*a->bytes));
}

static void
audience_drop(struct audience *a)
{
    for (size_t i = 0; i < 2 * a->room; i++)
        buf_drop(&a->bytes[i]);
    free(a->recipient);
    free(a->capabilities);
    free(a->bytes);
    buf_drop(&a->missing);
    json_decref(a->names);
}

/* False when it is there already. */
static bool
audience_add(struct audience *a, struct slice certificate)
{
    struct buf *der = &a->bytes[2 * a->count];

    for (size_t i = 0; i < a->count; i++)
        if (slice_equal(a->recipient[i].certificate, certificate))
            return false;
    buf_add_slice(der, certificate);
    a->recipient[a->count++].certificate = buf_slice(der);
    return true;
}

/* What contacts announce chooses the cipher; one's own copy follows. */
static void
audience_add_contact(struct audience *a, struct slice certificate,
                     struct slice capabilities)
{
    struct buf *der = &a->bytes[2 * a->count + 1];

    if (!audience_add(a, certificate))
        return;
    buf_add_slice(der, capabilities);
    a->capabilities[a->contacts++] = buf_slice(der);
}

static void
audience_miss(struct audience *a, const char *address, struct slice why)
{
    buf_addf(&a->missing, "%s%s (%.*s)", a->missing.len > 0 ? ", " : "",
             address, (int)why.n, (const char *)why.p);
}

/* One of one's own addresses needs no contact; else the keyring chooses. */
static enum err
add_recipient(struct request *r, struct own_keys *keys, const char *address,
              struct audience *a)
{
    struct address q = {.address = slice_text(address)};
    const char *reason;
    struct own_key *own = own_keys_find_encryption(keys, address, &reason);
    struct recipient_reply reply;

    if (!address_is_plausible(q.address)) {
        audience_miss(a, address, slice_text("this is no mail address"));
        return ERR_OK;
    }
    json_array_append_new(a->names, json_string(address));
    if (own) {
        (void)audience_add(a, buf_slice(&own->certificate));
        return ERR_OK;
    }
    TRY(keyring_call(r, MSG_RECIPIENT, &q, &reply));
    if (reply.state == RECIPIENT_OK)
        audience_add_contact(a, reply.certificate, reply.capabilities);
    else
        audience_miss(a, address, reply.reason);
    return ERR_OK;
}

static enum err
gather(struct request *r, struct own_keys *keys, struct audience *a)
{
    const json_t *to = json_object_get(r->parameters, "to");

    for (size_t i = 0; i < json_array_size(to); i++) {
        const char *address = json_string_value(json_array_get(to, i));

        if (!address)
            return fail(&r->problem, ERR_USAGE, "to");
        TRY(add_recipient(r, keys, address, a));
    }
    if (a->missing.len == 0)
        return ERR_OK;
    fail(&r->problem, ERR_NO_RECIPIENT, NULL);
    problem_set_subject(&r->problem, buf_text(&a->missing));
    return ERR_NO_RECIPIENT;
}

/* The sender's own copy: whoever cannot read what he sent has lost it. */
static enum err
add_self(struct request *r, struct own_keys *keys, const char *from,
         struct audience *a)
{
    const char *reason;
    struct own_key *own = own_keys_find_encryption(keys, from, &reason);

    if (own) {
        (void)audience_add(a, buf_slice(&own->certificate));
        return ERR_OK;
    }
    fail(&r->problem, ERR_NO_KEY,
         "a copy is always encrypted to the sender, and %s", reason);
    problem_set_subject(&r->problem, from ? from : "the sender");
    return ERR_NO_KEY;
}

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
    struct crlf_writer *canonical;
    enum err e;

    if (s)
        return compose_signed(r, s, d, false, true, to);
    canonical = crlf_writer_new(to);
    e = compose_inner(d, crlf_writer_sink(canonical), &r->problem);
    if (e == ERR_OK)
        e = crlf_writer_finish(canonical, &r->problem);
    crlf_writer_drop(&canonical);
    return e;
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
encrypt_draft(struct request *r, struct signer *s, struct draft *d,
              const struct audience *a, enum cipher cipher, int out_fd)
{
    AUTO(output) struct output *o = NULL;

    TRY(output_open(out_fd, r->session->scratch, &o, &r->problem));
    TRY(compose_outer(d, output_sink(o), d->crlf, &r->problem));
    TRY(put_envelope_header(output_sink(o), cipher, d->crlf, &r->problem));
    TRY(put_envelope(r, s, d, a, cipher, output_sink(o)));
    return output_commit(o, &r->problem);
}

static enum err
encrypt(struct request *r, struct draft *d, struct own_keys *keys, int out_fd,
        json_t **out)
{
    size_t named = json_array_size(json_object_get(r->parameters, "to"));
    const char *wanted = request_text(r, "key");
    const char *from = request_text(r, "from");
    const char *signs = from;
    AUTO(audience) struct audience a = {0};
    AUTO(signer) struct signer *s = NULL;
    AUTO(fd) int result = out_fd;
    char sender[LIMIT_ADDRESS_BYTES + 1] = "";
    enum cipher cipher;

    if (named == 0 || named > LIMIT_TO)
        return fail(&r->problem, ERR_USAGE, "to: 1 to %d addresses", LIMIT_TO);
    audience_new(&a, named + 1);
    if (!from && sender_of(&d->entity.header, sender, sizeof(sender)))
        from = sender;
    if (!wanted)
        signs = from;
    TRY(gather(r, keys, &a));
    TRY(add_self(r, keys, from, &a));
    if (request_flag(r, "sign"))
        TRY(signer_choose(r, VERB_ENCRYPT, wanted, signs, keys, &s));
    cipher = capabilities_choose(a.capabilities, a.contacts);
    TRY(encrypt_draft(r, s, d, &a, cipher, fd_take(&result)));
    *out = json_pack("{s:s, s:O, s:b, s:[]}", "cipher", cipher_name(cipher),
                     "recipients", a.names, "signed", s != NULL, "warnings");
    return ERR_OK;
}

enum err
mail_encrypt(struct request *r, json_t **out)
{
    AUTO(draft) struct draft d = {.input = {.fd = -1}};
    AUTO(own_keys) struct own_keys keys = {0};
    AUTO(fd) int result = -1;
    int in_fd;

    TRY(request_fd(r, "input", &in_fd));
    d.input.fd = in_fd;
    TRY(request_fd(r, "output", &result));
    TRY(own_keys_load(r, false, &keys));
    if (r->session->verb == VERB_NONE)
        TRY(session_narrow(r, VERB_ENCRYPT, LIMIT_SESSION_OPERATIONS,
                           slice_of(NULL, 0)));
    TRY(draft_open(fd_take(&d.input.fd), &d, &r->problem));
    return encrypt(r, &d, &keys, fd_take(&result), out);
}
