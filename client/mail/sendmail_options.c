/* sendmail's command line, as mail tools write it. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/mail/sendmail.h"

/* All that sendmail, Postfix and msmtp take; what has a value is told by its
 * colon, so that a value is never taken for a recipient. -q is looked for
 * before: its value is optional and has no letter of its own. */
#define OPTION_LETTERS "+A:B:C:D:F:GIL:N:O:R:UV:X:b:cd::e:f:h:imno:p:r:tvx"

static void
pass_on(struct sendmail_options *o, const char *option, const char *value)
{
    o->pass = mem_resize(o->pass, (o->pass_count + 2) * sizeof(o->pass[0]));
    o->pass[o->pass_count++] = option;
    if (value)
        o->pass[o->pass_count++] = value;
}

/* -bm is what we do; -bp, -bi work on the real one's queue and aliases. */
static bool
mode_take(struct sendmail_options *o, const char *mode)
{
    if (strcmp(mode, "m") == 0)
        return true;
    if (strcmp(mode, "p") != 0 && strcmp(mode, "i") != 0)
        return false;
    o->is_queue_work = true;
    return true;
}

static bool
is_usage_error(int letter)
{
    if (letter == '?')
        (void)failure_say(EX_USAGE, "see: man smime-sendmail",
                          "the option -%c is not understood", optopt);
    return letter == '?';
}

/* False when it was said what is wrong. */
static bool
option_take(struct sendmail_options *o, int letter, const char *value)
{
    static const char *const passed[] = {
        ['N'] = "-N", ['R'] = "-R", ['V'] = "-V",
        ['B'] = "-B", ['L'] = "-L", ['O'] = "-O"};

    if (is_usage_error(letter))
        return false;
    if (letter == 't')
        o->recipients_in_header = true;
    else if (letter == 'i' || (letter == 'o' && strcmp(value, "i") == 0))
        o->dots_are_text = true;
    else if (letter == 'v')
        o->verbose = true;
    else if (letter == 'f' || letter == 'r')
        o->sender = value;
    else if (letter == 'F')
        o->full_name = value;
    else if (letter == 'b' && !mode_take(o, value))
        return failure_say(EX_USAGE,
                           "give the message on standard input, without -b",
                           "-b%s is not done here: it would go past the "
                           "policy",
                           value) == 0;
    else if ((size_t)letter < ARRAY_COUNT(passed) && passed[letter])
        pass_on(o, passed[letter], value);
    return true;
}

static bool
has_queue_option(int argc, char **argv)
{
    for (int i = 1; i < argc && argv[i][0] == '-'; i++)
        if (strncmp(argv[i], "-q", 2) == 0)
            return true;
        else if (strcmp(argv[i], "--") == 0)
            return false;
    return false;
}

int
sendmail_options_parse(int argc, char **argv, struct sendmail_options *out)
{
    struct sendmail_options o = {.sender = NULL};
    int letter;

    if (has_queue_option(argc, argv)) {
        o.is_queue_work = true;
        *out = o;
        return EX_OK;
    }
    opterr = 0;
    while ((letter = getopt(argc, argv, OPTION_LETTERS)) >= 0)
        if (!option_take(&o, letter, optarg)) {
            sendmail_options_drop(&o);
            return EX_USAGE;
        }
    o.recipient = argv + optind;
    o.recipient_count = (size_t)(argc - optind);
    *out = o;
    return EX_OK;
}

void
sendmail_options_drop(struct sendmail_options *o)
{
    free(o->pass);
    *o = (struct sendmail_options){.sender = NULL};
}
