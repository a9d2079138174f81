/*
 * What the process that loads modules writes down for the next one, in memory
 * that outlives it: which module it was in when it ended (notes.c). For
 * tokens/ alone.
 */
#ifndef TOKENS_NOTES_H
#define TOKENS_NOTES_H

#include <stdbool.h>

struct notes;
struct note;

/* What MEMORY of TOKEN_NOTES_BYTES tells, or NULL of NULL. */
struct notes *notes_open(void *memory);
/* The note of the module NAME; NULL: no room. */
struct note *note_find(struct notes *n, const char *name);
/* The module is not to be loaded: the process ended in it. */
bool note_forbids(const struct note *note);
const char *note_call(const struct note *note);
/* While it was loaded the module did not come back for MS, or, with 0, ended
 * its process: it is left out next time. */
void note_hang(struct note *note, const char *call, unsigned ms);
unsigned note_hung_ms(const struct note *note);
/* This thread is in a module from now on; *CALL says where. NOTE may be
 * NULL. */
void note_enter(struct note *note, const char *const *call);
void note_leave(void);

#endif
