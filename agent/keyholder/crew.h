/*
 * The threads that serve clients. One that is done waits for the next client:
 * a new thread would be queued for the processor behind whatever else begins
 * then, a session's process above all; one that is woken goes before it. Runs
 * in smime-keyholder; from any thread.
 */
#ifndef AGENT_KEYHOLDER_CREW_H
#define AGENT_KEYHOLDER_CREW_H

#include <pthread.h>
#include <stdbool.h>

#define CREW_IDLE_MOST 4 /* threads that wait; more end when they are done */

struct crew {
    pthread_mutex_t mutex;
    pthread_cond_t wanted;
    void (*work)(void *job);
    void *job[CREW_IDLE_MOST]; /* each has a thread that waits */
    unsigned jobs;
    unsigned idle;
};

/* WORK is what the threads do with a job. */
void crew_init(struct crew *c, void (*work)(void *job));

/* Has JOB (taken when there is one) done in a thread of its own. False: there
 * is no thread for it. */
bool crew_run(struct crew *c, void *job);

#endif
