/* smime-mutt verify and verify-opaque. */
#include <string.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "client/mail/mutt.h"

/* A first line on stderr that mutt looks for, and nothing else is good. */
#define SUCCESS "Verification successful"
#define FAILURE "Verification failure"

static bool
is_valid(json_t *report)
{
    const char *verdict = text_of(report, "verdict");

    return strcmp(verdict, "unseen") == 0 || strcmp(verdict, "good") == 0;
}

static bool
has_learned(json_t *report)
{
    json_t *layer, *signer;
    size_t i, k;

    json_array_foreach(json_object_get(report, "layers"), i, layer)
    {
        json_array_foreach(json_object_get(layer, "signers"), k, signer)
        {
            const char *word = text_of(signer, "learned");

            if (strcmp(word, "new") == 0 || strcmp(word, "changed") == 0)
                return true;
        }
    }
    return false;
}

/* The error comes behind the line that mutt reads. */
static int
verify(struct call *c)
{
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};
    AUTO(json) json_t *reply = NULL;
    json_t *report;
    int e;

    call_set_text(c, "form", "cms");
    call_set_text(c, "origin", "mutt");
    call_set_flag(c, "learn", true);
    e = call_try(c, SMIME_SOCKET_MAIL, "io.smimeagent.Mail.Verify", &reply,
                 &error);
    if (e != EXIT_DONE) {
        fputs(FAILURE "\n", stderr);
        return error_say(&error);
    }
    report = json_object_get(reply, "report");
    fputs(is_valid(report) ? SUCCESS "\n" : FAILURE "\n", stderr);
    report_say(stderr, report);
    if (has_learned(report))
        (void)index_write();
    return is_valid(report) ? EXIT_DONE : EXIT_NO;
}

/* ---- beside ---------------------------------------------------------------
 */

static int
run_verify(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(call) struct call content = {.parameters = NULL};
    int e;

    call_init(&c);
    call_init(&content);
    e = call_set_input(&c, a->operand[0]);
    if (e == EXIT_DONE)
        e = call_set_input(&content, a->operand[1]);
    if (e != EXIT_DONE) {
        return e;
    }
    (void)call_add_fd(&c, "content", content.fds[0]);
    content.fd_count = 0;
    call_set_flag(&c, "text", true);
    return verify(&c);
}

const struct command mutt_verify = {
    .name = "verify",
    .summary = "smime_verify_command",
    .usage = "verify %s %f",
    .help = "The first line on stderr says it in mutt's words, the others in "
            "ours.\n",
    .least_operands = 2,
    .most_operands = 2,
    .run = run_verify,
};

/* ---- around ---------------------------------------------------------------
 */

static int
run_verify_opaque(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    int e;

    call_init(&c);
    e = call_set_input(&c, a->operand[0]);
    if (e == EXIT_DONE)
        e = call_set_output(&c);
    return e == EXIT_DONE ? verify(&c) : e;
}

const struct command mutt_verify_opaque = {
    .name = "verify-opaque",
    .summary = "smime_verify_opaque_command",
    .usage = "verify-opaque %s",
    .help = "What is signed goes to stdout, whatever the verdict; that is on "
            "stderr.\n",
    .least_operands = 1,
    .most_operands = 1,
    .run = run_verify_opaque,
};
