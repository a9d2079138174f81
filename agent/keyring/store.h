/*
 * contacts.db: addresses, their certificates and how they came. Owned by
 * smime-keyring. Certificates are opaque here: every field beside the DER is
 * what the validator said. What was acknowledged is on the disk; what failed
 * left nothing.
 */
#ifndef AGENT_KEYRING_STORE_H
#define AGENT_KEYRING_STORE_H

#include "agent/base/err.h"
#include "agent/base/mem.h"
#include "agent/wire/records.h"
#include "agent/wire/values.h"

struct store;

/* Opens or makes PATH (its folder must be there) and brings its schema up
 * to date. Never gives NULL: a store that is damaged, newer than we are or
 * not writable answers everything with ERR_STORE and why, and its file is
 * left as it is. */
struct store *store_open(const char *path);
void store_drop(struct store **s);

/* Why it answers nothing; NULL when it works. */
const char *store_fault(const struct store *s);
const char *store_path(const struct store *s);

/* ---- learning ----------------------------------------------------------- */

/* One certificate for some addresses; all borrowed. */
struct lesson {
    struct slice der;
    const struct description *about;
    const struct slice_list *addresses;
    const struct slice_list *issuers;      /* nearest first */
    const struct slice_list *issuer_names; /* SHA-256 of each one's subject;
                                              NULL: not known */
    struct slice capabilities;             /* empty: unknown */
    int64_t capabilities_time;
    struct slice origin;
    struct slice message_id;
    bool sender_seen; /* From was compared */
    int64_t now;
};

/* Stores all lessons or none. *out says what was new; of several the most
 * noteworthy (changed, new, known). */
MUST_USE enum err store_learn(struct store *s, const struct lesson *lessons,
                              size_t n, enum learned *out, struct problem *p);

/* ---- looking ------------------------------------------------------------ */

/* One certificate of one address; borrowed until the visitor returns. */
struct stored {
    uint32_t row;
    int64_t certificate; /* for store_issuers */
    struct slice address, name, origin, message_id, der, capabilities;
    enum contact_state state;
    int64_t first_seen, last_seen, not_before, not_after;
    uint32_t uses;
};

/* Called for each row; false ends the visit (an error goes through ctx). */
typedef bool store_visit(void *ctx, const struct stored *row);

/* Rows behind CURSOR in the order they came; MATCH (may be empty) is part of
 * an address or name. */
MUST_USE enum err store_contacts(struct store *s, uint32_t cursor,
                                 struct slice match, store_visit *visit,
                                 void *ctx, struct problem *p);

/* The rows of one address, newest certificate first. */
MUST_USE enum err store_contact(struct store *s, struct slice address,
                                store_visit *visit, void *ctx,
                                struct problem *p);

/* The rows of one certificate, by its SHA-256: one for each address. */
MUST_USE enum err store_holders(struct store *s, struct slice fingerprint,
                                store_visit *visit, void *ctx,
                                struct problem *p);

/* Certificates of contacts, or issuers kept (KIND), behind CURSOR, as many as
 * go into ROOM bytes: appended to BYTES, listed in OUT, which borrows from
 * there. *next is the cursor of the next page, 0 after the last. */
MUST_USE enum err store_certificates(struct store *s, enum stored_kind kind,
                                     uint32_t cursor, size_t room,
                                     struct buf *bytes, struct slice_list *out,
                                     uint32_t *next, struct problem *p);

/* The issuers kept with a certificate, appended to BYTES and listed in OUT
 * (which borrows from BYTES). */
MUST_USE enum err store_issuers(struct store *s, int64_t certificate,
                                struct buf *bytes, struct slice_list *out,
                                struct problem *p);

/* The issuers kept with any certificate whose subject has this hash, the
 * newest first, at most LIMIT_ISSUERS_OF_NAME; appended as above. */
MUST_USE enum err store_issuers_named(struct store *s, struct slice name,
                                      struct buf *bytes, struct slice_list *out,
                                      struct problem *p);

/* When a certificate was first seen in a good message of its holder; 0: it
 * was not. */
MUST_USE enum err store_first_seen(struct store *s, struct slice fingerprint,
                                   int64_t *out, struct problem *p);

struct store_counts {
    uint32_t contacts; /* addresses */
    uint32_t certificates;
};
MUST_USE enum err store_count(struct store *s, struct store_counts *out,
                              struct problem *p);

/* Removes an address with all its rows; *out says how many. */
MUST_USE enum err store_remove(struct store *s, struct slice address,
                               int64_t now, uint32_t *out, struct problem *p);

#endif
