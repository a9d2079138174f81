/*
 * Learning: a certificate, its issuers, and a row for each address.
 */
#include "agent/keyring/store_internal.h"

/* When a contact was last seen is kept by the day: a known signer costs no
 * write. */
#define SEEN_AGAIN_SECONDS (24 * 60 * 60)

/* ---- what is there already ---------------------------------------------- */

static enum err
find_certificate(struct store *s, const struct lesson *l, bool *found,
                 int64_t *id, int64_t *capabilities_time, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_FIND_CERTIFICATE);
    enum err e = ERR_OK;
    int rc;

    bind_blob(st, 1, l->about->fingerprint);
    rc = sqlite3_step(st);
    *found = rc == SQLITE_ROW;
    if (*found) {
        *id = sqlite3_column_int64(st, 0);
        *capabilities_time = sqlite3_column_int64(st, 1);
    } else if (rc != SQLITE_DONE) {
        e = store_fail(s, p);
    }
    sqlite3_reset(st);
    return e;
}

struct seen {
    bool found;
    int64_t id;
    int64_t last_seen;
    bool sender_seen;
};

static enum err
find_contact(struct store *s, struct slice address, int64_t certificate,
             struct seen *out, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_FIND_CONTACT);
    enum err e = ERR_OK;
    int rc;

    bind_folded(st, 1, address);
    sqlite3_bind_int64(st, 2, certificate);
    rc = sqlite3_step(st);
    out->found = rc == SQLITE_ROW;
    if (out->found) {
        out->id = sqlite3_column_int64(st, 0);
        out->last_seen = sqlite3_column_int64(st, 1);
        out->sender_seen = sqlite3_column_int(st, 2) != 0;
    } else if (rc != SQLITE_DONE) {
        e = store_fail(s, p);
    }
    sqlite3_reset(st);
    return e;
}

static bool
capabilities_are_newer(const struct lesson *l, int64_t stored_time)
{
    return l->capabilities.n > 0 && l->capabilities_time > stored_time;
}

/* Would learning this change nothing that matters? */
static enum err
is_known(struct store *s, const struct lesson *l, bool *out, struct problem *p)
{
    int64_t id = 0, capabilities_time = 0;
    struct seen seen;
    enum err e = find_certificate(s, l, out, &id, &capabilities_time, p);

    if (e != ERR_OK || !*out)
        return e;
    *out = !capabilities_are_newer(l, capabilities_time);
    for (size_t i = 0; i < l->addresses->n && *out; i++) {
        e = find_contact(s, l->addresses->item[i], id, &seen, p);
        if (e != ERR_OK)
            return e;
        *out = seen.found && (seen.sender_seen || !l->sender_seen) &&
               l->now - seen.last_seen < SEEN_AGAIN_SECONDS;
    }
    return ERR_OK;
}

/* ---- writing ------------------------------------------------------------ */

static enum err
add_certificate(struct store *s, const struct lesson *l, int64_t *id,
                struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_ADD_CERTIFICATE);
    const struct description *d = l->about;
    enum err e;

    bind_blob(st, 1, d->fingerprint);
    bind_blob(st, 2, l->der);
    sqlite3_bind_int64(st, 3, (int64_t)d->not_before);
    sqlite3_bind_int64(st, 4, (int64_t)d->not_after);
    sqlite3_bind_int64(st, 5, d->uses);
    sqlite3_bind_int64(st, 6, d->type);
    sqlite3_bind_int64(st, 7, d->bits);
    bind_blob(st, 8, d->key_hash);
    bind_text(st, 9, d->subject);
    bind_text(st, 10, d->issuer);
    bind_text(st, 11, d->name);
    bind_text(st, 12, d->serial);
    bind_blob(st, 13, l->capabilities);
    sqlite3_bind_int64(st, 14, l->capabilities.n ? l->capabilities_time : 0);
    e = store_run(s, st, p);
    if (e == ERR_OK)
        *id = sqlite3_last_insert_rowid(s->db);
    return e;
}

static enum err
set_capabilities(struct store *s, const struct lesson *l, int64_t id,
                 struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_SET_CAPABILITIES);

    sqlite3_bind_int64(st, 1, id);
    bind_blob(st, 2, l->capabilities);
    sqlite3_bind_int64(st, 3, l->capabilities_time);
    return store_run(s, st, p);
}

/* The issuers that were good last time. */
static enum err
set_issuers(struct store *s, const struct lesson *l, int64_t id,
            struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_CLEAR_ISSUERS);
    enum err e;

    if (l->issuers->n == 0)
        return ERR_OK;
    sqlite3_bind_int64(st, 1, id);
    e = store_run(s, st, p);
    for (size_t i = 0; i < l->issuers->n && e == ERR_OK; i++) {
        st = store_statement(s, STATEMENT_ADD_ISSUER);
        bind_blob(st, 1, l->issuers->item[i]);
        if (l->issuer_names && i < l->issuer_names->n)
            bind_blob(st, 2, l->issuer_names->item[i]);
        e = store_run(s, st, p);
        if (e != ERR_OK)
            break;
        st = store_statement(s, STATEMENT_LINK_ISSUER);
        sqlite3_bind_int64(st, 1, id);
        sqlite3_bind_int64(st, 2, (int64_t)i);
        bind_blob(st, 3, l->issuers->item[i]);
        e = store_run(s, st, p);
    }
    return e;
}

static bool
is_live(const struct lesson *l)
{
    return (int64_t)l->about->not_before <= l->now &&
           (int64_t)l->about->not_after >= l->now;
}

/* Another live key or issuer for the same use: shown, not hidden. One
 * certificate to sign and one to encrypt are no conflict. */
static enum err
has_conflict(struct store *s, const struct lesson *l, struct slice address,
             int64_t id, bool *out, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_FIND_CONFLICT);
    int64_t one;

    *out = false;
    if (!is_live(l))
        return ERR_OK;
    bind_folded(st, 1, address);
    sqlite3_bind_int64(st, 2, id);
    sqlite3_bind_int64(st, 3, l->now);
    sqlite3_bind_int64(st, 4, l->about->uses);
    bind_blob(st, 5, l->about->key_hash);
    bind_text(st, 6, l->about->issuer);
    return store_number(s, st, out, &one, p);
}

static enum err
add_event(struct store *s, const struct lesson *l, struct slice address,
          const char *what, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_ADD_EVENT);

    sqlite3_bind_int64(st, 1, l->now);
    bind_folded(st, 2, address);
    bind_blob(st, 3, l->about->fingerprint);
    bind_text(st, 4, slice_text(what));
    bind_text(st, 5, l->origin);
    return store_run(s, st, p);
}

static enum err
add_contact(struct store *s, const struct lesson *l, struct slice address,
            int64_t id, enum learned *out, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_ADD_CONTACT);
    bool changed;
    enum err e = has_conflict(s, l, address, id, &changed, p);

    if (e != ERR_OK)
        return e;
    bind_folded(st, 1, address);
    bind_text(st, 2, address);
    sqlite3_bind_int64(st, 3, id);
    sqlite3_bind_int64(st, 4, changed ? CONTACT_CHANGED : CONTACT_SEEN);
    sqlite3_bind_int64(st, 5, l->now);
    bind_text(st, 6, l->origin);
    bind_text(st, 7, l->message_id);
    sqlite3_bind_int64(st, 8, l->sender_seen);
    e = store_run(s, st, p);
    if (e != ERR_OK)
        return e;
    *out = changed ? LEARNED_CHANGED : LEARNED_NEW;
    return add_event(s, l, address, changed ? "changed" : "seen", p);
}

static enum err
see_contact(struct store *s, const struct lesson *l, int64_t contact,
            struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_SEE_CONTACT);

    sqlite3_bind_int64(st, 1, contact);
    sqlite3_bind_int64(st, 2, l->now);
    sqlite3_bind_int64(st, 3, l->sender_seen);
    return store_run(s, st, p);
}

static enum learned
more_noteworthy(enum learned a, enum learned b)
{
    if (a == LEARNED_CHANGED || b == LEARNED_CHANGED)
        return LEARNED_CHANGED;
    return a == LEARNED_NEW || b == LEARNED_NEW ? LEARNED_NEW : LEARNED_KNOWN;
}

static enum err
learn_addresses(struct store *s, const struct lesson *l, int64_t id,
                enum learned *out, struct problem *p)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < l->addresses->n && e == ERR_OK; i++) {
        struct slice address = l->addresses->item[i];
        enum learned one = LEARNED_KNOWN;
        struct seen seen;

        e = find_contact(s, address, id, &seen, p);
        if (e != ERR_OK)
            return e;
        e = seen.found ? see_contact(s, l, seen.id, p)
                       : add_contact(s, l, address, id, &one, p);
        *out = more_noteworthy(*out, one);
    }
    return e;
}

static enum err
learn_one(struct store *s, const struct lesson *l, enum learned *out,
          struct problem *p)
{
    int64_t id = 0, capabilities_time = 0;
    bool found;
    enum err e = find_certificate(s, l, &found, &id, &capabilities_time, p);

    if (e == ERR_OK && !found)
        e = add_certificate(s, l, &id, p);
    else if (e == ERR_OK && capabilities_are_newer(l, capabilities_time))
        e = set_capabilities(s, l, id, p);
    if (e == ERR_OK)
        e = set_issuers(s, l, id, p);
    return e == ERR_OK ? learn_addresses(s, l, id, out, p) : e;
}

enum err
store_learn(struct store *s, const struct lesson *lessons, size_t n,
            enum learned *out, struct problem *p)
{
    enum learned learned = LEARNED_KNOWN;
    enum err e = store_check(s, p);
    bool known = true;

    for (size_t i = 0; i < n && known && e == ERR_OK; i++)
        e = is_known(s, &lessons[i], &known, p);
    if (e == ERR_OK && !known) {
        e = store_begin(s, p);
        if (e != ERR_OK)
            return e;
        for (size_t i = 0; i < n && e == ERR_OK; i++)
            e = learn_one(s, &lessons[i], &learned, p);
        e = store_end(s, e, p);
    }
    if (e == ERR_OK)
        *out = learned;
    return e;
}
