/*
 * seccomp filters: lists of what is left, everything else kills the process.
 *
 * What a filter cannot see is what a pointer points to: newfstatat with
 * AT_EMPTY_PATH, which glibc's fstat needs, tells of any path whether it is
 * there. Nothing can be opened by it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
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

static bool filter_is_on;

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
    SCMP_SYS(openat),     SCMP_SYS(unlink),     SCMP_SYS(unlinkat),
    SCMP_SYS(rename),     SCMP_SYS(renameat),   SCMP_SYS(renameat2),
    SCMP_SYS(mkdir),      SCMP_SYS(mkdirat),    SCMP_SYS(access),
    SCMP_SYS(faccessat),  SCMP_SYS(faccessat2), SCMP_SYS(stat),
    SCMP_SYS(lstat),      SCMP_SYS(newfstatat), SCMP_SYS(statx),
    SCMP_SYS(fsync),      SCMP_SYS(fdatasync),  SCMP_SYS(fchmod),
    SCMP_SYS(fchown), /* SQLite, when root runs it */
    SCMP_SYS(getcwd),     SCMP_SYS(geteuid),    SCMP_SYS(getuid),
    SCMP_SYS(readlink),   SCMP_SYS(readlinkat), SCMP_SYS(flock),
    SCMP_SYS(getdents64), SCMP_SYS(statfs),     SCMP_SYS(fstatfs),
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
allow_abort(scmp_filter_ctx filter, bool may_fork)
{
    struct scmp_arg_cmp conditions[] = {ARG_IS(2, SIGABRT),
                                        ARG_IS(0, (scmp_datum_t)getpid())};
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

void
sandbox_calls(enum sandbox which)
{
    AUTO(filter) scmp_filter_ctx filter = NULL;
    int rc;

    if (!kernel_has_filters()) {
        log_note("this kernel has no seccomp: system calls are not confined");
        return;
    }
    filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter)
        die("a filter", -ENOMEM);
    allow_session(filter);
    allow_abort(filter, which == SANDBOX_ZYGOTE);
    allow_role(filter, which);
    if ((rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
                               SCMP_ACT_KILL_PROCESS)) != 0 ||
        (rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1)) != 0 ||
        (rc = seccomp_load(filter)) != 0)
        die("putting the filter in force", rc);
    filter_is_on = true;
}

/* Once our filter is on, asking the kernel would be a forbidden call. */
bool
sandbox_is_on(void)
{
    return filter_is_on || prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2;
}
