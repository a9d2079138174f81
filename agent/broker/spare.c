#include "agent/broker/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/wire/channel.h"

#define FIRST_DELAY_MS   100
#define LONGEST_DELAY_MS 5000

void
spares_init(struct spares *all)
{
    *all = (struct spares){.refill_at = INT64_MAX};
    for (int i = 0; i < SPARE_COUNT; i++) {
        all->ctl[i] = -1;
        all->wires[i] = (struct wires){{-1, -1}, {-1, -1}, {-1, -1}};
    }
}

void
wires_drop(struct wires *w)
{
    for (int i = 0; i < 2; i++) {
        fd_drop(&w->keyholder[i]);
        fd_drop(&w->keyring[i]);
        fd_drop(&w->narrowing[i]);
    }
}

static bool
wires_make(struct wires *out)
{
    wires_drop(out); /* of a fork that failed */
    if (channel_pair(out->keyholder) && channel_pair(out->keyring) &&
        channel_pair(out->narrowing))
        return true;
    wires_drop(out);
    return false;
}

bool
spare_fork(struct spares *all, int zygote, int *out)
{
    AUTO(fd) int ours = -1;
    AUTO(fd) int theirs = -1;
    int pair[2];
    int place = 0;

    while (place < SPARE_COUNT && all->ctl[place] >= 0)
        place++;
    if (place == SPARE_COUNT)
        return false;
    if (!wires_make(&all->wires[place]) || !channel_pair(pair)) {
        log_error("no channel for a session: %s", strerror(errno));
        return false;
    }
    ours = pair[0];
    theirs = pair[1];
    if (fcntl(ours, F_SETFL, O_NONBLOCK) != 0 ||
        !channel_send(zygote, MSG_FORK, NULL, &theirs, 1)) {
        log_error("the zygote takes no request: %s", strerror(errno));
        return false;
    }
    all->ctl[place] = fd_take(&ours);
    *out = place;
    return true;
}

int
spare_find(const struct spares *all)
{
    for (int i = 0; i < SPARE_COUNT; i++)
        if (all->ctl[i] >= 0)
            return i;
    return -1;
}

int
spares_count(const struct spares *all)
{
    int count = 0;

    for (int i = 0; i < SPARE_COUNT; i++)
        count += all->ctl[i] >= 0;
    return count;
}

bool
spares_are_full(const struct spares *all)
{
    return spares_count(all) == SPARE_COUNT;
}

void
spares_want(struct spares *all, int64_t when)
{
    if (when < all->not_before)
        when = all->not_before;
    if (when < all->refill_at)
        all->refill_at = when;
}

void
spare_died(struct spares *all, int place, int64_t now)
{
    int64_t delay = FIRST_DELAY_MS;

    fd_drop(&all->ctl[place]);
    wires_drop(&all->wires[place]);
    for (int i = 0; i < all->failures && delay < LONGEST_DELAY_MS; i++)
        delay *= 2;
    if (delay > LONGEST_DELAY_MS)
        delay = LONGEST_DELAY_MS;
    all->failures++;
    all->not_before = now + delay;
    all->refill_at = all->not_before;
}

void
spares_recover(struct spares *all)
{
    all->failures = 0;
    all->not_before = 0;
}

void
spares_drop(struct spares *all)
{
    for (int i = 0; i < SPARE_COUNT; i++) {
        fd_drop(&all->ctl[i]);
        wires_drop(&all->wires[i]);
    }
}
