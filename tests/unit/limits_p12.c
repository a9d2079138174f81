/*
 * Each limit of a PKCS#12 file: as much as it allows is read, with one more
 * the file is refused and the error says the limit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#undef fail

#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "agent/base/fd.h"
#include "agent/cms/der.h"
#include "agent/importer/internal.h"
#include "agent/importer/p12.h"
#include "agent/wire/channel.h"
#include "places_of_tests.h"

enum bag { KEY_BAG = 1, CERT_BAG = 3, SECRET_BAG = 5, SAFE_CONTENTS_BAG = 6 };

static EVP_PKEY *key;
static struct buf key_der, cert_der;

static int
set_up(void **state)
{
    PKCS8_PRIV_KEY_INFO *p8;
    X509 *x = X509_new();
    uint8_t *der = NULL;
    int n;

    (void)state;
    p12_warm();
    key = EVP_EC_gen("P-256");
    p8 = EVP_PKEY2PKCS8(key);
    n = i2d_PKCS8_PRIV_KEY_INFO(p8, &der);
    buf_add(&key_der, der, (size_t)n);
    PKCS8_PRIV_KEY_INFO_free(p8);
    OPENSSL_free(der);
    der = NULL;
    assert_int_equal(X509_set_pubkey(x, key), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    n = i2d_X509(x, &der);
    buf_add(&cert_der, der, (size_t)n);
    OPENSSL_free(der);
    X509_free(x);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    EVP_PKEY_free(key);
    buf_drop(&key_der);
    buf_drop(&cert_der);
    return 0;
}

/* SafeBag (RFC 7292 4.2) around VALUE. */
static void
put_bag(enum bag kind, struct slice value, struct buf *out)
{
    static const char oid[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01";
    AUTO(buf) struct buf name = {0};
    size_t bag = der_open(out, TAG_SEQUENCE);

    buf_add(&name, oid, sizeof(oid) - 1);
    buf_add_byte(&name, (uint8_t)kind);
    der_put(out, TAG_OID, buf_slice(&name));
    der_put(out, TAG_CONTEXT_CONSTRUCTED, value);
    der_close(out, bag);
}

static void
put_certificate(struct buf *out)
{
    AUTO(buf) struct buf value = {0};
    AUTO(buf) struct buf octets = {0};
    size_t whole = der_open(&value, TAG_SEQUENCE);

    /* x509Certificate */
    der_put(&value, TAG_OID,
            slice_of("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01", 10));
    der_put(&octets, TAG_OCTET_STRING, buf_slice(&cert_der));
    der_put(&value, TAG_CONTEXT_CONSTRUCTED, buf_slice(&octets));
    der_close(&value, whole);
    put_bag(CERT_BAG, buf_slice(&value), out);
}

/* A ContentInfo of type data with CONTENT inside. */
static void
put_data(struct slice content, struct buf *out)
{
    AUTO(buf) struct buf octets = {0};
    size_t info = der_open(out, TAG_SEQUENCE);

    der_put_oid(out, OID_DATA);
    der_put(&octets, TAG_OCTET_STRING, content);
    der_put(out, TAG_CONTEXT_CONSTRUCTED, buf_slice(&octets));
    der_close(out, info);
}

/* BAGS as a file without a MAC. */
static enum err
read_bags(const struct buf *bags, struct problem *p)
{
    AUTO(p12) struct p12 *p12 = NULL;
    AUTO(buf) struct buf contents = {0};
    AUTO(buf) struct buf safes = {0};
    AUTO(buf) struct buf all = {0};
    AUTO(buf) struct buf file = {0};
    size_t whole;

    der_put(&contents, TAG_SEQUENCE, buf_slice(bags));
    put_data(buf_slice(&contents), &safes);
    der_put(&all, TAG_SEQUENCE, buf_slice(&safes));
    whole = der_open(&file, TAG_SEQUENCE);
    der_put_number(&file, 3);
    put_data(buf_slice(&all), &file);
    der_close(&file, whole);
    return p12_read(buf_slice(&file), NULL, true, &p12, p);
}

static void
expect(const struct buf *bags, const char *over)
{
    struct problem p = {0};
    enum err e = read_bags(bags, &p);

    assert_int_equal(e, over ? ERR_LIMIT : ERR_OK);
    if (over)
        assert_string_equal(p.detail, over);
}

static void
certificates_are_bounded(void **state)
{
    AUTO(buf) struct buf bags = {0};

    (void)state;
    put_bag(KEY_BAG, buf_slice(&key_der), &bags);
    for (int i = 0; i < LIMIT_P12_CERTIFICATES; i++)
        put_certificate(&bags);
    expect(&bags, NULL);
    put_certificate(&bags);
    expect(&bags, "more than 32 certificates");
}

static void
items_of_all_kinds_are_bounded(void **state)
{
    AUTO(buf) struct buf bags = {0};
    static const char secret[] = "\x30\x07\x06\x01\x2a\xa0\x02\x05\x00";

    (void)state;
    put_bag(KEY_BAG, buf_slice(&key_der), &bags);
    for (int i = 1; i < LIMIT_P12_BAGS; i++)
        put_bag(SECRET_BAG, slice_of(secret, sizeof(secret) - 1), &bags);
    expect(&bags, NULL);
    put_bag(SECRET_BAG, slice_of(secret, sizeof(secret) - 1), &bags);
    expect(&bags, "more than 128 items");
}

static void
items_in_each_other_are_bounded(void **state)
{
    AUTO(buf) struct buf bags = {0};

    (void)state;
    put_bag(KEY_BAG, buf_slice(&key_der), &bags);
    for (int i = 0; i <= LIMIT_P12_DEPTH; i++) {
        AUTO(buf) struct buf contents = {0};

        expect(&bags, NULL);
        der_put(&contents, TAG_SEQUENCE, buf_slice(&bags));
        buf_clear(&bags);
        put_bag(SAFE_CONTENTS_BAG, buf_slice(&contents), &bags);
    }
    expect(&bags, "more than 4 items in each other");
}

/* Counted before they are done: ten million here cost nothing. */
static void
iterations_are_bounded_together(void **state)
{
    struct p12 p12 = {0};
    struct problem p = {0};

    (void)state;
    assert_int_equal(spend_iterations(&p12, LIMIT_P12_ITERATIONS - 1, &p),
                     ERR_OK);
    assert_int_equal(spend_iterations(&p12, 1, &p), ERR_OK);
    assert_int_equal(spend_iterations(&p12, 1, &p), ERR_LIMIT);
    assert_string_equal(p.detail,
                        "more than 10000000 iterations of key derivation");
}

static EVP_PKEY *
rsa_public(int bits)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_new();
    EVP_PKEY *out = NULL;
    OSSL_PARAM *params;

    BN_set_bit(n, bits - 1);
    BN_set_bit(n, 0);
    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_ulong(b, OSSL_PKEY_PARAM_RSA_E, 65537);
    params = OSSL_PARAM_BLD_to_param(b);
    EVP_PKEY_fromdata_init(ctx);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &out, EVP_PKEY_PUBLIC_KEY, params),
                     1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(ctx);
    BN_free(n);
    return out;
}

static void
an_rsa_key_is_bounded(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        EVP_PKEY *rsa = rsa_public(LIMIT_P12_RSA_BITS + over);
        struct problem p = {0};

        assert_int_equal(key_check(rsa, &p),
                         over ? ERR_P12_UNSUPPORTED : ERR_OK);
        assert_string_equal(
            p.detail,
            over ? "an RSA key of 8193 bits, where 8192 are the most" : "");
        EVP_PKEY_free(rsa);
    }
}

/* The process itself, asked from outside. */
static void
the_importer_has_so_much_processor_time(void **state)
{
    int64_t end = clock_ms() + 60000;
    struct rlimit cpu = {0};
    int channel[2];
    pid_t pid;

    (void)state;
    assert_true(channel_pair(channel));
    pid = fork();
    if (pid == 0) {
        if (dup2(channel[1], 3) == 3)
            execl(SMIME_BUILD_DIR "/libexec/smime-agent/smime-importer",
                  "smime-importer", (char *)NULL);
        _exit(127);
    }
    close(channel[1]);
    do {
        assert_int_equal(prlimit(pid, RLIMIT_CPU, NULL, &cpu), 0);
        (void)poll(NULL, 0, 1);
    } while (cpu.rlim_max != LIMIT_P12_CPU_SECONDS && clock_ms() < end);
    assert_int_equal(cpu.rlim_cur, LIMIT_P12_CPU_SECONDS);
    assert_int_equal(cpu.rlim_max, LIMIT_P12_CPU_SECONDS);
    close(channel[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_are_bounded),
        cmocka_unit_test(items_of_all_kinds_are_bounded),
        cmocka_unit_test(items_in_each_other_are_bounded),
        cmocka_unit_test(iterations_are_bounded_together),
        cmocka_unit_test(an_rsa_key_is_bounded),
        cmocka_unit_test(the_importer_has_so_much_processor_time),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
