#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "client/cli/cli.h"

#define SHOWN_TEXT_BYTES 4096
#define LEAST_COLUMN     14

void
show_text(FILE *to, const char *text)
{
    char shown[SHOWN_TEXT_BYTES];

    text_escape(slice_text(text), shown, sizeof(shown));
    fputs(shown, to);
}

/* As one line, with everything beyond ASCII escaped: JSON on a terminal must
 * not deceive either. */
int
show_json(FILE *to, json_t *reply)
{
    if (json_dumpf(reply, to, JSON_COMPACT | JSON_ENSURE_ASCII) != 0 ||
        fputc('\n', to) == EOF)
        return failure_say(EXIT_OUTPUT, "make room, then repeat the command",
                           "the output cannot be written: %s", strerror(errno));
    return to == stdout ? output_finish(EXIT_DONE) : EXIT_DONE;
}

int
output_finish(int exit_code)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return failure_say(EXIT_OUTPUT, "make room, then repeat the command",
                           "the output cannot be written: %s", strerror(errno));
    return exit_code;
}

int
pem_say(const char *pem)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789+/=- \n";

    if (pem[0] == '\0' || strspn(pem, plain) != strlen(pem))
        return failure_say(EXIT_FAULT, NULL, "the agent's answer is no PEM");
    fputs(pem, stdout);
    return output_finish(EXIT_DONE);
}

const char *
text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

int64_t
number_of(json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

bool
flag_of(json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

/* ---- times and names
 * -------------------------------------------------------------- */

static const char *
moment_text(int64_t seconds, const char *format, char out[TIME_TEXT_BYTES])
{
    time_t t = (time_t)seconds;
    struct tm parts;

    out[0] = '\0';
    if (seconds != 0 && gmtime_r(&t, &parts) &&
        strftime(out, TIME_TEXT_BYTES, format, &parts) == 0)
        out[0] = '\0';
    return out;
}

const char *
time_text(int64_t seconds, char out[TIME_TEXT_BYTES])
{
    return moment_text(seconds, "%Y-%m-%d %H:%M UTC", out);
}

const char *
date_text(int64_t seconds, char out[TIME_TEXT_BYTES])
{
    return moment_text(seconds, "%Y-%m-%d", out);
}

/* The value of attribute TYPE ("CN=") in a name as RFC 4514 writes it. */
static struct slice
attribute_find(const char *name, const char *type)
{
    for (const char *at = name; *at;) {
        const char *end = at;

        while (*end && *end != ',' && *end != '+') {
            if (*end == '\\' && end[1] != '\0')
                end++;
            end++;
        }
        while (*at == ' ')
            at++;
        if (strncmp(at, type, strlen(type)) == 0)
            return slice_of(at + strlen(type),
                            (size_t)(end - at) - strlen(type));
        at = *end ? end + 1 : end;
    }
    return slice_of(NULL, 0);
}

void
name_text(const char *distinguished_name, char *out, size_t size)
{
    struct slice found = attribute_find(distinguished_name, "CN=");

    if (found.n == 0)
        found = attribute_find(distinguished_name, "O=");
    if (found.n == 0)
        found = slice_text(distinguished_name);
    text_escape(found, out, size);
}

void
texts_join(json_t *texts, char *out, size_t size)
{
    AUTO(buf) struct buf all = {0};
    size_t i;
    json_t *text;

    json_array_foreach(texts, i, text)
    {
        if (i > 0)
            buf_add_text(&all, ", ");
        buf_add_text(&all,
                     json_string_value(text) ? json_string_value(text) : "");
    }
    text_escape(buf_slice(&all), out, size);
}

/* ---- columns
 * ------------------------------------------------------------------------ */

/* Characters, not bytes; wide ones count as one. */
static size_t
text_width(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* How many bytes make WIDTH characters. */
static size_t
text_cut(const char *text, size_t width)
{
    size_t n = 0;

    while (text[n] && width > 0) {
        n++;
        while (((unsigned char)text[n] & 0xc0) == 0x80)
            n++;
        width--;
    }
    return n;
}

void
table_add(struct table *t, const char *const cells[TABLE_COLUMNS])
{
    t->row = mem_resize(t->row, (t->count + 1) * sizeof(*t->row));
    for (int i = 0; i < TABLE_COLUMNS; i++) {
        char shown[512];

        text_escape(slice_text(cells[i] ? cells[i] : ""), shown, sizeof(shown));
        t->row[t->count][i] = mem_text(slice_text(shown));
    }
    t->count++;
}

static size_t
terminal_width(void)
{
    struct winsize size;

    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}

static void
widths_find(const struct table *t, size_t width[TABLE_COLUMNS])
{
    size_t total = 0, most = terminal_width();

    for (int i = 0; i < TABLE_COLUMNS; i++) {
        width[i] = 0;
        for (size_t r = 0; r < t->count; r++)
            if (text_width(t->row[r][i]) > width[i])
                width[i] = text_width(t->row[r][i]);
        total += width[i] + (width[i] > 0 ? 2 : 0);
    }
    if (most == 0 || total <= most || width[0] <= LEAST_COLUMN)
        return;
    total -= most;
    width[0] =
        width[0] > LEAST_COLUMN + total ? width[0] - total : LEAST_COLUMN;
}

static void
row_print(char *const row[TABLE_COLUMNS], const size_t width[TABLE_COLUMNS])
{
    size_t owed = 0; /* blanks are printed only before something */

    for (int i = 0; i < TABLE_COLUMNS; i++) {
        size_t has = text_width(row[i]);
        bool fits = has <= width[i];

        if (width[i] == 0)
            continue;
        if (has > 0) {
            printf("%*s%.*s%s", (int)owed, "",
                   (int)text_cut(row[i], fits ? has : width[i] - 3), row[i],
                   fits ? "" : "...");
            owed = 0;
        }
        owed += (fits ? width[i] - has : 0) + 2;
    }
    putchar('\n');
}

void
table_print(const struct table *t)
{
    size_t width[TABLE_COLUMNS];

    widths_find(t, width);
    for (size_t r = 0; r < t->count; r++)
        row_print(t->row[r], width);
}

void
table_drop(struct table *t)
{
    for (size_t r = 0; r < t->count; r++)
        for (int i = 0; i < TABLE_COLUMNS; i++)
            free(t->row[r][i]);
    free(t->row);
    *t = (struct table){.count = 0};
}
