/* Modules that hang while they are loaded, from agent.conf or from p11-kit's
 * configuration. */
#include "tests/unit/tokens_loading.h"

/* In a process of its own; gives its exit code. */
static int
open_until_it_ends(struct token_config c)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        alarm(100);
        _exit(open_noted(c) == TOKENS_OK ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The module INDEX was left out; the other one has its token. */
static void
check_left_out(size_t index)
{
    struct token_module_info info;

    assert_true(token_store_module_info(store, index, &info));
    assert_string_equal(info.name, "stuck");
    assert_int_equal(info.state, TOKEN_MODULE_SKIPPED);
    assert_false(info.hangs);
    assert_string_equal(info.hang.call, "dlopen");
    assert_int_equal(info.hang.ms, load_ms);
    assert_false(is_mapped("hangmod"));
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
}

static void
one_of_agent_conf_is_noted_and_hides_no_other_the_next_time(void **state)
{
    static const struct token_module modules[] = {
        {.name = "stuck", .path = HANGMOD_PATH},
        {.name = "good", .path = FAULTMOD_PATH}};
    struct token_config c = {.modules = modules, .module_count = 2};

    (void)state;
    assert_int_equal(open_until_it_ends(c), STUCK);
    assert_int_equal(open_noted(c), TOKENS_OK);
    check_left_out(0);
}

static void
one_of_p11_kit_is_noted_and_hides_no_other_the_next_time(void **state)
{
    char shown[128];

    (void)state;
    assert_int_equal(open_until_it_ends((struct token_config){0}), STUCK);
    assert_int_equal(open_noted((struct token_config){0}), TOKENS_OK);
    check_left_out(0);
    /* What p11-kit was shown lies there no longer. */
    snprintf(shown, sizeof(shown), "%s/p11-kit-0", run);
    assert_int_equal(access(shown, F_OK), -1);
}

/* ---- children that try ----------------------------------------------------
 */

static unsigned long
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned long)now.tv_sec * 1000 +
           (unsigned long)now.tv_nsec / 1000000;
}

static void
five_that_hang_delay_once_and_hide_no_other(void **state)
{
    char second[128], last[128];
    const struct token_module modules[] = {
        {.name = "stuck", .path = HANGMOD_PATH},
        {.name = "second", .path = second},
        {.name = "none", .path = "/none.so"},
        {.name = "good", .path = FAULTMOD_PATH},
        {.name = "last", .path = last}};
    struct token_config c = {
        .modules = modules, .module_count = 5, .trial_ms = load_ms};
    struct token_module_info info;
    unsigned long begun = now_ms();

    (void)state;
    copy_module("second", second);
    copy_module("last", last);
    assert_int_equal(open_noted(c), TOKENS_OK);
    assert_true(now_ms() - begun < 2 * load_ms);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    assert_false(is_mapped("hangmod"));
    check_loading("stuck");
    check_loading("second");
    check_loading("last");
    info_of("none", &info);
    assert_int_equal(info.state, TOKEN_MODULE_FAILED);
    /* Nor is it waited for later. */
    assert_int_equal(token_store_refresh(store, 60000), TOKENS_BUSY);
    token_store_drop(&store);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
}

static void
those_of_p11_kit_that_hang_hide_no_other(void **state)
{
    struct token_config c = {.trial_ms = load_ms};

    (void)state;
    configure("package", "zzz");
    configure("package", "aaa");
    assert_int_equal(open_noted(c), TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    assert_false(is_mapped("hangmod"));
    check_loading("aaa");
    check_loading("stuck");
    check_loading("zzz");
    token_store_drop(&store);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void
one_that_is_not_wanted_is_not_loaded(void **state)
{
    const char *deny[] = {"stuck", NULL};
    const char *allow[] = {"good", NULL};

    (void)state;
    assert_int_equal(open_noted((struct token_config){.deny = deny}),
                     TOKENS_OK);
    assert_false(is_mapped("hangmod"));
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    token_store_drop(&store);
    assert_int_equal(open_noted((struct token_config){.allow = allow}),
                     TOKENS_OK);
    assert_false(is_mapped("hangmod"));
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
}

static void
one_that_comes_back_in_time_is_no_trouble(void **state)
{
    struct token_module_info info;

    (void)state;
    setenv("HANG_WHILE", "/none", 1);
    assert_int_equal(open_until_it_ends((struct token_config){0}), 0);
    assert_int_equal(open_noted((struct token_config){0}), TOKENS_OK);
    assert_true(token_store_module_info(store, 0, &info));
    assert_string_equal(info.name, "good");
    assert_int_equal(info.state, TOKEN_MODULE_READY);
    /* It has no functions, which is for p11-kit to say. */
    assert_false(token_store_module_info(store, 1, &info));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            one_of_agent_conf_is_noted_and_hides_no_other_the_next_time, start,
            end),
        cmocka_unit_test_setup_teardown(
            one_of_p11_kit_is_noted_and_hides_no_other_the_next_time, start,
            end),
        cmocka_unit_test_setup_teardown(
            five_that_hang_delay_once_and_hide_no_other, start, end),
        cmocka_unit_test_setup_teardown(
            those_of_p11_kit_that_hang_hide_no_other, start, end),
        cmocka_unit_test_setup_teardown(one_that_is_not_wanted_is_not_loaded,
                                        start, end),
        cmocka_unit_test_setup_teardown(
            one_that_comes_back_in_time_is_no_trouble, start, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
