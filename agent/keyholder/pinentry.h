/*
 * A person's PIN, password or consent, through pinentry (Assuan, by
 * libassuan).
 *
 * Runs in the thread that needs the answer, over a socket that the broker
 * connected to pinentry's stdin and stdout: nothing is started here. All
 * memory of the Assuan context, where an answer passes through, is locked and
 * wiped.
 */
#ifndef AGENT_KEYHOLDER_PINENTRY_H
#define AGENT_KEYHOLDER_PINENTRY_H

#include "agent/base/err.h"
#include "agent/base/secret.h"

struct pinentry;

/* Where to ask; empty texts are left to pinentry. */
struct pinentry_place {
    const char *tty;
    const char *term;
    const char *display;
    const char *locale;
    unsigned timeout_s; /* for one answer; 0: as long as can be */
};

/* What is asked. DESCRIPTION may have several lines; ERROR (or NULL) is what
 * was wrong with the last answer. */
struct pinentry_question {
    const char *prompt; /* "PIN:" */
    const char *description;
    const char *error;
};

/* What ends a prompt, and pinentry's process, before it is answered: the other
 * end of FD going away, or that *LOCKED becomes true (atomic; NULL: nothing).
 * Both are borrowed. */
struct pinentry_watch {
    int fd;
    const bool *locked;
};

/*
 * Takes FD. Errors of all three: ERR_CANCELLED (the person, or WATCH),
 * ERR_TOKEN_LOCKED (pinentry cannot ask; detail says why).
 */
MUST_USE enum err pinentry_open(int fd, const struct pinentry_watch *watch,
                                const struct pinentry_place *place,
                                struct pinentry **out, struct problem *p);

/* Asks for a secret. */
MUST_USE enum err pinentry_ask(struct pinentry *pinentry,
                               const struct pinentry_question *question,
                               struct secret **out, struct problem *p);

/* Asks for a yes. */
MUST_USE enum err pinentry_confirm(struct pinentry *pinentry,
                                   const char *description, struct problem *p);

/* Did a prompt end because its WATCH did? */
bool pinentry_is_left(const struct pinentry *pinentry);

void pinentry_drop(struct pinentry **pinentry);

#endif
