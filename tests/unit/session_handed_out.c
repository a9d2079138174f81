/* Contacts written for other programs: what is read back is what was written,
 * whatever a name says. */
#include <cmocka.h>
#include <stdio.h>

#include "agent/session/foreign.h"
#include "agent/session/handed_out.h"

struct back {
    struct buf certificates;
    size_t count;
    char stated[LIMIT_ADDRESS_BYTES + 1];
};

static enum err
on_found(void *context, const struct foreign_found *f, struct problem *p)
{
    struct back *b = context;

    (void)p;
    b->count++;
    buf_add_slice(&b->certificates, f->bytes);
    if (f->stated->n > 0)
        snprintf(b->stated, sizeof(b->stated), "%.*s",
                 (int)f->stated->item[0].n, (const char *)f->stated->item[0].p);
    return ERR_OK;
}

static enum err
on_bad(void *context, size_t line, const char *why, struct problem *p)
{
    (void)context;
    (void)line;
    (void)p;
    print_error("%s\n", why);
    fail_msg("nothing of it is bad");
    return ERR_OK;
}

static void
require_lines(struct slice text, size_t most, const char *end)
{
    size_t start = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != '\n')
            continue;
        assert_true(i - start <= most + strlen(end) - 1);
        /* No character is cut in two: a line never begins inside one. */
        if (i + 2 < text.n && text.p[i + 1] == ' ')
            assert_true((text.p[i + 2] & 0xc0) != 0x80);
        if (end[0] == '\r')
            assert_int_equal(text.p[i - 1], '\r');
        start = i + 1;
    }
    assert_int_equal(start, text.n);
}

static const uint8_t small[] = {0x30, 0x03, 0x02, 0x01, 0x01};

static const char *const names[] = {
    "Max",
    "",
    "M, a; x\\ \"q\" <b>",
    "A\r\nKEY;ENCODING=b:MAMCAQI=\r\nB",
    "x\nuserCertificate;binary:: MAMCAQI=",
    " blank ",
    ":colon",
    "<less",
    "\xe5\xb1\xb1\xe7\x94\xb0\xe5\xa4\xaa\xe9\x83\x8e\xe5\xb1\xb1\xe7\x94\xb0"
    "\xe5\xa4\xaa\xe9\x83\x8e\xe5\xb1\xb1\xe7\x94\xb0\xe5\xa4\xaa\xe9\x83\x8e"
    "\xe5\xb1\xb1\xe7\x94\xb0\xe5\xa4\xaa\xe9\x83\x8e\xe5\xb1\xb1\xe7\x94\xb0",
    "not \xff UTF-8",
    "#hash",
    "END:VCARD",
    "\xe2\x80\xaeturned"};

static void
ldif_without_base(struct buf *out, struct slice address, struct slice name,
                  const struct slice_list *certificates)
{
    ldif_write(out, slice_of(NULL, 0), address, name, certificates);
}

static void
ldif_issuer_without_base(struct buf *out, struct slice name, struct slice der)
{
    ldif_write_issuer(out, slice_of(NULL, 0), name, der);
}

static void
every_name_and_size_comes_back(void **state)
{
    const struct foreign_sink to = {on_found, on_bad, NULL};
    uint8_t large[3000];

    (void)state;
    memset(large, 0xa5, sizeof(large));
    for (size_t i = 0; i < 2 * ARRAY_COUNT(names); i++) {
        bool is_ldif = i % 2;
        AUTO(buf) struct buf text = {0};
        struct slice_list certificates = {
            2, {slice_of(small, sizeof(small)), slice_of(large, 100 * i + 1)}};
        struct back back = {.count = 0};
        struct foreign_sink sink = to;
        struct stream_memory m;
        struct problem p = {0};

        if (is_ldif)
            ldif_write_head(&text);
        (is_ldif ? ldif_without_base
                 : vcard_write)(&text, slice_text("max@example.org"),
                                slice_text(names[i / 2]), &certificates);
        (is_ldif ? ldif_issuer_without_base : vcard_write_issuer)(
            &text, slice_text(names[i / 2]), slice_of(small, sizeof(small)));
        require_lines(buf_slice(&text), is_ldif ? 76 : 75,
                      is_ldif ? "\n" : "\r\n");
        sink.context = &back;
        stream_memory_init(&m, buf_slice(&text));
        assert_int_equal(foreign_read(&m.s, &sink, &p), ERR_OK);
        assert_int_equal(back.count, 3);
        assert_int_equal(back.certificates.len,
                         2 * sizeof(small) + 100 * i + 1);
        assert_memory_equal(back.certificates.data + sizeof(small), large,
                            100 * i + 1);
        assert_string_equal(back.stated, "max@example.org");
        buf_drop(&back.certificates);
    }
}

static const char *
written(void (*write)(struct buf *, struct slice, struct slice,
                      const struct slice_list *),
        const char *address, const char *name, struct buf *out)
{
    const struct slice_list none = {.n = 0};

    buf_clear(out);
    write(out, slice_text(address), slice_text(name), &none);
    return buf_text(out);
}

static void
texts_are_escaped_as_their_form_wants(void **state)
{
    const struct slice_list none = {.n = 0};
    AUTO(buf) struct buf b = {0};

    (void)state;
    assert_non_null(strstr(written(vcard_write, "a@b", "M, x; \\", &b),
                           "FN:M\\, x\\; \\\\\r\n"));
    assert_non_null(
        strstr(written(ldif_without_base, "a@b", "J\xc3\xb6rg M", &b),
               "cn:: SsO2cmcgTQ==\nsn: M\nmail: a@b\n"));
    assert_non_null(strstr(written(ldif_without_base, "\"a,b\"@c", "", &b),
                           "dn: mail=\\\"a\\,b\\\"@c\n"));
    buf_clear(&b);
    ldif_write_issuer(&b, slice_text("ou=J\xc3\xb6rg,dc=x"), slice_text("CA"),
                      slice_of(NULL, 0));
    assert_non_null(
        strstr(buf_text(&b), "dn:: Y249Q0Esb3U9SsO2cmcsZGM9eA==\n"));
    buf_clear(&b);
    ldif_write(&b, slice_text("ou=p\ndc=x"), slice_text("a@b"),
               slice_of(NULL, 0), &none);
    assert_null(strstr(buf_text(&b), "\ndc"));
    buf_clear(&b);
    ldif_write(&b, slice_text("ou=p,dc=x"), slice_text("a@b"),
               slice_of(NULL, 0), &none);
    assert_non_null(strstr(buf_text(&b), "\ndn: mail=a@b,ou=p,dc=x\n"));
    /* Without a name the address has to do. */
    assert_non_null(
        strstr(written(ldif_without_base, "a@b", "", &b), "cn: a@b\n"));
    assert_non_null(strstr(written(vcard_write, "a@b", "", &b), "FN:a@b\r\n"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_and_size_comes_back),
        cmocka_unit_test(texts_are_escaped_as_their_form_wants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
