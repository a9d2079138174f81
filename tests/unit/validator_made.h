/*
 * Between the files of validator_make.h: what they make stays theirs until
 * make_end.
 */
#ifndef TESTS_UNIT_VALIDATOR_MADE_H
#define TESTS_UNIT_VALIDATOR_MADE_H

#include "validator_make.h"

/* Ends the test, naming WHAT could not be made, when it was not DONE. */
void make_need(bool done, const char *what);

/* Takes B's bytes. */
struct slice make_own(struct buf *b);

#endif
