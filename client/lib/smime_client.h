/*
 * libsmime-client: talks to smime-agent over its socket (Varlink).
 *
 * Lives in other people's processes: it never exits, never logs, installs no
 * handler, and gives an error when memory has run out. One connection may be
 * used by several threads; their calls happen one after the other.
 *
 * Mail does not travel as JSON: a call carries up to 32 descriptors, and
 * its parameters name them by index (see the .varlink files the agent serves).
 */
#ifndef SMIME_CLIENT_H
#define SMIME_CLIENT_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SMIME_LIMIT_REQUEST_BYTES (256 * 1024)
#define SMIME_LIMIT_REPLY_BYTES   (16 * 1024 * 1024)
#define SMIME_LIMIT_FDS           64

/* Which socket: it decides what may be asked. */
enum smime_socket {
    SMIME_SOCKET_MAIL,   /* sign, encrypt, decrypt, verify, look */
    SMIME_SOCKET_MANAGE, /* unlock, import, remove */
    SMIME_SOCKET_RAW /* keys by themselves; there only where agent.conf says */
};

/*
 * What went wrong. name is the agent's error without its interface ("NoKey"),
 * or one of the library's own: NotReachable, AgentLost, InvalidRequest,
 * Internal. message and next are sentences for a person; they may hold text
 * from a mail or a token: escape them before they reach a terminal.
 * facts is the error's parameters as JSON, or NULL.
 */
struct smime_error {
    char name[64];
    int exit_code; /* as the smime command ends */
    char *message;
    char *next;
    char *facts;
};

/* Frees the texts and empties *e; a zeroed one is fine. */
void smime_error_drop(struct smime_error *e);

struct smime_client;

/*
 * Connects: to SMIME_AGENT_SOCK, else to the socket below XDG_RUNTIME_DIR
 * (or /run/user/UID); the others are the same path with ".manage" and ".raw".
 * An agent of another user is not taken. Gives 0, or -1 with *error filled.
 */
int smime_client_connect(enum smime_socket which, struct smime_client **out,
                         struct smime_error *error);

/* The same with the path of a socket. */
int smime_client_connect_path(const char *path, struct smime_client **out,
                              struct smime_error *error);

/*
 * Calls METHOD ("io.smimeagent.Mail.Sign") with PARAMETERS, a JSON object as
 * text without a name twice (NULL: none), and FD_COUNT descriptors, which are
 * borrowed. Waits for at most TIMEOUT_MS (negative: for ever; a person may be
 * typing a PIN).
 * Gives 0 and the reply's parameters as JSON text in *out, to be freed by
 * free(), as the agent wrote it: parse it as what comes from another process.
 * Or -1 with *error filled. After AgentLost the connection is of no further
 * use.
 */
int smime_client_call(struct smime_client *c, const char *method,
                      const char *parameters, const int *fds, int fd_count,
                      int timeout_ms, char **out, struct smime_error *error);

/*
 * What a call is waiting for, while it waits. kind: "touch" (the token takes
 * long: it may want to be touched) or "pinpad" (the PIN is typed at the
 * token's own reader). token is the token's label: foreign text.
 */
struct smime_notice {
    const char *kind;
    const char *token;
};

/*
 * From now on TELL is called, with ARG, for each notice that comes before a
 * reply: in the calling thread, and without the right to call on this
 * connection. NULL: notices are not asked for.
 */
void smime_client_on_notice(struct smime_client *c,
                            void (*tell)(void *arg,
                                         const struct smime_notice *notice),
                            void *arg);

/* Ends the connection; NULL is fine; *c becomes NULL. */
void smime_client_drop(struct smime_client **c);

#ifdef __cplusplus
}
#endif

#endif
