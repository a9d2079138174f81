#include "agent/session/signer.h"

#include <stdio.h>

#include "agent/base/key_name.h"
#include "agent/base/log.h"
#include "agent/mime/address.h"
#include "agent/session/clock.h"

static bool
has_address(const struct own_key *k, const char *address)
{
    const struct slice_list *l = &k->about.addresses;

    for (size_t i = 0; i < l->n; i++)
        if (address_equal(l->item[i], slice_text(address)))
            return true;
    return false;
}

static const char *
day_of(uint64_t seconds, char out[32])
{
    time_t t = (time_t)seconds;
    struct tm tm;

    if (!gmtime_r(&t, &tm) || strftime(out, 32, "%Y-%m-%d", &tm) == 0)
        return "an unknown day";
    return out;
}

static bool
has_private(const struct own_key *k)
{
    return (k->flags & (KEY_HAS_PRIVATE | KEY_PRIVATE_UNKNOWN)) != 0;
}

static const char no_private[] =
    "the token holds its certificate, but not the private key";

/* Why a key of the right address cannot sign now; NULL when it can. */
static const char *
obstacle(const struct own_key *k, char out[128])
{
    uint64_t now = clock_now();
    char day[32];

    if (k->certificate.len == 0)
        return "the key has no certificate";
    if (!has_private(k))
        return no_private;
    if ((k->uses & USE_SIGN) == 0 || (k->about.uses & USE_SIGN) == 0)
        return "its certificate is not for signing";
    if (now > k->about.not_after)
        snprintf(out, 128, "its certificate expired on %s",
                 day_of(k->about.not_after, day));
    else if (now < k->about.not_before)
        snprintf(out, 128, "its certificate is not valid before %s",
                 day_of(k->about.not_before, day));
    else
        return NULL;
    return out;
}

struct choice {
    struct own_key *best;
    size_t matching; /* keys that were asked for */
    size_t usable;
    bool several_ids;   /* ... which are not one key on several tokens */
    bool several_names; /* ... or have certificates of several addresses */
    bool binds;         /* one is left out because it binds its owner */
    bool waits;         /* one of that name has no certificate yet */
    char why[128];      /* that, or why the last one cannot be used */
};

static bool
same_address(const struct own_key *a, const struct own_key *b)
{
    const struct slice_list *l = &a->about.addresses;
    const struct slice_list *m = &b->about.addresses;

    return l->n > 0 && m->n > 0 && address_equal(l->item[0], m->item[0]);
}

/* Of one key on two tokens the one whose PIN nobody has to be asked for. */
static bool
is_readier(const struct own_key *k, const struct own_key *than)
{
    return own_key_is_same(k, than) && !own_key_is_newer(than, k) &&
           (k->flags & KEY_TOKEN_UNLOCKED) != 0 &&
           (than->flags & KEY_TOKEN_UNLOCKED) == 0;
}

static void
choice_consider(struct choice *c, struct own_key *k, const char *from,
                bool by_id)
{
    char text[128];
    const char *why = obstacle(k, text);
    bool binds = !why && !by_id && (k->about.uses & USE_COMMIT) != 0;

    c->matching++;
    /* RFC 5280 4.2.1.3: such a signature binds its owner, who has to want
     * it; a card that has one has another for mail. */
    if (binds)
        why = "its certificate is for binding signatures (contentCommitment) "
              "only; if you mean it, choose it with --key";
    if (!why && from && !has_address(k, from))
        why = "its certificate does not name this address";
    if (why) {
        if (!c->binds)
            snprintf(c->why, sizeof(c->why), "%s", why);
        c->binds |= binds;
        return;
    }
    c->usable++;
    c->several_ids |= c->best && !own_key_is_same(c->best, k);
    c->several_names |= c->best && !same_address(c->best, k);
    if (own_key_is_newer(k, c->best) || is_readier(k, c->best))
        c->best = k;
}

static const char *
unknown_name(const char *wanted)
{
    return key_name_is_uri(wanted) ? "no key on your tokens fits this URI"
           : strlen(wanted) < KEY_NAME_LEAST_DIGITS
               ? "no key has this id; of a longer one give at least 4 digits"
               : "no key has an id that begins so";
}

static const char no_certificate[] = "no certificate on your tokens names it";

static enum err
no_key(struct request *r, const char *wanted, const char *from,
       const struct choice *c, bool any_keys)
{
    struct problem *p = &r->problem;

    if (c->matching > 0)
        fail(p, ERR_NO_KEY, "%s", c->why);
    else if (wanted)
        fail(p, ERR_NO_KEY, "%s", unknown_name(wanted));
    else if (c->waits)
        fail(p, ERR_NO_KEY,
             "its key has no certificate yet; when a CA has issued it: smime "
             "install CERT");
    else if (any_keys)
        fail(p, ERR_NO_KEY, "%s", no_certificate);
    else
        fail(p, ERR_NO_KEY, "there is no key on any token");
    problem_set_subject(p, from                ? from
                           : wanted && *wanted ? wanted
                                               : "this message");
    return ERR_NO_KEY;
}

/* A generated key bears the address that its certificate was asked for. */
static bool
is_waiting(const struct own_key *k, const char *from)
{
    return from && k->certificate.len == 0 && has_private(k) &&
           address_equal(slice_text(k->label), slice_text(from));
}

static void
choice_make(const struct own_keys *keys, const char *wanted, const char *from,
            struct choice *c)
{
    for (size_t i = 0; i < keys->count; i++) {
        struct own_key *k = &keys->item[i];

        if (wanted ? own_key_is_wanted(keys, k, wanted)
                   : !from || has_address(k, from))
            choice_consider(c, k, from, wanted != NULL);
        else
            c->waits |= is_waiting(k, from);
    }
}

/* A certificate without its key names the address, but signs nothing. */
static enum err
tell_keyless(struct request *r, const char *wanted, const char *from)
{
    AUTO(own_keys) struct own_keys keyless = {0};
    struct problem why = r->problem;
    struct choice c = {0};

    if (from && !wanted && keyless_load(r, &keyless) == ERR_OK) {
        choice_make(&keyless, NULL, from, &c);
        if (c.matching > 0 && strcmp(why.detail, no_certificate) == 0)
            return no_key(r, NULL, from, &c, true);
    }
    r->problem = why;
    return why.code;
}

/* Of keys that are away: only what would do here makes a difference. */
static enum err
tell_missing(struct request *r, const char *wanted, const char *from)
{
    enum err e = own_keys_tell_missing(r, from ? from : wanted);
    AUTO(own_keys) struct own_keys away = {0};
    struct problem why = r->problem;
    struct choice c = {0};

    if (own_keys_away(r, true, &away) == ERR_OK) {
        choice_make(&away, wanted, from, &c);
        if (c.best)
            return own_key_tell_away(r, c.best);
    }
    r->problem = why;
    return e == ERR_NO_KEY ? tell_keyless(r, wanted, from) : e;
}

static enum err
choose(struct request *r, struct signer *s, const char *wanted,
       const char *from)
{
    struct choice c = {0};

    choice_make(&s->keys, wanted, from, &c);
    if (!c.best)
        return no_key(r, wanted, from, &c, s->keys.count > 0);
    if (wanted && c.several_ids) {
        fail(&r->problem, ERR_NO_KEY,
             "it means several keys: give more of the id, or a URI (smime keys "
             "--json)");
        problem_set_subject(&r->problem, wanted);
        return ERR_NO_KEY;
    }
    if (!from && !wanted && (c.several_ids || c.several_names)) {
        fail(&r->problem, ERR_NO_KEY,
             "you have several: choose with --from or --key");
        problem_set_subject(&r->problem, "a message without a sender");
        return ERR_NO_KEY;
    }
    s->key = c.best;
    if (from)
        snprintf(s->address, sizeof(s->address), "%s", from);
    else if (s->key->about.addresses.n > 0)
        snprintf(s->address, sizeof(s->address), "%.*s",
                 (int)s->key->about.addresses.item[0].n,
                 (const char *)s->key->about.addresses.item[0].p);
    return ERR_OK;
}

static enum err
load_chain(struct request *r, struct signer *s)
{
    struct key_choice choice = {.key = buf_slice(&s->key->ref)};
    struct chain_reply reply;
    size_t at = 0;
    enum err e;

    e = keyholder_call(r, MSG_CHAIN, &choice, NULL, 0, &reply);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < reply.certificates.n; i++)
        buf_add_slice(&s->chain_bytes, reply.certificates.item[i]);
    for (size_t i = 0; i < reply.certificates.n; i++) {
        s->chain[i] =
            slice_of(s->chain_bytes.data + at, reply.certificates.item[i].n);
        at += reply.certificates.item[i].n;
    }
    s->chain_count = reply.certificates.n;
    return ERR_OK;
}

/* Whoever has two certificates is answered to the other one. */
static void
choose_encryption(struct signer *s)
{
    const char *reason;

    if (s->address[0])
        s->encryption = own_keys_find_encryption(&s->keys, s->address, &reason);
}

enum err
signer_choose(struct request *r, enum verb verb, const char *wanted,
              const char *from, struct own_keys *keys, struct signer **out)
{
    AUTO(signer) struct signer *s = mem_new(sizeof(*s));
    enum err e;

    s->keys = *keys;
    *keys = (struct own_keys){0};
    if ((e = choose(r, s, wanted, from)) == ERR_OK)
        e = signer_choose_algorithm(r, s);
    if (e == ERR_NO_KEY)
        e = tell_missing(r, wanted, from);
    if (e != ERR_OK)
        return e;
    e = session_narrow(r, verb, LIMIT_SESSION_OPERATIONS,
                       buf_slice(&s->key->ref));
    if (e != ERR_OK)
        return e;
    if ((e = load_chain(r, s)) != ERR_OK)
        return e;
    choose_encryption(s);
    *out = TAKE(s);
    return ERR_OK;
}

void
signer_drop(struct signer **s)
{
    if (!*s)
        return;
    own_keys_drop(&(*s)->keys);
    buf_drop(&(*s)->chain_bytes);
    buf_drop(&(*s)->lasting);
    free(*s);
    *s = NULL;
}

/* The keyholder knows no address; whoever reads the error does. */
static enum err
name_sender(struct request *r, const struct signer *s, enum err e)
{
    if (e == ERR_NO_KEY && s->address[0])
        problem_set_subject(&r->problem, s->address);
    return e;
}

/* What the key signs: the digest of the attributes; Ed25519 signs them
 * whole (RFC 8419). */
static enum err
ask_signature(struct request *r, struct signer *s, struct slice attrs,
              struct buf *out)
{
    struct sign_request q = {.key = buf_slice(&s->key->ref),
                             .scheme = s->algorithm.scheme,
                             .hash = s->hash,
                             .data = attrs};
    uint8_t digest[EVP_MAX_MD_SIZE];
    struct sign_reply reply;
    unsigned n = 0;
    enum err e;

    if (s->algorithm.scheme != SCHEME_EDDSA) {
        if (EVP_Digest(attrs.p, attrs.n, digest, &n, hash_md(s->hash), NULL) !=
            1)
            bug("a digest that was fetched does not work");
        q.data = slice_of(digest, n);
    }
    e = keyholder_call(r, MSG_SIGN, &q, NULL, 0, &reply);
    if (e != ERR_OK)
        return name_sender(r, s, e);
    buf_add_slice(out, reply.signature);
    return ERR_OK;
}

static bool
announces_cbc(const struct request *r)
{
    const char *announce = request_text(r, "announce");

    return announce && strcmp(announce, "cbc") == 0;
}

/* They are made for the first of many messages. */
static enum err
make_lasting(struct request *r, struct signer *s,
             const struct signer_spec *spec)
{
    if (s->lasting.len > 0 && s->lasting_cbc == spec->cbc_only)
        return ERR_OK;
    buf_clear(&s->lasting);
    s->lasting_cbc = spec->cbc_only;
    return signed_attrs_lasting(spec, &s->lasting, &r->problem);
}

enum err
signer_sign(struct request *r, struct signer *s, struct slice content_digest,
            struct buf *out_attrs, struct buf *out_signature,
            struct signer_spec *out_spec)
{
    enum err e;

    *out_spec = (struct signer_spec){
        .certificate = buf_slice(&s->key->certificate),
        .chain = s->chain,
        .chain_count = s->chain_count,
        .hash = s->hash,
        .signature = s->algorithm,
        .signing_time = (int64_t)clock_now(),
        .cbc_only = announces_cbc(r),
        .oaep = s->encryption && (s->encryption->flags & KEY_OAEP) != 0,
    };
    s->signed_at = out_spec->signing_time;
    if (s->encryption && s->encryption != s->key)
        out_spec->encryption = buf_slice(&s->encryption->certificate);
    if ((e = make_lasting(r, s, out_spec)) != ERR_OK)
        return e;
    e = signed_attrs_build(out_spec, buf_slice(&s->lasting), content_digest,
                           out_attrs, &r->problem);
    if (e != ERR_OK)
        return e;
    return ask_signature(r, s, buf_slice(out_attrs), out_signature);
}

enum err
signer_sign_detached(struct request *r, struct signer *s,
                     struct digests *digests, size_t chain, struct buf *out)
{
    AUTO(buf) struct buf attrs = {0};
    AUTO(buf) struct buf signature = {0};
    struct signer_spec spec;
    enum err e = signer_sign(r, s, digests_get(digests, s->hash), &attrs,
                             &signature, &spec);

    if (e != ERR_OK)
        return e;
    if (spec.chain_count > chain)
        spec.chain_count = chain;
    return signed_write_detached(&spec, buf_slice(&attrs),
                                 buf_slice(&signature), out, &r->problem);
}

bool
signer_names(const struct signer *s, const char *address)
{
    return has_address(s->key, address);
}

bool
sender_of(const struct header *h, char *out, size_t size)
{
    const struct header_field *f = header_find(h, "From", 0);
    struct mailbox_list l = {0};
    bool found;

    if (!f || header_count(h, "From") != 1)
        return false;
    mailbox_list_parse(f->value, &l);
    found = !l.malformed && l.count == 1;
    if (found)
        snprintf(out, size, "%s", l.item[0].address);
    mailbox_list_drop(&l);
    return found;
}

struct own_key *
own_keys_find_encryption(struct own_keys *keys, const char *from,
                         const char **reason)
{
    uint64_t now = clock_now();
    struct own_key *best = NULL;

    *reason = "no certificate on your tokens names it";
    for (size_t i = 0; i < keys->count; i++) {
        struct own_key *k = &keys->item[i];

        if (k->certificate.len == 0 || (from && !has_address(k, from)))
            continue;
        if (!has_private(k)) {
            *reason = no_private;
            continue;
        }
        if ((k->about.uses & (USE_DECRYPT | USE_AGREE)) == 0) {
            *reason = "its certificate is not for encryption";
            continue;
        }
        if (now > k->about.not_after || now < k->about.not_before) {
            *reason = "its certificate is expired or not yet valid";
            continue;
        }
        if (own_key_is_newer(k, best))
            best = k;
    }
    return best;
}
