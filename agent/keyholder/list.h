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

#endif
