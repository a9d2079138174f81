#include "agent/session/compose.h"

#include "tests/unit/session_mail.h"

#define HEAD "From: A <a@example.org>\nTo: b@example.org\nSubject: s\n"

static void
alone(void)
{
    people_clear();
    card_add(&alice, "a@example.org");
}

static void
sign_text(const char *mail, bool opaque, struct outcome *out)
{
    call_text(mail_sign, json_pack("{s:b}", "opaque", opaque), mail, out);
    assert_int_equal(out->e, ERR_OK);
}

/* What mail_sign made verifies, and covers the whole message. */
static void
assert_verifies(const struct outcome *signed_mail)
{
    AUTO(outcome) struct outcome o;

    call_mail(mail_verify, NULL, buf_slice(&signed_mail->output), &o);
    assert_int_equal(o.e, ERR_OK);
    assert_string_equal(verdict_of(&o), "good");
    assert_int_equal(asked_count, 1);
    assert_int_equal(asked[0].integrity, INTEGRITY_OK);
    assert_int_equal(asked[0].covers, 1);
}

static size_t
count(const struct buf *b, const char *text)
{
    const uint8_t *p = b->data, *end = b->data + b->len;
    size_t n = 0;

    while (p < end && (p = memmem(p, (size_t)(end - p), text, strlen(text)))) {
        n++;
        p++;
    }
    return n;
}

/* Every line end is CRLF, or none. */
static void
assert_line_ends(const struct buf *b, bool crlf)
{
    assert_int_equal(count(b, "\r\n"), crlf ? count(b, "\n") : 0);
}

/* Where the header ends. */
static size_t
header_bytes(const struct buf *b)
{
    const uint8_t *a = memmem(b->data, b->len, "\n\n", 2);
    const uint8_t *c = memmem(b->data, b->len, "\r\n\r\n", 4);

    assert_true(a || c);
    return (size_t)((c && (!a || c < a) ? c : a) - b->data);
}

static void
assert_outside(const struct outcome *o, const char *text, bool expected)
{
    size_t n = header_bytes(&o->output);

    assert_int_equal(memmem(o->output.data, n, text, strlen(text)) != NULL,
                     expected);
}

/* ---- shapes of mail
 * -----------------------------------------------------------
 */

static const char *const shapes[] = {
    HEAD "\nbody\n",
    HEAD "\nbody without an end",
    HEAD "\n",
    HEAD,
    "From: a@example.org",
    "From: a@example.org\r\n\r\nbody\r\n",
    "From: a@example.org\r\n\r\nno end",
    "From: a@example.org\r\n\r\n",
    "From: a@example.org\r\nSubject: s",
    HEAD "Content-Type: text/html; charset=utf-8\n"
         "Content-Transfer-Encoding: 8bit\n\n<p>\xc3\xa4\n",
    HEAD "Content-Transfer-Encoding: base64\n\nYm9keQ==\n",
    HEAD "\nmixed\r\nline\nends\r\n",
    "From: a@example.org\r\nSubject: s\n\nmixed\nin\r\nthe header\n",
    HEAD "\nout of place: \r\r\n\r and at the end \r",
    HEAD "\n\n\n\n",
    HEAD "\nFrom the beginning\n.\n--\n-- \n",
    "From a@example.org Mon Jan  1 00:00:00 2024\n" HEAD "\nmbox\n",
};

static void
every_shape_of_mail_is_signed_so_that_it_verifies(void **state)
{
    (void)state;
    alone();
    for (size_t i = 0; i < ARRAY_COUNT(shapes); i++)
        for (int opaque = 0; opaque < 2; opaque++) {
            AUTO(outcome) struct outcome o;

            sign_text(shapes[i], opaque, &o);
            assert_verifies(&o);
        }
}

/* Also after a transport that made CRLF of LF, or LF of CRLF. */
static void
a_signature_stands_other_line_ends(void **state)
{
    (void)state;
    alone();
    for (size_t i = 0; i < 11; i++) {
        AUTO(outcome) struct outcome o;
        AUTO(buf) struct buf other = {0};
        bool crlf;

        sign_text(shapes[i], false, &o);
        crlf = memmem(o.output.data, o.output.len, "\r\n", 2) != NULL;
        for (size_t k = 0; k < o.output.len; k++) {
            uint8_t c = o.output.data[k];

            if (c == '\n' && !crlf)
                buf_add_byte(&other, '\r');
            if (c != '\r')
                buf_add_byte(&other, c);
        }
        buf_drop(&o.output);
        o.output = other;
        other = (struct buf){0};
        assert_line_ends(&o.output, !crlf);
        assert_verifies(&o);
    }
}

static void
a_changed_body_does_not_verify(void **state)
{
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome verdict;
    uint8_t *at;

    (void)state;
    alone();
    sign_text(shapes[0], false, &o);
    at = memmem(o.output.data, o.output.len, "\nbody", 5);
    assert_non_null(at);
    at[1] = 'B';
    call_mail(mail_verify, NULL, buf_slice(&o.output), &verdict);
    assert_string_equal(verdict_of(&verdict), "bad");
    assert_int_equal(asked[0].integrity, INTEGRITY_DIGEST_WRONG);
}

static void
the_result_has_the_line_ends_of_the_input(void **state)
{
    (void)state;
    alone();
    for (size_t i = 0; i < 11; i++)
        for (int opaque = 0; opaque < 2; opaque++) {
            AUTO(outcome) struct outcome o;

            sign_text(shapes[i], opaque, &o);
            assert_line_ends(&o.output, strchr(shapes[i], '\r') != NULL);
        }
}

/* ---- what stays outside
 * ----------------------------------------------------------
 */

static void
fields_stay_outside_in_their_order_and_the_entity_goes_inside(void **state)
{
    AUTO(outcome) struct outcome o;

    (void)state;
    alone();
    sign_text("Received: x\nFrom: a@example.org\nContent-Type: text/html\n"
              "Subject: one\n two\nMIME-Version: 1.0\nX-Mine: y\n\n<p>\n",
              false, &o);
    assert_memory_equal(o.output.data,
                        "Received: x\nFrom: a@example.org\n"
                        "Subject: one\n two\nMIME-Version: 1.0\nX-Mine: y\n"
                        "Content-Type: multipart/signed;",
                        strlen("Received: x\nFrom: a@example.org\n"
                               "Subject: one\n two\nMIME-Version: 1.0\n"
                               "X-Mine: y\nContent-Type: multipart/signed;"));
    assert_true(holds(&o.output, "\nContent-Type: text/html\n\n<p>\n"));
    assert_outside(&o, "text/html", false);
    assert_int_equal(count(&o.output, "MIME-Version"), 1);
    assert_int_equal(count(&o.output, "Subject"), 1);
}

static void
what_is_missing_is_added_once(void **state)
{
    AUTO(outcome) struct outcome o;

    (void)state;
    alone();
    sign_text(HEAD "\nbody\n", false, &o);
    assert_outside(&o, "MIME-Version: 1.0\n", true);
    assert_int_equal(count(&o.output, "MIME-Version"), 1);
    assert_true(holds(&o.output, "\nContent-Type: text/plain\n\nbody\n"));
}

static void
bcc_reaches_nobody(void **state)
{
    static const char *const mails[] = {
        HEAD "Bcc: hidden@example.org\nBCC:\n hidden@example.net\n\nb\n",
        HEAD "Resent-Bcc: hidden@example.org\n\nb\n",
        "Bcc: hidden@example.org\nContent-Type: text/plain\n\nb\n"};

    (void)state;
    alone();
    for (size_t i = 0; i < ARRAY_COUNT(mails); i++)
        for (int opaque = 0; opaque < 2; opaque++) {
            AUTO(outcome) struct outcome o;
            AUTO(outcome) struct outcome opened;

            sign_text(mails[i], opaque, &o);
            assert_false(holds(&o.output, "hidden"));
            call_mail(mail_open, NULL, buf_slice(&o.output), &opened);
            assert_int_equal(opened.e, ERR_OK);
            assert_true(holds(&opened.output, "\nb\n"));
            assert_false(holds(&opened.output, "hidden"));
        }
}

static void
a_bare_entity_goes_inside_whole(void **state)
{
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome verdict;

    (void)state;
    alone();
    sign_text("MIME-Version: 1.0\nContent-Type: text/html\nX-Part: 1\n\n<p>\n",
              false, &o);
    assert_outside(&o, "X-Part", false);
    assert_int_equal(count(&o.output, "MIME-Version"), 1);
    assert_true(
        holds(&o.output, "\nContent-Type: text/html\nX-Part: 1\n\n<p>\n"));
    call_mail(mail_verify, NULL, buf_slice(&o.output), &verdict);
    assert_string_equal(verdict_of(&verdict), "unseen");
}

static void
what_is_no_mail_is_refused_and_nothing_written(void **state)
{
    static const char *const texts[] = {
        "just text\n", "From: a@example.org\nno field\n\nbody\n",
        "From: a@example.org\rBcc: x\n\nbody\n"};

    (void)state;
    alone();
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        AUTO(outcome) struct outcome o;

        call_text(mail_sign, NULL, texts[i], &o);
        assert_true(o.e == ERR_NOT_MAIL || o.e == ERR_BAD_MESSAGE);
        assert_int_equal(o.output.len, 0);
        assert_int_equal(key_operations, 0);
    }
}

/* ---- the key
 * -----------------------------------------------------------------------
 */

static void
from_in_the_header_chooses_and_the_parameter_wins(void **state)
{
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome other;
    const json_t *warnings;

    (void)state;
    alone();
    card_add(&bob, "b@example.org");
    sign_text(HEAD "\nbody\n", false, &o);
    assert_string_equal(json_string_value(json_object_get(o.reply, "address")),
                        "a@example.org");
    assert_int_equal(json_array_size(json_object_get(o.reply, "warnings")), 0);
    call_text(mail_sign, json_pack("{s:s}", "from", "b@example.org"),
              HEAD "\nbody\n", &other);
    assert_int_equal(other.e, ERR_OK);
    assert_string_equal(
        json_string_value(json_object_get(other.reply, "address")),
        "b@example.org");
    warnings = json_object_get(other.reply, "warnings");
    assert_int_equal(json_array_size(warnings), 1);
}

static void
a_key_that_is_named_signs_whatever_the_header_says(void **state)
{
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome own;

    (void)state;
    alone();
    card_add(&bob, "b@example.org");
    cards[1].address[1] = "a@example.org";
    call_text(mail_sign, json_pack("{s:s}", "key", "696432"), HEAD "\nbody\n",
              &own);
    assert_int_equal(own.e, ERR_OK);
    assert_int_equal(json_array_size(json_object_get(own.reply, "warnings")),
                     0);
    cards[1].address[1] = NULL;
    call_text(mail_sign, json_pack("{s:s}", "key", "696432"), HEAD "\nbody\n",
              &o);
    assert_int_equal(o.e, ERR_OK);
    assert_string_equal(json_string_value(json_object_get(o.reply, "key")),
                        "696432");
    assert_int_equal(json_array_size(json_object_get(o.reply, "warnings")), 1);
}

static void
a_token_that_fails_leaves_no_output(void **state)
{
    (void)state;
    alone();
    for (int opaque = 0; opaque < 2; opaque++) {
        AUTO(outcome) struct outcome o;

        key_operation = ERR_PIN_WRONG;
        call_text(mail_sign, json_pack("{s:b}", "opaque", opaque),
                  HEAD "\nbody\n", &o);
        assert_int_equal(o.e, ERR_PIN_WRONG);
        assert_int_equal(o.output.len, 0);
        assert_null(o.reply);
    }
}

static void
a_large_mail_is_signed_in_one_pass(void **state)
{
    AUTO(buf) struct buf mail = {0};

    (void)state;
    alone();
    buf_add_text(&mail, HEAD "\n");
    for (int i = 0; i < 60000; i++)
        buf_add_text(&mail, i % 7 ? "a line of sixty characters or so\n"
                                  : "another one\r\n");
    for (int opaque = 0; opaque < 2; opaque++) {
        AUTO(outcome) struct outcome o;

        call_mail(mail_sign, json_pack("{s:b}", "opaque", opaque),
                  buf_slice(&mail), &o);
        assert_int_equal(o.e, ERR_OK);
        assert_verifies(&o);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_of_mail_is_signed_so_that_it_verifies),
        cmocka_unit_test(a_signature_stands_other_line_ends),
        cmocka_unit_test(a_changed_body_does_not_verify),
        cmocka_unit_test(the_result_has_the_line_ends_of_the_input),
        cmocka_unit_test(
            fields_stay_outside_in_their_order_and_the_entity_goes_inside),
        cmocka_unit_test(what_is_missing_is_added_once),
        cmocka_unit_test(bcc_reaches_nobody),
        cmocka_unit_test(a_bare_entity_goes_inside_whole),
        cmocka_unit_test(what_is_no_mail_is_refused_and_nothing_written),
        cmocka_unit_test(from_in_the_header_chooses_and_the_parameter_wins),
        cmocka_unit_test(a_key_that_is_named_signs_whatever_the_header_says),
        cmocka_unit_test(a_token_that_fails_leaves_no_output),
        cmocka_unit_test(a_large_mail_is_signed_in_one_pass),
    };

    return cmocka_run_group_tests(tests, identities_make, identities_drop);
}
