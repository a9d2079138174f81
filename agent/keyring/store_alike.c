/*
 * Is there a contact whose address looks like another one?
 */
#include "agent/keyring/alike.h"
#include "agent/keyring/store_internal.h"

enum err
store_alike(struct store *s, struct slice address, struct buf *out,
            struct problem *p)
{
    AUTO(buf) struct buf skeleton = {0};
    enum err e = store_check(s, p);
    sqlite3_stmt *st;
    int rc;

    if (e != ERR_OK)
        return e;
    alike_write(address, &skeleton);
    st = store_statement(s, STATEMENT_ALIKE);
    bind_folded(st, 1, address);
    bind_text(st, 2, buf_slice(&skeleton));
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        buf_add_slice(out, column(st, 0));
    else if (rc != SQLITE_DONE)
        e = store_fail(s, p);
    sqlite3_reset(st);
    return e;
}
