/*
 * What is known of a key, for prompts and for the rules of agent.conf: its
 * label, id, and the addresses that its certificates name. Certificates are
 * those that the token stores. Runs in smime-keyholder.
 */
#ifndef AGENT_KEYHOLDER_KEYFACTS_H
#define AGENT_KEYHOLDER_KEYFACTS_H

#include "agent/base/limits.h"
#include "agent/base/mem.h"
#include "agent/keyholder/config.h"
#include "agent/wire/records.h"
#include "tokens/tokens.h"

struct key_facts {
    char label[LIMIT_LABEL_BYTES + 1];
    char id[2 * TOKEN_ID_BYTES + 1];       /* hex */
    char token_id[2 * TOKEN_ID_BYTES + 1]; /* its CKA_ID, where other keys
                                            * share that; else the same */
    char address[LIMIT_KEY_ADDRESSES][LIMIT_ADDRESS_BYTES + 1];
    size_t addresses;
    char uri[TOKEN_URI_BYTES + 4 + 3 * TOKEN_ID_BYTES + 1];
    bool always_authenticate;
};

/* Fills *out with what the token says; the id alone when it says nothing.
 * False then. */
bool key_facts_load(struct token *t, struct slice id, struct key_facts *out);

/* Does a rule with this text (hex beginning of the id, or of the CKA_ID that it
 * shares, address, or URI) mean this key? An address means it in each of its
 * forms (address_equal). A part of a URI that cannot be compared does not
 * exclude it. */
bool key_facts_match(const struct key_facts *f, const char *which);

/* The same of a rule for keys; one that is not understood means every key. */
bool key_facts_have_rule(const struct key_facts *f,
                         const struct config_key *rule);

/* Must somebody agree to each use? */
bool key_facts_confirm(const struct key_facts *f, const struct config *config);

#endif
