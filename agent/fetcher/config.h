/*
 * The [directory] section of agent.conf: which LDAP directory may be asked,
 * and how. Read by the broker, which starts no smime-fetcher unless a
 * directory is named there, and by smime-fetcher before its sandbox closes.
 */
#ifndef AGENT_FETCHER_CONFIG_H
#define AGENT_FETCHER_CONFIG_H

#include <stdbool.h>

#include "agent/base/err.h"
#include "agent/base/limits.h"

#define DIRECTORY_TIMEOUT_S 5
#define DIRECTORY_CACHE_S   (7 * 24 * 3600)
#define DIRECTORY_FILTER    "(mail=%s)"

/* Owned texts; NULL: not given. */
struct directory_config {
    char *url[LIMIT_DIRECTORY_URLS]; /* replicas, asked in this order */
    size_t url_count;                /* 0: no directory, no network */
    char *base;
    char *filter; /* RFC 4515; %s stands for the address */
    char *ca;     /* a file of roots, PEM */
    char *bind_dn;
    bool start_tls;
    unsigned timeout_s; /* for one question, over all replicas */
    unsigned cache_s;   /* how long an answer is taken for true */
    char fault[512];    /* what is not understood; the directory is then not
                           used: half a configuration asks the wrong one */
};

/* Reads FILES in their order; one that is not there is passed over. URLs of a
 * later file replace those of an earlier one. */
void directory_config_load(const char *const *files, size_t count,
                           struct directory_config *out);
void directory_config_drop(struct directory_config *c);

/* True when there is a directory to ask. */
bool directory_config_is_on(const struct directory_config *c);

#endif
