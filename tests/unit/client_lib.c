#include "client_server.h"

#include "client/lib/smime_client.h"

#define METHOD "io.smimeagent.Agent.Status"

/* Calls once and gives the result; *out and *error as of the call. */
static int
call_once(struct server *s, int timeout_ms, char **out,
          struct smime_error *error)
{
    struct smime_client *client = NULL;
    int result;

    *out = NULL;
    *error = (struct smime_error){.exit_code = 0};
    server_start(s);
    assert_int_equal(smime_client_connect(SMIME_SOCKET_MAIL, &client, error),
                     0);
    result = smime_client_call(client, METHOD, "{\"a\":1}", NULL, 0, timeout_ms,
                               out, error);
    smime_client_drop(&client);
    assert_null(client);
    server_stop(s);
    return result;
}

static void
a_reply_gives_its_parameters(void **state)
{
    struct smime_error error;
    struct server s;
    char *out;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = "{\"parameters\":{\"tokens\":2}}";
    assert_int_equal(call_once(&s, -1, &out, &error), 0);
    assert_string_equal(out, "{\"tokens\":2}");
    assert_string_equal(s.requests[0],
                        "{\"method\":\"" METHOD "\",\"parameters\":{\"a\":1}}");
    free(out);
}

static void
parameters_go_as_they_are(void **state)
{
    struct smime_error error = {.exit_code = 0};
    struct smime_client *client = NULL;
    struct server s;
    char *out = NULL;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = "{\"parameters\":{}}";
    server_start(&s);
    assert_int_equal(smime_client_connect(SMIME_SOCKET_MAIL, &client, &error),
                     0);
    assert_int_equal(smime_client_call(client, METHOD,
                                       " { \"a\" : \"\\u00e9\"}", NULL, 0, -1,
                                       &out, &error),
                     0);
    free(out);
    smime_client_drop(&client);
    server_stop(&s);
    assert_string_equal(s.requests[0],
                        "{\"method\":\"" METHOD
                        "\",\"parameters\": { \"a\" : \"\\u00e9\"}}");
}

/* Whatever stands in their strings; beside other members too. */
static void
parameters_are_given_as_they_came(void **state)
{
    static const struct {
        const char *answer, *given;
    } of[] = {
        {" { \"parameters\" : { \"a\" : [ {} ] } } ", "{ \"a\" : [ {} ] }"},
        {"{\"parameters\":{\"}\":\"}}\\\"{\"}}", "{\"}\":\"}}\\\"{\"}"},
        {"{\"parameters\":{\"a\":\"\\\\\"}}", "{\"a\":\"\\\\\"}"},
        {"{\"parameters\":{\"a\":{}},\"continues\":false}", "{\"a\":{}}"},
        {"{\"continues\":false,\"parameters\":{}}", "{}"},
        {"{}", "{}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
        struct smime_error error;
        struct server s;
        char *out;

        server_listen(&s, "");
        s.answers[0] = of[i].answer;
        assert_int_equal(call_once(&s, -1, &out, &error), 0);
        assert_string_equal(out, of[i].given);
        free(out);
    }
}

static void
a_reply_may_come_byte_by_byte(void **state)
{
    struct smime_error error;
    struct server s;
    char *out;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = "{\"parameters\":{\"name\":\"El\303\251na\"}}";
    s.chunk = 1;
    assert_int_equal(call_once(&s, 20000, &out, &error), 0);
    assert_non_null(strstr(out, "El\303\251na"));
    free(out);
}

static void
an_error_reply_gives_its_facts_and_exit_code(void **state)
{
    struct smime_error error;
    struct server s;
    char *out;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = "{\"error\":\"io.smimeagent.Mail.NoKey\",\"parameters\":{"
                   "\"message\":\"no usable key for a@b\",\"next\":\"import\","
                   "\"subject\":\"a@b\"}}";
    assert_int_equal(call_once(&s, -1, &out, &error), -1);
    assert_string_equal(error.name, "NoKey");
    assert_int_equal(error.exit_code, 4);
    assert_string_equal(error.message, "no usable key for a@b");
    assert_string_equal(error.next, "import");
    assert_non_null(strstr(error.facts, "\"subject\":\"a@b\""));
    smime_error_drop(&error);
    assert_null(error.message);
}

static void
an_error_without_words_is_given_its_own(void **state)
{
    struct smime_error error;
    struct server s;
    char *out;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = "{\"error\":\"org.varlink.service.MethodNotFound\"}";
    assert_int_equal(call_once(&s, -1, &out, &error), -1);
    assert_string_equal(error.name, "MethodNotFound");
    assert_int_equal(error.exit_code, 2);
    assert_non_null(error.next);
    smime_error_drop(&error);

    server_listen(&s, "");
    s.answers[0] = "{\"error\":\"com.example.Strange\"}";
    assert_int_equal(call_once(&s, -1, &out, &error), -1);
    assert_string_equal(error.message, "Strange");
    assert_int_equal(error.exit_code, 70);
    smime_error_drop(&error);
}

static void
lost(const char *answer, size_t bytes)
{
    struct smime_error error;
    struct server s;
    char *out;

    server_listen(&s, "");
    s.answers[0] = answer;
    s.answer_bytes[0] = bytes;
    s.answers[1] = NULL;
    assert_int_equal(call_once(&s, 200, &out, &error), -1);
    assert_string_equal(error.name, "AgentLost");
    assert_int_equal(error.exit_code, 3);
    assert_non_null(strstr(error.message, "ended before it answered"));
    smime_error_drop(&error);
}

static void
an_agent_that_ends_before_it_answers_is_lost(void **state)
{
    (void)state;
    lost(NULL, 0);
}

static void
an_answer_that_stops_in_the_middle_is_no_answer(void **state)
{
    (void)state;
    lost("{\"parameters\":{}}", 5);
}

static void
an_answer_that_makes_no_sense_is_no_answer(void **state)
{
    (void)state;
    lost("{\"parameters\":[]}", 0);
    lost("hello", 0);
    lost("{\"error\":\"\"}", 0);
    lost("{\"error\":\"org.varlink.service.\"}", 0);
    lost("{}\0{}", 6);
    lost("{\"parameters\":{}", 0);
    lost("{\"parameters\":{}}}", 0);
    lost("{\"parameters\":{\"a\":\"}}", 0);
    lost("{\"parameters\":{\"a\":\"\\", 0);
    lost("{\"parameters\":{}} x", 0);
    lost("{\"parameters\":{},\"error\":\"\"}", 0);
}

static void
a_huge_answer_is_cut_off_at_the_limit(void **state)
{
    size_t n = SMIME_LIMIT_REPLY_BYTES + 4096;
    char *huge = malloc(n);
    struct smime_error error;
    struct server s;
    char *out;

    (void)state;
    memset(huge, ' ', n);
    server_listen(&s, "");
    s.answers[0] = huge;
    s.answer_bytes[0] = n;
    assert_int_equal(call_once(&s, 20000, &out, &error), -1);
    assert_non_null(strstr(error.message, "too large"));
    smime_error_drop(&error);
    free(huge);
}

static void
nobody_at_the_socket_is_not_reachable(void **state)
{
    struct smime_error error = {.exit_code = 0};
    struct smime_client *client = NULL;

    (void)state;
    setenv("SMIME_AGENT_SOCK", "/nowhere/at/all", 1);
    assert_int_equal(smime_client_connect(SMIME_SOCKET_MAIL, &client, &error),
                     -1);
    assert_string_equal(error.name, "NotReachable");
    assert_int_equal(error.exit_code, 3);
    assert_non_null(strstr(error.message, "/nowhere/at/all"));
    assert_non_null(strstr(error.next, "smime-agent"));
    smime_error_drop(&error);
    assert_null(client);
}

static void
the_manage_socket_lies_beside_the_other(void **state)
{
    struct smime_error error = {.exit_code = 0};
    struct smime_client *client = NULL;
    struct server s;

    (void)state;
    server_listen(&s, ".manage");
    assert_int_equal(smime_client_connect(SMIME_SOCKET_MANAGE, &client, &error),
                     0);
    smime_client_drop(&client);
    server_start(&s);
    server_stop(&s);
}

static void
descriptors_travel_with_the_request(void **state)
{
    struct smime_error error = {.exit_code = 0};
    struct smime_client *client = NULL;
    char *out = NULL;
    char got[16] = "";
    int in[2], result[2];
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = "{}";
    s.write_to_fd1 = "signed";
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(result), 0);
    assert_int_equal(write(in[1], "mail", 4), 4);
    server_start(&s);
    assert_int_equal(smime_client_connect(SMIME_SOCKET_MAIL, &client, &error),
                     0);
    assert_int_equal(smime_client_call(client, METHOD, NULL,
                                       (int[]){in[0], result[1]}, 2, -1, &out,
                                       &error),
                     0);
    assert_string_equal(out, "{}");
    assert_int_equal(s.fd_counts[0], 2);
    assert_string_equal(s.read_from_fd[0], "mail");
    assert_int_equal(read(result[0], got, sizeof(got) - 1), 6);
    assert_string_equal(got, "signed");
    free(out);
    smime_client_drop(&client);
    server_stop(&s);
    for (int i = 0; i < 2; i++) {
        close(in[i]);
        close(result[i]);
    }
}

static void
a_wrong_request_is_not_sent(void **state)
{
    struct smime_error error = {.exit_code = 0};
    struct smime_client *client = NULL;
    char *out = NULL;
    int fds[SMIME_LIMIT_FDS + 1] = {0};
    char *large = malloc(SMIME_LIMIT_REQUEST_BYTES + 64);
    struct server s;

    (void)state;
    memset(large, 'x', SMIME_LIMIT_REQUEST_BYTES + 64);
    memcpy(large, "{\"a\":\"", 6);
    memcpy(large + SMIME_LIMIT_REQUEST_BYTES, "\"}", 3);
    server_listen(&s, "");
    server_start(&s);
    assert_int_equal(smime_client_connect(SMIME_SOCKET_MAIL, &client, &error),
                     0);
    assert_int_equal(
        smime_client_call(client, METHOD, "[1]", NULL, 0, -1, &out, &error),
        -1);
    assert_string_equal(error.name, "InvalidRequest");
    assert_int_equal(smime_client_call(client, METHOD, "{\"a\":1,\"a\":2}",
                                       NULL, 0, -1, &out, &error),
                     -1);
    assert_int_equal(smime_client_call(client, METHOD, "{},\"more\":{}", NULL,
                                       0, -1, &out, &error),
                     -1);
    assert_int_equal(smime_client_call(client, METHOD "\",\"a", NULL, NULL, 0,
                                       -1, &out, &error),
                     -1);
    assert_string_equal(error.name, "InvalidRequest");
    assert_int_equal(smime_client_call(client, METHOD, NULL, fds,
                                       SMIME_LIMIT_FDS + 1, -1, &out, &error),
                     -1);
    assert_int_equal(
        smime_client_call(client, METHOD, large, NULL, 0, -1, &out, &error),
        -1);
    assert_int_equal(error.exit_code, 2);
    assert_int_equal(s.count, 0);
    smime_error_drop(&error);
    smime_client_drop(&client);
    server_stop(&s);
    free(large);
}

/* ---- threads
 * ------------------------------------------------------------------ */

static struct smime_client *shared;

static void *
caller(void *arg)
{
    struct smime_error error = {.exit_code = 0};
    char *out = NULL;

    (void)arg;
    for (int i = 0; i < 4; i++) {
        if (smime_client_call(shared, METHOD, NULL, NULL, 0, -1, &out,
                              &error) != 0)
            return "failed";
        if (strcmp(out, "{\"n\":1}") != 0)
            return "mixed up";
        free(out);
    }
    return NULL;
}

static void
threads_may_share_a_connection(void **state)
{
    struct smime_error error = {.exit_code = 0};
    pthread_t threads[4];
    struct server s;

    (void)state;
    server_listen(&s, "");
    for (int i = 0; i < LIMIT_SEEN; i++)
        s.answers[i] = "{\"parameters\":{\"n\":1}}";
    s.chunk = 3;
    server_start(&s);
    assert_int_equal(smime_client_connect(SMIME_SOCKET_MAIL, &shared, &error),
                     0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, caller, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *why;

        assert_int_equal(pthread_join(threads[i], &why), 0);
        assert_null(why);
    }
    smime_client_drop(&shared);
    server_stop(&s);
    assert_int_equal(s.count, 16);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_gives_its_parameters),
        cmocka_unit_test(parameters_go_as_they_are),
        cmocka_unit_test(parameters_are_given_as_they_came),
        cmocka_unit_test(a_reply_may_come_byte_by_byte),
        cmocka_unit_test(an_error_reply_gives_its_facts_and_exit_code),
        cmocka_unit_test(an_error_without_words_is_given_its_own),
        cmocka_unit_test(an_agent_that_ends_before_it_answers_is_lost),
        cmocka_unit_test(an_answer_that_stops_in_the_middle_is_no_answer),
        cmocka_unit_test(an_answer_that_makes_no_sense_is_no_answer),
        cmocka_unit_test(a_huge_answer_is_cut_off_at_the_limit),
        cmocka_unit_test(nobody_at_the_socket_is_not_reachable),
        cmocka_unit_test(the_manage_socket_lies_beside_the_other),
        cmocka_unit_test(descriptors_travel_with_the_request),
        cmocka_unit_test(a_wrong_request_is_not_sent),
        cmocka_unit_test(threads_may_share_a_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
