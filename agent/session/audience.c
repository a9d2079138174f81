#include "agent/session/audience.h"

#include <ctype.h>
#include <openssl/evp.h>

#include "agent/base/log.h"
#include "agent/mime/address.h"
#include "agent/session/policy.h"
#include "agent/session/signer.h"
#include "agent/session/try.h"

static void
audience_new(struct audience *a, size_t most)
{
    *a = (struct audience){
        .room = most, .names = json_array(), .warnings = json_array()};
    a->recipient = mem_new(most * sizeof(*a->recipient));
    a->capabilities = mem_new(most * sizeof(*a->capabilities));
    a->contact = mem_new(most * sizeof(*a->contact));
    a->bytes = mem_new(2 * most * sizeof(*a->bytes));
}

void
audience_drop(struct audience *a)
{
    for (size_t i = 0; i < 2 * a->room; i++)
        buf_drop(&a->bytes[i]);
    free(a->recipient);
    free(a->capabilities);
    free(a->contact);
    free(a->bytes);
    buf_drop(&a->missing);
    wanted_list_drop(&a->wanted);
    json_decref(a->names);
    json_decref(a->warnings);
}

/* False when it is there already. */
static bool
add(struct audience *a, struct slice certificate)
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
add_contact(struct audience *a, const char *who,
            const struct recipient_reply *reply)
{
    struct buf *der = &a->bytes[2 * a->count + 1];

    if (!add(a, reply->certificate))
        return;
    buf_add_slice(der, reply->capabilities);
    a->recipient[a->count - 1].oaep = capabilities_oaep(buf_slice(der));
    a->contact[a->contacts] = who;
    a->capabilities[a->contacts++] = buf_slice(der);
    /* Encrypted to the new one; the person is told. */
    if (reply->changed)
        json_array_append_new(
            a->warnings,
            json_sprintf("the certificate of %s differs from the one known "
                         "before; see: smime contacts show --why %s",
                         who, who));
}

static void
miss(struct audience *a, const char *who, struct slice why)
{
    if (slice_is(why, "blocked"))
        why = slice_text("blocked by you: smime contacts unblock");
    buf_addf(&a->missing, "%s%s (%.*s)", a->missing.len > 0 ? ", " : "", who,
             (int)why.n, (const char *)why.p);
}

static void
take_reply(struct audience *a, const char *who,
           const struct recipient_reply *reply)
{
    if (reply->state == RECIPIENT_OK)
        add_contact(a, who, reply);
    else
        miss(a, who, reply->reason);
}

/* It is asked where nothing is usable, and for what it told itself, which may
 * have become old; not for whom the person has blocked. */
static bool
directory_may_help(const struct recipient_reply *reply)
{
    return !slice_is(reply->reason, "blocked");
}

/* One of one's own addresses needs no contact; else the keyring chooses. */
static enum err
add_address(struct request *r, struct own_keys *keys, const char *address,
            struct audience *a)
{
    struct address q = {.address = slice_text(address)};
    const char *reason;
    struct own_key *own = own_keys_find_encryption(keys, address, &reason);
    struct recipient_reply reply;

    if (!address_is_plausible(q.address)) {
        wanted_add(&a->wanted, address, slice_text("this is no mail address"),
                   false);
        return ERR_OK;
    }
    json_array_append_new(a->names, json_string(address));
    if (own) {
        (void)add(a, buf_slice(&own->certificate));
        return ERR_OK;
    }
    TRY(keyring_call(r, MSG_RECIPIENT, &q, &reply));
    if (reply.state == RECIPIENT_OK && reply.source != CONTACT_DIRECTORY)
        add_contact(a, address, &reply);
    else
        wanted_add(&a->wanted, address, reply.reason,
                   directory_may_help(&reply));
    return ERR_OK;
}

/* ---- by the directory ---------------------------------------------------- */

static void
warn_of_directory(struct audience *a, const struct wanted *w,
                  const struct recipient_reply *reply)
{
    char origin[256];

    if (reply->source != CONTACT_DIRECTORY)
        return;
    text_escape(reply->origin, origin, sizeof(origin));
    json_array_append_new(
        a->warnings,
        json_sprintf("the certificate of %s is known from a directory alone, "
                     "not from a signed mail: %s%s%s",
                     w->address, origin, w->told[0] ? "; " : "", w->told));
}

static enum err
add_wanted(struct request *r, const struct wanted *w, struct audience *a)
{
    struct address q = {.address = slice_text(w->address)};
    AUTO(buf) struct buf why = {0};
    struct recipient_reply reply;

    if (!w->ask) {
        miss(a, w->address, slice_text(w->why));
        return ERR_OK;
    }
    TRY(keyring_call(r, MSG_RECIPIENT, &q, &reply));
    if (reply.state == RECIPIENT_OK) {
        add_contact(a, w->address, &reply);
        warn_of_directory(a, w, &reply);
        return ERR_OK;
    }
    buf_addf(&why, "%.*s%s%s", (int)reply.reason.n,
             (const char *)reply.reason.p, w->told[0] ? "; " : "", w->told);
    miss(a, w->address, buf_slice(&why));
    return ERR_OK;
}

static enum err
add_all_wanted(struct request *r, struct audience *a)
{
    if (a->wanted.n == 0)
        return ERR_OK;
    TRY(directory_refresh(r, &a->wanted));
    for (size_t i = 0; i < a->wanted.n; i++)
        TRY(add_wanted(r, &a->wanted.item[i], a));
    return ERR_OK;
}

/* ---- by certificate ------------------------------------------------------ */

/* Hex of exactly 20 or 32 bytes; gives their number, or 0. */
static size_t
fingerprint_read(const char *text, uint8_t out[32])
{
    static const char digits[] = "0123456789abcdef";
    size_t n = strlen(text);

    if (n != 40 && n != 64)
        return 0;
    for (size_t i = 0; i < n; i++) {
        const char *at = strchr(digits, tolower((unsigned char)text[i]));

        if (!at)
            return 0;
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | (at - digits));
    }
    return n / 2;
}

static bool
has_fingerprint(const struct own_key *k, struct slice wanted)
{
    const EVP_MD *md = hash_md(wanted.n == 20 ? HASH_SHA1 : HASH_SHA256);
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    return k->certificate.len > 0 &&
           EVP_Digest(k->certificate.data, k->certificate.len, digest, &n, md,
                      NULL) == 1 &&
           slice_equal(slice_of(digest, n), wanted);
}

/* Of one's own keys, as for an address: usable now. */
static struct own_key *
own_key_of(struct own_keys *keys, struct slice fingerprint, const char **reason)
{
    for (size_t i = 0; i < keys->count; i++) {
        struct own_keys one = {.item = &keys->item[i], .count = 1};

        if (has_fingerprint(&keys->item[i], fingerprint))
            return own_keys_find_encryption(&one, NULL, reason);
    }
    return NULL;
}

static enum err
add_certificate(struct request *r, struct own_keys *keys, const char *text,
                struct audience *a)
{
    uint8_t bytes[32] = {0};
    struct slice wanted = slice_of(bytes, fingerprint_read(text, bytes));
    struct fingerprint q = {.fingerprint = wanted};
    const char *reason = NULL;
    struct own_key *own;
    struct recipient_reply reply;

    if (wanted.n == 0)
        return fail(&r->problem, ERR_USAGE,
                    "certificates: a fingerprint is 64 hex digits");
    json_array_append_new(a->names, json_string(text));
    own = own_key_of(keys, wanted, &reason);
    if (own) {
        (void)add(a, buf_slice(&own->certificate));
    } else if (reason) {
        miss(a, text, slice_text(reason));
    } else if (wanted.n != 32) {
        miss(a, text, slice_text("no certificate"));
    } else {
        TRY(keyring_call(r, MSG_RECIPIENT_CERTIFICATE, &q, &reply));
        take_reply(a, text, &reply);
    }
    return ERR_OK;
}

/* ---- all ----------------------------------------------------------------- */

static enum err
add_each(struct request *r, struct own_keys *keys, const json_t *list,
         enum err (*one)(struct request *r, struct own_keys *keys,
                         const char *text, struct audience *a),
         struct audience *a)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (!text)
            return fail(&r->problem, ERR_USAGE, "a recipient is a text");
        TRY(one(r, keys, text, a));
    }
    return ERR_OK;
}

enum err
audience_gather(struct request *r, struct own_keys *keys, struct audience *a)
{
    const json_t *to = json_object_get(r->parameters, "to");
    const json_t *certificates = json_object_get(r->parameters, "certificates");
    size_t named = json_array_size(to) + json_array_size(certificates);

    if (named == 0 || named > LIMIT_TO)
        return fail(&r->problem, ERR_USAGE, "to: 1 to %d addresses", LIMIT_TO);
    audience_new(a, named + 1);
    TRY(add_each(r, keys, to, add_address, a));
    TRY(add_all_wanted(r, a));
    TRY(add_each(r, keys, certificates, add_certificate, a));
    if (a->missing.len == 0)
        return ERR_OK;
    fail(&r->problem, ERR_NO_RECIPIENT, NULL);
    problem_set_subject(&r->problem, buf_text(&a->missing));
    return ERR_NO_RECIPIENT;
}

static enum err
tell_missing(struct request *r, const char *from)
{
    enum err e = own_keys_tell_missing(r, from);
    AUTO(own_keys) struct own_keys away = {0};
    struct problem why = r->problem;
    const char *reason;

    if (own_keys_away(r, true, &away) == ERR_OK) {
        struct own_key *k = own_keys_find_encryption(&away, from, &reason);

        if (k)
            return own_key_tell_away(r, k);
    }
    r->problem = why;
    return e;
}

enum err
audience_add_self(struct request *r, struct own_keys *keys, const char *from,
                  struct audience *a)
{
    const char *reason;
    struct own_key *own = own_keys_find_encryption(keys, from, &reason);

    if (own) {
        (void)add(a, buf_slice(&own->certificate));
        return ERR_OK;
    }
    fail(&r->problem, ERR_NO_KEY,
         "a copy is always encrypted to the sender, and %s", reason);
    problem_set_subject(&r->problem, from ? from : "the sender");
    return tell_missing(r, from);
}

/* ---- with what ----------------------------------------------------------- */

static void
choose_padding(const struct policy *p, struct envelope_recipient *to)
{
    if (p->key_padding == SCHEME_RSA_PKCS1)
        to->oaep = HASH_NONE;
    else if (p->oaep_digest &&
             (p->key_padding == SCHEME_RSA_OAEP || to->oaep != HASH_NONE))
        to->oaep = p->oaep_digest;
    else if (p->key_padding == SCHEME_RSA_OAEP && to->oaep == HASH_NONE)
        to->oaep = HASH_SHA256;
}

static void
warn_of_cipher(struct audience *a, enum cipher cipher)
{
    for (size_t i = 0; cipher_is_aead(cipher) && i < a->contacts; i++)
        if (!capabilities_announce(a->capabilities[i], cipher))
            json_array_append_new(
                a->warnings,
                json_sprintf("%s has not announced %s and may be unable to "
                             "read this",
                             a->contact[i], cipher_name(cipher)));
}

enum err
audience_choose(struct request *r, struct audience *a, enum cipher *out)
{
    struct policy p;

    TRY(policy_of(r, &p));
    for (size_t i = 0; i < a->count; i++)
        choose_padding(&p, &a->recipient[i]);
    warn_of_cipher(a, p.cipher);
    *out = p.cipher != CIPHER_NONE
               ? p.cipher
               : capabilities_choose(a->capabilities, a->contacts);
    return ERR_OK;
}
