/*
 * MSG_KEY_REMOVE, MSG_CHECK, MSG_CLEAN: what is taken off a token.
 */
#include <stdio.h>

#include "agent/base/limits.h"
#include "agent/keyholder/choice.h"
#include "agent/keyholder/reference.h"
#include "agent/keyholder/token_problem.h"
#include "agent/keyholder/unlock.h"
#include "tokens/write.h"

/* ---- removing a key ---------------------------------------------------- */

static void
find_label(struct token *t, struct slice id, char *out, size_t size)
{
    const struct token_identities *list = NULL;

    out[0] = '\0';
    if (token_identities_read(t, &list) != TOKENS_OK)
        return;
    for (size_t i = 0; i < list->count; i++)
        if (slice_equal(slice_of(list->all[i].id, list->all[i].id_len), id))
            snprintf(out, size, "%s", list->all[i].label);
    token_identities_drop(&list);
}

/* Objects out of sight would stay behind: a token that is locked is unlocked
 * first. */
static enum err
remove_found(struct client *c, struct token *t, struct slice id,
             uint32_t *out_count, struct problem *p)
{
    struct purpose why = {.token = t, .operation = "remove a key for good"};
    struct key_facts facts;
    enum err e = ERR_OK;
    enum tokens_err removed;
    size_t count = 0;

    if (key_facts_load(t, id, &facts))
        why.facts = &facts;
    else
        find_label(t, id, why.key, sizeof(why.key));
    if (unlock_is_needed(t))
        e = unlock_by_prompt(c, &why, NULL, p);
    if (e != ERR_OK)
        return e;
    removed = token_remove_identity(t, id.p, id.n, &count);
    if (removed != TOKENS_OK)
        return token_problem(removed, t, p);
    *out_count = (uint32_t)count;
    return ERR_OK;
}

enum err
key_remove(struct client *c, const struct key_choice *request,
           struct count_reply *out, struct problem *p)
{
    struct token *t = NULL;
    struct slice id = {0};
    enum err e = reference_find(c->keyholder->store, request->key, &t, &id, p);

    if (e == ERR_OK)
        e = remove_found(c, t, id, &out->count, p);
    client_audit(c, "remove", t, id, e);
    if (e == ERR_OK)
        remembered_refresh(&c->keyholder->remembered, t);
    return e;
}

/* ---- what a write left behind ------------------------------------------ */

/* One record for each token with something half-made; a token that fails
 * hides only its own. */
#define PENDING 16 /* tokens with a journal that are told of */

struct checking {
    struct buf *bytes;
    size_t end[LIMIT_LIST_ITEMS];
    size_t made, pending;
    char uri[PENDING][TOKEN_URI_BYTES];
};

/* What is more than an answer takes is told when the rest is in order. */
static void
add_record(struct checking *w, const struct check_record *record)
{
    if (w->made == LIMIT_LIST_ITEMS)
        return;
    record_encode(RECORD_check_record, record, w->bytes);
    w->end[w->made++] = w->bytes->len;
}

static void
add_check(struct checking *w, const char *token, const struct token_remains *r)
{
    struct check_record record = {.token = slice_text(token),
                                  .half_made = (uint32_t)r->half_made,
                                  .nameless = (uint32_t)r->nameless};

    add_record(w, &record);
}

static void
add_pending(void *arg, const char *uri)
{
    struct checking *w = arg;

    for (size_t i = 0; i < w->pending; i++)
        if (strcmp(w->uri[i], uri) == 0)
            return;
    if (w->pending == PENDING)
        return;
    snprintf(w->uri[w->pending++], TOKEN_URI_BYTES, "%s", uri);
    add_check(w, uri, &(struct token_remains){0});
}

/* ---- rules that mean no key ---------------------------------------------- */

static bool
token_has_key_of(struct token *t, const struct config_key *rule)
{
    const struct token_identities *list = NULL;
    bool has = false;

    if (token_identities_read(t, &list) != TOKENS_OK)
        return false;
    for (size_t i = 0; !has && i < list->count; i++) {
        const struct token_identity *k = &list->all[i];
        struct key_facts facts;

        has = (k->has_private || k->private_unknown) && k->id_len > 0 &&
              key_facts_load(t, slice_of(k->id, k->id_len), &facts) &&
              key_facts_have_rule(&facts, rule);
    }
    token_identities_drop(&list);
    return has;
}

/* Of a rule with a slip of the pen nobody hears otherwise: its key is used
 * without a question. */
static void
add_rules(struct checking *w, const struct config *config,
          struct token *const *all, size_t n)
{
    for (size_t i = 0; i < config->key_count; i++) {
        const struct config_key *rule = &config->key[i];
        struct check_record record = {.token = slice_text(rule->name),
                                      .rule = 1};
        bool has = false;

        for (size_t k = 0; !has && k < n; k++)
            has = token_has_key_of(all[k], rule);
        if (!has)
            add_record(w, &record);
    }
}

enum err
tokens_check(struct client *c, const struct page *request,
             struct list_reply *out, struct reply_room *room, struct problem *p)
{
    struct checking w = {.bytes = &room->bytes};
    struct token *all[LIMIT_TOKENS];
    size_t n = token_store_list(c->keyholder->store, all, LIMIT_TOKENS);
    size_t at = 0;

    (void)request;
    (void)p;
    for (size_t i = 0; i < n && i < LIMIT_TOKENS; i++) {
        char name[TOKEN_LABEL_BYTES];
        struct token_remains remains = {0};

        if (token_count_broken(all[i], false, &remains) != TOKENS_OK ||
            remains.half_made + remains.nameless == 0)
            continue;
        token_name(all[i], name);
        add_check(&w, name, &remains);
    }
    journals_pending(&c->keyholder->journals, add_pending, &w);
    add_rules(&w, &c->keyholder->config, all,
              n < LIMIT_TOKENS ? n : LIMIT_TOKENS);
    for (size_t i = 0; i < w.made; at = w.end[i++])
        if (!slice_list_add(&out->records,
                            slice_of(room->bytes.data + at, w.end[i] - at)))
            bug("a page of more records than a list takes");
    return ERR_OK;
}

static enum err
clean(struct client *c, struct token *t, uint32_t *out_count, struct problem *p)
{
    const struct purpose why = {.token = t,
                                .operation = "remove half-made keys"};
    struct token_remains before = {0}, left = {0};
    enum err e = ERR_OK;
    enum tokens_err done;

    if (unlock_is_needed(t))
        e = unlock_by_prompt(c, &why, NULL, p);
    if (e != ERR_OK)
        return e;
    done = token_count_broken(t, false, &before);
    if (done == TOKENS_OK && before.half_made > 0)
        done = token_count_broken(t, true, &left);
    if (done == TOKENS_OK && left.half_made > 0)
        done = TOKENS_FAILED;
    if (done != TOKENS_OK)
        return token_problem(done, t, p);
    *out_count = (uint32_t)before.half_made;
    return ERR_OK;
}

enum err
token_clean(struct client *c, const struct token_choice *request,
            struct count_reply *out, struct problem *p)
{
    struct token *t = NULL;
    enum err e = token_choose(c->keyholder->store, request->token, &t, p);

    if (e != ERR_OK)
        return e;
    e = clean(c, t, &out->count, p);
    client_audit(c, "clean", t, slice_of(NULL, 0), e);
    return e;
}
