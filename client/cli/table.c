/*
 * Lines in columns, as wide as they have to be; on a terminal those that may
 * give way do, down to what can still be told apart.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "client/cli/cli.h"
#include "client/cli/width.h"

#define LEAST_COLUMN 12
#define LEAST_OF_ALL 6 /* where all else is left out */
#define ELLIPSIS     "\xe2\x80\xa6"

void
table_add(struct table *t, const char *const cells[TABLE_COLUMNS])
{
    t->row = mem_resize(t->row, (t->count + 1) * sizeof(*t->row));
    t->paint = mem_resize(t->paint, (t->count + 1) * sizeof(*t->paint));
    t->paint[t->count] = NULL;
    for (int i = 0; i < TABLE_COLUMNS; i++) {
        char shown[512];

        text_escape(slice_text(cells[i] ? cells[i] : ""), shown, sizeof(shown));
        t->row[t->count][i] = mem_text(slice_text(shown));
    }
    t->count++;
}

void
table_paint(struct table *t, const char *colour)
{
    t->paint[t->count - 1] = colour;
}

size_t
terminal_width(void)
{
    struct winsize size;

    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}

/* On a terminal, unless NO_COLOR is set (no-color.org). */
static bool
colours_are_wanted(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && (!no || no[0] == '\0') && term &&
           strcmp(term, "dumb") != 0;
}

static bool
may_give_way(const struct table *t, int column)
{
    return column == 0 || (t->gives_way & (1U << column)) != 0;
}

static size_t
total_of(const size_t width[TABLE_COLUMNS])
{
    size_t total = 0;

    for (int i = 0; i < TABLE_COLUMNS; i++)
        total += width[i] > 0 ? width[i] + (total > 0 ? 2 : 0) : 0;
    return total;
}

/* The widest gives way first, column by column of the terminal. */
static void
widths_shrink(const struct table *t, size_t width[TABLE_COLUMNS], size_t most,
              size_t least)
{
    while (total_of(width) > most) {
        int widest = -1;

        for (int i = 0; i < TABLE_COLUMNS; i++)
            if (may_give_way(t, i) && width[i] > least &&
                (widest < 0 || width[i] > width[widest]))
                widest = i;
        if (widest < 0)
            return;
        width[widest]--;
    }
}

/* Widths only grow from one part of a list to the next. */
static void
widths_find(struct table *t, size_t width[TABLE_COLUMNS])
{
    size_t most = terminal_width();

    for (int i = 0; i < TABLE_COLUMNS; i++) {
        for (size_t r = 0; r < t->count; r++)
            if (text_width(t->row[r][i]) > t->widest[i])
                t->widest[i] = text_width(t->row[r][i]);
        width[i] = t->widest[i];
    }
    if (most == 0)
        return;
    widths_shrink(t, width, most, LEAST_COLUMN);
    for (size_t i = 0;
         i < ARRAY_COUNT(t->spare) && t->spare[i] > 0 && total_of(width) > most;
         i++) {
        memcpy(width, t->widest, sizeof(t->widest));
        for (size_t k = 0; k <= i; k++)
            width[t->spare[k]] = 0;
        widths_shrink(t, width, most, LEAST_COLUMN);
    }
    widths_shrink(t, width, most, LEAST_OF_ALL);
}

static void
cell_print(const char *text, size_t width, const char *colour, size_t *used)
{
    size_t n, whole = text_width(text);

    if (colour)
        printf("\033[%sm", colour);
    if (whole <= width) {
        fputs(text, stdout);
        *used = whole;
    } else {
        n = text_fit(text, width - 1, used);
        printf("%.*s%s", (int)n, text, ELLIPSIS);
        (*used)++;
    }
    if (colour)
        fputs("\033[0m", stdout);
}

static void
row_print(const struct table *t, size_t row, const size_t *width, bool paints)
{
    size_t owed = 0; /* blanks are printed only before something */

    for (int i = 0; i < TABLE_COLUMNS; i++) {
        const char *cell = t->row[row][i];
        size_t used = 0;

        if (width[i] == 0)
            continue;
        if (cell[0] != '\0') {
            printf("%*s", (int)owed, "");
            cell_print(cell, width[i],
                       paints && i == t->painted ? t->paint[row] : NULL, &used);
            owed = 0;
        }
        owed += width[i] - used + 2;
    }
    putchar('\n');
}

void
table_print(struct table *t)
{
    bool paints = colours_are_wanted();
    size_t width[TABLE_COLUMNS];

    widths_find(t, width);
    for (size_t r = 0; r < t->count; r++)
        row_print(t, r, width, paints);
}

void
table_clear(struct table *t)
{
    for (size_t r = 0; r < t->count; r++)
        for (int i = 0; i < TABLE_COLUMNS; i++)
            free(t->row[r][i]);
    t->count = 0;
}

void
table_drop(struct table *t)
{
    table_clear(t);
    free(t->row);
    free(t->paint);
    *t = (struct table){.count = 0};
}
