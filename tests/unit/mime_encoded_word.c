#include "tests/unit/mime_streams.h"

#include "agent/mime/address.h"

static void
assert_decodes(const char *text, const char *expected)
{
    AUTO(buf) struct buf out = {0};

    encoded_word_decode(slice_text(text), &out);
    assert_slice(buf_slice(&out), expected);
}

static void
both_encodings_are_decoded(void **state)
{
    (void)state;
    assert_decodes("", "");
    assert_decodes("plain =? text ?=", "plain =? text ?=");
    assert_decodes("=?utf-8?q?M=C3=BCller_J?=", "M\xc3\xbcller J");
    assert_decodes("=?UTF-8*de?B?w7w=?= x", "\xc3\xbc x");
    assert_decodes("a =?us-ascii?Q?b?= c", "a b c");
}

static void
charsets_become_utf8(void **state)
{
    (void)state;
    assert_decodes("=?iso-8859-1?q?=FC?=", "\xc3\xbc");
    assert_decodes("=?windows-1252?q?=80=81?=", "\xe2\x82\xac\xef\xbf\xbd");
    assert_decodes("=?us-ascii?q?=FC?=", "\xef\xbf\xbd");
    assert_decodes("=?utf-8?q?=FC=C0=80?=",
                   "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    assert_decodes("=?koi8-r?q?=C1?=", "=?koi8-r?q?=C1?=");
}

static void
adjacent_words_are_joined(void **state)
{
    (void)state;
    assert_decodes("=?utf-8?q?a?= \t =?utf-8?q?b?=", "ab");
    assert_decodes("=?utf-8?b?ww==?= =?UTF8?b?vA==?=", "\xc3\xbc");
    assert_decodes("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c");
    assert_decodes("=?utf-8?q?a?= =?iso-8859-1?q?=FC?=", "a\xc3\xbc");
    assert_decodes("=?utf-8?q?a?= =?x?q?b?=", "a =?x?q?b?=");
}

static void
what_is_no_encoded_word_stays(void **state)
{
    (void)state;
    assert_decodes("=?utf-8?x?a?=", "=?utf-8?x?a?=");
    assert_decodes("=?utf-8?q?a", "=?utf-8?q?a");
    assert_decodes("=??q?a?=", "=??q?a?=");
    assert_decodes("=?utf-8?q", "=?utf-8?q");
    assert_decodes("=?=?utf-8?q?a?=", "=?a");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_encodings_are_decoded),
        cmocka_unit_test(charsets_become_utf8),
        cmocka_unit_test(adjacent_words_are_joined),
        cmocka_unit_test(what_is_no_encoded_word_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
