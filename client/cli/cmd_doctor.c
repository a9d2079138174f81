#include <string.h>
#include <time.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"
#include "client/cli/doctor.h"

static const struct option_row options[] = {{"clean", OPTION_FLAG},
                                            {"token", OPTION_VALUE},
                                            {"json", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

static void
look_at_locked(json_t *token, json_t *tokens, json_t *findings)
{
    if (json_is_false(json_object_get(token, "pin_set")))
        finding_add_token(findings, "smime pin unblock",
                          "this token has no PIN yet: ", token, tokens);
    else if (flag_of(token, "pin_must_change"))
        finding_add_token(findings, "smime pin change",
                          "the PIN must be changed before it is used: ", token,
                          tokens);
    else if (json_is_integer(json_object_get(token, "tries_left")) &&
             number_of(token, "tries_left") == 1)
        finding_add_token(
            findings,
            "be sure of the PIN, or set a new one with the PUK: smime "
            "pin unblock",
            "one try is left before the PIN of this token is blocked: ", token,
            tokens);
    else if (flag_of(token, "pin_low"))
        finding_add_token(
            findings, "be sure of the PIN, then: smime unlock",
            "this token is locked, and a wrong PIN was given before: ", token,
            tokens);
    else
        finding_add_token(findings, "smime unlock",
                          "this token is locked: ", token, tokens);
}

static void
look_at_tokens(json_t *tokens, json_t *findings)
{
    json_t *token;
    size_t i;

    if (json_array_size(tokens) == 0)
        finding_add(
            findings,
            "insert one, or install SoftHSM to try with: apt install softhsm2",
            "no token is there", "");
    json_array_foreach(tokens, i, token)
    {
        const char *state = text_of(token, "state");

        if (strcmp(state, "locked") == 0)
            look_at_locked(token, tokens, findings);
        else if (strcmp(state, "unlocked") == 0 &&
                 flag_of(token, "pin_must_change"))
            finding_add_token(
                findings, "smime pin change",
                "the PIN must be changed before it is used: ", token, tokens);
        else if (strcmp(state, "blocked") == 0)
            finding_add_token(findings, "smime pin unblock",
                              "the PIN of this token is blocked: ", token,
                              tokens);
        else if (strcmp(state, "empty") == 0 && json_array_size(tokens) == 1)
            finding_add(findings, "smime tokens init LABEL",
                        "the only token is not initialised", "");
    }
}

static void
look_at_status(json_t *status, json_t *findings)
{
    if (!flag_of(status, "keyholder"))
        finding_add(findings,
                    "see what smime-agent prints; a PKCS#11 module may "
                    "crash",
                    "the process of the tokens does not answer", "");
    if (!flag_of(status, "keyring"))
        finding_add(findings, "see what smime-agent prints",
                    "the process of the contacts does not answer", "");
    else if (number_of(status, "anchors") == 0)
        finding_add(findings,
                    "put the root certificates of mail you trust, as PEM, into "
                    "~/.config/smime-agent/anchors/",
                    "no trust anchor is there: no signature can be good", "");
}

static void
look_at_store(json_t *status, json_t *findings)
{
    const char *fault = text_of(status, "contacts_fault");
    json_t *address;
    size_t i;

    if (flag_of(status, "contacts_damaged"))
        finding_add(
            findings,
            "smime contacts restore FILE, with a copy of yours or one beside "
            "contacts.db; the damaged file is kept. Without a copy, move it "
            "away, start the agent again and harvest your mail",
            "contacts.db is damaged and answers nothing: ", fault);
    else if (fault[0])
        finding_add(findings, "put that right, then start the agent again",
                    "something is wrong with the contacts: ", fault);
    json_array_foreach(json_object_get(status, "changed_addresses"), i, address)
        finding_add(
            findings,
            "compare: smime contacts show --why ADDRESS  Then decide: smime "
            "contacts pin ADDRESS FINGERPRINT",
            "their certificate is another than before: ",
            json_string_value(address));
    json_array_foreach(json_object_get(status, "rotten_addresses"), i, address)
        finding_add(findings,
                    "open or harvest a signed mail of theirs, or import the "
                    "certificate again; and look after the disk",
                    "the stored bytes of their certificate are damaged, it is "
                    "not used: ",
                    json_string_value(address));
}

/* The last thing to care for. */
static void
look_at_contacts(json_t *status, json_t *findings)
{
    look_at_store(status, findings);
    if (text_of(status, "contacts_fault")[0])
        return;
    if (flag_of(status, "keyring") && number_of(status, "anchors") > 0 &&
        number_of(status, "contacts") == 0)
        finding_add(findings, "open a signed mail with: smime open FILE",
                    "no contact is there yet", "");
}

static void
look_at_modules(json_t *modules, json_t *findings)
{
    json_t *module;
    size_t i;

    json_array_foreach(modules, i, module)
    {
        const char *next = "";
        char what[512];

        if (module_problem(module, what, sizeof(what), &next))
            finding_add(findings, next, what, "");
    }
}

/* Whoever relies on the screen's lock must know when it does nothing. */
static void
look_at_locking(json_t *state, json_t *findings)
{
    if (flag_of(state, "lock_wanted") && !flag_of(state, "lock_watched"))
        finding_add(
            findings,
            "lock them yourself: smime lock  or set [lock] idle in "
            "agent.conf; see what smime-agent prints of smime-watcher and "
            "logind",
            "the tokens are not locked with the screen or before sleep, "
            "though agent.conf says so: logind does not answer",
            "");
}

/* What is meant to be trusted, or asked for revocations, and does not
 * count. */
static void
look_at_trust(json_t *trust, json_t *findings)
{
    int64_t now = (int64_t)time(NULL);
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(trust, "unreadable"), i, one)
    {
        AUTO(buf) struct buf about = {0};

        buf_addf(&about, "%s: %s", text_of(one, "source"), text_of(one, "why"));
        finding_add(
            findings,
            "replace it by a whole one, as PEM or DER, with a name that "
            "is looked for, or remove it",
            "this file does not count: ", buf_text(&about));
    }
    json_array_foreach(json_object_get(trust, "crls"), i, one)
    {
        int64_t next = number_of(one, "next_update");

        if (next != 0 && next < now)
            finding_add(findings, "get a newer one from its issuer",
                        "this CRL is out of date, nobody is cleared by it: ",
                        text_of(one, "source"));
    }
}

static void
look_at_directory(json_t *directory, json_t *findings)
{
    const char *state = text_of(directory, "state");

    if (strcmp(state, "ok") != 0 && strcmp(state, "off") != 0)
        finding_add(
            findings,
            "check [directory] in agent.conf (man agent.conf) and the "
            "network; only contacts that are known already can be written to",
            "the directory gives no answer: ", text_of(directory, "detail"));
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
look(const struct arguments *a)
{
    AUTO(json) json_t *status = NULL;
    AUTO(json) json_t *tokens = NULL;
    AUTO(json) json_t *keys = NULL;
    AUTO(json) json_t *check = NULL;
    AUTO(json) json_t *watched = NULL;
    AUTO(json) json_t *trust = NULL;
    AUTO(json) json_t *directory = NULL;
    AUTO(json) json_t *findings = json_array();
    AUTO(json) json_t *reply = NULL;
    int e = call_get("io.smimeagent.Agent.Status", NULL, &status);

    if (e != EXIT_DONE)
        return e;
    look_at_status(status, findings);
    if (flag_of(status, "keyholder")) {
        e = call_get("io.smimeagent.Keys.Tokens", "tokens", &tokens);
        if (e == EXIT_DONE)
            e = call_get("io.smimeagent.Keys.List", "keys", &keys);
        if (e == EXIT_DONE)
            e = call_get("io.smimeagent.Keys.Check", NULL, &check);
        if (e == EXIT_DONE)
            e = call_get("io.smimeagent.Keys.Modules", NULL, &watched);
        if (e != EXIT_DONE)
            return e;
        look_at_modules(json_object_get(watched, "modules"), findings);
        look_at_locking(watched, findings);
        look_at_tokens(tokens, findings);
        doctor_look_at_keys(keys, tokens, check, findings);
    }
    look_at_contacts(status, findings);
    if (flag_of(status, "keyring")) {
        e = call_get("io.smimeagent.Agent.Anchors", NULL, &trust);
        if (e != EXIT_DONE)
            return e;
        look_at_trust(trust, findings);
        e = call_get("io.smimeagent.Agent.Directory", "directory", &directory);
        if (e != EXIT_DONE)
            return e;
        look_at_directory(directory, findings);
    }
    reply = json_pack("{s:O}", "findings", findings);
    return arguments_flag(a, "json") ? show_json(stdout, reply)
                                     : findings_say(findings);
}

static int
make_clean(struct call *c, const struct arguments *a)
{
    call_set_text(c, "token", arguments_value(a, "token"));
    return EXIT_DONE;
}

static int
clean(const struct arguments *a)
{
    AUTO(json) json_t *reply = NULL;
    int e = call_unlocking(a, "io.smimeagent.Keys.Clean", make_clean, &reply);

    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    printf("Removed: %lld half-made objects\n",
           (long long)number_of(reply, "removed"));
    return output_finish(EXIT_DONE);
}

static int
run(const struct arguments *a)
{
    return arguments_flag(a, "clean") ? clean(a) : look(a);
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "what is missing, and what to type next",
    .usage = "doctor [--json]\n"
             "       smime doctor --clean [--token T]",
    .help = "  --clean     remove half-made keys that a write left on a token\n"
            "              when it was cut off\n"
            "  --token T   which one: its label, serial or pkcs11: URI\n"
            "  --json      a list of findings, each with what and next\n",
    .options = options,
    .run = run,
};
