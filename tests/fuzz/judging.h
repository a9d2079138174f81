/*
 * The validator's answer for targets that work as a session does.
 */
#ifndef TESTS_FUZZ_JUDGING_H
#define TESTS_FUZZ_JUDGING_H

#include "agent/wire/records.h"
#include "tests/fuzz/fuzz.h"

/* ANCHORS: PEM, the only ones that count. Call once. */
void judging_begin(const char *anchors);

/* MSG_VERIFY, learning nothing. The answer borrows until the next one. */
void judging_ask(const struct verify_request *q, struct verify_reply *out);

#endif
