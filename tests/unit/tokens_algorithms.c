/* Every algorithm on a token, each checked against OpenSSL; and what happens
 * where a token lacks a mechanism: another way, or a clear no. */
#include "tests/unit/tokens_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct soft_key rsa, ec[3], ed, x;

static const struct {
    enum token_hash hash;
    const char *name;
} hashes[] = {
    {TOKEN_HASH_SHA1, "SHA1"},     {TOKEN_HASH_SHA224, "SHA224"},
    {TOKEN_HASH_SHA256, "SHA256"}, {TOKEN_HASH_SHA384, "SHA384"},
    {TOKEN_HASH_SHA512, "SHA512"},
};

static void
soft_curve(struct soft_key *k, const char *name, const uint8_t *oid,
           size_t oid_len)
{
    size_t n = 0;

    memset(k, 0, sizeof(*k));
    k->key = EVP_EC_gen(name);
    assert_int_equal(
        EVP_PKEY_get_octet_string_param(k->key, OSSL_PKEY_PARAM_PUB_KEY,
                                        k->bytes[1], sizeof(k->bytes[1]), &n),
        1);
    k->parts = (struct token_private_key){
        .type = TOKEN_KEY_EC,
        .uses = TOKEN_USE_SIGN | TOKEN_USE_DERIVE,
        .label = name,
        .curve = {oid, oid_len},
        .point = {k->bytes[1], n},
        .value = soft_number(k, 0, OSSL_PKEY_PARAM_PRIV_KEY),
    };
    assert_int_equal(token_key_id(&k->parts, k->id), TOKENS_OK);
}

/* The token anew, behind a module that lacks what PLAN hides. */
static void
reopen(const char *plan)
{
    token_store_drop(&store);
    faults(plan);
    assert_int_equal(open_store_with((struct token_config){0}), TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
}

static int
whole(void **state)
{
    (void)state;
    reopen("");
    return 0;
}

static int
start(void **state)
{
    static const uint8_t p384[] = {6, 5, 0x2b, 0x81, 4, 0, 0x22};
    static const uint8_t p521[] = {6, 5, 0x2b, 0x81, 4, 0, 0x23};

    login_start(state);
    soft_rsa(&rsa);
    soft_ec(&ec[0]);
    soft_curve(&ec[1], "P-384", p384, sizeof(p384));
    soft_curve(&ec[2], "P-521", p521, sizeof(p521));
    soft_ed25519(&ed);
    soft_25519(&x, TOKEN_KEY_X25519);
    import_key(&rsa);
    for (size_t i = 0; i < COUNT(ec); i++)
        import_key(&ec[i]);
    import_key(&ed);
    import_key(&x);
    return 0;
}

static int
end(void **state)
{
    soft_drop(&rsa);
    for (size_t i = 0; i < COUNT(ec); i++)
        soft_drop(&ec[i]);
    soft_drop(&ed);
    soft_drop(&x);
    return fixture_end(state);
}

/* ---- signatures -----------------------------------------------------------
 */

static enum tokens_err
sign(const struct soft_key *k, enum token_scheme scheme, enum token_hash hash,
     const uint8_t *data, size_t len, uint8_t *sig, size_t *n)
{
    return token_sign(token, k->id, sizeof(k->id), scheme, hash, data, len,
                      NULL, sig, TOKEN_SIGNATURE_BYTES, n);
}

static bool
verifies(EVP_PKEY *key, int padding, const EVP_MD *md, const uint8_t *digest,
         const uint8_t *sig, size_t n)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    bool ok = EVP_PKEY_verify_init(c) == 1 &&
              (!padding || EVP_PKEY_CTX_set_rsa_padding(c, padding) == 1) &&
              EVP_PKEY_CTX_set_signature_md(c, md) == 1;

    if (ok && padding == RSA_PKCS1_PSS_PADDING)
        ok = EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) == 1;
    assert_true(ok);
    ok = EVP_PKEY_verify(c, sig, n, digest, (size_t)EVP_MD_get_size(md)) == 1;
    EVP_PKEY_CTX_free(c);
    return ok;
}

static void
check_signatures(const struct soft_key *k, enum token_scheme scheme,
                 int padding)
{
    for (size_t i = 0; i < COUNT(hashes); i++) {
        const EVP_MD *md = EVP_get_digestbyname(hashes[i].name);
        size_t len = (size_t)EVP_MD_get_size(md), n = 0;
        uint8_t digest[64] = {4, 5, 6}, sig[TOKEN_SIGNATURE_BYTES];

        assert_int_equal(sign(k, scheme, hashes[i].hash, digest, len, sig, &n),
                         TOKENS_OK);
        assert_true(verifies(k->key, padding, md, digest, sig, n));
        digest[1] ^= 1;
        assert_false(verifies(k->key, padding, md, digest, sig, n));
        assert_int_equal(
            sign(k, scheme, hashes[i].hash, digest, len - 1, sig, &n),
            TOKENS_MESSAGE);
    }
}

static void
every_scheme_signs_with_every_hash(void **state)
{
    (void)state;
    check_signatures(&rsa, TOKEN_RSA_PKCS1, RSA_PKCS1_PADDING);
    check_signatures(&rsa, TOKEN_RSA_PSS, RSA_PKCS1_PSS_PADDING);
    for (size_t i = 0; i < COUNT(ec); i++)
        check_signatures(&ec[i], TOKEN_ECDSA, 0);
}

static void
cannot_sign(const struct soft_key *k, enum token_scheme scheme,
            enum token_hash hash, const char *about)
{
    uint8_t digest[32] = {0}, sig[TOKEN_SIGNATURE_BYTES];
    size_t n = 77;

    assert_int_equal(sign(k, scheme, hash, digest, 32, sig, &n), TOKENS_CANNOT);
    assert_int_equal(n, 77);
    assert_string_equal(tokens_last_mechanism(), about);
    assert_string_equal(tokens_rv_name(tokens_last_rv()),
                        "CKR_MECHANISM_INVALID");
}

/* ---- content keys -----------------------------------------------------------
 */

static size_t
wrap(const struct token_padding *p, const EVP_MD *md, const EVP_MD *mgf,
     uint8_t *out, size_t room)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(rsa.key, NULL);

    assert_int_equal(EVP_PKEY_encrypt_init(c), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(c, md ? RSA_PKCS1_OAEP_PADDING
                                                        : RSA_PKCS1_PADDING),
                     1);
    if (md) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(c, md), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(c, mgf), 1);
    }
    if (p->label_len)
        assert_int_equal(
            EVP_PKEY_CTX_set0_rsa_oaep_label(
                c, OPENSSL_memdup(p->label, p->label_len), (int)p->label_len),
            1);
    assert_int_equal(
        EVP_PKEY_encrypt(c, out, &room, (const uint8_t *)"content key", 11), 1);
    EVP_PKEY_CTX_free(c);
    return room;
}

static enum tokens_err
unwrap(const struct token_padding *p, const uint8_t *wrapped, size_t wn,
       uint8_t *plain, size_t *n)
{
    return token_unwrap(token, rsa.id, 20, p, wrapped, wn, NULL, plain, 64, n);
}

static void
check_unwrap(const struct token_padding *p, const EVP_MD *md, const EVP_MD *mgf)
{
    uint8_t wrapped[512], plain[64];
    size_t wn = wrap(p, md, mgf, wrapped, sizeof(wrapped)), n = 0;

    assert_int_equal(unwrap(p, wrapped, wn, plain, &n), TOKENS_OK);
    assert_int_equal(n, 11);
    assert_memory_equal(plain, "content key", 11);
    n = 99;
    wrapped[100] ^= 1;
    assert_int_equal(unwrap(p, wrapped, wn, plain, &n), TOKENS_MESSAGE);
    assert_int_equal(n, 99);
}

static void
check_oaep(void)
{
    for (size_t i = 0; i < COUNT(hashes); i++) {
        struct token_padding p = {.scheme = TOKEN_RSA_OAEP,
                                  .hash = hashes[i].hash};
        const EVP_MD *md = EVP_get_digestbyname(hashes[i].name);

        check_unwrap(&p, md, md);
        p.mgf_hash = TOKEN_HASH_SHA1;
        check_unwrap(&p, md, EVP_sha1());
        p.label = (const uint8_t *)"a label";
        p.label_len = 7;
        check_unwrap(&p, md, EVP_sha1());
        p.mgf_hash = TOKEN_HASH_NONE;
        check_unwrap(&p, md, md);
    }
}

static const struct token_padding v15 = {.scheme = TOKEN_RSA_PKCS1};

static void
content_keys_unwrap_with_every_hash_label_and_mask(void **state)
{
    (void)state;
    check_unwrap(&v15, NULL, NULL);
    check_oaep();
}

/* ---- agreement ----------------------------------------------------------- */

static void
check_agreement(const struct soft_key *k)
{
    EVP_PKEY_CTX *g = EVP_PKEY_CTX_new(k->key, NULL);
    EVP_PKEY *peer = NULL;
    uint8_t here[128], there[128], *point = NULL;
    size_t n = sizeof(here), tn = 0;

    assert_int_equal(EVP_PKEY_keygen_init(g), 1);
    assert_int_equal(EVP_PKEY_keygen(g, &peer), 1);
    size_t pn = EVP_PKEY_get1_encoded_public_key(peer, &point);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(peer, NULL);
    assert_int_equal(EVP_PKEY_derive_init(c), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(c, k->key), 1);
    assert_int_equal(EVP_PKEY_derive(c, here, &n), 1);
    assert_int_equal(token_agree(token, k->id, 20, point, pn, NULL, there,
                                 sizeof(there), &tn),
                     TOKENS_OK);
    assert_int_equal(tn, n);
    assert_memory_equal(here, there, n);
    assert_int_equal(token_agree(token, k->id, 20, point, pn - 1, NULL, there,
                                 sizeof(there), &tn),
                     TOKENS_MESSAGE);
    OPENSSL_free(point);
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_CTX_free(g);
    EVP_PKEY_free(peer);
}

static void
every_curve_agrees_as_openssl_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ec); i++)
        check_agreement(&ec[i]);
    check_agreement(&x);
}

static void
a_point_of_another_curve_is_the_messages_fault(void **state)
{
    uint8_t secret[128], zero[32] = {0};
    const struct token_bytes other = ec[1].parts.point;
    size_t n = 5;

    (void)state;
    assert_int_equal(token_agree(token, ec[0].id, 20, other.p, other.n, NULL,
                                 secret, sizeof(secret), &n),
                     TOKENS_MESSAGE);
    /* Of small order: the secret would be zero for every key. */
    assert_int_not_equal(token_agree(token, x.id, 20, zero, 32, NULL, secret,
                                     sizeof(secret), &n),
                         TOKENS_OK);
    assert_int_equal(n, 5);
}

/* ---- tokens that lack something --------------------------------------------
 */

static unsigned
uses_of(const struct soft_key *k)
{
    const struct token_identities *list = NULL;
    unsigned uses = ~0U;

    assert_int_equal(token_identities_read(token, &list), TOKENS_OK);
    for (size_t i = 0; i < list->count; i++)
        if (list->all[i].id_len == 20 &&
            memcmp(list->all[i].id, k->id, 20) == 0)
            uses = list->all[i].uses;
    token_identities_drop(&list);
    return uses;
}

static void
without_padding_on_the_token_it_is_padded_here(void **state)
{
    (void)state;
    reopen("hide 0x1\nhide 0x9\nhide 0xd\n"); /* RSA_PKCS, OAEP, PSS */
    check_signatures(&rsa, TOKEN_RSA_PKCS1, RSA_PKCS1_PADDING);
    check_signatures(&rsa, TOKEN_RSA_PSS, RSA_PKCS1_PSS_PADDING);
    check_unwrap(&v15, NULL, NULL);
    check_oaep();
    assert_int_equal(uses_of(&rsa), TOKEN_USE_SIGN | TOKEN_USE_DECRYPT);
}

/* Some tokens look at the parameters no earlier than at the data. */
static void
parameters_that_are_refused_late_go_the_raw_way(void **state)
{
    const struct token_padding p = {.scheme = TOKEN_RSA_OAEP,
                                    .hash = TOKEN_HASH_SHA1};
    uint8_t digest[32] = {0}, wrapped[256], plain[64];
    uint8_t sig[TOKEN_SIGNATURE_BYTES];
    size_t wn = wrap(&p, EVP_sha1(), EVP_sha1(), wrapped, sizeof(wrapped));
    size_t n = 0;

    (void)state;
    faults("C_Decrypt 0x71 1\nC_Sign 0x71 1\n");
    fault_reset();
    assert_int_equal(unwrap(&p, wrapped, wn, plain, &n), TOKENS_OK);
    assert_int_equal(fault_count("C_Decrypt"), 2);
    assert_int_equal(
        sign(&rsa, TOKEN_RSA_PSS, TOKEN_HASH_SHA256, digest, 32, sig, &n),
        TOKENS_OK);
    assert_true(
        verifies(rsa.key, RSA_PKCS1_PSS_PADDING, EVP_sha256(), digest, sig, n));
    assert_int_equal(fault_count("C_Sign"), 2);
}

/* EM encrypted as it is: what the padding is made of is our own choice. */
static enum tokens_err
unwrap_block(const uint8_t *em, uint8_t *plain, size_t *n)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(rsa.key, NULL);
    uint8_t wrapped[256];
    size_t wn = sizeof(wrapped);

    assert_int_equal(EVP_PKEY_encrypt_init(c), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(c, RSA_NO_PADDING), 1);
    assert_int_equal(EVP_PKEY_encrypt(c, wrapped, &wn, em, 256), 1);
    EVP_PKEY_CTX_free(c);
    return unwrap(&v15, wrapped, wn, plain, n);
}

static void
padding_that_is_none_is_the_messages_fault_here_too(void **state)
{
    uint8_t em[256], plain[64];
    size_t n = 0;

    (void)state;
    reopen("hide 0x1\n");
    memset(em, 0x5a, sizeof(em));
    em[0] = 0, em[1] = 2;
    em[239] = 0;
    assert_int_equal(unwrap_block(em, plain, &n), TOKENS_OK);
    assert_int_equal(n, 16);
    assert_memory_equal(plain, em + 240, 16);
    n = 3;
    em[1] = 1; /* a signature's block */
    assert_int_equal(unwrap_block(em, plain, &n), TOKENS_MESSAGE);
    em[1] = 2, em[239] = 9; /* no end of the padding */
    assert_int_equal(unwrap_block(em, plain, &n), TOKENS_MESSAGE);
    em[9] = 0; /* seven bytes of it */
    assert_int_equal(unwrap_block(em, plain, &n), TOKENS_MESSAGE);
    em[9] = 1, em[200] = 0; /* room for 64 only, and here are 55 */
    assert_int_equal(unwrap_block(em, plain, &n), TOKENS_OK);
    assert_int_equal(n, 55);
    assert_memory_equal(plain, em + 201, 55);
    em[180] = 0;
    assert_int_equal(unwrap_block(em, plain, &n), TOKENS_MESSAGE);
    em[255] = 0;
    em[180] = em[200] = 1;
    assert_int_equal(unwrap_block(em, plain, &n), TOKENS_OK);
    assert_int_equal(n, 0);
}

static void
without_raw_rsa_the_token_pads_or_says_no(void **state)
{
    const struct token_padding sha1 = {.scheme = TOKEN_RSA_OAEP,
                                       .hash = TOKEN_HASH_SHA1};
    const struct token_padding sha256 = {.scheme = TOKEN_RSA_OAEP,
                                         .hash = TOKEN_HASH_SHA256};
    uint8_t wrapped[256], plain[64];
    size_t n = 0;

    (void)state;
    reopen("hide 0x3\n");
    check_signatures(&rsa, TOKEN_RSA_PKCS1, RSA_PKCS1_PADDING);
    check_signatures(&rsa, TOKEN_RSA_PSS, RSA_PKCS1_PSS_PADDING);
    check_unwrap(&sha1, EVP_sha1(), EVP_sha1());
    /* SoftHSM's OAEP knows no other hash. */
    size_t wn =
        wrap(&sha256, EVP_sha256(), EVP_sha256(), wrapped, sizeof(wrapped));
    assert_int_equal(unwrap(&sha256, wrapped, wn, plain, &n), TOKENS_CANNOT);
}

static void
without_any_rsa_the_key_is_there_and_can_nothing(void **state)
{
    uint8_t wrapped[256], plain[64];
    size_t n = 0, wn = wrap(&v15, NULL, NULL, wrapped, sizeof(wrapped));

    (void)state;
    reopen("hide 0x1\nhide 0x3\nhide 0x9\nhide 0xd\n");
    cannot_sign(&rsa, TOKEN_RSA_PKCS1, TOKEN_HASH_SHA256, "RSA (PKCS #1 v1.5)");
    cannot_sign(&rsa, TOKEN_RSA_PSS, TOKEN_HASH_SHA256, "raw RSA");
    assert_int_equal(unwrap(&v15, wrapped, wn, plain, &n), TOKENS_CANNOT);
    assert_int_equal(uses_of(&rsa), 0);
    assert_int_equal(uses_of(&ec[0]), TOKEN_USE_SIGN | TOKEN_USE_DERIVE);
}

static void
an_elliptic_key_can_what_its_token_has(void **state)
{
    uint8_t secret[128];
    size_t n = 0;

    (void)state;
    reopen("hide 0x1041\nhide 0x1057\n"); /* ECDSA, EdDSA */
    cannot_sign(&ec[0], TOKEN_ECDSA, TOKEN_HASH_SHA256, "ECDSA");
    cannot_sign(&ed, TOKEN_EDDSA, TOKEN_HASH_NONE, "EdDSA");
    check_agreement(&ec[0]);
    assert_int_equal(uses_of(&ec[0]), TOKEN_USE_DERIVE);
    assert_int_equal(uses_of(&ed), 0);
    reopen("hide 0x1050\n"); /* ECDH */
    check_signatures(&ec[0], TOKEN_ECDSA, 0);
    assert_int_equal(token_agree(token, ec[0].id, 20, ec[0].parts.point.p,
                                 ec[0].parts.point.n, NULL, secret,
                                 sizeof(secret), &n),
                     TOKENS_CANNOT);
    assert_string_equal(tokens_last_mechanism(), "ECDH");
    assert_int_equal(uses_of(&ec[0]), TOKEN_USE_SIGN);
    assert_int_equal(uses_of(&x), 0);
}

/* Mail encrypted to such a certificate could never be read. */
static void
a_key_that_could_not_decrypt_is_not_taken_for_it(void **state)
{
    struct token_import *i = NULL;
    struct soft_key k;
    bool already = false;

    (void)state;
    reopen("hide 0x1050\n");
    soft_ec(&k);
    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    assert_int_equal(token_import_add_key(i, &k.parts, &already), TOKENS_OK);
    assert_int_equal(token_import_prove(i), TOKENS_CANNOT);
    token_import_drop(&i);
    assert_int_equal(uses_of(&k), ~0U);
    k.parts.uses = TOKEN_USE_SIGN;
    import_key(&k);
    assert_int_equal(uses_of(&k), TOKEN_USE_SIGN);
    soft_drop(&k);
}

static enum tokens_err
generate(enum token_key_type type, uint8_t *id)
{
    const struct token_generation what = {
        .type = type, .bits = 2048, .curve = ec[0].parts.curve, .label = "new"};
    struct token_import *i = NULL;
    size_t n = 0;

    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    enum tokens_err e = token_import_generate(i, &what, id, &n);
    if (e == TOKENS_OK)
        e = token_import_prove(i);
    if (e == TOKENS_OK)
        e = token_import_commit(i);
    token_import_drop(&i);
    return e;
}

static void
what_is_generated_is_for_what_the_token_can(void **state)
{
    struct soft_key k = {0};
    uint8_t id[TOKEN_ID_BYTES];

    (void)state;
    reopen("hide 0x1050\n");
    assert_int_equal(generate(TOKEN_KEY_EC, id), TOKENS_OK);
    memcpy(k.id, id, 20);
    assert_int_equal(uses_of(&k), TOKEN_USE_SIGN);
    reopen(""); /* the key itself was not made for more either */
    assert_int_equal(uses_of(&k), TOKEN_USE_SIGN);
    reopen("hide 0x1041\n");
    assert_int_equal(generate(TOKEN_KEY_EC, id), TOKENS_CANNOT);
    assert_string_equal(tokens_last_mechanism(), "EC keys");
    reopen("hide 0x1\n");
    assert_int_equal(generate(TOKEN_KEY_RSA, id), TOKENS_OK);
}

static void
a_token_that_tells_no_mechanisms_is_tried(void **state)
{
    (void)state;
    reopen("C_GetMechanismList 0x5 -1\n");
    assert_int_equal(uses_of(&ec[0]), TOKEN_USE_SIGN | TOKEN_USE_DERIVE);
    check_signatures(&ec[0], TOKEN_ECDSA, 0);
    check_agreement(&x);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scheme_signs_with_every_hash),
        cmocka_unit_test(content_keys_unwrap_with_every_hash_label_and_mask),
        cmocka_unit_test(every_curve_agrees_as_openssl_does),
        cmocka_unit_test(a_point_of_another_curve_is_the_messages_fault),
        cmocka_unit_test_teardown(
            without_padding_on_the_token_it_is_padded_here, whole),
        cmocka_unit_test_teardown(
            parameters_that_are_refused_late_go_the_raw_way, whole),
        cmocka_unit_test_teardown(
            padding_that_is_none_is_the_messages_fault_here_too, whole),
        cmocka_unit_test_teardown(without_raw_rsa_the_token_pads_or_says_no,
                                  whole),
        cmocka_unit_test_teardown(
            without_any_rsa_the_key_is_there_and_can_nothing, whole),
        cmocka_unit_test_teardown(an_elliptic_key_can_what_its_token_has,
                                  whole),
        cmocka_unit_test_teardown(
            a_key_that_could_not_decrypt_is_not_taken_for_it, whole),
        cmocka_unit_test_teardown(what_is_generated_is_for_what_the_token_can,
                                  whole),
        cmocka_unit_test_teardown(a_token_that_tells_no_mechanisms_is_tried,
                                  whole),
    };

    return cmocka_run_group_tests(tests, start, end);
}
