/*
 * From evidence to verdict: what reading.h collected goes to the keyring and
 * its validator, and their answers become the report of the client protocol.
 */
#ifndef AGENT_SESSION_JUDGE_H
#define AGENT_SESSION_JUDGE_H

#include "agent/session/reading.h"

/* The words of io.smimeagent.Mail for the enums of agent/wire/values.h. */
const char *chain_word(uint32_t chain);
const char *sender_word(uint32_t sender);
const char *strength_word(uint32_t strength);
const char *revocation_word(uint32_t revocation);

struct judging {
    bool learn;
    bool later;         /* what is learned is kept by MSG_CONTACTS_KEEP */
    uint64_t at;        /* 0: now and the signing time */
    bool whole;         /* signers' certificates with their bytes */
    const char *origin; /* provenance for the keyring */
};

/* Judges every signed layer, outermost first, and gives the type Report of
 * io.smimeagent.Mail. The message is good when every signed layer of its
 * spine is; what stands in a part or an attached message is told and changes
 * nothing. Certificates are learned only from the spine, when every layer
 * of it is good. Errors: ERR_KEYRING_LOST, ERR_STORE. */
MUST_USE enum err judge_report(struct reading *g, const struct judging *how,
                               json_t **out);

#endif
