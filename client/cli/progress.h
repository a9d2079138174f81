/*
 * One line on a terminal that says how far long work is; nothing where stderr
 * is no terminal.
 */
#ifndef CLIENT_CLI_PROGRESS_H
#define CLIENT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool is_shown;
    bool is_drawn;
    uint64_t total; /* 0: not known */
    uint64_t done;
    int64_t begun, drawn_at; /* clock_ms */
};

/* QUIET, or a stderr that is no terminal: it draws nothing. */
void progress_init(struct progress *p, bool quiet);

/* Draws anew with WORDS behind the bar, at most ten times a second. */
void progress_draw(struct progress *p, const char *words);

/* Takes the line away, before anything else is printed. */
void progress_clear(struct progress *p);

#endif
