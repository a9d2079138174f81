/*
 * One connection to an LDAP directory (RFC 4511), by OpenLDAP's libldap with
 * deadlines and bounds around it. Runs in smime-fetcher, inside the sandbox;
 * everything that comes from the server is hostile.
 *
 * libldap's own calls wait for ever on a server that stops in the middle of
 * a message, or sends it byte by byte: deadline.h ends those.
 */
#ifndef AGENT_FETCHER_DIRECTORY_H
#define AGENT_FETCHER_DIRECTORY_H

#include "agent/base/mem.h"
#include "agent/fetcher/server.h"
#include "agent/wire/values.h"

/* How a question ended. detail: for a person, foreign text in it. */
struct outcome {
    enum directory_state state;
    char detail[LIMIT_FACT_BYTES];
};

/* Fills *o with STATE and a detail, and gives STATE. */
enum directory_state outcome_set(struct outcome *o, enum directory_state state,
                                 const char *detail, ...)
    __attribute__((format(printf, 3, 4)));

/* True when another replica may do better. */
bool outcome_is_of_server(enum directory_state state);

struct directory {
    LDAP *ld;
    const struct server *server;
    int fd;
};

/* Has libldap look at this machine, and read the roots that servers are
 * checked against; before the sandbox. ERR_DIRECTORY names the file. */
MUST_USE enum err directory_prepare(const struct directory_config *c,
                                    struct problem *p);

/* Connects to S within MS (the deadline of all that follows on it), TLS as
 * the URL and C say. DIRECTORY_OK or why not. */
enum directory_state directory_open(const struct directory_config *c,
                                    const struct server *s, int ms,
                                    struct directory *out, struct outcome *o);
/* Ends connection and deadline. */
void directory_drop(struct directory *d);

/* Simple bind. A password over a connection that others can read is refused,
 * and an empty one, which a server takes for nobody's (RFC 4513 5.1.2). */
enum directory_state directory_bind(struct directory *d, const char *dn,
                                    struct slice password, struct outcome *o);

/* One attribute value of an entry; borrowed until the visitor returns. */
struct directory_value {
    size_t entry; /* number of it in this answer */
    const char *dn;
    bool is_smime; /* userSMIMECertificate, else userCertificate */
    struct slice bytes;
};
typedef void directory_visit(void *ctx, const struct directory_value *v);

/* The entries FILTER finds below the base, with the values of both
 * attributes; for an entry without any, once with no bytes. At most
 * LIMIT_DIRECTORY_ENTRIES, else DIRECTORY_TOO_MUCH. The visitor may be called
 * before an error shows. */
enum directory_state directory_search(struct directory *d,
                                      const struct directory_config *c,
                                      const char *filter,
                                      directory_visit *visit, void *ctx,
                                      struct outcome *o);

/* Asks for no more than that the base is there. */
enum directory_state directory_ping(struct directory *d,
                                    const struct directory_config *c,
                                    struct outcome *o);

/* Adds CERTIFICATE (empty: not) to userCertificate of the entry DN and, with
 * N > 0, replaces its userSMIMECertificate by VALUES, at most
 * LIMIT_DIRECTORY_VALUES; both or neither. */
enum directory_state directory_write(struct directory *d, const char *dn,
                                     struct slice certificate,
                                     const struct slice *values, size_t n,
                                     struct outcome *o);

#endif
