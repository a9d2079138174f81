/* Commands by their names, and their help. */
#include <string.h>

#include "client/cli/cli.h"

const struct command *
command_find(const struct command *const *all, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

void
command_list(FILE *to, const struct command *const *all, size_t count,
             int width)
{
    for (size_t i = 0; i < count; i++)
        fprintf(to, "  %-*s %s\n", width, all[i]->name, all[i]->summary);
}

int
command_help(const struct command *c)
{
    printf("usage: %s %s\n\n%s\n\n%s", cli_program, c->usage, c->summary,
           c->help);
    return output_finish(EXIT_DONE);
}
