/* Objects that others published, where they are beside the checkout. */
#include <dirent.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <time.h>

#include "agent/cms/certview.h"
#include "agent/cms/der.h"
#include "tests/unit/cms_fixture.h"

#define LIMIT_SEED_SECONDS 5

static const char *
path_of(const char *folder, const char *file)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s/%s", shared_data(), folder, file);
    return path;
}

static void
load(const char *folder, const char *file, struct buf *out)
{
    if (!load_file(path_of(folder, file), out))
        fail_msg("%s/%s is missing", folder, file);
}

static EVP_PKEY *
load_p12(const char *file)
{
    AUTO(buf) struct buf der = {0};
    const unsigned char *at;
    EVP_PKEY *key = NULL;
    X509 *x509 = NULL;
    PKCS12 *p12;

    load("nss-interop", file, &der);
    at = der.data;
    p12 = d2i_PKCS12(NULL, &at, (long)der.len);
    assert_non_null(p12);
    assert_int_equal(PKCS12_parse(p12, "nss", &key, &x509, NULL), 1);
    PKCS12_free(p12);
    X509_free(x509);
    return key;
}

static EVP_PKEY *
load_key(const char *folder, const char *file)
{
    AUTO(buf) struct buf der = {0};
    const unsigned char *at;
    EVP_PKEY *key;

    load(folder, file, &der);
    at = der.data;
    key = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
    assert_non_null(key);
    return key;
}

/* The decoded base64 body of a mail. */
static void
load_mail(const char *folder, const char *file, struct buf *out)
{
    AUTO(buf) struct buf mail = {0};
    EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
    const char *body;
    int n = 0, rest = 0;

    load(folder, file, &mail);
    body = strstr(buf_text(&mail), "\n\n");
    if (!body)
        body = strstr(buf_text(&mail), "\r\n\r\n");
    assert_non_null(body);
    buf_reserve(out, mail.len);
    EVP_DecodeInit(ctx);
    assert_true(EVP_DecodeUpdate(ctx, out->data, &n,
                                 (const unsigned char *)body,
                                 (int)strlen(body)) >= 0);
    assert_int_equal(EVP_DecodeFinal(ctx, out->data + n, &rest), 1);
    out->len = (size_t)(n + rest);
    EVP_ENCODE_CTX_free(ctx);
}

/* Calls SEE for each file of FOLDER that ends in SUFFIX; gives how many. */
static int
each_file(const char *folder, const char *suffix,
          void (*see)(const char *folder, const char *file, void *arg),
          void *arg)
{
    DIR *d = opendir(path_of(folder, ""));
    int count = 0;

    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = strlen(e->d_name), s = strlen(suffix);

        if (e->d_name[0] == '.' || n < s ||
            strcmp(e->d_name + n - s, suffix) != 0)
            continue;
        see(folder, e->d_name, arg);
        count++;
    }
    closedir(d);
    return count;
}

struct nss_keys {
    EVP_PKEY *rsa;
    EVP_PKEY *ec;
};

static void
expect_nss_opens(const char *folder, const char *file, void *arg)
{
    struct nss_keys *keys = arg;
    EVP_PKEY *key = strstr(file, "-ec") ? keys->ec : keys->rsa;
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf got = {0};

    load(folder, file, &object);
    if (open_envelope(buf_slice(&object), key, 4096, &got, NULL) != ERR_OK)
        fail_msg("%s does not open", file);
    assert_true(got.len > 0);
}

static void
every_nss_envelope_opens(void **state)
{
    struct nss_keys keys = {.rsa = load_p12("Fran.p12"),
                            .ec = load_p12("Fran-ec.p12")};

    (void)state;
    assert_int_equal(each_file("nss-interop", ".env", expect_nss_opens, &keys),
                     17);
    EVP_PKEY_free(keys.rsa);
    EVP_PKEY_free(keys.ec);
}

/* ---- RFC 4134
 * ----------------------------------------------------------------- */

/* Does one of the certificates' keys verify this signer? */
static bool
signer_holds(const struct signed_data *d, const struct signer_info *s,
             struct slice content)
{
    struct signature_algorithm a;
    bool holds = false;

    if (!signature_from_algorithm(s->signature_algorithm, s->hash, &a))
        return false;
    for (size_t i = 0; i < d->certificate_count && !holds; i++) {
        const unsigned char *at = d->certificate[i].p;
        struct identity id = {
            .x509 = d2i_X509(NULL, &at, (long)d->certificate[i].n)};

        id.key = id.x509 ? X509_get_pubkey(id.x509) : NULL;
        holds = id.key && EVP_PKEY_is_a(id.key, "RSA") &&
                identity_verify(&id, &a,
                                s->signed_attrs.n ? s->signed_attrs : content,
                                s->signature);
        identity_drop(&id);
    }
    return holds;
}

/* FILE is SignedData over the example content with SIGNERS, of which RSA
 * verify (DSA is not supported). */
static void
expect_signed(const char *file, size_t signers, size_t rsa, bool opaque)
{
    AUTO(signed_data) struct signed_data read = {0};
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf want = {0};
    AUTO(buf) struct buf got = {0};
    size_t held = 0;

    load("rfc4134", file, &object);
    load("rfc4134", "ExContent.bin", &want);
    assert_int_equal(read_signed(buf_slice(&object), 100, &read, &got, NULL),
                     ERR_OK);
    assert_int_equal(read.has_content, opaque);
    if (opaque)
        assert_true(slice_equal(buf_slice(&got), buf_slice(&want)));
    assert_int_equal(read.signer_count, signers);
    for (size_t i = 0; i < read.signer_count; i++)
        held += signer_holds(&read, &read.signer[i], buf_slice(&want));
    assert_int_equal(held, rsa);
    for (size_t i = 0; i < read.certificate_count; i++) {
        struct cert_view view;

        assert_true(cert_view_parse(read.certificate[i], &view));
    }
}

static void
the_signed_examples_of_rfc_4134_are_read(void **state)
{
    (void)state;
    expect_signed("4.1.bin", 1, 0, true);
    expect_signed("4.2.bin", 1, 1, true);
    expect_signed("4.3.bin", 1, 0, false);
    expect_signed("4.4.bin", 1, 0, true);
    expect_signed("4.5.bin", 1, 1, true);
    expect_signed("4.6.bin", 2, 0, true);
    expect_signed("4.7.bin", 1, 0, true);
    expect_signed("4.11.bin", 0, 0, false);
}

static void
the_encrypted_examples_of_rfc_4134_open(void **state)
{
    static const char *const files[] = {"5.1.bin", "5.2.bin"};
    EVP_PKEY *bob = load_key("rfc4134", "BobPrivRSAEncrypt.pri");
    AUTO(buf) struct buf want = {0};

    (void)state;
    load("rfc4134", "ExContent.bin", &want);
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        AUTO(buf) struct buf object = {0};
        AUTO(buf) struct buf got = {0};

        load("rfc4134", files[i], &object);
        assert_int_equal(
            open_envelope(buf_slice(&object), bob, 100, &got, NULL), ERR_OK);
        assert_true(slice_equal(buf_slice(&got), buf_slice(&want)));
    }
    EVP_PKEY_free(bob);
}

static void
expect_mail_opens(const char *folder, const char *file, EVP_PKEY *key)
{
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf got = {0};

    load_mail(folder, file, &object);
    assert_int_equal(open_envelope(buf_slice(&object), key, 100, &got, NULL),
                     ERR_OK);
    assert_true(got.len > 0);
}

static void
published_mails_open(void **state)
{
    EVP_PKEY *bob = load_key("rfc4134", "BobPrivRSAEncrypt.pri");
    EVP_PKEY *third = load_key("openssl-cms/certs", "smec3.key.der");
    AUTO(signed_data) struct signed_data read = {0};
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf got = {0};

    (void)state;
    expect_mail_opens("rfc4134", "5.3.eml", bob);
    expect_mail_opens("openssl-cms/objects", "ciphertext_from_1_1_1.cms",
                      third);
    load_mail("rfc4134", "4.9.eml", &object);
    assert_int_equal(read_signed(buf_slice(&object), 100, &read, &got, NULL),
                     ERR_OK);
    assert_true(got.len > 0);
    assert_int_equal(read.signer_count, 1);
    EVP_PKEY_free(bob);
    EVP_PKEY_free(third);
}

static void
other_objects_of_rfc_4134_are_told_apart(void **state)
{
    static const struct {
        const char *file;
        enum cms_type type;
    } files[] = {{"6.0.bin", CMS_TYPE_OTHER},
                 {"7.1.bin", CMS_TYPE_OTHER},
                 {"3.1.bin", CMS_TYPE_DATA}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        AUTO(cms_object) struct cms_object *o = NULL;
        AUTO(buf) struct buf object = {0};
        struct steps from;

        load("rfc4134", files[i].file, &object);
        steps_init(&from, buf_slice(&object), 100);
        assert_int_equal(cms_object_open(&from.s, &o, NULL), ERR_OK);
        assert_int_equal(cms_object_type(o), files[i].type);
    }
}

/* ---- what must fail, and must not crash
 * ----------------------------------------- */

static void
expect_not_opened(const char *file, const char *key_file)
{
    EVP_PKEY *key = load_key("openssl-cms/objects", key_file);
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf got = {0};

    load("openssl-cms/objects", file, &object);
    assert_int_not_equal(
        open_envelope(buf_slice(&object), key, 100, &got, NULL), ERR_OK);
    EVP_PKEY_free(key);
}

static void
malformed_recipients_fail_cleanly(void **state)
{
    EVP_PKEY *rsa = load_key("openssl-cms/certs", "smrsa1.key.der");
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf got = {0};

    (void)state;
    expect_not_opened("dh-malformed.der", "dh-key.key.der");
    expect_not_opened("ecdh-malformed.der", "ecdh-key.key.der");
    load("openssl-cms/objects", "rsa-malformed.der", &object);
    assert_int_not_equal(
        open_envelope(buf_slice(&object), rsa, 100, &got, NULL), ERR_OK);
    EVP_PKEY_free(rsa);
}

/* Wrong attributes are evidence: the validator refuses them by what is
 * handed over here. */
static void
objects_with_bad_attributes_are_handed_over_as_they_are(void **state)
{
    static const char *const files[] = {"bad_signtime_attr.cms",
                                        "ct_multiple_attr.cms",
                                        "no_ct_attr.cms", "no_md_attr.cms"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        AUTO(signed_data) struct signed_data read = {0};
        AUTO(buf) struct buf object = {0};
        AUTO(buf) struct buf got = {0};

        load("openssl-cms/objects", files[i], &object);
        assert_int_equal(
            read_signed(buf_slice(&object), 100, &read, &got, NULL), ERR_OK);
        assert_int_equal(read.signer_count, 1);
        assert_true(read.signer[0].signed_attrs.n > 0);
        assert_int_equal(read.signer[0].signed_attrs.p[0], TAG_SET);
    }
}

static void
expect_survival(const char *folder, const char *file, void *arg)
{
    AUTO(signed_data) struct signed_data read = {0};
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf got = {0};
    EVP_PKEY *key = arg;
    time_t began = time(NULL);

    load(folder, file, &object);
    (void)read_signed(buf_slice(&object), 4096, &read, &got, NULL);
    (void)open_envelope(buf_slice(&object), key, 4096, &got, NULL);
    if (time(NULL) - began > LIMIT_SEED_SECONDS)
        fail_msg("%s took too long", file);
}

static void
no_seed_of_the_fuzzers_crashes_or_hangs(void **state)
{
    EVP_PKEY *bob = load_key("rfc4134", "BobPrivRSAEncrypt.pri");

    (void)state;
    assert_true(each_file("fuzz/cms", "", expect_survival, bob) > 100);
    assert_true(each_file("fuzz/asn1", "", expect_survival, bob) > 100);
    EVP_PKEY_free(bob);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_nss_envelope_opens),
        cmocka_unit_test(the_signed_examples_of_rfc_4134_are_read),
        cmocka_unit_test(the_encrypted_examples_of_rfc_4134_open),
        cmocka_unit_test(published_mails_open),
        cmocka_unit_test(other_objects_of_rfc_4134_are_told_apart),
        cmocka_unit_test(malformed_recipients_fail_cleanly),
        cmocka_unit_test(
            objects_with_bad_attributes_are_handed_over_as_they_are),
        cmocka_unit_test(no_seed_of_the_fuzzers_crashes_or_hangs),
    };

    if (!shared_data())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
