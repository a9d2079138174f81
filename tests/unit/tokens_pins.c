/* PINs that are given at the token's own pad, and those that a key wants for
 * each of its operations: what the module is asked, and in which order. */
#include "tests/unit/tokens_clock.h"
#include "tokens/write.h"

static struct soft_key rsa, ec;

#define PUBLIC(name, part)                                                     \
    {                                                                          \
        name, (void *)(uintptr_t)(part).p, (part).n                            \
    }

/* A key with CKA_ALWAYS_AUTHENTICATE, made behind the library's back. */
static void
make_always(const struct soft_key *k, CK_KEY_TYPE type, CK_ATTRIBUTE *more,
            CK_ULONG more_count)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_SLOT_ID ids[8];
    CK_ULONG n = 8;
    CK_SESSION_HANDLE s;
    CK_OBJECT_HANDLE o;
    CK_ATTRIBUTE t[20] = {
        {CKA_CLASS, &class, sizeof(class)},
        {CKA_KEY_TYPE, &type, sizeof(type)},
        {CKA_TOKEN, &yes, 1},
        {CKA_PRIVATE, &yes, 1},
        {CKA_SENSITIVE, &yes, 1},
        {CKA_EXTRACTABLE, &no, 1},
        {type == CKK_RSA ? CKA_DECRYPT : CKA_DERIVE, &yes, 1},
        {CKA_ALWAYS_AUTHENTICATE, &yes, 1},
        {CKA_ID, (void *)(uintptr_t)k->id, sizeof(k->id)},
    };

    memcpy(t + 9, more, more_count * sizeof(*more));
    assert_int_equal(raw->C_GetSlotList(CK_TRUE, ids, &n), 0);
    assert_int_equal(raw->C_OpenSession(ids[0],
                                        CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                        NULL, NULL, &s),
                     0);
    assert_int_equal(raw->C_CreateObject(s, t, 9 + more_count, &o), 0);
    raw->C_CloseSession(s);
}

static int
start(void **state)
{
    char path[128];

    login_start(state);
    soft_rsa(&rsa);
    soft_ec(&ec);
    CK_ATTRIBUTE of_rsa[] = {
        PUBLIC(CKA_MODULUS, rsa.parts.modulus),
        PUBLIC(CKA_PUBLIC_EXPONENT, rsa.parts.exponent),
        PUBLIC(CKA_PRIVATE_EXPONENT, rsa.parts.private_exponent),
        PUBLIC(CKA_PRIME_1, rsa.parts.prime1),
        PUBLIC(CKA_PRIME_2, rsa.parts.prime2),
        PUBLIC(CKA_EXPONENT_1, rsa.parts.exponent1),
        PUBLIC(CKA_EXPONENT_2, rsa.parts.exponent2),
        PUBLIC(CKA_COEFFICIENT, rsa.parts.coefficient)};
    CK_ATTRIBUTE of_ec[] = {PUBLIC(CKA_EC_PARAMS, ec.parts.curve),
                            PUBLIC(CKA_VALUE, ec.parts.value)};
    make_always(&rsa, CKK_RSA, of_rsa, 8);
    make_always(&ec, CKK_EC, of_ec, 2);
    snprintf(path, sizeof(path), "%s/trace", folder);
    setenv("FAULT_TRACE", path, 1);
    return 0;
}

static int
end(void **state)
{
    unsetenv("FAULT_TRACE");
    soft_drop(&rsa);
    soft_drop(&ec);
    return fixture_end(state);
}

static int
again(void **state)
{
    (void)state;
    unsetenv("FAULT_PINPAD");
    tokens_request_begin(NULL);
    faults("");
    token_store_drop(&store);
    assert_int_equal(open_store_with((struct token_config){0}), TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
    return 0;
}

/* ---- the record of calls --------------------------------------------------
 */

static void
trace_begin(void)
{
    (void)unlink(getenv("FAULT_TRACE"));
}

/* What the module was asked from CALL on, a blank behind each. */
static const char *
traced_from(const char *call)
{
    static char all[4096];
    FILE *f = fopen(getenv("FAULT_TRACE"), "r");
    size_t n = f ? fread(all, 1, sizeof(all) - 1, f) : 0;

    if (f)
        fclose(f);
    all[n] = '\0';
    for (char *p = all; *p; p++)
        if (*p == '\n')
            *p = ' ';
    const char *from = strstr(all, call);
    return from ? from : all;
}

static void
assert_traced(const char *wanted)
{
    char first[64];

    snprintf(first, sizeof(first), "%.*s", (int)strcspn(wanted, " "), wanted);
    const char *seen = traced_from(first);
    if (strncmp(seen, wanted, strlen(wanted)) != 0)
        fail_msg("not \"%s\" but \"%s\"", wanted, seen);
}

static bool
was_asked(const char *call)
{
    return strstr(traced_from(call), call) != NULL;
}

/* ---- a PIN for each operation ---------------------------------------------
 */

static enum tokens_err
give_pin(void *arg, struct token *t, uint8_t *pin, size_t room, size_t *out_len)
{
    const char *text = arg;

    (void)t;
    assert_true(room >= 6);
    if (!text)
        return TOKENS_CANCELLED;
    memcpy(pin, text, strlen(text));
    *out_len = strlen(text);
    return TOKENS_OK;
}

static const struct token_prompt right = {give_pin, (void *)(uintptr_t)PIN};
static const struct token_prompt wrong = {give_pin,
                                          (void *)(uintptr_t) "000000"};
static const struct token_prompt none = {give_pin, NULL};
static const struct token_prompt at_pad = {give_pin, (void *)(uintptr_t) ""};

static enum tokens_err
decrypt(const struct token_prompt *prompt)
{
    const struct token_padding p = {.scheme = TOKEN_RSA_PKCS1};
    const uint8_t secret[16] = "fifteen letters";
    uint8_t wrapped[256], plain[256];
    size_t wrapped_len = sizeof(wrapped), n = 0;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(rsa.key, NULL);

    assert_int_equal(EVP_PKEY_encrypt_init(c), 1);
    assert_int_equal(
        EVP_PKEY_encrypt(c, wrapped, &wrapped_len, secret, sizeof(secret)), 1);
    EVP_PKEY_CTX_free(c);
    trace_begin();
    enum tokens_err e = token_unwrap(token, rsa.id, 20, &p, wrapped, 256,
                                     prompt, plain, sizeof(plain), &n);
    if (e == TOKENS_OK) {
        assert_int_equal(n, sizeof(secret));
        assert_memory_equal(plain, secret, n);
    }
    return e;
}

static enum tokens_err
agree(const struct token_prompt *prompt)
{
    EVP_PKEY *peer = EVP_EC_gen("P-256");
    uint8_t *point = NULL, there[TOKEN_SIGNATURE_BYTES], here[32];
    size_t pn = EVP_PKEY_get1_encoded_public_key(peer, &point);
    size_t n = 0, hn = sizeof(here);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(peer, NULL);

    assert_int_equal(EVP_PKEY_derive_init(c), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(c, ec.key), 1);
    assert_int_equal(EVP_PKEY_derive(c, here, &hn), 1);
    trace_begin();
    enum tokens_err e = token_agree(token, ec.id, 20, point, pn, prompt, there,
                                    sizeof(there), &n);
    if (e == TOKENS_OK) {
        assert_int_equal(n, hn);
        assert_memory_equal(there, here, n);
    }
    EVP_PKEY_CTX_free(c);
    OPENSSL_free(point);
    EVP_PKEY_free(peer);
    return e;
}

static void
nothing_comes_between_decrypt_init_its_pin_and_decrypt(void **state)
{
    (void)state;
    assert_int_equal(decrypt(NULL), TOKENS_LOCKED);
    assert_int_equal(decrypt(&none), TOKENS_CANCELLED);
    assert_int_equal(decrypt(&right), TOKENS_OK);
    assert_traced("C_DecryptInit C_Login 2 C_Decrypt ");
}

static void
a_wrong_pin_for_a_decryption_is_tried_once(void **state)
{
    (void)state;
    fault_reset();
    assert_int_equal(decrypt(&wrong), TOKENS_PIN_WRONG);
    assert_traced("C_DecryptInit C_Login 2 ");
    assert_false(was_asked("C_Decrypt "));
    assert_int_equal(fault_count("C_Login"), 1);
    assert_int_equal(decrypt(&right), TOKENS_OK);
}

/* As a card does whose module takes the login without an Init. */
static void
the_pin_comes_right_before_a_derivation(void **state)
{
    (void)state;
    assert_int_equal(agree(NULL), TOKENS_LOCKED);
    assert_int_equal(agree(&none), TOKENS_CANCELLED);
    assert_false(was_asked("C_DeriveKey "));
    faults("C_Login 0 1\n");
    assert_int_equal(agree(&right), TOKENS_OK);
    assert_traced("C_Login 2 C_DeriveKey ");
}

/* As SoftHSM does, which asks for no login here. */
static void
a_module_that_wants_no_login_before_a_derivation_derives(void **state)
{
    (void)state;
    assert_int_equal(agree(&right), TOKENS_OK);
    assert_traced("C_Login 2 C_DeriveKey ");
}

static void
a_wrong_pin_for_a_derivation_is_tried_once(void **state)
{
    (void)state;
    faults("C_Login 0xa0 1\n");
    fault_reset();
    assert_int_equal(agree(&wrong), TOKENS_PIN_WRONG);
    assert_false(was_asked("C_DeriveKey "));
    assert_int_equal(fault_count("C_Login"), 1);
}

static void
a_module_with_no_place_for_the_pin_cannot_derive(void **state)
{
    (void)state;
    faults("C_DeriveKey 0x101 -1\n");
    assert_int_equal(agree(&right), TOKENS_CANNOT);
    assert_true(token_is_logged_in(token));
}

/* ---- the token's own pad --------------------------------------------------
 */

struct told {
    unsigned times;
    struct token_hang hang;
};

static void
note_hung(void *arg, void *request, const struct token_info *info,
          const struct token_hang *hang)
{
    struct told *told = arg;

    (void)request;
    (void)info;
    told->hang = *hang;
    __atomic_add_fetch(&told->times, 1, __ATOMIC_SEQ_CST);
}

static unsigned
times(struct told *told)
{
    return __atomic_load_n(&told->times, __ATOMIC_SEQ_CST);
}

/* A store whose token has a pad; a person there has longer than a call. */
#define PERSON_MS (5 * MINUTE_MS)

static void
pad_store(struct told *told)
{
    *told = (struct told){0};
    token_store_drop(&store);
    setenv("FAULT_PINPAD", PIN, 1);
    assert_int_equal(
        open_store_with((struct token_config){.operation_ms = MINUTE_MS,
                                              .person_ms = PERSON_MS,
                                              .hung = note_hung,
                                              .hung_arg = told}),
        TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
}

static enum tokens_err
log_in_at_pad(void)
{
    return token_login(token, NULL, 0);
}

static enum tokens_err
decrypt_at_pad(void)
{
    return decrypt(&at_pad);
}

static enum tokens_err
change_at_pad(void)
{
    return token_change_pin(token, NULL, 0, NULL, 0);
}

struct waiting {
    enum tokens_err (*what)(void);
    struct told *told;
    enum tokens_err result;
    pthread_t thread;
};

static void *
waiting_main(void *arg)
{
    struct waiting *w = arg;

    tokens_request_begin(w->told);
    w->result = w->what();
    return NULL;
}

/* WHAT begins, and waits in CALL; MS later by the clock. */
static struct waiting *
wait_in(const char *call, struct told *told, enum tokens_err (*what)(void),
        long ms)
{
    static struct waiting w;
    char plan[64];

    snprintf(plan, sizeof(plan), "%s @ 1\n", call);
    faults(plan);
    w = (struct waiting){.what = what, .told = told};
    assert_int_equal(pthread_create(&w.thread, NULL, waiting_main, &w), 0);
    WAIT_UNTIL(fault_hanging() == 1);
    clock_skip(ms);
    return &w;
}

static enum tokens_err
result_of(struct waiting *w)
{
    faults("");
    pthread_join(w->thread, NULL);
    return w->result;
}

static void
a_person_at_the_pad_is_no_hang(void **state)
{
    static const struct {
        const char *call;
        enum tokens_err (*what)(void);
    } all[] = {{"C_Login", log_in_at_pad},
               {"C_Login", decrypt_at_pad},
               {"C_SetPIN", change_at_pad}};
    struct told told;

    (void)state;
    pad_store(&told);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct waiting *w =
            wait_in(all[i].call, &told, all[i].what, 2 * MINUTE_MS);

        usleep(600 * 1000); /* who looks for hangs looks four times a second */
        assert_int_equal(result_of(w), TOKENS_OK);
        if (all[i].what == decrypt_at_pad)
            assert_traced("C_DecryptInit C_Login 2 C_Decrypt ");
    }
    assert_int_equal(times(&told), 0);
}

/* The time at the pad is over with the call: the next one has its own. */
static void
what_follows_the_pad_has_its_own_deadline(void **state)
{
    struct told told;

    (void)state;
    pad_store(&told);
    assert_int_equal(token_login(token, NULL, 0), TOKENS_OK);
    struct waiting *w =
        wait_in("C_Login", &told, decrypt_at_pad, 2 * MINUTE_MS);
    faults("C_Decrypt @ 1\n");
    WAIT_UNTIL(was_asked("C_Decrypt ") && fault_hanging() == 1);
    clock_skip(MINUTE_MS);
    WAIT_UNTIL(times(&told) == 1);
    (void)result_of(w);
    assert_false(told.hang.at_pad);
    assert_string_equal(told.hang.call, "C_Decrypt");
}

static void
nobody_at_the_pad_is_told_as_that(void **state)
{
    struct told told;

    (void)state;
    pad_store(&told);
    struct waiting *w = wait_in("C_Login", &told, log_in_at_pad, PERSON_MS);
    WAIT_UNTIL(times(&told) == 1);
    (void)result_of(w);
    assert_true(told.hang.at_pad);
    assert_string_equal(told.hang.call, "C_Login");
}

static void
a_pin_is_told_from_one_that_nobody_looked_at(void **state)
{
    bool tried = true;

    (void)state;
    assert_int_equal(
        token_login_told(token, (const uint8_t *)"000000", 6, &tried),
        TOKENS_OK);
    assert_false(tried);
    assert_int_equal(token_logout(token), TOKENS_OK);
    assert_int_equal(token_login_told(token, (const uint8_t *)PIN, 6, &tried),
                     TOKENS_OK);
    assert_true(tried);
}

static void
a_token_that_lies_about_the_length_of_pins_is_asked_itself(void **state)
{
    (void)state;
    assert_int_equal(token_logout(token), TOKENS_OK);
    faults("odd-range\n");
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
}

#define THEN_AGAIN(test) cmocka_unit_test_teardown(test, again)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        THEN_AGAIN(nothing_comes_between_decrypt_init_its_pin_and_decrypt),
        THEN_AGAIN(a_wrong_pin_for_a_decryption_is_tried_once),
        THEN_AGAIN(the_pin_comes_right_before_a_derivation),
        THEN_AGAIN(a_module_that_wants_no_login_before_a_derivation_derives),
        THEN_AGAIN(a_wrong_pin_for_a_derivation_is_tried_once),
        THEN_AGAIN(a_module_with_no_place_for_the_pin_cannot_derive),
        THEN_AGAIN(a_person_at_the_pad_is_no_hang),
        THEN_AGAIN(what_follows_the_pad_has_its_own_deadline),
        THEN_AGAIN(nobody_at_the_pad_is_told_as_that),
        THEN_AGAIN(a_pin_is_told_from_one_that_nobody_looked_at),
        THEN_AGAIN(a_token_that_lies_about_the_length_of_pins_is_asked_itself),
    };

    return cmocka_run_group_tests(tests, start, end);
}
