#include "client/cli/harvest_lane.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"

#define METHOD     "io.smimeagent.Contacts.Harvest"
#define TRIES      20
#define FIRST_MS   50 /* twice as long after each try, */
#define LONGEST_MS 1000

void
lane_drop(struct lane *l)
{
    lane_wait(l);
    for (int k = 0; k < l->call.fd_count; k++)
        fd_drop(&l->mail[k].as_stored);
    if (l->call.parameters)
        call_drop(&l->call);
    json_decref(l->reply);
    smime_error_drop(&l->error);
    smime_client_drop(&l->client);
}

static void
lane_begin(struct lane *l)
{
    call_init(&l->call);
    json_object_set_new(l->call.parameters, "inputs", json_array());
    json_object_set_new(l->call.parameters, "origins", json_array());
}

void
lane_add(struct lane *l, const struct mail_found *m)
{
    char shown[1000];

    if (!l->call.parameters)
        lane_begin(l);
    l->mail[l->call.fd_count] = *m;
    /* A file's name is any bytes; JSON wants UTF-8. */
    text_escape(slice_text(m->origin), shown, sizeof(shown));
    json_array_append_new(json_object_get(l->call.parameters, "inputs"),
                          json_integer(call_add_fd(&l->call, NULL, m->fd)));
    json_array_append_new(json_object_get(l->call.parameters, "origins"),
                          json_string(shown));
}

static void *
lane_run(void *arg)
{
    struct lane *l = arg;

    l->failed = 0;
    if (!l->client) /* the first one is connected at the beginning */
        l->failed =
            smime_client_connect(SMIME_SOCKET_MAIL, &l->client, &l->error);
    if (l->failed != 0)
        return NULL;
    l->failed =
        client_call_json(l->client, METHOD, l->call.parameters, l->call.fds,
                         l->call.fd_count, -1, &l->reply, &l->error);
    return NULL;
}

void
lane_send(struct lane *l)
{
    l->is_out = true;
    l->is_sent = pthread_create(&l->thread, NULL, lane_run, l) == 0;
    if (!l->is_sent)
        (void)lane_run(l);
}

void
lane_wait(struct lane *l)
{
    if (l->is_sent)
        (void)pthread_join(l->thread, NULL);
    l->is_out = l->is_sent = false;
}

/* ---- when a process ended -------------------------------------------------
 */

struct lane
lane_split(struct lane *l, int i)
{
    struct lane one = {.client = NULL};
    struct mail_found m = l->mail[i];

    /* What was read of it moved the offset that all copies share. */
    m.fd = l->call.fds[i];
    l->call.fds[i] = -1;
    l->mail[i].as_stored = -1;
    (void)lseek(m.fd, 0, SEEK_SET);
    m.origin = json_string_value(json_array_get(
        json_object_get(l->call.parameters, "origins"), (size_t)i));
    lane_add(&one, &m);
    return one;
}

bool
lane_is_lost(const struct lane *l)
{
    const char *name = l->failed != 0 ? l->error.name : "";

    return strcmp(name, "AgentLost") == 0 || strcmp(name, "KeyringLost") == 0;
}

/* A batch of no message: whoever would answer for one answers. */
static void
agent_ask(struct lane *l)
{
    struct lane none = {.client = NULL};

    lane_begin(&none);
    (void)lane_run(&none);
    l->failed = none.failed;
    smime_error_drop(&l->error);
    l->error = none.error;
    none.error = (struct smime_error){.exit_code = 0};
    lane_drop(&none);
}

bool
lane_await_agent(struct lane *l)
{
    int pause_ms = FIRST_MS;

    agent_ask(l);
    for (int i = 1; lane_is_lost(l) && i < TRIES; i++) {
        (void)poll(NULL, 0, pause_ms);
        pause_ms = pause_ms < LONGEST_MS / 2 ? 2 * pause_ms : LONGEST_MS;
        agent_ask(l);
    }
    return l->failed == 0;
}
