/* Header protection of mail that is encrypted. */
#include "tests/unit/session_protect.h"

/* ---- encrypted ------------------------------------------------------------
 */

static void
an_encrypted_mail_hides_its_subject(void **state)
{
    (void)state;
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        AUTO(outcome) struct outcome s;
        AUTO(outcome) struct outcome o;

        encrypt_as("cipher", is_signed, "no", MAIL, &s);
        assert_true(header_holds(&s.output, FROM TO "Subject: [...]\n"));
        assert_false(holds(&s.output, "secret"));
        assert_false(holds(&s.output, "Keywords"));
        open_as_b(&s.output, &o);
        assert_string_equal(hp_of(&o), "cipher");
        assert_field(&o, "Subject",
                     is_signed ? "signed-and-encrypted" : "encrypted-only",
                     "the secret");
        assert_field(&o, "Keywords",
                     is_signed ? "signed-and-encrypted" : "encrypted-only",
                     "k");
        assert_field(&o, "From", is_signed ? "signed-only" : "unprotected",
                     "A <a@example.org>");
        assert_string_equal(outer_of(&o, "Subject"), "[...]");
        assert_true(header_holds(&o.output, "\n" SUBJECT "Keywords: k\n"));
        assert_false(holds(&o.output, "[...]"));
        assert_false(holds(&o.output, "HP-Outer"));
        assert_false(holds(&o.output, "c@example.org"));
    }
}

static void
with_clear_an_encrypted_mail_hides_nothing_and_says_so(void **state)
{
    AUTO(outcome) struct outcome s;
    AUTO(outcome) struct outcome o;

    (void)state;
    encrypt_as("clear", true, "yes", MAIL, &s);
    assert_true(header_holds(&s.output, SUBJECT "Keywords: k\n"));
    open_as_b(&s.output, &o);
    assert_string_equal(hp_of(&o), "cipher");
    assert_field(&o, "Subject", "signed-only", "the secret");
    assert_true(holds(&o.output, "\n\nthe text\n"));
}

/* A subject that was told outside after all is not confidential. */
static void
a_field_that_is_outside_too_was_not_encrypted(void **state)
{
    AUTO(outcome) struct outcome s;
    AUTO(outcome) struct outcome o;

    (void)state;
    encrypt_as("cipher", true, "no", MAIL, &s);
    replace(&s.output, "Subject: [...]\n", SUBJECT);
    open_as_b(&s.output, &o);
    assert_field(&o, "Subject", "signed-only", "the secret");
}

static void
the_legacy_display_is_in_the_text_and_taken_off_again(void **state)
{
    AUTO(outcome) struct outcome s;
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome inside;
    AUTO(outcome) struct outcome t;

    (void)state;
    encrypt_as("cipher", false, "yes", MAIL, &s);
    open_as_b(&s.output, &o);
    assert_true(holds(&o.output, "\n\nthe text\n"));
    assert_false(holds(&o.output, "Subject: the secret\n\nthe text"));
    assert_false(holds(&o.output, "legacy"));
    /* Signed inside, decrypt leaves what is there as it is. */
    encrypt_as("cipher", true, "yes", MAIL, &t);
    people_clear();
    card_add(&bob, "b@example.org");
    call_mail(mail_decrypt, NULL, buf_slice(&t.output), &inside);
    assert_int_equal(inside.e, ERR_OK);
    assert_true(holds(&inside.output, "hp-legacy-display=\"1\""));
    assert_true(holds(&inside.output, "\n\nSubject: the secret\n\nthe text"));
    assert_true(holds(&inside.output, "HP-Outer: Subject: [...]\n"));
}

static void
shy_tells_no_names_and_no_zone_outside(void **state)
{
    static const char mail[] =
        "From: \"A, B\" <a@example.org>\n"
        "To: B <b@example.org>, C <c@example.org>\n"
        "Date: Sat, 20 Feb 2021 23:16:02 -0500 (EST)\n" SUBJECT
        "Reply-To: R <r@example.org>\nKeywords: k\n\nthe text\n";
    static const char *const outside[] = {
        "From: a@example.org\n", "To: b@example.org,\n c@example.org\n",
        "Date: Sun, 21 Feb 2021 04:16:02 +0000\n", "Subject: [...]\n",
        "Reply-To: R <r@example.org>\n"};
    AUTO(outcome) struct outcome s;
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome inside;

    (void)state;
    encrypt_as("shy", true, "yes", mail, &s);
    for (size_t i = 0; i < ARRAY_COUNT(outside); i++)
        assert_true(header_holds(&s.output, outside[i]));
    assert_false(header_holds(&s.output, "Keywords"));
    open_as_b(&s.output, &o);
    assert_field(&o, "From", "signed-and-encrypted",
                 "\"A, B\" <a@example.org>");
    assert_field(&o, "Date", "signed-and-encrypted",
                 "Sat, 20 Feb 2021 23:16:02 -0500 (EST)");
    assert_field(&o, "Reply-To", "signed-only", "R <r@example.org>");
    assert_true(header_holds(&o.output, "From: \"A, B\" <a@"));
    assert_false(header_holds(&o.output, "X-Protected"));
    assert_true(holds(&o.output, "\n\nthe text\n"));
    people_clear();
    card_add(&bob, "b@example.org");
    call_mail(mail_decrypt, NULL, buf_slice(&s.output), &inside);
    assert_int_equal(inside.e, ERR_OK);
    assert_true(holds(&inside.output, "HP-Outer: From: a@example.org\n"));
    assert_true(holds(&inside.output,
                      "\n\nSubject: the secret\n"
                      "From: \"A, B\" <a@example.org>\n"
                      "To: B <b@example.org>, C <c@example.org>\n"
                      "Date: Sat, 20 Feb 2021 23:16:02 -0500 (EST)\n\n"
                      "the text"));
}

static void
what_shy_cannot_read_stays_as_it_is(void **state)
{
    static const char *const fields[] = {
        "To: some: B <b@example.org>;\n",
        "Cc: not an address\n",
        "Date: yesterday\n",
        "Date: Sat, 31 Feb 2021 10:00:00 +0100\n",
        "Date: Sat, 20 Feb 2021 25:00:00 +0100\n",
        "Date: Sat, 20 Feb 2021 10:00:00\n",
        "Date: Sat, 20 Feb 2021 10:00:00 +1x00\n",
        "Date: Sat, 20 Feb 2021 10:00:00 +0100 and more\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
        AUTO(outcome) struct outcome s;
        AUTO(buf) struct buf mail = {0};

        buf_addf(&mail, FROM "%s" SUBJECT "\nthe text\n", fields[i]);
        encrypt_as("shy", false, "no", buf_text(&mail), &s);
        assert_true(header_holds(&s.output, fields[i]));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_encrypted_mail_hides_its_subject),
        cmocka_unit_test(
            with_clear_an_encrypted_mail_hides_nothing_and_says_so),
        cmocka_unit_test(a_field_that_is_outside_too_was_not_encrypted),
        cmocka_unit_test(the_legacy_display_is_in_the_text_and_taken_off_again),
        cmocka_unit_test(shy_tells_no_names_and_no_zone_outside),
        cmocka_unit_test(what_shy_cannot_read_stays_as_it_is),
    };

    return cmocka_run_group_tests(tests, identities_make, identities_drop);
}
