#include "agent/broker/helper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/base/conf.h"
#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/broker/spawn.h"

/* ---- which pinentry ------------------------------------------------------ */

struct pinentry_choice {
    char program[LIMIT_PROGRAM_BYTES];
};

static enum conf_answer
choice_take(void *user, const struct conf_line *l)
{
    struct pinentry_choice *choice = user;

    if (strcmp(l->section, "pinentry") != 0 || strcmp(l->name, "program") != 0)
        return CONF_OTHER;
    if (l->value[0] == '\0' || strlen(l->value) >= sizeof(choice->program))
        return CONF_WRONG;
    memcpy(choice->program, l->value, strlen(l->value) + 1);
    return CONF_TAKEN;
}

/* Read anew each time, so that a changed agent.conf counts at once. */
static void
choice_load(const struct places *places, struct pinentry_choice *out)
{
    const char *files[] = {places->config_system, places->config_user};

    const struct conf_reader reader = {.take = choice_take, .user = out};

    *out = (struct pinentry_choice){.program = "pinentry"};
    for (size_t i = 0; i < ARRAY_COUNT(files); i++)
        conf_read(files[i], &reader);
}

/* ---- starting
 * ---------------------------------------------------------------- */

pid_t *
helpers_room(struct helpers *all)
{
    for (size_t i = 0; i < LIMIT_HELPERS; i++)
        if (all->pid[i] == 0)
            return &all->pid[i];
    return NULL;
}

bool
helper_spawn(const char *libexec, char *argv[], pid_t *pid, int *out)
{
    AUTO(buf) struct buf program = {0};
    AUTO(fd) int theirs = -1;
    AUTO(fd) int ours = -1;
    struct spawn_plan s = {
        .argv = argv, .second = -1, .file = -1, .standard = -1};
    char *name = argv[0];
    int pair[2];
    bool ok;

    if (!channel_pair(pair))
        return false;
    ours = pair[0];
    theirs = pair[1];
    buf_addf(&program, "%s/%s", libexec, name);
    s.program = buf_text(&program);
    argv[0] = (char *)program.data;
    s.channel = theirs;
    ok = spawn_process(&s, pid);
    argv[0] = name;
    if (!ok)
        return false;
    *out = fd_take(&ours);
    return true;
}

static bool
without_arguments(const char *libexec, const char *name, pid_t *pid, int *out)
{
    char program[32];
    char *argv[] = {program, NULL};

    snprintf(program, sizeof(program), "%s", name);
    return helper_spawn(libexec, argv, pid, out);
}

static bool
pinentry_start(const struct places *places, pid_t *pid, int *out)
{
    struct pinentry_choice choice;
    AUTO(fd) int theirs = -1;
    AUTO(fd) int ours = -1;
    char *argv[2] = {choice.program, NULL};
    struct spawn_plan s = {.program = choice.program,
                           .argv = argv,
                           .whole_environment = true,
                           .channel = -1,
                           .second = -1,
                           .file = -1};
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    ours = pair[0];
    theirs = pair[1];
    choice_load(places, &choice);
    s.standard = theirs;
    if (!spawn_process(&s, pid)) {
        log_error("the pinentry program %s cannot be started: %s",
                  choice.program, strerror(errno));
        return false;
    }
    *out = fd_take(&ours);
    return true;
}

/* ---- a module --------------------------------------------------------------
 */

/* Only what agent.conf itself wants to run so; the keyholder says no path. */
struct module_choice {
    char section[LIMIT_LABEL_BYTES + 8];
    char path[LIMIT_PROGRAM_BYTES];
    bool remote;
};

/* What is wrong here the keyholder has complained of. */
static enum conf_answer
module_take(void *user, const struct conf_line *l)
{
    struct module_choice *choice = user;

    if (strcmp(l->section, choice->section) != 0)
        return CONF_OTHER;
    if (strcmp(l->name, "remote") == 0)
        choice->remote = strcmp(l->value, "yes") == 0;
    if (strcmp(l->name, "path") == 0 && strlen(l->value) < sizeof(choice->path))
        memcpy(choice->path, l->value, strlen(l->value) + 1);
    return CONF_OTHER;
}

static bool
module_find(const struct places *places, struct slice name,
            struct module_choice *out)
{
    const char *files[] = {places->config_system, places->config_user};

    const struct conf_reader reader = {.take = module_take, .user = out};

    *out = (struct module_choice){.remote = false};
    snprintf(out->section, sizeof(out->section), "module %.*s", (int)name.n,
             (const char *)name.p);
    for (size_t i = 0; i < ARRAY_COUNT(files); i++)
        conf_read(files[i], &reader);
    return out->remote && out->path[0] == '/';
}

/* Its stdin and stdout are the keyholder's end; it ends with that. */
static bool
module_start(const struct places *places, const struct spawn *request,
             const struct frame *frame, pid_t *pid)
{
    static char program[] = P11_KIT_REMOTE;
    struct module_choice choice;
    char *argv[] = {program, choice.path, NULL};
    struct spawn_plan s = {.program = program,
                           .argv = argv,
                           .whole_environment = true,
                           .channel = -1,
                           .second = -1,
                           .file = -1};

    if (frame->fd_count != 1 || !module_find(places, request->name, &choice)) {
        errno = EINVAL;
        return false;
    }
    s.standard = frame->fds[0];
    return spawn_process(&s, pid);
}

static bool
helper_refuse(int fd, enum err code, const char *detail)
{
    struct problem p = {0};

    (void)fail(&p, code, "%s", detail);
    return channel_refuse(fd, MSG_SPAWN, &p);
}

static bool
helper_refuse_full(int fd)
{
    char detail[64];

    snprintf(detail, sizeof(detail), "%d helper processes are at work",
             LIMIT_HELPERS);
    return helper_refuse(fd, ERR_TOKEN_BUSY, detail);
}

bool
helper_answer(struct helpers *all, int fd, const struct spawn *request,
              const struct frame *frame, const char *libexec,
              const struct places *places)
{
    AUTO(fd) int end = -1;
    pid_t *room = helpers_room(all);

    if (!room)
        return helper_refuse_full(fd);
    if (request->helper == HELPER_IMPORTER) {
        if (!without_arguments(libexec, "smime-importer", room, &end)) {
            log_error("smime-importer cannot be started: %s", strerror(errno));
            return helper_refuse(fd, ERR_INTERNAL, "no importer process");
        }
    } else if (request->helper == HELPER_PINENTRY) {
        if (!pinentry_start(places, room, &end))
            return helper_refuse(fd, ERR_TOKEN_LOCKED, "no pinentry program");
    } else if (request->helper == HELPER_WATCHER) {
        /* An optional part of the build. */
        if (!without_arguments(libexec, "smime-watcher", room, &end))
            return helper_refuse(fd, ERR_INTERNAL, "no watcher process");
    } else if (request->helper == HELPER_MODULE) {
        if (!module_start(places, request, frame, room)) {
            log_error("%s cannot be started: %s", P11_KIT_REMOTE,
                      strerror(errno));
            return helper_refuse(fd, ERR_INTERNAL, "no process for it");
        }
        return channel_reply(fd, MSG_SPAWN, NULL, NULL, 0);
    } else {
        return helper_refuse(fd, ERR_USAGE, "unknown helper");
    }
    return channel_reply(fd, MSG_SPAWN, NULL, &end, 1);
}

bool
helpers_reaped(struct helpers *all, pid_t pid)
{
    for (size_t i = 0; i < LIMIT_HELPERS; i++)
        if (all->pid[i] == pid) {
            all->pid[i] = 0;
            return true;
        }
    return false;
}

void
helpers_stop(struct helpers *all)
{
    for (size_t i = 0; i < LIMIT_HELPERS; i++)
        if (all->pid[i] > 0)
            (void)kill(all->pid[i], SIGTERM);
}
