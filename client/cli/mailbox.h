/*
 * Finds the messages in what a person names: one mail, an mbox, a Maildir or
 * another folder of mails, or a stream. Each is given as a descriptor of its
 * own with a name; nothing is parsed but mbox's "From " lines (RFC 4155).
 */
#ifndef CLIENT_CLI_MAILBOX_H
#define CLIENT_CLI_MAILBOX_H

#include <stdbool.h>

/* Gets each message: FD is taken. False ends the walk. */
typedef bool mailbox_visitor(void *context, int fd, const char *origin);

enum mailbox {
    MAILBOX_DONE,
    MAILBOX_STOPPED, /* by the visitor */
    MAILBOX_FAILED   /* something could not be read, and that was said */
};

/* Visits every message at PATH ("-": stdin). A file that cannot be read is
 * said on stderr; the others are visited all the same. */
enum mailbox mailbox_visit(const char *path, mailbox_visitor *visit,
                           void *context);

#endif
