/*
 * How agent.conf is read, by every process that reads a part of it: inih
 * splits it into lines; conf.def knows which lines there are, and says of a
 * wrong one where it stands and what it may be. What a line means is known
 * to the process that it is for.
 */
#ifndef AGENT_BASE_CONF_H
#define AGENT_BASE_CONF_H

#include "agent/base/mem.h"

struct conf_line {
    const char *file;
    unsigned number;
    const char *section;
    const char *name;
    const char *value;
};

enum conf_answer {
    CONF_OTHER, /* a line for another process */
    CONF_TAKEN,
    CONF_WRONG
};

struct conf_reader {
    enum conf_answer (*take)(void *user, const struct conf_line *line);
    /* Each complaint, a sentence on one line; NULL: they are logged. */
    void (*complain)(void *user, const char *text);
    void *user;
    bool strays; /* also complains of sections that are nobody's */
    bool broken; /* and of those that are no line at all */
};

/* Gives each line of FILE to TAKE, in order, and complains of those that it
 * calls wrong. A line that is longer than inih reads is cut, and complained
 * of when it was taken. A file that is absent is no error, one that cannot be
 * read is complained of. Borrows all. */
void conf_read(const char *file, const struct conf_reader *reader);

/* Whether LINE's value is one of the numbers that conf.def allows it; a
 * name that it has no numbers for is a bug. */
bool conf_number(const struct conf_line *line, unsigned *out);
/* Whether TEXT is yes or no. */
bool conf_flag(const char *text, bool *out);
/* What [SECTION] NAME may be, in words; NULL: there is no such line. */
const char *conf_words(const char *section, const char *name);

#endif
