#include "client/mail/gpgsm/engine.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/log.h"

void
engine_init(struct engine *e)
{
    *e = (struct engine){.log = stderr,
                         .input = -1,
                         .output = -1,
                         .message = -1,
                         .include_certs = -2};
}

void
engine_reset(struct engine *e)
{
    if (e->message >= 0)
        close(e->message);
    e->message = e->input = e->output = -1;
    e->encoding = ENCODING_BINARY;
    json_decref(e->recipients);
    e->recipients = NULL;
    e->signer[0] = e->signer_key[0] = '\0';
}

void
engine_drop(struct engine *e)
{
    engine_reset(e);
    smime_client_drop(&e->agent);
    buf_drop(&e->audit);
    free(e->tty);
    free(e->term);
    free(e->display);
    free(e->locale);
}

/* ---- errors -------------------------------------------------------------- */

static void
say(struct engine *e, const char *text)
{
    char shown[1024];

    text_escape(slice_text(text), shown, sizeof(shown));
    fprintf(e->log, "gpgsm: %s\n", shown);
    fflush(e->log);
}

/* TEXT lives until the answer is sent: Assuan borrows it. */
static gpg_error_t
answer(struct engine *e, gpg_err_code_t code, const char *text)
{
    static char kept[512];
    gpg_error_t error = gpg_err_make(GPG_ERR_SOURCE_GPGSM, code);

    say(e, text);
    text_escape(slice_text(text), kept, sizeof(kept));
    return e->assuan ? assuan_set_error(e->assuan, error, kept) : error;
}

gpg_error_t
engine_fail(struct engine *e, gpg_err_code_t code, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return answer(e, code, text);
}

void
engine_status(struct engine *e, const char *keyword, const char *format, ...)
{
    char text[900], shown[960];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    text_escape(slice_text(text), shown, sizeof(shown));
    if (e->assuan && assuan_write_status(e->assuan, keyword, shown) != 0)
        say(e, "the program does not listen any more");
}

void
engine_audit(struct engine *e, const char *format, ...)
{
    char text[1024], shown[1100];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    text_escape(slice_text(text), shown, sizeof(shown));
    buf_addf(&e->audit, "%s\n", shown);
}

/* ---- the agent ----------------------------------------------------------- */

bool
fd_is_open(int fd)
{
    return fd >= 0 && fcntl(fd, F_GETFD) >= 0;
}

static gpg_error_t
agent_error(struct engine *e, struct smime_error *error, char *out_name)
{
    gpg_error_t code;

    if (out_name)
        snprintf(out_name, 64, "%s", error->name);
    if (error->next && error->next[0])
        say(e, error->next);
    code = answer(e, code_of(error->name),
                  error->message ? error->message : error->name);
    engine_audit(e, "failed: %s",
                 error->message ? error->message : error->name);
    if (strcmp(error->name, "AgentLost") == 0)
        smime_client_drop(&e->agent); /* the next call asks it anew */
    smime_error_drop(error);
    return code;
}

gpg_error_t
engine_call(struct engine *e, const char *method, json_t *parameters,
            const int *fds, int fd_count, json_t **out, char *out_name)
{
    struct smime_error error = {.exit_code = 0};
    int failed = 0;

    if (!e->agent)
        failed = smime_client_connect(SMIME_SOCKET_MAIL, &e->agent, &error);
    if (failed == 0)
        failed = client_call_json(e->agent, method, parameters, fds, fd_count,
                                  -1, out, &error);
    json_decref(parameters);
    return failed == 0 ? 0 : agent_error(e, &error, out_name);
}

gpg_error_t
engine_manage(struct engine *e, const char *method, json_t *parameters, int fd,
              json_t **out)
{
    struct smime_error error = {.exit_code = 0};
    struct smime_client *manager = NULL;
    int failed = smime_client_connect(SMIME_SOCKET_MANAGE, &manager, &error);

    if (failed == 0)
        failed = client_call_json(manager, method, parameters, &fd, 1, -1, out,
                                  &error);
    smime_client_drop(&manager);
    json_decref(parameters);
    return failed == 0 ? 0 : agent_error(e, &error, NULL);
}

static void
set_text(json_t *object, const char *name, const char *value)
{
    if (value && value[0])
        json_object_set_new(object, name, json_string(value));
}

void
engine_set_caller(struct engine *e, json_t *parameters)
{
    json_t *caller = json_object();

    set_text(caller, "tty", e->tty);
    set_text(caller, "term", e->term);
    set_text(caller, "display", e->display);
    set_text(caller, "locale", e->locale);
    json_object_set_new(parameters, "caller", caller);
}

void
engine_set_encoding(struct engine *e, json_t *parameters, const char *label)
{
    static const char *const words[] = {"der", "pem", "base64"};

    json_object_set_new(parameters, "encoding",
                        json_string(words[e->encoding]));
    if (e->encoding == ENCODING_ARMOR)
        set_text(parameters, "label", label);
}
