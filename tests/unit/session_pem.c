/* Certificates in the forms that a CA hands out. */
#include <cmocka.h>

#include <openssl/evp.h>

#include "agent/session/pem.h"
#include "tests/unit/certs_only.h"

/* All that is looked at is the outermost element. */
static const uint8_t one[] = {0x30, 0x05, 0x30, 0x03, 2, 1, 1};
static const uint8_t two[] = {0x30, 0x05, 0x30, 0x03, 2, 1, 2};

static size_t
count_of(struct slice file, enum err want)
{
    AUTO(certificate_bundle) struct certificate_bundle b = {0};
    struct problem p = {0};

    assert_int_equal(certificate_bundle_read(file, &b, &p), want);
    for (size_t i = 0; i < b.count; i++)
        assert_memory_equal(b.item[i].p, i ? two : one, sizeof(one));
    return b.count;
}

static void
add_pem(struct buf *out, const char *label, struct slice der)
{
    json_t *text = json_pem(label, der);

    buf_add_text(out, json_string_value(text));
    json_decref(text);
}

static void
der_and_pem_and_certs_only_are_read(void **state)
{
    const struct slice both[] = {slice_of(one, sizeof(one)),
                                 slice_of(two, sizeof(two))};
    AUTO(buf) struct buf pem = {0};
    AUTO(buf) struct buf p7c = {0};
    AUTO(buf) struct buf p7b = {0};

    (void)state;
    assert_int_equal(count_of(both[0], ERR_OK), 1);
    buf_add_text(&pem, "subject=max\n");
    add_pem(&pem, "CERTIFICATE", both[0]);
    add_pem(&pem, "PRIVATE KEY", both[1]);
    add_pem(&pem, "CERTIFICATE", both[1]);
    assert_int_equal(count_of(buf_slice(&pem), ERR_OK), 2);
    certs_only_make(both, 2, &p7c);
    assert_int_equal(count_of(buf_slice(&p7c), ERR_OK), 2);
    add_pem(&p7b, "PKCS7", buf_slice(&p7c));
    assert_int_equal(count_of(buf_slice(&p7b), ERR_OK), 2);
    buf_clear(&p7b);
    add_pem(&p7b, "PKCS #7 SIGNED DATA", buf_slice(&p7c));
    assert_int_equal(count_of(buf_slice(&p7b), ERR_OK), 2);
}

static void
what_is_damaged_is_refused(void **state)
{
    AUTO(buf) struct buf pem = {0};
    AUTO(buf) struct buf p7c = {0};
    const struct slice der = slice_of(one, sizeof(one));

    (void)state;
    count_of(slice_text(""), ERR_BAD_CERTIFICATE);
    count_of(slice_text("nonsense"), ERR_BAD_CERTIFICATE);
    count_of(slice_text("-----BEGIN CERTIFICATE-----"), ERR_BAD_CERTIFICATE);
    count_of(slice_text("-----BEGIN CERTIFICATE-----\nMAAx\n"),
             ERR_BAD_CERTIFICATE);
    count_of(slice_text("-----BEGIN CERTIFICATE-----\n!!!!\n-----END "
                        "CERTIFICATE-----\n"),
             ERR_BAD_CERTIFICATE);
    add_pem(&pem, "PRIVATE KEY", der);
    count_of(buf_slice(&pem), ERR_BAD_CERTIFICATE);
    certs_only_make(&der, 1, &p7c);
    for (size_t n = 0; n < p7c.len; n++)
        count_of(slice_of(p7c.data, n), ERR_BAD_CERTIFICATE);
    for (size_t n = 0; n < sizeof(one); n++)
        count_of(slice_of(one, n), ERR_BAD_CERTIFICATE);
}

static void
more_certificates_than_the_limit_are_refused(void **state)
{
    AUTO(buf) struct buf pem = {0};

    (void)state;
    for (int i = 0; i < LIMIT_BUNDLE_CERTIFICATES + 1; i++)
        add_pem(&pem, "CERTIFICATE", slice_of(one, sizeof(one)));
    count_of(buf_slice(&pem), ERR_LIMIT);
}

static void
pem_has_lines_of_sixty_four(void **state)
{
    uint8_t der[49] = {0};
    json_t *text = json_pem("X", slice_of(der, sizeof(der)));
    const char *s = json_string_value(text);

    (void)state;
    assert_int_equal(strcspn(s, "\n"), strlen("-----BEGIN X-----"));
    s = strchr(s, '\n') + 1;
    assert_int_equal(strcspn(s, "\n"), 64);
    assert_non_null(strstr(s, "\nAA==\n-----END X-----\n"));
    json_decref(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(der_and_pem_and_certs_only_are_read),
        cmocka_unit_test(what_is_damaged_is_refused),
        cmocka_unit_test(more_certificates_than_the_limit_are_refused),
        cmocka_unit_test(pem_has_lines_of_sixty_four),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
