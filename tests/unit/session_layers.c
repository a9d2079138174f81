/*
 * Layers in layers, and what makes a signed layer not good whatever its
 * signers are.
 */
#include "agent/session/reading.h"

#include "agent/cms/der.h"
#include "tests/unit/certs_only.h"
#include "tests/unit/session_wrap.h"

/* MAIL with the last OLD replaced. */
static void
spoil(struct buf *mail, const char *old, const char *new)
{
    AUTO(buf) struct buf other = {0};
    size_t at = mail->len - strlen(old);

    while (memcmp(mail->data + at, old, strlen(old)) != 0)
        assert_true(at-- > 0);
    buf_add(&other, mail->data, at);
    buf_add_text(&other, new);
    buf_add(&other, mail->data + at + strlen(old),
            mail->len - at - strlen(old));
    buf_clear(mail);
    buf_add_slice(mail, buf_slice(&other));
}

/* ---- nesting
 * -------------------------------------------------------------------
 */

static void
layers_in_any_order_are_opened(void **state)
{
    static const char *const orders[] = {"s",   "o",  "e",  "se",
                                         "oe",  "es", "eo", "ses",
                                         "oeo", "ee", "ss", "sesese"};

    (void)state;
    alone();
    for (size_t i = 0; i < ARRAY_COUNT(orders); i++) {
        AUTO(buf) struct buf mail = {0};
        AUTO(outcome) struct outcome o;
        bool is_signed = false;

        buf_add_text(&mail, MAIL);
        for (const char *c = orders[i]; *c; c++) {
            is_signed |= *c != 'e';
            wrap(*c == 'e' ? mail_encrypt : mail_sign, *c == 'o', &mail);
        }
        open_mail(&mail, &o);
        assert_int_equal(o.e, ERR_OK);
        assert_int_equal(layers_of(&o), strlen(orders[i]));
        assert_string_equal(verdict_of(&o), is_signed ? "good" : "plain");
        assert_string_equal(buf_text(&o.output),
                            HEAD "MIME-Version: 1.0\n"
                                 "Content-Type: text/plain\n\nthe text\n");
    }
}

static void
nesting_has_its_limit(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome at;
    AUTO(outcome) struct outcome over;

    (void)state;
    alone();
    buf_add_text(&mail, MAIL);
    for (int i = 0; i < LIMIT_LAYERS; i++)
        wrap(mail_sign, i % 2, &mail);
    open_mail(&mail, &at);
    assert_int_equal(at.e, ERR_OK);
    assert_string_equal(verdict_of(&at), "good");
    assert_int_equal(layers_of(&at), LIMIT_LAYERS);
    wrap(mail_sign, false, &mail);
    open_mail(&mail, &over);
    assert_int_equal(over.e, ERR_LIMIT);
    assert_int_equal(over.output.len, 0);
    assert_int_equal(asked_count, 0);
}

static void
without_a_key_only_what_is_outside_is_judged(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome inside;

    (void)state;
    alone();
    buf_add_text(&mail, MAIL);
    wrap(mail_sign, false, &mail);
    wrap(mail_encrypt, false, &mail);
    call_mail(mail_verify, NULL, buf_slice(&mail), &inside);
    assert_int_equal(inside.e, ERR_OK);
    assert_string_equal(verdict_of(&inside), "plain");
    assert_true(has_reason(&inside, "still-encrypted"));
    assert_int_equal(asked_count, 0);
    wrap(mail_sign, false, &mail);
    key_operations = 0;
    call_mail(mail_verify, NULL, buf_slice(&mail), &o);
    assert_string_equal(verdict_of(&o), "good");
    assert_true(has_reason(&o, "still-encrypted"));
    assert_int_equal(asked_count, 1);
    assert_int_equal(key_operations, 0);
}

static void
decrypt_takes_the_encryption_off_and_leaves_the_signature(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome verified;

    (void)state;
    alone();
    buf_add_text(&mail, MAIL);
    wrap(mail_sign, false, &mail);
    wrap(mail_encrypt, false, &mail);
    call_mail(mail_decrypt, NULL, buf_slice(&mail), &o);
    assert_int_equal(o.e, ERR_OK);
    assert_true(holds(&o.output, "multipart/signed"));
    call_mail(mail_verify, NULL, buf_slice(&o.output), &verified);
    assert_string_equal(verdict_of(&verified), "good");
}

/* ---- flaws
 * ---------------------------------------------------------------------
 */

/* MAIL, signed, then spoilt: opened, it is bad for REASON. */
static void
assert_flaw(const char *old, const char *new, const char *reason)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome o;

    alone();
    buf_add_text(&mail, MAIL);
    wrap(mail_sign, false, &mail);
    spoil(&mail, old, new);
    open_mail(&mail, &o);
    assert_int_equal(o.e, ERR_OK);
    assert_string_equal(verdict_of(&o), "bad");
    assert_true(has_reason(&o, reason));
    assert_true(holds(&o.output, "the text\n"));
    for (size_t i = 0; i < asked_count; i++) {
        assert_int_equal(asked[i].covers, 0);
        assert_int_equal(asked[i].learn, 0);
    }
}

static void
text_beside_the_signed_part_makes_it_not_good(void **state)
{
    (void)state;
    assert_flaw("--\n", "--\nunsigned words\n", "text-outside");
}

static void
white_space_behind_it_is_no_text(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome o;

    (void)state;
    alone();
    buf_add_text(&mail, MAIL);
    wrap(mail_sign, false, &mail);
    buf_add_text(&mail, "\n \t\r\n\n");
    open_mail(&mail, &o);
    assert_string_equal(verdict_of(&o), "good");
}

static void
a_missing_closing_boundary_is_told(void **state)
{
    (void)state;
    assert_flaw("--\n", "-\n", "message-cut");
}

static void
a_damaged_signature_still_shows_the_text(void **state)
{
    (void)state;
    assert_flaw("filename=\"smime.p7s\"\n\nMI", "filename=\"smime.p7s\"\n\nXX",
                "signature-damaged");
    assert_flaw("Content-Type: application/pkcs7-signature; "
                "name=\"smime.p7s\"\nContent-Transfer-Encoding: base64\n",
                "Content-Type: text/plain\n"
                "Content-Transfer-Encoding: odd\n",
                "signature-damaged");
}

/* A detached signature part over CONTENT, made by hand. */
static void
signed_by_hand(const char *content, struct slice der, struct buf *out)
{
    buf_add_text(out, HEAD "Content-Type: multipart/signed; micalg=sha-256;\n"
                           " protocol=\"application/pkcs7-signature\";\n"
                           " boundary=x\n\n--x\n");
    buf_add_text(out, content);
    buf_add_text(out, "\n--x\nContent-Type: application/pkcs7-signature\n"
                      "Content-Transfer-Encoding: binary\n\n");
    buf_add_slice(out, der);
    buf_add_text(out, "\n--x--\n");
}

#define PART      "Content-Type: text/plain\n\nthe text"
#define CANONICAL "Content-Type: text/plain\r\n\r\nthe text"

static void
a_signature_made_by_hand_is_good(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(buf) struct buf der = {0};
    AUTO(outcome) struct outcome o;

    (void)state;
    alone();
    sign_detached(&alice, spec_for(&alice, SCHEME_RSA_PKCS1, HASH_SHA256),
                  slice_text(CANONICAL), &der);
    signed_by_hand(PART, buf_slice(&der), &mail);
    open_mail(&mail, &o);
    assert_int_equal(o.e, ERR_OK);
    assert_string_equal(verdict_of(&o), "good");
}

static void
a_detached_signature_with_a_text_of_its_own_is_not_good(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(buf) struct buf der = {0};
    AUTO(outcome) struct outcome o;

    (void)state;
    alone();
    sign_opaque(&alice, spec_for(&alice, SCHEME_RSA_PKCS1, HASH_SHA256),
                slice_text(CANONICAL), 1000, &der);
    signed_by_hand(PART, buf_slice(&der), &mail);
    open_mail(&mail, &o);
    assert_int_equal(o.e, ERR_OK);
    assert_string_equal(verdict_of(&o), "bad");
    assert_true(has_reason(&o, "content-in-detached"));
    assert_int_equal(asked[0].covers, 0);
}

static void
certificates_without_a_signer_sign_nothing(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(buf) struct buf der = {0};
    AUTO(buf) struct buf bare = {0};
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome p;
    struct slice certificate = buf_slice(&alice.certificate);

    (void)state;
    alone();
    certs_only_make(&certificate, 1, &der);
    signed_by_hand(PART, buf_slice(&der), &mail);
    open_mail(&mail, &o);
    assert_string_equal(verdict_of(&o), "bad");
    assert_true(has_reason(&o, "no-signers"));
    buf_add_text(&bare, HEAD "Content-Type: application/pkcs7-mime\n\n");
    buf_add_slice(&bare, buf_slice(&der));
    open_mail(&bare, &p);
    assert_int_equal(p.e, ERR_OK);
    assert_string_equal(verdict_of(&p), "bad");
    assert_true(has_reason(&p, "certificates-only"));
    assert_int_equal(asked_count, 0);
}

/* No signers, and N certificates that are none. */
static void
only_certificates(size_t n, struct buf *out)
{
    static const uint8_t head[] = {
        6,    9,    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1,    7,    2,   0xa0,
        0x80, 0x30, 0x80, 2,    1,    1,    0x31, 0,    0x30, 11,   6,   9,
        0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1,    7,    1,    0xa0, 0x80};

    buf_add(out, "\x30\x80", 2);
    buf_add(out, head, sizeof(head));
    for (size_t i = 0; i < n; i++)
        buf_add(out, "\x30\0", 2);
    buf_add(out, "\0\0\x31\0\0\0\0\0\0", 10);
}

static void
a_signature_over_a_limit_is_told_as_such(void **state)
{
    (void)state;
    alone();
    for (size_t over = 0; over < 2; over++) {
        AUTO(buf) struct buf mail = {0};
        AUTO(buf) struct buf der = {0};
        AUTO(outcome) struct outcome o;

        only_certificates(LIMIT_CERTIFICATES + over, &der);
        signed_by_hand(PART, buf_slice(&der), &mail);
        open_mail(&mail, &o);
        assert_string_equal(verdict_of(&o), "bad");
        assert_int_equal(has_reason(&o, "too-large"), over);
        assert_int_equal(has_reason(&o, "no-signers"), !over);
        assert_false(has_reason(&o, "signature-damaged"));
    }
}

static void
a_signature_without_its_content_is_refused(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(buf) struct buf der = {0};
    AUTO(outcome) struct outcome o;

    (void)state;
    alone();
    sign_detached(&alice, spec_for(&alice, SCHEME_RSA_PKCS1, HASH_SHA256),
                  slice_text(CANONICAL), &der);
    buf_add_text(&mail, HEAD "Content-Type: application/pkcs7-mime\n\n");
    buf_add_slice(&mail, buf_slice(&der));
    open_mail(&mail, &o);
    assert_int_equal(o.e, ERR_BAD_MESSAGE);
    assert_string_equal(o.problem.detail, "the signed content is missing");
}

/* However many: only so many are told. */
static void
further_parts_are_text_outside(void **state)
{
    static const int counts[] = {1, 2, 100, LIMIT_PARTS, 3000};

    (void)state;
    for (size_t k = 0; k < ARRAY_COUNT(counts); k++) {
        AUTO(buf) struct buf mail = {0};
        AUTO(buf) struct buf der = {0};
        AUTO(outcome) struct outcome o;

        alone();
        sign_detached(&alice, spec_for(&alice, SCHEME_RSA_PKCS1, HASH_SHA256),
                      slice_text(CANONICAL), &der);
        signed_by_hand(PART, buf_slice(&der), &mail);
        mail.len -= strlen("--\n");
        for (int i = 0; i < counts[k]; i++)
            buf_add_text(&mail, "\n\nfurther\n--x");
        buf_add_text(&mail, "--\n");
        open_mail(&mail, &o);
        assert_int_equal(o.e, ERR_OK);
        assert_string_equal(verdict_of(&o), "bad");
        assert_true(has_reason(&o, "text-outside"));
        assert_int_equal(has_reason(&o, "more-parts"),
                         counts[k] >= LIMIT_PARTS);
        assert_false(holds(&o.output, "further"));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_in_any_order_are_opened),
        cmocka_unit_test(nesting_has_its_limit),
        cmocka_unit_test(without_a_key_only_what_is_outside_is_judged),
        cmocka_unit_test(
            decrypt_takes_the_encryption_off_and_leaves_the_signature),
        cmocka_unit_test(text_beside_the_signed_part_makes_it_not_good),
        cmocka_unit_test(white_space_behind_it_is_no_text),
        cmocka_unit_test(a_missing_closing_boundary_is_told),
        cmocka_unit_test(a_damaged_signature_still_shows_the_text),
        cmocka_unit_test(a_signature_made_by_hand_is_good),
        cmocka_unit_test(
            a_detached_signature_with_a_text_of_its_own_is_not_good),
        cmocka_unit_test(certificates_without_a_signer_sign_nothing),
        cmocka_unit_test(a_signature_over_a_limit_is_told_as_such),
        cmocka_unit_test(a_signature_without_its_content_is_refused),
        cmocka_unit_test(further_parts_are_text_outside),
    };

    return cmocka_run_group_tests(tests, identities_make, identities_drop);
}
