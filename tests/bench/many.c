/*
 * smime-bench-many MODULE CLIENTS SECONDS TOKEN_A TOKEN_B  (the PIN on fd 9)
 *
 * So many clients at once, half of them with a key on each of two tokens:
 * signatures a second through the agent, and by as many threads of this
 * process that call the module themselves, in turns. Only the ratio of one
 * run counts. The keys: a@example.org and b@example.org, RSA-2048.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define ROUNDS       3
#define MOST_CLIENTS 64

struct worker {
    pthread_t thread;
    struct raw *raw;         /* its own session, or */
    struct signing *signing; /* its own connection */
    long done;
};

static atomic_int stop;

static void *
sign_raw(void *arg)
{
    struct worker *w = arg;

    while (!atomic_load(&stop)) {
        raw_sign(w->raw, 1);
        w->done++;
    }
    return NULL;
}

static void *
sign_agent(void *arg)
{
    struct worker *w = arg;

    while (!atomic_load(&stop)) {
        signing_run(w->signing);
        w->done++;
    }
    return NULL;
}

/* Signatures a second of all workers together. */
static double
run(struct worker *w, int count, double seconds, void *(*work)(void *))
{
    double from = now_us();
    long done = 0;

    atomic_store(&stop, 0);
    for (int i = 0; i < count; i++) {
        w[i].done = 0;
        if (pthread_create(&w[i].thread, NULL, work, &w[i]) != 0)
            die("no thread");
    }
    nanosleep(&(struct timespec){(time_t)seconds, 0}, NULL);
    atomic_store(&stop, 1);
    for (int i = 0; i < count; i++) {
        pthread_join(w[i].thread, NULL);
        done += w[i].done;
    }
    return (double)done / ((now_us() - from) / 1e6);
}

static void
worker_open(struct worker *w, struct raw *raw, const char *token,
            const char *from)
{
    w->raw = raw_session(raw, token);
    w->signing = signing_open(from);
}

int
main(int argc, char **argv)
{
    static struct worker worker[MOST_CLIENTS];
    char pin[64] = {0};
    struct raw *first;
    int clients, seconds;
    ssize_t n;

    if (argc != 6 || (n = read(9, pin, sizeof(pin) - 1)) <= 0)
        die("usage: MODULE CLIENTS SECONDS TOKEN_A TOKEN_B, PIN on fd 9");
    pin[strcspn(pin, "\n")] = '\0';
    clients = (int)strtol(argv[2], NULL, 10);
    seconds = (int)strtol(argv[3], NULL, 10);
    if (clients < 1 || clients > MOST_CLIENTS || seconds < 1)
        die("1 to %d clients, at least a second", MOST_CLIENTS);
    first = raw_open(argv[1], argv[4], pin);
    raw_login(first, argv[5], pin);
    for (int i = 0; i < clients; i++)
        worker_open(&worker[i], first, argv[4 + i % 2],
                    i % 2 ? "b@example.org" : "a@example.org");
    for (int i = 0; i < ROUNDS; i++) {
        double raw = run(worker, clients, seconds, sign_raw);
        double agent = run(worker, clients, seconds, sign_agent);

        printf("%d clients, two tokens, RSA-2048: raw %.0f a second, agent "
               "%.0f, %.2f of raw\n",
               clients, raw, agent, agent / raw);
    }
    return 0;
}
