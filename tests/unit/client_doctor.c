#include "client_command.h"

static void
doctor_says_what_to_type_next(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = "{\"parameters\":{\"keyholder\":true,\"keyring\":true,"
                   "\"anchors\":0}}";
    s.answers[1] = "{\"parameters\":{\"tokens\":[{\"label\":\"mail\","
                   "\"state\":\"locked\"}]}}";
    s.answers[2] = "{\"parameters\":{\"keys\":[]}}";
    s.answers[3] = "{\"parameters\":{\"half_made\":[{\"token\":\"mail\","
                   "\"count\":2}]}}";
    assert_int_equal(run_against(&s, "$S doctor"), 0);
    assert_non_null(strstr(output, "half-made keys on: mail\n  next: smime "
                                   "doctor --clean --token mail\n"));
    assert_non_null(strstr(output, "no trust anchor is there"));
    assert_non_null(strstr(output, "this token is locked: mail\n  next: smime "
                                   "unlock --token mail\n"));
    assert_non_null(strstr(output, "no key is there\n  next: smime import"));
}

static void
doctor_tells_of_a_decryption_key_that_exists_once(void **state)
{
    static const char one[] =
        "{\"parameters\":{\"keys\":[{\"id\":\"0011\",\"uri\":\"pkcs11:a\","
        "\"private\":\"yes\",\"uses\":[\"decrypt\"],\"addresses\":"
        "[\"elena@example.org\"],\"state\":\"ok\"}]}}";
    static const char two[] =
        "{\"parameters\":{\"keys\":[{\"id\":\"0011\",\"uri\":\"pkcs11:a\","
        "\"private\":\"yes\",\"uses\":[\"decrypt\"],\"addresses\":[],"
        "\"state\":\"ok\"},{\"id\":\"0011\",\"uri\":\"pkcs11:b\",\"private\":"
        "\"yes\",\"uses\":[\"decrypt\"],\"addresses\":[],\"state\":\"ok\"}]}}";
    const char *const keys[] = {one, two};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        struct server s;

        server_listen(&s, "");
        s.answers[0] = "{\"parameters\":{\"keyholder\":true,\"keyring\":true,"
                       "\"anchors\":1,\"contacts\":1}}";
        s.answers[1] = "{\"parameters\":{\"tokens\":[{\"label\":\"mail\","
                       "\"state\":\"unlocked\"}]}}";
        s.answers[2] = keys[i];
        s.answers[3] = "{\"parameters\":{\"half_made\":[]}}";
        assert_int_equal(run_against(&s, "$S doctor"), 0);
        if (i == 0)
            assert_non_null(strstr(output, "exists only once"));
        else
            assert_string_equal(output, "All is well.\n");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doctor_says_what_to_type_next),
        cmocka_unit_test(doctor_tells_of_a_decryption_key_that_exists_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
