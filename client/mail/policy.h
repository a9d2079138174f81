/*
 * What becomes of outgoing mail: the [sendmail] sections of agent.conf. They
 * are read here, in the client, and nowhere in the agent: signing is what the
 * person wants, not a right.
 *
 * What is wrong in one of these sections is an error, and then nothing is
 * sent: a slip in the configuration must not turn into plain mail.
 */
#ifndef CLIENT_MAIL_POLICY_H
#define CLIENT_MAIL_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/mem.h"

/* In the order of strictness; WISH_UNSET: a section says nothing of it. */
enum wish { WISH_UNSET, WISH_NEVER, WISH_REPLY, WISH_POSSIBLE, WISH_ALWAYS };

/* What the field X-Smime of a message may do. */
enum field_right { FIELD_UNSET, FIELD_TIGHTEN, FIELD_ANY, FIELD_IGNORE };

struct rule {
    enum rule_kind { RULE_ALL, RULE_FROM, RULE_TO } kind;
    char *name;  /* of its section */
    char *match; /* an address, "@domain", "@*.domain" or "*"; NULL: name */
    enum wish sign, encrypt;
    enum field_right field;
    char *command;
    char *key;
};

struct policy {
    struct rule *rule;
    size_t count;
    struct buf wrong; /* what is not understood, for a person */
};

/* What holds for one message; borrows from the policy. */
struct wishes {
    enum wish sign, encrypt;
    enum field_right field;
    const char *command; /* NULL: none is configured */
    const char *key;     /* NULL: the sender says it */
};

/* Reads the system's agent.conf, then the person's own over it. False when
 * something is wrong, which p->wrong tells. */
bool policy_load(struct policy *p);
void policy_drop(struct policy *p);

/* What is wished for mail from SENDER (NULL: unknown), before the recipients
 * are looked at. */
struct wishes policy_find(const struct policy *p, const char *sender);

/* Lets RECIPIENT's rules speak about IT: gives what holds for this recipient
 * alone. The strictest of all recipients' wishes holds for the message. */
void policy_recipient(const struct policy *p, const struct wishes *it,
                      const char *recipient, enum wish *out_sign,
                      enum wish *out_encrypt);

#endif
