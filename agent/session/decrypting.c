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

/* Nobody's key fits: says whom it is for, as far as the message tells. */
static enum err
not_for_us(struct reading *g, const struct enveloped_reader *e,
           bool unsupported)
{
    size_t n = enveloped_recipient_count(e);

    if (unsupported)
        return fail(&g->r->problem, ERR_UNSUPPORTED,
                    "its key is wrapped in a way that cannot be undone here");
    if (g->keys.count == 0)
        return fail(&g->r->problem, ERR_NOT_FOR_US,
                    "there is no key on any token");
    return fail(&g->r->problem, ERR_NOT_FOR_US,
                "it is encrypted to %zu certificate%s, none of them yours", n,
                n == 1 ? "" : "s");
}

static bool
is_token_error(enum err e)
{
    return err_exit_code(e) == 7 && e != ERR_KEYHOLDER_LOST;
}

/* Tries one's keys in the message's order; a token that is away or locked
 * does not hide another that is there. The first such error is told when no
 * key works. */
enum err
reading_find_key(struct reading *g, struct layer *l,
                 const struct enveloped_reader *e, struct secret **out)
{
    size_t want = l->cipher.key_bytes;
    bool unsupported = false;
    struct problem first = {0};
    int tries = 0;

    for (size_t i = 0; i < enveloped_recipient_count(e); i++) {
        const struct recipient_info *ri = enveloped_recipient(e, i);

        for (size_t j = 0; j < g->keys.count; j++) {
            const struct own_key *k = &g->keys.item[j];
            enum err error;

            if (!is_for(ri, k))
                continue;
            unsupported |= !ri->supported;
            if (!can_try(ri, k) || ++tries > LIMIT_KEY_TRIES)
                continue;
            error = ri->kind == RECIPIENT_KEY_TRANSPORT
                        ? unwrap(g->r, ri, k, want, out)
                        : agree(g->r, ri, k, want, out);
            if (error == ERR_OK) {
                snprintf(l->key, sizeof(l->key), "%s", k->id);
                return ERR_OK;
            }
            if (!is_token_error(error))
                return error;
            if (first.code == ERR_OK)
                first = g->r->problem;
        }
    }
    if (first.code != ERR_OK) {
        g->r->problem = first;
        return first.code;
    }
    return not_for_us(g, e, unsupported);
}
