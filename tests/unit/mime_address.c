#include "tests/unit/mime_streams.h"

#include <stdio.h>

#include "agent/mime/address.h"

/* Writes a list down as address{name} address{name}, "group" behind. */
static void
assert_list(const char *value, const char *expected)
{
    AUTO(mailbox_list) struct mailbox_list l = {0};
    AUTO(buf) struct buf out = {0};

    mailbox_list_parse(slice_text(value), &l);
    assert_false(l.malformed);
    for (size_t i = 0; i < l.count; i++) {
        buf_addf(&out, "%s%s", i ? " " : "", l.item[i].address);
        if (l.item[i].name)
            buf_addf(&out, "{%s}", l.item[i].name);
    }
    if (l.group)
        buf_add_text(&out, " group");
    assert_slice(buf_slice(&out), expected);
}

static void
assert_malformed_slice(struct slice value)
{
    AUTO(mailbox_list) struct mailbox_list l = {0};

    mailbox_list_parse(value, &l);
    assert_true(l.malformed);
}

static void
assert_all_malformed(const char *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_malformed_slice(slice_text(values[i]));
}

static void
plain_mailboxes_are_read(void **state)
{
    (void)state;
    assert_list("", "");
    assert_list("a@x.org", "a@x.org");
    assert_list(" A <a@x>,\r\n\t\"B, C\" <b@Y> ", "a@x{A} b@Y{B, C}");
    assert_list("a@x, , b@y,", "a@x b@y");
    assert_list("<a@x>", "a@x");
    assert_list("John Q. Public <j@x>", "j@x{John Q. Public}");
    assert_list("\"A \\\"B\\\"\" C <a@x>", "a@x{A \"B\" C}");
}

static void
comments_are_names_not_addresses(void **state)
{
    (void)state;
    assert_list("a@x (Joe (the \\) one))", "a@x{Joe (the ) one)}");
    assert_list("(c)a(d)@(e)x(f)", "a@x{c d e f}");
    assert_list("A (b) <a@x> (c)", "a@x{A b c}");
}

static void
the_local_part_has_one_form(void **state)
{
    (void)state;
    assert_list("\"john.doe\"@x", "john.doe@x");
    assert_list("\"john doe\"@x", "\"john doe\"@x");
    assert_list("\"a\\\"b\\\\\"@x", "\"a\\\"b\\\\\"@x");
    assert_list("\"\"@x", "\"\"@x");
    assert_list("a . \"b\" . c @ x . y", "a.b.c@x.y");
    assert_list("\"a@b\"@x", "\"a@b\"@x");
}

static void
obsolete_routes_and_literals_are_read(void **state)
{
    (void)state;
    assert_list("A <@one,@two.org : a@x>", "a@x{A}");
    assert_list("a@[192.0.2.1]", "a@[192.0.2.1]");
    assert_list("a@[IPv6:2001:db8::1] (x)", "a@[IPv6:2001:db8::1]{x}");
}

static void
groups_are_flattened_and_told(void **state)
{
    (void)state;
    assert_list("undisclosed-recipients:;", " group");
    assert_list("G one: a@x, B <b@y>;, c@z", "a@x b@y{B} c@z group");
}

static void
utf8_is_read_and_latin1_names_are_converted(void **state)
{
    (void)state;
    assert_list("M\xc3\xbcller <m\xc3\xbc@\xc3\xbc.de>",
                "m\xc3\xbc@\xc3\xbc.de{M\xc3\xbcller}");
    assert_list("M\xfcller <m@x>", "m@x{M\xc3\xbcller}");
    assert_malformed_slice(slice_text("m\xfc@x"));
    assert_malformed_slice(slice_text("m\xe2\x80\xae@x"));
}

static void
names_are_decoded(void **state)
{
    (void)state;
    assert_list("=?utf-8?q?M=C3=BC?=\r\n =?utf-8?q?ller?= <m@x>",
                "m@x{M\xc3\xbcller}");
    assert_list("m@x (=?iso-8859-1?b?/A==?=)", "m@x{\xc3\xbc}");
}

static void
an_address_before_an_address_is_a_name(void **state)
{
    (void)state;
    assert_list("a@x <b@y>", "b@y{a@x}");
    assert_malformed_slice(slice_text("a@x b@y"));
    assert_malformed_slice(slice_text("a@x <b@y> c@z"));
    assert_malformed_slice(slice_text("a@x B <b@y>"));
}

static void
what_is_no_mailbox_is_malformed(void **state)
{
    static const char *const values[] = {
        "a",           "@x",         "a@",          "a@x@y",    "a..b@x",
        ".a@x",        "a.@x",       "a b@x",       "a@x.",     "a@.x",
        "a@x..y",      "<a@x",       "a@x>",        "<>",       "<a>",
        "\"a@x",       "\"a\\",      "a@x (b",      "a@[1",     "a@[a,b]",
        "a@[]",        "a@x; b@y",   "g: a@x",      "g: h: ;;", ":;",
        "a\x01@x",     "A\rB <a@x>", "A <@: a@x>x", "\"a\"b@x", "a@x,b",
        "A\x7f <a@x>", "<@x,a@b>",   "a@x)",        "\"\"",     "a\\b@x"};

    (void)state;
    assert_all_malformed(values, ARRAY_COUNT(values));
    assert_malformed_slice(slice_of("a@x\0", 4));
}

static void
limits_are_kept(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        AUTO(mailbox_list) struct mailbox_list many = {0};
        AUTO(mailbox_list) struct mailbox_list large = {0};
        AUTO(mailbox_list) struct mailbox_list deep = {0};
        AUTO(buf) struct buf a = {0};
        AUTO(buf) struct buf b = {0};
        AUTO(buf) struct buf c = {0};

        for (int i = 0; i < LIMIT_MAILBOXES + over; i++)
            buf_add_text(&a, "a@x,");
        for (int i = 0; i < LIMIT_MAILBOX_BYTES - 2 + over; i++)
            buf_add_text(&b, "a");
        buf_add_text(&b, "@x");
        buf_add_text(&c, "a@x ");
        for (int i = 0; i < LIMIT_COMMENT_DEPTH + over; i++)
            buf_add_text(&c, "(");
        for (int i = 0; i < LIMIT_COMMENT_DEPTH + over; i++)
            buf_add_text(&c, ")");
        mailbox_list_parse(buf_slice(&a), &many);
        mailbox_list_parse(buf_slice(&b), &large);
        mailbox_list_parse(buf_slice(&c), &deep);
        assert_int_equal(many.malformed, over);
        assert_int_equal(large.malformed, over);
        assert_int_equal(deep.malformed, over);
    }
}

static void
assert_deceiving(const char *value, bool expected)
{
    AUTO(mailbox_list) struct mailbox_list l = {0};

    mailbox_list_parse(slice_text(value), &l);
    assert_false(l.malformed);
    assert_int_equal(l.count, 1);
    assert_int_equal(mailbox_is_deceiving(&l.item[0]), expected);
}

static void
honest_names_are_honest(void **state)
{
    static const char *const values[] = {
        "a@x.org",
        "Ann <a@x.org>",
        "\"A@X.ORG\" <a@x.org>",
        "a@x.org <a@x.org>",
        "\"Ann (a@x.org)\" <a@x.org>",
        "\"Ann, a@x.org.\" <a@x.org>",
        "\"a\xef\xbc\xa0x.org\" <a@x.org>",
        "=?utf-8?q?a=40x.org?= <a@x.org>",
        "\"Bob @ Work\" <b@x>",
        "\"Bob @ Work Ltd. Leeds\" <b@x>",
        "\"Bob (at) Work Ltd.\" <b@x>",
        "\"Bob @ A B C\" <b@x>",
        "\"A @ X.org\" <a@x.org>",
        "\"\\\"b..c\\\"@x.org\" <\"b..c\"@x.org>",
        "\"Bob (Sales) @ Work Ltd.\" <b@x>",
        "\"Bob (@work.org)\" <b@x>",
        "\"Bob '@work.org'\" <b@x>",
        "\"@home\" <b@x>",
        "\"M\xc3\xbcller \xf0\x9f\x98\x80\" <m@x>"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(values); i++)
        assert_deceiving(values[i], false);
}

static void
names_that_look_like_another_address_deceive(void **state)
{
    static const char *const values[] = {
        "\"ceo@bank.com\" <a@x>",
        "ceo@bank.com <a@x>",
        "a@x (ceo@bank.com)",
        "\"a@x ceo@bank.com\" <a@x>",
        "\"ceo @ bank.com\" <a@x>",
        "\"c e o @ b a n k . c o m\" <a@x>",
        "\"ceo @bank .com\" <a@x>",
        "\"ceo @ bank. com\" <a@x>",
        "\"ceo(at)bank.com\" <a@x>",
        "\"ceo [AT] bank {dot} com\" <a@x>",
        "\"ceo \xe2\x80\x8b@ bank \xe2\x80\x8b.com\" <a@x>",
        "\"Bob @ home ceo@bank\" <a@x>",
        "\"Bob @ b@c\" <a@x>",
        "\"a@x.evil\" <a@x>",
        "\"a @ x.org .evil\" <a@x.org>",
        "\"\\\"ceo\\\"@bank.com\" <a@x>",
        "\"\\\"c e o\\\" @ bank.com\" <a@x>",
        "\"ceo\\\"@bank.com\" <a@x>",
        "\"(ceo)@bank.com\" <a@x>",
        "\"'ceo'@bank.com\" <a@x>",
        "\"[ceo]@bank.com\" <a@x>",
        "\"ceo @ bank\xe2\x80\xa4"
        "com\" <a@x>",
        "=?utf-8?q?ceo=40bank.com?= <a@x>",
        "=?utf-8?b?Y2Vv?= =?utf-8?b?QGJhbmsuY29t?= <a@x>",
        "\"=?utf-8?q?ceo=40bank.com?=\" <a@x>",
        "\"=?utf-8?q?ceo=40bank.com x?=\" <a@x>",
        "\"ceo\xef\xbc\xa0"
        "bank.com\" <a@x>",
        "\"ceo\xef\xb9\xab"
        "bank.com\" <a@x>",
        "\"ceo @\xcc\xb8 bank.com\" <a@x>",
        "\"ceo%40bank.com\" <a@x>",
        "=?iso-8859-1?q?=3Fq=3Fceo=40b?= <a@x>"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(values); i++)
        assert_deceiving(values[i], true);
}

/* As HTML, as UTF-8 that is too long, in words that only some decode. */
static void
what_only_some_readers_decode_deceives(void **state)
{
    static const struct {
        const char *name;
        bool deceives;
    } names[] = {
        {"\"b&#0064;c.org\"", true},
        {"\"b&#X40;c.org\"", true},
        {"\"b&#x000040;c.org\"", true},
        {"\"b&CommAt;c.org\"", true},
        {"\"b&#64c.org\"", true},
        {"\"b&#8238;c\"", true},
        {"\"b&#99999999999999;c\"", false},
        {"\"b&#;&#x;&#39;&amp;c\"", false},
        {"\"a&#64;x\"", false},
        {"=?utf-8?q?b=C1=80c.org?=", true},
        {"=?UTF8?q?b=E0=81=80c.org?=", true},
        {"=?utf-8?q?b=F0=80=81=80c.org?=", true},
        {"=?utf-8?b?YsE=?= =?utf-8?b?gGM=?=", true},
        {"=?utf-8?q?b=E0=A4=85_=F0=90=80=80_=C3?=", false},
        {"=?iso-8859-1?q?b=C1=80c?=", false},
        {"=??q?b=40c.org?=", true},
        {"=?utf-8?b?Yg==QGMub3Jn?=", true},
        {"=?iso-8859-1?q?b_=96_c?=", false},
        {"\"b\xa3\xc0"
         "c.org\"",
         true},
        {"\"b\xa2I"
         "c.org\"",
         true},
        {"\"M\xfcller, Stra\xdf"
         "e\"",
         false},
        {"\"\xd5\xc5\xc8\xfd\"", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char value[128];

        snprintf(value, sizeof(value), "%s <a@x>", names[i].name);
        assert_deceiving(value, names[i].deceives);
        snprintf(value, sizeof(value), "a@x (%s)", names[i].name);
        assert_deceiving(value, names[i].deceives);
    }
}

static void
control_and_bidi_characters_deceive(void **state)
{
    (void)state;
    assert_deceiving("\"A\xe2\x80\xae"
                     "B\" <a@x>",
                     true);
    assert_deceiving("\"A\xe2\x81\xa6"
                     "B\" <a@x>",
                     true);
    assert_deceiving("=?utf-8?q?A=0AB?= <a@x>", true);
    assert_deceiving("=?utf-8?q?A=00B?= <a@x>", true);
    /* Marks of direction, in a name of Hebrew or Arabic letters alone. */
    assert_deceiving("=?utf-8?q?=D7=90=D7=9C_=D7=91=E2=80=8F?= <a@x>", false);
    assert_deceiving("=?utf-8?q?=E2=80=8F=D8=A3=D8=AD-=D9=85=D8=9C?= <a@x>",
                     false);
    assert_deceiving("=?utf-8?q?=D7=90=E2=80=AE=D7=91?= <a@x>", true);
    assert_deceiving("=?utf-8?q?=D7=90=E2=80=8F_a?= <a@x>", true);
    assert_deceiving("=?utf-8?q?=D7=90=E2=80=8F_1?= <a@x>", true);
    assert_deceiving("=?utf-8?q?=D7=90=E2=80=8F=2E=D7=91?= <a@x>", true);
    assert_deceiving("=?utf-8?q?=D7=90=E2=80=8F=40=D7=91?= <a@x>", true);
    assert_deceiving("=?utf-8?q?=E2=80=8F?= <a@x>", true);
    assert_deceiving("=?utf-8?q?=D7=90=E2=80=8F=E2=80=8B?= <a@x>", true);
    assert_deceiving("\"A\xc2\x85"
                     "B\" <a@x>",
                     true);
    assert_deceiving("\"A\xe2\x80\x93"
                     "B\" <a@x>",
                     false);
}

static void
addresses_are_compared_without_ascii_case(void **state)
{
    (void)state;
    assert_true(address_equal(slice_text("A@x.ORG"), slice_text("a@X.org")));
    assert_false(address_equal(slice_text("a@x.org"), slice_text("a@x.orgs")));
    assert_false(
        address_equal(slice_text("\xc3\x9c@x"), slice_text("\xc3\xbc@x")));
}

static void
plausible_addresses_are_told_from_others(void **state)
{
    static const char *const good[] = {"a@x", "a.b+c@x.org", "\xc3\xbc@x"};
    static const char *const bad[] = {
        "",       "a",     "@x",   "a@",      "a@b@c",          "a b@x",
        "a\n@x",  "a@x.",  "a.@x", ".a@x",    "a@.x",           "<a@x>",
        "\xfc@x", "a@x,b", "a@x;", "a\x7f@x", "a\xe2\x80\xae@x"};
    char longest[LIMIT_MAILBOX_BYTES + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(good); i++)
        assert_true(address_is_plausible(slice_text(good[i])));
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_false(address_is_plausible(slice_text(bad[i])));
    assert_false(address_is_plausible(slice_of("a\0@x", 4)));
    memset(longest, 'a', sizeof(longest));
    longest[3] = '@';
    assert_true(address_is_plausible(slice_of(longest, LIMIT_MAILBOX_BYTES)));
    assert_false(address_is_plausible(slice_of(longest, sizeof(longest))));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_mailboxes_are_read),
        cmocka_unit_test(comments_are_names_not_addresses),
        cmocka_unit_test(the_local_part_has_one_form),
        cmocka_unit_test(obsolete_routes_and_literals_are_read),
        cmocka_unit_test(groups_are_flattened_and_told),
        cmocka_unit_test(utf8_is_read_and_latin1_names_are_converted),
        cmocka_unit_test(names_are_decoded),
        cmocka_unit_test(an_address_before_an_address_is_a_name),
        cmocka_unit_test(what_is_no_mailbox_is_malformed),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(honest_names_are_honest),
        cmocka_unit_test(names_that_look_like_another_address_deceive),
        cmocka_unit_test(what_only_some_readers_decode_deceives),
        cmocka_unit_test(control_and_bidi_characters_deceive),
        cmocka_unit_test(addresses_are_compared_without_ascii_case),
        cmocka_unit_test(plausible_addresses_are_told_from_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
