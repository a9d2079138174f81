#include "agent/mime/legacy_display.h"

#include "tests/unit/mime_streams.h"

static void
strip(struct slice whole, size_t piece, struct buf *out)
{
    struct pieces from = pieces_of(whole, piece);
    AUTO(header) struct header h = {0};
    AUTO(buf) struct buf rest = {0};
    AUTO(legacy_display) struct legacy_display *d = NULL;
    struct problem p = {0};

    assert_int_equal(header_read(&from.s, &h, &rest, &p), ERR_OK);
    assert_int_equal(read_in_pieces(&from.s, 999, &rest, &p), ERR_OK);
    from = pieces_of(buf_slice(&rest), piece);
    d = legacy_display_new(&h, &from.s);
    assert_int_equal(read_in_pieces(legacy_display_stream(d), piece, out, &p),
                     ERR_OK);
}

static void
assert_body(const char *whole, const char *body)
{
    for (size_t i = 0; i < ARRAY_COUNT(piece_sizes); i++) {
        AUTO(buf) struct buf out = {0};

        strip(slice_text(whole), piece_sizes[i], &out);
        assert_slice(buf_slice(&out), body);
    }
}

static void
assert_stays(const char *whole)
{
    assert_body(whole, strstr(whole, "\n\n") + 2);
}

#define PLAIN "Content-Type: text/plain; hp-legacy-display=\"1\"\n"
#define HTML  "Content-Type: text/html; hp-legacy-display=1; hp=cipher\n"
#define DIV                                                                    \
    "<div class=\"header-protection-legacy-display\">\n<pre>Subject: s</pre>"  \
    "\n</div>\n"

static void
the_element_of_a_text_goes(void **state)
{
    (void)state;
    assert_body(PLAIN "\nSubject: s\n\ntext\n", "text\n");
    assert_body(PLAIN "\nSubject: s\n folded\nKeywords: k\n\ntext", "text");
    assert_body(PLAIN "\nSubject: s\r\n\r\ntext\r\n\r\nmore",
                "text\r\n\r\nmore");
    assert_body(PLAIN "\nSubject: s\n\n", "");
    assert_body(HTML "\n<body>" DIV "<p>text", "<body><p>text");
}

static void
the_element_of_an_encoded_text_goes(void **state)
{
    (void)state;
    assert_body(PLAIN "Content-Transfer-Encoding: quoted-printable\n\n"
                      "Subject: =C3=\r\n=A4\r\n\r\ntext =3D\r\n",
                "text =3D\r\n");
    assert_body(HTML "Content-Transfer-Encoding: quoted-printable\n\n"
                     "<div class=3D\"header-protection-legacy-display\">x</div>"
                     "\r\n<p>=E4\r\n",
                "<p>=E4\r\n");
    /* "Subject: s\r\n\r\ntext" and "...\r\nmore" */
    assert_body(PLAIN "Content-Transfer-Encoding: base64\n\n"
                      "U3ViamVjdDogcw0KDQp0ZXh0\n",
                "dGV4dA==\n");
    assert_body(PLAIN "Content-Transfer-Encoding: base64\n\n"
                      "U3ViamVjdDogcw0KDQp0ZXh0DQptb3Jl\r\n",
                "dGV4dA0KbW9yZQ==\r\n");
}

static void
what_does_not_say_so_keeps_its_bytes(void **state)
{
    (void)state;
    assert_stays("Content-Type: text/plain; hp=cipher\n\nSubject: s\n\ntext\n");
    assert_stays(
        "Content-Type: text/plain; hp-legacy-display=0\n\nA: b\n\nc\n");
    assert_stays(
        "Content-Type: text/calendar; hp-legacy-display=1\n\na: s\n\n");
    assert_stays(PLAIN "\nno element, a text: s\nand more\n\ntext\n");
    assert_stays(PLAIN "\nSubject: s\n");
    assert_stays(PLAIN "\n\nSubject: s\n\ntext\n");
    assert_stays(HTML "\n<body><p>no element");
    assert_stays(HTML "\n<div class=\"header-protection-legacy-display\">open");
    assert_stays(PLAIN "Content-Transfer-Encoding: base64\n\n dGV4d A==\n");
    assert_stays(PLAIN
                 "Content-Transfer-Encoding: x-odd\n\nSubject: s\n\ntext\n");
}

#define ALTERNATIVE "Content-Type: multipart/alternative; boundary=a\n"

static void
it_goes_from_the_text_of_a_multipart_alone(void **state)
{
    (void)state;
    assert_body(ALTERNATIVE "\n--a\n" PLAIN "\nSubject: s\n\ntext\n--a\n" HTML
                            "\n" DIV "<p>text\n--a--\nSubject: s\n\nx\n",
                "--a\nContent-Type: text/plain\n\ntext\n--a\nContent-Type: "
                "text/html;\n hp=cipher\n\n<p>text\n--a--\nSubject: s\n\nx\n");
    assert_body("Content-Type: multipart/mixed; "
                "boundary=m\n\npreamble\n--m\n" ALTERNATIVE "\n--a\n" PLAIN
                "\nSubject: s\n\ntext\n--a--\n--m\n" PLAIN
                "\nSubject: s\n\nattached\n--m--\n",
                "preamble\n--m\n" ALTERNATIVE
                "\n--a\nContent-Type: text/plain\n\ntext\n--a--\n--m\n" PLAIN
                "\nSubject: s\n\nattached\n--m--\n");
    assert_stays("Content-Type: multipart/mixed; boundary=m\n\n--m\n"
                 "Content-Type: message/rfc822\n\n" PLAIN
                 "\nSubject: s\n\nattached\n--m--\n");
    assert_stays("Content-Type: multipart/mixed\n\n--m\n" PLAIN
                 "\nSubject: s\n\ntext\n--m--\n");
}

/* Behind a head of 64 KiB the quanta of base64 begin elsewhere. */
static void
a_long_text_loses_nothing_but_the_element(void **state)
{
    AUTO(buf) struct buf whole = {0};
    AUTO(buf) struct buf out = {0};
    size_t characters = 0;

    (void)state;
    buf_add_text(&whole, PLAIN "Content-Transfer-Encoding: base64\n\n"
                               "U3ViamVjdDogcw0KDQp0ZXh0\n");
    for (int i = 0; i < 20000; i++)
        buf_add_text(&whole, "YWJjZGVmZ2hpamts\n"); /* "abcdefghijkl" */
    buf_add_text(&whole, "IQ==\n");
    strip(buf_slice(&whole), 4096, &out);
    assert_memory_equal(out.data, "dGV4dGFiY2RlZmdo", 16);
    for (size_t i = 0; i < out.len; i++)
        characters += out.data[i] != '\n' && out.data[i] != '=';
    assert_int_equal(characters, ((4 + 20000 * 12 + 1) * 8 + 5) / 6);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_element_of_a_text_goes),
        cmocka_unit_test(the_element_of_an_encoded_text_goes),
        cmocka_unit_test(what_does_not_say_so_keeps_its_bytes),
        cmocka_unit_test(it_goes_from_the_text_of_a_multipart_alone),
        cmocka_unit_test(a_long_text_loses_nothing_but_the_element)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
