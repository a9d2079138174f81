#include "agent/base/harden.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/log.h"

static void
require(bool done, const char *what)
{
    if (done)
        return;
    log_error("the kernel refuses %s: %s", what, strerror(errno));
    _exit(err_exit_code(ERR_INTERNAL));
}

void
harden_process(bool die_with_parent)
{
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};

    require(setrlimit(RLIMIT_CORE, &none) == 0, "to forbid core dumps");
    require(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0, "to forbid tracing");
    require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0,
            "to forbid new privileges");
    require(signal(SIGPIPE, SIG_IGN) != SIG_ERR, "to ignore SIGPIPE");
    /* A limit on the size of files is an error like a full disk. */
    require(signal(SIGXFSZ, SIG_IGN) != SIG_ERR, "to ignore SIGXFSZ");
    umask(077);
    /* A parent that is gone already is seen as the end of its channel. */
    if (die_with_parent)
        require(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0,
                "to end with the parent");
}
