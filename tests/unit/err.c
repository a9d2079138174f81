#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/err.h"
#include "agent/base/log.h"

static bool
is_documented_exit_code(int code)
{
    static const int documented[] = {2, 3, 4, 5, 6, 7, 8, 9, 70, 71};

    for (size_t i = 0; i < ARRAY_COUNT(documented); i++)
        if (documented[i] == code)
            return true;
    return false;
}

static void
every_row_has_a_sentence_a_next_step_and_a_documented_exit_code(void **state)
{
    (void)state;
    for (int code = ERR_OK + 1; code < ERR_COUNT; code++) {
        struct problem p;
        char text[2048];

        assert_int_equal(fail(&p, (enum err)code, NULL), code);
        assert_true(err_name((enum err)code)[0] >= 'A');
        assert_true(err_name((enum err)code)[0] <= 'Z');
        assert_true(is_documented_exit_code(err_exit_code((enum err)code)));
        for (int next = 0; next < 2; next++) {
            problem_text(&p, next, text, sizeof(text));
            assert_true(strlen(text) >= strlen("refused"));
            assert_null(strpbrk(text, "{}[]"));
        }
    }
}

static void
every_row_shows_each_fact_its_template_names(void **state)
{
    (void)state;
    for (int code = ERR_OK + 1; code < ERR_COUNT; code++) {
        struct problem p;
        char text[2048];

        (void)fail(&p, (enum err)code, "the detail");
        problem_set_token(&p, "the label");
        problem_set_subject(&p, "the subject");
        p.tries_left = 2;
        problem_text(&p, 0, text, sizeof(text));
        assert_null(strpbrk(text, "{}[]"));
        assert_null(strstr(text, "(unknown)"));
    }
}

static void
no_two_rows_share_a_name(void **state)
{
    (void)state;
    for (int a = 0; a < ERR_COUNT; a++)
        for (int b = a + 1; b < ERR_COUNT; b++)
            assert_string_not_equal(err_name((enum err)a),
                                    err_name((enum err)b));
}

static void
success_exits_with_zero(void **state)
{
    (void)state;
    assert_int_equal(err_exit_code(ERR_OK), 0);
}

static void
assert_sentence(const struct problem *p, int next, const char *expected)
{
    char text[512];

    problem_text(p, next, text, sizeof(text));
    assert_string_equal(text, expected);
}

static void
facts_are_filled_in_and_empty_parts_vanish(void **state)
{
    struct problem p;

    (void)state;
    (void)fail(&p, ERR_NO_KEY, "only %d expired", 2);
    problem_set_subject(&p, "alice@example.org");
    assert_sentence(&p, 0,
                    "no usable key for alice@example.org: only 2 expired");
    (void)fail(&p, ERR_NO_KEY, NULL);
    problem_set_subject(&p, "alice@example.org");
    assert_sentence(&p, 0, "no usable key for alice@example.org");
}

static void
tries_are_counted_in_words_only_when_known(void **state)
{
    struct problem p;

    (void)state;
    (void)fail(&p, ERR_PIN_WRONG, NULL);
    problem_set_token(&p, "card");
    assert_sentence(&p, 0, "wrong PIN for the token card");
    p.tries_left = 2;
    assert_sentence(&p, 0, "wrong PIN for the token card; 2 tries left");
    p.tries_left = 1;
    assert_sentence(&p, 0, "wrong PIN for the token card; 1 try left");
    p.tries_left = 0;
    assert_sentence(&p, 0, "wrong PIN for the token card; no tries left");
}

static void
a_label_cannot_leave_the_quotes_of_a_command(void **state)
{
    struct problem p;

    (void)state;
    (void)fail(&p, ERR_TOKEN_LOCKED, NULL);
    problem_set_token(&p, "a'; reboot; '");
    assert_sentence(&p, 1,
                    "smime unlock --token "
                    "'a'\\''; reboot; '\\'''"
                    "  (without a terminal: --pin-fd N)");
}

static void
facts_are_escaped_and_never_taken_for_a_template(void **state)
{
    struct problem p;

    (void)state;
    (void)fail(&p, ERR_NO_CONTACT, "secret detail");
    problem_set_subject(&p, "[{detail}]\x1b[31m\n");
    assert_sentence(&p, 0,
                    "no contact [{detail}]\\x1b[31m\\x0a: secret detail");
}

static void
a_long_fact_is_cut_and_terminated(void **state)
{
    char longer[2 * LIMIT_FACT_BYTES];
    struct problem p;
    char text[16];

    (void)state;
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    (void)fail(&p, ERR_INPUT, "%s", longer);
    problem_set_token(&p, longer);
    problem_set_subject(&p, longer);
    assert_int_equal(strlen(p.detail), LIMIT_FACT_BYTES - 1);
    assert_int_equal(strlen(p.token), LIMIT_FACT_BYTES - 1);
    assert_int_equal(strlen(p.subject), LIMIT_FACT_BYTES - 1);
    problem_text(&p, 0, text, sizeof(text));
    assert_string_equal(text, "the input canno");
}

static void
a_problem_may_be_restated_with_its_own_detail(void **state)
{
    struct problem p;

    (void)state;
    (void)fail(&p, ERR_INPUT, "no such file");
    (void)fail(&p, ERR_INTERNAL, "policy: %s", p.detail);
    assert_string_equal(p.detail, "policy: no such file");
}

static void
fail_works_without_a_problem(void **state)
{
    (void)state;
    assert_int_equal(fail(NULL, ERR_LIMIT, "nobody asked"), ERR_LIMIT);
    problem_set_token(NULL, "x");
    problem_set_subject(NULL, "x");
}

static void
a_bug_aborts_and_says_where(void **state)
{
    char said[256] = "";
    int pipe_fds[2];
    int status;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        dup2(pipe_fds[1], STDERR_FILENO);
        bug("this was meant");
    }
    close(pipe_fds[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_true(read(pipe_fds[0], said, sizeof(said) - 1) > 0);
    assert_non_null(strstr(said, "this was meant"));
    assert_non_null(strstr(said, "err.c:"));
    close(pipe_fds[0]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            every_row_has_a_sentence_a_next_step_and_a_documented_exit_code),
        cmocka_unit_test(every_row_shows_each_fact_its_template_names),
        cmocka_unit_test(no_two_rows_share_a_name),
        cmocka_unit_test(success_exits_with_zero),
        cmocka_unit_test(facts_are_filled_in_and_empty_parts_vanish),
        cmocka_unit_test(tries_are_counted_in_words_only_when_known),
        cmocka_unit_test(a_label_cannot_leave_the_quotes_of_a_command),
        cmocka_unit_test(facts_are_escaped_and_never_taken_for_a_template),
        cmocka_unit_test(a_long_fact_is_cut_and_terminated),
        cmocka_unit_test(a_problem_may_be_restated_with_its_own_detail),
        cmocka_unit_test(fail_works_without_a_problem),
        cmocka_unit_test(a_bug_aborts_and_says_where),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
