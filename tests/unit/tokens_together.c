/* Operations at the same time: on one token as many as its module was
 * configured for, on two tokens without one waiting for the other. */
#include "tests/unit/tokens_two.h"

#include <stdatomic.h>

#define CLIENTS 16

/* ---- what the fault module has recorded
 * --------------------------------------
 */

static void
record_begin(void)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/record", folder);
    (void)unlink(path);
    setenv("FAULT_RECORD", path, 1);
}

/* How many C_Sign were under way at once, at most; *out_calls: of how many. */
static int
record_end(int *out_calls)
{
    int now = 0, most = 0;
    char line[64];
    FILE *f = fopen(getenv("FAULT_RECORD"), "r");

    assert_non_null(f);
    *out_calls = 0;
    while (fgets(line, sizeof(line), f)) {
        const char *call = strchr(line, ' ');

        if (!call || strcmp(call + 2, "C_Sign\n") != 0)
            continue;
        *out_calls += call[1] == '+';
        now += call[1] == '+' ? 1 : -1;
        most = now > most ? now : most;
    }
    fclose(f);
    assert_int_equal(now, 0);
    unsetenv("FAULT_RECORD");
    return most;
}

static enum tokens_err
sign_second(struct token *t)
{
    return sign_on(t, &second_key);
}

/* COUNT clients, each with one signature on A or, every other, on B. The first
 * ones stay in the module until EXPECTED are there. Gives the most that were
 * there at once. */
static int
sign_at_once(int count, struct token *a, struct token *b, unsigned expected,
             int *out_calls)
{
    struct late all[CLIENTS];

    record_begin();
    faults("C_Sign @ -1\n");
    for (int i = 0; i < count; i++)
        late_start(&all[i], i % 2 ? b : a,
                   (i % 2 ? b : a) == second ? sign_second : sign_first);
    WAIT_UNTIL(fault_hanging() == expected);
    faults("C_Sign ~20 -1\n");
    for (int i = 0; i < count; i++) {
        pthread_join(all[i].thread, NULL);
        assert_int_equal(all[i].result, TOKENS_OK);
    }
    faults("");
    return record_end(out_calls);
}

/* ---- one token
 * ----------------------------------------------------------------
 */

static void
open_with_operations(unsigned operations)
{
    const struct token_module modules[] = {
        {.name = "fault", .path = FAULTMOD_PATH, .concurrency = operations}};

    token_store_drop(&store);
    assert_int_equal(
        open_store_with((struct token_config){
            .modules = modules, .module_count = 1, .operation_ms = MINUTE_MS}),
        TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    assert_int_equal(token_store_find(store, "two", &second), TOKENS_OK);
    assert_int_equal(log_in(token), TOKENS_OK);
    assert_int_equal(log_in(second), TOKENS_OK);
}

static void
as_many_operations_as_configured_are_under_way(void **state)
{
    int calls;

    (void)state;
    open_with_operations(1);
    assert_int_equal(sign_at_once(8, token, token, 1, &calls), 1);
    assert_int_equal(calls, 8);
    open_with_operations(4);
    assert_int_equal(sign_at_once(8, token, token, 4, &calls), 4);
    assert_int_equal(calls, 8);
}

/* Both sessions are left in an operation; one try and one retry have to do. */
static void
sessions_that_are_stuck_are_not_used_for_the_retry(void **state)
{
    struct late stuck[2];

    (void)state;
    open_with_operations(2);
    faults("C_Sign @ 2\nC_Sign 0x5 2\n");
    for (int i = 0; i < 2; i++)
        late_start(&stuck[i], token, sign_first);
    WAIT_UNTIL(fault_hanging() == 2);
    faults("");
    for (int i = 0; i < 2; i++) {
        pthread_join(stuck[i].thread, NULL);
        assert_int_equal(stuck[i].result, TOKENS_FAILED);
    }
    fault_reset();
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
    assert_int_equal(fault_count("C_SignInit"), 2);
}

/* ---- two
 * ------------------------------------------------------------------------
 */

static void
sixteen_clients_on_two_tokens_overlap(void **state)
{
    int calls;

    (void)state;
    open_with_operations(1);
    assert_int_equal(sign_at_once(CLIENTS, token, second, 2, &calls), 2);
    assert_int_equal(calls, CLIENTS);
}

/* Not a matter of time: the fast token does all its work while the other one
 * is in its only signature. */
static void
a_token_that_does_not_come_back_does_not_slow_the_other(void **state)
{
    struct late slow;

    (void)state;
    faults("token one\nC_Sign @ 1\n");
    fault_reset();
    late_start(&slow, token, sign_first);
    WAIT_UNTIL(fault_hanging() == 1);
    for (int i = 0; i < 20; i++)
        assert_int_equal(sign_on(second, &second_key), TOKENS_OK);
    assert_int_equal(fault_count("C_Sign"), 21);
    faults("");
    pthread_join(slow.thread, NULL);
    assert_int_equal(slow.result, TOKENS_OK);
}

static atomic_bool enough;

static enum tokens_err
sign_until_enough(struct token *t)
{
    enum tokens_err e = TOKENS_OK;

    while (e == TOKENS_OK && !enough)
        e = sign_on(t, &key);
    return e;
}

/* Two seconds a signature on the one, without a pause. The other one does
 * thirty, each of which would wait for one of those if the tokens had anything
 * in common. */
static void
a_slow_token_at_work_does_not_delay_a_fast_one(void **state)
{
    struct late slow;

    (void)state;
    open_with_operations(1);
    enough = false;
    faults("token one\nC_Sign ~2000 -1\n");
    fault_reset();
    late_start(&slow, token, sign_until_enough);
    WAIT_UNTIL(fault_count("C_Sign") >= 1);
    long begun = machine_ms();
    for (int i = 0; i < 30; i++)
        assert_int_equal(sign_on(second, &second_key), TOKENS_OK);
    assert_true(machine_ms() - begun < 30 * 2000 / 2);
    enough = true;
    pthread_join(slow.thread, NULL);
    assert_int_equal(slow.result, TOKENS_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(as_many_operations_as_configured_are_under_way),
        WITH_STORE(sessions_that_are_stuck_are_not_used_for_the_retry),
        WITH_STORE(sixteen_clients_on_two_tokens_overlap),
        WITH_STORE(a_token_that_does_not_come_back_does_not_slow_the_other),
        WITH_STORE(a_slow_token_at_work_does_not_delay_a_fast_one),
    };

    return cmocka_run_group_tests(tests, start, end);
}
