/* The keyholder's part of agent.conf. */
#include <cmocka.h>

#include "agent/base/log.h"
#include "agent/keyholder/config.h"
#include "agent/keyholder/program_rules.h"
#include "tests/unit/keyholder_fixture.h"

static int
set_up(void **state)
{
    (void)state;
    log_open("test");
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

static void
load(struct config *c, const char *text)
{
    FILE *f = fopen(fixture_path("agent.conf"), "w");

    fputs(text, f);
    fclose(f);
    config_load(c, fixture_path("agent.conf"));
}

static void
without_a_file_the_system_decides(void **state)
{
    AUTO(config) struct config c;
    struct token_module modules[LIMIT_CONFIG_MODULES];
    struct token_config t;

    (void)state;
    config_init(&c);
    config_load(&c, "/nonexistent/agent.conf");
    t = config_for_tokens(&c, modules, "/v.so");
    assert_true(t.use_system);
    assert_null(t.allow);
    assert_null(t.deny);
    assert_int_equal(t.module_count, 0);
    assert_string_equal(t.vtoken_path, "/v.so");
    assert_int_equal(c.pin_prompts, 3);
}

static void
a_later_file_overrides_an_earlier_one(void **state)
{
    AUTO(config) struct config c;
    struct token_module modules[LIMIT_CONFIG_MODULES];
    struct token_config t;

    (void)state;
    config_init(&c);
    load(&c, "[modules]\nsystem = no\nallow = a, b\n[module x]\npath = /x.so\n"
             "[tokens]\nconcurrency = 2\ndeadline-ms = 500\npin-tries = 1\n");
    load(&c, "[module x]\npath = /y.so\n[modules]\nallow = c\n");
    t = config_for_tokens(&c, modules, NULL);
    assert_false(t.use_system);
    assert_int_equal(t.module_count, 1);
    assert_string_equal(t.modules[0].path, "/y.so");
    assert_string_equal(t.allow[0], "c");
    assert_null(t.allow[1]);
    assert_int_equal(t.concurrency, 2);
    assert_int_equal(t.operation_ms, 500);
    assert_int_equal(c.pin_prompts, 1);
}

static void
what_is_wrong_is_passed_over(void **state)
{
    AUTO(config) struct config c;

    (void)state;
    config_init(&c);
    load(&c, "[modules]\nsystem = maybe\n[tokens]\npin-tries = 9\n"
             "concurrency = -1\ndeadline-ms = 12x\nnonsense\n"
             "[module x]\npath = relative.so\n[sendmail]\ncommand = y\n");
    assert_true(c.use_system);
    assert_int_equal(c.pin_prompts, 3);
    assert_int_equal(c.concurrency, 0);
    assert_int_equal(c.deadline_ms, 0);
    assert_null(c.module[0].path);
}

static void
the_nearest_program_with_a_rule_counts(void **state)
{
    AUTO(config) struct config c;
    const struct config_program *r;
    struct key_facts facts = {.id = "01ff", .addresses = 1};

    (void)state;
    strcpy(facts.address[0], "max@example.org");
    config_init(&c);
    assert_null(program_rule_find(&c, "smime, from bash"));
    load(&c, "[program git]\nuse = ask\n[program mutt]\nuse = allow\n"
             "keys = 01, tom@example.org\n[program cron]\nuse = refuse\n"
             "[program slip]\nuse = refused\n");
    r = program_rule_find(&c, "smime-git, from git, from mutt, from bash");
    assert_non_null(r);
    assert_int_equal(r->use, PROGRAM_ASK);
    assert_true(program_rule_has_key(r, &facts));
    r = program_rule_find(&c, "smime-mutt, from mutt");
    assert_int_equal(r->use, PROGRAM_ALLOW);
    assert_true(program_rule_has_key(r, &facts));
    strcpy(facts.id, "02ff");
    assert_false(program_rule_has_key(r, &facts));
    assert_int_equal(program_rule_find(&c, "cron")->use, PROGRAM_REFUSE);
    assert_int_equal(program_rule_find(&c, "slip")->use, PROGRAM_ASK);
    assert_null(program_rule_find(&c, "gitk, from muttx"));
    load(&c, "[program *]\nuse = refuse\n");
    assert_int_equal(program_rule_find(&c, "gitk")->use, PROGRAM_REFUSE);
    assert_int_equal(program_rule_find(&c, "git")->use, PROGRAM_ASK);
}

/* A second key with its CKA_ID must not take a key out of its rule. */
static void
a_shared_id_means_every_key_that_has_it(void **state)
{
    AUTO(config) struct config c;
    struct key_facts facts = {.id = "c0ffee0a", .token_id = "0a"};

    (void)state;
    config_init(&c);
    load(&c, "[key 0a]\nconfirm = yes\n");
    assert_true(key_facts_confirm(&facts, &c));
    strcpy(facts.token_id, "0b");
    assert_false(key_facts_confirm(&facts, &c));
    load(&c, "[key c0ff]\nconfirm = yes\n");
    assert_true(key_facts_confirm(&facts, &c));
}

/* The form of the rule is the person's, that of the certificate its CA's. */
static void
an_address_means_its_key_in_either_form_of_its_domain(void **state)
{
    static const char *const forms[] = {
        "max@b\u00fccher.example", "max@xn--bcher-kva.example",
        "MAX@XN--BCHER-KVA.example", "max@B\u00dcCHER.example"};
    struct key_facts facts = {.addresses = 1};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        AUTO(config) struct config c;
        AUTO(buf) struct buf text = {0};

        buf_addf(&text, "[key %s]\nconfirm = yes\n", forms[i]);
        config_init(&c);
        load(&c, buf_text(&text));
        config_check_keys(&c);
        for (size_t k = 0; k < ARRAY_COUNT(forms); k++) {
            strcpy(facts.address[0], forms[k]);
            assert_true(key_facts_confirm(&facts, &c));
        }
        strcpy(facts.address[0], "max@bucher.example");
        assert_false(key_facts_confirm(&facts, &c));
        strcpy(facts.address[0], "maxi@xn--bcher-kva.example");
        assert_false(key_facts_confirm(&facts, &c));
    }
}

static void
add_rules(struct buf *text, size_t count)
{
    buf_clear(text);
    for (size_t i = 0; i < count; i++)
        buf_addf(text, "[program p%zu]\nuse = allow\n", i);
}

static void
one_program_too_many_and_those_without_a_rule_are_asked_about(void **state)
{
    AUTO(config) struct config c;
    AUTO(config) struct config full;
    AUTO(buf) struct buf text = {0};

    (void)state;
    config_init(&full);
    add_rules(&text, LIMIT_CONFIG_PROGRAMS);
    load(&full, buf_text(&text));
    assert_non_null(program_rule_find(&full, "p31"));
    assert_null(program_rule_find(&full, "p32"));
    load(&full, "[program *]\nuse = refuse\n");
    assert_int_equal(program_rule_find(&full, "p32")->use, PROGRAM_REFUSE);

    config_init(&c);
    add_rules(&text, LIMIT_CONFIG_PROGRAMS + 1);
    load(&c, buf_text(&text));
    assert_int_equal(program_rule_find(&c, "p31")->use, PROGRAM_ALLOW);
    assert_int_equal(program_rule_find(&c, "p32")->use, PROGRAM_ASK);
    load(&c, "[program *]\nuse = allow\nkeys = 01\n");
    assert_int_equal(program_rule_find(&c, "p32")->use, PROGRAM_ASK);
    load(&c, "[program *]\nuse = refuse\n");
    assert_int_equal(program_rule_find(&c, "p32")->use, PROGRAM_REFUSE);
}

static void
a_module_that_should_run_elsewhere_never_runs_here(void **state)
{
    AUTO(config) struct config c;
    struct token_module modules[LIMIT_CONFIG_MODULES];

    (void)state;
    config_init(&c);
    load(&c, "[module far]\npath = /x.so\nremote = |ssh host\n"
             "[module near]\npath = /y.so\nremote = no\n"
             "[module beside]\npath = /z.so\nremote = yes\n"
             "[module none]\n");
    assert_int_equal(config_for_tokens(&c, modules, NULL).module_count, 2);
    assert_string_equal(modules[0].name, "near");
    assert_false(modules[0].remote);
    assert_string_equal(modules[1].name, "beside");
    assert_true(modules[1].remote);
}

static void
what_a_module_wants_to_be_told_is_kept(void **state)
{
    AUTO(config) struct config c;
    struct token_module modules[LIMIT_CONFIG_MODULES];

    (void)state;
    config_init(&c);
    load(&c, "[module nss]\npath = /n.so\ninit = configdir='sql:/a' flags=\n"
             "[module plain]\npath = /p.so\n");
    load(&c, "[module nss]\ninit = configdir='sql:/b' flags=\n");
    assert_int_equal(config_for_tokens(&c, modules, NULL).module_count, 2);
    assert_string_equal(modules[0].init, "configdir='sql:/b' flags=");
    assert_null(modules[1].init);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_the_system_decides),
        cmocka_unit_test(a_later_file_overrides_an_earlier_one),
        cmocka_unit_test(what_is_wrong_is_passed_over),
        cmocka_unit_test(the_nearest_program_with_a_rule_counts),
        cmocka_unit_test(a_shared_id_means_every_key_that_has_it),
        cmocka_unit_test(an_address_means_its_key_in_either_form_of_its_domain),
        cmocka_unit_test(
            one_program_too_many_and_those_without_a_rule_are_asked_about),
        cmocka_unit_test(a_module_that_should_run_elsewhere_never_runs_here),
        cmocka_unit_test(what_a_module_wants_to_be_told_is_kept),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
