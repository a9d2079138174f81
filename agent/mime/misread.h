/*
 * Bytes that are no header to us and may be one to others. Runs in
 * smime-session on hostile mail.
 */
#ifndef AGENT_MIME_MISREAD_H
#define AGENT_MIME_MISREAD_H

#include "agent/base/mem.h"

/* TEXT is what header_read refused. Could a reader that breaks lines at a
 * bare CR or a NUL, or passes over what it does not know, see fields in it:
 * one in its first line, From or one of MIME's in a later one? */
bool text_passes_for_header(struct slice text);

#endif
