/*
 * What happened to the contacts, and taking it back.
 */
#include "agent/keyring/store_internal.h"

static void
bind_before(sqlite3_stmt *st, int n, const struct before *b)
{
    if (!b->there)
        return; /* NULL */
    sqlite3_bind_int64(st, n, b->state);
    sqlite3_bind_int64(st, n + 1, b->person);
    sqlite3_bind_int64(st, n + 2, b->removed);
}

/* Everything in one transaction has one number. */
static enum err
action_begin(struct store *s, struct problem *p)
{
    int64_t last = 0;
    bool found;
    enum err e;

    if (s->action != 0)
        return ERR_OK;
    e = store_number(s, store_statement(s, STATEMENT_LAST_ACTION), &found,
                     &last, p);
    if (e == ERR_OK)
        s->action = last + 1;
    return e;
}

/* Of the event that was added last. */
static enum err
row_keep(struct store *s, const struct event *event, struct problem *p)
{
    int64_t number = sqlite3_last_insert_rowid(s->db);
    sqlite3_stmt *st = store_statement(s, STATEMENT_KEEP_FORMER);

    sqlite3_bind_int64(st, 1, number);
    sqlite3_bind_int64(st, 2, event->contact);
    return store_run(s, st, p);
}

enum err
store_event(struct store *s, const struct event *event, struct problem *p)
{
    enum err e = event->is_news ? ERR_OK : action_begin(s, p);
    sqlite3_stmt *st = store_statement(s, STATEMENT_ADD_EVENT);

    if (e != ERR_OK)
        return e;
    sqlite3_bind_int64(st, 1, event->time);
    bind_folded(st, 2, event->address);
    bind_blob(st, 3, event->fingerprint);
    bind_text(st, 4, slice_text(event->what));
    bind_text(st, 5, event->origin);
    sqlite3_bind_int64(st, 6, event->is_news ? 0 : s->action);
    sqlite3_bind_int64(st, 7, event->contact);
    bind_before(st, 8, &event->before);
    bind_blob(st, 11, event->saved);
    sqlite3_bind_int64(st, 12, event->saved_time);
    e = store_run(s, st, p);
    return e == ERR_OK && event->keeps_row ? row_keep(s, event, p) : e;
}

/* ---- reading ------------------------------------------------------------ */

static struct happened
happened_read(sqlite3_stmt *st)
{
    int64_t action = sqlite3_column_int64(st, 6);
    bool undone = sqlite3_column_int64(st, 13) != 0;
    struct slice what = column(st, 4);

    return (struct happened){
        .event = (uint32_t)sqlite3_column_int64(st, 0),
        .action = (uint32_t)action,
        .time = sqlite3_column_int64(st, 1),
        .address = column(st, 2),
        .fingerprint = column(st, 3),
        .what = what,
        .origin = column(st, 5),
        .undone = undone,
        .undoable = action > 0 && !undone && !slice_is(what, "undone"),
    };
}

enum err
store_history(struct store *s, uint32_t cursor, struct slice address,
              happened_visit *visit, void *ctx, struct problem *p)
{
    enum err e = store_check(s, p);
    sqlite3_stmt *st;
    int rc;

    if (e != ERR_OK)
        return e;
    st = store_statement(s,
                         address.n ? STATEMENT_HISTORY_OF : STATEMENT_HISTORY);
    sqlite3_bind_int64(st, 1, cursor ? cursor : INT64_MAX);
    if (address.n)
        bind_folded(st, 2, address);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct happened h = happened_read(st);

        if (!visit(ctx, &h))
            break;
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        e = store_fail(s, p);
    sqlite3_reset(st);
    return e;
}

/* ---- taking back -------------------------------------------------------- */

/* A copy of what an event says, since the statement moves on. */
struct step {
    int64_t event, contact;
    struct before before;
    int64_t saved_time;
    struct buf bytes;
    size_t address, fingerprint, what, saved; /* ends in bytes */
};

struct steps {
    struct step *item;
    size_t n;
};

static void
steps_drop(struct steps *steps)
{
    for (size_t i = 0; i < steps->n; i++)
        buf_drop(&steps->item[i].bytes);
    free(steps->item);
    *steps = (struct steps){0};
}

static void
step_add(struct steps *steps, sqlite3_stmt *st)
{
    struct step *one;

    steps->item = mem_resize(steps->item, (steps->n + 1) * sizeof(*one));
    one = &steps->item[steps->n++];
    *one = (struct step){
        .event = sqlite3_column_int64(st, 0),
        .contact = sqlite3_column_int64(st, 7),
        .before = {.there = sqlite3_column_type(st, 8) != SQLITE_NULL,
                   .state = sqlite3_column_int64(st, 8),
                   .person = sqlite3_column_int64(st, 9),
                   .removed = sqlite3_column_int64(st, 10)},
        .saved_time = sqlite3_column_int64(st, 12),
    };
    buf_add_slice(&one->bytes, column(st, 2));
    one->address = one->bytes.len;
    buf_add_slice(&one->bytes, column(st, 3));
    one->fingerprint = one->bytes.len;
    buf_add_slice(&one->bytes, column(st, 4));
    one->what = one->bytes.len;
    buf_add_slice(&one->bytes, column(st, 11));
    one->saved = one->bytes.len;
}

static struct slice
between(const struct step *one, size_t start, size_t end)
{
    return slice_of(one->bytes.data + start, end - start);
}

static enum err
steps_read(struct store *s, int64_t action, struct steps *out,
           happened_visit *visit, void *ctx, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_EVENTS_OF);
    enum err e = ERR_OK;
    bool going = true;
    int rc;

    sqlite3_bind_int64(st, 1, action);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct happened h = happened_read(st);

        going = going && visit(ctx, &h);
        step_add(out, st);
    }
    if (rc != SQLITE_DONE)
        e = store_fail(s, p);
    sqlite3_reset(st);
    return e;
}

/* An address that was blocked or unblocked as a whole. */
static enum err
address_take_back(struct store *s, const struct step *one, int64_t now,
                  struct problem *p)
{
    bool was = slice_is(between(one, one->fingerprint, one->what), "blocked");
    sqlite3_stmt *st =
        store_statement(s, was ? STATEMENT_UNBLOCK : STATEMENT_BLOCK);

    bind_text(st, 1, between(one, 0, one->address));
    if (!was)
        sqlite3_bind_int64(st, 2, now);
    return store_run(s, st, p);
}

static enum err
capabilities_take_back(struct store *s, const struct step *one,
                       struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_RESTORE_CAPABILITIES);

    bind_blob(st, 1, between(one, one->address, one->fingerprint));
    bind_blob(st, 2, between(one, one->what, one->saved));
    sqlite3_bind_int64(st, 3, one->saved_time);
    return store_run(s, st, p);
}

static enum err
preference_take_back(struct store *s, const struct step *one, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_RESTORE_PREFERRED);

    bind_blob(st, 1, between(one, one->address, one->fingerprint));
    sqlite3_bind_int64(st, 2, one->saved_time);
    return store_run(s, st, p);
}

static enum err
row_restore(struct store *s, const struct step *one, struct problem *p)
{
    const struct before *b = &one->before;
    enum err e =
        store_contact_set(s, one->contact, b->state, b->person, b->removed, p);
    sqlite3_stmt *st = store_statement(s, STATEMENT_RESTORE_FORMER);

    if (e != ERR_OK)
        return e;
    sqlite3_bind_int64(st, 1, one->contact);
    sqlite3_bind_int64(st, 2, one->event);
    return store_run(s, st, p);
}

static enum err
row_take_back(struct store *s, const struct step *one, int64_t now,
              struct problem *p)
{
    sqlite3_stmt *st;
    enum err e;

    if (one->before.there)
        return row_restore(s, one, p);
    st = store_statement(s, STATEMENT_REMOVE_ROW);
    sqlite3_bind_int64(st, 1, one->contact);
    sqlite3_bind_int64(st, 2, now);
    e = store_run(s, st, p);
    if (e != ERR_OK)
        return e;
    /* With its last row goes what the same mail said of the certificate. */
    st = store_statement(s, STATEMENT_FORGET_DATES);
    sqlite3_bind_int64(st, 1, one->contact);
    return store_run(s, st, p);
}

static enum err
step_take_back(struct store *s, const struct step *one, int64_t now,
               struct problem *p)
{
    struct slice what = between(one, one->fingerprint, one->what);

    if (slice_is(what, "capabilities"))
        return capabilities_take_back(s, one, p);
    if (slice_is(what, "preferred"))
        return preference_take_back(s, one, p);
    if (one->contact != 0)
        return row_take_back(s, one, now, p);
    return slice_is(what, "blocked") || slice_is(what, "unblocked")
               ? address_take_back(s, one, now, p)
               : ERR_OK;
}

static enum err
steps_take_back(struct store *s, int64_t action, const struct steps *steps,
                int64_t now, struct problem *p)
{
    enum err e = ERR_OK;
    sqlite3_stmt *st;

    for (size_t i = 0; i < steps->n && e == ERR_OK; i++) {
        const struct step *one = &steps->item[i];
        const struct event event = {
            .time = now,
            .address = between(one, 0, one->address),
            .fingerprint = between(one, one->address, one->fingerprint),
            .what = "undone",
            .origin = between(one, one->fingerprint, one->what)};

        e = step_take_back(s, one, now, p);
        if (e == ERR_OK)
            e = store_event(s, &event, p);
    }
    if (e != ERR_OK)
        return e;
    st = store_statement(s, STATEMENT_EVENTS_UNDONE);
    sqlite3_bind_int64(st, 1, action);
    sqlite3_bind_int64(st, 2, s->action);
    return store_run(s, st, p);
}

enum err
store_undo(struct store *s, int64_t now, happened_visit *visit, void *ctx,
           bool *out, struct problem *p)
{
    AUTO(steps) struct steps steps = {0};
    enum err e = store_begin(s, p);
    int64_t action = 0;
    bool found = false;

    if (e != ERR_OK)
        return e;
    e = store_number(s, store_statement(s, STATEMENT_LAST_DONE), &found,
                     &action, p);
    if (e == ERR_OK && found)
        e = steps_read(s, action, &steps, visit, ctx, p);
    if (e == ERR_OK && found)
        e = steps_take_back(s, action, &steps, now, p);
    e = store_end(s, e, p);
    if (e == ERR_OK)
        *out = found;
    return e;
}
