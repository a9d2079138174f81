#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/mem.h"

static void
slices_compare_by_bytes_and_length(void **state)
{
    (void)state;
    assert_true(slice_is(slice_text("abc"), "abc"));
    assert_false(slice_is(slice_text("abc"), "ab"));
    assert_false(slice_is(slice_text("abc"), "abC"));
    assert_true(slice_equal(slice_of(NULL, 0), slice_text("")));
    assert_true(slice_equal(slice_text(NULL), slice_text("")));
    assert_false(slice_is(slice_of("a\0b", 3), "a"));
}

static void
comparison_without_case_folds_ascii_only(void **state)
{
    (void)state;
    assert_true(slice_is_nocase(slice_text("Content-TYPE"), "content-type"));
    assert_false(slice_is_nocase(slice_text("content-typ"), "content-type"));
    assert_false(slice_is_nocase(slice_text("[@"), "{`"));
    assert_false(slice_is_nocase(slice_text("\xc4"), "\xe4"));
    assert_true(slice_is_nocase(slice_of(NULL, 0), ""));
}

static void
new_memory_is_zeroed_even_when_nothing_is_asked(void **state)
{
    uint8_t *p = mem_new(64);
    void *none = mem_new(0);

    (void)state;
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(p[i], 0);
    assert_non_null(none);
    p = mem_resize(p, 128);
    assert_int_equal(p[63], 0);
    free(p);
    free(none);
}

static void
text_of_a_slice_is_terminated(void **state)
{
    char *text = mem_text(slice_of("abcdef", 3));
    char *empty = mem_text(slice_of(NULL, 0));

    (void)state;
    assert_string_equal(text, "abc");
    assert_string_equal(empty, "");
    free(text);
    free(empty);
}

static void
a_buffer_grows_and_keeps_its_bytes(void **state)
{
    AUTO(buf) struct buf b = {0};

    (void)state;
    for (int i = 0; i < 100000; i++)
        buf_add_byte(&b, (uint8_t)i);
    assert_int_equal(b.len, 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(b.data[i], (uint8_t)i);
}

static void
a_buffer_takes_text_slices_and_formats(void **state)
{
    AUTO(buf) struct buf b = {0};

    (void)state;
    buf_add_text(&b, "a");
    buf_add_slice(&b, slice_text("bc"));
    buf_add(&b, NULL, 0);
    buf_addf(&b, " %d %s", 42, "x");
    assert_string_equal(buf_text(&b), "abc 42 x");
    assert_int_equal(b.len, 8);
    assert_true(slice_is(buf_slice(&b), "abc 42 x"));
}

static void
the_text_of_an_empty_buffer_is_empty(void **state)
{
    AUTO(buf) struct buf b = {0};

    (void)state;
    assert_string_equal(buf_text(&b), "");
    assert_int_equal(b.len, 0);
}

static void
clearing_wipes_and_keeps_the_room(void **state)
{
    AUTO(buf) struct buf b = {0};
    size_t cap;

    (void)state;
    buf_add_text(&b, "plaintext");
    cap = b.cap;
    buf_clear(&b);
    assert_int_equal(b.len, 0);
    assert_int_equal(b.cap, cap);
    for (size_t i = 0; i < strlen("plaintext"); i++)
        assert_int_equal(b.data[i], 0);
}

/* Room that was written and given back is wiped, however short the buffer
 * is by then. */
static void
what_was_once_written_is_wiped(void **state)
{
    AUTO(buf) struct buf b = {0};

    (void)state;
    memcpy(buf_room(&b, 100), "a longer plaintext", 18);
    buf_written(&b, 18);
    b.len = 0;
    memcpy(buf_room(&b, 100), "short", 5);
    buf_written(&b, 5);
    assert_true(slice_is(buf_slice(&b), "short"));
    buf_clear(&b);
    for (size_t i = 0; i < 18; i++)
        assert_int_equal(b.data[i], 0);
}

static void
room_that_was_not_written_is_not_wiped(void **state)
{
    AUTO(buf) struct buf b = {0};

    (void)state;
    buf_add_text(&b, "x");
    buf_room(&b, 100)[50] = 7;
    buf_clear(&b);
    assert_int_equal(b.data[0], 0);
    assert_int_equal(b.data[51], 7);
}

static void
a_dropped_buffer_is_empty_and_may_be_dropped_again(void **state)
{
    struct buf b = {0};

    (void)state;
    buf_add_text(&b, "x");
    buf_drop(&b);
    assert_null(b.data);
    assert_int_equal(b.len, 0);
    assert_int_equal(b.cap, 0);
    buf_drop(&b);
}

static void
take_hands_over_and_leaves_null(void **state)
{
    char *owned = mem_text(slice_text("x"));
    char *taken = TAKE(owned);

    (void)state;
    assert_null(owned);
    assert_string_equal(taken, "x");
    free(taken);
}

static void
an_impossible_reservation_ends_the_process(void **state)
{
    int status;
    pid_t pid = fork();

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        struct buf b = {0};

        close(STDERR_FILENO);
        buf_add_byte(&b, 1);
        buf_reserve(&b, SIZE_MAX);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 71);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_compare_by_bytes_and_length),
        cmocka_unit_test(comparison_without_case_folds_ascii_only),
        cmocka_unit_test(new_memory_is_zeroed_even_when_nothing_is_asked),
        cmocka_unit_test(text_of_a_slice_is_terminated),
        cmocka_unit_test(a_buffer_grows_and_keeps_its_bytes),
        cmocka_unit_test(a_buffer_takes_text_slices_and_formats),
        cmocka_unit_test(the_text_of_an_empty_buffer_is_empty),
        cmocka_unit_test(clearing_wipes_and_keeps_the_room),
        cmocka_unit_test(what_was_once_written_is_wiped),
        cmocka_unit_test(room_that_was_not_written_is_not_wiped),
        cmocka_unit_test(a_dropped_buffer_is_empty_and_may_be_dropped_again),
        cmocka_unit_test(take_hands_over_and_leaves_null),
        cmocka_unit_test(an_impossible_reservation_ends_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
