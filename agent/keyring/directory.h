/*
 * Questions to the directory. The keyring has no network and waits for none:
 * a session's question is handed to a smime-fetcher that the broker starts,
 * others are served meanwhile, and the session is answered when the fetcher
 * has answered, or when its time is over. What came is judged by the
 * validator like any other certificate.
 *
 * The fetcher is asked by the keyring and not by sessions, so that where a
 * certificate came from is never a session's word, and no session has a way
 * to a process with the network.
 */
#ifndef AGENT_KEYRING_DIRECTORY_H
#define AGENT_KEYRING_DIRECTORY_H

#include <poll.h>

#include "agent/base/limits.h"
#include "agent/wire/channel.h"

struct keyring;

/* One question. */
struct lookup {
    uint32_t ticket;        /* 0: free */
    struct served *session; /* who waits for the answer */
    struct served fetcher;  /* fd -1: not given yet */
    enum message message;   /* MSG_DIRECTORY_ASK or MSG_DIRECTORY_PUBLISH */
    struct buf request;     /* encoded, what the fetcher is to be asked */
    int password;           /* -1: none */
    struct slice_list addresses; /* of an ask; borrows from REQUEST */
    int64_t due_ms;              /* clock_ms */
    int64_t asked_at;            /* seconds since 1970 */
    struct buf item[LIMIT_DIRECTORY_ITEMS]; /* encoded */
    size_t item_count, item_bytes;
};

/* Takes a question up; the answer comes later, or at once when none can be
 * asked. A descriptor in FRAME is taken. False: the session is gone. */
MUST_USE bool directory_begin(struct keyring *k, struct served *session,
                              enum message m, const union any_record *request,
                              struct frame *frame);

/* The broker's answer: a fetcher (its channel FD is taken) or none (-1). */
void directory_given(struct keyring *k, const struct fetcher *f, int fd);

/* True while SESSION waits for the directory: nothing else is read of it. */
bool directory_waits(const struct keyring *k, const struct served *session);
/* SESSION is gone. */
void directory_forget(struct keyring *k, const struct served *session);

/* Fills LIMIT_FETCHES entries of FDS; reads from those with events; ends
 * questions whose time is over. */
void directory_watch(const struct keyring *k, struct pollfd *fds);
void directory_events(struct keyring *k, const struct pollfd *fds);
/* Milliseconds until the next one is due; -1: none. */
int directory_timeout_ms(const struct keyring *k);

void directory_drop_all(struct keyring *k);

/* ---- directory_learn.c --------------------------------------------------- */

/* Judges and stores what came for each address, and takes away what the
 * directory had before and has no more. reasons[i]: why nothing was stored
 * for address number I; NULL: something was. */
MUST_USE enum err directory_learn(struct keyring *k, const struct lookup *l,
                                  struct slice server, const char **reasons,
                                  struct problem *p);

#endif
