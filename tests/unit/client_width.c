/* How wide names in any script are, and tables of them on a terminal. */
#include <cmocka.h>

#include "client/cli/width.h"
#include "client_command.h"

static void
each_script_has_its_width(void **state)
{
    static const struct {
        const char *text;
        size_t width;
    } rows[] = {
        {"", 0},
        {"max@example.org", 15},
        {"J\u00f6rg", 4},
        {"Jo\u0308rg", 4},                     /* combining */
        {"\u5c71\u7530 \u592a\u90ce", 9},      /* Chinese characters */
        {"\uae40\ucca0\uc218", 6},             /* Hangul */
        {"\u0412\u0430\u0441\u044f", 4},       /* Cyrillic */
        {"\u0645\u062d\u0645\u062f", 4},       /* Arabic */
        {"\u0e2a\u0e21\u0e0a\u0e31\u0e22", 4}, /* Thai, a mark above */
        {"\uff2d", 2},                         /* fullwidth M */
        {"\U0001f511", 2},                     /* key */
        {"\u2764\ufe0f", 2},                   /* heart as emoji */
        {"\U0001f469\u200d\U0001f4bb", 2},     /* woman, joined to computer */
        {"\U0001f44d\U0001f3fd", 2},           /* with a skin tone */
        {"\U0001f1e9\U0001f1ea", 2},           /* a flag */
        {"\u200b", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (text_width(rows[i].text) != rows[i].width)
            print_error("%s\n", rows[i].text);
        assert_int_equal(text_width(rows[i].text), rows[i].width);
    }
}

static void
nothing_is_cut_in_two(void **state)
{
    size_t width;

    (void)state;
    assert_int_equal(text_fit("abc", 2, &width), 2);
    assert_int_equal(width, 2);
    /* A wide one does not fit into one column. */
    assert_int_equal(text_fit("\u5c71\u7530", 3, &width), 3);
    assert_int_equal(width, 2);
    assert_int_equal(text_fit("o\u0308x", 1, &width), 3);
    assert_int_equal(text_fit("\U0001f44d\U0001f3fd!", 2, &width), 8);
    assert_int_equal(text_fit("\U0001f1e9\U0001f1ea", 1, &width), 0);
}

/* ---- contacts on a terminal -----------------------------------------------
 */

static const char people[] =
    "{\"parameters\":{\"contacts\":["
    "{\"address\":\"max@example.org\",\"name\":\"Max\",\"state\":"
    "\"verified\",\"can_encrypt\":true,\"not_after\":4070908800},"
    "{\"address\":\"taro.yamada.of.tokyo@subsidiary.example.co.jp\","
    "\"name\":\"\u5c71\u7530 \u592a\u90ce\",\"state\":\"changed\","
    "\"can_encrypt\":false,\"not_after\":4070908800},"
    "{\"address\":\"eve@example.org\",\"name\":\"E\\u001b[2J\\u202eve\","
    "\"state\":\"blocked\",\"can_encrypt\":false,\"not_after\":"
    "4070908800}]}}";

/* The lines that a terminal of COLUMNS gets. */
static void
list_on(int columns, const char *before)
{
    struct server s;
    char line[512];

    server_listen(&s, "");
    s.answers[0] = people;
    snprintf(line, sizeof(line),
             "%s script -qec \"stty cols %d; $S contacts list\" /dev/null "
             "</dev/null",
             before, columns);
    assert_int_equal(run_against(&s, line), 0);
}

/* The column in which WORD stands on its line; -1: nowhere. */
static int
column_of(const char *word)
{
    char before[512];
    const char *at = strstr(output, word), *start = at;

    if (!at)
        return -1;
    while (start > output && start[-1] != '\n')
        start--;
    snprintf(before, sizeof(before), "%.*s", (int)(at - start), start);
    return (int)text_width(before);
}

static bool
lines_fit(size_t columns)
{
    char copy[sizeof(output)], *save = NULL;

    memcpy(copy, output, sizeof(copy));
    for (char *line = strtok_r(copy, "\r\n", &save); line;
         line = strtok_r(NULL, "\r\n", &save))
        if (text_width(line) > columns)
            return false;
    return true;
}

static void
columns_fit_the_terminal(void **state)
{
    (void)state;
    list_on(80, "NO_COLOR=1 TERM=xterm");
    assert_true(lines_fit(80));
    assert_int_equal(column_of("verified"), column_of("changed"));
    assert_int_equal(column_of("verified"), column_of("blocked"));
    assert_non_null(strstr(output, "\u2026"));
    assert_non_null(strstr(output, "\u5c71\u7530 \u592a\u90ce"));
    list_on(40, "NO_COLOR=1 TERM=xterm");
    assert_true(lines_fit(40));
    assert_non_null(strstr(output, "max@example"));
    assert_int_equal(column_of("verified"), column_of("changed"));
    list_on(20, "NO_COLOR=1 TERM=xterm");
    assert_true(lines_fit(20));
    assert_non_null(strstr(output, "max@exam"));
    assert_int_equal(column_of("verified"), column_of("changed"));
}

static void
why_fits_the_terminal_too(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] =
        "{\"parameters\":{\"can_encrypt\":true,\"choices\":[{\"chosen\":true,"
        "\"reason\":\"the newest\",\"state\":\"seen\",\"fingerprint\":"
        "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
        "\"subject\":\"CN=Max of the long names,O=An organisation of "
        "many\"}]}}";
    assert_int_equal(
        run_against(&s,
                    "script -qec \"stty cols 40; $S contacts show --why a@b\""
                    " /dev/null </dev/null | tail -n +2"),
        0);
    assert_true(lines_fit(40));
    assert_non_null(strstr(output, "CDEF"));
}

/* A signed mail would not: the pin decides. */
static void
why_names_what_helps_against_a_pin(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] =
        "{\"parameters\":{\"can_encrypt\":false,\"reason\":\"the pinned one "
        "cannot be used: certificate revoked\",\"choices\":[{\"state\":"
        "\"changed\"}]}}";
    assert_int_equal(run_against(&s, "$S contacts show --why a@b"), 0);
    assert_non_null(strstr(output, "next: let another count with: smime "
                                   "contacts unpin a@b\n"));
    assert_null(strstr(output, "signed mail"));
}

static void
colours_are_for_terminals_that_want_them(void **state)
{
    struct server s;

    (void)state;
    list_on(80, "NO_COLOR= TERM=xterm");
    assert_non_null(strstr(output, "\033[33mchanged\033[0m"));
    list_on(80, "NO_COLOR=1 TERM=xterm");
    assert_null(strchr(output, '\033'));
    list_on(80, "TERM=dumb");
    assert_null(strchr(output, '\033'));
    server_listen(&s, "");
    s.answers[0] = people;
    assert_int_equal(run_against(&s, "$S contacts list"), 0);
    assert_null(strchr(output, '\033'));
}

static void
without_a_terminal_nothing_is_cut(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = people;
    assert_int_equal(run_against(&s, "$S contacts list"), 0);
    assert_non_null(
        strstr(output, "taro.yamada.of.tokyo@subsidiary.example.co.jp"));
    assert_null(strstr(output, "\u2026"));
    /* What would clear the screen or turn the line is shown as it is. */
    assert_non_null(strstr(output, "E\\x1b[2J\\xe2\\x80\\xaeve"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_script_has_its_width),
        cmocka_unit_test(nothing_is_cut_in_two),
        cmocka_unit_test(columns_fit_the_terminal),
        cmocka_unit_test(why_fits_the_terminal_too),
        cmocka_unit_test(why_names_what_helps_against_a_pin),
        cmocka_unit_test(colours_are_for_terminals_that_want_them),
        cmocka_unit_test(without_a_terminal_nothing_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
