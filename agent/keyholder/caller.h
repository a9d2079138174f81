/*
 * Who asks, as /proc says: for prompts and the audit. Guidance, no boundary:
 * code of the same user can look like anything.
 */
#ifndef AGENT_KEYHOLDER_CALLER_H
#define AGENT_KEYHOLDER_CALLER_H

#include <stddef.h>
#include <stdint.h>

#define CALLER_BYTES 160

/* Writes "smime, from mutt, from bash" into OUT, escaped and cut; "an unknown
 * program" when the process is gone or another user's. Behind smime-gpgsm comes
 * the program that uses GPGME, though it is no parent of it. */
void caller_describe(uint32_t pid, char *out, size_t size);

#endif
