/*
 * Writing the row of a certificate, and its issuers.
 */
#include "agent/keyring/store_internal.h"

enum err
store_certificate_add(struct store *s, const struct lesson *l, int64_t *id,
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

enum err
store_certificate_mend(struct store *s, const struct lesson *l, int64_t id,
                       struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_SET_DER);

    sqlite3_bind_int64(st, 1, id);
    bind_blob(st, 2, l->der);
    return store_run(s, st, p);
}

/* Few of them are new: what is there is not written again. */
static enum err
issuer_row(struct store *s, struct slice der, struct slice name, int64_t *out,
           struct problem *p)
{
    const enum statement ways[] = {STATEMENT_FIND_ISSUER, STATEMENT_ADD_ISSUER};
    bool found = false;
    enum err e = ERR_OK;

    for (size_t i = 0; i < ARRAY_COUNT(ways) && !found && e == ERR_OK; i++) {
        sqlite3_stmt *st = store_statement(s, ways[i]);

        bind_blob(st, 1, der);
        if (name.n > 0)
            bind_blob(st, 2, name);
        e = store_number(s, st, &found, out, p);
    }
    return e;
}

static enum err
issuer_link(struct store *s, int64_t certificate, size_t position,
            int64_t issuer, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_LINK_ISSUER);

    sqlite3_bind_int64(st, 1, certificate);
    sqlite3_bind_int64(st, 2, (int64_t)position);
    sqlite3_bind_int64(st, 3, issuer);
    return store_run(s, st, p);
}

enum err
store_issuers_set(struct store *s, const struct lesson *l, int64_t id,
                  struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_CLEAR_ISSUERS);
    enum err e;

    if (l->issuers->n == 0)
        return ERR_OK;
    sqlite3_bind_int64(st, 1, id);
    e = store_run(s, st, p);
    for (size_t i = 0; i < l->issuers->n && e == ERR_OK; i++) {
        bool named = l->issuer_names && i < l->issuer_names->n;
        int64_t issuer = 0;

        e = issuer_row(s, l->issuers->item[i],
                       named ? l->issuer_names->item[i] : slice_of(NULL, 0),
                       &issuer, p);
        if (e == ERR_OK)
            e = issuer_link(s, id, i, issuer, p);
    }
    return e;
}
