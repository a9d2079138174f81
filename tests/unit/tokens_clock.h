/*
 * The clock of tokens/, for tests of what becomes of calls that take too long:
 * whatever has a limit is given a minute, which no slow machine takes for a
 * call that is well, and clock_skip says that the minute is over. Tests that
 * include this are linked with --wrap for both functions below.
 */
#ifndef TESTS_UNIT_TOKENS_CLOCK_H
#define TESTS_UNIT_TOKENS_CLOCK_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "tests/unit/tokens_fixture.h"

#define MINUTE_MS 60000
#define SLICE_MS  10

int __real_clock_gettime(clockid_t which, struct timespec *out);
int __wrap_clock_gettime(clockid_t which, struct timespec *out);
int __real_pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m,
                                  const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m,
                                  const struct timespec *until);

static atomic_long clock_ahead_ms;  /* of the machine's clock */
static atomic_long clock_frozen_ms; /* it stands there; 0: it goes */

static long
machine_ms(void)
{
    struct timespec t;

    __real_clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

/* By the clock of tokens/. */
static long
store_ms(void)
{
    long frozen = clock_frozen_ms;

    return (frozen ? frozen : machine_ms()) + clock_ahead_ms;
}

static struct timespec
time_of(long ms)
{
    return (struct timespec){ms / 1000, ms % 1000 * 1000000};
}

int
__wrap_clock_gettime(clockid_t which, struct timespec *out)
{
    if (which != CLOCK_MONOTONIC)
        return __real_clock_gettime(which, out);
    *out = time_of(store_ms());
    return 0;
}

/* Wakes up now and then, to see whether the clock was set. */
int
__wrap_pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m,
                              const struct timespec *until)
{
    struct timespec soon = time_of(machine_ms() + SLICE_MS);
    int rc = __real_pthread_cond_timedwait(c, m, &soon);

    if (rc != ETIMEDOUT)
        return rc;
    return store_ms() >= until->tv_sec * 1000L + until->tv_nsec / 1000000
               ? ETIMEDOUT
               : 0;
}

static UNUSED void
clock_skip(long ms)
{
    clock_ahead_ms += ms;
}

static UNUSED void
clock_freeze(bool frozen)
{
    clock_frozen_ms = frozen ? machine_ms() : 0;
}

/* What never comes true ends the test, not sooner than a slow machine. */
#define WAIT_UNTIL(condition)                                                  \
    do {                                                                       \
        long end_ = machine_ms() + MINUTE_MS;                                  \
        while (!(condition) && machine_ms() < end_)                            \
            usleep(2000);                                                      \
        assert_true(condition);                                                \
    } while (0)

#endif
