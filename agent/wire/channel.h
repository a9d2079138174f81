/*
 * Channels between the agent's processes: SOCK_SEQPACKET pairs, one frame a
 * packet, descriptors beside it. Both ends are driven by messages.def; the
 * dispatcher's checks live here, so that no handler asks who is calling.
 *
 * A request is answered by exactly one reply: the problem, or the reply
 * record. MSG_NARROW, MSG_READY, MSG_ATTACH, MSG_FORK, MSG_SERVE,
 * MSG_KEYHOLDER, MSG_HANDBACK,
 * MSG_VALIDATOR, MSG_FETCH, MSG_FETCHER and all that keyring and fetcher say
 * to each other are one-way: the keyring waits for no network.
 */
#ifndef AGENT_WIRE_CHANNEL_H
#define AGENT_WIRE_CHANNEL_H

#include "agent/base/err.h"
#include "agent/base/mem.h"
#include "agent/wire/records.h"
#include "agent/wire/values.h"

enum process {
    PROCESS_ANY,
    PROCESS_BROKER,
    PROCESS_SESSION,
    PROCESS_KEYHOLDER,
    PROCESS_IMPORTER,
    PROCESS_WATCHER,
    PROCESS_KEYRING,
    PROCESS_VALIDATOR,
    PROCESS_FETCHER
};

enum message {
    MSG_NONE,
#define X(message, ...) message,
#include "agent/wire/messages.def"
#undef X
    MSG_COUNT
};

struct message_row {
    const char *name;
    enum process sender;
    enum process receiver;
    uint32_t rights;
    uint32_t verbs;
    enum record request;
    enum record reply;
    uint32_t limit_bytes;
    uint32_t limit_uses;
    int request_fds;
    int reply_fds;
};
const struct message_row *message_row(enum message m);

/* A received packet; owns its descriptors until they are taken (fd_take).
 * Reused from packet to packet; may hold key material, so drop wipes. */
struct frame {
    struct buf bytes;
    int fds[LIMIT_FRAME_FDS];
    int fd_count;
};
void frame_init(struct frame *f);
void frame_drop(struct frame *f);

/* One pair, close-on-exec. bug() only when descriptors have run out is not
 * ours: gives false then. */
MUST_USE bool channel_pair(int out[2]);

/* Sends a request (or a one-way message). Gives false when the other side
 * is gone or the queue is full; errno says. FDS are borrowed. */
MUST_USE bool channel_send(int fd, enum message m, const void *request,
                           const int *fds, int fd_count);

/*
 * Sends a request and waits for its reply, which is decoded into REPLY
 * (record_size of the row's reply; slices borrow from FRAME, which also owns
 * the reply's descriptors).
 *   lost        the error to give when the other side is gone
 *   watch       a descriptor whose hang-up ends the wait with ERR_CANCELLED
 *               (a client that left), or -1
 *   timeout_ms  < 0: none; when it passes: ERR_TOKEN_BUSY
 *   notice      gets what the other side says before its reply, with arg;
 *               NULL: passed over
 * A problem that the other side sent is given in *p.
 */
struct channel_wait {
    enum err lost;
    int watch;
    int timeout_ms;
    void (*notice)(void *arg, const struct notice *n);
    void *arg;
};
MUST_USE enum err channel_call(int fd, enum message m, const void *request,
                               const int *fds, int fd_count,
                               const struct channel_wait *wait,
                               struct frame *frame, void *reply,
                               struct problem *p);

/* channel_call's second half alone, for a request that was sent before:
 * replies come in the order of the requests. */
MUST_USE enum err channel_collect(int fd, enum message m,
                                  const struct channel_wait *wait,
                                  struct frame *frame, void *reply,
                                  struct problem *p);

/*
 * A served channel: what it may do and what it has done. rights as marked by
 * the broker (0 between trusted processes); narrowed by MSG_NARROW, which
 * the dispatcher keeps here itself and passes on to the handler; only one that
 * is refused is answered.
 */
struct served {
    int fd;
    enum process self;
    uint32_t rights;
    enum verb verb;
    uint32_t ops_left; /* key operations: MSG_SIGN, UNWRAP, DECRYPT, AGREE */
    uint8_t sign_key[LIMIT_REF_BYTES];
    size_t sign_key_len;
    uint32_t uses[MSG_COUNT];
};

enum received {
    RECEIVED_REQUEST, /* *m and REQUEST are set; answer it */
    RECEIVED_REFUSED, /* the dispatcher has answered with a problem */
    RECEIVED_EOF,     /* the other side is gone */
    RECEIVED_BROKEN   /* malformed: drop the channel */
};

/* The largest decoded request. */
union any_record {
#define X(name) struct name name;
    RECORDS(X)
#undef X
};

/*
 * Receives one packet (blocking) and checks it against its row: sender's
 * direction, size, count of descriptors, rights, verb, uses, decoding; for
 * MSG_NARROW that it only narrows; for key operations the count and, for
 * MSG_SIGN, that the key is the one named. Refusals are answered here.
 */
enum received channel_receive(struct served *s, struct frame *frame,
                              enum message *m, union any_record *request);

/* Answers with the reply record and descriptors (borrowed), or with a
 * problem. false: the other side is gone. */
MUST_USE bool channel_reply(int fd, enum message m, const void *reply,
                            const int *fds, int fd_count);
MUST_USE bool channel_refuse(int fd, enum message m, const struct problem *p);

/* Says what the request is waiting for, before it is answered; at most
 * LIMIT_NOTICES times. */
MUST_USE bool channel_notice(int fd, enum message m, const struct notice *n);

#endif
