#include "agent/broker/fetcher.h"

#include <errno.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/broker/helper.h"
#include "agent/fetcher/config.h"
#include "agent/wire/values.h"

/* False with errno. */
static bool
fetcher_start(const char *libexec, const struct places *places, pid_t *pid,
              int *out)
{
    char name[] = "smime-fetcher", option[] = "--config";
    char *argv[] = {
        name, option, places->config_system, option, places->config_user, NULL};

    return helper_spawn(libexec, argv, pid, out);
}

static void
start_or_say(struct helpers *all, const char *libexec,
             const struct places *places, struct fetcher *reply, int *out)
{
    pid_t *room = helpers_room(all);

    if (!room) {
        reply->state = DIRECTORY_CROWDED;
    } else if (fetcher_start(libexec, places, room, out)) {
        reply->state = DIRECTORY_OK;
    } else {
        log_error("smime-fetcher cannot be started: %s", strerror(errno));
        reply->state = DIRECTORY_FAILED;
    }
}

bool
fetcher_answer(struct helpers *all, int fd, const struct fetch *request,
               const char *libexec, const struct places *places)
{
    const char *files[] = {places->config_system, places->config_user};
    struct fetcher reply = {.ticket = request->ticket, .state = DIRECTORY_OFF};
    AUTO(directory_config) struct directory_config c;
    AUTO(fd) int end = -1;

    directory_config_load(files, ARRAY_COUNT(files), &c);
    reply.timeout_s = c.timeout_s;
    reply.detail = slice_text(c.fault);
    if (c.fault[0])
        reply.state = DIRECTORY_MISCONFIGURED;
    else if (directory_config_is_on(&c) && request->age_s < c.cache_s)
        reply.state = DIRECTORY_OK;
    else if (directory_config_is_on(&c))
        start_or_say(all, libexec, places, &reply, &end);
    return channel_send(fd, MSG_FETCHER, &reply, &end, end >= 0 ? 1 : 0);
}
