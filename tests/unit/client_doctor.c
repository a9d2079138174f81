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
    s.answers[3] =
        "{\"parameters\":{\"half_made\":[{\"token\":\"mail\","
        "\"count\":2}],\"nameless\":[{\"token\":\"odd\",\"count\":3}],"
        "\"unfinished\":[\"pkcs11:token=spare\"],"
        "\"unmatched_rules\":[\"max@exmaple.org\"],\"keyless\":[{"
        "\"id\":\"0a\",\"uri\":\"pkcs11:id=%0a\",\"token\":\"mail\","
        "\"state\":\"expired\",\"addresses\":[\"a@b.c\"]},{"
        "\"id\":\"\",\"uri\":\"pkcs11:id=\",\"token\":\"mail\","
        "\"state\":\"no_certificate\",\"label\":\"half\"}]}}";
    s.answers[4] = "{\"parameters\":{\"modules\":[{\"name\":\"slow\",\"state\":"
                   "\"hangs\",\"call\":\"C_Sign\",\"seconds\":12},{\"name\":"
                   "\"bad\",\"state\":\"skipped\",\"call\":\"C_Initialize\"},"
                   "{\"name\":\"blind\",\"state\":\"failing\",\"call\":"
                   "\"C_GetSlotList\",\"code\":48,\"error\":\"CKR_X\"},"
                   "{\"name\":\"half\",\"state\":\"failing\",\"call\":"
                   "\"C_GetTokenInfo\",\"code\":48},"
                   "{\"name\":\"stuck\",\"state\":\"skipped\",\"call\":"
                   "\"dlopen\",\"seconds\":5},"
                   "{\"name\":\"good\",\"state\":\"ready\"},{\"name\":"
                   "\"gone\",\"state\":\"failed\"}]}}";
    s.answers[5] = "{\"parameters\":{\"anchors\":[],\"crls\":[{\"source\":"
                   "\"/c/old.crl\",\"next_update\":1000}],\"unreadable\":"
                   "[{\"source\":\"/a/b.pem\",\"why\":\"it is broken\"}]}}";
    s.answers[6] = "{\"parameters\":{\"directory\":{\"state\":\"silent\","
                   "\"detail\":\"ldap://a: it is asleep\"}}}";
    assert_int_equal(run_against(&s, "$S doctor"), 0);
    assert_non_null(strstr(output, "the directory gives no answer: ldap://a: "
                                   "it is asleep\n  next: check"));
    assert_non_null(strstr(output, "half-made keys on: mail\n  next: smime "
                                   "doctor --clean --token mail\n"));
    assert_non_null(strstr(output, "bytes, cannot be used, on token: odd (3)\n"
                                   "  next: give each a CKA_ID"));
    assert_non_null(strstr(output,
                           "this certificate has no key: a@b.c on token mail\n"
                           "  next: insert the token with its key, if there is "
                           "one; to take it away: smime keys remove 0a\n"));
    assert_non_null(strstr(output, "this public key has no private key: half "
                                   "on token mail\n  next: remove it with the "
                                   "program"));
    assert_non_null(strstr(output, "a write was cut off; it is taken back when "
                                   "this token is next unlocked: "
                                   "pkcs11:token=spare\n  next: insert"));
    assert_non_null(strstr(output, "no key that is there is meant by this rule "
                                   "of agent.conf: [key max@exmaple.org]\n"
                                   "  next: see the ids and addresses"));
    assert_non_null(strstr(output, "the module slow does not answer (in C_Sign "
                                   "for 12 s)"));
    assert_non_null(strstr(output, "the module bad ended the process of the "
                                   "tokens (in C_Initialize)"));
    assert_non_null(strstr(output, "the module stuck did not come back from "
                                   "being loaded (in dlopen for 5 s)"));
    assert_non_null(strstr(output, "the module gone cannot be loaded"));
    assert_non_null(strstr(output, "the module blind does not tell which "
                                   "tokens are there (C_GetSlotList: CKR_X)\n"
                                   "  next: see that the reader"));
    assert_non_null(strstr(output, "the module half cannot read a token that "
                                   "is there (C_GetTokenInfo: 0x30)\n"
                                   "  next: take that token out"));
    assert_null(strstr(output, "module good"));
    assert_non_null(strstr(output, "no trust anchor is there"));
    assert_non_null(strstr(output, "does not count: /a/b.pem: it is broken\n"));
    assert_non_null(strstr(output, "out of date, nobody is cleared by it: "
                                   "/c/old.crl\n"));
    assert_non_null(strstr(output, "this token is locked: mail\n  next: smime "
                                   "unlock --token mail\n"));
    assert_non_null(strstr(output, "no key is seen; a locked token may hide "
                                   "its keys\n  next: smime unlock"));
}

static void
look_at(const char *tokens)
{
    char answer[512];
    struct server s;

    server_listen(&s, "");
    snprintf(answer, sizeof(answer), "{\"parameters\":{\"tokens\":[%s]}}",
             tokens);
    s.answers[0] = "{\"parameters\":{\"keyholder\":true,\"keyring\":true,"
                   "\"anchors\":1,\"contacts\":1}}";
    s.answers[1] = answer;
    s.answers[2] = "{\"parameters\":{\"keys\":[]}}";
    s.answers[3] = "{\"parameters\":{\"half_made\":[]}}";
    s.answers[4] = "{\"parameters\":{\"modules\":[]}}";
    s.answers[5] = "{\"parameters\":{\"crls\":[],\"unreadable\":[]}}";
    s.answers[6] = "{\"parameters\":{\"directory\":{\"state\":\"off\"}}}";
    assert_int_equal(run_against(&s, "$S doctor"), 0);
}

static void
a_label_is_spelt_out_where_a_shell_takes_it_for_one_word(void **state)
{
    (void)state;
    look_at("{\"label\":\"My card\",\"state\":\"locked\"}");
    assert_non_null(strstr(output, "smime unlock --token 'My card'\n"));
    look_at("{\"label\":\"a' ; rm -rf b\",\"state\":\"locked\"}");
    assert_non_null(strstr(output, "smime unlock --token LABEL\n"));
    look_at("{\"label\":\"--pin-fd\",\"state\":\"locked\"}");
    assert_non_null(strstr(output, "smime unlock --token LABEL\n"));
    look_at("{\"label\":\"pkcs11:a\",\"state\":\"locked\"}");
    assert_non_null(strstr(output, "smime unlock --token LABEL\n"));
}

static void
a_label_that_names_no_token_gives_way_to_its_serial(void **state)
{
    (void)state;
    look_at("{\"label\":\"a\\u001b[31m\",\"serial\":\"12\",\"state\":"
            "\"locked\"}");
    assert_non_null(strstr(output, "smime unlock --token 12\n"));
    look_at("{\"label\":\"\",\"serial\":\"12\",\"state\":\"locked\"}");
    assert_non_null(strstr(output, "this token is locked: 12\n  next: smime "
                                   "unlock --token 12\n"));
    look_at("{\"label\":\"a\",\"serial\":\"12\",\"state\":\"locked\"},"
            "{\"label\":\"a\",\"serial\":\"13\",\"state\":\"locked\"}");
    assert_non_null(strstr(output, "smime unlock --token 12\n"));
    assert_non_null(strstr(output, "smime unlock --token 13\n"));
    look_at("{\"label\":\"a\",\"serial\":\"1'2\",\"state\":\"locked\"},"
            "{\"label\":\"a\",\"serial\":\"\",\"state\":\"locked\"}");
    assert_non_null(strstr(output, "smime unlock --token LABEL\n"));
}

static void
each_state_of_a_token_has_its_way_out(void **state)
{
    (void)state;
    look_at("{\"label\":\"a\",\"state\":\"locked\",\"tries_left\":1}");
    assert_non_null(strstr(output, "one try is left before"));
    assert_non_null(strstr(output, "smime pin unblock --token a\n"));
    look_at("{\"label\":\"a\",\"state\":\"locked\",\"pin_low\":true}");
    assert_non_null(strstr(output,
                           "a wrong PIN was given before: a\n  next: be "
                           "sure of the PIN, then: smime unlock "
                           "--token a\n"));
    look_at("{\"label\":\"a\",\"state\":\"locked\",\"tries_left\":2}");
    assert_null(strstr(output, "try is left"));
    look_at("{\"label\":\"a\",\"state\":\"blocked\",\"tries_left\":0}");
    assert_non_null(strstr(output, "is blocked: a\n  next: smime pin unblock"));
    /* Not "change its PIN": it has none. */
    look_at("{\"label\":\"\",\"state\":\"empty\",\"pin_must_change\":true}");
    assert_non_null(strstr(output, "next: smime tokens init LABEL"));
    assert_null(strstr(output, "pin change"));
    /* Nor is there a token to import to. */
    assert_null(strstr(output, "no key is there"));
    look_at("");
    assert_non_null(strstr(output, "no token is there"));
    assert_null(strstr(output, "no key is there"));
    /* What wants no PIN is nobody's task. */
    look_at("{\"label\":\"a\",\"state\":\"open\",\"pin_set\":false}");
    assert_null(strstr(output, "PIN"));
    assert_non_null(strstr(output, "no key is there"));
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
        s.answers[4] = "{\"parameters\":{\"modules\":[]}}";
        s.answers[5] = "{\"parameters\":{\"crls\":[{\"source\":\"/c\","
                       "\"next_update\":99999999999}],\"unreadable\":[]}}";
        s.answers[6] = "{\"parameters\":{\"directory\":{\"state\":\"off\"}}}";
        assert_int_equal(run_against(&s, "$S doctor"), 0);
        if (i == 0)
            assert_non_null(strstr(output, "exists only once"));
        else
            assert_string_equal(output, "All is well.\n");
    }
}

/* What doctor says of KEYS and KEYLESS, both lists of objects. */
static void
look_at_keys(const char *keys, const char *keyless)
{
    char of_keys[2048], of_check[1024];
    struct server s;

    server_listen(&s, "");
    snprintf(of_keys, sizeof(of_keys), "{\"parameters\":{\"keys\":[%s]}}",
             keys);
    snprintf(of_check, sizeof(of_check), "{\"parameters\":{\"keyless\":[%s]}}",
             keyless);
    s.answers[0] = "{\"parameters\":{\"keyholder\":true,\"keyring\":true,"
                   "\"anchors\":1,\"contacts\":1}}";
    s.answers[1] = "{\"parameters\":{\"tokens\":[{\"label\":\"mail\","
                   "\"state\":\"unlocked\"}]}}";
    s.answers[2] = of_keys;
    s.answers[3] = of_check;
    s.answers[4] = "{\"parameters\":{\"modules\":[]}}";
    s.answers[5] = "{\"parameters\":{\"crls\":[],\"unreadable\":[]}}";
    s.answers[6] = "{\"parameters\":{\"directory\":{\"state\":\"off\"}}}";
    assert_int_equal(run_against(&s, "$S doctor"), 0);
}

#define KEY(uri, public_key, address)                                          \
    "{\"id\":\"01\",\"uri\":\"" uri                                            \
    "\",\"token\":\"card\",\"public_key\":\"" public_key                       \
    "\",\"private\":\"yes\",\"uses\":[\"decrypt\"],\"addresses\":[\"" address  \
    "\"],\"state\":\"ok\"}"

static void
keys_that_cards_number_alike_are_no_copies(void **state)
{
    (void)state;
    look_at_keys(
        KEY("pkcs11:a", "aa", "a@b.c") "," KEY("pkcs11:b", "bb", "d@b.c"), "");
    assert_non_null(strstr(output, "so is the mail: a@b.c, d@b.c\n"));
    look_at_keys(
        KEY("pkcs11:a", "aa", "a@b.c") "," KEY("pkcs11:b", "aa", "a@b.c"), "");
    assert_string_equal(output, "All is well.\n");
    /* Two keys of one person are told once. */
    look_at_keys(
        KEY("pkcs11:a", "aa", "a@b.c") "," KEY("pkcs11:b", "bb", "a@b.c"), "");
    assert_non_null(strstr(output, "so is the mail: a@b.c\n"));
}

#define BINDING                                                                \
    "{\"id\":\"0a0b\",\"uri\":\"pkcs11:c\",\"private\":\"yes\",\"uses\":["     \
    "\"commit\"],\"addresses\":[\"a@b.c\"],\"state\":\"ok\"}"

static void
a_key_that_only_binds_signs_no_mail_by_itself(void **state)
{
    (void)state;
    look_at_keys(BINDING, "");
    assert_non_null(strstr(output,
                           "this key is for binding signatures "
                           "(contentCommitment) only, and there is none that "
                           "mail is signed with: a@b.c\n  next: get a"));
    assert_non_null(strstr(output, "smime sign --key 0a0b\n"));
    look_at_keys(BINDING ",{\"id\":\"0c\",\"uri\":\"pkcs11:d\",\"private\":"
                         "\"yes\",\"uses\":[\"sign\"],\"addresses\":["
                         "\"a@b.c\"],\"state\":\"ok\"}",
                 "");
    assert_string_equal(output, "All is well.\n");
}

static void
a_certificate_is_named_so_that_the_key_is_not_meant(void **state)
{
    (void)state;
    look_at_keys(KEY("pkcs11:a", "aa", "a@b.c"),
                 "{\"id\":\"01\",\"uri\":\"pkcs11:b;id=%01\",\"token\":\"two\","
                 "\"key\":\"01\",\"state\":\"ok\",\"addresses\":[\"a@b.c\"]}");
    assert_non_null(strstr(output, "smime keys export 'pkcs11:b;id=%01' > "));
    assert_non_null(strstr(output, "smime keys remove 'pkcs11:b;id=%01'\n"));
    look_at_keys(
        KEY("pkcs11:a", "aa", "a@b.c"),
        "{\"id\":\"02\",\"uri\":\"pkcs11:b;id=%02\",\"token\":\"two\","
        "\"key\":\"01\",\"state\":\"no_certificate\",\"label\":\"x\"}");
    assert_null(strstr(output, "keys export"));
    assert_non_null(strstr(output, "to take it away: smime keys remove 02\n"));
}

#define CERTIFIED(end, use, address)                                           \
    "{\"id\":\"0a\",\"uri\":\"a\",\"private\":\"yes\",\"uses\":[\"" use        \
    "\"],\"addresses\":[\"" address "\"],\"state\":\"ok\",\"not_after\":" end  \
    "}"
#define SOON  "1000"
#define LATER "99999999999"

static void
a_certificate_that_was_renewed_is_no_trouble(void **state)
{
    static const char nag[] = "expires within 30 days: a@b.c";

    (void)state;
    look_at_keys(CERTIFIED(SOON, "sign", "a@b.c"), "");
    assert_non_null(strstr(output, nag));
    look_at_keys(
        CERTIFIED(SOON, "sign", "a@b.c") "," CERTIFIED(LATER, "sign", "a@b.c"),
        "");
    assert_null(strstr(output, nag));
    look_at_keys(CERTIFIED(SOON, "sign",
                           "a@b.c") "," CERTIFIED(LATER, "decrypt", "a@b.c"),
                 "");
    assert_non_null(strstr(output, nag));
    look_at_keys(
        CERTIFIED(SOON, "sign", "a@b.c") "," CERTIFIED(LATER, "sign", "d@b.c"),
        "");
    assert_non_null(strstr(output, nag));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doctor_says_what_to_type_next),
        cmocka_unit_test(
            a_label_is_spelt_out_where_a_shell_takes_it_for_one_word),
        cmocka_unit_test(a_label_that_names_no_token_gives_way_to_its_serial),
        cmocka_unit_test(each_state_of_a_token_has_its_way_out),
        cmocka_unit_test(doctor_tells_of_a_decryption_key_that_exists_once),
        cmocka_unit_test(keys_that_cards_number_alike_are_no_copies),
        cmocka_unit_test(a_key_that_only_binds_signs_no_mail_by_itself),
        cmocka_unit_test(a_certificate_is_named_so_that_the_key_is_not_meant),
        cmocka_unit_test(a_certificate_that_was_renewed_is_no_trouble),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
