#include "agent/keyholder/failures.h"

void
failures_init(struct failures *all, const struct config_decrypt *policy)
{
    memset(all, 0, sizeof(*all));
    all->policy = policy;
    pthread_mutex_init(&all->mutex, NULL);
}

/* ---- under the mutex ------------------------------------------------------
 */

static struct failed_key *
find(struct failures *all, const struct token *token, struct slice id)
{
    for (size_t i = 0; i < LIMIT_FAILED_KEYS; i++) {
        struct failed_key *k = &all->key[i];

        if (k->token == token && slice_equal(slice_of(k->id, k->id_len), id))
            return k;
    }
    return NULL;
}

static int64_t
last_of(const struct failed_key *k)
{
    return k->at_ms[(k->next + LIMIT_DECRYPT_FAILURES - 1) %
                    LIMIT_DECRYPT_FAILURES];
}

/* A free one, else that whose last failure is longest ago. */
static struct failed_key *
room_find(struct failures *all)
{
    struct failed_key *oldest = &all->key[0];

    for (size_t i = 0; i < LIMIT_FAILED_KEYS; i++) {
        if (!all->key[i].token)
            return &all->key[i];
        if (last_of(&all->key[i]) < last_of(oldest))
            oldest = &all->key[i];
    }
    return oldest;
}

/* How many lie within the window; *first_ms: the oldest of them. */
static unsigned
count_recent(const struct failures *all, const struct failed_key *k,
             int64_t now_ms, int64_t *first_ms)
{
    int64_t since = now_ms - (int64_t)all->policy->window_s * 1000;
    unsigned n = 0;

    *first_ms = now_ms;
    for (unsigned i = 0; k && i < k->count; i++)
        if (k->at_ms[i] > since) {
            n++;
            if (k->at_ms[i] < *first_ms)
                *first_ms = k->at_ms[i];
        }
    return n;
}

static void
add(struct failures *all, struct token *token, struct slice id, int64_t now_ms)
{
    struct failed_key *k = find(all, token, id);

    if (!k) {
        k = room_find(all);
        memset(k, 0, sizeof(*k));
        k->token = token;
        memcpy(k->id, id.p, id.n);
        k->id_len = id.n;
    }
    k->at_ms[k->next] = now_ms;
    k->next = (k->next + 1) % LIMIT_DECRYPT_FAILURES;
    if (k->count < LIMIT_DECRYPT_FAILURES)
        k->count++;
}

/* ---- what others call ---------------------------------------------------- */

static unsigned
count_mine(const struct attempts *mine, const struct token *token,
           struct slice id)
{
    unsigned n = 0;

    for (unsigned i = 0; i < mine->count; i++)
        n += mine->one[i].token == token &&
             slice_equal(slice_of(mine->one[i].id, mine->one[i].id_len), id);
    return n;
}

enum err
failures_check(struct failures *all, const struct attempts *mine,
               struct token *token, struct slice id, int64_t now_ms,
               struct problem *p)
{
    const struct config_decrypt *policy = all->policy;
    int64_t first_ms, wait_s;
    unsigned n;

    if (policy->failures == 0)
        return ERR_OK;
    pthread_mutex_lock(&all->mutex);
    n = count_recent(all, find(all, token, id), now_ms, &first_ms) +
        count_mine(mine, token, id);
    pthread_mutex_unlock(&all->mutex);
    if (n < policy->failures)
        return ERR_OK;
    wait_s =
        (first_ms - now_ms + (int64_t)policy->window_s * 1000 + 999) / 1000;
    return fail(p, ERR_TOO_MANY_FAILURES,
                "%u in %u seconds; it decrypts again in %lld seconds", n,
                policy->window_s, (long long)wait_s);
}

void
attempts_fail(struct attempts *mine, struct failures *all, int64_t now_ms)
{
    pthread_mutex_lock(&all->mutex);
    for (unsigned i = 0; i < mine->count; i++)
        add(all, mine->one[i].token,
            slice_of(mine->one[i].id, mine->one[i].id_len), now_ms);
    pthread_mutex_unlock(&all->mutex);
    mine->count = 0;
}

void
attempts_add(struct attempts *mine, struct failures *all, struct token *token,
             struct slice id, int64_t now_ms)
{
    if (id.n > sizeof(mine->one[0].id))
        bug("a key's id that is too long");
    if (mine->count == LIMIT_KEY_TRIES)
        attempts_fail(mine, all, now_ms);
    mine->one[mine->count].token = token;
    memcpy(mine->one[mine->count].id, id.p, id.n);
    mine->one[mine->count].id_len = id.n;
    mine->count++;
}
