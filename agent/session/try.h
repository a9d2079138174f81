/*
 * One macro for code that is a sequence of steps of which each can fail and
 * all leave their clean-up to scope-bound locals. Only in .c files.
 */
#ifndef AGENT_SESSION_TRY_H
#define AGENT_SESSION_TRY_H

#define TRY(call)                                                              \
    do {                                                                       \
        enum err try_error = (call);                                           \
        if (try_error != ERR_OK)                                               \
            return try_error;                                                  \
    } while (0)

#endif
