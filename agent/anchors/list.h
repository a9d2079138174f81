/*
 * The list of built-in trust anchors as it travels from smime-anchors, which
 * writes it once, to smime-validator, which reads it: for each anchor its
 * DER, the time after which it is distrusted, and its label; at the end an
 * item without DER, so that a list that was cut short is known as such.
 * Decides nothing about trust.
 */
#ifndef AGENT_ANCHORS_LIST_H
#define AGENT_ANCHORS_LIST_H

#include "agent/base/err.h"
#include "agent/base/limits.h"
#include "agent/base/mem.h"

struct anchor_item {
    struct slice der;
    struct slice label;      /* UTF-8 as the module has it; may be empty */
    uint64_t distrust_after; /* seconds since 1970: certificates issued later
                                are not trusted for mail; 0: no such time */
};

/* Appends one; a label that is too long is cut. bug() when DER is empty or
 * over its limit. */
void anchor_item_write(struct buf *out, const struct anchor_item *item);
void anchor_list_end(struct buf *out);

/* Takes one item off the front of REST (borrows). False at the list's end
 * and when it is malformed. */
MUST_USE bool anchor_item_read(struct slice *rest, struct anchor_item *out);

/* True when LIST is one list from its first item to its end mark. */
MUST_USE bool anchor_list_is_whole(struct slice list);

#endif
