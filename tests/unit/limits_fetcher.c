/* What a directory may say to one question: as much as is allowed, and one
 * more. */
#include <openssl/obj_mac.h>

#include "fetcher_double.h"
#include "tests/unit/certs_only.h"
#include "validator_make.h"

static struct made root, small, large, larges[6];
static struct {
    size_t entries, values;
    const char *attribute;
    struct slice value;
} now; /* what the server is to say */

static void
play_now(int fd, uint8_t id)
{
    struct buf out = {0};
    uint8_t byte;

    for (size_t i = 0; i < now.entries; i++)
        entry_add(&out, id, now.attribute, now.value, now.values);
    done_add(&out, id, 0);
    (void)!fd_write_all(fd, out.data, out.len);
    buf_drop(&out);
    while (read(fd, &byte, 1) > 0)
        continue;
}

static struct came
asked(size_t entries, size_t values, const char *attribute, struct slice value)
{
    struct came c;

    now.entries = entries;
    now.values = values;
    now.attribute = attribute;
    now.value = value;
    configure(play_now, NULL, "timeout = 20");
    c = search_for("alice@example.org");
    servers_end();
    assert_false(c.lost);
    return c;
}

static void
entries_of_one_address(void **state)
{
    struct came c =
        asked(LIMIT_DIRECTORY_ENTRIES, 1, "userCertificate", small.der);

    (void)state;
    assert_int_equal(c.outcome.state, DIRECTORY_OK);
    assert_int_equal(c.items, LIMIT_DIRECTORY_ENTRIES);
    c = asked(LIMIT_DIRECTORY_ENTRIES + 1, 1, "userCertificate", small.der);
    assert_int_equal(c.outcome.state, DIRECTORY_TOO_MUCH);
    assert_int_equal(c.items, 0);
    assert_non_null(strstr(c.detail, "more than 8 entries"));
}

static void
values_of_one_entry(void **state)
{
    struct came c =
        asked(1, LIMIT_DIRECTORY_VALUES, "userCertificate;binary", small.der);

    (void)state;
    assert_int_equal(c.items, LIMIT_DIRECTORY_VALUES);
    c = asked(1, LIMIT_DIRECTORY_VALUES + 1, "userCertificate;binary",
              small.der);
    assert_int_equal(c.outcome.state, DIRECTORY_OK);
    assert_int_equal(c.items, LIMIT_DIRECTORY_VALUES);
}

static void
values_of_one_answer(void **state)
{
    size_t values = LIMIT_DIRECTORY_VALUES;
    struct came c = asked(LIMIT_DIRECTORY_ITEMS / values, values,
                          "userCertificate;binary", small.der);

    (void)state;
    assert_int_equal(c.items, LIMIT_DIRECTORY_ITEMS);
    c = asked(LIMIT_DIRECTORY_ITEMS / values + 1, values,
              "userCertificate;binary", small.der);
    assert_int_equal(c.outcome.state, DIRECTORY_OK);
    assert_int_equal(c.items, LIMIT_DIRECTORY_ITEMS);
}

static void
bytes_of_one_answer(void **state)
{
    size_t most = LIMIT_DIRECTORY_BYTES / (large.der.n + 100);
    struct came c = asked(most / 11, 11, "userCertificate;binary", large.der);

    (void)state;
    assert_true(large.der.n > LIMIT_DIRECTORY_BYTES / LIMIT_DIRECTORY_ITEMS);
    assert_int_equal(c.items, most / 11 * 11);
    c = asked(most / 11 + 1, 11, "userCertificate;binary", large.der);
    assert_int_equal(c.outcome.state, DIRECTORY_OK);
    assert_in_range(c.items, most / 11 * 11, most);
}

static void
bytes_of_one_value(void **state)
{
    AUTO(buf) struct buf fits = {0};
    AUTO(buf) struct buf over = {0};
    struct slice all[ARRAY_COUNT(larges)];
    struct came c;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(all); i++)
        all[i] = larges[i].der;
    certs_only_make(all, LIMIT_DIRECTORY_VALUE_BYTES / large.der.n, &fits);
    certs_only_make(all, LIMIT_DIRECTORY_VALUE_BYTES / large.der.n + 1, &over);
    assert_true(fits.len <= LIMIT_DIRECTORY_VALUE_BYTES);
    assert_true(over.len > LIMIT_DIRECTORY_VALUE_BYTES);
    c = asked(1, 1, "userSMIMECertificate;binary", buf_slice(&fits));
    assert_int_equal(c.items, 1);
    c = asked(1, 1, "userSMIMECertificate;binary", buf_slice(&over));
    assert_int_equal(c.outcome.state, DIRECTORY_OK);
    assert_int_equal(c.items, 0);
}

/* What an LDAPMessage holds beside one value. */
static size_t
bytes_around(void)
{
    AUTO(buf) struct buf out = {0};
    AUTO(buf) struct buf value = {0};

    buf_reserve(&value, 200);
    memset(buf_room(&value, 200), 'x', 200);
    buf_written(&value, 200);
    entry_add(&out, 2, "userCertificate;binary", buf_slice(&value), 1);
    return out.len - 6 - 200;
}

static void
bytes_of_one_message(void **state)
{
    size_t n = LIMIT_DIRECTORY_MESSAGE_BYTES;
    AUTO(buf) struct buf value = {0};
    struct came c;

    (void)state;
    memset(buf_room(&value, n), 'x', n);
    buf_written(&value, n);
    /* Its inner lengths are of five octets too: 4 levels, 3 more each. */
    value.len = n - bytes_around() - 64;
    c = asked(1, 1, "userCertificate;binary", buf_slice(&value));
    assert_int_equal(c.outcome.state, DIRECTORY_OK);
    assert_int_equal(c.items, 0);
    value.len = n;
    c = asked(1, 1, "userCertificate;binary", buf_slice(&value));
    assert_true(c.outcome.state == DIRECTORY_WRONG ||
                c.outcome.state == DIRECTORY_UNREACHABLE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(entries_of_one_address, double_begin,
                                        double_end),
        cmocka_unit_test_setup_teardown(values_of_one_entry, double_begin,
                                        double_end),
        cmocka_unit_test_setup_teardown(values_of_one_answer, double_begin,
                                        double_end),
        cmocka_unit_test_setup_teardown(bytes_of_one_answer, double_begin,
                                        double_end),
        cmocka_unit_test_setup_teardown(bytes_of_one_value, double_begin,
                                        double_end),
        cmocka_unit_test_setup_teardown(bytes_of_one_message, double_begin,
                                        double_end),
    };
    struct buf comment = {0};
    int failed;

    algorithm_warm_up();
    memset(buf_room(&comment, 30000), 'x', 30000);
    buf_written(&comment, 30000);
    root = make_cert(
        &(struct cert_spec){.name = "Root", .key = "p256", .ca = true});
    small = make_cert(&(struct cert_spec){.name = "Alice",
                                          .key = "p256b",
                                          .issuer = &root,
                                          .email = "alice@example.org"});
    for (size_t i = 0; i < ARRAY_COUNT(larges); i++)
        larges[i] =
            make_cert(&(struct cert_spec){.name = "Alice",
                                          .key = "p256b",
                                          .issuer = &root,
                                          .email = "alice@example.org",
                                          .extra_nid = NID_netscape_comment,
                                          .extra = buf_text(&comment)});
    large = larges[0];
    buf_drop(&comment);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    make_end();
    return failed;
}
