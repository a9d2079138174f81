/*
 * Learning: a certificate, its issuers, and a row for each address.
 */
#include "agent/base/log.h"
#include "agent/keyring/alike.h"
#include "agent/keyring/store_internal.h"

/* When a contact was last seen is kept by the day: a known signer costs no
 * write. */
#define SEEN_AGAIN_SECONDS (24 * 60 * 60)

/* ---- what is there already ---------------------------------------------- */

static void
known_drop(struct known *k)
{
    buf_drop(&k->capabilities);
}

static enum err
find_certificate(struct store *s, const struct lesson *l, struct known *out,
                 struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_FIND_CERTIFICATE);
    enum err e = ERR_OK;
    int rc;

    bind_blob(st, 1, l->about->fingerprint);
    bind_blob(st, 2, l->der);
    rc = sqlite3_step(st);
    out->found = rc == SQLITE_ROW;
    if (out->found) {
        out->id = sqlite3_column_int64(st, 0);
        out->capabilities_time = sqlite3_column_int64(st, 1);
        buf_clear(&out->capabilities);
        buf_add_slice(&out->capabilities, column(st, 2));
        out->preferred = sqlite3_column_int64(st, 3);
        out->rotten = sqlite3_column_int(st, 4) == 0;
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
    enum contact_source source;
    struct before before;
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
    *out = (struct seen){.found = rc == SQLITE_ROW};
    if (out->found) {
        out->id = sqlite3_column_int64(st, 0);
        out->last_seen = sqlite3_column_int64(st, 1);
        out->sender_seen = sqlite3_column_int(st, 2) != 0;
        out->before = (struct before){.there = true,
                                      .state = sqlite3_column_int64(st, 3),
                                      .person = sqlite3_column_int64(st, 4),
                                      .removed = sqlite3_column_int64(st, 5)};
        out->source = (enum contact_source)sqlite3_column_int(st, 6);
    } else if (rc != SQLITE_DONE) {
        e = store_fail(s, p);
    }
    sqlite3_reset(st);
    return e;
}

static bool
is_seen_again(const struct lesson *l, const struct seen *seen)
{
    if (l->source == CONTACT_DIRECTORY && l->now > seen->last_seen)
        return false;
    return seen->found && seen->before.removed == 0 &&
           (seen->sender_seen || !l->sender_seen) &&
           l->now - seen->last_seen < SEEN_AGAIN_SECONDS;
}

/* Would learning this change nothing that matters? */
static enum err
is_known(struct store *s, const struct lesson *l, bool *out, struct problem *p)
{
    AUTO(known) struct known known = {0};
    struct seen seen;
    enum err e = find_certificate(s, l, &known, p);

    *out = known.found;
    if (e != ERR_OK || !*out)
        return e;
    *out = !l->pin && !known.rotten && !store_announces(l, &known) &&
           !store_prefers(l, &known);
    for (size_t i = 0; i < l->addresses->n && *out; i++) {
        e = find_contact(s, l->addresses->item[i], known.id, &seen, p);
        if (e != ERR_OK)
            return e;
        *out = is_seen_again(l, &seen);
    }
    return ERR_OK;
}

/* ---- a row for each address --------------------------------------------- */

static void
bind_provenance(sqlite3_stmt *st, int n, const struct lesson *l)
{
    bind_text(st, n, l->origin);
    bind_text(st, n + 1, l->message_id);
    sqlite3_bind_int64(st, n + 2, l->sender_seen);
    sqlite3_bind_int64(st, n + 3, l->source);
    bind_text(st, n + 4, l->verdict);
    sqlite3_bind_int64(st, n + 5, l->date);
}

static enum err
add_event(struct store *s, const struct lesson *l, struct slice address,
          int64_t contact, const struct before *before, const char *what,
          struct problem *p)
{
    const struct event event = {.time = l->now,
                                .address = address,
                                .fingerprint = l->about->fingerprint,
                                .what = what,
                                .origin = l->origin,
                                .contact = contact,
                                .keeps_row = before->there,
                                .before = *before};

    return store_event(s, &event, p);
}

static enum err
insert_row(struct store *s, const struct lesson *l, struct slice address,
           int64_t id, int64_t state, int64_t *out, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_ADD_CONTACT);
    AUTO(buf) struct buf skeleton = {0};
    enum err e;

    bind_folded(st, 1, address);
    bind_text(st, 2, address);
    sqlite3_bind_int64(st, 3, id);
    sqlite3_bind_int64(st, 4, state);
    sqlite3_bind_int64(st, 5, l->now);
    bind_provenance(st, 6, l);
    alike_write(address, &skeleton);
    bind_text(st, 12, buf_slice(&skeleton));
    e = store_run(s, st, p);
    if (e == ERR_OK)
        *out = sqlite3_last_insert_rowid(s->db);
    return e;
}

static enum err
revive_row(struct store *s, const struct lesson *l, int64_t contact,
           int64_t state, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_REVIVE_CONTACT);

    sqlite3_bind_int64(st, 1, contact);
    sqlite3_bind_int64(st, 2, state);
    sqlite3_bind_int64(st, 3, l->now);
    bind_provenance(st, 4, l);
    return store_run(s, st, p);
}

/* A row that is not there, or was removed. */
static enum err
add_contact(struct store *s, const struct lesson *l, struct slice address,
            int64_t id, const struct seen *seen, enum learned *out,
            struct problem *p)
{
    int64_t contact = seen->id, state;
    const char *what;
    bool changed;
    enum err e = store_has_changed(s, l, address, id, &changed, p);

    if (e != ERR_OK)
        return e;
    state = changed          ? CONTACT_CHANGED
            : l->sender_seen ? CONTACT_VERIFIED
                             : CONTACT_SEEN;
    what = changed ? "changed" : l->sender_seen ? "verified" : "seen";
    *out = changed ? LEARNED_CHANGED : LEARNED_NEW;
    if (!seen->found)
        e = insert_row(s, l, address, id, state, &contact, p);
    if (e == ERR_OK)
        e = add_event(s, l, address, contact, &seen->before, what, p);
    return e == ERR_OK && seen->found ? revive_row(s, l, contact, state, p) : e;
}

/* From now on the row rests on what L says. */
static enum err
prove_contact(struct store *s, const struct lesson *l, struct slice address,
              const struct seen *seen, int64_t state, const char *what,
              struct problem *p)
{
    enum err e = add_event(s, l, address, seen->id, &seen->before, what, p);
    sqlite3_stmt *st = store_statement(s, STATEMENT_PROVE_CONTACT);

    if (e != ERR_OK)
        return e;
    sqlite3_bind_int64(st, 1, seen->id);
    sqlite3_bind_int64(st, 2, state);
    sqlite3_bind_int64(st, 3, l->source);
    bind_text(st, 4, l->origin);
    bind_text(st, 5, l->message_id);
    bind_text(st, 6, l->verdict);
    sqlite3_bind_int64(st, 7, l->date);
    return store_run(s, st, p);
}

/* Known from elsewhere, and now a good message of its holder proves it; or it
 * is there on the person's word. */
static enum err
see_contact(struct store *s, const struct lesson *l, struct slice address,
            const struct seen *seen, struct problem *p)
{
    bool changed = seen->before.state == CONTACT_CHANGED;
    sqlite3_stmt *st;
    enum err e = ERR_OK;

    if (l->sender_seen && !seen->sender_seen)
        e = prove_contact(s, l, address, seen,
                          changed ? CONTACT_CHANGED : CONTACT_VERIFIED,
                          "verified", p);
    else if (l->pin && l->source == CONTACT_PERSON && seen->source != l->source)
        e = prove_contact(s, l, address, seen, seen->before.state, "vouched",
                          p);
    if (e != ERR_OK)
        return e;
    st = store_statement(s, STATEMENT_SEE_CONTACT);
    sqlite3_bind_int64(st, 1, seen->id);
    sqlite3_bind_int64(st, 2, l->now);
    sqlite3_bind_int64(st, 3, l->sender_seen);
    return store_run(s, st, p);
}

enum learned
learned_more(enum learned a, enum learned b)
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
        e = seen.found && seen.before.removed == 0
                ? see_contact(s, l, address, &seen, p)
                : add_contact(s, l, address, id, &seen, &one, p);
        if (e == ERR_OK && l->pin)
            e = store_pin(s, address, l->about->fingerprint, l->now, p);
        *out = learned_more(*out, one);
    }
    return e;
}

static enum err
learn_one(struct store *s, const struct lesson *l, enum learned *out,
          struct renewal *renewed, struct problem *p)
{
    AUTO(known) struct known known = {0};
    enum err e = find_certificate(s, l, &known, p);

    if (e == ERR_OK && known.found && known.rotten)
        e = store_certificate_mend(s, l, known.id, p);
    if (e == ERR_OK && !known.found)
        e = store_certificate_add(s, l, &known.id, p);
    else if (e == ERR_OK)
        e = store_capabilities_set(s, l, &known, renewed, p);
    if (e == ERR_OK)
        e = store_preferred_set(s, l, &known, renewed, p);
    if (e == ERR_OK)
        e = store_issuers_set(s, l, known.id, p);
    return e == ERR_OK ? learn_addresses(s, l, known.id, out, p) : e;
}

/* Only what is news costs a write. */
static enum err
all_known(struct store *s, const struct lesson *lessons, size_t n, bool *out,
          struct problem *p)
{
    enum err e = ERR_OK;

    *out = true;
    for (size_t i = 0; i < n && *out && e == ERR_OK; i++)
        e = is_known(s, &lessons[i], out, p);
    return e;
}

static enum err
learn_all(struct store *s, const struct lesson *lessons, size_t n,
          enum learned *out, struct problem *p)
{
    struct renewal *renewed = mem_new((n + 1) * sizeof(*renewed));
    enum err e = ERR_OK;

    for (size_t i = 0; i < n && e == ERR_OK; i++)
        e = learn_one(s, &lessons[i], &out[i], &renewed[i], p);
    if (e == ERR_OK)
        e = store_renewals_note(s, lessons, renewed, n, p);
    free(renewed);
    return e;
}

/* As a part of the transaction that is open, or is opened. No savepoint: each
 * would copy every page that is written to once more, and what fails here is
 * the disk, for all of them. */
static enum err
learn_for_later(struct store *s, const struct lesson *lessons, size_t n,
                enum learned *out, struct problem *p)
{
    enum err e = ERR_OK;

    if (!s->pending)
        e = store_begin(s, p);
    if (e != ERR_OK)
        return e;
    s->pending = true;
    s->action = 0;
    e = learn_all(s, lessons, n, out, p);
    if (e == ERR_OK)
        return e;
    s->pending = false;
    s->losses++;
    return store_end(s, e, p);
}

enum err
store_learn(struct store *s, const struct lesson *lessons, size_t n, bool later,
            enum learned *out, struct problem *p)
{
    enum err e = store_check(s, p);
    bool known = true;

    if (e == ERR_OK)
        e = all_known(s, lessons, n, &known, p);
    for (size_t i = 0; i < n; i++)
        out[i] = LEARNED_KNOWN;
    if (e != ERR_OK || known)
        return e;
    if (later)
        return learn_for_later(s, lessons, n, out, p);
    e = store_begin(s, p);
    if (e != ERR_OK)
        return e;
    e = learn_all(s, lessons, n, out, p);
    if (e == ERR_OK)
        e = store_index_backlog(s, p);
    return store_end(s, e, p);
}
