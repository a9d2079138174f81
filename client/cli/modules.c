/* What is wrong with a PKCS#11 module: its tokens may be missing from what a
 * command shows. */
#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

#define CODE_BYTES 64

static const char *
code_text(json_t *module, char out[CODE_BYTES])
{
    const char *error = text_of(module, "error");

    if (error[0])
        snprintf(out, CODE_BYTES, "%s", error);
    else
        snprintf(out, CODE_BYTES, "0x%llx",
                 (unsigned long long)number_of(module, "code"));
    return out;
}

/* It started, and tells nothing of its tokens, or of one. */
static bool
failing_problem(json_t *module, char *what, size_t size, const char **out_next)
{
    const char *call = text_of(module, "call");
    const char *token = text_of(module, "token");
    bool of_one = strcmp(call, "C_GetTokenInfo") == 0;
    char code[CODE_BYTES];

    if (token[0]) {
        snprintf(what, size, "the keys of the token %s cannot be read (%s: %s)",
                 token, call, code_text(module, code));
        *out_next = "take it out and insert it again; if it stays, look at it "
                    "with its vendor's tool";
        return true;
    }
    snprintf(what, size, "the module %s %s (%s: %s)", text_of(module, "name"),
             of_one ? "cannot read a token that is there"
                    : "does not tell which tokens are there",
             call, code_text(module, code));
    *out_next = of_one
                    ? "take that token out and insert it the right way round; "
                      "if it stays, look at it with its vendor's tool"
                    : "see that the reader is plugged in and that what the "
                      "module needs runs (often pcscd), then: smime tokens "
                      "--rescan";
    return true;
}

bool
module_problem(json_t *module, char *what, size_t size, const char **out_next)
{
    const char *state = text_of(module, "state");
    const char *call = text_of(module, "call");
    const char *name = text_of(module, "name");
    char code[CODE_BYTES];

    if (strcmp(state, "hangs") == 0) {
        snprintf(what, size,
                 "the module %s does not answer (in %s for %lld s): its "
                 "tokens and keys may be missing",
                 name, call[0] ? call : "a call",
                 (long long)number_of(module, "seconds"));
        *out_next = strcmp(call, "dlopen") == 0
                        ? "see whether its file can be read: is it on a drive "
                          "that is away? Then start smime-agent again"
                        : "wait, take the token out and insert it again, or "
                          "give the module a process of its own: see "
                          "agent.conf(5), remote";
        return true;
    }
    if (strcmp(state, "skipped") == 0 && number_of(module, "seconds") > 0) {
        snprintf(what, size,
                 "the module %s did not come back from being loaded (in %s for "
                 "%lld s) and is left out",
                 name, call[0] ? call : "a call",
                 (long long)number_of(module, "seconds"));
        *out_next = "start smime-agent again to try it once more, or give the "
                    "module a process of its own: see agent.conf(5), remote";
        return true;
    }
    if (strcmp(state, "skipped") == 0) {
        snprintf(what, size,
                 "the module %s ended the process of the tokens (in %s) and "
                 "is left out",
                 name, call[0] ? call : "a call");
        *out_next = "start smime-agent again to try it once more, or give the "
                    "module a process of its own: see agent.conf(5), remote";
        return true;
    }
    if (strcmp(state, "failing") == 0)
        return failing_problem(module, what, size, out_next);
    if (strcmp(state, "failed") != 0)
        return false;
    if (call[0])
        snprintf(what, size, "the module %s does not start (%s: %s)", name,
                 call, code_text(module, code));
    else
        snprintf(what, size, "the module %s cannot be loaded%s%s", name,
                 text_of(module, "error")[0] ? ": " : "",
                 text_of(module, "error"));
    *out_next = "see whether its path is right in agent.conf, and what "
                "smime-agent prints";
    return true;
}

/* A module that never worked, and a card that is none of ours in one of the
 * readers, are doctor's business. */
static bool
is_news(json_t *module)
{
    const char *state = text_of(module, "state");
    bool of_one = strcmp(text_of(module, "call"), "C_GetTokenInfo") == 0;

    return strcmp(state, "failed") != 0 &&
           !(strcmp(state, "failing") == 0 && of_one);
}

/* Only what keeps something from being shown. */
void
modules_warn(void)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    struct smime_error error = {0};
    json_t *module;
    size_t i;

    call_init(&c);
    if (call_try(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Keys.Modules", &reply,
                 &error) != EXIT_DONE) {
        smime_error_drop(&error);
        return;
    }
    json_array_foreach(json_object_get(reply, "modules"), i, module)
    {
        const char *next = "";
        char what[512];

        if (!is_news(module) ||
            !module_problem(module, what, sizeof(what), &next))
            continue;
        fputs("smime: ", stderr);
        show_text(stderr, what);
        fputs("\n  next: ", stderr);
        show_text(stderr, next);
        fputc('\n', stderr);
    }
}
