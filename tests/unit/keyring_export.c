/* What is handed out of the contacts, page by page. */
#include "keyring_wires.h"

#include <sqlite3.h>

#define PEOPLE 60
#define SECOND 38 /* has three certificates, across the end of a page */

static void
hand_over(const char *address, long from)
{
    struct made one =
        make_cert(&(struct cert_spec){.name = address,
                                      .key = "p256e",
                                      .issuer = &ca,
                                      .email = address,
                                      .usage = "digitalSignature,keyAgreement",
                                      .from = from,
                                      .until = 30 * DAY});
    struct store_request q = {.source = CONTACT_IMPORT,
                              .origin = slice_text("people.pem"),
                              .certificates = {2, {one.der, ca.der}}};
    struct store_reply reply;
    struct stored_record record;

    assert_int_equal(ask(MSG_CONTACT_STORE, &q, &reply), ERR_OK);
    assert_true(
        record_decode(RECORD_stored_record, reply.records.item[0], &record));
    assert_int_equal(record.learned, LEARNED_NEW);
}

static void
address_write(char *to, size_t size, int i)
{
    snprintf(to, size, "p%02d@example.org", i);
}

/* The last address first. */
static void
people_import(void)
{
    char address[32];

    session_new(VERB_MANAGE, RIGHT_MANAGE);
    for (int i = PEOPLE - 1; i >= 0; i--) {
        address_write(address, sizeof(address), i);
        for (int n = 0; n < (i == SECOND ? 3 : 1); n++)
            hand_over(address, -DAY * (n + 1));
    }
}

static void
database_run(const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(contacts, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static struct export_record
record_of(const struct export_reply *reply, size_t i)
{
    struct export_record r;

    assert_true(
        record_decode(RECORD_export_record, reply->records.item[i], &r));
    return r;
}

static void
addresses_come_whole_and_in_their_order(void **state)
{
    struct export_request q = {0};
    struct export_reply reply;
    int person = -1, rows = 0, pages = 0;
    char address[32];

    (void)state;
    people_import();
    session_new(VERB_LOOK, RIGHT_MAIL);
    do {
        assert_int_equal(ask(MSG_CONTACTS_EXPORT, &q, &reply), ERR_OK);
        assert_true(reply.records.n > 0);
        assert_int_equal(record_of(&reply, 0).first, 1);
        assert_int_equal(reply.issuers.n, 1);
        assert_true(slice_equal(reply.issuers.item[0], ca.der));
        for (size_t i = 0; i < reply.records.n; i++, rows++) {
            struct export_record r = record_of(&reply, i);

            person += r.first == 1;
            address_write(address, sizeof(address), person);
            assert_true(slice_is(r.address, address));
            assert_int_equal(r.path.n, 1);
            assert_int_equal(r.path.p[0], 0);
            assert_true(r.certificate.n > 0);
        }
        pages++;
        q.cursor = reply.next;
    } while (q.cursor != 0);
    assert_int_equal(person, PEOPLE - 1);
    assert_int_equal(rows, PEOPLE + 2);
    assert_true(pages > 1);
}

static void
one_address_alone(void **state)
{
    struct export_request q = {.address = slice_text("P05@EXAMPLE.ORG")};
    struct export_reply reply;

    (void)state;
    people_import();
    session_new(VERB_LOOK, RIGHT_MAIL);
    assert_int_equal(ask(MSG_CONTACTS_EXPORT, &q, &reply), ERR_OK);
    assert_int_equal(reply.records.n, 1);
    assert_int_equal(reply.next, 0);
    q.address = slice_text("nobody@example.org");
    assert_int_equal(ask(MSG_CONTACTS_EXPORT, &q, &reply), ERR_OK);
    assert_int_equal(reply.records.n, 0);
}

/* Bytes that changed on the disk are not handed out as anyone's. */
static void
a_damaged_certificate_is_not_handed_out(void **state)
{
    struct export_request q = {0};
    struct export_reply reply;

    (void)state;
    session_new(VERB_MANAGE, RIGHT_MANAGE);
    hand_over("a@example.org", -DAY);
    hand_over("b@example.org", -DAY);
    hand_over("c@example.org", -DAY);
    database_run("UPDATE certificate SET der = x'3003020105' WHERE id = 1;"
                 "UPDATE certificate SET der = (SELECT der FROM certificate"
                 " WHERE id = 3) WHERE id = 2");
    session_new(VERB_LOOK, RIGHT_MAIL);
    assert_int_equal(ask(MSG_CONTACTS_EXPORT, &q, &reply), ERR_OK);
    assert_int_equal(reply.records.n, 3);
    assert_int_equal(record_of(&reply, 0).certificate.n, 0);
    assert_int_equal(record_of(&reply, 1).certificate.n, 0);
    assert_true(record_of(&reply, 2).certificate.n > 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(addresses_come_whole_and_in_their_order),
        TEST(one_address_alone),
        TEST(a_damaged_certificate_is_not_handed_out),
    };

    return cmocka_run_group_tests(tests, begin_all, end_all);
}
