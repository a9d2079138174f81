/*
 * The process that holds the tokens: what its threads share, and what one
 * session's thread knows about its client.
 *
 * Runs in smime-keyholder only. Never parses mail, CMS, .p12, or certificates
 * beyond what a token says of them; keeps no PIN but as kept.h says.
 */
#ifndef AGENT_KEYHOLDER_KEYHOLDER_H
#define AGENT_KEYHOLDER_KEYHOLDER_H

#include <pthread.h>

#include "agent/base/limits.h"
#include "agent/keyholder/audit.h"
#include "agent/keyholder/broker_link.h"
#include "agent/keyholder/caller.h"
#include "agent/keyholder/config.h"
#include "agent/keyholder/consent.h"
#include "agent/keyholder/crew.h"
#include "agent/keyholder/failures.h"
#include "agent/keyholder/journal.h"
#include "agent/keyholder/kept.h"
#include "agent/keyholder/keyfacts.h"
#include "agent/keyholder/oracle.h"
#include "agent/keyholder/reference.h"
#include "agent/keyholder/remembered.h"
#include "agent/wire/channel.h"
#include "agent/wire/values.h"
#include "tokens/tokens.h"

struct client;

/* How the last prompt for a login ended that was no success: the answer for
 * all who were waiting for it. */
struct no_login {
    struct token *token;
    uint64_t number;
    struct problem problem;
};

struct keyholder {
    struct config config;
    struct token_store *store;
    struct broker_link broker;
    struct audit audit;
    struct journals journals;
    struct remembered remembered;
    struct kept kept;
    struct consents consents;
    struct oracle oracle;
    struct failures failures;
    pthread_mutex_t mutex;    /* guards what follows; no token is asked in it */
    struct client *prompting; /* one prompt at a time: whose, or NULL */
    pthread_cond_t prompted;
    pthread_cond_t gone;
    pthread_cond_t wake;   /* of the keeper */
    int64_t keeper_due_ms; /* until when it sleeps; 0: it is awake */
    bool keeper_again;
    uint64_t logins; /* prompts for a login that came to an end */
    struct no_login no_login[LIMIT_KEPT];
    struct client *client[LIMIT_CLIENTS];
    unsigned clients;
    int64_t looked_ms; /* when the slots were last looked at */
    bool lock_watched; /* atomic: logind is listened to */
    struct crew crew;  /* has a mutex of its own */
};

/* What the audit said of the key that was used last, for the next line. */
struct audited_key {
    const struct token *token;
    unsigned insertion; /* as in token_info */
    struct key_facts facts;
};

/* One session's channel; belongs to its thread. */
struct client {
    struct keyholder *keyholder;
    struct served served;
    struct frame frame;
    uint64_t session;
    bool is_waiting; /* no thread yet; the main one's */
    uint32_t pid, uid;
    char tty[257], term[65], display[257], locale[65];
    char program[CALLER_BYTES]; /* see client_program */
    enum message message;       /* the request that is worked on */
    struct attempts attempts;   /* decryptions that may have failed */
    struct found_token found;
    struct audited_key audited_key;
    /* A module does not come back: the client was told, and another thread
     * serves its channel. Set while the token is held. */
    bool is_abandoned;
    struct token *prompt_token; /* that a prompt is about, or waits to be;
                                 * guarded by the keyholder's mutex */
    bool prompt_locked;         /* atomic: the token was locked meanwhile */
    int64_t notice_ms; /* when to tell of a long operation; 0: not at all.
                        * Guarded by the keyholder's mutex, as the next */
    char notice_token[TOKEN_LABEL_BYTES];
};

/* "smime, from mutt": looked up when first needed. */
const char *client_program(struct client *c);

/* Takes CHANNEL and has it served; closes it when there are too many. */
void client_start(struct keyholder *k, const struct attach *a, int channel);

/* What the crew does with a client: serves and drops it. */
void client_work(void *client);

/* Waits until FD can be read. Meanwhile each channel that says something for
 * the first time gets its thread, and one that only hangs up is closed: most
 * sessions never ask. The main thread's. */
void clients_wait(struct keyholder *k, int fd);

/* Ends all channels and waits for their threads; false when one is still
 * busy in a module after timeout_s seconds. */
bool clients_end(struct keyholder *k, int timeout_s);

/* The token_hung_fn of the keyholder, its arg: answers in place of a thread
 * that is in a module for too long, and goes on with its client. */
void client_hung(void *arg, void *request, const struct token_info *info,
                 const struct token_hang *hang);

/* One line in the audit for this client. TOKEN may be NULL. */
void client_audit(struct client *c, const char *operation, struct token *token,
                  struct slice key, enum err result);
/* The use of a key: the line names its addresses, which are read unless KNOWN
 * has them. TOKEN may be NULL. */
void client_audit_use(struct client *c, const char *operation,
                      struct token *token, const struct key_facts *known,
                      struct slice key, enum err result);
/* A key for WANTED, which is the session's word, is not there. */
void client_audit_no_key(struct client *c, struct slice wanted);

/* ---- what sessions ask for; each answers with its problem or its reply ----
 * REQUEST is borrowed, slices of *out from ROOM. Errors are those that the
 * session is told, err.h. What the session's mark does not allow was refused
 * before. */

/* Slices of a reply borrow from here. */
struct reply_room {
    struct buf bytes;
    struct secret *secret;
    bool has_fd; /* the reply's descriptor is owned */
    int fd;
};
void reply_room_drop(struct reply_room *room);

MUST_USE enum err keys_list(struct client *c, const struct page *request,
                            struct list_reply *out, struct reply_room *room,
                            struct problem *p);
/* Keys of tokens that are not inserted, as they were last read. */
MUST_USE enum err keys_away_list(struct client *c, const struct page *request,
                                 struct list_reply *out,
                                 struct reply_room *room, struct problem *p);
MUST_USE enum err keyless_list(struct client *c, const struct page *request,
                               struct list_reply *out, struct reply_room *room,
                               struct problem *p);
MUST_USE enum err tokens_list(struct client *c, const struct page *request,
                              struct list_reply *out, struct reply_room *room,
                              struct problem *p);
/* The problem of the token of KEY, a reference, when the last list does not
 * have its keys. Of nobody's: of the first token whose keys were never read, or
 * of a module that does not answer, when no token is seen; else *out says which
 * one does not. */
MUST_USE enum err tokens_check_read(struct client *c, struct slice key,
                                    struct silence *out,
                                    struct reply_room *room, struct problem *p);
/* ERR_TOKEN_ABSENT when no token is there, but one was. */
MUST_USE enum err tokens_check_any(struct client *c, struct problem *p);
MUST_USE enum err tokens_look(struct client *c, struct problem *p);
MUST_USE enum err tokens_rescan(struct client *c, struct count_reply *out,
                                struct problem *p);
MUST_USE enum err chain_read(struct client *c, const struct key_choice *request,
                             struct chain_reply *out, struct reply_room *room,
                             struct problem *p);
MUST_USE enum err key_sign(struct client *c, const struct sign_request *request,
                           struct sign_reply *out, struct reply_room *room,
                           struct problem *p);
MUST_USE enum err key_unwrap(struct client *c,
                             const struct unwrap_request *request,
                             struct unwrap_reply *out, struct reply_room *room,
                             struct problem *p);
MUST_USE enum err key_decrypt(struct client *c,
                              const struct unwrap_request *request,
                              struct decrypt_reply *out,
                              struct reply_room *room, struct problem *p);
MUST_USE enum err key_agree(struct client *c,
                            const struct agree_request *request,
                            struct agree_reply *out, struct reply_room *room,
                            struct problem *p);
MUST_USE enum err token_unlock(struct client *c,
                               const struct token_choice *request,
                               struct token_record *out,
                               struct reply_room *room, struct problem *p);
MUST_USE enum err token_lock(struct client *c,
                             const struct token_choice *request,
                             struct count_reply *out, struct problem *p);
MUST_USE enum err p12_import(struct client *c,
                             const struct import_request *request,
                             struct import_reply *out, struct reply_room *room,
                             struct problem *p);

MUST_USE enum err key_remove(struct client *c, const struct key_choice *request,
                             struct count_reply *out, struct problem *p);
MUST_USE enum err token_init(struct client *c,
                             const struct pin_request *request,
                             struct token_record *out, struct reply_room *room,
                             struct problem *p);
MUST_USE enum err pin_change(struct client *c,
                             const struct pin_request *request,
                             struct token_record *out, struct reply_room *room,
                             struct problem *p);
MUST_USE enum err pin_unblock(struct client *c,
                              const struct pin_request *request,
                              struct token_record *out, struct reply_room *room,
                              struct problem *p);
MUST_USE enum err key_generate(struct client *c,
                               const struct generate_request *request,
                               struct generate_reply *out,
                               struct reply_room *room, struct problem *p);
MUST_USE enum err certificates_install(struct client *c,
                                       const struct install_request *request,
                                       struct import_reply *out,
                                       struct reply_room *room,
                                       struct problem *p);
MUST_USE enum err tokens_check(struct client *c, const struct page *request,
                               struct list_reply *out, struct reply_room *room,
                               struct problem *p);
MUST_USE enum err modules_list(struct client *c, const struct page *request,
                               struct list_reply *out, struct reply_room *room,
                               struct problem *p);
MUST_USE enum err token_clean(struct client *c,
                              const struct token_choice *request,
                              struct count_reply *out, struct problem *p);
MUST_USE enum err directory_password(struct client *c,
                                     const struct password_request *request,
                                     struct reply_room *room,
                                     struct problem *p);

#endif
