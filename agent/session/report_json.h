/*
 * The verdict as the client protocol tells it: the types Signer, Layer, Part,
 * HeaderField and Report of io.smimeagent.Mail. Words only; what they say is
 * decided in judge.c. Runs in smime-session. Every function gives a new
 * reference.
 */
#ifndef AGENT_SESSION_REPORT_JSON_H
#define AGENT_SESSION_REPORT_JSON_H

#include "agent/session/json_text.h"
#include "agent/session/reading.h"

/* What was decided on one layer. */
struct layer_verdict {
    bool valid;   /* a signature of it holds, whoever made it */
    bool vouches; /* ... and is the message's sender's */
    bool good;    /* ... and covers all of the message */
    bool unseen;  /* it lacks nothing but a header to be good */
};

/* valid: as in struct layer_verdict, of one signer; whole: with the bytes of
 * its certificate. */
json_t *signer_json(const struct verify_reply *v, bool covers, bool valid,
                    bool whole);

/* Layer number I of G. SIGNERS (taken) is NULL for encryption. */
json_t *layer_json(const struct reading *g, size_t i,
                   const struct layer_verdict *v, json_t *signers);

/* All parts, each with what stands for it. */
json_t *parts_json(const struct reading *g, const struct layer_verdict *v);

/* What stands for each field of the message's header (RFC 9788 4.3): those
 * that are protected, then those that readers show and are not. */
json_t *header_json(const struct reading *g, const struct layer_verdict *v);
const char *hp_word(enum hp hp);

/* The addresses of an author. */
json_t *from_json(const struct author *a);

#endif
