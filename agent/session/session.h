/*
 * A session: one forked child of the zygote that serves one connection's
 * requests. It holds the mail of one request, its channels, the client's
 * descriptors, and a scratch descriptor once it needs one. It opens no file,
 * knows no PIN.
 *
 * After a request that read someone else's mail it ends; one's own mail
 * (sign, encrypt) may go on in the same session as long as verb and key stay
 * the same.
 */
#ifndef AGENT_SESSION_SESSION_H
#define AGENT_SESSION_SESSION_H

#include <jansson.h>

#include "agent/base/limits.h"
#include "agent/session/spool.h"
#include "agent/wire/channel.h"

struct session {
    uint64_t id;
    int conn;      /* the client */
    int broker;    /* MSG_HANDBACK */
    int keyholder; /* channels, as marked by the broker */
    int keyring;
    int narrowing;          /* what the keyring reads before each request */
    struct scratch scratch; /* what goes there is encrypted */
    uint32_t rights;
    bool ahead;     /* was given its connection before a request was there */
    enum verb verb; /* VERB_NONE until narrowed */
    int message_ms; /* 0: LIMIT_MESSAGE_MS */
    uint32_t ops_left;
    uint8_t key[LIMIT_REF_BYTES]; /* the signing key named, or none */
    size_t key_len;
    bool has_keyholder; /* it was given its end of the channel */
    bool keys;          /* something was asked of it */
    bool lost;          /* a channel broke: hand back after this request */
    struct frame keyholder_frame; /* replies borrow from these */
    struct frame keyring_frame;
};

/* One request in work. Owns its descriptors and its JSON. */
struct request {
    struct session *session;
    json_t *parameters;
    int fds[LIMIT_REQUEST_FDS]; /* -1 once taken */
    int fd_count;
    bool more; /* the client takes replies that continue: notices */
    struct problem problem;
};

/*
 * A method's handler: does the work and gives the reply's parameters, or an
 * error with r->problem filled. Runs after the dispatcher checked the
 * socket's rights. One handler a method; see methods.c.
 */
typedef enum err method_handler(struct request *r, json_t **out);

method_handler mail_sign;
method_handler mail_encrypt;
method_handler mail_decrypt;
method_handler mail_verify;
method_handler mail_open;
method_handler contacts_harvest;
method_handler contacts_list;
method_handler contacts_show;
method_handler contacts_find;
method_handler contacts_remove;
method_handler contacts_certificates;
method_handler contacts_set_state;
method_handler contacts_import;
method_handler contacts_export;
method_handler contacts_undo;
method_handler contacts_backup;
method_handler contacts_restore;
method_handler contacts_why;
method_handler contacts_history;
method_handler keys_list;
method_handler keys_tokens;
method_handler keys_rescan;
method_handler keys_unlock;
method_handler keys_lock;
method_handler keys_import;
method_handler keys_remove;
method_handler keys_export;
method_handler keys_init_token;
method_handler keys_change_pin;
method_handler keys_unblock_pin;
method_handler keys_generate;
method_handler keys_install;
method_handler keys_check;
method_handler keys_modules;
method_handler keys_clean;
method_handler agent_status;
method_handler agent_anchors;
method_handler agent_directory;
method_handler contacts_announcement;
method_handler contacts_publish;
method_handler mail_check;
method_handler use_list;
method_handler use_sign;
method_handler use_unwrap;
method_handler use_agree;
method_handler use_unwrap_content;
method_handler use_unlock;

/* ---- a request's parameters (borrowed) --------------------------------------
 */

/* NULL / fallback when absent. A value of the wrong type is ERR_USAGE from
 * request_check, which methods.c runs before the handler. */
const char *request_text(const struct request *r, const char *name);
bool request_flag(const struct request *r, const char *name);
int64_t request_number(const struct request *r, const char *name,
                       int64_t fallback);
/* 0 when absent. The first second of 1970 is a time too: told as the second
 * after it. */
uint64_t request_time(const struct request *r, const char *name);
/* The descriptor that parameter NAME indexes, taken out of the request
 * (caller owns). Errors: ERR_USAGE when missing or out of range. */
MUST_USE enum err request_fd(struct request *r, const char *name, int *out);

/* ---- the channels
 * ------------------------------------------------------------- */

/* Narrows both channels before the first byte of mail: verb, most key
 * operations, the one signing key (empty: none yet). Sends the caller's
 * terminal from the request's `caller`. Again with a key to name it. The
 * other ends obey before they read anything sent later, and say nothing; what
 * one refuses breaks the next call. The verbs that never use a key close the
 * keyholder's channel: nothing is narrower than that. */
MUST_USE enum err session_narrow(struct request *r, enum verb verb,
                                 uint32_t ops, struct slice key);

/* Calls with the deadlines and error mapping of this session; replies borrow
 * from the session's frame of that channel until the next call on it. */
MUST_USE enum err keyholder_call(struct request *r, enum message m,
                                 const void *request, const int *fds,
                                 int fd_count, void *reply);
MUST_USE enum err keyring_call(struct request *r, enum message m,
                               const void *request, void *reply);

/* ---- own keys
 * -------------------------------------------------------------------- */

/* One of the person's keys with what the validator says of its certificate;
 * owns copies. */
struct own_key {
    struct buf ref;
    struct buf certificate;   /* DER, may be empty */
    struct buf spki;          /* DER, may be empty */
    struct buf described;     /* encoded description; empty without cert */
    struct description about; /* decoded from it */
    char id[129];             /* CKA_ID, hex */
    char token[LIMIT_LABEL_BYTES + 1];
    char label[LIMIT_LABEL_BYTES + 1];
    char uri[LIMIT_TEXT_BYTES + 1];
    uint32_t type;
    uint32_t bits;
    uint32_t uses;
    uint32_t flags;
};
struct own_keys {
    struct own_key *item;
    size_t count;
};
/* All keys of all tokens, described (purpose: with the chain judged). */
MUST_USE enum err own_keys_load(struct request *r, bool purpose,
                                struct own_keys *out);
/* The same without what certificates say: the keyring is not asked. */
MUST_USE enum err own_keys_read(struct request *r, struct own_keys *out);
/* No key was found: gives the problem of a token whose keys nobody knows, or
 * else that of R. */
MUST_USE enum err own_keys_tell_unread(struct request *r);
/* Tells the keyholder, for the audit, that there is no key for WANTED, an
 * address or the beginning of an id (NULL: nobody was named). Gives the
 * problem of R, which it leaves as it is, but ERR_TOKEN_ABSENT when no token is
 * there any more: whose card is out has a key. Else as own_keys_tell_unread. */
MUST_USE enum err own_keys_tell_missing(struct request *r, const char *wanted);
/* Keys of tokens that are not inserted, or cannot be read now, as they were
 * last read; described on request. */
MUST_USE enum err own_keys_away(struct request *r, bool described,
                                struct own_keys *out);
/* ERR_TOKEN_ABSENT that names the token of K, which is away, or why it cannot
 * be read. */
MUST_USE enum err own_key_tell_away(struct request *r, const struct own_key *k);
/* What lies on tokens without a private key, described. */
MUST_USE enum err keyless_load(struct request *r, struct own_keys *out);
void own_keys_drop(struct own_keys *k);

/* Of two certificates: A begins later than B, or ends later when both begin
 * in the same second. B may be NULL. */
bool own_key_is_newer(const struct own_key *a, const struct own_key *b);
/* One key, perhaps on two tokens: the ids are the same, and the public keys
 * where both are known. Cards number their keys from 01. */
bool own_key_is_same(const struct own_key *a, const struct own_key *b);
/* K, one of KEYS, is meant by WANTED, as key_name.h says; who has the whole
 * id is not in the way of one whose id only begins so. */
bool own_key_is_wanted(const struct own_keys *keys, const struct own_key *k,
                       const char *wanted);

#endif
