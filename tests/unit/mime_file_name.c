/*
 * The names of files that readers may take out of a header: a signature's
 * part has one that nobody signs.
 */
#include "tests/unit/mime_streams.h"

#include "agent/mime/header.h"

#define OCTETS      "Content-Type: application/octet-stream"
#define P7S         "Content-Type: application/pkcs7-signature; name=smime.p7s"
#define DISPOSITION "\nContent-Disposition: "

static void
header_of(const char *text, struct header *h)
{
    struct pieces from = pieces_of(slice_text(text), 100);
    AUTO(buf) struct buf rest = {0};
    struct problem p = {0};

    assert_int_equal(header_read(&from.s, h, &rest, &p), ERR_OK);
}

static bool
is_alone(const char *text, bool signature)
{
    AUTO(header) struct header h = {0};
    AUTO(buf) struct buf whole = {0};
    struct content_type t;

    buf_addf(&whole, "%s\n", text);
    header_of(buf_text(&whole), &h);
    header_content_type(&h, &t);
    return signature ? header_is_signature_alone(&h, &t)
                     : header_is_pkcs7_alone(&h, &t);
}

/* What Python's, Mozilla's or Outlook's parser finds, and RFC 2045's not. */
static const char *const broken[] = {
    "; filename=\"x.html\"",
    "\"attachment\"; filename=\"x.html\"",
    "filename=x.html",
    "attachment; filename x.html",
    "attachment; \"filename\"=x.html",
    "attachment; filename=x.p7s .html",
    "attachment; filename=x.p7s;html",
    "attachment; filename*0=x.p7s; filename*2=.html",
    "attachment; filename*1=.html",
    "attachment; filename*0=x; filename*01=.html; filename*1=.p7s",
    "attachment; filename*0=x; filename*1=.p7s; filename*1=.html",
    "attachment; filename=x.p7s; filename*1=.html",
    "attachment; filename*=utf-7''x.html+AAA-.p7s",
    "attachment; filename*=utf-8''x.html%00.p7s",
    "attachment; filename=\"=?utf-8?q?x.html=00?=.p7s\"",
    "attachment; filename=\"x.html\\\".p7s\"",
    "attachment; filename=\"x.p7s",
};

static void
a_name_that_only_some_find_is_another_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(broken); i++) {
        AUTO(buf) struct buf text = {0};

        buf_addf(&text, P7S DISPOSITION "%s", broken[i]);
        if (is_alone(buf_text(&text), false) || is_alone(buf_text(&text), true))
            fail_msg("it goes as nothing else: %s", broken[i]);
    }
}

static void
the_same_holds_of_the_type(void **state)
{
    static const char *const types[] = {
        "; name*0=x.bin; name*2=.html",
        "; name*0=x; name*01=.bin",
        "; filename=x.html",
        "; name x.html",
        "; name=x.bin .html",
        "; name*=utf-7''x.html+AAA-.bin",
        "; name=\"=?utf-8?q?x.html=00?=.bin\"",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        AUTO(buf) struct buf text = {0};

        buf_addf(&text, OCTETS "%s", types[i]);
        if (is_alone(buf_text(&text), true))
            fail_msg("it goes as nothing else: %s", types[i]);
    }
}

static void
what_mail_programs_write_is_a_signature(void **state)
{
    static const char *const honest[] = {
        OCTETS,
        OCTETS DISPOSITION "attachment",
        OCTETS DISPOSITION "inline; filename=\"ATT00001.bin\"",
        OCTETS "; name*=utf-8''Pi%C3%A8ce%20jointe%2000001.bin",
        OCTETS "; name*=gb2312''%ce%b4%c3%fc%c3%fb00001.bin",
        P7S DISPOSITION "",
        P7S DISPOSITION "attachment;",
        P7S DISPOSITION "attachment;; filename=smime.p7s; size=1234",
        P7S DISPOSITION "attachment; filename=smime.p7s; "
                        "filename*=utf-8''smime.p7s",
        P7S DISPOSITION "attachment; filename*0=smime; filename*1=.p7s",
        P7S DISPOSITION "attachment; filename*1*=.p7s; "
                        "filename*0*=utf-8''sm%C3%AEme",
        P7S "; filename=smime.p7s; x-unix-mode=0644;",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(honest); i++)
        if (!is_alone(honest[i], true))
            fail_msg("it goes as something else: %s", honest[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_only_some_find_is_another_one),
        cmocka_unit_test(the_same_holds_of_the_type),
        cmocka_unit_test(what_mail_programs_write_is_a_signature),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
