/*
 * Varlink's form: calls as they are read, replies and errors as they are
 * written, and the introspection that org.varlink.service gives. Runs in
 * smime-session. Knows no method of ours.
 */
#ifndef AGENT_SESSION_VARLINK_H
#define AGENT_SESSION_VARLINK_H

#include <jansson.h>

#include "agent/base/err.h"
#include "agent/base/mem.h"

#define VARLINK_SERVICE "org.varlink.service"

/* Every interface there is with its description; made from varlink/. */
struct varlink_interface {
    const char *name;
    const char *description;
};
extern const struct varlink_interface varlink_interfaces[];
extern const size_t varlink_interface_count;

/* One call; owns its JSON. method, interface and parameters borrow from it
 * (parameters is an object, never NULL). A zeroed struct is no call. */
struct varlink_call {
    json_t *root;
    json_t *parameters;
    const char *method; /* in full */
    struct slice interface;
    bool oneway;
    bool more;
    bool upgrade;
};

/* Reads one message without its NUL. False when it is no JSON or no call
 * (WHY then says what is wrong with it), or deeper than LIMIT_REQUEST_DEPTH
 * (ERR_LIMIT). */
MUST_USE bool varlink_parse(struct slice text, struct varlink_call *out,
                            struct problem *why);
void varlink_call_drop(struct varlink_call *c);

/* The call's parameter NAME; NULL when absent or null. Borrowed. */
json_t *varlink_parameter(const struct varlink_call *c, const char *name);

/* Is this one of org.varlink.service's? */
bool varlink_is_service(const struct varlink_call *c);

/* ---- messages to send: new references ------------------------------------ */

/* A reply; takes PARAMETERS, NULL for none. */
json_t *varlink_reply(json_t *parameters);

/* The named error of the call's interface, with sentence, next step and the
 * facts that there are; ERR_USAGE becomes InvalidParameter. */
json_t *varlink_problem(const struct varlink_call *c, const struct problem *p);

/* org.varlink.service.NAME with one fact. */
json_t *varlink_service_error(const char *name, const char *fact,
                              struct slice value);

/* MethodNotFound, or InterfaceNotFound. */
json_t *varlink_not_found(const struct varlink_call *c);

/* Answers a call for which varlink_is_service. */
json_t *varlink_service(const struct varlink_call *c);

#endif
