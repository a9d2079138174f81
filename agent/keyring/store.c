/*
 * Statements, transactions, and everything that looks.
 */
#include "agent/address/same.h"
#include "agent/base/log.h"
#include "agent/keyring/store_internal.h"

/* ---- statements --------------------------------------------------------- */

enum err
store_fail(struct store *s, struct problem *p)
{
    int code = sqlite3_errcode(s->db) & 0xff;

    if (code != SQLITE_CORRUPT && code != SQLITE_NOTADB)
        return fail(p, ERR_STORE, "%s", sqlite3_errmsg(s->db));
    /* Nothing more is written to it: that could make it worse. */
    store_damage(s, sqlite3_errmsg(s->db));
    return fail(p, ERR_STORE_DAMAGED, "%s", s->fault);
}

enum err
store_check(const struct store *s, struct problem *p)
{
    if (s->fault[0])
        return fail(p, s->is_damaged ? ERR_STORE_DAMAGED : ERR_STORE, "%s",
                    s->fault);
    return ERR_OK;
}

sqlite3_stmt *
store_statement(struct store *s, enum statement which)
{
    sqlite3_stmt *st = s->statement[which];

    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return st;
}

enum err
store_run(struct store *s, sqlite3_stmt *st, struct problem *p)
{
    enum err e = sqlite3_step(st) == SQLITE_DONE ? ERR_OK : store_fail(s, p);

    sqlite3_reset(st);
    return e;
}

enum err
store_number(struct store *s, sqlite3_stmt *st, bool *found, int64_t *out,
             struct problem *p)
{
    int rc = sqlite3_step(st);
    enum err e = ERR_OK;

    *found = rc == SQLITE_ROW;
    if (*found)
        *out = sqlite3_column_int64(st, 0);
    else if (rc != SQLITE_DONE)
        e = store_fail(s, p);
    sqlite3_reset(st);
    return e;
}

enum err
store_moment(struct store *s, sqlite3_stmt *st, int64_t *out, struct problem *p)
{
    int64_t when = 0;
    bool found;
    enum err e = store_number(s, st, &found, &when, p);

    if (e == ERR_OK)
        *out = found && when > 0 ? when : 0;
    return e;
}

const char *
store_unwritable(const struct store *s)
{
    int moved = 0;

    if (sqlite3_db_readonly(s->db, "main") == 1)
        return "contacts.db may not be written: nothing is stored";
    if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) ==
            SQLITE_OK &&
        moved)
        return "contacts.db was moved or deleted: nothing is stored any more";
    return NULL;
}

static enum err
is_writable(const struct store *s, struct problem *p)
{
    const char *why_not = store_unwritable(s);

    return why_not ? fail(p, ERR_STORE, "%s", why_not) : ERR_OK;
}

enum err
store_begin(struct store *s, struct problem *p)
{
    enum err e = store_keep(s, p);

    if (e == ERR_OK)
        e = is_writable(s, p);
    if (e == ERR_OK && s->is_replaced)
        e = fail(p, ERR_STORE,
                 "a backup is being restored; try again when it is done");
    s->action = 0;
    return e != ERR_OK ? e
                       : store_run(s, store_statement(s, STATEMENT_BEGIN), p);
}

enum err
store_end(struct store *s, enum err e, struct problem *p)
{
    struct problem ignored = {0};

    /* What nobody finds afterwards is not acknowledged. */
    if (e == ERR_OK)
        e = is_writable(s, p);
    if (e == ERR_OK)
        e = store_run(s, store_statement(s, STATEMENT_COMMIT), p);
    /* SQLite may have rolled back on its own when the disk was full. */
    if (e != ERR_OK && !sqlite3_get_autocommit(s->db) &&
        store_run(s, store_statement(s, STATEMENT_ROLLBACK), &ignored) !=
            ERR_OK)
        log_problem("rollback", &ignored);
    return e;
}

/* ---- what is kept later -------------------------------------------------- */

bool
store_is_pending(const struct store *s)
{
    return s->pending;
}

uint64_t
store_losses(const struct store *s)
{
    return s->losses;
}

enum err
store_keep(struct store *s, struct problem *p)
{
    enum err e = store_check(s, p);

    if (!s->pending)
        return e;
    s->pending = false;
    if (e == ERR_OK)
        e = store_index_backlog(s, p);
    e = store_end(s, e, p);
    if (e != ERR_OK)
        s->losses++;
    return e;
}

/* What was kept goes into contacts.db itself: one who copies that file alone,
 * or takes contacts.db-wal for rubbish, has everything. */
static void
settle(struct store *s)
{
    int64_t changes = sqlite3_total_changes64(s->db);

    if (s->fault[0] || s->pending || changes == s->settled)
        return;
    if (sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
                                  NULL) == SQLITE_OK)
        s->settled = changes;
}

void
store_settle_again(struct store *s)
{
    s->settled = -1;
}

bool
store_work(struct store *s)
{
    if (store_check_step(s) || store_index_step(s))
        return true;
    settle(s);
    return false;
}

void
bind_text(sqlite3_stmt *st, int n, struct slice s)
{
    sqlite3_bind_text(st, n, s.n ? (const char *)s.p : "", (int)s.n,
                      SQLITE_TRANSIENT);
}

void
bind_blob(sqlite3_stmt *st, int n, struct slice s)
{
    sqlite3_bind_blob(st, n, s.n ? (const void *)s.p : "", (int)s.n,
                      SQLITE_STATIC);
}

void
bind_folded(sqlite3_stmt *st, int n, struct slice s)
{
    AUTO(buf) struct buf folded = {0};

    if (s.n > LIMIT_ADDRESS_BYTES)
        bug("an address over its limit");
    address_canonical(s, &folded);
    bind_text(st, n, buf_slice(&folded));
}

/* ---- looking ------------------------------------------------------------ */

struct slice
column(sqlite3_stmt *st, int n)
{
    const void *p = sqlite3_column_blob(st, n);

    return slice_of(p, (size_t)sqlite3_column_bytes(st, n));
}

static struct stored
stored_read(sqlite3_stmt *st)
{
    bool blocked = sqlite3_column_int(st, 23) != 0;

    return (struct stored){
        .row = (uint32_t)sqlite3_column_int64(st, 0),
        .certificate = sqlite3_column_int64(st, 1),
        .address = column(st, 2),
        .name = column(st, 3),
        .origin = column(st, 4),
        .message_id = column(st, 5),
        .der = column(st, 6),
        .capabilities = column(st, 7),
        .state = (enum contact_state)sqlite3_column_int(st, 8),
        .first_seen = sqlite3_column_int64(st, 9),
        .last_seen = sqlite3_column_int64(st, 10),
        .not_before = sqlite3_column_int64(st, 11),
        .not_after = sqlite3_column_int64(st, 12),
        .uses = (uint32_t)sqlite3_column_int64(st, 13),
        .person =
            blocked ? CONTACT_BLOCKED : (uint32_t)sqlite3_column_int64(st, 14),
        .source = (enum contact_source)sqlite3_column_int(st, 15),
        .verdict = column(st, 16),
        .date = sqlite3_column_int64(st, 17),
        .fingerprint = column(st, 18),
        .type = (uint32_t)sqlite3_column_int64(st, 19),
        .bits = (uint32_t)sqlite3_column_int64(st, 20),
        .subject = column(st, 21),
        .issuer = column(st, 22),
        .preferred = sqlite3_column_int64(st, 24),
        .capabilities_time = sqlite3_column_int64(st, 25),
    };
}

enum err
store_visit_rows(struct store *s, sqlite3_stmt *st, store_visit *visit,
                 void *ctx, struct problem *p)
{
    enum err e = ERR_OK;
    int rc;

    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct stored row = stored_read(st);

        if (!visit(ctx, &row))
            break;
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        e = store_fail(s, p);
    sqlite3_reset(st);
    return e;
}

enum err
store_contact(struct store *s, struct slice address, store_visit *visit,
              void *ctx, struct problem *p)
{
    enum err e = store_check(s, p);
    sqlite3_stmt *st;

    if (e != ERR_OK)
        return e;
    st = store_statement(s, STATEMENT_CONTACT);
    bind_folded(st, 1, address);
    return store_visit_rows(s, st, visit, ctx, p);
}

static enum err
visit_behind(struct store *s, enum statement which, int64_t cursor,
             store_visit *visit, void *ctx, struct problem *p)
{
    enum err e = store_check(s, p);
    sqlite3_stmt *st;

    if (e != ERR_OK)
        return e;
    st = store_statement(s, which);
    sqlite3_bind_int64(st, 1, cursor);
    return store_visit_rows(s, st, visit, ctx, p);
}

enum err
store_by_address(struct store *s, uint32_t cursor, store_visit *visit,
                 void *ctx, struct problem *p)
{
    return visit_behind(s, STATEMENT_CONTACTS_BY_ADDRESS, cursor, visit, ctx,
                        p);
}

enum err
store_by_certificate(struct store *s, int64_t certificate, store_visit *visit,
                     void *ctx, struct problem *p)
{
    return visit_behind(s, STATEMENT_CONTACTS_BY_CERTIFICATE, certificate,
                        visit, ctx, p);
}

enum err
store_holders(struct store *s, struct slice fingerprint, store_visit *visit,
              void *ctx, struct problem *p)
{
    enum err e = store_check(s, p);
    sqlite3_stmt *st;

    if (e != ERR_OK)
        return e;
    st = store_statement(s, STATEMENT_HOLDERS);
    bind_blob(st, 1, fingerprint);
    return store_visit_rows(s, st, visit, ctx, p);
}

/* The first column of each row, as certificates; resets ST. */
static enum err
certificates_read(struct store *s, sqlite3_stmt *st, struct buf *bytes,
                  struct slice_list *out, struct problem *p)
{
    size_t end[LIMIT_LIST_ITEMS], start = bytes->len, n = 0;
    int rc;

    while ((rc = sqlite3_step(st)) == SQLITE_ROW && n < LIMIT_LIST_ITEMS) {
        buf_add_slice(bytes, column(st, 0));
        end[n++] = bytes->len;
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        enum err e = store_fail(s, p);

        sqlite3_reset(st);
        return e;
    }
    sqlite3_reset(st);
    out->n = n;
    for (size_t i = 0; i < n; start = end[i], i++)
        out->item[i] = slice_of(bytes->data + start, end[i] - start);
    return ERR_OK;
}

/* Of rows (id, der), as long as they fit; *last is the last one's id. True:
 * there is more. */
static bool
page_read(sqlite3_stmt *st, size_t room, struct buf *bytes,
          size_t n[LIMIT_LIST_ITEMS], size_t *count, uint32_t *last, int *rc)
{
    while ((*rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct slice der = column(st, 1);

        if (*count == LIMIT_LIST_ITEMS ||
            (*count > 0 && der.n > room - bytes->len))
            return true;
        buf_add_slice(bytes, der);
        n[(*count)++] = der.n;
        *last = (uint32_t)sqlite3_column_int64(st, 0);
    }
    return false;
}

enum err
store_certificates(struct store *s, enum stored_kind kind, uint32_t cursor,
                   size_t room, struct buf *bytes, struct slice_list *out,
                   uint32_t *next, struct problem *p)
{
    size_t n[LIMIT_LIST_ITEMS], count = 0, start = 0;
    enum err e = store_check(s, p);
    uint32_t last = cursor;
    sqlite3_stmt *st;
    bool more;
    int rc = 0;

    if (e != ERR_OK)
        return e;
    st = store_statement(s, kind == STORED_ISSUERS
                                ? STATEMENT_STORED_ISSUERS
                                : STATEMENT_STORED_CERTIFICATES);
    sqlite3_bind_int64(st, 1, cursor);
    sqlite3_bind_int64(st, 2, LIMIT_LIST_ITEMS + 1);
    more = page_read(st, room, bytes, n, &count, &last, &rc);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        e = store_fail(s, p);
    sqlite3_reset(st);
    out->n = count;
    for (size_t i = 0; i < count; start += n[i++])
        out->item[i] = slice_of(bytes->data + start, n[i]);
    *next = more ? last : 0;
    return e;
}

enum err
store_issuers(struct store *s, int64_t certificate, struct buf *bytes,
              struct slice_list *out, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_ISSUERS);

    sqlite3_bind_int64(st, 1, certificate);
    return certificates_read(s, st, bytes, out, p);
}

enum err
store_issuers_named(struct store *s, struct slice name, struct buf *bytes,
                    struct slice_list *out, struct problem *p)
{
    enum err e = store_check(s, p);
    sqlite3_stmt *st;

    if (e != ERR_OK)
        return e;
    st = store_statement(s, STATEMENT_ISSUERS_NAMED);
    bind_blob(st, 1, name);
    sqlite3_bind_int64(st, 2, LIMIT_ISSUERS_OF_NAME);
    return certificates_read(s, st, bytes, out, p);
}

enum err
store_first_seen(struct store *s, struct slice fingerprint, int64_t *out,
                 struct problem *p)
{
    enum err e = store_check(s, p);
    sqlite3_stmt *st;

    if (e != ERR_OK)
        return e;
    st = store_statement(s, STATEMENT_FIRST_SEEN);
    bind_blob(st, 1, fingerprint);
    return store_moment(s, st, out, p);
}

enum err
store_changed(struct store *s, size_t most, struct buf *bytes,
              struct slice_list *out, uint32_t *out_count, struct problem *p)
{
    size_t end[LIMIT_LIST_ITEMS], start = bytes->len;
    sqlite3_stmt *st;
    uint32_t n = 0;
    enum err e = store_check(s, p);
    int rc;

    if (e != ERR_OK)
        return e;
    *out = (struct slice_list){0};
    st = store_statement(s, STATEMENT_CHANGED);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && n < 1000) {
        if (n++ >= most)
            continue;
        buf_add_slice(bytes, column(st, 0));
        end[out->n++] = bytes->len;
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        e = store_fail(s, p);
    sqlite3_reset(st);
    for (size_t i = 0; i < out->n; start = end[i], i++)
        out->item[i] = slice_of(bytes->data + start, end[i] - start);
    *out_count = n;
    return e;
}

enum err
store_count(struct store *s, struct store_counts *out, struct problem *p)
{
    int64_t contacts = 0, certificates = 0;
    enum err e = store_check(s, p);
    bool found;

    if (e == ERR_OK)
        e = store_number(s, store_statement(s, STATEMENT_COUNT_CONTACTS),
                         &found, &contacts, p);
    if (e == ERR_OK)
        e = store_number(s, store_statement(s, STATEMENT_COUNT_CERTIFICATES),
                         &found, &certificates, p);
    if (e == ERR_OK)
        *out = (struct store_counts){.contacts = (uint32_t)contacts,
                                     .certificates = (uint32_t)certificates};
    return e;
}
