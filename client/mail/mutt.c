/* smime-mutt: see mutt.h. */
#include "client/mail/mutt.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/mem.h"

static const struct command *const commands[] = {
    &mutt_sign,           &mutt_verify,
    &mutt_verify_opaque,  &mutt_encrypt,
    &mutt_decrypt,        &mutt_pk7out,
    &mutt_get_cert,       &mutt_get_signer_cert,
    &mutt_get_cert_email, &mutt_import_cert,
    &mutt_index};

void
passphrase_skip(void)
{
    char bytes[1024];
    ssize_t n;

    if (isatty(STDIN_FILENO))
        return;
    do
        n = read(STDIN_FILENO, bytes, sizeof(bytes));
    while (n > 0 && !memchr(bytes, '\n', (size_t)n));
    explicit_bzero(bytes, sizeof(bytes));
}

const char *
name_of_path(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int
help_all(FILE *to)
{
    fputs("usage: smime-mutt COMMAND [OPTIONS] FILE...\n"
          "\n"
          "What mutt and NeoMutt run; smime setup mutt prints their "
          "configuration.\n"
          "\n",
          to);
    command_list(to, commands, ARRAY_COUNT(commands), 16);
    fputs("\nAll of it: man smime-mutt\n", to);
    return EXIT_DONE;
}

int
main(int argc, char **argv)
{
    AUTO(arguments) struct arguments a = {.command = NULL};
    const struct command *command;

    cli_program = "smime-mutt";
    standard_fds_check();
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        (void)help_all(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0)
        return output_finish(help_all(stdout));
    if (strcmp(argv[1], "--version") == 0) {
        puts("smime-mutt " SMIME_VERSION);
        return output_finish(EXIT_DONE);
    }
    command = command_find(commands, ARRAY_COUNT(commands), argv[1]);
    if (!command)
        return usage_error(NULL, "unknown command %s", argv[1]);
    if (!arguments_parse(command, argc - 2, argv + 2, &a))
        return EXIT_USAGE;
    return a.wants_help ? command_help(command) : command->run(&a);
}
