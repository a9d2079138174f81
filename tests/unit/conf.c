/* How agent.conf is read, and what is said of lines that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/conf.h"
#include "places_of_tests.h"

static char file[] = "/tmp/smime-conf-XXXXXX";
static struct buf said;
static struct buf values;

static enum conf_answer
take(void *user, const struct conf_line *l)
{
    unsigned number;
    bool flag;

    (void)user;
    buf_addf(&values, "%s|", l->value);
    if (strcmp(l->section, "tokens") == 0)
        return strcmp(l->name, "pin-tries") == 0 && conf_number(l, &number)
                   ? CONF_TAKEN
                   : CONF_WRONG;
    if (strcmp(l->section, "pin") == 0)
        return strcmp(l->name, "cache") == 0 && conf_flag(l->value, &flag)
                   ? CONF_TAKEN
                   : CONF_WRONG;
    if (strcmp(l->section, "module x") == 0)
        return CONF_TAKEN;
    return CONF_OTHER;
}

static void
complain(void *user, const char *text)
{
    (void)user;
    assert_memory_equal(text, file, strlen(file));
    buf_addf(&said, "%s\n", text + strlen(file));
}

static const char *
complaints(const char *text, bool all)
{
    const struct conf_reader reader = {
        .take = take, .complain = complain, .strays = all, .broken = all};
    FILE *to = fopen(file, "w");

    assert_non_null(to);
    assert_true(fputs(text, to) >= 0);
    assert_int_equal(fclose(to), 0);
    buf_clear(&said);
    buf_clear(&values);
    conf_read(file, &reader);
    return buf_text(&said);
}

static void
a_wrong_value_is_told_with_its_line_and_what_is_allowed(void **state)
{
    (void)state;
    assert_string_equal(
        complaints("# one\n\n[pin]\ncache = maybe\n[tokens]\n"
                   "pin-tries = 4\npin-tries = 3\n",
                   false),
        ", line 4: [pin] cache = maybe is not understood; allowed: yes or no\n"
        ", line 6: [tokens] pin-tries = 4 is not understood; allowed: 1 to "
        "3\n");
}

static void
no_number_is_taken_from_another_text(void **state)
{
    const char *const wrong[] = {"",    "0",          "4",
                                 "-1",  "+1",         "1x",
                                 "0x1", "4294967297", "18446744073709551617",
                                 "one"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        unsigned out = 77;
        const struct conf_line l = {file, 1, "tokens", "pin-tries", wrong[i]};

        assert_false(conf_number(&l, &out));
        assert_int_equal(out, 77);
    }
}

static void
a_name_that_is_not_there_is_told_with_those_that_are(void **state)
{
    (void)state;
    assert_string_equal(complaints("[pin]\ncach = yes\n", false),
                        ", line 2: [pin] has no \"cach\"; it has: cache, idle, "
                        "limit, over-removal\n");
}

static void
what_is_for_nobody_is_told_by_one_who_reads_all(void **state)
{
    const char *text = "stray = 1\n[pins]\ncache = yes\n[sign]\ncolour = x\n";

    (void)state;
    assert_string_equal(complaints(text, false), "");
    assert_string_equal(
        complaints(text, true),
        ", line 1: \"stray\" stands before the first [section]\n"
        ", line 3: there is no section [pins]; there are: [anchors], "
        "[consent], [contacts], [decrypt], [directory], [encrypt], [key NAME], "
        "[lock], [mail], [module NAME], [modules], [pin], [pinentry], "
        "[program NAME], [raw], [sendmail], [sendmail from NAME], [sendmail to "
        "NAME], [sign], [tokens]\n");
}

static void
a_line_that_is_none_is_told(void **state)
{
    const char *text = "[pin]\ncache = yes\nnothing\ncache = no\n";

    (void)state;
    assert_string_equal(complaints(text, true),
                        ", line 3: the line is neither [section] nor name = "
                        "value\n");
    assert_string_equal(buf_text(&values), "yes|no|");
}

/* The rest of it would be a line of its own, e.g. system = yes. */
static void
a_line_that_is_too_long_is_cut_and_told(void **state)
{
    AUTO(buf) struct buf text = {0};

    (void)state;
    buf_add_text(&text, "[module x]\ninit = ");
    for (int i = 0; i < 300; i++)
        buf_add_byte(&text, 'a');
    buf_add_text(&text, " other = yes\n[pin]\ncache = maybe\n");
    assert_string_equal(complaints(buf_text(&text), false),
                        ", line 2: the line is too long: what is behind the "
                        "first 192 bytes of its value does not count\n"
                        ", line 4: [pin] cache = maybe is not understood; "
                        "allowed: yes or no\n");
    assert_null(strstr(buf_text(&values), "|yes|"));
}

static void
a_file_that_cannot_be_read_is_told_and_an_absent_one_not(void **state)
{
    const struct conf_reader reader = {.take = take, .complain = complain};

    (void)state;
    assert_int_equal(unlink(file), 0);
    buf_clear(&said);
    conf_read(file, &reader);
    assert_int_equal(said.len, 0);
    assert_int_equal(mkdir(file, 0700), 0);
    conf_read(file, &reader);
    assert_non_null(strstr(buf_text(&said), " cannot be read: "));
    assert_int_equal(rmdir(file), 0);
}

/* ---- agent.conf(5) ------------------------------------------------------- */

static const struct {
    const char *section;
    const char *name;
} rows[] = {
#define CONF_WORDS(section, name, words)        {section, name},
#define CONF_NUMBER(section, name, least, most) {section, name},
#include "agent/base/conf.def"
#undef CONF_NUMBER
#undef CONF_WORDS
};

/* Whether LINE begins the description of a section, and this one. */
static bool
is_heading_of(const char *line, const char *section)
{
    char wanted[64];
    size_t n = strlen(section);

    snprintf(wanted, sizeof(wanted), "[%.*s%s",
             (int)(n - (section[n - 1] == ' ')), section,
             section[n - 1] == ' ' ? " Ar" : "]");
    return strstr(line, wanted) != NULL;
}

static bool
is_described(FILE *man, const char *section, const char *name)
{
    char line[512], wanted[64];
    bool is_in = false;

    snprintf(wanted, sizeof(wanted), ".It Cm %s\n", name);
    rewind(man);
    while (fgets(line, sizeof(line), man)) {
        if (strncmp(line, ".It Sy [", 8) == 0)
            is_in = is_heading_of(line, section);
        if (is_in && strcmp(line, wanted) == 0)
            return true;
    }
    return false;
}

static void
the_manual_page_describes_each_line_and_no_other(void **state)
{
    FILE *man = fopen(SMIME_SOURCE_DIR "/client/man/agent.conf.5", "r");
    char line[512], name[64], heading[512] = "";

    (void)state;
    assert_non_null(man);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (!is_described(man, rows[i].section, rows[i].name))
            fail_msg("[%s] %s", rows[i].section, rows[i].name);
    rewind(man);
    while (fgets(line, sizeof(line), man)) {
        bool is_known = false;

        if (strncmp(line, ".It Sy [", 8) == 0)
            snprintf(heading, sizeof(heading), "%s", line);
        if (sscanf(line, ".It Cm %63s", name) != 1)
            continue;
        for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
            is_known |= is_heading_of(heading, rows[i].section) &&
                        strcmp(rows[i].name, name) == 0;
        if (!is_known)
            fail_msg("%s: %s", heading, name);
    }
    fclose(man);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_wrong_value_is_told_with_its_line_and_what_is_allowed),
        cmocka_unit_test(no_number_is_taken_from_another_text),
        cmocka_unit_test(a_name_that_is_not_there_is_told_with_those_that_are),
        cmocka_unit_test(what_is_for_nobody_is_told_by_one_who_reads_all),
        cmocka_unit_test(a_line_that_is_none_is_told),
        cmocka_unit_test(a_line_that_is_too_long_is_cut_and_told),
        cmocka_unit_test(
            a_file_that_cannot_be_read_is_told_and_an_absent_one_not),
        cmocka_unit_test(the_manual_page_describes_each_line_and_no_other),
    };
    int fd = mkstemp(file);
    int failed;

    if (fd < 0 || close(fd) != 0)
        return 70;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(file);
    buf_drop(&said);
    buf_drop(&values);
    return failed;
}
