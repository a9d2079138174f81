/*
 * The keyholder's part of agent.conf: [modules], [module NAME], [tokens],
 * [pin], [lock], [consent], [decrypt], [key NAME], [pinentry] timeout, [raw]
 * shared-secret.
 * Sections of others are passed over; what is wrong in ours is logged and
 * the rest is used, so that one bad line does not take all tokens away.
 */
#ifndef AGENT_KEYHOLDER_CONFIG_H
#define AGENT_KEYHOLDER_CONFIG_H

#include "agent/base/limits.h"
#include "agent/base/mem.h"
#include "tokens/tokens.h"

#define CONFIG_PIN_PROMPTS 3

/* Shows our own tokens to other programs: never one of them here. */
#define CONFIG_OWN_MODULE "smime-agent-pkcs11.so"

struct config_module {
    char *name;
    char *path;
    char *init;          /* for C_Initialize, or NULL */
    unsigned operations; /* at a time on each of its tokens; 0: as the others */
    bool remote;         /* in a process of its own */
    bool refused;        /* asks for something that we cannot do */
};

/* Whether PINs are kept, and how long. */
struct config_pin {
    bool cache;
    bool over_removal; /* also when the token was out meanwhile */
    unsigned idle_s;   /* since the token was last used */
    unsigned limit_s;  /* since somebody typed it */
};

/* What locks the tokens, beside the person. */
struct config_lock {
    unsigned idle_s; /* 0: never */
    bool on_screen;
    bool on_suspend;
};

/* How long an answer holds for the same key, program and operation. */
struct config_consent {
    unsigned window_s; /* 0: for the one operation only */
    unsigned count;    /* operations, the first included; 0: any number */
};

/* How many failed decryptions a key may have within a time. */
struct config_decrypt {
    unsigned failures; /* 0: any number */
    unsigned window_s;
};

/* A rule for keys. */
struct config_key {
    char *name;  /* of its section */
    char *match; /* CKA_ID in hex, address or URI; NULL: the name is it */
    bool confirm;
    bool every; /* not understood: it counts for every key */
};

/* A rule for programs: see program_rules.h. */
struct config_program {
    char *name; /* of an executable, or "*" */
    enum program_use { PROGRAM_ALLOW, PROGRAM_ASK, PROGRAM_REFUSE } use;
    bool has_keys; /* then these only: ids in hex, addresses, URIs */
    char *key[LIMIT_CONFIG_NAMES];
    size_t key_count;
};

struct config {
    struct config_module module[LIMIT_CONFIG_MODULES];
    size_t module_count;
    bool use_system;
    char *allow[LIMIT_CONFIG_NAMES + 1]; /* NULL-ended */
    char *deny[LIMIT_CONFIG_NAMES + 1];
    bool has_allow;
    unsigned concurrency;
    unsigned deadline_ms;       /* of an operation; 0: the library's default */
    unsigned list_deadline_ms;  /* of a list */
    unsigned write_deadline_ms; /* of making or importing keys */
    unsigned pin_prompts;       /* 1 to CONFIG_PIN_PROMPTS */
    unsigned prompt_s;          /* how long a prompt waits for its answer */
    bool shared_secrets;        /* of ECDH, to the raw socket */
    struct config_pin pin;
    struct config_lock lock;
    struct config_consent consent;
    struct config_decrypt decrypt;
    struct config_key key[LIMIT_CONFIG_KEYS];
    size_t key_count;
    struct config_program program[LIMIT_CONFIG_PROGRAMS + 1];
    size_t program_count; /* the last place is for "*" */
    bool programs_left_out;
};

/* Sets the defaults. */
void config_init(struct config *c);

/* Reads FILE over what is there; a file that is absent is no error. */
void config_load(struct config *c, const char *file);

/* After the last file: looks at the rules for keys. One that names no key is
 * logged and counts for every key: a slip must not take a question away. */
void config_check_keys(struct config *c);

/* What the tokens need of it; borrows from C and from MODULES, which has
 * room for LIMIT_CONFIG_MODULES. */
struct token_config config_for_tokens(const struct config *c,
                                      struct token_module *modules,
                                      const char *vtoken_path);

void config_drop(struct config *c);

#endif
