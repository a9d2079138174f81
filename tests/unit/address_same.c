/* When two addresses are one. */
#include "tests/unit/mime_streams.h"

#include "agent/address/same.h"

static void
assert_same(const char *a, const char *b, bool expected)
{
    assert_int_equal(address_equal(slice_text(a), slice_text(b)), expected);
    assert_int_equal(address_equal(slice_text(b), slice_text(a)), expected);
}

static void
ascii_case_is_folded_and_no_other(void **state)
{
    (void)state;
    assert_same("A@x.ORG", "a@X.org", true);
    assert_same("a@x.org", "a@x.orgs", false);
    assert_same("\xc3\x9c@x", "\xc3\xbc@x", false);
    assert_same("\xe2\x84\xaa@x", "k@x", false);
    assert_same("a", "A", true);
    assert_same("", "a@x", false);
}

static void
a_domain_is_one_in_both_its_forms(void **state)
{
    (void)state;
    assert_same("a@b\xc3\xbc"
                "cher.example",
                "a@xn--bcher-kva.example", true);
    assert_same("a@b\xc3\xbc"
                "cher.example",
                "A@XN--BCHER-KVA.Example", true);
    assert_same("a@bu\xcc\x88"
                "cher.example",
                "a@xn--bcher-kva.example", true);
    assert_same("a@b\xc3\xbc"
                "cher.example",
                "a@bucher.example", false);
    assert_same("a@\xef\xbd\x85x.org", "a@ex.org", false);
    assert_same("a@x\xef\xbc\x8eorg", "a@x.org", false);
    assert_same("a@stra\xc3\x9f"
                "e.example",
                "a@strasse.example", false);
    assert_same("b\xc3\xbc@x.org", "xn--b-xga@x.org", false);
}

static void
a_domain_has_no_upper_case(void **state)
{
    static const char *const pairs[][2] = {
        {"a@B\u00dcCHER.example", "a@b\u00fccher.example"},
        {"a@B\u00dcCHER.example", "a@xn--bcher-kva.example"},
        {"a@B\u00dccher.X\u00c9.example", "a@b\u00fccher.x\u00e9.example"},
        {"a@\u0416\u0423\u041a.example", "a@\u0436\u0443\u043a.example"},
        {"a@\u0391\u0398\u0389\u039d\u0391.example",
         "a@\u03b1\u03b8\u03ae\u03bd\u03b1.example"},
        {"a@\u0531\u0532.example", "a@\u0561\u0562.example"},
        {"a@\u1ea4.example", "a@\u1ea5.example"},
        {"a@\u03a3\u03a3.example", "a@\u03c3\u03c3.example"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++)
        assert_same(pairs[i][0], pairs[i][1], true);
    /* In the local part it is another letter (RFC 5321 2.4). */
    assert_same("B\u00dc@x.org", "b\u00fc@x.org", false);
    assert_same("a@B\u00dcCHER.example", "a@bucher.example", false);
    assert_same("a@\u03a3\u03a3.example", "a@\u03c3\u03c2.example", false);
}

/* What UTS 46 would map; libidn2 maps all of these or none. */
static void
what_uts_46_maps_is_another_domain(void **state)
{
    static const char *const pairs[][2] = {
        {"a@\uff45xample.org", "a@example.org"},
        {"a@\u212aexample.org", "a@kexample.org"},
        {"a@example\u3002org", "a@example.org"},
        {"a@e\u00adxample.org", "a@example.org"},
        {"a@\ufb01sch.example", "a@fisch.example"},
        {"a@stra\u00dfe.example", "a@strasse.example"},
        {"a@\uff25xample.org", "a@\uff45xample.org"},
        {"a@B\u00dc\u212a.example", "a@b\u00fck.example"},
        {"a@B\u00dc\uff2b.example", "a@b\u00fck.example"},
        {"a@B\u00dc\u3002example", "a@b\u00fc.example"},
        {"a@B\u00dc\u00adx.example", "a@b\u00fcx.example"},
        {"a@\u0130x.example", "a@ix.example"},
        {"a@\u017f\u00dc.example", "a@s\u00fc.example"},
        {"a@STRA\u1e9eE.example", "a@strasse.example"},
        {"a@\u03d0.example", "a@\u03b2.example"},
        {"a@\u00b5.example", "a@\u03bc.example"},
        {"a@\u1e9b.example", "a@\u1e61.example"},
        {"a@\u01c4.example", "a@d\u017e.example"},
        {"a@\u24d0\u00dc.example", "a@a\u00fc.example"},
        {"a@\uff71.example", "a@\u30a2.example"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++)
        assert_same(pairs[i][0], pairs[i][1], false);
    assert_same("a@B\u00dcCHER.example", "A@b\u00dcCHER.Example", true);
    assert_same("a@B\u00fcCHER.example", "a@xn--bcher-kva.example", true);
}

static void
what_is_no_domain_stays_itself(void **state)
{
    char longest[600] = "a@\xc3\xbc";

    (void)state;
    memset(longest + 4, 'b', sizeof(longest) - 5);
    assert_same(longest, longest, true);
    assert_same("a@\xff", "a@\xff", true);
    assert_same("a@\xff", "a@x", false);
    assert_false(address_equal(slice_of("a@\xc3\xbc\0b", 6),
                               slice_of("a@\xc3\xbc\0c", 6)));
    assert_same("a@", "a@", true);
}

static void
quotes_count_only_where_they_are_needed(void **state)
{
    (void)state;
    assert_same("\"max\"@x", "max@x", true);
    assert_same("\"m\\ax\"@x", "max@x", true);
    assert_same("\"max \"@x", "max@x", false);
    assert_same("\"a b\"@x", "\"a\\ b\"@x", true);
    assert_same("\"a@b\"@x", "a@b@x", false);
    assert_same("\"a@b\"@x", "a@b", false);
    assert_same("\"\"@x", "@x", false);
}

static void
a_local_part_is_unquoted(void **state)
{
    static const char *const bad[] = {"",        "\"",       "a",
                                      "\"a",     "a\"",      "\"a\"b\"",
                                      "\"a\\\"", "\"\x01\"", "\"\xc3\xbc\""};
    AUTO(buf) struct buf out = {0};

    (void)state;
    assert_true(local_part_unquote(slice_text("\"a\\\"b\""), &out));
    assert_slice(buf_slice(&out), "\"a\\\"b\"");
    buf_clear(&out);
    assert_true(local_part_unquote(slice_text("\"a.b\""), &out));
    assert_slice(buf_slice(&out), "a.b");
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_false(local_part_unquote(slice_text(bad[i]), &out));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ascii_case_is_folded_and_no_other),
        cmocka_unit_test(a_domain_is_one_in_both_its_forms),
        cmocka_unit_test(a_domain_has_no_upper_case),
        cmocka_unit_test(what_uts_46_maps_is_another_domain),
        cmocka_unit_test(what_is_no_domain_stays_itself),
        cmocka_unit_test(quotes_count_only_where_they_are_needed),
        cmocka_unit_test(a_local_part_is_unquoted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
