/* Modules that come back from being loaded too late, or not at all: how their
 * trials end, and what becomes of them then. */
#include "tests/unit/tokens_loading.h"
#include "tokens/notes.h"

#define MOST 64 /* modules in a store */

static void
note_and_end(int number)
{
    (void)number;
    tokens_note_crash();
    _exit(1);
}

/* The module late is the good one, behind a constructor that hangs a while. */
static void
check_comes_later(struct token_config c)
{
    char hang[128];

    snprintf(hang, sizeof(hang), "%s/hang", folder);
    setenv("HANG_MODULE", FAULTMOD_PATH, 1);
    c.load_ms = 60000;
    assert_int_equal(open_noted(c), TOKENS_OK);
    check_loading("late");
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_ABSENT);
    assert_int_equal(unlink(hang), 0);
    wait_for_state("late", TOKEN_MODULE_READY);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    unsetenv("HANG_MODULE");
}

static void
one_that_comes_back_late_is_used_then(void **state)
{
    char path[128];
    const struct token_module modules[] = {{.name = "late", .path = path}};

    (void)state;
    copy_module("late", path);
    check_comes_later((struct token_config){
        .modules = modules, .module_count = 1, .trial_ms = 1});
}

static void
one_of_p11_kit_that_comes_back_late_is_used_then(void **state)
{
    const char *allow[] = {"late", NULL};

    (void)state;
    configure("own", "late");
    check_comes_later((struct token_config){.allow = allow, .trial_ms = 1});
}

/* It came back, but it is not to be loaded, which WHY says. */
static void
check_not_loaded(const char *why)
{
    struct token_module_info info;

    wait_for_state("late", TOKEN_MODULE_FAILED);
    info_of("late", &info);
    assert_false(info.hangs);
    assert_non_null(strstr(info.why, why));
    assert_non_null(strstr(info.why, "remote = yes"));
    assert_false(is_mapped("late.so"));
}

static void
one_that_comes_back_much_too_late_is_not_loaded(void **state)
{
    char path[128], hang[128];
    const struct token_module modules[] = {{.name = "late", .path = path}};

    (void)state;
    snprintf(hang, sizeof(hang), "%s/hang", folder);
    copy_module("late", path);
    assert_int_equal(open_noted((struct token_config){.modules = modules,
                                                      .module_count = 1,
                                                      .load_ms = 1,
                                                      .trial_ms = 1}),
                     TOKENS_OK);
    check_loading("late");
    assert_int_equal(unlink(hang), 0);
    check_not_loaded("it took ");
}

/* It could take the login with it. */
static void
one_that_comes_back_while_a_token_is_unlocked_is_not_loaded(void **state)
{
    char path[128], hang[128];
    const struct token_module modules[] = {
        {.name = "good", .path = FAULTMOD_PATH},
        {.name = "late", .path = path}};

    (void)state;
    snprintf(hang, sizeof(hang), "%s/hang", folder);
    copy_module("late", path);
    assert_int_equal(open_noted((struct token_config){.modules = modules,
                                                      .module_count = 2,
                                                      .load_ms = 60000,
                                                      .trial_ms = load_ms}),
                     TOKENS_OK);
    check_loading("late");
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
    assert_int_equal(unlink(hang), 0);
    check_not_loaded("tokens were in use");
    assert_true(token_is_logged_in(token));
}

/* That is no news of whether it can be loaded. */
static void
one_whose_trial_is_killed_is_left_out(void **state)
{
    char path[128], pid_file[128];
    const struct token_module modules[] = {{.name = "late", .path = path}};
    long pid = 0;

    (void)state;
    snprintf(pid_file, sizeof(pid_file), "%s/pid", folder);
    write_file("pid", "");
    setenv("HANG_PID", pid_file, 1);
    copy_module("late", path);
    assert_int_equal(open_noted((struct token_config){.modules = modules,
                                                      .module_count = 1,
                                                      .trial_ms = load_ms}),
                     TOKENS_OK);
    unsetenv("HANG_PID");
    check_loading("late");
    FILE *f = fopen(pid_file, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld", &pid), 1);
    fclose(f);
    assert_true(pid > 1);
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
    wait_for_state("late", TOKEN_MODULE_SKIPPED);
    assert_false(is_mapped("late.so"));
}

/* Signals that nobody handles here, and an end in order: each would have ended
 * this process. */
static void
check_crash(const char *number)
{
    static const struct token_module modules[] = {
        {.name = "good", .path = FAULTMOD_PATH},
        {.name = "crash", .path = HANGMOD_PATH}};
    struct token_module_info info;

    setenv("HANG_CRASHES", number, 1);
    assert_int_equal(open_noted((struct token_config){.modules = modules,
                                                      .module_count = 2,
                                                      .trial_ms = load_ms}),
                     TOKENS_OK);
    unsetenv("HANG_CRASHES");
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    info_of("crash", &info);
    assert_int_equal(info.state, TOKEN_MODULE_SKIPPED);
    assert_string_equal(info.hang.call, "dlopen");
    assert_int_equal(info.hang.ms, 0);
    token_store_drop(&store);
    memset(notes, 0, TOKEN_NOTES_BYTES);
}

static void
one_that_ends_its_process_as_it_is_loaded_is_left_out(void **state)
{
    const struct sigaction noting = {.sa_handler = note_and_end};
    struct sigaction before;

    (void)state;
    assert_int_equal(sigaction(SIGABRT, &noting, &before), 0);
    check_crash("6"); /* SIGABRT */
    assert_int_equal(sigaction(SIGABRT, &before, NULL), 0);
    check_crash("5");  /* SIGTRAP */
    check_crash("9");  /* SIGKILL, as when memory is out */
    check_crash("14"); /* SIGALRM */
    check_crash("0");
}

static void
one_of_p11_kit_that_ends_its_process_is_left_out(void **state)
{
    struct token_module_info info;

    (void)state;
    setenv("HANG_CRASHES", "5", 1);
    assert_int_equal(open_noted((struct token_config){.trial_ms = load_ms}),
                     TOKENS_OK);
    unsetenv("HANG_CRASHES");
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    info_of("stuck", &info);
    assert_int_equal(info.state, TOKEN_MODULE_SKIPPED);
    assert_string_equal(info.hang.call, "dlopen");
}

static void
a_file_that_is_named_twice_says_so(void **state)
{
    static const struct token_module modules[] = {
        {.name = "good", .path = FAULTMOD_PATH},
        {.name = "again", .path = FAULTMOD_PATH}};
    struct token_module_info info;

    (void)state;
    assert_int_equal(open_noted((struct token_config){.modules = modules,
                                                      .module_count = 2,
                                                      .trial_ms = load_ms}),
                     TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    info_of("again", &info);
    assert_int_equal(info.state, TOKEN_MODULE_FAILED);
    assert_string_equal(info.why, "the module good has the same file");
}

/* Late ones, too: one child tells of both. */
static void
a_file_that_is_late_is_late_once(void **state)
{
    static const struct token_module modules[] = {
        {.name = "stuck", .path = HANGMOD_PATH},
        {.name = "again", .path = HANGMOD_PATH}};
    struct token_module_info info;

    (void)state;
    assert_int_equal(open_noted((struct token_config){
                         .modules = modules, .module_count = 2, .trial_ms = 1}),
                     TOKENS_OK);
    check_loading("stuck");
    info_of("again", &info);
    assert_int_equal(info.state, TOKEN_MODULE_FAILED);
    assert_string_equal(info.why, "the module stuck has the same file");
}

/* p11-kit's modules, and p11-kit itself, count as the others do. */
static void
those_that_are_left_out_count_towards_the_limit(void **state)
{
    struct token_module modules[MOST - 1];
    struct token_config c = {
        .modules = modules, .module_count = MOST - 1, .use_system = true};
    struct notes *all = notes_open(notes);
    struct token_module_info info;

    (void)state;
    for (size_t i = 0; i < MOST - 1; i++)
        modules[i] = (struct token_module){.name = "none", .path = "/none.so"};
    note_hang(note_find(all, "stuck"), "dlopen", 0);
    note_hang(note_find(all, "(p11-kit)"), "dlopen", 0);
    assert_int_equal(open_noted(c), TOKENS_OK);
    info_of("stuck", &info);
    assert_int_equal(info.state, TOKEN_MODULE_SKIPPED);
    assert_false(token_store_module_info(store, MOST, &info));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_that_comes_back_late_is_used_then,
                                        start, end),
        cmocka_unit_test_setup_teardown(
            one_of_p11_kit_that_comes_back_late_is_used_then, start, end),
        cmocka_unit_test_setup_teardown(
            one_that_comes_back_much_too_late_is_not_loaded, start, end),
        cmocka_unit_test_setup_teardown(
            one_that_comes_back_while_a_token_is_unlocked_is_not_loaded, start,
            end),
        cmocka_unit_test_setup_teardown(one_whose_trial_is_killed_is_left_out,
                                        start, end),
        cmocka_unit_test_setup_teardown(
            one_that_ends_its_process_as_it_is_loaded_is_left_out, start, end),
        cmocka_unit_test_setup_teardown(
            one_of_p11_kit_that_ends_its_process_is_left_out, start, end),
        cmocka_unit_test_setup_teardown(a_file_that_is_named_twice_says_so,
                                        start, end),
        cmocka_unit_test_setup_teardown(a_file_that_is_late_is_late_once, start,
                                        end),
        cmocka_unit_test_setup_teardown(
            those_that_are_left_out_count_towards_the_limit, start, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
