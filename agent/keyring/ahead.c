/*
 * Requests of sessions, one after the other; the next ones are taken already
 * where the validator has no more to do for this one, so that it judges them
 * while what was learned is stored, and always has one to go on with.
 */
#include <errno.h>
#include <poll.h>

#include "agent/base/fd.h"
#include "agent/keyring/keyring.h"

/* Until what else waits is looked at: the broker, and those who wait for a
 * commit. */
#define AHEAD_IN_A_ROW 32

struct asked *
keyring_asked(struct keyring *k, size_t n)
{
    return &k->asked[(k->turn + n) % ARRAY_COUNT(k->asked)];
}

/* ---- taking -------------------------------------------------------------- */

/* How it has narrowed itself, which it did before what it asks now. False: in
 * a way that it may not. */
static bool
narrowings_take(struct keyring *k, size_t i, struct asked *out)
{
    struct served *s = &k->session[i];
    int asking = s->fd;
    enum received got;

    s->fd = k->narrowing[i];
    do {
        errno = 0; /* as a closed end leaves it */
        got = channel_receive(s, &out->frame, &out->m, &out->record);
    } while (got == RECEIVED_REQUEST && out->m == MSG_NARROW);
    s->fd = asking;
    return got == RECEIVED_EOF && (errno == 0 || errno == EAGAIN);
}

static bool
request_take(struct keyring *k, size_t i, struct asked *out)
{
    enum received got = RECEIVED_BROKEN;

    k->served |= (uint64_t)1 << i;
    out->session = i;
    out->is_judged = false;
    if (narrowings_take(k, i, out))
        got =
            channel_receive(&k->session[i], &out->frame, &out->m, &out->record);
    switch (got) {
    case RECEIVED_REQUEST:
        return true;
    case RECEIVED_REFUSED:
        break;
    case RECEIVED_EOF:
    case RECEIVED_BROKEN:
        keyring_session_drop(k, i);
        break;
    }
    for (int n = 0; n < out->frame.fd_count; n++)
        fd_drop(&out->frame.fds[n]);
    return false;
}

static bool
is_taken(struct keyring *k, size_t i)
{
    for (size_t n = k->is_answering ? 0 : 1; n <= k->ahead; n++)
        if (keyring_asked(k, n)->session == i)
            return true;
    return false;
}

static bool
may_ask(struct keyring *k, size_t i)
{
    return k->session[i].fd >= 0 && !k->later[i].waits &&
           !keyring_copies(k, i) && !directory_waits(k, &k->session[i]) &&
           !is_taken(k, i);
}

/* The next one that has said something; LIMIT_SESSIONS: there is none. */
static size_t
who_asks(struct keyring *k)
{
    size_t of[LIMIT_SESSIONS], n = 0,
                               last = keyring_asked(k, k->ahead)->session;
    struct pollfd fds[LIMIT_SESSIONS];

    for (size_t d = 1; d <= LIMIT_SESSIONS; d++) {
        size_t i = (last + d) % LIMIT_SESSIONS;

        if (!may_ask(k, i))
            continue;
        of[n] = i;
        fds[n++] = (struct pollfd){.fd = k->session[i].fd, .events = POLLIN};
    }
    if (n > 0 && poll(fds, n, 0) > 0)
        for (size_t i = 0; i < n; i++)
            if (fds[i].revents)
                return of[i];
    return LIMIT_SESSIONS;
}

/* What asks the validator itself finds nothing of others before its turn. */
static bool
may_look(struct keyring *k)
{
    return k->ahead < KEYRING_AHEAD &&
           k->in_a_row + k->ahead < AHEAD_IN_A_ROW &&
           (k->ahead == 0 || keyring_asked(k, k->ahead)->is_judged);
}

void
keyring_look_ahead(struct keyring *k)
{
    while (may_look(k)) {
        struct asked *next = keyring_asked(k, k->ahead + 1);
        size_t i = who_asks(k);

        if (i == LIMIT_SESSIONS || !request_take(k, i, next))
            return;
        k->ahead++;
        next->is_judged = next->m == MSG_VERIFY &&
                          keyring_verify_ahead(k, &k->brought[i],
                                               &next->record.verify_request);
        next->validator = k->validators;
    }
}

/* ---- answering ----------------------------------------------------------- */

static void
one_answer(struct keyring *k)
{
    struct asked *now = keyring_asked(k, 0);
    bool going;

    k->is_answering = true;
    going = keyring_request(k, now);
    k->is_answering = false;
    if (now->is_judged)
        bug("a verdict that nobody took");
    /* None is kept until the next packet. */
    for (int n = 0; n < now->frame.fd_count; n++)
        fd_drop(&now->frame.fds[n]);
    if (!going)
        keyring_session_drop(k, now->session);
}

void
keyring_ahead_serve(struct keyring *k)
{
    for (; k->ahead > 0; k->in_a_row++) {
        k->ahead--;
        k->turn = (k->turn + 1) % ARRAY_COUNT(k->asked);
        one_answer(k);
    }
    k->in_a_row = 0;
}

void
keyring_session_serve(struct keyring *k, size_t i)
{
    if (!request_take(k, i, keyring_asked(k, 0)))
        return;
    one_answer(k);
    keyring_ahead_serve(k);
}
