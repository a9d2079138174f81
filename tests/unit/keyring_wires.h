/*
 * smime-keyring and smime-validator started and wired as the broker does it;
 * the test plays broker and sessions. Included once.
 */
#ifndef TESTS_UNIT_KEYRING_WIRES_H
#define TESTS_UNIT_KEYRING_WIRES_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/fd.h"
#include "agent/wire/channel.h"
#include "places_of_tests.h"
#include "validator_make.h"

#define ALICE   "alice@example.org"
#define LIBEXEC SMIME_BUILD_DIR "/libexec/smime-agent/"

static struct made root, ca, alice;
static const char *anchors;
static char contacts[128], root_pem[128];

static struct {
    pid_t keyring, validator;
    int keyring_control, validator_control;
    int session, narrowing;
    struct frame frame;
} t;

/* ---- the broker's part -------------------------------------------------- */

/* Starts PROGRAM with FDS as 3 and 4. */
static pid_t
start(const char *program, const char *option, const char *value,
      const int *fds, int n)
{
    pid_t pid = fork();

    if (pid == 0) {
        int high[2];

        for (int i = 0; i < n; i++)
            high[i] = fcntl(fds[i], F_DUPFD, 20);
        for (int i = 0; i < n; i++)
            dup2(high[i], 3 + i);
        for (int i = 3 + n; i < 64; i++)
            close(i);
        execl(program, program, option, value, NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

static void
await_ready(int control)
{
    struct served s = {.fd = control, .self = PROCESS_BROKER};
    union any_record request;
    enum message m = MSG_NONE;

    assert_int_equal(fd_wait_readable(control, 20000), 1);
    assert_int_equal(channel_receive(&s, &t.frame, &m, &request),
                     RECEIVED_REQUEST);
    assert_int_equal(m, MSG_READY);
}

/* Its channel is for the keyring, or for a test that stands between. */
static int
validator_new(void)
{
    int control[2], channel[2], theirs[2];

    assert_true(channel_pair(control) && channel_pair(channel));
    theirs[0] = control[1];
    theirs[1] = channel[1];
    t.validator =
        start(LIBEXEC "smime-validator", "--anchors", anchors, theirs, 2);
    close(control[1]);
    close(channel[1]);
    t.validator_control = control[0];
    await_ready(control[0]);
    return channel[0];
}

static void
validator_give(int channel)
{
    assert_true(
        channel_send(t.keyring_control, MSG_VALIDATOR, NULL, &channel, 1));
    close(channel);
}

static void
start_validator(void)
{
    validator_give(validator_new());
}

static void
start_keyring(void)
{
    int control[2];

    assert_true(channel_pair(control));
    t.keyring =
        start(LIBEXEC "smime-keyring", "--contacts", contacts, &control[1], 1);
    close(control[1]);
    t.keyring_control = control[0];
    await_ready(control[0]);
}

/* A session, and where it narrows itself. */
static void
attach(uint32_t rights)
{
    struct attach a = {.session = 1, .rights = rights};
    int pair[2], narrowing[2];

    assert_true(channel_pair(pair));
    assert_true(channel_pair(narrowing));
    assert_true(channel_send(t.keyring_control, MSG_ATTACH, &a,
                             (int[]){pair[1], narrowing[1]}, 2));
    close(pair[1]);
    close(narrowing[1]);
    fd_drop(&t.session);
    fd_drop(&t.narrowing);
    t.session = pair[0];
    t.narrowing = narrowing[0];
}

/* Closing the control channel ends a process; gives its status. */
static int
stop(pid_t *pid, int *control)
{
    int status = -1;

    if (*pid <= 0)
        return 0;
    fd_drop(control);
    assert_int_equal(waitpid(*pid, &status, 0), *pid);
    *pid = 0;
    return status;
}

/* ---- a session's part --------------------------------------------------- */

static enum err
ask(enum message m, const void *request, void *reply)
{
    const struct channel_wait wait = {
        .lost = ERR_AGENT_LOST, .watch = -1, .timeout_ms = 30000};
    struct problem p = {0};

    return channel_call(t.session, m, request, NULL, 0, &wait, &t.frame, reply,
                        &p);
}

static void
session_new(enum verb verb, uint32_t rights)
{
    struct narrow n = {.verb = verb};

    attach(rights);
    assert_true(channel_send(t.narrowing, MSG_NARROW, &n, NULL, 0));
}

__attribute__((unused)) static struct verify_reply
verify(struct message_spec m)
{
    struct verify_request q;
    struct verify_reply r;

    if (!m.signer)
        m.signer = &alice;
    if (!m.from)
        m.from = ALICE;
    m.others[0] = &ca;
    make_request(&m, &q);
    q.origin = slice_text("open");
    q.message_id = slice_text("<1@example.org>");
    session_new(VERB_OPEN, RIGHT_MAIL);
    assert_int_equal(ask(MSG_VERIFY, &q, &r), ERR_OK);
    return r;
}

__attribute__((unused)) static struct recipient_reply
recipient(const char *address)
{
    struct address a = {.address = slice_text(address)};
    struct recipient_reply r;

    session_new(VERB_ENCRYPT, RIGHT_MAIL);
    assert_int_equal(ask(MSG_RECIPIENT, &a, &r), ERR_OK);
    return r;
}

static int
begin_all(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    algorithm_warm_up();
    anchors = make_folder();
    root = make_cert(
        &(struct cert_spec){.name = "Root", .key = "p256", .ca = true});
    ca = make_cert(&(struct cert_spec){
        .name = "CA", .key = "p256b", .ca = true, .issuer = &root});
    alice = make_cert(
        &(struct cert_spec){.name = "Alice",
                            .key = "rsa2048",
                            .issuer = &ca,
                            .email = ALICE,
                            .usage = "digitalSignature,keyEncipherment"});
    snprintf(root_pem, sizeof(root_pem), "%s/root.pem", anchors);
    return 0;
}

static int
end_all(void **state)
{
    (void)state;
    make_end();
    return 0;
}

static int
begin_keyring(void **state)
{
    (void)state;
    frame_init(&t.frame);
    t.session = t.narrowing = -1;
    make_pem(root_pem, &root, 1);
    /* A folder that is not there yet is made. */
    snprintf(contacts, sizeof(contacts), "%s/data/contacts.db", anchors);
    start_keyring();
    return 0;
}

__attribute__((unused)) static int
begin(void **state)
{
    (void)begin_keyring(state);
    start_validator();
    return 0;
}

static int
end(void **state)
{
    char command[256];

    (void)state;
    fd_drop(&t.session);
    fd_drop(&t.narrowing);
    assert_int_equal(stop(&t.keyring, &t.keyring_control), 0);
    assert_int_equal(stop(&t.validator, &t.validator_control), 0);
    frame_drop(&t.frame);
    snprintf(command, sizeof(command), "rm -rf '%s/data'", anchors);
    return system(command);
}

#endif
