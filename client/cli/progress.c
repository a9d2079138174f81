#include "client/cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/base/fd.h"

#define FIRST_MS   300 /* what is done sooner shows no bar */
#define REDRAW_MS  100
#define GUESS_MS   2000 /* before that the time left is anybody's guess */
#define BAR_WIDTH  24
#define LINE_BYTES 256

void
progress_init(struct progress *p, bool quiet)
{
    const char *term = getenv("TERM");

    *p = (struct progress){.begun = clock_ms()};
    p->is_shown = !quiet && isatty(STDERR_FILENO) && term && term[0] &&
                  strcmp(term, "dumb") != 0;
}

static size_t
line_width(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 79;
    return size.ws_col - 1U;
}

static void
bar_write(const struct progress *p, char *out, size_t size)
{
    uint64_t done = p->done < p->total ? p->done : p->total;
    int part = (int)(done * 100 / p->total);
    char bar[BAR_WIDTH + 1];

    memset(bar, '-', BAR_WIDTH);
    memset(bar, '#', (size_t)(part * BAR_WIDTH / 100));
    bar[BAR_WIDTH] = '\0';
    snprintf(out, size, "[%s] %3d%%  ", bar, part);
}

static void
left_write(const struct progress *p, int64_t now, char *out, size_t size)
{
    int64_t took = now - p->begun;
    double left;

    out[0] = '\0';
    if (p->total == 0 || p->done == 0 || p->done >= p->total || took < GUESS_MS)
        return;
    left = (double)took / 1000 * (double)(p->total - p->done) / (double)p->done;
    if (left < 60)
        snprintf(out, size, ", %.0f s left", left + 0.5);
    else if (left < 5400)
        snprintf(out, size, ", %.0f min left", left / 60 + 0.5);
    else
        snprintf(out, size, ", %.1f h left", left / 3600);
}

void
progress_draw(struct progress *p, const char *words)
{
    char bar[64] = "", left[64], line[LINE_BYTES];
    int64_t now = clock_ms();
    size_t width;

    if (!p->is_shown || now - p->begun < FIRST_MS ||
        now - p->drawn_at < REDRAW_MS)
        return;
    width = line_width();
    if (p->total > 0 && width >= 60)
        bar_write(p, bar, sizeof(bar));
    else if (p->total > 0)
        snprintf(
            bar, sizeof(bar), "%3d%%  ",
            (int)((p->done < p->total ? p->done : p->total) * 100 / p->total));
    left_write(p, now, left, sizeof(left));
    snprintf(line, sizeof(line), "%s%s%s", bar, words, left);
    fprintf(stderr, "\r%.*s\033[K", (int)width, line);
    fflush(stderr);
    p->is_drawn = true;
    p->drawn_at = now;
}

void
progress_clear(struct progress *p)
{
    if (p->is_drawn)
        fputs("\r\033[K", stderr);
    p->is_drawn = false;
}
