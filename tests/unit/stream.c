#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/fd.h"
#include "agent/base/stream.h"

/* A file in memory that holds TEXT and stands at its beginning. */
static int
file_with(const char *text)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_true(fd_write_all(fd, text, strlen(text)));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void
assert_reads(struct stream *s, const char *expected)
{
    AUTO(buf) struct buf all = {0};
    struct problem p;
    uint8_t byte;
    size_t got = 1;

    assert_int_equal(stream_read_all(s, 1000, &all, &p), ERR_OK);
    assert_string_equal(buf_text(&all), expected);
    assert_int_equal(stream_read(s, &byte, 1, &got, &p), ERR_OK);
    assert_int_equal(got, 0);
}

static void
memory_is_read_in_pieces_to_its_end(void **state)
{
    struct stream_memory m;
    struct problem p;
    uint8_t piece[4];
    size_t got;

    (void)state;
    stream_memory_init(&m, slice_text("abcdef"));
    assert_int_equal(stream_read(&m.s, piece, 4, &got, &p), ERR_OK);
    assert_true(slice_is(slice_of(piece, got), "abcd"));
    assert_reads(&m.s, "ef");
    stream_memory_init(&m, slice_of(NULL, 0));
    assert_reads(&m.s, "");
}

static void
a_descriptor_is_read_from_where_it_stands(void **state)
{
    AUTO(fd) int fd = file_with("abcdef");
    struct stream_fd f;

    (void)state;
    assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
    stream_fd_init(&f, fd, -1, -1);
    assert_reads(&f.s, "cdef");
}

static void
the_end_of_a_descriptor_stays_the_end(void **state)
{
    AUTO(fd) int fd = file_with("abc");
    struct stream_fd f, ranged;

    (void)state;
    stream_fd_init(&f, fd, -1, -1);
    stream_fd_init(&ranged, fd, 0, -1);
    assert_reads(&f.s, "abc");
    assert_reads(&ranged.s, "abc");
    assert_int_equal(pwrite(fd, "more", 4, 3), 4);
    assert_reads(&f.s, "");
    assert_reads(&ranged.s, "");
}

static void
a_range_is_read_without_moving_the_descriptor(void **state)
{
    AUTO(fd) int fd = file_with("abcdef");
    struct stream_fd f;

    (void)state;
    stream_fd_init(&f, fd, 1, 4);
    assert_reads(&f.s, "bcd");
    stream_fd_init(&f, fd, 4, -1);
    assert_reads(&f.s, "ef");
    stream_fd_init(&f, fd, 4, 2);
    assert_reads(&f.s, "");
    stream_fd_init(&f, fd, 4, 100);
    assert_reads(&f.s, "ef");
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
}

static void
an_unreadable_descriptor_is_an_input_error(void **state)
{
    AUTO(buf) struct buf out = {0};
    struct stream_fd f;
    struct problem p;

    (void)state;
    stream_fd_init(&f, -1, -1, -1);
    assert_int_equal(stream_read_all(&f.s, 10, &out, &p), ERR_INPUT);
    assert_int_equal(p.code, ERR_INPUT);
    assert_true(strlen(p.detail) > 0);
}

static void
reading_all_takes_the_limit_and_not_a_byte_more(void **state)
{
    AUTO(buf) struct buf out = {0};
    struct stream_memory m;
    struct problem p;

    (void)state;
    buf_add_text(&out, "kept");
    stream_memory_init(&m, slice_text("12345"));
    assert_int_equal(stream_read_all(&m.s, 5, &out, &p), ERR_OK);
    assert_string_equal(buf_text(&out), "kept12345");
    stream_memory_init(&m, slice_text("123456"));
    assert_int_equal(stream_read_all(&m.s, 5, &out, &p), ERR_LIMIT);
    assert_string_equal(buf_text(&out), "kept12345");
    stream_memory_init(&m, slice_text("1"));
    assert_int_equal(stream_read_all(&m.s, 0, &out, &p), ERR_LIMIT);
}

static void
a_large_stream_is_read_over_many_chunks(void **state)
{
    AUTO(buf) struct buf in = {0};
    AUTO(buf) struct buf out = {0};
    struct stream_memory m;
    struct problem p;

    (void)state;
    for (size_t i = 0; i < 3 * STREAM_CHUNK_BYTES + 7; i++)
        buf_add_byte(&in, (uint8_t)(i * 31));
    stream_memory_init(&m, buf_slice(&in));
    assert_int_equal(stream_read_all(&m.s, in.len, &out, &p), ERR_OK);
    assert_true(slice_equal(buf_slice(&in), buf_slice(&out)));
    stream_memory_init(&m, buf_slice(&in));
    assert_int_equal(stream_read_all(&m.s, in.len - 1, &out, &p), ERR_LIMIT);
}

static void
a_sink_takes_its_limit_over_all_writes(void **state)
{
    AUTO(buf) struct buf out = {0};
    struct sink_buf k;
    struct problem p;

    (void)state;
    sink_buf_init(&k, &out, 5);
    assert_int_equal(sink_write(&k.s, "123", 3, &p), ERR_OK);
    assert_int_equal(sink_write(&k.s, "456", 3, &p), ERR_LIMIT);
    assert_int_equal(sink_write(&k.s, "45", 2, &p), ERR_OK);
    assert_int_equal(sink_write(&k.s, NULL, 0, &p), ERR_OK);
    assert_string_equal(buf_text(&out), "12345");
}

static void
a_pump_moves_everything_or_says_why_not(void **state)
{
    AUTO(buf) struct buf in = {0};
    AUTO(buf) struct buf out = {0};
    struct stream_memory m;
    struct sink_buf k;
    struct stream_fd broken;
    struct problem p;

    (void)state;
    for (size_t i = 0; i < 2 * STREAM_CHUNK_BYTES + 1; i++)
        buf_add_byte(&in, (uint8_t)(i * 7));
    stream_memory_init(&m, buf_slice(&in));
    sink_buf_init(&k, &out, in.len);
    assert_int_equal(stream_pump(&m.s, &k.s, &p), ERR_OK);
    assert_true(slice_equal(buf_slice(&in), buf_slice(&out)));

    stream_memory_init(&m, buf_slice(&in));
    sink_buf_init(&k, &out, in.len - 1);
    assert_int_equal(stream_pump(&m.s, &k.s, &p), ERR_LIMIT);
    stream_fd_init(&broken, -1, 0, -1);
    assert_int_equal(stream_pump(&broken.s, &k.s, &p), ERR_INPUT);
}

static void
a_pipe_its_owner_made_non_blocking_is_read_all_the_same(void **state)
{
    int fds[2];
    struct stream_fd f;

    (void)state;
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    if (fork() == 0) {
        /* Let the reader meet the empty pipe first; either order must do. */
        sched_yield();
        _exit(!fd_write_all(fds[1], "late", 4));
    }
    close(fds[1]);
    stream_fd_init(&f, fds[0], -1, -1);
    assert_reads(&f.s, "late");
    close(fds[0]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_read_in_pieces_to_its_end),
        cmocka_unit_test(a_descriptor_is_read_from_where_it_stands),
        cmocka_unit_test(the_end_of_a_descriptor_stays_the_end),
        cmocka_unit_test(a_range_is_read_without_moving_the_descriptor),
        cmocka_unit_test(an_unreadable_descriptor_is_an_input_error),
        cmocka_unit_test(reading_all_takes_the_limit_and_not_a_byte_more),
        cmocka_unit_test(a_large_stream_is_read_over_many_chunks),
        cmocka_unit_test(a_sink_takes_its_limit_over_all_writes),
        cmocka_unit_test(a_pump_moves_everything_or_says_why_not),
        cmocka_unit_test(
            a_pipe_its_owner_made_non_blocking_is_read_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
