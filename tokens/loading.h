/*
 * How modules are loaded, each in a thread that can be left behind. For tokens/
 * alone.
 */
#ifndef TOKENS_LOADING_H
#define TOKENS_LOADING_H

#include "tokens/internal.h"

/* Loading runs under the loader's lock: who hangs in it stops whoever loads
 * anything after him. A thread watches the one that loads. */
struct loading {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
    bool watched;    /* there is such a thread */
    bool ended;      /* these: mutex */
    uint64_t end_ms; /* what is loaded now may take until then; 0: nothing is */
    const char *name;
    struct note *note;
    const struct token_config *config;
};

/* A module that is to be loaded: borrowed. */
struct trial {
    const char *path;
    struct note *note;
    pid_t pid; /* these: trials_run's own */
    int fd;
};
/* Loads each in a process of its own, all at once, and notes those that do
 * not come back within MS. What cannot be tried is left as it is. */
void trials_run(struct trial *all, size_t n, unsigned ms);

unsigned loading_ms(const struct token_config *c);
void loading_begin(struct loading *l, const struct token_config *c);
void loading_end(struct loading *l);
/* This thread loads the module NAME from now on, until loading_leave. */
void loading_enter(struct loading *l, struct note *note, const char *name);
void loading_leave(struct loading *l);

/* p11-kit's configured modules, those that are wanted; NULL: none. Adds those
 * that their notes forbid to the store. */
CK_FUNCTION_LIST **system_load(struct token_store *store,
                               const struct token_config *c, struct loading *l);
struct module *store_add_module(struct token_store *store, const char *name);

#endif
