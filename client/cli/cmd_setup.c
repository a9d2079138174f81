/* smime setup: one row for each tool. */
#include <string.h>

#include "client/cli/setup.h"

static const struct option_row options[] = {{"from", OPTION_VALUE},
                                            {"install", OPTION_FLAG},
                                            {"remove", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

static const struct setup_tool tools[] = {
    {"aerc", "read and send with aerc", setup_aerc, NULL},
    {"gpgme", "NeoMutt, mutt, KMail, Claws, notmuch through GPGME", NULL,
     setup_gpgme},
    {"git", "sign commits and tags", setup_git, NULL},
    {"maildrop", "learn contacts as mail is delivered", setup_maildrop, NULL},
    {"mutt", "sign, verify, encrypt, decrypt with mutt", setup_mutt, NULL},
    {"neomutt", "the same with NeoMutt", setup_mutt, NULL},
    {"notmuch", "learn contacts and tag by verdict", setup_notmuch, NULL},
    {"p11-kit", "your keys for every program that uses p11-kit", NULL,
     setup_p11_kit},
    {"pkcs11", "your keys for programs that load PKCS#11 modules", NULL,
     setup_pkcs11},
    {"procmail", "learn contacts as mail is delivered", setup_procmail, NULL},
    {"sendmail", "sign and encrypt all that is sent (msmtp, Postfix)",
     setup_sendmail, NULL},
    {"sieve", "learn contacts as mail is delivered (Dovecot)", setup_sieve,
     NULL},
    {"thunderbird", "your keys in Thunderbird", NULL, setup_thunderbird},
};

static const struct setup_tool *
tool_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(tools); i++)
        if (strcmp(tools[i].name, name) == 0)
            return &tools[i];
    return NULL;
}

static int
tools_list(void)
{
    puts("smime setup TOOL prints what goes into that tool's configuration:\n");
    for (size_t i = 0; i < ARRAY_COUNT(tools); i++)
        printf("  %-12s %s\n", tools[i].name, tools[i].summary);
    return output_finish(EXIT_DONE);
}

static int
tool_print(const struct setup_tool *tool, const struct arguments *a)
{
    AUTO(buf) struct buf out = {0};

    setup_fill(&out, a, tool->lines);
    fputs(buf_text(&out), stdout);
    return output_finish(EXIT_DONE);
}

static int
run(const struct arguments *a)
{
    const struct setup_tool *tool;

    if (a->operand_count == 0)
        return tools_list();
    tool = tool_find(a->operand[0]);
    if (!tool)
        return usage_error(a->command, "no tool %s is known; see: smime setup",
                           a->operand[0]);
    if (tool->run != setup_gpgme &&
        (arguments_flag(a, "install") || arguments_flag(a, "remove")))
        return usage_error(a->command,
                           "only gpgme is put in place and taken "
                           "away; %s is printed",
                           tool->name);
    return tool->run ? tool->run(a) : tool_print(tool, a);
}

const struct command command_setup = {
    .name = "setup",
    .summary = "print the lines for another tool's configuration",
    .usage = "setup [TOOL] [--from A] [--install | --remove]",
    .help = "Without TOOL: which ones there are. Nothing is changed, the lines "
            "go to\nstdout.\n"
            "\n"
            "  --from A    your address, where the lines need it; else that "
            "of your key\n"
            "  --install   gpgme: put it in place, in ~/.local/bin\n"
            "  --remove    gpgme: take it away again\n",
    .options = options,
    .most_operands = 1,
    .run = run,
};
