/* Import: all or nothing, twice is once, and the token is asked what it did. */
#include "tests/unit/tokens_fixture.h"
#include "tokens/write.h"

static struct soft_key rsa, ec;

static int
start(void **state)
{
    login_start(state);
    soft_rsa(&rsa);
    soft_ec(&ec);
    return 0;
}

static int
end(void **state)
{
    soft_drop(&rsa);
    soft_drop(&ec);
    return fixture_end(state);
}

static size_t
count_identities(void)
{
    const struct token_identities *all = NULL;

    assert_int_equal(token_identities_read(token, &all), TOKENS_OK);
    size_t n = all->count;
    token_identities_drop(&all);
    return n;
}

/* Leaves the token empty. */
static int
clean(void **state)
{
    size_t n = 0;

    (void)state;
    faults("");
    token_remove_identity(token, rsa.id, 20, &n);
    token_remove_identity(token, ec.id, 20, &n);
    assert_int_equal(count_identities(), 0);
    return 0;
}

static enum tokens_err
add(struct token_import *i, struct soft_key *k, const char *name, bool *already)
{
    uint8_t *der = NULL;
    size_t n = soft_certificate(k, name, &der);
    bool there = false;
    enum tokens_err e = token_import_add_key(i, &k->parts, already);

    if (e == TOKENS_OK)
        e = token_import_add_certificate(i, der, n, (struct token_bytes){0},
                                         name, &there);
    OPENSSL_free(der);
    return e;
}

/* The Name at DER is CN=TEXT alone. */
static void
assert_name(const uint8_t *der, size_t n, const char *text)
{
    X509_NAME *name = d2i_X509_NAME(NULL, &der, (long)n);
    char cn[16] = "";

    assert_int_equal(X509_NAME_entry_count(name), 1);
    assert_true(
        X509_NAME_get_text_by_NID(name, NID_commonName, cn, sizeof(cn)) > 0);
    assert_string_equal(cn, text);
    X509_NAME_free(name);
}

static void
imported_keys_and_certificates_become_identities(void **state)
{
    const struct token_identities *all = NULL;
    struct token_import *i = NULL;
    bool already = true;

    (void)state;
    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    assert_int_equal(add(i, &rsa, "Ada", &already), TOKENS_OK);
    assert_false(already);
    assert_int_equal(add(i, &ec, "Ben", &already), TOKENS_OK);
    assert_int_equal(token_import_prove(i), TOKENS_OK);
    assert_int_equal(token_import_commit(i), TOKENS_OK);
    token_import_drop(&i);
    assert_int_equal(token_identities_read(token, &all), TOKENS_OK);
    assert_int_equal(all->count, 2);
    for (size_t k = 0; k < 2; k++) {
        const struct token_identity *id = &all->all[k];
        bool is_rsa = id->type == TOKEN_KEY_RSA;

        assert_true(id->has_private && !id->private_unknown);
        assert_true(id->certificate && id->spki && !id->always_authenticate);
        assert_string_equal(id->label, is_rsa ? "Ada" : "Ben");
        assert_name(id->subject, id->subject_len, is_rsa ? "Ada" : "Ben");
        assert_name(id->issuer, id->issuer_len, is_rsa ? "Ada" : "Ben");
        assert_null(id->alt_names);
        assert_int_equal(id->bits, is_rsa ? 2048 : 256);
        assert_memory_equal(id->id, is_rsa ? rsa.id : ec.id, 20);
        assert_int_equal(id->uses, is_rsa ? rsa.parts.uses : ec.parts.uses);
    }
    token_identities_drop(&all);
}

static void
private_keys_are_unknown_without_a_login(void **state)
{
    const struct token_identities *all = NULL;
    uint8_t digest[32] = {0}, sig[TOKEN_SIGNATURE_BYTES];
    size_t n = 0;

    (void)state;
    import_key(&ec);
    assert_int_equal(token_logout(token), TOKENS_OK);
    assert_int_equal(token_identities_read(token, &all), TOKENS_OK);
    assert_int_equal(all->count, 1);
    assert_false(all->all[0].has_private);
    assert_true(all->all[0].private_unknown);
    token_identities_drop(&all);
    assert_int_equal(token_sign(token, ec.id, 20, TOKEN_ECDSA,
                                TOKEN_HASH_SHA256, digest, 32, NULL, sig,
                                sizeof(sig), &n),
                     TOKENS_LOCKED);
    struct token_import *i = NULL;
    assert_int_equal(token_import_begin(token, &i), TOKENS_LOCKED);
    assert_int_equal(token_remove_identity(token, ec.id, 20, &n),
                     TOKENS_LOCKED);
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
}

static void
importing_twice_creates_once(void **state)
{
    struct token_import *i = NULL;
    bool already = false;

    (void)state;
    import_key(&rsa);
    import_key(&ec);
    size_t before = count_identities();
    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    fault_reset();
    assert_int_equal(token_import_add_key(i, &rsa.parts, &already), TOKENS_OK);
    assert_true(already);
    already = false;
    assert_int_equal(token_import_add_key(i, &ec.parts, &already), TOKENS_OK);
    assert_true(already);
    assert_int_equal(fault_count("C_CreateObject"), 0);
    assert_int_equal(token_import_prove(i), TOKENS_OK);
    assert_int_equal(token_import_commit(i), TOKENS_OK);
    token_import_drop(&i);
    assert_int_equal(count_identities(), before);
}

/* As another program may have left it there. */
static void
a_certificate_under_another_id_is_stored_beside_its_key(void **state)
{
    const struct token_identities *list = NULL;
    struct token_import *i = NULL;
    struct token_bytes own = {ec.id, sizeof(ec.id)};
    struct token_bytes other = {(const uint8_t *)"other", 5};
    bool already = true;
    uint8_t *der = NULL;

    (void)state;
    import_key(&ec);
    size_t n = soft_certificate(&ec, "Ada", &der);
    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    assert_int_equal(
        token_import_add_certificate(i, der, n, other, "Ada", &already),
        TOKENS_OK);
    assert_false(already);
    assert_int_equal(
        token_import_add_certificate(i, der, n, own, "Ada", &already),
        TOKENS_OK);
    assert_false(already);
    assert_int_equal(
        token_import_add_certificate(i, der, n, own, "Ada", &already),
        TOKENS_OK);
    assert_true(already);
    assert_int_equal(token_import_commit(i), TOKENS_OK);
    token_import_drop(&i);
    assert_int_equal(token_identities_read(token, &list), TOKENS_OK);
    assert_int_equal(list->count, 2);
    assert_true(list->all[0].has_private && list->all[0].certificate);
    assert_false(list->all[1].has_private);
    token_identities_drop(&list);
    assert_int_equal(token_remove_identity(token, other.p, other.n, &n),
                     TOKENS_OK);
    assert_int_equal(n, 1);
    OPENSSL_free(der);
}

static void
an_import_that_is_not_committed_leaves_nothing(void **state)
{
    struct token_import *i = NULL;
    bool already = false;

    (void)state;
    import_key(&ec);
    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    assert_int_equal(add(i, &rsa, "Ada", &already), TOKENS_OK);
    assert_int_equal(token_import_rollback(i), TOKENS_OK);
    token_import_drop(&i);
    assert_int_equal(count_identities(), 1);
    /* And when the third object cannot be made. */
    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    faults("C_CreateObject 0x31 1 2\n");
    assert_int_equal(add(i, &rsa, "Ada", &already), TOKENS_FULL);
    token_import_drop(&i);
    assert_int_equal(count_identities(), 1);
}

static void
a_key_stored_otherwise_than_asked_is_destroyed(void **state)
{
    struct token_import *i = NULL;
    bool already = false;

    (void)state;
    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    /* What the token made of it cannot be read: nothing may stay. */
    faults("C_GetAttributeValue 0x6 1\n");
    assert_int_equal(token_import_add_key(i, &rsa.parts, &already),
                     TOKENS_FAILED);
    token_import_drop(&i);
    assert_int_equal(count_identities(), 0);
}

static void
a_wrong_private_key_is_not_proven(void **state)
{
    struct token_private_key wrong = ec.parts;
    EVP_PKEY *other = EVP_EC_gen("P-256");
    struct token_import *i = NULL;
    uint8_t value[64];
    BIGNUM *n = NULL;
    bool already = false;

    (void)state;
    assert_int_equal(EVP_PKEY_get_bn_param(other, OSSL_PKEY_PARAM_PRIV_KEY, &n),
                     1);
    wrong.value = (struct token_bytes){value, (size_t)BN_bn2bin(n, value)};
    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    assert_int_equal(token_import_add_key(i, &wrong, &already), TOKENS_OK);
    assert_int_equal(token_import_prove(i), TOKENS_DIFFERENT);
    token_import_drop(&i);
    assert_int_equal(count_identities(), 0);
    BN_free(n);
    EVP_PKEY_free(other);
}

static void
a_token_that_takes_no_plain_key_gets_it_wrapped(void **state)
{
    (void)state;
    faults("C_CreateObject 0xd0 1\n");
    fault_reset();
    import_key(&rsa);
    assert_int_equal(fault_count("C_UnwrapKey"), 1);
    faults("C_CreateObject 0x13 1\n");
    import_key(&ec);
    assert_int_equal(fault_count("C_UnwrapKey"), 2);
    assert_int_equal(count_identities(), 2);
}

static void
incomplete_keys_and_torn_certificates_are_refused(void **state)
{
    struct token_private_key half = rsa.parts;
    struct token_import *i = NULL;
    bool already = false;
    uint8_t *der = NULL;
    size_t n = soft_certificate(&ec, "Ben", &der);

    (void)state;
    half.prime2.n = 0;
    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    assert_int_equal(token_import_add_key(i, &half, &already), TOKENS_ARGUMENT);
    assert_int_equal(token_import_add_certificate(i, der, n - 1,
                                                  (struct token_bytes){0}, NULL,
                                                  &already),
                     TOKENS_ARGUMENT);
    token_import_drop(&i);
    OPENSSL_free(der);
    assert_int_equal(count_identities(), 0);
}

#define CLEAN(test) cmocka_unit_test_teardown(test, clean)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CLEAN(imported_keys_and_certificates_become_identities),
        CLEAN(private_keys_are_unknown_without_a_login),
        CLEAN(importing_twice_creates_once),
        CLEAN(a_certificate_under_another_id_is_stored_beside_its_key),
        CLEAN(an_import_that_is_not_committed_leaves_nothing),
        CLEAN(a_key_stored_otherwise_than_asked_is_destroyed),
        CLEAN(a_wrong_private_key_is_not_proven),
        CLEAN(a_token_that_takes_no_plain_key_gets_it_wrapped),
        CLEAN(incomplete_keys_and_torn_certificates_are_refused),
    };

    return cmocka_run_group_tests(tests, start, end);
}
