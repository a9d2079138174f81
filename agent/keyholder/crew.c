#include "agent/keyholder/crew.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"

void
crew_init(struct crew *c, void (*work)(void *job))
{
    memset(c, 0, sizeof(*c));
    c->work = work;
    pthread_mutex_init(&c->mutex, NULL);
    pthread_cond_init(&c->wanted, NULL);
}

/* Waits for the next job; NULL: enough others wait. */
static void *
next_job(struct crew *c)
{
    void *job = NULL;

    pthread_mutex_lock(&c->mutex);
    if (c->idle < CREW_IDLE_MOST) {
        c->idle++;
        while (c->jobs == 0)
            pthread_cond_wait(&c->wanted, &c->mutex);
        job = c->job[--c->jobs];
        c->idle--;
    }
    pthread_mutex_unlock(&c->mutex);
    return job;
}

struct member {
    struct crew *crew;
    void *job; /* the first one */
};

static void *
member_thread(void *arg)
{
    struct member m = *(struct member *)arg;

    free(arg);
    while (m.job) {
        m.crew->work(m.job);
        m.job = next_job(m.crew);
    }
    return NULL;
}

static bool
member_start(struct crew *c, void *job)
{
    struct member *m = mem_new(sizeof(*m));
    pthread_attr_t attr;
    pthread_t thread;
    bool runs;

    *m = (struct member){c, job};
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    runs = pthread_create(&thread, &attr, member_thread, m) == 0;
    pthread_attr_destroy(&attr);
    if (!runs)
        free(m);
    return runs;
}

bool
crew_run(struct crew *c, void *job)
{
    bool handed;

    pthread_mutex_lock(&c->mutex);
    handed = c->jobs < c->idle;
    if (handed)
        c->job[c->jobs++] = job;
    pthread_mutex_unlock(&c->mutex);
    if (!handed)
        return member_start(c, job);
    pthread_cond_signal(&c->wanted);
    return true;
}
