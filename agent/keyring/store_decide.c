/*
 * What the person decides: removing, pinning, blocking.
 */
#include "agent/keyring/store_internal.h"

#define ENCRYPTS (USE_DECRYPT | USE_AGREE)

struct row {
    int64_t id;
    struct before before;
    uint32_t uses;
    int64_t certificate;
    bool sender_seen;
    uint8_t fingerprint[32];
    uint8_t address[LIMIT_ADDRESS_BYTES];
    size_t address_n;
};

struct row_list {
    struct row *item;
    size_t n;
};

static void
row_list_drop(struct row_list *l)
{
    free(l->item);
    *l = (struct row_list){0};
}

enum err
store_contact_set(struct store *s, int64_t contact, int64_t state,
                  int64_t person, int64_t removed, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_SET_CONTACT);

    sqlite3_bind_int64(st, 1, contact);
    sqlite3_bind_int64(st, 2, state);
    sqlite3_bind_int64(st, 3, person);
    sqlite3_bind_int64(st, 4, removed);
    return store_run(s, st, p);
}

/* The rows of ST, which is reset; read at once, since they will change. */
static enum err
rows_read(struct store *s, sqlite3_stmt *st, struct row_list *out,
          struct problem *p)
{
    enum err e = ERR_OK;
    int rc;

    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct slice fingerprint = column(st, 3), address = column(st, 7);
        struct row *one;

        out->item = mem_resize(out->item, (out->n + 1) * sizeof(*one));
        one = &out->item[out->n++];
        *one = (struct row){.id = sqlite3_column_int64(st, 0),
                            .before = {.there = true,
                                       .state = sqlite3_column_int64(st, 1),
                                       .person = sqlite3_column_int64(st, 2)},
                            .uses = (uint32_t)sqlite3_column_int64(st, 4),
                            .certificate = sqlite3_column_int64(st, 5),
                            .sender_seen = sqlite3_column_int(st, 6) != 0};
        if (fingerprint.n == sizeof(one->fingerprint))
            memcpy(one->fingerprint, fingerprint.p, fingerprint.n);
        if (address.n > 0 && address.n <= sizeof(one->address)) {
            memcpy(one->address, address.p, address.n);
            one->address_n = address.n;
        }
    }
    if (rc != SQLITE_DONE)
        e = store_fail(s, p);
    sqlite3_reset(st);
    return e;
}

static enum err
rows_of_address(struct store *s, struct slice address, struct row_list *out,
                struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_ROWS_OF);

    bind_folded(st, 1, address);
    return rows_read(s, st, out, p);
}

struct decision {
    struct store *s;
    struct slice address, fingerprint;
    int64_t now;
    uint32_t changed;
};

/* Gives one row its new state and writes that down. */
static enum err
row_set(struct decision *d, const struct row *row, int64_t state,
        int64_t person, int64_t removed, const char *what, struct problem *p)
{
    const struct event event = {.time = d->now,
                                .address = d->address,
                                .fingerprint = {row->fingerprint, 32},
                                .what = what,
                                .contact = row->id,
                                .before = row->before};
    enum err e;

    if (row->before.state == state && row->before.person == person &&
        row->before.removed == removed)
        return ERR_OK;
    e = store_contact_set(d->s, row->id, state, person, removed, p);
    if (e == ERR_OK)
        e = store_event(d->s, &event, p);
    if (e == ERR_OK)
        d->changed++;
    return e;
}

/* ---- removing ----------------------------------------------------------- */

/* What was put aside long ago goes for good. */
static enum err
purge(struct store *s, int64_t now, struct problem *p)
{
    static const enum statement both[] = {STATEMENT_PURGE_CERTIFICATES,
                                          STATEMENT_PURGE_CONTACTS};
    enum err e = ERR_OK;

    for (size_t i = 0; i < ARRAY_COUNT(both) && e == ERR_OK; i++) {
        sqlite3_stmt *st = store_statement(s, both[i]);

        sqlite3_bind_int64(st, 1, now - REMOVED_KEPT_SECONDS);
        e = store_run(s, st, p);
    }
    return e;
}

enum err
store_remove(struct store *s, struct slice address, int64_t now, uint32_t *out,
             struct problem *p)
{
    struct decision d = {.s = s, .address = address, .now = now};
    AUTO(row_list) struct row_list rows = {0};
    enum err e = store_begin(s, p);

    if (e != ERR_OK)
        return e;
    e = purge(s, now, p);
    if (e == ERR_OK)
        e = rows_of_address(s, address, &rows, p);
    for (size_t i = 0; i < rows.n && e == ERR_OK; i++)
        e = row_set(&d, &rows.item[i], rows.item[i].before.state,
                    rows.item[i].before.person, now, "removed", p);
    e = store_end(s, e, p);
    if (e == ERR_OK)
        *out = d.changed;
    return e;
}

/* ---- pinning ------------------------------------------------------------ */

static struct row *
row_find(struct row_list *rows, struct slice fingerprint)
{
    for (size_t i = 0; i < rows->n; i++)
        if (slice_equal(slice_of(rows->item[i].fingerprint, 32), fingerprint))
            return &rows->item[i];
    return NULL;
}

/* The person has decided: a change is none any more. */
static int64_t
state_settled(const struct row *row)
{
    if (row->before.state != CONTACT_CHANGED)
        return row->before.state;
    return row->sender_seen ? CONTACT_VERIFIED : CONTACT_SEEN;
}

/* One to encrypt to is pinned at most, and one to check signatures with. */
static bool
takes_turns(const struct row *a, const struct row *b)
{
    return (a->uses & ENCRYPTS & b->uses) != 0 ||
           (a->uses & USE_SIGN & b->uses) != 0;
}

static enum err
pin(struct decision *d, struct row_list *rows, struct problem *p)
{
    struct row *chosen = row_find(rows, d->fingerprint);
    enum err e = ERR_OK;

    if (!chosen)
        return fail(p, ERR_NO_CONTACT, NULL);
    for (size_t i = 0; i < rows->n && e == ERR_OK; i++) {
        struct row *row = &rows->item[i];
        int64_t person = row->before.person;

        if (row == chosen)
            e = row_set(d, row, state_settled(row), CONTACT_PINNED, 0, "pinned",
                        p);
        else if (person == CONTACT_PINNED && takes_turns(row, chosen))
            e = row_set(d, row, state_settled(row), 0, 0, "unpinned", p);
        else
            e = row_set(d, row, state_settled(row), person, 0, "settled", p);
    }
    return e;
}

enum err
store_pin(struct store *s, struct slice address, struct slice fingerprint,
          int64_t now, struct problem *p)
{
    struct decision d = {
        .s = s, .address = address, .fingerprint = fingerprint, .now = now};
    AUTO(row_list) struct row_list rows = {0};
    enum err e = rows_of_address(s, address, &rows, p);

    return e == ERR_OK ? pin(&d, &rows, p) : e;
}

/* A change of ROW was settled by pinning another one, and no word since was
 * about this one. */
static enum err
settled_by_other(struct decision *d, const struct row *row, bool *out,
                 struct problem *p)
{
    sqlite3_stmt *st = store_statement(d->s, STATEMENT_IS_SETTLED);
    int64_t one;

    bind_folded(st, 1, d->address);
    sqlite3_bind_int64(st, 2, row->id);
    return store_number(d->s, st, out, &one, p);
}

/* No pin decides any more: what nobody said yes to has changed again. */
static enum err
reopen(struct decision *d, struct row_list *rows, struct problem *p)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < rows->n && e == ERR_OK; i++) {
        struct row *row = &rows->item[i];
        bool is = false;

        if (row->before.person == 0)
            e = settled_by_other(d, row, &is, p);
        if (e == ERR_OK && is)
            e = row_set(d, row, CONTACT_CHANGED, 0, 0, "reopened", p);
    }
    return e;
}

static enum err
unpin(struct decision *d, struct row_list *rows, struct problem *p)
{
    uint32_t before = d->changed;
    enum err e = ERR_OK;

    for (size_t i = 0; i < rows->n && e == ERR_OK; i++) {
        struct row *row = &rows->item[i];
        struct slice fingerprint = slice_of(row->fingerprint, 32);

        if (row->before.person == CONTACT_PINNED &&
            (d->fingerprint.n == 0 || slice_equal(fingerprint, d->fingerprint)))
            e = row_set(d, row, row->before.state, 0, 0, "unpinned", p);
    }
    return e == ERR_OK && d->changed > before ? reopen(d, rows, p) : e;
}

/* ---- blocking ----------------------------------------------------------- */

static enum err
address_block(struct decision *d, bool block, struct problem *p)
{
    const struct event event = {.time = d->now,
                                .address = d->address,
                                .what = block ? "blocked" : "unblocked"};
    sqlite3_stmt *st = store_statement(d->s, STATEMENT_IS_BLOCKED);
    int64_t one;
    bool is;
    enum err e;

    bind_folded(st, 1, d->address);
    e = store_number(d->s, st, &is, &one, p);
    if (e != ERR_OK || is == block)
        return e;
    st = store_statement(d->s, block ? STATEMENT_BLOCK : STATEMENT_UNBLOCK);
    bind_folded(st, 1, d->address);
    if (block)
        sqlite3_bind_int64(st, 2, d->now);
    e = store_run(d->s, st, p);
    if (e == ERR_OK)
        e = store_event(d->s, &event, p);
    if (e == ERR_OK)
        d->changed++;
    return e;
}

/* Of one of its addresses, where it may have been pinned. */
static enum err
row_block(struct decision *d, const struct row *row, struct problem *p)
{
    AUTO(row_list) struct row_list rows = {0};
    enum err e =
        row_set(d, row, row->before.state, CONTACT_BLOCKED, 0, "blocked", p);

    if (e != ERR_OK || row->before.person != CONTACT_PINNED)
        return e;
    e = rows_of_address(d->s, d->address, &rows, p);
    return e == ERR_OK ? reopen(d, &rows, p) : e;
}

/* A certificate is blocked for all its addresses: what is wrong with it is
 * so for each. */
static enum err
certificate_block(struct decision *d, const struct row *one, bool block,
                  struct problem *p)
{
    AUTO(row_list) struct row_list rows = {0};
    sqlite3_stmt *st = store_statement(d->s, STATEMENT_ROWS_OF_CERTIFICATE);
    enum err e;

    sqlite3_bind_int64(st, 1, one->certificate);
    e = rows_read(d->s, st, &rows, p);
    for (size_t i = 0; i < rows.n && e == ERR_OK; i++) {
        struct row *row = &rows.item[i];
        struct decision its = *d;

        its.address = slice_of(row->address, row->address_n);
        if (block)
            e = row_block(&its, row, p);
        else if (row->before.person == CONTACT_BLOCKED)
            e = row_set(&its, row, row->before.state, 0, 0, "unblocked", p);
        d->changed = its.changed;
    }
    return e;
}

static enum err
block(struct decision *d, struct row_list *rows, struct problem *p)
{
    struct row *chosen = row_find(rows, d->fingerprint);

    if (d->fingerprint.n == 0)
        return address_block(d, true, p);
    return chosen ? certificate_block(d, chosen, true, p)
                  : fail(p, ERR_NO_CONTACT, NULL);
}

static enum err
unblock(struct decision *d, struct row_list *rows, struct problem *p)
{
    struct row *chosen = row_find(rows, d->fingerprint);
    enum err e = ERR_OK;

    if (d->fingerprint.n > 0)
        return chosen ? certificate_block(d, chosen, false, p)
                      : fail(p, ERR_NO_CONTACT, NULL);
    for (size_t i = 0; i < rows->n && e == ERR_OK; i++)
        e = certificate_block(d, &rows->item[i], false, p);
    return e == ERR_OK ? address_block(d, false, p) : e;
}

/* ------------------------------------------------------------------------- */

static enum err
decide(struct decision *d, struct row_list *rows, enum contact_change change,
       struct problem *p)
{
    switch (change) {
    case CHANGE_PIN:
        return pin(d, rows, p);
    case CHANGE_UNPIN:
        return unpin(d, rows, p);
    case CHANGE_BLOCK:
        return block(d, rows, p);
    case CHANGE_UNBLOCK:
        return unblock(d, rows, p);
    case CHANGES:
        break;
    }
    return fail(p, ERR_USAGE, "an unknown change of a contact");
}

enum err
store_change(struct store *s, struct slice address, struct slice fingerprint,
             enum contact_change change, int64_t now, uint32_t *out,
             struct problem *p)
{
    struct decision d = {
        .s = s, .address = address, .fingerprint = fingerprint, .now = now};
    AUTO(row_list) struct row_list rows = {0};
    enum err e = store_begin(s, p);

    if (e != ERR_OK)
        return e;
    e = rows_of_address(s, address, &rows, p);
    if (e == ERR_OK && rows.n == 0)
        e = fail(p, ERR_NO_CONTACT, NULL);
    if (e == ERR_OK && change == CHANGE_PIN && fingerprint.n == 0)
        e = fail(p, ERR_USAGE, "a pin names the certificate's fingerprint");
    if (e == ERR_OK)
        e = decide(&d, &rows, change, p);
    e = store_end(s, e, p);
    if (e == ERR_OK)
        *out = d.changed;
    return e;
}

enum err
store_blocked(struct store *s, struct slice fingerprint, struct slice address,
              bool *out, struct problem *p)
{
    enum err e = store_check(s, p);
    bool found = false;
    int64_t one;
    sqlite3_stmt *st;

    if (e == ERR_OK && fingerprint.n > 0) {
        st = store_statement(s, STATEMENT_CERTIFICATE_BLOCKED);
        bind_blob(st, 1, fingerprint);
        e = store_number(s, st, &found, &one, p);
    }
    if (e == ERR_OK && !found && address.n > 0) {
        st = store_statement(s, STATEMENT_IS_BLOCKED);
        bind_folded(st, 1, address);
        e = store_number(s, st, &found, &one, p);
    }
    if (e == ERR_OK)
        *out = found;
    return e;
}
