/*
 * Lists of the keyholder, page by page. Runs in smime-session.
 */
#ifndef AGENT_SESSION_KEYHOLDER_LIST_H
#define AGENT_SESSION_KEYHOLDER_LIST_H

#include "agent/session/session.h"

/* Gets one record of a list, borrowed; it makes no call itself, and its error
 * ends the list. */
typedef enum err keyholder_record(struct request *r, struct slice record,
                                  void *arg);
/* All pages of the list that M (of a struct page) asks for. Errors: those of
 * keyholder_call and of EACH. */
MUST_USE enum err keyholder_list(struct request *r, enum message m,
                                 keyholder_record *each, void *arg);

#endif
