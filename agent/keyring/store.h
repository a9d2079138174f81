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
/* Why nothing can be stored in one that answers; NULL when it can. */
const char *store_unwritable(const struct store *s);
/* It is damaged: only a copy helps. */
bool store_is_damaged(const struct store *s);

/* The name of a file system (statfs f_type) that is shared over a network, on
 * which the store is refused; NULL: it is none of them. */
const char *store_filesystem_fault(long type);

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
    struct slice verdict; /* what it rests on, in words */
    enum contact_source source;
    int64_t date;     /* of the message; 0: none */
    bool sender_seen; /* From was compared */
    bool preferred;   /* the message names it to encrypt to */
    bool pin;         /* the person pins it for these addresses */
    int64_t now;
};

/* What both together come to. */
enum learned learned_more(enum learned a, enum learned b);

/* Stores all lessons or none; OUT says of each (N of them) what was new.
 * LATER: they are on the disk only after store_keep, together with others. */
MUST_USE enum err store_learn(struct store *s, const struct lesson *lessons,
                              size_t n, bool later, enum learned *out,
                              struct problem *p);

/* Brings to the disk what was learned for later; so does every other change.
 * On an error all of that is lost, and store_losses is one more. */
MUST_USE enum err store_keep(struct store *s, struct problem *p);
bool store_is_pending(const struct store *s);
uint64_t store_losses(const struct store *s);

/* Some milliseconds of what can wait (the check of a large file, the index
 * for searches); false: there is nothing. */
bool store_work(struct store *s);

/* ---- looking ------------------------------------------------------------ */

/* One certificate of one address; borrowed until the visitor returns. */
struct stored {
    uint32_t row;
    int64_t certificate; /* for store_issuers */
    struct slice address, name, origin, message_id, der, capabilities;
    enum contact_state state;
    int64_t first_seen, last_seen, not_before, not_after;
    uint32_t uses;
    uint32_t person; /* CONTACT_PINNED, CONTACT_BLOCKED, 0 */
    enum contact_source source;
    struct slice verdict;
    int64_t date;
    struct slice fingerprint, subject, issuer;
    uint32_t type, bits;
    int64_t preferred; /* date of the mail that named it to encrypt to */
    int64_t capabilities_time;
};

/* Called for each row; false ends the visit (an error goes through ctx). */
typedef bool store_visit(void *ctx, const struct stored *row);

/* Rows behind CURSOR in the order they came; MATCH (may be empty) is part of
 * an address or name, SEARCH (may be empty) of those, the subject, the issuer
 * or the fingerprint. One or two characters are looked for in addresses
 * only. */
MUST_USE enum err store_contacts(struct store *s, uint32_t cursor,
                                 struct slice match, struct slice search,
                                 store_visit *visit, void *ctx,
                                 struct problem *p);

/* The rows of one address: the pinned ones, then the newest certificate first;
 * one that its holder's mail names to encrypt to is as new as that mail. Those
 * that only a directory told of come behind all others. */
MUST_USE enum err store_contact(struct store *s, struct slice address,
                                store_visit *visit, void *ctx,
                                struct problem *p);

/* The rows of every address behind that of the row CURSOR (0: of all), in the
 * order of the addresses, those of one as store_contact gives them. */
MUST_USE enum err store_by_address(struct store *s, uint32_t cursor,
                                   store_visit *visit, void *ctx,
                                   struct problem *p);

/* The rows of every certificate behind CERTIFICATE (as in struct stored), in
 * the order in which these came. */
MUST_USE enum err store_by_certificate(struct store *s, int64_t certificate,
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

/* ---- the directory ------------------------------------------------------- */

/* When what it says of this address was last heard (of several certificates
 * the one heard of longest ago); 0: never, or it had nothing. */
MUST_USE enum err store_directory_seen(struct store *s, struct slice address,
                                       int64_t *out, struct problem *p);

/* It was asked at ASKED_AT, and what it has was learned: what it had before
 * and has no more is removed (undoable), but for what the person pinned or
 * blocked. */
MUST_USE enum err store_directory_gone(struct store *s, struct slice address,
                                       int64_t asked_at, struct problem *p);

struct store_counts {
    uint32_t contacts; /* addresses */
    uint32_t certificates;
};
MUST_USE enum err store_count(struct store *s, struct store_counts *out,
                              struct problem *p);

/* Appends to OUT the address of another contact that reads like ADDRESS;
 * nothing when there is none. */
MUST_USE enum err store_alike(struct store *s, struct slice address,
                              struct buf *out, struct problem *p);

/* What is known of whom a message is from. */
struct known_sender {
    bool is_blocked;
    bool is_alike;    /* the address looks like that of another contact */
    bool any_blocked; /* some address or certificate is: see store_blocked */
};
/* What was found within the last second counts, until a change of our own.
 * Errors: those of the store; OUT is left alone then. */
MUST_USE enum err store_sender(struct store *s, struct slice address,
                               struct known_sender *out, struct problem *p);

/* How many rows wait for the person's decision, at most 1000, and the first
 * addresses of them (at most MOST), appended to BYTES and listed in OUT. */
MUST_USE enum err store_changed(struct store *s, size_t most, struct buf *bytes,
                                struct slice_list *out, uint32_t *out_count,
                                struct problem *p);

/* ---- deciding ----------------------------------------------------------- */

/* Removes an address with all its rows; *out says how many. They are kept
 * aside for REMOVED_KEPT_SECONDS, so that it can be undone. */
#define REMOVED_KEPT_SECONDS (30 * 24 * 60 * 60)
MUST_USE enum err store_remove(struct store *s, struct slice address,
                               int64_t now, uint32_t *out, struct problem *p);

/* What the person decides. FINGERPRINT: of one certificate; empty: of the
 * address. *out says how many rows changed. Errors: ERR_NO_CONTACT when there
 * is no such row, ERR_USAGE for a pin without fingerprint. */
MUST_USE enum err store_change(struct store *s, struct slice address,
                               struct slice fingerprint,
                               enum contact_change change, int64_t now,
                               uint32_t *out, struct problem *p);

/* Is the certificate, or the address, blocked? FINGERPRINT or ADDRESS may be
 * empty. */
MUST_USE enum err store_blocked(struct store *s, struct slice fingerprint,
                                struct slice address, bool *out,
                                struct problem *p);

/* Writes down that a CRL revokes a certificate, or (REVOKED false) that it is
 * not revoked any more; nothing when that is known, or it is no contact's. */
MUST_USE enum err store_mark_revoked(struct store *s, struct slice fingerprint,
                                     bool revoked, int64_t now,
                                     struct problem *p);

/* ---- copies ------------------------------------------------------------- */

/* Begins a copy of all, as it is now, to the descriptor TO (taken, also on
 * failure). Errors: ERR_USAGE, and those of the store. */
struct backup;
MUST_USE enum err store_backup_begin(struct store *s, int to,
                                     struct backup **out, struct problem *p);
/* Some milliseconds of it; *done: all of it is on the disk; *out: what it
 * holds. Errors: ERR_STORE, ERR_OUTPUT; after one it can only be dropped. */
MUST_USE enum err store_backup_step(struct backup *b, struct store_counts *out,
                                    bool *done, struct problem *p);
/* Before the store is. */
void backup_drop(struct backup **b);

/* Begins to put the copy that FROM (taken, also on failure) gives in place of
 * what is there, which is set aside. The copy is checked first; when it is
 * none, everything stays. Errors: ERR_USAGE, ERR_STORE. */
struct restore;
MUST_USE enum err store_restore_begin(struct store *s, int from,
                                      struct restore **out, struct problem *p);
/* Some milliseconds of it, but for the check: seconds for each GiB. *done: it
 * is there; *out: what it holds. Errors: ERR_BAD_COPY, ERR_INPUT, ERR_STORE;
 * after one it can only be dropped. */
MUST_USE enum err store_restore_step(struct restore *r,
                                     struct store_counts *out, bool *done,
                                     struct problem *p);
/* The name of what was set aside, when it is done; borrowed from R. */
const char *restore_aside(const struct restore *r);
/* Before the store is. */
void restore_drop(struct restore **r);

/* ---- history ------------------------------------------------------------ */

struct happened {
    uint32_t event, action;
    int64_t time;
    struct slice what, address, fingerprint, origin;
    bool undone, undoable;
};
typedef bool happened_visit(void *ctx, const struct happened *h);

/* Events before CURSOR (0: all), the newest first; ADDRESS may be empty. */
MUST_USE enum err store_history(struct store *s, uint32_t cursor,
                                struct slice address, happened_visit *visit,
                                void *ctx, struct problem *p);

/* Takes back the last change that was not undone yet, and visits its events.
 * *out: there was one. */
MUST_USE enum err store_undo(struct store *s, int64_t now,
                             happened_visit *visit, void *ctx, bool *out,
                             struct problem *p);

#endif
