/*
 * smime-bench-slow SECONDS FAST SLOW   (addresses of senders)
 *
 * A key on each of two tokens, one of which takes long: the p50 of signatures
 * by the fast one alone and while the slow one is at work all the time, in
 * turns. Only the ratio of one run counts.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/bench.h"

#define ROUNDS 3

static atomic_int stop;
static struct samples slow_ones;

static void *
sign_slowly(void *arg)
{
    while (!atomic_load(&stop)) {
        double from = now_us();

        signing_run(arg);
        samples_add(&slow_ones, now_us() - from);
    }
    return NULL;
}

static double
p50_of(struct signing *s, int seconds)
{
    static struct samples all;
    double end = now_us() + seconds * 1e6;

    all.count = 0;
    while (now_us() < end) {
        double from = now_us();

        signing_run(s);
        samples_add(&all, now_us() - from);
    }
    return samples_p50(&all);
}

int
main(int argc, char **argv)
{
    struct signing *fast, *slow;
    int seconds = argc == 4 ? (int)strtol(argv[1], NULL, 10) : 0;

    if (seconds < 1)
        die("usage: SECONDS FAST SLOW");
    fast = signing_open(argv[2]);
    slow = signing_open(argv[3]);
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread;
        double alone = p50_of(fast, seconds), beside;

        atomic_store(&stop, 0);
        slow_ones.count = 0;
        if (pthread_create(&thread, NULL, sign_slowly, slow) != 0)
            die("no thread");
        beside = p50_of(fast, seconds);
        atomic_store(&stop, 1);
        pthread_join(thread, NULL);
        printf("fast token alone: p50 %.2f ms; while another takes %.0f ms a "
               "signature (%zu of them): p50 %.2f ms, %.2f times as long\n",
               alone / 1e3, samples_p50(&slow_ones) / 1e3, slow_ones.count,
               beside / 1e3, beside / alone);
    }
    return 0;
}
