/*
 * A password that is another process's: asked for here, where pinentry is,
 * and handed on as a descriptor that only its reader reads.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/keyholder/prompt.h"

/* A pipe has room for a secret's line. */
static enum err
line_pass(const struct secret *secret, struct reply_room *room,
          struct problem *p)
{
    struct slice bytes = secret_slice(secret);
    int ends[2];
    AUTO(fd) int reads = -1;
    AUTO(fd) int writes = -1;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail(p, ERR_INTERNAL, "no pipe for the password");
    reads = ends[0];
    writes = ends[1];
    if (!fd_write_all(writes, bytes.p, bytes.n) ||
        !fd_write_all(writes, "\n", 1))
        return fail(p, ERR_INTERNAL, "the password cannot be passed on");
    room->fd = fd_take(&reads);
    room->has_fd = true;
    return ERR_OK;
}

enum err
directory_password(struct client *c, const struct password_request *request,
                   struct reply_room *room, struct problem *p)
{
    AUTO(secret) struct secret *secret = NULL;
    char name[256], server[256], text[CALLER_BYTES + 600];
    enum err e;

    text_escape(request->name, name, sizeof(name));
    text_escape(request->server, server, sizeof(server));
    snprintf(text, sizeof(text),
             "%s wants to publish your certificate: log in at the directory "
             "%s as %s",
             client_program(c), server, name);
    e = prompt_secret(c, text, NULL, &secret, p);
    return e == ERR_OK ? line_pass(secret, room, p) : e;
}
