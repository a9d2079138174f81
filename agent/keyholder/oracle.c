#include "agent/keyholder/oracle.h"

void
oracle_init(struct oracle *o)
{
    o->spent = 0;
    o->since_ms = 0;
    pthread_mutex_init(&o->mutex, NULL);
}

/* Under the mutex: what time has given back. */
static void
recover(struct oracle *o, int64_t now)
{
    int64_t back = (now - o->since_ms) / LIMIT_RAW_FAILURE_MS;

    if (o->spent == 0 || back >= (int64_t)o->spent) {
        o->spent = 0;
        o->since_ms = now;
        return;
    }
    o->spent -= (unsigned)back;
    o->since_ms += back * LIMIT_RAW_FAILURE_MS;
}

bool
oracle_begin(struct oracle *o, int64_t now, unsigned *out_wait_s)
{
    bool may;

    pthread_mutex_lock(&o->mutex);
    recover(o, now);
    may = o->spent < LIMIT_RAW_FAILURES;
    if (may)
        o->spent++;
    else
        *out_wait_s =
            (unsigned)((o->since_ms + LIMIT_RAW_FAILURE_MS - now + 999) / 1000);
    pthread_mutex_unlock(&o->mutex);
    return may;
}

void
oracle_succeeded(struct oracle *o)
{
    pthread_mutex_lock(&o->mutex);
    if (o->spent > 0)
        o->spent--;
    pthread_mutex_unlock(&o->mutex);
}
