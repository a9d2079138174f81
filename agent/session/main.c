/*
 * smime-session: parses mail and speaks with clients, in one confined
 * process for each request that reads somebody else's mail. Executed by the
 * broker, which gives a channel as descriptor 3. Links no PKCS#11.
 *
 * smime-session [--config FILE]...
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/harden.h"
#include "agent/base/log.h"
#include "agent/session/policy.h"
#include "agent/session/rehearsal.h"
#include "agent/session/resident.h"
#include "agent/session/zygote.h"

#define CONTROL_FD 3

static bool
is_channel(int fd)
{
    int type = 0;
    socklen_t n = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
           type == SOCK_SEQPACKET;
}

/* Before the sandbox: no file is opened after it. */
static bool
policies_load(int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--config") != 0 || i + 1 == argc)
            return false;
        policy_load(argv[i + 1]);
    }
    return true;
}

int
main(int argc, char **argv)
{
    log_open("session");
    if (!is_channel(CONTROL_FD) || !policies_load(argc, argv)) {
        log_error("smime-session is started by smime-agent");
        return err_exit_code(ERR_USAGE);
    }
    harden_process(true);
    zygote_warm_up();
    (void)rehearsal_hold();
    resident_find();
    sandbox_files(NULL);
    sandbox_prepare(SANDBOX_SESSION);
    sandbox_calls(SANDBOX_ZYGOTE);
    resident_settle();
    return zygote_run(CONTROL_FD);
}
