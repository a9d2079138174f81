#include "tests/unit/mime_streams.h"

#include "agent/mime/header.h"

#include "tests/unit/cpu_time.h"
#include <stdio.h>

/* Writes it down as type{name=value}{name=value}. */
static void
assert_type(const char *value, const char *expected)
{
    struct content_type t = {.count = 0};
    AUTO(buf) struct buf out = {0};

    assert_true(content_type_parse(slice_text(value), &t));
    buf_add_text(&out, t.type);
    for (size_t i = 0; i < t.count; i++)
        buf_addf(&out, "{%s=%s}", t.parameters[i].name, t.parameters[i].value);
    assert_slice(buf_slice(&out), expected);
}

static void
a_type_and_its_parameters_are_read(void **state)
{
    (void)state;
    assert_type(" Text/PLAIN; Charset=UTF-8", "text/plain{charset=UTF-8}");
    assert_type("multipart/signed;\r\n\tprotocol=\"application/x\";\r\n"
                " boundary=\"a b\\\"c\"",
                "multipart/signed{protocol=application/x}{boundary=a b\"c}");
    assert_type("attachment; filename=smime.p7m",
                "attachment{filename=smime.p7m}");
}

static void
comments_are_passed_over(void **state)
{
    (void)state;
    assert_type("(a) text (b(c\\)) ) / plain (d); (e) x (f) = (g) y (h)",
                "text/plain{x=y}");
    assert_type("text/plain; x=\"(y)\"", "text/plain{x=(y)}");
    assert_type("text/plain (never ends; x=y", "text/plain");
}

static void
small_mistakes_are_forgiven(void **state)
{
    (void)state;
    assert_type("a/b;; ;x=1;", "a/b{x=1}");
    assert_type("a/b x=1 y=2", "a/b{x=1}{y=2}");
    assert_type("a/b; x=\"1\" y=2", "a/b{x=1}{y=2}");
    assert_type("a/b; lonely; x=1", "a/b{x=1}");
    assert_type("a/b; boundary=----=_Part/1:2", "a/b{boundary=----=_Part/1:2}");
    assert_type("a/b; x=\"open", "a/b{x=open}");
    assert_type("a/b; =1; y=", "a/b{y=}");
    assert_type("a/b; \"x=1; y=2\"; z=3", "a/b{z=3}");
}

static void
of_two_values_the_first_counts(void **state)
{
    (void)state;
    assert_type("a/b; x=1; X=2", "a/b{x=1}");
    assert_type("a/b; x*=us-ascii''1; x=2", "a/b{x=1}");
}

static void
continuations_are_joined_and_decoded(void **state)
{
    (void)state;
    assert_type("a/b; n*1=lo; n*0=hel; m=1", "a/b{n=hello}{m=1}");
    assert_type("a/b; n*=iso-8859-1'de'M%FCller", "a/b{n=M\xc3\xbcller}");
    assert_type("a/b; n*0*=utf-8''%c3; n*1*=%bc; n*2=%41",
                "a/b{n=\xc3\xbc%41}");
    assert_type("a/b; n*0=a; n*2=c", "a/b{n=a}");
    assert_type("a/b; n*=koi8-r''%C1%", "a/b{n=\xc1%}");
    assert_type("a/b; n*=plain", "a/b{n=plain}");
}

static void
values_that_hide_something_are_dropped(void **state)
{
    (void)state;
    assert_type("a/b; n*=us-ascii''x.p7m%00.txt; m=1", "a/b{m=1}");
    assert_type("a/b; n*=us-ascii''x%0Ay; n=2", "a/b");
}

static void
values_have_a_most_of_bytes(void **state)
{
    (void)state;
    for (int n = 511; n <= 512; n++) {
        AUTO(buf) struct buf text = {0};
        struct content_type t;

        buf_addf(&text, "a/b; x=\"%*s\"; x=2", n, "y");
        assert_true(content_type_parse(buf_slice(&text), &t));
        assert_int_equal(t.count, n == 511);
        assert_true((content_type_find(&t, "x") != NULL) == (n == 511));
    }
    for (int n = 127; n <= 128; n++) {
        AUTO(buf) struct buf text = {0};
        struct content_type t;

        for (int i = 0; i < n; i++)
            buf_add_text(&text, "a");
        assert_int_equal(content_type_parse(buf_slice(&text), &t), n == 127);
    }
}

static void
parameters_have_a_most_of_number(void **state)
{
    AUTO(buf) struct buf text = {0};
    struct content_type t;

    (void)state;
    buf_add_text(&text, "a/b");
    for (int i = 0; i < 2000; i++)
        buf_addf(&text, "; x%d=%d", i, i);
    assert_true(content_type_parse(buf_slice(&text), &t));
    assert_int_equal(t.count, LIMIT_PARAMETERS);
    assert_string_equal(content_type_find(&t, "x31"), "31");
    assert_null(content_type_find(&t, "x32"));
}

static double
time_of(int names)
{
    AUTO(buf) struct buf text = {0};
    struct content_type t;
    double began_ms;

    buf_add_text(&text, "a/b");
    for (int i = 0; i < LIMIT_SEGMENTS; i++)
        buf_addf(&text, "; x%02d=y", i % names);
    began_ms = cpu_time_ms();
    for (int i = 0; i < 2000; i++)
        assert_true(content_type_parse(buf_slice(&text), &t));
    return cpu_time_ms() - began_ms;
}

/* Twenty megabytes of them are in a mail. */
static void
many_names_cost_no_more_than_one(void **state)
{
    (void)state;
    assert_true(time_of(LIMIT_SEGMENTS) < 3 * time_of(1));
}

static void
a_parameter_that_is_dropped_is_told(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        AUTO(buf) struct buf many = {0};
        AUTO(buf) struct buf large = {0};
        struct content_type t;

        buf_add_text(&many, "a/b");
        for (int i = 0; i < LIMIT_PARAMETERS + over; i++)
            buf_addf(&many, "; x%d=y", i);
        assert_true(content_type_parse(buf_slice(&many), &t));
        assert_int_equal(t.count, LIMIT_PARAMETERS);
        assert_int_equal(t.ambiguous, over);
        buf_addf(&large, "a/b; x=\"%0*d\"",
                 (int)sizeof(t.parameters[0].value) - 1 + over, 0);
        assert_true(content_type_parse(buf_slice(&large), &t));
        assert_int_equal(t.count, 1 - over);
        assert_int_equal(t.ambiguous, over);
    }
}

static void
blanks_beside_the_slash_are_doubtful(void **state)
{
    static const char *const apart[] = {"a /b; c=d", "a/ b; c=d", "a/\n b",
                                        "a\t/\tb"};
    struct content_type t;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(apart); i++) {
        assert_true(content_type_parse(slice_text(apart[i]), &t));
        assert_string_equal(t.type, "a/b");
        assert_true(t.ambiguous);
    }
    assert_true(content_type_parse(slice_text(" a/b ; c=d"), &t));
    assert_false(t.ambiguous);
}

/* Some write a file's name for old readers and for new ones. */
static void
only_a_name_may_be_said_twice(void **state)
{
    struct content_type t;

    (void)state;
    assert_true(content_type_parse(
        slice_text("a/b; name=\"x\"; name*=utf-8''x; c=d"), &t));
    assert_false(t.ambiguous);
    assert_string_equal(content_type_find(&t, "name"), "x");
    assert_true(content_type_parse(
        slice_text("a/b; names=\"x\"; names*=utf-8''x"), &t));
    assert_true(t.ambiguous);
    assert_true(content_type_parse(
        slice_text("a/b; boundary=x; boundary*=utf-8''x"), &t));
    assert_true(t.ambiguous);
}

static void
a_piece_that_some_do_not_find_is_told(void **state)
{
    static const struct {
        const char *parameters;
        bool doubtful;
    } cases[] = {{"; x*0=a; x*1=b", false},  {"; x*1=b; x*0=a", false},
                 {"; x*0=a; x*2=b", true},   {"; x*1=b", true},
                 {"; x*0=a; x*01=b", true},  {"; x*00=a", true},
                 {"; x*0=a; y*1=b", true},   {"; name*1=b", false},
                 {"; x*0*=a; x*1*=b", false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(buf) struct buf text = {0};
        struct content_type t;

        buf_addf(&text, "a/b%s", cases[i].parameters);
        assert_true(content_type_parse(buf_slice(&text), &t));
        assert_int_equal(t.ambiguous, cases[i].doubtful);
    }
}

static void
pieces_of_parameters_have_a_most_of_number(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        AUTO(buf) struct buf text = {0};
        struct content_type t;
        const char *x;

        buf_add_text(&text, "a/b");
        for (int i = 0; i < LIMIT_SEGMENTS + over; i++)
            buf_addf(&text, "; x*%d=y", i);
        assert_true(content_type_parse(buf_slice(&text), &t));
        x = content_type_find(&t, "x");
        assert_non_null(x);
        assert_int_equal(strlen(x), LIMIT_SEGMENTS);
        assert_int_equal(t.ambiguous, over);
    }
}

static void
no_type_is_told(void **state)
{
    struct content_type t;

    (void)state;
    assert_false(content_type_parse(slice_text(""), &t));
    assert_false(content_type_parse(slice_text(" (x)"), &t));
    assert_false(content_type_parse(slice_text("; x=1"), &t));
}

static void
header_of(const char *text, struct header *h)
{
    struct pieces from = pieces_of(slice_text(text), 100);
    AUTO(buf) struct buf rest = {0};
    struct problem p = {0};

    assert_int_equal(header_read(&from.s, h, &rest, &p), ERR_OK);
}

static void
assert_transfer(const char *text, enum transfer expected)
{
    AUTO(header) struct header h = {0};

    header_of(text, &h);
    assert_int_equal(header_transfer(&h), expected);
}

static void
transfer_encodings_are_known(void **state)
{
    (void)state;
    assert_transfer("A: 1\n", TRANSFER_IDENTITY);
    assert_transfer("Content-Transfer-Encoding: 8BIT\n", TRANSFER_IDENTITY);
    assert_transfer("Content-Transfer-Encoding: Base64 (x);\n",
                    TRANSFER_BASE64);
    assert_transfer("content-transfer-encoding: quoted-printable\n",
                    TRANSFER_QUOTED);
    assert_transfer("Content-Transfer-Encoding: x-uuencode\n",
                    TRANSFER_UNKNOWN);
}

static void
assert_kind(const char *text, enum smime_kind expected)
{
    AUTO(header) struct header h = {0};
    struct content_type t;

    header_of(text, &h);
    assert_int_equal(header_smime_kind(&h, &t), expected);
}

static void
multipart_signed_is_ours_by_its_protocol(void **state)
{
    static const char type[] = "Content-Type: multipart/signed; ";
    static const struct {
        const char *parameters;
        enum smime_kind kind;
    } cases[] = {
        {"protocol=\"application/pkcs7-signature\"", SMIME_MULTIPART_SIGNED},
        {"protocol=Application/X-PKCS7-Signature", SMIME_MULTIPART_SIGNED},
        {"protocol=\"application/pgp-signature\"", SMIME_NONE},
        {"protocol=x; micalg=sha-256", SMIME_NONE},
        {"micalg=sha-256", SMIME_MULTIPART_SIGNED},
        {"micalg=pgp-sha256", SMIME_NONE},
        {"boundary=x", SMIME_NONE}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(buf) struct buf text = {0};

        buf_addf(&text, "%s%s\n", type, cases[i].parameters);
        assert_kind(buf_text(&text), cases[i].kind);
    }
}

static void
a_cms_object_is_known_by_type_or_file_name(void **state)
{
    (void)state;
    assert_kind("Content-Type: application/pkcs7-mime\n", SMIME_PKCS7);
    assert_kind("Content-Type: application/X-PKCS7-mime; smime-type=x\n",
                SMIME_PKCS7);
    assert_kind("Content-Type: application/pkcs7-signature\n", SMIME_PKCS7);
    assert_kind("Content-Type: application/octet-stream; name=A.P7M\n",
                SMIME_PKCS7);
    assert_kind("Content-Type: application/octet-stream\n"
                "Content-Disposition: attachment; filename=smime.p7m\n",
                SMIME_PKCS7);
    assert_kind("Content-Disposition: attachment; filename=smime.p7s\n",
                SMIME_NONE);
    assert_kind("Content-Type: text/html; name=a.p7m\n", SMIME_NONE);
    assert_kind("Content-Type: image/png; name=a.p7m\n", SMIME_NONE);
    assert_kind("Content-Type: application/octet-stream; name=a.p7mx\n",
                SMIME_NONE);
    assert_kind("Content-Type: multipart/mixed; name=a.p7m\n", SMIME_NONE);
    assert_kind("Content-Type: application/pkcs7-mimes\n", SMIME_NONE);
    assert_kind("From: a@x\n", SMIME_NONE);
}

static bool
is_alone(const char *text)
{
    AUTO(header) struct header h = {0};
    struct content_type t;

    header_of(text, &h);
    assert_int_equal(header_smime_kind(&h, &t), SMIME_PKCS7);
    return header_is_pkcs7_alone(&h, &t);
}

#define P7S   "Content-Type: application/pkcs7-signature"
#define NAMED "Content-Disposition: attachment; filename="

static void
no_other_file_goes_as_a_cms_object(void **state)
{
    static const char *const yes[] = {
        P7S "\n",
        P7S "; name=smime.p7s\n" NAMED "\"SMIME.P7S\"\n",
        P7S "; name=\"\"\n",
        P7S "; name=a.p7s; name*=utf-8''a.p7s\n" NAMED
            "a.p7s; filename*0=a; filename*1=.p7s\n",
        "Content-Type: application/pkcs7-mime; name=x.p7m\n",
        "Content-Type: application/octet-stream; name=x.p7m\n",
        P7S "; name*1=.p7s; name*0=x\n",
    };
    static const char *const no[] = {
        P7S "; name=x.pdf\n",
        P7S "\n" NAMED "x.pdf\n",
        P7S "\n" NAMED "x.p7s\n" NAMED "x.html\n",
        P7S "\n" NAMED "x.p7s; filename*=utf-8''x.pdf\n",
        P7S "\n" NAMED "x.p7s; filename*0=x; filename*1=.pdf\n",
        P7S "; name=x.p7s; name*=utf-8''x.pdf\n",
        P7S "; name*0=x; name*1=.p7s; name*0=y\n",
        "Content-Type: application/pkcs7-mime; name=x.pdf\n",
        "Content-Type: application/pdf; name=x.p7m\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(yes); i++)
        if (!is_alone(yes[i]))
            fail_msg("it goes as something else: %s", yes[i]);
    for (size_t i = 0; i < ARRAY_COUNT(no); i++)
        if (is_alone(no[i]))
            fail_msg("it goes as nothing else: %s", no[i]);
}

static bool
is_signature_alone(const char *text)
{
    AUTO(header) struct header h = {0};
    struct content_type t;

    header_of(text, &h);
    header_content_type(&h, &t);
    return header_is_signature_alone(&h, &t);
}

/* What gateways make of it that know nothing of S/MIME. */
static void
a_signature_in_its_place_may_have_lost_its_name(void **state)
{
    static const char octets[] = "Content-Type: application/octet-stream";
    static const char *const names[] = {
        "", "; name=smime.p7s", "; name=ATT00001.bin", "; name=\"smime.DAT\""};
    char text[128];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        snprintf(text, sizeof(text), "%s%s\n", octets, names[i]);
        if (!is_signature_alone(text))
            fail_msg("no signature: %s", text);
    }
    assert_true(is_signature_alone(P7S "\n" NAMED "ATT00001.dat\n"));
    assert_false(is_signature_alone(P7S "; name=.bin\n"));
    assert_false(is_signature_alone(P7S "; name=x.txt\n"));
    assert_false(is_signature_alone(P7S "; name=x.bin.exe\n"));
    assert_false(is_signature_alone("Content-Type: text/plain; name=x.bin\n"));
    assert_false(is_signature_alone("X: y\n"));
    assert_false(is_alone(P7S "; name=x.bin\n"));
}

static bool
points_elsewhere(const char *text)
{
    AUTO(header) struct header h = {0};

    header_of(text, &h);
    return header_points_elsewhere(&h);
}

static void
a_base_for_links_points_elsewhere(void **state)
{
    (void)state;
    assert_true(points_elsewhere("A: b\ncontent-base: http://x/\n"));
    assert_true(points_elsewhere("Content-Location: y\n"));
    assert_true(points_elsewhere("X-Mozilla-External-Attachment-URL: z\n"));
    assert_false(points_elsewhere("Content-Id: <a@b>\nX-Base: c\n"));
}

static void
a_type_that_cannot_be_read_is_plain_text(void **state)
{
    AUTO(header) struct header h = {0};
    struct content_type t;

    (void)state;
    header_of("Content-Type: ;\n", &h);
    assert_int_equal(header_smime_kind(&h, &t), SMIME_NONE);
    assert_string_equal(t.type, "text/plain");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_type_and_its_parameters_are_read),
        cmocka_unit_test(comments_are_passed_over),
        cmocka_unit_test(small_mistakes_are_forgiven),
        cmocka_unit_test(of_two_values_the_first_counts),
        cmocka_unit_test(continuations_are_joined_and_decoded),
        cmocka_unit_test(values_that_hide_something_are_dropped),
        cmocka_unit_test(values_have_a_most_of_bytes),
        cmocka_unit_test(parameters_have_a_most_of_number),
        cmocka_unit_test(many_names_cost_no_more_than_one),
        cmocka_unit_test(a_parameter_that_is_dropped_is_told),
        cmocka_unit_test(blanks_beside_the_slash_are_doubtful),
        cmocka_unit_test(no_other_file_goes_as_a_cms_object),
        cmocka_unit_test(a_signature_in_its_place_may_have_lost_its_name),
        cmocka_unit_test(a_base_for_links_points_elsewhere),
        cmocka_unit_test(only_a_name_may_be_said_twice),
        cmocka_unit_test(a_piece_that_some_do_not_find_is_told),
        cmocka_unit_test(pieces_of_parameters_have_a_most_of_number),
        cmocka_unit_test(no_type_is_told),
        cmocka_unit_test(transfer_encodings_are_known),
        cmocka_unit_test(multipart_signed_is_ours_by_its_protocol),
        cmocka_unit_test(a_cms_object_is_known_by_type_or_file_name),
        cmocka_unit_test(a_type_that_cannot_be_read_is_plain_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
