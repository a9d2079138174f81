/*
 * Which keys a token had when it was last seen, for when it is out and the
 * agent was started since: whoever wants one of them is told which token to
 * insert.
 *
 * Runs in smime-keyholder. One file for each token, in a folder beside the
 * audit, of what lists tell of its keys: certificates, ids, the token's label;
 * never a secret. Nothing is decided by it but what an error says. What is
 * malformed there counts as not there.
 */
#ifndef AGENT_KEYHOLDER_REMEMBERED_H
#define AGENT_KEYHOLDER_REMEMBERED_H

#include "agent/base/limits.h"
#include "agent/base/mem.h"
#include "agent/keyholder/reference.h"

struct remembered_token {
    uint8_t name[REFERENCE_TOKEN_BYTES];
    uint64_t hash;      /* of what it was made from; 0: read from its file */
    uint64_t shown;     /* of that, what a token shows that is locked, too */
    struct buf records; /* each behind its length */
};

struct remembered {
    char *folder; /* NULL: nothing is kept (tests of parts) */
    pthread_mutex_t mutex;
    struct remembered_token token[LIMIT_REMEMBERED]; /* the oldest one first */
    size_t count;
};

/* Reads the folder "keys" beside the file BESIDE (NULL: none is kept). */
void remembered_open(struct remembered *r, const char *beside);
void remembered_drop(struct remembered *r);

/* LIST was just read from the token of INFO. One that is locked may tell less
 * than what is remembered, which stays unless LIST has all its keys, and more
 * than was seen when they were remembered. */
void remembered_note(struct remembered *r, const struct token_info *info,
                     const struct token_identities *list);

/* What is on T has been changed: reads it. */
void remembered_refresh(struct remembered *r, struct token *t);

/* Calls FN with each record (RECORD_key_record) of each token that IS_KNOWN
 * does not say it knows, until FN says false. */
void remembered_each(struct remembered *r,
                     bool (*is_known)(void *arg, const uint8_t *name),
                     bool (*fn)(void *arg, struct slice record), void *arg);

#endif
