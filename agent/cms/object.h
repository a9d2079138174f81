/*
 * The outermost layer of a CMS object (RFC 5652 section 3), read as a
 * stream of BER: definite and indefinite lengths, any size, constant memory.
 * Runs in smime-session on hostile mail; decides nothing about trust.
 */
#ifndef AGENT_CMS_OBJECT_H
#define AGENT_CMS_OBJECT_H

#include "agent/base/stream.h"

enum cms_type {
    CMS_TYPE_OTHER,
    CMS_TYPE_DATA,
    CMS_TYPE_SIGNED,         /* RFC 5652 5 */
    CMS_TYPE_ENVELOPED,      /* RFC 5652 6 */
    CMS_TYPE_AUTH_ENVELOPED, /* RFC 5083 */
    CMS_TYPE_COMPRESSED      /* RFC 3274 */
};

struct cms_object;

/* Reads the ContentInfo's beginning. What follows the object is no part of
 * it: cms_object_rest tells of it. FROM gives DER or BER; neither base64
 * nor PEM is accepted here. Errors: ERR_BAD_MESSAGE ("not a CMS object",
 * "the structure ends early"). The object borrows FROM. */
MUST_USE enum err cms_object_open(struct stream *from, struct cms_object **out,
                                  struct problem *p);
enum cms_type cms_object_type(const struct cms_object *o);
void cms_object_drop(struct cms_object **o);

/* For the readers of this folder: inside the [0] EXPLICIT content. */
struct ber *cms_object_ber(struct cms_object *o);
/* Goes out of the ContentInfo, which must end here. */
MUST_USE enum err cms_object_close(struct cms_object *o, struct problem *p);
/* After closing: reads what is left of the input. *out_something: it was more
 * than white space and zeros, which transports append; other readers may
 * take it for a text. */
MUST_USE enum err cms_object_rest(struct cms_object *o, bool *out_something,
                                  struct problem *p);

#endif
