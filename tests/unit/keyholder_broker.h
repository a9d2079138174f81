/*
 * The test's side of a real keyholder: the broker that starts it and its
 * helpers, a pinentry that answers from a list, and sessions.
 */
#ifndef TESTS_UNIT_KEYHOLDER_BROKER_H
#define TESTS_UNIT_KEYHOLDER_BROKER_H

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "agent/wire/channel.h"
#include "agent/wire/values.h"
#include "places_of_tests.h"
#include "tests/unit/keyholder_fixture.h"

extern char **environ;

/* ---- a pinentry -------------------------------------------------------- */

struct fake_pinentry {
    pthread_mutex_t mutex; /* guards the rest, which tests ask for below */
    pthread_cond_t changed;
    const char *pin[4]; /* in turn; NULL: the person cancels */
    bool absent, silent;
    bool no;       /* the answer to CONFIRM */
    bool hold;     /* no PIN is answered until this ends */
    int confirmed; /* CONFIRMs */
    int asked;     /* GETPINs */
    int ended;     /* connections that came to their end */
    char seen[16384];
};

static struct fake_pinentry pinentry = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                                        .changed = PTHREAD_COND_INITIALIZER};

static inline void
pinentry_expect(const char *first, const char *second, const char *third)
{
    pthread_mutex_lock(&pinentry.mutex);
    pinentry.pin[0] = first;
    pinentry.pin[1] = second;
    pinentry.pin[2] = third;
    pinentry.pin[3] = NULL;
    pinentry.absent = pinentry.silent = false;
    pinentry.asked = pinentry.ended = pinentry.confirmed = 0;
    pinentry.no = pinentry.hold = false;
    pinentry.seen[0] = '\0';
    pthread_mutex_unlock(&pinentry.mutex);
}

/* One of its fields, such as &pinentry.hold. */
static inline void
pinentry_set(bool *field, bool value)
{
    pthread_mutex_lock(&pinentry.mutex);
    *field = value;
    pthread_cond_broadcast(&pinentry.changed);
    pthread_mutex_unlock(&pinentry.mutex);
}

static inline bool
pinentry_is(const bool *field)
{
    pthread_mutex_lock(&pinentry.mutex);
    bool is = *field;
    pthread_mutex_unlock(&pinentry.mutex);
    return is;
}

/* One of its counts, such as &pinentry.asked. */
static inline int
pinentry_count(const int *field)
{
    pthread_mutex_lock(&pinentry.mutex);
    int n = *field;
    pthread_mutex_unlock(&pinentry.mutex);
    return n;
}

static inline void
pinentry_wait_for(const int *field)
{
    pthread_mutex_lock(&pinentry.mutex);
    while (*field == 0)
        pthread_cond_wait(&pinentry.changed, &pinentry.mutex);
    pthread_mutex_unlock(&pinentry.mutex);
}

static inline bool
pinentry_saw(const char *text)
{
    pthread_mutex_lock(&pinentry.mutex);
    bool saw = strstr(pinentry.seen, text) != NULL;
    pthread_mutex_unlock(&pinentry.mutex);
    return saw;
}

/* False: no answer to this line. */
static inline bool
pinentry_answer(const char *line, char *out, size_t size)
{
    bool answers = true;

    pthread_mutex_lock(&pinentry.mutex);
    if (strlen(pinentry.seen) + strlen(line) + 1 < sizeof(pinentry.seen))
        strcat(pinentry.seen, line);
    snprintf(out, size, "OK\n");
    if (strncmp(line, "GETPIN", 6) == 0) {
        int turn = pinentry.asked++;
        const char *pin =
            turn < (int)ARRAY_COUNT(pinentry.pin) ? pinentry.pin[turn] : NULL;

        if (pin)
            snprintf(out, size, "D %s\nOK\n", pin);
        else
            snprintf(out, size, "ERR 83886179 Operation cancelled\n");
        answers = !pinentry.silent;
    }
    if (strncmp(line, "CONFIRM", 7) == 0) {
        pinentry.confirmed++;
        if (pinentry.no)
            snprintf(out, size, "ERR 83886194 Not confirmed\n");
    }
    pthread_cond_broadcast(&pinentry.changed);
    while (pinentry.hold && strncmp(line, "GETPIN", 6) == 0)
        pthread_cond_wait(&pinentry.changed, &pinentry.mutex);
    pthread_mutex_unlock(&pinentry.mutex);
    return answers;
}

static inline void *
pinentry_thread(void *arg)
{
    int fd = (int)(intptr_t)arg;
    FILE *f = fdopen(fd, "r");
    char line[1100], out[200];

    dprintf(fd, "OK Pleased to meet you\n");
    while (fgets(line, sizeof(line), f)) {
        if (pinentry_answer(line, out, sizeof(out)))
            dprintf(fd, "%s", out);
    }
    fclose(f);
    pthread_mutex_lock(&pinentry.mutex);
    pinentry.ended++;
    pthread_cond_broadcast(&pinentry.changed);
    pthread_mutex_unlock(&pinentry.mutex);
    return NULL;
}

/* ---- the broker -------------------------------------------------------- */

enum importer_kind { IMPORTER_REAL, IMPORTER_DIES, IMPORTER_LIES };

static struct {
    int fd;
    pid_t pid;
    pthread_t thread;
    _Atomic enum importer_kind importer;
    int ready; /* pipe: a byte when the keyholder is ready */
    int ready_write;
} broker;

static inline pid_t
start_program(const char *path, char **argv, int channel)
{
    posix_spawn_file_actions_t actions;
    int high = fcntl(channel, F_DUPFD_CLOEXEC, 10);
    pid_t pid = -1;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, high, 3);
    if (posix_spawn(&pid, path, &actions, NULL, argv, environ) != 0)
        abort();
    posix_spawn_file_actions_destroy(&actions);
    fd_drop(&high);
    return pid;
}

/* Opens any file, gives one certificate or nonsense, then is gone. */
static inline void *
bad_importer(void *arg)
{
    struct served s = {.fd = (int)(intptr_t)arg, .self = PROCESS_IMPORTER};
    union any_record *request = mem_new(sizeof(*request));
    struct buf der = fixture_read(fixture_path("rsa.der"));
    struct p12_item *item = mem_new(sizeof(*item));
    enum message m = MSG_NONE;
    struct frame frame;

    frame_init(&frame);
    item->kind = broker.importer == IMPORTER_DIES ? P12_CERTIFICATE : P12_KEY;
    item->type = KEY_RSA; /* one integer instead of eight: a lie */
    item->value.n = 1;
    item->value.item[0] = buf_slice(&der);
    if (channel_receive(&s, &frame, &m, request) == RECEIVED_REQUEST &&
        channel_reply(s.fd, m, NULL, NULL, 0) &&
        channel_receive(&s, &frame, &m, request) == RECEIVED_REQUEST &&
        channel_reply(s.fd, m, item, NULL, 0))
        (void)channel_receive(&s, &frame, &m, request);
    frame_drop(&frame);
    buf_drop(&der);
    free(item);
    free(request);
    close(s.fd);
    return NULL;
}

static inline void
start_detached(void *(*run)(void *), int fd)
{
    pthread_t t;

    if (pthread_create(&t, NULL, run, (void *)(intptr_t)fd) != 0)
        abort();
    pthread_detach(t);
}

static inline void
answer_spawn(uint32_t helper)
{
    char *argv[] = {(char *)"smime-importer", NULL};
    struct problem p = {0};
    int pair[2];

    if (helper == HELPER_PINENTRY && pinentry_is(&pinentry.absent)) {
        (void)fail(&p, ERR_INTERNAL, "pinentry is not installed");
        if (!channel_refuse(broker.fd, MSG_SPAWN, &p))
            abort();
        return;
    }
    if (helper == HELPER_PINENTRY) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
            abort();
        start_detached(pinentry_thread, pair[1]);
    } else if (!channel_pair(pair)) {
        abort();
    } else if (broker.importer == IMPORTER_REAL) {
        start_program(SMIME_BUILD_DIR "/libexec/smime-agent/smime-importer",
                      argv, pair[1]);
        fd_drop(&pair[1]);
    } else {
        start_detached(bad_importer, pair[1]);
    }
    if (!channel_reply(broker.fd, MSG_SPAWN, NULL, pair, 1))
        abort();
    fd_drop(&pair[0]);
}

static inline void *
broker_thread(void *arg)
{
    struct served s = {.fd = broker.fd, .self = PROCESS_BROKER};
    union any_record *request = mem_new(sizeof(*request));
    enum message m = MSG_NONE;
    struct frame frame;

    (void)arg;
    frame_init(&frame);
    while (channel_receive(&s, &frame, &m, request) == RECEIVED_REQUEST) {
        if (m == MSG_READY && write(broker.ready_write, "r", 1) != 1)
            abort();
        if (m == MSG_SPAWN)
            answer_spawn(request->spawn.helper);
    }
    frame_drop(&frame);
    free(request);
    return NULL;
}

static inline void
keyholder_start(void)
{
    char config[256], audit[256];
    char *argv[] = {(char *)"smime-keyholder",
                    (char *)"--config",
                    config,
                    (char *)"--audit",
                    audit,
                    (char *)"--vtoken",
                    (char *)SMIME_BUILD_DIR
                    "/libexec/smime-agent/smime-vtoken.so",
                    NULL};
    int pair[2], ready[2];
    char byte;

    snprintf(config, sizeof(config), "%s/agent.conf", fixture_folder);
    snprintf(audit, sizeof(audit), "%s/state/smime-agent/audit.log",
             fixture_folder);
    if (!channel_pair(pair) || pipe2(ready, O_CLOEXEC) != 0)
        abort();
    broker.fd = pair[0];
    broker.ready = ready[0];
    broker.ready_write = ready[1];
    broker.pid = start_program(
        SMIME_BUILD_DIR "/libexec/smime-agent/smime-keyholder", argv, pair[1]);
    fd_drop(&pair[1]);
    if (pthread_create(&broker.thread, NULL, broker_thread, NULL) != 0 ||
        fd_wait_readable(ready[0], 30000) != 1 || read(ready[0], &byte, 1) != 1)
        abort();
}

/* Gives the exit status. */
static inline int
keyholder_stop(void)
{
    int status = -1;

    shutdown(broker.fd, SHUT_RDWR);
    waitpid(broker.pid, &status, 0);
    pthread_join(broker.thread, NULL);
    close(broker.fd);
    close(broker.ready);
    close(broker.ready_write);
    return status;
}

/* ---- sessions ---------------------------------------------------------- */

struct session {
    int fd;
    struct frame frame;
    struct problem problem;
};

static inline void
session_open(struct session *s, uint32_t rights)
{
    static _Atomic uint64_t number;
    struct attach a = {.session = ++number,
                       .rights = rights,
                       .pid = (uint32_t)getpid(),
                       .uid = (uint32_t)getuid()};
    int pair[2];

    memset(s, 0, sizeof(*s));
    frame_init(&s->frame);
    if (!channel_pair(pair) ||
        !channel_send(broker.fd, MSG_ATTACH, &a, &pair[1], 1))
        abort();
    fd_drop(&pair[1]);
    s->fd = pair[0];
}

static inline void
session_drop(struct session *s)
{
    frame_drop(&s->frame);
    fd_drop(&s->fd);
}

/* What came before replies to this thread. */
static __thread struct {
    int count;
    uint32_t kind;
    char token[64];
} noticed;

static inline void
note_notice(void *arg, const struct notice *n)
{
    (void)arg;
    noticed.count++;
    noticed.kind = n->kind;
    if (n->token.n < sizeof(noticed.token)) {
        memcpy(noticed.token, n->token.p, n->token.n);
        noticed.token[n->token.n] = '\0';
    }
}

static inline enum err
session_call_fds(struct session *s, enum message m, const void *request,
                 void *reply, const int *fds, int n)
{
    const struct channel_wait wait = {.lost = ERR_KEYHOLDER_LOST,
                                      .watch = -1,
                                      .timeout_ms = 60000,
                                      .notice = note_notice};

    memset(&s->problem, 0, sizeof(s->problem));
    return channel_call(s->fd, m, request, fds, n, &wait, &s->frame, reply,
                        &s->problem);
}

static inline enum err
session_call(struct session *s, enum message m, const void *request,
             void *reply)
{
    return session_call_fds(s, m, request, reply, NULL, 0);
}

static inline void
session_narrow(struct session *s, enum verb verb, uint32_t ops,
               struct slice key)
{
    struct narrow n = {.verb = verb,
                       .ops = ops,
                       .key = key,
                       .tty = slice_text("/dev/null"),
                       .term = slice_text("xterm"),
                       .display = slice_text(":7")};

    assert_true(channel_send(s->fd, MSG_NARROW, &n, NULL, 0));
}

/* The same where it has to be refused: how. */
static inline enum err
session_narrow_refused(struct session *s, enum verb verb, uint32_t ops,
                       struct slice key)
{
    const struct channel_wait wait = {
        .lost = ERR_AGENT_LOST, .watch = -1, .timeout_ms = 60000};
    struct empty nothing;

    session_narrow(s, verb, ops, key);
    return channel_collect(s->fd, MSG_NARROW, &wait, &s->frame, &nothing,
                           &s->problem);
}

/* A descriptor that reads TEXT. */
static inline int
line_fd(const char *text)
{
    int p[2];

    if (pipe2(p, O_CLOEXEC) != 0 ||
        write(p[1], text, strlen(text)) != (ssize_t)strlen(text))
        abort();
    close(p[1]);
    return p[0];
}

#endif
