/*
 * What the contacts know of a sender, in one look, and what was found a moment
 * ago: most mail is from somebody who has just written. Nothing is believed
 * after a change of our own, and nothing for longer than a second: another
 * agent's may have changed the file.
 */
#include "agent/base/fd.h"
#include "agent/keyring/alike.h"
#include "agent/keyring/store_internal.h"

#define BELIEVED_MS 1000

/* Goes up with every change, also with one that was taken back. */
static uint64_t
changes(const struct store *s)
{
    return (uint64_t)sqlite3_total_changes64(s->db) + s->losses;
}

static struct recalled *
place_of(struct store *s, struct slice address)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < address.n; i++)
        hash = (hash ^ address.p[i]) * 16777619u;
    return &s->recalled[hash % ARRAY_COUNT(s->recalled)];
}

void
store_forget(struct store *s)
{
    for (size_t i = 0; i < ARRAY_COUNT(s->recalled); i++)
        s->recalled[i].n = 0;
}

bool
store_recall(struct store *s, struct slice address, struct known_sender *out)
{
    const struct recalled *r = place_of(s, address);

    if (s->is_replaced || r->changes != changes(s) || r->n == 0 ||
        !slice_equal(slice_of(r->address, r->n), address) ||
        clock_ms() - r->since >= BELIEVED_MS)
        return false;
    *out = r->sender;
    return true;
}

void
store_note(struct store *s, struct slice address,
           const struct known_sender *sender, int64_t since)
{
    struct recalled *r = place_of(s, address);

    if (s->is_replaced || address.n > sizeof(r->address))
        return;
    r->sender = *sender;
    r->changes = changes(s);
    r->since = since;
    r->n = address.n;
    if (address.n > 0)
        memcpy(r->address, address.p, address.n);
}

static enum err
sender_ask(struct store *s, struct slice address, struct known_sender *out,
           struct problem *p)
{
    AUTO(buf) struct buf skeleton = {0};
    sqlite3_stmt *st = store_statement(s, STATEMENT_SENDER);
    enum err e = ERR_OK;

    alike_write(address, &skeleton);
    bind_folded(st, 1, address);
    bind_text(st, 2, buf_slice(&skeleton));
    if (sqlite3_step(st) == SQLITE_ROW)
        *out = (struct known_sender){
            .is_blocked = sqlite3_column_int(st, 0) != 0,
            .is_alike = sqlite3_column_int(st, 1) != 0,
            .any_blocked = sqlite3_column_int(st, 2) != 0};
    else
        e = store_fail(s, p);
    sqlite3_reset(st);
    return e;
}

enum err
store_sender(struct store *s, struct slice address, struct known_sender *out,
             struct problem *p)
{
    enum err e = store_check(s, p);
    int64_t since = clock_ms();

    if (e != ERR_OK || store_recall(s, address, out))
        return e;
    e = sender_ask(s, address, out, p);
    if (e == ERR_OK)
        store_note(s, address, out, since);
    return e;
}
