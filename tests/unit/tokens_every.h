/*
 * A token with a key of every kind, and what is done with it: signatures,
 * content keys and agreements, each checked by OpenSSL.
 */
#ifndef TESTS_UNIT_TOKENS_EVERY_H
#define TESTS_UNIT_TOKENS_EVERY_H

#include "tests/unit/tokens_fixture.h"
#include "tokens/write.h"

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

static UNUSED void
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
static UNUSED void
reopen(const char *plan)
{
    token_store_drop(&store);
    faults(plan);
    assert_int_equal(open_store_with((struct token_config){0}), TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
}

static UNUSED int
whole(void **state)
{
    (void)state;
    reopen("");
    return 0;
}

static UNUSED int
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

static UNUSED int
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

static UNUSED enum tokens_err
sign(const struct soft_key *k, enum token_scheme scheme, enum token_hash hash,
     const uint8_t *data, size_t len, uint8_t *sig, size_t *n)
{
    return token_sign(token, k->id, sizeof(k->id), scheme, hash, data, len,
                      NULL, sig, TOKEN_SIGNATURE_BYTES, n);
}

static UNUSED bool
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

static UNUSED void
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

static UNUSED void
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

static UNUSED size_t
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

static UNUSED enum tokens_err
unwrap(const struct token_padding *p, const uint8_t *wrapped, size_t wn,
       uint8_t *plain, size_t *n)
{
    return token_unwrap(token, rsa.id, 20, p, wrapped, wn, NULL, plain, 64, n);
}

static UNUSED void
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

static UNUSED void
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

/* ---- agreement ----------------------------------------------------------- */

static UNUSED void
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

#endif
