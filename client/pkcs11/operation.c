/* Signing and decrypting with a private key. */
#include <stdlib.h>
#include <string.h>

#include "client/pkcs11/operation.h"

/* ---- beginning ----------------------------------------------------------- */

CK_RV
key_get(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle, unsigned can,
        struct session **out_session, const struct object **out)
{
    CK_RV rv = session_get(session, out_session);

    if (rv != CKR_OK)
        return rv;
    *out = object_find(handle);
    if (!*out || !(*out)->key)
        return CKR_KEY_HANDLE_INVALID;
    if ((*out)->class != CKO_PRIVATE_KEY || !((*out)->can & can))
        return CKR_KEY_FUNCTION_NOT_PERMITTED;
    return CKR_OK;
}

typedef CK_RV mechanism_reader(const CK_MECHANISM *m, const struct object *key,
                               struct operation *op);

static CK_RV
operation_begin(CK_SESSION_HANDLE session, const CK_MECHANISM *m,
                CK_OBJECT_HANDLE handle, enum operation_kind kind, unsigned can,
                mechanism_reader *read)
{
    struct operation op = {.kind = kind, .key = handle};
    const struct object *key = NULL;
    struct session *s;
    CK_RV rv = key_get(session, handle, can, &s, &key);

    if (rv != CKR_OK)
        return rv;
    if (s->operation.kind != OPERATION_NONE)
        return CKR_OPERATION_ACTIVE;
    if (!m)
        return CKR_ARGUMENTS_BAD;
    rv = read(m, key, &op);
    if (rv != CKR_OK) {
        operation_drop(&op);
        return rv;
    }
    s->operation = op;
    return CKR_OK;
}

CK_RV
C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
    GUARDED(operation_begin(session, m, key, OPERATION_SIGN, CAN_SIGN,
                            mechanism_for_sign));
}

CK_RV
C_DecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
    GUARDED(operation_begin(session, m, key, OPERATION_DECRYPT, CAN_DECRYPT,
                            mechanism_for_decrypt));
}

/* ---- in work ------------------------------------------------------------- */

/* The operation of a session; its key may have gone meanwhile, which ends
 * it. */
static CK_RV
operation_get(CK_SESSION_HANDLE session, enum operation_kind kind,
              struct session **out_session, const struct object **out_key)
{
    CK_RV rv = session_get(session, out_session);
    struct operation *op;

    if (rv != CKR_OK)
        return rv;
    op = &(*out_session)->operation;
    if (op->kind != kind)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (op->is_busy)
        return CKR_OPERATION_ACTIVE;
    *out_key = object_find(op->key);
    if (*out_key)
        return CKR_OK;
    operation_drop(op);
    return CKR_DEVICE_REMOVED;
}

static CK_RV
update(CK_SESSION_HANDLE session, enum operation_kind kind, const void *p,
       CK_ULONG n)
{
    const struct object *key;
    struct session *s;
    CK_RV rv = operation_get(session, kind, &s, &key);

    if (rv != CKR_OK)
        return rv;
    if (!p && n > 0)
        rv = CKR_ARGUMENTS_BAD;
    else if (n > LIMIT_INPUT_BYTES ||
             s->operation.input.n > LIMIT_INPUT_BYTES - n)
        rv = kind == OPERATION_SIGN ? CKR_DATA_LEN_RANGE
                                    : CKR_ENCRYPTED_DATA_LEN_RANGE;
    else if (!bytes_add(&s->operation.input, p, n))
        rv = CKR_HOST_MEMORY;
    if (rv != CKR_OK)
        operation_drop(&s->operation);
    else
        s->operation.is_multi = true;
    return rv;
}

CK_RV
key_ask(const struct object *key, const char *method, json_t *parameters,
        const char *member, struct bytes *out)
{
    char *name = key->key ? strdup(key->key) : NULL;
    json_t *reply = NULL;
    CK_RV rv = CKR_HOST_MEMORY;

    if (name && parameters &&
        json_object_set_new(parameters, "key", json_string(name)) == 0 &&
        json_object_set_new(parameters, "caller",
                            json_deep_copy(module.caller)) == 0)
        rv = agent_call(method, parameters, name, &reply);
    else
        json_decref(parameters);
    free(name);
    if (rv == CKR_OK && !hex_read(reply, member, LIMIT_OUTPUT_BYTES, out))
        rv = CKR_DEVICE_ERROR;
    json_decref(reply);
    return rv;
}

/* The same for the operation of a session, which another thread may end
 * meanwhile, or the session with it. */
static CK_RV
ask(CK_SESSION_HANDLE session, const char *method, json_t *parameters,
    const char *member, struct bytes *out)
{
    struct session *s = session_find(session);
    const struct object *key = object_find(s->operation.key);
    CK_RV rv;

    s->operation.is_busy = true;
    rv = key_ask(key, method, parameters, member, out);
    if (rv == CKR_CRYPTOKI_NOT_INITIALIZED)
        return rv;
    s = session_find(session);
    if (!s)
        return CKR_SESSION_CLOSED;
    if (!s->operation.is_busy)
        return CKR_FUNCTION_CANCELED;
    s->operation.is_busy = false;
    return rv;
}

/* ---- signing ------------------------------------------------------------- */

static size_t
signature_bytes(const struct object *key)
{
    if (key->kind == KIND_ED25519)
        return 64;
    return key->kind == KIND_EC ? 2 * key->bytes : key->bytes;
}

#define PKCS1_PADDING_BYTES 11

static CK_RV
data_check(const struct object *key, const struct operation *op, size_t n)
{
    bool fits = n <= LIMIT_INPUT_BYTES;

    if (op->mechanism == CKM_RSA_PKCS)
        fits = n + PKCS1_PADDING_BYTES <= key->bytes;
    else if (op->mechanism == CKM_RSA_PKCS_PSS)
        fits = n == hash_bytes(op->hash);
    else if (op->mechanism == CKM_ECDSA)
        fits = n > 0 && n <= 64;
    return fits ? CKR_OK : CKR_DATA_LEN_RANGE;
}

static const char *
mechanism_name(const struct operation *op)
{
    switch (op->mechanism) {
    case CKM_RSA_PKCS:
        return "rsa-pkcs1";
    case CKM_RSA_PKCS_PSS:
        return "rsa-pss";
    case CKM_RSA_PKCS_OAEP:
        return "rsa-oaep";
    case CKM_ECDSA:
        return "ecdsa";
    default:
        return "eddsa";
    }
}

/* ECDSA comes as DER; PKCS#11 has r and s side by side. */
static CK_RV
signature_finish(CK_MECHANISM_TYPE mechanism, size_t wanted,
                 struct bytes *signature, uint8_t *out)
{
    if (mechanism == CKM_ECDSA)
        return ecdsa_flatten(signature->p, signature->n, wanted / 2, out)
                   ? CKR_OK
                   : CKR_DEVICE_ERROR;
    if (signature->n != wanted)
        return CKR_DEVICE_ERROR;
    memcpy(out, signature->p, wanted);
    return CKR_OK;
}

static CK_RV
sign_data(CK_SESSION_HANDLE session, const struct operation *op,
          const struct bytes *data, size_t wanted, uint8_t *out)
{
    CK_MECHANISM_TYPE mechanism = op->mechanism;
    struct bytes signature = {NULL, 0};
    json_t *parameters = json_pack(
        "{s:s, s:s, s:o}", "mechanism", mechanism_name(op), "hash",
        op->hash ? op->hash : "none", "data", hex_json(data->p, data->n));
    CK_RV rv = ask(session, "io.smimeagent.Raw.SignDigest", parameters,
                   "signature", &signature);

    if (rv == CKR_OK)
        rv = signature_finish(mechanism, wanted, &signature, out);
    bytes_drop(&signature);
    return rv;
}

/* Whatever ends an operation but a question for the length, or too little
 * room, ends it (PKCS#11 2.40, 5.2). */
static CK_RV
operation_end(CK_SESSION_HANDLE session, CK_RV rv)
{
    struct session *s =
        rv == CKR_CRYPTOKI_NOT_INITIALIZED ? NULL : session_find(session);

    if (s)
        operation_drop(&s->operation);
    return rv;
}

/* DATA NULL: what the updates brought. */
static CK_RV
sign(CK_SESSION_HANDLE session, const struct bytes *data, uint8_t *out,
     CK_ULONG *out_len)
{
    const struct object *key = NULL;
    struct session *s;
    CK_RV rv = operation_get(session, OPERATION_SIGN, &s, &key);
    size_t wanted;
    CK_ULONG room;

    if (rv != CKR_OK)
        return rv;
    if (!out_len || (data && s->operation.is_multi))
        return operation_end(session, CKR_ARGUMENTS_BAD);
    data = data ? data : &s->operation.input;
    if (!data->p && data->n > 0)
        return operation_end(session, CKR_ARGUMENTS_BAD);
    wanted = signature_bytes(key);
    room = *out_len;
    *out_len = wanted;
    if (!out)
        return CKR_OK;
    if (room < wanted)
        return CKR_BUFFER_TOO_SMALL;
    rv = data_check(key, &s->operation, data->n);
    if (rv == CKR_OK)
        rv = sign_data(session, &s->operation, data, wanted, out);
    return operation_end(session, rv);
}

CK_RV
C_Sign(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG data_len,
       unsigned char *signature, CK_ULONG *signature_len)
{
    struct bytes given = {data, data_len};

    GUARDED(sign(session, &given, signature, signature_len));
}

CK_RV
C_SignUpdate(CK_SESSION_HANDLE session, unsigned char *part, CK_ULONG part_len)
{
    GUARDED(update(session, OPERATION_SIGN, part, part_len));
}

CK_RV
C_SignFinal(CK_SESSION_HANDLE session, unsigned char *signature,
            CK_ULONG *signature_len)
{
    GUARDED(sign(session, NULL, signature, signature_len));
}

/* ---- decrypting ---------------------------------------------------------- */

json_t *
unwrap_parameters(const struct operation *op, const struct bytes *data)
{
    json_t *out = json_pack("{s:s, s:o}", "mechanism", mechanism_name(op),
                            "wrapped", hex_json(data->p, data->n));

    if (out && op->hash) {
        (void)json_object_set_new(out, "hash", json_string(op->hash));
        (void)json_object_set_new(out, "mgf_hash", json_string(op->mgf_hash));
    }
    if (out && op->label.n > 0)
        (void)json_object_set_new(out, "label",
                                  hex_json(op->label.p, op->label.n));
    return out;
}

/* What was decrypted is kept until the caller has room for it: it is not
 * asked for twice. */
static CK_RV
give(struct operation *op, uint8_t *out, CK_ULONG *out_len)
{
    CK_ULONG room = *out_len;

    *out_len = op->output.n;
    if (!out)
        return CKR_OK;
    if (room < op->output.n)
        return CKR_BUFFER_TOO_SMALL;
    if (op->output.n > 0)
        memcpy(out, op->output.p, op->output.n);
    operation_drop(op);
    return CKR_OK;
}

static CK_RV
decrypt_now(CK_SESSION_HANDLE session, const struct object *key,
            const struct bytes *data)
{
    struct session *s = session_find(session);
    struct bytes plain = {NULL, 0};
    CK_RV rv = CKR_ENCRYPTED_DATA_LEN_RANGE;

    if (data->n == key->bytes)
        rv = ask(session, "io.smimeagent.Raw.UnwrapKey",
                 unwrap_parameters(&s->operation, data), "unwrapped", &plain);
    if (rv == CKR_OK) {
        s = session_find(session);
        s->operation.output = plain;
        s->operation.has_output = true;
        return CKR_OK;
    }
    bytes_drop(&plain);
    return operation_end(session, rv);
}

static CK_RV
decrypt(CK_SESSION_HANDLE session, const struct bytes *data, uint8_t *out,
        CK_ULONG *out_len)
{
    const struct object *key = NULL;
    struct session *s;
    CK_RV rv = operation_get(session, OPERATION_DECRYPT, &s, &key);

    if (rv != CKR_OK)
        return rv;
    if (!out_len || (data && s->operation.is_multi))
        return operation_end(session, CKR_ARGUMENTS_BAD);
    data = data ? data : &s->operation.input;
    if (!data->p && data->n > 0)
        return operation_end(session, CKR_ARGUMENTS_BAD);
    if (s->operation.has_output)
        return give(&s->operation, out, out_len);
    /* The most that it can be; how much is only known afterwards. */
    if (!out) {
        *out_len = key->bytes;
        return CKR_OK;
    }
    rv = decrypt_now(session, key, data);
    if (rv != CKR_OK)
        return rv;
    return give(&session_find(session)->operation, out, out_len);
}

CK_RV
C_Decrypt(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG data_len,
          unsigned char *out, CK_ULONG *out_len)
{
    struct bytes given = {data, data_len};

    GUARDED(decrypt(session, &given, out, out_len));
}

static CK_RV
decrypt_update(CK_SESSION_HANDLE session, const void *p, CK_ULONG n,
               CK_ULONG *out_len)
{
    if (!out_len)
        return CKR_ARGUMENTS_BAD;
    *out_len = 0;
    return update(session, OPERATION_DECRYPT, p, n);
}

CK_RV
C_DecryptUpdate(CK_SESSION_HANDLE session, unsigned char *part,
                CK_ULONG part_len, unsigned char *out, CK_ULONG *out_len)
{
    (void)out;
    GUARDED(decrypt_update(session, part, part_len, out_len));
}

CK_RV
C_DecryptFinal(CK_SESSION_HANDLE session, unsigned char *out, CK_ULONG *out_len)
{
    GUARDED(decrypt(session, NULL, out, out_len));
}
