/*
 * Looks through an entity as it streams by for parts whose text is not in
 * them: message/external-body and message/partial (RFC 2046 5.2), at any
 * depth. A signature covers the pointer there, not what a reader shows. Runs
 * in smime-session on hostile mail; constant memory.
 */
#ifndef AGENT_MIME_ELSEWHERE_H
#define AGENT_MIME_ELSEWHERE_H

#include "agent/base/mem.h"

struct elsewhere;

/* The first bytes are an entity's header. */
struct elsewhere *elsewhere_new(void);
void elsewhere_drop(struct elsewhere **w);

void elsewhere_write(struct elsewhere *w, const uint8_t *p, size_t n);
/* Call at the entity's end: such a part was there, or parts nested deeper
 * than anybody looks. */
bool elsewhere_found(struct elsewhere *w);
/* A multipart in it names two boundaries, or one that had to be dropped, or a
 * part's header says two things of its type or encoding, or is cut by readers
 * in different ways: they see different parts. Not in attached messages. */
bool elsewhere_is_doubtful(const struct elsewhere *w);

#endif
