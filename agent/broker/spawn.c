#include "agent/broker/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/mem.h"

#define CHANNEL_FD 3
#define SECOND_FD  4
#define FILE_FD    5
/* Descriptors to be passed are moved up here, out of the way of the numbers
 * they shall get. */
#define FIRST_MOVED_FD 10

/* What a process that parses hostile input may know of its surroundings. */
static const char *const kept_variables[] = {"LANG",
                                             "TZ",
                                             "ASAN_OPTIONS",
                                             "UBSAN_OPTIONS",
                                             "LSAN_OPTIONS",
                                             "JOURNAL_STREAM",
                                             "SMIME_AGENT_DEBUG",
                                             "DBUS_SYSTEM_BUS_ADDRESS"};

/* Libraries that look for their functions when they first call them would do
 * so again in every forked session. */
static char bind_now[] = "LD_BIND_NOW=1";

static bool
is_kept(const char *entry)
{
    for (size_t i = 0; i < ARRAY_COUNT(kept_variables); i++) {
        size_t n = strlen(kept_variables[i]);

        if (strncmp(entry, kept_variables[i], n) == 0 && entry[n] == '=')
            return true;
    }
    return false;
}

/* Moves a descriptor up; -1 stays -1 (and is no failure). */
static bool
fd_move_up(int fd, int *out)
{
    *out = -1;
    if (fd < 0)
        return true;
    *out = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_MOVED_FD);
    return *out >= 0;
}

static int
place_fds(posix_spawn_file_actions_t *a, int channel, int second, int file,
          int standard)
{
    int first_free = CHANNEL_FD;
    int e = 0;

    if (standard >= 0) {
        e |= posix_spawn_file_actions_adddup2(a, standard, STDIN_FILENO);
        e |= posix_spawn_file_actions_adddup2(a, standard, STDOUT_FILENO);
    } else {
        e |= posix_spawn_file_actions_addopen(a, STDIN_FILENO, "/dev/null",
                                              O_RDONLY, 0);
        e |= posix_spawn_file_actions_addopen(a, STDOUT_FILENO, "/dev/null",
                                              O_WRONLY, 0);
    }
    if (channel >= 0) {
        e |= posix_spawn_file_actions_adddup2(a, channel, CHANNEL_FD);
        first_free = CHANNEL_FD + 1;
    }
    if (second >= 0) {
        e |= posix_spawn_file_actions_adddup2(a, second, SECOND_FD);
        first_free = SECOND_FD + 1;
    }
    if (file >= 0) {
        e |= posix_spawn_file_actions_adddup2(a, file, FILE_FD);
        first_free = FILE_FD + 1;
    }
    return e | posix_spawn_file_actions_addclosefrom_np(a, first_free);
}

static int
set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    return posix_spawnattr_setsigmask(attributes, &none) |
           posix_spawnattr_setsigdefault(attributes, &all) |
           posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSIGDEF |
                                                    POSIX_SPAWN_SETSID);
}

static int
spawn_with(const struct spawn_plan *s, char *const *environment, pid_t *out)
{
    AUTO(fd) int channel = -1;
    AUTO(fd) int second = -1;
    AUTO(fd) int file = -1;
    AUTO(fd) int standard = -1;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int e;

    if (!fd_move_up(s->channel, &channel) || !fd_move_up(s->second, &second) ||
        !fd_move_up(s->file, &file) || !fd_move_up(s->standard, &standard))
        return errno;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    e = place_fds(&actions, channel, second, file, standard);
    if (e == 0)
        e = set_attributes(&attributes);
    if (e == 0)
        e = posix_spawnp(out, s->program, &actions, &attributes, s->argv,
                         environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return e;
}

bool
spawn_process(const struct spawn_plan *s, pid_t *out)
{
    char *kept[ARRAY_COUNT(kept_variables) + 2] = {bind_now};
    size_t n = 1;

    for (char **e = environ; !s->whole_environment && *e; e++)
        if (n < ARRAY_COUNT(kept_variables) + 1 && is_kept(*e))
            kept[n++] = *e;
    errno = spawn_with(s, s->whole_environment ? environ : kept, out);
    return errno == 0;
}
