/* What the [sendmail] sections of agent.conf mean. */
#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/mail/policy.h"

static char folder[] = "/tmp/mail-policy-XXXXXX";

static int
folder_make(void **state)
{
    char path[128];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/smime-agent", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    return setenv("XDG_CONFIG_HOME", folder, 1);
}

static int
folder_remove(void **state)
{
    char path[128];

    (void)state;
    snprintf(path, sizeof(path), "%s/smime-agent/agent.conf", folder);
    (void)unlink(path);
    snprintf(path, sizeof(path), "%s/smime-agent", folder);
    (void)rmdir(path);
    return rmdir(folder);
}

static bool
load(const char *text, struct policy *out)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/smime-agent/agent.conf", folder);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    return policy_load(out);
}

static void
without_a_word_mail_is_signed_when_a_key_is_there(void **state)
{
    AUTO(policy) struct policy p = {.count = 0};
    struct wishes w;

    (void)state;
    assert_true(load("[modules]\nsystem = no\n", &p));
    w = policy_find(&p, "max@example.org");
    assert_int_equal(w.sign, WISH_POSSIBLE);
    assert_int_equal(w.encrypt, WISH_NEVER);
    assert_int_equal(w.field, FIELD_TIGHTEN);
    assert_null(w.command);
}

static void
the_most_exact_rule_counts_wherever_it_stands(void **state)
{
    AUTO(policy) struct policy p = {.count = 0};

    (void)state;
    assert_true(load("[sendmail from max@example.org]\nsign = always\n"
                     "[sendmail from @example.org]\nsign = never\n"
                     "[sendmail from *]\nsign = when-possible\n"
                     "encrypt = always\n"
                     "[sendmail from @*.example.org]\nencrypt = never\n"
                     "[sendmail]\nsign = never\nencrypt = reply\n",
                     &p));
    assert_int_equal(policy_find(&p, "Max@Example.org").sign, WISH_ALWAYS);
    assert_int_equal(policy_find(&p, "max@example.org").encrypt, WISH_ALWAYS);
    assert_int_equal(policy_find(&p, "tom@example.org").sign, WISH_NEVER);
    assert_int_equal(policy_find(&p, "x@a.example.org").encrypt, WISH_NEVER);
    assert_int_equal(policy_find(&p, "x@a.example.org").sign, WISH_POSSIBLE);
    assert_int_equal(policy_find(&p, "x@badexample.org").encrypt, WISH_ALWAYS);
    assert_int_equal(policy_find(&p, NULL).sign, WISH_POSSIBLE);
}

static void
a_recipient_has_rules_of_his_own(void **state)
{
    AUTO(policy) struct policy p = {.count = 0};
    struct wishes w;
    enum wish sign, encrypt;

    (void)state;
    assert_true(load("[sendmail]\nsign = always\n"
                     "[sendmail to long]\nmatch = someone.with.a.very.long."
                     "name@department.of.example.org\nencrypt = always\n",
                     &p));
    w = policy_find(&p, "max@example.org");
    policy_recipient(&p, &w,
                     "someone.with.a.very.long.name@department.of.example.org",
                     &sign, &encrypt);
    assert_int_equal(encrypt, WISH_ALWAYS);
    assert_int_equal(sign, WISH_ALWAYS);
    policy_recipient(&p, &w, "long", &sign, &encrypt);
    assert_int_equal(encrypt, WISH_NEVER);
}

static void
a_slip_is_an_error(void **state)
{
    static const char *const slips[] = {
        "[sendmail]\nsign = yes\n",
        "[sendmail]\nsing = always\n",
        "[sendmail]\nencrypt = When-possible\n",
        "[sendmail]\ncommand =\n",
        "[sendmail]\nmatch = x@example.org\n",
        "[sendmail to x@example.org]\ncommand = /bin/false\n",
        "[sendmail to x@example.org]\nkey = 01\n",
        "[Sendmail]\nsign = always\n",
        "[sendmail-from x@example.org]\nsign = always\n",
        "[sendmail from Max <x@example.org>]\nsign = always\n",
        "[sendmail from 12345678901234567890123@example.org]\nsign = always\n",
        "[sendmail]\nsign always\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(slips); i++) {
        AUTO(policy) struct policy p = {.count = 0};

        if (load(slips[i], &p))
            fail_msg("taken: %s", slips[i]);
        assert_true(p.wrong.len > 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_word_mail_is_signed_when_a_key_is_there),
        cmocka_unit_test(the_most_exact_rule_counts_wherever_it_stands),
        cmocka_unit_test(a_recipient_has_rules_of_his_own),
        cmocka_unit_test(a_slip_is_an_error),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
