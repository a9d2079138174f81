#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

static const struct option_row options[] = {{"json", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

static void
say_tokens(json_t *status)
{
    json_t *login;
    size_t i;

    if (!flag_of(status, "keyholder")) {
        puts("Tokens:    their process does not answer; it is being "
             "restarted");
        return;
    }
    printf("Tokens:    %lld (%lld unlocked)\n",
           (long long)number_of(status, "tokens"),
           (long long)number_of(status, "unlocked"));
    json_array_foreach(json_object_get(status, "logins"), i, login)
    {
        AUTO(buf) struct buf text = {0};

        login_text(login, &text);
        fputs("           ", stdout);
        show_text(stdout, text_of(login, "token"));
        printf(": %s\n", buf_text(&text));
    }
    printf("Keys:      %lld\n", (long long)number_of(status, "keys"));
}

static void
say_contacts(json_t *status)
{
    char folders[2048];

    if (!flag_of(status, "keyring")) {
        puts("Contacts:  their process does not answer; it is being "
             "restarted");
        return;
    }
    printf("Contacts:  %lld (%lld certificates) in ",
           (long long)number_of(status, "contacts"),
           (long long)number_of(status, "certificates"));
    show_text(stdout, text_of(status, "contacts_file"));
    if (text_of(status, "contacts_fault")[0]) {
        fputs(flag_of(status, "contacts_damaged")
                  ? "\n           damaged, and not touched: "
                  : "\n           something is wrong: ",
              stdout);
        show_text(stdout, text_of(status, "contacts_fault"));
    }
    if (flag_of(status, "contacts_damaged"))
        fputs("\n           next: smime contacts restore FILE", stdout);
    if (number_of(status, "changed") > 0)
        printf("\n           %lld changed: smime doctor says what to do",
               (long long)number_of(status, "changed"));
    if (number_of(status, "rotten") > 0)
        printf("\n           %lld with damaged bytes: smime doctor says what "
               "to do",
               (long long)number_of(status, "rotten"));
    texts_join(json_object_get(status, "anchor_folders"), folders,
               sizeof(folders));
    printf("\nAnchors:   %lld%s%s\n", (long long)number_of(status, "anchors"),
           folders[0] ? "; folders: " : "", folders);
}

/* The network is used only where agent.conf names a directory. */
static int
directory_get(json_t **out)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e;

    call_init(&c);
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Agent.Directory",
                 &reply);
    if (e == EXIT_DONE)
        *out = json_incref(json_object_get(reply, "directory"));
    return e;
}

static void
say_directory(json_t *directory)
{
    const char *state = text_of(directory, "state");

    fputs("Directory: ", stdout);
    if (strcmp(state, "off") == 0) {
        puts("none; the agent uses no network");
    } else if (strcmp(state, "ok") == 0) {
        show_text(stdout, text_of(directory, "server"));
        puts(" answers");
    } else {
        fputs("gives no answer: ", stdout);
        show_text(stdout, text_of(directory, "detail"));
        putchar('\n');
    }
}

static int
run(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *status = NULL;
    AUTO(json) json_t *directory = NULL;
    char sandbox[256];
    int e;

    call_init(&c);
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Agent.Status", &status);
    if (e == EXIT_DONE && flag_of(status, "keyring"))
        e = directory_get(&directory);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json")) {
        json_object_set(status, "directory", directory);
        return show_json(stdout, status);
    }
    fputs("smime-agent ", stdout);
    show_text(stdout, text_of(status, "version"));
    puts(" is running.");
    say_tokens(status);
    say_contacts(status);
    if (directory)
        say_directory(directory);
    texts_join(json_object_get(status, "sandbox"), sandbox, sizeof(sandbox));
    printf("Sandbox:   %s\n", sandbox[0] ? sandbox : "none");
    return output_finish(EXIT_DONE);
}

const struct command command_status = {
    .name = "status",
    .summary = "what the agent has: tokens, keys, contacts",
    .usage = "status [--json]",
    .help = "  --json   the agent's answer as it is\n",
    .options = options,
    .run = run,
};
