/*
 * Transfer encodings and line ends: what is encoded decodes to itself, a
 * canonical text stays as it is, decoding never makes more bytes.
 */
#include "agent/mime/transfer.h"
#include "tests/fuzz/fuzz.h"

static void
check_round_trip(struct slice input)
{
    AUTO(buf) struct buf text = {0};
    AUTO(buf) struct buf back = {0};
    struct sink_buf to;
    struct stream_memory from;
    AUTO(base64_writer) struct base64_writer *w = NULL;
    AUTO(base64_reader) struct base64_reader *r = NULL;
    struct problem p = {0};

    sink_buf_init(&to, &text, SIZE_MAX);
    w = base64_writer_new(&to.s, input.n % 2);
    REQUIRE(sink_write(base64_writer_sink(w), input.p, input.n, &p) == ERR_OK);
    REQUIRE(base64_writer_finish(w, &p) == ERR_OK);
    stream_memory_init(&from, buf_slice(&text));
    r = base64_reader_new(&from.s);
    REQUIRE(stream_read_all(base64_reader_stream(r), input.n, &back, &p) ==
            ERR_OK);
    REQUIRE(slice_equal(buf_slice(&back), input));
}

static void
check_decoders(struct slice input)
{
    struct stream_memory a, b;
    AUTO(base64_reader) struct base64_reader *r = NULL;
    AUTO(quoted_reader) struct quoted_reader *q = NULL;
    AUTO(buf) struct buf out = {0};
    struct problem p = {0};
    enum err e;

    stream_memory_init(&a, input);
    stream_memory_init(&b, input);
    r = base64_reader_new(&a.s);
    q = quoted_reader_new(&b.s);
    e = stream_read_all(base64_reader_stream(r), input.n, &out, &p);
    REQUIRE(e == ERR_OK || e == ERR_BAD_MESSAGE);
    REQUIRE(stream_read_all(quoted_reader_stream(q), input.n, &out, &p) ==
            ERR_OK);
}

static void
to_crlf(struct slice input, struct buf *out)
{
    struct sink_buf to;
    AUTO(crlf_writer) struct crlf_writer *w = NULL;
    struct problem p = {0};

    sink_buf_init(&to, out, SIZE_MAX);
    w = crlf_writer_new(&to.s);
    REQUIRE(sink_write(crlf_writer_sink(w), input.p, input.n, &p) == ERR_OK);
    REQUIRE(crlf_writer_finish(w, &p) == ERR_OK);
}

static void
check_line_ends(struct slice input)
{
    AUTO(buf) struct buf once = {0};
    AUTO(buf) struct buf twice = {0};
    AUTO(buf) struct buf lf = {0};
    AUTO(buf) struct buf back = {0};
    struct sink_buf to;
    AUTO(lf_writer) struct lf_writer *w = NULL;
    struct problem p = {0};

    to_crlf(input, &once);
    to_crlf(buf_slice(&once), &twice);
    REQUIRE(slice_equal(buf_slice(&once), buf_slice(&twice)));
    sink_buf_init(&to, &lf, SIZE_MAX);
    w = lf_writer_new(&to.s);
    for (size_t i = 0; i < once.len; i++)
        REQUIRE(sink_write(lf_writer_sink(w), once.data + i, 1, &p) == ERR_OK);
    REQUIRE(lf_writer_finish(w, &p) == ERR_OK);
    /* CR CR LF loses one CR, so that only a text without one comes back. */
    to_crlf(buf_slice(&lf), &back);
    REQUIRE(memmem(once.data, once.len, "\r\r\n", 3) ||
            slice_equal(buf_slice(&back), buf_slice(&once)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);

    check_round_trip(input);
    check_decoders(input);
    if (size > 0)
        check_line_ends(input);
    return 0;
}
