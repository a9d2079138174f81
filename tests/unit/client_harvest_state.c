/* What harvest keeps when it is interrupted. */
#include "tests/unit/client_mailbox.h"

/* ---- going on -------------------------------------------------------------
 */

static void
a_key_outlives_a_rename_but_no_change(void **state)
{
    struct seen a = {.count = 0}, b = {.count = 0}, c = {.count = 0};

    (void)state;
    assert_int_equal(system("mkdir -p k/new k/cur; echo a: >k/new/1"), 0);
    assert_int_equal(visit("k", &a), MAILBOX_DONE);
    assert_int_equal(rename("k/new/1", "k/cur/1:2,S"), 0);
    b.skip = a.key[0];
    assert_int_equal(visit("k", &b), MAILBOX_DONE);
    assert_int_equal(b.count, 0);
    assert_int_equal(b.done, 1);
    file_put("k/cur/1:2,S", "a: longer\n");
    c.skip = a.key[0];
    assert_int_equal(visit("k", &c), MAILBOX_DONE);
    assert_int_equal(c.count, 1);
    seen_drop(&a);
    seen_drop(&c);
}

static void
messages_of_an_mbox_have_keys_of_their_own(void **state)
{
    struct seen a = {.count = 0}, b = {.count = 0};

    (void)state;
    file_put("box", DATED "A: 1\n\n" DATED "B: 2\n\n" DATED "C: 3\n");
    assert_int_equal(visit("box", &a), MAILBOX_DONE);
    b.skip = a.key[1];
    assert_int_equal(visit("box", &b), MAILBOX_DONE);
    assert_int_equal(b.count, 2);
    assert_string_equal(b.text[1], "C: 3\n");
    assert_string_equal(b.origin[1], "box:3");
    seen_drop(&a);
    seen_drop(&b);
}

static size_t
state_files(void)
{
    DIR *d = opendir("state/smime-agent/harvest");
    struct dirent *entry;
    size_t n = 0;

    while (d && (entry = readdir(d)) != NULL)
        n += entry->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

static struct harvest_state *
state_open(const char *path, bool again)
{
    char place[128];

    snprintf(place, sizeof(place), "%s/state", folder);
    setenv("XDG_STATE_HOME", place, 1);
    return harvest_state_open(path, again);
}

static void
what_was_done_is_known_until_the_end(void **state)
{
    struct harvest_state *s;

    (void)state;
    assert_int_equal(mkdir("box", 0700), 0);
    s = state_open("box", false);
    assert_non_null(s);
    for (uint64_t i = 1; i <= 5000; i++)
        harvest_state_add(s, i * 0x9e3779b97f4a7c15U);
    harvest_state_drop(&s);

    s = state_open("./box/", false);
    for (uint64_t i = 1; i <= 5000; i++)
        assert_true(harvest_state_has(s, i * 0x9e3779b97f4a7c15U));
    assert_false(harvest_state_has(s, 4711));
    assert_false(harvest_state_has(s, 0));
    harvest_state_drop(&s);

    s = state_open("box", true);
    assert_false(harvest_state_has(s, 0x9e3779b97f4a7c15U));
    harvest_state_add(s, 1);
    harvest_state_finish(s);
    harvest_state_drop(&s);
    assert_int_equal(state_files(), 0);
}

static void
unfinished_ones_do_not_pile_up(void **state)
{
    struct harvest_state *s;

    (void)state;
    for (int i = 0; i < 40; i++) {
        char name[16];

        snprintf(name, sizeof(name), "box%d", i);
        file_put(name, "");
        s = state_open(name, false);
        harvest_state_add(s, 7);
        harvest_state_drop(&s);
    }
    assert_int_equal(state_files(), 32);
    s = state_open("box39", false);
    assert_true(harvest_state_has(s, 7));
    harvest_state_drop(&s);
    assert_int_equal(state_files(), 32);
}

static void
a_stream_and_a_place_that_cannot_be_written_have_no_state(void **state)
{
    struct harvest_state *none = NULL;

    (void)state;
    assert_null(state_open("-", false));
    setenv("XDG_STATE_HOME", "/proc/none", 1);
    assert_null(harvest_state_open(folder, false));
    assert_false(harvest_state_has(none, 1));
    harvest_state_add(none, 1);
    harvest_state_finish(none);
    harvest_state_drop(&none);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_outlives_a_rename_but_no_change),
        TEST(messages_of_an_mbox_have_keys_of_their_own),
        TEST(what_was_done_is_known_until_the_end),
        TEST(unfinished_ones_do_not_pile_up),
        TEST(a_stream_and_a_place_that_cannot_be_written_have_no_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
