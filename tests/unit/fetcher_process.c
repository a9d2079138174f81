/*
 * smime-fetcher and servers that answer, or do what no server should: each
 * question ends within its deadline, with a name for what was wrong, and
 * half an answer is none.
 */
#include "fetcher_double.h"
#include "validator_make.h"

static struct made root, alice;

/* ---- what servers do ----------------------------------------------------- */

static void
say(int fd, struct buf *bytes)
{
    (void)!fd_write_all(fd, bytes->data, bytes->len);
    buf_drop(bytes);
}

/* Until the client has gone. */
static void
wait_gone(int fd)
{
    uint8_t byte;

    while (read(fd, &byte, 1) > 0)
        continue;
}

static void
play_good(int fd, uint8_t id)
{
    struct buf out = {0};

    entry_add(&out, id, "userCertificate;binary", alice.der, 1);
    done_add(&out, id, 0);
    say(fd, &out);
    wait_gone(fd);
}

static void
play_nothing(int fd, uint8_t id)
{
    struct buf out = {0};

    done_add(&out, id, 0);
    say(fd, &out);
    wait_gone(fd);
}

static void
play_silent(int fd, uint8_t id)
{
    (void)id;
    wait_gone(fd);
}

static void
play_slowly(int fd, uint8_t id)
{
    struct buf out = {0};

    entry_add(&out, id, "userCertificate;binary", alice.der, 1);
    done_add(&out, id, 0);
    for (size_t i = 0; i < out.len; i++) {
        struct pollfd gone = {.fd = fd, .events = POLLRDHUP};

        if (write(fd, out.data + i, 1) != 1 || poll(&gone, 1, 200) > 0)
            break;
    }
    buf_drop(&out);
}

/* Stops in the middle of a message. */
static void
play_half_message(int fd, uint8_t id)
{
    struct buf out = {0};

    entry_add(&out, id, "userCertificate;binary", alice.der, 1);
    out.len /= 2;
    say(fd, &out);
    wait_gone(fd);
}

/* A whole entry, and then no end. */
static void
play_no_end(int fd, uint8_t id)
{
    struct buf out = {0};

    entry_add(&out, id, "userCertificate;binary", alice.der, 1);
    say(fd, &out);
}

static void
play_error_after_entry(int fd, uint8_t id)
{
    struct buf out = {0};

    entry_add(&out, id, "userCertificate;binary", alice.der, 1);
    done_add(&out, id, 80); /* other */
    say(fd, &out);
    wait_gone(fd);
}

static void
play_garbage(int fd, uint8_t id)
{
    (void)id;
    for (int i = 0; i < 20; i++)
        (void)!write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    wait_gone(fd);
}

static void
play_huge_length(int fd, uint8_t id)
{
    (void)id;
    (void)!write(fd, "\x30\x84\x7f\xff\xff\xff\x02\x01\x02", 9);
    wait_gone(fd);
}

/* Answers to questions that nobody asked, without end. */
static void
play_other_ids(int fd, uint8_t id)
{
    for (;;) {
        struct buf out = {0};
        bool done;

        entry_add(&out, (uint8_t)(id + 40), "userCertificate;binary", alice.der,
                  1);
        done_add(&out, (uint8_t)(id + 40), 0);
        done = !fd_write_all(fd, out.data, out.len);
        buf_drop(&out);
        if (done)
            return;
    }
}

static void
play_hang_up(int fd, uint8_t id)
{
    (void)fd;
    (void)id;
}

/* A result with a referral (RFC 4511 4.1.10) to SELF, which would go round. */
static void
play_referral(int fd, uint8_t id)
{
    AUTO(buf) struct buf urls = {0};
    AUTO(buf) struct buf result = {0};
    struct buf out = {0};
    struct sockaddr_in at;
    socklen_t size = sizeof(at);
    uint8_t code = 10;
    char url[64];

    getsockname(fd, (struct sockaddr *)&at, &size);
    snprintf(url, sizeof(url), "ldap://127.0.0.1:%d/dc=example,dc=org",
             ntohs(at.sin_port));
    ber_add(&urls, 0x04, slice_text(url));
    ber_add(&result, 0x0a, slice_of(&code, 1));
    ber_add(&result, 0x04, slice_of(NULL, 0));
    ber_add(&result, 0x04, slice_of(NULL, 0));
    ber_add(&result, 0xa3, buf_slice(&urls));
    message_add(&out, id, 0x65, buf_slice(&result));
    say(fd, &out);
    wait_gone(fd);
}

/* ---- promises ------------------------------------------------------------ */

static void
what_the_directory_has_is_handed_over(void **state)
{
    struct came c;

    (void)state;
    configure(play_good, NULL, "");
    c = search_for("alice@example.org");
    assert_int_equal(c.outcome.state, DIRECTORY_OK);
    assert_int_equal(c.items, 1);
    assert_int_equal(c.certificates, 1);
    servers_end();
    configure(play_nothing, NULL, "");
    c = search_for("alice@example.org");
    assert_int_equal(c.outcome.state, DIRECTORY_OK);
    assert_int_equal(c.items, 0);
}

/* Those that would take minutes have a little time, the others much. */
static void
a_bad_server_is_named_in_time_and_teaches_nothing(void **state)
{
    static const char little[] = "timeout = 2", much[] = "timeout = 20";
    const struct {
        play *act;
        enum directory_state states[2];
        const char *lines;
    } bad[] = {
        {play_silent, {DIRECTORY_SILENT, DIRECTORY_SILENT}, little},
        {play_slowly, {DIRECTORY_SILENT, DIRECTORY_SILENT}, little},
        {play_half_message, {DIRECTORY_SILENT, DIRECTORY_SILENT}, little},
        {play_other_ids, {DIRECTORY_SILENT, DIRECTORY_SILENT}, little},
        {play_no_end, {DIRECTORY_UNREACHABLE, DIRECTORY_WRONG}, much},
        {play_garbage, {DIRECTORY_UNREACHABLE, DIRECTORY_WRONG}, much},
        {play_huge_length, {DIRECTORY_UNREACHABLE, DIRECTORY_WRONG}, much},
        {play_hang_up, {DIRECTORY_UNREACHABLE, DIRECTORY_WRONG}, much},
        {play_referral, {DIRECTORY_REFERRED, DIRECTORY_REFERRED}, much},
        {play_error_after_entry, {DIRECTORY_REFUSED, DIRECTORY_REFUSED}, much},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct came c;

        configure(bad[i].act, NULL, bad[i].lines);
        c = search_for("alice@example.org");
        servers_end();
        if (c.lost || (c.outcome.state != bad[i].states[0] &&
                       c.outcome.state != bad[i].states[1]))
            fail_msg("server %zu: state %u%s: %s", i, c.outcome.state,
                     c.lost ? " (lost)" : "", c.detail);
        if (c.items != 0 || c.took_ms > 60000)
            fail_msg("server %zu: %zu items, %lld ms", i, c.items,
                     (long long)c.took_ms);
        assert_non_null(strstr(c.detail, "ldap://127.0.0.1:"));
    }
}

/* Whatever is wrong with the first, the second is asked in time. */
static void
another_replica_answers_for_one_that_does_not(void **state)
{
    play *const bad[] = {play_slowly, play_garbage, play_hang_up,
                         play_referral};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct came c;

        configure(bad[i], play_good, "timeout = 8");
        c = search_for("alice@example.org");
        servers_end();
        if (c.lost || c.outcome.state != DIRECTORY_OK || c.items != 1)
            fail_msg("server %zu: state %u, %zu items: %s", i, c.outcome.state,
                     c.items, c.detail);
    }
}

static void
nobody_there_is_said_at_once(void **state)
{
    struct came c;

    (void)state;
    configure(play_good, NULL, "");
    servers_end();
    c = search_for("alice@example.org");
    assert_int_equal(c.outcome.state, DIRECTORY_UNREACHABLE);
    assert_non_null(strstr(c.detail, "refused"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_directory_has_is_handed_over,
                                        double_begin, double_end),
        cmocka_unit_test_setup_teardown(
            a_bad_server_is_named_in_time_and_teaches_nothing, double_begin,
            double_end),
        cmocka_unit_test_setup_teardown(
            another_replica_answers_for_one_that_does_not, double_begin,
            double_end),
        cmocka_unit_test_setup_teardown(nobody_there_is_said_at_once,
                                        double_begin, double_end),
    };
    int failed;

    algorithm_warm_up();
    root = make_cert(
        &(struct cert_spec){.name = "Root", .key = "p256", .ca = true});
    alice = make_cert(&(struct cert_spec){.name = "Alice",
                                          .key = "rsa2048",
                                          .issuer = &root,
                                          .email = "alice@example.org"});
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    make_end();
    return failed;
}
