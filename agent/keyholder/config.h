/*
 * The keyholder's part of agent.conf: [modules], [module NAME], [tokens].
 * Sections of others are passed over; what is wrong in ours is logged and
 * the rest is used, so that one bad line does not take all tokens away.
 */
#ifndef AGENT_KEYHOLDER_CONFIG_H
#define AGENT_KEYHOLDER_CONFIG_H

#include "agent/base/limits.h"
#include "agent/base/mem.h"
#include "tokens/tokens.h"

#define CONFIG_PIN_PROMPTS 3

struct config_module {
    char *name;
    char *path;
    char *init;          /* for C_Initialize, or NULL */
    unsigned operations; /* at a time on each of its tokens; 0: as the others */
    bool refused;        /* asks for something that we cannot do */
};

struct config {
    struct config_module module[LIMIT_CONFIG_MODULES];
    size_t module_count;
    bool use_system;
    char *allow[LIMIT_CONFIG_NAMES + 1]; /* NULL-ended */
    char *deny[LIMIT_CONFIG_NAMES + 1];
    bool has_allow;
    unsigned concurrency;
    unsigned deadline_ms;      /* of an operation; 0: the library's default */
    unsigned list_deadline_ms; /* of a list */
    unsigned pin_prompts;      /* 1 to CONFIG_PIN_PROMPTS */
};

/* Sets the defaults. */
void config_init(struct config *c);

/* Reads FILE over what is there; a file that is absent is no error. */
void config_load(struct config *c, const char *file);

/* What the tokens need of it; borrows from C and from MODULES, which has
 * room for LIMIT_CONFIG_MODULES. */
struct token_config config_for_tokens(const struct config *c,
                                      struct token_module *modules,
                                      const char *vtoken_path);

void config_drop(struct config *c);

#endif
