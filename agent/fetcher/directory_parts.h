/*
 * What asking a directory and writing to it share; for directory.c and
 * directory_write.c alone.
 */
#ifndef AGENT_FETCHER_DIRECTORY_PARTS_H
#define AGENT_FETCHER_DIRECTORY_PARTS_H

#include "agent/fetcher/directory.h"

/* Both have their values in BER, and so RFC 4522's option; OpenLDAP knows the
 * first without it alone, Active Directory takes either. Not const: libldap
 * takes them so, and writes nothing. */
extern char directory_smime_wanted[];
extern char directory_smime_plain[];
extern char directory_certificate_wanted[];

/* What libldap says, and the server where it gave a reason; when the time was
 * over that is the reason, whatever a call made of its lost connection. */
enum directory_state directory_fail(const struct directory *d, int rc,
                                    const char *doing, struct outcome *o);

/* Waits for the one answer to MSGID: its LDAP result code. */
int directory_wait_result(struct directory *d, int msgid);

#endif
