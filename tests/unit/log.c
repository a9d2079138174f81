#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/log.h"

static void
assert_escaped(struct slice text, size_t size, const char *expected)
{
    char out[256];

    memset(out, 'Z', sizeof(out));
    assert_true(size <= sizeof(out));
    text_escape(text, out, size);
    assert_string_equal(out, expected);
}

static void
printable_text_is_kept(void **state)
{
    static const char text[] = "Grüße, 日本 🔑 a\\b 'c' \"d\"";

    (void)state;
    assert_escaped(slice_text(text), 256, text);
    assert_escaped(slice_of(NULL, 0), 256, "");
}

static void
control_characters_become_hex(void **state)
{
    (void)state;
    assert_escaped(slice_of("a\0\n\r\t\x1b[m\x7f", 9), 256,
                   "a\\x00\\x0a\\x0d\\x09\\x1b[m\\x7f");
    assert_escaped(slice_text("\xc2\x85"), 256, "\\xc2\\x85"); /* C1 NEL */
}

static void
what_turns_or_ends_the_line_becomes_hex(void **state)
{
    static const char *const hostile[] = {
        "\xe2\x80\xaa", "\xe2\x80\xae", "\xe2\x81\xa6",
        "\xe2\x81\xa9", "\xe2\x80\x8e", "\xe2\x80\x8f",
        "\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(hostile); i++) {
        char out[64];

        text_escape(slice_text(hostile[i]), out, sizeof(out));
        assert_int_equal(strlen(out), 12);
        assert_memory_equal(out, "\\xe", 3);
    }
    /* Their harmless neighbours: en dash, quotation marks. */
    assert_escaped(slice_text("\xe2\x80\x93\xe2\x80\x9e"), 256,
                   "\xe2\x80\x93\xe2\x80\x9e");
}

static void
what_cannot_be_seen_becomes_hex(void **state)
{
    (void)state;
    assert_escaped(slice_text("a\u200bb\u00adc\u2060d"), 256,
                   "a\\xe2\\x80\\x8bb\\xc2\\xadc\\xe2\\x81\\xa0d");
    assert_escaped(slice_text("max\U000e0041"), 256, "max\\xf3\\xa0\\x81\\x81");
    /* Joiners where letters want them, and where they only hide. */
    assert_escaped(slice_text("\u0645\u06cc\u200c\u062e"), 256,
                   "\u0645\u06cc\u200c\u062e");
    assert_escaped(slice_text("ma\u200dx"), 256, "ma\\xe2\\x80\\x8dx");
    assert_escaped(slice_text("\u200cx"), 256, "\\xe2\\x80\\x8cx");
    assert_escaped(slice_text("\u845b\U000e0100"), 256, "\u845b\U000e0100");
    assert_escaped(slice_text("a\U000e0100"), 256, "a\\xf3\\xa0\\x84\\x80");
}

static void
invalid_utf8_becomes_hex_byte_by_byte(void **state)
{
    (void)state;
    assert_escaped(slice_text("\xff-\x80"), 256, "\\xff-\\x80");
    assert_escaped(slice_text("\xc0\xaf"), 256, "\\xc0\\xaf");
    assert_escaped(slice_text("\xe0\x80\xaf"), 256, "\\xe0\\x80\\xaf");
    assert_escaped(slice_text("\xed\xa0\x80"), 256, "\\xed\\xa0\\x80");
    assert_escaped(slice_text("\xf4\x90\x80\x80"), 256, "\\xf4\\x90\\x80\\x80");
    assert_escaped(slice_text("\xf5\x80\x80\x80"), 256, "\\xf5\\x80\\x80\\x80");
    assert_escaped(slice_of("\xe2\x82\xac", 2), 256, "\\xe2\\x82");
    assert_escaped(slice_text("\xe2(x"), 256, "\\xe2(x");
}

static void
long_text_is_cut_between_characters_with_dots(void **state)
{
    (void)state;
    assert_escaped(slice_text("abcdef"), 7, "abcdef");
    assert_escaped(slice_text("abcdefg"), 7, "abc...");
    assert_escaped(slice_text("ab\xc3\xa4"
                              "defg"),
                   7, "ab...");
    assert_escaped(slice_text("ab\ncdef"), 7, "ab...");
    assert_escaped(slice_text("abcdef"), 4, "...");
    assert_escaped(slice_text("abcdef"), 3, "ab");
    assert_escaped(slice_text("abcdef"), 1, "");
}

static void
hex_goes_there_and_back(void **state)
{
    uint8_t bytes[4];
    char text[9];
    size_t n = 0;

    (void)state;
    text_hex(slice_of("\x00\x7f\xab\xff", 4), text);
    assert_string_equal(text, "007fabff");
    assert_true(text_unhex("007fABff", bytes, sizeof(bytes), &n));
    assert_int_equal(n, 4);
    assert_memory_equal(bytes, "\x00\x7f\xab\xff", 4);
    assert_true(text_unhex("", bytes, sizeof(bytes), &n));
    assert_int_equal(n, 0);
}

static void
what_is_not_hex_is_refused_and_changes_nothing(void **state)
{
    uint8_t bytes[2] = {1, 2};
    size_t n = 77;

    (void)state;
    assert_false(text_unhex("abc", bytes, sizeof(bytes), &n));
    assert_false(text_unhex("00zz", bytes, sizeof(bytes), &n));
    assert_false(text_unhex("000000", bytes, sizeof(bytes), &n));
    assert_false(text_unhex("0 ", bytes, sizeof(bytes), &n));
    assert_int_equal(n, 77);
    assert_int_equal(bytes[0], 1);
}

/* What WRITE_LINES says on stderr. */
static void
capture(void (*write_lines)(void), char *out, size_t size)
{
    int fds[2];
    int saved = dup(STDERR_FILENO);
    ssize_t n;

    assert_int_equal(pipe(fds), 0);
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
    write_lines();
    dup2(saved, STDERR_FILENO); /* closes the last writing end */
    close(saved);
    n = read(fds[0], out, size - 1);
    assert_true(n >= 0);
    out[n] = '\0';
    close(fds[0]);
}

static void
log_hostile_text(void)
{
    struct problem p;

    log_error("label %s", "a\nkeyholder[1]: forged");
    (void)fail(&p, ERR_NO_CONTACT, NULL);
    problem_set_subject(&p, "x\r\ny");
    log_problem("request 12", &p);
}

static void
foreign_text_cannot_begin_a_line_of_the_log(void **state)
{
    char said[1024];
    size_t lines = 0;

    (void)state;
    log_open("keyholder");
    capture(log_hostile_text, said, sizeof(said));
    for (const char *at = said; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 2);
    assert_memory_equal(said, "keyholder[", 10);
    assert_non_null(strstr(said, "a\\x0akeyholder[1]: forged\n"));
    assert_non_null(
        strstr(said, "request 12: NoContact: no contact x\\x0d\\x0ay\n"));
}

static void
log_one_debug_line(void)
{
    errno = EAGAIN;
    log_debug("fine print");
    assert_int_equal(errno, EAGAIN);
}

static void
debug_lines_are_written_only_when_asked_for(void **state)
{
    char said[256];

    (void)state;
    unsetenv("SMIME_AGENT_DEBUG");
    log_open("test");
    capture(log_one_debug_line, said, sizeof(said));
    assert_string_equal(said, "");
    setenv("SMIME_AGENT_DEBUG", "1", 1);
    log_open("test");
    capture(log_one_debug_line, said, sizeof(said));
    assert_non_null(strstr(said, "fine print\n"));
    unsetenv("SMIME_AGENT_DEBUG");
}

static void
log_endless_text(void)
{
    static char text[10000];

    memset(text, 'x', sizeof(text) - 1);
    log_note("%s", text);
}

static void
a_long_line_is_cut(void **state)
{
    char said[8192];

    (void)state;
    log_open("test");
    capture(log_endless_text, said, sizeof(said));
    assert_true(strlen(said) < 2200);
    assert_int_equal(said[strlen(said) - 1], '\n');
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printable_text_is_kept),
        cmocka_unit_test(control_characters_become_hex),
        cmocka_unit_test(what_turns_or_ends_the_line_becomes_hex),
        cmocka_unit_test(what_cannot_be_seen_becomes_hex),
        cmocka_unit_test(invalid_utf8_becomes_hex_byte_by_byte),
        cmocka_unit_test(long_text_is_cut_between_characters_with_dots),
        cmocka_unit_test(hex_goes_there_and_back),
        cmocka_unit_test(what_is_not_hex_is_refused_and_changes_nothing),
        cmocka_unit_test(foreign_text_cannot_begin_a_line_of_the_log),
        cmocka_unit_test(debug_lines_are_written_only_when_asked_for),
        cmocka_unit_test(a_long_line_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
