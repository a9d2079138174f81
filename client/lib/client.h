/*
 * The parts of libsmime-client, and its calls on parsed JSON for programs
 * that link jansson themselves (the smime command).
 */
#ifndef CLIENT_LIB_CLIENT_H
#define CLIENT_LIB_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/lib/smime_client.h"

/* As smime_client_call; PARAMETERS is borrowed, *out is a new reference. */
int client_call_json(struct smime_client *c, const char *method,
                     json_t *parameters, const int *fds, int fd_count,
                     int timeout_ms, json_t **out, struct smime_error *error);

/* ---- error.c ------------------------------------------------------------- */

/* Fills *e with the row NAME of errors.def and DETAIL; gives -1. */
int error_own(struct smime_error *e, const char *name, const char *detail);

/* Fills *e from an error reply; gives -1. FACTS is borrowed, may be NULL. */
int error_reply(struct smime_error *e, const char *full_name, json_t *facts);

/* ---- parameters.c -------------------------------------------------------- */

/* Gives, borrowed from REPLY, the object that is its parameters and that it
 * has beside no other member; what is in it is not looked at. False: only
 * parsing says what REPLY is. */
bool parameters_find(const char *reply, const char **out, size_t *out_len);

/* ---- place.c ------------------------------------------------------------- */

/* Writes the path of the socket; false when there is no place for one. */
bool socket_path(enum smime_socket which, char *out, size_t size);

/* ---- transfer.c ---------------------------------------------------------- */

enum transfer_result {
    TRANSFER_DONE,
    TRANSFER_LOST,
    TRANSFER_LATE,
    TRANSFER_HUGE
};

/* Monotonic milliseconds when TIMEOUT_MS from now is over; -1: never. */
int64_t deadline_after(int timeout_ms);

/* Sends N bytes, the descriptors with the first. */
enum transfer_result bytes_send(int fd, const char *p, size_t n, const int *fds,
                                int fd_count, int64_t deadline);

/* What was received behind the message that was given last. A zeroed one is
 * empty. */
struct inbox {
    char *data;
    size_t len;
    size_t cap;
};
void inbox_drop(struct inbox *in);

/* Receives up to the NUL that ends a message; gives its text (NUL included)
 * in *out, which the caller frees. */
enum transfer_result message_receive(int fd, int64_t deadline, struct inbox *in,
                                     char **out);

#endif
