/* smime sendmail: the adapter under its other name. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/cli.h"

/* As sysexits.h has it: what calls us knows sendmail's codes only. */
#define EXIT_UNAVAILABLE 69

static int
run_words(int argc, char **argv)
{
    char path[PATH_MAX];

    (void)argc;
    if (sibling_path("smime-sendmail", path, sizeof(path)))
        execv(path, argv);
    return failure_say(EXIT_UNAVAILABLE, "install all of smime-agent",
                       "smime-sendmail cannot be run: %s", strerror(errno));
}

const struct command command_sendmail = {
    .name = "sendmail",
    .summary = "sendmail's drop-in: sign, encrypt, hand over",
    .usage = "sendmail [sendmail's options] [--] [ADDRESS...] <MESSAGE",
    .help = "The same as the command smime-sendmail; see its manual page. What "
            "becomes\nof a message is said by [sendmail] in agent.conf. It "
            "ends with sendmail's\nown exit codes.\n",
    .run_words = run_words,
};
