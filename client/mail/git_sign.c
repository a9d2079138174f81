/* Signs a commit or a tag. */
#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/mem.h"
#include "client/mail/choose_key.h"
#include "client/mail/git.h"
#include "client/mail/gnupg_numbers.h"

static void
tell(const struct git_options *o, json_t *reply)
{
    json_t *certificate = json_object_get(reply, "certificate");
    char sha1[41];
    size_t i = 0;

    for (const char *at = text_of(certificate, "sha1"); *at && i < 40; at++)
        sha1[i++] = (char)toupper((unsigned char)*at);
    sha1[i] = '\0';
    git_status(o, "SIG_CREATED D %d %d 00 %lld %s",
               gnupg_key_number(text_of(certificate, "key"), true),
               gnupg_digest_number(text_of(reply, "digest")),
               (long long)number_of(reply, "signing_time"), sha1);
}

/* git before 2.41 drops what we say when we fail, so the person is told at the
 * terminal too. */
static int
refusal_say(const struct smime_error *error)
{
    int exit_code = error_say(error);
    AUTO(fd) int tty = open("/dev/tty", O_WRONLY | O_CLOEXEC | O_NOCTTY);

    if (!isatty(STDERR_FILENO) && tty >= 0 && dup2(tty, STDERR_FILENO) >= 0)
        (void)error_say(error);
    return exit_code;
}

int
git_sign(const struct git_options *o)
{
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e;

    call_init(&c);
    e = call_set_input(&c, NULL);
    if (e == EXIT_DONE)
        e = call_set_output(&c);
    if (e == EXIT_DONE)
        e = call_set_key(&c, o->key);
    if (e != EXIT_DONE)
        return e;
    call_set_text(&c, "form", "cms");
    call_set_text(&c, "encoding", "pem");
    call_set_text(&c, "label", "SIGNED MESSAGE");
    call_set_caller(&c);
    e = call_try(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Mail.Sign", &reply,
                 &error);
    if (e != EXIT_DONE)
        return refusal_say(&error);
    warnings_say(reply);
    tell(o, reply);
    return EXIT_DONE;
}
