#include "agent/session/spool.h"

#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/fd.h"

#define BIG (3 * STREAM_CHUNK_BYTES + 17)

static int
scratch_new(void)
{
    int fd = memfd_create("scratch", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(fd >= 0);
    return fd;
}

static void
fill(struct buf *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_add_byte(b, (uint8_t)("a plain secret "[i % 15]));
}

static void
what_was_appended_is_read_back_in_any_pieces(void **state)
{
    static const size_t steps[] = {1000, 65536, 65537, 7};
    int fd = scratch_new();
    struct spool *s = spool_new(fd);
    AUTO(buf) struct buf in = {0};
    AUTO(buf) struct buf out = {0};
    size_t got = 1;

    (void)state;
    fill(&in, BIG);
    for (size_t at = 0, i = 0, n; at < in.len; at += n, i++) {
        n = steps[i % 4] < in.len - at ? steps[i % 4] : in.len - at;
        assert_int_equal(sink_write(spool_sink(s), in.data + at, n, NULL),
                         ERR_OK);
    }
    for (size_t i = 0; got > 0; i++) {
        buf_reserve(&out, steps[i % 4]);
        assert_int_equal(stream_read(spool_stream(s), out.data + out.len,
                                     steps[i % 4], &got, NULL),
                         ERR_OK);
        out.len += got;
    }
    assert_true(slice_equal(buf_slice(&in), buf_slice(&out)));
    spool_drop(&s);
    assert_null(s);
    spool_drop(&s);
    close(fd);
}

static void
an_empty_spool_is_at_its_end(void **state)
{
    int fd = scratch_new();
    struct spool *s = spool_new(fd);
    uint8_t byte;
    size_t got = 1;

    (void)state;
    assert_int_equal(stream_read(spool_stream(s), &byte, 1, &got, NULL),
                     ERR_OK);
    assert_int_equal(got, 0);
    spool_drop(&s);
    close(fd);
}

static void
the_file_never_holds_what_was_written(void **state)
{
    int fd = scratch_new();
    struct spool *s = spool_new(fd);
    AUTO(buf) struct buf in = {0};
    uint8_t *on_disk;

    (void)state;
    fill(&in, BIG);
    assert_int_equal(sink_write(spool_sink(s), in.data, in.len, NULL), ERR_OK);
    assert_int_equal(lseek(fd, 0, SEEK_END), BIG);
    on_disk = mem_new(BIG);
    assert_int_equal(pread(fd, on_disk, BIG, 0), BIG);
    assert_null(memmem(on_disk, BIG, "a plain", 7));
    assert_null(memmem(on_disk, BIG, "secret", 6));
    free(on_disk);
    spool_drop(&s);
    close(fd);
}

/* The same bytes under two keys: one stream of the cipher twice would give
 * their sum away. */
static void
each_spool_has_a_key_of_its_own(void **state)
{
    uint8_t seen[2][64];
    static const uint8_t zero[64];
    int fd = scratch_new();

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct spool *s = spool_new(fd);

        assert_int_equal(sink_write(spool_sink(s), zero, 64, NULL), ERR_OK);
        assert_int_equal(pread(fd, seen[i], 64, 0), 64);
        spool_drop(&s);
    }
    assert_memory_not_equal(seen[0], seen[1], 64);
    close(fd);
}

static void
a_dropped_spool_leaves_the_file_empty(void **state)
{
    int fd = scratch_new();
    struct spool *s = spool_new(fd);

    (void)state;
    assert_int_equal(sink_write(spool_sink(s), "bytes", 5, NULL), ERR_OK);
    spool_drop(&s);
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    close(fd);
}

static void
full_temporary_space_is_an_error_of_the_output(void **state)
{
    int fd = open("/dev/full", O_RDWR | O_CLOEXEC);
    struct problem p = {0};
    struct spool *s;

    (void)state;
    if (fd < 0)
        skip();
    s = spool_new(fd);
    assert_int_equal(sink_write(spool_sink(s), "bytes", 5, &p), ERR_OUTPUT);
    assert_non_null(strstr(p.detail, "No space left"));
    spool_drop(&s);
    close(fd);
}

static void
a_file_cut_by_others_is_no_end(void **state)
{
    int fd = scratch_new();
    struct spool *s = spool_new(fd);
    uint8_t bytes[8];
    size_t got;

    (void)state;
    assert_int_equal(sink_write(spool_sink(s), "bytes", 5, NULL), ERR_OK);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(stream_read(spool_stream(s), bytes, 8, &got, NULL),
                     ERR_INTERNAL);
    spool_drop(&s);
    close(fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_appended_is_read_back_in_any_pieces),
        cmocka_unit_test(an_empty_spool_is_at_its_end),
        cmocka_unit_test(the_file_never_holds_what_was_written),
        cmocka_unit_test(each_spool_has_a_key_of_its_own),
        cmocka_unit_test(a_dropped_spool_leaves_the_file_empty),
        cmocka_unit_test(full_temporary_space_is_an_error_of_the_output),
        cmocka_unit_test(a_file_cut_by_others_is_no_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
