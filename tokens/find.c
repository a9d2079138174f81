/* Token information, RFC 7512 URIs, finding one token by what names it. */
#include "tokens/internal.h"

#include <p11-kit/uri.h>
#include <stdio.h>
#include <strings.h>

static void
copy_text(char *out, size_t room, const unsigned char *text, size_t n)
{
    size_t len = p11_kit_space_strlen(text, n);

    if (len >= room)
        len = room - 1;
    memset(out, 0, room);
    memcpy(out, text, len);
}

static void
make_uri(const CK_TOKEN_INFO *ck, char *out, size_t room)
{
    P11KitUri *uri = p11_kit_uri_new();
    char *text = NULL;

    if (!uri)
        return;
    CK_TOKEN_INFO *t = p11_kit_uri_get_token_info(uri);
    memcpy(t->label, ck->label, sizeof(t->label));
    memcpy(t->manufacturerID, ck->manufacturerID, sizeof(t->manufacturerID));
    memcpy(t->model, ck->model, sizeof(t->model));
    memcpy(t->serialNumber, ck->serialNumber, sizeof(t->serialNumber));
    if (p11_kit_uri_format(uri, P11_KIT_URI_FOR_TOKEN, &text) ==
            P11_KIT_URI_OK &&
        strlen(text) < room)
        strcpy(out, text);
    free(text);
    p11_kit_uri_free(uri);
}

void
token_apply_info(struct token *t, const CK_TOKEN_INFO *ck)
{
    struct token_info *i = &t->info;
    CK_FLAGS f = ck->flags;

    copy_text(i->label, sizeof(i->label), ck->label, sizeof(ck->label));
    copy_text(i->serial, sizeof(i->serial), ck->serialNumber,
              sizeof(ck->serialNumber));
    copy_text(i->manufacturer, sizeof(i->manufacturer), ck->manufacturerID,
              sizeof(ck->manufacturerID));
    copy_text(i->model, sizeof(i->model), ck->model, sizeof(ck->model));
    if (i->uri[0] == 0)
        make_uri(ck, i->uri, sizeof(i->uri));
    i->initialized = f & CKF_TOKEN_INITIALIZED;
    i->user_pin_initialized = f & CKF_USER_PIN_INITIALIZED;
    i->login_required = f & CKF_LOGIN_REQUIRED;
    i->write_protected = f & CKF_WRITE_PROTECTED;
    i->protected_path = f & CKF_PROTECTED_AUTHENTICATION_PATH;
    i->pin_count_low = f & CKF_USER_PIN_COUNT_LOW;
    i->pin_final_try = f & CKF_USER_PIN_FINAL_TRY;
    i->pin_locked = f & CKF_USER_PIN_LOCKED;
    i->tries_left = i->pin_locked ? 0 : i->pin_final_try ? 1 : -1;
    i->pin_min = ck->ulMinPinLen;
    i->pin_max = ck->ulMaxPinLen;
    i->pin_to_be_changed = f & CKF_USER_PIN_TO_BE_CHANGED;
    i->puk_final_try = f & CKF_SO_PIN_FINAL_TRY;
    i->puk_locked = f & CKF_SO_PIN_LOCKED;
}

bool
token_is_still(const struct token *t, const CK_TOKEN_INFO *ck)
{
    struct token fresh = {0};

    token_apply_info(&fresh, ck);
    return strcmp(fresh.info.label, t->info.label) == 0 &&
           strcmp(fresh.info.serial, t->info.serial) == 0 &&
           strcmp(fresh.info.model, t->info.model) == 0 &&
           strcmp(fresh.info.manufacturer, t->info.manufacturer) == 0;
}

void
token_get_info(struct token *t, struct token_info *out)
{
    pthread_mutex_lock(&t->mutex);
    *out = t->info;
    for (size_t i = 0; i < t->mechanism_count; i++)
        out->raw_rsa = out->raw_rsa || t->mechanisms[i] == CKM_RSA_X_509;
    pthread_mutex_unlock(&t->mutex);
}

static enum tokens_err
ask_info(struct token *t, struct token_info *out)
{
    CK_TOKEN_INFO ck = {0};
    struct hold h = {.token = t};
    enum tokens_err e = turn_take(t, false, &h.watch);
    if (e)
        return e;
    pthread_mutex_lock(&t->mutex);
    h.f = t->module->f;
    h.slot = t->slot;
    pthread_mutex_unlock(&t->mutex);
    (void)CALL(&h, C_GetTokenInfo, h.slot, &ck);
    e = h.result;
    if (e == TOKENS_OK) {
        pthread_mutex_lock(&t->mutex);
        if (token_is_still(t, &ck)) {
            token_apply_info(t, &ck);
            *out = t->info;
        } else {
            e = TOKENS_REMOVED;
        }
        pthread_mutex_unlock(&t->mutex);
    }
    turn_give(t, false, &h.watch);
    return e;
}

/* Where it was is nothing: the slot may have moved. */
enum tokens_err
token_load_info(struct token *t, struct token_info *out)
{
    enum tokens_err e = ask_info(t, out);

    if (e != TOKENS_ABSENT)
        return e;
    (void)token_store_refresh(t->store, 0);
    return ask_info(t, out);
}

/* What a token is matched against: text, or a URI. */
struct wanted {
    const char *text;
    P11KitUri *uri;
};

static void
pad(unsigned char *out, size_t n, const char *text)
{
    memset(out, ' ', n);
    memcpy(out, text, strnlen(text, n));
}

/* A token's text ends where its blanks begin; blanks alone name none, though
 * one may have no label. */
static bool
is_named(const char *name, const char *text)
{
    size_t n = p11_kit_space_strlen((const unsigned char *)text, strlen(text));

    return n > 0 && strlen(name) == n && memcmp(name, text, n) == 0;
}

static bool
is_in_slot(struct token *t, CK_SLOT_ID slot)
{
    pthread_mutex_lock(&t->mutex);
    bool is = t->slot == slot;
    pthread_mutex_unlock(&t->mutex);
    return is;
}

static bool
token_matches(struct token *t, const struct wanted *w)
{
    struct token_info i;
    CK_TOKEN_INFO ck = {0};

    token_get_info(t, &i);
    if (!w->uri)
        return !w->text[0] || is_named(i.label, w->text) ||
               is_named(i.serial, w->text);
    pad(ck.label, sizeof(ck.label), i.label);
    pad(ck.serialNumber, sizeof(ck.serialNumber), i.serial);
    pad(ck.manufacturerID, sizeof(ck.manufacturerID), i.manufacturer);
    pad(ck.model, sizeof(ck.model), i.model);
    CK_SLOT_ID slot = p11_kit_uri_get_slot_id(w->uri);
    return !p11_kit_uri_any_unrecognized(w->uri) &&
           (slot == (CK_SLOT_ID)-1 || is_in_slot(t, slot)) &&
           p11_kit_uri_match_token_info(w->uri, &ck);
}

static enum tokens_err
match_all(struct token_store *store, const struct wanted *w, struct token **out)
{
    struct token *all[LIMIT_TOKENS];
    size_t n = token_store_list(store, all, LIMIT_TOKENS);
    struct token *found = NULL;

    for (size_t i = 0; i < n; i++) {
        struct token_info info;

        token_get_info(all[i], &info);
        /* Blank slots are never "the only one there is". */
        if (!info.initialized || !token_matches(all[i], w))
            continue;
        if (found)
            return TOKENS_AMBIGUOUS;
        found = all[i];
    }
    if (!found)
        return TOKENS_ABSENT;
    *out = found;
    return TOKENS_OK;
}

static enum tokens_err
find_wanted(struct token_store *store, const struct wanted *w,
            struct token **out)
{
    enum tokens_err e = match_all(store, w, out);

    if (e != TOKENS_ABSENT)
        return e;
    (void)token_store_look(store);
    return match_all(store, w, out);
}

/* It names a library or a slot by what these say of themselves, which nobody
 * asks them here. What it leaves open matches anything. */
static bool
uri_names_others(P11KitUri *uri)
{
    CK_SLOT_INFO slot;
    CK_INFO library;

    memset(&slot, 0xff, sizeof(slot));
    memset(&library, 0xff, sizeof(library));
    return !p11_kit_uri_any_unrecognized(uri) &&
           (!p11_kit_uri_match_slot_info(uri, &slot) ||
            !p11_kit_uri_match_module_info(uri, &library));
}

/* A URI from outside may name a file to load or carry a PIN: refused. */
static bool
uri_is_refused(P11KitUri *uri)
{
    return uri_names_others(uri) || p11_kit_uri_get_pin_value(uri) ||
           p11_kit_uri_get_pin_source(uri) || p11_kit_uri_get_module_path(uri);
}

enum tokens_err
token_store_find(struct token_store *store, const char *which,
                 struct token **out)
{
    struct wanted w = {.text = which ? which : ""};

    if (strncasecmp(w.text, "pkcs11:", 7) != 0)
        return find_wanted(store, &w, out);
    w.uri = p11_kit_uri_new();
    if (!w.uri)
        return TOKENS_MEMORY;
    enum tokens_err e = TOKENS_BAD_URI;
    if (p11_kit_uri_parse(which, P11_KIT_URI_FOR_ANY, w.uri) ==
            P11_KIT_URI_OK &&
        !uri_is_refused(w.uri))
        e = find_wanted(store, &w, out);
    p11_kit_uri_free(w.uri);
    return e;
}
