/* What harvest reads: the walk, mbox, and what it keeps when interrupted. */
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/mem.h"
#include "client/cli/harvest_state.h"
#include "client/cli/mailbox.h"

#define MOST 64

struct seen {
    char origin[MOST][256];
    char *text[MOST], *as_stored[MOST];
    uint64_t key[MOST];
    bool is_named[MOST];
    size_t count, done;
    char faults[4096];
    int lost;
    uint64_t skip; /* this key is done */
    size_t stop_after;
};

static char *
text_of_fd(int fd)
{
    AUTO(buf) struct buf text = {0};
    char piece[4096];
    ssize_t n;

    if (fd < 0)
        return NULL;
    while ((n = read(fd, piece, sizeof(piece))) > 0)
        buf_add(&text, piece, (size_t)n);
    return mem_text(buf_slice(&text));
}

static bool
on_message(void *context, struct mail_found *m)
{
    struct seen *s = context;
    size_t i = s->count++;

    assert_true(i < MOST);
    snprintf(s->origin[i], sizeof(s->origin[i]), "%s", m->origin);
    s->text[i] = text_of_fd(m->fd);
    s->as_stored[i] = text_of_fd(m->as_stored);
    s->key[i] = m->key;
    s->is_named[i] = m->is_named;
    mail_found_drop(m);
    return s->stop_after == 0 || s->count < s->stop_after;
}

static bool
on_done(void *context, uint64_t key, uint64_t bytes)
{
    struct seen *s = context;

    (void)bytes;
    s->done += key == s->skip;
    return key == s->skip;
}

static void
on_fault(void *context, const char *path, const char *why, bool is_lost)
{
    struct seen *s = context;
    size_t n = strlen(s->faults);

    snprintf(s->faults + n, sizeof(s->faults) - n, "%s: %s\n", path, why);
    s->lost += is_lost;
}

static void
seen_drop(struct seen *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->text[i]);
        free(s->as_stored[i]);
    }
}

static enum mailbox
visit(const char *path, struct seen *s)
{
    const struct mailbox_visitor v = {on_message, on_done, on_fault, s};

    return mailbox_visit(path, &v);
}

static char folder[64];

static int
folder_make(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/client-mailbox.XXXXXX");
    assert_non_null(mkdtemp(folder));
    return chdir(folder);
}

static int
folder_remove(void **state)
{
    char line[128];

    (void)state;
    snprintf(line, sizeof(line), "cd / && rm -rf %s", folder);
    return chdir("/") != 0 || system(line) != 0;
}

static void
file_put(const char *name, const char *text)
{
    FILE *f = fopen(name, "we");

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

#define DATED "From a@b Mon Nov 30 09:00:00 2026\n"

/* ---- mbox -----------------------------------------------------------------
 */

static void
an_mbox_is_cut_at_dated_lines_only(void **state)
{
    struct seen s = {.count = 0};

    (void)state;
    file_put("box",
             DATED "A: 1\n\nFrom here it is text.\n\n"
                   "From - Fri Jul  8 12:08:34 2011\nB: 2\n\n\n" DATED "C: 3");
    assert_int_equal(visit("box", &s), MAILBOX_DONE);
    assert_int_equal(s.count, 3);
    /* The empty line before the next one is mbox's, not the mail's. */
    assert_string_equal(s.text[0], "A: 1\n\nFrom here it is text.\n");
    assert_string_equal(s.text[1], "B: 2\n\n");
    assert_string_equal(s.text[2], "C: 3");
    assert_string_equal(s.origin[1], "box:2");
    assert_false(s.is_named[0]);
    seen_drop(&s);
}

static void
an_mbox_without_dates_is_cut_at_each_from(void **state)
{
    struct seen s = {.count = 0};

    (void)state;
    file_put("box", "From a\nA: 1\n\nFrom b\nB: 2\nFrom c\n\n");
    assert_int_equal(visit("box", &s), MAILBOX_DONE);
    assert_int_equal(s.count, 2);
    assert_string_equal(s.text[1], "B: 2\nFrom c\n");
    seen_drop(&s);
}

static void
an_mbox_with_crlf_is_cut_as_well(void **state)
{
    struct seen s = {.count = 0};

    (void)state;
    file_put("box", "From a@b Mon Nov 30 09:00:00 2026\r\nA: 1\r\n\r\nx\r\n\r\n"
                    "From a@b Tue Dec 1 09:00 2026\r\nB: 2\r\n");
    assert_int_equal(visit("box", &s), MAILBOX_DONE);
    assert_int_equal(s.count, 2);
    assert_string_equal(s.text[0], "A: 1\r\n\r\nx\r\n");
    seen_drop(&s);
}

static void
quoted_lines_are_given_both_ways(void **state)
{
    struct seen s = {.count = 0};

    (void)state;
    file_put("box",
             DATED "A: 1\n\n>From me\n>>From you\n> From\n\n" DATED "B: 2\n");
    assert_int_equal(visit("box", &s), MAILBOX_DONE);
    assert_int_equal(s.count, 2);
    assert_string_equal(s.text[0], "A: 1\n\nFrom me\n>From you\n> From\n");
    assert_string_equal(s.as_stored[0],
                        "A: 1\n\n>From me\n>>From you\n> From\n");
    assert_null(s.as_stored[1]);
    seen_drop(&s);
}

static void
one_mail_keeps_its_quoted_lines_and_its_end(void **state)
{
    struct seen s = {.count = 0};

    (void)state;
    file_put("mail", "A: 1\n\n>From me\n\n");
    assert_int_equal(visit("mail", &s), MAILBOX_DONE);
    assert_int_equal(s.count, 1);
    assert_string_equal(s.text[0], "A: 1\n\n>From me\n\n");
    assert_null(s.as_stored[0]);
    assert_true(s.is_named[0]);
    seen_drop(&s);
}

static void
lines_and_messages_of_any_length_pass(void **state)
{
    struct seen s = {.count = 0};
    const size_t large = 9 * 1024 * 1024;
    char *text = mem_new(large + 64);
    char *at = text + sprintf(text, DATED "A: ");

    (void)state;
    memset(at, 'x', large);
    memcpy(at + large, "\n\n", 2);
    memcpy(at + large / 2, "From ", 5); /* inside a line */
    file_put("box", text);
    FILE *f = fopen("box", "ae");
    fputs(DATED "B: 2\n", f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(visit("box", &s), MAILBOX_DONE);
    assert_int_equal(s.count, 2);
    assert_int_equal(strlen(s.text[0]), large + 4);
    assert_memory_equal(s.text[0], text + strlen(DATED), large + 4);
    assert_string_equal(s.text[1], "B: 2\n");
    seen_drop(&s);
    free(text);
}

static void
nothing_is_no_message(void **state)
{
    struct seen s = {.count = 0};
    FILE *f;

    (void)state;
    f = popen("printf ''", "r");
    assert_non_null(f);
    const struct mailbox_visitor v = {on_message, on_done, on_fault, &s};
    assert_int_equal(mbox_visit(f, "stdin", NULL, &v), MAILBOX_DONE);
    pclose(f);
    assert_int_equal(s.count, 0);
}

static void
a_visitor_that_has_enough_ends_it(void **state)
{
    struct seen s = {.stop_after = 1};

    (void)state;
    file_put("box", DATED "A: 1\n\n" DATED "B: 2\n");
    assert_int_equal(visit("box", &s), MAILBOX_STOPPED);
    assert_int_equal(s.count, 1);
    seen_drop(&s);
}

/* ---- folders --------------------------------------------------------------
 */

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The first letters of all messages, sorted. */
static const char *
letters(struct seen *s)
{
    static char out[MOST + 1];

    qsort(s->text, s->count, sizeof(s->text[0]), by_text);
    for (size_t i = 0; i < s->count; i++)
        out[i] = s->text[i][0];
    out[s->count] = '\0';
    return out;
}

static void
a_maildir_is_read_with_its_subfolders(void **state)
{
    struct seen s = {.count = 0};

    (void)state;
    assert_int_equal(
        system("mkdir -p m/cur m/new m/tmp m/.Sent/cur m/.Sent/tmp m/in/new "
               "m/.cache; echo a: >m/cur/1:2,S; echo b: >m/new/2; echo c: "
               ">m/.Sent/cur/3; echo d: >m/in/new/4; echo X >m/tmp/5; echo X "
               ">m/dovecot-uidlist; echo X >m/.cache/6; echo X >m/cur/.7; "
               "echo X >m/.Sent/tmp/8; echo X >m/.Sent/maildirfolder"),
        0);
    assert_int_equal(visit("m/", &s), MAILBOX_DONE);
    assert_string_equal(letters(&s), "abcd");
    assert_string_equal(s.faults, "");
    seen_drop(&s);
}

static void
other_folders_are_read_with_all_below(void **state)
{
    struct seen s = {.count = 0};

    (void)state;
    assert_int_equal(system("mkdir -p mh/inbox/1999 mh/.git; echo a: >mh/1; "
                            "echo b: >mh/inbox/2; echo c: "
                            ">mh/inbox/1999/x.eml; echo X >mh/.mh_sequences; "
                            "echo X >mh/.git/config"),
                     0);
    file_put("mh/box", DATED "d: 1\n\n" DATED "e: 2\n");
    assert_int_equal(visit("mh", &s), MAILBOX_DONE);
    assert_string_equal(letters(&s), "abcde");
    assert_int_equal(mailbox_measure("mh"), 3 * 3 + 2 * strlen(DATED) + 6 + 5);
    seen_drop(&s);
}

static void
what_cannot_be_read_is_told_and_the_rest_goes_on(void **state)
{
    struct seen s = {.count = 0};

    (void)state;
    assert_int_equal(system("mkdir -p f/sub; mkfifo f/fifo; ln -s gone f/link; "
                            "ln -s self f/self; ln -s .. f/sub/up; ln -s sub "
                            "f/two; echo a: >f/1; echo b: >f/sub/2"),
                     0);
    assert_int_equal(visit("f", &s), MAILBOX_FAILED);
    assert_string_equal(letters(&s), "ab"); /* each once */
    assert_non_null(strstr(s.faults, "f/fifo: it is a FIFO"));
    assert_non_null(strstr(s.faults, "f/link: it is a link to nothing"));
    assert_non_null(strstr(s.faults, "f/self: it is a link to itself"));
    assert_non_null(strstr(s.faults, "a link back to a folder above it"));
    assert_int_equal(s.lost, 3); /* not the loop: its mails were read */
    seen_drop(&s);
}

static void
a_loop_alone_is_no_failure(void **state)
{
    struct seen s = {.count = 0};

    (void)state;
    assert_int_equal(system("mkdir l; ln -s . l/l; echo a: >l/1"), 0);
    assert_int_equal(visit("l", &s), MAILBOX_DONE);
    assert_int_equal(s.count, 1);
    assert_int_equal(s.lost, 0);
    seen_drop(&s);
}

static void
a_path_that_is_not_there_is_told(void **state)
{
    struct seen s = {.count = 0};

    (void)state;
    assert_int_equal(visit("nowhere", &s), MAILBOX_FAILED);
    assert_string_equal(s.faults, "nowhere: No such file or directory\n");
}

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

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_mbox_is_cut_at_dated_lines_only),
        TEST(an_mbox_without_dates_is_cut_at_each_from),
        TEST(an_mbox_with_crlf_is_cut_as_well),
        TEST(quoted_lines_are_given_both_ways),
        TEST(one_mail_keeps_its_quoted_lines_and_its_end),
        TEST(lines_and_messages_of_any_length_pass),
        TEST(nothing_is_no_message),
        TEST(a_visitor_that_has_enough_ends_it),
        TEST(a_maildir_is_read_with_its_subfolders),
        TEST(other_folders_are_read_with_all_below),
        TEST(what_cannot_be_read_is_told_and_the_rest_goes_on),
        TEST(a_loop_alone_is_no_failure),
        TEST(a_path_that_is_not_there_is_told),
        TEST(a_key_outlives_a_rename_but_no_change),
        TEST(messages_of_an_mbox_have_keys_of_their_own),
        TEST(what_was_done_is_known_until_the_end),
        TEST(unfinished_ones_do_not_pile_up),
        TEST(a_stream_and_a_place_that_cannot_be_written_have_no_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
