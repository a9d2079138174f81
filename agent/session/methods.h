/*
 * The table of methods and its dispatcher: rights, parameters, handler,
 * reply, one line on the log. Runs in smime-session; no handler asks through
 * which socket its client came.
 */
#ifndef AGENT_SESSION_METHODS_H
#define AGENT_SESSION_METHODS_H

#include "agent/session/message.h"
#include "agent/session/request.h"
#include "agent/session/varlink.h"

struct method {
    const char *name; /* in full */
    uint32_t rights;  /* any of them lets it be called */
    bool goes_on;     /* one's own mail: the session may serve another */
    method_handler *handler;
    const struct parameter *parameters;
};

/* NULL when there is none of that name. */
const struct method *method_find(const char *name);

/* Runs the call with the descriptors of IN (taken) and gives the message to
 * answer it with; a method that does not exist is answered too. */
json_t *method_call(struct session *s, const struct varlink_call *call,
                    struct message_in *in);

#endif
