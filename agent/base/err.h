/*
 * The one table of errors and the facts that travel with one.
 *
 * Used by every process of the agent. An error is for a person: a sentence
 * that names what was wrong and a next step, both in errors.def. Never holds
 * a secret: facts are shown, logged and sent to clients.
 */
#ifndef AGENT_BASE_ERR_H
#define AGENT_BASE_ERR_H

#include <stddef.h>

#include "agent/base/limits.h"

enum err {
    ERR_OK = 0,
#define X(name, varlink, exit_code, sentence, next) name,
#include "agent/base/errors.def"
#undef X
    ERR_COUNT
};

#define MUST_USE __attribute__((warn_unused_result))

/* What went wrong and the facts its sentence needs; foreign text inside is
 * escaped when shown, not here. A zeroed struct means "nothing is wrong". */
struct problem {
    enum err code;
    int tries_left; /* of a PIN: -1 unknown, else the number */
    char token[LIMIT_FACT_BYTES];
    char subject[LIMIT_FACT_BYTES]; /* an address, a list, a key, a file */
    char detail[LIMIT_FACT_BYTES];
};

/* The Varlink error name without its interface, e.g. "NoKey". */
const char *err_name(enum err code);

/* The exit code of the smime command for this error; 0 for ERR_OK. */
int err_exit_code(enum err code);

/* Fills *p with CODE and a printf-style detail (cut to fit; NULL for none),
 * and gives CODE back, so that a failure is one line:
 *     return fail(p, ERR_BAD_MESSAGE, "base64 ends early"); */
enum err fail(struct problem *p, enum err code, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets a fact after the fact; cut to fit, always terminated. */
void problem_set_token(struct problem *p, const char *label);
void problem_set_subject(struct problem *p, const char *subject);

/* Writes the sentence (next == 0) or the next step (next == 1) into OUT of
 * SIZE bytes with the facts filled in; always terminated. */
void problem_text(const struct problem *p, int next, char *out, size_t size);

/* We are wrong: says where and why on the log, then aborts; in release too. */
#define bug(why) bug_at(__FILE__, __LINE__, (why))
_Noreturn void bug_at(const char *file, int line, const char *why);

#endif
