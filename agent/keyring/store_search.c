/*
 * Finding contacts by any part of what they are called. The index holds every
 * three characters in a row (FTS5's trigram tokenizer) of each row, and is
 * made a little later than the row: what it does not have yet is looked
 * through. It can only be wrong by giving too much, so rows are compared
 * again.
 */
#include "agent/base/log.h"
#include "agent/keyring/store_internal.h"

#define INDEX_STEP 500
/* Rows that a search looks through at most: 30 ms. */
#define INDEX_BACKLOG 10000
#define GRAM          3

/* ---- making the index --------------------------------------------------- */

static enum err
indexed_up_to(struct store *s, int64_t *out, struct problem *p)
{
    bool found;

    *out = 0;
    return store_number(s, store_statement(s, STATEMENT_INDEXED), &found, out,
                        p);
}

static enum err
last_row(struct store *s, int64_t *out, struct problem *p)
{
    bool found;

    *out = 0;
    return store_number(s, store_statement(s, STATEMENT_LAST_ROW), &found, out,
                        p);
}

static enum err
rows_index(struct store *s, int64_t from, int64_t to, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_INDEX_ROWS);
    enum err e;

    sqlite3_bind_int64(st, 1, from);
    sqlite3_bind_int64(st, 2, to);
    e = store_run(s, st, p);
    if (e != ERR_OK)
        return e;
    st = store_statement(s, STATEMENT_SET_INDEXED);
    sqlite3_bind_int64(st, 1, to);
    return store_run(s, st, p);
}

/* At the end of a transaction: from its first row in the index on, each
 * further change of many rows would write out what the index holds back. */
enum err
store_index_backlog(struct store *s, struct problem *p)
{
    int64_t done, last;
    enum err e = indexed_up_to(s, &done, p);

    if (e == ERR_OK)
        e = last_row(s, &last, p);
    return e == ERR_OK && last - done > INDEX_BACKLOG
               ? rows_index(s, done, last - INDEX_BACKLOG * 9 / 10, p)
               : e;
}

bool
store_index_step(struct store *s)
{
    struct problem p = {0};
    int64_t done = 0, last = 0;
    enum err e = store_check(s, &p);

    if (e == ERR_OK)
        e = indexed_up_to(s, &done, &p);
    if (e == ERR_OK)
        e = last_row(s, &last, &p);
    if (e != ERR_OK || done >= last)
        return false;
    if (store_begin(s, &p) != ERR_OK)
        return false;
    if (last > done + INDEX_STEP)
        last = done + INDEX_STEP;
    e = rows_index(s, done, last, &p);
    return store_end(s, e, &p) == ERR_OK;
}

/* ---- asking it ---------------------------------------------------------- */

/* How many bytes the character at P has; 1 for what is none. */
static size_t
character(struct slice text, size_t at)
{
    uint8_t b = text.p[at];
    size_t n = b < 0xc0 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;

    return n <= text.n - at ? n : 1;
}

/* Every three characters of TEXT as a query: "abc" AND "bcd"; false when
 * there are fewer. */
static bool
query_make(struct slice text, struct buf *out)
{
    size_t at[LIMIT_ADDRESS_BYTES + 1], n = 0;

    for (size_t i = 0; i < text.n && n < LIMIT_ADDRESS_BYTES;
         i += character(text, i))
        at[n++] = i;
    at[n] = text.n;
    if (n < GRAM)
        return false;
    for (size_t i = 0; i + GRAM <= n; i++) {
        if (i > 0)
            buf_add_text(out, " AND ");
        buf_add_byte(out, '"');
        for (size_t k = at[i]; k < at[i + GRAM]; k++) {
            if (text.p[k] == '"')
                buf_add_byte(out, '"');
            buf_add_byte(out, text.p[k]);
        }
        buf_add_byte(out, '"');
    }
    return true;
}

/* ASCII letters count as equal in either case. What lies beyond was compared
 * by the index. */
static bool
holds(struct slice text, struct slice part)
{
    for (size_t i = 0; part.n <= text.n && i <= text.n - part.n; i++) {
        size_t k = 0;

        while (
            k < part.n &&
            (text.p[i + k] |
             (text.p[i + k] >= 'A' && text.p[i + k] <= 'Z' ? 0x20 : 0)) ==
                (part.p[k] | (part.p[k] >= 'A' && part.p[k] <= 'Z' ? 0x20 : 0)))
            k++;
        if (k == part.n)
            return true;
    }
    return false;
}

struct finding {
    struct slice match, search;
    bool ascii; /* both are: compare again */
    store_visit *visit;
    void *ctx;
    bool going;
};

static bool
is_ascii(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= 0x80)
            return false;
    return true;
}

static bool
row_holds(const struct finding *f, const struct stored *row)
{
    char hex[65] = "";

    if (!f->ascii)
        return true;
    if (f->match.n > 0 && !holds(row->address, f->match) &&
        !holds(row->name, f->match))
        return false;
    if (f->search.n == 0 || holds(row->address, f->search) ||
        holds(row->name, f->search) || holds(row->subject, f->search) ||
        holds(row->issuer, f->search))
        return true;
    if (row->fingerprint.n == 32)
        text_hex(row->fingerprint, hex);
    return holds(slice_text(hex), f->search);
}

static bool
compare_row(void *ctx, const struct stored *row)
{
    struct finding *f = ctx;

    if (row_holds(f, row))
        f->going = f->visit(f->ctx, row);
    return f->going;
}

static enum err
look_through(struct store *s, enum statement which, int64_t after,
             const struct buf *text, struct finding *f, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, which);

    sqlite3_bind_int64(st, 1, after);
    if (text)
        bind_text(st, 2, buf_slice(text));
    return store_visit_rows(s, st, compare_row, f, p);
}

/* One or two characters are no gram: looked for in addresses; those that are
 * not ASCII may well be all of a name, and are looked for there. */
static enum err
short_find(struct store *s, int64_t cursor, struct slice part,
           struct finding *f, struct problem *p)
{
    AUTO(buf) struct buf text = {0};

    buf_add_slice(&text, part);
    f->ascii = false;
    return look_through(s,
                        is_ascii(part) ? STATEMENT_CONTACTS_SHORT
                                       : STATEMENT_CONTACTS_SHORT_NAME,
                        cursor, &text, f, p);
}

enum err
store_contacts(struct store *s, uint32_t cursor, struct slice match,
               struct slice search, store_visit *visit, void *ctx,
               struct problem *p)
{
    struct finding f = {.match = match,
                        .search = search,
                        .ascii = is_ascii(match) && is_ascii(search),
                        .visit = visit,
                        .ctx = ctx,
                        .going = true};
    AUTO(buf) struct buf query = {0};
    struct slice longest = search.n > match.n ? search : match;
    int64_t done = 0;
    enum err e = store_check(s, p);

    if (e != ERR_OK)
        return e;
    if (longest.n == 0)
        return look_through(s, STATEMENT_CONTACTS, cursor, NULL, &f, p);
    if (!query_make(longest, &query))
        return short_find(s, cursor, longest, &f, p);
    e = indexed_up_to(s, &done, p);
    if (e == ERR_OK)
        e = look_through(s, STATEMENT_CONTACTS_FOUND, cursor, &query, &f, p);
    if (e != ERR_OK || !f.going)
        return e;
    return look_through(s, STATEMENT_CONTACTS, done > cursor ? done : cursor,
                        NULL, &f, p);
}
