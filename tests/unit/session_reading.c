/*
 * Someone else's mail that is plain, odd or hostile: what open, verify and
 * decrypt make of it.
 */
#include "agent/session/reading.h"

#include "tests/unit/session_mail.h"

#define HEAD "From: A <a@example.org>\nTo: b@example.org\nSubject: s\n"

static void
alone(void)
{
    people_clear();
    card_add(&alice, "a@example.org");
}

/* A signed mail to be spoilt. */
static void
signed_mail(const char *text, bool opaque, struct buf *out)
{
    AUTO(outcome) struct outcome o;

    alone();
    call_text(mail_sign,
              json_pack("{s:b,s:s}", "opaque", opaque, "from", "a@example.org"),
              text, &o);
    assert_int_equal(o.e, ERR_OK);
    buf_add_slice(out, buf_slice(&o.output));
}

/* MAIL with the first OLD replaced. */
static void
replaced(const struct buf *mail, const char *old, const char *new,
         struct buf *out)
{
    const uint8_t *at = memmem(mail->data, mail->len, old, strlen(old));
    size_t before;

    assert_non_null(at);
    before = (size_t)(at - mail->data);
    buf_add(out, mail->data, before);
    buf_add_text(out, new);
    buf_add(out, at + strlen(old), mail->len - before - strlen(old));
}

/* ---- plain mail
 * -----------------------------------------------------------------
 */

static void
a_plain_mail_is_passed_on_byte_by_byte(void **state)
{
    static const char *const mails[] = {
        HEAD "\nbody\n",
        HEAD "\nno end",
        HEAD "\n",
        HEAD,
        "Subject: no line end",
        "Subject: a\r\n\r\nmixed\r\nline\nends\r\r\n\r",
        "From a Mon Jan  1 00:00:00 2024\nSubject: mbox\n\nbody\n",
        HEAD "Content-Type: text/html\nContent-Transfer-Encoding: "
             "quoted-printable\n\n=41=\n",
        HEAD "Content-Type: multipart/mixed; boundary=x\n\n--x\n\na\n",
        HEAD "Content-Type: multipart/signed; boundary=x; "
             "protocol=\"application/pgp-signature\"\n\n--x\n\na\n--x--\n",
        HEAD "Content-Type: a/b\nContent-Type: c/d\n\nbody\n",
        HEAD "Content-Transfer-Encoding: odd\n\nbody\n",
        HEAD "X-A: \xff\n\n\xff\n"};

    (void)state;
    alone();
    for (size_t i = 0; i < ARRAY_COUNT(mails); i++) {
        AUTO(outcome) struct outcome o;

        call_text(mail_open, NULL, mails[i], &o);
        if (o.e != ERR_OK)
            fail_msg("mail %zu: %s", i, o.problem.detail);
        assert_string_equal(buf_text(&o.output), mails[i]);
        assert_int_equal(o.output.len, strlen(mails[i]));
        assert_string_equal(verdict_of(&o), "plain");
        assert_true(has_reason(&o, "not-signed"));
        assert_int_equal(asked_count, 0);
    }
}

static void
bytes_of_any_kind_pass_in_a_plain_body(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome o;

    (void)state;
    alone();
    buf_add_text(&mail, HEAD "\n");
    fill_pattern(&mail, 300000);
    call_mail(mail_open, NULL, buf_slice(&mail), &o);
    assert_int_equal(o.e, ERR_OK);
    assert_true(slice_equal(buf_slice(&o.output), buf_slice(&mail)));
}

static void
what_is_no_mail_is_told_by_every_verb(void **state)
{
    method_handler *const verbs[] = {mail_open, mail_verify, mail_decrypt};

    (void)state;
    alone();
    for (size_t i = 0; i < ARRAY_COUNT(verbs); i++) {
        AUTO(outcome) struct outcome o;
        AUTO(outcome) struct outcome nul;

        call_text(verbs[i], NULL, "just text\n", &o);
        assert_int_equal(o.e, ERR_NOT_MAIL);
        call_mail(verbs[i], NULL, slice_of("From: a\0b\n\nx", 12), &nul);
        assert_int_equal(nul.e, ERR_NOT_MAIL);
        assert_int_equal(nul.output.len, 0);
    }
}

static void
decrypt_wants_encryption(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(buf) struct buf opaque = {0};
    AUTO(outcome) struct outcome plain;
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome p;

    (void)state;
    signed_mail(HEAD "\nbody\n", false, &mail);
    signed_mail(HEAD "\nbody\n", true, &opaque);
    call_text(mail_decrypt, NULL, HEAD "\nbody\n", &plain);
    assert_int_equal(plain.e, ERR_NOT_SMIME);
    call_mail(mail_decrypt, NULL, buf_slice(&mail), &o);
    assert_int_equal(o.e, ERR_NOT_SMIME);
    assert_string_equal(o.problem.detail, "it is signed, but not encrypted");
    call_mail(mail_decrypt, NULL, buf_slice(&opaque), &p);
    assert_int_equal(p.e, ERR_NOT_SMIME);
    assert_int_equal(p.output.len, 0);
}

/* ---- damage
 * ------------------------------------------------------------------------
 */

static enum err
verify_error(const char *mail, const char *detail)
{
    AUTO(outcome) struct outcome o;

    alone();
    call_text(mail_verify, NULL, mail, &o);
    if (!strstr(o.problem.detail, detail))
        fail_msg("it says: %s", o.problem.detail);
    return o.e;
}

#define P7M HEAD "Content-Type: application/pkcs7-mime; name=smime.p7m\n"

static void
damaged_objects_say_what_is_wrong(void **state)
{
    (void)state;
    assert_int_equal(verify_error(P7M "Content-Transfer-Encoding: base64\n\n"
                                      "MIIB=\n",
                                  "ends"),
                     ERR_BAD_MESSAGE);
    assert_int_equal(verify_error(P7M "Content-Transfer-Encoding: base64\n\n"
                                      "MIIBA\n",
                                  "base64 ends in the middle"),
                     ERR_BAD_MESSAGE);
    assert_int_equal(
        verify_error(P7M "\nMA0GCSqGSIb3DQEHAaAA\n", "neither signed nor"),
        ERR_UNSUPPORTED);
    assert_int_equal(verify_error(P7M "\nhello\n", "not a CMS object"),
                     ERR_BAD_MESSAGE);
    assert_int_equal(verify_error(P7M "\n", "ends early"), ERR_BAD_MESSAGE);
    assert_int_equal(verify_error(P7M
                                  "Content-Transfer-Encoding: odd\n\nMII=\n",
                                  "Content-Transfer-Encoding"),
                     ERR_UNSUPPORTED);
}

static void
an_opaque_mail_cut_short_anywhere_is_refused(void **state)
{
    AUTO(buf) struct buf mail = {0};
    size_t step;

    (void)state;
    signed_mail(HEAD "\na body of some length, so that it can be cut\n", true,
                &mail);
    step = mail.len / 40;
    for (size_t n = mail.len - 300; n > 400; n -= step) {
        AUTO(outcome) struct outcome o;

        call_mail(mail_open, NULL, slice_of(mail.data, n), &o);
        assert_int_equal(o.e, ERR_BAD_MESSAGE);
        assert_int_equal(o.output.len, 0);
        assert_int_equal(asked_count, 0);
    }
}

/* RFC 2045: one of each; readers disagree about which of two counts. */
static void
two_content_types_around_a_signature_are_refused(void **state)
{
    static const struct {
        const char *old, *new;
    } cases[] = {
        {"\n\nThis is", "\nContent-Type: text/plain\n\nThis is"},
        {"MIME-Version: 1.0", "Content-Transfer-Encoding: 7bit\n"
                              "Content-Transfer-Encoding: 8bit"},
        {"MIME-Version: 1.0", "Content-Transfer-Encoding: base64"},
    };
    AUTO(buf) struct buf mail = {0};

    (void)state;
    signed_mail(HEAD "\nbody\n", false, &mail);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(buf) struct buf spoilt = {0};
        AUTO(outcome) struct outcome o;

        replaced(&mail, cases[i].old, cases[i].new, &spoilt);
        call_mail(mail_open, NULL, buf_slice(&spoilt), &o);
        assert_int_equal(o.e, ERR_BAD_MESSAGE);
        assert_int_equal(o.output.len, 0);
        assert_int_equal(asked_count, 0);
    }
}

static void
a_multipart_signed_without_its_parts_is_refused(void **state)
{
#define SIGNED                                                                 \
    HEAD "Content-Type: multipart/signed; micalg=sha-256; "                    \
         "protocol=\"application/pkcs7-signature\""
    (void)state;
    assert_int_equal(verify_error(SIGNED "\n\n--x--\n", "no boundary"),
                     ERR_BAD_MESSAGE);
    assert_int_equal(
        verify_error(SIGNED "; boundary=x\n\nnothing\n", "without a part"),
        ERR_BAD_MESSAGE);
    assert_int_equal(verify_error(SIGNED "; boundary=x\n\n--x\n\na\n--x--\n",
                                  "before the part with the signature"),
                     ERR_BAD_MESSAGE);
    assert_int_equal(
        verify_error(SIGNED "; boundary=x\n\n--x\n\na\n--x\n\nno\n--x--\n",
                     "not a CMS object"),
        ERR_BAD_MESSAGE);
}

/* ---- transfer encodings and digests of the signature
 * ---------------------------------
 */

static void
the_announced_digest_may_be_wrong_or_nobodys(void **state)
{
    static const char *const micalgs[] = {
        "micalg=sha-256", "micalg=sha1",    "micalg=unknown",
        "micalg=\"\"",    "x-mine=nothing", "micalg=\"sha-512, sha-256\""};
    AUTO(buf) struct buf mail = {0};

    (void)state;
    signed_mail(HEAD "\nbody\n", false, &mail);
    for (size_t i = 0; i < ARRAY_COUNT(micalgs); i++) {
        AUTO(buf) struct buf other = {0};
        AUTO(outcome) struct outcome o;

        replaced(&mail, "micalg=sha-256", micalgs[i], &other);
        call_mail(mail_verify, NULL, buf_slice(&other), &o);
        assert_int_equal(o.e, ERR_OK);
        assert_string_equal(verdict_of(&o), "good");
    }
}

static void
base64_is_seen_also_where_nothing_says_so(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(buf) struct buf other = {0};
    AUTO(outcome) struct outcome o;

    (void)state;
    signed_mail(HEAD "\nbody\n", true, &mail);
    replaced(&mail, "Content-Transfer-Encoding: base64\n", "", &other);
    call_mail(mail_verify, NULL, buf_slice(&other), &o);
    assert_int_equal(o.e, ERR_OK);
    assert_string_equal(verdict_of(&o), "good");
}

/* ---- who it is from
 * ---------------------------------------------------------------------
 */

/* A signed mail under another header; what the keyring is told. */
static struct asked
asked_under(const char *header, const char *verdict)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(buf) struct buf other = {0};
    AUTO(outcome) struct outcome o;

    signed_mail(HEAD "\nbody\n", false, &mail);
    replaced(&mail, HEAD, header, &other);
    call_mail(mail_verify, json_pack("{s:b}", "learn", 1), buf_slice(&other),
              &o);
    assert_int_equal(o.e, ERR_OK);
    assert_string_equal(verdict_of(&o), verdict);
    assert_int_equal(asked_count, 1);
    return asked[0];
}

static void
the_header_is_told_as_it_is(void **state)
{
    AUTO(buf) struct buf many = {0};
    struct asked a;

    (void)state;
    assert_int_equal(asked_under(HEAD, "good").flags, 0);
    a = asked_under("From: a@example.org, b@example.org\n", "bad");
    assert_int_equal(a.flags, HEADER_SEVERAL_FROM);
    assert_int_equal(a.from, 2);
    a = asked_under("From: a@example.org\nFrom: a@example.org\n", "bad");
    assert_int_equal(a.flags, HEADER_SEVERAL_FROM);
    a = asked_under("From: \"b@example.org\" <a@example.org>\n", "bad");
    assert_int_equal(a.flags, HEADER_DECEIVING_NAME);
    a = asked_under("From: a@@example.org\n", "bad");
    assert_true(a.flags & HEADER_MALFORMED_FROM);
    a = asked_under("From:\n", "bad");
    assert_true(a.flags & HEADER_MALFORMED_FROM);
    buf_add_text(&many, "From: a@example.org");
    for (int i = 0; i < 300; i++)
        buf_add_text(&many, ", a@example.org");
    buf_add_text(&many, "\n");
    a = asked_under(buf_text(&many), "bad");
    assert_true(a.flags & HEADER_SEVERAL_FROM);
    assert_true(a.from <= 8);
}

/* A whole message has an author; a bare entity was taken out of one. */
static void
a_message_without_from_is_not_unseen(void **state)
{
    struct asked a = asked_under("Subject: who am I\n", "bad");

    (void)state;
    assert_int_equal(a.flags, HEADER_MALFORMED_FROM);
    a = asked_under("", "unseen");
    assert_int_equal(a.flags, 0);
    assert_int_equal(a.from, 0);
}

static void
fields_over_their_limits_end_no_session(void **state)
{
    static const size_t sizes[] = {320, 321, 511, 512, 1024, 1025, 100000};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        AUTO(buf) struct buf header = {0};
        struct asked a;

        buf_add_text(&header, HEAD "Message-ID: <");
        for (size_t k = 0; k < sizes[i]; k++)
            buf_add_byte(&header, 'm');
        buf_add_text(&header, ">\nSender: ");
        for (size_t k = 0; k < sizes[i]; k++)
            buf_add_byte(&header, 's');
        buf_add_text(&header, "@example.org\n");
        a = asked_under(buf_text(&header), "good");
        assert_true(strlen(a.message_id) <= LIMIT_TEXT_BYTES);
        assert_memory_equal(a.message_id, "<mmm", 4);
        buf_clear(&header);
        buf_add_text(&header, "From: ");
        for (size_t k = 0; k < sizes[i]; k++)
            buf_add_byte(&header, 'f');
        buf_add_text(&header, "@example.org\n");
        a = asked_under(buf_text(&header), "bad");
        assert_true(a.flags & HEADER_MALFORMED_FROM);
    }
}

/* Folded, so that nothing else is too long. */
static void
a_line_of_from_has_its_most(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        AUTO(buf) struct buf header = {0};
        struct asked a;

        buf_addf(&header, "From: %*s\n <a@example.org>\n",
                 LIMIT_FROM_LINE_BYTES - 6 + over, "A");
        a = asked_under(buf_text(&header), over ? "bad" : "good");
        assert_int_equal(a.flags, over ? HEADER_MALFORMED_FROM : 0);
    }
}

/* In lines that are none too long. */
static void
a_name_has_its_most(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        AUTO(buf) struct buf header = {0};
        struct asked a;

        buf_add_text(&header, "From:");
        for (int i = 0; i < LIMIT_NAME_SHOWN_BYTES + over; i++)
            buf_add_text(&header, i % 500 == 0 ? "\n " : "A");
        buf_add_text(&header, "A\n <a@example.org>\n");
        a = asked_under(buf_text(&header), over ? "bad" : "good");
        assert_int_equal(a.flags, over ? HEADER_DECEIVING_NAME : 0);
    }
}

static void
a_long_origin_is_cut(void **state)
{
    AUTO(buf) struct buf mail = {0};
    char origin[LIMIT_TEXT_BYTES + 2] = {0};

    (void)state;
    signed_mail(HEAD "\nbody\n", false, &mail);
    memset(origin, 'o', LIMIT_TEXT_BYTES);
    for (int over = 0; over < 2; over++) {
        AUTO(outcome) struct outcome o;

        call_mail(mail_verify, json_pack("{s:s}", "origin", origin),
                  buf_slice(&mail), &o);
        assert_int_equal(o.e, ERR_OK);
        assert_int_equal(strlen(asked[0].origin), LIMIT_TEXT_BYTES);
        origin[LIMIT_TEXT_BYTES] = 'o';
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_mail_is_passed_on_byte_by_byte),
        cmocka_unit_test(bytes_of_any_kind_pass_in_a_plain_body),
        cmocka_unit_test(what_is_no_mail_is_told_by_every_verb),
        cmocka_unit_test(decrypt_wants_encryption),
        cmocka_unit_test(damaged_objects_say_what_is_wrong),
        cmocka_unit_test(an_opaque_mail_cut_short_anywhere_is_refused),
        cmocka_unit_test(two_content_types_around_a_signature_are_refused),
        cmocka_unit_test(a_multipart_signed_without_its_parts_is_refused),
        cmocka_unit_test(the_announced_digest_may_be_wrong_or_nobodys),
        cmocka_unit_test(base64_is_seen_also_where_nothing_says_so),
        cmocka_unit_test(the_header_is_told_as_it_is),
        cmocka_unit_test(a_message_without_from_is_not_unseen),
        cmocka_unit_test(fields_over_their_limits_end_no_session),
        cmocka_unit_test(a_line_of_from_has_its_most),
        cmocka_unit_test(a_name_has_its_most),
        cmocka_unit_test(a_long_origin_is_cut),
    };

    return cmocka_run_group_tests(tests, identities_make, identities_drop);
}
