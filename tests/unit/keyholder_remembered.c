/* Which keys are remembered of a token, as it shows them one time and another.
 */
#include <cmocka.h>

#include "agent/keyholder/list.h"
#include "agent/keyholder/remembered.h"
#include "tests/unit/keyholder_fixture.h"

/* Ids are of one byte each, in order; those in SEEN were seen to have their
 * private key. */
static void
note(struct remembered *r, const char *ids, const char *seen)
{
    struct token_identity all[4];
    struct token_identities list = {.all = all, .count = strlen(ids)};
    struct token_info info = {
        .label = "card", .login_required = true, .logged_in = seen != NULL};

    memset(all, 0, sizeof(all));
    for (size_t i = 0; i < list.count; i++) {
        all[i].id = all[i].token_id = (const uint8_t *)&ids[i];
        all[i].id_len = all[i].token_id_len = 1;
        all[i].label = "";
        all[i].has_private = seen && strchr(seen, ids[i]);
        all[i].private_unknown = !seen;
    }
    remembered_note(r, &info, &list);
}

static bool
is_known(void *arg, const uint8_t *name)
{
    (void)arg;
    (void)name;
    return false;
}

static bool
add_id(void *arg, struct slice bytes)
{
    struct key_record record;

    assert_true(record_decode(RECORD_key_record, bytes, &record));
    buf_add_slice(arg, record.id);
    return true;
}

static void
assert_remembered(struct remembered *r, const char *ids)
{
    AUTO(buf) struct buf found = {0};

    remembered_each(r, is_known, add_id, &found);
    assert_string_equal(buf_text(&found), ids);
}

/* The same, and after the agent was started again. */
static void
assert_kept(struct remembered *r, const char *ids)
{
    struct remembered *again = mem_new(sizeof(*again));

    assert_remembered(r, ids);
    remembered_open(again, fixture_path("audit.log"));
    assert_remembered(again, ids);
    remembered_drop(again);
    free(again);
}

static void
one_that_is_locked_tells_what_is_new_and_hides_nothing(void **state)
{
    struct remembered *r = mem_new(sizeof(*r));

    (void)state;
    remembered_open(r, fixture_path("audit.log"));
    note(r, "ab", "ab");
    assert_kept(r, "ab");
    note(r, "a", NULL); /* b is out of sight, not gone */
    assert_kept(r, "ab");
    note(r, "ac", NULL);
    assert_kept(r, "ab");
    note(r, "abc", NULL);
    assert_kept(r, "abc");
    note(r, "ac", "ac");
    assert_kept(r, "ac");
    note(r, "", "");
    assert_kept(r, "");
    remembered_drop(r);
    free(r);
}

/* Without a login a certificate alone looks as if it had a key. */
static void
what_was_seen_without_its_key_is_not_taken_for_new_once_locked(void **state)
{
    struct remembered *r = mem_new(sizeof(*r));

    (void)state;
    remembered_open(r, fixture_path("audit.log"));
    note(r, "ab", "a");
    assert_kept(r, "a");
    note(r, "ab", NULL);
    assert_kept(r, "a");
    note(r, "abc", NULL);
    assert_kept(r, "abc");
    note(r, "abc", "ac");
    assert_kept(r, "ac");
    remembered_drop(r);
    free(r);
}

static int
set_up(void **state)
{
    (void)state;
    fixture_open();
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    fixture_close();
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            one_that_is_locked_tells_what_is_new_and_hides_nothing, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            what_was_seen_without_its_key_is_not_taken_for_new_once_locked,
            set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
