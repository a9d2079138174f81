/*
 * The importer's one channel: a file is opened once, then given item by item.
 */
#ifndef AGENT_IMPORTER_SERVE_H
#define AGENT_IMPORTER_SERVE_H

#include <stdbool.h>

/* Serves the keyholder on FD (borrowed) until it goes away. false: it sent
 * something malformed. */
bool importer_serve(int fd);

#endif
