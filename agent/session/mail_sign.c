/*
 * io.smimeagent.Mail.Sign.
 */
#include "agent/base/fd.h"
#include "agent/session/certificate_json.h"
#include "agent/session/compose.h"
#include "agent/session/output.h"
#include "agent/session/raw.h"
#include "agent/session/try.h"

/* The signer of this session, kept for the next signature: serve.c lets a
 * session go on only with the same `from` and `key`. */
static struct signer *kept;

/* A From field that its certificate names: many mails have the same. */
static struct buf named;

static json_t *
text_or_empty(const char *s)
{
    json_t *t = json_string(s);

    return t ? t : json_string("");
}

/* False when somebody else is named as the sender. */
static bool
names_sender(const struct signer *s, const struct header *h)
{
    const struct header_field *f = header_find(h, "From", 0);
    char sender[LIMIT_ADDRESS_BYTES + 1] = "";

    if (f && header_count(h, "From") == 1 &&
        slice_equal(f->value, buf_slice(&named)))
        return true;
    if (!sender_of(h, sender, sizeof(sender)) || sender[0] == '\0')
        return true;
    if (!signer_names(s, sender))
        return false;
    buf_clear(&named);
    buf_add_slice(&named, f->value);
    return true;
}

/* D: what was composed, NULL for what is no mail. */
static json_t *
sign_report(const struct signer *s, const struct draft *d)
{
    json_t *warnings = json_array();

    if (d && !names_sender(s, &d->entity.header))
        json_array_append_new(
            warnings, json_string("the certificate does not name the message's "
                                  "From; its readers will be warned"));
    if (d)
        compose_warn(d, warnings);
    return json_pack("{s:s, s:o, s:o, s:s, s:o}", "key", s->key->id, "address",
                     text_or_empty(s->address), "token",
                     text_or_empty(s->key->token), "signature",
                     signature_name(&s->algorithm), "warnings", warnings);
}

/* Programs that know certificates by their bytes tell people who signed. */
static json_t *
sign_report_raw(const struct signer *s)
{
    json_t *out = sign_report(s, NULL);

    json_object_set_new(out, "digest", json_string(hash_micalg(s->hash)));
    json_object_set_new(out, "signing_time", json_integer(s->signed_at));
    json_object_set_new(
        out, "certificate",
        certificate_json_whole(buf_slice(&s->key->described),
                               buf_slice(&s->key->certificate)));
    return out;
}

/* True when the session has its signer already. */
static bool
goes_on(const struct request *r)
{
    return kept && r->session->verb == VERB_SIGN && r->session->key_len > 0;
}

/* Who signs: `from`, else the key's owner, else the message's sender. D is
 * NULL where there is no header. */
static enum err
find_signer(struct request *r, const struct draft *d, struct own_keys *keys)
{
    const char *from = request_text(r, "from");
    const char *wanted = request_text(r, "key");
    char sender[LIMIT_ADDRESS_BYTES + 1] = "";

    if (goes_on(r))
        return signer_choose_algorithm(r, kept);
    signer_drop(&kept);
    buf_drop(&named);
    if (!from && !wanted && d &&
        sender_of(&d->entity.header, sender, sizeof(sender)))
        from = sender;
    return signer_choose(r, VERB_SIGN, wanted, from, keys, &kept);
}

static enum err
compose(struct request *r, struct draft *d, struct output *o)
{
    TRY(compose_outer(d, output_sink(o), d->crlf, &r->problem));
    return compose_signed(r, kept, d, request_flag(r, "opaque"), d->crlf,
                          output_sink(o));
}

static enum err
sign_draft(struct request *r, struct draft *d, int out_fd)
{
    AUTO(output) struct output *o = NULL;
    enum err e;

    TRY(output_open(out_fd, &r->session->scratch, &o, &r->problem));
    e = compose(r, d, o);
    if (e != ERR_OK && d->begin_again) {
        TRY(draft_rewind(d, &r->problem));
        TRY(output_restart(o, &r->problem));
        e = compose(r, d, o);
    }
    return e == ERR_OK ? output_commit(o, &r->problem) : e;
}

static enum err
sign_mail(struct request *r, struct draft *d, struct own_keys *keys, int out_fd,
          json_t **out)
{
    AUTO(fd) int result = out_fd;

    TRY(draft_open(fd_take(&d->input.fd), d, &r->problem));
    TRY(draft_protect(r, false, d));
    TRY(find_signer(r, d, keys));
    TRY(sign_draft(r, d, fd_take(&result)));
    *out = sign_report(kept, d);
    return ERR_OK;
}

static enum err
check_announce(struct request *r)
{
    const char *announce = request_text(r, "announce");

    if (!announce || strcmp(announce, "cbc") == 0 ||
        strcmp(announce, "gcm") == 0)
        return ERR_OK;
    (void)fail(&r->problem, ERR_USAGE, "announce: \"gcm\" or \"cbc\"");
    problem_set_subject(&r->problem, "announce");
    return ERR_USAGE;
}

enum err
mail_sign(struct request *r, json_t **out)
{
    AUTO(draft) struct draft d = {.input = {.fd = -1}};
    AUTO(own_keys) struct own_keys keys = {0};
    int in_fd, out_fd;
    bool raw = false;

    TRY(raw_is_wanted(r, &raw));
    TRY(check_announce(r));
    TRY(request_fd(r, "input", &in_fd));
    d.input.fd = in_fd; /* owned from here on */
    TRY(request_fd(r, "output", &out_fd));
    AUTO(fd) int result = out_fd;
    if (!goes_on(r))
        TRY(own_keys_load(r, false, &keys));
    if (r->session->verb == VERB_NONE)
        TRY(session_narrow(r, VERB_SIGN, LIMIT_SESSION_OPERATIONS,
                           slice_of(NULL, 0)));
    if (!raw)
        return sign_mail(r, &d, &keys, fd_take(&result), out);
    TRY(find_signer(r, NULL, &keys));
    TRY(raw_sign(r, kept, fd_take(&d.input.fd), fd_take(&result)));
    *out = sign_report_raw(kept);
    return ERR_OK;
}
