/* What a token agent must survive: tokens that leave, come back and move, that
 * fail once or for ever, tokens with one session, modules that lie or end the
 * process, a suspend. */
#include "tests/unit/tokens_two.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define SOME_TIME_MS                                                           \
    10000 /* a module is not started anew within five seconds */

/* ---- leaving and coming back ------------------------------------------------
 */

static void
a_token_taken_out_while_idle_is_noticed_and_needs_its_pin_again(void **state)
{
    struct token_info info;

    (void)state;
    faults("removed\n");
    WAIT_UNTIL((token_get_info(token, &info), !info.present));
    assert_false(info.logged_in);
    assert_int_equal(sign_on(token, &key), TOKENS_ABSENT);
    faults("");
    WAIT_UNTIL((token_get_info(token, &info), info.present));
    fault_reset();
    assert_int_equal(sign_on(token, &key), TOKENS_LOCKED);
    assert_int_equal(fault_count("C_Login"), 0);
    assert_int_equal(log_in(token), TOKENS_OK);
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
}

static void
a_token_taken_out_and_put_back_during_a_signature(void **state)
{
    struct late l;

    (void)state;
    /* Hangs in the reader while it is away; back in before anybody looks. */
    faults("C_Sign @ 1\nC_GetSlotList ~1 0\n");
    late_start(&l, token, sign_first);
    WAIT_UNTIL(fault_hanging() == 1);
    fault_reset();
    faults("removed\n");
    pthread_join(l.thread, NULL);
    assert_int_not_equal(l.result, TOKENS_MESSAGE);
    faults("");
    WAIT_UNTIL(token_store_refresh(store, 0) == TOKENS_OK);
    assert_int_equal(fault_count("C_Login"), 0);
    assert_int_equal(log_in(token), TOKENS_OK);
    assert_int_equal(fault_count("C_Login"), 1);
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
}

static void
a_token_in_another_reader_is_the_same_token(void **state)
{
    struct token *again = NULL;
    struct token_info info;

    (void)state;
    faults("slots 1000\n");
    assert_int_equal(sign_on(token, &key), TOKENS_LOCKED);
    /* Before a PIN is asked for its tries are, and it may move once more. */
    faults("slots 2000\n");
    assert_int_equal(token_load_info(token, &info), TOKENS_OK);
    assert_true(info.present);
    assert_int_equal(log_in(token), TOKENS_OK);
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &again), TOKENS_OK);
    assert_ptr_equal(again, token);
    faults("");
    assert_int_equal(log_in(token), TOKENS_OK);
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
}

static void
a_token_noticed_only_at_the_start_is_found_by_starting_anew(void **state)
{
    struct token_info info;

    (void)state;
    faults("unnoticed\n");
    WAIT_UNTIL((token_get_info(token, &info), !info.present));
    fault_reset();
    clock_skip(SOME_TIME_MS);
    WAIT_UNTIL(log_in(token) == TOKENS_OK);
    assert_int_equal(fault_count("C_Initialize"), 1);
    assert_int_equal(fault_count("C_Login"), 1);
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
}

static void
a_module_is_not_started_anew_while_a_token_is_logged_in(void **state)
{
    struct token *t = NULL;

    (void)state;
    fault_reset();
    clock_skip(SOME_TIME_MS);
    assert_int_equal(token_store_find(store, "three", &t), TOKENS_ABSENT);
    assert_int_equal(fault_count("C_Finalize"), 0);
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
}

/* What SoftHSM does when another process writes the file of a token. */
static void
a_token_its_module_lost_keeps_its_login_and_is_found_again(void **state)
{
    (void)state;
    faults("broken\n");
    fault_reset();
    WAIT_UNTIL(fault_count("C_GetTokenInfo") > 2);
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
    assert_int_equal(token_logout(token), TOKENS_OK);
    assert_int_equal(token_logout(second), TOKENS_OK);
    clock_skip(SOME_TIME_MS);
    WAIT_UNTIL(fault_count("C_Initialize") == 1);
    assert_int_equal(log_in(token), TOKENS_OK);
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
    assert_int_equal(fault_count("C_Initialize"), 1);
}

/* ---- failing ----------------------------------------------------------------
 */

static void
a_device_error_once_is_one_retry(void **state)
{
    (void)state;
    faults("token one\nC_Sign 0x30 1\n");
    fault_reset();
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
    assert_int_equal(fault_count("C_Sign"), 2);
    assert_int_equal(fault_count("C_Login"), 0);
    assert_true(token_is_logged_in(token));
}

static void
a_device_error_for_ever_is_told_and_the_other_token_goes_on(void **state)
{
    (void)state;
    faults("token one\nC_Sign 0x30 -1\n");
    fault_reset();
    assert_int_equal(sign_on(token, &key), TOKENS_FAILED);
    assert_int_equal(tokens_last_rv(), CKR_DEVICE_ERROR);
    assert_string_equal(tokens_last_call(), "C_Sign");
    assert_int_equal(fault_count("C_Sign"), 2);
    fault_reset();
    assert_int_equal(sign_on(second, &second_key), TOKENS_OK);
    assert_int_equal(fault_count("C_Sign"), 1);
    assert_int_equal(fault_count("C_Login"), 0);
    faults("");
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
}

/* As the module of a TPM does it: C_Sign fails and the session stays in the
 * middle of the operation. */
static void
a_session_stuck_in_an_operation_is_closed_and_the_next_works(void **state)
{
    (void)state;
    faults("token one\nC_Sign 0x90 1\n");
    fault_reset();
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
    assert_int_equal(fault_count("C_CloseSession"), 1);
    faults("token one\nC_SignInit 0x90 -1\n");
    fault_reset();
    assert_int_equal(sign_on(token, &key), TOKENS_FAILED);
    assert_int_equal(tokens_last_rv(), CKR_OPERATION_ACTIVE);
    assert_int_equal(fault_count("C_SignInit"), 2);
    faults("");
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
    assert_int_equal(fault_count("C_Login"), 0);
}

/* ---- a suspend --------------------------------------------------------------
 */

static void
after_a_suspend_one_login_is_enough(void **state)
{
    (void)state;
    faults("slept\n");
    fault_reset();
    assert_int_equal(sign_on(token, &key), TOKENS_LOCKED);
    assert_int_equal(sign_on(second, &second_key), TOKENS_LOCKED);
    assert_int_equal(fault_count("C_Login"), 0);
    assert_int_equal(log_in(token), TOKENS_OK);
    assert_int_equal(log_in(second), TOKENS_OK);
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
    assert_int_equal(sign_on(second, &second_key), TOKENS_OK);
    assert_int_equal(fault_count("C_Login"), 2);
}

/* The call comes back long after its time, and its session is gone. */
static void
a_suspend_in_the_middle_of_a_signature(void **state)
{
    struct late l;

    (void)state;
    faults("token one\nC_Sign @ 1\n");
    late_start(&l, token, sign_first);
    hang_is_late();
    WAIT_UNTIL(times_told() == 1);
    assert_int_equal(sign_on(token, &key), TOKENS_HUNG);
    faults("slept\n");
    pthread_join(l.thread, NULL);
    assert_int_equal(l.result, TOKENS_HUNG);
    fault_reset();
    assert_int_equal(log_in(token), TOKENS_OK);
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
    assert_int_equal(fault_count("C_Login"), 1);
}

/* ---- events -----------------------------------------------------------------
 */

/* A look at the slots by the clock would come after an hour. */
static int
start_events(void **state)
{
    (void)state;
    faults("events\n");
    assert_int_equal(
        open_store_with((struct token_config){.poll_ms = 3600 * 1000}),
        TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    assert_int_equal(log_in(token), TOKENS_OK);
    return 0;
}

static void
what_a_module_reports_is_noticed_at_once(void **state)
{
    struct token_info info;

    (void)state;
    for (int i = 0; i < 2; i++) {
        faults("events\nremoved\n");
        WAIT_UNTIL((token_get_info(token, &info), !info.present));
        assert_false(info.logged_in);
        faults("events\n");
        WAIT_UNTIL((token_get_info(token, &info), info.present));
    }
    assert_int_equal(info.insertion, 3);
    assert_int_equal(log_in(token), TOKENS_OK);
}

/* Nobody is given up: that would take a second, and the clock stands. */
static void
whoever_waits_for_events_ends_with_the_store(void **state)
{
    char path[128], line[64], last[64] = "";

    (void)state;
    snprintf(path, sizeof(path), "%s/record", folder);
    setenv("FAULT_RECORD", path, 1);
    clock_freeze(true);
    token_store_drop(&store);
    clock_freeze(false);
    unsetenv("FAULT_RECORD");
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f))
        if (strstr(line, "-C_WaitForSlotEvent"))
            strcpy(last, line);
    fclose(f);
    assert_true(last[0] != '\0');
}

/* ---- odd tokens -------------------------------------------------------------
 */

static void
a_token_of_one_session_works(void **state)
{
    (void)state;
    token_store_drop(&store);
    assert_int_equal(open_store_with((struct token_config){0}), TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    /* No session but the one a login begins with. */
    faults("C_OpenSession 0xb1 -1 1\n");
    assert_int_equal(log_in(token), TOKENS_OK);
    fault_reset();
    for (int i = 0; i < 3; i++)
        assert_int_equal(sign_on(token, &key), TOKENS_OK);
    assert_int_equal(fault_count("C_Login"), 0);
    assert_int_equal(fault_count("C_OpenSession"), 0);
    assert_true(token_is_logged_in(token));
    assert_int_equal(token_logout(token), TOKENS_OK);
    assert_int_equal(sign_on(token, &key), TOKENS_FAILED);
    assert_int_equal(tokens_last_rv(), 0xb1);
}

static void
a_module_that_lies_about_counts_gets_an_error(void **state)
{
    const struct token_identities *list = NULL;
    struct token_module_info m;

    (void)state;
    faults("C_Sign =100000 1\n");
    assert_int_not_equal(sign_on(token, &key), TOKENS_OK);
    faults("");
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
    faults("C_GetSlotList =100000 2\n");
    (void)token_store_refresh(store, MINUTE_MS);
    faults("");
    assert_int_equal(token_store_refresh(store, MINUTE_MS), TOKENS_OK);
    /* More slots came between its size and the list. */
    faults("C_GetSlotList 0x150 1 1\n");
    assert_int_equal(token_store_refresh(store, MINUTE_MS), TOKENS_OK);
    assert_true(token_store_module_info(store, 0, &m));
    assert_int_equal(m.rv, 0);
    faults("");
    assert_int_equal(token_logout(second), TOKENS_OK);
    faults("C_FindObjects =100000 1\n");
    assert_int_equal(token_identities_read(second, &list), TOKENS_FAILED);
    assert_null(list);
}

static unsigned long
all_calls(void)
{
    /* The thread that looks at slots goes on meanwhile. */
    return fault_count(NULL) - fault_count("C_GetSlotList") -
           fault_count("C_GetTokenInfo");
}

static void
a_signature_is_two_calls_also_with_keys_in_turn(void **state)
{
    (void)state;
    import_key(&second_key);
    assert_int_equal(sign_on(token, &second_key), TOKENS_OK);
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
    fault_reset();
    for (int i = 0; i < 10; i++)
        assert_int_equal(sign_on(token, i % 2 ? &key : &second_key), TOKENS_OK);
    assert_int_equal(fault_count("C_SignInit"), 10);
    assert_int_equal(fault_count("C_Sign"), 10);
    assert_int_equal(all_calls(), 20);
}

/* ---- crashing ---------------------------------------------------------------
 */

static void
end_noted(int number)
{
    tokens_note_crash();
    _exit(100 + number);
}

/* In a process of its own; gives its exit code. */
static int
run_until_it_ends(void *notes)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        signal(SIGSEGV, end_noted);
        struct token_config c = {.notes = notes};
        if (open_store_with(c) != TOKENS_OK ||
            token_store_find(store, "one", &token) != TOKENS_OK ||
            log_in(token) != TOKENS_OK)
            _exit(1);
        _exit(sign_on(token, &key) == TOKENS_OK ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void *
notes_new(void)
{
    void *notes = mmap(NULL, TOKEN_NOTES_BYTES, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(notes, MAP_FAILED);
    return notes;
}

static void
check_skipped(void *notes, const char *call)
{
    struct token_module_info info;

    assert_int_equal(open_store_with((struct token_config){.notes = notes}),
                     TOKENS_OK);
    assert_true(token_store_module_info(store, 0, &info));
    assert_int_equal(info.state, TOKEN_MODULE_SKIPPED);
    assert_string_equal(info.hang.call, call);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_ABSENT);
    token_store_drop(&store);
}

static void
a_module_that_ends_the_process_at_its_start_is_left_out(void **state)
{
    void *notes = notes_new();

    (void)state;
    faults("C_Initialize % -1\n");
    assert_int_equal(run_until_it_ends(notes), 100 + SIGSEGV);
    check_skipped(notes, "C_Initialize");
    munmap(notes, TOKEN_NOTES_BYTES);
}

static void
one_that_ends_it_in_an_operation_gets_two_more_chances(void **state)
{
    void *notes = notes_new();

    (void)state;
    for (int i = 0; i < 3; i++) {
        faults("");
        assert_int_equal(run_until_it_ends(notes), 0);
        faults("C_Sign % -1\n");
        assert_int_equal(run_until_it_ends(notes), 100 + SIGSEGV);
    }
    check_skipped(notes, "C_Sign");
    munmap(notes, TOKEN_NOTES_BYTES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(
            a_token_taken_out_while_idle_is_noticed_and_needs_its_pin_again),
        WITH_STORE(a_token_taken_out_and_put_back_during_a_signature),
        WITH_STORE(a_token_in_another_reader_is_the_same_token),
        WITH_STORE(a_token_noticed_only_at_the_start_is_found_by_starting_anew),
        WITH_STORE(a_module_is_not_started_anew_while_a_token_is_logged_in),
        WITH_STORE(a_token_its_module_lost_keeps_its_login_and_is_found_again),
        WITH_STORE(a_device_error_once_is_one_retry),
        WITH_STORE(a_device_error_for_ever_is_told_and_the_other_token_goes_on),
        WITH_STORE(
            a_session_stuck_in_an_operation_is_closed_and_the_next_works),
        WITH_STORE(after_a_suspend_one_login_is_enough),
        WITH_STORE(a_suspend_in_the_middle_of_a_signature),
        cmocka_unit_test_setup_teardown(
            what_a_module_reports_is_noticed_at_once, start_events, end_store),
        cmocka_unit_test_setup_teardown(
            whoever_waits_for_events_ends_with_the_store, start_events,
            end_store),
        WITH_STORE(a_token_of_one_session_works),
        WITH_STORE(a_module_that_lies_about_counts_gets_an_error),
        WITH_STORE(a_signature_is_two_calls_also_with_keys_in_turn),
        cmocka_unit_test_teardown(
            a_module_that_ends_the_process_at_its_start_is_left_out, end_store),
        cmocka_unit_test_teardown(
            one_that_ends_it_in_an_operation_gets_two_more_chances, end_store),
    };

    return cmocka_run_group_tests(tests, start, end);
}
