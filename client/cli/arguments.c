#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/mem.h"
#include "client/cli/cli.h"

int
usage_error(const struct command *command, const char *format, ...)
{
    va_list args;
    char text[512];

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fprintf(stderr, "%s: ", cli_program);
    show_text(stderr, text);
    fprintf(stderr, "\n  next: see %s %s%s--help\n", cli_program,
            command ? command->name : "", command ? " " : "");
    return EXIT_USAGE;
}

/* The place of the option in the command's table, or -1. */
static int
option_find(const struct command *command, const char *name, size_t n)
{
    const struct option_row *rows = command->options;

    for (int i = 0; rows && rows[i].name; i++)
        if (strlen(rows[i].name) == n && memcmp(rows[i].name, name, n) == 0)
            return i;
    return -1;
}

static void
list_add(struct arguments *a, const char *value)
{
    while (*value) {
        size_t n = strcspn(value, ",");

        while (n > 0 && *value == ' ') {
            value++;
            n--;
        }
        if (n > 0) {
            a->list =
                mem_resize(a->list, (a->list_count + 1) * sizeof(*a->list));
            a->list[a->list_count++] = mem_text(slice_of(value, n));
        }
        value += n;
        if (*value == ',')
            value++;
    }
}

static void
each_add(struct arguments *a, int place, const char *value)
{
    a->each = mem_resize(a->each, (a->each_count + 1) * sizeof(*a->each));
    a->each[a->each_count++] =
        (struct argument_each){.place = place, .value = value};
}

/* Takes one option at argv[*at]; moves *at when its value is a word of its
 * own. */
static bool
option_take(struct arguments *a, int argc, char **argv, int *at)
{
    const char *name = argv[*at] + (argv[*at][1] == '-' ? 2 : 1);
    size_t n = strcspn(name, "=");
    const char *value = name[n] == '=' ? name + n + 1 : NULL;
    const struct option_row *row;
    int place = option_find(a->command, name, n);

    if (place < 0)
        return usage_error(a->command, "unknown option --%.*s", (int)n, name) ==
               0;
    row = &a->command->options[place];
    if (row->kind == OPTION_FLAG) {
        if (value)
            return usage_error(a->command, "--%s takes no value", row->name) ==
                   0;
        a->value[place] = "";
        return true;
    }
    if (!value && *at + 1 >= argc)
        return usage_error(a->command, "--%s wants a value", row->name) == 0;
    if (!value)
        value = argv[++*at];
    if (a->value[place] && row->kind == OPTION_VALUE)
        return usage_error(a->command, "--%s is there twice", row->name) == 0;
    a->value[place] = value;
    if (row->kind == OPTION_EACH)
        each_add(a, place, value);
    if (row->kind == OPTION_LIST)
        list_add(a, value);
    return true;
}

static bool
words_take(struct arguments *a, int argc, char **argv)
{
    bool options_ended = false;

    for (int at = 0; at < argc; at++) {
        const char *word = argv[at];

        if (!options_ended && strcmp(word, "--") == 0) {
            options_ended = true;
        } else if (!options_ended &&
                   (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            a->wants_help = true;
        } else if (!options_ended && strncmp(word, "--", 2) == 0) {
            if (!option_take(a, argc, argv, &at))
                return false;
        } else if (!options_ended && word[0] == '-' && word[1] != '\0' &&
                   word[2] == '\0' &&
                   option_find(a->command, word + 1, 1) >= 0) {
            if (!option_take(a, argc, argv, &at))
                return false;
        } else if (!options_ended && word[0] == '-' && word[1] != '\0') {
            return usage_error(a->command, "unknown option %s", word) == 0;
        } else {
            a->operand[a->operand_count++] = word;
        }
    }
    return true;
}

/* A usage on one line. */
static int
missing_say(const struct command *c)
{
    AUTO(buf) struct buf usage = {0};

    for (const char *at = c->usage; *at;) {
        size_t n = strcspn(at, "\n");

        buf_add(&usage, at, n);
        at += n + strspn(at + n, "\n ");
        if (*at)
            buf_addf(&usage, "%s",
                     strncmp(at, "smime ", 6) == 0 ? ", or: " : " ");
    }
    return usage_error(c, "something is missing: smime %s", buf_text(&usage));
}

static bool
operands_check(const struct arguments *a)
{
    const struct command *c = a->command;

    if (a->operand_count < (size_t)c->least_operands)
        return missing_say(c) == 0;
    if (c->most_operands >= 0 && a->operand_count > (size_t)c->most_operands)
        return usage_error(c, "too much: %s", a->operand[c->most_operands]) ==
               0;
    return true;
}

bool
arguments_parse(const struct command *command, int argc, char **argv,
                struct arguments *out)
{
    struct arguments a = {.command = command};

    a.operand = mem_new(((size_t)argc + 1) * sizeof(*a.operand));
    if (!words_take(&a, argc, argv) || (!a.wants_help && !operands_check(&a))) {
        arguments_drop(&a);
        return false;
    }
    *out = a;
    return true;
}

void
arguments_drop(struct arguments *a)
{
    for (size_t i = 0; i < a->list_count; i++)
        free(a->list[i]);
    free(a->list);
    free(a->each);
    free(a->operand);
    *a = (struct arguments){.command = NULL};
}

const char *
arguments_value(const struct arguments *a, const char *name)
{
    int place = option_find(a->command, name, strlen(name));

    if (place < 0)
        bug("an option that is not in the command's table");
    return a->value[place];
}

const char *
arguments_each(const struct arguments *a, const char *name, size_t i)
{
    int place = option_find(a->command, name, strlen(name));

    if (place < 0)
        bug("an option that is not in the command's table");
    for (size_t k = 0; k < a->each_count; k++)
        if (a->each[k].place == place && i-- == 0)
            return a->each[k].value;
    return NULL;
}

bool
arguments_flag(const struct arguments *a, const char *name)
{
    return arguments_value(a, name) != NULL;
}

bool
arguments_number(const struct arguments *a, const char *name, long most,
                 long *out)
{
    const char *text = arguments_value(a, name);
    char *end;
    long n;

    if (!text)
        return true;
    errno = 0;
    n = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
        n > most)
        return usage_error(a->command, "--%s wants a number, not %s", name,
                           text) == 0;
    *out = n;
    return true;
}
