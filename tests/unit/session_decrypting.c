/*
 * Which key opens a message, what is said when none does, and that hostile
 * recipients make no difference to an answer.
 */
#include "agent/cms/der.h"
#include "agent/session/reading.h"

#include "tests/unit/session_mail.h"

#define HEAD  "From: A <a@example.org>\nTo: b@example.org\nSubject: s\n"
#define OUTER HEAD "Content-Type: application/pkcs7-mime\n\n"
#define INNER "Content-Type: text/plain\r\n\r\nthe text\r\n"

static void
be(const struct identity *id)
{
    people_clear();
    card_add(id, "a@example.org");
}

/* A mail around an object in DER. */
static void
mail_around(struct slice der, struct buf *out)
{
    buf_add_text(out, OUTER);
    buf_add_slice(out, der);
}

static void
encrypted_mail(enum cipher cipher, const struct identity *to, bool oaep,
               const char *content, struct buf *out)
{
    AUTO(buf) struct buf der = {0};

    assert_int_equal(
        envelope(cipher, &to, 1, oaep, slice_text(content), 1000, &der, NULL),
        ERR_OK);
    mail_around(buf_slice(&der), out);
}

/* ---- keys
 * -------------------------------------------------------------------------
 */

static void
each_kind_of_key_opens_what_was_made_for_it(void **state)
{
    static const struct {
        const struct identity *to;
        bool oaep;
    } cases[] = {{&alice, false}, {&alice, true}, {&bob, false}};
    static const enum cipher ciphers[] = {CIPHER_AES256_GCM, CIPHER_AES256_CBC};

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_COUNT(cases); i++) {
        AUTO(buf) struct buf mail = {0};
        AUTO(outcome) struct outcome o;
        AUTO(outcome) struct outcome other;

        encrypted_mail(ciphers[i % 2], cases[i / 2].to, cases[i / 2].oaep,
                       INNER, &mail);
        be(cases[i / 2].to);
        call_mail(mail_decrypt, NULL, buf_slice(&mail), &o);
        assert_int_equal(o.e, ERR_OK);
        assert_string_equal(buf_text(&o.output),
                            HEAD "Content-Type: text/plain\n\nthe text\n");
        be(&carol);
        call_mail(mail_decrypt, NULL, buf_slice(&mail), &other);
        assert_int_equal(other.e, ERR_NOT_FOR_US);
        assert_int_equal(key_operations, 0);
    }
}

static void
an_expired_key_still_opens(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome o;

    (void)state;
    encrypted_mail(CIPHER_AES256_CBC, &alice, false, INNER, &mail);
    be(&alice);
    cards[0].ends = -1000;
    cards[0].uses = 0;
    call_mail(mail_open, NULL, buf_slice(&mail), &o);
    assert_int_equal(o.e, ERR_OK);
}

static void
without_any_key_that_is_what_is_said(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome p;

    (void)state;
    encrypted_mail(CIPHER_AES256_CBC, &alice, false, INNER, &mail);
    people_clear();
    call_mail(mail_open, NULL, buf_slice(&mail), &o);
    assert_int_equal(o.e, ERR_NOT_FOR_US);
    assert_string_equal(o.problem.detail, "there is no key on any token");
    be(&alice);
    cards[0].flags = 0; /* the certificate only */
    call_mail(mail_open, NULL, buf_slice(&mail), &p);
    assert_int_equal(p.e, ERR_NOT_FOR_US);
    assert_int_equal(key_operations, 0);
}

static void
mail_for_a_card_that_is_out_names_it(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome o;

    (void)state;
    encrypted_mail(CIPHER_AES256_CBC, &alice, false, INNER, &mail);
    be(&alice);
    cards[0].away = true;
    card_add(&carol, "c@example.org"); /* is in, and of no help */
    card_add(&carol, "c@example.org")->no_certificate = true;
    call_mail(mail_open, NULL, buf_slice(&mail), &o);
    assert_int_equal(o.e, ERR_TOKEN_ABSENT);
    assert_string_equal(o.problem.token, "drawer");
    assert_int_equal(key_operations, 0);
}

/* What is remembered of cards that are out may be anything: it opens no mail,
 * and keeps none shut. */
static void
cards_that_are_out_and_cannot_be_listed_hide_no_key(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome p;

    (void)state;
    encrypted_mail(CIPHER_AES256_CBC, &alice, false, INNER, &mail);
    be(&alice);
    cards[0].no_certificate = true;
    is_forgetful = true;
    call_mail(mail_open, NULL, buf_slice(&mail), &o);
    assert_int_equal(o.e, ERR_OK);
    be(&carol);
    is_forgetful = true;
    call_mail(mail_open, NULL, buf_slice(&mail), &p);
    assert_int_equal(p.e, ERR_NOT_FOR_US);
}

static void
a_token_that_fails_is_told_as_such(void **state)
{
    static const enum err errors[] = {ERR_PIN_WRONG, ERR_TOKEN_REMOVED,
                                      ERR_TOKEN_LOCKED, ERR_LAST_TRY,
                                      ERR_REFUSED};
    AUTO(buf) struct buf mail = {0};

    (void)state;
    encrypted_mail(CIPHER_AES256_CBC, &alice, false, INNER, &mail);
    be(&alice);
    cards[1] = cards[0]; /* the same key on another token */
    card_count = 2;
    for (size_t i = 0; i < ARRAY_COUNT(errors); i++) {
        AUTO(outcome) struct outcome o;

        key_operation = errors[i];
        key_operations = 0;
        call_mail(mail_open, NULL, buf_slice(&mail), &o);
        assert_int_equal(o.e, errors[i]);
        assert_int_equal(o.output.len, 0);
        /* The other is tried, unless the person said no. */
        assert_int_equal(key_operations, errors[i] == ERR_REFUSED ? 1 : 2);
    }
}

/* ---- one answer
 * ---------------------------------------------------------------------
 */

static struct problem
refusal(const struct buf *mail, method_handler *handler)
{
    AUTO(outcome) struct outcome o;

    call_mail(handler, NULL, buf_slice(mail), &o);
    assert_int_equal(o.e, ERR_CANNOT_DECRYPT);
    assert_int_equal(o.output.len, 0);
    assert_int_equal(o.problem.code, ERR_CANNOT_DECRYPT);
    return o.problem;
}

/* Inside encryption nothing tells one kind of garbage from another. */
static void
every_fault_inside_has_the_same_answer(void **state)
{
#define INNER_SIGNED                                                           \
    "Content-Type: multipart/signed; micalg=sha-256; boundary=x; "             \
    "protocol=\"application/pkcs7-signature\"\r\n\r\n"
    static const char *const insides[] = {
        "Content-Type: application/pkcs7-mime\r\n\r\nnothing",
        "Content-Type: application/pkcs7-mime\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\nMIIBA",
        "Content-Type: application/pkcs7-mime\r\n"
        "Content-Transfer-Encoding: odd\r\n\r\nMIIB",
        "Content-Type: application/pkcs7-mime\r\n\r\n0\x03\x06\x01\x2a",
        INNER_SIGNED "nothing",
        "Content-Type: multipart/signed; "
        "protocol=\"application/pkcs7-signature\"\r\n\r\n--x--",
    };
    struct problem first = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(insides); i++) {
        AUTO(buf) struct buf mail = {0};
        struct problem p;

        encrypted_mail(CIPHER_AES256_CBC, &alice, false, insides[i], &mail);
        be(&alice);
        p = refusal(&mail, mail_open);
        if (i == 0)
            first = p;
        assert_memory_equal(&p, &first, sizeof(p));
    }
    assert_string_equal(first.detail, "");
}

static void
a_changed_ciphertext_or_key_is_refused_without_output(void **state)
{
    static const enum cipher ciphers[] = {CIPHER_AES256_GCM, CIPHER_AES256_CBC};
    char first[LIMIT_FACT_BYTES];

    (void)state;
    for (int i = 0; i < 2; i++) {
        AUTO(buf) struct buf mail = {0};
        const uint8_t *at;

        encrypted_mail(ciphers[i], &alice, false, INNER, &mail);
        be(&alice);
        mail.data[mail.len - 1] ^= 1; /* the tag's or the padding's end */
        snprintf(first, sizeof(first), "%s",
                 refusal(&mail, mail_decrypt).detail);
        mail.data[mail.len - 1] ^= 1;
        /* The wrapped key: the OCTET STRING of 256 octets. */
        at = memmem(mail.data, mail.len, "\x04\x82\x01\x00", 4);
        assert_non_null(at);
        mail.data[at - mail.data + 100] ^= 1;
        assert_string_equal(refusal(&mail, mail_decrypt).detail, first);
    }
}

static void
plaintext_that_is_no_mime_is_written_as_it_is(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome p;

    (void)state;
    encrypted_mail(CIPHER_AES256_GCM, &alice, false,
                   "just words\r\nand more\r\n", &mail);
    be(&alice);
    call_mail(mail_decrypt, NULL, buf_slice(&mail), &o);
    assert_int_equal(o.e, ERR_OK);
    assert_string_equal(buf_text(&o.output), HEAD "\njust words\nand more\n");
    call_mail(mail_open, NULL, buf_slice(&mail), &p);
    assert_true(slice_equal(buf_slice(&p.output), buf_slice(&o.output)));
}

static void
fields_of_the_message_are_not_replaced_from_inside(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome o;

    (void)state;
    encrypted_mail(CIPHER_AES256_CBC, &alice, false,
                   "From: evil@example.org\r\nX-New: 1\r\n"
                   "Content-Type: text/html\r\n\r\n<p>\r\n",
                   &mail);
    be(&alice);
    call_mail(mail_open, NULL, buf_slice(&mail), &o);
    assert_int_equal(o.e, ERR_OK);
    assert_string_equal(buf_text(&o.output),
                        HEAD "X-New: 1\nContent-Type: text/html\n\n<p>\n");
}

/* ---- hostile recipients
 * -----------------------------------------------------------------
 */

static void
put_sid(struct buf *out, const struct identity *id)
{
    struct cert_view v;
    size_t mark = der_open(out, TAG_SEQUENCE);

    assert_true(cert_view_parse(buf_slice(&id->certificate), &v));
    buf_add_slice(out, v.issuer);
    der_put(out, TAG_INTEGER, v.serial);
    der_close(out, mark);
}

static void
put_filled(struct buf *out, uint8_t tag, size_t n)
{
    AUTO(buf) struct buf bytes = {0};

    fill_pattern(&bytes, n);
    der_put(out, tag, buf_slice(&bytes));
}

/* KeyTransRecipientInfo with a wrapped key and an OAEP label so long. */
static void
put_transport(struct buf *out, size_t wrapped, size_t label)
{
    size_t info = der_open(out, TAG_SEQUENCE), algorithm, parameters, source,
           function;

    der_put_number(out, 0);
    put_sid(out, &alice);
    algorithm = der_open(out, TAG_SEQUENCE);
    der_put_oid(out, label ? OID_RSA_OAEP : OID_RSA_ENCRYPTION);
    if (label) {
        parameters = der_open(out, TAG_SEQUENCE);
        source = der_open(out, TAG_CONTEXT_CONSTRUCTED + 2);
        function = der_open(out, TAG_SEQUENCE);
        der_put_oid(out, OID_P_SPECIFIED);
        put_filled(out, TAG_OCTET_STRING, label);
        der_close(out, function);
        der_close(out, source);
        der_close(out, parameters);
    } else {
        der_put(out, TAG_NULL, slice_of(NULL, 0));
    }
    der_close(out, algorithm);
    put_filled(out, TAG_OCTET_STRING, wrapped);
    der_close(out, info);
}

/* EnvelopedData around one recipient (whole). */
static void
put_enveloped(struct slice recipient, struct buf *out)
{
    static const uint8_t iv[16], blocks[32];
    size_t object = der_open(out, TAG_SEQUENCE), content, data, info, cipher;

    der_put_oid(out, OID_ENVELOPED_DATA);
    content = der_open(out, TAG_CONTEXT_CONSTRUCTED);
    data = der_open(out, TAG_SEQUENCE);
    der_put_number(out, 0);
    der_put(out, TAG_SET, recipient);
    info = der_open(out, TAG_SEQUENCE);
    der_put_oid(out, OID_DATA);
    cipher = der_open(out, TAG_SEQUENCE);
    der_put_oid(out, OID_AES256_CBC);
    der_put(out, TAG_OCTET_STRING, slice_of(iv, 16));
    der_close(out, cipher);
    der_put(out, TAG_CONTEXT, slice_of(blocks, 32));
    der_close(out, info);
    der_close(out, data);
    der_close(out, content);
    der_close(out, object);
}

static enum err
open_hostile(const struct buf *recipient)
{
    AUTO(buf) struct buf der = {0};
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome o;

    put_enveloped(buf_slice(recipient), &der);
    mail_around(buf_slice(&der), &mail);
    key_operations = 0;
    call_mail(mail_open, NULL, buf_slice(&mail), &o);
    assert_int_equal(o.output.len, 0);
    return o.e;
}

static void
a_wrapped_key_over_every_limit_ends_no_session(void **state)
{
    static const struct {
        size_t wrapped, label;
        bool is_asked;
    } cases[] = {{256, 0, true},
                 {1, 0, true},
                 {LIMIT_ENCRYPTED_KEY_BYTES, 0, true},
                 {LIMIT_ENCRYPTED_KEY_BYTES + 1, 0, false},
                 {60000, 0, false},
                 {256, LIMIT_OAEP_LABEL_BYTES, true},
                 {256, LIMIT_OAEP_LABEL_BYTES + 1, false}};

    (void)state;
    be(&alice);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(buf) struct buf recipient = {0};
        enum err e;

        put_transport(&recipient, cases[i].wrapped, cases[i].label);
        e = open_hostile(&recipient);
        assert_int_equal(key_operations, cases[i].is_asked);
        assert_int_equal(e, cases[i].is_asked ? ERR_CANNOT_DECRYPT
                                              : ERR_UNSUPPORTED);
    }
}

static void
one_recipient_many_times_is_tried_so_often_and_no_more(void **state)
{
    AUTO(buf) struct buf recipients = {0};

    (void)state;
    be(&alice);
    key_operation = ERR_TOKEN_FAILED;
    for (int i = 1; i <= LIMIT_KEY_TRIES + 1; i++) {
        put_transport(&recipients, 256, 0);
        assert_int_equal(open_hostile(&recipients), ERR_TOKEN_FAILED);
        assert_int_equal(key_operations,
                         i > LIMIT_KEY_TRIES ? LIMIT_KEY_TRIES : i);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_key_opens_what_was_made_for_it),
        cmocka_unit_test(an_expired_key_still_opens),
        cmocka_unit_test(without_any_key_that_is_what_is_said),
        cmocka_unit_test(mail_for_a_card_that_is_out_names_it),
        cmocka_unit_test(cards_that_are_out_and_cannot_be_listed_hide_no_key),
        cmocka_unit_test(a_token_that_fails_is_told_as_such),
        cmocka_unit_test(every_fault_inside_has_the_same_answer),
        cmocka_unit_test(a_changed_ciphertext_or_key_is_refused_without_output),
        cmocka_unit_test(plaintext_that_is_no_mime_is_written_as_it_is),
        cmocka_unit_test(fields_of_the_message_are_not_replaced_from_inside),
        cmocka_unit_test(a_wrapped_key_over_every_limit_ends_no_session),
        cmocka_unit_test(
            one_recipient_many_times_is_tried_so_often_and_no_more),
    };

    return cmocka_run_group_tests(tests, identities_make, identities_drop);
}
