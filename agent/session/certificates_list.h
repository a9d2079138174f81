/*
 * All certificates that the agent knows, for programs that keep their own
 * view of them: of the person's keys, of contacts, issuers that were kept,
 * and trust anchors. Runs in smime-session, for Contacts.Certificates.
 */
#ifndef AGENT_SESSION_CERTIFICATES_LIST_H
#define AGENT_SESSION_CERTIFICATES_LIST_H

#include "agent/session/certificate_match.h"
#include "agent/session/session.h"

enum listed_kind { OF_KEY, OF_CONTACT, OF_ISSUER, OF_ANCHOR };

/* Owns its bytes; about borrows from described. */
struct listed_certificate {
    enum listed_kind kind;
    struct buf der;
    struct buf described; /* empty: could not be read, or not yet asked for */
    struct description about;
    struct slice issuer, subject; /* Names, in der */
    uint8_t sha1[20];
    uint8_t sha256[32];
    uint8_t grip[20];
    bool has_grip;
    bool wanted; /* a pattern matches */
    /* of a key */
    char key[129]; /* CKA_ID, hex */
    char token[LIMIT_LABEL_BYTES + 1];
    uint32_t flags;
    uint32_t uses; /* what its token can do; 0: not known */
    /* of a contact */
    bool blocked;
};

struct certificate_list {
    struct listed_certificate *item;
    size_t count;
    const struct pattern *pattern; /* none: all are wanted */
    size_t pattern_count;
};
void certificate_list_drop(struct certificate_list *l);

/* Adds DER unless it is there; gives it, or NULL when it was there or is no
 * certificate's outline. DESCRIBED may be empty. */
struct listed_certificate *certificate_list_add(struct certificate_list *l,
                                                enum listed_kind kind,
                                                struct slice der,
                                                struct slice described);

/* Whether C, of which more is known now, is wanted. */
void certificate_list_match(const struct certificate_list *l,
                            struct listed_certificate *c);

/* C itself when it is self-issued, else an issuer or anchor of the list with
 * its issuer's name; NULL: none. */
const struct listed_certificate *
certificate_list_issuer(const struct certificate_list *l,
                        const struct listed_certificate *c);

#endif
