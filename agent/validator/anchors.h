/*
 * The trust anchors: certificates in folders that only the user or the
 * administrator writes. Owned by smime-validator, which only reads them.
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
#include "agent/base/mem.h"

#define LIMIT_ANCHOR_FOLDERS    8
#define LIMIT_ANCHOR_FILE_BYTES (4 * 1024 * 1024)
#define LIMIT_ANCHOR_FILES      4096
#define ANCHORS_LOOK_MS         200

struct anchors;

/* Borrows the folder names (NULL ends the list). Reads them. */
struct anchors *anchors_new(const char *const *folders);
void anchors_drop(struct anchors **a);

/* Looks whether something changed, at most every ANCHORS_LOOK_MS, and reads
 * everything anew when it did. */
void anchors_refresh(struct anchors *a);

/* All borrowed until the next refresh. The generation changes with the
 * anchors. */
X509_STORE *anchors_store(const struct anchors *a);
uint64_t anchors_generation(const struct anchors *a);
size_t anchors_count(const struct anchors *a);
const char *const *anchors_folders(const struct anchors *a);

#endif
