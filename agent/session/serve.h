/*
 * The loop over one connection's requests. Runs in a forked smime-session;
 * consumes only the requests that this session serves.
 */
#ifndef AGENT_SESSION_SERVE_H
#define AGENT_SESSION_SERVE_H

#include "agent/session/session.h"

enum serve_end {
    SERVE_HANDBACK, /* this session is spent; the connection lives */
    SERVE_UNUSED,   /* no request came in time; the connection lives */
    SERVE_CLOSED    /* the client is gone, or was sent away */
};

/* Serves until the session is spent. Borrows S. */
enum serve_end serve_connection(struct session *s);

#endif
