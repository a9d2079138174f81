#include <stdlib.h>
#include <string.h>

#include "client/lib/client.h"

struct error_row {
    const char *name;
    int exit_code;
    const char *sentence;
    const char *next;
};

static const struct error_row rows[] = {
#define X(id, varlink, exit_code, sentence, next)                              \
    {varlink, exit_code, sentence, next},
#include "agent/base/errors.def"
#undef X
};

#define ROW_COUNT   (sizeof(rows) / sizeof(rows[0]))
#define EXIT_USAGE  2
#define EXIT_FAULT  70
#define DETAIL_MARK "{detail}"

static const struct error_row *
row_find(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

void
smime_error_drop(struct smime_error *e)
{
    free(e->message);
    free(e->next);
    free(e->facts);
    *e = (struct smime_error){.exit_code = 0};
}

/* Fills in DETAIL, or leaves out the bracketed part that wants it. Gives;
 * NULL without memory. Only the library's own errors come here, and they
 * have no other fact. */
static char *
sentence_fill(const char *sentence, const char *detail)
{
    size_t room = strlen(sentence) + (detail ? strlen(detail) : 0) + 1;
    char *out = malloc(room);
    char *end = out;

    if (!out)
        return NULL;
    for (const char *at = sentence; *at;) {
        if (*at == '[' && !detail) {
            at += strcspn(at, "]");
        } else if (detail &&
                   strncmp(at, DETAIL_MARK, strlen(DETAIL_MARK)) == 0) {
            end = stpcpy(end, detail);
            at += strlen(DETAIL_MARK);
        } else {
            if (*at != '[' && *at != ']')
                *end++ = *at;
            at++;
        }
    }
    *end = '\0';
    return out;
}

static void
name_set(struct smime_error *e, const char *name)
{
    size_t n = strlen(name);

    if (n >= sizeof(e->name))
        n = sizeof(e->name) - 1;
    memcpy(e->name, name, n);
    e->name[n] = '\0';
}

int
error_own(struct smime_error *e, const char *name, const char *detail)
{
    const struct error_row *row = row_find(name);

    smime_error_drop(e);
    name_set(e, name);
    e->exit_code = row ? row->exit_code : EXIT_FAULT;
    if (row) {
        e->message = sentence_fill(row->sentence, detail);
        e->next = sentence_fill(row->next, NULL);
    }
    return -1;
}

static char *
fact_text(json_t *facts, const char *name)
{
    const char *value = json_string_value(json_object_get(facts, name));

    return value && value[0] ? strdup(value) : NULL;
}

/* Errors of the protocol itself: the value is no good, or client and agent
 * are of different age. */
static int
error_protocol(struct smime_error *e, const char *full_name, json_t *facts)
{
    const char *what = json_string_value(json_object_get(facts, "parameter"));

    smime_error_drop(e);
    name_set(e, strrchr(full_name, '.') + 1);
    e->exit_code = EXIT_USAGE;
    if (!what || !what[0] ||
        asprintf(&e->message, "the agent does not accept this: %s", what) < 0)
        e->message = strdup("the agent does not know this request");
    e->next = strdup("see the command's --help; if it agrees, agent and "
                     "command may be of different versions: smime status");
    return -1;
}

int
error_reply(struct smime_error *e, const char *full_name, json_t *facts)
{
    static const char protocol[] = "org.varlink.service.";
    const char *dot = strrchr(full_name, '.');
    const struct error_row *row;

    if (strncmp(full_name, protocol, sizeof(protocol) - 1) == 0)
        return error_protocol(e, full_name, facts);
    smime_error_drop(e);
    name_set(e, dot ? dot + 1 : full_name);
    row = row_find(e->name);
    e->exit_code = row ? row->exit_code : EXIT_FAULT;
    e->message = fact_text(facts, "message");
    e->next = fact_text(facts, "next");
    e->facts = facts ? json_dumps(facts, JSON_COMPACT) : NULL;
    if (!e->message)
        e->message = strdup(e->name);
    if (!e->next && row)
        e->next = sentence_fill(row->next, NULL);
    return -1;
}
