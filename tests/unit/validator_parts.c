/* The strict reader, signed attributes and addresses, byte by byte. */
#include <cmocka.h>

#include "agent/validator/address.h"
#include "agent/validator/attributes.h"
#include "agent/validator/comparable.h"

static bool
takes(const char *bytes, size_t n)
{
    struct slice rest = slice_of(bytes, n);
    struct strict item;

    return strict_next(&rest, &item);
}

static void
only_minimal_definite_lengths_are_read(void **state)
{
    static const char long_form[131] = "\x04\x81\x80";

    (void)state;
    assert_true(takes("\x04\x01x", 3));
    assert_true(takes("\x05\x00", 2));
    assert_true(takes(long_form, 131));
    assert_false(takes(long_form, 130));
    assert_false(takes("\x04\x81\x01x", 4));
    assert_false(takes("\x04\x82\x00\x01x", 5));
    assert_false(takes("\x24\x80\x04\x01x\0\0", 7));
    assert_false(takes("\x04\x02x", 3));
    assert_false(takes("\x04\x84\xff\xff\xff\xff", 6));
    assert_false(takes("\x04\x85\x01\x00\x00\x00\x00", 7));
    assert_false(takes("\x1f\x01\x00", 3));
    assert_false(takes("\x04", 1));
    assert_false(takes("", 0));
}

static bool
time_is(uint8_t tag, const char *text, int64_t *out)
{
    struct strict d = {.tag = tag, .value = slice_text(text)};

    return strict_time(&d, out);
}

static void
times_are_read_exactly(void **state)
{
    int64_t t = 0;

    (void)state;
    assert_true(time_is(DER_UTC_TIME, "700101000000Z", &t));
    assert_int_equal(t, 0);
    assert_true(time_is(DER_UTC_TIME, "491231235959Z", &t));
    assert_int_equal(t, 2524607999);
    assert_true(time_is(DER_GENERAL_TIME, "20500101000000Z", &t));
    assert_int_equal(t, 2524608000);
    assert_false(time_is(DER_UTC_TIME, "230231000000Z", &t));
    assert_false(time_is(DER_UTC_TIME, "231301000000Z", &t));
    assert_false(time_is(DER_UTC_TIME, "2301010000Z", &t));
    assert_false(time_is(DER_UTC_TIME, "230101000000+0100", &t));
    assert_false(time_is(DER_GENERAL_TIME, "20230101000000.5Z", &t));
    assert_false(time_is(DER_OCTETS, "230101000000Z", &t));
}

static void
attributes_that_are_cut_or_followed_never_parse(void **state)
{
    static const uint8_t good[] =
        "\x31\x31"
        "\x30\x18\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03\x31\x0b"
        "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
        "\x30\x15\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04\x31\x08"
        "\x04\x06"
        "digest";
    struct signed_attributes a = {0};

    (void)state;
    assert_true(attributes_parse(slice_of(good, sizeof(good) - 1), &a));
    assert_true(slice_is(a.message_digest, "digest"));
    assert_int_equal(a.content_type.n, 9);
    for (size_t n = 0; n < sizeof(good) - 1; n++)
        assert_false(attributes_parse(slice_of(good, n), &a));
    assert_false(attributes_parse(slice_of(good, sizeof(good)), &a));
}

static bool
is_address(struct slice s, bool utf8)
{
    AUTO(buf) struct buf out = {0};

    return address_read(s, utf8, &out);
}

static void
plausible_addresses_and_others(void **state)
{
    static const char *const good[] = {"a@b", "alice@example.org",
                                       "o'brien+x@a-b.example"};
    static const char *const bad[] = {
        "",      "@",    "a@",   "@b",    "a@b@c", "a b@c",    "a@b c",
        "a@b\n", ".a@b", "a@b.", "<a@b>", "a,b@c", "\"a\"b@c", "\xc3\xa4@b"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(good); i++)
        assert_true(is_address(slice_text(good[i]), false));
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_false(is_address(slice_text(bad[i]), false));
    assert_false(is_address(slice_of("a@b\0c", 5), true));
    assert_true(is_address(slice_text("\xc3\xa4@b"), true));
    assert_false(is_address(slice_text("\xc3@b"), true));
    assert_false(is_address(slice_text("\xc0\x80@b"), true));
    assert_false(is_address(slice_text("a\xe2\x80\x8e@b"), true));
}

static void
addresses_compare_with_ascii_folded(void **state)
{
    (void)state;
    assert_true(address_equal(slice_text("A@B"), slice_text("a@b")));
    assert_false(address_equal(slice_text("a@b"), slice_text("a@bc")));
    assert_false(
        address_equal(slice_text("\xc3\x84@b"), slice_text("\xc3\xa4@b")));
}

/* libcrypto takes the host for longer in some, and for another, or has no rule
 * for it, in others. */
static void
uris_whose_host_can_be_compared_and_others(void **state)
{
    static const char *const good[] = {"http://example.org",
                                       "http://1.example.org/",
                                       "http://example.org:80?a:b@c",
                                       "http://example.org:/a:b",
                                       "http://example.org/?a=b@c#d",
                                       "mailto:a@example.org",
                                       "urn:a:b"};
    static const char *const cut[] = {
        "http://example.org/a:b", "http://example.org?x",
        "x://example.org#x:", "http://example.org/x.evil.org:"};
    static const char *const bad[] = {"http://example.org./",
                                      "http://example.org.:80/",
                                      "http://example%2eorg/",
                                      "http://exa\tmple.org/",
                                      "http://x@example.org/",
                                      "http://x:y@example.org/",
                                      "http://example.org:80@evil.org/",
                                      "http://example.org\\x",
                                      "http://192.0.2.1/",
                                      "http://3221225985:80/",
                                      "http://0xc0000201",
                                      "http://[2001:db8::1]/",
                                      "a//b://x@example.org/"};
    struct slice host = slice_text("");

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(good); i++)
        if (uri_read(slice_text(good[i]), &host) != URI_COMPARABLE)
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        if (uri_read(slice_text(bad[i]), &host) != URI_UNREADABLE)
            fail_msg("%s", bad[i]);
    assert_int_equal(uri_read(slice_of("http://a\0b/", 11), &host),
                     URI_UNREADABLE);
    assert_int_equal(host.n, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cut); i++)
        if (uri_read(slice_text(cut[i]), &host) != URI_MISREAD ||
            !slice_is(host, "example.org"))
            fail_msg("%s", cut[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_minimal_definite_lengths_are_read),
        cmocka_unit_test(times_are_read_exactly),
        cmocka_unit_test(attributes_that_are_cut_or_followed_never_parse),
        cmocka_unit_test(plausible_addresses_and_others),
        cmocka_unit_test(addresses_compare_with_ascii_folded),
        cmocka_unit_test(uris_whose_host_can_be_compared_and_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
