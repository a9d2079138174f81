#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "client/cli/cli.h"

/* ---- errors
 * ------------------------------------------------------------------- */

const char *cli_program = "smime";

static void
lines_say(const char *message, const char *next)
{
    fprintf(stderr, "%s: ", cli_program);
    show_text(stderr, message);
    if (next && next[0] != '\0') {
        fputs("\n  next: ", stderr);
        show_text(stderr, next);
    }
    fputc('\n', stderr);
}

int
error_say(const struct smime_error *error)
{
    lines_say(error->message ? error->message : error->name, error->next);
    return error->exit_code;
}

int
failure_say(int exit_code, const char *next, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    lines_say(text, next);
    return exit_code;
}

/* ---- parameters
 * --------------------------------------------------------------- */

void
call_init(struct call *c)
{
    *c = (struct call){.parameters = json_object()};
}

void
call_drop(struct call *c)
{
    for (int i = 0; i < c->fd_count; i++)
        if (c->fds[i] > STDERR_FILENO)
            close(c->fds[i]);
    json_decref(c->parameters);
    *c = (struct call){.parameters = NULL};
}

/* Words of the command line are the person's own bytes, in whatever charset:
 * what is not UTF-8 is sent escaped, so that the error shows it. */
void
call_set_text(struct call *c, const char *name, const char *value)
{
    json_t *text;

    if (!value)
        return;
    text = json_string(value);
    if (!text) {
        char shown[1024];

        text_escape(slice_text(value), shown, sizeof(shown));
        text = json_string(shown);
    }
    json_object_set_new(c->parameters, name, text);
}

void
call_set_flag(struct call *c, const char *name, bool value)
{
    if (value)
        json_object_set_new(c->parameters, name, json_true());
}

void
call_set_options(struct call *c, const struct arguments *a,
                 const char *const *names)
{
    for (; *names; names++) {
        char parameter[64];

        snprintf(parameter, sizeof(parameter), "%s", *names);
        for (char *p = parameter; (p = strchr(p, '-')) != NULL;)
            *p = '_';
        call_set_text(c, parameter, arguments_value(a, *names));
    }
}

void
call_set_number(struct call *c, const char *name, int64_t value)
{
    json_object_set_new(c->parameters, name, json_integer(value));
}

int
call_add_fd(struct call *c, const char *name, int fd)
{
    if (c->fd_count >= SMIME_LIMIT_FDS)
        bug("more descriptors than a call carries");
    c->fds[c->fd_count] = fd;
    if (name)
        call_set_number(c, name, c->fd_count);
    return c->fd_count++;
}

/* ---- input and output
 * ----------------------------------------------------------- */

static bool stdin_is_open = true;
static bool stdout_is_open = true;

void
standard_fds_check(void)
{
    int fd;

    stdin_is_open = fcntl(STDIN_FILENO, F_GETFD) >= 0;
    stdout_is_open = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

int
call_set_input(struct call *c, const char *file)
{
    AUTO(fd) int fd = -1;
    struct stat st;

    if (!file || strcmp(file, "-") == 0) {
        if (!stdin_is_open)
            return failure_say(EXIT_INPUT, "name a file, or give it on stdin",
                               "the standard input is closed");
        if (isatty(STDIN_FILENO))
            fputs("smime: reading from the terminal; end with Ctrl-D\n",
                  stderr);
        (void)call_add_fd(c, "input", STDIN_FILENO);
        return EXIT_DONE;
    }
    fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return failure_say(EXIT_INPUT, "check the file and its permissions",
                           "%s cannot be read: %s", file, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return failure_say(EXIT_INPUT, "name one file of it", "%s is a folder",
                           file);
    (void)call_add_fd(c, "input", fd_take(&fd));
    return EXIT_DONE;
}

/* Where a regular output file ended before; -1: it is none, or we write in
 * its middle. */
static off_t output_start = -1;

static void
output_note(void)
{
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    struct stat st;

    if (flags < 0 || fstat(STDOUT_FILENO, &st) != 0 || !S_ISREG(st.st_mode))
        return;
    if ((flags & O_APPEND) || lseek(STDOUT_FILENO, 0, SEEK_CUR) == st.st_size)
        output_start = st.st_size;
}

/* An agent that was killed could not cut back what it had begun: the last
 * one who knows where the file ended does it. */
static void
output_cut_back(void)
{
    struct stat st;

    if (output_start < 0 || fstat(STDOUT_FILENO, &st) != 0 ||
        st.st_size <= output_start)
        return;
    if (ftruncate(STDOUT_FILENO, output_start) != 0)
        (void)failure_say(EXIT_OUTPUT, "remove what was written of it",
                          "the output could not be cut back: %s",
                          strerror(errno));
}

int
call_set_output(struct call *c)
{
    int flags = fcntl(STDOUT_FILENO, F_GETFL);

    if (!stdout_is_open || flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return failure_say(EXIT_OUTPUT, "give it a place to write to: > FILE",
                           "the standard output is closed");
    output_note();
    (void)call_add_fd(c, "output", STDOUT_FILENO);
    return EXIT_DONE;
}

int
call_set_fd_option(struct call *c, const struct arguments *a,
                   const char *option, const char *parameter)
{
    long number = -1;
    int fd;

    if (!arguments_number(a, option, 65535, &number))
        return EXIT_USAGE;
    if (number < 0)
        return EXIT_DONE;
    fd = fcntl((int)number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (fd < 0 || (number == STDIN_FILENO && !stdin_is_open)) {
        fd_drop(&fd);
        return failure_say(EXIT_INPUT, "open it, for example: 3< FILE",
                           "descriptor %ld is not open", number);
    }
    (void)call_add_fd(c, parameter, fd);
    return EXIT_DONE;
}

/* ---- the caller
 * ------------------------------------------------------------------ */

/* The terminal whose device number is DEV, under one of the usual names. */
static bool
terminal_named(dev_t dev, char *out, size_t size)
{
    static const struct {
        const char *name;
        unsigned first;
    } kinds[] = {{"/dev/pts/%u", 0}, {"/dev/tty%u", 0}, {"/dev/ttyS%u", 64}};

    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        struct stat s;

        (void)snprintf(out, size, kinds[i].name, minor(dev) - kinds[i].first);
        if (stat(out, &s) == 0 && S_ISCHR(s.st_mode) && s.st_rdev == dev)
            return true;
    }
    return false;
}

/* mutt and git run commands with all three in pipes: then it is the one of
 * their session, for whose name /dev/tty itself is no word to another
 * process. */
static const char *
terminal_find(char *out, size_t size)
{
    AUTO(fd) int fd = -1;
    unsigned dev;

    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
        if (ttyname_r(i, out, size) == 0)
            return out;
    fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    return fd >= 0 && ioctl(fd, TIOCGDEV, &dev) == 0 &&
                   terminal_named(dev, out, size)
               ? out
               : NULL;
}

static void
caller_set(json_t *caller, const char *name, const char *value)
{
    if (value && value[0] != '\0')
        json_object_set_new(caller, name, json_string(value));
}

/* The first of these variables that has a value. */
static const char *
env_first(const char *const names[])
{
    for (; *names; names++) {
        const char *value = getenv(*names);

        if (value && value[0] != '\0')
            return value;
    }
    return NULL;
}

void
call_set_caller(struct call *c)
{
    static const char *const displays[] = {"DISPLAY", "WAYLAND_DISPLAY", NULL};
    static const char *const locales[] = {"LC_ALL", "LC_MESSAGES", "LANG",
                                          NULL};
    json_t *caller = json_object();
    char terminal[256];

    caller_set(caller, "tty", terminal_find(terminal, sizeof(terminal)));
    caller_set(caller, "term", getenv("TERM"));
    caller_set(caller, "display", env_first(displays));
    caller_set(caller, "locale", env_first(locales));
    json_object_set_new(c->parameters, "caller", caller);
}

/* ---- calling
 * --------------------------------------------------------------------- */

/* For the person, while the command waits. */
static void
notice_say(void *arg, const struct smime_notice *n)
{
    (void)arg;
    if (strcmp(n->kind, "pinpad") == 0) {
        fputs("smime: enter the PIN at the reader of the token ", stderr);
        show_text(stderr, n->token);
        fputc('\n', stderr);
    } else if (strcmp(n->kind, "touch") == 0) {
        fputs("smime: waiting for the token ", stderr);
        show_text(stderr, n->token);
        fputs(": touch it now if it blinks\n", stderr);
    }
}

int
call_try(struct call *c, enum smime_socket socket, const char *method,
         json_t **out, struct smime_error *error)
{
    struct smime_client *client = NULL;
    int failed = smime_client_connect(socket, &client, error);

    if (failed == 0) {
        smime_client_on_notice(client, notice_say, NULL);
        failed = client_call_json(client, method, c->parameters, c->fds,
                                  c->fd_count, -1, out, error);
    }
    smime_client_drop(&client);
    return failed == 0 ? EXIT_DONE : error->exit_code;
}

int
call_run(struct call *c, enum smime_socket socket, const char *method,
         json_t **out)
{
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};
    int exit_code = call_try(c, socket, method, out, &error);

    if (exit_code == EXIT_DONE)
        return EXIT_DONE;
    output_cut_back();
    return error_say(&error);
}

int
call_get(const char *method, const char *name, json_t **out)
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

int
call_connect(enum smime_socket socket, struct smime_client **out)
{
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};

    if (smime_client_connect(socket, out, &error) != 0)
        return error_say(&error);
    smime_client_on_notice(*out, notice_say, NULL);
    return EXIT_DONE;
}

int
call_on(struct smime_client *client, struct call *c, const char *method,
        json_t **out)
{
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};

    if (client_call_json(client, method, c->parameters, c->fds, c->fd_count, -1,
                         out, &error) == 0)
        return EXIT_DONE;
    return error_say(&error);
}
