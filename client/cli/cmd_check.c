#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

static const struct option_row options[] = {{"chain", OPTION_EACH},
                                            {"purpose", OPTION_VALUE},
                                            {"address", OPTION_VALUE},
                                            {"anchors", OPTION_EACH},
                                            {"crl", OPTION_EACH},
                                            {"at", OPTION_VALUE},
                                            {"policy", OPTION_EACH},
                                            {"explicit-policy", OPTION_FLAG},
                                            {"inhibit-mapping", OPTION_FLAG},
                                            {"inhibit-any", OPTION_FLAG},
                                            {"json", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

/* False, and said, when one is no OID in dotted numbers. */
static bool
policies_set(struct call *c, const struct arguments *a)
{
    json_t *list = json_array();
    const char *text;
    bool fine = true;

    for (size_t i = 0; (text = arguments_each(a, "policy", i)); i++) {
        fine &= text[0] != '\0' && text[strspn(text, "0123456789.")] == '\0';
        json_array_append_new(list, json_string(text));
        if (!fine)
            break;
    }
    if (json_array_size(list) > 0)
        json_object_set(c->parameters, "policies", list);
    json_decref(list);
    return fine || usage_error(a->command, "--policy wants an OID like "
                                           "2.23.140.1.5.1.1") == 0;
}

static int
question_set(struct call *c, const struct arguments *a)
{
    const char *purpose = arguments_value(a, "purpose");
    const char *address = arguments_value(a, "address");
    int64_t at = -1;

    if (purpose && strcmp(purpose, "any") != 0 && strcmp(purpose, "email") != 0)
        return usage_error(a->command, "--purpose is any or email, not %s",
                           purpose);
    if (address && !strchr(address, '@'))
        return usage_error(a->command,
                           "--address wants one like max@example.org, not %s",
                           address);
    if (!arguments_moment(a, "at", &at))
        return EXIT_USAGE;
    if (at >= 0)
        call_set_number(c, "at", at);
    call_set_text(c, "purpose", purpose);
    call_set_text(c, "address", address);
    if (!policies_set(c, a))
        return EXIT_USAGE;
    call_set_flag(c, "explicit_policy", arguments_flag(a, "explicit-policy"));
    call_set_flag(c, "inhibit_mapping", arguments_flag(a, "inhibit-mapping"));
    call_set_flag(c, "inhibit_any", arguments_flag(a, "inhibit-any"));
    return EXIT_DONE;
}

static int
files_set(struct call *c, const struct arguments *a)
{
    /* The operand is `input` to every other command. */
    int e = call_set_input(c, a->operand[0]);
    json_t *index = json_object_get(c->parameters, "input");

    if (e == EXIT_DONE)
        e = file_want(a->operand[0], c->fds[json_integer_value(index)], false);
    if (e != EXIT_DONE)
        return e;
    json_object_set(c->parameters, "certificate", index);
    json_object_del(c->parameters, "input");
    e = call_set_files(c, a, "chain", "chain");
    if (e == EXIT_DONE)
        e = call_set_files(c, a, "anchors", "anchors");
    return e == EXIT_DONE ? call_set_files(c, a, "crl", "crls") : e;
}

static void
path_say(json_t *path)
{
    json_t *certificate;
    size_t i;

    json_array_foreach(path, i, certificate)
    {
        char name[512], until[TIME_TEXT_BYTES];

        name_text(text_of(certificate, "subject"), name, sizeof(name));
        printf("  %s%s, until %s\n", i == 0 ? "" : "issued by ",
               name[0] ? name : "somebody unnamed",
               date_text(number_of(certificate, "not_after"), until));
    }
}

/* There is no sender here. */
static const char *
sentence_of(const char *reason)
{
    return strcmp(reason, "from-mismatch") == 0
               ? "the certificate does not name the address that you gave"
               : reason_sentence(reason);
}

static void
answer_say(json_t *answer)
{
    char when[TIME_TEXT_BYTES];
    json_t *reason;
    size_t i;

    printf("%s", flag_of(answer, "good") ? "Valid" : "NOT VALID");
    if (strcmp(text_of(answer, "time_source"), "given") == 0)
        printf(" as of %s", time_text(number_of(answer, "judged_at"), when));
    if (strcmp(text_of(answer, "revocation"), "not_checked") == 0)
        printf(" (revocation not checked)");
    putchar('\n');
    json_array_foreach(json_object_get(answer, "reasons"), i, reason)
    {
        printf("  %s: ", flag_of(answer, "good") ? "note" : "because");
        show_text(stdout, sentence_of(json_string_value(reason)));
        putchar('\n');
    }
    path_say(json_object_get(answer, "path"));
    if (text_of(answer, "anchor")[0] != '\0') {
        printf("  trusted by ");
        show_text(stdout, strcmp(text_of(answer, "anchor"), "given") == 0
                              ? "the anchors that you gave"
                              : text_of(answer, "anchor"));
        putchar('\n');
    }
}

static int
run(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *answer = NULL;
    int e;

    call_init(&c);
    e = question_set(&c, a);
    if (e == EXIT_DONE)
        e = files_set(&c, a);
    if (e == EXIT_DONE)
        e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Mail.Check",
                     &answer);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        e = show_json(stdout, answer);
    else
        answer_say(answer);
    if (e != EXIT_DONE)
        return e;
    return output_finish(flag_of(answer, "good") ? EXIT_DONE : EXIT_NO);
}

const struct command command_check = {
    .name = "check",
    .summary = "judge the chain of one certificate",
    .usage =
        "check CERT [--chain FILE]... [--purpose any|email] "
        "[--address A]\n"
        "                   [--anchors PEM]... [--crl FILE]... [--at TIME]\n"
        "                   [--policy OID]... [--explicit-policy]\n"
        "                   [--inhibit-mapping] [--inhibit-any] [--json]",
    .help =
        "Ends with 0 when the certificate is valid and strong, else with 1.\n"
        "Files are PEM or DER.\n"
        "\n"
        "  --chain FILE        certificates of its issuers, in any order\n"
        "  --purpose any       not only for mail\n"
        "  --address A         it has to name this address too\n"
        "  --anchors PEM       trust the roots in this file and no others\n"
        "  --crl FILE          every certificate has to be cleared by one\n"
        "  --at TIME           judge as of then, e.g. 2026-01-02T10:00:00Z\n"
        "  --policy OID        accept this certificate policy (default: any)\n"
        "  --explicit-policy   a policy must be there on the whole path\n"
        "  --inhibit-mapping   policies are not mapped\n"
        "  --inhibit-any       anyPolicy does not count\n"
        "  --json              the whole answer; chain and strength apart\n",
    .options = options,
    .least_operands = 1,
    .most_operands = 1,
    .run = run,
};
