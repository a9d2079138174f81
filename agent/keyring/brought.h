/*
 * What sessions bring along for one request: anchors, CRLs, a certificate to
 * check. The keyring reads none of it; it keeps the bytes until the session
 * ends and lends them to the validator when that session asks. Never a
 * ground for what is learned.
 */
#ifndef AGENT_KEYRING_BROUGHT_H
#define AGENT_KEYRING_BROUGHT_H

#include "agent/base/limits.h"
#include "agent/base/mem.h"
#include "agent/wire/channel.h"
#include "agent/wire/records.h"
#include "agent/wire/values.h"

struct errand;
struct keyring;

struct brought {
    uint32_t name; /* 0: nothing was brought */
    bool given[TRUST_KINDS];
    struct buf bytes[TRUST_KINDS];
};

void brought_drop(struct brought *b);

/* Appends a part. Errors: ERR_LIMIT, ERR_USAGE for an unknown kind. */
MUST_USE enum err brought_add(struct keyring *k, struct brought *b,
                              const struct trust_part *part, struct problem *p);

/* Asks a validator that has all of it under b->name, which REQUEST names too
 * (0: nothing was brought). As keyring_ask_while; ERR_LIMIT also. */
MUST_USE enum err brought_ask(struct keyring *k, const struct brought *b,
                              enum message m, const void *request, void *reply,
                              const struct errand *meanwhile,
                              struct problem *p);

#endif
