/* What a look at the slots means for the tokens. */
#include "tokens/internal.h"

/* Identity is what a token says of itself, not its slot; one that was never
 * initialised says nothing, so it is its slot. */
static bool
same_token(struct token *t, const struct module *m, const struct slot_seen *s)
{
    bool blank = !(s->info.flags & CKF_TOKEN_INITIALIZED);

    if (blank || !t->info.initialized)
        return blank && !t->info.initialized && t->module == m &&
               t->slot == s->slot;
    return token_is_still(t, &s->info);
}

static struct token *
find_or_add(struct token_store *store, struct module *m,
            const struct slot_seen *s)
{
    size_t known = 0, there = 0; /* of this module */

    for (size_t i = 0; i < store->token_count; i++) {
        struct token *t = store->tokens[i];

        pthread_mutex_lock(&t->mutex);
        bool same = same_token(t, m, s);
        known += t->module == m;
        there += t->module == m && t->info.present;
        pthread_mutex_unlock(&t->mutex);
        if (same)
            return t;
    }
    /* One module that tells of ever new ones leaves room to the others. */
    if (store->token_count == LIMIT_TOKENS || known >= LIMIT_TOKENS / 2 ||
        there >= LIMIT_MODULE_TOKENS)
        return NULL;
    struct token *t = token_new(store);
    if (t)
        store->tokens[store->token_count++] = t;
    return t;
}

static void
apply_seen(struct token *t, struct module *m, const struct slot_seen *s)
{
    pthread_mutex_lock(&t->mutex);
    bool elsewhere = t->info.present && t->module != m;
    if (!elsewhere) {
        if (t->module != m || t->slot != s->slot)
            token_forget_sessions(t);
        t->module = m;
        t->slot = s->slot;
        t->info.insertion += !t->info.present;
        t->info.present = true;
        strcpy(t->info.module, m->name);
        token_apply_info(t, &s->info);
    }
    pthread_mutex_unlock(&t->mutex);
}

static void
apply_gone(struct token *t, const struct module *m,
           const struct slot_seen *seen, size_t count)
{
    bool found = false;

    pthread_mutex_lock(&t->mutex);
    for (size_t i = 0; i < count; i++)
        found = found || (seen[i].failed ? t->slot == seen[i].slot
                                         : same_token(t, m, &seen[i]));
    if (t->module == m && t->info.present && !found) {
        t->info.present = false;
        token_forget_sessions(t);
    }
    pthread_mutex_unlock(&t->mutex);
}

void
store_apply_scan(struct module *m, const struct slot_seen *seen, size_t count)
{
    struct token_store *store = m->store;

    pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < store->token_count; i++)
        apply_gone(store->tokens[i], m, seen, count);
    for (size_t i = 0; i < count; i++) {
        struct token *t =
            seen[i].failed ? NULL : find_or_add(store, m, &seen[i]);

        if (t)
            apply_seen(t, m, &seen[i]);
    }
    pthread_mutex_unlock(&store->mutex);
}

static size_t
list_where(struct token_store *store, bool (*wanted)(const struct token *t),
           struct token **out, size_t room)
{
    size_t n = 0;

    pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < store->token_count; i++) {
        struct token *t = store->tokens[i];

        pthread_mutex_lock(&t->mutex);
        if (wanted(t) && n++ < room)
            out[n - 1] = t;
        pthread_mutex_unlock(&t->mutex);
    }
    pthread_mutex_unlock(&store->mutex);
    return n;
}

static bool
is_present(const struct token *t)
{
    return t->info.present;
}

/* One that was never initialised had no keys. */
static bool
is_gone(const struct token *t)
{
    return t->info.initialized && !t->info.present;
}

size_t
token_store_list(struct token_store *store, struct token **out, size_t room)
{
    return list_where(store, is_present, out, room);
}

size_t
token_store_list_gone(struct token_store *store, struct token **out,
                      size_t room)
{
    return list_where(store, is_gone, out, room);
}

bool
token_label_is_shared(struct token *t)
{
    struct token *all[LIMIT_TOKENS];
    size_t n = token_store_list(t->store, all, LIMIT_TOKENS);
    struct token_info mine, other;
    bool shared = false;

    token_get_info(t, &mine);
    for (size_t i = 0; i < n && i < LIMIT_TOKENS; i++) {
        token_get_info(all[i], &other);
        shared =
            shared || (all[i] != t && strcmp(other.label, mine.label) == 0);
    }
    return shared;
}

void
store_forget_sessions(struct module *m)
{
    struct token_store *store = m->store;

    pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < store->token_count; i++) {
        struct token *t = store->tokens[i];

        pthread_mutex_lock(&t->mutex);
        if (t->module == m)
            token_forget_sessions(t);
        pthread_mutex_unlock(&t->mutex);
    }
    pthread_mutex_unlock(&store->mutex);
}

bool
store_has_login(struct module *m)
{
    struct token_store *store = m->store;
    bool has = false;

    pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < store->token_count; i++) {
        struct token *t = store->tokens[i];

        pthread_mutex_lock(&t->mutex);
        has = has || (t->module == m && t->info.logged_in);
        pthread_mutex_unlock(&t->mutex);
    }
    pthread_mutex_unlock(&store->mutex);
    return has;
}

bool
store_had_token(struct module *m, CK_SLOT_ID slot)
{
    struct token_store *store = m->store;
    bool had = false;

    pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < store->token_count; i++) {
        struct token *t = store->tokens[i];

        pthread_mutex_lock(&t->mutex);
        had = had || (t->module == m && t->slot == slot && t->info.initialized);
        pthread_mutex_unlock(&t->mutex);
    }
    pthread_mutex_unlock(&store->mutex);
    return had;
}
