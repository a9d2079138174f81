/* Text that is elsewhere, and what makes a header doubtful. */
#include "tests/unit/mime_streams.h"

#include "agent/mime/address.h"
#include "agent/mime/elsewhere.h"
#include "agent/mime/multipart.h"

static bool
is_elsewhere(const char *text, size_t step)
{
    struct elsewhere *w = elsewhere_new();
    size_t n = strlen(text);
    bool found;

    for (size_t i = 0; i < n; i += step)
        elsewhere_write(w, (const uint8_t *)text + i,
                        n - i < step ? n - i : step);
    found = elsewhere_found(w);
    elsewhere_drop(&w);
    return found;
}

#define EXTERNAL "Content-Type: message/external-body; x=y\n\n"
#define MIXED(b) "Content-Type: multipart/mixed;\n boundary=" b "\n\n"

static void
text_elsewhere_is_found_at_any_depth(void **state)
{
    static const char *const yes[] = {
        EXTERNAL,
        "content-type : Message/Partial; id=1\r\n\r\nx",
        "X: y\nContent-Type:\n message/partial\n\n",
        "Content-Type: message/partial",
        MIXED("a") "--a\n\nx\n--a\n" EXTERNAL "--a--\n",
        MIXED("a") "--a\n" MIXED("b") "--b\n" EXTERNAL "--b--\n--a--\n",
        MIXED("a") "--a\nContent-Type: message/rfc822\n\nFrom: x\n" EXTERNAL,
        "Content-Type: multipart/digest; boundary=a\n\n--a\n\n" EXTERNAL,
        MIXED("a") "--a\n" MIXED("b") "--b\n\nx\n--a \n" EXTERNAL};
    static const char *const no[] = {
        "",
        "text",
        "Content-Type: text/plain\n\n" EXTERNAL,
        MIXED("a") "--a\n\n" EXTERNAL "--a--\n",
        MIXED("a") "--ab\n" EXTERNAL,
        MIXED("a") EXTERNAL "--a\n\nx\n--a--\n" EXTERNAL,
        MIXED("a") "--a\nContent-Type: message/rfc822\n\n\n" EXTERNAL};

    (void)state;
    for (size_t step = 1; step < 400; step += 57) {
        for (size_t i = 0; i < ARRAY_COUNT(yes); i++)
            assert_true(is_elsewhere(yes[i], step));
        for (size_t i = 0; i < ARRAY_COUNT(no); i++)
            assert_false(is_elsewhere(no[i], step));
    }
}

/* Where a read ends in the middle of a line, what follows begins none. */
static void
a_line_begins_behind_a_line_end_only(void **state)
{
    static const char before[] = MIXED("a") "--a\n\ntext";
    static const char behind[] = "--a\n" EXTERNAL "--a--\n";

    (void)state;
    for (int ended = 0; ended < 2; ended++) {
        struct elsewhere *w = elsewhere_new();

        elsewhere_write(w, (const uint8_t *)before, strlen(before));
        if (ended)
            elsewhere_write(w, (const uint8_t *)"\n", 1);
        elsewhere_write(w, (const uint8_t *)behind, strlen(behind));
        assert_int_equal(elsewhere_found(w), ended);
        elsewhere_drop(&w);
    }
}

static void
parts_too_deep_to_look_at_count_as_elsewhere(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        AUTO(buf) struct buf text = {0};

        for (int i = 0; i < LIMIT_NESTED_PARTS + over; i++)
            buf_addf(&text,
                     "Content-Type: multipart/mixed; boundary=b%d\n\n"
                     "--b%d\n",
                     i, i);
        assert_int_equal(is_elsewhere(buf_text(&text), 100), over);
    }
}

/* What is cut could hide from here what others see. */
static void
a_type_over_its_limits_counts_as_elsewhere(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        AUTO(buf) struct buf line = {0};
        AUTO(buf) struct buf other = {0};
        static const char type[] = "Content-Type: text/plain;";
        int left = LIMIT_PART_HEADER_BYTES - (int)sizeof(type) + 1 + over;

        buf_addf(&line, "%s x=\"%*s\"\n\ntext", type,
                 LIMIT_DELIMITER_BYTES + over - (int)sizeof(type) - 4, "");
        assert_int_equal(is_elsewhere(buf_text(&line), 100), over);
        buf_addf(&other, "%s", type);
        for (; left > 1000; left -= 1000) /* line ends are not counted */
            buf_addf(&other, "\n%*s", 1000, "x");
        buf_addf(&other, "\n%*s\n\ntext", left, "x");
        assert_int_equal(is_elsewhere(buf_text(&other), 100), over);
        /* Another field may be as long as it likes. */
        memcpy(other.data, "Content-Tipe", 12);
        assert_false(is_elsewhere(buf_text(&other), 100));
    }
}

static void
a_delimiter_over_its_limit_counts_as_elsewhere(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        AUTO(buf) struct buf text = {0};

        buf_addf(&text, MIXED("a") "--a%*s\n\ntext\n--a--\n",
                 LIMIT_DELIMITER_BYTES + over - 3, "");
        assert_int_equal(is_elsewhere(buf_text(&text), 100), over);
        text.data[text.len - 2] = 'x';
        memcpy(memmem(text.data, text.len, "--a", 3), "--c", 3);
        assert_false(is_elsewhere(buf_text(&text), 100));
    }
}

static bool
is_ambiguous_type(const char *value)
{
    struct content_type t;

    assert_true(content_type_parse(slice_text(value), &t));
    return t.ambiguous;
}

static void
types_that_readers_read_differently_are_told(void **state)
{
    static const char *const yes[] = {
        "a/b; x=1; x=1", "a/b; x=1; X=2",     "a/b; x=1; x*=u''2",
        "a/b (c)",       "a/b c/d; x=1",      "(c) a/b",
        "a/b; x=\"1",    "a/b; x=\"\\1\"",    "a/b; x=1\"2\"",
        "a/b; x=\"1\"2", "a/b; x*0=1; x*0=2", "a/b; x=\"a\tb\x01\""};
    static const char *const no[] = {"a/b",
                                     "a/b; x=1; y=\"2 (c); z\"",
                                     "a/b x=c/d",
                                     "a/b;\r\n x = \"1\" ;",
                                     "a/b; x*0=1; x*1=2",
                                     "a/b; x*=utf-8''1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(yes); i++)
        assert_true(is_ambiguous_type(yes[i]));
    for (size_t i = 0; i < ARRAY_COUNT(no); i++)
        assert_false(is_ambiguous_type(no[i]));
}

static bool
is_deceiving(const char *name)
{
    AUTO(mailbox_list) struct mailbox_list l = {0};
    AUTO(buf) struct buf text = {0};

    buf_addf(&text, "\"%s\" <a@x>", name);
    mailbox_list_parse(buf_slice(&text), &l);
    assert_false(l.malformed);
    return mailbox_is_deceiving(&l.item[0]);
}

static void
words_of_foreign_charsets_are_searched(void **state)
{
    static const char *const yes[] = {"=?koi8-r?q?b=40c?=",
                                      "=?utf-7?q?b?=",
                                      "=?x?q?b?=",
                                      "=?gbk?q?b=A3=C0c?=",
                                      "=?shift_jis?q?b=81=97c?=",
                                      "=?cp932?q?b=81=97c?=",
                                      "=?CP936?q?b=A3=C0c?=",
                                      "=?macintosh?q?b=40c=9F?=",
                                      "=?x-mac-arabic?q?bc?=",
                                      "=?big5?q?b=A2=49c?=",
                                      "=?euc-jp?q?b=A1=F7c?=",
                                      "=?iso-2022-jp?q?b=1B$B!w=1B(Bc?=",
                                      "=?iso-2022-kr?q?b=0E#=40=0Fc?=",
                                      "=?iso-2022-x?q?b=1B$B=40c?=",
                                      "=?cp932?q?b=B1=40c?=",
                                      "=?shift_jis?q?b=FD=40c?=",
                                      "=?euc-jp?q?b=8F=B0=A1=40c?=",
                                      "=?gbk?q?b=A1=40c?=",
                                      "=?big5?q?b=81=40c?=",
                                      "=?big5-x?q?b=A4=40c?=",
                                      "=?unknown-8bit?q?b=A3=C0c?=",
                                      "=?unknown-8bit?q?=A0?=",
                                      "=?unknown-8bit?q?b=A3?=",
                                      "=?x-unknown?q?b=C1=80c?="};
    static const char *const no[] = {"=?koi8-r?q?=C1=C2?=",
                                     "=?gbk?q?b=81=40c?=",
                                     "=?cp932?q?b=83=40c?=",
                                     "=?macintosh?q?M=9Fller?=",
                                     "=?iso_8859-1:1987?q?b=A3c?=",
                                     "=?shift_jis?q?b=83=40c?=",
                                     "=?iso-2022-jp?q?b=1B$B$=40=1B(Bc?=",
                                     "=?iso-8859-15?q?b=C0c?=",
                                     "=?big5?q?=A4=40b?=",
                                     "=?big5?q?b=A1=40c?=",
                                     "=?shift_jis?q?b=81=40c?=",
                                     "=?unknown-8bit?q?b=FCc?=",
                                     "=?X-Unknown?q?b=C3=BCc?="};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(yes); i++)
        assert_true(is_deceiving(yes[i]));
    for (size_t i = 0; i < ARRAY_COUNT(no); i++)
        assert_false(is_deceiving(no[i]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_elsewhere_is_found_at_any_depth),
        cmocka_unit_test(a_line_begins_behind_a_line_end_only),
        cmocka_unit_test(parts_too_deep_to_look_at_count_as_elsewhere),
        cmocka_unit_test(a_type_over_its_limits_counts_as_elsewhere),
        cmocka_unit_test(a_delimiter_over_its_limit_counts_as_elsewhere),
        cmocka_unit_test(types_that_readers_read_differently_are_told),
        cmocka_unit_test(words_of_foreign_charsets_are_searched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
