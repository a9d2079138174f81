/*
 * seccomp filters: lists of what is left, everything else kills the process.
 *
 * What a filter cannot see is what a pointer points to: newfstatat with
 * AT_EMPTY_PATH, which glibc's fstat needs, tells of any path whether it is
 * there. Nothing can be opened by it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/harden.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"

/* An argument is compared by its lower half: the kernel looks at no more of
 * an int, and the upper half may be anything. */
#define INT_BITS 0xffffffffU
#define ARG_IS(index, value)                                                   \
    SCMP_CMP((index), SCMP_CMP_MASKED_EQ, INT_BITS, (value))
#define ARG_LACKS(index, bits) SCMP_CMP((index), SCMP_CMP_MASKED_EQ, (bits), 0)

/* The type of a socket, beside SOCK_CLOEXEC and SOCK_NONBLOCK. */
#define SOCKET_TYPE (INT_BITS & ~(scmp_datum_t)(SOCK_CLOEXEC | SOCK_NONBLOCK))

static bool filter_is_on;

/* Stands for the number of the process that a filter is built for later; no
 * system call and no constant in the lists above is like it. */
#define LATER_PID 0x7ead51de

/* What sandbox_prepare built. */
static struct {
    enum sandbox which;
    struct sock_fprog program;
    struct sock_filter *own_pid; /* where LATER_PID is compared */
} prepared;

/* sysinfo: glibc's qsort asks how much memory there is (before 2.37). */
static const int calls_of_all[] = {
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockopt),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(fstat),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(mlock),
    SCMP_SYS(mlock2),
    SCMP_SYS(munlock),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sysinfo),
};

static const int calls_of_zygote[] = {
    SCMP_SYS(fork),    SCMP_SYS(vfork),           SCMP_SYS(wait4),
    SCMP_SYS(waitid),  SCMP_SYS(set_tid_address), SCMP_SYS(prctl),
    SCMP_SYS(seccomp),
};

static const int calls_of_validator[] = {
    SCMP_SYS(getdents64),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
};

static const int calls_of_keyring[] = {
    SCMP_SYS(openat),          SCMP_SYS(unlink),     SCMP_SYS(unlinkat),
    SCMP_SYS(rename),          SCMP_SYS(renameat),   SCMP_SYS(renameat2),
    SCMP_SYS(mkdir),           SCMP_SYS(mkdirat),    SCMP_SYS(access),
    SCMP_SYS(faccessat),       SCMP_SYS(faccessat2), SCMP_SYS(stat),
    SCMP_SYS(lstat),           SCMP_SYS(newfstatat), SCMP_SYS(statx),
    SCMP_SYS(fsync),           SCMP_SYS(fdatasync),  SCMP_SYS(fchmod),
    SCMP_SYS(fchown), /* SQLite, when root runs it */
    SCMP_SYS(getcwd),          SCMP_SYS(geteuid),    SCMP_SYS(getuid),
    SCMP_SYS(readlink),        SCMP_SYS(readlinkat), SCMP_SYS(flock),
    SCMP_SYS(getdents64),      SCMP_SYS(statfs),     SCMP_SYS(fstatfs),
    SCMP_SYS(sync_file_range), SCMP_SYS(link),
};

static const int calls_of_watcher[] = {
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
};

static const int calls_of_fetcher[] = {
    SCMP_SYS(connect),     SCMP_SYS(setsockopt), SCMP_SYS(getsockname),
    SCMP_SYS(getpeername), SCMP_SYS(setitimer),  SCMP_SYS(select),
    SCMP_SYS(pselect6),    SCMP_SYS(uname),
};

/* Libraries look for files, and do without them. */
static const int refused_to_fetcher[] = {
    SCMP_SYS(open), SCMP_SYS(openat),   SCMP_SYS(access), SCMP_SYS(faccessat),
    SCMP_SYS(stat), SCMP_SYS(readlink), SCMP_SYS(statx),
};

static const int fcntl_of_all[] = {
    F_GETFL,         F_SETFL,     F_GETFD,     F_SETFD,
    F_DUPFD_CLOEXEC, F_ADD_SEALS, F_GET_SEALS,
};

static const int fcntl_of_keyring[] = {
    F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW,
};

static _Noreturn void
die(const char *what, int negative_errno)
{
    log_error("sandbox: %s: %s", what, strerror(-negative_errno));
    _exit(err_exit_code(ERR_INTERNAL));
}

static void
filter_drop(scmp_filter_ctx *filter)
{
    if (*filter)
        seccomp_release(*filter);
    *filter = NULL;
}

static void
allow(scmp_filter_ctx filter, const int *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);

        if (rc != 0)
            die("a rule", rc);
    }
}

static void
allow_when(scmp_filter_ctx filter, int call, struct scmp_arg_cmp condition)
{
    int rc =
        seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &condition);

    if (rc != 0)
        die("a rule with a condition", rc);
}

static void
allow_fcntl(scmp_filter_ctx filter, const int *commands, size_t n)
{
    for (size_t i = 0; i < n; i++)
        allow_when(filter, SCMP_SYS(fcntl),
                   ARG_IS(1, (scmp_datum_t)commands[i]));
}

/* abort() raises SIGABRT; a process that cannot fork may raise it only in
 * itself. */
static void
allow_abort(scmp_filter_ctx filter, bool may_fork, pid_t pid)
{
    struct scmp_arg_cmp conditions[] = {ARG_IS(2, SIGABRT),
                                        ARG_IS(0, (scmp_datum_t)pid)};
    int rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill),
                                    may_fork ? 1 : 2, conditions);

    if (rc != 0)
        die("the rule for abort", rc);
}

/* fork(), but no thread, no shared memory, no namespace. clone3 hides its
 * flags behind a pointer: glibc takes ENOSYS and falls back to clone. */
static void
allow_fork(scmp_filter_ctx filter)
{
    const uint32_t harmless = CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID |
                              CLONE_PARENT_SETTID | 0xff /* a signal */;
    int rc;

    allow(filter, calls_of_zygote, ARRAY_COUNT(calls_of_zygote));
    allow_when(filter, SCMP_SYS(clone), ARG_LACKS(0, INT_BITS & ~harmless));
    rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (rc != 0)
        die("the rule for clone3", rc);
}

static void
allow_session(scmp_filter_ctx filter)
{
    allow(filter, calls_of_all, ARRAY_COUNT(calls_of_all));
    allow_fcntl(filter, fcntl_of_all, ARRAY_COUNT(fcntl_of_all));
    allow_when(filter, SCMP_SYS(mmap), ARG_LACKS(2, PROT_EXEC));
    allow_when(filter, SCMP_SYS(mprotect), ARG_LACKS(2, PROT_EXEC));
}

static void
allow_fstat(scmp_filter_ctx filter)
{
    allow_when(filter, SCMP_SYS(newfstatat), ARG_IS(3, AT_EMPTY_PATH));
}

static int
allow_tcp(scmp_filter_ctx filter, int family)
{
    struct scmp_arg_cmp conditions[] = {
        ARG_IS(0, (scmp_datum_t)family),
        SCMP_CMP(1, SCMP_CMP_MASKED_EQ, SOCKET_TYPE, SOCK_STREAM)};

    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                                  conditions);
}

/* Sockets to connect with, and nothing of the machine: no Unix socket, no
 * raw one, no netlink. */
static void
allow_network(scmp_filter_ctx filter)
{
    int rc = allow_tcp(filter, AF_INET);

    allow(filter, calls_of_fetcher, ARRAY_COUNT(calls_of_fetcher));
    if (rc == 0)
        rc = allow_tcp(filter, AF_INET6);
    for (size_t i = 0; i < ARRAY_COUNT(refused_to_fetcher) && rc == 0; i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES),
                              refused_to_fetcher[i], 0);
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES),
                              SCMP_SYS(newfstatat), 1,
                              ARG_LACKS(3, AT_EMPTY_PATH));
    if (rc != 0)
        die("a rule that refuses", rc);
}

static void
allow_role(scmp_filter_ctx filter, enum sandbox which)
{
    switch (which) {
    case SANDBOX_SESSION:
    case SANDBOX_IMPORTER:
        allow_fstat(filter);
        break;
    case SANDBOX_ZYGOTE:
        allow_fstat(filter);
        allow_fork(filter);
        break;
    case SANDBOX_VALIDATOR:
        allow(filter, calls_of_validator, ARRAY_COUNT(calls_of_validator));
        allow_when(filter, SCMP_SYS(openat),
                   ARG_LACKS(2, O_ACCMODE | O_CREAT | O_TRUNC));
        break;
    case SANDBOX_WATCHER:
        allow_fstat(filter);
        allow(filter, calls_of_watcher, ARRAY_COUNT(calls_of_watcher));
        break;
    case SANDBOX_FETCHER:
        allow_fstat(filter);
        allow_network(filter);
        break;
    case SANDBOX_KEYRING:
        allow(filter, calls_of_keyring, ARRAY_COUNT(calls_of_keyring));
        allow_fcntl(filter, fcntl_of_keyring, ARRAY_COUNT(fcntl_of_keyring));
        break;
    }
}

/* False on a kernel that is built without seccomp filters. */
static bool
kernel_has_filters(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0 &&
           (prctl(PR_SET_SECCOMP, 2 /* a filter */, NULL, 0, 0) == 0 ||
            errno == EFAULT);
}

static scmp_filter_ctx
filter_new(enum sandbox which, pid_t pid)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int rc;

    if (!filter)
        die("a filter", -ENOMEM);
    allow_session(filter);
    allow_abort(filter, which == SANDBOX_ZYGOTE, pid);
    allow_role(filter, which);
    if ((rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
                               SCMP_ACT_KILL_PROCESS)) != 0 ||
        (rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1)) != 0)
        die("a filter's attributes", rc);
    return filter;
}

/* The filter as the kernel takes it: libseccomp gives it to a file only. */
static void
program_read(scmp_filter_ctx filter, struct sock_fprog *out)
{
    int fd = memfd_create("filter", MFD_CLOEXEC);
    off_t size;
    int rc;

    if (fd < 0)
        die("a place for a filter", -errno);
    if ((rc = seccomp_export_bpf(filter, fd)) != 0)
        die("exporting a filter", rc);
    size = lseek(fd, 0, SEEK_END);
    out->filter = mem_new((size_t)size);
    out->len = (unsigned short)((size_t)size / sizeof(struct sock_filter));
    if (pread(fd, out->filter, (size_t)size, 0) != size)
        die("reading a filter", -EIO);
    close(fd);
}

static struct sock_filter *
own_pid_find(const struct sock_fprog *program)
{
    struct sock_filter *found = NULL;

    for (unsigned i = 0; i < program->len; i++) {
        struct sock_filter *f = &program->filter[i];

        if (f->code != (BPF_JMP | BPF_JEQ | BPF_K) || f->k != LATER_PID)
            continue;
        if (found)
            bug("a filter compares two process numbers");
        found = f;
    }
    if (!found)
        bug("a filter compares no process number");
    return found;
}

void
sandbox_prepare(enum sandbox which)
{
    AUTO(filter) scmp_filter_ctx filter = NULL;

    if (!kernel_has_filters())
        return;
    filter = filter_new(which, LATER_PID);
    program_read(filter, &prepared.program);
    prepared.own_pid = own_pid_find(&prepared.program);
    prepared.which = which;
}

static void
prepared_load(void)
{
    prepared.own_pid->k = (uint32_t)getpid();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prepared.program, 0, 0) !=
            0)
        die("putting the prepared filter in force", -errno);
    filter_is_on = true;
}

void
sandbox_calls(enum sandbox which)
{
    AUTO(filter) scmp_filter_ctx filter = NULL;
    int rc;

    if (prepared.own_pid && prepared.which == which) {
        prepared_load();
        return;
    }
    if (!kernel_has_filters()) {
        log_note("this kernel has no seccomp: system calls are not confined");
        return;
    }
    filter = filter_new(which, getpid());
    if ((rc = seccomp_load(filter)) != 0)
        die("putting the filter in force", rc);
    filter_is_on = true;
}

static const int calls_of_programs[] = {
    SCMP_SYS(execve),           SCMP_SYS(execveat),          SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
};

void
sandbox_no_programs(void)
{
    AUTO(filter) scmp_filter_ctx filter = NULL;
    int rc = 0;

    if (!kernel_has_filters())
        return;
    filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        die("a filter", -ENOMEM);
    for (size_t i = 0; i < ARRAY_COUNT(calls_of_programs) && rc == 0; i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS,
                              calls_of_programs[i], 0);
    if (rc == 0)
        rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
                              SCMP_ACT_KILL_PROCESS);
    if (rc == 0)
        rc = seccomp_load(filter);
    if (rc != 0)
        die("the filter of programs", rc);
}

/* Once our filter is on, asking the kernel would be a forbidden call. */
bool
sandbox_is_on(void)
{
    return filter_is_on || prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2;
}
