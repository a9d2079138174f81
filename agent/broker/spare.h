/*
 * Sessions forked ahead of need. Each is known by its control channel; the
 * zygote forks it with that channel's other end.
 */
#ifndef AGENT_BROKER_SPARE_H
#define AGENT_BROKER_SPARE_H

#include <stdbool.h>
#include <stdint.h>

#define SPARE_COUNT 4

/* A session's channels, before anybody is told of them. */
struct wires {
    int keyholder[2]; /* the child's end, the session's end */
    int keyring[2];
    int narrowing[2]; /* the keyring's too */
};
void wires_drop(struct wires *w);

struct spares {
    int ctl[SPARE_COUNT]; /* -1: empty */
    struct wires wires[SPARE_COUNT];
    int64_t refill_at;  /* clock_ms; INT64_MAX: nothing to do */
    int64_t not_before; /* no fork earlier: spares died unused */
    int failures;       /* how many, in a row */
};

void spares_init(struct spares *all);

/* Has one more forked by the zygote on channel ZYGOTE. Gives its place in
 * *out; false when it cannot be now. */
bool spare_fork(struct spares *all, int zygote, int *out);

/* The place of one that can be taken, or -1. */
int spare_find(const struct spares *all);
int spares_count(const struct spares *all);
bool spares_are_full(const struct spares *all);

/* Asks for a refill at WHEN, unless one is due earlier; later when spares
 * have died unused. */
void spares_want(struct spares *all, int64_t when);

/* The spare at PLACE ended before it was used. */
void spare_died(struct spares *all, int place, int64_t now);

/* All is well: a spare was used, or the zygote is a new one. */
void spares_recover(struct spares *all);

void spares_drop(struct spares *all);

#endif
