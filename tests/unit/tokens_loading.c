/* Modules that hang while they are loaded, from agent.conf or from p11-kit's
 * configuration. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/tokens_fixture.h"

#define STUCK 42

/* Many times what the good module takes here and now, and two seconds. */
#define TIMES    20
#define LEAST_MS 2000

static char run[80], package[80], own[80];
static void *notes;
static unsigned load_ms;

/* What it takes to load the good module in a process of its own. */
static unsigned
measured_ms(void)
{
    struct timespec begun, ended;

    clock_gettime(CLOCK_MONOTONIC, &begun);
    pid_t child = fork();
    if (child == 0)
        _exit(dlopen(FAULTMOD_PATH, RTLD_NOW) ? 0 : 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    return (unsigned)((ended.tv_sec - begun.tv_sec) * 1000 +
                      (ended.tv_nsec - begun.tv_nsec) / 1000000);
}

static int
start(void **state)
{
    char path[128];

    fixture_start(state);
    raw->C_Finalize(NULL);
    load_ms = LEAST_MS + TIMES * measured_ms();
    snprintf(run, sizeof(run), "%s/run", folder);
    snprintf(package, sizeof(package), "%s/package", folder);
    snprintf(own, sizeof(own), "%s/own", folder);
    assert_int_equal(mkdir(package, 0700), 0);
    assert_int_equal(mkdir(own, 0700), 0);
    write_file("package/good.module", "# one\nmodule: " FAULTMOD_PATH "\n");
    write_file("package/stuck.module", "module: /none.so\n");
    write_file("own/stuck.module", "module: " HANGMOD_PATH "\n");
    write_file("own/elsewhere.module",
               "module: " HANGMOD_PATH "\nenable-in: another, program\n");
    snprintf(path, sizeof(path), "%s/hang", folder);
    setenv("HANG_WHILE", path, 1);
    write_file("hang", "");
    notes = mmap(NULL, TOKEN_NOTES_BYTES, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(notes, MAP_FAILED);
    return 0;
}

static int
end(void **state)
{
    munmap(notes, TOKEN_NOTES_BYTES);
    return fixture_end(state);
}

static void
note_and_end(int number)
{
    (void)number;
    tokens_note_crash();
    _exit(1);
}

static void
end_stuck(void *arg, const char *name)
{
    _exit(strcmp(name, arg) == 0 ? STUCK : 1);
}

/* From p11-kit's configuration when there are no modules. */
static enum tokens_err
open_noted(struct token_config c)
{
    const char *folders[] = {package, own};

    c.notes = notes;
    c.folder = run;
    c.use_system = c.module_count == 0;
    c.system_folders = folders;
    c.load_ms = load_ms;
    c.start_timeout_ms = 60000;
    c.stuck = end_stuck;
    c.stuck_arg = (void *)(uintptr_t) "stuck";
    return token_store_new(&c, &store);
}

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

static bool
is_mapped(const char *what)
{
    FILE *f = fopen("/proc/self/maps", "r");
    char line[512];
    bool found = false;

    assert_non_null(f);
    while (!found && fgets(line, sizeof(line), f))
        found = strstr(line, what) != NULL;
    fclose(f);
    return found;
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

static void
info_of(const char *name, struct token_module_info *out)
{
    size_t i = 0;

    while (token_store_module_info(store, i++, out))
        if (strcmp(out->name, name) == 0)
            return;
    fail_msg("no module %s", name);
}

static void
wait_for_state(const char *name, enum token_module_state state)
{
    const struct timespec glance = {.tv_nsec = 10000000};
    struct token_module_info info;

    do {
        nanosleep(&glance, NULL);
        info_of(name, &info);
    } while (info.state != state);
}

static void
check_loading(const char *name)
{
    struct token_module_info info;

    info_of(name, &info);
    assert_int_equal(info.state, TOKEN_MODULE_STARTING);
    assert_true(info.hangs);
    assert_string_equal(info.hang.call, "dlopen");
}

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
    static const struct token_module modules[] = {
        {.name = "stuck", .path = HANGMOD_PATH},
        {.name = "second", .path = HANGMOD_PATH},
        {.name = "none", .path = "/none.so"},
        {.name = "good", .path = FAULTMOD_PATH},
        {.name = "last", .path = HANGMOD_PATH}};
    struct token_config c = {
        .modules = modules, .module_count = 5, .trial_ms = load_ms};
    struct token_module_info info;
    unsigned long begun = now_ms();

    (void)state;
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
    write_file("package/zzz.module", "module: " HANGMOD_PATH "\n");
    write_file("package/aaa.module", "module: " HANGMOD_PATH "\n");
    assert_int_equal(open_noted(c), TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    assert_false(is_mapped("hangmod"));
    check_loading("aaa");
    check_loading("stuck");
    check_loading("zzz");
    token_store_drop(&store);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* A file of its own, for what this process has loaded once stays loaded. */
static void
copy_module(const char *path)
{
    char bytes[4096];
    size_t n;
    FILE *from = fopen(HANGMOD_PATH, "r");
    FILE *to = fopen(path, "w");

    assert_non_null(from);
    assert_non_null(to);
    while ((n = fread(bytes, 1, sizeof(bytes), from)) > 0)
        assert_int_equal(fwrite(bytes, 1, n, to), n);
    fclose(from);
    assert_int_equal(fclose(to), 0);
}

/* The module late is the good one, behind a constructor that hangs a while. */
static void
check_comes_later(struct token_config c)
{
    char hang[128];

    snprintf(hang, sizeof(hang), "%s/hang", folder);
    setenv("HANG_MODULE", FAULTMOD_PATH, 1);
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
    snprintf(path, sizeof(path), "%s/late.so", folder);
    copy_module(path);
    check_comes_later((struct token_config){
        .modules = modules, .module_count = 1, .trial_ms = 1});
}

static void
one_of_p11_kit_that_comes_back_late_is_used_then(void **state)
{
    const char *allow[] = {"late", NULL};
    char path[128], text[160];

    (void)state;
    snprintf(path, sizeof(path), "%s/late.so", folder);
    copy_module(path);
    snprintf(text, sizeof(text), "module: %s\n", path);
    write_file("own/late.module", text);
    check_comes_later((struct token_config){.allow = allow, .trial_ms = 1});
}

/* It would have ended this process. */
static void
one_that_crashes_as_it_is_loaded_is_left_out(void **state)
{
    static const struct token_module modules[] = {
        {.name = "good", .path = FAULTMOD_PATH},
        {.name = "crash", .path = HANGMOD_PATH}};
    struct token_config c = {
        .modules = modules, .module_count = 2, .trial_ms = load_ms};
    const struct sigaction noting = {.sa_handler = note_and_end};
    struct sigaction before;
    struct token_module_info info;

    (void)state;
    setenv("HANG_CRASHES", "1", 1);
    assert_int_equal(sigaction(SIGABRT, &noting, &before), 0);
    assert_int_equal(open_noted(c), TOKENS_OK);
    assert_int_equal(sigaction(SIGABRT, &before, NULL), 0);
    unsetenv("HANG_CRASHES");
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    info_of("crash", &info);
    assert_int_equal(info.state, TOKEN_MODULE_SKIPPED);
    assert_string_equal(info.hang.call, "dlopen");
    assert_int_equal(info.hang.ms, 0);
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
        cmocka_unit_test_setup_teardown(one_that_comes_back_late_is_used_then,
                                        start, end),
        cmocka_unit_test_setup_teardown(
            one_of_p11_kit_that_comes_back_late_is_used_then, start, end),
        cmocka_unit_test_setup_teardown(
            one_that_crashes_as_it_is_loaded_is_left_out, start, end),
        cmocka_unit_test_setup_teardown(one_that_is_not_wanted_is_not_loaded,
                                        start, end),
        cmocka_unit_test_setup_teardown(
            one_that_comes_back_in_time_is_no_trouble, start, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
