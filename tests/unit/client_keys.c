/* smime keys: what is listed, what expires, what comes next. */
#include "client_command.h"

static void
keys_are_shown_in_lines_and_can_be_chosen_by_their_end(void **state)
{
    static const char keys[] =
        "{\"parameters\":{\"keys\":[{\"id\":\"00112233445566778899aabb\","
        "\"algorithm\":\"RSA-3072\",\"private\":\"yes\",\"uses\":[\"sign\","
        "\"decrypt\"],\"addresses\":[\"elena@example.org\"],\"token\":\"mail\","
        "\"not_after\":4102444800,\"state\":\"ok\"},{\"id\":\"ff\",\"label\":"
        "\"old\",\"private\":\"no\",\"addresses\":[],\"token\":\"mail\","
        "\"not_after\":1000000000,\"state\":\"expired\"}]}}";
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = s.answers[3] = keys;
    s.answers[1] = s.answers[4] = "{\"parameters\":{\"modules\":[]}}";
    s.answers[2] = s.answers[5] =
        "{\"parameters\":{\"tokens\":[{\"label\":\"mail\",\"state\":"
        "\"unlocked\",\"locks_in_seconds\":119,\"pin_kept_seconds\":7200},"
        "{\"label\":\"other\",\"state\":\"locked\"}]}}";
    assert_int_equal(run_against(&s, "$S keys; echo --; $S keys --expiring 30"),
                     0);
    assert_string_equal(
        output,
        "elena@example.org  RSA-3072  until 2100-01-01    mail  sign, decrypt  "
        " 0011223344556677\n"
        "old                          EXPIRED 2001-09-09  mail  no private key "
        " ff\n"
        "--\n"
        "old  EXPIRED 2001-09-09  mail  no private key  ff\n");
    assert_string_equal(errors,
                        "Token mail: unlocked, locks after 119 s without use, "
                        "PIN kept for 2 h\n"
                        "Token mail: unlocked, locks after 119 s without use, "
                        "PIN kept for 2 h\n");
}

#define CERTIFIED(key, from, end)                                              \
    "{\"id\":\"01\",\"public_key\":\"" key "\",\"addresses\":[\"a@b.c\"],"     \
    "\"label\":\"" from "\",\"not_before\":" from ",\"not_after\":" end        \
    ",\"state\":\"ok\"}"

static void
what_has_been_renewed_does_not_expire(void **state)
{
    static const struct {
        const char *keys;
        bool told;
    } all[] = {
        {CERTIFIED("aa", "10", "20") "," CERTIFIED("aa", "15", "4102444800"),
         false},
        /* issued later, but for a shorter time */
        {CERTIFIED("aa", "15", "20") "," CERTIFIED("aa", "10", "4102444800"),
         true},
        {CERTIFIED("aa", "10", "20") "," CERTIFIED("bb", "15", "4102444800"),
         true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        char answer[1024];
        struct server s;

        snprintf(answer, sizeof(answer), "{\"parameters\":{\"keys\":[%s]}}",
                 all[i].keys);
        server_listen(&s, "");
        s.answers[0] = answer;
        s.answers[1] = "{\"parameters\":{\"modules\":[]}}";
        s.answers[2] = "{\"parameters\":{\"tokens\":[]}}";
        assert_int_equal(run_against(&s, "$S keys --expiring 30"), 0);
        if (all[i].told)
            assert_non_null(strstr(output, "a@b.c"));
        else
            assert_string_equal(output, "No key expires that soon.\n");
    }
}

static void
no_key_has_the_way_that_fits_the_tokens(void **state)
{
    static const struct {
        const char *tokens, *next;
        bool may_hide;
    } all[] = {
        {"", "or: smime import FILE.p12", false},
        {"{\"state\":\"empty\"}", "the empty one: smime tokens init LABEL\n",
         false},
        {"{\"state\":\"empty\"},{\"state\":\"unlocked\"}",
         "or: smime import FILE.p12", false},
        {"{\"state\":\"empty\"},{\"state\":\"locked\"}",
         "or: smime import FILE.p12", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        char answer[256];
        struct server s;

        snprintf(answer, sizeof(answer), "{\"parameters\":{\"tokens\":[%s]}}",
                 all[i].tokens);
        server_listen(&s, "");
        s.answers[0] = "{\"parameters\":{\"keys\":[]}}";
        s.answers[1] = "{\"parameters\":{\"modules\":[]}}";
        s.answers[2] = answer;
        assert_int_equal(run_against(&s, "$S keys"), 0);
        assert_non_null(strstr(output, all[i].next));
        assert_int_equal(strstr(output, "smime unlock") != NULL,
                         all[i].may_hide);
    }
}

static void
removing_a_key_wants_a_yes(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = "{\"parameters\":{\"keys\":[{\"id\":\"00112233\",\"uri\":"
                   "\"pkcs11:a\",\"addresses\":[]}]}}";
    assert_int_equal(
        run_against(&s, "setsid -w $S keys remove 0011 </dev/null"), 8);
    assert_int_equal(s.count, 1);
    assert_non_null(strstr(errors, "--yes"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            keys_are_shown_in_lines_and_can_be_chosen_by_their_end),
        cmocka_unit_test(what_has_been_renewed_does_not_expire),
        cmocka_unit_test(no_key_has_the_way_that_fits_the_tokens),
        cmocka_unit_test(removing_a_key_wants_a_yes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
