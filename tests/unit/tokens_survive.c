/* What a token agent must survive: modules that hang or lie, tokens that
 * leave, come back and move, tokens with one session, two of one name. */
#include "tests/unit/tokens_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

static struct soft_key key, second_key;
static struct token *second;
static unsigned limit_ms = 200; /* of an operation */

/* ---- who is told ----------------------------------------------------------
 */

static pthread_mutex_t told_mutex = PTHREAD_MUTEX_INITIALIZER;
static int told;
static void *told_request;
static char told_call[32], told_label[TOKEN_LABEL_BYTES];

static void
hung(void *arg, void *request, const struct token_info *info,
     const struct token_hang *hang)
{
    (void)arg;
    pthread_mutex_lock(&told_mutex);
    told++;
    told_request = request;
    snprintf(told_call, sizeof(told_call), "%s", hang->call);
    snprintf(told_label, sizeof(told_label), "%s", info->label);
    pthread_mutex_unlock(&told_mutex);
}

static int
times_told(void)
{
    pthread_mutex_lock(&told_mutex);
    int n = told;
    pthread_mutex_unlock(&told_mutex);
    return n;
}

static long
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

#define WAIT_UNTIL(condition)                                                  \
    do {                                                                       \
        long end_ = now_ms() + 10000;                                          \
        while (!(condition) && now_ms() < end_)                                \
            usleep(2000);                                                      \
        assert_true(condition);                                                \
    } while (0)

/* ---- a world of two tokens -------------------------------------------------
 */

static enum tokens_err
sign_on(struct token *t, const struct soft_key *k)
{
    uint8_t digest[32] = {0}, sig[TOKEN_SIGNATURE_BYTES];
    size_t n = 0;

    return token_sign(t, k->id, 20, TOKEN_ECDSA, TOKEN_HASH_SHA256, digest, 32,
                      NULL, sig, sizeof(sig), &n);
}

static enum tokens_err
log_in(struct token *t)
{
    return token_login(t, (const uint8_t *)PIN, 6);
}

static int
start(void **state)
{
    fixture_start(state);
    make_token("two");
    raw->C_Finalize(NULL);
    soft_ec(&key);
    soft_ec(&second_key);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    soft_drop(&key);
    soft_drop(&second_key);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static void
use_key(struct token *t, const struct soft_key *k)
{
    struct token_import *i = NULL;
    bool already = false;

    assert_int_equal(log_in(t), TOKENS_OK);
    assert_int_equal(token_import_begin(t, &i), TOKENS_OK);
    assert_int_equal(token_import_add_key(i, &k->parts, &already), TOKENS_OK);
    assert_int_equal(token_import_commit(i), TOKENS_OK);
    token_import_drop(&i);
    assert_int_equal(sign_on(t, k), TOKENS_OK);
}

static int
start_store(void **state)
{
    struct token_config c = {.hung = hung,
                             .operation_ms = limit_ms,
                             .list_ms = limit_ms,
                             .start_timeout_ms = 500,
                             .poll_ms = 100};

    (void)state;
    faults("");
    told = 0;
    assert_int_equal(open_store_with(c), TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    assert_int_equal(token_store_find(store, "two", &second), TOKENS_OK);
    use_key(token, &key);
    use_key(second, &second_key);
    return 0;
}

static int
end_store(void **state)
{
    (void)state;
    faults("");
    token_store_drop(&store);
    return 0;
}

/* ---- hanging ---------------------------------------------------------------
 */

struct late {
    enum tokens_err (*what)(struct token *t);
    struct token *t;
    enum tokens_err result;
    pthread_t thread;
};

static void *
late_main(void *arg)
{
    struct late *l = arg;

    tokens_request_begin(l);
    l->result = l->what(l->t);
    return NULL;
}

static void
late_start(struct late *l, struct token *t,
           enum tokens_err (*what)(struct token *))
{
    *l = (struct late){.what = what, .t = t};
    assert_int_equal(pthread_create(&l->thread, NULL, late_main, l), 0);
}

static enum tokens_err
sign_first(struct token *t)
{
    return sign_on(t, &key);
}

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
    WAIT_UNTIL(times_told() == before + 1);
    assert_string_equal(told_call, call);
    assert_string_equal(told_label, "one");
    assert_ptr_equal(told_request, &l);
    long begun = now_ms();
    assert_int_equal(sign_on(token, &key), TOKENS_HUNG);
    assert_int_equal(log_in(token), TOKENS_HUNG);
    assert_true(now_ms() - begun < (long)limit_ms);
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

static bool
is_listed(struct token *t)
{
    const struct token_identities *list = NULL;
    bool listed = token_identities_read(t, &list) == TOKENS_OK;

    if (listed)
        token_identities_drop(&list);
    return listed;
}

static void
a_list_waits_only_so_long_and_shows_what_was_read_before(void **state)
{
    const struct token_identities *list = NULL;
    struct late l;
    long begun;

    (void)state;
    assert_int_equal(token_identities_read(second, &list), TOKENS_OK);
    token_identities_drop(&list);
    assert_int_equal(token_logout(second), TOKENS_OK);
    /* Nothing is cached of the second token now. */
    faults("C_FindObjectsInit @ 1\n");
    begun = now_ms();
    assert_int_equal(token_identities_read(second, &list), TOKENS_HUNG);
    assert_true(now_ms() - begun < 5000);
    faults("");
    WAIT_UNTIL(is_listed(second));
    assert_int_equal(log_in(second), TOKENS_OK);
    /* The first one is busy with a signature, and read before. */
    faults("C_Sign @ 1\n");
    late_start(&l, token, sign_first);
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
                         .long_ms = 50, .operation_ms = limit_ms}),
                     TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    assert_int_equal(log_in(token), TOKENS_OK);
    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    assert_int_equal(token_import_add_key(i, &late_key.parts, &already),
                     TOKENS_OK);
    struct token_hang hang;
    WAIT_UNTIL(token_get_hang(token, &hang));
    assert_int_equal(token_import_commit(i), TOKENS_HUNG);
    token_import_drop(&i);
    assert_int_equal(sign_on(token, &late_key), TOKENS_NO_KEY);
    soft_drop(&late_key);
}

static void
a_module_that_hangs_is_named_and_not_waited_for(void **state)
{
    struct token_module_info info;
    long begun;

    (void)state;
    faults("C_GetSlotList @ 1\n");
    assert_int_equal(token_store_refresh(store, 0), TOKENS_BUSY);
    WAIT_UNTIL(token_store_module_info(store, 0, &info) && info.hangs);
    assert_string_equal(info.name, "fault");
    assert_string_equal(info.hang.call, "C_GetSlotList");
    begun = now_ms();
    assert_int_equal(token_store_refresh(store, 0), TOKENS_BUSY);
    assert_true(now_ms() - begun < 400);
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
    faults("");
    WAIT_UNTIL(token_store_refresh(store, 5000) == TOKENS_OK);
    assert_true(token_store_module_info(store, 0, &info) && !info.hangs);
    assert_false(token_store_module_info(store, 1, &info));
}

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
    WAIT_UNTIL(fault_count("C_Sign") > 0);
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

    (void)state;
    faults("slots 1000\n");
    assert_int_equal(sign_on(token, &key), TOKENS_LOCKED);
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
    /* Not before the module had five seconds. */
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
    usleep(5200 * 1000); /* as long as a module has before its next start */
    assert_int_equal(token_store_find(store, "three", &t), TOKENS_ABSENT);
    assert_int_equal(fault_count("C_Finalize"), 0);
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
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

    (void)state;
    faults("C_Sign =100000 1\n");
    assert_int_not_equal(sign_on(token, &key), TOKENS_OK);
    faults("");
    assert_int_equal(sign_on(token, &key), TOKENS_OK);
    faults("C_GetSlotList =100000 2\n");
    (void)token_store_refresh(store, 5000);
    faults("");
    assert_int_equal(token_store_refresh(store, 5000), TOKENS_OK);
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

/* ---- two tokens at once
 * ------------------------------------------------------
 */

static void *
sign_second_often(void *arg)
{
    for (int i = 0; i < 20; i++)
        if (sign_on(second, &second_key) != TOKENS_OK)
            *(int *)arg += 1;
    return NULL;
}

/* Not a matter of time: the fast token does all its work while the other one
 * is in its only signature. */
static void
a_slow_token_does_not_slow_the_other(void **state)
{
    struct late slow;
    int failed = 0;

    (void)state;
    faults("C_Sign @ 1\n");
    fault_reset();
    late_start(&slow, token, sign_first);
    WAIT_UNTIL(fault_count("C_Sign") == 1);
    sign_second_often(&failed);
    assert_int_equal(failed, 0);
    assert_int_equal(fault_count("C_Sign"), 21);
    assert_int_equal(slow.result, TOKENS_OK);
    faults("");
    pthread_join(slow.thread, NULL);
    assert_int_equal(slow.result, TOKENS_OK);
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
        struct token_config c = {.notes = notes, .operation_ms = 20000};
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

#define WITH_STORE(test)                                                       \
    cmocka_unit_test_setup_teardown(test, start_store, end_store)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_call_that_hangs_is_told_in_time_and_the_token_resumes),
        WITH_STORE(a_list_waits_only_so_long_and_shows_what_was_read_before),
        WITH_STORE(what_is_late_is_not_imported),
        WITH_STORE(a_module_that_hangs_is_named_and_not_waited_for),
        WITH_STORE(
            a_token_taken_out_while_idle_is_noticed_and_needs_its_pin_again),
        WITH_STORE(a_token_taken_out_and_put_back_during_a_signature),
        WITH_STORE(a_token_in_another_reader_is_the_same_token),
        WITH_STORE(a_token_noticed_only_at_the_start_is_found_by_starting_anew),
        WITH_STORE(a_module_is_not_started_anew_while_a_token_is_logged_in),
        WITH_STORE(a_token_of_one_session_works),
        WITH_STORE(a_module_that_lies_about_counts_gets_an_error),
        WITH_STORE(a_signature_is_two_calls_also_with_keys_in_turn),
        WITH_STORE(a_slow_token_does_not_slow_the_other),
        cmocka_unit_test_teardown(
            a_module_that_ends_the_process_at_its_start_is_left_out, end_store),
        cmocka_unit_test_teardown(
            one_that_ends_it_in_an_operation_gets_two_more_chances, end_store),
    };

    return cmocka_run_group_tests(tests, start, end);
}
