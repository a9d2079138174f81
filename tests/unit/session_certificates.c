/*
 * Which certificates of a message are looked at: whoever signed is, wherever
 * the message lists them, and what was left out is told.
 */
#include "agent/session/certificates.h"

#include "agent/cms/der.h"
#include "tests/unit/cms_fixture.h"

static struct signed_data data;
static struct buf bytes[LIMIT_CERTIFICATES];
static struct signer_info signer;
static struct slice_list chosen;

/* A certificate's outline of N octets and a few; names are their TEXTs. */
static void
add_certificate(char serial, const char *issuer, const char *subject, size_t n)
{
    struct buf *b = &bytes[data.certificate_count];
    size_t certificate, tbs;

    certificate = der_open(b, TAG_SEQUENCE);
    tbs = der_open(b, TAG_SEQUENCE);
    der_put(b, TAG_INTEGER, slice_of((const uint8_t *)&serial, 1));
    der_put(b, TAG_SEQUENCE, slice_of(NULL, 0));
    der_put(b, TAG_SEQUENCE, slice_text(issuer));
    der_put(b, TAG_SEQUENCE, slice_of(NULL, 0));
    der_put(b, TAG_SEQUENCE, slice_text(subject));
    der_put(b, TAG_SEQUENCE, slice_of(NULL, 0));
    der_close(b, tbs);
    der_put(b, TAG_SEQUENCE, slice_of(NULL, 0));
    if (n > 0) {
        AUTO(buf) struct buf fill = {0};

        fill_pattern(&fill, n);
        der_put(b, TAG_BIT_STRING, buf_slice(&fill));
    } else {
        der_put(b, TAG_BIT_STRING, slice_of(NULL, 0));
    }
    der_close(b, certificate);
    data.certificate[data.certificate_count++] = buf_slice(b);
}

static int
begin(void **state)
{
    static uint8_t name[] = {TAG_SEQUENCE, 2, 'c', 'a'};

    (void)state;
    for (size_t i = 0; i < LIMIT_CERTIFICATES; i++)
        buf_drop(&bytes[i]);
    data = (struct signed_data){0};
    chosen = (struct slice_list){0};
    signer = (struct signer_info){.issuer = slice_of(name, sizeof(name)),
                                  .serial = slice_text("m")};
    return 0;
}

/* The number in the message of the one chosen at PLACE. */
static size_t
number_at(size_t place)
{
    assert_true(place < chosen.n);
    for (size_t i = 0; i < data.certificate_count; i++)
        if (data.certificate[i].p == chosen.item[place].p)
            return i;
    fail_msg("it is none of the message's");
    return 0;
}

static bool
choose(void)
{
    chosen = (struct slice_list){0};
    return certificates_choose(&data, &signer, &chosen);
}

static void
the_signer_and_its_issuers_come_first(void **state)
{
    (void)state;
    add_certificate('1', "x", "y", 0);
    add_certificate('2', "root", "root", 0);
    add_certificate('3', "root", "ca", 0);
    add_certificate('4', "x", "z", 0);
    add_certificate('m', "ca", "max", 0);
    assert_false(choose());
    assert_int_equal(chosen.n, 5);
    assert_int_equal(number_at(0), 4);
    assert_int_equal(number_at(1), 2);
    assert_int_equal(number_at(2), 1);
    assert_int_equal(number_at(3), 0);
    assert_int_equal(number_at(4), 3);
}

/* Of the same number, but of another issuer: it is somebody else's. */
static void
the_number_of_another_issuer_is_not_the_signers(void **state)
{
    (void)state;
    add_certificate('1', "x", "y", 0);
    add_certificate('m', "other", "max", 0);
    assert_false(choose());
    assert_int_equal(number_at(0), 0);
}

static void
names_in_a_circle_come_to_an_end(void **state)
{
    (void)state;
    add_certificate('1', "b", "ca", 0);
    add_certificate('2', "ca", "b", 0);
    add_certificate('m', "ca", "max", 0);
    assert_false(choose());
    assert_int_equal(chosen.n, 3);
    assert_int_equal(number_at(0), 2);
    assert_int_equal(number_at(1), 0);
    assert_int_equal(number_at(2), 1);
}

/* Others fill all the room before it. */
static void
a_signer_behind_all_others_is_there(void **state)
{
    (void)state;
    for (int i = 0; i < LIMIT_CERTIFICATES - 2; i++)
        add_certificate('1', "x", "y", 8000);
    add_certificate('2', "root", "ca", 8000);
    add_certificate('m', "ca", "max", 8000);
    assert_int_equal(data.certificate_count, LIMIT_CERTIFICATES);
    assert_true(choose());
    assert_int_equal(chosen.n, LIMIT_EVIDENCE_BYTES / 8000);
    assert_int_equal(number_at(0), LIMIT_CERTIFICATES - 1);
    assert_int_equal(number_at(1), LIMIT_CERTIFICATES - 2);
    assert_int_equal(number_at(2), 0);
}

/* In octets: all of the room, and one more. */
static void
what_fits_is_taken_and_one_octet_more_is_told(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        size_t room = LIMIT_EVIDENCE_BYTES, around;

        begin(NULL);
        add_certificate('m', "ca", "max", 30000);
        add_certificate('1', "x", "y", 30000);
        add_certificate('2', "x", "z", 30000);
        around = data.certificate[1].n - 30000;
        for (size_t i = 0; i < 3; i++)
            room -= data.certificate[i].n;
        add_certificate('3', "x", "w", room - around + over);
        assert_int_equal(choose(), over);
        assert_int_equal(chosen.n, 4 - over);
    }
}

static void
one_that_is_too_large_hides_no_other(void **state)
{
    (void)state;
    add_certificate('1', "x", "y", LIMIT_CERT_BYTES);
    add_certificate('m', "ca", "max", 0);
    assert_true(choose());
    assert_int_equal(chosen.n, 1);
    assert_int_equal(number_at(0), 1);
}

/* The validator says what is wrong with it. */
static void
what_is_no_certificate_is_taken_last(void **state)
{
    (void)state;
    data.certificate[0] = slice_text("no certificate");
    data.certificate_count = 1;
    assert_false(choose());
    assert_int_equal(chosen.n, 1);
    add_certificate('m', "ca", "max", 0);
    assert_false(choose());
    assert_int_equal(number_at(0), 1);
}

static int
end(void **state)
{
    return begin(state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_signer_and_its_issuers_come_first, begin),
        cmocka_unit_test_setup(the_number_of_another_issuer_is_not_the_signers,
                               begin),
        cmocka_unit_test_setup(names_in_a_circle_come_to_an_end, begin),
        cmocka_unit_test_setup(a_signer_behind_all_others_is_there, begin),
        cmocka_unit_test_setup(what_fits_is_taken_and_one_octet_more_is_told,
                               begin),
        cmocka_unit_test_setup(one_that_is_too_large_hides_no_other, begin),
        cmocka_unit_test_setup(what_is_no_certificate_is_taken_last, begin),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
