/* Modules that hang: whoever asked is told in time, others go on. */
#include "tests/unit/tokens_two.h"
#include "tokens/write.h"

static enum tokens_err
log_out_and_in(struct token *t)
{
    enum tokens_err e = token_logout(t);

    return e ? e : log_in(t);
}

static enum tokens_err
load_info(struct token *t)
{
    struct token_info info;

    return token_load_info(t, &info);
}

/* WHAT hangs in CALL: it is told in time; nobody waits for the token, and the
 * other token is as fast as ever; when the call comes back, all is well. */
static void
check_hang(const char *call, enum tokens_err (*what)(struct token *))
{
    char plan[64];
    struct late l;
    struct token_hang hang;
    int before = times_told();

    snprintf(plan, sizeof(plan), "%s @ 1\n", call);
    faults(plan);
    late_start(&l, token, what);
    hang_is_late();
    WAIT_UNTIL(times_told() == before + 1);
    assert_string_equal(told_call, call);
    assert_string_equal(told_label, "one");
    assert_ptr_equal(told_request, &l);
    long begun = machine_ms();
    assert_int_equal(sign_on(token, &key), TOKENS_HUNG);
    assert_int_equal(log_in(token), TOKENS_HUNG);
    assert_true(machine_ms() - begun < MINUTE_MS / 2);
    assert_true(token_get_hang(token, &hang));
    assert_string_equal(hang.call, call);
    assert_int_equal(sign_on(second, &second_key), TOKENS_OK);
    assert_false(token_get_hang(second, &hang));
    faults("");
    pthread_join(l.thread, NULL);
    assert_false(token_get_hang(token, &hang));
    assert_int_equal(log_in(token), TOKENS_OK);
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
}

static void
a_call_that_hangs_is_told_in_time_and_the_token_resumes(void **state)
{
    (void)state;
    check_hang("C_Sign", sign_first);
    check_hang("C_SignInit", sign_first);
    check_hang("C_Login", log_out_and_in);
    check_hang("C_OpenSession", log_out_and_in);
    check_hang("C_GetTokenInfo", load_info);
}

static enum tokens_err
list_it(struct token *t)
{
    const struct token_identities *list = NULL;
    enum tokens_err e = token_identities_read(t, &list);

    if (list)
        token_identities_drop(&list);
    return e;
}

static void
a_list_waits_only_so_long_and_shows_what_was_read_before(void **state)
{
    const struct token_identities *list = NULL;
    struct token_hang hang;
    struct late l;

    (void)state;
    assert_int_equal(token_identities_read(second, &list), TOKENS_OK);
    token_identities_drop(&list);
    assert_int_equal(token_logout(second), TOKENS_OK);
    /* Nothing is cached of the second token now. */
    faults("C_FindObjectsInit @ 1\n");
    late_start(&l, second, list_it);
    hang_is_late();
    WAIT_UNTIL(token_get_hang(second, &hang));
    clock_skip(MINUTE_MS);
    pthread_join(l.thread, NULL);
    assert_int_equal(l.result, TOKENS_HUNG);
    faults("");
    WAIT_UNTIL(list_it(second) == TOKENS_OK);
    assert_int_equal(log_in(second), TOKENS_OK);
    /* The first one is busy with a signature, and read before. */
    faults("C_Sign @ 1\n");
    late_start(&l, token, sign_first);
    hang_is_late();
    WAIT_UNTIL(times_told() == 1);
    assert_int_equal(token_identities_read(token, &list), TOKENS_OK);
    assert_true(list->count > 0);
    token_identities_drop(&list);
    faults("");
    pthread_join(l.thread, NULL);
}

static void
what_is_late_is_not_imported(void **state)
{
    struct token_import *i = NULL;
    struct soft_key late_key;
    bool already = false;

    (void)state;
    /* The library gives an import four minutes; here it is as if they were
     * over when it wants to keep what it made. */
    soft_ec(&late_key);
    token_store_drop(&store);
    assert_int_equal(open_store_with((struct token_config){
                         .long_ms = MINUTE_MS, .operation_ms = MINUTE_MS}),
                     TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    assert_int_equal(log_in(token), TOKENS_OK);
    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    assert_int_equal(token_import_add_key(i, &late_key.parts, &already),
                     TOKENS_OK);
    struct token_hang hang;
    clock_skip(MINUTE_MS);
    WAIT_UNTIL(token_get_hang(token, &hang));
    assert_int_equal(token_import_seal(i), TOKENS_HUNG);
    assert_int_equal(token_import_commit(i), TOKENS_HUNG);
    token_import_drop(&i);
    assert_int_equal(sign_on(token, &late_key), TOKENS_NO_KEY);
    /* What waits for another token is not late; what is as good as done may
     * be, of which only others are told. */
    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    token_import_rest(i);
    clock_skip(3 * MINUTE_MS);
    token_import_work(i);
    assert_int_equal(token_import_add_key(i, &late_key.parts, &already),
                     TOKENS_OK);
    assert_int_equal(token_import_seal(i), TOKENS_OK);
    clock_skip(3 * MINUTE_MS);
    WAIT_UNTIL(token_get_hang(token, &hang));
    assert_int_equal(token_import_commit(i), TOKENS_OK);
    token_import_drop(&i);
    assert_int_equal(sign_on(token, &late_key), TOKENS_OK);
    soft_drop(&late_key);
}

static struct soft_key made;

static enum tokens_err
import_made(struct token *t)
{
    struct token_import *i = NULL;
    bool already = false;
    enum tokens_err e = token_import_begin(t, &i);

    if (e == TOKENS_OK)
        e = token_import_add_key(i, &made.parts, &already);
    if (e == TOKENS_OK)
        e = token_import_seal(i);
    if (e == TOKENS_OK)
        e = token_import_commit(i);
    token_import_drop(&i);
    return e;
}

/* The journal could not be closed. */
static enum tokens_err
take_back_made(struct token *t)
{
    struct token_import *i = NULL;
    bool already = false;
    enum tokens_err e = token_import_begin(t, &i);

    if (e == TOKENS_OK)
        e = token_import_add_key(i, &made.parts, &already);
    if (e == TOKENS_OK)
        e = token_import_seal(i);
    if (e == TOKENS_OK)
        e = token_import_rollback(i);
    token_import_drop(&i);
    return e;
}

/* It is done, so that whoever asked is not told otherwise; the others are. */
static void
an_import_that_hangs_in_its_end_holds_up_nobody_else(void **state)
{
    struct token_hang hang;
    struct late l;

    (void)state;
    soft_ec(&made);
    faults("C_CloseSession @ 1\n");
    late_start(&l, token, import_made);
    hang_is_late();
    WAIT_UNTIL(token_get_hang(token, &hang));
    assert_string_equal(hang.call, "C_CloseSession");
    assert_int_equal(sign_on(token, &key), TOKENS_HUNG);
    assert_int_equal(times_told(), 0);
    faults("");
    pthread_join(l.thread, NULL);
    assert_int_equal(l.result, TOKENS_OK);
    assert_int_equal(sign_on(token, &made), TOKENS_OK);
    soft_drop(&made);
}

static void
what_is_taken_back_after_all_is_told_when_it_hangs(void **state)
{
    struct late l;

    (void)state;
    soft_ec(&made);
    token_store_drop(&store);
    assert_int_equal(
        open_store_with((struct token_config){
            .hung = hung, .long_ms = MINUTE_MS, .operation_ms = MINUTE_MS}),
        TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    assert_int_equal(log_in(token), TOKENS_OK);
    faults("C_DestroyObject @ 1\n");
    late_start(&l, token, take_back_made);
    hang_is_late();
    WAIT_UNTIL(times_told() == 1);
    assert_string_equal(told_call, "C_DestroyObject");
    assert_ptr_equal(told_request, &l);
    faults("");
    pthread_join(l.thread, NULL);
    assert_int_equal(sign_on(token, &made), TOKENS_NO_KEY);
    soft_drop(&made);
}

static enum tokens_err
refresh_store(struct token *t)
{
    (void)t;
    return token_store_refresh(store, 0);
}

static void
a_module_that_hangs_is_named_and_not_waited_for(void **state)
{
    struct token_module_info info;
    struct late l;
    long begun;

    (void)state;
    faults("C_GetSlotList @ 1\n");
    late_start(&l, token, refresh_store);
    hang_is_late();
    clock_skip(1); /* it is late when more than the minute is over */
    pthread_join(l.thread, NULL);
    assert_int_equal(l.result, TOKENS_BUSY);
    WAIT_UNTIL(token_store_module_info(store, 0, &info) && info.hangs);
    assert_string_equal(info.name, "fault");
    assert_string_equal(info.hang.call, "C_GetSlotList");
    begun = machine_ms();
    assert_int_equal(token_store_refresh(store, 0), TOKENS_BUSY);
    assert_true(machine_ms() - begun < MINUTE_MS / 2);
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
    faults("");
    WAIT_UNTIL(token_store_refresh(store, 0) == TOKENS_OK);
    assert_true(token_store_module_info(store, 0, &info) && !info.hangs);
    assert_false(token_store_module_info(store, 1, &info));
}

static void
a_module_in_use_is_not_started_anew_under_whoever_uses_it(void **state)
{
    struct late l;

    (void)state;
    faults("C_Sign @ 1\n");
    late_start(&l, token, sign_first);
    hang_is_late();
    WAIT_UNTIL(times_told() == 1);
    assert_int_equal(token_store_rescan(store), TOKENS_BUSY);
    assert_true(token_is_logged_in(token));
    faults("");
    pthread_join(l.thread, NULL);
    assert_int_equal(token_store_rescan(store), TOKENS_OK);
    assert_false(token_is_logged_in(token));
    assert_int_equal(log_in(token), TOKENS_OK);
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
    assert_int_equal(log_in(second), TOKENS_OK);
}

int
main(void)
{
    /* No look at the slots walks into what is laid out for somebody else. */
    look_ms = 3600 * 1000;
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_call_that_hangs_is_told_in_time_and_the_token_resumes),
        WITH_STORE(a_list_waits_only_so_long_and_shows_what_was_read_before),
        WITH_STORE(what_is_late_is_not_imported),
        WITH_STORE(an_import_that_hangs_in_its_end_holds_up_nobody_else),
        WITH_STORE(what_is_taken_back_after_all_is_told_when_it_hangs),
        WITH_STORE(a_module_that_hangs_is_named_and_not_waited_for),
        WITH_STORE(a_module_in_use_is_not_started_anew_under_whoever_uses_it),
    };

    return cmocka_run_group_tests(tests, start, end);
}
