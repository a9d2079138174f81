/*
 * io.smimeagent.Mail.Sign.
 */
#include "agent/base/fd.h"
#include "agent/session/compose.h"
#include "agent/session/output.h"
#include "agent/session/try.h"

/* The signer of this session, kept for the next signature: serve.c lets a
 * session go on only with the same `from` and `key`. */
static struct signer *kept;

static json_t *
text_or_empty(const char *s)
{
    json_t *t = json_string(s);

    return t ? t : json_string("");
}

static json_t *
sign_report(const struct signer *s, const char *from_header)
{
    json_t *warnings = json_array();

    if (from_header[0] && !signer_names(s, from_header))
        json_array_append_new(
            warnings, json_string("the certificate does not name the message's "
                                  "From; its readers will be warned"));
    return json_pack("{s:s, s:o, s:o, s:s, s:o}", "key", s->key->id, "address",
                     text_or_empty(s->address), "token",
                     text_or_empty(s->key->token), "signature",
                     signature_name(&s->algorithm), "warnings", warnings);
}

/* True when the session has its signer already. */
static bool
goes_on(const struct request *r)
{
    return kept && r->session->verb == VERB_SIGN && r->session->key_len > 0;
}

/* Who signs: `from`, else the key's owner, else the message's sender. */
static enum err
find_signer(struct request *r, const struct draft *d, struct own_keys *keys)
{
    const char *from = request_text(r, "from");
    const char *wanted = request_text(r, "key");
    char sender[LIMIT_ADDRESS_BYTES + 1] = "";

    if (goes_on(r))
        return ERR_OK;
    signer_drop(&kept);
    if (!from && !wanted &&
        sender_of(&d->entity.header, sender, sizeof(sender)))
        from = sender;
    return signer_choose(r, VERB_SIGN, wanted, from, keys, &kept);
}

static enum err
sign_draft(struct request *r, struct draft *d, int out_fd)
{
    AUTO(output) struct output *o = NULL;

    TRY(output_open(out_fd, r->session->scratch, &o, &r->problem));
    TRY(compose_outer(d, output_sink(o), d->crlf, &r->problem));
    TRY(compose_signed(r, kept, d, request_flag(r, "opaque"), d->crlf,
                       output_sink(o)));
    return output_commit(o, &r->problem);
}

enum err
mail_sign(struct request *r, json_t **out)
{
    AUTO(draft) struct draft d = {.input = {.fd = -1}};
    AUTO(own_keys) struct own_keys keys = {0};
    char sender[LIMIT_ADDRESS_BYTES + 1] = "";
    int in_fd, out_fd;

    TRY(request_fd(r, "input", &in_fd));
    d.input.fd = in_fd; /* owned from here on */
    TRY(request_fd(r, "output", &out_fd));
    AUTO(fd) int result = out_fd;
    if (!goes_on(r))
        TRY(own_keys_load(r, false, &keys));
    if (r->session->verb == VERB_NONE)
        TRY(session_narrow(r, VERB_SIGN, LIMIT_SESSION_OPERATIONS,
                           slice_of(NULL, 0)));
    TRY(draft_open(fd_take(&d.input.fd), &d, &r->problem));
    TRY(find_signer(r, &d, &keys));
    TRY(sign_draft(r, &d, fd_take(&result)));
    (void)sender_of(&d.entity.header, sender, sizeof(sender));
    *out = sign_report(kept, sender);
    return ERR_OK;
}
