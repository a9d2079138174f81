/*
 * Is it the person we know? A new certificate beside those of its address.
 */
#include "agent/keyring/store_internal.h"

struct validity {
    int64_t from, to;
    uint32_t strength; /* bits of security, roughly (SP 800-57 5.6.1.1) */
    struct slice issuer;
};

static uint32_t
strength_of(uint32_t type, uint32_t bits)
{
    if (type == KEY_ED25519 || type == KEY_X25519)
        return 128;
    if (type != KEY_RSA)
        return bits / 2;
    return bits < 2048    ? 80
           : bits < 3072  ? 112
           : bits < 7680  ? 128 + (bits - 3072) / 72
           : bits < 15360 ? 192
                          : 256;
}

/* An ordinary renewal: the same issuer, a key no shorter, and no time in
 * between without a certificate. Of two that begin in the same second the one
 * we know is the older. */
static bool
is_renewal(const struct validity *new, const struct validity *known)
{
    const struct validity *older = new->from < known->from ? new : known;
    const struct validity *newer = older == new ? known : new;

    return slice_equal(older->issuer, newer->issuer) &&
           newer->strength >= older->strength && newer->from <= older->to;
}

struct comparison {
    struct validity new;
    int64_t now;
    bool changed; /* against one that is live */
    bool any_live;
    int64_t last;   /* when the last of the others ends */
    bool last_fits; /* that one was renewed */
};

static void
compare(struct comparison *c, const struct validity *other)
{
    bool fits = is_renewal(&c->new, other);

    if (other->from <= c->now && other->to >= c->now) {
        c->any_live = true;
        c->changed = c->changed || !fits;
    } else if (other->to > c->last && other->to < c->now) {
        c->last = other->to;
        c->last_fits = fits;
    }
}

enum err
store_has_changed(struct store *s, const struct lesson *l, struct slice address,
                  int64_t id, bool *out, struct problem *p)
{
    const struct description *d = l->about;
    sqlite3_stmt *st = store_statement(s, STATEMENT_FIND_OTHERS);
    struct comparison c = {.now = l->now,
                           .new = {(int64_t)d->not_before,
                                   (int64_t)d->not_after,
                                   strength_of(d->type, d->bits), d->issuer}};
    enum err e = ERR_OK;
    int rc;

    *out = false;
    if (c.new.from > l->now || c.new.to < l->now)
        return ERR_OK;
    bind_folded(st, 1, address);
    sqlite3_bind_int64(st, 2, id);
    sqlite3_bind_int64(st, 3, d->uses);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        compare(&c,
                &(struct validity){
                    sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1),
                    strength_of((uint32_t)sqlite3_column_int64(st, 2),
                                (uint32_t)sqlite3_column_int64(st, 3)),
                    column(st, 4)});
    if (rc != SQLITE_DONE)
        e = store_fail(s, p);
    sqlite3_reset(st);
    *out = c.changed || (!c.any_live && c.last != 0 && !c.last_fits);
    return e;
}
