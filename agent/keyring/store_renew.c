/*
 * What a mail says anew of a certificate that is known: what its holder's
 * programs read, and which one they prefer.
 */
#include "agent/keyring/store_internal.h"

bool
store_announces(const struct lesson *l, const struct known *known)
{
    return l->capabilities.n > 0 &&
           l->capabilities_time > known->capabilities_time;
}

bool
store_prefers(const struct lesson *l, const struct known *known)
{
    return l->preferred && l->capabilities_time > known->preferred;
}

static enum err
add_renewal(struct store *s, const struct lesson *l, const char *what,
            struct slice saved, int64_t saved_time, struct problem *p)
{
    const struct event event = {
        .time = l->now,
        .address = l->addresses->n ? l->addresses->item[0] : slice_of(NULL, 0),
        .fingerprint = l->about->fingerprint,
        .what = what,
        .origin = l->origin,
        .saved = saved,
        .saved_time = saved_time};

    return store_event(s, &event, p);
}

enum err
store_capabilities_set(struct store *s, const struct lesson *l,
                       const struct known *known, struct renewal *out,
                       struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_SET_CAPABILITIES);
    struct slice before = buf_slice(&known->capabilities);
    enum err e;

    if (!store_announces(l, known))
        return ERR_OK;
    sqlite3_bind_int64(st, 1, known->id);
    bind_blob(st, 2, l->capabilities);
    sqlite3_bind_int64(st, 3, l->capabilities_time);
    e = store_run(s, st, p);
    out->announced = slice_equal(l->capabilities, before);
    out->announced_before = known->capabilities_time;
    return e != ERR_OK || out->announced
               ? e
               : add_renewal(s, l, "capabilities", before,
                             known->capabilities_time, p);
}

/* Is another certificate of its addresses chosen no more? */
static enum err
is_moved(struct store *s, const struct lesson *l, const struct known *known,
         bool *out, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_MOVED);
    int64_t ignored;

    sqlite3_bind_int64(st, 1, known->id);
    sqlite3_bind_int64(st, 2, known->preferred);
    sqlite3_bind_int64(st, 3, l->capabilities_time);
    return store_number(s, st, out, &ignored, p);
}

enum err
store_preferred_set(struct store *s, const struct lesson *l,
                    const struct known *known, struct renewal *out,
                    struct problem *p)
{
    sqlite3_stmt *st;
    bool moved = false;
    enum err e = ERR_OK;

    if (!store_prefers(l, known))
        return ERR_OK;
    if (known->found)
        e = is_moved(s, l, known, &moved, p);
    out->preferred = known->found && !moved;
    out->preferred_before = known->preferred;
    if (e == ERR_OK && moved)
        e = add_renewal(s, l, "preferred", slice_of(NULL, 0), known->preferred,
                        p);
    if (e != ERR_OK)
        return e;
    st = store_statement(s, STATEMENT_PREFER);
    sqlite3_bind_int64(st, 1, known->id);
    sqlite3_bind_int64(st, 2, l->capabilities_time);
    return store_run(s, st, p);
}

/* Only now is it known whether anything was news. */
enum err
store_renewals_note(struct store *s, const struct lesson *lessons,
                    const struct renewal *renewed, size_t n, struct problem *p)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < n && e == ERR_OK && s->action != 0; i++) {
        if (renewed[i].announced)
            e = add_renewal(s, &lessons[i], "capabilities",
                            lessons[i].capabilities,
                            renewed[i].announced_before, p);
        if (e == ERR_OK && renewed[i].preferred)
            e = add_renewal(s, &lessons[i], "preferred", slice_of(NULL, 0),
                            renewed[i].preferred_before, p);
    }
    return e;
}
