/*
 * Parts of a multipart: told one by one, never promoted, never learned from,
 * and bounded.
 */
#include "tests/unit/session_parts.h"

/* ---- signed parts
 * ---------------------------------------------------------------- */

static void
a_footer_leaves_the_signed_part_told_and_not_promoted(void **state)
{
    (void)state;
    for (int opaque = 0; opaque < 2; opaque++) {
        AUTO(buf) struct buf mail = {0};
        AUTO(buf) struct buf list = {0};
        AUTO(outcome) struct outcome o;
        AUTO(outcome) struct outcome verified;

        alone();
        buf_add_text(&mail, TEXT);
        wrap(mail_sign, opaque, &mail);
        in_list(&mail, &list);
        open_mail(&list, &o);
        assert_string_equal(verdict_of(&o), "partial");
        assert_true(has_reason(&o, "part-signed"));
        assert_false(has_reason(&o, "part-bad"));
        assert_false(has_reason(&o, "not-signed"));
        assert_true(slice_equal(buf_slice(&o.output), buf_slice(&list)));
        assert_layer(&o, 0, "1.1", "part", true);
        assert_part(&o, "1.1.1", true, 0, -1);
        assert_part(&o, "1.2", false, -1, -1);
        assert_int_equal(asked_count, 1);
        assert_nothing_asked_to_learn();
        call_mail(mail_verify, json_pack("{s:b}", "learn", 1), buf_slice(&list),
                  &verified);
        assert_string_equal(verdict_of(&verified), "partial");
        assert_nothing_asked_to_learn();
    }
}

/* From of the list's mail is not the signer: nobody vouches. */
static void
a_signed_part_of_somebody_else_vouches_for_nothing(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(buf) struct buf list = {0};
    AUTO(outcome) struct outcome o;

    (void)state;
    alone();
    buf_add_text(&mail, TEXT);
    wrap(mail_sign, false, &mail);
    in_list(&mail, &list);
    spoil(&list, "From: A <a@example.org>", "From: a@example.org,a@b");
    open_mail(&list, &o);
    assert_string_equal(verdict_of(&o), "partial");
    assert_layer(&o, 0, "1.1", "part", true);
    assert_part(&o, "1.1.1", false, 0, -1);
}

static void
a_changed_part_is_bad(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(buf) struct buf list = {0};
    AUTO(outcome) struct outcome o;

    (void)state;
    alone();
    buf_add_text(&mail, TEXT);
    wrap(mail_sign, false, &mail);
    in_list(&mail, &list);
    spoil(&list, "the text", "the lext");
    open_mail(&list, &o);
    assert_string_equal(verdict_of(&o), "bad");
    assert_true(has_reason(&o, "part-bad"));
    assert_layer(&o, 0, "1.1", "part", false);
    assert_part(&o, "1.1.1", false, 0, -1);
}

static void
a_damaged_part_hides_no_other(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(buf) struct buf list = {0};
    AUTO(outcome) struct outcome o;

    (void)state;
    alone();
    buf_add_text(&mail, TEXT);
    wrap(mail_sign, false, &mail);
    buf_add_text(&list, HEAD MIXED
                 "--=mix\nContent-Type: application/pkcs7-mime\n\nMIIgarbage\n"
                 "--=mix\nContent-Type: multipart/signed; boundary=q;"
                 " protocol=\"application/pkcs7-signature\"\n\n--q\n\na\n"
                 "--q\nContent-Type: application/pkcs7-signature\n\nMIIx\n"
                 "--q--\n--=mix\nno header at all\n--=mix\n");
    buf_add_slice(&list, buf_slice(&mail));
    buf_add_text(&list, "\n--=mix--\n");
    open_mail(&list, &o);
    assert_string_equal(verdict_of(&o), "bad");
    assert_int_equal(layers_of(&o), 2);
    assert_layer(&o, 0, "1.2", "part", false);
    assert_layer(&o, 1, "1.4", "part", true);
    assert_part(&o, "1.1", false, -1, -1);
    assert_part(&o, "1.2.1", false, 0, -1);
    assert_part(&o, "1.3", false, -1, -1);
    assert_part(&o, "1.4.1", true, 1, -1);
    assert_true(slice_equal(buf_slice(&o.output), buf_slice(&list)));
}

/* What a list left of a multipart/signed: nobody knows what it was over. */
static void
a_signature_without_its_text_is_an_attachment(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome o;
    const char *const type = "multipart/signed;";
    uint8_t *at;

    (void)state;
    alone();
    buf_add_text(&mail, TEXT);
    wrap(mail_sign, false, &mail);
    at = memmem(mail.data, mail.len, type, strlen(type));
    assert_non_null(at);
    memcpy(at, "multipart/mixed; ", strlen(type));
    open_mail(&mail, &o);
    assert_string_equal(verdict_of(&o), "plain");
    assert_int_equal(layers_of(&o), 0);
    assert_part(&o, "1.2", false, -1, -1);
}

/* ---- names
 * ---------------------------------------------------------------------- */

static void
file_names_are_told_escaped(void **state)
{
    static const struct {
        const char *field, *name;
    } cases[] = {
        {"Content-Disposition: attachment; filename=\"a.txt\"", "a.txt"},
        {"Content-Disposition: attachment; filename=\"=?utf-8?q?=1B[2Ja?=\"",
         "\\x1b[2Ja"},
        {"Content-Disposition: attachment; filename*=utf-8''a%E2%80%AEb",
         "a\\xe2\\x80\\xaeb"},
        {"Content-Disposition: attachment; filename=\"=?utf-8?q?a=0Ab?=\"",
         "a\\x0ab"},
        {"Content-Disposition: attachment; filename=\"a\x1b]0;b\"", NULL},
        {"X: y", NULL}};

    (void)state;
    alone();
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(buf) struct buf mail = {0};
        AUTO(outcome) struct outcome o;
        const char *name;

        buf_add_text(&mail, HEAD MIXED "--=mix\n");
        buf_add_text(&mail, cases[i].field);
        buf_add_text(&mail, "\n\nx\n--=mix--\n");
        open_mail(&mail, &o);
        name = json_string_value(json_object_get(part_of(&o, "1.1"), "name"));
        if (cases[i].name)
            assert_string_equal(name ? name : "(none)", cases[i].name);
        else
            assert_true(!name || !strpbrk(name, "\x1b\n"));
    }
}

/* ---- bounds
 * --------------------------------------------------------------------- */

static void
thousands_of_parts_are_passed_on_and_not_all_told(void **state)
{
    static const size_t counts[] = {LIMIT_PARTS, LIMIT_PARTS + 1,
                                    LIMIT_PARTS_READ + 100};

    (void)state;
    alone();
    for (size_t k = 0; k < ARRAY_COUNT(counts); k++) {
        AUTO(buf) struct buf mail = {0};
        AUTO(outcome) struct outcome o;

        buf_add_text(&mail, HEAD MIXED);
        for (size_t i = 0; i < counts[k]; i++)
            buf_add_text(&mail, "--=mix\n\nx\n");
        buf_add_text(&mail, "--=mix--\n");
        open_mail(&mail, &o);
        assert_int_equal(json_array_size(report_list(&o, "parts")),
                         LIMIT_PARTS);
        assert_int_equal(json_is_true(report_list(&o, "more_parts")), k > 0);
        assert_int_equal(has_reason(&o, "more-parts"), k > 0);
        assert_true(slice_equal(buf_slice(&o.output), buf_slice(&mail)));
    }
}

/* DEPTH multiparts in each other, a signed part in the innermost. */
static void
nested(const struct buf *inner, int depth, struct buf *out)
{
    char text[128];

    buf_add_text(out, HEAD);
    for (int i = 0; i < depth; i++) {
        snprintf(text, sizeof(text),
                 "Content-Type: multipart/mixed; boundary=\"b%d.\"\n\n"
                 "--b%d.\n",
                 i, i);
        buf_add_text(out, text);
    }
    buf_add_slice(out, buf_slice(inner));
    for (int i = depth - 1; i >= 0; i--) {
        snprintf(text, sizeof(text), "\n--b%d.--\n", i);
        buf_add_text(out, text);
    }
}

static void
nesting_is_followed_so_far_and_no_further(void **state)
{
    static const int depths[] = {1, 10, LIMIT_NESTING - 2, LIMIT_NESTING, 300};
    AUTO(buf) struct buf mail = {0};

    (void)state;
    alone();
    buf_add_text(&mail, TEXT);
    wrap(mail_sign, false, &mail);
    for (size_t i = 0; i < ARRAY_COUNT(depths); i++) {
        AUTO(buf) struct buf outer = {0};
        AUTO(outcome) struct outcome o;
        bool seen = depths[i] < LIMIT_NESTING - 1;

        nested(&mail, depths[i], &outer);
        open_mail(&outer, &o);
        assert_string_equal(verdict_of(&o), seen ? "partial" : "plain");
        assert_int_equal(layers_of(&o), seen);
        assert_int_equal(has_reason(&o, "more-parts"), !seen);
        assert_true(slice_equal(buf_slice(&o.output), buf_slice(&outer)));
    }
}

static void
layers_side_by_side_have_their_limit_too(void **state)
{
    AUTO(buf) struct buf part = {0};
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome o;

    (void)state;
    alone();
    buf_add_text(&part, TEXT);
    wrap(mail_sign, true, &part);
    buf_add_text(&mail, HEAD MIXED);
    for (int i = 0; i <= LIMIT_LAYERS; i++) {
        buf_add_text(&mail, "--=mix\n");
        buf_add_slice(&mail, buf_slice(&part));
        buf_add_text(&mail, "\n");
    }
    buf_add_text(&mail, "--=mix--\n");
    open_mail(&mail, &o);
    assert_int_equal(layers_of(&o), LIMIT_LAYERS);
    assert_true(has_reason(&o, "more-parts"));
    assert_string_equal(verdict_of(&o), "partial");
    assert_part(&o, "1.17", false, -1, -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_footer_leaves_the_signed_part_told_and_not_promoted),
        cmocka_unit_test(a_signed_part_of_somebody_else_vouches_for_nothing),
        cmocka_unit_test(a_changed_part_is_bad),
        cmocka_unit_test(a_damaged_part_hides_no_other),
        cmocka_unit_test(a_signature_without_its_text_is_an_attachment),
        cmocka_unit_test(file_names_are_told_escaped),
        cmocka_unit_test(thousands_of_parts_are_passed_on_and_not_all_told),
        cmocka_unit_test(nesting_is_followed_so_far_and_no_further),
        cmocka_unit_test(layers_side_by_side_have_their_limit_too),
    };

    return cmocka_run_group_tests(tests, identities_make, identities_drop);
}
