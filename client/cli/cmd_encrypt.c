#include "agent/base/mem.h"
#include "client/cli/cli.h"

static const struct option_row options[] = {
    {"from", OPTION_VALUE},          {"key", OPTION_VALUE},
    {"sign", OPTION_FLAG},           {"to", OPTION_LIST},
    {"digest", OPTION_VALUE},        {"padding", OPTION_VALUE},
    {"cipher", OPTION_VALUE},        {"key-padding", OPTION_VALUE},
    {"oaep-digest", OPTION_VALUE},   {"header-protection", OPTION_VALUE},
    {"legacy-display", OPTION_FLAG}, {NULL, OPTION_FLAG}};

static json_t *
list_json(const struct arguments *a)
{
    json_t *out = json_array();

    for (size_t i = 0; i < a->list_count; i++)
        json_array_append_new(out, json_string(a->list[i]));
    return out;
}

static const char *const given[] = {
    "from",   "key",         "digest",      "padding",
    "cipher", "key-padding", "oaep-digest", "header-protection",
    NULL};

static int
run(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    json_t *to = list_json(a);
    int e;

    call_init(&c);
    json_object_set_new(c.parameters, "to", to);
    if (a->list_count == 0 || json_array_size(to) != a->list_count)
        return usage_error(a->command, "--to wants an address");
    e = call_set_input(&c, a->operand[0]);
    if (e == EXIT_DONE)
        e = call_set_output(&c);
    if (e != EXIT_DONE)
        return e;
    call_set_options(&c, a, given);
    if (arguments_flag(a, "legacy-display"))
        call_set_text(&c, "legacy_display", "yes");
    call_set_flag(&c, "sign", arguments_flag(a, "sign"));
    call_set_caller(&c);
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Mail.Encrypt", &reply);
    if (e == EXIT_DONE)
        warnings_say(reply);
    return e;
}

const struct command command_encrypt = {
    .name = "encrypt",
    .summary = "encrypt a message; it goes to stdout",
    .usage =
        "encrypt --to A... [--from A] [--sign] [--key ID] "
        "[--digest D]\n"
        "                     [--padding P] [--cipher C] [--key-padding P]\n"
        "                     [--oaep-digest D] [--header-protection H]\n"
        "                     [--legacy-display] [FILE]",
    .help = "It is encrypted to every recipient and to yourself, or not at "
            "all.\n"
            "\n"
            "  --to A      a recipient; repeat it, or give a list with commas\n"
            "  --from A    your own address, else the From header says it\n"
            "  --sign      sign it first\n"
            "  --key ID    the key to sign with\n"
            "  --digest D, --padding P   of that signature: see smime sign\n"
            "  --cipher C  aes128-cbc, aes192-cbc, aes256-cbc, aes128-gcm, "
            "aes192-gcm\n"
            "              or aes256-gcm; else what all recipients have "
            "announced\n"
            "  --key-padding P   for RSA keys: pkcs1 or oaep; else what each "
            "recipient\n"
            "              has announced\n"
            "  --oaep-digest D   sha256, sha384 or sha512\n"
            "  --header-protection H   off; clear: the header fields are "
            "inside too;\n"
            "              cipher: and Subject, Keywords and Comments are "
            "hidden outside;\n"
            "              shy: and names and the time zone too\n"
            "  --legacy-display   repeat the hidden Subject in the text, for "
            "readers that\n"
            "              do not know of it\n",
    .options = options,
    .most_operands = 1,
    .run = run,
};
