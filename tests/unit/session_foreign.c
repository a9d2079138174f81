/*
 * Files of certificates that other programs wrote. What is looked at here is
 * only where certificates begin and end: none of them is one.
 */
#include "tests/unit/session_foreign.h"

/* ---- PEM and binary -------------------------------------------------------
 */

static void
pem_of_any_number_is_read(void **state)
{
    struct result r;

    (void)state;
    r = read_text("text\n-----BEGIN CERTIFICATE-----\nMAMC\nAQE=\n"
                  "-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n"
                  "MAMCAQI=\n-----END PRIVATE KEY-----\n"
                  "-----BEGIN PKCS7-----\r\nMAMCAQI=\r\n-----END PKCS7-----");
    assert_string_equal(r.found, "2:1() 9:2() ");
    r = read_text("-----BEGIN PKCS #7 SIGNED DATA-----\nMAMCAQE=\n"
                  "-----END PKCS #7 SIGNED DATA-----\n");
    assert_string_equal(r.found, "1:1() ");
    r = read_text("-----BEGIN CERTIFICATE-----\nMAMC\n"
                  "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n"
                  "-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n");
    assert_string_equal(r.found, "3:1() ");
    assert_string_equal(r.bad, "1:a PEM block without its end\n"
                               "6:a PEM block without its end\n");
}

static void
pem_that_other_programs_changed_is_read(void **state)
{
    static const char *const texts[] = {
        "\xef\xbb\xbf-----BEGIN CERTIFICATE-----\nMAMCAQE=\n"
        "-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----MAMCAQE=-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE----- MAMC AQE= -----END CERTIFICATE-----\n",
        "  -----BEGIN CERTIFICATE-----\n  MAMC\n  AQE=\n"
        "  -----END CERTIFICATE-----\n",
        "> > -----BEGIN CERTIFICATE-----\n> > MAMCAQE=\n"
        "> > -----END CERTIFICATE-----\n",
        /* OpenSSL's, with its own words behind the certificate */
        "-----BEGIN TRUSTED CERTIFICATE-----\nMAMCAQEwAgYA\n"
        "-----END TRUSTED CERTIFICATE-----\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        assert_string_equal(read_text(texts[i]).found, "1:1() ");
    /* Its bytes are not passed over. */
    assert_int_equal(read_text("-----BEGIN CERTIFICATE-----\nMAMCAQEwAgYA\n"
                               "-----END CERTIFICATE-----\n")
                         .last.n,
                     9);
}

static void
utf_16_is_named(void **state)
{
    static const struct slice rows[] = {{(const uint8_t *)"\xff\xfe-\0-\0", 6},
                                        {(const uint8_t *)"\xfe\xff\0-\0-", 6},
                                        {(const uint8_t *)"B\0E\0G\0", 6},
                                        {(const uint8_t *)"\0B\0E\0G", 6}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct result r = {.count = 0};
        struct problem p = {0};

        assert_int_equal(read_bytes(rows[i], &r, &p), ERR_BAD_CERTIFICATE);
        assert_non_null(strstr(p.detail, "iconv -f UTF-16"));
    }
}

static void
a_list_of_more_than_a_mail_may_have_is_read(void **state)
{
    struct result r = {.count = 0};
    struct problem p = {0};
    AUTO(buf) struct buf file = {0};
    struct sink_buf to;
    const size_t count = 5000;

    (void)state;
    sink_buf_init(&to, &file, SIZE_MAX);
    assert_int_equal(certs_only_begin(&to.s, count * sizeof(one), &p), ERR_OK);
    for (size_t i = 0; i < count; i++)
        buf_add(&file, i + 1 < count ? one : two, sizeof(one));
    assert_int_equal(certs_only_end(&to.s, &p), ERR_OK);
    assert_int_equal(read_bytes(buf_slice(&file), &r, &p), ERR_OK);
    assert_int_equal(r.count, count);

    file.len -= 3;
    r = (struct result){.count = 0};
    assert_int_equal(read_bytes(buf_slice(&file), &r, &p), ERR_BAD_CERTIFICATE);
}

/* RFC 8551 3.8: nobody signs it, and its certificates are handed over. */
static void
a_message_of_certificates_is_read(void **state)
{
    AUTO(buf) struct buf file = {0};
    AUTO(base64_writer) struct base64_writer *w = NULL;
    struct result r = {.count = 0};
    struct problem p = {0};
    struct sink_buf to;

    (void)state;
    buf_add_text(&file, "To: a@b\nContent-Type: application/pkcs7-mime;\n"
                        " smime-type=certs-only; name=smime.p7c\n"
                        "Content-Transfer-Encoding: base64\n\n");
    sink_buf_init(&to, &file, SIZE_MAX);
    w = base64_writer_new(&to.s, false);
    assert_int_equal(
        certs_only_begin(base64_writer_sink(w), 2 * sizeof(one), &p), ERR_OK);
    assert_int_equal(sink_write(base64_writer_sink(w), one, sizeof(one), &p),
                     ERR_OK);
    assert_int_equal(sink_write(base64_writer_sink(w), two, sizeof(two), &p),
                     ERR_OK);
    assert_int_equal(certs_only_end(base64_writer_sink(w), &p), ERR_OK);
    assert_int_equal(base64_writer_finish(w, &p), ERR_OK);
    assert_int_equal(read_bytes(buf_slice(&file), &r, &p), ERR_OK);
    assert_string_equal(r.found, "0:1() 0:2() ");
}

static void
der_and_bare_base64_are_handed_on(void **state)
{
    static const uint8_t der[] = {0x30, 0x05, 0x30, 0x03, 2, 1, 1};
    struct result r = {.count = 0};
    struct problem p = {0};

    (void)state;
    assert_int_equal(read_bytes(slice_of(der, sizeof(der)), &r, &p), ERR_OK);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.last.n, sizeof(der));
    assert_int_equal(read_text("MIIBAgM=\n").count, 1);
}

static void
what_is_something_else_is_named(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {{"", "it is empty"},
                {"hello\n", "neither PEM"},
                {"From: a@b\n\nhi\n", "smime harvest"},
                {"Subject: x\nContent-Type: application/pkcs7-mime; "
                 "smime-type=certs-only\n\nhello\n",
                 ""},
                {"Date: x\nContent-Type: application/pkcs7-mime; "
                 "smime-type=signed-data\n\nhello\n",
                 "smime harvest"},
                {"\x30\x05\x02\x01\x03\x30\x01\x01", "smime import"},
                {"\x30\x0f\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x02"
                 "\x04\x01",
                 "list of certificates"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct result r = {.count = 0};
        struct problem p = {0};

        assert_int_equal(read_bytes(slice_text(rows[i].text), &r, &p),
                         ERR_BAD_CERTIFICATE);
        assert_non_null(strstr(p.detail, rows[i].says));
        assert_int_equal(r.count, 0);
    }
}

static void
an_error_of_the_sink_ends_it(void **state)
{
    struct result r = {.answer = ERR_STORE};
    struct problem p = {0};

    (void)state;
    assert_int_equal(
        read_bytes(slice_text("dn: a\nuserCertificate:: MAMCAQE=\n\ndn: b\n"
                              "userCertificate:: MAMCAQE=\n"),
                   &r, &p),
        ERR_STORE);
    assert_int_equal(r.count, 1);
}

/* ---- limits ---------------------------------------------------------------
 */

/* A card of N certificates of SIZE bytes each. */
static struct result
read_card(size_t n, size_t size)
{
    AUTO(buf) struct buf file = {0};

    buf_add_text(&file, "BEGIN:VCARD\n");
    for (size_t i = 0; i < n; i++) {
        buf_add_text(&file, "KEY;ENCODING=b:");
        for (size_t k = 0; k < size / 3; k++)
            buf_add(&file, "MAMC", 4);
        buf_add_byte(&file, '\n');
    }
    buf_add_text(&file, "END:VCARD\n");
    return read_text(buf_text(&file));
}

static void
an_entry_holds_so_many_certificates(void **state)
{
    struct result r;

    (void)state;
    assert_int_equal(read_card(LIMIT_ENTRY_CERTIFICATES, 6).bad_count, 0);
    r = read_card(LIMIT_ENTRY_CERTIFICATES + 1, 6);
    assert_int_equal(r.count, LIMIT_ENTRY_CERTIFICATES);
    assert_int_equal(r.bad_count, 1);
    assert_non_null(strstr(r.bad, "34:more than 32 certificates"));
}

static void
an_entry_holds_so_many_bytes(void **state)
{
    struct result r;

    (void)state;
    assert_int_equal(read_card(2, LIMIT_ENTRY_BYTES / 2).bad_count, 0);
    r = read_card(2, LIMIT_ENTRY_BYTES / 2 + 3);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.bad_count, 1);
}

static void
further_addresses_of_an_entry_are_passed_over(void **state)
{
    AUTO(buf) struct buf file = {0};
    struct result r;
    size_t commas = 0;

    (void)state;
    buf_add_text(&file, "BEGIN:VCARD\nKEY;ENCODING=b:MAMCAQE=\n");
    for (int i = 0; i < LIMIT_ENTRY_ADDRESSES + 1; i++)
        buf_addf(&file, "EMAIL:a%d@b\n", i);
    r = read_text(buf_text(&file));
    for (const char *at = r.found; *at; at++)
        commas += *at == ',';
    assert_int_equal(commas, LIMIT_ENTRY_ADDRESSES - 1);
    assert_non_null(strstr(r.found, "a31@b"));
    assert_null(strstr(r.found, "a32@b"));
}

/* One line of N characters behind HEAD, the certificate in front of it. */
static struct result
read_long_line(const char *head, size_t n, const char *end)
{
    AUTO(buf) struct buf file = {0};
    size_t in_line = strlen(strrchr(head, '\n') + 1);

    buf_add_text(&file, head);
    for (size_t i = in_line; i < n; i++) {
        /* Folded now and then, as writers do. */
        if (i % 100000 == 0)
            buf_add_text(&file, "\n ");
        buf_add_byte(&file, 'A');
    }
    buf_add_text(&file, end);
    return read_text(buf_text(&file));
}

static void
a_line_may_be_so_long(void **state)
{
    static const char head[] = "BEGIN:VCARD\nKEY;ENCODING=b:MA";
    struct result r;

    (void)state;
    r = read_long_line(head, LIMIT_LOGICAL_LINE_BYTES - 1, "\nEND:VCARD\n");
    assert_int_equal(r.count, 1);
    assert_string_equal(r.bad, "");
    r = read_long_line(head, LIMIT_LOGICAL_LINE_BYTES + 1, "\nEND:VCARD\n");
    assert_string_equal(r.bad, "2:it is too large\n");
    r = read_long_line("-----BEGIN CERTIFICATE-----\nMA",
                       LIMIT_LOGICAL_LINE_BYTES + 1,
                       "\n-----END CERTIFICATE-----\n");
    assert_string_equal(r.bad, "1:it is too large\n");
}

/* 100 MB of a photograph, made as it is read. */
struct endless {
    struct stream s;
    size_t left;
    struct slice end;
};

static enum err
endless_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
             struct problem *p)
{
    struct endless *e = (struct endless *)s;

    (void)p;
    *got = size < e->left ? size : e->left;
    memset(out, 'A', *got);
    e->left -= *got;
    if (*got == 0 && e->end.n > 0) {
        *got = size < e->end.n ? size : e->end.n;
        memcpy(out, e->end.p, *got);
        e->end = slice_of(e->end.p + *got, e->end.n - *got);
    }
    return ERR_OK;
}

static void
a_huge_file_is_read_in_little_memory(void **state)
{
    struct endless e = {.s = {endless_read}, .left = 100 * 1024 * 1024};
    struct result r = {.count = 0};
    AUTO(lines) struct lines l;
    struct problem p = {0};
    size_t most = 0;
    bool some = true;

    (void)state;
    (void)r;
    e.end = slice_text("\nKEY;ENCODING=b:MAMCAQE=\n");
    lines_init(&l, &e.s, " \t");
    while (some) {
        assert_int_equal(lines_next(&l, &some, &p), ERR_OK);
        if (l.line.cap > most)
            most = l.line.cap;
    }
    assert_int_equal(l.number, 2);
    assert_true(most <= 4 * LIMIT_LOGICAL_LINE_BYTES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pem_of_any_number_is_read),
        cmocka_unit_test(pem_that_other_programs_changed_is_read),
        cmocka_unit_test(utf_16_is_named),
        cmocka_unit_test(a_list_of_more_than_a_mail_may_have_is_read),
        cmocka_unit_test(a_message_of_certificates_is_read),
        cmocka_unit_test(der_and_bare_base64_are_handed_on),
        cmocka_unit_test(what_is_something_else_is_named),
        cmocka_unit_test(an_error_of_the_sink_ends_it),
        cmocka_unit_test(an_entry_holds_so_many_certificates),
        cmocka_unit_test(an_entry_holds_so_many_bytes),
        cmocka_unit_test(further_addresses_of_an_entry_are_passed_over),
        cmocka_unit_test(a_line_may_be_so_long),
        cmocka_unit_test(a_huge_file_is_read_in_little_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
