/* Login and logout. A PIN is given to the token once and kept nowhere. */
#include "tokens/internal.h"

/* The idle session that keeps the login. Opened here, in an exclusive turn;
 * H is that turn's. */
static enum tokens_err
auth_session(struct hold *h, CK_SESSION_HANDLE *out)
{
    struct token *t = h->token;

    pthread_mutex_lock(&t->mutex);
    CK_SESSION_HANDLE s = t->auth;
    pthread_mutex_unlock(&t->mutex);
    if (s && session_probe(h, s) != SESSION_DEAD) {
        *out = s;
        return TOKENS_OK;
    }
    s = 0;
    CK_RV rv =
        CALL(h, C_OpenSession, h->slot, CKF_SERIAL_SESSION, NULL, NULL, &s);
    if (rv == CKR_SESSION_COUNT) {
        /* A token of one session: what logs in stays. */
        session_lend(h);
        *out = h->session;
        return TOKENS_OK;
    }
    if (rv != CKR_OK)
        return h->result;
    pthread_mutex_lock(&t->mutex);
    t->auth = s;
    pthread_mutex_unlock(&t->mutex);
    *out = s;
    return TOKENS_OK;
}

bool
flags_reload(struct hold *h)
{
    CK_TOKEN_INFO ck = {0};

    if (QUIETLY(h, C_GetTokenInfo, h->slot, &ck) != CKR_OK)
        return true;
    pthread_mutex_lock(&h->token->mutex);
    bool still = token_is_still(h->token, &ck);
    if (still)
        token_apply_info(h->token, &ck);
    pthread_mutex_unlock(&h->token->mutex);
    h->bad = h->bad || !still;
    return still;
}

/* Some cards report a wrong PIN as any failure; the session lives on. */
static enum tokens_err
login_err(struct hold *h, CK_SESSION_HANDLE s, CK_RV rv)
{
    bool vague = rv == CKR_GENERAL_ERROR || rv == CKR_FUNCTION_FAILED;
    struct token_info info;

    token_get_info(h->token, &info);
    if (session_probe(h, s) == SESSION_DEAD)
        return TOKENS_REMOVED;
    if (rv == CKR_PIN_INCORRECT && info.pin_locked)
        return TOKENS_PIN_BLOCKED;
    if (rv == CKR_ARGUMENTS_BAD && info.protected_path)
        return TOKENS_AT_PAD;
    return vague ? TOKENS_PIN_WRONG : h->result;
}

static enum tokens_err
login_held(struct hold *h, const uint8_t *pin, size_t pin_len, bool *out_tried)
{
    CK_SESSION_HANDLE s = 0;
    enum tokens_err e = auth_session(h, &s);

    if (e)
        return e;
    if (session_probe(h, s) != SESSION_USER) {
        if (!pin)
            hold_pad_begin(h);
        CK_RV rv = CALL(h, C_Login, s, CKU_USER, (CK_UTF8CHAR *)pin, pin_len);

        if (!pin)
            hold_pad_end(h);
        (void)flags_reload(h);
        *out_tried = rv != CKR_USER_ALREADY_LOGGED_IN;
        if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
            return login_err(h, s, rv);
    }
    pthread_mutex_lock(&h->token->mutex);
    h->token->info.logged_in = true;
    snapshot_drop(&h->token->snapshot);
    pthread_mutex_unlock(&h->token->mutex);
    return TOKENS_OK;
}

enum tokens_err
pin_check_form(const struct token_info *i, const uint8_t *pin, size_t pin_len)
{
    if (!pin)
        return pin_len || !i->protected_path ? TOKENS_ARGUMENT : TOKENS_OK;
    if (pin_len == 0 || pin_len > LIMIT_PIN_BYTES)
        return TOKENS_PIN_INVALID;
    /* A token that lies about its limits is asked itself. */
    if (i->pin_max >= i->pin_min && i->pin_max > 0 &&
        i->pin_max != CK_UNAVAILABLE_INFORMATION &&
        (pin_len < i->pin_min || pin_len > i->pin_max))
        return TOKENS_PIN_INVALID;
    return TOKENS_OK;
}

static enum tokens_err
pin_check(const struct token_info *i, const uint8_t *pin, size_t pin_len)
{
    if (!i->initialized)
        return TOKENS_UNINITIALIZED;
    if (i->pin_locked)
        return TOKENS_PIN_BLOCKED;
    return pin_check_form(i, pin, pin_len);
}

/* A module that lost sight of its token would call every PIN wrong. */
static void
heal_module(struct token *t)
{
    pthread_mutex_lock(&t->mutex);
    struct module *m = t->module;
    pthread_mutex_unlock(&t->mutex);
    if (m && __atomic_load_n(&m->broken, __ATOMIC_RELAXED))
        (void)module_scan(m, RENEW_FREELY, t->store->start_timeout_ms);
}

enum tokens_err
token_login_told(struct token *t, const uint8_t *pin, size_t pin_len,
                 bool *out_tried)
{
    struct token_info info;
    struct hold h;

    *out_tried = false;
    rv_forget();
    heal_module(t);
    enum tokens_err e = hold_begin(t, true, &h);
    if (e)
        return e;
    if (!flags_reload(&h))
        e = TOKENS_REMOVED;
    token_get_info(t, &info);
    if (e == TOKENS_OK)
        e = pin_check(&info, pin, pin_len);
    if (e == TOKENS_OK)
        e = login_held(&h, pin, pin_len, out_tried);
    hold_drop(&h);
    return e;
}

enum tokens_err
token_login(struct token *t, const uint8_t *pin, size_t pin_len)
{
    bool tried;

    return token_login_told(t, pin, pin_len, &tried);
}

static enum tokens_err
logout_held(struct hold *h)
{
    struct token *t = h->token;

    pthread_mutex_lock(&t->mutex);
    CK_SESSION_HANDLE s = t->auth;
    t->auth = 0;
    t->info.logged_in = false;
    snapshot_drop(&t->snapshot);
    pthread_mutex_unlock(&t->mutex);
    CK_SESSION_HANDLE in = s ? s : h->session;
    CK_RV rv = CALL(h, C_Logout, in);
    bool out = rv != CKR_OK && session_probe(h, in) != SESSION_USER;
    if (s)
        QUIETLY(h, C_CloseSession, s);
    if (s && s == h->session)
        h->session = 0;
    return rv == CKR_OK || out ? TOKENS_OK : h->result;
}

enum tokens_err
token_logout(struct token *t)
{
    struct hold h;

    rv_forget();
    enum tokens_err e = hold_begin(t, true, &h);
    if (e)
        return e == TOKENS_ABSENT ? TOKENS_OK : e;
    e = logout_held(&h);
    hold_drop(&h);
    return e;
}

bool
token_is_logged_in(struct token *t)
{
    struct token_info i;

    token_get_info(t, &i);
    return i.logged_in;
}
