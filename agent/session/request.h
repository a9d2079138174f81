/*
 * A request's parameters: their check against a method's list, before its
 * handler runs, and what the handler reads. Runs in smime-session.
 */
#ifndef AGENT_SESSION_REQUEST_H
#define AGENT_SESSION_REQUEST_H

#include "agent/session/session.h"

enum parameter_kind {
    PARAMETER_TEXT,
    PARAMETER_TEXTS,
    PARAMETER_FLAG,
    PARAMETER_NUMBER, /* not negative */
    PARAMETER_FD,     /* an index into the request's descriptors */
    PARAMETER_FDS,
    PARAMETER_CALLER /* the type Caller */
};

/* One parameter of a method; a list of them ends with a NULL name. limit:
 * bytes of a text or of each text, which are the limits of the records that
 * carry them on. */
struct parameter {
    const char *name;
    enum parameter_kind kind;
    bool required;
    size_t limit;
};

/* The parameters of each method (parameters.c). */
extern const struct parameter parameters_of_sign[];
extern const struct parameter parameters_of_encrypt[];
extern const struct parameter parameters_of_decrypt[];
extern const struct parameter parameters_of_verify[];
extern const struct parameter parameters_of_check[];
extern const struct parameter parameters_of_open[];
extern const struct parameter parameters_of_harvest[];
extern const struct parameter parameters_of_contacts[];
extern const struct parameter parameters_of_contact[];
extern const struct parameter parameters_of_certificates[];
extern const struct parameter parameters_of_announcement[];
extern const struct parameter parameters_of_publish[];
extern const struct parameter parameters_of_contact_shown[];
extern const struct parameter parameters_of_set_state[];
extern const struct parameter parameters_of_contacts_import[];
extern const struct parameter parameters_of_export[];
extern const struct parameter parameters_of_undo[];
extern const struct parameter parameters_of_backup[];
extern const struct parameter parameters_of_restore[];
extern const struct parameter parameters_of_history[];
extern const struct parameter parameters_of_unlock[];
extern const struct parameter parameters_of_lock[];
extern const struct parameter parameters_of_import[];
extern const struct parameter parameters_of_key[];
extern const struct parameter parameters_of_init_token[];
extern const struct parameter parameters_of_change_pin[];
extern const struct parameter parameters_of_unblock_pin[];
extern const struct parameter parameters_of_generate[];
extern const struct parameter parameters_of_install[];
extern const struct parameter parameters_of_clean[];
extern const struct parameter parameters_of_raw_list[];
extern const struct parameter parameters_of_raw_sign[];
extern const struct parameter parameters_of_raw_unwrap[];
extern const struct parameter parameters_of_raw_agree[];
extern const struct parameter parameters_of_raw_content[];
extern const struct parameter parameters_of_raw_unlock[];
extern const struct parameter parameters_of_caller[];
extern const struct parameter parameters_of_nothing[];

/* Every required one is there, none is unknown, each has its type, its size
 * and a descriptor that came along. Errors: ERR_USAGE, the subject is the
 * parameter's name. */
MUST_USE enum err request_check(struct request *r,
                                const struct parameter *list);

/* Closes what was not taken and releases the JSON. */
void request_drop(struct request *r);

#endif
