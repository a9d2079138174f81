/*
 * Scratch files: where a session lets a large result wait, encrypted under a
 * key of its own. The broker opens them, since sessions open no file, and
 * only for those that ask: a file system may take longer to make one than a
 * whole request does.
 */
#ifndef AGENT_BROKER_SCRATCH_H
#define AGENT_BROKER_SCRATCH_H

#include <stdbool.h>

/* Answers MSG_SCRATCH on the session's channel CTL with a file without a
 * name in FOLDER, or with why there is none. False: the session is gone. */
bool scratch_answer(int ctl, const char *folder);

#endif
