/*
 * PKCS#11 tokens as a library: modules, tokens, logins, key operations;
 * tokens/write.h has what writes to them. Owns every module, session and login
 * it opened; keeps no PIN.
 *
 * Runs in the key-holding process. No Cryptoki type leaves it, it never logs,
 * never retries a PIN, forks only before it loads anything, and returns an
 * error when memory is gone.
 * SIGPIPE must be ignored by the process. Every function may be called from
 * any thread. A call waits at most lock_timeout_ms for its turn (TOKENS_BUSY),
 * and not at all for a token that hangs (TOKENS_HUNG); lists wait at most
 * list_ms. Whoever is in the module blocks for as long as the module works: a
 * thread cannot be taken out of there. After operation_ms the callback hung
 * is told, so that a client need not wait.
 *
 * An executable that links this library exports smime_vtoken_functions (the
 * CMake target brings the link option with it).
 */
#ifndef TOKENS_TOKENS_H
#define TOKENS_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

enum tokens_err {
    TOKENS_OK,
    TOKENS_MEMORY,        /* no memory, here or in the module */
    TOKENS_ARGUMENT,      /* the caller's arguments make no sense */
    TOKENS_BAD_URI,       /* no RFC 7512 URI, or one with pin-value, pin-source
                           * or module-path */
    TOKENS_ABSENT,        /* no such token, or it is not inserted now */
    TOKENS_AMBIGUOUS,     /* several tokens match */
    TOKENS_REMOVED,       /* the token went away during the operation */
    TOKENS_LOCKED,        /* a login is needed (or was lost): log in again */
    TOKENS_PIN_WRONG,     /* wrong PIN; it was tried once */
    TOKENS_PIN_BLOCKED,   /* the PIN is locked after too many tries */
    TOKENS_PIN_INVALID,   /* wrong length or characters, not counted */
    TOKENS_PIN_EXPIRED,   /* must be changed, or was never set */
    TOKENS_CANCELLED,     /* the person said no (pad or callback) */
    TOKENS_BUSY,          /* no turn on the token within lock_timeout_ms */
    TOKENS_UNINITIALIZED, /* the token was never initialised */
    TOKENS_READ_ONLY,     /* the token, or its login, cannot be written */
    TOKENS_FULL,          /* no room left on the token */
    TOKENS_NO_KEY,        /* no such key on the token */
    TOKENS_CANNOT,        /* token or key does not support this */
    TOKENS_MESSAGE,       /* token is well: what it was given is at fault */
    TOKENS_DIFFERENT,     /* the token stored something else than asked,
                           * or a trial of it failed */
    TOKENS_FAILED,        /* anything else the token reported */
    TOKENS_INITIALIZED,   /* the token is initialised already */
    TOKENS_PUK_WRONG,     /* wrong PUK (SO PIN); it was tried once */
    TOKENS_PUK_BLOCKED,   /* the PUK is locked after too many tries */
    TOKENS_AT_PAD,        /* it takes PINs at its own pad only */
    TOKENS_HUNG,          /* a call of the module does not come back */
    TOKENS_NO_PIN,        /* initialised, but its first PIN could not be set */
    TOKENS_BAD_SIGNATURE, /* what it made is no signature of its key */
    TOKENS_ERR_COUNT
};

/* An English sentence without full stop; never NULL. */
const char *tokens_err_text(enum tokens_err e);

/* The CKR_ value and the function name ("C_Sign", static) behind the last
 * error in this thread, for the log; 0 and "" when there was none. */
unsigned long tokens_last_rv(void);
const char *tokens_last_call(void);

/* The name of a CKR_ value ("CKR_MECHANISM_INVALID"), NULL for an unknown
 * one. Static. */
const char *tokens_rv_name(unsigned long rv);

/* What the failed call was to do, in a person's words ("ECDSA"), and "" when
 * it was about no mechanism. Static. */
const char *tokens_last_mechanism(void);

/* ---- the store --------------------------------------------------------- */

struct token_store;
struct token; /* borrowed from its store; valid until token_store_drop, also
               * while the token is not inserted */

/* One module from the configuration. */
struct token_module {
    const char *name; /* shown in token_info.module */
    const char *path; /* absolute path of the .so */
    const char *init; /* for C_Initialize (pReserved), or NULL: what NSS's
                       * softokn wants to know */
    bool remote; /* in a process of its own: serve; path is not used here */
    unsigned concurrency; /* of its tokens; 0: token_config's */
};

struct token_info;

/* What a module does not come back from. */
struct token_hang {
    const char *call; /* "C_Sign", static; "" between two calls */
    unsigned ms;      /* for so long */
    bool at_pad;      /* a person was to type at the token's own pad */
};

/* Somebody is in a module for longer than he may. request is what his thread
 * gave to tokens_request_begin; it does not end while this runs. Called by a
 * thread of the library that holds a lock: no function of this library may be
 * called in here. Whatever the operation gives when it comes back, its other
 * calls for this request then end with TOKENS_HUNG, and an import is not
 * committed. */
typedef void token_hung_fn(void *arg, void *request,
                           const struct token_info *info,
                           const struct token_hang *hang);

/* The module NAME does not come back from being loaded, and keeps all else from
 * it. It is noted: the next store with these notes leaves it out, and the
 * process has to end. Called by a thread of the library, early or late. */
typedef void token_stuck_fn(void *arg, const char *name);

/* Starts p11-kit-remote with the module NAME behind FD (borrowed), its stdin
 * and stdout. Called in a thread of its own, also after that process ended.
 * When it cannot be started, the module fails to initialise. */
typedef void token_serve_fn(void *arg, const char *name, int fd);

/* Zero means the default. Borrowed for the call of token_store_new only. */
struct token_config {
    const struct token_module *modules;
    size_t module_count;
    bool use_system;           /* also p11-kit's configured modules */
    const char *const *allow;  /* NULL-ended names of p11-kit modules to use;
                                * NULL: all. p11-kit-trust is never used */
    const char *const *deny;   /* NULL-ended names not to use, or NULL */
    const char *never_file;    /* the name of a file that is no token's module,
                                * wherever it lies; NULL: none */
    const char *vtoken_path;   /* smime-vtoken.so; NULL: PSS and OAEP only as
                                * the token does them itself */
    unsigned start_timeout_ms; /* wait for C_Initialize: 3000 */
    unsigned load_ms;          /* loading one module may take: 5000 */
    unsigned trial_ms; /* a child loads each first; one that takes longer is
                        * not waited for (late.c). 0: there are no children */
    unsigned lock_timeout_ms; /* wait for one's turn on a token: operation_ms */
    unsigned cache_ms;        /* age of a cached enumeration: 2000 */
    unsigned concurrency;     /* operations at a time on a token: 1; at
                               * most 16 */
    unsigned operation_ms;    /* an operation may take: 30000 */
    unsigned list_ms;         /* a list waits: 10000 */
    unsigned long_ms;         /* what takes long by nature (generating,
                               * importing): 240000 */
    unsigned person_ms;       /* a person at the token's own pad may take,
                               * which counts for nothing else: 240000 */
    unsigned poll_ms;         /* between two looks at slots that report no
                               * events: 3000 */
    token_serve_fn *serve;    /* for remote modules; NULL: there are none */
    void *serve_arg;
    const char *folder; /* for their sockets, and while modules are loaded;
                         * made when it is not there. NULL: a module of
                         * p11-kit's that is not wanted is loaded, not used */
    /* Two with .module files, the second counts more; NULL: p11-kit's. */
    const char *const *system_folders;
    void *notes; /* TOKEN_NOTES_BYTES of memory, at first zero, that outlive
                  * the process; NULL: none */
    token_hung_fn *hung; /* NULL: nobody is told */
    void *hung_arg;
    token_stuck_fn *stuck; /* NULL: token_store_new waits for as long */
    void *stuck_arg;
};

#define TOKEN_NOTES_BYTES 8192

/* For a handler of SIGSEGV and its like: notes which module this thread is
 * in. Three times in an operation, or once while it is loaded or initialised,
 * and the next store with these notes leaves the module out
 * (TOKEN_MODULE_SKIPPED), as it does with one that hung while it was loaded.
 * Safe in a signal handler. */
void tokens_note_crash(void);

/* The calling thread works for REQUEST from now on (not dereferenced here;
 * NULL: for nobody). */
void tokens_request_begin(void *request);

/* Loads the modules, initialises each in a thread of its own and looks for
 * tokens. Returns when all are ready that load within trial_ms, or after
 * start_timeout_ms; a module that is late appears when it is ready, one that
 * fails is left out (see token_store_module_info). Gives *out. TOKENS_MEMORY;
 * TOKENS_ARGUMENT when a module has no name or absolute path, or there are more
 * than 64. */
enum tokens_err token_store_new(const struct token_config *config,
                                struct token_store **out);

/* Logs out, ends sessions, finalises modules (a module that hangs is left as
 * it is). No other thread may still use the store; no EVP_PKEY of
 * token_key_evp may still be in use. */
void token_store_drop(struct token_store **store);

enum token_module_state {
    TOKEN_MODULE_STARTING, /* being loaded, or in C_Initialize */
    TOKEN_MODULE_READY,
    TOKEN_MODULE_BUSY, /* in a slot scan that did not return yet */
    TOKEN_MODULE_FAILED,
    TOKEN_MODULE_SKIPPED /* see tokens_note_crash */
};

#define TOKEN_LABEL_BYTES 33 /* with NUL; UTF-8, trailing blanks cut */

/* What there is to say about a module. */
struct token_module_info {
    char name[64];
    enum token_module_state state;
    bool remote; /* it runs in a process of its own */
    bool hangs;  /* a call does not come back, its own or a token's */
    struct token_hang hang; /* that; why it is skipped: it hung in call for ms,
                             * or, with 0, the process ended there */
    unsigned long rv; /* of a start, or of the last look at its slots, that
                       * failed; 0: it did not, or was not loaded */
    const char *call; /* where; "" where rv is 0 */
    char why[256];    /* it cannot be loaded, as the loader says; foreign */
    char token[TOKEN_LABEL_BYTES]; /* not the slots, but the keys of this one */
};
/* Of module INDEX (from 0). False when there is no such module. */
bool token_store_module_info(struct token_store *store, size_t index,
                             struct token_module_info *out);

/* Looks at the slots of all modules anew (C_GetSlotList: size query, then
 * list; C_GetTokenInfo). Waits at most timeout_ms for modules that are slow
 * (0: start_timeout_ms) and returns TOKENS_BUSY then: what other modules
 * said is already in effect. */
enum tokens_err token_store_refresh(struct token_store *store,
                                    unsigned timeout_ms);

/* As token_store_refresh, waiting for start_timeout_ms, and every way to
 * notice a token that costs nobody anything: some modules see what another
 * program made only when they start (C_Finalize, C_Initialize), which is done
 * where no login ends by it, once in five seconds at most. */
enum tokens_err token_store_look(struct token_store *store);

/* The same at any cost: the logins of all tokens of such modules end, and their
 * sessions are opened anew. TOKENS_BUSY when a module was in use for so long
 * that it was left as it is, or is slow. */
enum tokens_err token_store_rescan(struct token_store *store);

/* The inserted tokens as of the last look, in a stable order: writes up to
 * room pointers, returns how many there are. */
size_t token_store_list(struct token_store *store, struct token **out,
                        size_t room);

/* The same of tokens that were inserted, are not now, and had keys or could. */
size_t token_store_list_gone(struct token_store *store, struct token **out,
                             size_t room);

/* Finds one inserted token by label, serial or pkcs11: URI; "" or NULL: the
 * only one there is. Looks at the slots anew if nothing matches. Never opens
 * anything a URI names. TOKENS_ABSENT, TOKENS_AMBIGUOUS, TOKENS_BAD_URI. A
 * URI with attributes not understood matches nothing. */
enum tokens_err token_store_find(struct token_store *store, const char *which,
                                 struct token **out);

#define TOKEN_SERIAL_BYTES 17
#define TOKEN_URI_BYTES    512

/* What a token says of itself. Text is foreign: escape it before showing. */
struct token_info {
    char label[TOKEN_LABEL_BYTES];
    char serial[TOKEN_SERIAL_BYTES];
    char manufacturer[TOKEN_LABEL_BYTES];
    char model[TOKEN_SERIAL_BYTES];
    char module[64];
    char uri[TOKEN_URI_BYTES]; /* RFC 7512: model;manufacturer;serial;token */
    bool present;
    unsigned insertion;        /* how often it was seen to be inserted */
    bool initialized;          /* CKF_TOKEN_INITIALIZED */
    bool user_pin_initialized; /* CKF_USER_PIN_INITIALIZED */
    bool login_required;       /* CKF_LOGIN_REQUIRED */
    bool logged_in;            /* by us, as far as we know */
    bool write_protected;      /* CKF_WRITE_PROTECTED */
    bool protected_path;       /* CKF_PROTECTED_AUTHENTICATION_PATH */
    bool pin_count_low;        /* a wrong PIN was given since the last login */
    bool pin_final_try;        /* the next wrong PIN locks it */
    bool pin_locked;
    int tries_left;                 /* -1 unknown; 1 final try, 0 locked */
    unsigned long pin_min, pin_max; /* bytes; 0 unknown */
    bool pin_to_be_changed;         /* CKF_USER_PIN_TO_BE_CHANGED */
    bool puk_final_try;             /* the next wrong PUK locks it */
    bool puk_locked;
    bool raw_rsa; /* CKM_RSA_X_509; false until its mechanisms were asked */
};

/* Another token that is inserted has the same label. */
bool token_label_is_shared(struct token *t);

/* As of the last look; makes no call. Cannot fail. */
void token_get_info(struct token *t, struct token_info *out);

/* The same of `present` alone. */
bool token_is_present(struct token *t);

/* Asks the token for its flags now (C_GetTokenInfo), for the prompt before a
 * PIN is asked. TOKENS_ABSENT, TOKENS_BUSY, TOKENS_FAILED. */
enum tokens_err token_load_info(struct token *t, struct token_info *out);

/* True when a call of the module for this token does not come back. */
bool token_get_hang(struct token *t, struct token_hang *out);

/* ---- login -------------------------------------------------------------- */

/* C_Login as the user, once; never retried. PIN bytes are borrowed, not
 * copied; NULL with 0: the token's own pad. Already logged in: TOKENS_OK
 * without trying the PIN. TOKENS_PIN_WRONG (also a module's vague failure of
 * C_Login with a living session), TOKENS_PIN_BLOCKED, TOKENS_PIN_INVALID,
 * TOKENS_PIN_EXPIRED, TOKENS_CANCELLED, TOKENS_UNINITIALIZED, TOKENS_ABSENT,
 * TOKENS_BUSY, TOKENS_FAILED. Keeps an idle session, so that the login
 * lasts. */
enum tokens_err token_login(struct token *t, const uint8_t *pin,
                            size_t pin_len);

/* As token_login. *out_tried (set in any case): the token has looked at the
 * PIN; false with TOKENS_OK: it was logged in already. */
enum tokens_err token_login_told(struct token *t, const uint8_t *pin,
                                 size_t pin_len, bool *out_tried);

/* Ends the login after operations in progress. TOKENS_OK if there was none. */
enum tokens_err token_logout(struct token *t);

/* As far as we know, without a call. */
bool token_is_logged_in(struct token *t);

/* ---- identities ---------------------------------------------------------- */

enum token_key_type {
    TOKEN_KEY_UNKNOWN,
    TOKEN_KEY_RSA,
    TOKEN_KEY_EC,
    TOKEN_KEY_ED25519,
    TOKEN_KEY_X25519
};

/* A set: what the token allows its private key. */
enum token_key_use {
    TOKEN_USE_SIGN = 1,    /* CKA_SIGN */
    TOKEN_USE_DECRYPT = 2, /* CKA_DECRYPT */
    TOKEN_USE_UNWRAP = 4,  /* CKA_UNWRAP */
    TOKEN_USE_DERIVE = 8   /* CKA_DERIVE */
};

#define TOKEN_ID_BYTES    64 /* longest CKA_ID that is read or written */
#define TOKEN_APART_BYTES 8

/* Certificate, public and private key that share a CKA_ID and belong
 * together. A key with several certificates is several identities, a
 * certificate without key is one too. All pointers live as long as the list.
 *
 * id is what every function here takes. It is the CKA_ID, but where that is
 * shared by different keys: then TOKEN_APART_BYTES of the hash of the public
 * key come before it. */
struct token_identity {
    const uint8_t *id;
    size_t id_len;           /* 1..TOKEN_ID_BYTES, 0 for a certificate only */
    const uint8_t *token_id; /* CKA_ID */
    size_t token_id_len;
    const char *label;          /* the certificate's, else the key's; "" */
    const uint8_t *certificate; /* DER, or NULL */
    size_t certificate_len;
    const uint8_t *issuer; /* the certificate's, a DER Name */
    size_t issuer_len;
    const uint8_t *subject;
    size_t subject_len;
    const uint8_t *alt_names; /* its subjectAltName, DER GeneralNames; NULL:
                               * it has none, or several */
    size_t alt_names_len;
    const uint8_t *spki; /* DER SubjectPublicKeyInfo, or NULL if unknown */
    size_t spki_len;
    const uint8_t *modulus; /* RSA, big-endian without leading zeros */
    size_t modulus_len;
    const uint8_t *exponent; /* RSA public exponent */
    size_t exponent_len;
    const uint8_t *point; /* EC: uncompressed point; Ed/X25519: 32 bytes */
    size_t point_len;
    const uint8_t *curve; /* EC: DER of the named curve's OID */
    size_t curve_len;
    enum token_key_type type;
    unsigned bits; /* RSA modulus, EC field; 0 unknown */
    unsigned uses; /* of enum token_key_use, as far as the token has the
                    * mechanisms; 0 without a private key */
    bool always_authenticate; /* a PIN for each operation */
    bool has_private;         /* the private key was seen */
    bool private_unknown;     /* not logged in: there may be one */
    bool is_ca;               /* the certificate is a CA's (X509_check_ca) */
};

struct token_identities {
    const struct token_identity *all;
    size_t count;
};

/* Gives an unchanging view of what is on the token, read now or at most
 * cache_ms ago. Objects half made (no CKA_ID, no modulus or point) are left
 * out. TOKENS_ABSENT, TOKENS_REMOVED, TOKENS_BUSY, TOKENS_FAILED. */
enum tokens_err token_identities_read(struct token *t,
                                      const struct token_identities **out);
void token_identities_drop(const struct token_identities **list);

/* Why the last call of token_identities_read gave nothing of it, with
 * tokens_last_rv, or TOKENS_OK. Makes no call. */
enum tokens_err token_unread(struct token *t);

/* What was on it when it was last read, be it inserted or not; asks no module.
 * Gives NULL when it never was. */
const struct token_identities *token_identities_known(struct token *t);

/* Begins to read what is not cached, on all tokens at once, and returns; the
 * lists that follow wait for it together. */
void token_store_read_ahead(struct token_store *store);

/* ---- operations -----------------------------------------------------------
 */

enum token_hash {
    TOKEN_HASH_NONE,
    TOKEN_HASH_SHA1,
    TOKEN_HASH_SHA224,
    TOKEN_HASH_SHA256,
    TOKEN_HASH_SHA384,
    TOKEN_HASH_SHA512
};

enum token_scheme {
    TOKEN_RSA_PKCS1, /* sign: data is the digest of hash, DigestInfo is built
                      * here (TOKEN_HASH_NONE: data is signed as it is);
                      * unwrap: RSAES-PKCS1-v1_5 */
    TOKEN_RSA_PSS,   /* data is the digest; MGF1 with hash, salt as long as
                      * the digest */
    TOKEN_RSA_OAEP,  /* unwrap only */
    TOKEN_ECDSA,     /* data is the digest; DER Ecdsa-Sig-Value */
    TOKEN_EDDSA      /* data is the whole message */
};

/* Asks the person for the PIN of a key with CKA_ALWAYS_AUTHENTICATE, before
 * the token is held. Writes at most room bytes (wiped by the library). Not
 * called for other keys. Returns TOKENS_OK or what the operation is to end
 * with. out_len 0: the token's own pad. */
struct token_prompt {
    enum tokens_err (*ask)(void *arg, struct token *t, uint8_t *pin,
                           size_t room, size_t *out_len);
    void *arg;
};

#define TOKEN_SIGNATURE_BYTES 1024 /* room that is enough for any signature */

/* Signs with the private key ID. out has room bytes. Warm, this is
 * C_SignInit and C_Sign, nothing else. prompt may be NULL (then a key that
 * authenticates each time is TOKENS_LOCKED). Errors: TOKENS_NO_KEY,
 * TOKENS_LOCKED, TOKENS_ABSENT, TOKENS_REMOVED, TOKENS_BUSY, TOKENS_CANNOT,
 * TOKENS_MESSAGE (digest of the wrong length), TOKENS_ARGUMENT (room),
 * TOKENS_PIN_* and TOKENS_CANCELLED from the prompt, TOKENS_FAILED;
 * TOKENS_BAD_SIGNATURE: it does not verify, and nothing is given out. A lost
 * session is opened anew and the operation tried once more. */
enum tokens_err token_sign(struct token *t, const uint8_t *id, size_t id_len,
                           enum token_scheme scheme, enum token_hash hash,
                           const uint8_t *data, size_t data_len,
                           const struct token_prompt *prompt, uint8_t *out,
                           size_t room, size_t *out_len);

struct token_padding {
    enum token_scheme scheme; /* TOKEN_RSA_PKCS1 or TOKEN_RSA_OAEP */
    enum token_hash hash;     /* OAEP */
    enum token_hash mgf_hash; /* OAEP: of MGF1; NONE: the same as hash */
    const uint8_t *label;     /* OAEP; NULL with 0 for none */
    size_t label_len;
};

/* Unwraps a content key (C_Decrypt). The plaintext goes to out, at most room
 * bytes, wiped on error. TOKENS_MESSAGE: the token is well and the message is
 * at fault (padding, length; RFC 3218: let nobody see which); the other
 * errors as in token_sign. */
enum tokens_err token_unwrap(struct token *t, const uint8_t *id, size_t id_len,
                             const struct token_padding *padding,
                             const uint8_t *wrapped, size_t wrapped_len,
                             const struct token_prompt *prompt, uint8_t *out,
                             size_t room, size_t *out_len);

/* A key with CKA_ALWAYS_AUTHENTICATE may be TOKENS_CANNOT here, after its PIN
 * was asked for: PKCS#11 has no place for it, and modules differ.
 *
 * Raw ECDH (CKM_ECDH1_DERIVE, CKD_NULL): peer is an uncompressed point that
 * is checked to be on the key's curve (or 32 bytes for X25519); the shared
 * x coordinate goes to out. TOKENS_MESSAGE: the peer's point is no point of
 * the curve. Other errors as in token_sign. */
enum tokens_err token_agree(struct token *t, const uint8_t *id, size_t id_len,
                            const uint8_t *peer, size_t peer_len,
                            const struct token_prompt *prompt, uint8_t *out,
                            size_t room, size_t *out_len);

/* Gives an EVP_PKEY (RSA or EC; free with EVP_PKEY_free, before the store is
 * dropped) whose signing and decrypting run on the token (ECDH:
 * token_agree). It outlives sessions and logins. TOKENS_CANNOT without
 * vtoken_path or for other keys. When an operation through it fails,
 * tokens_last_rv says what the token said. */
enum tokens_err token_key_evp(struct token *t, const uint8_t *id, size_t id_len,
                              struct evp_pkey_st **out);

#endif
