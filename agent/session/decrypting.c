/*
 * Which of one's keys a message was encrypted to, and the content-encryption
 * key through the keyholder. Every answer to a message's own fault is a
 * random key (RFC 3218), made by the keyholder or by kek_unwrap.
 */
#include <stdio.h>

#include "agent/base/log.h"
#include "agent/cms/certview.h"
#include "agent/session/reading.h"
#include "agent/session/try.h"

static bool
is_for(const struct recipient_info *ri, const struct own_key *k)
{
    struct cert_view v;

    if (k->certificate.len == 0 ||
        !cert_view_parse(buf_slice(&k->certificate), &v))
        return false;
    if (ri->issuer.n > 0)
        return slice_equal(ri->issuer, v.issuer) &&
               slice_equal(ri->serial, v.serial);
    return ri->key_id.n > 0 && slice_equal(ri->key_id, v.key_id);
}

static bool
can_try(const struct recipient_info *ri, const struct own_key *k)
{
    bool transport = ri->kind == RECIPIENT_KEY_TRANSPORT;
    bool agreement = ri->kind == RECIPIENT_KEY_AGREEMENT;

    return ri->supported &&
           ((transport && k->type == KEY_RSA) ||
            (agreement && (k->type == KEY_EC || k->type == KEY_X25519))) &&
           (k->flags & (KEY_HAS_PRIVATE | KEY_PRIVATE_UNKNOWN)) != 0;
}

static enum err
unwrap(struct request *r, const struct recipient_info *ri,
       const struct own_key *k, size_t want, struct secret **out)
{
    struct unwrap_request q = {.key = buf_slice(&k->ref),
                               .scheme = ri->scheme,
                               .hash = ri->hash,
                               .mgf_hash = ri->mgf_hash,
                               .label = ri->label,
                               .wrapped = ri->encrypted_key,
                               .key_bytes = (uint32_t)want};
    struct unwrap_reply reply;

    if (q.label.n > 512 || q.wrapped.n > 1024)
        return fail(&r->problem, ERR_CANNOT_DECRYPT, NULL);
    TRY(keyholder_call(r, MSG_UNWRAP, &q, NULL, 0, &reply));
    *out = secret_copy(reply.key.p, reply.key.n);
    return ERR_OK;
}

static enum err
agree(struct request *r, const struct recipient_info *ri,
      const struct own_key *k, size_t want, struct secret **out)
{
    struct agree_request q = {.key = buf_slice(&k->ref),
                              .peer = ri->originator,
                              .hash = ri->hash,
                              .info = ri->shared_info,
                              .kek_bytes = (uint32_t)ri->kek_bytes,
                              .kdf = ri->hkdf ? KDF_HKDF : KDF_X963,
                              .salt = ri->salt,
                              .cofactor = ri->cofactor};
    AUTO(secret) struct secret *key = secret_new();
    struct agree_reply reply;

    if (q.peer.n > 256 || q.info.n > 1024 || q.salt.n > 1024)
        return fail(&r->problem, ERR_CANNOT_DECRYPT, NULL);
    TRY(keyholder_call(r, MSG_AGREE, &q, NULL, 0, &reply));
    /* On failure KEY is a random one, and the message fails later, as with
     * any other wrong key. */
    if (!kek_unwrap(reply.kek, ri->encrypted_key, want, key))
        log_debug("a wrapped key did not unwrap");
    *out = TAKE(key);
    return ERR_OK;
}

/* ---- whom it is for, when it is not for us --------------------------------
 */

static size_t
count_kind(const struct enveloped_reader *e, enum recipient_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < enveloped_recipient_count(e); i++)
        n += enveloped_recipient(e, i)->kind == kind;
    return n;
}

/* Passwords and keys that were agreed on otherwise (RFC 5652 6.2.3, 6.2.4). */
static const char *
unsupported_kind(const struct enveloped_reader *e)
{
    if (count_kind(e, RECIPIENT_PASSWORD) > 0)
        return "with a password, which is not supported";
    if (count_kind(e, RECIPIENT_KEK) > 0)
        return "with a shared secret key (KEK), which is not supported";
    if (count_kind(e, RECIPIENT_OTHER) > 0)
        return "in a way that is not supported (OtherRecipientInfo)";
    return NULL;
}

/* Nobody's key fits: says whom it is for, as far as the message tells. */
static enum err
not_for_us(struct reading *g, const struct enveloped_reader *e,
           bool unsupported)
{
    size_t n = count_kind(e, RECIPIENT_KEY_TRANSPORT) +
               count_kind(e, RECIPIENT_KEY_AGREEMENT);
    const char *other = unsupported_kind(e);

    if (unsupported)
        return fail(&g->r->problem, ERR_UNSUPPORTED,
                    "its key is wrapped in a way that cannot be undone here");
    if (n == 0 && other)
        return fail(&g->r->problem, ERR_UNSUPPORTED, "it is encrypted %s",
                    other);
    if (g->keys.count == 0)
        return fail(&g->r->problem, ERR_NOT_FOR_US,
                    "there is no key on any token");
    return fail(&g->r->problem, ERR_NOT_FOR_US,
                "it is encrypted to %zu certificate%s, none of them yours%s%s",
                n, n == 1 ? "" : "s", other ? ", and " : "",
                other ? other : "");
}

/* ---- the search -----------------------------------------------------------
 */

static bool
is_token_error(enum err e)
{
    return e == ERR_LAST_TRY ||
           (err_exit_code(e) == 7 && e != ERR_KEYHOLDER_LOST);
}

struct search {
    struct reading *g;
    struct layer *l;
    struct enveloped_reader *e;
    struct secret *key;   /* found */
    struct problem first; /* of a token */
    bool unsupported;
    int tries;
};

/* Gets the content key of RI with K. A token that is away or locked does not
 * hide another that is there: its error is told when no key works. *out:
 * there is a key, be it the right one or a random one. */
static enum err
try_one(struct search *s, const struct recipient_info *ri,
        const struct own_key *k, struct secret **key, bool *out)
{
    size_t want = s->l->cipher.key_bytes;
    enum err e;

    *out = false;
    if (!can_try(ri, k) || ++s->tries > LIMIT_KEY_TRIES)
        return ERR_OK;
    e = ri->kind == RECIPIENT_KEY_TRANSPORT ? unwrap(s->g->r, ri, k, want, key)
                                            : agree(s->g->r, ri, k, want, key);
    *out = e == ERR_OK;
    if (e == ERR_OK)
        snprintf(s->l->key, sizeof(s->l->key), "%s", k->id);
    if (!is_token_error(e))
        return e;
    if (s->first.code == ERR_OK)
        s->first = s->g->r->problem;
    return ERR_OK;
}

/* By what the certificates say, in the message's order. */
static enum err
search_named(struct search *s)
{
    bool found = false;

    for (size_t i = 0; i < enveloped_recipient_count(s->e); i++) {
        const struct recipient_info *ri = enveloped_recipient(s->e, i);

        for (size_t j = 0; j < s->g->keys.count; j++) {
            const struct own_key *k = &s->g->keys.item[j];

            if (!is_for(ri, k))
                continue;
            s->unsupported |= !ri->supported;
            TRY(try_one(s, ri, k, &s->key, &found));
            if (found)
                return ERR_OK;
        }
    }
    return ERR_OK;
}

/* A key without a certificate may be anybody's whose size fits. */
static bool
may_be_for(const struct recipient_info *ri, const struct own_key *k)
{
    size_t octets = ((size_t)k->bits + 7) / 8;

    if (k->certificate.len > 0 || !can_try(ri, k))
        return false;
    if (ri->kind == RECIPIENT_KEY_TRANSPORT)
        return ri->encrypted_key.n == octets;
    return ri->originator.n ==
           (k->type == KEY_X25519 ? octets : 1 + 2 * octets);
}

/* A wrong key is not told apart from a wrong padding, so the first octets of
 * the content have to. What none of them fits goes on with the first key, to
 * the one answer. */
static enum err
search_nameless(struct search *s)
{
    bool found = false;

    for (size_t i = 0; i < enveloped_recipient_count(s->e); i++) {
        const struct recipient_info *ri = enveloped_recipient(s->e, i);

        for (size_t j = 0; j < s->g->keys.count; j++) {
            AUTO(secret) struct secret *key = NULL;

            if (!may_be_for(ri, &s->g->keys.item[j]))
                continue;
            TRY(try_one(s, ri, &s->g->keys.item[j], &key, &found));
            if (!found)
                continue;
            if (enveloped_reader_looks_right(s->e, key)) {
                secret_drop(&s->key);
                s->key = TAKE(key);
                return ERR_OK;
            }
            if (!s->key)
                s->key = TAKE(key);
        }
    }
    return ERR_OK;
}

/* One of one's keys fits, and its token is not inserted. Where that cannot be
 * told, the search goes on: a key without a certificate may fit. */
static enum err
search_away(struct search *s)
{
    AUTO(own_keys) struct own_keys away = {0};
    struct problem why = s->g->r->problem;

    if (own_keys_away(s->g->r, false, &away) != ERR_OK)
        s->g->r->problem = why;
    for (size_t i = 0; i < enveloped_recipient_count(s->e); i++) {
        const struct recipient_info *ri = enveloped_recipient(s->e, i);

        for (size_t j = 0; j < away.count; j++)
            if (is_for(ri, &away.item[j]) && can_try(ri, &away.item[j]))
                return own_key_tell_away(s->g->r, &away.item[j]);
    }
    return ERR_OK;
}

static void
search_drop(struct search *s)
{
    secret_drop(&s->key);
}

enum err
reading_find_key(struct reading *g, struct layer *l, struct enveloped_reader *e,
                 struct secret **out)
{
    AUTO(search) struct search s = {.g = g, .l = l, .e = e};

    TRY(search_named(&s));
    if (!s.key && s.first.code == ERR_OK)
        TRY(search_away(&s));
    if (!s.key && s.first.code == ERR_OK)
        TRY(search_nameless(&s));
    if (s.key) {
        *out = TAKE(s.key);
        return ERR_OK;
    }
    if (s.first.code != ERR_OK) {
        g->r->problem = s.first;
        return s.first.code;
    }
    (void)not_for_us(g, e, s.unsupported);
    return own_keys_tell_unread(g->r);
}

enum err
reading_decrypted(struct reading *g)
{
    struct empty nothing = {0}, reply;

    return keyholder_call(g->r, MSG_DECRYPTED, &nothing, NULL, 0, &reply);
}
