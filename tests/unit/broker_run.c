#include "broker_fixture.h"
#include "places_of_tests.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>

static void
a_client_is_served_by_a_session_with_marked_channels(void **state)
{
    struct agent a;
    char line[2048];
    int fd;

    (void)state;
    agent_start(&a);
    fd = dial(MAIL_SOCKET);
    say(fd, "who\n");
    assert_true(hear(fd, line, sizeof(line)));
    assert_non_null(strstr(line, "id=1 rights=1 ahead=0 scratch=unlinked"));
    assert_non_null(strstr(line, "keyring="));
    snprintf(a.seen, sizeof(a.seen), "rights=1 peer=%d", (int)getpid());
    assert_non_null(strstr(strstr(line, "keyholder="), a.seen));
    assert_non_null(strstr(strstr(line, "keyring="), a.seen));
    close(fd);
    fd = dial(MAIL_SOCKET);
    say(fd, "twice\n");
    assert_true(hear(fd, line, sizeof(line)));
    assert_false(hear(fd, line, sizeof(line))); /* it is ended for that */
    close(fd);
    fd = dial(MANAGE_SOCKET);
    assert_int_equal(ask(fd, " rights="), 2);
    close(fd);
    assert_int_equal(agent_stop(&a), 0);
}

static void
who_does_not_use_the_keyholder_meets_it_once(void **state)
{
    struct agent a;
    char line[2048];
    int fd, met;

    (void)state;
    agent_start(&a);
    fd = dial(MAIL_SOCKET);
    for (int i = 0; i < 3; i++) {
        say(fd, "quiet\n");
        assert_true(hear(fd, line, sizeof(line)));
    }
    say(fd, "again\n");
    assert_true(hear(fd, line, sizeof(line)));
    assert_non_null(strstr(strstr(line, "keyholder="), " met=2 "));
    /* All of them, and whatever was sent ahead for nothing. */
    assert_int_equal(
        sscanf(strstr(line, "keyring="), "keyring=%*d met=%d", &met), 1);
    assert_true(met >= 4);
    assert_false(hear(fd, line, sizeof(line))); /* it is ended for that */
    close(fd);
    assert_int_equal(agent_stop(&a), 0);
}

static void
a_connection_that_is_handed_back_gets_a_fresh_session(void **state)
{
    struct agent a;
    int fd;

    (void)state;
    agent_start(&a);
    fd = dial(MAIL_SOCKET);
    for (long id = 1; id <= 20; id++)
        assert_int_equal(ask(fd, "id="), id);
    assert_int_not_equal(ask(fd, "session="), ask(fd, "session="));
    close(fd);
    assert_int_equal(agent_stop(&a), 0);
}

static void
a_session_that_dies_takes_only_its_connection_along(void **state)
{
    struct agent a;
    char line[2048];
    int one, two;

    (void)state;
    agent_start(&a);
    one = dial(MAIL_SOCKET);
    two = dial(MAIL_SOCKET);
    say(one, "die\n");
    assert_false(hear(one, line, sizeof(line)));
    assert_true(ask(two, "session=") > 0);
    close(one);
    close(two);
    assert_int_equal(agent_stop(&a), 0);
}

static void
who_keeps_asking_gets_sessions_ahead(void **state)
{
    struct agent a;
    long ahead = 0;
    int fd;

    (void)state;
    agent_start(&a);
    fd = dial(MAIL_SOCKET);
    assert_int_equal(ask(fd, "ahead="), 0);
    assert_int_equal(ask(fd, "ahead="), 0);
    for (int i = 0; i < 100 && !ahead; i++)
        ahead = ask(fd, "ahead=");
    assert_int_equal(ahead, 1);
    assert_int_not_equal(ask(fd, "session="), ask(fd, "session="));
    close(fd);
    assert_int_equal(agent_stop(&a), 0);
}

static void
a_session_may_not_have_programs_started(void **state)
{
    struct agent a;
    char line[2048];
    int fd;

    (void)state;
    agent_start(&a);
    fd = dial(MAIL_SOCKET);
    say(fd, "misbehave\n");
    assert_false(hear(fd, line, sizeof(line)));
    close(fd);
    assert_int_equal(agent_stop(&a), 0);
}

static void
more_clients_than_places_are_all_served(void **state)
{
    int fds[LIMIT_CONNECTIONS + 16];
    struct agent a;
    char line[2048];

    (void)state;
    agent_start(&a);
    for (size_t i = 0; i < ARRAY_COUNT(fds); i++) {
        fds[i] = dial(MAIL_SOCKET);
        say(fds[i], "who\n");
    }
    for (size_t i = 0; i < ARRAY_COUNT(fds); i++) {
        assert_true(hear(fds[i], line, sizeof(line)));
        close(fds[i]);
    }
    assert_int_equal(agent_stop(&a), 0);
}

/* Who comes when all sessions are at work is served when one has ended. */
static void
so_many_sessions_are_at_work_at_once(void **state)
{
    int fds[LIMIT_SERVED + 1];
    struct agent a;
    char line[2048];

    (void)state;
    agent_start(&a);
    for (size_t i = 0; i < LIMIT_SERVED; i++) {
        fds[i] = dial(MAIL_SOCKET);
        say(fds[i], "hold\n");
        assert_true(hear(fds[i], line, sizeof(line)));
    }
    fds[LIMIT_SERVED] = dial(MAIL_SOCKET);
    say(fds[LIMIT_SERVED], "who\n");
    assert_int_equal(fd_wait_readable(fds[LIMIT_SERVED], 200), 0);
    close(fds[0]);
    assert_true(hear(fds[LIMIT_SERVED], line, sizeof(line)));
    for (size_t i = 1; i < ARRAY_COUNT(fds); i++)
        close(fds[i]);
    assert_int_equal(agent_stop(&a), 0);
}

static void
killed_child_comes_back(const char *key)
{
    struct agent a;
    long was;
    int fd;

    agent_start(&a);
    fd = dial(MAIL_SOCKET);
    was = ask(fd, key);
    close(fd);
    assert_int_equal(kill((pid_t)was, SIGKILL), 0);
    assert_int_not_equal(ask_changed(key, was), was);
    assert_true(agent_says(&a, "ended by signal 9"));
    assert_int_equal(agent_stop(&a), 0);
}

static void
a_killed_keyholder_is_restarted(void **state)
{
    (void)state;
    killed_child_comes_back("keyholder=");
}

static void
a_killed_zygote_is_restarted_and_sessions_go_on(void **state)
{
    (void)state;
    killed_child_comes_back("zygote=");
}

static void
a_killed_validator_is_restarted_and_wired_to_the_keyring(void **state)
{
    (void)state;
    killed_child_comes_back("validator=");
}

static void
a_killed_keyring_gets_a_new_validator(void **state)
{
    struct agent a;
    long keyring, validator;
    int fd;

    (void)state;
    agent_start(&a);
    fd = dial(MAIL_SOCKET);
    keyring = ask(fd, "keyring=");
    validator = ask(fd, "validator=");
    close(fd);
    assert_int_equal(kill((pid_t)keyring, SIGKILL), 0);
    assert_int_not_equal(ask_changed("validator=", validator), validator);
    fd = dial(MAIL_SOCKET);
    assert_int_not_equal(ask(fd, "keyring="), keyring);
    close(fd);
    assert_int_equal(agent_stop(&a), 0);
}

/* All programs of a person together may have so many descriptors under way. */
static void
a_keyring_that_stands_still_is_sent_few_sessions(void **state)
{
    struct agent a;
    char line[2048];
    pid_t keyring;
    int fd;

    (void)state;
    agent_start(&a);
    fd = dial(MAIL_SOCKET);
    keyring = (pid_t)ask(fd, "keyring=");
    assert_int_equal(kill(keyring, SIGSTOP), 0);
    for (int i = 0; i < 200; i++) {
        say(fd, "quiet\n");
        assert_true(hear(fd, line, sizeof(line)));
    }
    assert_true(agent_says(&a, "smime-keyring takes no new session"));
    assert_int_equal(kill(keyring, SIGCONT), 0);
    assert_int_equal(ask_changed("keyring=", 0), keyring);
    close(fd);
    assert_int_equal(agent_stop(&a), 0);
}

/* A vendor's PKCS#11 module may crash at every start. */
static void
without_a_keyholder_the_others_are_served(void **state)
{
    struct agent a;
    char line[2048];
    int fd;

    (void)state;
    setenv("FAKE_CRASH", "1", 1);
    agent_start(&a);
    assert_true(agent_says(&a, "smime-keyholder"));
    fd = dial(MAIL_SOCKET);
    say(fd, "who\n");
    assert_true(hear(fd, line, sizeof(line)));
    assert_non_null(strstr(line, "scratch=unlinked gone keyring="));
    close(fd);
    assert_int_equal(agent_stop(&a), 0);
}

static void
an_agent_without_its_programs_does_not_start(void **state)
{
    struct agent a;

    (void)state;
    agent_fork(&a, below("nothing-here"));
    assert_int_equal(agent_wait(&a), 1);
    assert_non_null(strstr(a.seen, "complaint: smime-keyring does not start"));
    assert_int_not_equal(access(below(MAIL_SOCKET), F_OK), 0);
}

/* ---- sockets ------------------------------------------------------------- */

static void
sigterm_removes_the_sockets_and_ends_with_0(void **state)
{
    struct agent a;

    (void)state;
    agent_start(&a);
    assert_int_equal(access(below(MAIL_SOCKET), F_OK), 0);
    assert_int_equal(access(below(MANAGE_SOCKET), F_OK), 0);
    assert_int_equal(agent_stop(&a), 0);
    assert_int_not_equal(access(below(MAIL_SOCKET), F_OK), 0);
    assert_int_not_equal(access(below(MANAGE_SOCKET), F_OK), 0);
    assert_int_not_equal(access(below(MAIL_SOCKET ".lock"), F_OK), 0);
}

static void
a_second_agent_is_refused_and_the_first_goes_on(void **state)
{
    struct agent a, second;
    int fd;

    (void)state;
    agent_start(&a);
    agent_fork(&second, SMIME_BUILD_DIR "/tests/unit/fake-libexec");
    assert_int_equal(agent_wait(&second), 1);
    assert_non_null(strstr(second.seen, "an agent is already running"));
    fd = dial(MAIL_SOCKET);
    assert_true(ask(fd, "session=") > 0);
    close(fd);
    assert_int_equal(agent_stop(&a), 0);
}

/* Binds the mail socket as another program would. */
static int
foreign_socket(void)
{
    struct sockaddr_un a = address(below(MAIL_SOCKET));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    mkdir(below("run"), 0700);
    mkdir(below("run/smime-agent"), 0700);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static void
a_stale_socket_is_replaced(void **state)
{
    struct agent a;
    int fd;

    (void)state;
    close(foreign_socket());
    agent_start(&a);
    fd = dial(MAIL_SOCKET);
    assert_true(ask(fd, "session=") > 0);
    close(fd);
    assert_int_equal(agent_stop(&a), 0);
}

static void
a_socket_that_somebody_answers_on_stays(void **state)
{
    struct agent a;
    int fd = foreign_socket();

    (void)state;
    assert_int_equal(listen(fd, 1), 0);
    agent_fork(&a, SMIME_BUILD_DIR "/tests/unit/fake-libexec");
    assert_int_equal(agent_wait(&a), 1);
    assert_non_null(strstr(a.seen, "an agent is already running"));
    close(dial(MAIL_SOCKET));
    close(fd);
}

static void
a_folder_that_others_may_write_is_refused(void **state)
{
    struct agent a;

    (void)state;
    mkdir(below("run"), 0700);
    mkdir(below("run/smime-agent"), 0700);
    assert_int_equal(chmod(below("run/smime-agent"), 0777), 0);
    agent_fork(&a, SMIME_BUILD_DIR "/tests/unit/fake-libexec");
    assert_int_equal(agent_wait(&a), 1);
    assert_non_null(strstr(a.seen, "others may write in the folder"));
}

static void
a_socket_path_that_is_too_long_is_refused(void **state)
{
    char path[200];
    struct agent a;

    (void)state;
    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    setenv("SMIME_AGENT_SOCK", path, 1);
    agent_fork(&a, SMIME_BUILD_DIR "/tests/unit/fake-libexec");
    assert_int_equal(agent_wait(&a), 1);
    assert_non_null(strstr(a.seen, "too long"));
}

static void
few_descriptors_are_made_more(void **state)
{
    struct rlimit before, few;
    struct agent a;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    agent_start(&a);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(prlimit(a.pid, RLIMIT_NOFILE, NULL, &few), 0);
    assert_int_equal(few.rlim_cur, LIMIT_DESCRIPTORS);
    assert_int_equal(agent_stop(&a), 0);
}

static void
too_few_descriptors_are_told_at_the_start(void **state)
{
    const rlim_t most = LIMIT_DESCRIPTORS - 1;
    int status = -1;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        const struct rlimit few = {most, most};
        struct complaint c = {{0}, {0}};

        _exit(setrlimit(RLIMIT_NOFILE, &few) == 0 &&
                      broker_run(NULL, &c) == 1 &&
                      strstr(c.what, "only 511 files")
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void
smime_agent_sock_says_where_the_sockets_are(void **state)
{
    struct agent a;
    int fd;

    (void)state;
    setenv("SMIME_AGENT_SOCK", below("elsewhere"), 1);
    agent_start(&a);
    fd = dial("elsewhere.manage");
    assert_int_equal(ask(fd, " rights="), 2);
    close(fd);
    assert_int_equal(agent_stop(&a), 0);
}

/* ---- pinentry ------------------------------------------------------------ */

static void
pinentry_choose(const char *program)
{
    FILE *f;

    mkdir(below("config"), 0700);
    mkdir(below("config/smime-agent"), 0700);
    f = fopen(below("config/smime-agent/agent.conf"), "w");
    assert_non_null(f);
    fprintf(f, "[pinentry]\nprogram = %s\n", program);
    assert_int_equal(fclose(f), 0);
    setenv("FAKE_PINENTRY", "1", 1);
}

static void
the_configured_pinentry_is_started_for_the_keyholder(void **state)
{
    struct agent a;
    char line[2048];
    FILE *f = fopen(below("pinentry"), "w");
    int fd;

    (void)state;
    assert_non_null(f);
    fputs("#!/bin/sh\necho OK pleased to meet you\ncat >/dev/null\n", f);
    assert_int_equal(fchmod(fileno(f), 0700), 0);
    assert_int_equal(fclose(f), 0);
    pinentry_choose(below("pinentry"));
    agent_start(&a);
    fd = dial(MAIL_SOCKET);
    say(fd, "who\n");
    assert_true(hear(fd, line, sizeof(line)));
    if (!strstr(line, "about=OK pleased to meet you"))
        fail_msg("it says: %s", line);
    close(fd);
    assert_int_equal(agent_stop(&a), 0);
}

static void
a_missing_pinentry_is_said_to_the_keyholder(void **state)
{
    struct agent a;
    char line[2048];
    int fd;

    (void)state;
    pinentry_choose("/nowhere/pinentry");
    agent_start(&a);
    fd = dial(MAIL_SOCKET);
    say(fd, "who\n");
    assert_true(hear(fd, line, sizeof(line)));
    assert_non_null(strstr(line, "about=TokenLocked:no pinentry program"));
    close(fd);
    assert_int_equal(agent_stop(&a), 0);
}

#define IN_A_FOLDER(f)                                                         \
    cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(a_client_is_served_by_a_session_with_marked_channels),
        IN_A_FOLDER(who_does_not_use_the_keyholder_meets_it_once),
        IN_A_FOLDER(a_connection_that_is_handed_back_gets_a_fresh_session),
        IN_A_FOLDER(who_keeps_asking_gets_sessions_ahead),
        IN_A_FOLDER(a_session_that_dies_takes_only_its_connection_along),
        IN_A_FOLDER(a_session_may_not_have_programs_started),
        IN_A_FOLDER(more_clients_than_places_are_all_served),
        IN_A_FOLDER(so_many_sessions_are_at_work_at_once),
        IN_A_FOLDER(a_killed_keyholder_is_restarted),
        IN_A_FOLDER(a_killed_zygote_is_restarted_and_sessions_go_on),
        IN_A_FOLDER(a_killed_validator_is_restarted_and_wired_to_the_keyring),
        IN_A_FOLDER(a_killed_keyring_gets_a_new_validator),
        IN_A_FOLDER(a_keyring_that_stands_still_is_sent_few_sessions),
        IN_A_FOLDER(without_a_keyholder_the_others_are_served),
        IN_A_FOLDER(an_agent_without_its_programs_does_not_start),
        IN_A_FOLDER(sigterm_removes_the_sockets_and_ends_with_0),
        IN_A_FOLDER(a_second_agent_is_refused_and_the_first_goes_on),
        IN_A_FOLDER(a_stale_socket_is_replaced),
        IN_A_FOLDER(a_socket_that_somebody_answers_on_stays),
        IN_A_FOLDER(a_folder_that_others_may_write_is_refused),
        IN_A_FOLDER(a_socket_path_that_is_too_long_is_refused),
        IN_A_FOLDER(few_descriptors_are_made_more),
        IN_A_FOLDER(too_few_descriptors_are_told_at_the_start),
        IN_A_FOLDER(smime_agent_sock_says_where_the_sockets_are),
        IN_A_FOLDER(the_configured_pinentry_is_started_for_the_keyholder),
        IN_A_FOLDER(a_missing_pinentry_is_said_to_the_keyholder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
