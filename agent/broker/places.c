#include "agent/broker/places.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"

static char *
text_join(const char *a, const char *b)
{
    AUTO(buf) struct buf joined = {0};

    buf_add_text(&joined, a);
    buf_add_text(&joined, b);
    return mem_text(buf_slice(&joined));
}

/* The XDG specification: a relative path is as good as none. */
static const char *
env_path(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] == '/' ? value : NULL;
}

static const char *
home_find(void)
{
    const char *home = env_path("HOME");
    const struct passwd *entry;

    if (home)
        return home;
    entry = getpwuid(geteuid());
    return entry && entry->pw_dir[0] == '/' ? entry->pw_dir : "/";
}

/* The file REST below the base folder that NAME says. Gives. */
static char *
base_path(const char *name, const char *fallback, const char *rest)
{
    const char *base = env_path(name);
    char *folder;
    char *path;

    if (base)
        return text_join(base, rest);
    folder = text_join(home_find(), fallback);
    path = text_join(folder, rest);
    free(folder);
    return path;
}

static bool
socket_find(struct places *out, struct complaint *c)
{
    static const char next[] = "set XDG_RUNTIME_DIR, or SMIME_AGENT_SOCK to "
                               "the path the socket shall have";
    const char *given = getenv("SMIME_AGENT_SOCK");
    const char *runtime = env_path("XDG_RUNTIME_DIR");
    char user_folder[64];
    struct stat st;

    if (given && given[0] != '\0') {
        if (given[0] != '/')
            return complain(c, "give SMIME_AGENT_SOCK from the root on",
                            "SMIME_AGENT_SOCK is not an absolute path");
        out->socket = text_join(given, "");
        out->socket_is_given = true;
        return true;
    }
    if (!runtime) {
        snprintf(user_folder, sizeof(user_folder), "/run/user/%u",
                 (unsigned)geteuid());
        if (stat(user_folder, &st) != 0)
            return complain(c, next,
                            "XDG_RUNTIME_DIR is not set and %s is "
                            "not there: no place for the socket",
                            user_folder);
        runtime = user_folder;
    }
    out->socket = text_join(runtime, "/smime-agent/io.smimeagent");
    return true;
}

bool
places_find(struct places *out, struct complaint *c)
{
    struct places p = {0};

    if (!socket_find(&p, c))
        return false;
    p.manage = text_join(p.socket, ".manage");
    p.raw = text_join(p.socket, ".raw");
    if (strlen(p.manage) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        complain(c, "choose a shorter path with SMIME_AGENT_SOCK",
                 "the path of the socket is too long: %s", p.manage);
        places_drop(&p);
        return false;
    }
    p.lock = text_join(p.socket, ".lock");
    p.contacts =
        base_path("XDG_DATA_HOME", "/.local/share", "/smime-agent/contacts.db");
    p.audit =
        base_path("XDG_STATE_HOME", "/.local/state", "/smime-agent/audit.log");
    p.cache = base_path("XDG_CACHE_HOME", "/.cache", "/smime-agent");
    p.config_system = text_join("/etc/smime-agent", "/agent.conf");
    p.config_user =
        base_path("XDG_CONFIG_HOME", "/.config", "/smime-agent/agent.conf");
    p.anchors_system = text_join("/etc/smime-agent", "/anchors");
    p.anchors_user =
        base_path("XDG_CONFIG_HOME", "/.config", "/smime-agent/anchors");
    p.crls_system = text_join("/etc/smime-agent", "/crls");
    p.crls_user = base_path("XDG_CONFIG_HOME", "/.config", "/smime-agent/crls");
    *out = p;
    return true;
}

void
places_drop(struct places *p)
{
    char *texts[] = {p->socket,         p->manage,        p->raw,
                     p->lock,           p->contacts,      p->audit,
                     p->cache,          p->config_system, p->config_user,
                     p->anchors_system, p->anchors_user,  p->crls_system,
                     p->crls_user};

    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        free(texts[i]);
    *p = (struct places){0};
}

/* mkdir -p, new folders for nobody else. */
static bool
folder_make(const char *path)
{
    char *copy = text_join(path, "");
    bool made = true;

    for (char *at = copy + 1; made; at++) {
        char was = *at;

        if (was != '/' && was != '\0')
            continue;
        *at = '\0';
        made = mkdir(copy, 0700) == 0 || errno == EEXIST || errno == EROFS ||
               errno == EACCES;
        *at = was;
        if (was == '\0')
            break;
    }
    free(copy);
    return made;
}

/* A folder of our own: ours, and written by nobody else. What others may
 * only read is closed to them. */
static bool
own_folder_prepare(const char *path, struct complaint *c)
{
    AUTO(fd) int fd = -1;
    struct stat st;

    if (!folder_make(path))
        return complain(c, "make room or choose another place",
                        "the folder %s cannot be made: %s", path,
                        strerror(errno));
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return complain(c, "check its permissions and those above it",
                        "the folder %s cannot be used: %s", path,
                        strerror(errno));
    if (st.st_uid != geteuid())
        return complain(c, "remove it, or choose another place",
                        "the folder %s belongs to somebody else", path);
    if ((st.st_mode & 022) != 0)
        return complain(c, "look into it, then close it: chmod 700 FOLDER",
                        "others may write in the folder %s", path);
    if ((st.st_mode & 077) != 0 && fchmod(fd, 0700) != 0)
        return complain(c, "close it: chmod 700 FOLDER",
                        "the folder %s is open to others", path);
    return true;
}

/* The folder of a socket whose path a person chose: it may be a shared one
 * such as /tmp, as long as nobody else could take our socket away. */
static bool
given_folder_prepare(const char *path, struct complaint *c)
{
    struct stat st;

    if (!folder_make(path) || stat(path, &st) != 0)
        return complain(c, "choose another place with SMIME_AGENT_SOCK",
                        "the folder %s cannot be used: %s", path,
                        strerror(errno));
    if ((st.st_uid != geteuid() && st.st_uid != 0) ||
        ((st.st_mode & 022) != 0 && (st.st_mode & S_ISVTX) == 0))
        return complain(c, "choose another place with SMIME_AGENT_SOCK",
                        "others could replace a socket in %s", path);
    return true;
}

/* Gives the folder part of a path. */
static char *
folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == path)
        return text_join("/", "");
    return mem_text(slice_of(path, (size_t)(slash - path)));
}

/* The validator may read only what is there when its fence closes: a folder
 * made later would stay shut until a restart. */
static void
read_only_folder_prepare(const char *path)
{
    if (!folder_make(path))
        log_note("the folder %s cannot be made: %s", path, strerror(errno));
}

bool
places_prepare(const struct places *places, struct complaint *c)
{
    char *run = folder_of(places->socket);
    char *data = folder_of(places->contacts);
    char *state = folder_of(places->audit);
    bool done = (places->socket_is_given ? given_folder_prepare(run, c)
                                         : own_folder_prepare(run, c)) &&
                own_folder_prepare(data, c) && own_folder_prepare(state, c) &&
                own_folder_prepare(places->cache, c);

    if (done) {
        read_only_folder_prepare(places->anchors_user);
        read_only_folder_prepare(places->crls_user);
    }
    free(run);
    free(data);
    free(state);
    return done;
}
