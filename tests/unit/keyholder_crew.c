/* The threads that serve clients. */
#include <cmocka.h>
#include <poll.h>

#include "agent/base/mem.h"
#include "agent/keyholder/crew.h"

#define JOBS (3 * CREW_IDLE_MOST)

struct job {
    pthread_barrier_t *together; /* or NULL */
    pthread_t thread;
    int *done; /* atomic */
};

static void
work(void *arg)
{
    struct job *j = arg;

    j->thread = pthread_self();
    if (j->together)
        (void)pthread_barrier_wait(j->together);
    __atomic_add_fetch(j->done, 1, __ATOMIC_SEQ_CST);
}

static unsigned
idle_of(struct crew *c)
{
    unsigned idle;

    pthread_mutex_lock(&c->mutex);
    idle = c->idle;
    pthread_mutex_unlock(&c->mutex);
    return idle;
}

static void
wait_idle(struct crew *c, unsigned idle)
{
    for (int i = 0; i < 2000 && idle_of(c) != idle; i++)
        (void)poll(NULL, 0, 5);
    assert_int_equal(idle_of(c), idle);
}

static void
wait_done(const int *done, int count)
{
    for (int i = 0;
         i < 2000 && __atomic_load_n(done, __ATOMIC_SEQ_CST) != count; i++)
        (void)poll(NULL, 0, 5);
    assert_int_equal(__atomic_load_n(done, __ATOMIC_SEQ_CST), count);
}

/* Whatever waits, and whatever is handed to those that wait. */
static void
jobs_that_wait_for_each_other_all_have_a_thread(void **state)
{
    static struct crew crew; /* its threads stay */
    static int done;
    pthread_barrier_t together;
    struct job job[JOBS];

    (void)state;
    crew_init(&crew, work);
    for (int round = 1; round <= 3; round++) {
        pthread_barrier_init(&together, NULL, JOBS);
        for (int i = 0; i < JOBS; i++) {
            job[i] = (struct job){.together = &together, .done = &done};
            assert_true(crew_run(&crew, &job[i]));
        }
        wait_done(&done, round * JOBS);
        pthread_barrier_destroy(&together);
    }
    wait_idle(&crew, CREW_IDLE_MOST); /* the others ended */
}

static void
a_thread_that_is_done_takes_the_next_job(void **state)
{
    static struct crew crew;
    static int done;
    struct job first = {.done = &done}, second = {.done = &done};

    (void)state;
    crew_init(&crew, work);
    assert_true(crew_run(&crew, &first));
    wait_done(&done, 1);
    wait_idle(&crew, 1);
    assert_true(crew_run(&crew, &second));
    wait_done(&done, 2);
    assert_true(pthread_equal(first.thread, second.thread));
    wait_idle(&crew, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_that_wait_for_each_other_all_have_a_thread),
        cmocka_unit_test(a_thread_that_is_done_takes_the_next_job),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
