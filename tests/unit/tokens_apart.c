/* Keys that share a CKA_ID: each is used, and removed, as itself. */
#include "tests/unit/tokens_fixture.h"

#define TWINS 2

static const uint8_t shared[] = {0x0a};
static struct soft_key twin[TWINS];

static void
put_object(CK_OBJECT_CLASS class, const struct soft_key *k,
           CK_ATTRIBUTE_TYPE type, const void *value, size_t n)
{
    CK_KEY_TYPE ec = CKK_EC;
    CK_BBOOL yes = CK_TRUE, private = class == CKO_PRIVATE_KEY;
    CK_ATTRIBUTE_TYPE use = private ? CKA_SIGN : CKA_VERIFY;
    CK_ATTRIBUTE t[] = {
        {CKA_CLASS, &class, sizeof(class)},
        {CKA_KEY_TYPE, &ec, sizeof(ec)},
        {CKA_TOKEN, &yes, sizeof(yes)},
        {CKA_PRIVATE, &private, sizeof(private)},
        {CKA_ID, (void *)shared, sizeof(shared)},
        {CKA_EC_PARAMS, (void *)k->parts.curve.p, k->parts.curve.n},
        {use, &yes, sizeof(yes)},
        {type, (void *)value, n},
    };
    CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    CK_SLOT_ID slot[4];
    CK_ULONG slots = 4;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE object;

    assert_int_equal(raw->C_GetSlotList(CK_TRUE, slot, &slots), 0);
    assert_int_equal(raw->C_OpenSession(slot[0], flags, NULL, NULL, &session),
                     0);
    assert_int_equal(
        raw->C_CreateObject(session, t, sizeof(t) / sizeof(t[0]), &object), 0);
    assert_int_equal(raw->C_CloseSession(session), 0);
}

/* EC keys as another program puts them there, in the store's login; SoftHSM
 * does not show their public part. */
static int
start(void **state)
{
    login_start(state);
    for (int i = 0; i < TWINS; i++) {
        struct soft_key *k = &twin[i];
        uint8_t point[2 + 65] = {4, 65};

        soft_ec(k);
        assert_int_equal(k->parts.point.n, 65);
        memcpy(point + 2, k->parts.point.p, 65);
        put_object(CKO_PRIVATE_KEY, k, CKA_VALUE, k->parts.value.p,
                   k->parts.value.n);
        put_object(CKO_PUBLIC_KEY, k, CKA_EC_POINT, point, sizeof(point));
    }
    return 0;
}

static int
end(void **state)
{
    for (int i = 0; i < TWINS; i++)
        soft_drop(&twin[i]);
    return fixture_end(state);
}

static void
give_certificate(struct soft_key *k)
{
    struct token_bytes id = {shared, sizeof(shared)};
    struct token_import *i = NULL;
    uint8_t *der = NULL;
    size_t n = soft_certificate(k, "twin", &der);
    bool already = true;

    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    assert_int_equal(
        token_import_add_certificate(i, der, n, id, NULL, &already), TOKENS_OK);
    assert_int_equal(token_import_commit(i), TOKENS_OK);
    token_import_drop(&i);
    OPENSSL_free(der);
}

/* The id of the entry with this public key, and whether it has a private key;
 * 0: there is no such entry. */
static size_t
id_of(const struct soft_key *k, uint8_t out[TOKEN_ID_BYTES], bool *out_private)
{
    const struct token_identities *list = NULL;
    unsigned char *spki = NULL;
    int n = i2d_PUBKEY(k->key, &spki);
    size_t len = 0;

    *out_private = false;
    assert_int_equal(token_identities_read(token, &list), TOKENS_OK);
    for (size_t i = 0; i < list->count; i++)
        if (list->all[i].spki_len == (size_t)n &&
            memcmp(list->all[i].spki, spki, (size_t)n) == 0) {
            len = list->all[i].id_len;
            memcpy(out, list->all[i].id, len);
            *out_private = list->all[i].has_private;
            assert_int_equal(list->all[i].token_id_len, sizeof(shared));
        }
    token_identities_drop(&list);
    OPENSSL_free(spki);
    return len;
}

static bool
signs(const struct soft_key *k, const uint8_t *id, size_t id_len)
{
    uint8_t digest[32] = {1, 2, 3}, sig[TOKEN_SIGNATURE_BYTES];
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k->key, NULL);
    size_t n = 0;

    assert_int_equal(token_sign(token, id, id_len, TOKEN_ECDSA,
                                TOKEN_HASH_SHA256, digest, 32, NULL, sig,
                                sizeof(sig), &n),
                     TOKENS_OK);
    assert_int_equal(EVP_PKEY_verify_init(c), 1);
    bool ok = EVP_PKEY_verify(c, sig, n, digest, 32) == 1;
    EVP_PKEY_CTX_free(c);
    return ok;
}

static void
each_signs_as_itself(void **state)
{
    uint8_t id[TWINS][TOKEN_ID_BYTES];
    bool private;

    (void)state;
    for (int i = 0; i < TWINS; i++) {
        size_t n = id_of(&twin[i], id[i], &private);

        assert_int_equal(n, TOKEN_APART_BYTES + sizeof(shared));
        assert_true(private);
        assert_true(signs(&twin[i], id[i], n));
    }
    assert_memory_not_equal(id[0], id[1], TOKEN_APART_BYTES);
}

/* Their public halves are told by a signature each, once. */
static void
a_listing_costs_signatures_only_once(void **state)
{
    uint8_t id[TOKEN_ID_BYTES];
    bool private;

    (void)state;
    token_store_drop(&store);
    assert_int_equal(open_store_with((struct token_config){.cache_ms = 1}),
                     TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
    (void)id_of(&twin[0], id, &private);
    fault_reset();
    while (fault_count("C_FindObjectsInit") == 0)
        (void)id_of(&twin[0], id, &private);
    assert_true(private);
    assert_int_equal(fault_count("C_Sign"), 0);
    /* Handles of another insertion may mean other keys. */
    assert_int_equal(token_logout(token), TOKENS_OK);
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
    (void)id_of(&twin[0], id, &private);
    assert_true(private);
    assert_int_not_equal(fault_count("C_Sign"), 0);
}

static void
an_id_read_before_the_login_is_good_behind_it(void **state)
{
    uint8_t id[TOKEN_ID_BYTES];
    bool private;

    (void)state;
    assert_int_equal(token_logout(token), TOKENS_OK);
    size_t n = id_of(&twin[0], id, &private);
    assert_int_equal(n, TOKEN_APART_BYTES + sizeof(shared));
    assert_false(private);
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
    assert_true(signs(&twin[0], id, n));
}

/* What was the only one in sight had the CKA_ID to itself. */
static void
the_bare_id_means_the_one_with_a_certificate(void **state)
{
    (void)state;
    give_certificate(&twin[1]);
    assert_true(signs(&twin[1], shared, sizeof(shared)));
}

static void
a_certificate_is_stored_beside_its_own_key(void **state)
{
    struct token_match found = {0};
    uint8_t *der = NULL, id[TOKEN_ID_BYTES];
    size_t len = soft_certificate(&twin[0], "mine", &der);
    bool private;

    (void)state;
    assert_int_equal(token_find_key_of_certificate(token, der, len, &found),
                     TOKENS_OK);
    assert_int_equal(found.id_len, id_of(&twin[0], id, &private));
    assert_memory_equal(found.id, id, found.id_len);
    assert_int_equal(found.token_id_len, sizeof(shared));
    assert_memory_equal(found.token_id, shared, sizeof(shared));
    OPENSSL_free(der);
}

static void
one_is_removed_and_the_other_one_stays(void **state)
{
    uint8_t id[TOKEN_ID_BYTES];
    size_t count = 0;
    bool private;

    (void)state;
    give_certificate(&twin[0]);
    give_certificate(&twin[1]);
    assert_int_equal(
        token_remove_identity(token, id, id_of(&twin[0], id, &private), &count),
        TOKENS_OK);
    assert_int_equal(count, 3);
    assert_int_equal(id_of(&twin[0], id, &private), 0);
    assert_int_equal(id_of(&twin[1], id, &private), sizeof(shared));
    assert_true(private);
    assert_true(signs(&twin[1], id, sizeof(shared)));
}

static void
both_are_never_removed_at_once(void **state)
{
    uint8_t id[TOKEN_ID_BYTES];
    size_t count = 0;
    bool private;

    (void)state;
    assert_int_equal(
        token_remove_identity(token, shared, sizeof(shared), &count),
        TOKENS_NO_KEY);
    for (int i = 0; i < TWINS; i++) {
        assert_true(id_of(&twin[i], id, &private) > 0);
        assert_true(private);
    }
}

/* A key keeps its CKA_ID beside the certificate of another one that has no
 * key: what names it in a configuration stays true. */
static void
what_has_no_key_does_not_rename_one(void **state)
{
    struct soft_key lonely;
    uint8_t id[TOKEN_ID_BYTES];
    size_t count = 0;
    bool private;

    (void)state;
    assert_int_equal(
        token_remove_identity(token, id, id_of(&twin[0], id, &private), &count),
        TOKENS_OK);
    soft_ec(&lonely);
    give_certificate(&lonely);
    assert_int_equal(id_of(&twin[1], id, &private), sizeof(shared));
    assert_true(signs(&twin[1], id, sizeof(shared)));
    size_t n = id_of(&lonely, id, &private);
    assert_int_equal(n, TOKEN_APART_BYTES + sizeof(shared));
    assert_int_equal(token_remove_identity(token, id, n, &count), TOKENS_OK);
    assert_int_equal(count, 1);
    assert_true(signs(&twin[1], shared, sizeof(shared)));
    soft_drop(&lonely);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_signs_as_itself),
        CASE(a_listing_costs_signatures_only_once),
        CASE(an_id_read_before_the_login_is_good_behind_it),
        CASE(the_bare_id_means_the_one_with_a_certificate),
        CASE(a_certificate_is_stored_beside_its_own_key),
        CASE(one_is_removed_and_the_other_one_stays),
        CASE(both_are_never_removed_at_once),
        CASE(what_has_no_key_does_not_rename_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
