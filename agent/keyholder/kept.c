#include "agent/keyholder/kept.h"

#include "agent/base/fd.h"

/* A token that is taken out is noticed by whoever looks at the slots; here
 * it is asked for that often. */
#define LOOK_EVERY_MS 1000

void
kept_init(struct kept *k, const struct config_pin *policy)
{
    memset(k, 0, sizeof(*k));
    k->policy = policy;
    pthread_mutex_init(&k->mutex, NULL);
}

/* Under the mutex, as all that follow until the next line of dashes. */
static struct kept_one *
find(struct kept *k, struct token *t)
{
    for (size_t i = 0; i < LIMIT_KEPT; i++)
        if (k->one[i].token == t)
            return &k->one[i];
    return NULL;
}

/* More tokens than the store ever holds do not come; then none is kept. */
static struct kept_one *
find_or_add(struct kept *k, struct token *t)
{
    struct kept_one *one = find(k, t);

    if (!one && (one = find(k, NULL)))
        one->token = t;
    return one;
}

static void
forget(struct kept_one *one)
{
    secret_drop(&one->pin);
    memset(one, 0, sizeof(*one));
}

/* Until when the PIN may be used; INT64_MIN when its token is out. */
static int64_t
end_of(const struct kept *k, const struct kept_one *one)
{
    int64_t idle = one->used_ms + (int64_t)k->policy->idle_s * 1000;
    int64_t limit = one->typed_ms + (int64_t)k->policy->limit_s * 1000;
    struct token_info info;

    token_get_info(one->token, &info);
    if (!k->policy->over_removal &&
        (!info.present || info.insertion != one->insertion))
        return INT64_MIN;
    return idle < limit ? idle : limit;
}

/* ---- what others call ---------------------------------------------------- */

void
kept_save(struct kept *k, struct token *t, struct slice pin, int64_t typed_ms)
{
    struct kept_one *one;
    struct token_info info;

    pthread_mutex_lock(&k->mutex);
    one = find_or_add(k, t);
    if (one) {
        one->used_ms = clock_ms();
        one->typed_ms = typed_ms ? typed_ms : one->used_ms;
        secret_drop(&one->pin);
    }
    if (one && k->policy->cache && pin.n > 0 && pin.n <= LIMIT_SECRET_BYTES) {
        token_get_info(t, &info);
        one->insertion = info.insertion;
        one->pin = secret_copy(pin.p, pin.n);
    }
    pthread_mutex_unlock(&k->mutex);
}

bool
kept_take(struct kept *k, struct token *t, struct secret **out,
          int64_t *out_typed_ms)
{
    struct kept_one *one;
    bool found;

    pthread_mutex_lock(&k->mutex);
    one = find(k, t);
    found = one && one->pin && clock_ms() < end_of(k, one);
    if (found) {
        *out = TAKE(one->pin);
        *out_typed_ms = one->typed_ms;
    } else if (one) {
        secret_drop(&one->pin);
    }
    pthread_mutex_unlock(&k->mutex);
    return found;
}

void
kept_touch(struct kept *k, struct token *t)
{
    struct kept_one *one;

    pthread_mutex_lock(&k->mutex);
    if ((one = find_or_add(k, t)))
        one->used_ms = clock_ms();
    pthread_mutex_unlock(&k->mutex);
}

int64_t
kept_used_ms(struct kept *k, struct token *t)
{
    const struct kept_one *one;
    int64_t used;

    pthread_mutex_lock(&k->mutex);
    one = find(k, t);
    used = one ? one->used_ms : 0;
    pthread_mutex_unlock(&k->mutex);
    return used;
}

void
kept_forget(struct kept *k, struct token *t)
{
    pthread_mutex_lock(&k->mutex);
    for (size_t i = 0; i < LIMIT_KEPT; i++)
        if (k->one[i].token && (!t || k->one[i].token == t))
            forget(&k->one[i]);
    pthread_mutex_unlock(&k->mutex);
}

int64_t
kept_expire(struct kept *k, int64_t now)
{
    int64_t due = INT64_MAX;

    pthread_mutex_lock(&k->mutex);
    for (size_t i = 0; i < LIMIT_KEPT; i++) {
        struct kept_one *one = &k->one[i];
        int64_t end = one->pin ? end_of(k, one) : INT64_MAX;

        if (end <= now)
            secret_drop(&one->pin);
        else if (end < due)
            due = end;
    }
    pthread_mutex_unlock(&k->mutex);
    return due == INT64_MAX || due < now + LOOK_EVERY_MS ? due
                                                         : now + LOOK_EVERY_MS;
}

int64_t
kept_left_ms(struct kept *k, struct token *t, int64_t now)
{
    const struct kept_one *one;
    int64_t end = 0;

    pthread_mutex_lock(&k->mutex);
    one = find(k, t);
    if (one && one->pin)
        end = end_of(k, one);
    pthread_mutex_unlock(&k->mutex);
    return end > now ? end - now : 0;
}

void
kept_drop(struct kept *k)
{
    kept_forget(k, NULL);
    pthread_mutex_destroy(&k->mutex);
}
