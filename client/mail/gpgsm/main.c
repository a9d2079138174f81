#include <signal.h>

#include "client/mail/gpgsm/engine.h"

int
main(int argc, char **argv)
{
    struct engine e;
    int result;

    /* A program that dies leaves its descriptors: that is an error of writing
     * them, not of ours. */
    (void)signal(SIGPIPE, SIG_IGN);
    engine_init(&e);
    result = command_line_run(&e, argc, argv);
    engine_drop(&e);
    return result;
}
