/*
 * smime-keyring: the contacts. It stores what the validator has judged and
 * looks it up; it parses no certificate, sees no mail, reaches no key and
 * no network. Single-threaded: one session is answered after the other.
 */
#ifndef AGENT_KEYRING_KEYRING_H
#define AGENT_KEYRING_KEYRING_H

#include "agent/base/limits.h"
#include "agent/keyring/brought.h"
#include "agent/keyring/directory.h"
#include "agent/keyring/store.h"
#include "agent/wire/channel.h"

#define VALIDATOR_RESTART_MS 5000

/* What a session learned for later. */
struct later {
    bool any;
    uint64_t losses; /* store_losses when it began */
    bool waits;      /* MSG_CONTACTS_KEEP is to be answered */
};

#define ROTTEN_SHOWN 8

/* Certificates whose stored bytes are no longer theirs. */
struct rotten {
    int64_t seen; /* how far they were looked through */
    bool done;
    int64_t id[64]; /* the first that were found */
    size_t n;
};

/* How many requests are taken before their turn. */
#define KEYRING_AHEAD 2

/* A request of a session, until it is answered. */
struct asked {
    size_t session;
    enum message m;
    union any_record record; /* borrows from frame */
    struct frame frame;
    bool is_judged;            /* the validator was asked ahead */
    uint64_t validator;        /* that one: as k->validators was */
    bool has_verdict;          /* which came before its turn */
    struct verify_reply reply; /* borrows from verdict */
    struct frame verdict;
};

struct keyring {
    struct store *store;
    struct served control; /* from the broker */
    bool control_gone;
    int validator;                         /* -1: wait for a new one */
    struct served session[LIMIT_SESSIONS]; /* fd -1: free */
    int narrowing[LIMIT_SESSIONS];         /* read before each request */
    struct brought brought[LIMIT_SESSIONS];
    struct later later[LIMIT_SESSIONS];
    struct backup *backup[LIMIT_SESSIONS]; /* NULL: it waits for none */
    struct restore *restore[LIMIT_SESSIONS];
    struct asked asked[KEYRING_AHEAD + 1]; /* see keyring_asked */
    size_t turn;
    bool is_answering;     /* asked[turn] */
    size_t ahead;          /* how many behind it were taken */
    unsigned in_a_row;     /* that were taken ahead */
    uint64_t served;       /* a bit for each session that was, of this round */
    int64_t waiting_since; /* clock_ms of the first that waits */
    uint32_t last_name;    /* of what was brought */
    uint32_t lent;         /* its name at the validator; 0: nothing */
    uint64_t validators;   /* how many there were, or ended */
    struct frame answer;   /* the validator's last */
    enum on_change on_change;
    struct lookup lookup[LIMIT_FETCHES];
    uint32_t last_ticket;
    struct rotten rotten;
    struct buf revoked, cleared; /* fingerprints: see revoked_keep */
};

/* Takes STORE; borrows CONTROL. VALIDATOR (taken; -1: the broker will send
 * one) is a channel to a validator. */
void keyring_init(struct keyring *k, struct store *store, int control,
                  int validator);
void keyring_drop(struct keyring *k);

/* Serves until the control channel is closed. */
void keyring_serve(struct keyring *k);

/* Answers a request. False: the session is to be dropped. */
MUST_USE bool keyring_request(struct keyring *k, struct asked *request);
void keyring_session_drop(struct keyring *k, size_t i);

/* ---- in ahead.c */

/* Reads what session I has said, answers it, and those that were taken
 * meanwhile. */
void keyring_session_serve(struct keyring *k, size_t i);
/* Takes the next requests, if there are some, and has the validator judge
 * them meanwhile. */
void keyring_look_ahead(struct keyring *k);
void keyring_ahead_serve(struct keyring *k);
/* The request whose turn it is (N: 0), or the Nth behind it. */
struct asked *keyring_asked(struct keyring *k, size_t n);

/* A message of the broker, such as the next validator. */
void keyring_control_read(struct keyring *k);
/* Takes FD; -1: there is none until the broker sends one. */
void keyring_validator_set(struct keyring *k, int fd);

/* Asks the validator; when it is gone or silent, waits for the next one and
 * asks once more. REPLY borrows from k->answer until the next question.
 * ERR_KEYRING_LOST when there is none. */
MUST_USE enum err keyring_ask(struct keyring *k, enum message m,
                              const void *request, void *reply,
                              struct problem *p);

#define KEYRING_ASKED_AHEAD KEYRING_AHEAD

/* The two halves of a question to the validator, so that it finds the next one
 * when it has answered: at most KEYRING_ASKED_AHEAD may be without an answer.
 * Nobody is waited for, and nothing is asked again: keyring_ask does that.
 * False, ERR_KEYRING_LOST: there is no validator any more, nor an answer to
 * come. */
MUST_USE bool keyring_ask_ahead(struct keyring *k, enum message m,
                                const void *request);
MUST_USE enum err keyring_answer_take(struct keyring *k, enum message m,
                                      void *reply, struct problem *p);
/* The verdict that was asked for ahead of A's turn, which need not be here
 * yet: keyring_ask keeps those that come before the answer to its question.
 * ERR_KEYRING_LOST: there is none, ask now. */
MUST_USE enum err keyring_verdict_take(struct keyring *k, struct asked *a,
                                       struct verify_reply *out,
                                       struct problem *p);

/* What is done while the validator works. It asks nobody; it may be done
 * twice. */
struct errand {
    void (*run)(struct keyring *k, void *arg);
    void *arg;
};

/* As keyring_ask; MEANWHILE may be NULL. */
MUST_USE enum err keyring_ask_while(struct keyring *k, enum message m,
                                    const void *request, void *reply,
                                    const struct errand *meanwhile,
                                    struct problem *p);

/* What the validator says of a stored certificate now, with the issuers that
 * were kept: the encoded description is appended to OUT, *about borrows from
 * there until it grows. */
MUST_USE enum err keyring_describe_stored(struct keyring *k,
                                          const struct stored *row,
                                          struct buf *out,
                                          struct description *about,
                                          struct problem *p);

/* ---- in rotten.c */

/* Looks at some; false: nothing more is to be done now. */
bool rotten_step(struct keyring *k);
/* How many of those that were found are so still, and an address of each of
 * the first, appended to BYTES. */
MUST_USE enum err rotten_tell(struct keyring *k, struct buf *bytes,
                              struct slice_list *out, uint32_t *out_count,
                              struct problem *p);

/* ---- in revoked.c */

/* A CRL that holds now says of the whole path that none of it is revoked. */
bool keyring_is_cleared(const struct description *about);
/* Remembers what differs from the row; no write, so that rows may be read. */
void revoked_note(struct keyring *k, const struct stored *row,
                  const struct description *about);
/* Writes down what was remembered. */
void revoked_keep(struct keyring *k);

/* ---- handlers, in judging.c, recipient.c, contacts.c, handed.c, changes.c */

/* The bytes that an answer borrows; emptied before each request. */
struct answer_bytes {
    struct buf a, b, c, d;
};

/* In judging.c: what the validator says with the issuers that the contacts
 * know, and when they first saw the signer. The answer borrows from
 * k->answer and BYTES. */
MUST_USE enum err keyring_verify(struct keyring *k, const struct brought *b,
                                 const struct verify_request *q,
                                 struct answer_bytes *bytes,
                                 struct verify_reply *out, struct problem *p);
/* Asks the validator what keyring_verify will ask it first. False: it was not
 * asked. */
MUST_USE bool keyring_verify_ahead(struct keyring *k, const struct brought *b,
                                   const struct verify_request *q);
/* The same of evidence that is from elsewhere: never a session's word. */
MUST_USE enum err keyring_verify_of(struct keyring *k, const struct brought *b,
                                    const struct verify_request *q,
                                    enum contact_source source,
                                    struct answer_bytes *bytes,
                                    struct verify_reply *out,
                                    struct problem *p);
MUST_USE enum err keyring_check(struct keyring *k, const struct brought *b,
                                const struct check_request *q,
                                struct answer_bytes *bytes,
                                struct check_reply *out, struct problem *p);

/* Do the contacts have an issuer of one of these names? */
bool keyring_knows_any(struct keyring *k, const struct slice_list *wanted);

/* The same for the keyring itself: B may be NULL, STORE owns the bytes of
 * what is added to Q->known, OUT borrows from k->answer. */
MUST_USE enum err keyring_judge_path(struct keyring *k, const struct brought *b,
                                     struct check_request *q, struct buf *store,
                                     struct check_reply *out,
                                     struct problem *p);

/* The certificate that mail to ADDRESS is encrypted to today. That there is
 * none is no error: the state says it, with a reason. OUT borrows from BYTES.
 * Errors: those of the store and of the validator. */
MUST_USE enum err keyring_recipient(struct keyring *k, struct slice address,
                                    struct answer_bytes *bytes,
                                    struct recipient_reply *out,
                                    struct problem *p);
/* The same for one certificate, named by its SHA-256. */
MUST_USE enum err keyring_recipient_certificate(struct keyring *k,
                                                struct slice fingerprint,
                                                struct answer_bytes *bytes,
                                                struct recipient_reply *out,
                                                struct problem *p);
/* Why that is, of each certificate of the address. */
MUST_USE enum err keyring_why(struct keyring *k, struct slice address,
                              struct answer_bytes *bytes, struct why_reply *out,
                              struct problem *p);
/* What a reader is to think of a contact's certificate today, whose chain is
 * this. */
enum contact_state keyring_state_now(const struct stored *row, enum chain chain,
                                     int64_t now);
/* No anchor vouches for it, but the person does, who has pinned it. */
bool keyring_is_vouched(const struct stored *row, enum chain chain);
MUST_USE enum err keyring_contacts(struct keyring *k,
                                   const struct contacts_request *q,
                                   struct answer_bytes *bytes,
                                   struct list_reply *out, struct problem *p);
/* The rows of one certificate, named by its SHA-256. */
MUST_USE enum err keyring_holders(struct keyring *k, struct slice fingerprint,
                                  struct answer_bytes *bytes,
                                  struct list_reply *out, struct problem *p);
MUST_USE enum err keyring_stored(struct keyring *k,
                                 const struct stored_request *q,
                                 struct answer_bytes *bytes,
                                 struct stored_reply *out, struct problem *p);
/* All certificates of one address that fit into one answer. JUDGED: each with
 * its chain as of now; else as it was when it was stored. */
MUST_USE enum err keyring_contact(struct keyring *k, struct slice address,
                                  bool judged, struct answer_bytes *bytes,
                                  struct list_reply *out, struct problem *p);
/* In export.c: the next addresses with all that is handed out of them. */
MUST_USE enum err keyring_export(struct keyring *k,
                                 const struct export_request *q,
                                 struct answer_bytes *bytes,
                                 struct export_reply *out, struct problem *p);
MUST_USE enum err keyring_contact_remove(struct keyring *k,
                                         struct slice address,
                                         struct count_reply *out,
                                         struct problem *p);
/* Judges certificates that were handed over and stores those that are good,
 * all of them together. Errors: ERR_USAGE, ERR_STORE, ERR_KEYRING_LOST. */
MUST_USE enum err keyring_store(struct keyring *k,
                                const struct store_request *q,
                                struct answer_bytes *bytes,
                                struct store_reply *out, struct problem *p);
MUST_USE enum err keyring_contact_change(struct keyring *k,
                                         const struct change_request *q,
                                         struct answer_bytes *bytes,
                                         struct list_reply *out,
                                         struct problem *p);
MUST_USE enum err keyring_history(struct keyring *k,
                                  const struct history_request *q,
                                  struct answer_bytes *bytes,
                                  struct list_reply *out, struct problem *p);
MUST_USE enum err keyring_undo(struct keyring *k, const struct undo_request *q,
                               struct answer_bytes *bytes,
                               struct list_reply *out, struct problem *p);
MUST_USE enum err keyring_status(struct keyring *k, struct answer_bytes *bytes,
                                 struct keyring_status *out, struct problem *p);

/* Begins a backup (or, M, a restore) for session I with the descriptor FD
 * (taken). False: the session does not take the answer that there is none. */
MUST_USE bool keyring_copy_begin(struct keyring *k, size_t i, enum message m,
                                 int fd);
/* A little of each, and the answer to those that are done. False: there is
 * none under way. */
bool keyring_copies_step(struct keyring *k);
/* Session I waits for one. */
bool keyring_copies(const struct keyring *k, size_t i);

/* Stores what VERDICT on Q allows, and fills verdict->learned. */
void keyring_learn(struct keyring *k, const struct verify_request *q,
                   struct verify_reply *verdict);

#endif
