/* Files of former versions. */
#include "keyring_files.h"

/* As the first version made it. */
static const char first_version[] =
    "CREATE TABLE certificate("
    " id INTEGER PRIMARY KEY, fingerprint BLOB NOT NULL UNIQUE,"
    " der BLOB NOT NULL, not_before INTEGER NOT NULL,"
    " not_after INTEGER NOT NULL, uses INTEGER NOT NULL,"
    " type INTEGER NOT NULL, bits INTEGER NOT NULL, key_hash BLOB NOT NULL,"
    " subject TEXT NOT NULL, issuer TEXT NOT NULL, name TEXT NOT NULL,"
    " serial TEXT NOT NULL, capabilities BLOB NOT NULL,"
    " capabilities_time INTEGER NOT NULL);"
    "CREATE TABLE issuer(id INTEGER PRIMARY KEY, der BLOB NOT NULL UNIQUE);"
    "CREATE TABLE certificate_issuer("
    " certificate INTEGER NOT NULL REFERENCES certificate(id)"
    " ON DELETE CASCADE, position INTEGER NOT NULL,"
    " issuer INTEGER NOT NULL REFERENCES issuer(id),"
    " PRIMARY KEY(certificate, position)) WITHOUT ROWID;"
    "CREATE TABLE contact("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, address_key TEXT NOT NULL,"
    " address TEXT NOT NULL, certificate INTEGER NOT NULL"
    " REFERENCES certificate(id) ON DELETE CASCADE, state INTEGER NOT NULL,"
    " first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,"
    " origin TEXT NOT NULL, message_id TEXT NOT NULL,"
    " sender_seen INTEGER NOT NULL, UNIQUE(address_key, certificate));"
    "CREATE INDEX contact_certificate ON contact(certificate);"
    "CREATE TABLE event("
    " id INTEGER PRIMARY KEY, time INTEGER NOT NULL,"
    " address_key TEXT NOT NULL, fingerprint BLOB NOT NULL,"
    " what TEXT NOT NULL, origin TEXT NOT NULL);"
    "CREATE INDEX event_address ON event(address_key);"
    "INSERT INTO certificate VALUES(1, zeroblob(32), x'41', 0, 4102444800, 3,"
    " 1, 2048, zeroblob(32), 'CN=Old', 'CN=CA', 'Old', '01', x'', 0);"
    "INSERT INTO contact VALUES(1, 'old@example.org', 'old@example.org', 1, 0,"
    " 5, 6, 'open', '', 1);"
    "PRAGMA user_version = 1;";

static void
an_older_file_is_copied_before_it_changes(void **state)
{
    struct seen_rows r;
    struct store *s;

    (void)state;
    sql(first_version);
    s = store_open(path);
    assert_null(store_fault(s));
    r = rows_of(s, "old@example.org");
    assert_int_equal(r.n, 1);
    assert_int_equal(r.state[0], CONTACT_VERIFIED);
    store_drop(&s);
    assert_int_equal(files_with("contacts.db.version1-"), 1);
    assert_int_equal(files_with("copying"), 0);
    /* Once is enough, and a new file has nothing to copy. */
    s = store_open(path);
    store_drop(&s);
    assert_int_equal(files_with("contacts.db.version"), 1);
}

static void
a_new_file_leaves_no_copy(void **state)
{
    struct store *s = store_open(path);

    (void)state;
    learn_many(s, 1);
    store_drop(&s);
    assert_int_equal(files_with("contacts.db.version"), 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(an_older_file_is_copied_before_it_changes),
        T(a_new_file_leaves_no_copy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
