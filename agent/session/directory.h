/*
 * Asking the directory, through the keyring: for recipients without a usable
 * certificate, and where a person wants it. Runs in smime-session, which has
 * no way to the network itself.
 */
#ifndef AGENT_SESSION_DIRECTORY_H
#define AGENT_SESSION_DIRECTORY_H

#include "agent/session/session.h"

/* An address that the directory may know more of. */
struct wanted {
    const char *address; /* borrowed from the request */
    bool ask;            /* else it is only named with the others */
    char why[128];       /* what the contacts alone said; "": usable */
    char told[512];      /* what came of asking; "": nothing to tell */
};

struct wanted_list {
    struct wanted *item;
    size_t n;
};
void wanted_list_drop(struct wanted_list *l);
void wanted_add(struct wanted_list *l, const char *address, struct slice why,
                bool ask);

/* Asks for all of them, unless what is kept is young enough; told says what
 * came of it. No directory, or one that does not answer, is no error: the
 * contacts then have what they have. */
MUST_USE enum err directory_refresh(struct request *r, struct wanted_list *l);

/* How one question ended; texts are copies. */
struct directory_told {
    enum directory_state state;
    char server[LIMIT_TEXT_BYTES + 1];
    char detail[LIMIT_FACT_BYTES];
    char reason[512]; /* why nothing was learned of the first address */
};

/* Asks now, for one address, or (NULL) only whether it answers. */
MUST_USE enum err directory_ask(struct request *r, const char *address,
                                struct directory_told *out);

/* The type Directory of io.smimeagent.Agent. */
json_t *directory_json(const struct directory_told *told);

#endif
