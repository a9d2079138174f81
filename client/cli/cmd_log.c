/* smime log: the audit, which the keyholder alone writes; here it is only
 * read. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

#define DEFAULT_LINES  50
#define MOST_LINES     1000000
#define SHORT_ID_CHARS 16

static const struct option_row options[] = {{"n", OPTION_VALUE},
                                            {"since", OPTION_VALUE},
                                            {"all", OPTION_FLAG},
                                            {"json", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

/* ---- a line ----------------------------------------------------------------
 */

/* A value: a word, or a text in quotes with backslashes; moves *at behind
 * it. */
static void
value_take(const char **at, struct buf *out)
{
    bool quoted = **at == '"';

    if (quoted)
        (*at)++;
    for (; **at && (quoted ? **at != '"' : !strchr(" \n", **at)); (*at)++) {
        if (quoted && **at == '\\' && (*at)[1] != '\0')
            (*at)++;
        buf_add_byte(out, (uint8_t) * *at);
    }
    if (quoted && **at == '"')
        (*at)++;
}

static json_t *
number_or_text(const char *name, const char *value)
{
    char *end;
    long long n = strtoll(value, &end, 10);

    if ((strcmp(name, "pid") == 0 || strcmp(name, "session") == 0) &&
        end != value && *end == '\0')
        return json_integer(n);
    return json_string(value);
}

/* "name=value name="text"" as an object; NULL: the line is none of ours. */
static json_t *
line_parse(const char *line)
{
    json_t *out = json_object();

    while (*line) {
        AUTO(buf) struct buf value = {0};
        char name[32];
        size_t n;

        line += strspn(line, " \n");
        n = strcspn(line, "= \n");
        if (n == 0 || n >= sizeof(name) || line[n] != '=')
            break;
        memcpy(name, line, n);
        name[n] = '\0';
        line += n + 1;
        value_take(&line, &value);
        json_object_set_new(out, name, number_or_text(name, buf_text(&value)));
    }
    if (json_object_get(out, "time") && json_object_get(out, "operation"))
        return out;
    json_decref(out);
    return NULL;
}

/* ---- the file ---------------------------------------------------------------
 */

static bool
path_find(char *out, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int n;

    if (state && state[0] == '/')
        n = snprintf(out, size, "%s/smime-agent/audit.log", state);
    else
        n = snprintf(out, size, "%s/.local/state/smime-agent/audit.log",
                     home ? home : "");
    return n > 0 && (size_t)n < size;
}

/* What is wanted, and the last MOST lines of it as a ring. */
struct lines {
    int64_t since;
    const char *match; /* NULL: any */
    size_t most;
    json_t **ring;
    size_t count;
};

static bool
is_wanted(const struct lines *l, json_t *entry, const char *line)
{
    int64_t when;

    if (l->match && !strcasestr(line, l->match))
        return false;
    return l->since == INT64_MIN ||
           (moment_read(text_of(entry, "time"), &when) && when >= l->since);
}

static void
lines_read(FILE *from, struct lines *l)
{
    char *line = NULL;
    size_t room = 0;

    while (getline(&line, &room, from) > 0) {
        json_t *entry = line_parse(line);
        json_t **place = &l->ring[l->count % l->most];

        if (entry && is_wanted(l, entry, line)) {
            json_decref(*place);
            *place = entry;
            l->count++;
        } else {
            json_decref(entry);
        }
    }
    free(line);
}

/* The entries in their order. */
static json_t *
lines_take(struct lines *l)
{
    size_t n = l->count < l->most ? l->count : l->most;
    json_t *out = json_array();

    for (size_t i = l->count - n; i < l->count; i++)
        json_array_append_new(out, TAKE(l->ring[i % l->most]));
    free(l->ring);
    return out;
}

/* ---- words
 * ------------------------------------------------------------------- */

static void
entry_add(struct table *t, json_t *entry)
{
    const char *result = text_of(entry, "result");
    const char *address = text_of(entry, "address");
    char key[SHORT_ID_CHARS + 1], whose[600];

    snprintf(key, sizeof(key), "%s", text_of(entry, "key"));
    snprintf(whose, sizeof(whose), "%s%s%s%s", address,
             address[0] && key[0] ? " (" : "", key,
             address[0] && key[0] ? ")" : "");
    table_add(t, (const char *const[TABLE_COLUMNS]){
                     text_of(entry, "time"), text_of(entry, "operation"),
                     strcmp(result, "Ok") == 0 ? "done" : result, whose,
                     text_of(entry, "token"), text_of(entry, "program")});
}

static int
entries_say(json_t *entries)
{
    AUTO(table) struct table t = {0};
    json_t *entry;
    size_t i;

    if (json_array_size(entries) == 0)
        puts("Nothing of that is in the audit.");
    json_array_foreach(entries, i, entry) entry_add(&t, entry);
    table_print(&t);
    return output_finish(EXIT_DONE);
}

static int
run(const struct arguments *a)
{
    struct lines l = {.since = INT64_MIN, .match = a->operand[0]};
    AUTO(json) json_t *reply = NULL;
    long most = DEFAULT_LINES;
    char path[PATH_MAX];
    FILE *file;

    if (!arguments_moment(a, "since", &l.since) ||
        !arguments_number(a, "n", MOST_LINES, &most))
        return EXIT_USAGE;
    if (arguments_flag(a, "all") ||
        (arguments_value(a, "since") && !arguments_value(a, "n")))
        most = MOST_LINES;
    if (!path_find(path, sizeof(path)))
        return failure_say(EXIT_INPUT, NULL, "there is no place for an audit");
    file = fopen(path, "re");
    if (!file)
        return failure_say(EXIT_INPUT,
                           "the agent makes it when a key is first used",
                           "%s cannot be read: %s", path, strerror(errno));
    l.most = most > 0 ? (size_t)most : 1;
    l.ring = mem_new(l.most * sizeof(l.ring[0]));
    lines_read(file, &l);
    fclose(file);
    if (most == 0) {
        json_decref(l.ring[0]);
        l.ring[0] = NULL;
        l.count = 0;
    }
    reply = json_pack("{so}", "entries", lines_take(&l));
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    return entries_say(json_object_get(reply, "entries"));
}

const struct command command_log = {
    .name = "log",
    .summary = "the audit: which program used which key, and how it ended",
    .usage = "log [--since TIME] [-n N] [--all] [--json] [TEXT]",
    .help = "A line is: time, operation, how it ended, address and key, token, "
            "program and\nthose that started it. The last 50, or all since "
            "TIME; with TEXT only those that\nhave it.\n"
            "\n"
            "  --since TIME   as RFC 3339 has it, or a date\n"
            "  -n N           the last N\n"
            "  --all          all of them\n"
            "  --json         one object, its member entries has them\n",
    .options = options,
    .most_operands = 1,
    .run = run,
};
