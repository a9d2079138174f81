/*
 * Where smime-agent's files are: all of it from the XDG variables and
 * SMIME_AGENT_SOCK, so that whoever sets them has an agent of their own.
 * The broker creates the folders, 0700, because the sandboxed processes that
 * write there could not.
 */
#ifndef AGENT_BROKER_PLACES_H
#define AGENT_BROKER_PLACES_H

#include "agent/base/err.h"
#include "agent/broker/complaint.h"

/* Owned texts, absolute paths. */
struct places {
    char *socket; /* the mail socket */
    char *manage; /* the same with ".manage" */
    char *raw;    /* and with ".raw" */
    char *lock;
    char *contacts;
    char *audit;
    char *cache; /* the folder of scratch files */
    char *config_system;
    char *config_user;
    char *anchors_system;
    char *anchors_user;
    char *crls_system;
    char *crls_user;
    bool socket_is_given; /* by SMIME_AGENT_SOCK: its folder is not ours */
};

/* Reads the environment. Complains when there is no place for the socket or
 * its path is too long for one. */
MUST_USE bool places_find(struct places *out, struct complaint *c);

/* Makes the folders that are missing; complains about one that belongs to
 * somebody else or that others may write. */
MUST_USE bool places_prepare(const struct places *places, struct complaint *c);

void places_drop(struct places *p);

#endif
