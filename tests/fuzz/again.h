/*
 * What was found good, looked at once more by OpenSSL's own CMS and X.509
 * code and by plain rules, sharing no parser with the agent.
 */
#ifndef TESTS_FUZZ_AGAIN_H
#define TESTS_FUZZ_AGAIN_H

#include "agent/session/judge.h"
#include "tests/fuzz/fuzz.h"

/* V said that the signature of Q holds: its attributes bind the digest and
 * the type, and a certificate of the message that the signer names verifies
 * it. */
void again_signature(const struct verify_request *q,
                     const struct verify_reply *v);

/* ... that its chain holds: so says X509_verify_cert at the same time. */
void again_chain(const struct verify_request *q, const struct verify_reply *v,
                 const char *anchors);

/* ... that the From mailbox is the signer's. */
void again_sender(const struct verify_request *q, const struct verify_reply *v);

/* The report says good: one honest mailbox, and every signature covers all
 * that its message shows. */
void again_good(const struct reading *g);

/* The outermost multipart/signed of MAIL: its first part, found by plain
 * rules, has the digest H that was compared with the signature's. */
void again_covered(const struct reading *g, struct slice mail, enum hash h);

/* The report says good, and the outermost layer of MAIL is a
 * multipart/signed: by plain rules it has two parts, and nothing but white
 * space behind them. */
void again_alone(const struct reading *g, struct slice mail);

/* REPORT is JSON that a parser reads back as it was. */
void again_json(const json_t *report);

#endif
