/* What is wrong with a PKCS#11 module: its tokens may be missing from what a
 * command shows. */
#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

bool
module_problem(json_t *module, char *what, size_t size, const char **out_next)
{
    const char *state = text_of(module, "state");
    const char *call = text_of(module, "call");
    const char *name = text_of(module, "name");

    if (strcmp(state, "hangs") == 0) {
        snprintf(what, size,
                 "the module %s does not answer (in %s for %lld s): its "
                 "tokens and keys may be missing",
                 name, call[0] ? call : "a call",
                 (long long)number_of(module, "seconds"));
        *out_next = "wait, take the token out and insert it again, or give "
                    "the module a process of its own: see agent.conf(5), "
                    "remote";
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
    if (strcmp(state, "failed") != 0)
        return false;
    if (call[0])
        snprintf(what, size, "the module %s does not start (%s: 0x%llx)", name,
                 call, (unsigned long long)number_of(module, "code"));
    else
        snprintf(what, size, "the module %s cannot be loaded", name);
    *out_next = "see what smime-agent prints, and whether its path is right "
                "in agent.conf";
    return true;
}

/* Only what keeps something from being shown: a module that never worked is
 * doctor's business. */
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

        if (strcmp(text_of(module, "state"), "failed") == 0 ||
            !module_problem(module, what, sizeof(what), &next))
            continue;
        fputs("smime: ", stderr);
        show_text(stderr, what);
        fputs("\n  next: ", stderr);
        show_text(stderr, next);
        fputc('\n', stderr);
    }
}
