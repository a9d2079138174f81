/*
 * Which algorithms mail is signed and encrypted with, and whether its header is
 * protected: [sign], [encrypt] and [mail] of agent.conf, read by the zygote
 * before its sandbox, and what a request asks for. Runs in smime-session; the
 * key and the recipients have the last word.
 */
#ifndef AGENT_SESSION_POLICY_H
#define AGENT_SESSION_POLICY_H

#include "agent/cms/algorithm.h"
#include "agent/session/session.h"

/* RFC 9788: nothing; a copy of the header fields inside; and, where it is
 * encrypted, some of them hidden outside (hcp_baseline), or more (hcp_shy). */
enum header_protection {
    HEADER_PROTECTION_OFF,
    HEADER_PROTECTION_CLEAR,
    HEADER_PROTECTION_CIPHER,
    HEADER_PROTECTION_SHY
};

/* 0, HASH_NONE, CIPHER_NONE: by the key, or by what the recipients announce.
 * ..._asked: the request itself wants it, so it is done or refused. */
struct policy {
    enum hash digest;     /* of signatures; SHA-256, SHA-384, SHA-512 */
    unsigned padding;     /* of RSA signatures: SCHEME_RSA_PKCS1 or _PSS */
    enum cipher cipher;   /* of content */
    unsigned key_padding; /* of content keys: SCHEME_RSA_PKCS1 or _OAEP */
    enum hash oaep_digest;
    bool digest_asked;
    bool padding_asked;
    enum header_protection header;
    bool legacy_display; /* what is hidden is repeated in the text */
};

/* Reads FILE over what is there; a file that is absent is no error. What is
 * not understood is logged and left as it was. */
void policy_load(const char *file);

/* The configured policy with the parameters digest, padding, cipher,
 * key_padding, oaep_digest, header_protection and legacy_display of R over
 * it. Errors: ERR_ALGORITHM for a word
 * that is none of theirs, with the words that are. */
MUST_USE enum err policy_of(struct request *r, struct policy *out);

#endif
