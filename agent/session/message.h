/*
 * Varlink messages on the client's connection: a text that ends with NUL,
 * and the descriptors beside it. Runs in smime-session. Never consumes a
 * byte behind the NUL: the next message may belong to another session.
 */
#ifndef AGENT_SESSION_MESSAGE_H
#define AGENT_SESSION_MESSAGE_H

#include "agent/base/limits.h"
#include "agent/session/session.h"

/* Owns its descriptors; fds_cut: there were more than we take. */
struct message_in {
    struct buf text; /* without its NUL */
    int fds[LIMIT_REQUEST_FDS];
    int fd_count;
    bool fds_cut;
};
void message_in_init(struct message_in *m);
void message_in_drop(struct message_in *m);

enum message_got {
    MESSAGE_WHOLE,
    MESSAGE_PART,    /* message_peek only: not all of it can be seen */
    MESSAGE_HUNG_UP, /* the client is gone */
    MESSAGE_TOO_LONG,
    MESSAGE_TOO_SLOW /* begun, and not whole within the deadline */
};

/* Waits for a message as long as it takes to begin, and reads it; once it
 * has begun it has DEADLINE_MS to become whole. */
enum message_got message_read(int conn, int deadline_ms,
                              struct message_in *out);

/* Waits for a message to begin, at most LIMIT_IDLE_MS (MESSAGE_PART then), and
 * copies it into OUT (without its NUL), leaving it, and its descriptors,
 * unread. */
enum message_got message_peek(int conn, int idle_ms, struct buf *out);

/* Reads the message that message_peek has just shown. False when the client is
 * gone. */
MUST_USE bool message_take(int conn, struct slice seen, struct message_in *out);

/* Sends MESSAGE (borrowed). False when the client is gone or does not read
 * it within DEADLINE_MS. */
MUST_USE bool message_write(int conn, const json_t *message, int deadline_ms);

#endif
