/*
 * CompressedData (RFC 3274), zlib (RFC 1950), as a stream in constant memory
 * and with a bound on what a few bytes may grow to. Read only. Runs in
 * smime-session on hostile mail; a library of its own, so that nothing else
 * links zlib.
 */
#ifndef AGENT_CMS_COMPRESSED_H
#define AGENT_CMS_COMPRESSED_H

#include "agent/cms/object.h"

struct compressed_reader;

/* O must be CMS_TYPE_COMPRESSED; borrows it. Reads up to the content. Errors:
 * ERR_BAD_MESSAGE, ERR_UNSUPPORTED (an algorithm that is not zlib),
 * ERR_LIMIT. */
MUST_USE enum err compressed_reader_begin(struct cms_object *o,
                                          struct compressed_reader **out,
                                          struct problem *p);

/* The content as it was before compression. Its end is reached only when the
 * checksum held, nothing was behind it and the object ended. Errors:
 * ERR_BAD_MESSAGE; ERR_LIMIT: it grows to more than LIMIT_EXPANSION times its
 * size, and to more than LIMIT_EXPANSION_BYTES. */
struct stream *compressed_reader_content(struct compressed_reader *r);
void compressed_reader_drop(struct compressed_reader **r);

#endif
