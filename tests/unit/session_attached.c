/*
 * Attached messages, and ciphertext that stands beside something: told, with
 * no say about the message, and left closed.
 */
#include "tests/unit/session_parts.h"

/* ---- attached messages
 * ------------------------------------------------------------ */

static void
an_attached_message_has_its_own_author_and_no_say(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(buf) struct buf outer = {0};
    AUTO(outcome) struct outcome o;

    (void)state;
    alone();
    buf_add_text(&mail, "From: x@example.org, y@example.org\n" TEXT);
    wrap(mail_sign, false, &mail);
    attached(&mail, &outer);
    open_mail(&outer, &o);
    assert_string_equal(verdict_of(&o), "plain");
    assert_true(has_reason(&o, "attached-signed"));
    assert_true(has_reason(&o, "not-signed"));
    assert_layer(&o, 0, "1.2.1", "attached", true);
    assert_int_equal(asked[0].from, 2);
    assert_nothing_asked_to_learn();
    assert_part(&o, "1.1", false, -1, -1);
    assert_part(&o, "1.2", false, -1, -1);
    assert_part(&o, "1.2.1.1", false, 0, -1);
    assert_int_equal(
        json_array_size(json_object_get(part_of(&o, "1.2"), "from")), 2);
}

/* Not even its true author's signature. */
static void
an_attached_message_is_vouched_for_by_who_signed_the_whole(void **state)
{
    (void)state;
    for (int spoilt = 0; spoilt < 2; spoilt++) {
        AUTO(buf) struct buf mail = {0};
        AUTO(buf) struct buf outer = {0};
        AUTO(outcome) struct outcome o;

        alone();
        buf_add_text(&mail, HEAD TEXT);
        wrap(mail_sign, false, &mail);
        if (spoilt)
            spoil(&mail, "the text", "the lext");
        attached(&mail, &outer);
        open_mail(&outer, &o);
        assert_part(&o, "1.2.1.1", false, 0, -1);
        outcome_drop(&o);
        wrap(mail_sign, true, &outer);
        open_mail(&outer, &o);
        assert_string_equal(verdict_of(&o), "good");
        assert_int_equal(has_reason(&o, "part-bad"), spoilt);
        assert_layer(&o, 0, "1", "message", true);
        assert_layer(&o, 1, "1.1.2.1", "attached", !spoilt);
        assert_part(&o, "1.1.1", true, 0, -1);
        assert_part(&o, "1.1.2.1.1", true, 1, -1);
        assert_int_equal(asked[0].covers, 1);
        assert_int_equal(asked[1].covers, 0);
        assert_int_equal(asked[1].learn, 0);
    }
}

static void
the_messages_of_a_digest_are_attached(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(buf) struct buf outer = {0};
    AUTO(outcome) struct outcome o;

    (void)state;
    alone();
    buf_add_text(&mail, HEAD TEXT);
    wrap(mail_sign, true, &mail);
    buf_add_text(&outer, HEAD "Content-Type: multipart/digest; boundary=d\n\n"
                              "--d\n\n");
    buf_add_slice(&outer, buf_slice(&mail));
    buf_add_text(&outer, "\n--d--\n");
    open_mail(&outer, &o);
    assert_string_equal(verdict_of(&o), "plain");
    assert_layer(&o, 0, "1.1.1", "attached", true);
}

/* ---- ciphertext beside something (EFAIL)
 * ------------------------------------------- */

/* OUTER is passed on as it is and no key is used. */
static void
assert_left_closed(const struct buf *outer, const char *path, const char *place)
{
    AUTO(outcome) struct outcome o;

    open_mail(outer, &o);
    assert_int_equal(key_operations, 0);
    assert_string_equal(verdict_of(&o), "plain");
    assert_true(has_reason(&o, "part-encrypted"));
    assert_true(slice_equal(buf_slice(&o.output), buf_slice(outer)));
    assert_part(&o, path, false, -1, 0);
    assert_string_equal(
        json_string_value(json_object_get(layer_at(&o, 0), "place")), place);
    assert_true(json_is_null(json_object_get(layer_at(&o, 0), "key")));
    assert_false(json_is_true(report_list(&o, "encrypted")));
}

static void
ciphertext_beside_other_parts_is_left_closed(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(buf) struct buf mixed = {0};
    AUTO(buf) struct buf forward = {0};
    AUTO(outcome) struct outcome alone_;

    (void)state;
    alone();
    buf_add_text(&mail, HEAD TEXT);
    wrap(mail_encrypt, false, &mail);
    open_mail(&mail, &alone_);
    assert_true(key_operations > 0);
    assert_true(holds(&alone_.output, "the text"));
    in_list(&mail, &mixed);
    assert_left_closed(&mixed, "1.1", "part");
    attached(&mail, &forward);
    assert_left_closed(&forward, "1.2.1", "attached");
    buf_clear(&forward);
    buf_add_text(&forward, HEAD "Content-Type: message/rfc822\n\n");
    buf_add_slice(&forward, buf_slice(&mail));
    assert_left_closed(&forward, "1.1", "attached");
}

/* Whoever wrote it signed it, or encrypted it once more. */
static void
layers_around_the_multipart_open_nothing_in_it(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(buf) struct buf mixed = {0};
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome p;

    (void)state;
    alone();
    buf_add_text(&mail, HEAD TEXT);
    wrap(mail_encrypt, false, &mail);
    in_list(&mail, &mixed);
    wrap(mail_sign, false, &mixed);
    open_mail(&mixed, &o);
    assert_int_equal(key_operations, 0);
    assert_string_equal(verdict_of(&o), "good");
    assert_true(has_reason(&o, "part-encrypted"));
    assert_part(&o, "1.1.1", true, 0, 1);
    assert_false(holds(&o.output, "the text"));
    wrap(mail_encrypt, false, &mixed);
    open_mail(&mixed, &p);
    assert_int_equal(key_operations, 1);
    assert_false(holds(&p.output, "the text"));
    assert_true(holds(&p.output, "the footer"));
    assert_true(json_is_true(report_list(&p, "encrypted")));
    assert_part(&p, "1.1.1.1", true, 1, 2);
    assert_part(&p, "1.1.1.2", true, 1, 0);
}

/* ---- a nested encryption for others
 * ------------------------------------------------ */

/* Whoever garbles ciphertexts learns nothing from a difference. */
static void
a_nested_encryption_for_others_has_the_one_answer(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome outer;
    AUTO(outcome) struct outcome inner;

    (void)state;
    alone();
    contact_add(&bob, "b@example.org");
    buf_add_text(&mail, HEAD TEXT);
    wrap_for(mail_encrypt, false, "b@example.org", &mail);
    people_clear();
    card_add(&carol, "c@example.org");
    call_mail(mail_open, NULL, buf_slice(&mail), &outer);
    assert_int_equal(outer.e, ERR_NOT_FOR_US);
    wrap_as(mail_encrypt, "c@example.org", &mail);
    call_mail(mail_open, NULL, buf_slice(&mail), &inner);
    assert_int_equal(inner.e, ERR_CANNOT_DECRYPT);
    assert_string_equal(inner.problem.detail, "");
    assert_string_equal(inner.problem.subject, "");
    assert_int_equal(inner.output.len, 0);
}

/* A token's trouble is told, but not before the padding was checked. */
static void
a_nested_token_error_comes_after_the_padding(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome whole;
    AUTO(outcome) struct outcome cut;

    (void)state;
    alone();
    buf_add_text(&mail, HEAD TEXT);
    wrap(mail_encrypt, false, &mail);
    wrap(mail_encrypt, false, &mail);
    key_operations = 0;
    fail_from = 2;
    key_operation = ERR_TOKEN_REMOVED;
    call_mail(mail_open, NULL, buf_slice(&mail), &whole);
    assert_int_equal(whole.e, ERR_TOKEN_REMOVED);
    mail.data[mail.len - 10] ^= 1;
    key_operations = 0;
    call_mail(mail_open, NULL, buf_slice(&mail), &cut);
    assert_true(cut.e == ERR_CANNOT_DECRYPT || cut.e == ERR_BAD_MESSAGE);
    fail_from = 0;
}

/* ---- the message itself as what is attached
 * ------------------------------------ */

#define WRAPPED "Content-Type: message/rfc822; forwarded="

static uint32_t
flags_seen(method_handler *handler, const struct buf *mail)
{
    AUTO(outcome) struct outcome o;

    call_mail(handler,
              handler == contacts_harvest
                  ? json_pack("{s:[i],s:[s]}", "inputs", 0, "origins", "x")
                  : NULL,
              buf_slice(mail), &o);
    assert_int_equal(o.e, ERR_OK);
    assert_int_equal(asked_count, 1);
    return asked[0].flags;
}

static void
a_wrapped_message_is_of_its_sender_for_every_verb(void **state)
{
    method_handler *const verbs[] = {mail_open, mail_verify, contacts_harvest};
    static const struct {
        const char *entity;
        bool other;
    } cases[] = {
        {WRAPPED "no\n\nFrom: c@example.org\n\nx\n", true},
        {WRAPPED "no\n\nFrom: a@example.org\n\nx\n", false},
        {"Content-Type: message/rfc822\n\nFrom: c@example.org\n\nx\n", true},
        {WRAPPED "yes\n\nFrom: c@example.org\n\nx\n", false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        for (size_t v = 0; v < ARRAY_COUNT(verbs); v++) {
            AUTO(buf) struct buf mail = {0};

            alone();
            buf_add_text(&mail, HEAD);
            buf_add_text(&mail, cases[i].entity);
            wrap(mail_sign, v == 1, &mail);
            assert_int_equal(flags_seen(verbs[v], &mail) & HEADER_INNER_FROM,
                             cases[i].other ? HEADER_INNER_FROM : 0);
        }
}

/* Somebody else's ciphertext under one's own name. */
static void
an_author_inside_encryption_is_compared_too(void **state)
{
    (void)state;
    for (int other = 0; other < 2; other++) {
        AUTO(buf) struct buf mail = {0};
        AUTO(outcome) struct outcome o;

        alone();
        buf_add_text(&mail, HEAD WRAPPED "no\n\n");
        buf_add_text(&mail, other ? "From: c@example.org\n\nx\n"
                                  : "From: a@example.org\n\nx\n");
        wrap(mail_encrypt, false, &mail);
        call_mail(mail_open, NULL, buf_slice(&mail), &o);
        assert_int_equal(o.e, ERR_OK);
        assert_string_equal(verdict_of(&o), "plain");
        assert_int_equal(has_reason(&o, "inner-from"), other);
    }
}

/* Beyond so many nobody is the author, which the report says. */
static void
so_many_attached_messages_have_an_author(void **state)
{
    (void)state;
    alone();
    for (int over = 0; over < 2; over++) {
        AUTO(buf) struct buf mail = {0};
        AUTO(outcome) struct outcome o;
        char last[16];

        buf_add_text(&mail, HEAD MIXED);
        for (int i = 0; i < LIMIT_FORWARDED + over; i++)
            buf_add_text(&mail, "--=mix\nContent-Type: message/rfc822\n\n" HEAD
                                "\nthe text\n");
        buf_add_text(&mail, "--=mix--\n");
        open_mail(&mail, &o);
        snprintf(last, sizeof(last), "1.%d", LIMIT_FORWARDED + over);
        assert_int_equal(
            json_array_size(json_object_get(part_of(&o, last), "from")), !over);
        assert_int_equal(has_reason(&o, "more-parts"), over);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_attached_message_has_its_own_author_and_no_say),
        cmocka_unit_test(
            an_attached_message_is_vouched_for_by_who_signed_the_whole),
        cmocka_unit_test(the_messages_of_a_digest_are_attached),
        cmocka_unit_test(ciphertext_beside_other_parts_is_left_closed),
        cmocka_unit_test(layers_around_the_multipart_open_nothing_in_it),
        cmocka_unit_test(a_nested_encryption_for_others_has_the_one_answer),
        cmocka_unit_test(a_nested_token_error_comes_after_the_padding),
        cmocka_unit_test(a_wrapped_message_is_of_its_sender_for_every_verb),
        cmocka_unit_test(an_author_inside_encryption_is_compared_too),
        cmocka_unit_test(so_many_attached_messages_have_an_author),
    };

    return cmocka_run_group_tests(tests, identities_make, identities_drop);
}
