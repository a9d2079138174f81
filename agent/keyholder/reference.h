/*
 * References to keys: eight bytes that name the token, then the CKA_ID. They
 * stay valid when processes or tokens are restarted or moved to another slot.
 */
#ifndef AGENT_KEYHOLDER_REFERENCE_H
#define AGENT_KEYHOLDER_REFERENCE_H

#include "agent/base/err.h"
#include "agent/base/mem.h"
#include "tokens/tokens.h"

#define REFERENCE_TOKEN_BYTES 8

/* What names the token: the first bytes of SHA-256 over its manufacturer,
 * model, serial number and label. */
void reference_of_token(const struct token_info *info,
                        uint8_t out[REFERENCE_TOKEN_BYTES]);

/* Appends the reference of a key to OUT. */
void reference_add(struct buf *out, const struct token_info *info,
                   struct slice id);

/* REF is of a key on T. */
bool reference_is_on(struct slice ref, struct token *t);

/* The token that was found last, and what references call it. Zeroed: none. */
struct found_token {
    struct token *token;
    uint8_t name[REFERENCE_TOKEN_BYTES];
};

/* Finds the inserted token of REF and borrows its CKA_ID. Looks for tokens
 * anew when it is not there. ERR_TOKEN_ABSENT, ERR_USAGE. */
MUST_USE enum err reference_find(struct token_store *store, struct slice ref,
                                 struct token **out, struct slice *out_id,
                                 struct problem *p);

/* The same for whoever uses one key again and again: *LAST is his own. */
MUST_USE enum err reference_find_again(struct token_store *store,
                                       struct found_token *last,
                                       struct slice ref, struct token **out,
                                       struct slice *out_id, struct problem *p);

#endif
