/*
 * Each limit of a client's request: with as much the request goes on, and
 * fails for want of something else; with one more it is refused, and told the
 * limit.
 */
#include "tests/unit/session_mail.h"

#include "agent/session/pem.h"

static json_t *
texts_of(int count, const char *format)
{
    json_t *out = json_array();

    for (int i = 0; i < count; i++)
        json_array_append_new(out, json_sprintf(format, i));
    return out;
}

static void
so_many_addresses_are_encrypted_to(void **state)
{
    (void)state;
    people_clear();
    card_add(&alice, "a@example.org");
    for (int over = 0; over < 2; over++) {
        AUTO(outcome) struct outcome o;

        call_text(mail_encrypt,
                  json_pack("{s:o,s:s}", "to",
                            texts_of(LIMIT_TO + over, "x%d@example.org"),
                            "from", "a@example.org"),
                  "From: a@example.org\n\ntext\n", &o);
        assert_int_equal(o.output.len, 0);
        assert_int_equal(o.e, over ? ERR_USAGE : ERR_NO_RECIPIENT);
        if (over)
            assert_string_equal(o.problem.detail, "to: 1 to 500 addresses");
    }
}

static void
certificates_are_asked_for_by_so_many_patterns(void **state)
{
    (void)state;
    people_clear();
    card_add(&alice, "a@example.org");
    for (int over = 0; over < 2; over++) {
        AUTO(outcome) struct outcome o;

        call_text(contacts_certificates,
                  json_pack("{s:o,s:b}", "patterns",
                            texts_of(LIMIT_PATTERNS + over, "x%d@example.org"),
                            "own", 1),
                  "", &o);
        assert_int_equal(o.e, over ? ERR_LIMIT : ERR_OK);
        if (over)
            assert_string_equal(o.problem.detail, "more than 64 patterns");
    }
}

static void
so_many_policies_are_asked_for(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        AUTO(outcome) struct outcome o;

        call_text(mail_check,
                  json_pack("{s:o}", "policies",
                            texts_of(LIMIT_CHECK_POLICIES + over, "1.2.%d")),
                  "", &o);
        assert_int_equal(o.e == ERR_USAGE, over);
        if (over)
            assert_string_equal(o.problem.detail, "policies: more than 16");
    }
}

static void
a_session_has_so_many_operations(void **state)
{
    AUTO(outcome) struct outcome o;
    struct world w = {0};
    int fd = file_of(slice_text("From: a@example.org\n\ntext\n"));

    (void)state;
    people_clear();
    card_add(&alice, "a@example.org");
    mail_world_open(&w);
    call_on(&w, mail_sign, json_pack("{s:s}", "from", "a@example.org"), fd, &o);
    assert_int_equal(o.e, ERR_OK);
    /* Nobody answers a narrowing: both have read it when they have ended. */
    mail_world_close(&w);
    assert_int_equal(w.keyholder.last_narrow.ops, LIMIT_SESSION_OPERATIONS);
    assert_int_equal(w.keyring.last_narrow.ops, LIMIT_SESSION_OPERATIONS);
    close(fd);
}

/* ---- certificates to install --------------------------------------------- */

static enum err
install(const struct buf *file, struct problem *p)
{
    AUTO(outcome) struct outcome o;

    call_mail(keys_install, NULL, buf_slice(file), &o);
    *p = o.problem;
    return o.e;
}

/* Something of N bytes in a SEQUENCE, as PEM. */
static void
add_certificate(size_t n, struct buf *out)
{
    AUTO(buf) struct buf der = {0};
    json_t *text;

    buf_reserve(&der, n);
    memset(der.data, 0, n);
    der.data[0] = 0x30;
    der.data[1] = 0x82;
    der.data[2] = (uint8_t)((n - 4) >> 8);
    der.data[3] = (uint8_t)(n - 4);
    der.len = n;
    text = json_pem("CERTIFICATE", buf_slice(&der));
    buf_add_text(out, json_string_value(text));
    json_decref(text);
}

static void
a_file_of_certificates_is_bounded(void **state)
{
    AUTO(buf) struct buf file = {0};
    struct problem p;

    (void)state;
    add_certificate(1000, &file);
    while (file.len < LIMIT_BUNDLE_BYTES)
        buf_add_byte(&file, '\n');
    assert_int_not_equal(install(&file, &p), ERR_LIMIT);
    assert_int_not_equal(p.code, ERR_BAD_CERTIFICATE);
    buf_add_byte(&file, '\n');
    assert_int_equal(install(&file, &p), ERR_LIMIT);
    assert_non_null(strstr(p.detail, "524288"));
}

static void
all_certificates_of_a_file_are_bounded_together(void **state)
{
    const size_t count = LIMIT_INSTALL_BYTES / LIMIT_CERT_BYTES;

    (void)state;
    for (size_t over = 0; over < 2; over++) {
        AUTO(buf) struct buf file = {0};
        struct problem p;
        enum err e;

        add_certificate(1000 + over, &file);
        add_certificate(LIMIT_CERT_BYTES - 1000, &file);
        for (size_t i = 1; i < count; i++)
            add_certificate(LIMIT_CERT_BYTES, &file);
        e = install(&file, &p);
        assert_int_equal(e == ERR_LIMIT, over);
        if (over)
            assert_string_equal(p.detail, "certificates of more than 128 KiB");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_addresses_are_encrypted_to),
        cmocka_unit_test(certificates_are_asked_for_by_so_many_patterns),
        cmocka_unit_test(so_many_policies_are_asked_for),
        cmocka_unit_test(a_session_has_so_many_operations),
        cmocka_unit_test(a_file_of_certificates_is_bounded),
        cmocka_unit_test(all_certificates_of_a_file_are_bounded_together),
    };

    return cmocka_run_group_tests(tests, identities_make, identities_drop);
}
