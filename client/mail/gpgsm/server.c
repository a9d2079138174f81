/*
 * The connection that GPGME made: gpgsm's commands and options over Assuan.
 */
#include "client/mail/gpgsm/engine.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct engine *
engine_of(assuan_context_t ctx)
{
    return assuan_get_pointer(ctx);
}

/* ---- options ------------------------------------------------------------- */

static gpg_error_t
keep(char **at, const char *value)
{
    free(*at);
    *at = value[0] ? strdup(value) : NULL;
    return 0;
}

/* What is asked for and changes nothing here: chains are always judged, the
 * agent never goes to the network on its own, keys are never exported. */
static bool
is_harmless(const char *key)
{
    static const char *const names[] = {"putenv",
                                        "xauthority",
                                        "pinentry-user-data",
                                        "lc-messages",
                                        "list-mode",
                                        "list-to-output",
                                        "with-validation",
                                        "with-secret",
                                        "validation-model",
                                        "with-key-data",
                                        "allow-pinentry-notify",
                                        "with-ephemeral-keys",
                                        "offline",
                                        "input-size-hint",
                                        "always-trust",
                                        "request-origin",
                                        "with-keygrip",
                                        "no-encrypt-to",
                                        "enable-audit-log"};

    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (strcmp(names[i], key) == 0)
            return true;
    return false;
}

static gpg_error_t
set_option(assuan_context_t ctx, const char *key, const char *value)
{
    struct engine *e = engine_of(ctx);

    if (strcmp(key, "ttyname") == 0)
        return keep(&e->tty, value);
    if (strcmp(key, "ttytype") == 0)
        return keep(&e->term, value);
    if (strcmp(key, "display") == 0)
        return keep(&e->display, value);
    if (strcmp(key, "lc-ctype") == 0)
        return keep(&e->locale, value);
    if (strcmp(key, "include-certs") == 0)
        e->include_certs = atoi(value);
    else if (strcmp(key, "no-encrypt-to") == 0)
        e->without_self = true;
    else if (!is_harmless(key))
        return gpg_error(GPG_ERR_UNKNOWN_OPTION);
    return 0;
}

/* ---- descriptors --------------------------------------------------------- */

/* libassuan forgets the one before without closing it. */
static void
replace(int *kept, int fd)
{
    if (*kept >= 0 && *kept != fd)
        close(*kept);
    *kept = fd;
}

/* Flags of INPUT are not looked at: the agent sees what it is. */
static gpg_error_t
note_input(assuan_context_t ctx, char *line)
{
    (void)line;
    replace(&engine_of(ctx)->input, assuan_get_input_fd(ctx));
    return 0;
}

static gpg_error_t
note_output(assuan_context_t ctx, char *line)
{
    struct engine *e = engine_of(ctx);

    e->encoding = strstr(line, "--armor")    ? ENCODING_ARMOR
                  : strstr(line, "--base64") ? ENCODING_BASE64
                                             : ENCODING_BINARY;
    replace(&e->output, assuan_get_output_fd(ctx));
    return 0;
}

static gpg_error_t
cmd_message(assuan_context_t ctx, char *line)
{
    struct engine *e = engine_of(ctx);
    assuan_fd_t fd;
    gpg_error_t error = assuan_command_parse_fd(ctx, line, &fd);

    if (error)
        return error;
    if (e->message >= 0)
        close(e->message);
    e->message = fd;
    return 0;
}

static gpg_error_t
reset(assuan_context_t ctx, char *line)
{
    (void)line;
    engine_reset(engine_of(ctx));
    return 0;
}

/* ---- small commands ------------------------------------------------------ */

static gpg_error_t
send_text(assuan_context_t ctx, const char *text)
{
    return assuan_send_data(ctx, text, strlen(text));
}

static gpg_error_t
agent_check(struct engine *e)
{
    json_t *reply = NULL;
    gpg_error_t error = engine_call(e, "io.smimeagent.Agent.Status",
                                    json_object(), NULL, 0, &reply, NULL);

    json_decref(reply);
    return error;
}

static gpg_error_t
cmd_getinfo(assuan_context_t ctx, char *line)
{
    char number[32];

    if (strcmp(line, "version") == 0)
        return send_text(ctx, GPGSM_VERSION);
    if (strcmp(line, "pid") == 0) {
        snprintf(number, sizeof(number), "%lu", (unsigned long)getpid());
        return send_text(ctx, number);
    }
    if (strcmp(line, "agent-check") == 0)
        return agent_check(engine_of(ctx));
    if (strcmp(line, "offline") == 0)
        return 0;
    if (strncmp(line, "cmd_has_option", 14) == 0)
        return gpg_error(GPG_ERR_FALSE);
    return assuan_set_error(ctx, gpg_error(GPG_ERR_ASS_PARAMETER),
                            "unknown value for WHAT");
}

static gpg_error_t
cmd_genkey(assuan_context_t ctx, char *line)
{
    (void)line;
    return engine_fail(engine_of(ctx), GPG_ERR_NOT_SUPPORTED,
                       "keys are made on the token: smime generate --address "
                       "you@example.org");
}

static gpg_error_t
cmd_delkeys(assuan_context_t ctx, char *line)
{
    (void)line;
    return engine_fail(engine_of(ctx), GPG_ERR_NOT_SUPPORTED,
                       "mail programs delete nothing here: smime contacts "
                       "remove, smime keys remove");
}

static gpg_error_t
cmd_passwd(assuan_context_t ctx, char *line)
{
    (void)line;
    return engine_fail(engine_of(ctx), GPG_ERR_NOT_SUPPORTED,
                       "the PIN is the token's: smime pin change");
}

/* ---- the connection ------------------------------------------------------ */

static const struct {
    const char *name;
    assuan_handler_t handler;
} commands[] = {
    {"RECIPIENT", cmd_recipient},
    {"SIGNER", cmd_signer},
    {"ENCRYPT", cmd_encrypt},
    {"DECRYPT", cmd_decrypt},
    {"VERIFY", cmd_verify},
    {"SIGN", cmd_sign},
    {"IMPORT", cmd_import},
    {"EXPORT", cmd_export},
    {"INPUT", NULL},
    {"OUTPUT", NULL},
    {"MESSAGE", cmd_message},
    {"LISTKEYS", cmd_listkeys},
    {"DUMPKEYS", cmd_dumpkeys},
    {"LISTSECRETKEYS", cmd_listsecretkeys},
    {"DUMPSECRETKEYS", cmd_dumpsecretkeys},
    {"GENKEY", cmd_genkey},
    {"DELKEYS", cmd_delkeys},
    {"GETAUDITLOG", cmd_getauditlog},
    {"GETINFO", cmd_getinfo},
    {"PASSWD", cmd_passwd},
};

static gpg_error_t
commands_register(assuan_context_t ctx)
{
    gpg_error_t error = 0;

    for (size_t i = 0; i < ARRAY_COUNT(commands) && !error; i++)
        error = assuan_register_command(ctx, commands[i].name,
                                        commands[i].handler, NULL);
    if (!error)
        error = assuan_register_input_notify(ctx, note_input);
    if (!error)
        error = assuan_register_output_notify(ctx, note_output);
    if (!error)
        error = assuan_register_reset_notify(ctx, reset);
    if (!error)
        error = assuan_register_option_handler(ctx, set_option);
    return error;
}

static gpg_error_t
connection_open(struct engine *e)
{
    assuan_fd_t fds[2] = {assuan_fdopen(0), assuan_fdopen(1)};
    gpg_error_t error;

    gpg_err_init();
    assuan_set_gpg_err_source(GPG_ERR_SOURCE_GPGSM);
    error = assuan_new(&e->assuan);
    if (error)
        return error;
    assuan_set_pointer(e->assuan, e);
    error = assuan_init_pipe_server(e->assuan, fds);
    if (!error)
        error = commands_register(e->assuan);
    if (!error)
        error = assuan_set_hello_line(
            e->assuan, "GNU Privacy Guard's S/M server " GPGSM_VERSION
                       " ready (smime-agent)");
    return error ? error : assuan_accept(e->assuan);
}

/* A program that dies while the agent works must not get its work done: the
 * end of this process takes the request back. */
static void *
watch(void *arg)
{
    struct pollfd program = {.fd = *(int *)arg, .events = POLLRDHUP};

    while (poll(&program, 1, -1) < 0 && errno == EINTR)
        continue;
    _exit(2);
}

/* Of a pipe the end is seen before what was written to it is read. */
static void
watch_begin(assuan_context_t ctx)
{
    static assuan_fd_t fds[2];
    struct stat st;
    pthread_t thread;

    if (assuan_get_active_fds(ctx, 0, fds, 2) >= 1 && fstat(fds[0], &st) == 0 &&
        S_ISSOCK(st.st_mode) && pthread_create(&thread, NULL, watch, fds) == 0)
        pthread_detach(thread);
}

int
server_run(struct engine *e)
{
    gpg_error_t error = connection_open(e);

    if (!error) {
        watch_begin(e->assuan);
        error = assuan_process(e->assuan);
    }
    if (error)
        fprintf(e->log, "gpgsm: the connection failed: %s\n",
                gpg_strerror(error));
    assuan_release(e->assuan);
    e->assuan = NULL;
    return error ? 2 : 0;
}
