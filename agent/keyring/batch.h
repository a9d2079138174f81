/*
 * Rows of contacts judged as of now, all in one question to the validator: a
 * list has tens of thousands of them, whose issuers are the same few. In
 * smime-keyring; it parses no certificate.
 */
#ifndef AGENT_KEYRING_BATCH_H
#define AGENT_KEYRING_BATCH_H

#include "agent/keyring/keyring.h"

#define BATCH_ROWS 40

struct batch_item {
    struct buf bytes; /* what the slices of row borrow from */
    struct stored row;
    bool first;           /* of its address */
    struct buf described; /* empty: it is damaged */
    uint32_t chain;       /* enum chain */
    uint8_t path[LIMIT_LIST_ITEMS];
    size_t path_n; /* places in the issuers of the batch */
};

struct batch {
    struct keyring *k;
    struct batch_item item[BATCH_ROWS];
    size_t n;
    size_t bytes; /* of their records */
    struct slice_list issuers;
    struct buf issuer_bytes; /* reserved: it does not move */
};

struct batch *batch_new(struct keyring *k);
void batch_drop(struct batch **b);

/* Copies ROW, with the issuers kept for it. *out is false when it has no
 * room. Errors: those of the store. */
MUST_USE enum err batch_add(struct batch *b, const struct stored *row,
                            bool *out, struct problem *p);
/* Takes off the last one. */
void batch_take_back(struct batch *b);

/* Fills chain and described of each. Errors: those of the store and of the
 * validator. */
MUST_USE enum err batch_judge(struct batch *b, struct problem *p);

#endif
