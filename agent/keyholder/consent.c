#include "agent/keyholder/consent.h"

#include <stdio.h>

#include "agent/base/fd.h"

void
consents_init(struct consents *all, const struct config_consent *policy)
{
    memset(all, 0, sizeof(*all));
    all->policy = policy;
    pthread_mutex_init(&all->mutex, NULL);
}

/* Under the mutex, as all that follow until the next line of dashes. */
static void
end_one(struct consent *one)
{
    secret_drop(&one->pin);
    memset(one, 0, sizeof(*one));
}

static bool
is_over(const struct consent *one, int64_t now)
{
    struct token_info info;

    token_get_info(one->token, &info);
    return now >= one->end_ms || !info.present ||
           info.insertion != one->insertion;
}

static struct consent *
find(struct consents *all, const struct consent_about *about)
{
    for (size_t i = 0; i < LIMIT_CONSENTS; i++) {
        struct consent *one = &all->one[i];

        if (one->token == about->token && one->operation == about->operation &&
            slice_equal(slice_of(one->id, one->id_len), about->id) &&
            strcmp(one->program, about->program) == 0)
            return one;
    }
    return NULL;
}

/* When there is no room, whoever would end next ends now. */
static struct consent *
room_find(struct consents *all)
{
    struct consent *oldest = &all->one[0];

    for (size_t i = 0; i < LIMIT_CONSENTS; i++) {
        if (!all->one[i].token)
            return &all->one[i];
        if (all->one[i].end_ms < oldest->end_ms)
            oldest = &all->one[i];
    }
    end_one(oldest);
    return oldest;
}

/* ---- what others call ---------------------------------------------------- */

bool
consent_use(struct consents *all, const struct consent_about *about,
            struct secret **out_pin)
{
    struct consent *one;
    bool holds;

    pthread_mutex_lock(&all->mutex);
    one = find(all, about);
    if (one && is_over(one, clock_ms())) {
        end_one(one);
        one = NULL;
    }
    holds = one && (!out_pin || one->pin);
    if (holds && out_pin) {
        struct slice pin = secret_slice(one->pin);

        *out_pin = secret_copy(pin.p, pin.n);
    }
    if (holds && one->uses_left > 0 && --one->uses_left == 0)
        end_one(one);
    pthread_mutex_unlock(&all->mutex);
    return holds;
}

uint64_t
consent_count(struct consents *all)
{
    uint64_t n;

    pthread_mutex_lock(&all->mutex);
    n = all->forgotten;
    pthread_mutex_unlock(&all->mutex);
    return n;
}

static void
fill(struct consent *one, const struct consent_about *about, struct slice pin,
     const struct config_consent *policy)
{
    struct token_info info;

    token_get_info(about->token, &info);
    one->token = about->token;
    memcpy(one->id, about->id.p, about->id.n);
    one->id_len = about->id.n;
    snprintf(one->program, sizeof(one->program), "%s", about->program);
    one->operation = about->operation;
    one->insertion = info.insertion;
    /* The one that was asked for is the first of them. */
    one->uses_left = policy->count > 0 ? policy->count - 1 : 0;
    one->end_ms = clock_ms() + (int64_t)policy->window_s * 1000;
    if (pin.n > 0)
        one->pin = secret_copy(pin.p, pin.n);
}

void
consent_add(struct consents *all, const struct consent_about *about,
            struct slice pin)
{
    const struct config_consent *policy = all->policy;
    struct consent *one;

    if (policy->window_s == 0 || policy->count == 1 ||
        about->id.n > TOKEN_ID_BYTES || pin.n > LIMIT_SECRET_BYTES)
        return;
    pthread_mutex_lock(&all->mutex);
    if (all->forgotten == about->since) {
        one = find(all, about);
        if (one)
            end_one(one);
        else
            one = room_find(all);
        fill(one, about, pin, policy);
    }
    pthread_mutex_unlock(&all->mutex);
}

void
consent_forget(struct consents *all, const struct token *t)
{
    pthread_mutex_lock(&all->mutex);
    all->forgotten++;
    for (size_t i = 0; i < LIMIT_CONSENTS; i++)
        if (all->one[i].token && (!t || all->one[i].token == t))
            end_one(&all->one[i]);
    pthread_mutex_unlock(&all->mutex);
}

int64_t
consent_expire(struct consents *all, int64_t now)
{
    int64_t due = INT64_MAX;

    pthread_mutex_lock(&all->mutex);
    for (size_t i = 0; i < LIMIT_CONSENTS; i++) {
        struct consent *one = &all->one[i];

        if (one->token && is_over(one, now))
            end_one(one);
        else if (one->token && one->end_ms < due)
            due = one->end_ms;
    }
    pthread_mutex_unlock(&all->mutex);
    /* One whose token is taken out ends within a second. */
    return due == INT64_MAX || due < now + 1000 ? due : now + 1000;
}
