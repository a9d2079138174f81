/*
 * Landlock by its system calls: glibc has no wrappers, and Debian 12's
 * header ends at ABI 2, so that later rights are spelled here.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/fd.h"
#include "agent/base/harden.h"
#include "agent/base/log.h"

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP    (1ULL << 0)
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
#endif
#define RULE_NET_PORT 2
struct net_port_rule {
    uint64_t allowed_access;
    uint64_t port;
};

#ifndef LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define LANDLOCK_SCOPE_SIGNAL               (1ULL << 1)
#endif

/* landlock_ruleset_attr as of ABI 6; an older kernel takes it while what it
 * does not know is zero. */
struct ruleset {
    uint64_t files;
    uint64_t net;
    uint64_t scoped;
};

/* The rights a rule may give for something that is not a folder. */
#define RIGHTS_OF_FILES                                                        \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |            \
     LANDLOCK_ACCESS_FS_TRUNCATE)

#define RIGHTS_TO_READ                                                         \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

#define RIGHTS_TO_WRITE                                                        \
    (RIGHTS_TO_READ | LANDLOCK_ACCESS_FS_WRITE_FILE |                          \
     LANDLOCK_ACCESS_FS_TRUNCATE | LANDLOCK_ACCESS_FS_MAKE_REG |               \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |             \
     LANDLOCK_ACCESS_FS_REMOVE_FILE)

static bool rules_are_on;

static _Noreturn void
die(const char *what)
{
    log_error("Landlock: %s: %s", what, strerror(errno));
    _exit(err_exit_code(ERR_INTERNAL));
}

/* 0 when the kernel has none. */
static int
landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
                       LANDLOCK_CREATE_RULESET_VERSION);

    return abi > 0 ? (int)abi : 0;
}

/* Everything that ABI can refuse. */
static struct ruleset
ruleset_of_abi(int abi)
{
    /* ABI 1: execute to make_sym, bits 0 to 12. */
    struct ruleset r = {.files = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};

    if (abi >= 2)
        r.files |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        r.files |= LANDLOCK_ACCESS_FS_TRUNCATE;
    if (abi >= 4)
        r.net = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP;
    if (abi >= 5)
        r.files |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    if (abi >= 6)
        r.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
    return r;
}

/* A path that is not there stays refused. */
static void
rule_add(int ruleset, const char *path, uint64_t rights)
{
    AUTO(fd) int fd = open(path, O_PATH | O_CLOEXEC);
    struct landlock_path_beneath_attr rule = {.parent_fd = fd};
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0) {
        log_debug("Landlock: %s: %s", path, strerror(errno));
        return;
    }
    rule.allowed_access =
        S_ISDIR(st.st_mode) ? rights : rights & RIGHTS_OF_FILES;
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
                &rule, 0) != 0)
        die(path);
}

static void
rules_add(int ruleset, const char *const *paths, uint64_t rights)
{
    for (; paths && *paths; paths++)
        rule_add(ruleset, *paths, rights);
}

static void
ports_add(int ruleset, const uint16_t *ports)
{
    for (; ports && *ports; ports++) {
        struct net_port_rule rule = {
            .allowed_access = LANDLOCK_ACCESS_NET_CONNECT_TCP, .port = *ports};

        if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) !=
            0)
            die("a port");
    }
}

void
sandbox_files(const struct sandbox_paths *paths)
{
    static bool noted;
    int abi = landlock_abi();
    struct ruleset r = ruleset_of_abi(abi);
    AUTO(fd) int fd = -1;

    if (abi == 0) {
        if (!noted)
            log_note("this kernel has no Landlock: files are not confined");
        noted = true;
        return;
    }
    fd = (int)syscall(SYS_landlock_create_ruleset, &r, sizeof(r), 0);
    if (fd < 0)
        die("a set of rules");
    if (paths) {
        rules_add(fd, paths->readable, RIGHTS_TO_READ);
        rules_add(fd, paths->writable, RIGHTS_TO_WRITE & r.files);
        if (r.net)
            ports_add(fd, paths->ports);
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_landlock_restrict_self, fd, 0) != 0)
        die("putting the rules in force");
    rules_are_on = true;
}

bool
sandbox_files_on(void)
{
    return rules_are_on;
}
