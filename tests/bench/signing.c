/* One client that signs through the agent, again and again. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client/lib/smime_client.h"
#include "tests/bench/bench.h"

#define MAIL_BYTES 2048

struct signing {
    struct smime_client *client;
    int fds[2];
    char parameters[128];
};

static int
mail_of(const char *from)
{
    char text[MAIL_BYTES + 256];
    int fd = memfd_create("mail", MFD_CLOEXEC);
    int n = snprintf(text, sizeof(text),
                     "From: %s\nTo: rsa@example.org\nSubject: bench\n"
                     "MIME-Version: 1.0\nContent-Type: text/plain\n\n",
                     from);

    while (n < MAIL_BYTES)
        n += snprintf(text + n, sizeof(text) - (size_t)n,
                      "A line of text as people write it, number %d.\n", n);
    if (write(fd, text, (size_t)n) != n)
        die("memfd");
    return fd;
}

struct signing *
signing_open(const char *from)
{
    struct signing *s = calloc(1, sizeof(*s));
    struct smime_error error = {0};

    if (!s)
        die("no memory");
    s->fds[0] = mail_of(from);
    s->fds[1] = memfd_create("result", MFD_CLOEXEC);
    snprintf(s->parameters, sizeof(s->parameters),
             "{\"input\":0,\"output\":1,\"from\":\"%s\"}", from);
    if (smime_client_connect(SMIME_SOCKET_MAIL, &s->client, &error) != 0)
        die("%s", error.message);
    return s;
}

void
signing_run(struct signing *s)
{
    struct smime_error error = {0};
    char *reply;

    lseek(s->fds[0], 0, SEEK_SET);
    lseek(s->fds[1], 0, SEEK_SET);
    if (ftruncate(s->fds[1], 0) != 0 ||
        smime_client_call(s->client, "io.smimeagent.Mail.Sign", s->parameters,
                          s->fds, 2, 30000, &reply, &error) != 0)
        die("sign: %s", error.message);
    free(reply);
}
