#include "agent/base/mem.h"
#include "client_command.h"

static const char *const names[] = {
    "status",  "doctor",   "tokens",  "keys",     "import", "unlock",
    "lock",    "sign",     "encrypt", "decrypt",  "verify", "open",
    "harvest", "contacts", "pin",     "generate", "install"};

/* ---- usage
 * -------------------------------------------------------------------- */

static void
each_command_has_help(void **state)
{
    (void)state;
    assert_int_equal(run("$S --help"), 0);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char line[128];

        assert_non_null(strstr(output, names[i]));
        snprintf(line, sizeof(line), "$S %s --help", names[i]);
        assert_int_equal(run(line), 0);
        assert_non_null(strstr(output, "usage: smime "));
        assert_string_equal(errors, "");
        assert_int_equal(run("$S --help"), 0);
    }
    assert_int_equal(run("$S --version"), 0);
    assert_non_null(strstr(output, "smime "));
}

static void
mistakes_on_the_command_line_end_with_2(void **state)
{
    static const char *const lines[] = {
        "$S",
        "$S nonsense",
        "$S sign --nonsense",
        "$S sign -x",
        "$S sign one two",
        "$S sign --from",
        "$S sign --from a@b --from c@d",
        "$S sign --opaque=yes",
        "$S encrypt file",
        "$S encrypt --to , file",
        "$S import",
        "$S keys --expiring soon",
        "$S keys --expiring -1",
        "$S verify --at yesterday file",
        "$S verify --at 2026-01-02T10:00:00+xx file",
        "$S unlock --pin-fd three",
        "$S contacts burn",
        "$S contacts show",
        "$S contacts remove",
        "$S harvest",
        "$S status extra",
    };

    (void)state;
    setenv("SMIME_AGENT_SOCK", "/nowhere", 1);
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        int exit_code = run(lines[i]);

        if (exit_code != 2)
            fail_msg("%s ended with %d: %s", lines[i], exit_code, errors);
        assert_string_equal(output, "");
        assert_non_null(strstr(errors, "--help"));
    }
}

static void
without_an_agent_it_ends_with_3_and_says_what_to_do(void **state)
{
    (void)state;
    setenv("SMIME_AGENT_SOCK", "/nowhere", 1);
    assert_int_equal(run("$S status"), 3);
    assert_non_null(strstr(errors, "smime: the agent cannot be reached"));
    assert_non_null(strstr(errors, "\n  next: start it with: smime-agent"));
}

static void
closed_standard_descriptors_are_said(void **state)
{
    (void)state;
    setenv("SMIME_AGENT_SOCK", "/nowhere", 1);
    assert_int_equal(run("$S sign <&-"), 9);
    assert_non_null(strstr(errors, "standard input is closed"));
    assert_int_equal(run("$S sign /dev/null >&-"), 71);
    assert_non_null(strstr(errors, "standard output is closed"));
    assert_int_equal(run("$S sign /nowhere/at/all"), 9);
    assert_int_equal(run("$S sign /tmp"), 9);
    assert_int_equal(run("$S unlock --pin-fd 9 9<&-"), 9);
}

/* ---- mail
 * ---------------------------------------------------------------------- */

static void
sign_passes_descriptors_and_options_in_any_order(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = "{\"parameters\":{\"warnings\":[\"a\\u001bb\"]}}";
    s.write_to_fd1 = "signed mail";
    assert_int_equal(
        run_against(&s, "echo mail >$SMIME_AGENT_SOCK.mail; $S sign "
                        "$SMIME_AGENT_SOCK.mail --from a@b --opaque; r=$?; rm "
                        "$SMIME_AGENT_SOCK.mail; exit $r"),
        0);
    assert_string_equal(output, "signed mail");
    assert_string_equal(s.read_from_fd[0], "mail\n");
    assert_non_null(strstr(s.requests[0], "io.smimeagent.Mail.Sign"));
    assert_non_null(strstr(s.requests[0], "\"from\":\"a@b\""));
    assert_non_null(strstr(s.requests[0], "\"opaque\":true"));
    assert_non_null(strstr(errors, "a\\x1bb"));
}

static void
encrypt_takes_repeated_and_listed_recipients(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = "{\"error\":\"io.smimeagent.Mail.NoRecipientCertificate\","
                   "\"parameters\":{\"message\":\"not encrypted, no usable "
                   "certificate for c@d, e@f\",\"next\":\"ask\"}}";
    assert_int_equal(
        run_against(&s, "echo m | $S encrypt --to a@b --to 'c@d, e@f' -- -"),
        5);
    assert_non_null(strstr(s.requests[0], "\"to\":[\"a@b\",\"c@d\",\"e@f\"]"));
    assert_string_equal(s.read_from_fd[0], "m\n");
    assert_string_equal(errors, "smime: not encrypted, no usable certificate "
                                "for c@d, e@f\n  next: ask\n");
}

/* ---- tokens and keys
 * -------------------------------------------------------------- */

static void
a_pin_descriptor_travels_unread_to_the_manage_socket(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, ".manage");
    s.answers[0] = "{\"parameters\":{\"token\":\"mail\"}}";
    assert_int_equal(
        run_against(&s, "echo 1234 | $S unlock --token mail --pin-fd 0"), 0);
    assert_string_equal(output, "Unlocked: mail\n");
    assert_non_null(strstr(s.requests[0], "\"pin\":0"));
    assert_null(strstr(s.requests[0], "1234"));
    assert_string_equal(s.read_from_fd[0], "1234\n");
}

static void
a_wrong_pin_is_a_token_error(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, ".manage");
    s.answers[0] = "{\"error\":\"io.smimeagent.Keys.PinWrong\",\"parameters\":{"
                   "\"message\":\"wrong PIN for the token mail; 2 tries left\","
                   "\"next\":\"again\",\"tries_left\":2}}";
    assert_int_equal(run_against(&s, "echo 1 | $S unlock --pin-fd 0"), 7);
    assert_non_null(strstr(errors, "2 tries left"));
}

static void
without_a_terminal_a_locked_token_is_an_error(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, ".manage");
    s.answers[0] = "{\"error\":\"io.smimeagent.Keys.TokenLocked\","
                   "\"parameters\":{\"message\":\"the token is locked\"}}";
    assert_int_equal(run_against(&s, "setsid -w $S unlock </dev/null"), 7);
    assert_int_equal(s.count, 1);
}

/* ---- harvest
 * ------------------------------------------------------------------------ */

static void
an_mbox_is_split_into_its_messages(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = "{\"parameters\":{\"harvested\":[{\"result\":\"new\"},{"
                   "\"result\":\"nothing\"},{\"result\":\"known\"}]}}";
    assert_int_equal(
        run_against(&s, "printf 'From a\\nA: 1\\n\\nFrom b is text\\n\\nFrom "
                        "c\\nB: 2\\nFrom here\\n\\nFrom d\\nC: 3\\n' | sed "
                        "'s/^From b is/from b is/' | $S harvest -"),
        0);
    assert_int_equal(s.fd_counts[0], 3);
    assert_string_equal(s.read_from_fd[0], "A: 1\n\nfrom b is text\n");
    assert_non_null(strstr(
        s.requests[0], "\"origins\":[\"stdin:1\",\"stdin:2\",\"stdin:3\"]"));
    assert_string_equal(output, "3 messages read: 1 new, 0 changed, 1 known.\n"
                                "1 taught nothing:\n"
                                "       1  nothing to learn from\n");
}

/* Two of them are under way at once: which comes first is open. */
static void
a_maildir_is_sent_in_batches(void **state)
{
    AUTO(buf) struct buf answer = {0};
    struct server s;

    (void)state;
    server_listen(&s, "");
    buf_addf(&answer, "{\"parameters\":{\"harvested\":[{\"result\":\"failed\","
                      "\"origin\":\"x\",\"reason\":\"it ends early\","
                      "\"error\":\"BadMessage\"}");
    for (int i = 1; i < SMIME_LIMIT_FDS; i++)
        buf_add_text(&answer, ",{}");
    buf_add_text(&answer, "]}}");
    s.answers[0] = s.answers[1] = buf_text(&answer);
    assert_int_equal(
        run_against(&s, "d=$SMIME_AGENT_SOCK.d; mkdir -p $d/cur $d/new; for i "
                        "in $(seq 40); do echo A: b >$d/cur/$i; echo A: b "
                        ">$d/new/$i; done; $S harvest $d; r=$?; rm -r $d; "
                        "exit $r"),
        0);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.fd_counts[0] + s.fd_counts[1], 80);
    assert_true(s.fd_counts[0] == SMIME_LIMIT_FDS ||
                s.fd_counts[1] == SMIME_LIMIT_FDS);
    assert_non_null(strstr(errors, "x: it ends early"));
    assert_non_null(strstr(output, "80 messages read"));
}

static void
a_file_that_cannot_be_read_is_said_and_the_others_go_on(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = "{\"parameters\":{\"harvested\":[{\"result\":\"new\"}]}}";
    assert_int_equal(run_against(&s, "f=$SMIME_AGENT_SOCK.f; echo A: b >$f; $S "
                                     "harvest /nowhere $f; r=$?; rm $f; exit "
                                     "$r"),
                     9);
    assert_non_null(strstr(errors, "/nowhere cannot be read"));
    assert_non_null(strstr(output, "1 message read: 1 new"));
}

/* The batch is lost, then the second of its messages, alone, three times;
 * after each loss the agent is asked whether it is there. */
static void
a_message_that_ends_its_process_is_named_and_hinders_no_other(void **state)
{
    static const char *const none = "{\"parameters\":{\"harvested\":[]}}";
    static const char *const one =
        "{\"parameters\":{\"harvested\":[{\"result\":\"new\"}]}}";
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[1] = s.answers[4] = s.answers[6] = s.answers[8] = none;
    s.answers[2] = s.answers[9] = one;
    assert_int_equal(run_against(&s, "printf 'From a\nA: 1\n\nFrom b\nB: "
                                     "2\n\nFrom c\nC: 3\n' | $S harvest "
                                     "--json -"),
                     9);
    assert_int_equal(s.count, 10);
    assert_int_equal(s.fd_counts[0], 3);
    assert_int_equal(s.fd_counts[1], 0);
    assert_string_equal(s.read_from_fd[2], "A: 1\n");
    for (int i = 3; i <= 7; i += 2)
        assert_string_equal(s.read_from_fd[i], "B: 2\n");
    assert_string_equal(s.read_from_fd[9], "C: 3\n");
    assert_non_null(strstr(errors, "stdin:2: the process that read it ended"));
    assert_non_null(strstr(output, "\"read\":3,\"new\":2"));
    assert_non_null(strstr(output, "\"unreadable\":1"));
}

static void
an_agent_that_is_gone_ends_the_harvest(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[1] = "{\"error\":\"io.smimeagent.Mail.Internal\"}";
    assert_int_equal(run_against(&s, "printf 'From a\nA: 1\n' | $S harvest -"),
                     70);
    assert_int_equal(s.count, 2);
    assert_non_null(strstr(output, "0 messages read"));
}

/* ---- contacts
 * ------------------------------------------------------------------------ */

/* Who reads it has seen enough: no word, as little as from any other tool. */
static void
a_list_that_nobody_reads_to_its_end_is_no_news(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = "{\"parameters\":{\"contacts\":[{\"address\":\"a@b\"}]}}";
    assert_int_equal(
        run_against(&s, "p=$SMIME_AGENT_SOCK.p; mkfifo $p; : <$p & exec 3>$p; "
                        "wait $!; rm $p; $S contacts list >&3"),
        71);
    assert_string_equal(errors, "");
    server_listen(&s, "");
    s.answers[0] = "{\"parameters\":{\"contacts\":[{\"address\":\"a@b\"}]}}";
    assert_int_equal(run_against(&s, "$S contacts list >/dev/full"), 71);
    assert_non_null(strstr(errors, "No space left"));
}

static void
contacts_are_listed_and_removed(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] =
        "{\"parameters\":{\"contacts\":[{\"address\":\"elena@example.org\","
        "\"name\":\"Elena\\nExample\",\"state\":\"verified\",\"can_encrypt\":"
        "true,\"not_after\":4102444800}]}}";
    assert_int_equal(run_against(&s, "$S contacts list elena"), 0);
    assert_string_equal(output, "elena@example.org  Elena\\x0aExample  "
                                "verified  can encrypt  until 2100-01-01\n");
    assert_non_null(strstr(s.requests[0], "\"match\":\"elena\""));

    server_listen(&s, ".manage");
    s.answers[0] = "{\"parameters\":{\"removed\":1}}";
    assert_int_equal(run_against(&s, "$S contacts remove elena@example.org"),
                     0);
    assert_non_null(strstr(s.requests[0], "io.smimeagent.Contacts.Remove"));
}

static void
output_that_cannot_be_written_ends_with_71(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = "{\"parameters\":{\"contacts\":[]}}";
    assert_int_equal(run_against(&s, "$S contacts >/dev/full"), 71);
    assert_non_null(strstr(errors, "the output cannot be written"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_command_has_help),
        cmocka_unit_test(mistakes_on_the_command_line_end_with_2),
        cmocka_unit_test(without_an_agent_it_ends_with_3_and_says_what_to_do),
        cmocka_unit_test(closed_standard_descriptors_are_said),
        cmocka_unit_test(sign_passes_descriptors_and_options_in_any_order),
        cmocka_unit_test(encrypt_takes_repeated_and_listed_recipients),
        cmocka_unit_test(a_pin_descriptor_travels_unread_to_the_manage_socket),
        cmocka_unit_test(a_wrong_pin_is_a_token_error),
        cmocka_unit_test(without_a_terminal_a_locked_token_is_an_error),
        cmocka_unit_test(an_mbox_is_split_into_its_messages),
        cmocka_unit_test(a_maildir_is_sent_in_batches),
        cmocka_unit_test(
            a_file_that_cannot_be_read_is_said_and_the_others_go_on),
        cmocka_unit_test(
            a_message_that_ends_its_process_is_named_and_hinders_no_other),
        cmocka_unit_test(an_agent_that_is_gone_ends_the_harvest),
        cmocka_unit_test(a_list_that_nobody_reads_to_its_end_is_no_news),
        cmocka_unit_test(contacts_are_listed_and_removed),
        cmocka_unit_test(output_that_cannot_be_written_ends_with_71),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
