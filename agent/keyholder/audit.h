/*
 * The audit: one line for each finished or refused use of a key or token, and
 * for each key that was wanted and is not there. The keyholder alone writes
 * it, to the journal first. Foreign text is escaped; nothing secret ever comes
 * here.
 */
#ifndef AGENT_KEYHOLDER_AUDIT_H
#define AGENT_KEYHOLDER_AUDIT_H

#include "agent/base/err.h"
#include "agent/base/mem.h"

#define AUDIT_JOURNAL "/run/systemd/journal/socket"

struct audit {
    int fd;      /* -1: journal only */
    int journal; /* -1: file only */
    const char *journal_path;
};

struct audit_line {
    uint64_t session;
    uint32_t pid;
    const char *program;
    const char *operation; /* "sign", "unwrap", ... */
    const char *token;     /* its label; may be NULL */
    struct slice key;      /* CKA_ID; may be empty */
    const char *address;   /* of its certificates, with commas; may be NULL */
    enum err result;
};

/* Opens PATH for appending, 0600, and makes its folder. A failure is logged:
 * the journal, whose socket JOURNAL is (kept by reference, NULL: none), still
 * gets every line. */
void audit_open(struct audit *a, const char *path, const char *journal);
void audit_write(struct audit *a, const struct audit_line *line);
void audit_drop(struct audit *a);

#endif
