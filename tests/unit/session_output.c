#include "agent/session/output.h"

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/wire/channel.h"

#define LARGE (OUTPUT_MEMORY_BYTES + 300000)

static struct scratch scratch = {.fd = -1, .broker = -1};

static int
begin(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    scratch.fd = memfd_create("scratch", MFD_CLOEXEC);
    return scratch.fd < 0;
}

static int
finish(void **state)
{
    (void)state;
    return close(scratch.fd);
}

static off_t
size_of(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return st.st_size;
}

/* A file that holds "before", the position at its end. */
static int
file_with_before(void)
{
    int fd = memfd_create("result", MFD_CLOEXEC);

    assert_true(fd_write_all(fd, "before", 6));
    return fd;
}

static struct output *
open_on(int fd)
{
    struct output *o = NULL;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    assert_int_equal(output_open(copy, &scratch, &o, NULL), ERR_OK);
    return o;
}

static void
put_large(struct output *o, size_t n)
{
    uint8_t *bytes = mem_new(n);

    memset(bytes, 'x', n);
    for (size_t at = 0, step; at < n; at += step) {
        step = n - at < 50000 ? n - at : 50000;
        assert_int_equal(sink_write(output_sink(o), bytes + at, step, NULL),
                         ERR_OK);
    }
    free(bytes);
}

static void
assert_holds(int fd, const char *text)
{
    char held[64] = {0};

    assert_int_equal(size_of(fd), strlen(text));
    assert_true(pread(fd, held, sizeof(held) - 1, 0) >= 0);
    assert_string_equal(held, text);
}

/* ---- regular files ----------------------------------------------------------
 */

static void
a_file_is_appended_to_and_keeps_what_it_had(void **state)
{
    int fd = file_with_before();
    struct output *o = open_on(fd);

    (void)state;
    assert_int_equal(sink_write(output_sink(o), " after", 6, NULL), ERR_OK);
    assert_int_equal(output_commit(o, NULL), ERR_OK);
    output_drop(&o);
    assert_holds(fd, "before after");
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 12);
    close(fd);
}

static void
a_file_is_cut_back_to_where_it_began(void **state)
{
    int fd = file_with_before();
    struct output *o = open_on(fd);

    (void)state;
    put_large(o, LARGE);
    assert_true(size_of(fd) > 6);
    output_drop(&o);
    assert_null(o);
    assert_holds(fd, "before");
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 6);
    close(fd);
}

/* The position of a descriptor that appends says nothing. */
static void
a_file_opened_to_append_is_cut_back_to_its_end(void **state)
{
    (void)state;
    for (int commit = 0; commit < 2; commit++) {
        int fd = file_with_before();
        struct output *o;

        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
        o = open_on(fd);
        put_large(o, LARGE);
        if (commit)
            assert_int_equal(output_commit(o, NULL), ERR_OK);
        output_drop(&o);
        assert_int_equal(size_of(fd), commit ? 6 + LARGE : 6);
        close(fd);
    }
}

static void
the_middle_of_a_file_is_untouched_before_success(void **state)
{
    (void)state;
    for (int commit = 0; commit < 2; commit++) {
        int fd = file_with_before();
        struct output *o;

        assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
        o = open_on(fd);
        assert_int_equal(sink_write(output_sink(o), "XY", 2, NULL), ERR_OK);
        assert_holds(fd, "before");
        if (commit)
            assert_int_equal(output_commit(o, NULL), ERR_OK);
        output_drop(&o);
        assert_holds(fd, commit ? "beXYre" : "before");
        close(fd);
    }
}

static void
behind_the_end_of_a_file_nothing_is_left_on_failure(void **state)
{
    int fd = file_with_before();
    struct output *o;

    (void)state;
    assert_int_equal(lseek(fd, 100, SEEK_SET), 100);
    o = open_on(fd);
    put_large(o, LARGE);
    output_drop(&o);
    assert_holds(fd, "before");
    close(fd);
}

static void
a_disk_that_fills_up_is_told_and_the_file_cut_back(void **state)
{
    struct problem p = {0};
    uint8_t *bytes = mem_new(LARGE);
    int fd = memfd_create("small disk", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct output *o;
    enum err e;

    (void)state;
    /* A file that cannot grow stands in for the disk. */
    assert_true(fd_write_all(fd, "before", 6));
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
    o = open_on(fd);
    e = sink_write(output_sink(o), bytes, LARGE, &p);
    assert_int_equal(e, ERR_OUTPUT);
    assert_true(p.detail[0] != '\0');
    output_drop(&o);
    assert_holds(fd, "before");
    free(bytes);
    close(fd);
}

/* ---- pipes
 * -------------------------------------------------------------------
 */

static bool
is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

/* Reads to the end, as another program does. */
struct drain {
    int fd;
    size_t bytes;
    bool only_x;
    pthread_t thread;
};

static void *
drain_run(void *arg)
{
    struct drain *d = arg;
    uint8_t bytes[3000];
    ssize_t n;

    while ((n = read(d->fd, bytes, sizeof(bytes))) > 0) {
        d->bytes += (size_t)n;
        for (ssize_t i = 0; i < n; i++)
            d->only_x &= bytes[i] == 'x';
    }
    return NULL;
}

static void
drain_check(struct output **o, int pair[2], size_t expected)
{
    struct drain d = {.fd = pair[0], .only_x = true};

    assert_int_equal(pthread_create(&d.thread, NULL, drain_run, &d), 0);
    assert_int_equal(output_commit(*o, NULL), ERR_OK);
    output_drop(o);
    close(pair[1]);
    assert_int_equal(pthread_join(d.thread, NULL), 0);
    assert_int_equal(d.bytes, expected);
    assert_true(d.only_x);
    close(pair[0]);
}

static void
a_pipe_gets_nothing_before_success(void **state)
{
    static const size_t sizes[] = {5, OUTPUT_MEMORY_BYTES,
                                   OUTPUT_MEMORY_BYTES + 1, LARGE};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        int pair[2];
        struct output *o;

        assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
        o = open_on(pair[1]);
        put_large(o, sizes[i]);
        assert_false(is_readable(pair[0]));
        drain_check(&o, pair, sizes[i]);
    }
}

static void
a_pipe_gets_nothing_on_failure(void **state)
{
    int pair[2];
    struct output *o;

    (void)state;
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    o = open_on(pair[1]);
    put_large(o, LARGE);
    output_drop(&o);
    assert_false(is_readable(pair[0]));
    assert_int_equal(size_of(scratch.fd), 0);
    close(pair[0]);
    close(pair[1]);
}

static void
up_to_a_mebibyte_waits_in_memory_and_more_encrypted(void **state)
{
    int pair[2];
    struct output *o;
    uint8_t *on_disk;
    off_t n;

    (void)state;
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    o = open_on(pair[1]);
    put_large(o, OUTPUT_MEMORY_BYTES);
    assert_int_equal(size_of(scratch.fd), 0);
    put_large(o, 300000);
    n = size_of(scratch.fd);
    assert_true(n >= OUTPUT_MEMORY_BYTES);
    on_disk = mem_new((size_t)n);
    assert_int_equal(pread(scratch.fd, on_disk, (size_t)n, 0), n);
    assert_null(memmem(on_disk, (size_t)n, "xxxxxxxx", 8));
    free(on_disk);
    output_drop(&o);
    close(pair[0]);
    close(pair[1]);
}

static void
a_pipe_that_does_not_block_gets_it_all(void **state)
{
    int pair[2];
    struct output *o;

    (void)state;
    assert_int_equal(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(fcntl(pair[0], F_SETFL, 0), 0);
    o = open_on(pair[1]);
    put_large(o, LARGE);
    drain_check(&o, pair, LARGE);
}

static void
a_reader_that_is_gone_is_an_error_of_the_output(void **state)
{
    struct problem p = {0};
    int pair[2];
    struct output *o;

    (void)state;
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    o = open_on(pair[1]);
    put_large(o, 100);
    close(pair[0]);
    assert_int_equal(output_commit(o, &p), ERR_OUTPUT);
    assert_string_equal(p.detail, strerror(EPIPE));
    output_drop(&o);
    close(pair[1]);
}

static void
a_full_scratch_is_an_error_of_the_output(void **state)
{
    struct scratch full = {.fd = open("/dev/full", O_RDWR | O_CLOEXEC),
                           .broker = -1};
    uint8_t *bytes = mem_new(LARGE);
    struct problem p = {0};
    struct output *o;
    int pair[2];

    (void)state;
    if (full.fd < 0)
        skip();
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    assert_int_equal(output_open(pair[1], &full, &o, NULL), ERR_OK);
    assert_int_equal(sink_write(output_sink(o), bytes, OUTPUT_MEMORY_BYTES, &p),
                     ERR_OK);
    assert_int_equal(sink_write(output_sink(o), bytes, 1, &p), ERR_OUTPUT);
    assert_non_null(strstr(p.detail, "temporary space"));
    output_drop(&o);
    assert_false(is_readable(pair[0]));
    free(bytes);
    close(pair[0]);
    close(full.fd);
}

/* A broker that has none to give, and one that is gone. */
static void *
refuse_scratch(void *arg)
{
    struct served broker = {.fd = *(int *)arg, .self = PROCESS_BROKER};
    union any_record request;
    struct problem p = {0};
    struct frame frame;
    enum message m;

    frame_init(&frame);
    assert_int_equal(channel_receive(&broker, &frame, &m, &request),
                     RECEIVED_REQUEST);
    assert_int_equal(m, MSG_SCRATCH);
    (void)fail(&p, ERR_OUTPUT, "temporary space in %s: full", "/cache");
    assert_true(channel_refuse(broker.fd, m, &p));
    frame_drop(&frame);
    close(broker.fd);
    return NULL;
}

static void
no_scratch_is_an_error_of_the_output(void **state)
{
    uint8_t *bytes = mem_new(LARGE);
    struct scratch none = {.fd = -1};
    struct problem p = {0};
    struct output *o;
    int pair[2], ctl[2];
    pthread_t broker;

    (void)state;
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    assert_true(channel_pair(ctl));
    none.broker = ctl[0];
    assert_int_equal(pthread_create(&broker, NULL, refuse_scratch, &ctl[1]), 0);
    assert_int_equal(output_open(pair[1], &none, &o, NULL), ERR_OK);
    assert_int_equal(sink_write(output_sink(o), bytes, LARGE, &p), ERR_OUTPUT);
    assert_string_equal(p.detail, "temporary space in /cache: full");
    pthread_join(broker, NULL);
    assert_int_equal(sink_write(output_sink(o), bytes, LARGE, &p), ERR_OUTPUT);
    output_drop(&o);
    assert_false(is_readable(pair[0]));
    free(bytes);
    close(pair[0]);
    close(ctl[0]);
}

/* ---- other descriptors
 * -------------------------------------------------------
 */

static void
a_full_device_is_told_at_the_end(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct problem p = {0};
    struct output *o;

    (void)state;
    if (fd < 0)
        skip();
    o = open_on(fd);
    put_large(o, 10);
    assert_int_equal(output_commit(o, &p), ERR_OUTPUT);
    assert_string_equal(p.detail, strerror(ENOSPC));
    output_drop(&o);
    close(fd);
}

static void
what_cannot_be_written_is_refused_at_once(void **state)
{
    struct problem p = {0};
    struct output *o = NULL;
    int pair[2], fd;

    (void)state;
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    assert_int_equal(output_open(pair[0], &scratch, &o, &p), ERR_OUTPUT);
    assert_int_equal(fcntl(pair[0], F_GETFD), -1); /* taken all the same */
    close(pair[1]);
    fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(output_open(fd, &scratch, &o, &p), ERR_OUTPUT);
    fd = open("/", O_PATH | O_CLOEXEC);
    assert_int_equal(output_open(fd, &scratch, &o, &p), ERR_OUTPUT);
    assert_int_equal(output_open(-1, &scratch, &o, &p), ERR_OUTPUT);
    assert_null(o);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_appended_to_and_keeps_what_it_had),
        cmocka_unit_test(a_file_is_cut_back_to_where_it_began),
        cmocka_unit_test(a_file_opened_to_append_is_cut_back_to_its_end),
        cmocka_unit_test(the_middle_of_a_file_is_untouched_before_success),
        cmocka_unit_test(behind_the_end_of_a_file_nothing_is_left_on_failure),
        cmocka_unit_test(a_disk_that_fills_up_is_told_and_the_file_cut_back),
        cmocka_unit_test(a_pipe_gets_nothing_before_success),
        cmocka_unit_test(a_pipe_gets_nothing_on_failure),
        cmocka_unit_test(up_to_a_mebibyte_waits_in_memory_and_more_encrypted),
        cmocka_unit_test(a_pipe_that_does_not_block_gets_it_all),
        cmocka_unit_test(a_reader_that_is_gone_is_an_error_of_the_output),
        cmocka_unit_test(a_full_scratch_is_an_error_of_the_output),
        cmocka_unit_test(no_scratch_is_an_error_of_the_output),
        cmocka_unit_test(a_full_device_is_told_at_the_end),
        cmocka_unit_test(what_cannot_be_written_is_refused_at_once),
    };

    return cmocka_run_group_tests(tests, begin, finish);
}
