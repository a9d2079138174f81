/*
 * Certificates that a CRL revokes: written down, so that they stay revoked
 * when the CRL goes, or when their issuer takes them off it after they have
 * expired.
 */
#include "agent/keyring/store_internal.h"

struct marked {
    int64_t id, state, person;
    bool sender_seen;
    struct buf address;
};

static void
marked_drop(struct marked *m)
{
    buf_drop(&m->address);
}

/* A row of the certificate that is not yet as it should be. */
static enum err
marked_find(struct store *s, struct slice fingerprint, bool revoked,
            struct marked *out, bool *found, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_NOT_MARKED);
    enum err e = ERR_OK;
    int rc;

    bind_blob(st, 1, fingerprint);
    sqlite3_bind_int64(st, 2, revoked);
    rc = sqlite3_step(st);
    *found = rc == SQLITE_ROW;
    if (*found) {
        out->id = sqlite3_column_int64(st, 0);
        out->state = sqlite3_column_int64(st, 1);
        out->person = sqlite3_column_int64(st, 2);
        out->sender_seen = sqlite3_column_int(st, 3) != 0;
        buf_clear(&out->address);
        buf_add_slice(&out->address, column(st, 4));
    } else if (rc != SQLITE_DONE) {
        e = store_fail(s, p);
    }
    sqlite3_reset(st);
    return e;
}

/* No change of the person's: it is not what undo takes back. */
static enum err
marked_set(struct store *s, struct slice fingerprint, bool revoked,
           const struct marked *m, int64_t now, struct problem *p)
{
    const struct event event = {.time = now,
                                .address = buf_slice(&m->address),
                                .fingerprint = fingerprint,
                                .what = revoked ? "revoked" : "not revoked",
                                .origin = slice_text("a CRL says so"),
                                .contact = m->id,
                                .is_news = true};
    int64_t state = revoked          ? CONTACT_REVOKED
                    : m->sender_seen ? CONTACT_VERIFIED
                                     : CONTACT_SEEN;
    enum err e = store_contact_set(s, m->id, state, m->person, 0, p);

    return e == ERR_OK ? store_event(s, &event, p) : e;
}

enum err
store_mark_revoked(struct store *s, struct slice fingerprint, bool revoked,
                   int64_t now, struct problem *p)
{
    AUTO(marked) struct marked m = {0};
    bool found = false;
    enum err e = store_check(s, p);

    if (e == ERR_OK)
        e = marked_find(s, fingerprint, revoked, &m, &found, p);
    if (e != ERR_OK || !found)
        return e;
    e = store_begin(s, p);
    if (e != ERR_OK)
        return e;
    while (e == ERR_OK && found) {
        e = marked_set(s, fingerprint, revoked, &m, now, p);
        if (e == ERR_OK)
            e = marked_find(s, fingerprint, revoked, &m, &found, p);
    }
    return store_end(s, e, p);
}
