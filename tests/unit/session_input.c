#include "agent/session/input.h"

#include <cmocka.h>

#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/fd.h"

static int
file_of(const char *text, off_t at)
{
    int fd = memfd_create("mail", MFD_CLOEXEC);

    assert_true(fd_write_all(fd, text, strlen(text)));
    assert_int_equal(lseek(fd, at, SEEK_SET), at);
    return fd;
}

static void
assert_gives(struct stream *s, const char *expected)
{
    AUTO(buf) struct buf all = {0};

    assert_int_equal(stream_read_all(s, 1 << 20, &all, NULL), ERR_OK);
    assert_string_equal(buf_text(&all), expected);
}

/* Memory, and behind it an error. */
struct breaking {
    struct stream s;
    struct slice rest;
    enum err e;
};

static enum err
breaking_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
              struct problem *p)
{
    struct breaking *b = (struct breaking *)s;
    size_t n = b->rest.n < size ? b->rest.n : size;

    if (n == 0 && b->e != ERR_OK)
        return fail(p, b->e, "it broke");
    memcpy(out, b->rest.p, n);
    b->rest = slice_of(b->rest.p + n, b->rest.n - n);
    *got = n;
    return ERR_OK;
}

static struct breaking
breaking_of(const char *text, enum err e)
{
    return (struct breaking){{breaking_read}, slice_text(text), e};
}

/* ---- the client's descriptor
 * --------------------------------------------------
 */

static void
a_file_is_read_from_where_it_stands_and_stays_there(void **state)
{
    int fd = file_of("skipped, then read", 9);
    int copy = dup(fd);
    struct input in;

    (void)state;
    input_open(copy, &in);
    assert_gives(&in.stream.s, "then read");
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 9);
    input_drop(&in);
    input_drop(&in);
    close(fd);
}

/* `smime sign <f >>f` ends. */
static void
a_file_that_grows_meanwhile_ends_where_it_ended(void **state)
{
    int fd = file_of("begin", 0);
    struct input in;

    (void)state;
    input_open(dup(fd), &in);
    assert_int_equal(pwrite(fd, " and more", 9, 5), 9);
    assert_gives(&in.stream.s, "begin");
    input_drop(&in);
    close(fd);
}

static void
a_pipe_is_read_to_its_end(void **state)
{
    struct input in;
    int pair[2];

    (void)state;
    assert_int_equal(pipe(pair), 0);
    assert_true(fd_write_all(pair[1], "all", 3));
    close(pair[1]);
    input_open(pair[0], &in);
    assert_gives(&in.stream.s, "all");
    input_drop(&in);
}

static void
what_cannot_be_read_is_told(void **state)
{
    struct problem p = {0};
    struct input in;
    uint8_t byte;
    size_t got;
    int pair[2];

    (void)state;
    assert_int_equal(pipe(pair), 0);
    close(pair[0]);
    input_open(pair[1], &in);
    assert_int_equal(stream_read(&in.stream.s, &byte, 1, &got, &p), ERR_INPUT);
    input_drop(&in);
}

/* ---- entities
 * ------------------------------------------------------------------
 */

static void
an_entity_is_its_header_and_the_rest(void **state)
{
    struct breaking from = breaking_of("A: b\n\nthe body", ERR_OK);
    struct entity e;

    (void)state;
    assert_int_equal(entity_read(&from.s, &e, NULL), ERR_OK);
    assert_true(e.is_entity);
    assert_int_equal(e.header.count, 1);
    assert_gives(e.body, "the body");
    entity_drop(&e);
}

static void
what_is_no_entity_is_given_back_whole(void **state)
{
    static const char *const texts[] = {
        "no header here\nat all", "A: b\nno field\n\nbody", "\x01", ": x\n\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct breaking from = breaking_of(texts[i], ERR_OK);
        struct entity e;

        assert_int_equal(entity_read(&from.s, &e, NULL), ERR_OK);
        assert_false(e.is_entity);
        assert_int_equal(e.header.count, 0);
        assert_gives(e.body, texts[i]);
        entity_drop(&e);
    }
}

/* Also when the stream fails with what a bad header would be. */
static void
a_stream_that_fails_is_no_text(void **state)
{
    static const enum err errors[] = {ERR_BAD_MESSAGE, ERR_CANNOT_DECRYPT,
                                      ERR_LIMIT, ERR_INPUT};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(errors); i++) {
        struct breaking from = breaking_of("A: b\nC: d", errors[i]);
        struct entity e;

        assert_int_equal(entity_read(&from.s, &e, NULL), errors[i]);
        entity_drop(&e);
    }
}

static void
a_stream_that_fails_in_the_body_fails_there(void **state)
{
    struct breaking from = breaking_of("A: b\n\nbody", ERR_BAD_MESSAGE);
    AUTO(buf) struct buf all = {0};
    struct entity e;

    (void)state;
    assert_int_equal(entity_read(&from.s, &e, NULL), ERR_OK);
    assert_int_equal(stream_read_all(e.body, 1 << 20, &all, NULL),
                     ERR_BAD_MESSAGE);
    entity_drop(&e);
}

/* ---- digests
 * --------------------------------------------------------------------
 */

static void
digest_through(const char *text, bool canonical, uint8_t out[32])
{
    struct breaking from = breaking_of(text, ERR_OK);
    AUTO(digests) struct digests *d = digests_new(1U << HASH_SHA256);
    struct stream_digested s;
    uint8_t byte;
    size_t got = 1;

    stream_digested_init(&s, &from.s, d, canonical);
    while (got > 0)
        assert_int_equal(stream_read(&s.s, &byte, 1, &got, NULL), ERR_OK);
    /* The end may be asked for again. */
    assert_int_equal(stream_read(&s.s, &byte, 1, &got, NULL), ERR_OK);
    assert_int_equal(got, 0);
    stream_digested_drop(&s);
    assert_int_equal(digests_get(d, HASH_SHA256).n, 32);
    memcpy(out, digests_get(d, HASH_SHA256).p, 32);
}

static void
line_ends_do_not_matter_to_a_canonical_digest(void **state)
{
    uint8_t crlf[32], other[32];

    (void)state;
    digest_through("a\r\nb\r\n\r\nc", true, crlf);
    digest_through("a\nb\n\nc", true, other);
    assert_memory_equal(crlf, other, 32);
    digest_through("a\nb\r\n\nc", true, other);
    assert_memory_equal(crlf, other, 32);
    digest_through("a\r\nb\r\n\r\nc", false, other);
    assert_memory_equal(crlf, other, 32);
    digest_through("a\nb\n\nc", false, other);
    assert_memory_not_equal(crlf, other, 32);
    digest_through("a\r\nb\r\n\r\nc\r\n", true, other);
    assert_memory_not_equal(crlf, other, 32);
}

static void
a_tee_writes_to_both_and_tells_a_failure_of_either(void **state)
{
    AUTO(buf) struct buf a = {0};
    AUTO(buf) struct buf b = {0};
    struct sink_buf first, second;
    struct sink_tee tee;

    (void)state;
    sink_buf_init(&first, &a, 100);
    sink_buf_init(&second, &b, 5);
    sink_tee_init(&tee, &first.s, &second.s);
    assert_int_equal(sink_write(&tee.s, "hello", 5, NULL), ERR_OK);
    assert_string_equal(buf_text(&a), "hello");
    assert_string_equal(buf_text(&b), "hello");
    assert_int_equal(sink_write(&tee.s, "x", 1, NULL), ERR_LIMIT);
    sink_tee_init(&tee, &second.s, &first.s);
    assert_int_equal(sink_write(&tee.s, "x", 1, NULL), ERR_LIMIT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_from_where_it_stands_and_stays_there),
        cmocka_unit_test(a_file_that_grows_meanwhile_ends_where_it_ended),
        cmocka_unit_test(a_pipe_is_read_to_its_end),
        cmocka_unit_test(what_cannot_be_read_is_told),
        cmocka_unit_test(an_entity_is_its_header_and_the_rest),
        cmocka_unit_test(what_is_no_entity_is_given_back_whole),
        cmocka_unit_test(a_stream_that_fails_is_no_text),
        cmocka_unit_test(a_stream_that_fails_in_the_body_fails_there),
        cmocka_unit_test(line_ends_do_not_matter_to_a_canonical_digest),
        cmocka_unit_test(a_tee_writes_to_both_and_tells_a_failure_of_either),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
