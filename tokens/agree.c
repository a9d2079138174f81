/* ECDH: the peer's point is checked here, the token multiplies, the shared
 * secret is read back from a session object that is destroyed at once. */
#include "tokens/operation.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>

/* RFC 5753 and SP 800-56A, 5.6.2.3: not infinity, on the curve. What a card
 * does with a point of another curve would tell bits of the key. */
static bool
point_is_on_curve(const struct token_identity *k, const uint8_t *p, size_t n)
{
    int nid = curve_nid(k->curve, k->curve_len);
    EC_GROUP *g = nid ? EC_GROUP_new_by_curve_name(nid) : NULL;
    EC_POINT *q = g ? EC_POINT_new(g) : NULL;
    bool ok = q && n == 1 + 2 * (((size_t)k->bits + 7) / 8) && p[0] == 4 &&
              EC_POINT_oct2point(g, q, p, n, NULL) == 1 &&
              !EC_POINT_is_at_infinity(g, q) &&
              EC_POINT_is_on_curve(g, q, NULL) == 1;

    EC_POINT_free(q);
    EC_GROUP_free(g);
    return ok;
}

static CK_RV
derive_once(struct hold *h, CK_OBJECT_HANDLE key, const uint8_t *peer,
            size_t peer_len, size_t len, CK_OBJECT_HANDLE *out)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ULONG bytes = len;
    CK_ECDH1_DERIVE_PARAMS params = {
        .kdf = CKD_NULL,
        .ulPublicDataLen = peer_len,
        .pPublicData = (CK_BYTE *)peer,
    };
    CK_MECHANISM m = {CKM_ECDH1_DERIVE, &params, sizeof(params)};
    CK_ATTRIBUTE t[] = {
        {CKA_CLASS, &class, sizeof(class)},
        {CKA_KEY_TYPE, &type, sizeof(type)},
        {CKA_TOKEN, &no, sizeof(no)},
        {CKA_SENSITIVE, &no, sizeof(no)},
        {CKA_EXTRACTABLE, &yes, sizeof(yes)},
        {CKA_VALUE_LEN, &bytes, sizeof(bytes)},
    };

    rv_about(CKM_ECDH1_DERIVE);
    return CALL(h, C_DeriveKey, h->session, &m, key, t, ARRAY_COUNT(t), out);
}

/* Some tokens want the point as an OCTET STRING. */
static CK_RV
derive_wrapped(struct hold *h, CK_OBJECT_HANDLE key, const uint8_t *peer,
               size_t peer_len, size_t len, CK_OBJECT_HANDLE *out)
{
    uint8_t der[3 + 255];
    size_t head = peer_len < 128 ? 2 : 3;

    if (peer_len > 255)
        return h->rv;
    der[0] = 4;
    der[1] = 0x81;
    der[head - 1] = (uint8_t)peer_len;
    memcpy(der + head, peer, peer_len);
    return derive_once(h, key, der, head + peer_len, len, out);
}

CK_RV
derive_secret(struct hold *h, CK_OBJECT_HANDLE key, const uint8_t *peer,
              size_t peer_len, uint8_t *out, size_t len)
{
    CK_OBJECT_HANDLE secret = 0;
    CK_RV rv = derive_once(h, key, peer, peer_len, len, &secret);

    if (rv == CKR_MECHANISM_PARAM_INVALID || rv == CKR_ARGUMENTS_BAD)
        rv = derive_wrapped(h, key, peer, peer_len, len, &secret);
    if (rv != CKR_OK)
        return rv;
    CK_ATTRIBUTE value = {CKA_VALUE, out, len};
    rv = CALL(h, C_GetAttributeValue, h->session, secret, &value, 1);
    CK_RV destroyed = QUIETLY(h, C_DestroyObject, h->session, secret);
    if (destroyed != CKR_OK)
        h->bad = true; /* a session object goes with its session */
    if (rv == CKR_OK && value.ulValueLen != len) {
        OPENSSL_cleanse(out, len);
        rv = CKR_FUNCTION_NOT_SUPPORTED;
        hold_note(h, "C_GetAttributeValue", rv);
    }
    return rv;
}

struct agreement {
    const uint8_t *id;
    size_t id_len;
    const uint8_t *peer;
    size_t peer_len;
    uint8_t *out;
    size_t len;
    const struct pin *pin;
};

/* C_DeriveKey has no Init that such a login could belong to, so modules
 * differ: the login comes right before it, or is refused before any PIN is
 * looked at (CKR_OPERATION_NOT_INITIALIZED) and may not be needed. A PIN is
 * given once; what fails after it is not tried again. */
static enum tokens_err
agree_with_pin(struct hold *h, CK_OBJECT_HANDLE key, struct agreement *a)
{
    enum tokens_err e = TOKENS_LOCKED;

    if (a->pin->given)
        e = context_login(h, a->pin);
    if (e && h->rv != CKR_OPERATION_NOT_INITIALIZED &&
        h->rv != CKR_USER_TYPE_INVALID) {
        h->bad = true;
        h->rv = CKR_OK;
        return e;
    }
    CK_RV rv = derive_secret(h, key, a->peer, a->peer_len, a->out, a->len);
    e = rv == CKR_OK                   ? TOKENS_OK
        : rv == CKR_USER_NOT_LOGGED_IN ? TOKENS_CANNOT
                                       : h->result;
    h->rv = CKR_OK;
    h->bad = h->bad || rv != CKR_OK;
    return e;
}

static enum tokens_err
agree_held(struct hold *h, void *arg)
{
    struct agreement *a = arg;
    AUTO(snapshot) struct snapshot *s = NULL;
    size_t i = 0;
    enum tokens_err e = snapshot_find_key(h, a->id, a->id_len, &s, &i);

    if (e)
        return e;
    if (s->all[i].always_authenticate)
        return agree_with_pin(h, s->handles[i], a);
    CK_RV rv =
        derive_secret(h, s->handles[i], a->peer, a->peer_len, a->out, a->len);
    return rv ? h->result : TOKENS_OK;
}

/* How long the secret is; the peer's point must fit the key. */
static enum tokens_err
agree_check(const struct token_identity *k, const uint8_t *peer,
            size_t peer_len, size_t *out_len)
{
    switch (k->type) {
    case TOKEN_KEY_EC:
        *out_len = ((size_t)k->bits + 7) / 8;
        return point_is_on_curve(k, peer, peer_len) ? TOKENS_OK
                                                    : TOKENS_MESSAGE;
    case TOKEN_KEY_X25519:
        *out_len = 32;
        return peer_len == 32 ? TOKENS_OK : TOKENS_MESSAGE;
    case TOKEN_KEY_UNKNOWN:
    case TOKEN_KEY_RSA:
    case TOKEN_KEY_ED25519:
        break;
    }
    return TOKENS_CANNOT;
}

/* X25519 with a point of small order gives zeros (RFC 7748, 6.1). */
static bool
is_zero(const uint8_t *p, size_t n)
{
    uint8_t all = 0;

    for (size_t i = 0; i < n; i++)
        all |= p[i];
    return all == 0;
}

enum tokens_err
token_agree(struct token *t, const uint8_t *id, size_t id_len,
            const uint8_t *peer, size_t peer_len,
            const struct token_prompt *prompt, uint8_t *out, size_t room,
            size_t *out_len)
{
    AUTO(snapshot) struct snapshot *s = NULL;
    AUTO(pin) struct pin pin = {0};
    uint8_t secret[128] = {0};
    size_t i = 0, len = 0;

    if (!peer || peer_len == 0)
        return TOKENS_MESSAGE;
    enum tokens_err e = key_describe(t, id, id_len, &s, &i);
    if (e == TOKENS_OK)
        e = agree_check(&s->all[i], peer, peer_len, &len);
    if (e)
        return e;
    if (len > room || len > sizeof(secret))
        return TOKENS_ARGUMENT;
    if ((e = pin_ask(t, &s->all[i], prompt, &pin)) != TOKENS_OK)
        return e;
    struct agreement a = {id, id_len, peer, peer_len, secret, len, &pin};
    e = hold_run(t, agree_held, &a);
    if (e == TOKENS_OK && is_zero(secret, len))
        e = TOKENS_MESSAGE;
    if (e == TOKENS_OK) {
        memcpy(out, secret, len);
        *out_len = len;
    }
    OPENSSL_cleanse(secret, sizeof(secret));
    return e;
}
