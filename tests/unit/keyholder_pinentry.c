/* The client's side of pinentry, against one that answers as it likes. */
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/keyholder/pinentry.h"
#include "agent/keyholder/token_problem.h"

/* What the other side says, line by line, the greeting first; "" ends it. */
struct other {
    int fd;
    const char *const *says;
    char heard[4096];
};

/* When not -1: the client, who leaves when a PIN is asked for. */
static int leaves_at_getpin = -1;

static void *
other_thread(void *arg)
{
    struct other *o = arg;
    FILE *f = fdopen(o->fd, "r");
    char line[1200];

    for (const char *const *says = o->says; **says; says++) {
        dprintf(o->fd, "%s", *says);
        if (!fgets(line, sizeof(line), f))
            break;
        if (strlen(o->heard) + strlen(line) < sizeof(o->heard))
            strcat(o->heard, line);
        if (strcmp(line, "GETPIN\n") == 0 && leaves_at_getpin >= 0) {
            fd_drop(&leaves_at_getpin);
            if (!fgets(line, sizeof(line), f)) /* until it is dropped */
                break;
        }
    }
    fclose(f);
    return NULL;
}

/* Opens a pinentry that says SAYS, runs ASK with it. */
static enum err
talk(const char *const *says, struct other *o, int watch,
     enum err (*ask)(struct pinentry *, struct secret **, struct problem *),
     struct secret **out, struct problem *p)
{
    const struct pinentry_place place = {"/dev/pts/9", "xterm", "", "", 0};
    const struct pinentry_watch both = {watch, NULL};
    AUTO(pinentry) struct pinentry *pinentry = NULL;
    pthread_t thread;
    int pair[2];
    enum err e;

    memset(o, 0, sizeof(*o));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
                     0);
    o->fd = pair[1];
    o->says = says;
    pthread_create(&thread, NULL, other_thread, o);
    e = pinentry_open(pair[0], &both, &place, &pinentry, p);
    if (e == ERR_OK)
        e = ask(pinentry, out, p);
    pinentry_drop(&pinentry);
    pthread_join(thread, NULL);
    return e;
}

static enum err
ask_pin(struct pinentry *pinentry, struct secret **out, struct problem *p)
{
    const struct pinentry_question question = {.prompt = "PIN:",
                                               .description =
                                                   "one\ntwo 100%\rthree",
                                               .error = "Wrong PIN"};

    return pinentry_ask(pinentry, &question, out, p);
}

static enum err
ask_yes(struct pinentry *pinentry, struct secret **out, struct problem *p)
{
    (void)out;
    return pinentry_confirm(pinentry, "sure?", p);
}

/* greeting, ttyname, ttytype, title, timeout, pid, description, prompt, error:
 * then GETPIN */
#define BEFORE                                                                 \
    "OK hello\n", "OK\n", "OK\n", "OK\n", "OK\n", "OK\n", "OK\n", "OK\n", "OK\n"

static void
a_pin_is_decoded(void **state)
{
    static const char *const says[] = {BEFORE, "D 12%2534\nD 56\nOK\n", ""};
    AUTO(secret) struct secret *pin = NULL;
    struct problem p = {0};
    struct other o;

    (void)state;
    assert_int_equal(talk(says, &o, -1, ask_pin, &pin, &p), ERR_OK);
    assert_true(slice_is(secret_slice(pin), "12%3456"));
}

static void
no_text_can_end_its_line(void **state)
{
    static const char *const says[] = {BEFORE, "OK\n", ""};
    AUTO(secret) struct secret *pin = NULL;
    struct problem p = {0};
    struct other o;

    (void)state;
    assert_int_equal(talk(says, &o, -1, ask_pin, &pin, &p), ERR_OK);
    assert_int_equal(secret_slice(pin).n, 0);
    assert_non_null(strstr(o.heard, "SETDESC one%0Atwo 100%25%0Dthree\n"));
    assert_non_null(strstr(o.heard, "SETPROMPT PIN:\n"));
    assert_non_null(strstr(o.heard, "SETERROR Wrong PIN\n"));
    assert_non_null(strstr(o.heard, "OPTION ttyname= /dev/pts/9\n"));
    assert_null(strstr(o.heard, "lc-ctype"));
    /* Its own time would be shorter. */
    assert_non_null(strstr(o.heard, "SETTIMEOUT 280\n"));
}

static void
an_option_that_is_not_known_is_no_failure(void **state)
{
    static const char *const says[] = {"OK hello\n",
                                       "ERR 174 Unknown option\n",
                                       "ERR 174 Unknown option\n",
                                       "OK\n",
                                       "ERR 275 Unknown IPC command\n",
                                       "OK\n",
                                       "OK\n",
                                       "OK\n",
                                       "OK\n",
                                       "D 1\nOK\n",
                                       ""};
    AUTO(secret) struct secret *pin = NULL;
    struct problem p = {0};
    struct other o;

    (void)state;
    assert_int_equal(talk(says, &o, -1, ask_pin, &pin, &p), ERR_OK);
}

static void
a_pin_over_the_limit_is_refused(void **state)
{
    static char long_pin[3200];
    const char *const says[] = {BEFORE, long_pin, "OK\n", ""};
    AUTO(secret) struct secret *pin = NULL;
    struct problem p = {0};
    struct other o;

    (void)state;
    long_pin[0] = '\0';
    for (int i = 0; i < 3; i++) {
        strcat(long_pin, "D ");
        memset(long_pin + strlen(long_pin), '7', 900);
        strcat(long_pin, "\n");
    }
    strcat(long_pin, "OK\n");
    assert_int_equal(talk(says, &o, -1, ask_pin, &pin, &p), ERR_TOKEN_LOCKED);
    assert_null(pin);
}

static void
a_yes_is_a_yes_and_a_no_is_cancelled(void **state)
{
    static const char *const yes[] = {"OK hello\n", "OK\n", "OK\n",
                                      "OK\n",       "OK\n", "OK\n",
                                      "OK\n",       "OK\n", ""};
    static const char *const no[] = {"OK hello\n",
                                     "OK\n",
                                     "OK\n",
                                     "OK\n",
                                     "OK\n",
                                     "OK\n",
                                     "OK\n",
                                     "ERR 83886194 Not confirmed <Pinentry>\n",
                                     ""};
    struct problem p = {0};
    struct other o;

    (void)state;
    assert_int_equal(talk(yes, &o, -1, ask_yes, NULL, &p), ERR_OK);
    assert_non_null(strstr(o.heard, "CONFIRM\n"));
    assert_int_equal(talk(no, &o, -1, ask_yes, NULL, &p), ERR_CANCELLED);
}

static void
a_pinentry_that_cannot_ask_or_dies_says_so(void **state)
{
    static const char *const no_tty[] = {
        BEFORE, "ERR 83918950 Inappropriate ioctl <Pinentry>\n", ""};
    static const char *const dies[] = {"OK hello\n", "OK\n", ""};
    static const char *const garbage[] = {"\x01\x02\x03\n", ""};
    static const char *const nothing[] = {""};
    AUTO(secret) struct secret *pin = NULL;
    struct problem p = {0};
    struct other o;

    (void)state;
    assert_int_equal(talk(no_tty, &o, -1, ask_pin, &pin, &p), ERR_TOKEN_LOCKED);
    assert_non_null(strstr(p.detail, "ioctl"));
    assert_int_equal(talk(dies, &o, -1, ask_pin, &pin, &p), ERR_TOKEN_LOCKED);
    assert_int_equal(talk(garbage, &o, -1, ask_pin, &pin, &p),
                     ERR_TOKEN_LOCKED);
    assert_int_equal(talk(nothing, &o, -1, ask_pin, &pin, &p),
                     ERR_TOKEN_LOCKED);
}

static void
a_client_that_left_ends_the_prompt(void **state)
{
    static const char *const says[] = {BEFORE, "OK\n", ""};
    AUTO(secret) struct secret *pin = NULL;
    struct problem p = {0};
    struct other o;
    int watch[2];

    (void)state;
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, watch), 0);
    fd_drop(&watch[1]);
    assert_int_equal(talk(says, &o, watch[0], ask_pin, &pin, &p),
                     ERR_CANCELLED);
    assert_string_equal(p.detail, "the client went away");
    fd_drop(&watch[0]);
}

/* One that reads a terminal would go on showing its prompt. */
static void
a_prompt_that_nobody_waits_for_ends_the_process(void **state)
{
    const char *says[] = {"OK hello\n", "OK\n", "OK\n", "OK\n", "OK\n", NULL,
                          "OK\n",       "OK\n", "OK\n", "OK\n", ""};
    AUTO(secret) struct secret *pin = NULL;
    struct problem p = {0};
    struct other o;
    char its_pid[64];
    int watch[2], status = 0;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        pause();
        _exit(0);
    }
    snprintf(its_pid, sizeof(its_pid), "D %d\nOK\n", (int)pid);
    says[5] = its_pid;
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, watch), 0);
    /* a prompt that was answered ends by itself */
    says[9] = "D 1\nOK\n";
    assert_int_equal(talk(says, &o, watch[0], ask_pin, &pin, &p), ERR_OK);
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
    says[9] = "";
    leaves_at_getpin = watch[1];
    secret_drop(&pin);
    assert_int_equal(talk(says, &o, watch[0], ask_pin, &pin, &p),
                     ERR_CANCELLED);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    leaves_at_getpin = -1;
    fd_drop(&watch[0]);
}

static void
every_error_of_a_token_becomes_one_of_ours(void **state)
{
    (void)state;
    for (int e = TOKENS_MEMORY; e < TOKENS_ERR_COUNT; e++) {
        struct problem p = {0};

        assert_int_not_equal(token_problem((enum tokens_err)e, NULL, &p),
                             ERR_OK);
        assert_int_not_equal(p.code, ERR_OK);
        assert_int_equal(p.tries_left, -1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pin_is_decoded),
        cmocka_unit_test(no_text_can_end_its_line),
        cmocka_unit_test(an_option_that_is_not_known_is_no_failure),
        cmocka_unit_test(a_pin_over_the_limit_is_refused),
        cmocka_unit_test(a_yes_is_a_yes_and_a_no_is_cancelled),
        cmocka_unit_test(a_pinentry_that_cannot_ask_or_dies_says_so),
        cmocka_unit_test(a_client_that_left_ends_the_prompt),
        cmocka_unit_test(a_prompt_that_nobody_waits_for_ends_the_process),
        cmocka_unit_test(every_error_of_a_token_becomes_one_of_ours),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
