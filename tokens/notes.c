/*
 * Notes of which module the process ended in, kept in memory that outlives
 * it: a module that crashes or hangs at its start would otherwise take
 * everything down again and again.
 */
#include "tokens/internal.h"

#include <stdio.h>

#define NOTES_MAGIC 0x736d6e31u
#define CALL_BYTES  32

struct note {
    char name[64];
    char call[CALL_BYTES]; /* the last one it ended in */
    uint32_t strikes;
    uint32_t hung_ms; /* it did not come back for so long; 0: it ended it */
};

struct notes {
    uint32_t magic;
    struct note all[LIMIT_MODULES];
};

_Static_assert(sizeof(struct notes) <= TOKEN_NOTES_BYTES, "room for all notes");

/* Where this thread is; read by a signal handler in the same thread. */
static __thread struct note *volatile here;
static __thread const char *const *volatile here_call;

struct notes *
notes_open(void *memory)
{
    struct notes *n = memory;

    if (n && n->magic != NOTES_MAGIC) {
        memset(n, 0, sizeof(*n));
        n->magic = NOTES_MAGIC;
    }
    /* Whatever a process wrote there as it ended. */
    for (size_t i = 0; n && i < LIMIT_MODULES; i++) {
        n->all[i].name[sizeof(n->all[i].name) - 1] = '\0';
        n->all[i].call[CALL_BYTES - 1] = '\0';
    }
    return n;
}

struct note *
note_find(struct notes *n, const char *name)
{
    for (size_t i = 0; n && i < LIMIT_MODULES; i++) {
        struct note *one = &n->all[i];

        if (one->name[0] == '\0')
            snprintf(one->name, sizeof(one->name), "%s", name);
        if (strncmp(one->name, name, sizeof(one->name) - 1) == 0)
            return one;
    }
    return NULL;
}

bool
note_forbids(const struct note *note)
{
    return note && note->strikes >= LIMIT_STRIKES;
}

unsigned
note_hung_ms(const struct note *note)
{
    return note ? note->hung_ms : 0;
}

/* It would not come back the next time, either. */
void
note_hang(struct note *note, const char *call, unsigned ms)
{
    if (!note)
        return;
    snprintf(note->call, sizeof(note->call), "%s", call);
    note->hung_ms = ms;
    note->strikes = LIMIT_STRIKES;
}

const char *
note_call(const struct note *note)
{
    return note ? note->call : "";
}

void
note_enter(struct note *note, const char *const *call)
{
    here_call = call;
    here = note;
}

void
note_leave(void)
{
    here = NULL;
}

/* A start that ends the process would do so the next time, too; an operation
 * gets another chance. */
void
tokens_note_crash(void)
{
    struct note *note = here;

    if (!note)
        return;
    here = NULL;
    const char *call = __atomic_load_n(here_call, __ATOMIC_RELAXED);
    size_t n = strnlen(call, CALL_BYTES - 1);
    bool starting =
        strcmp(call, "C_Initialize") == 0 || strcmp(call, "dlopen") == 0;
    memcpy(note->call, call, n);
    note->call[n] = '\0';
    note->strikes += starting ? LIMIT_STRIKES : 1;
}
