#include "agent/broker/complaint.h"

#include <stdarg.h>
#include <stdio.h>

bool
complain(struct complaint *c, const char *next, const char *what, ...)
{
    va_list args;

    va_start(args, what);
    vsnprintf(c->what, sizeof(c->what), what, args);
    va_end(args);
    snprintf(c->next, sizeof(c->next), "%s", next);
    return false;
}
