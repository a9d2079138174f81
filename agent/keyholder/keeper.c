#include "agent/keyholder/keeper.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/keyholder/token_problem.h"

/* Under the mutex. A session that does not read must not hold up the others:
 * then it is not told. */
static void
send_notice(struct client *c, enum notice_kind kind)
{
    struct pollfd fd = {.fd = c->served.fd, .events = POLLOUT};
    struct notice n = {.kind = kind, .token = slice_text(c->notice_token)};

    if (!c->is_abandoned && poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT) &&
        !channel_notice(c->served.fd, c->message, &n))
        log_debug("session %llu could not be told",
                  (unsigned long long)c->session);
}

/* Under the mutex: tells all who are due, gives when the next one is. */
static int64_t
send_due(struct keyholder *k, int64_t now)
{
    int64_t due = INT64_MAX;

    for (size_t i = 0; i < LIMIT_CLIENTS; i++) {
        struct client *c = k->client[i];

        if (!c || c->notice_ms == 0)
            continue;
        if (c->notice_ms <= now) {
            c->notice_ms = 0;
            send_notice(c, NOTICE_TOUCH);
        } else if (c->notice_ms < due) {
            due = c->notice_ms;
        }
    }
    return due;
}

/* Under the mutex. */
static void
sleep_until(struct keyholder *k, int64_t due)
{
    struct timespec end = {.tv_sec = (time_t)(due / 1000),
                           .tv_nsec = (long)(due % 1000) * 1000000};

    k->keeper_due_ms = due;
    if (due == INT64_MAX)
        pthread_cond_wait(&k->wake, &k->mutex);
    else
        (void)pthread_cond_timedwait(&k->wake, &k->mutex, &end);
}

static void *
keeper_thread(void *arg)
{
    struct keyholder *k = arg;

    for (;;) {
        int64_t now = clock_ms();
        int64_t pins = kept_expire(&k->kept, now);
        int64_t consents = consent_expire(&k->consents, now);
        int64_t due = pins < consents ? pins : consents;
        int64_t notices;

        pthread_mutex_lock(&k->mutex);
        notices = send_due(k, now);
        due = notices < due ? notices : due;
        if (!k->keeper_again)
            sleep_until(k, due);
        k->keeper_again = false;
        k->keeper_due_ms = 0;
        pthread_mutex_unlock(&k->mutex);
    }
    return NULL;
}

bool
keeper_start(struct keyholder *k)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, keeper_thread, k) != 0)
        return false;
    pthread_detach(thread);
    return true;
}

void
keeper_wake(struct keyholder *k)
{
    pthread_mutex_lock(&k->mutex);
    k->keeper_again = true;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->mutex);
}

void
notice_begin(struct client *c, struct token *token)
{
    struct keyholder *k = c->keyholder;

    pthread_mutex_lock(&k->mutex);
    token_name(token, c->notice_token);
    c->notice_ms = clock_ms() + NOTICE_DELAY_MS;
    if (c->notice_ms < k->keeper_due_ms)
        pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->mutex);
}

void
notice_end(struct client *c)
{
    pthread_mutex_lock(&c->keyholder->mutex);
    c->notice_ms = 0;
    pthread_mutex_unlock(&c->keyholder->mutex);
}

void
notice_now(struct client *c, enum notice_kind kind, struct token *token)
{
    pthread_mutex_lock(&c->keyholder->mutex);
    token_name(token, c->notice_token);
    c->notice_ms = 0;
    send_notice(c, kind);
    pthread_mutex_unlock(&c->keyholder->mutex);
}
