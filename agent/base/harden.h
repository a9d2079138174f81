/*
 * What every process does first, and the sandboxes of those that parse
 * hostile input.
 */
#ifndef AGENT_BASE_HARDEN_H
#define AGENT_BASE_HARDEN_H

#include <stdbool.h>
#include <stdint.h>

/* No core dumps, not dumpable (so no ptrace by others of the same user), no
 * new privileges, umask 077, SIGPIPE and SIGXFSZ ignored, dies with its
 * parent when DIE_WITH_PARENT. Exits the process when the kernel refuses. */
void harden_process(bool die_with_parent);

/* Paths that a sandboxed process keeps; NULL ends the list. */
struct sandbox_paths {
    const char *const *readable; /* files and folders below them */
    const char *const *writable; /* read, create, write, delete below them */
    const uint16_t *ports;       /* of TCP that may be connected to, ended by
                                    0; NULL: none */
};

/* Landlock, as far as this kernel has it: every file access but PATHS is
 * refused; TCP too where the ABI knows it. Missing support is noted on the
 * log once; nothing fails. NULL: no file at all. */
void sandbox_files(const struct sandbox_paths *paths);

/* True when sandbox_files has put rules in force in this process or in one
 * it was forked from (for status). */
bool sandbox_files_on(void);

/* What seccomp leaves; everything else kills the process. */
enum sandbox {
    SANDBOX_SESSION,   /* read and write what is open, talk on channels,
                          anonymous memory; no open, no socket, no exec, no
                          fork */
    SANDBOX_ZYGOTE,    /* SESSION, and fork, wait and this filter's successor */
    SANDBOX_VALIDATOR, /* SESSION, and opening files read-only (Landlock says
                          which) and listing folders */
    SANDBOX_KEYRING,   /* SQLite's needs below the folder Landlock names */
    SANDBOX_IMPORTER,  /* as SESSION */
    SANDBOX_WATCHER,   /* as SESSION, and who it runs as: sd-bus asks */
    SANDBOX_FETCHER    /* as SESSION, and sockets of the Internet protocols to
                          connect with; opening a file is an error */
};

/* Installs the filter for the calling process (all threads) for good. */
void sandbox_calls(enum sandbox which);

/* For work that must load modules of the system first, before sandbox_calls:
 * starting a program, or looking into another process, kills this one. */
void sandbox_no_programs(void);

/* Builds the filter of WHICH now, for the children that will ask for it: it
 * costs as much as a fork. Before this process's own sandbox. */
void sandbox_prepare(enum sandbox which);

/* True when a seccomp filter is in force here (for status and tests). */
bool sandbox_is_on(void);

#endif
