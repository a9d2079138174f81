/* CompressedData around and inside other layers. */
#include "agent/session/reading.h"

#include "agent/cms/der.h"
#include "tests/unit/session_wrap.h"

/* MAIL in a CompressedData whose deflate blocks are stored ones, and BEHIND
 * it. */
static void
compress_stored(struct buf *mail, const char *behind)
{
    static const uint8_t begin[] = "\x30\x80\x06\x0b\x2a\x86\x48\x86\xf7\x0d"
                                   "\x01\x09\x10\x01\x09\xa0\x80\x30\x80\x02"
                                   "\x01\x00\x30\x0d\x06\x0b\x2a\x86\x48\x86"
                                   "\xf7\x0d\x01\x09\x10\x03\x08\x30\x80\x06"
                                   "\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
                                   "\xa0\x80";
    AUTO(buf) struct buf z = {0};
    AUTO(buf) struct buf out = {0};
    uint32_t a = 1, b = 0;

    for (size_t i = 0; i < mail->len; i++) {
        a = (a + mail->data[i]) % 65521;
        b = (b + a) % 65521;
    }
    buf_add(&z, "\x78\x01\x01", 3);
    buf_add_byte(&z, (uint8_t)mail->len);
    buf_add_byte(&z, (uint8_t)(mail->len >> 8));
    buf_add_byte(&z, (uint8_t)~mail->len);
    buf_add_byte(&z, (uint8_t)(~mail->len >> 8));
    buf_add_slice(&z, buf_slice(mail));
    buf_add_byte(&z, (uint8_t)(b >> 8));
    buf_add_byte(&z, (uint8_t)b);
    buf_add_byte(&z, (uint8_t)(a >> 8));
    buf_add_byte(&z, (uint8_t)a);
    buf_add_text(&out, HEAD "Content-Type: application/pkcs7-mime\n"
                            "Content-Transfer-Encoding: binary\n\n");
    buf_add(&out, begin, sizeof(begin) - 1);
    der_put(&out, TAG_OCTET_STRING, buf_slice(&z));
    buf_add(&out, "\0\0\0\0\0\0\0\0\0\0", 10);
    buf_add_text(&out, behind);
    buf_clear(mail);
    buf_add_slice(mail, buf_slice(&out));
}

/* What compressions in each other grow to multiplies. */
static void
so_many_compressions_are_taken_off(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome at;
    AUTO(outcome) struct outcome over;

    (void)state;
    alone();
    buf_add_text(&mail, MAIL);
    wrap(mail_sign, true, &mail);
    for (int i = 0; i < LIMIT_COMPRESSIONS; i++)
        compress_stored(&mail, "");
    open_mail(&mail, &at);
    assert_int_equal(at.e, ERR_OK);
    assert_string_equal(verdict_of(&at), "good");
    assert_non_null(strstr(buf_text(&at.output), "the text"));
    compress_stored(&mail, "");
    open_mail(&mail, &over);
    assert_int_equal(over.e, ERR_LIMIT);
    assert_non_null(strstr(over.problem.detail, "more than 1 compression"));
    assert_int_equal(over.output.len, 0);
}

static void
what_is_packed_inside_a_signature_is_looked_through(void **state)
{
    static const struct {
        const char *content;
        const char *reason; /* NULL: it is good */
    } cases[] = {
        {"Content-Type: text/plain\n\nthe text\n", NULL},
        {"Content-Type: message/external-body\n\nContent-Type: text/html\n\n",
         "content-elsewhere"},
        {"Content-Type: multipart/mixed; boundary=x; boundary=y\n\n--x\n\n"
         "the text\n--x--\n",
         "ambiguous-structure"}};

    (void)state;
    alone();
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(buf) struct buf mail = {0};
        AUTO(outcome) struct outcome o;

        buf_addf(&mail, HEAD "%s", cases[i].content);
        compress_stored(&mail, "");
        wrap(mail_sign, true, &mail);
        open_mail(&mail, &o);
        assert_int_equal(o.e, ERR_OK);
        assert_string_equal(verdict_of(&o), cases[i].reason ? "bad" : "good");
        assert_true(!cases[i].reason || has_reason(&o, cases[i].reason));
    }
}

/* Whoever signed inside does not vouch for it. */
static void
what_stands_behind_an_object_is_told(void **state)
{
    (void)state;
    alone();
    for (int encrypted = 0; encrypted < 2; encrypted++)
        for (int more = 0; more < 2; more++) {
            AUTO(buf) struct buf mail = {0};
            AUTO(outcome) struct outcome o;

            buf_add_text(&mail, MAIL);
            wrap(mail_sign, true, &mail);
            if (encrypted) {
                wrap(mail_encrypt, false, &mail);
                buf_add_text(&mail, more ? "<p>more\n" : "\n");
            } else {
                compress_stored(&mail, more ? "more" : "\r\n");
            }
            open_mail(&mail, &o);
            assert_int_equal(o.e, ERR_OK);
            assert_string_equal(verdict_of(&o), more ? "bad" : "good");
            assert_true(!more || has_reason(&o, "trailing-data"));
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_compressions_are_taken_off),
        cmocka_unit_test(what_is_packed_inside_a_signature_is_looked_through),
        cmocka_unit_test(what_stands_behind_an_object_is_told),
    };

    return cmocka_run_group_tests(tests, identities_make, identities_drop);
}
