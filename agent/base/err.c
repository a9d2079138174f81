#include "agent/base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"

struct err_row {
    const char *name;
    int exit_code;
    const char *sentence;
    const char *next;
};

static const struct err_row rows[ERR_COUNT] = {
    [ERR_OK] = {"Ok", 0, "nothing is wrong", "nothing is to be done"},
#define X(id, varlink, exit_code, sentence, next)                              \
    [id] = {varlink, exit_code, sentence, next},
#include "agent/base/errors.def"
#undef X
};

static const struct err_row *
err_row_get(enum err code)
{
    if ((int)code < 0 || code >= ERR_COUNT)
        bug("an error that is not in the table");
    return &rows[code];
}

const char *
err_name(enum err code)
{
    return err_row_get(code)->name;
}

int
err_exit_code(enum err code)
{
    return err_row_get(code)->exit_code;
}

enum err
fail(struct problem *p, enum err code, const char *detail, ...)
{
    struct problem filled = {.code = code, .tries_left = -1};
    va_list args;

    if (!p)
        return code;
    /* Built aside: the arguments may be facts of *p itself. */
    if (detail) {
        va_start(args, detail);
        vsnprintf(filled.detail, sizeof(filled.detail), detail, args);
        va_end(args);
    }
    *p = filled;
    return code;
}

void
problem_set_token(struct problem *p, const char *label)
{
    if (p)
        snprintf(p->token, sizeof(p->token), "%s", label ? label : "");
}

void
problem_set_subject(struct problem *p, const char *subject)
{
    if (p)
        snprintf(p->subject, sizeof(p->subject), "%s", subject ? subject : "");
}

/* A text that is written into a fixed room and silently cut. */
struct cut_text {
    char *out;
    size_t size;
    size_t len;
};

static void
cut_add(struct cut_text *t, char c)
{
    if (t->len + 1 < t->size)
        t->out[t->len++] = c;
}

/* QUOTED text stands between the apostrophes of a command to be pasted into
 * a shell: a token's label must not be able to end it. */
static void
cut_add_fact(struct cut_text *t, const char *fact, bool quoted)
{
    for (; *fact; fact++) {
        if (quoted && *fact == '\'')
            for (const char *s = "'\\'"; *s; s++)
                cut_add(t, *s);
        cut_add(t, *fact);
    }
}

static void
tries_text(int tries, char *out, size_t size)
{
    if (tries < 0)
        out[0] = '\0';
    else if (tries == 0)
        snprintf(out, size, "no tries left");
    else
        snprintf(out, size, "%d %s left", tries, tries == 1 ? "try" : "tries");
}

/* Writes the shown form of the fact whose "{name}" begins AT into OUT and
 * gives the length of the placeholder; 0 when there is none. */
static size_t
fact_find(const struct problem *p, const char *at, char *out, size_t size)
{
    const struct {
        const char *name;
        const char *fact;
    } facts[] = {{"{subject}", p->subject},
                 {"{token}", p->token},
                 {"{detail}", p->detail}};

    if (strncmp(at, "{tries}", strlen("{tries}")) == 0) {
        tries_text(p->tries_left, out, size);
        return strlen("{tries}");
    }
    for (size_t i = 0; i < ARRAY_COUNT(facts); i++) {
        size_t n = strlen(facts[i].name);

        if (strncmp(at, facts[i].name, n) == 0) {
            text_escape(slice_text(facts[i].fact), out, size);
            return n;
        }
    }
    return 0;
}

/* True when the optional part that begins AT ("[") lacks its fact. */
static bool
part_is_empty(const struct problem *p, const char *at)
{
    char shown[LIMIT_SHOWN_FACT_BYTES];

    for (; *at && *at != ']'; at++)
        if (*at == '{' && fact_find(p, at, shown, sizeof(shown)) > 0 &&
            shown[0] == '\0')
            return true;
    return false;
}

/* Expands the placeholder AT and gives where the template goes on. */
static const char *
fact_expand(const struct problem *p, const char *at, bool quoted,
            struct cut_text *t)
{
    char shown[LIMIT_SHOWN_FACT_BYTES];
    size_t n = fact_find(p, at, shown, sizeof(shown));

    if (n == 0)
        bug("an unknown placeholder in errors.def");
    cut_add_fact(t, shown[0] ? shown : "(unknown)", quoted);
    return at + n;
}

void
problem_text(const struct problem *p, int next, char *out, size_t size)
{
    const struct err_row *row = err_row_get(p->code);
    const char *template = next ? row->next : row->sentence;
    struct cut_text t = {.out = out, .size = size};

    if (size == 0)
        return;
    for (const char *at = template; *at;) {
        if (*at == '[' && part_is_empty(p, at)) {
            at += strcspn(at, "]");
            at += *at == ']';
        } else if (*at == '[' || *at == ']') {
            at++;
        } else if (*at == '{') {
            at = fact_expand(p, at, at > template && at[-1] == '\'', &t);
        } else {
            cut_add(&t, *at++);
        }
    }
    out[t.len] = '\0';
}

_Noreturn void
bug_at(const char *file, int line, const char *why)
{
    log_error("bug: %s (%s:%d)", why, file, line);
    abort();
}
