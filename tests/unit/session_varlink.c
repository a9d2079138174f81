/* Varlink's form: calls, errors with their facts, introspection. */
#include "tests/unit/session_fixture.h"

#include "agent/session/certificate_json.h"
#include "agent/session/methods.h"

static void
json_drop(json_t **j)
{
    json_decref(*j);
}

/* Owned by the caller. */
static struct varlink_call
parsed(const char *text)
{
    struct varlink_call c = {0};
    struct problem why = {0};

    if (!varlink_parse(slice_text(text), &c, &why))
        fail_msg("%s: %s", text, why.detail);
    return c;
}

static void
a_call_is_read(void **state)
{
    AUTO(varlink_call)
    struct varlink_call c =
        parsed("{\"method\":\"a.b.C\",\"more\":true,\"upgrade\":true,"
               "\"parameters\":{\"x\":1,\"y\":null}}");

    (void)state;
    assert_string_equal(c.method, "a.b.C");
    assert_true(slice_is(c.interface, "a.b"));
    assert_true(c.more && c.upgrade && !c.oneway);
    assert_int_equal(json_integer_value(varlink_parameter(&c, "x")), 1);
    assert_null(varlink_parameter(&c, "y"));
    assert_null(varlink_parameter(&c, "z"));
}

static void
a_call_without_parameters_has_none(void **state)
{
    AUTO(varlink_call) struct varlink_call c = parsed("{\"method\":\"C\"}");

    (void)state;
    assert_true(json_is_object(c.parameters));
    assert_int_equal(json_object_size(c.parameters), 0);
    assert_int_equal(c.interface.n, 0);
}

static void
a_nul_inside_is_no_call(void **state)
{
    static const char text[] = "{\"method\":\"a.b\"}\0{}";
    struct varlink_call c;
    struct problem why = {0};

    (void)state;
    assert_false(varlink_parse(slice_of(text, sizeof(text) - 1), &c, &why));
    assert_int_not_equal(why.detail[0], '\0');
}

static void
an_error_names_its_interface_and_carries_its_facts(void **state)
{
    AUTO(varlink_call)
    struct varlink_call c = parsed("{\"method\":\"io.smimeagent.Keys.X\"}");
    struct problem p = {.code = ERR_PIN_WRONG, .tries_left = 2};
    AUTO(json) json_t *e = NULL;

    (void)state;
    problem_set_token(&p, "card");
    e = varlink_problem(&c, &p);
    assert_string_equal(error_of(e), "io.smimeagent.Keys.PinWrong");
    assert_string_equal(text_at(e, "message"),
                        "wrong PIN for the token card; 2 tries left");
    assert_non_null(at(e, "next"));
    assert_string_equal(text_at(e, "token"), "card");
    assert_int_equal(json_integer_value(at(e, "tries_left")), 2);
    assert_null(at(e, "subject"));
    assert_null(at(e, "detail"));
}

static void
unknown_facts_are_left_out(void **state)
{
    AUTO(varlink_call)
    struct varlink_call c = parsed("{\"method\":\"io.smimeagent.Mail.X\"}");
    struct problem p = {0};
    AUTO(json) json_t *e = NULL;

    (void)state;
    assert_int_equal(fail(&p, ERR_NOT_MAIL, "no header"), ERR_NOT_MAIL);
    e = varlink_problem(&c, &p);
    assert_string_equal(error_of(e), "io.smimeagent.Mail.NotMail");
    assert_string_equal(text_at(e, "detail"), "no header");
    assert_null(at(e, "token"));
    assert_null(at(e, "tries_left"));
}

static void
a_usage_error_is_an_invalid_parameter(void **state)
{
    AUTO(varlink_call)
    struct varlink_call c = parsed("{\"method\":\"io.smimeagent.Mail.X\"}");
    struct problem p = {.code = ERR_USAGE};
    AUTO(json) json_t *e = NULL;

    (void)state;
    problem_set_subject(&p, "input");
    e = varlink_problem(&c, &p);
    assert_string_equal(error_of(e), "org.varlink.service.InvalidParameter");
    assert_string_equal(text_at(e, "parameter"), "input");
}

static void
what_is_not_there_is_told_apart(void **state)
{
    AUTO(varlink_call)
    struct varlink_call a = parsed("{\"method\":\"io.smimeagent.Mail.Nope\"}");
    AUTO(varlink_call)
    struct varlink_call b = parsed("{\"method\":\"io.nobody.Mail.Sign\"}");
    AUTO(json) json_t *method = varlink_not_found(&a);
    AUTO(json) json_t *interface = varlink_not_found(&b);

    (void)state;
    assert_string_equal(error_of(method), "org.varlink.service.MethodNotFound");
    assert_string_equal(text_at(method, "method"), "io.smimeagent.Mail.Nope");
    assert_string_equal(error_of(interface),
                        "org.varlink.service.InterfaceNotFound");
    assert_string_equal(text_at(interface, "interface"), "io.nobody.Mail");
}

/* ---- introspection ----------------------------------------------------------
 */

static void
the_service_lists_its_six_interfaces(void **state)
{
    static const char *const wanted[] = {
        "io.smimeagent.Agent", "io.smimeagent.Contacts", "io.smimeagent.Keys",
        "io.smimeagent.Mail",  "io.smimeagent.Raw",      "org.varlink.service"};
    AUTO(varlink_call)
    struct varlink_call c =
        parsed("{\"method\":\"org.varlink.service.GetInfo\"}");
    AUTO(json) json_t *info = varlink_service(&c);
    const json_t *names = at(info, "interfaces");

    (void)state;
    assert_string_equal(text_at(info, "version"), SMIME_VERSION);
    assert_int_equal(json_array_size(names), ARRAY_COUNT(wanted));
    for (size_t i = 0; i < ARRAY_COUNT(wanted); i++)
        assert_string_equal(json_string_value(json_array_get(names, i)),
                            wanted[i]);
}

static void
each_interface_describes_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < varlink_interface_count; i++) {
        char text[256];
        char line[128];
        struct varlink_call c;
        json_t *reply;

        snprintf(text, sizeof(text),
                 "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
                 "\"parameters\":{\"interface\":\"%s\"}}",
                 varlink_interfaces[i].name);
        snprintf(line, sizeof(line), "\ninterface %s\n",
                 varlink_interfaces[i].name);
        c = parsed(text);
        reply = varlink_service(&c);
        assert_non_null(strstr(text_at(reply, "description"), line));
        json_decref(reply);
        varlink_call_drop(&c);
    }
}

/* Whatever uses a key may meet a token that wants its person. */
static void
what_a_token_wants_is_described_wherever_keys_are_used(void **state)
{
    static const char *const names[] = {"TokenLocked", "PinEachTime",
                                        "LastTry",     "PinWrong",
                                        "PinBlocked",  "Cancelled"};
    static const char *const interfaces[] = {
        "io.smimeagent.Mail", "io.smimeagent.Keys", "io.smimeagent.Raw"};

    (void)state;
    for (size_t i = 0; i < varlink_interface_count; i++)
        for (size_t k = 0; k < ARRAY_COUNT(interfaces); k++)
            for (size_t n = 0; n < ARRAY_COUNT(names); n++) {
                char line[64];

                snprintf(line, sizeof(line), "\nerror %s (", names[n]);
                if (strcmp(varlink_interfaces[i].name, interfaces[k]) == 0 &&
                    !strstr(varlink_interfaces[i].description, line))
                    fail_msg("%s: no %s", interfaces[k], names[n]);
            }
}

static void
an_unknown_interface_has_no_description(void **state)
{
    AUTO(varlink_call)
    struct varlink_call a =
        parsed("{\"method\":\"org.varlink.service.GetInterfaceDescription\","
               "\"parameters\":{\"interface\":\"io.nobody\"}}");
    AUTO(varlink_call)
    struct varlink_call b =
        parsed("{\"method\":\"org.varlink.service.GetInterfaceDescription\"}");
    AUTO(json) json_t *unknown = varlink_service(&a);
    AUTO(json) json_t *missing = varlink_service(&b);

    (void)state;
    assert_string_equal(error_of(unknown),
                        "org.varlink.service.InterfaceNotFound");
    assert_string_equal(error_of(missing),
                        "org.varlink.service.InvalidParameter");
}

/* The table and the descriptions cannot drift apart. */
static void
every_described_method_is_in_the_table(void **state)
{
    int found = 0;

    (void)state;
    for (size_t i = 0; i < varlink_interface_count; i++) {
        const char *line = varlink_interfaces[i].description;

        if (strcmp(varlink_interfaces[i].name, VARLINK_SERVICE) == 0)
            continue;
        while ((line = strstr(line, "\nmethod "))) {
            char name[128];

            line += strlen("\nmethod ");
            snprintf(name, sizeof(name), "%s.%.*s", varlink_interfaces[i].name,
                     (int)strcspn(line, "("), line);
            if (!method_find(name))
                fail_msg("%s is described only", name);
            found++;
        }
    }
    assert_true(found >= 24);
    assert_null(method_find("io.smimeagent.Mail.sign"));
}

/* ---- foreign values ---------------------------------------------------------
 */

static void
foreign_text_is_valid_json_whatever_it_is(void **state)
{
    AUTO(json) json_t *good = json_text(slice_text("Z\xc3\xbcrich"));
    AUTO(json)
    json_t *bad = json_text(slice_text("a\xff"
                                       "b"));
    AUTO(json) json_t *nul = json_text(slice_of("a\0b", 3));
    AUTO(json) json_t *none = json_text(slice_of(NULL, 0));

    (void)state;
    assert_string_equal(json_string_value(good), "Z\xc3\xbcrich");
    assert_string_equal(json_string_value(bad), "a\\xffb");
    assert_string_equal(json_string_value(nul), "a\\x00b");
    assert_string_equal(json_string_value(none), "");
}

static void
a_time_beyond_json_is_the_last_one(void **state)
{
    AUTO(json) json_t *t = json_time(UINT64_MAX);

    (void)state;
    assert_true(json_integer_value(t) == INT64_MAX);
}

static void
a_certificate_is_shown_as_described(void **state)
{
    static const uint8_t fingerprint[32] = {0xab, 0xcd};
    struct description d = {.subject = slice_text("CN=A"),
                            .issuer = slice_text("CN=B"),
                            .serial = slice_text("01"),
                            .fingerprint = slice_of(fingerprint, 32),
                            .not_before = 1,
                            .not_after = 2,
                            .type = KEY_RSA,
                            .bits = 3072};
    AUTO(buf) struct buf bytes = {0};
    AUTO(json) json_t *j = NULL;
    AUTO(json) json_t *wrapped = NULL;

    (void)state;
    assert_true(slice_list_add(&d.addresses, slice_text("a@example.org")));
    record_encode(RECORD_description, &d, &bytes);
    j = certificate_json_read(buf_slice(&bytes));
    assert_non_null(j);
    wrapped = json_pack("{s:O}", "parameters", j);
    assert_string_equal(text_at(wrapped, "subject"), "CN=A");
    assert_string_equal(text_at(wrapped, "key"), "RSA-3072");
    assert_int_equal(strlen(text_at(wrapped, "fingerprint")), 64);
    assert_int_equal(json_array_size(at(wrapped, "addresses")), 1);
    assert_null(certificate_json_read(slice_of(bytes.data, bytes.len - 1)));
    assert_null(certificate_json_read(slice_of(NULL, 0)));
}

static void
a_key_has_a_name_for_people(void **state)
{
    static const struct {
        uint32_t type;
        uint32_t bits;
        const char *curve, *name;
    } keys[] = {{KEY_RSA, 2048, "", "RSA-2048"},
                {KEY_EC, 256, "P-256", "P-256"},
                {KEY_EC, 256, "secp256k1", "secp256k1"},
                {KEY_EC, 256, "", "EC-256"},
                {KEY_ED25519, 255, "", "Ed25519"},
                {KEY_X25519, 255, "", "X25519"},
                {KEY_UNKNOWN, 0, "", "unknown"},
                {99, 1, "", "unknown"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        json_t *j = key_algorithm_json(keys[i].type, keys[i].bits,
                                       slice_text(keys[i].curve));

        assert_string_equal(json_string_value(j), keys[i].name);
        json_decref(j);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_read),
        cmocka_unit_test(a_call_without_parameters_has_none),
        cmocka_unit_test(a_nul_inside_is_no_call),
        cmocka_unit_test(an_error_names_its_interface_and_carries_its_facts),
        cmocka_unit_test(unknown_facts_are_left_out),
        cmocka_unit_test(a_usage_error_is_an_invalid_parameter),
        cmocka_unit_test(what_is_not_there_is_told_apart),
        cmocka_unit_test(the_service_lists_its_six_interfaces),
        cmocka_unit_test(each_interface_describes_itself),
        cmocka_unit_test(
            what_a_token_wants_is_described_wherever_keys_are_used),
        cmocka_unit_test(an_unknown_interface_has_no_description),
        cmocka_unit_test(every_described_method_is_in_the_table),
        cmocka_unit_test(foreign_text_is_valid_json_whatever_it_is),
        cmocka_unit_test(a_time_beyond_json_is_the_last_one),
        cmocka_unit_test(a_certificate_is_shown_as_described),
        cmocka_unit_test(a_key_has_a_name_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
