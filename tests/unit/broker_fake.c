/*
 * Stands in for each of the broker's children, by the name it is started
 * under. keyholder and keyring greet every session they are given with a
 * line about themselves; a session tells its client what it was given.
 */
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/wire/channel.h"

#define CHANNEL_FD 3
#define LINE_BYTES 512

static struct frame frame;
static union any_record request;
static char about_me[LINE_BYTES] = "nothing";

/* Receives one message on FD; ends the process at the end. */
static enum message
receive(int fd, enum process self)
{
    struct served s = {.fd = fd, .self = self};
    enum message m = MSG_NONE;

    if (channel_receive(&s, &frame, &m, &request) != RECEIVED_REQUEST)
        exit(0);
    return m;
}

static void
tell_ready(void)
{
    if (!channel_send(CHANNEL_FD, MSG_READY, NULL, NULL, 0))
        exit(3);
}

static void
text_send(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        exit(4);
}

static void
text_receive(int fd, char *out, size_t size)
{
    ssize_t n = read(fd, out, size - 1);

    out[n < 0 ? 0 : n] = '\0';
    if (n <= 0)
        snprintf(out, size, "gone");
}

/* Greets on an attached channel, whose session may be gone by now; then
 * forgets it. */
static void
greet(const char *name)
{
    static int met;
    char line[2 * LINE_BYTES];

    snprintf(line, sizeof(line), "%s=%d met=%d rights=%u peer=%u about=%s",
             name, (int)getpid(), ++met, request.attach.rights,
             request.attach.pid, about_me);
    (void)!send(frame.fds[0], line, strlen(line), MSG_NOSIGNAL);
}

static void
ask_pinentry(void)
{
    const struct spawn s = {.helper = HELPER_PINENTRY};
    const struct channel_wait wait = {
        .lost = ERR_INTERNAL, .watch = -1, .timeout_ms = 10000};
    struct problem p = {0};
    struct empty nothing;
    enum err e = channel_call(CHANNEL_FD, MSG_SPAWN, &s, NULL, 0, &wait, &frame,
                              &nothing, &p);

    if (e != ERR_OK) {
        snprintf(about_me, sizeof(about_me), "%s:%.100s", err_name(e),
                 p.detail);
        return;
    }
    text_receive(frame.fds[0], about_me, sizeof(about_me));
    about_me[strcspn(about_me, "\n")] = '\0';
}

static void
keyholder(void)
{
    if (getenv("FAKE_CRASH"))
        exit(8);
    /* Before a session can be attached, which would come instead of the
     * answer. */
    if (getenv("FAKE_PINENTRY"))
        ask_pinentry();
    tell_ready();
    for (;;)
        if (receive(CHANNEL_FD, PROCESS_KEYHOLDER) == MSG_ATTACH)
            greet("keyholder");
}

static void
keyring(void)
{
    if (getenv("FAKE_PINENTRY")) /* must not have come through */
        exit(5);
    tell_ready();
    for (;;) {
        enum message m = receive(CHANNEL_FD, PROCESS_KEYRING);

        if (m == MSG_ATTACH)
            greet("keyring");
        else if (m == MSG_VALIDATOR)
            text_receive(frame.fds[0], about_me, sizeof(about_me));
    }
}

static void
validator(void)
{
    char line[LINE_BYTES];

    snprintf(line, sizeof(line), "validator=%d", (int)getpid());
    text_send(4, line);
    tell_ready();
    (void)receive(CHANNEL_FD, PROCESS_VALIDATOR);
}

/* The broker's word on a scratch file: "unlinked", "refused" or "wrong". */
static const char *
ask_for_scratch(int ctl)
{
    const struct channel_wait wait = {
        .lost = ERR_OUTPUT, .watch = -1, .timeout_ms = 10000};
    struct problem p = {0};
    struct empty nothing;
    struct frame answer;
    struct stat st;
    bool ok;

    frame_init(&answer);
    if (channel_call(ctl, MSG_SCRATCH, NULL, NULL, 0, &wait, &answer, &nothing,
                     &p) != ERR_OK)
        return p.code == ERR_OUTPUT ? "refused" : "wrong";
    ok = answer.fd_count == 1 && write(answer.fds[0], "x", 1) == 1 &&
         fstat(answer.fds[0], &st) == 0 && st.st_nlink == 0;
    frame_drop(&answer);
    return ok ? "unlinked" : "wrong";
}

static void
answer_who(int conn, int ctl)
{
    char one[LINE_BYTES], two[LINE_BYTES], line[3 * LINE_BYTES];

    if (!request.serve.has_keyholder &&
        !channel_send(ctl, MSG_KEYHOLDER, NULL, NULL, 0))
        exit(8);
    text_receive(frame.fds[1], one, sizeof(one));
    text_receive(frame.fds[2], two, sizeof(two));
    snprintf(line, sizeof(line),
             "session=%d zygote=%d id=%llu rights=%u ahead=%u scratch=%s %s "
             "%s\n",
             (int)getpid(), (int)getppid(),
             (unsigned long long)request.serve.session, request.serve.rights,
             request.serve.ahead, ask_for_scratch(ctl), one, two);
    text_send(conn, line);
}

static void
session(int ctl)
{
    char line[LINE_BYTES];
    enum message m = receive(ctl, PROCESS_SESSION);

    if (m != MSG_SERVE || frame.fd_count != 4)
        exit(6);
    text_receive(frame.fds[0], line, sizeof(line));
    if (strcmp(line, "die\n") == 0)
        exit(0);
    if (strcmp(line, "misbehave\n") == 0) {
        /* Only the keyholder may have programs started. */
        const struct spawn s = {.helper = HELPER_PINENTRY};

        (void)!channel_send(ctl, MSG_SPAWN, &s, NULL, 0);
        (void)receive(ctl, PROCESS_SESSION); /* until it is dropped */
    }
    if (strcmp(line, "quiet\n") == 0) {
        text_send(frame.fds[0], "quiet\n");
        (void)!channel_send(ctl, MSG_HANDBACK, &(struct handback){0}, NULL, 0);
        exit(0);
    }
    answer_who(frame.fds[0], ctl);
    if (strcmp(line, "again\n") == 0) { /* that it has already */
        (void)!channel_send(ctl, MSG_KEYHOLDER, NULL, NULL, 0);
        (void)receive(ctl, PROCESS_SESSION); /* until it is dropped */
    }
    if (strcmp(line, "twice\n") == 0) /* one session, one file */
        text_send(frame.fds[0], ask_for_scratch(ctl));
    if (strcmp(line, "hold\n") == 0) /* at work until the client leaves */
        exit(read(frame.fds[0], line, 1) < 0);
    (void)!channel_send(ctl, MSG_HANDBACK, &(struct handback){.keys = 1}, NULL,
                        0);
    exit(0);
}

static void
zygote(void)
{
    (void)signal(SIGCHLD, SIG_IGN);
    tell_ready();
    for (;;) {
        if (receive(CHANNEL_FD, PROCESS_SESSION) != MSG_FORK)
            exit(7);
        if (fork() == 0) {
            int ctl = fd_take(&frame.fds[0]);

            close(CHANNEL_FD);
            session(ctl);
        }
    }
}

int
main(int argc, char **argv)
{
    const char *name = argc > 0 ? basename(argv[0]) : "";

    frame_init(&frame);
    (void)signal(SIGPIPE, SIG_IGN);
    if (strcmp(name, "smime-keyholder") == 0)
        keyholder();
    if (strcmp(name, "smime-keyring") == 0)
        keyring();
    if (strcmp(name, "smime-validator") == 0)
        validator();
    if (strcmp(name, "smime-session") == 0)
        zygote();
    return 9;
}
