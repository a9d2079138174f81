#include <string.h>
#include <time.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

#define SOON_SECONDS (30 * 24 * 3600)

static const struct option_row options[] = {{"json", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

/* Each finding is an object: what, and what to type next. */
static void
find(json_t *findings, const char *next, const char *what, const char *about)
{
    AUTO(buf) struct buf text = {0};

    buf_addf(&text, "%s%s", what, about);
    json_array_append_new(findings, json_pack("{s:s, s:s}", "what",
                                              buf_text(&text), "next", next));
}

/* A label that a shell takes as one word is spelt out. */
static void
locked_find(json_t *findings, const char *label)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789._-";
    bool is_plain = label[0] != '\0' && label[0] != '-' &&
                    strspn(label, plain) == strlen(label);
    AUTO(buf) struct buf next = {0};

    buf_addf(&next, "smime unlock --token %s", is_plain ? label : "LABEL");
    find(findings, buf_text(&next), "this token is locked: ", label);
}

static void
look_at_tokens(json_t *tokens, json_t *findings)
{
    json_t *token;
    size_t i;

    if (json_array_size(tokens) == 0)
        find(findings,
             "insert one, or make one to try with: softhsm2-util --init-token "
             "--free --label mail",
             "no token is there", "");
    json_array_foreach(tokens, i, token)
    {
        const char *state = text_of(token, "state");
        const char *label = text_of(token, "label");

        if (strcmp(state, "locked") == 0)
            locked_find(findings, label);
        else if (strcmp(state, "blocked") == 0)
            find(findings, "unblock it with its PUK and its vendor's tool",
                 "the PIN of this token is blocked: ", label);
        else if (strcmp(state, "empty") == 0 && json_array_size(tokens) == 1)
            find(findings,
                 "initialise it with its vendor's tool (SoftHSM: "
                 "softhsm2-util --init-token --free --label mail)",
                 "the only token is not initialised", "");
    }
}

static void
look_at_keys(json_t *keys, json_t *findings)
{
    int64_t now = (int64_t)time(NULL);
    json_t *key;
    size_t i;

    if (json_array_size(keys) == 0)
        find(findings, "smime import FILE.p12", "no key is there", "");
    json_array_foreach(keys, i, key)
    {
        const char *state = text_of(key, "state");
        const char *address = json_string_value(
            json_array_get(json_object_get(key, "addresses"), 0));
        int64_t end = number_of(key, "not_after");

        if (!address)
            address = text_of(key, "label");
        if (strcmp(state, "expired") == 0)
            find(findings,
                 "get a new certificate; keep the key to read old mail",
                 "this certificate has expired: ", address);
        else if (strcmp(state, "no_certificate") == 0)
            find(findings, "import the certificate together with its key",
                 "this key has no certificate: ", address);
        else if (end != 0 && end - now < SOON_SECONDS)
            find(findings, "ask for a new certificate in time",
                 "this certificate expires within 30 days: ", address);
    }
}

static void
look_at_status(json_t *status, json_t *findings)
{
    if (!flag_of(status, "keyholder"))
        find(findings,
             "see what smime-agent prints; a PKCS#11 module may "
             "crash",
             "the process of the tokens does not answer", "");
    if (!flag_of(status, "keyring"))
        find(findings, "see what smime-agent prints",
             "the process of the contacts does not answer", "");
    else if (number_of(status, "anchors") == 0)
        find(findings,
             "put the root certificates of mail you trust, as PEM, into "
             "~/.config/smime-agent/anchors/",
             "no trust anchor is there: no signature can be good", "");
    else if (number_of(status, "contacts") == 0)
        find(findings, "open a signed mail with: smime open FILE",
             "no contact is there yet", "");
}

/* Calls METHOD and gives the list NAME of its reply in *out. */
static int
list_get(const char *method, const char *name, json_t **out)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e;

    call_init(&c);
    e = call_run(&c, SMIME_SOCKET_MAIL, method, &reply);
    if (e == EXIT_DONE)
        *out = json_incref(name ? json_object_get(reply, name) : reply);
    return e;
}

static int
findings_say(json_t *findings)
{
    json_t *finding;
    size_t i;

    if (json_array_size(findings) == 0)
        puts("All is well.");
    json_array_foreach(findings, i, finding)
    {
        show_text(stdout, text_of(finding, "what"));
        fputs("\n  next: ", stdout);
        show_text(stdout, text_of(finding, "next"));
        putchar('\n');
    }
    return output_finish(EXIT_DONE);
}

static int
run(const struct arguments *a)
{
    AUTO(json) json_t *status = NULL;
    AUTO(json) json_t *tokens = NULL;
    AUTO(json) json_t *keys = NULL;
    AUTO(json) json_t *findings = json_array();
    AUTO(json) json_t *reply = NULL;
    int e = list_get("io.smimeagent.Agent.Status", NULL, &status);

    if (e != EXIT_DONE)
        return e;
    look_at_status(status, findings);
    if (flag_of(status, "keyholder")) {
        e = list_get("io.smimeagent.Keys.Tokens", "tokens", &tokens);
        if (e == EXIT_DONE)
            e = list_get("io.smimeagent.Keys.List", "keys", &keys);
        if (e != EXIT_DONE)
            return e;
        look_at_tokens(tokens, findings);
        look_at_keys(keys, findings);
    }
    reply = json_pack("{s:O}", "findings", findings);
    return arguments_flag(a, "json") ? show_json(stdout, reply)
                                     : findings_say(findings);
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "what is missing, and what to type next",
    .usage = "doctor [--json]",
    .help = "  --json   a list of findings, each with what and next\n",
    .options = options,
    .run = run,
};
