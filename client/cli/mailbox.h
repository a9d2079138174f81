/*
 * Finds the messages in what a person names: one mail, an mbox, a Maildir
 * with its subfolders, an MH folder, any other tree of mails, or a stream.
 * Each is given as a descriptor of its own with a name. Nothing is parsed but
 * mbox's "From " lines (RFC 4155): what is a mail is for the agent to say.
 */
#ifndef CLIENT_CLI_MAILBOX_H
#define CLIENT_CLI_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

/* One message. The descriptors belong to whoever gets it. */
struct mail_found {
    int fd;
    /* Out of an mbox with lines like ">From ": the same as it is stored,
     * where fd has one > less (mboxrd). Which of them its writer meant, only
     * a signature tells. Else -1. */
    int as_stored;
    const char *origin; /* any bytes; borrowed */
    uint64_t key;       /* the same when it is found again; 0: has none */
    uint64_t bytes;     /* of its mailbox, for progress */
    bool is_named;      /* a file that the person named, no mailbox */
};
void mail_found_drop(struct mail_found *m);

struct mailbox_visitor {
    /* Takes M's descriptors; false ends the walk. */
    bool (*message)(void *context, struct mail_found *m);
    /* True: this message is not wanted. NULL: all are. */
    bool (*is_done)(void *context, uint64_t key, uint64_t bytes);
    /* Something is not looked at, and why. is_lost: there may have been mail
     * in it. */
    void (*fault)(void *context, const char *path, const char *why,
                  bool is_lost);
    void *context;
};

enum mailbox {
    MAILBOX_DONE,
    MAILBOX_STOPPED, /* by the visitor */
    MAILBOX_FAILED   /* something could not be read, and the visitor knows */
};

/* Visits every message at PATH ("-": stdin). What cannot be read is told to
 * the visitor; the others are visited all the same. Folders are walked in
 * the order in which they lie on the disk, with no list of their files in
 * memory. */
enum mailbox mailbox_visit(const char *path, const struct mailbox_visitor *v);

/* The bytes of all files that a visit would read; 0 where that cannot be
 * known (a stream). */
uint64_t mailbox_measure(const char *path);

/* For keys: continues HASH (0 at first) over N bytes. */
uint64_t mailbox_hash(uint64_t hash, const void *p, size_t n);

/* ---- mail_file.c ----------------------------------------------------------
 */

/* Why the mail in FD cannot be read as it is, and what helps; NULL: it may be
 * one. */
const char *mail_file_packed(int fd);

/* The same of one mail: what FD is instead, and what takes the mail out. */
bool mail_file_is_packed(int fd, const char **out_what, const char **out_tool);

/* Is FD Apple Mail's .emlx, with nothing behind the mail but its own? The mail
 * in it begins at *out_at and has *out_n bytes, or says so. */
bool mail_file_emlx(int fd, off_t *out_at, off_t *out_n);

/* ---- mbox.c -------------------------------------------------------------- */

/* Does a file that begins with TEXT, N bytes or all of it, hold an mbox? */
bool mbox_begins(const char *text, size_t n);

/* Splits FROM (read to its end, not closed) at its "From " lines; a first
 * line that is none makes it one message. ST of its file gives the keys; NULL
 * for a stream. */
enum mailbox mbox_visit(FILE *from, const char *path, const struct stat *st,
                        const struct mailbox_visitor *v);

/* A file of their own, without a name, for the N bytes of FD behind AT; -1
 * with errno, or where there are fewer. */
int mbox_part(int fd, off_t at, uint64_t n);

#endif
