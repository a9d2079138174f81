/*
 * smime: the command. One file for each command; here is only their table.
 */
#include <signal.h>
#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

static const struct command *const commands[] = {
    &command_status,   &command_doctor,   &command_tokens,  &command_keys,
    &command_import,   &command_generate, &command_install, &command_unlock,
    &command_lock,     &command_pin,      &command_sign,    &command_encrypt,
    &command_decrypt,  &command_verify,   &command_open,    &command_check,
    &command_harvest,  &command_contacts, &command_anchors, &command_setup,
    &command_sendmail, &command_log};

static int
help_all(FILE *to)
{
    fputs("usage: smime COMMAND [OPTIONS] [FILE]\n"
          "       smime [COMMAND] --help | --version\n"
          "\n"
          "Signs, encrypts, verifies and opens S/MIME mail through "
          "smime-agent,\n"
          "which keeps the keys on their tokens.\n"
          "\n",
          to);
    command_list(to, commands, ARRAY_COUNT(commands), 9);
    fputs("\n"
          "Mail is read from FILE or stdin, results go to stdout.\n"
          "More on one: smime COMMAND --help     All of it: man smime\n",
          to);
    return EXIT_DONE;
}

static const struct command *
named(const char *name)
{
    return command_find(commands, ARRAY_COUNT(commands), name);
}

/* "contacts list" among those below "contacts". */
static const struct command *
part_find(const struct command *whole, const char *word)
{
    size_t above = strlen(whole->name) + 1;

    for (size_t i = 0; whole->parts[i]; i++)
        if (strcmp(whole->parts[i]->name + above, word) == 0)
            return whole->parts[i];
    return NULL;
}

/* Takes the word that names a part out of the words; the first part where
 * there is none, NULL (and said) where it is no part's. */
static const struct command *
part_take(const struct command *whole, int *argc, char **argv)
{
    const struct command *part = NULL;
    int at = 0;

    while (at < *argc && (part = part_find(whole, argv[at])) == NULL)
        at++;
    if (*argc > 0 && argv[0][0] != '-' && (!part || at > 0)) {
        (void)usage_error(whole, "%s cannot do that: %s", whole->name, argv[0]);
        return NULL;
    }
    if (!part)
        return whole->parts[0];
    (*argc)--;
    memmove(argv + at, argv + at + 1, (size_t)(*argc - at) * sizeof(*argv));
    return part;
}

static bool
is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
           strcmp(word, "help") == 0;
}

static int
command_run(const struct command *command, int argc, char **argv)
{
    AUTO(arguments) struct arguments a = {.command = NULL};

    if (command->run_words && (argc < 1 || !is_help(argv[0])))
        return command->run_words(argc + 1, argv - 1);
    if (command->parts && argc > 0 && is_help(argv[0]))
        return command_help(command);
    if (command->parts)
        command = part_take(command, &argc, argv);
    if (!command || !arguments_parse(command, argc, argv, &a))
        return EXIT_USAGE;
    return a.wants_help ? command_help(command) : command->run(&a);
}

int
main(int argc, char **argv)
{
    const struct command *command;

    standard_fds_check();
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        (void)help_all(stderr);
        return EXIT_USAGE;
    }
    if (is_help(argv[1])) {
        command = argc > 2 ? named(argv[2]) : NULL;
        if (command && command->parts && argc > 3 &&
            part_find(command, argv[3]))
            command = part_find(command, argv[3]);
        return output_finish(command ? command_help(command)
                                     : help_all(stdout));
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("smime %s\n", SMIME_VERSION);
        return output_finish(EXIT_DONE);
    }
    command = named(argv[1]);
    if (!command)
        return usage_error(NULL, "unknown command %s", argv[1]);
    return command_run(command, argc - 2, argv + 2);
}
