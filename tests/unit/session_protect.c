/*
 * Header Protection (RFC 9788), written and read again: what stands inside and
 * outside, and what is said of each field after somebody changed what is
 * outside.
 */
#include "tests/unit/session_protect.h"

/* ---- signed ---------------------------------------------------------------
 */

static void
without_header_protection_nothing_is_inside(void **state)
{
    AUTO(outcome) struct outcome s;
    AUTO(outcome) struct outcome o;

    (void)state;
    sign_as("off", MAIL, &s);
    assert_false(holds(&s.output, "hp="));
    open_as_b(&s.output, &o);
    assert_string_equal(hp_of(&o), "none");
    assert_field(&o, "Subject", "unprotected", "the secret");
    assert_null(field_of(&o, "Received"));
}

static void
a_signed_mail_carries_its_fields_with_hp_clear(void **state)
{
    static const char *const how[] = {"clear", "cipher"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        AUTO(outcome) struct outcome s;
        AUTO(outcome) struct outcome o;

        sign_as(how[i], MAIL, &s);
        assert_true(header_holds(&s.output, SUBJECT));
        assert_true(holds(&s.output, FROM TO SUBJECT
                          "Keywords: k\nContent-Type: text/plain;\n "
                          "charset=us-ascii;\n hp=\"clear\"\n\nthe text\n"));
        assert_false(holds(&s.output, "HP-Outer"));
        assert_false(holds(&s.output, "c@example.org"));
        open_as_b(&s.output, &o);
        assert_string_equal(verdict_of(&o), "good");
        assert_string_equal(hp_of(&o), "clear");
        assert_field(&o, "Subject", "signed-only", "the secret");
        assert_field(&o, "From", "signed-only", "A <a@example.org>");
        assert_null(outer_of(&o, "Subject"));
        assert_false(holds(&o.output, "hp="));
        assert_true(holds(&o.output, "Received: by x\n"));
    }
}

static void
a_field_that_differs_outside_is_marked_and_the_inner_one_shown(void **state)
{
    AUTO(outcome) struct outcome s;
    AUTO(outcome) struct outcome o;

    (void)state;
    sign_as("clear", MAIL, &s);
    replace(&s.output, SUBJECT, "Subject: other\nReply-To: e@evil.example\n");
    open_as_b(&s.output, &o);
    assert_string_equal(verdict_of(&o), "good");
    assert_string_equal(outer_of(&o, "Subject"), "other");
    assert_field(&o, "Reply-To", "unprotected", "e@evil.example");
    assert_true(header_holds(&o.output, "\nX-Unprotected-Subject: other\n"));
    assert_true(
        header_holds(&o.output, "\nX-Unprotected-Reply-To: e@evil.example\n"));
    assert_true(header_holds(&o.output, "\n" SUBJECT));
}

/* What is inside is judged; who is outside has to be the same. */
static void
another_author_outside_is_never_good(void **state)
{
    AUTO(outcome) struct outcome s;
    AUTO(outcome) struct outcome o;
    const json_t *from;

    (void)state;
    sign_as("clear", MAIL, &s);
    replace(&s.output, FROM, "From: B <boss@example.org>\n");
    open_as_b(&s.output, &o);
    assert_string_equal(outer_of(&o, "From"), "B <boss@example.org>");
    assert_true(header_holds(&o.output, "\nFrom: B <boss@"));
    assert_true(header_holds(&o.output, "\nX-Protected-" FROM));
    assert_false(header_holds(&o.output, "\n" FROM));
    from = json_object_get(report_of(&o), "from");
    assert_string_equal(json_string_value(json_array_get(from, 0)),
                        "a@example.org");
    assert_int_equal(asked_count, 1);
    assert_true(asked[0].flags & HEADER_INNER_FROM);
}

/* Blanks, folding and the form of words are no difference. */
static void
the_same_field_in_other_words_is_the_same(void **state)
{
    static const char mail[] =
        "From: \xc3\x84 <a@example.org>\n" TO "Subject: Gr\xc3\xbc\xc3\x9f"
        "e\n\nthe text\n";
    AUTO(outcome) struct outcome s;
    AUTO(outcome) struct outcome o;

    (void)state;
    sign_as("clear", mail, &s);
    assert_true(holds(&s.output, "\nSubject: =?utf-8?B?R3LDvMOfZQ==?=\n"));
    open_as_b(&s.output, &o);
    assert_field(&o, "Subject", "signed-only",
                 "Gr\xc3\xbc\xc3\x9f"
                 "e");
    assert_null(outer_of(&o, "Subject"));
    assert_null(outer_of(&o, "From"));
    assert_false(holds(&o.output, "X-Unprotected"));
}

static void
what_is_not_signed_by_its_sender_protects_nothing(void **state)
{
    AUTO(outcome) struct outcome s;
    AUTO(outcome) struct outcome o;

    (void)state;
    sign_as("clear", MAIL, &s);
    replace(&s.output, "the text", "the test");
    open_as_b(&s.output, &o);
    assert_field(&o, "Subject", "unprotected", "the secret");
}

/* ---- requests -------------------------------------------------------------
 */

static void
a_word_that_is_none_is_refused(void **state)
{
    AUTO(outcome) struct outcome o;

    (void)state;
    both();
    call_text(mail_sign, json_pack("{s:s}", "header_protection", "yes"), MAIL,
              &o);
    assert_int_equal(o.e, ERR_ALGORITHM);
    assert_string_equal(o.problem.subject, "header-protection");
    assert_int_equal(o.output.len, 0);
}

static void
a_bare_entity_has_no_fields_to_protect(void **state)
{
    AUTO(outcome) struct outcome o;

    (void)state;
    people_clear();
    card_add(&alice, "a@example.org");
    call_text(mail_sign,
              json_pack("{s:s,s:s}", "header_protection", "clear", "from",
                        "a@example.org"),
              "Content-Type: text/plain\n\nx\n", &o);
    assert_int_equal(o.e, ERR_OK);
    assert_false(holds(&o.output, "hp="));
}

/* hp= of another mail is not carried into this one. */
static void
an_hp_that_is_there_is_replaced(void **state)
{
    static const char mail[] = FROM TO
        "HP-Outer: Subject: x\nContent-Type: text/plain; hp=\"cipher\"; "
        "hp-legacy-display=1\n\nthe text\n";
    AUTO(outcome) struct outcome off;
    AUTO(outcome) struct outcome clear;

    (void)state;
    sign_as("off", mail, &off);
    assert_false(holds(&off.output, "hp=") || holds(&off.output, "HP-Outer"));
    sign_as("clear", mail, &clear);
    assert_false(holds(&clear.output, "cipher"));
    assert_true(holds(&clear.output, "hp=\"clear\""));
    assert_false(holds(&clear.output, "HP-Outer"));
}

static void
only_so_many_fields_are_told_and_all_are_shown(void **state)
{
    for (int more = 0; more < 2; more++) {
        AUTO(buf) struct buf mail = {0};
        AUTO(outcome) struct outcome s;
        AUTO(outcome) struct outcome o;

        (void)state;
        buf_add_text(&mail, FROM);
        for (int i = 1; i < LIMIT_PROTECTED_FIELDS + more; i++)
            buf_addf(&mail, "X-%d: x\n", i);
        buf_add_text(&mail, "\nthe text\n");
        sign_as("clear", buf_text(&mail), &s);
        open_as_b(&s.output, &o);
        assert_int_equal(
            json_array_size(json_object_get(report_of(&o), "header")),
            LIMIT_PROTECTED_FIELDS);
        assert_true(
            header_holds(&o.output, more ? "\nX-128: x\n" : "\nX-127: x\n"));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_header_protection_nothing_is_inside),
        cmocka_unit_test(a_signed_mail_carries_its_fields_with_hp_clear),
        cmocka_unit_test(
            a_field_that_differs_outside_is_marked_and_the_inner_one_shown),
        cmocka_unit_test(another_author_outside_is_never_good),
        cmocka_unit_test(the_same_field_in_other_words_is_the_same),
        cmocka_unit_test(what_is_not_signed_by_its_sender_protects_nothing),
        cmocka_unit_test(a_word_that_is_none_is_refused),
        cmocka_unit_test(a_bare_entity_has_no_fields_to_protect),
        cmocka_unit_test(an_hp_that_is_there_is_replaced),
        cmocka_unit_test(only_so_many_fields_are_told_and_all_are_shown),
    };

    return cmocka_run_group_tests(tests, identities_make, identities_drop);
}
