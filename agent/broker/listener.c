#include "agent/broker/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/conf.h"
#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/broker/systemd.h"

static const char stop_it[] = "use that one, or stop it first";

/* Held for as long as we live. Whoever had it may just have removed the
 * file: then the lock is on a name that is gone, and we try again. */
static bool
lock_take(struct listeners *l, const struct places *places, struct complaint *c)
{
    for (;;) {
        AUTO(fd)
        int fd =
            open(places->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        struct stat held, there;

        if (fd < 0 || fstat(fd, &held) != 0)
            return complain(c, "check the permissions of its folder",
                            "%s cannot be made: %s", places->lock,
                            strerror(errno));
        if (flock(fd, LOCK_EX | LOCK_NB) != 0)
            return complain(c, stop_it, "an agent is already running on %s",
                            places->socket);
        if (stat(places->lock, &there) == 0 && there.st_ino == held.st_ino &&
            there.st_dev == held.st_dev) {
            l->lock = fd_take(&fd);
            l->lock_path = places->lock;
            return true;
        }
    }
}

static struct sockaddr_un
address_of(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    /* places_find has checked the length. */
    memcpy(a.sun_path, path, strlen(path) + 1);
    return a;
}

/* Makes the name free: a socket that refuses connections was left behind;
 * anything else there is not ours to remove. */
static bool
stale_remove(const char *path, struct complaint *c)
{
    struct sockaddr_un a = address_of(path);
    AUTO(fd) int fd = -1;
    struct stat st;

    if (lstat(path, &st) != 0)
        return errno == ENOENT || complain(c, "check the folder's permissions",
                                           "%s: %s", path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return complain(c, "move it away, or choose another SMIME_AGENT_SOCK",
                        "%s is there and is no socket", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return complain(c, "try again", "no socket: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 ||
        errno != ECONNREFUSED)
        return complain(c, stop_it, "an agent is already running on %s", path);
    if (unlink(path) != 0)
        return complain(c, "remove it yourself", "%s cannot be removed: %s",
                        path, strerror(errno));
    return true;
}

static bool
socket_bind(struct listener *l, struct complaint *c)
{
    struct sockaddr_un a = address_of(l->path);
    AUTO(fd) int fd = -1;
    mode_t mask;
    int failed;

    if (!stale_remove(l->path, c))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mask = umask(077);
    failed = fd < 0 ? -1 : bind(fd, (const struct sockaddr *)&a, sizeof(a));
    umask(mask);
    if (failed != 0)
        return complain(c, "choose another place with SMIME_AGENT_SOCK",
                        "the socket %s cannot be made: %s", l->path,
                        strerror(errno));
    l->fd = fd_take(&fd);
    l->is_ours = true;
    return true;
}

static bool
listener_bind(struct listener *l, const char *name, struct complaint *c)
{
    int flags;

    l->fd = systemd_socket(name);
    if (l->fd < 0)
        return socket_bind(l, c);
    flags = fcntl(l->fd, F_GETFL);
    if (flags < 0 || fcntl(l->fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return complain(c, "check the unit of the socket",
                        "the passed socket cannot be used: %s",
                        strerror(errno));
    return true;
}

/* ---- the raw socket: off by default -------------------------------------- */

/* The last word counts; one that is not understood is a no. */
static enum conf_answer
raw_take(void *user, const struct conf_line *l)
{
    bool *enabled = user;

    if (strcmp(l->section, "raw") != 0 || strcmp(l->name, "enabled") != 0)
        return CONF_OTHER;
    *enabled = false;
    return conf_flag(l->value, enabled) ? CONF_TAKEN : CONF_WRONG;
}

static bool
raw_bind(struct listener *l, const struct places *places, struct complaint *c)
{
    const char *files[] = {places->config_system, places->config_user};
    bool enabled = false;
    const struct conf_reader reader = {.take = raw_take, .user = &enabled};

    for (size_t i = 0; i < ARRAY_COUNT(files); i++)
        conf_read(files[i], &reader);
    return !enabled || listener_bind(l, "io.smimeagent.raw", c);
}

bool
listeners_bind(struct listeners *out, const struct places *places,
               struct complaint *c)
{
    struct listeners l = {.one = {[LISTENER_MAIL] = {.fd = -1,
                                                     .right = RIGHT_MAIL,
                                                     .path = places->socket},
                                  [LISTENER_MANAGE] = {.fd = -1,
                                                       .right = RIGHT_MANAGE,
                                                       .path = places->manage},
                                  [LISTENER_RAW] = {.fd = -1,
                                                    .right = RIGHT_RAW,
                                                    .path = places->raw}},
                          .lock = -1};

    if (!lock_take(&l, places, c))
        return false;
    if (!listener_bind(&l.one[LISTENER_MAIL], "io.smimeagent", c) ||
        !listener_bind(&l.one[LISTENER_MANAGE], "io.smimeagent.manage", c) ||
        !raw_bind(&l.one[LISTENER_RAW], places, c)) {
        listeners_drop(&l);
        return false;
    }
    *out = l;
    return true;
}

bool
listeners_open(struct listeners *l, struct complaint *c)
{
    for (int i = 0; i < LISTENER_COUNT; i++)
        if (l->one[i].is_ours && listen(l->one[i].fd, SOMAXCONN) != 0)
            return complain(c, "try again", "%s: %s", l->one[i].path,
                            strerror(errno));
    return true;
}

void
listeners_drop(struct listeners *l)
{
    for (int i = 0; i < LISTENER_COUNT; i++) {
        if (l->one[i].is_ours && l->one[i].fd >= 0)
            (void)unlink(l->one[i].path);
        fd_drop(&l->one[i].fd);
    }
    if (l->lock >= 0)
        (void)unlink(l->lock_path);
    fd_drop(&l->lock);
}
