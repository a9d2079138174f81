/* Making an empty token ready. A token that is not empty stays as it is. */
#include "tokens/internal.h"
#include "tokens/write.h"

struct initializing {
    const char *label;
    const uint8_t *so_pin, *pin;
    size_t so_pin_len, pin_len;
};

static enum tokens_err
check(const struct token_info *i, const struct initializing *w)
{
    size_t n = w->label ? strlen(w->label) : 0;

    if (n == 0 || n >= TOKEN_LABEL_BYTES)
        return TOKENS_ARGUMENT;
    if (i->initialized)
        return TOKENS_INITIALIZED;
    if (i->write_protected)
        return TOKENS_READ_ONLY;
    enum tokens_err e = pin_check_form(i, w->so_pin, w->so_pin_len);
    return e ? e : pin_check_form(i, w->pin, w->pin_len);
}

/* Whatever fails in here: the token takes no second C_InitToken from us, and
 * its SO PIN is the one that was given. */
static enum tokens_err
set_first_pin(struct hold *h, const struct initializing *w)
{
    CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    CK_SESSION_HANDLE s = 0;

    if (CALL(h, C_OpenSession, h->slot, flags, NULL, NULL, &s))
        return TOKENS_NO_PIN;
    enum tokens_err e =
        puk_set_pin(h, s, w->so_pin, w->so_pin_len, w->pin, w->pin_len);
    QUIETLY(h, C_CloseSession, s);
    return e == TOKENS_OK ? e : TOKENS_NO_PIN;
}

/* The turn is held, without a session: C_InitToken wants none. What the token
 * says now is what counts, not what it said at the last look. */
static enum tokens_err
initialize_held(struct hold *h, const struct initializing *w,
                CK_TOKEN_INFO *out)
{
    struct token fresh = {0};
    CK_UTF8CHAR padded[32];
    CK_TOKEN_INFO now = {0};

    if (CALL(h, C_GetTokenInfo, h->slot, &now))
        return h->result;
    token_apply_info(&fresh, &now);
    enum tokens_err e = check(&fresh.info, w);
    if (e)
        return e;
    memset(padded, ' ', sizeof(padded));
    memcpy(padded, w->label, strlen(w->label));
    sessions_close(h);
    if (CALL(h, C_InitToken, h->slot, (CK_UTF8CHAR *)w->so_pin, w->so_pin_len,
             padded))
        return puk_err(h, 0);
    e = set_first_pin(h, w);
    if (CALL(h, C_GetTokenInfo, h->slot, out) && e == TOKENS_OK)
        e = h->result;
    return e;
}

/* An initialised token is another one than the blank it was. */
static enum tokens_err
find_made(struct token_store *store, const CK_TOKEN_INFO *ck,
          struct token **out)
{
    struct token *all[LIMIT_TOKENS];
    struct token made = {0};
    size_t n = token_store_list(store, all, LIMIT_TOKENS);

    token_apply_info(&made, ck);
    for (size_t i = 0; i < n && i < LIMIT_TOKENS; i++) {
        struct token_info info;

        token_get_info(all[i], &info);
        if (info.initialized && strcmp(info.label, made.info.label) == 0 &&
            strcmp(info.serial, made.info.serial) == 0) {
            *out = all[i];
            return TOKENS_OK;
        }
    }
    return TOKENS_FAILED;
}

enum tokens_err
token_initialize(struct token *t, const char *label, const uint8_t *so_pin,
                 size_t so_pin_len, const uint8_t *pin, size_t pin_len,
                 struct token **out)
{
    struct initializing w = {label, so_pin, pin, so_pin_len, pin_len};
    struct hold h = {.token = t, .exclusive = true};
    CK_TOKEN_INFO ck = {0};

    rv_forget();
    enum tokens_err e = turn_take(t, true, &h.watch);
    if (e)
        return e;
    pthread_mutex_lock(&t->mutex);
    struct module *m = t->module;
    h.f = m->f;
    h.slot = t->slot;
    h.generation = t->generation;
    pthread_mutex_unlock(&t->mutex);
    hold_limit(&h, t->store->long_ms);
    e = initialize_held(&h, &w, &ck);
    turn_give(t, true, &h.watch);
    if (e != TOKENS_INITIALIZED && e != TOKENS_ARGUMENT)
        module_scan(m, RENEW_NEVER, t->store->lock_timeout_ms);
    return e ? e : find_made(t->store, &ck, out);
}
