/* Changing a PIN, and setting a new one with the PUK. Nothing is tried
 * twice. */
#include "tokens/internal.h"
#include "tokens/write.h"

/* Some cards report a wrong PIN as any failure; the session lives on. */
static bool
rv_is_vague(CK_RV rv)
{
    return rv == CKR_GENERAL_ERROR || rv == CKR_FUNCTION_FAILED;
}

static enum tokens_err
change_err(struct hold *h)
{
    CK_RV rv = h->rv;
    enum tokens_err e = h->result;
    struct token_info info;

    if (session_probe(h, h->session) == SESSION_DEAD)
        return TOKENS_REMOVED;
    token_get_info(h->token, &info);
    if (rv == CKR_PIN_INCORRECT && info.pin_locked)
        return TOKENS_PIN_BLOCKED;
    if (rv == CKR_ARGUMENTS_BAD && info.protected_path)
        return TOKENS_AT_PAD;
    return rv_is_vague(rv) ? TOKENS_PIN_WRONG : e;
}

static enum tokens_err
change_held(struct hold *h, const uint8_t *old_pin, size_t old_len,
            const uint8_t *pin, size_t pin_len)
{
    CK_RV rv = CALL(h, C_SetPIN, h->session, (CK_UTF8CHAR *)old_pin, old_len,
                    (CK_UTF8CHAR *)pin, pin_len);

    (void)flags_reload(h);
    return rv == CKR_OK ? TOKENS_OK : change_err(h);
}

/* Holds T, which has a PIN or could have one; nothing is held on an error. */
static enum tokens_err
hold_initialized(struct token *t, struct hold *h, struct token_info *out)
{
    rv_forget();
    enum tokens_err e = hold_begin(t, true, h);
    if (e)
        return e;
    if (!flags_reload(h))
        e = TOKENS_REMOVED;
    token_get_info(t, out);
    if (e == TOKENS_OK && !out->initialized)
        e = TOKENS_UNINITIALIZED;
    if (e)
        hold_drop(h);
    return e;
}

enum tokens_err
token_change_pin(struct token *t, const uint8_t *old_pin, size_t old_len,
                 const uint8_t *pin, size_t pin_len)
{
    struct token_info info;
    struct hold h;

    enum tokens_err e = hold_initialized(t, &h, &info);
    if (e)
        return e;
    e = info.pin_locked ? TOKENS_PIN_BLOCKED
                        : pin_check_form(&info, old_pin, old_len);
    if (e == TOKENS_OK)
        e = pin_check_form(&info, pin, pin_len);
    if (!pin || !old_pin)
        hold_pad_begin(&h);
    if (e == TOKENS_OK)
        e = change_held(&h, old_pin, old_len, pin, pin_len);
    hold_drop(&h);
    return e;
}

/* What the failed login of the SO means. */
enum tokens_err
puk_err(struct hold *h, CK_SESSION_HANDLE s)
{
    CK_RV rv = h->rv;
    enum tokens_err e = h->result;
    struct token_info info;

    if (s && session_probe(h, s) == SESSION_DEAD)
        return TOKENS_REMOVED;
    if (rv == CKR_PIN_LOCKED)
        return TOKENS_PUK_BLOCKED;
    token_get_info(h->token, &info);
    if (rv == CKR_ARGUMENTS_BAD && info.protected_path)
        return TOKENS_AT_PAD;
    if (e == TOKENS_PIN_WRONG || e == TOKENS_PIN_INVALID || rv_is_vague(rv))
        return TOKENS_PUK_WRONG;
    return e;
}

enum tokens_err
puk_set_pin(struct hold *h, CK_SESSION_HANDLE s, const uint8_t *puk,
            size_t puk_len, const uint8_t *pin, size_t pin_len)
{
    enum tokens_err e = TOKENS_OK;

    if (CALL(h, C_Login, s, CKU_SO, (CK_UTF8CHAR *)puk, puk_len))
        return puk_err(h, s);
    if (CALL(h, C_InitPIN, s, (CK_UTF8CHAR *)pin, pin_len))
        e = session_probe(h, s) == SESSION_DEAD ? TOKENS_REMOVED : h->result;
    QUIETLY(h, C_Logout, s);
    return e;
}

enum tokens_err
token_unblock_pin(struct token *t, const uint8_t *puk, size_t puk_len,
                  const uint8_t *pin, size_t pin_len)
{
    struct token_info info;
    struct hold h;

    enum tokens_err e = hold_initialized(t, &h, &info);
    if (e)
        return e;
    if (info.puk_locked)
        e = TOKENS_PUK_BLOCKED;
    else if (puk ? puk_len == 0 || puk_len > LIMIT_PIN_BYTES
                 : puk_len || !info.protected_path)
        e = puk ? TOKENS_PUK_WRONG : TOKENS_ARGUMENT;
    if (e == TOKENS_OK)
        e = pin_check_form(&info, pin, pin_len);
    if (e == TOKENS_OK) {
        if (!pin || !puk)
            hold_pad_begin(&h);
        /* The SO shares a token with no other login and no session that only
         * reads. */
        sessions_close(&h);
        h.f->C_Logout(h.session);
        e = puk_set_pin(&h, h.session, puk, puk_len, pin, pin_len);
        (void)flags_reload(&h);
    }
    hold_drop(&h);
    return e;
}
