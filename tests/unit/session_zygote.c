/* The real zygote and its children, sandboxed: they serve, hand back, and
 * die when mail makes them do what they must not. */
#include "tests/unit/session_fixture.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agent/base/harden.h"
#include "agent/session/zygote.h"
#include "places_of_tests.h"

#define OPEN                                                                   \
    "{\"method\":\"io.smimeagent.Mail.Open\","                                 \
    "\"parameters\":{\"input\":0,\"output\":1}}"

#define INFO "{\"method\":\"org.varlink.service.GetInfo\"}"

/* The test is the broker, the client, keyholder and keyring. */
struct zygote {
    pid_t pid;
    int ctl;
    int log; /* its stderr */
};

static void
zygote_start(struct zygote *z)
{
    int pair[2];
    int log_pair[2];

    assert_true(channel_pair(pair));
    assert_int_equal(pipe2(log_pair, O_CLOEXEC), 0);
    z->pid = fork();
    assert_true(z->pid >= 0);
    if (z->pid == 0) {
        close(pair[0]);
        dup2(log_pair[1], STDERR_FILENO);
        harden_process(true);
        json_object_seed(0);
        sandbox_files(NULL);
        sandbox_calls(SANDBOX_ZYGOTE);
        _exit(zygote_run(pair[1]));
    }
    close(pair[1]);
    close(log_pair[1]);
    z->ctl = pair[0];
    z->log = log_pair[0];
}

static enum message
next_message(int fd)
{
    struct served s = {.fd = fd, .self = PROCESS_BROKER};
    union any_record request;
    enum message m = MSG_NONE;
    struct frame frame;
    enum received got;

    frame_init(&frame);
    got = channel_receive(&s, &frame, &m, &request);
    frame_drop(&frame);
    return got == RECEIVED_REQUEST ? m : MSG_NONE;
}

/* Gives how the zygote ended. */
static int
zygote_stop(struct zygote *z)
{
    int status;

    fd_drop(&z->ctl);
    assert_int_equal(waitpid(z->pid, &status, 0), z->pid);
    fd_drop(&z->log);
    return status;
}

struct child {
    int ctl;
    int client;
};

static void
child_start(struct zygote *z, struct child *c)
{
    struct serve serve = {.session = 4, .rights = RIGHT_MAIL};
    int ctl[2], conn[2], keyholder[2], keyring[2], narrowing[2];

    assert_true(channel_pair(ctl));
    assert_true(channel_pair(keyholder));
    assert_true(channel_pair(keyring));
    assert_true(channel_pair(narrowing));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, conn),
                     0);
    assert_true(channel_send(z->ctl, MSG_FORK, NULL, &ctl[1], 1));
    assert_true(channel_send(
        ctl[0], MSG_SERVE, &serve,
        (int[]){conn[1], keyholder[1], keyring[1], narrowing[1]}, 4));
    for (int i = 0; i < 2; i++) {
        close(keyholder[i]);
        close(keyring[i]);
        close(narrowing[i]);
    }
    close(ctl[1]);
    close(conn[1]);
    c->ctl = ctl[0];
    c->client = conn[0];
}

static void
child_stop(struct child *c)
{
    fd_drop(&c->ctl);
    fd_drop(&c->client);
}

static void
open_mail(const struct child *c)
{
    int in[2];

    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_true(fd_write_all(in[1], "m", 1));
    send_message(c->client, OPEN, in, 2);
    close(in[0]);
    close(in[1]);
}

static void
a_session_serves_a_request_and_hands_back(void **state)
{
    struct zygote z;
    struct child c;
    json_t *reply;

    (void)state;
    deed = NULL;
    zygote_start(&z);
    assert_int_equal(next_message(z.ctl), MSG_READY);
    child_start(&z, &c);
    open_mail(&c);
    reply = receive_message(c.client);
    assert_string_equal(text_at(reply, "read"), "m");
    json_decref(reply);
    assert_int_equal(next_message(c.ctl), MSG_HANDBACK);
    assert_int_equal(next_message(c.ctl), MSG_NONE); /* and is gone */
    child_stop(&c);
    assert_int_equal(zygote_stop(&z), 0);
}

static void
a_session_whose_client_left_ends_without_handback(void **state)
{
    struct zygote z;
    struct child c;

    (void)state;
    zygote_start(&z);
    assert_int_equal(next_message(z.ctl), MSG_READY);
    child_start(&z, &c);
    fd_drop(&c.client);
    assert_int_equal(next_message(c.ctl), MSG_NONE);
    child_stop(&c);
    assert_int_equal(zygote_stop(&z), 0);
}

static void
a_spare_session_ends_with_the_broker(void **state)
{
    struct zygote z;
    int ctl[2];
    char byte;

    (void)state;
    zygote_start(&z);
    assert_int_equal(next_message(z.ctl), MSG_READY);
    assert_true(channel_pair(ctl));
    assert_true(channel_send(z.ctl, MSG_FORK, NULL, &ctl[1], 1));
    close(ctl[1]);
    assert_int_equal(shutdown(ctl[0], SHUT_WR), 0);
    assert_int_equal(read(ctl[0], &byte, 1), 0);
    close(ctl[0]);
    assert_int_equal(zygote_stop(&z), 0);
}

static void
a_session_ends_with_its_zygote(void **state)
{
    struct zygote z;
    struct child c;
    json_t *reply;

    (void)state;
    zygote_start(&z);
    assert_int_equal(next_message(z.ctl), MSG_READY);
    child_start(&z, &c);
    send_message(c.client, INFO, NULL, 0);
    reply = receive_message(c.client);
    assert_non_null(reply);
    json_decref(reply);
    assert_int_equal(zygote_stop(&z), 0);
    assert_int_equal(next_message(c.ctl), MSG_NONE);
    child_stop(&c);
}

static void
a_zygote_takes_nothing_but_forks(void **state)
{
    struct zygote z;

    (void)state;
    zygote_start(&z);
    assert_int_equal(next_message(z.ctl), MSG_READY);
    assert_true(channel_send(z.ctl, MSG_KEYS, &(struct page){0}, NULL, 0));
    assert_int_equal(WEXITSTATUS(zygote_stop(&z)), err_exit_code(ERR_INTERNAL));
    zygote_start(&z);
    assert_int_equal(next_message(z.ctl), MSG_READY);
    assert_true(channel_send(z.ctl, MSG_FORK, NULL, NULL, 0));
    assert_int_equal(WEXITSTATUS(zygote_stop(&z)), err_exit_code(ERR_INTERNAL));
}

/* ---- what mail must never make a session do ---------------------------------
 */

static void
do_open(void)
{
    (void)!open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static void
do_create(void)
{
    (void)!open("/tmp/smime-unit-session", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static void
do_socket(void)
{
    (void)socket(AF_INET, SOCK_STREAM, 0);
}

static void
do_unix_socket(void)
{
    (void)socket(AF_UNIX, SOCK_STREAM, 0);
}

static void
do_exec(void)
{
    char *const argv[] = {NULL};

    (void)execve("/bin/true", argv, argv);
}

static void
do_fork(void)
{
    if (fork() == 0)
        _exit(0);
}

static void
do_kill(void)
{
    (void)kill(getppid(), SIGTERM);
}

static void
do_code(void)
{
    (void)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void
do_prctl(void)
{
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

/* Reads the zygote's log until it names the signal or ends. */
static bool
log_tells_of(int fd, const char *what)
{
    char text[16384];
    size_t n = 0;

    while (n < sizeof(text) - 1 && fd_wait_readable(fd, 10000) > 0) {
        ssize_t got = read(fd, text + n, sizeof(text) - 1 - n);

        if (got <= 0)
            break;
        n += (size_t)got;
        text[n] = '\0';
        if (strstr(text, what))
            return true;
    }
    return false;
}

static void
a_session_dies_of_what_its_sandbox_forbids(void **state)
{
    static const struct {
        const char *name;
        void (*deed)(void);
    } deeds[] = {{"open", do_open},     {"create", do_create},
                 {"socket", do_socket}, {"socket (Unix)", do_unix_socket},
                 {"exec", do_exec},     {"fork", do_fork},
                 {"kill", do_kill},     {"code", do_code},
                 {"prctl", do_prctl}};
    char died[64];

    (void)state;
    snprintf(died, sizeof(died), "ended by signal %d", SIGSYS);
    for (size_t i = 0; i < ARRAY_COUNT(deeds); i++) {
        struct zygote z;
        struct child c;

        deed = deeds[i].deed;
        zygote_start(&z);
        assert_int_equal(next_message(z.ctl), MSG_READY);
        child_start(&z, &c);
        open_mail(&c);
        if (receive_message(c.client) != NULL)
            fail_msg("a session went on after %s", deeds[i].name);
        assert_int_equal(next_message(c.ctl), MSG_NONE);
        if (!log_tells_of(z.log, died))
            fail_msg("a session did not die of %s", deeds[i].name);
        child_stop(&c);
        assert_int_equal(zygote_stop(&z), 0);
    }
    deed = NULL;
}

static void
the_zygote_outlives_a_session_that_died(void **state)
{
    struct zygote z;
    struct child c;
    json_t *reply;

    (void)state;
    deed = do_socket;
    zygote_start(&z);
    assert_int_equal(next_message(z.ctl), MSG_READY);
    child_start(&z, &c);
    open_mail(&c);
    assert_null(receive_message(c.client));
    child_stop(&c);
    child_start(&z, &c);
    send_message(c.client, INFO, NULL, 0);
    reply = receive_message(c.client);
    assert_string_equal(text_at(reply, "product"), "smime-agent");
    json_decref(reply);
    child_stop(&c);
    assert_int_equal(zygote_stop(&z), 0);
    deed = NULL;
}

/* ---- the executable ---------------------------------------------------------
 */

#define EXECUTABLE SMIME_BUILD_DIR "/libexec/smime-agent/smime-session"

/* Runs it with CTL (borrowed) as descriptor 3, or with none when < 0. */
static pid_t
execute(int ctl)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        close(3);
        if (ctl >= 0)
            dup2(ctl, 3);
        execl(EXECUTABLE, "smime-session", (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void
the_executable_serves_behind_its_sandbox(void **state)
{
    struct zygote z = {.log = -1};
    struct child c;
    int pair[2];
    json_t *reply;

    (void)state;
    assert_true(channel_pair(pair));
    /* Out of the way of descriptor 3. */
    z.ctl = fcntl(pair[1], F_DUPFD_CLOEXEC, 10);
    z.pid = execute(z.ctl);
    close(z.ctl);
    close(pair[1]);
    z.ctl = pair[0];
    assert_int_equal(next_message(z.ctl), MSG_READY);
    child_start(&z, &c);
    send_message(c.client, "{\"method\":\"io.smimeagent.Agent.Status\"}", NULL,
                 0);
    reply = receive_message(c.client);
    assert_int_equal(json_integer_value(at(reply, "keys")), 0);
    assert_true(json_is_false(at(reply, "keyholder")));
    assert_string_equal(
        json_string_value(json_array_get(at(reply, "sandbox"), 0)), "seccomp");
    json_decref(reply);
    assert_int_equal(next_message(c.ctl), MSG_KEYHOLDER);
    assert_int_equal(next_message(c.ctl), MSG_HANDBACK);
    child_stop(&c);
    assert_int_equal(zygote_stop(&z), 0);
}

static void
the_executable_without_a_broker_ends(void **state)
{
    int status;
    pid_t pid = execute(-1);

    (void)state;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), err_exit_code(ERR_USAGE));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_serves_a_request_and_hands_back),
        cmocka_unit_test(a_session_whose_client_left_ends_without_handback),
        cmocka_unit_test(a_spare_session_ends_with_the_broker),
        cmocka_unit_test(a_session_ends_with_its_zygote),
        cmocka_unit_test(a_zygote_takes_nothing_but_forks),
        cmocka_unit_test(a_session_dies_of_what_its_sandbox_forbids),
        cmocka_unit_test(the_zygote_outlives_a_session_that_died),
        cmocka_unit_test(the_executable_serves_behind_its_sandbox),
        cmocka_unit_test(the_executable_without_a_broker_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
