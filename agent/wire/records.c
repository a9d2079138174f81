#include "agent/wire/records.h"

#include <string.h>

enum field_kind { FIELD_U32, FIELD_U64, FIELD_BYTES, FIELD_TEXT, FIELD_LIST };

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    size_t limit; /* bytes of the value or of one item */
    size_t most;  /* items of a list */
};

struct layout {
    const struct field *field;
    size_t count;
    size_t size;
};

/* The tables: one for each record, from the same list as its struct. */
#define FIELD_U32_ROW(n) {#n, FIELD_U32, offsetof(struct THIS, n), 4, 0},
#define FIELD_U64_ROW(n) {#n, FIELD_U64, offsetof(struct THIS, n), 8, 0},
#define FIELD_BYTES_ROW(n, limit)                                              \
    {#n, FIELD_BYTES, offsetof(struct THIS, n), (limit), 0},
#define FIELD_TEXT_ROW(n, limit)                                               \
    {#n, FIELD_TEXT, offsetof(struct THIS, n), (limit), 0},
#define FIELD_LIST_ROW(n, limit, most)                                         \
    {#n, FIELD_LIST, offsetof(struct THIS, n), (limit), (most)},
#define ROWS(record)                                                           \
    FIELDS_##record(FIELD_U32_ROW, FIELD_U64_ROW, FIELD_BYTES_ROW,             \
                    FIELD_TEXT_ROW, FIELD_LIST_ROW)

#define THIS empty
static const struct field empty_fields[] = {ROWS(empty)};
#undef THIS
#define THIS attach
static const struct field attach_fields[] = {ROWS(attach)};
#undef THIS
#define THIS serve
static const struct field serve_fields[] = {ROWS(serve)};
#undef THIS
#define THIS handback
static const struct field handback_fields[] = {ROWS(handback)};
#undef THIS
#define THIS spawn
static const struct field spawn_fields[] = {ROWS(spawn)};
#undef THIS
#define THIS narrow
static const struct field narrow_fields[] = {ROWS(narrow)};
#undef THIS
#define THIS page
static const struct field page_fields[] = {ROWS(page)};
#undef THIS
#define THIS list_reply
static const struct field list_reply_fields[] = {ROWS(list_reply)};
#undef THIS
#define THIS key_record
static const struct field key_record_fields[] = {ROWS(key_record)};
#undef THIS
#define THIS token_record
static const struct field token_record_fields[] = {ROWS(token_record)};
#undef THIS
#define THIS notice
static const struct field notice_fields[] = {ROWS(notice)};
#undef THIS
#define THIS lock_now
static const struct field lock_now_fields[] = {ROWS(lock_now)};
#undef THIS
#define THIS lock_state
static const struct field lock_state_fields[] = {ROWS(lock_state)};
#undef THIS
#define THIS key_choice
static const struct field key_choice_fields[] = {ROWS(key_choice)};
#undef THIS
#define THIS chain_reply
static const struct field chain_reply_fields[] = {ROWS(chain_reply)};
#undef THIS
#define THIS sign_request
static const struct field sign_request_fields[] = {ROWS(sign_request)};
#undef THIS
#define THIS sign_reply
static const struct field sign_reply_fields[] = {ROWS(sign_reply)};
#undef THIS
#define THIS unwrap_request
static const struct field unwrap_request_fields[] = {ROWS(unwrap_request)};
#undef THIS
#define THIS unwrap_reply
static const struct field unwrap_reply_fields[] = {ROWS(unwrap_reply)};
#undef THIS
#define THIS decrypt_reply
static const struct field decrypt_reply_fields[] = {ROWS(decrypt_reply)};
#undef THIS
#define THIS agree_request
static const struct field agree_request_fields[] = {ROWS(agree_request)};
#undef THIS
#define THIS agree_reply
static const struct field agree_reply_fields[] = {ROWS(agree_reply)};
#undef THIS
#define THIS token_choice
static const struct field token_choice_fields[] = {ROWS(token_choice)};
#undef THIS
#define THIS import_request
static const struct field import_request_fields[] = {ROWS(import_request)};
#undef THIS
#define THIS import_record
static const struct field import_record_fields[] = {ROWS(import_record)};
#undef THIS
#define THIS import_reply
static const struct field import_reply_fields[] = {ROWS(import_reply)};
#undef THIS
#define THIS pin_request
static const struct field pin_request_fields[] = {ROWS(pin_request)};
#undef THIS
#define THIS generate_request
static const struct field generate_request_fields[] = {ROWS(generate_request)};
#undef THIS
#define THIS generate_reply
static const struct field generate_reply_fields[] = {ROWS(generate_reply)};
#undef THIS
#define THIS install_request
static const struct field install_request_fields[] = {ROWS(install_request)};
#undef THIS
#define THIS check_record
static const struct field check_record_fields[] = {ROWS(check_record)};
#undef THIS
#define THIS silence
static const struct field silence_fields[] = {ROWS(silence)};
#undef THIS
#define THIS module_record
static const struct field module_record_fields[] = {ROWS(module_record)};
#undef THIS
#define THIS p12_request
static const struct field p12_request_fields[] = {ROWS(p12_request)};
#undef THIS
#define THIS p12_item
static const struct field p12_item_fields[] = {ROWS(p12_item)};
#undef THIS
#define THIS verify_request
static const struct field verify_request_fields[] = {ROWS(verify_request)};
#undef THIS
#define THIS verify_reply
static const struct field verify_reply_fields[] = {ROWS(verify_reply)};
#undef THIS
#define THIS description
static const struct field description_fields[] = {ROWS(description)};
#undef THIS
#define THIS describe_request
static const struct field describe_request_fields[] = {ROWS(describe_request)};
#undef THIS
#define THIS describe_reply
static const struct field describe_reply_fields[] = {ROWS(describe_reply)};
#undef THIS
#define THIS address
static const struct field address_fields[] = {ROWS(address)};
#undef THIS
#define THIS recipient_reply
static const struct field recipient_reply_fields[] = {ROWS(recipient_reply)};
#undef THIS
#define THIS fingerprint
static const struct field fingerprint_fields[] = {ROWS(fingerprint)};
#undef THIS
#define THIS stored_request
static const struct field stored_request_fields[] = {ROWS(stored_request)};
#undef THIS
#define THIS stored_reply
static const struct field stored_reply_fields[] = {ROWS(stored_reply)};
#undef THIS
#define THIS contacts_request
static const struct field contacts_request_fields[] = {ROWS(contacts_request)};
#undef THIS
#define THIS export_request
static const struct field export_request_fields[] = {ROWS(export_request)};
#undef THIS
#define THIS export_reply
static const struct field export_reply_fields[] = {ROWS(export_reply)};
#undef THIS
#define THIS export_record
static const struct field export_record_fields[] = {ROWS(export_record)};
#undef THIS
#define THIS contact_record
static const struct field contact_record_fields[] = {ROWS(contact_record)};
#undef THIS
#define THIS count_reply
static const struct field count_reply_fields[] = {ROWS(count_reply)};
#undef THIS
#define THIS keyring_status
static const struct field keyring_status_fields[] = {ROWS(keyring_status)};
#undef THIS
#define THIS trust_part
static const struct field trust_part_fields[] = {ROWS(trust_part)};
#undef THIS
#define THIS lent_trust
static const struct field lent_trust_fields[] = {ROWS(lent_trust)};
#undef THIS
#define THIS check_request
static const struct field check_request_fields[] = {ROWS(check_request)};
#undef THIS
#define THIS check_reply
static const struct field check_reply_fields[] = {ROWS(check_reply)};
#undef THIS
#define THIS anchor_record
static const struct field anchor_record_fields[] = {ROWS(anchor_record)};
#undef THIS
#define THIS password_request
static const struct field password_request_fields[] = {ROWS(password_request)};
#undef THIS
#define THIS fetch
static const struct field fetch_fields[] = {ROWS(fetch)};
#undef THIS
#define THIS fetcher
static const struct field fetcher_fields[] = {ROWS(fetcher)};
#undef THIS
#define THIS directory_search
static const struct field directory_search_fields[] = {ROWS(directory_search)};
#undef THIS
#define THIS directory_item
static const struct field directory_item_fields[] = {ROWS(directory_item)};
#undef THIS
#define THIS directory_write
static const struct field directory_write_fields[] = {ROWS(directory_write)};
#undef THIS
#define THIS directory_outcome
static const struct field directory_outcome_fields[] = {
    ROWS(directory_outcome)};
#undef THIS
#define THIS directory_ask
static const struct field directory_ask_fields[] = {ROWS(directory_ask)};
#undef THIS
#define THIS directory_answer
static const struct field directory_answer_fields[] = {ROWS(directory_answer)};
#undef THIS
#define THIS store_request
static const struct field store_request_fields[] = {ROWS(store_request)};
#undef THIS
#define THIS store_reply
static const struct field store_reply_fields[] = {ROWS(store_reply)};
#undef THIS
#define THIS stored_record
static const struct field stored_record_fields[] = {ROWS(stored_record)};
#undef THIS
#define THIS copy_reply
static const struct field copy_reply_fields[] = {ROWS(copy_reply)};
#undef THIS
#define THIS why_reply
static const struct field why_reply_fields[] = {ROWS(why_reply)};
#undef THIS
#define THIS choice_record
static const struct field choice_record_fields[] = {ROWS(choice_record)};
#undef THIS
#define THIS change_request
static const struct field change_request_fields[] = {ROWS(change_request)};
#undef THIS
#define THIS undo_request
static const struct field undo_request_fields[] = {ROWS(undo_request)};
#undef THIS
#define THIS history_request
static const struct field history_request_fields[] = {ROWS(history_request)};
#undef THIS
#define THIS event_record
static const struct field event_record_fields[] = {ROWS(event_record)};
#undef THIS

static const struct layout layouts[RECORD_COUNT] = {
#define X(n)                                                                   \
    [RECORD_##n] = {n##_fields, ARRAY_COUNT(n##_fields), sizeof(struct n)},
    RECORDS(X)
#undef X
};

size_t
record_size(enum record which)
{
    return layouts[which].size;
}

/* ---- writing ---------------------------------------------------------- */

static void
put_number(struct buf *out, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        buf_add_byte(out, (uint8_t)(value >> (8 * i)));
}

static void
put_bytes(struct buf *out, struct slice s, size_t limit)
{
    if (s.n > limit)
        bug("a field of an internal message is over its limit");
    put_number(out, s.n, 4);
    buf_add_slice(out, s);
}

static void
put_list(struct buf *out, const struct slice_list *list, const struct field *f)
{
    if (list->n > f->most)
        bug("a list of an internal message is over its limit");
    put_number(out, list->n, 4);
    for (size_t i = 0; i < list->n; i++)
        put_bytes(out, list->item[i], f->limit);
}

static void
put_field(struct buf *out, const struct field *f, const void *at)
{
    const struct slice *s = at;

    switch (f->kind) {
    case FIELD_U32:
        put_number(out, *(const uint32_t *)at, 4);
        break;
    case FIELD_U64:
        put_number(out, *(const uint64_t *)at, 8);
        break;
    case FIELD_TEXT:
        if (s->n > 0 && memchr(s->p, 0, s->n) != NULL)
            bug("a text of an internal message holds a NUL");
        put_bytes(out, *s, f->limit);
        break;
    case FIELD_BYTES:
        put_bytes(out, *s, f->limit);
        break;
    case FIELD_LIST:
        put_list(out, at, f);
        break;
    }
}

void
record_encode(enum record which, const void *record, struct buf *out)
{
    const struct layout *l = &layouts[which];

    for (size_t i = 0; i < l->count; i++)
        put_field(out, &l->field[i],
                  (const uint8_t *)record + l->field[i].offset);
}

/* ---- reading: a reader that latches its first failure ------------------ */

struct reader {
    struct slice rest;
    bool failed;
};

static uint64_t
get_number(struct reader *r, size_t bytes)
{
    uint64_t value = 0;

    if (r->failed || r->rest.n < bytes) {
        r->failed = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | r->rest.p[i];
    r->rest.p += bytes;
    r->rest.n -= bytes;
    return value;
}

static struct slice
get_bytes(struct reader *r, size_t limit)
{
    size_t n = (size_t)get_number(r, 4);
    struct slice s;

    if (r->failed || n > limit || n > r->rest.n) {
        r->failed = true;
        return slice_of(NULL, 0);
    }
    s = slice_of(r->rest.p, n);
    r->rest.p += n;
    r->rest.n -= n;
    return s;
}

static void
get_list(struct reader *r, struct slice_list *list, const struct field *f)
{
    size_t n = (size_t)get_number(r, 4);

    if (r->failed || n > f->most || n > LIMIT_LIST_ITEMS) {
        r->failed = true;
        return;
    }
    for (size_t i = 0; i < n; i++)
        list->item[i] = get_bytes(r, f->limit);
    list->n = n;
}

static void
get_field(struct reader *r, const struct field *f, void *at)
{
    struct slice s;

    switch (f->kind) {
    case FIELD_U32:
        *(uint32_t *)at = (uint32_t)get_number(r, 4);
        break;
    case FIELD_U64:
        *(uint64_t *)at = get_number(r, 8);
        break;
    case FIELD_TEXT:
        s = get_bytes(r, f->limit);
        if (s.n > 0 && memchr(s.p, 0, s.n) != NULL)
            r->failed = true;
        *(struct slice *)at = s;
        break;
    case FIELD_BYTES:
        *(struct slice *)at = get_bytes(r, f->limit);
        break;
    case FIELD_LIST:
        get_list(r, at, f);
        break;
    }
}

bool
record_decode(enum record which, struct slice bytes, void *record)
{
    const struct layout *l = &layouts[which];
    struct reader r = {.rest = bytes};

    memset(record, 0, l->size);
    for (size_t i = 0; i < l->count && !r.failed; i++)
        get_field(&r, &l->field[i], (uint8_t *)record + l->field[i].offset);
    if (!r.failed && r.rest.n == 0)
        return true;
    memset(record, 0, l->size);
    return false;
}

bool
slice_list_add(struct slice_list *list, struct slice item)
{
    if (list->n >= LIMIT_LIST_ITEMS)
        return false;
    list->item[list->n++] = item;
    return true;
}
