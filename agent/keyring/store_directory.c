/*
 * Rows that came from a directory: what is kept of its answers, and for how
 * long it has been.
 */
#include "agent/keyring/store_internal.h"

enum err
store_directory_seen(struct store *s, struct slice address, int64_t *out,
                     struct problem *p)
{
    enum err e = store_check(s, p);
    sqlite3_stmt *st;

    if (e != ERR_OK)
        return e;
    st = store_statement(s, STATEMENT_DIRECTORY_SEEN);
    bind_folded(st, 1, address);
    return store_moment(s, st, out, p);
}

struct gone {
    int64_t id, state;
    uint8_t fingerprint[32];
};

/* The first row of those; *found: there is one. */
static enum err
gone_find(struct store *s, struct slice address, int64_t asked_at,
          struct gone *out, bool *found, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_DIRECTORY_GONE);
    enum err e = ERR_OK;
    int rc;

    bind_folded(st, 1, address);
    sqlite3_bind_int64(st, 2, asked_at);
    rc = sqlite3_step(st);
    *found = rc == SQLITE_ROW;
    if (*found) {
        struct slice fingerprint = column(st, 2);

        *out = (struct gone){.id = sqlite3_column_int64(st, 0),
                             .state = sqlite3_column_int64(st, 1)};
        if (fingerprint.n == sizeof(out->fingerprint))
            memcpy(out->fingerprint, fingerprint.p, fingerprint.n);
    } else if (rc != SQLITE_DONE) {
        e = store_fail(s, p);
    }
    sqlite3_reset(st);
    return e;
}

static enum err
gone_remove(struct store *s, struct slice address, int64_t asked_at,
            const struct gone *g, struct problem *p)
{
    const struct event event = {
        .time = asked_at,
        .address = address,
        .fingerprint = slice_of(g->fingerprint, sizeof(g->fingerprint)),
        .what = "removed",
        .origin = slice_text("the directory has it no more"),
        .contact = g->id,
        .before = {.there = true, .state = g->state}};
    enum err e = store_contact_set(s, g->id, g->state, 0, asked_at, p);

    return e == ERR_OK ? store_event(s, &event, p) : e;
}

enum err
store_directory_gone(struct store *s, struct slice address, int64_t asked_at,
                     struct problem *p)
{
    struct gone g;
    bool found = false;
    enum err e = store_check(s, p);

    if (e == ERR_OK)
        e = gone_find(s, address, asked_at, &g, &found, p);
    if (e != ERR_OK || !found)
        return e;
    e = store_begin(s, p);
    if (e != ERR_OK)
        return e;
    while (e == ERR_OK && found) {
        e = gone_remove(s, address, asked_at, &g, p);
        if (e == ERR_OK)
            e = gone_find(s, address, asked_at, &g, &found, p);
    }
    return store_end(s, e, p);
}
