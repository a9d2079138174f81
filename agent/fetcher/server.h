/*
 * The replicas of a directory: their names are resolved before the sandbox
 * closes, for the resolver loads modules and reads files; connecting to an
 * address needs neither. Runs in smime-fetcher.
 */
#ifndef AGENT_FETCHER_SERVER_H
#define AGENT_FETCHER_SERVER_H

#include <ldap.h>
#include <netdb.h>

#include "agent/fetcher/config.h"

/* One replica. */
struct server {
    const char *url; /* of the configuration, borrowed */
    LDAPURLDesc *parts;
    bool tls;                /* ldaps */
    bool local;              /* on this machine: nobody listens on the way */
    struct addrinfo *places; /* NULL: its name could not be resolved */
    int resolve_error;       /* of getaddrinfo */
};

struct servers {
    struct server one[LIMIT_DIRECTORY_URLS];
    size_t count;
};

/* Reads the URLs; ERR_DIRECTORY names one that is none. */
MUST_USE enum err servers_read(const struct directory_config *c,
                               struct servers *out, struct problem *p);
/* A name that cannot be resolved is remembered: another replica may do. */
void servers_resolve(struct servers *s);
void servers_drop(struct servers *s);

/* The ports that may be connected to; gives how many. */
size_t servers_ports(const struct servers *s,
                     uint16_t out[LIMIT_DIRECTORY_URLS]);

/* A connection to one of its addresses within MS; -1 and *why, a static
 * sentence, when there is none. */
int server_connect(const struct server *s, int ms, const char **why);

#endif
