/* C_UnwrapKey and C_DeriveKey: secret keys of a session, made with a private
 * key of the agent. */
#include <stdlib.h>
#include <string.h>

#include "client/pkcs11/operation.h"

#define LIMIT_KEY_BYTES 64
#define POINT_BYTES     256

/* ---- the new key --------------------------------------------------------- */

static bool
is_ours(CK_ATTRIBUTE_TYPE type)
{
    return type == CKA_CLASS || type == CKA_TOKEN || type == CKA_VALUE ||
           type == CKA_VALUE_LEN || type == CKA_LOCAL ||
           type == CKA_ALWAYS_SENSITIVE || type == CKA_NEVER_EXTRACTABLE;
}

/* A CK_ULONG or a CK_BBOOL of the template; FALLBACK when it is not there. */
static CK_ULONG
number_of(const CK_ATTRIBUTE *t, CK_ULONG n, CK_ATTRIBUTE_TYPE type,
          CK_ULONG fallback)
{
    for (CK_ULONG i = 0; i < n; i++) {
        if (t[i].type != type || !t[i].pValue)
            continue;
        if (t[i].ulValueLen == sizeof(CK_ULONG))
            memcpy(&fallback, t[i].pValue, sizeof(CK_ULONG));
        if (t[i].ulValueLen == sizeof(CK_BBOOL))
            fallback = *(const CK_BBOOL *)t[i].pValue;
    }
    return fallback;
}

/* How long the key is by its kind alone (bytes); 0: that says nothing. */
static CK_ULONG
bytes_of_type(CK_ULONG type)
{
    return type == CKK_DES    ? 8
           : type == CKK_DES2 ? 16
           : type == CKK_DES3 ? 24
                              : 0;
}

static CK_RV
template_check(const CK_ATTRIBUTE *t, CK_ULONG n)
{
    if (!t && n > 0)
        return CKR_ARGUMENTS_BAD;
    for (CK_ULONG i = 0; i < n; i++)
        if (!t[i].pValue && t[i].ulValueLen > 0)
            return CKR_ATTRIBUTE_VALUE_INVALID;
    if (number_of(t, n, CKA_CLASS, CKO_SECRET_KEY) != CKO_SECRET_KEY)
        return CKR_TEMPLATE_INCONSISTENT;
    if (number_of(t, n, CKA_TOKEN, CK_FALSE) != CK_FALSE)
        return CKR_TOKEN_WRITE_PROTECTED;
    if (number_of(t, n, CKA_VALUE_LEN, 0) > LIMIT_KEY_BYTES)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    return CKR_OK;
}

/* What a secret key has when its template says nothing else. It is in this
 * process: whoever made it may read it. */
static bool
set_defaults(struct object *o)
{
    static const CK_ATTRIBUTE_TYPE no[] = {CKA_TOKEN,
                                           CKA_PRIVATE,
                                           CKA_SENSITIVE,
                                           CKA_ALWAYS_SENSITIVE,
                                           CKA_NEVER_EXTRACTABLE,
                                           CKA_LOCAL};
    bool done = object_set_ulong(o, CKA_KEY_TYPE, CKK_GENERIC_SECRET) &&
                object_set_bool(o, CKA_EXTRACTABLE, true);

    for (size_t i = 0; i < COUNT_OF(no); i++)
        done = done && object_set_bool(o, no[i], false);
    return done;
}

/* Makes it of VALUE (taken). The session is there. */
static CK_RV
secret_make(CK_SESSION_HANDLE session, const CK_ATTRIBUTE *t, CK_ULONG n,
            struct bytes *value, CK_OBJECT_HANDLE *out)
{
    struct object *o = object_new(CKO_SECRET_KEY);
    bool done = o && set_defaults(o) &&
                object_set(o, CKA_VALUE, value->p, value->n) &&
                object_set_ulong(o, CKA_VALUE_LEN, value->n);

    bytes_drop(value);
    for (CK_ULONG i = 0; done && i < n; i++)
        if (!is_ours(t[i].type))
            done = object_set(o, t[i].type, t[i].pValue, t[i].ulValueLen);
    if (!done) {
        object_drop(&o);
        return CKR_HOST_MEMORY;
    }
    o->session = session;
    o->is_private = number_of(t, n, CKA_PRIVATE, CK_FALSE) != CK_FALSE;
    return object_keep(o, out);
}

/* Behind the answer of the agent: VALUE is taken in any case. */
static CK_RV
conclude(CK_RV rv, CK_SESSION_HANDLE session, const CK_ATTRIBUTE *t, CK_ULONG n,
         struct bytes *value, CK_OBJECT_HANDLE *out)
{
    if (rv == CKR_OK && !session_find(session))
        rv = CKR_SESSION_CLOSED;
    if (rv == CKR_OK)
        return secret_make(session, t, n, value, out);
    bytes_drop(value);
    return rv;
}

/* ---- C_UnwrapKey --------------------------------------------------------- */

struct unwrapping {
    CK_MECHANISM *mechanism;
    CK_OBJECT_HANDLE key;
    struct bytes wrapped; /* borrowed */
    const CK_ATTRIBUTE *t;
    CK_ULONG n;
};

/* With a length the agent gives a random key where the ciphertext is at fault
 * (RFC 3218), and nothing is told. */
static CK_RV
unwrap_ask(const struct unwrapping *u, const struct object *key,
           struct bytes *out)
{
    CK_ULONG bytes = number_of(u->t, u->n, CKA_VALUE_LEN, 0);
    struct operation op = {.kind = OPERATION_DECRYPT};
    CK_RV rv = mechanism_for_decrypt(u->mechanism, key, &op);
    json_t *parameters;

    if (bytes == 0)
        bytes = bytes_of_type(number_of(u->t, u->n, CKA_KEY_TYPE, 0));
    if (rv == CKR_OK && u->wrapped.n != key->bytes)
        rv = CKR_WRAPPED_KEY_LEN_RANGE;
    if (rv == CKR_OK) {
        parameters = unwrap_parameters(&op, &u->wrapped);
        if (parameters && bytes > 0)
            (void)json_object_set_new(parameters, "bytes",
                                      json_integer((json_int_t)bytes));
        rv = key_ask(key, "io.smimeagent.Raw.UnwrapKey", parameters,
                     "unwrapped", out);
    }
    operation_drop(&op);
    return rv == CKR_ENCRYPTED_DATA_INVALID ? CKR_WRAPPED_KEY_INVALID : rv;
}

/* With a key that C_DeriveKey has made: mail to EC keys. The cipher is the
 * agent's, for there is no libcrypto here. */
static CK_RV
unwrap_by_secret(CK_SESSION_HANDLE session, const struct unwrapping *u,
                 CK_OBJECT_HANDLE *out)
{
    const struct object *kek = object_find(u->key);
    const struct attribute *value;
    struct bytes content = {NULL, 0};
    json_t *parameters, *reply = NULL;
    CK_RV rv;

    if (!kek || kek->class != CKO_SECRET_KEY)
        return CKR_UNWRAPPING_KEY_HANDLE_INVALID;
    if (u->mechanism->ulParameterLen != 0)
        return CKR_MECHANISM_PARAM_INVALID;
    if (u->wrapped.n > LIMIT_KEY_BYTES + 8)
        return CKR_WRAPPED_KEY_LEN_RANGE;
    value = object_attribute(kek, CKA_VALUE);
    parameters =
        json_pack("{s:o, s:o}", "kek", hex_json(value->value.p, value->value.n),
                  "wrapped", hex_json(u->wrapped.p, u->wrapped.n));
    rv = agent_call("io.smimeagent.Raw.UnwrapContentKey", parameters, NULL,
                    &reply);
    if (rv == CKR_OK &&
        !hex_read(reply, "unwrapped", LIMIT_KEY_BYTES, &content))
        rv = CKR_DEVICE_ERROR;
    json_decref(reply);
    if (rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_ARGUMENTS_BAD)
        rv = CKR_WRAPPED_KEY_INVALID;
    return conclude(rv, session, u->t, u->n, &content, out);
}

static CK_RV
unwrap_by_key(CK_SESSION_HANDLE session, const struct unwrapping *u,
              CK_OBJECT_HANDLE *out)
{
    struct bytes value = {NULL, 0};
    const struct object *key;
    struct session *s;
    CK_RV rv = key_get(session, u->key, CAN_DECRYPT, &s, &key);

    if (rv == CKR_KEY_HANDLE_INVALID)
        return CKR_UNWRAPPING_KEY_HANDLE_INVALID;
    if (rv != CKR_OK)
        return rv;
    rv = unwrap_ask(u, key, &value);
    return conclude(rv, session, u->t, u->n, &value, out);
}

static CK_RV
unwrap(CK_SESSION_HANDLE session, const struct unwrapping *u,
       CK_OBJECT_HANDLE *out)
{
    struct session *s;
    CK_RV rv = session_get(session, &s);

    if (rv != CKR_OK)
        return rv;
    if (!u->mechanism || !out || !u->wrapped.p)
        return CKR_ARGUMENTS_BAD;
    rv = template_check(u->t, u->n);
    if (rv != CKR_OK)
        return rv;
    return u->mechanism->mechanism == CKM_AES_KEY_WRAP
               ? unwrap_by_secret(session, u, out)
               : unwrap_by_key(session, u, out);
}

CK_RV
C_UnwrapKey(CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_OBJECT_HANDLE key,
            unsigned char *wrapped, CK_ULONG wrapped_len, CK_ATTRIBUTE *t,
            CK_ULONG n, CK_OBJECT_HANDLE *out)
{
    const struct unwrapping u = {m, key, {wrapped, wrapped_len}, t, n};

    GUARDED(unwrap(session, &u, out));
}

/* ---- C_DeriveKey --------------------------------------------------------- */

static const char *
kdf_hash(CK_ULONG kdf)
{
    switch (kdf) {
    case CKD_SHA1_KDF:
        return "sha1";
    case CKD_SHA224_KDF:
        return "sha224";
    case CKD_SHA256_KDF:
        return "sha256";
    case CKD_SHA384_KDF:
        return "sha384";
    case CKD_SHA512_KDF:
        return "sha512";
    default:
        return NULL;
    }
}

/* The point as it is, or as an OCTET STRING: programs give both (PKCS#11
 * 2.20, 12.3.3 left it open). */
static bool
point_read(const struct object *key, const CK_ECDH1_DERIVE_PARAMS *p,
           struct bytes *out)
{
    size_t wanted = key->kind == KIND_X25519 ? 32 : 1 + 2 * key->bytes, head;
    const uint8_t *at = p->pPublicData;

    *out = (struct bytes){p->pPublicData, p->ulPublicDataLen};
    if (!at || p->ulPublicDataLen > POINT_BYTES)
        return false;
    if (out->n == wanted)
        return true;
    head = wanted > 127 ? 3 : 2;
    if (out->n != wanted + head || at[0] != 0x04 || at[head - 1] != wanted ||
        (head == 3 && at[1] != 0x81))
        return false;
    out->p += head;
    out->n = wanted;
    return true;
}

struct derivation {
    const CK_MECHANISM *mechanism;
    CK_OBJECT_HANDLE key;
    const CK_ATTRIBUTE *t;
    CK_ULONG n;
    CK_ULONG bytes; /* wanted; 0: all of the shared secret */
};

static CK_RV
derive_parameters(const struct derivation *d, const struct object *key,
                  json_t **out)
{
    const CK_ECDH1_DERIVE_PARAMS *p = d->mechanism->pParameter;
    struct bytes point;
    const char *hash;

    if (d->mechanism->mechanism != CKM_ECDH1_DERIVE)
        return CKR_MECHANISM_INVALID;
    if (!p || d->mechanism->ulParameterLen != sizeof(*p) ||
        !point_read(key, p, &point) || p->ulSharedDataLen > 1024 ||
        (p->ulSharedDataLen > 0 && !p->pSharedData))
        return CKR_MECHANISM_PARAM_INVALID;
    hash = kdf_hash(p->kdf);
    if (!hash && p->kdf != CKD_NULL)
        return CKR_MECHANISM_PARAM_INVALID;
    if (hash && d->bytes == 0)
        return CKR_TEMPLATE_INCOMPLETE;
    if (hash && d->bytes != 16 && d->bytes != 24 && d->bytes != 32)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    *out = json_pack("{s:o, s:s, s:s, s:o, s:I}", "peer",
                     hex_json(point.p, point.n), "kdf", hash ? "x963" : "none",
                     "hash", hash ? hash : "none", "info",
                     hex_json(p->pSharedData, p->ulSharedDataLen), "bytes",
                     (json_int_t)(hash ? d->bytes : 0));
    return *out ? CKR_OK : CKR_HOST_MEMORY;
}

/* The shared secret is cut at its front (PKCS#11 2.40 current, 2.3.9). */
static CK_RV
derive_cut(struct bytes *value, CK_ULONG bytes)
{
    if (bytes == 0 || bytes == value->n)
        return CKR_OK;
    if (bytes > value->n)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    memmove(value->p, value->p + value->n - bytes, bytes);
    explicit_bzero(value->p + bytes, value->n - bytes);
    value->n = bytes;
    return CKR_OK;
}

static CK_RV
derive(CK_SESSION_HANDLE session, struct derivation *d, CK_OBJECT_HANDLE *out)
{
    struct bytes value = {NULL, 0};
    json_t *parameters = NULL;
    const struct object *key;
    struct session *s;
    CK_RV rv = key_get(session, d->key, CAN_AGREE, &s, &key);

    if (rv != CKR_OK)
        return rv;
    if (!d->mechanism || !out)
        return CKR_ARGUMENTS_BAD;
    rv = template_check(d->t, d->n);
    if (rv != CKR_OK)
        return rv;
    d->bytes = number_of(d->t, d->n, CKA_VALUE_LEN, 0);
    if (d->bytes == 0)
        d->bytes = bytes_of_type(number_of(d->t, d->n, CKA_KEY_TYPE, 0));
    rv = derive_parameters(d, key, &parameters);
    if (rv == CKR_OK)
        rv = key_ask(key, "io.smimeagent.Raw.AgreeKey", parameters, "agreed",
                     &value);
    if (rv == CKR_ARGUMENTS_BAD)
        rv = CKR_MECHANISM_PARAM_INVALID;
    if (rv == CKR_OK)
        rv = derive_cut(&value, d->bytes);
    return conclude(rv, session, d->t, d->n, &value, out);
}

CK_RV
C_DeriveKey(CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_OBJECT_HANDLE key,
            CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *out)
{
    struct derivation d = {m, key, t, n, 0};

    GUARDED(derive(session, &d, out));
}
