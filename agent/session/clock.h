/*
 * The time of day under the session's sandbox.
 */
#ifndef AGENT_SESSION_CLOCK_H
#define AGENT_SESSION_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Seconds since 1970. Not time(): where the kernel offers no vDSO that is a
 * system call of its own, which the sandbox does not have. */
static inline uint64_t
clock_now(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0;
}

#endif
