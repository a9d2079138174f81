/*
 * smime-agent-pkcs11.so: the agent's keys as one PKCS#11 token, for programs
 * that know no agent. It holds no key; each operation is a request on the
 * agent's raw socket, where the person is asked.
 *
 * Lives in other people's processes: never exits, never logs, installs no
 * handler, starts no thread, and gives CKR_HOST_MEMORY when there is none
 * left. Any thread may call; a child after fork must C_Initialize anew and
 * shares nothing with its parent.
 *
 * One lock guards all state. It is given back while the agent is asked, so
 * that a prompt in one thread keeps no other waiting; whoever asked looks for
 * its session anew afterwards. Functions below want the lock held, but where
 * they say otherwise.
 */
#ifndef CLIENT_PKCS11_MODULE_H
#define CLIENT_PKCS11_MODULE_H

#include <jansson.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* PKCS#11 3.0; Debian's headers are older. */
#ifndef CKO_PROFILE
#define CKO_PROFILE                   0x09UL
#define CKA_PROFILE_ID                0x601UL
#define CKP_PUBLIC_CERTIFICATES_TOKEN 4UL
#endif
#ifndef CKA_PUBLIC_KEY_INFO
#define CKA_PUBLIC_KEY_INFO 0x129UL
#endif
#ifndef CKK_EC_MONTGOMERY
#define CKK_EC_MONTGOMERY 0x41UL
#endif

#define SLOT 1UL

#define LIMIT_MODULE_SESSIONS   4096
#define LIMIT_MODULE_OBJECTS    4096 /* those that are gone included */
#define LIMIT_MODULE_ATTRIBUTES 32   /* of one object, or in a template */
#define LIMIT_INPUT_BYTES       (32 * 1024)
#define LIMIT_OUTPUT_BYTES      2048

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* Bytes that may be secret: wiped before they are freed. Zeroed: none. */
struct bytes {
    uint8_t *p;
    size_t n;
};
void bytes_drop(struct bytes *b);
/* False without memory; *b is then as it was. */
bool bytes_add(struct bytes *b, const void *p, size_t n);

/* ---- objects ------------------------------------------------------------- */

struct attribute {
    CK_ATTRIBUTE_TYPE type;
    struct bytes value;
};

enum key_kind { KIND_NONE, KIND_RSA, KIND_EC, KIND_ED25519, KIND_X25519 };
enum key_can { CAN_SIGN = 1, CAN_DECRYPT = 2, CAN_AGREE = 4 };

struct object {
    CK_OBJECT_HANDLE handle;
    CK_OBJECT_CLASS class;
    bool is_private; /* seen only after C_Login */
    bool is_gone;    /* its token, or the agent, is away; handles stay */
    bool is_marked;  /* by a refresh that goes on */
    CK_SESSION_HANDLE session; /* of a session object; else 0 */
    char *name;                /* what it is recognised by, with its class */
    char *key;                 /* its name for the agent; keys only */
    enum key_kind kind;
    unsigned can; /* of enum key_can */
    size_t bytes; /* of the modulus or the field */
    size_t attribute_count;
    struct attribute attribute[LIMIT_MODULE_ATTRIBUTES];
};

/* ---- sessions ------------------------------------------------------------ */

enum operation_kind { OPERATION_NONE, OPERATION_SIGN, OPERATION_DECRYPT };

struct operation {
    enum operation_kind kind;
    CK_OBJECT_HANDLE key;
    CK_MECHANISM_TYPE mechanism;
    const char *hash;     /* PSS, OAEP */
    const char *mgf_hash; /* OAEP */
    struct bytes label;   /* OAEP */
    struct bytes input;   /* of the updates */
    bool is_multi;        /* there was an update */
    bool is_busy;         /* a thread asks the agent */
    bool has_output;      /* decrypted, but the caller's room was too small */
    struct bytes output;
};

struct session {
    CK_SESSION_HANDLE handle;
    CK_FLAGS flags;
    struct operation operation;
    bool is_finding;
    CK_OBJECT_HANDLE *found;
    size_t found_count, found_at;
};

/* ---- the module ---------------------------------------------------------- */

struct module {
    uint64_t generation; /* of C_Initialize */
    struct session **session;
    size_t session_count;
    CK_SESSION_HANDLE last_session;
    struct object **object;
    size_t object_count;
    CK_OBJECT_HANDLE last_object;
    bool is_logged_in; /* by C_Login */
    bool is_open;      /* no login is needed, see list.c */
    bool is_present;   /* the agent has answered */
    bool was_told;     /* what C_WaitForSlotEvent said last */
    int64_t listed_ms;
    json_t *caller; /* where to ask the person */
};
extern struct module module;

/* Locks. CKR_CRYPTOKI_NOT_INITIALIZED, also in a child that has not called
 * C_Initialize itself; then nothing is locked. */
CK_RV module_enter(void);
void module_leave(void);
/* Locks in any case; false when the module was finalised meanwhile. */
bool module_lock(void);

#define GUARDED(call)                                                          \
    do {                                                                       \
        CK_RV rv_guarded = module_enter();                                     \
        if (rv_guarded == CKR_OK) {                                            \
            rv_guarded = (call);                                               \
            module_leave();                                                    \
        }                                                                      \
        return rv_guarded;                                                     \
    } while (0)

/* ---- session.c ----------------------------------------------------------- */

/* By C_Login, or because no login is needed. */
bool session_is_user(void);
struct session *session_find(CK_SESSION_HANDLE handle);
CK_RV session_get(CK_SESSION_HANDLE handle, struct session **out);
void sessions_drop(void);
void operation_drop(struct operation *op);

/* ---- object.c ------------------------------------------------------------ */

/* NULL when it is not there, or not to be seen now. */
struct object *object_find(CK_OBJECT_HANDLE handle);
const struct attribute *object_attribute(const struct object *o,
                                         CK_ATTRIBUTE_TYPE type);
/* A new one, or NULL without memory. */
struct object *object_new(CK_OBJECT_CLASS class);
/* Sets or replaces. False without memory or room. */
bool object_set(struct object *o, CK_ATTRIBUTE_TYPE type, const void *p,
                size_t n);
bool object_set_bool(struct object *o, CK_ATTRIBUTE_TYPE type, bool value);
bool object_set_ulong(struct object *o, CK_ATTRIBUTE_TYPE type, CK_ULONG value);
void object_drop(struct object **o);
/* Takes O into the module, with a handle of its own. */
CK_RV object_keep(struct object *o, CK_OBJECT_HANDLE *out);
void objects_end(CK_SESSION_HANDLE session);

/* ---- list.c -------------------------------------------------------------- */

/* Asks the agent which keys there are, unless that is less than a second ago
 * (or NOW). Gives back the lock meanwhile. CKR_TOKEN_NOT_PRESENT when it does
 * not answer. */
CK_RV list_refresh(bool now);

/* What an answer to Raw.List makes of the objects; false: no memory, or no
 * such answer. */
bool list_apply(json_t *reply);

/* ---- agent.c ------------------------------------------------------------- */

/* Calls METHOD of the agent; PARAMETERS is taken. Gives back the lock
 * meanwhile. KEY: the key it is about, for a connection whose session has it
 * already; or NULL. CKR_CRYPTOKI_NOT_INITIALIZED when the module was finalised
 * meanwhile; else what the agent's error means. */
CK_RV agent_call(const char *method, json_t *parameters, const char *key,
                 json_t **out);
void agent_drop(void);
/* In a child: closes what is the parent's. */
void agent_abandon(void);
int64_t clock_now_ms(void);

/* What an error of the agent means to a caller of PKCS#11. */
CK_RV agent_error(const char *name);

/* ---- bytes.c ------------------------------------------------------------- */

/* A new reference; NULL without memory. */
json_t *hex_json(const void *p, size_t n);
/* Reads MEMBER of O, hexadecimal text of at most MOST bytes. False when it is
 * missing or no such text, or without memory. */
bool hex_read(json_t *o, const char *member, size_t most, struct bytes *out);

/* Ecdsa-Sig-Value (DER) as r and s side by side, each of HALF bytes. False for
 * anything else. */
bool ecdsa_flatten(const uint8_t *der, size_t n, size_t half, uint8_t *out);

/* ---- mechanism.c --------------------------------------------------------- */

/* Reads the parameters of M for KEY into OP. */
CK_RV mechanism_for_sign(const CK_MECHANISM *m, const struct object *key,
                         struct operation *op);
CK_RV mechanism_for_decrypt(const CK_MECHANISM *m, const struct object *key,
                            struct operation *op);

#endif
