/*
 * Which pages of the libraries' code reading a mail takes. Every process has
 * to find each of them once, and where the hypervisor keeps page tables of
 * its own that costs as much as a fault, even if fork brought the page along.
 * So they are found out beforehand: a child of the zygote reads a mail that
 * was built in, with the code made unreadable, and notes what it misses.
 * Runs in smime-session.
 */
#ifndef AGENT_SESSION_REHEARSAL_H
#define AGENT_SESSION_REHEARSAL_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/mem.h"

/* The mail: any that is signed; made from rehearsal.eml. */
extern const uint8_t rehearsal_mail[];
extern const size_t rehearsal_mail_len;

/* In the zygote, before its sandbox. Gives how many pages are known; 0, and
 * nothing is lost but time, where code cannot be made unreadable. */
size_t rehearsal_hold(void);

/* In a session that was just forked: reads from every page that is known. */
void rehearsal_recall(void);

/* The page of this address is one of them. */
bool rehearsal_knows(const void *address);

#endif
