/*
 * What the files of tokens/ share: the structs behind tokens.h. The only
 * header here that shows Cryptoki; nobody outside includes it.
 *
 * Locks: store->mutex before token->mutex; neither is held while a module is
 * called. A turn (turn_take) is what serialises calls on a token; a module is
 * only started anew while no turn is inside it.
 */
#ifndef TOKENS_INTERNAL_H
#define TOKENS_INTERNAL_H

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <p11-kit/pkcs11x.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tokens/notes.h"
#include "tokens/tokens.h"

struct token_remains; /* tokens/write.h */

struct x509_st; /* OpenSSL's X509 */

enum {
#define SECTION(title)
#define OWN(name, value, unit, what)     LIMIT_##name = (value),
#define HOSTILE(name, value, unit, what) LIMIT_##name = (value),
#include "tokens/limits.def"
#undef HOSTILE
#undef OWN
#undef SECTION
};

#define AUTO(type)     __attribute__((cleanup(type##_drop)))
#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- errors (error.c) --------------------------------------------------- */

/* Remembers RV of CALL for this thread and gives its error. */
enum tokens_err rv_note(const char *call, CK_RV rv);
void rv_forget(void);
/* The next calls are about this mechanism. */
void rv_about(CK_MECHANISM_TYPE mechanism);

/* ---- modules (module.c) ---------------------------------------------------
 */

/* Whether a module is started anew as its slots are looked at. */
enum renewal {
    RENEW_NEVER,
    RENEW_FREELY, /* where it costs no login, and not too often */
    RENEW_AT_ONCE /* its logins end */
};

struct module {
    char name[64];
    struct token_store *store;
    CK_FUNCTION_LIST *f;
    struct note *note;    /* or NULL */
    struct late *late;    /* it is loaded by its thread; or NULL (late.c) */
    char *init;           /* C_Initialize's pReserved, or NULL */
    char *path;           /* it was loaded from, into this process; or NULL */
    char why[256];        /* it cannot be loaded; store->mutex */
    unsigned concurrency; /* operations at a time on each of its tokens */
    pthread_t thread;
    enum token_module_state state; /* these: store->mutex */
    bool running;                  /* its thread is */
    unsigned long scans_wanted;
    unsigned long scans_done;
    enum renewal renew;     /* and started anew */
    bool kept;              /* it was in use, and was not started anew */
    bool waits;             /* a thread is in C_WaitForSlotEvent */
    uint64_t busy_since_ms; /* its thread is in CALL since then; 0: not */
    const char *call;
    CK_RV rv;              /* of what failed last in its thread */
    CK_RV look_rv;         /* what the last look at its slots failed with, */
    const char *look_call; /* and where; store->mutex */
    uint64_t started_ms;   /* of the last try of C_Initialize; its thread's */
    bool up;               /* it succeeded; its thread's */
    bool broken;           /* atomic: it lost sight of a token it has */
    int listener;          /* remote: where its client connects */
    char *socket;          /* and the path of that */
    bool remote;           /* it runs in a process of its own */
    unsigned inside;       /* atomic: turns on its tokens */
    bool closed;           /* atomic: no turn may begin */
};

struct token_store {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned refs; /* the owner and each module's thread */
    bool stopping;
    struct module *modules;
    size_t module_count;
    CK_FUNCTION_LIST **system; /* p11_kit_modules_load's */
    struct token *tokens[LIMIT_TOKENS];
    size_t token_count;
    char *vtoken_path;
    unsigned start_timeout_ms, lock_timeout_ms, cache_ms, concurrency;
    unsigned operation_ms, list_ms, long_ms, person_ms, poll_ms;
    struct notes *notes; /* or NULL */
    unsigned load_ms;    /* these: for modules that are late */
    token_stuck_fn *stuck;
    void *stuck_arg;
    token_serve_fn *serve;
    void *serve_arg;
    token_hung_fn *hung;
    void *hung_arg;
    bool watch_asleep; /* atomic, turn.c */
    pthread_cond_t watch_woken;
};

/* What one slot said. */
struct slot_seen {
    CK_SLOT_ID slot;
    bool failed; /* it told nothing of the token it had: that one stays */
    CK_TOKEN_INFO info;
};

/* The thread of a module; arg is the struct module. */
void *module_main(void *arg);

/* Asks M for a look at its slots and waits; TOKENS_BUSY after timeout_ms, or
 * when M does not come back. RENEW: by C_Finalize and C_Initialize. */
enum tokens_err module_scan(struct module *m, enum renewal renew,
                            unsigned timeout_ms);
/* In one call for longer than MS. The store's mutex is held. */
bool module_is_late(const struct module *m, unsigned ms);

/* M's own thread is in CALL; it came back from there with RV. */
void module_busy(struct module *m, const char *call);
void module_back(struct module *m, CK_RV rv);

/* A module in a process of its own (remote.c). */
CK_RV remote_initialize(struct module *m);
void remote_drop(struct module *m);
/* C_Finalize of either kind. */
void module_finalize(struct module *m);

/* Waits for events of M from now on, if it can (events.c). */
void events_start(struct module *m);
bool events_wait(struct module *m);

/* Applies a scan (slots.c). Takes store->mutex. */
void store_apply_scan(struct module *m, const struct slot_seen *seen,
                      size_t count);
/* A token of M is in this slot, or was the last in it. */
bool store_had_token(struct module *m, CK_SLOT_ID slot);
/* The sessions of all tokens of M are gone (store.c). */
void store_forget_sessions(struct module *m);
bool store_has_login(struct module *m);
/* Takes and leaves the store's mutex locked. */
void store_wait_while(struct token_store *store,
                      bool (*test)(const struct token_store *),
                      unsigned timeout_ms);
void store_ref(struct token_store *store);
void store_unref(struct token_store *store);
uint64_t monotonic_ms(void);
void deadline_after(unsigned ms, struct timespec *out);
void cond_init_monotonic(pthread_cond_t *c);

/* ---- tokens and turns (turn.c, session.c) ----------------------------------
 */

struct snapshot;
struct errand;

/* A turn in use, in the list of its token; under the token's mutex. */
struct watch {
    struct watch *next;
    struct module *module;
    void *request; /* of tokens_request_begin */
    uint64_t begun_ms, end_ms;
    const char *call; /* atomic: what the module is asked now */
    bool overdue;
    bool at_pad; /* a person is at the token's own pad */
};

/* What a trial said of a private key and a public one; handles are good for
 * their generation. */
struct proven {
    CK_OBJECT_HANDLE handle;
    uint64_t generation;
    uint8_t public_hash[32];
    bool is_half;
};

struct token {
    struct token_store *store;
    pthread_mutex_t mutex;
    pthread_cond_t turn;
    struct module *module; /* all below: mutex */
    CK_SLOT_ID slot;
    struct token_info info;
    unsigned users;
    unsigned waiting; /* for the exclusive turn */
    bool exclusive;
    struct watch *watches;  /* the turns in use */
    unsigned overdue;       /* how many of them are */
    struct errand *reading; /* of the identities, errand.c */
    unsigned errands;
    uint64_t generation; /* of sessions and handles */
    CK_SESSION_HANDLE idle[LIMIT_IDLE];
    unsigned idle_count;
    CK_SESSION_HANDLE auth; /* 0: none */
    bool auth_lent;         /* a hold works with it */
    bool single;            /* the token has no second session */
    struct snapshot *snapshot;
    struct snapshot *known; /* the last there was, for when it is gone */
    enum tokens_err unread; /* why the last list has nothing of it, */
    CK_RV unread_rv;        /* and what its module said */
    const char *unread_call;
    CK_MECHANISM_TYPE *mechanisms;
    size_t mechanism_count;
    struct proven proven[LIMIT_PROVEN];
    unsigned proven_count; /* ever: the oldest one makes room */
};

/* A turn on a token, with a session. Zeroed: none. */
struct hold {
    struct token *token;
    CK_FUNCTION_LIST *f;
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    uint64_t generation;
    bool exclusive; /* alone on the token, with a session that writes */
    bool bad;       /* close the session, don't reuse it */
    bool borrowed;  /* it is the login's: don't close it */
    CK_RV rv;       /* of the last failed call; 0 none */
    enum tokens_err result;
    struct watch watch;
};

/* Calls and remembers: CALL(h, C_SignInit, session, &mech, key). QUIETLY only
 * says what the thread is at. */
#define SAY(h, name)                                                           \
    __atomic_store_n(&(h)->watch.call, (name), __ATOMIC_RELAXED)
#define QUIETLY(h, name, ...) (SAY(h, #name), (h)->f->name(__VA_ARGS__))
#define CALL(h, name, ...)    hold_note((h), #name, QUIETLY(h, name, __VA_ARGS__))
CK_RV hold_note(struct hold *h, const char *call, CK_RV rv);

/* Waits for a turn: TOKENS_BUSY, TOKENS_ABSENT; TOKENS_HUNG at once when
 * somebody before does not come back. */
enum tokens_err turn_take(struct token *t, bool exclusive, struct watch *w);
void turn_give(struct token *t, bool exclusive, struct watch *w);

/* Out of the module for a while, and back, with the turn kept. */
void turn_pause(struct hold *h);
void turn_resume(struct hold *h);

/* The session of H keeps the login from now on (session.c). */
void session_lend(struct hold *h);

/* Turns of this thread may take so long (0: as the store says). */
void turn_set_pace(unsigned ms);

/* H may take MS since its begin. */
void hold_limit(struct hold *h, unsigned ms);

/* From now on H waits for a person at the token's own pad (at most as long as
 * the store says), and, after the call, for the token again. */
void hold_pad_begin(struct hold *h);
void hold_pad_end(struct hold *h);

/* Whoever waited for H was told that it does not come back. */
bool hold_is_overdue(struct hold *h);
/* H is not in the module, which is no matter how long; gives what is left of
 * its time, with which it goes on. */
uint64_t hold_rest(struct hold *h);
void hold_work(struct hold *h, uint64_t left_ms);
/* Nobody was, and nobody is from now on; others do not wait for H longer than
 * for any operation. */
bool hold_seal(struct hold *h);
/* Whoever waits for H can be told again, after MS; in the thread that took
 * it. */
void hold_unseal(struct hold *h, unsigned ms);

/* Starts the thread that looks for turns that are overdue. */
bool watch_start(struct token_store *store);
unsigned watch_tick_ms(const struct token_store *store);

/* A turn and a session in it. */
enum tokens_err hold_begin(struct token *t, bool exclusive, struct hold *h);
void hold_drop(struct hold *h);

/* Runs FN in a hold; after a failure that a lost session may explain, opens
 * the session anew and runs FN once more. FN returns its error and leaves
 * what the module said in h->rv. */
typedef enum tokens_err hold_fn(struct hold *h, void *arg);
enum tokens_err hold_run(struct token *t, hold_fn *fn, void *arg);

/* Forgets sessions, login and handles (the mutex is held; nothing is
 * called). */
void token_forget_sessions(struct token *t);

/* Ends the login and closes every session that is open on the token but H's
 * own; H must be exclusive. */
void sessions_close(struct hold *h);

/* The token's flags as they are now (login.c). False: it is another token
 * that is in the slot now, which must not get a PIN of this one. */
bool flags_reload(struct hold *h);

/* Whether PIN may be given to the token at all: TOKENS_PIN_INVALID, or
 * TOKENS_ARGUMENT for none where the token has no pad (login.c). */
enum tokens_err pin_check_form(const struct token_info *i, const uint8_t *pin,
                               size_t pin_len);

/* What a failed login of the SO means (pins.c); S may be 0. */
enum tokens_err puk_err(struct hold *h, CK_SESSION_HANDLE s);

/* Logs in as the SO on S, sets the user's PIN, logs out. */
enum tokens_err puk_set_pin(struct hold *h, CK_SESSION_HANDLE s,
                            const uint8_t *puk, size_t puk_len,
                            const uint8_t *pin, size_t pin_len);

/* Drops the cached enumeration. */
void token_forget_objects(struct token *t);

/* The session of H is dead, or alive (then is a user logged in?). */
enum session_state { SESSION_DEAD, SESSION_PUBLIC, SESSION_USER };
enum session_state session_probe(struct hold *h, CK_SESSION_HANDLE s);

struct token *token_new(struct token_store *store);
void token_drop(struct token **t);
void token_apply_info(struct token *t, const CK_TOKEN_INFO *ck);
/* CK is of the token that T is, by what tokens say of themselves: of two that
 * follow each other in a slot, the second must not get the first one's PIN. */
bool token_is_still(const struct token *t, const CK_TOKEN_INFO *ck);
bool token_has_mechanism(struct hold *h, CK_MECHANISM_TYPE m);
/* The same from what was asked before, without a turn; false: it was not. */
bool mechanism_known(struct token *t, CK_MECHANISM_TYPE m, bool *out_has);

/* ---- objects (object.c) -----------------------------------------------------
 */

/* Attributes of an object, each value allocated; ulValueLen of those that the
 * token does not tell is CK_UNAVAILABLE_INFORMATION with NULL. */
CK_RV object_read(struct hold *h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a,
                  size_t count);
void attributes_wipe(CK_ATTRIBUTE *a, size_t count);

struct handles {
    CK_OBJECT_HANDLE *all;
    size_t count;
};

/* Gives every object that matches; free with handles_drop. */
enum tokens_err objects_find(struct hold *h, CK_ATTRIBUTE *match, size_t count,
                             struct handles *out);
void handles_drop(struct handles *h);

static inline bool
attribute_has(const CK_ATTRIBUTE *a)
{
    return a->pValue && a->ulValueLen > 0 &&
           a->ulValueLen != CK_UNAVAILABLE_INFORMATION;
}

bool attribute_true(const CK_ATTRIBUTE *a);
CK_ULONG attribute_ulong(const CK_ATTRIBUTE *a, CK_ULONG otherwise);

/* ---- identities (identity.c, apart.c, cache.c) -------------------------- */
/* An object, and which identity it belongs to (the first of a key's). */
struct owned {
    CK_OBJECT_HANDLE handle;
    size_t owner;
};

struct verifier; /* verify.c */

struct snapshot {
    struct token_identities view; /* first: drop goes back from it */
    struct token_identity *all;
    CK_OBJECT_HANDLE *handles;   /* the private key of each, or 0 */
    struct verifier **verifiers; /* of each, made when first wanted */
    struct owned *objects;
    size_t object_count;
    unsigned refs;
    uint64_t generation;
    uint64_t read_ms;
    struct arena *arena;
};

/* Bytes that live as long as a snapshot. */
struct arena {
    struct arena *next;
    uint8_t bytes[];
};

/* Reads what is on the token. */
enum tokens_err snapshot_read(struct hold *h, struct snapshot **out);
void *arena_add(struct arena **a, const void *p, size_t n);

/* Identities that share a CKA_ID get ids of their own (apart.c). False: no
 * memory. */
bool snapshot_tell_apart(struct snapshot *s);

/* Another key has its CKA_ID. */
bool identity_has_twin(const struct snapshot *s,
                       const struct token_identity *k);

/* ID, which nothing has now, was its id before a login showed what else has
 * its CKA_ID, or that nothing has. */
bool identity_was_named(const struct token_identity *k, const uint8_t *id,
                        size_t id_len);

/* False: the private key O, that K describes, is not the one of PUBLIC. True
 * when it is, or the token cannot tell (prove.c). What it told is remembered.
 * Leaves h->rv as it was. */
bool key_may_be(struct hold *h, CK_OBJECT_HANDLE o,
                const struct token_identity *k, struct evp_pkey_st *public);

/* Whoever has the token alone may have written to it: handles may mean other
 * objects now. */
void token_forget_proven(struct token *t);

/* The cached snapshot of at most this age, referenced, or NULL. */
struct snapshot *snapshot_cached(struct token *t, uint64_t max_ms);

/* What an errand does in its thread; either result, or both. */
typedef enum tokens_err errand_fn(struct token *t, struct snapshot **out,
                                  struct token_remains *out_remains);

/* Half-made objects, counted (or removed) in the caller's thread. */
enum tokens_err broken_count_on(struct token *t, bool remove,
                                struct token_remains *out);

/* The cached snapshot or a new one, referenced. max_ms: greatest age. */
enum tokens_err snapshot_take(struct hold *h, uint64_t max_ms,
                              struct snapshot **out);
void snapshot_drop(struct snapshot **s);

/* The identity with a private key of this id: TOKENS_NO_KEY, or TOKENS_LOCKED
 * when a login might show it. */
enum tokens_err snapshot_find_key(struct hold *h, const uint8_t *id,
                                  size_t id_len, struct snapshot **out,
                                  size_t *out_index);

/* A key's description, taken in a turn of its own. */
enum tokens_err key_describe(struct token *t, const uint8_t *id, size_t id_len,
                             struct snapshot **out, size_t *out_index);

/* ---- public keys (pubkey.c) ------------------------------------------------
 */

/* NULL, 0 when it cannot be built or is unknown. */
struct evp_pkey_st *identity_public_key(const struct token_identity *k);
bool identity_load_key(struct evp_pkey_st *key, struct token_identity *out,
                       struct arena **a);
int curve_nid(const uint8_t *der, size_t len);
unsigned curve_bits(const uint8_t *der, size_t len);
unsigned curve_order_bits(const uint8_t *der, size_t len);

#endif
