/*
 * Header Protection as it is read (RFC 9788 4): the fields at the root of what
 * is signed or encrypted are the message's, if the sender says so by hp= and
 * gives an author there; those outside are what anybody may have written.
 * Runs in smime-session on hostile mail.
 */
#ifndef AGENT_SESSION_PROTECTED_H
#define AGENT_SESSION_PROTECTED_H

#include "agent/mime/header.h"

enum hp {
    HP_NONE,  /* nothing, or nothing that counts */
    HP_CLEAR, /* the sender has encrypted nothing */
    HP_CIPHER /* what no HP-Outer repeats was sent encrypted only */
};

struct protected_field {
    char *name;
    char *value; /* unfolded, encoded words decoded */
    bool in_clear;
};

struct protected_header {
    enum hp hp;
    int signature; /* the innermost layers around it; -1: none */
    int encryption;
    struct protected_field *field;
    size_t count;
};
void protected_header_drop(struct protected_header *p);

struct reading;
struct entity;
struct where;

/* Reads the header of E, the root of what the layers around W protect, into
 * G, where it says that it is protected. Within a signature the author is the
 * one inside then; what was wrong with the one outside stays wrong. */
void protected_read(struct reading *g, const struct entity *e,
                    const struct where *w);

/* Writes the header of the readable message, without the empty line: the
 * protected fields, and of those outside what is not among them. What a
 * reader shows or answers by, and stands only outside or differs from what
 * the sender wrote there, becomes X-Unprotected-NAME. But of two authors the
 * one outside stays From, and the other becomes X-Protected-From. */
MUST_USE enum err protected_put(const struct reading *g, const struct entity *e,
                                struct sink *to, struct problem *p);

/* Is F shown by readers, or answered by? */
bool field_is_shown(const struct header_field *f);

/* A field's value for people, unfolded and decoded, at most LIMIT_TEXT_BYTES;
 * the caller frees it. */
char *field_text(struct slice value);

/* The values of two fields are the same but for folding, blanks, quotes and
 * the encoding of words. */
bool field_says_same(struct slice a, struct slice b);

#endif
