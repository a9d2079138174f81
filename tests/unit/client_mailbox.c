/* What harvest reads: the walk, and mbox. */
#include "tests/unit/client_mailbox.h"

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
empty_lines_before_an_mbox_are_of_no_message(void **state)
{
    struct seen s = {.count = 0};

    (void)state;
    file_put("box", "\n\r\n" DATED "A: 1\n\n" DATED "B: 2\n");
    assert_int_equal(visit("box", &s), MAILBOX_DONE);
    assert_int_equal(s.count, 2);
    assert_string_equal(s.text[0], "A: 1\n");
    assert_string_equal(s.origin[0], "box:1");
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
a_subfolder_called_new_makes_no_maildir(void **state)
{
    struct seen s = {.count = 0};

    (void)state;
    assert_int_equal(system("mkdir -p mails/new; echo a: >mails/a.eml; "
                            "echo b: >mails/new/b.eml"),
                     0);
    assert_int_equal(visit("mails", &s), MAILBOX_DONE);
    assert_string_equal(letters(&s), "ab");
    seen_drop(&s);
}

static void
what_is_compressed_is_told(void **state)
{
    struct seen s = {.count = 0};

    (void)state;
    assert_int_equal(mkdir("mails", 0700), 0);
    file_put("mails/2020.mbox.gz", "\x1f\x8b\x08 and so on");
    file_put("mails/a.eml", "a: 1\n");
    assert_int_equal(visit("mails", &s), MAILBOX_FAILED);
    assert_int_equal(s.count, 1);
    assert_non_null(strstr(s.faults, "2020.mbox.gz: it is compressed"));
    assert_int_equal(s.lost, 1);
    assert_int_equal(visit("mails/2020.mbox.gz", &s), MAILBOX_FAILED);
    assert_int_equal(s.lost, 2);
    seen_drop(&s);
}

/* With what helps, each. */
static void
forms_of_other_programs_are_told(void **state)
{
    static const struct {
        const char *start, *says;
    } rows[] = {{"PK\x03\x04", "unzip"},
                {"!BDN", "readpst"},
                {"\xd0\xcf\x11\xe0", "msgconvert"},
                {"2 M1e C5f3b2c1d\n", "doveadm backup"},
                {"BZh91AY&SY\x01\x02", "bzcat"},
                {"\1\1\1\1\nA: 1\n", "MMDF"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct seen s = {.count = 0};

        file_put("file", rows[i].start);
        assert_int_equal(visit("file", &s), MAILBOX_FAILED);
        assert_non_null(strstr(s.faults, rows[i].says));
        seen_drop(&s);
    }
}

static void
bytes_put(const char *path, const char *bytes, size_t n)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Its sender chooses what its header holds, and where. */
static void
a_mail_is_no_archive_whatever_it_begins_with(void **state)
{
    static const char *const starts[] = {
        "BZh: 1\n", "BZh91AY&SY: 1\n", "!BDN: 1\n", "A: 1\n",
        "From a@example.org Tue Dec  1 12:00:00 2026\nA: 1\n"};
    char bytes[512];
    struct seen s = {.count = 0};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(starts); i++) {
        memset(bytes, 'x', sizeof(bytes));
        memcpy(bytes, starts[i], strlen(starts[i]));
        memcpy(bytes + 255, "B:ustar", 7);
        bytes_put("file", bytes, sizeof(bytes));
        assert_int_equal(visit("file", &s), MAILBOX_DONE);
        assert_int_equal(s.count, i + 1);
    }
    /* An archive of a Maildir has names with colons. */
    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, "cur/1.host:2,S", 14);
    memcpy(bytes + 257, "ustar", 5);
    bytes_put("file", bytes, sizeof(bytes));
    assert_int_equal(visit("file", &s), MAILBOX_FAILED);
    assert_non_null(strstr(s.faults, "tar -C"));
    seen_drop(&s);
}

static void
the_mail_in_an_emlx_is_read(void **state)
{
    struct seen s = {.count = 0};

    (void)state;
    assert_int_equal(mkdir("mails", 0700), 0);
    file_put("mails/1.emlx", "8     \nA: 1\n\nx\n<?xml version=\"1.0\"?>\n");
    file_put("mails/2.emlx", "800\nB: 1\n");
    file_put("mails/3.eml", "12: 1\n");
    assert_int_equal(visit("mails", &s), MAILBOX_FAILED);
    assert_int_equal(s.count, 2);
    assert_string_equal(s.text[strcmp(s.origin[0], "mails/1.emlx") != 0],
                        "A: 1\n\nx\n");
    assert_non_null(strstr(s.faults, "2.emlx: it ends early"));
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_mbox_is_cut_at_dated_lines_only),
        TEST(an_mbox_without_dates_is_cut_at_each_from),
        TEST(an_mbox_with_crlf_is_cut_as_well),
        TEST(empty_lines_before_an_mbox_are_of_no_message),
        TEST(quoted_lines_are_given_both_ways),
        TEST(one_mail_keeps_its_quoted_lines_and_its_end),
        TEST(lines_and_messages_of_any_length_pass),
        TEST(nothing_is_no_message),
        TEST(a_visitor_that_has_enough_ends_it),
        TEST(a_maildir_is_read_with_its_subfolders),
        TEST(other_folders_are_read_with_all_below),
        TEST(a_subfolder_called_new_makes_no_maildir),
        TEST(what_is_compressed_is_told),
        TEST(forms_of_other_programs_are_told),
        TEST(a_mail_is_no_archive_whatever_it_begins_with),
        TEST(the_mail_in_an_emlx_is_read),
        TEST(what_cannot_be_read_is_told_and_the_rest_goes_on),
        TEST(a_loop_alone_is_no_failure),
        TEST(a_path_that_is_not_there_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
