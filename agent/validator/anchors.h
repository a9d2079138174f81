/*
 * The trust anchors: certificates in folders that only the user or the
 * administrator writes, and the roots of NSS's built-in module. Owned by
 * smime-validator, which only reads them.
 *
 * A folder that is missing when the process starts is outside its sandbox:
 * when it is made later, the agent has to be restarted (or get a SIGHUP).
 * Files that come, go or change in a folder that was there are noticed. A
 * symbolic link that leads out of the folders cannot be followed.
 */
#ifndef AGENT_VALIDATOR_ANCHORS_H
#define AGENT_VALIDATOR_ANCHORS_H

#include <openssl/x509.h>

#include "agent/base/err.h"
#include "agent/base/limits.h"
#include "agent/base/mem.h"
#include "agent/validator/folder.h"

/* Where a built-in anchor is from, in place of a file. */
#define ANCHOR_SOURCE_NSS "NSS"

struct anchor {
    X509 *x509;
    uint8_t fingerprint[32];
    int64_t distrust_after; /* certificates issued later are not trusted; 0:
                               no such time */
    char *source;           /* the file, or ANCHOR_SOURCE_NSS */
    char *label;            /* the module's name for it; may be empty */
};

struct anchors;

/* Borrows the folder names (NULL ends the list). Reads them. */
struct anchors *anchors_new(const char *const *folders);

/* A set for one request: no folder, never changes. Takes LIST, COUNT anchors
 * made by mem_new and mem_text. */
struct anchors *anchors_of(struct anchor *list, size_t count);

/* Adds the list of built-in anchors (agent/anchors/list.h) that FD holds,
 * from its beginning. False, and nothing is added, when it is not whole. */
MUST_USE bool anchors_add_builtin(struct anchors *a, int fd);
void anchors_drop(struct anchors **a);

/* Looks whether something changed, at most every FOLDER_LOOK_MS, and reads
 * everything anew when it did. */
void anchors_refresh(struct anchors *a);

/* All borrowed until the next refresh. The generation changes with the
 * anchors. */
X509_STORE *anchors_store(const struct anchors *a);
uint64_t anchors_generation(const struct anchors *a);
/* A certificate that is there twice counts once. */
size_t anchors_count(const struct anchors *a);
const struct anchor *anchors_at(const struct anchors *a, size_t i);
/* Borrows; NULL when X is none of them. The same root in a folder outweighs
 * what NSS says of it. */
const struct anchor *anchors_find(const struct anchors *a, const X509 *x);
const char *const *anchors_folders(const struct anchors *a);
/* Files in the folders that are not what they should be. */
const struct faulty_list *anchors_faulty(const struct anchors *a);

#endif
