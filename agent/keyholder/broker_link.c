#include "agent/keyholder/broker_link.h"

#include <time.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/wire/packet.h"

#define SPAWN_TIMEOUT_S 10

void
broker_link_init(struct broker_link *link, int fd)
{
    pthread_condattr_t attr;

    memset(link, 0, sizeof(*link));
    link->fd = fd;
    link->helper = -1;
    pthread_mutex_init(&link->turn, NULL);
    pthread_mutex_init(&link->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&link->answered, &attr);
    pthread_condattr_destroy(&attr);
}

/* Under the mutex: until the answer, the broker's end, or the deadline. */
static void
wait_for_answer(struct broker_link *link)
{
    struct timespec end;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += SPAWN_TIMEOUT_S;
    while (!link->done && !link->closed)
        if (pthread_cond_timedwait(&link->answered, &link->mutex, &end) != 0)
            break;
    if (!link->done)
        link->stale++;
    link->waiting = false;
}

/* With a descriptor when OUT wants one. */
static enum err
ask(struct broker_link *link, const struct spawn *request, int fd, int *out,
    struct problem *p)
{
    enum err e;

    pthread_mutex_lock(&link->turn);
    pthread_mutex_lock(&link->mutex);
    link->done = false;
    link->waiting = true;
    link->wants_fd = out != NULL;
    if (link->closed ||
        !channel_send(link->fd, MSG_SPAWN, request, &fd, fd >= 0))
        link->waiting = false;
    else
        wait_for_answer(link);
    if (!link->done)
        e = fail(p, ERR_KEYHOLDER_LOST, NULL);
    else if (link->problem.code != ERR_OK)
        e = (*p = link->problem).code;
    else
        e = ERR_OK;
    if (e == ERR_OK && out)
        *out = fd_take(&link->helper);
    link->done = false;
    pthread_mutex_unlock(&link->mutex);
    pthread_mutex_unlock(&link->turn);
    return e;
}

enum err
broker_spawn(struct broker_link *link, enum helper which, int *out,
             struct problem *p)
{
    const struct spawn request = {.helper = which};

    return ask(link, &request, -1, out, p);
}

enum err
broker_serve(struct broker_link *link, const char *name, int fd,
             struct problem *p)
{
    const struct spawn request = {.helper = HELPER_MODULE,
                                  .name = slice_text(name)};

    return ask(link, &request, fd, NULL, p);
}

static void
take_answer(struct broker_link *link, struct frame *frame,
            const struct packet_header *h)
{
    pthread_mutex_lock(&link->mutex);
    if (link->stale > 0) {
        link->stale--; /* the frame closes its descriptor */
    } else if (link->waiting && !link->done) {
        link->problem = (struct problem){0};
        if (h->kind == PACKET_REPLY && frame->fd_count == link->wants_fd)
            link->helper = link->wants_fd ? fd_take(&frame->fds[0]) : -1;
        else if (h->kind == PACKET_PROBLEM)
            (void)packet_read_problem(frame, h->code, ERR_KEYHOLDER_LOST,
                                      &link->problem);
        else
            (void)fail(&link->problem, ERR_KEYHOLDER_LOST, NULL);
        link->done = true;
        pthread_cond_signal(&link->answered);
    }
    pthread_mutex_unlock(&link->mutex);
}

static bool
next_packet(struct broker_link *link, void (*wait)(void *arg, int fd),
            void *arg, struct frame *frame, struct packet_header *out)
{
    wait(arg, link->fd);
    return packet_receive(link->fd, frame, out) > 0;
}

bool
broker_link_run(struct broker_link *link, void (*wait)(void *arg, int fd),
                void (*attached)(void *arg, const struct attach *a,
                                 int channel),
                void *arg)
{
    AUTO(frame) struct frame frame;
    struct packet_header h;
    struct attach a;
    bool well = true;

    frame_init(&frame);
    while (well && next_packet(link, wait, arg, &frame, &h)) {
        if (h.kind == PACKET_REQUEST)
            well = h.message == MSG_ATTACH && frame.fd_count == 1 &&
                   record_decode(RECORD_attach, packet_body(&frame), &a);
        else
            well = h.message == MSG_SPAWN;
        if (well && h.kind == PACKET_REQUEST)
            attached(arg, &a, fd_take(&frame.fds[0]));
        else if (well)
            take_answer(link, &frame, &h);
    }
    pthread_mutex_lock(&link->mutex);
    link->closed = true;
    pthread_cond_broadcast(&link->answered);
    pthread_mutex_unlock(&link->mutex);
    return well;
}
