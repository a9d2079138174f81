/*
 * Rules of agent.conf for programs: which may use keys, and which keys. They
 * go by what /proc says of the caller and its parents, which code of the same
 * user can dress up: guidance for one's own programs, no boundary.
 *
 * Runs in smime-keyholder; from any thread.
 */
#ifndef AGENT_KEYHOLDER_PROGRAM_RULES_H
#define AGENT_KEYHOLDER_PROGRAM_RULES_H

#include "agent/base/err.h"
#include "agent/keyholder/config.h"
#include "agent/keyholder/keyfacts.h"

/* Takes a line of [program NAME]; false when it is not understood. What a slip
 * leaves open is asked for. */
bool program_rule_set(struct config *c, const char *program, const char *name,
                      const char *value);
/* After a file was read: programs that a rule beyond LIMIT_CONFIG_PROGRAMS may
 * have been meant for are asked about. */
void program_rules_settle(struct config *c);
void program_rules_drop(struct config *c);

/* The rule for CALLER ("smime-git, from git, from bash"): of the program that
 * is nearest, else the one for "*", else NULL. */
const struct config_program *program_rule_find(const struct config *c,
                                               const char *caller);

/* Does the rule give this key? */
bool program_rule_has_key(const struct config_program *rule,
                          const struct key_facts *facts);

#endif
