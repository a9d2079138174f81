/*
 * MSG_KEYS, MSG_KEYS_AWAY, MSG_KEYLESS and MSG_TOKENS, page by page.
 */
#include "agent/keyholder/list.h"

#include <stdio.h>

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/base/secret.h"
#include "agent/keyholder/reference.h"

#define PAGE_RECORDS 16
/* A page stays well inside a frame, whatever its certificates weigh. */
#define PAGE_BYTES (96 * 1024)

/* Tokens come and go, but every listing must not ask every module: at most
 * one look in two seconds, and a slow module is not waited for long. */
#define LOOK_EVERY_MS   2000
#define LOOK_TIMEOUT_MS 500

static void
look_for_tokens(struct keyholder *k)
{
    int64_t now = clock_ms();
    bool due;

    pthread_mutex_lock(&k->mutex);
    due = k->looked_ms == 0 || now - k->looked_ms >= LOOK_EVERY_MS;
    if (due)
        k->looked_ms = now;
    pthread_mutex_unlock(&k->mutex);
    if (due)
        (void)token_store_refresh(k->store, LOOK_TIMEOUT_MS);
}

void
reply_room_drop(struct reply_room *room)
{
    buf_drop(&room->bytes);
    secret_drop(&room->secret);
    if (room->has_fd)
        fd_drop(&room->fd);
}

/* ---- tokens ------------------------------------------------------------ */

static uint32_t
flags_of_token(const struct token_info *info)
{
    return (info->initialized ? TOKEN_INITIALIZED : 0U) |
           (info->logged_in ? TOKEN_UNLOCKED : 0U) |
           (info->pin_locked ? TOKEN_PIN_BLOCKED : 0U) |
           (info->pin_count_low ? TOKEN_PIN_LOW : 0U) |
           (info->pin_final_try ? TOKEN_PIN_LAST_TRY : 0U) |
           (info->write_protected ? TOKEN_READ_ONLY : 0U) |
           (info->protected_path ? TOKEN_PINPAD : 0U) |
           (info->user_pin_initialized ? 0U : TOKEN_NO_PIN_SET) |
           (info->pin_to_be_changed ? TOKEN_PIN_MUST_CHANGE : 0U) |
           (info->login_required ? 0U : TOKEN_NO_LOGIN);
}

/* Where a text lies in the room, until it no longer moves. */
static struct slice
keep_text(struct buf *room, const char *text)
{
    struct slice s = {.p = room->data + room->len, .n = strlen(text)};

    buf_add_text(room, text);
    return s;
}

void
token_record_fill(struct token *t, struct token_record *out, struct buf *room)
{
    struct token_info info;

    token_get_info(t, &info);
    memset(out, 0, sizeof(*out));
    buf_reserve(room, sizeof(info));
    out->label = keep_text(room, info.label);
    out->serial = keep_text(room, info.serial);
    out->manufacturer = keep_text(room, info.manufacturer);
    out->model = keep_text(room, info.model);
    out->module = keep_text(room, info.module);
    out->uri = keep_text(room, info.uri);
    out->flags = flags_of_token(&info);
    out->tries = (uint32_t)(info.tries_left + 1);
}

/* A page of records: encoded one behind the other, cut into slices last,
 * because the buffer moves as it grows. */
struct page_room {
    struct buf *bytes;
    size_t end[PAGE_RECORDS];
    size_t n;
};

static bool
page_add(struct page_room *page, enum record which, const void *record)
{
    size_t before = page->bytes->len;

    if (page->n == PAGE_RECORDS)
        return false;
    record_encode(which, record, page->bytes);
    if (page->bytes->len > PAGE_BYTES && page->n > 0) {
        page->bytes->len = before;
        return false;
    }
    page->end[page->n++] = page->bytes->len;
    return true;
}

static void
page_finish(const struct page_room *page, struct list_reply *out)
{
    size_t at = 0;

    for (size_t i = 0; i < page->n; i++) {
        if (!slice_list_add(&out->records, slice_of(page->bytes->data + at,
                                                    page->end[i] - at)))
            bug("a page of more records than a list takes");
        at = page->end[i];
    }
}

/* Up, so that what is there is never told as 0. */
static uint32_t
seconds_of(int64_t ms)
{
    return ms > 0 ? (uint32_t)((ms + 999) / 1000) : 0;
}

static void
record_add_times(struct keyholder *k, struct token *t, struct token_record *out)
{
    int64_t now = clock_ms();
    int64_t idle_ms = (int64_t)k->config.lock.idle_s * 1000;
    int64_t used = kept_used_ms(&k->kept, t);

    out->kept_s = seconds_of(kept_left_ms(&k->kept, t, now));
    if (idle_ms > 0 && (out->flags & TOKEN_UNLOCKED))
        out->locks_s = seconds_of(used ? used + idle_ms - now : idle_ms);
}

enum err
tokens_list(struct client *c, const struct page *request,
            struct list_reply *out, struct reply_room *room, struct problem *p)
{
    struct page_room page = {.bytes = &room->bytes};
    struct token *all[LIMIT_TOKENS];
    size_t n;

    (void)p;
    if (request->cursor == 0)
        (void)token_store_refresh(c->keyholder->store, 0);
    n = token_store_list(c->keyholder->store, all, LIMIT_TOKENS);
    for (size_t i = request->cursor; i < n && i < LIMIT_TOKENS; i++) {
        AUTO(buf) struct buf texts = {0};
        struct token_record record;

        token_record_fill(all[i], &record, &texts);
        record_add_times(c->keyholder, all[i], &record);
        if (!page_add(&page, RECORD_token_record, &record)) {
            out->next = (uint32_t)i;
            break;
        }
    }
    page_finish(&page, out);
    return ERR_OK;
}

/* ---- keys -------------------------------------------------------------- */

static enum key_type
type_of_key(enum token_key_type type)
{
    switch (type) {
    case TOKEN_KEY_UNKNOWN:
        return KEY_UNKNOWN;
    case TOKEN_KEY_RSA:
        return KEY_RSA;
    case TOKEN_KEY_EC:
        return KEY_EC;
    case TOKEN_KEY_ED25519:
        return KEY_ED25519;
    case TOKEN_KEY_X25519:
        return KEY_X25519;
    }
    return KEY_UNKNOWN;
}

/* A locked token does not show what its private key may do: then what such a
 * key can do at all. */
static uint32_t
uses_by_type(enum token_key_type type)
{
    switch (type) {
    case TOKEN_KEY_UNKNOWN:
        return 0;
    case TOKEN_KEY_RSA:
        return USE_SIGN | USE_DECRYPT;
    case TOKEN_KEY_EC:
        return USE_SIGN | USE_AGREE;
    case TOKEN_KEY_ED25519:
        return USE_SIGN;
    case TOKEN_KEY_X25519:
        return USE_AGREE;
    }
    return 0;
}

static uint32_t
uses_of_key(const struct token_identity *i)
{
    uint32_t uses = 0;

    if (!i->has_private)
        return uses_by_type(i->type);
    if (i->uses & TOKEN_USE_SIGN)
        uses |= USE_SIGN;
    if (i->uses & (TOKEN_USE_DECRYPT | TOKEN_USE_UNWRAP))
        uses |= USE_DECRYPT;
    if (i->uses & TOKEN_USE_DERIVE)
        uses |= USE_AGREE;
    return uses;
}

bool
key_is_own(const struct token_identity *i)
{
    if (i->id_len == 0 || i->id_len > TOKEN_ID_BYTES)
        return false;
    return i->has_private || (i->private_unknown && !i->is_ca);
}

/* Not what belongs to a chain: that needs no key. */
static bool
is_keyless(const struct token_identity *i)
{
    return !i->has_private && !i->private_unknown && !i->is_ca;
}

static void
add_key_uri(struct buf *out, const struct token_info *info, struct slice id)
{
    buf_addf(out, "%s;id=", info->uri);
    for (size_t i = 0; i < id.n; i++)
        buf_addf(out, "%%%02X", id.p[i]);
}

void
key_record_room_drop(struct key_record_room *room)
{
    buf_drop(&room->ref);
    buf_drop(&room->uri);
}

void
key_record_fill(const struct token_info *info, const struct token_identity *i,
                struct key_record_room *out)
{
    struct slice id = slice_of(i->id, i->id_len);
    struct key_record *record = &out->record;

    *record = (struct key_record){
        .id = id,
        .token = slice_text(info->label),
        .label = slice_text(i->label),
        .type = type_of_key(i->type),
        .bits = i->bits,
        .uses = uses_of_key(i),
        .certificate = slice_of(i->certificate, i->certificate_len),
        .spki = slice_of(i->spki, i->spki_len),
    };
    record->flags = (i->has_private ? KEY_HAS_PRIVATE : 0U) |
                    (i->private_unknown ? KEY_PRIVATE_UNKNOWN : 0U) |
                    (i->always_authenticate ? KEY_ALWAYS_AUTHENTICATE : 0U) |
                    (info->logged_in ? KEY_TOKEN_UNLOCKED : 0U) |
                    (info->raw_rsa && i->type == TOKEN_KEY_RSA ? KEY_OAEP : 0U);
    if (record->label.n > LIMIT_LABEL_BYTES)
        record->label.n = LIMIT_LABEL_BYTES;
    if (record->certificate.n > LIMIT_CERT_BYTES)
        record->certificate = slice_of(NULL, 0);
    if (record->spki.n > LIMIT_SPKI_BYTES)
        record->spki = slice_of(NULL, 0);
    reference_add(&out->ref, info, id);
    add_key_uri(&out->uri, info, slice_of(i->token_id, i->token_id_len));
    record->ref = buf_slice(&out->ref);
    record->uri = buf_slice(&out->uri);
}

static bool
add_key(struct page_room *page, const struct token_info *info,
        const struct token_identity *i)
{
    AUTO(key_record_room) struct key_record_room room = {0};

    key_record_fill(info, i, &room);
    return page_add(page, RECORD_key_record, &room.record);
}

/* Where the walk over all keys of all tokens stands. */
struct key_walk {
    struct page_room page;
    bool (*wanted)(const struct token_identity *i);
    uint32_t at, from;
    struct keyholder *keyholder;
    bool room; /* left on the page */
};

/* False when the page is full. */
static bool
walk_list(struct key_walk *w, struct token *t,
          const struct token_identities *list)
{
    struct token_info info;
    bool room = true;

    token_get_info(t, &info);
    for (size_t i = 0; room && i < list->count; i++) {
        if (!w->wanted(&list->all[i]))
            continue;
        if (w->at >= w->from)
            room = add_key(&w->page, &info, &list->all[i]);
        if (room)
            w->at++;
    }
    return room;
}

static bool
walk_token(struct key_walk *w, struct token *t)
{
    const struct token_identities *list = NULL;
    struct token_info info;
    bool room;

    /* A token that fails hides its own keys, not those of the others. */
    if (token_identities_read(t, &list) != TOKENS_OK)
        return true;
    token_get_info(t, &info);
    remembered_note(&w->keyholder->remembered, &info, list);
    room = walk_list(w, t, list);
    token_identities_drop(&list);
    return room;
}

static bool
walk_gone(struct key_walk *w, struct token *t)
{
    const struct token_identities *list = token_identities_known(t);
    bool room = !list || walk_list(w, t, list);

    token_identities_drop(&list);
    return room;
}

static void
walk_all(struct client *c, const struct page *request,
         bool (*wanted)(const struct token_identity *i), struct list_reply *out,
         struct reply_room *room)
{
    struct key_walk w = {.page = {.bytes = &room->bytes},
                         .wanted = wanted,
                         .from = request->cursor,
                         .keyholder = c->keyholder};
    struct token *all[LIMIT_TOKENS];
    size_t n;

    if (request->cursor == 0) {
        look_for_tokens(c->keyholder);
        token_store_read_ahead(c->keyholder->store);
    }
    n = token_store_list(c->keyholder->store, all, LIMIT_TOKENS);
    for (size_t i = 0; i < n && i < LIMIT_TOKENS; i++)
        if (!walk_token(&w, all[i])) {
            out->next = w.at;
            break;
        }
    page_finish(&w.page, out);
}

enum err
keys_list(struct client *c, const struct page *request, struct list_reply *out,
          struct reply_room *room, struct problem *p)
{
    (void)p;
    walk_all(c, request, key_is_own, out, room);
    return ERR_OK;
}

enum err
keyless_list(struct client *c, const struct page *request,
             struct list_reply *out, struct reply_room *room, struct problem *p)
{
    (void)p;
    walk_all(c, request, is_keyless, out, room);
    return ERR_OK;
}

/* Adds those that are there, and whose keys could not be read. */
static size_t
add_unread(struct token_store *store, struct token **all, size_t n)
{
    struct token *there[LIMIT_TOKENS];
    size_t count = token_store_list(store, there, LIMIT_TOKENS);

    n = n < LIMIT_TOKENS ? n : LIMIT_TOKENS;
    for (size_t i = 0; i < count && i < LIMIT_TOKENS && n < LIMIT_TOKENS; i++)
        if (token_unread(there[i]) != TOKENS_OK)
            all[n++] = there[i];
    return n;
}

/* Its keys are in a list, of what is there or of what is away. */
static bool
is_listed(void *arg, const uint8_t *name)
{
    struct key_walk *w = arg;
    struct token_store *store = w->keyholder->store;
    struct token *all[2 * LIMIT_TOKENS];
    size_t n = token_store_list(store, all, LIMIT_TOKENS);

    n = n < LIMIT_TOKENS ? n : LIMIT_TOKENS;
    n += token_store_list_gone(store, all + n, LIMIT_TOKENS);
    for (size_t i = 0; i < n && i < ARRAY_COUNT(all); i++) {
        const struct token_identities *list;
        bool is_known;
        uint8_t its[REFERENCE_TOKEN_BYTES];
        struct token_info info;

        token_get_info(all[i], &info);
        reference_of_token(&info, its);
        if (memcmp(its, name, sizeof(its)) != 0)
            continue;
        list = token_identities_known(all[i]);
        is_known = list != NULL;
        token_identities_drop(&list);
        return is_known;
    }
    return false;
}

static bool
add_remembered(void *arg, struct slice bytes)
{
    struct key_walk *w = arg;
    struct key_record record;

    if (!record_decode(RECORD_key_record, bytes, &record))
        return true;
    if (w->at >= w->from)
        w->room = page_add(&w->page, RECORD_key_record, &record);
    w->at += w->room;
    return w->room;
}

enum err
keys_away_list(struct client *c, const struct page *request,
               struct list_reply *out, struct reply_room *room,
               struct problem *p)
{
    struct key_walk w = {.page = {.bytes = &room->bytes},
                         .wanted = key_is_own,
                         .from = request->cursor,
                         .keyholder = c->keyholder,
                         .room = true};
    struct token *all[LIMIT_TOKENS];
    size_t n = token_store_list_gone(c->keyholder->store, all, LIMIT_TOKENS);

    (void)p;
    n = add_unread(c->keyholder->store, all, n);
    for (size_t i = 0; w.room && i < n; i++)
        w.room = walk_gone(&w, all[i]);
    if (w.room)
        remembered_each(&c->keyholder->remembered, is_listed, add_remembered,
                        &w);
    if (!w.room)
        out->next = w.at;
    page_finish(&w.page, out);
    return ERR_OK;
}
