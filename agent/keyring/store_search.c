/*
 * Finding contacts by any part of what they are called. The index holds every
 * three characters in a row (FTS5's trigram tokenizer) of each row, and is
 * made a little later than the row: what it does not have yet is looked
 * through. It can only be wrong by giving too much, so rows are compared
 * again. Fewer characters are the beginning of many grams, and SQLite puts all
 * their rows together before it gives the first: so some rows are looked
 * through first, of which enough will do where they are frequent.
 */
#include "agent/base/log.h"
#include "agent/keyring/store_internal.h"

#define INDEX_STEP 500
/* Rows that a search looks through at most: 30 ms. */
#define INDEX_BACKLOG 10000
/* Rows that are looked through first: 5 ms. */
#define LOOK_FIRST 2000

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

/* Where each of the first characters of TEXT begins, and the end of the last
 * one; gives how many there are. */
static size_t
characters_find(struct slice text, size_t at[LIMIT_ADDRESS_BYTES + 1])
{
    size_t n = 0, i = 0;

    for (; i < text.n && n < LIMIT_ADDRESS_BYTES; i += character(text, i))
        at[n++] = i;
    at[n] = i;
    return n;
}

size_t
gram_characters(struct slice text)
{
    size_t at[LIMIT_ADDRESS_BYTES + 1];

    return characters_find(text, at);
}

/* Every three characters of TEXT as a query: "abc" AND "bcd"; of fewer, the
 * grams that begin so. */
static void
query_make(struct slice text, struct buf *out)
{
    size_t at[LIMIT_ADDRESS_BYTES + 1], n = characters_find(text, at);
    size_t each = n < GRAM ? n : GRAM;

    for (size_t i = 0; i + each <= n; i++) {
        if (i > 0)
            buf_add_text(out, " AND ");
        buf_add_byte(out, '"');
        for (size_t k = at[i]; k < at[i + each]; k++) {
            if (text.p[k] == '"')
                buf_add_byte(out, '"');
            buf_add_byte(out, text.p[k]);
        }
        buf_add_byte(out, '"');
        if (each < GRAM)
            buf_add_byte(out, '*');
    }
}

/* ASCII letters count as equal in either case; those beyond as the index
 * compares them, where it has the row already. */
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
    bool is_trusted; /* the index: it knows more letters than holds does */
    size_t left;     /* rows to look through; 0: all */
    uint32_t last;   /* the last one that was */
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

    if (f->is_trusted)
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

    f->last = row->row;
    if (row_holds(f, row))
        f->going = f->visit(f->ctx, row);
    return f->going && (f->left == 0 || --f->left > 0);
}

static enum err
rows_look(struct store *s, int64_t after, struct finding *f, struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_CONTACTS);

    sqlite3_bind_int64(st, 1, after);
    return store_visit_rows(s, st, compare_row, f, p);
}

static enum err
index_look(struct store *s, int64_t after, struct slice part, struct finding *f,
           struct problem *p)
{
    sqlite3_stmt *st = store_statement(s, STATEMENT_CONTACTS_FOUND);
    AUTO(buf) struct buf query = {0};
    enum err e;

    query_make(part, &query);
    sqlite3_bind_int64(st, 1, after);
    bind_text(st, 2, buf_slice(&query));
    f->is_trusted = !is_ascii(f->match) || !is_ascii(f->search);
    e = store_visit_rows(s, st, compare_row, f, p);
    f->is_trusted = false;
    return e;
}

/* Some rows behind *CURSOR, which is moved. */
static enum err
first_look(struct store *s, int64_t *cursor, struct finding *f,
           struct problem *p)
{
    enum err e;

    f->left = LOOK_FIRST;
    e = rows_look(s, *cursor, f, p);
    f->going = f->going && f->left == 0;
    f->left = 0;
    *cursor = f->last;
    return e;
}

enum err
store_contacts(struct store *s, uint32_t cursor, struct slice match,
               struct slice search, store_visit *visit, void *ctx,
               struct problem *p)
{
    struct finding f = {.match = match,
                        .search = search,
                        .visit = visit,
                        .ctx = ctx,
                        .going = true};
    struct slice longest = search.n > match.n ? search : match;
    int64_t after = cursor, done = 0;
    enum err e = store_check(s, p);

    if (e != ERR_OK)
        return e;
    if (longest.n == 0)
        return rows_look(s, after, &f, p);
    /* Who was learned just now may be looked for in capitals. */
    if (!is_ascii(longest))
        store_index_step(s);
    e = indexed_up_to(s, &done, p);
    if (e == ERR_OK && gram_characters(longest) < GRAM && is_ascii(longest))
        e = first_look(s, &after, &f, p);
    if (e == ERR_OK && f.going)
        e = index_look(s, after, longest, &f, p);
    if (e != ERR_OK || !f.going)
        return e;
    return rows_look(s, done > after ? done : after, &f, p);
}
