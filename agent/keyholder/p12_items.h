/*
 * What the importer read: its items, held while they are written to a token.
 */
#ifndef AGENT_KEYHOLDER_P12_ITEMS_H
#define AGENT_KEYHOLDER_P12_ITEMS_H

#include "agent/keyholder/keyholder.h"

#define LIMIT_ITEM_KEYS         8
#define LIMIT_ITEM_CERTIFICATES 32

struct item {
    struct frame frame; /* owns the bytes; dropping wipes them */
    struct p12_item record;
};

struct p12_items {
    struct item key[LIMIT_ITEM_KEYS];
    size_t key_count;
    struct item certificate[LIMIT_ITEM_CERTIFICATES];
    size_t certificate_count;
    char warning[LIMIT_LABEL_BYTES + 1];
};

/* Starts an importer, hands it the client's descriptors and reads all its
 * items. Errors: the importer's own; ERR_P12_FORMAT when it died of the file;
 * ERR_CANCELLED when the client went away. */
MUST_USE enum err p12_items_read(struct client *c,
                                 const struct import_request *request,
                                 struct p12_items *out, struct problem *p);
void p12_items_drop(struct p12_items *items);

/* True when the certificate is the key's. */
bool p12_items_pair(const struct item *key, const struct item *certificate);

#endif
