/*
 * One question of the keyring, answered from the directory. Runs in
 * smime-fetcher, inside the sandbox.
 */
#ifndef AGENT_FETCHER_SERVE_H
#define AGENT_FETCHER_SERVE_H

#include "agent/fetcher/directory.h"
#include "agent/wire/channel.h"

/* Whom to ask, and what a question may take. */
struct fetching {
    const struct directory_config *config;
    const struct servers *servers;
    int channel;
};

/* Reads the one request, asks, answers. */
void fetcher_serve(const struct fetching *f);

/* Says why nothing was asked. */
void fetcher_refuse(int channel, enum directory_state state,
                    const char *detail);

/* ---- parts: search.c, publish.c ------------------------------------------ */

/* What a question found: items, encoded, sent when all is well. */
struct findings {
    struct buf item[LIMIT_DIRECTORY_ITEMS];
    size_t count;
    size_t bytes;
    size_t passed_over; /* values that were no certificates, or too many */
};
void findings_drop(struct findings *f);

/* One try on server number N within MS. Of a search: addresses from *NEXT on
 * are asked for, *NEXT counts those that were answered. */
enum directory_state search_on(const struct fetching *f, size_t n, int ms,
                               const struct directory_search *q, size_t *next,
                               struct findings *found, struct outcome *o);

/* What publish found and did; dn and bind_dn are owned. */
struct published {
    char *dn;
    bool has_certificate, has_smime; /* as they are, before */
};
void published_drop(struct published *p);
enum directory_state publish_on(const struct fetching *f, size_t n, int ms,
                                const struct directory_write *q,
                                struct slice password, struct published *out,
                                struct outcome *o);

#endif
