/* What hostile certificates and lists can cost: each bound one below and one
 * above, and how long the worst below it takes (printed). */
#include "tests/unit/cpu_time.h"
#include "validator_case.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "agent/validator/bounds.h"
#include "agent/validator/signature.h"

/* No single question of a hostile message may take longer. */
#if defined(SMIME_SANITIZED) && SMIME_SANITIZED
#define GENEROUS_MS 20000
#else
#define GENEROUS_MS 2000
#endif

static double began_ms;

static void
clock_start(void)
{
    began_ms = cpu_time_ms();
}

static void
clock_tell(const char *what)
{
    double ms = cpu_time_ms() - began_ms;

    print_message("%-60s %8.2f ms\n", what, ms);
    assert_true(ms < GENEROUS_MS);
}

/* N items, each made by FORMAT from its number, joined by commas. */
static const char *
list_make(const char *format, int n)
{
    static struct buf text;

    buf_clear(&text);
    for (int i = 0; i < n; i++) {
        char one[128];

        snprintf(one, sizeof(one), format, i, i);
        buf_addf(&text, "%s%s", i ? "," : "", one);
    }
    return buf_text(&text);
}

static struct made
with_extension(int nid, const char *value)
{
    return person(
        (struct cert_spec){.key = "p256d", .extra_nid = nid, .extra = value});
}

static bool
is_bounded(const struct made *m)
{
    return cert_is_bounded(m->x, X509_get0_pubkey(m->x));
}

/* ---- lists in certificates ----------------------------------------------- */

static void
lists_are_bounded(void **state)
{
    static const struct {
        int nid;
        const char *format;
        int most;
    } rows[] = {
        {NID_subject_alt_name, "email:a%d@b.org", LIMIT_CERT_NAMES},
        {NID_name_constraints, "excluded;email:a%d@b.org", LIMIT_CERT_SUBTREES},
        {NID_certificate_policies, "1.2.3.%d", LIMIT_CERT_POLICIES},
        {NID_policy_mappings, "1.2.3.%d:1.2.4.%d", LIMIT_CERT_MAPPINGS},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct made m = with_extension(rows[i].nid,
                                       list_make(rows[i].format, rows[i].most));

        assert_true(is_bounded(&m));
        m = with_extension(rows[i].nid,
                           list_make(rows[i].format, rows[i].most + 1));
        assert_false(is_bounded(&m));
    }
}

static void
a_certificate_over_its_bound_is_used_for_nothing(void **state)
{
    struct made many = person((struct cert_spec){
        .extra_nid = NID_subject_alt_name,
        .extra = list_make("email:a%d@b.org", LIMIT_CERT_NAMES + 1)});
    struct made heavy = make_cert(&(struct cert_spec){
        .name = "CA",
        .key = "p256b",
        .ca = true,
        .issuer = &root,
        .extra_nid = NID_certificate_policies,
        .extra = list_make("1.2.3.%d", LIMIT_CERT_POLICIES + 1)});

    (void)state;
    judge((struct message_spec){.signer = &many, .from = "a1@b.org"});
    assert_int_equal(r.integrity, INTEGRITY_UNSUPPORTED);
    assert_int_equal(r.chain, CHAIN_INVALID);
    assert_true(says("costly-certificate"));
    assert_int_equal(r.good, 0);
    judge((struct message_spec){.others = {&heavy}});
    assert_int_equal(r.chain, CHAIN_UNTRUSTED);
    /* Another certificate of the same issuer still helps. */
    judge((struct message_spec){.others = {&heavy, &ca}});
    is_good();
}

/* A path of ten with as many policies as may be, each mapped. */
static void
a_tree_of_policies_ends(void **state)
{
    AUTO(buf) struct buf policies = {0};
    struct made link[8], leaf;
    struct message_spec m = {.from = ALICE};

    (void)state;
    buf_add_text(&policies, list_make("1.2.3.%d", LIMIT_CERT_POLICIES));
    for (size_t i = 0; i < ARRAY_COUNT(link); i++) {
        char *name = mem_text(slice_of(&"ABCDEFGH"[i], 1));

        link[i] =
            make_cert(&(struct cert_spec){.name = name,
                                          .key = "p256b",
                                          .ca = true,
                                          .issuer = i ? &link[i - 1] : &root,
                                          .extra_nid = NID_certificate_policies,
                                          .extra = buf_text(&policies)});
        X509_EXTENSION *e = X509V3_EXT_conf_nid(
            NULL, NULL, NID_policy_mappings,
            list_make("1.2.3.%d:1.2.3.0", LIMIT_CERT_MAPPINGS));

        assert_int_equal(X509_add_ext(link[i].x, e, -1), 1);
        X509_EXTENSION_free(e);
        make_again(&link[i], i ? link[i - 1].key : root.key);
        free(name);
    }
    leaf = person((struct cert_spec){.email = ALICE,
                                     .issuer = &link[7],
                                     .extra_nid = NID_certificate_policies,
                                     .extra = buf_text(&policies)});
    m.signer = &leaf;
    make_request(&m, &q);
    for (size_t i = 0; i < ARRAY_COUNT(link); i++)
        q.certificates.item[q.certificates.n++] = link[i].der;
    clock_start();
    validator_judge(&v, &q, &r);
    clock_tell("eight issuers, 256 policies, all mapped to one");
    assert_int_equal(r.integrity, INTEGRITY_OK);
}

static void
names_times_subtrees_end(void **state)
{
    struct made link[8], leaf;
    struct message_spec m = {.from = "a1@b.org"};
    AUTO(buf) struct buf subtrees = {0};

    (void)state;
    buf_add_text(&subtrees,
                 list_make("excluded;email:z%d@b.org", LIMIT_CERT_SUBTREES));
    for (size_t i = 0; i < ARRAY_COUNT(link); i++) {
        char *name = mem_text(slice_of(&"ABCDEFGH"[i], 1));

        link[i] =
            make_cert(&(struct cert_spec){.name = name,
                                          .key = "p256b",
                                          .ca = true,
                                          .issuer = i ? &link[i - 1] : &root,
                                          .extra_nid = NID_name_constraints,
                                          .extra = buf_text(&subtrees)});
        free(name);
    }
    leaf = person((struct cert_spec){
        .issuer = &link[7],
        .extra_nid = NID_subject_alt_name,
        .extra = list_make("email:a%d@b.org", LIMIT_CERT_NAMES)});
    m.signer = &leaf;
    make_request(&m, &q);
    for (size_t i = 0; i < ARRAY_COUNT(link); i++)
        q.certificates.item[q.certificates.n++] = link[i].der;
    clock_start();
    validator_judge(&v, &q, &r);
    clock_tell("eight issuers, 128 subtrees each, 512 names below");
    assert_int_equal(r.chain, CHAIN_OK);
}

/* ---- keys ---------------------------------------------------------------- */

static EVP_PKEY *
rsa_public(int bits, int exponent_bits)
{
    BIGNUM *n = BN_new(), *e = BN_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params;

    BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
    BN_rand(e, exponent_bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e);
    params = OSSL_PARAM_BLD_to_param(b);
    EVP_PKEY_fromdata_init(ctx);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params),
                     1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(ctx);
    BN_free(n);
    BN_free(e);
    return key;
}

static void
keys_are_bounded(void **state)
{
    static const struct {
        int bits, exponent_bits;
        bool bounded, weak;
    } rows[] = {
        {LIMIT_RSA_BITS, 17, true, false},
        {LIMIT_RSA_BITS + 8, 17, false, false},
        {2048, LIMIT_RSA_EXPONENT_BITS, true, false},
        {2048, LIMIT_RSA_EXPONENT_BITS + 1, false, false},
        {3072, 3072, false, false},
        {2048, 1, true, true}, /* anybody signs with it */
        {2047, 17, true, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        EVP_PKEY *key = rsa_public(rows[i].bits, rows[i].exponent_bits);

        assert_int_equal(key_is_bounded(key), rows[i].bounded);
        assert_int_equal(key_is_weak(key), rows[i].weak);
        EVP_PKEY_free(key);
    }
}

static void
the_largest_key_costs_little(void **state)
{
    struct signature_algorithm a = {.scheme = SCHEME_RSA_PKCS1,
                                    .hash = HASH_SHA256};
    EVP_PKEY *key = rsa_public(LIMIT_RSA_BITS, LIMIT_RSA_EXPONENT_BITS);
    uint8_t signature[LIMIT_RSA_BITS / 8] = {1}, digest[32] = {0};

    (void)state;
    clock_start();
    assert_int_equal(signature_check(key, &a, slice_of(NULL, 0),
                                     slice_of(digest, 32),
                                     slice_of(signature, sizeof(signature))),
                     INTEGRITY_SIGNATURE_WRONG);
    clock_tell("one check with RSA of 16384 bits, exponent of 64");
    EVP_PKEY_free(key);
}

static void
a_curve_that_is_spelt_out_is_refused(void **state)
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    struct made named = person((struct cert_spec){.key = "p256d"});
    X509 *x = X509_dup(named.x);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;

    (void)state;
    assert_true(is_bounded(&named));
    EVP_PKEY_keygen_init(ctx);
    EVP_PKEY_CTX_set_group_name(ctx, "P-256");
    EVP_PKEY_CTX_set_ec_param_enc(ctx, OPENSSL_EC_EXPLICIT_CURVE);
    assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
    assert_int_equal(X509_set_pubkey(x, key), 1);
    assert_false(cert_is_bounded(x, X509_get0_pubkey(x)));
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
    X509_free(x);
    EC_GROUP_free(group);
}

/* ---- many certificates --------------------------------------------------- */

/* As many of one name as one question holds, and every one may have issued
 * every other; none leads to an anchor. */
static void
a_mesh_of_one_name_costs_little(void **state)
{
    struct made self = make_cert(
        &(struct cert_spec){.name = "Mesh", .key = "p256f", .ca = true});
    struct made leaf =
        person((struct cert_spec){.email = ALICE, .issuer = &self});

    (void)state;
    make_request(&(struct message_spec){.signer = &leaf, .from = ALICE}, &q);
    while (q.certificates.n < 48) {
        struct made one = make_cert(&(struct cert_spec){
            .name = "Mesh", .key = "p256f", .ca = true, .issuer = &self});

        q.certificates.item[q.certificates.n++] = one.der;
    }
    clock_start();
    validator_judge(&v, &q, &r);
    clock_tell("47 issuers of one name, each issued by each");
    assert_int_equal(r.chain, CHAIN_UNTRUSTED);
}

/* The same with an anchor's name: each path is tried up to the signature. */
static void
a_mesh_below_an_anchors_name_costs_little(void **state)
{
    struct made fake = make_cert(
        &(struct cert_spec){.name = "Root", .key = "p256f", .ca = true});
    struct made leaf =
        person((struct cert_spec){.email = ALICE, .issuer = &fake});

    (void)state;
    make_request(&(struct message_spec){.signer = &leaf, .from = ALICE}, &q);
    while (q.certificates.n < 48) {
        struct made one = make_cert(&(struct cert_spec){
            .name = "Root", .key = "p256f", .ca = true, .issuer = &fake});

        q.certificates.item[q.certificates.n++] = one.der;
    }
    clock_start();
    validator_judge(&v, &q, &r);
    clock_tell("47 issuers with the name of an anchor");
    assert_int_not_equal(r.chain, CHAIN_OK);
}

/* ---- lists of revoked certificates --------------------------------------- */

static struct slice
large_crl(int entries)
{
    static struct buf out;
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *t = X509_gmtime_adj(NULL, -DAY);
    unsigned char octets[20] = {1}, *der = NULL; /* the longest serial */
    int n;

    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca.x));
    X509_CRL_set1_lastUpdate(crl, t);
    for (int i = 0; i < entries; i++) {
        X509_REVOKED *one = X509_REVOKED_new();
        ASN1_INTEGER *serial = ASN1_INTEGER_new();

        memcpy(octets + 1, &i, sizeof(i));
        ASN1_STRING_set(serial, octets, sizeof(octets));
        X509_REVOKED_set_serialNumber(one, serial);
        X509_REVOKED_set_revocationDate(one, t);
        ASN1_INTEGER_free(serial);
        X509_CRL_add0_revoked(crl, one);
    }
    X509_gmtime_adj(t, 30 * DAY);
    X509_CRL_set1_nextUpdate(crl, t);
    assert_true(X509_CRL_sign(crl, ca.key, EVP_sha256()) > 0);
    n = i2d_X509_CRL(crl, &der);
    buf_clear(&out);
    buf_add(&out, der, (size_t)n);
    OPENSSL_free(der);
    ASN1_TIME_free(t);
    X509_CRL_free(crl);
    return buf_slice(&out);
}

static void
crl_put(const char *name, struct slice bytes)
{
    struct timespec look = {.tv_nsec = (FOLDER_LOOK_MS + 5) * 1000000L};
    char path[160];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", crl_folders[0], name);
    f = fopen(path, "w");
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
    fclose(f);
    nanosleep(&look, NULL);
}

static void
a_list_of_ten_mebibytes_costs_little(void **state)
{
    struct slice crl = large_crl(270000);

    (void)state;
    print_message("a CRL of %zu bytes\n", crl.n);
    assert_true(crl.n > 10 * 1024 * 1024);
    crl_put("large.crl", crl);
    clock_start();
    crls_refresh(v.crls);
    clock_tell("reading a CRL of 10 MiB");
    assert_int_equal(crls_count(v.crls), 1);
    make_request(&(struct message_spec){.signer = &alice,
                                        .others = {&ca},
                                        .from = ALICE},
                 &q);
    clock_start();
    validator_judge(&v, &q, &r);
    clock_tell("judging by it, the first time");
    is_good();
    clock_start();
    validator_judge(&v, &q, &r);
    clock_tell("and the second");
    is_good();
}

static void
a_file_over_the_limit_is_named(void **state)
{
    AUTO(buf) struct buf zeros = {0};

    (void)state;
    buf_reserve(&zeros, LIMIT_CRL_FILE_BYTES + 1);
    memset(zeros.data, '\n', LIMIT_CRL_FILE_BYTES + 1);
    crl_put("huge.crl", slice_of(zeros.data, LIMIT_CRL_FILE_BYTES + 1));
    crls_refresh(v.crls);
    assert_int_equal(crls_faulty(v.crls)->n, 1);
    assert_non_null(strstr(crls_faulty(v.crls)->item[0].why, "larger"));
    crl_put("huge.crl", slice_of(zeros.data, LIMIT_CRL_FILE_BYTES));
    crls_refresh(v.crls);
    assert_int_equal(crls_faulty(v.crls)->n, 1);
    assert_null(strstr(crls_faulty(v.crls)->item[0].why, "larger"));
}

/* ---- what is honest ------------------------------------------------------ */

/* Certificates and verdicts are remembered: printed, since it is what a
 * reader of mail waits for. */
static void
a_known_signer_costs_a_signature_check(void **state)
{
    struct message_spec m = {.signer = &alice, .others = {&ca}, .from = ALICE};

    (void)state;
    judge(m);
    is_good();
    clock_start();
    for (int i = 0; i < 1000; i++)
        validator_judge(&v, &q, &r);
    clock_tell("1000 verdicts on a known signer (RSA-2048)");
    is_good();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(a_certificate_over_its_bound_is_used_for_nothing),
        cmocka_unit_test(a_tree_of_policies_ends),
        cmocka_unit_test(names_times_subtrees_end),
        cmocka_unit_test(keys_are_bounded),
        cmocka_unit_test(the_largest_key_costs_little),
        cmocka_unit_test(a_curve_that_is_spelt_out_is_refused),
        cmocka_unit_test(a_mesh_of_one_name_costs_little),
        cmocka_unit_test(a_mesh_below_an_anchors_name_costs_little),
        cmocka_unit_test(a_known_signer_costs_a_signature_check),
        cmocka_unit_test(a_list_of_ten_mebibytes_costs_little),
        cmocka_unit_test(a_file_over_the_limit_is_named),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
