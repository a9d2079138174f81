/*
 * How modules are loaded: each first by a process of its own, then in a thread
 * that is watched. For tokens/ alone.
 */
#ifndef TOKENS_LOADING_H
#define TOKENS_LOADING_H

#include "tokens/internal.h"

#define LOAD_MS 5000 /* a large library from a slow disk takes less */

enum trial_end {
    TRIAL_NONE, /* it was not tried */
    TRIAL_PASSED,
    TRIAL_DIED, /* which its note says, too */
    TRIAL_LATE
};

/* A module that a child loads, to see whether that comes back. */
struct trial {
    const char *path; /* borrowed */
    pid_t pid;        /* <= 0: there is no child, or it is gone */
    int fd;           /* of it, or -1 */
    uint64_t begun_ms;
};

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
    unsigned ms; /* for each */
    token_stuck_fn *stuck;
    void *stuck_arg;
    struct trial trials[2 * LIMIT_MODULES]; /* these: the loading thread's */
    size_t trial_count;
    uint64_t trial_end_ms;
};

/* ---- trials (trial.c) --------------------------------------------------- */

/* Begins to load PATH in a child, for one module. No other thread may hold a
 * lock. */
void loading_try(struct loading *l, const char *path, struct note *note);
/* How a trial of PATH ended; it is waited for no longer than all of them
 * together may take. TRIAL_LATE: it is not back, and *out is the caller's. */
enum trial_end loading_ask(struct loading *l, const char *path,
                           struct note *note, struct trial *out);
/* Waits until UNTIL_MS (UINT64_MAX: for ever). False: it has not ended. */
bool trial_wait(const struct trial *t, uint64_t until_ms);
/* Of one that has ended: how. Drops it. */
enum trial_end trial_ask(struct trial *t, struct note *note);
void trial_kill(const struct trial *t);
/* Ends it, if it has not ended, and does not wait for long. */
void trial_drop(struct trial *t);

/* ---- modules that are late (late.c) ---------------------------------------
 */

/* M, from the file PATH, is loaded by its thread, once T has come back and
 * if nobody can lose by it then. Takes T. */
void late_begin(struct module *m, const char *path, const struct trial *t);
/* In the thread of M. False: it was not loaded, and its state says so. */
bool late_load(struct module *m);
/* The store ends: late_load comes back. The store's mutex is held. */
void late_end(struct module *m);
void late_drop(struct module *m);

/* ---- the watched thread (loading.c) ---------------------------------------
 */

void loading_init(struct loading *l, const struct token_config *c);
void loading_begin(struct loading *l);
void loading_end(struct loading *l);
/* This thread loads the module NAME from now on, until loading_leave. */
void loading_enter(struct loading *l, struct note *note, const char *name);
void loading_leave(struct loading *l);

/* ---- which modules (store.c, system.c, remote.c) --------------------------
 */

void store_load_modules(struct token_store *store,
                        const struct token_config *c);
struct module *store_add_module(struct token_store *store, const char *name);
/* A module of the store that is, or will be, loaded from the same file, or
 * NULL: the same tokens, which nobody needs twice. ANSWERS: PATH was read, so
 * that other names of it can be looked for. */
const struct module *store_find_file(const struct token_store *store,
                                     const char *path, bool answers);
/* M was loaded from PATH, or, with f NULL, was not: notes what p11-kit says of
 * that in this thread. */
void module_loaded(struct module *m, CK_FUNCTION_LIST *f, const char *path);

/* p11-kit's configured modules. NULL: no memory. */
struct system *system_read(struct token_store *store,
                           const struct token_config *c);
/* Begins the trials of those that are wanted. */
void system_try(const struct system *s, struct loading *l);
/* Loads those that are wanted; NULL: none. Adds those that their notes forbid,
 * and those that are late, to the store. */
CK_FUNCTION_LIST **system_load(struct system *s, struct loading *l);
void system_drop(struct system **s);

/* A module in a process of its own; false when that cannot be. */
bool remote_load(struct module *m, const struct token_config *c);

#endif
