/*
 * What the importer read: its items, held while they are written to a token.
 */
#ifndef AGENT_KEYHOLDER_P12_ITEMS_H
#define AGENT_KEYHOLDER_P12_ITEMS_H

#include "agent/base/limits.h"
#include "agent/keyholder/keyholder.h"

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
 * items. When the file wants a password and the client gave none, the person
 * is asked, at most pin_prompts times, and each answer goes to a new importer.
 * Errors: the importer's own (ERR_P12_PASSWORD with a detail: no password was
 * tried, for nobody could be asked); ERR_P12_FORMAT when it died of the file;
 * ERR_CANCELLED when the person said so or the client went away. */
MUST_USE enum err p12_items_read(struct client *c,
                                 const struct import_request *request,
                                 struct p12_items *out, struct problem *p);
void p12_items_drop(struct p12_items *items);

/* True when the certificate is the key's. */
bool p12_items_pair(const struct item *key, const struct item *certificate);

#endif
