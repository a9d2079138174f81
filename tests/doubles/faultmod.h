/*
 * What the fault module (faultmod.c) is told to do, and what it notes down.
 * Lives in the process that loads the module: tests only.
 */
#ifndef TESTS_DOUBLES_FAULTMOD_H
#define TESTS_DOUBLES_FAULTMOD_H

#include <p11-kit/pkcs11.h>
#include <stdbool.h>

enum call {
#define WRAP(name, params, args) CALL_##name,
#include "faultmod_calls.def"
#undef WRAP
    CALL_COUNT
};

/* What stands in the way of a token as a whole. */
struct plan_state {
    bool removed, unnoticed, last_try, low, must_change, events, slept, broken,
        odd_range;
    bool another; /* a new serial number each time a token is asked for it */
    CK_SLOT_ID moved; /* slots have ids that are so much higher */
    CK_ULONG strict;  /* bytes that ECDSA signs at most; 0: any number */
};

/* The module that does the work. */
extern CK_FUNCTION_LIST *fault_real;

/* A call begins, its first argument being FIRST: true when *out is to be
 * returned instead of calling the module. May wait, or not come back. */
bool plan_says(enum call call, CK_ULONG first, CK_RV *out);

/* The call of this thread that plan_says was asked about lies: *out is the
 * count to claim. */
bool plan_lies(CK_ULONG *out);

/* What that call gives is to be wrong. */
bool plan_spoils(void);

struct plan_state plan_state(void);
bool plan_hides(CK_MECHANISM_TYPE type);

/* Waits until a token comes or goes, or the module ends. */
CK_RV plan_wait_event(CK_SLOT_ID *out);
void plan_end_waits(void);

/* SIGN: "+" when the call begins, "-" when it ended. */
void note_record(enum call call, char sign);
void note_trace(enum call call, int user);
void note_count(enum call call);

/* For tests that open the module with dlopen. */
unsigned long faultmod_count(const char *name);
unsigned long faultmod_hanging(void);
void faultmod_reset(void);

#endif
