/*
 * What is being written to tokens, so that a crash leaves a whole identity or
 * nothing: each object is noted on disk before it is created, and what an
 * import, a generation or an installation that was cut off left behind is
 * taken back when its token is next logged in.
 *
 * Runs in smime-keyholder. One file for each write, in a folder beside the
 * audit: CKA_IDs, hashes of certificates, the token's URI; never a secret.
 * The file goes when the write is complete, which is the moment that counts.
 */
#ifndef AGENT_KEYHOLDER_JOURNAL_H
#define AGENT_KEYHOLDER_JOURNAL_H

#include "agent/base/err.h"
#include "agent/base/mem.h"
#include "tokens/write.h"

struct journals {
    char *folder; /* NULL: none is kept (tests of parts) */
};

/* The folder "unfinished" beside the file BESIDE (NULL: none is kept). */
void journals_open(struct journals *j, const char *beside);
void journals_drop(struct journals *j);

struct journal;

/* Makes the file at the first note. JOURNALS is borrowed. */
struct journal *journal_new(const struct journals *journals);

/* For token_import_set_journal; borrows. A note that cannot be written ends
 * the import with TOKENS_FAILED and is told by journal_problem. */
const struct token_journal *journal_notes(struct journal *j);

/* ERR_OK, or why a note could not be written (ERR_OUTPUT). */
MUST_USE enum err journal_problem(const struct journal *j, struct problem *p);

/* The write is complete, or all of it was taken back: the file goes.
 * ERR_OUTPUT when it cannot: then the write is not complete. */
MUST_USE enum err journal_close(struct journal *j, struct problem *p);

/* Without journal_close before it: what was noted is taken back later. */
void journal_drop(struct journal **j);

/* Takes back what unfinished writes left on T; needs its login. *out_count:
 * objects that were destroyed. A journal that is in use, also by another
 * agent, is left alone. ERR_OK when there is nothing to do. */
MUST_USE enum err journals_undo(const struct journals *journals,
                                struct token *t, size_t *out_count,
                                struct problem *p);

/* Calls FN with the URI of each token that an unfinished write waits for; one
 * may be told more than once. Journals that are in use are left out. */
void journals_pending(const struct journals *journals,
                      void (*fn)(void *arg, const char *uri), void *arg);

#endif
