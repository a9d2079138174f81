/*
 * Two tokens in one store, one key on each, for the tests of what a token
 * agent must survive: who is told of calls that hang, and work in a thread of
 * its own.
 */
#ifndef TESTS_UNIT_TOKENS_TWO_H
#define TESTS_UNIT_TOKENS_TWO_H

#include "tests/unit/tokens_clock.h"
#include "tokens/write.h"

static struct soft_key key, second_key;
static struct token *second;
static unsigned look_ms = 100; /* between two looks at the slots */

/* ---- who is told ----------------------------------------------------------
 */

static pthread_mutex_t told_mutex = PTHREAD_MUTEX_INITIALIZER;
static int told;
static UNUSED void *told_request;
static UNUSED char told_call[32], told_label[TOKEN_LABEL_BYTES];

static UNUSED void
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

static UNUSED int
times_told(void)
{
    pthread_mutex_lock(&told_mutex);
    int n = told;
    pthread_mutex_unlock(&told_mutex);
    return n;
}

/* ---- a world of two tokens -------------------------------------------------
 */

static UNUSED enum tokens_err
sign_on(struct token *t, const struct soft_key *k)
{
    uint8_t digest[32] = {0}, sig[TOKEN_SIGNATURE_BYTES];
    size_t n = 0;

    return token_sign(t, k->id, 20, TOKEN_ECDSA, TOKEN_HASH_SHA256, digest, 32,
                      NULL, sig, sizeof(sig), &n);
}

static UNUSED enum tokens_err
log_in(struct token *t)
{
    return token_login(t, (const uint8_t *)PIN, 6);
}

static UNUSED int
start(void **state)
{
    fixture_start(state);
    make_token("two");
    raw->C_Finalize(NULL);
    soft_ec(&key);
    soft_ec(&second_key);
    return 0;
}

static UNUSED int
end(void **state)
{
    (void)state;
    soft_drop(&key);
    soft_drop(&second_key);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static UNUSED void
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

static UNUSED int
start_store(void **state)
{
    struct token_config c = {.hung = hung,
                             .operation_ms = MINUTE_MS,
                             .list_ms = MINUTE_MS,
                             .start_timeout_ms = MINUTE_MS,
                             .poll_ms = look_ms};

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

static UNUSED int
end_store(void **state)
{
    (void)state;
    faults("");
    token_store_drop(&store);
    return 0;
}

/* ---- work in a thread -----------------------------------------------------
 */

struct late {
    enum tokens_err (*what)(struct token *t);
    struct token *t;
    enum tokens_err result;
    pthread_t thread;
};

static UNUSED void *
late_main(void *arg)
{
    struct late *l = arg;

    tokens_request_begin(l);
    l->result = l->what(l->t);
    return NULL;
}

static UNUSED void
late_start(struct late *l, struct token *t,
           enum tokens_err (*what)(struct token *))
{
    *l = (struct late){.what = what, .t = t};
    assert_int_equal(pthread_create(&l->thread, NULL, late_main, l), 0);
}

/* A call that has begun elsewhere hangs, and its minute is over. */
static UNUSED void
hang_is_late(void)
{
    WAIT_UNTIL(fault_hanging() == 1);
    clock_skip(MINUTE_MS);
}

static UNUSED enum tokens_err
sign_first(struct token *t)
{
    return sign_on(t, &key);
}

#define WITH_STORE(test)                                                       \
    cmocka_unit_test_setup_teardown(test, start_store, end_store)

#endif
