/* One private key operation on a token: C_SignInit and C_Sign, or C_Decrypt,
 * with a PIN of its own between the two where the key wants it. */
#include "tokens/operation.h"

#include <openssl/crypto.h>

void
pin_drop(struct pin *p)
{
    OPENSSL_cleanse(p, sizeof(*p));
}

enum tokens_err
pin_ask(struct token *t, const struct token_identity *key,
        const struct token_prompt *prompt, struct pin *out)
{
    struct token_info info;
    size_t n = 0;

    if (!key->always_authenticate)
        return TOKENS_OK;
    if (!prompt || !prompt->ask)
        return TOKENS_LOCKED;
    enum tokens_err e =
        prompt->ask(prompt->arg, t, out->bytes, sizeof(out->bytes), &n);
    if (e)
        return e;
    token_get_info(t, &info);
    if (n > sizeof(out->bytes) || (n == 0 && !info.protected_path))
        return TOKENS_PIN_INVALID;
    out->len = n;
    out->given = true;
    return TOKENS_OK;
}

static bool
rv_refuses_mechanism(CK_RV rv)
{
    return rv == CKR_MECHANISM_INVALID || rv == CKR_MECHANISM_PARAM_INVALID ||
           rv == CKR_ARGUMENTS_BAD || rv == CKR_FUNCTION_NOT_SUPPORTED;
}

/* Nothing may come between C_SignInit, this and C_Sign: a card forgets the
 * PIN at the next command. Whatever fails, the session is not used again. */
enum tokens_err
context_login(struct hold *h, const struct pin *pin)
{
    CK_UTF8CHAR *p = pin->len ? (CK_UTF8CHAR *)pin->bytes : NULL;

    if (!p)
        hold_pad_begin(h);
    CK_RV rv = CALL(h, C_Login, h->session, CKU_CONTEXT_SPECIFIC, p, pin->len);
    if (!p)
        hold_pad_end(h);
    if (rv == CKR_OK)
        return TOKENS_OK;
    bool vague = rv == CKR_GENERAL_ERROR || rv == CKR_FUNCTION_FAILED;
    return vague ? TOKENS_PIN_WRONG : h->result;
}

static CK_RV
operation_start(struct hold *h, struct operation *op, CK_OBJECT_HANDLE key)
{
    rv_about(op->mechanism.mechanism);
    CK_RV rv = op->decrypt
                   ? CALL(h, C_DecryptInit, h->session, &op->mechanism, key)
                   : CALL(h, C_SignInit, h->session, &op->mechanism, key);

    op->refused = rv_refuses_mechanism(rv);
    return rv;
}

/* A token in good health that cannot decrypt: the message is at fault. If the
 * session turns out to be lost, recovery says something else. */
static enum tokens_err
decrypt_err(struct hold *h)
{
    switch (h->rv) {
    case CKR_GENERAL_ERROR:
    case CKR_FUNCTION_FAILED:
    case CKR_ARGUMENTS_BAD:
        return TOKENS_MESSAGE;
    }
    return h->result;
}

static enum tokens_err
operation_finish(struct hold *h, struct operation *op)
{
    uint8_t buffer[2048] = {0}; /* nothing of ours, whatever is left out */
    CK_ULONG n = sizeof(buffer);
    CK_BYTE *data = (CK_BYTE *)op->data;
    enum tokens_err e = TOKENS_OK;
    CK_RV rv =
        op->decrypt
            ? CALL(h, C_Decrypt, h->session, data, op->data_len, buffer, &n)
            : CALL(h, C_Sign, h->session, data, op->data_len, buffer, &n);

    if (rv == CKR_BUFFER_TOO_SMALL)
        h->bad = true; /* the operation is still open */
    /* Some look at the parameters only now. */
    op->refused =
        rv == CKR_MECHANISM_INVALID || rv == CKR_MECHANISM_PARAM_INVALID;
    if (rv != CKR_OK)
        e = op->decrypt ? decrypt_err(h) : h->result;
    else if (n > op->room || n > sizeof(buffer))
        e = op->decrypt ? TOKENS_MESSAGE : TOKENS_FAILED;
    else {
        memcpy(op->out, buffer, n);
        op->out_len = n;
    }
    OPENSSL_cleanse(buffer, sizeof(buffer));
    return e;
}

/* With a PIN given, there is no second try: it could count as a wrong one. */
static enum tokens_err
finish_with_pin(struct hold *h, struct operation *op)
{
    if (!op->pin || !op->pin->given) {
        h->bad = true;
        return TOKENS_LOCKED;
    }
    enum tokens_err e = context_login(h, op->pin);
    if (e == TOKENS_OK)
        e = operation_finish(h, op);
    if (e) {
        h->bad = true;
        h->rv = CKR_OK;
    }
    return e;
}

static enum tokens_err
operation_held(struct hold *h, void *arg)
{
    struct operation *op = arg;
    AUTO(snapshot) struct snapshot *s = NULL;
    size_t i = 0;
    enum tokens_err e = snapshot_find_key(h, op->id, op->id_len, &s, &i);

    if (e)
        return e;
    if (operation_start(h, op, s->handles[i]))
        return op->refused ? TOKENS_CANNOT : h->result;
    if (s->all[i].always_authenticate)
        return finish_with_pin(h, op);
    return operation_finish(h, op);
}

enum tokens_err
operation_run(struct token *t, struct operation *op)
{
    return hold_run(t, operation_held, op);
}
