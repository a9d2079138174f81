/*
 * FTS5's trigram tokenizer with one thing more: it gives nothing of a query
 * that is shorter than three characters, though every two characters of a row
 * begin one of its grams. Here they do as the beginning of a gram. What is
 * indexed stays the same: any SQLite reads and writes the file.
 */
#include "agent/keyring/store_internal.h"

#define TRIGRAM "trigram"

typedef int give_token(void *ctx, int flags, const char *token, int n, int from,
                       int to);

/* The one that SQLite has. */
struct original {
    fts5_tokenizer does;
    void *ctx;
};

struct gram_tokenizer {
    const struct original *original;
    Fts5Tokenizer *its;
};

static int
tokenizer_create(void *ctx, const char **args, int n, Fts5Tokenizer **out)
{
    struct gram_tokenizer *t = mem_new(sizeof(*t));
    int rc;

    t->original = ctx;
    rc = t->original->does.xCreate(t->original->ctx, args, n, &t->its);
    if (rc == SQLITE_OK)
        *out = (Fts5Tokenizer *)t;
    else
        free(t);
    return rc;
}

static void
tokenizer_delete(Fts5Tokenizer *tokenizer)
{
    struct gram_tokenizer *t = (struct gram_tokenizer *)tokenizer;

    t->original->does.xDelete(t->its);
    free(t);
}

/* Who gets the beginning of a gram, which was filled up with so much. */
struct beginning {
    give_token *give;
    void *ctx;
    int filled;
};

static int
beginning_give(void *ctx, int flags, const char *token, int n, int from, int to)
{
    const struct beginning *b = ctx;

    return b->give(b->ctx, flags, token, n - b->filled, from, to - b->filled);
}

static int
tokenizer_run(Fts5Tokenizer *tokenizer, void *ctx, int flags, const char *text,
              int n, give_token *give)
{
    const struct gram_tokenizer *t = (struct gram_tokenizer *)tokenizer;
    struct beginning b = {.give = give, .ctx = ctx};
    AUTO(buf) struct buf filled = {0};

    b.filled = GRAM - (int)gram_characters(slice_of(text, (size_t)n));
    if (!(flags & FTS5_TOKENIZE_PREFIX) || b.filled <= 0)
        return t->original->does.xTokenize(t->its, ctx, flags, text, n, give);
    buf_add(&filled, text, (size_t)n);
    for (int i = 0; i < b.filled; i++)
        buf_add_byte(&filled, '\n');
    return t->original->does.xTokenize(t->its, &b, flags, buf_text(&filled),
                                       n + b.filled, beginning_give);
}

static fts5_api *
api_find(sqlite3 *db)
{
    sqlite3_stmt *st = NULL;
    fts5_api *api = NULL;

    if (sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &st, NULL) == SQLITE_OK &&
        sqlite3_bind_pointer(st, 1, &api, "fts5_api_ptr", NULL) == SQLITE_OK)
        sqlite3_step(st);
    sqlite3_finalize(st);
    return api;
}

bool
store_grams_extend(struct store *s)
{
    fts5_tokenizer extended = {tokenizer_create, tokenizer_delete,
                               tokenizer_run};
    struct original *o = mem_new(sizeof(*o));
    fts5_api *api = api_find(s->db);

    if (api &&
        api->xFindTokenizer(api, TRIGRAM, &o->ctx, &o->does) == SQLITE_OK &&
        api->xCreateTokenizer(api, TRIGRAM, o, &extended, free) == SQLITE_OK)
        return true;
    free(o);
    return store_fault_set(s, "SQLite has no full-text search");
}
