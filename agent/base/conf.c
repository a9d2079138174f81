#include "agent/base/conf.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"

static const struct row {
    const char *section;
    const char *name;
    const char *words; /* NULL: a number */
    unsigned least, most;
} rows[] = {
#define CONF_WORDS(section, name, words) {section, name, words, 0, 0},
#define CONF_NUMBER(section, name, least, most)                                \
    {section, name, NULL, least, most},
#include "agent/base/conf.def"
#undef CONF_NUMBER
#undef CONF_WORDS
};

/* ---- the table ----------------------------------------------------------- */

static bool
row_is_of(const struct row *row, const char *section)
{
    size_t n = strlen(row->section);

    return row->section[n - 1] == ' ' ? strncmp(row->section, section, n) == 0
                                      : strcmp(row->section, section) == 0;
}

static const struct row *
row_find(const char *section, const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (row_is_of(&rows[i], section) && strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static bool
has_section(const char *section)
{
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (row_is_of(&rows[i], section))
            return true;
    return false;
}

const char *
conf_words(const char *section, const char *name)
{
    const struct row *row = row_find(section, name);

    return row ? row->words : NULL;
}

bool
conf_number(const struct conf_line *line, unsigned *out)
{
    const struct row *row = row_find(line->section, line->name);
    char *end;
    unsigned long n;

    if (!row || row->words)
        bug("agent.conf has no such number");
    n = strtoul(line->value, &end, 10);
    if (line->value[0] < '0' || line->value[0] > '9' || *end != '\0' ||
        n < row->least || n > row->most)
        return false;
    *out = (unsigned)n;
    return true;
}

bool
conf_flag(const char *text, bool *out)
{
    if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
        return false;
    *out = text[0] == 'y';
    return true;
}

/* ---- complaints ---------------------------------------------------------- */

struct reading {
    const struct conf_reader *reader;
    const char *file;
    FILE *stream;
    unsigned line;
    bool is_cut;
};

static void complain(const struct reading *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
complain(const struct reading *r, const char *format, ...)
{
    AUTO(buf) struct buf text = {0};
    char what[900];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    if (r->line > 0)
        buf_addf(&text, "%s, line %u: %s", r->file, r->line, what);
    else
        buf_addf(&text, "%s %s", r->file, what);
    if (r->reader->complain)
        r->reader->complain(r->reader->user, buf_text(&text));
    else
        log_error("%s", buf_text(&text));
}

/* What there is instead: the names of SECTION, or all sections. */
static void
choices_add(struct buf *out, const char *section)
{
    const char *last = "";

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        bool is_named = row->section[strlen(row->section) - 1] == ' ';

        if (section && row_is_of(row, section))
            buf_addf(out, "%s%s", out->len ? ", " : "", row->name);
        if (!section && strcmp(row->section, last) != 0)
            buf_addf(out, "%s[%s%s]", out->len ? ", " : "", row->section,
                     is_named ? "NAME" : "");
        last = row->section;
    }
}

static void
complain_line(const struct reading *r, const struct conf_line *l)
{
    const struct row *row = row_find(l->section, l->name);
    AUTO(buf) struct buf choices = {0};
    char section[64], name[96], value[128];

    text_escape(slice_text(l->section), section, sizeof(section));
    text_escape(slice_text(l->name), name, sizeof(name));
    text_escape(slice_text(l->value), value, sizeof(value));
    if (row && row->words)
        complain(r, "[%s] %s = %s is not understood; allowed: %s", section,
                 name, value, row->words);
    else if (row)
        complain(r, "[%s] %s = %s is not understood; allowed: %u to %u",
                 section, name, value, row->least, row->most);
    else if (has_section(l->section)) {
        choices_add(&choices, l->section);
        complain(r, "[%s] has no \"%s\"; it has: %s", section, name,
                 buf_text(&choices));
    } else if (l->section[0] == '\0')
        complain(r, "\"%s\" stands before the first [section]", name);
    else {
        choices_add(&choices, NULL);
        complain(r, "there is no section [%s]; there are: %s", section,
                 buf_text(&choices));
    }
}

/* ---- reading ------------------------------------------------------------- */

/* A line for inih, whole; of one that is too long the rest is passed over,
 * for it would count as a line of its own. */
static char *
line_next(char *out, int size, void *user)
{
    struct reading *r = user;
    char *got = fgets(out, size, r->stream);

    if (!got)
        return NULL;
    r->line++;
    r->is_cut = false;
    if (strchr(out, '\n'))
        return got;
    for (int c = getc(r->stream); c != EOF && c != '\n'; c = getc(r->stream))
        r->is_cut = true;
    return got;
}

static int
handle_line(void *user, const char *section, const char *name,
            const char *value)
{
    const struct reading *r = user;
    struct conf_line l = {r->file, r->line, section, name, value};
    enum conf_answer answer = r->reader->take(r->reader->user, &l);

    if (answer == CONF_OTHER && r->reader->strays && !has_section(section))
        answer = CONF_WRONG;
    if (answer == CONF_WRONG)
        complain_line(r, &l);
    else if (answer == CONF_TAKEN && r->is_cut)
        complain(r,
                 "the line is too long: what is behind the first %zu bytes of "
                 "its value does not count",
                 strlen(value));
    return 1;
}

void
conf_read(const char *file, const struct conf_reader *reader)
{
    struct reading r = {.reader = reader, .file = file};
    int broken;

    r.stream = fopen(file, "re");
    if (!r.stream) {
        if (errno != ENOENT && errno != ENOTDIR)
            complain(&r, "cannot be read: %s", strerror(errno));
        return;
    }
    broken = ini_parse_stream(line_next, &r, handle_line, &r);
    r.line = 0;
    if (ferror(r.stream))
        complain(&r, "cannot be read: %s", strerror(errno));
    r.line = broken > 0 ? (unsigned)broken : 0;
    if (r.line > 0 && reader->broken)
        complain(&r, "the line is neither [section] nor name = value");
    (void)fclose(r.stream);
}
