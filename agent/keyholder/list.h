/*
 * Tokens and keys as records.
 */
#ifndef AGENT_KEYHOLDER_LIST_H
#define AGENT_KEYHOLDER_LIST_H

#include "agent/keyholder/keyholder.h"

/* Fills a record; its texts are appended to ROOM and borrow from it, so it is
 * filled and used before ROOM grows again. */
void token_record_fill(struct token *t, struct token_record *out,
                       struct buf *room);

/* A key of the person's own, as far as can be told: not a certificate of
 * somebody else, nor of a CA, that only lies on the token. */
bool key_is_own(const struct token_identity *i);

struct key_record_room {
    struct key_record record;
    struct buf ref, uri; /* that it borrows */
};
void key_record_room_drop(struct key_record_room *room);

/* Fills the zeroed *out, which borrows from INFO and I. */
void key_record_fill(const struct token_info *info,
                     const struct token_identity *i,
                     struct key_record_room *out);

#endif
