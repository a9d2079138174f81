/*
 * The constants of limits.def: LIMIT_HEADER_BYTES and so on. Included by
 * every process; nothing else in agent/ makes a constant of that name.
 */
#ifndef AGENT_BASE_LIMITS_H
#define AGENT_BASE_LIMITS_H

enum {
#define SECTION(title)
#define OWN(name, value, unit, what)     LIMIT_##name = (value),
#define HOSTILE(name, value, unit, what) LIMIT_##name = (value),
#include "agent/base/limits.def"
#undef HOSTILE
#undef OWN
#undef SECTION
};

#endif
