/* The methods about keys, contacts and status against a keyholder and a
 * keyring that are threads. */
#include "tests/unit/session_sides.h"

/* ---- keys
 * ---------------------------------------------------------------------- */

static const json_t *
item(const json_t *reply, const char *list, size_t i)
{
    return json_array_get(at(reply, list), i);
}

static const char *
field(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "(none)";
}

static void
keys_of_several_pages_are_listed_and_described(void **state)
{
    struct world w = {0};
    AUTO(json) json_t *reply = NULL;

    (void)state;
    key_count = 40;
    keys_a_page = 15;
    reply = call_in(&w, RIGHT_MAIL, KEYS "List", NULL, NULL, 0);
    assert_int_equal(json_array_size(at(reply, "keys")), 40);
    assert_string_equal(field(item(reply, "keys", 0), "id"), "ab00");
    assert_string_equal(field(item(reply, "keys", 0), "state"), "ok");
    assert_string_equal(field(item(reply, "keys", 0), "private"), "yes");
    assert_string_equal(field(item(reply, "keys", 0), "algorithm"), "RSA-2048");
    assert_int_equal(
        json_array_size(json_object_get(item(reply, "keys", 0), "uses")), 1);
    assert_string_equal(field(item(reply, "keys", 1), "state"), "expired");
    assert_string_equal(field(item(reply, "keys", 39), "id"), "ab27");
    assert_string_equal(field(item(reply, "keys", 39), "state"),
                        "no_certificate");
    assert_null(json_object_get(item(reply, "keys", 39), "not_after"));
    assert_int_equal(w.keyholder.last_narrow.verb, VERB_LOOK);
    assert_int_equal(w.keyholder.last_narrow.ops, 0);
    /* The narrowing and 39 certificates in batches of twelve. */
    assert_int_equal(w.keyring.requests, 1 + 4);
    world_close(&w);
}

static void
keys_cannot_be_listed_without_a_keyring(void **state)
{
    struct world w = {0};
    AUTO(json) json_t *reply = NULL;

    (void)state;
    key_count = 2;
    keyring_is_silent = true;
    reply = call_in(&w, RIGHT_MAIL, KEYS "List", NULL, NULL, 0);
    keyring_is_silent = false;
    assert_string_equal(error_of(reply), KEYS "KeyringLost");
    assert_true(w.s.lost);
    world_close(&w);
}

static void
tokens_are_listed_with_their_state(void **state)
{
    AUTO(json) json_t *reply = call(RIGHT_MAIL, KEYS "Tokens", NULL);
    const json_t *one = item(reply, "tokens", 0);

    (void)state;
    assert_string_equal(field(one, "state"), "unlocked");
    assert_int_equal(json_integer_value(json_object_get(one, "tries_left")), 3);
    assert_int_equal(
        json_integer_value(json_object_get(one, "pin_kept_seconds")), 60);
    assert_int_equal(
        json_integer_value(json_object_get(one, "locks_in_seconds")), 90);
    assert_true(json_is_true(json_object_get(one, "pinpad")));
    assert_string_equal(field(item(reply, "tokens", 1), "state"), "empty");
    assert_null(json_object_get(item(reply, "tokens", 1), "tries_left"));
}

static void
a_pin_travels_to_the_keyholder_unread(void **state)
{
    AUTO(fd) int pin = input_of("1234\n");
    int before = count_open();
    struct world w = {0};
    AUTO(json) json_t *reply = NULL;

    (void)state;
    reply = call_in(
        &w, RIGHT_MANAGE, KEYS "Unlock",
        json_pack("{s:i,s:{s:s}}", "pin", 0, "caller", "tty", "/dev/pts/7"),
        &pin, 1);
    assert_string_equal(text_at(reply, "token"), "card");
    assert_string_equal(read_from_fds, "1");
    assert_string_equal(w.keyholder.tty, "/dev/pts/7");
    assert_int_equal(w.keyholder.last_narrow.verb, VERB_MANAGE);
    world_close(&w);
    assert_int_equal(count_open(), before);
}

static void
tokens_are_locked_from_the_mail_socket_too(void **state)
{
    AUTO(json) json_t *reply = call(RIGHT_MAIL, KEYS "Lock", NULL);

    (void)state;
    assert_int_equal(json_integer_value(at(reply, "locked")), 1);
}

static void
a_busy_token_ends_the_session(void **state)
{
    struct world w = {0};
    AUTO(json) json_t *reply = NULL;

    (void)state;
    lock_detail = "hangs";
    reply = call_in(&w, RIGHT_MAIL, KEYS "Lock", NULL, NULL, 0);
    lock_detail = NULL;
    assert_string_equal(error_of(reply), KEYS "TokenBusy");
    assert_true(w.s.lost);
    assert_true(w.s.keyholder >= 0);
    world_close(&w);
}

static void
an_import_describes_what_came_in_and_warns(void **state)
{
    AUTO(fd) int file = input_of("P");
    AUTO(fd) int password = input_of("pw");
    int fds[2] = {file, password};
    struct world w = {0};
    AUTO(json)
    json_t *reply =
        call_in(&w, RIGHT_MANAGE, KEYS "Import",
                json_pack("{s:i,s:i}", "input", 0, "password", 1), fds, 2);

    (void)state;
    world_close(&w);
    assert_string_equal(read_from_fds, "Pp");
    assert_int_equal(json_array_size(at(reply, "imported")), 2);
    assert_string_equal(field(item(reply, "imported", 0), "id"), "01");
    assert_int_equal(json_integer_value(at(reply, "chain")), 3);
    assert_int_equal(json_array_size(at(reply, "warnings")), 3);
    assert_string_equal(json_string_value(item(reply, "warnings", 0)),
                        "legacy encryption");
    assert_string_equal(json_string_value(item(reply, "warnings", 1)),
                        "old: expired");
    assert_string_equal(json_string_value(item(reply, "warnings", 2)),
                        "old: no address in the certificate");
}

static void
an_import_without_a_keyring_is_an_import_with_a_warning(void **state)
{
    AUTO(fd) int file = input_of("P");
    struct world w = {0};
    AUTO(json) json_t *reply = NULL;

    (void)state;
    keyring_is_silent = true;
    reply = call_in(&w, RIGHT_MANAGE, KEYS "Import",
                    json_pack("{s:i}", "input", 0), &file, 1);
    keyring_is_silent = false;
    world_close(&w);
    assert_string_equal(error_of(reply), "(none)");
    assert_int_equal(json_array_size(at(reply, "imported")), 2);
    assert_int_equal(json_array_size(at(reply, "warnings")), 2);
}

/* ---- contacts and status
 * ------------------------------------------------------- */

static void
contacts_of_several_pages_are_listed(void **state)
{
    AUTO(json) json_t *reply = NULL;
    const json_t *one;

    (void)state;
    contact_is_there = true;
    reply = call(RIGHT_MAIL, CONTACTS "List", NULL);
    assert_int_equal(json_array_size(at(reply, "contacts")), 2);
    one = item(reply, "contacts", 1);
    assert_string_equal(field(one, "address"), "a@example.org");
    assert_string_equal(field(one, "state"), "verified");
    assert_string_equal(field(one, "subject"), "CN=A");
    assert_null(json_object_get(one, "certificate"));
}

static void
a_contact_is_shown_with_its_certificate(void **state)
{
    AUTO(json) json_t *reply = NULL;

    (void)state;
    contact_is_there = true;
    reply = call(RIGHT_MAIL, CONTACTS "Show",
                 json_pack("{s:s}", "address", "a@example.org"));
    assert_string_equal(
        field(item(reply, "contacts", 0), "certificate"),
        "-----BEGIN CERTIFICATE-----\nY2VydA==\n-----END CERTIFICATE-----\n");
}

static void
a_contact_that_is_not_there_is_named(void **state)
{
    static const char *const methods[] = {CONTACTS "Show", CONTACTS "Remove"};

    (void)state;
    contact_is_there = false;
    for (size_t i = 0; i < ARRAY_COUNT(methods); i++) {
        AUTO(json)
        json_t *reply = call(RIGHT_MANAGE, methods[i],
                             json_pack("{s:s}", "address", "b@example.org"));

        assert_string_equal(error_of(reply), CONTACTS "NoContact");
        assert_string_equal(text_at(reply, "subject"), "b@example.org");
    }
}

static void
a_contact_is_removed(void **state)
{
    AUTO(json) json_t *reply = NULL;

    (void)state;
    contact_is_there = true;
    reply = call(RIGHT_MANAGE, CONTACTS "Remove",
                 json_pack("{s:s}", "address", "a@example.org"));
    assert_int_equal(json_integer_value(at(reply, "removed")), 2);
}

static void
status_counts_what_there_is(void **state)
{
    AUTO(json) json_t *reply = NULL;

    (void)state;
    key_count = 5;
    keys_a_page = 2;
    reply = call(RIGHT_MAIL, STATUS, NULL);
    assert_int_equal(json_integer_value(at(reply, "tokens")), 2);
    assert_int_equal(json_integer_value(at(reply, "unlocked")), 1);
    assert_int_equal(json_array_size(at(reply, "logins")), 1);
    assert_int_equal(json_integer_value(json_object_get(
                         item(reply, "logins", 0), "locks_in_seconds")),
                     90);
    assert_int_equal(json_integer_value(at(reply, "keys")), 5);
    assert_int_equal(json_integer_value(at(reply, "contacts")), 7);
    assert_string_equal(text_at(reply, "contacts_file"), "/contacts.db");
    assert_true(json_is_true(at(reply, "keyholder")));
    assert_true(json_is_true(at(reply, "keyring")));
    assert_true(json_is_array(at(reply, "sandbox")));
}

static void
status_reports_a_process_that_is_lost(void **state)
{
    AUTO(json) json_t *reply = NULL;

    (void)state;
    keyring_is_silent = true;
    reply = call(RIGHT_MAIL, STATUS, NULL);
    keyring_is_silent = false;
    assert_string_equal(error_of(reply), "(none)");
    assert_true(json_is_true(at(reply, "keyholder")));
    assert_true(json_is_false(at(reply, "keyring")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_several_pages_are_listed_and_described),
        cmocka_unit_test(keys_cannot_be_listed_without_a_keyring),
        cmocka_unit_test(tokens_are_listed_with_their_state),
        cmocka_unit_test(a_pin_travels_to_the_keyholder_unread),
        cmocka_unit_test(tokens_are_locked_from_the_mail_socket_too),
        cmocka_unit_test(a_busy_token_ends_the_session),
        cmocka_unit_test(an_import_describes_what_came_in_and_warns),
        cmocka_unit_test(
            an_import_without_a_keyring_is_an_import_with_a_warning),
        cmocka_unit_test(contacts_of_several_pages_are_listed),
        cmocka_unit_test(a_contact_is_shown_with_its_certificate),
        cmocka_unit_test(a_contact_that_is_not_there_is_named),
        cmocka_unit_test(a_contact_is_removed),
        cmocka_unit_test(status_counts_what_there_is),
        cmocka_unit_test(status_reports_a_process_that_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
