#include "agent/session/seven_bit.h"

#include <stdio.h>

#include "tests/unit/mime_streams.h"

#include "agent/mime/safe_lines.h"
#include "tests/fuzz/flat.h"

#define TYPED(type, body) "Content-Type: " type "\n\n" body
#define CODED(type, coding, body)                                              \
    "Content-Type: " type "\nContent-Transfer-Encoding: " coding "\n\n" body
#define MIXED(a, b)                                                            \
    "Content-Type: multipart/mixed; boundary=m\n\npreamble\n--m\n" a           \
    "\n--m\n" b "\n--m--\nepilogue\n"

struct written {
    struct seven_bit t;
    struct buf out;
    enum err e;
};

static void
written_drop(struct written *w)
{
    buf_drop(&w->out);
}

static void
write_text(struct slice text, size_t piece, bool hopes, struct written *out)
{
    struct pieces from = pieces_of(text, piece);
    struct entity e = {0};
    struct sink_buf to;
    struct problem p = {0};

    sink_buf_init(&to, &out->out, SIZE_MAX);
    out->t = (struct seven_bit){.to = &to.s, .hopes = hopes};
    assert_int_equal(entity_read(&from.s, &e, &p), ERR_OK);
    assert_true(e.is_entity);
    out->e = seven_bit_write(&out->t, &e.header, e.body, &p);
    entity_drop(&e);
}

static void
assert_becomes(const char *text, const char *expected)
{
    for (size_t i = 0; i < ARRAY_COUNT(piece_sizes); i++) {
        AUTO(written) struct written w = {.e = ERR_OK};
        AUTO(buf) struct buf lf = {0};

        write_text(slice_text(text), piece_sizes[i], false, &w);
        assert_int_equal(w.e, ERR_OK);
        assert_null(w.t.unsafe);
        for (size_t k = 0; k < w.out.len; k++)
            if (w.out.data[k] != '\r')
                buf_add_byte(&lf, w.out.data[k]);
        assert_slice(buf_slice(&lf), expected);
    }
}

static void
assert_stays(const char *text)
{
    assert_becomes(text, text);
}

static void
what_is_safe_keeps_its_bytes(void **state)
{
    (void)state;
    assert_stays(TYPED("text/plain", "text\n"));
    assert_stays(TYPED("text/plain", "no end"));
    assert_stays(TYPED("text/plain", ""));
    assert_stays(CODED("text/plain", "7bit", "a\n"));
    assert_stays(CODED("text/plain", "quoted-printable", "a=E4=\nb=20\n"));
    assert_stays(CODED("application/pdf", "base64", "JVBERi0=\n"));
    assert_stays(MIXED(TYPED("text/plain", "a"), TYPED("text/html", "b\n")));
    assert_stays(
        MIXED(TYPED("multipart/alternative; boundary=\"n n\"",
                    "--n n\n\na\n--n n\n\nb\n--n n--\n"),
              TYPED("message/rfc822", "From: a@example.org\n\nattached\n")));
    assert_stays("Content-Type: multipart/mixed; boundary=m\n\n--m\n\nno end");
    assert_stays("Content-Type: multipart/mixed; boundary=m\n\nno parts\n");
    assert_stays("Content-Type: multipart/mixed; boundary=m\n\n--m\n--m\nA: "
                 "b\n--m\nA: b\n\n--m\n\n\n--m--\n");
}

static void
a_text_that_may_be_changed_is_quoted(void **state)
{
    (void)state;
    assert_becomes(
        TYPED("text/plain; charset=utf-8", "\xc3\xa4 and more text\n"),
        CODED("text/plain; charset=utf-8", "quoted-printable",
              "=C3=A4 and more text\n"));
    assert_becomes(CODED("text/plain", "8bit", "flowed \nFrom me\n-- \n.\n"),
                   CODED("text/plain", "quoted-printable",
                         "flowed=20\n=46rom me\n--=20\n=2E\n"));
    assert_becomes("Subject: no type\n\n\xe4 a text of some length",
                   "Subject: no type\nContent-Transfer-Encoding: "
                   "quoted-printable\n\n=E4 a text of some length");
}

static void
a_text_of_another_script_is_base64(void **state)
{
    (void)state;
    assert_becomes(TYPED("text/plain; charset=utf-8", "\xd0\x9c\xd0\xb0\n"),
                   CODED("text/plain; charset=utf-8", "base64", "0JzQsA0K\n"));
}

static void
what_is_no_text_keeps_its_bytes_in_base64(void **state)
{
    (void)state;
    assert_becomes(CODED("application/x-a", "binary", "a\nb\r\nc\xff"),
                   CODED("application/x-a", "base64", "YQpiDQpj/w==\n"));
    /* Its lines are lines: canonical form has CRLF. */
    assert_becomes(CODED("application/x-a", "8bit", "a\n\xff"),
                   CODED("application/x-a", "base64", "YQ0K/w==\n"));
}

static void
a_label_of_8bit_goes_with_what_it_said(void **state)
{
    (void)state;
    assert_becomes(CODED("text/plain", "8bit", "ascii\n"),
                   CODED("text/plain", "7bit", "ascii\n"));
    assert_becomes(CODED("multipart/mixed; boundary=m", "8BIT",
                         "--m\n\n\xe4 text of some length\n--m--\n"),
                   CODED("multipart/mixed; boundary=m", "7bit",
                         "--m\nContent-Transfer-Encoding: quoted-printable\n\n"
                         "=E4 text of some length\n--m--\n"));
}

static void
each_part_is_encoded_for_itself(void **state)
{
    (void)state;
    assert_becomes(
        MIXED(TYPED("text/plain", "\xe4 text of some length"),
              TYPED("message/rfc822",
                    "Subject: x\nContent-Type: multipart/mixed; boundary=n\n\n"
                    "--n\n\nclean\n--n\n\ndirty \n--n--\n")),
        MIXED(
            CODED("text/plain", "quoted-printable", "=E4 text of some length"),
            TYPED("message/rfc822",
                  "Subject: x\nContent-Type: multipart/mixed; boundary=n\n\n"
                  "--n\n\nclean\n--n\nContent-Transfer-Encoding: "
                  "quoted-printable\n\ndirty=20\n--n--\n")));
}

static void
what_stands_around_parts_is_made_safe(void **state)
{
    (void)state;
    assert_becomes(
        "Content-Type: multipart/mixed; boundary=m\n\nFrom \xe4 \n--m \n\na\n"
        "--m--  \n.\n",
        "Content-Type: multipart/mixed; boundary=m\n\n>From ?\n--m\n\na\n"
        "--m--\n\n");
}

static void
header_fields_inside_are_made_safe(void **state)
{
    (void)state;
    assert_becomes("Content-Type: text/plain; \n charset=x\n"
                   "Content-Disposition: inline; filename=\"\xc3\xa4\"\n\na\n",
                   "Content-Type: text/plain;\n charset=x\n"
                   "Content-Disposition: inline;\n filename*=utf-8''%C3%A4\n"
                   "\na\n");
}

/* What somebody else signed is not changed, whatever becomes of it. */
static void
what_cannot_be_encoded_stays_and_is_told(void **state)
{
    static const char *const texts[] = {
        TYPED("multipart/signed; boundary=m", "--m\n\n\xe4\n--m--\n"),
        TYPED("multipart/encrypted; boundary=m", "--m\n\n\xe4\n--m--\n"),
        MIXED(TYPED("message/delivery-status", "X: \xe4\n"), "\na"),
        CODED("text/plain", "x-uuencode", "begin \n"),
        TYPED("multipart/mixed; boundary=\"\xe4\"", "--\xe4\n\na\n--\xe4--\n"),
        MIXED("no header\xe4 ", "\na"),
        TYPED("message/rfc822", "From: \xe4@example.org\n\na\n")};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        AUTO(written) struct written w = {.e = ERR_OK};
        const char *body = strstr(texts[i], "\n\n") + 2;
        AUTO(buf) struct buf lf = {0};

        write_text(slice_text(texts[i]), 61, false, &w);
        assert_int_equal(w.e, ERR_OK);
        assert_non_null(w.t.unsafe);
        for (size_t k = 0; k < w.out.len; k++)
            if (w.out.data[k] != '\r')
                buf_add_byte(&lf, w.out.data[k]);
        assert_non_null(strstr(buf_text(&lf), body));
    }
}

/* ---- long parts ----------------------------------------------------------
 */

static void
long_text(const char *type, const char *end, struct buf *out)
{
    buf_addf(out, "Content-Type: %s\n\n", type);
    while (out->len < 3 * SEVEN_BIT_WINDOW_BYTES)
        buf_add_text(out, "a line = a line\n");
    buf_add_text(out, end);
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

static void
a_long_text_that_is_safe_keeps_its_bytes_where_it_can_be_read_again(
    void **state)
{
    AUTO(buf) struct buf text = {0};
    AUTO(written) struct written hopeful = {.e = ERR_OK};
    AUTO(written) struct written once = {.e = ERR_OK};

    (void)state;
    long_text("text/plain", "end\n", &text);
    write_text(buf_slice(&text), 65536, true, &hopeful);
    assert_int_equal(hopeful.e, ERR_OK);
    assert_int_equal(count(&hopeful.out, "quoted-printable"), 0);
    assert_int_equal(hopeful.out.len, text.len + count(&text, "\n"));
    write_text(buf_slice(&text), 65536, false, &once);
    assert_int_equal(once.e, ERR_OK);
    assert_int_equal(count(&once.out, "quoted-printable"), 1);
    assert_int_equal(count(&once.out, "a line =3D a line\r\n"),
                     count(&text, "a line = a line\n"));
}

static void
a_long_text_that_ends_unsafe_is_written_again(void **state)
{
    AUTO(buf) struct buf text = {0};
    AUTO(written) struct written w = {.e = ERR_OK};
    AUTO(written) struct written again = {.e = ERR_OK};

    (void)state;
    long_text("text/plain", "\xe4\n", &text);
    write_text(buf_slice(&text), 65536, true, &w);
    assert_int_equal(w.e, ERR_BAD_MESSAGE);
    assert_true(w.t.begin_again);
    write_text(buf_slice(&text), 65536, false, &again);
    assert_int_equal(again.e, ERR_OK);
    assert_int_equal(count(&again.out, "=E4\r\n"), 1);
}

/* ---- all of them ----------------------------------------------------------
 */

static void
flatten(struct slice text, struct flat *out)
{
    struct pieces from = pieces_of(text, 4096);

    assert_true(flat_from(out, &from.s, false));
}

static void
what_is_written_is_safe_reads_the_same_and_is_not_changed_again(void **state)
{
    static const char *const bodies[] = {
        "a\n",        "\xe4",       "a \nb\t\n", "From x\n.\n", "a\rb\r\n",
        "a\r\r\nb\r", "\x01\x02\n", "",          "\n\n \n",     "=\n=3D \n"};
    static const char *const types[] = {"text/plain",
                                        "text/html; charset=utf-8",
                                        "application/x-a", "image/png"};
    static const char *const codings[] = {"7bit", "8bit", "base64",
                                          "quoted-printable"};

    (void)state;
    for (size_t i = 0;
         i < ARRAY_COUNT(bodies) * ARRAY_COUNT(types) * ARRAY_COUNT(codings);
         i++) {
        const char *body = bodies[i % ARRAY_COUNT(bodies)];
        const char *type = types[i / ARRAY_COUNT(bodies) % ARRAY_COUNT(types)];
        const char *coding =
            codings[i / ARRAY_COUNT(bodies) / ARRAY_COUNT(types)];
        AUTO(buf) struct buf text = {0};
        AUTO(written) struct written w = {.e = ERR_OK};
        AUTO(written) struct written again = {.e = ERR_OK};
        struct flat before = {.depth = 0}, after = {.depth = 0};

        buf_addf(&text,
                 "Content-Type: multipart/mixed; boundary=m\n\n--m\n"
                 "Content-Type: %s\nContent-Transfer-Encoding: %s\n\n%s\n"
                 "--m--\n",
                 type, coding, body);
        write_text(buf_slice(&text), 7, false, &w);
        assert_int_equal(w.e, ERR_OK);
        assert_null(w.t.unsafe);
        assert_true(lines_are_safe(buf_slice(&w.out), NULL));
        flatten(buf_slice(&text), &before);
        flatten(buf_slice(&w.out), &after);
        assert_slice(buf_slice(&after.text), buf_text(&before.text));
        write_text(buf_slice(&w.out), 61, false, &again);
        assert_slice(buf_slice(&again.out), buf_text(&w.out));
        buf_drop(&before.text);
        buf_drop(&after.text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_safe_keeps_its_bytes),
        cmocka_unit_test(a_text_that_may_be_changed_is_quoted),
        cmocka_unit_test(a_text_of_another_script_is_base64),
        cmocka_unit_test(what_is_no_text_keeps_its_bytes_in_base64),
        cmocka_unit_test(a_label_of_8bit_goes_with_what_it_said),
        cmocka_unit_test(each_part_is_encoded_for_itself),
        cmocka_unit_test(what_stands_around_parts_is_made_safe),
        cmocka_unit_test(header_fields_inside_are_made_safe),
        cmocka_unit_test(what_cannot_be_encoded_stays_and_is_told),
        cmocka_unit_test(
            a_long_text_that_is_safe_keeps_its_bytes_where_it_can_be_read_again),
        cmocka_unit_test(a_long_text_that_ends_unsafe_is_written_again),
        cmocka_unit_test(
            what_is_written_is_safe_reads_the_same_and_is_not_changed_again)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
