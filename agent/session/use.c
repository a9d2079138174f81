/*
 * The methods of io.smimeagent.Raw that use one key: SignDigest, UnwrapKey,
 * AgreeKey; and Unlock. Nothing is parsed here but hexadecimal digits.
 */
#include "agent/session/use.h"

#include "agent/base/log.h"
#include "agent/base/secret.h"
#include "agent/cms/enveloped.h"
#include "agent/session/channels.h"
#include "agent/session/json_text.h"
#include "agent/session/try.h"

/* ---- parameters ---------------------------------------------------------- */

static enum err
wrong(struct request *r, const char *name, const char *why)
{
    (void)fail(&r->problem, ERR_USAGE, "%s: %s", name, why);
    problem_set_subject(&r->problem, name);
    return ERR_USAGE;
}

/* Appends the bytes of parameter NAME to OUT; nothing when it is absent.
 * Errors: ERR_USAGE, the subject is the parameter's name. */
static enum err
use_bytes(struct request *r, const char *name, struct buf *out)
{
    const char *text = request_text(r, name);
    size_t room = text ? strlen(text) / 2 : 0, n = 0;

    buf_reserve(out, room + 1);
    if (text && !text_unhex(text, out->data, room, &n))
        return wrong(r, name, "it is not in hexadecimal digits");
    out->len = n;
    return ERR_OK;
}

json_t *
use_hex(struct slice bytes)
{
    AUTO(buf) struct buf text = {0};

    buf_reserve(&text, 2 * bytes.n + 1);
    text_hex(bytes, (char *)text.data);
    return json_stringn((const char *)text.data, 2 * bytes.n);
}

struct word {
    const char *name;
    uint32_t value;
};

static const struct word schemes[] = {
    {"rsa-pkcs1", SCHEME_RSA_PKCS1}, {"rsa-pss", SCHEME_RSA_PSS},
    {"rsa-oaep", SCHEME_RSA_OAEP},   {"ecdsa", SCHEME_ECDSA},
    {"eddsa", SCHEME_EDDSA},         {NULL, 0}};
static const struct word hashes[] = {{"none", HASH_NONE},
                                     {"sha1", HASH_SHA1},
                                     {"sha224", HASH_SHA224},
                                     {"sha256", HASH_SHA256},
                                     {"sha384", HASH_SHA384},
                                     {"sha512", HASH_SHA512},
                                     {NULL, 0}};
static const struct word kdfs[] = {
    {"x963", KDF_X963}, {"hkdf", KDF_HKDF}, {"none", KDF_NONE}, {NULL, 0}};

/* Absent: the first of them. */
static enum err
word_read(struct request *r, const char *name, const struct word *table,
          uint32_t *out)
{
    const char *text = request_text(r, name);

    *out = table[0].value;
    if (!text)
        return ERR_OK;
    for (const struct word *w = table; w->name; w++)
        if (strcmp(w->name, text) == 0) {
            *out = w->value;
            return ERR_OK;
        }
    return wrong(r, name, "no such word");
}

/* Names the key, and narrows the session to it. */
static enum err
begin(struct request *r, struct buf *key)
{
    TRY(use_bytes(r, "key", key));
    if (key->len == 0)
        return wrong(r, "key", "it is empty");
    return session_narrow(r, VERB_RAW, LIMIT_SESSION_OPERATIONS,
                          buf_slice(key));
}

/* ---- SignDigest ---------------------------------------------------------- */

enum err
use_sign(struct request *r, json_t **out)
{
    AUTO(buf) struct buf key = {0};
    AUTO(buf) struct buf data = {0};
    struct sign_request q = {0};
    struct sign_reply reply;

    TRY(word_read(r, "mechanism", schemes, &q.scheme));
    TRY(word_read(r, "hash", hashes, &q.hash));
    TRY(use_bytes(r, "data", &data));
    if (q.scheme == SCHEME_RSA_OAEP)
        return wrong(r, "mechanism", "it does not sign");
    TRY(begin(r, &key));
    q.key = buf_slice(&key);
    q.data = buf_slice(&data);
    TRY(keyholder_call(r, MSG_SIGN, &q, NULL, 0, &reply));
    *out = json_object();
    json_object_set_new(*out, "signature", use_hex(reply.signature));
    return ERR_OK;
}

/* ---- UnwrapKey ----------------------------------------------------------- */

/* With a length: a key, random where the ciphertext is at fault. Without one
 * what is in it, and a failure says so. */
static enum err
ask_unwrapped(struct request *r, struct unwrap_request *q, struct slice *out)
{
    struct decrypt_reply whole;
    struct unwrap_reply key;

    if (q->key_bytes == 0) {
        TRY(keyholder_call(r, MSG_DECRYPT, q, NULL, 0, &whole));
        *out = whole.plain;
        return ERR_OK;
    }
    TRY(keyholder_call(r, MSG_UNWRAP, q, NULL, 0, &key));
    *out = key.key;
    return ERR_OK;
}

static enum err
unwrap_request_read(struct request *r, struct unwrap_request *out)
{
    int64_t bytes = request_number(r, "bytes", 0);

    TRY(word_read(r, "mechanism", schemes, &out->scheme));
    TRY(word_read(r, "hash", hashes, &out->hash));
    TRY(word_read(r, "mgf_hash", hashes, &out->mgf_hash));
    if (out->scheme != SCHEME_RSA_PKCS1 && out->scheme != SCHEME_RSA_OAEP)
        return wrong(r, "mechanism", "it does not decrypt");
    if (bytes > LIMIT_UNWRAPPED_BYTES)
        return wrong(r, "bytes", "no key is so long");
    out->key_bytes = (uint32_t)bytes;
    return ERR_OK;
}

enum err
use_unwrap(struct request *r, json_t **out)
{
    AUTO(buf) struct buf key = {0};
    AUTO(buf) struct buf label = {0};
    AUTO(buf) struct buf wrapped = {0};
    struct unwrap_request q = {0};
    struct slice plain;

    TRY(unwrap_request_read(r, &q));
    TRY(use_bytes(r, "label", &label));
    TRY(use_bytes(r, "wrapped", &wrapped));
    TRY(begin(r, &key));
    q.key = buf_slice(&key);
    q.label = buf_slice(&label);
    q.wrapped = buf_slice(&wrapped);
    TRY(ask_unwrapped(r, &q, &plain));
    *out = json_object();
    json_object_set_new(*out, "unwrapped", use_hex(plain));
    return ERR_OK;
}

/* ---- AgreeKey ------------------------------------------------------------ */

static enum err
agree_request_read(struct request *r, struct agree_request *out)
{
    int64_t bytes = request_number(r, "bytes", 0);

    TRY(word_read(r, "kdf", kdfs, &out->kdf));
    TRY(word_read(r, "hash", hashes, &out->hash));
    if (bytes > 64)
        return wrong(r, "bytes", "no key is so long");
    out->kek_bytes = (uint32_t)bytes;
    return ERR_OK;
}

enum err
use_agree(struct request *r, json_t **out)
{
    AUTO(buf) struct buf key = {0};
    AUTO(buf) struct buf peer = {0};
    AUTO(buf) struct buf info = {0};
    AUTO(buf) struct buf salt = {0};
    struct agree_request q = {0};
    struct agree_reply reply;

    TRY(agree_request_read(r, &q));
    TRY(use_bytes(r, "peer", &peer));
    TRY(use_bytes(r, "info", &info));
    TRY(use_bytes(r, "salt", &salt));
    TRY(begin(r, &key));
    q.key = buf_slice(&key);
    q.peer = buf_slice(&peer);
    q.info = buf_slice(&info);
    q.salt = buf_slice(&salt);
    TRY(keyholder_call(r, MSG_AGREE, &q, NULL, 0, &reply));
    *out = json_object();
    json_object_set_new(*out, "agreed", use_hex(reply.kek));
    return ERR_OK;
}

/* ---- UnwrapContentKey ---------------------------------------------------- */

#define WRAP_BLOCK_BYTES 8

/* With a key-encryption key that the client has already: nothing of ours is
 * used, but the cipher that its library may lack. */
enum err
use_unwrap_content(struct request *r, json_t **out)
{
    AUTO(secret) struct secret *key = secret_new();
    AUTO(buf) struct buf kek = {0};
    AUTO(buf) struct buf wrapped = {0};

    TRY(session_narrow(r, VERB_RAW, 0, slice_of(NULL, 0)));
    TRY(use_bytes(r, "kek", &kek));
    TRY(use_bytes(r, "wrapped", &wrapped));
    if (wrapped.len <= WRAP_BLOCK_BYTES)
        return wrong(r, "wrapped", "no key is so short");
    if (!kek_unwrap(buf_slice(&kek), buf_slice(&wrapped),
                    wrapped.len - WRAP_BLOCK_BYTES, key))
        return fail(&r->problem, ERR_CANNOT_DECRYPT, NULL);
    *out = json_object();
    json_object_set_new(*out, "unwrapped", use_hex(secret_slice(key)));
    return ERR_OK;
}

/* ---- Unlock -------------------------------------------------------------- */

/* Only the person can answer: no PIN is taken on this socket. */
enum err
use_unlock(struct request *r, json_t **out)
{
    struct token_choice choice = {.token =
                                      slice_text(request_text(r, "token"))};
    struct token_record reply;

    TRY(session_narrow(r, VERB_RAW, 0, slice_of(NULL, 0)));
    TRY(keyholder_call(r, MSG_UNLOCK, &choice, NULL, 0, &reply));
    *out = json_object();
    json_object_set_new(*out, "token", json_text(reply.label));
    json_object_set_new(*out, "already",
                        json_boolean(reply.flags & TOKEN_WAS_UNLOCKED));
    return ERR_OK;
}
