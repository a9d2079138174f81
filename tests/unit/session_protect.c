/*
 * Header Protection (RFC 9788), written and read again: what stands inside and
 * outside, and what is said of each field after somebody changed what is
 * outside.
 */
#include "agent/session/protect.h"

#include "tests/unit/session_mail.h"

#define FROM    "From: A <a@example.org>\n"
#define TO      "To: b@example.org\n"
#define SUBJECT "Subject: the secret\n"
#define MAIL                                                                   \
    "Received: by x\n" FROM TO SUBJECT "Keywords: k\nBcc: c@example.org\n"     \
    "Content-Type: text/plain; charset=us-ascii\n\nthe text\n"

static void
both(void)
{
    people_clear();
    card_add(&alice, "a@example.org");
    contact_add(&bob, "b@example.org");
}

static void
sign_as(const char *how, const char *mail, struct outcome *out)
{
    both();
    call_text(mail_sign, json_pack("{s:s}", "header_protection", how), mail,
              out);
    assert_int_equal(out->e, ERR_OK);
}

static void
encrypt_as(const char *how, bool is_signed, const char *legacy,
           const char *mail, struct outcome *out)
{
    both();
    call_text(mail_encrypt,
              json_pack("{s:[s],s:b,s:s,s:s}", "to", "b@example.org", "sign",
                        is_signed, "header_protection", how, "legacy_display",
                        legacy),
              mail, out);
    assert_int_equal(out->e, ERR_OK);
}

static void
open_as_b(const struct buf *mail, struct outcome *out)
{
    people_clear();
    card_add(&bob, "b@example.org");
    call_mail(mail_open, NULL, buf_slice(mail), out);
    assert_int_equal(out->e, ERR_OK);
}

/* In the output's first lines, before the empty one. */
static bool
header_holds(const struct buf *b, const char *text)
{
    const uint8_t *end = memmem(b->data, b->len, "\n\n", 2);

    assert_non_null(end);
    return memmem(b->data, (size_t)(end - b->data) + 1, text, strlen(text));
}

static const json_t *
report_of(const struct outcome *o)
{
    return json_object_get(o->reply, "report");
}

static const char *
hp_of(const struct outcome *o)
{
    return json_string_value(
        json_object_get(report_of(o), "header_protection"));
}

static const json_t *
field_of(const struct outcome *o, const char *name)
{
    const json_t *field;
    size_t i;

    json_array_foreach(json_object_get(report_of(o), "header"), i, field)
    {
        if (strcmp(json_string_value(json_object_get(field, "name")), name) ==
            0)
            return field;
    }
    return NULL;
}

static void
assert_field(const struct outcome *o, const char *name, const char *protection,
             const char *value)
{
    const json_t *field = field_of(o, name);

    assert_non_null(field);
    assert_string_equal(json_string_value(json_object_get(field, "protection")),
                        protection);
    assert_string_equal(json_string_value(json_object_get(field, "value")),
                        value);
}

static const char *
outer_of(const struct outcome *o, const char *name)
{
    return json_string_value(json_object_get(field_of(o, name), "outer"));
}

/* Replaces what stands in a header outside. */
static void
replace(struct buf *mail, const char *from, const char *to)
{
    AUTO(buf) struct buf changed = {0};
    const uint8_t *at = memmem(mail->data, mail->len, from, strlen(from));
    size_t before;

    assert_non_null(at);
    before = (size_t)(at - mail->data);
    buf_add(&changed, mail->data, before);
    buf_add_text(&changed, to);
    buf_add(&changed, at + strlen(from), mail->len - before - strlen(from));
    buf_drop(mail);
    *mail = changed;
    changed = (struct buf){0};
}

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
        "Date: Sat, 20 Feb 2021 10:00:00 EST\n",
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
        cmocka_unit_test(an_encrypted_mail_hides_its_subject),
        cmocka_unit_test(
            with_clear_an_encrypted_mail_hides_nothing_and_says_so),
        cmocka_unit_test(a_field_that_is_outside_too_was_not_encrypted),
        cmocka_unit_test(the_legacy_display_is_in_the_text_and_taken_off_again),
        cmocka_unit_test(shy_tells_no_names_and_no_zone_outside),
        cmocka_unit_test(what_shy_cannot_read_stays_as_it_is),
        cmocka_unit_test(a_word_that_is_none_is_refused),
        cmocka_unit_test(a_bare_entity_has_no_fields_to_protect),
        cmocka_unit_test(an_hp_that_is_there_is_replaced),
        cmocka_unit_test(only_so_many_fields_are_told_and_all_are_shown)};

    return cmocka_run_group_tests(tests, identities_make, identities_drop);
}
