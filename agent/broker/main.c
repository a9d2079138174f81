/*
 * smime-agent: the agent's first process, in the foreground. Says on stderr
 * when it is ready, ends on SIGTERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/harden.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/broker/broker.h"

#define EXIT_USAGE 2

static const char help[] =
    "usage: smime-agent [--help | --version]\n"
    "\n"
    "Keeps your S/MIME keys at hand: runs in the foreground until SIGTERM and\n"
    "serves the smime command and mail tools over a socket of your own:\n"
    "  $XDG_RUNTIME_DIR/smime-agent/io.smimeagent, or what SMIME_AGENT_SOCK "
    "says\n"
    "\n"
    "Start it:           smime-agent &\n"
    "See what is there:  smime status\n"
    "Manual:             man smime-agent\n";

/* Numbers 0 to 2 must be taken, or a socket of ours would become stderr. */
static void
standard_fds_fill(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

/* The other executables lie beside us: PREFIX/bin/smime-agent and
 * PREFIX/libexec/smime-agent. */
static bool
libexec_find(struct buf *out)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (n <= 0)
        return false;
    self[n] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(self, '/');

        if (!slash)
            return false;
        *slash = '\0';
    }
    buf_addf(out, "%s/libexec/smime-agent", self);
    return true;
}

static int
arguments_read(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return fputs(help, stdout) < 0 ? EXIT_USAGE : 0;
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("smime-agent %s\n", SMIME_VERSION);
        return 0;
    }
    fprintf(stderr,
            "smime-agent: unknown argument %s\n  next: see "
            "smime-agent --help\n",
            argv[1]);
    return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
    AUTO(buf) struct buf libexec = {0};
    struct complaint c = {{0}, {0}};
    int exit_code;

    standard_fds_fill();
    if (argc > 1)
        return arguments_read(argc, argv);
    log_open("smime-agent");
    /* For our own PKCS#11 module, should a configuration have the keyholder
     * load it: the agent would wait for itself. */
    if (setenv("SMIME_AGENT_INSIDE", "1", 1) != 0)
        return 1;
    if (!libexec_find(&libexec)) {
        log_error("/proc/self/exe cannot be read: %s", strerror(errno));
        return 1;
    }
    harden_process(false);
    exit_code = broker_run(buf_text(&libexec), &c);
    if (exit_code != 0)
        fprintf(stderr, "smime-agent: %s\n  next: %s\n", c.what, c.next);
    return exit_code;
}
