#include "agent/keyholder/pinentry.h"

#include <assuan.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"

#define LINE_BYTES 900 /* an Assuan line takes 1000 */
#define GRACE_MS   2000
#define GLANCE_MS  200 /* at the watch that is no descriptor */

struct pinentry {
    assuan_context_t assuan;
    struct pinentry_watch watch;
    int timeout_ms;
    bool nowhere;   /* neither terminal nor display is known */
    char shown[80]; /* the display when there is no terminal, escaped; or "" */
    pid_t pid;      /* as it says itself; 0: unknown */
    bool left;      /* the client went away, or its token was locked */
    bool abandoned; /* nobody waits for its answer any more */
};

/* ---- memory: each piece a mapping of its own, locked, not dumped ------- */

struct piece {
    size_t bytes; /* of the mapping */
    max_align_t data[];
};

static void *
piece_new(size_t n)
{
    size_t bytes = sizeof(struct piece) + n;
    struct piece *piece;

    if (n > SIZE_MAX / 2)
        return NULL;
    piece = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (piece == MAP_FAILED)
        return NULL;
    (void)madvise(piece, bytes, MADV_DONTDUMP);
    (void)mlock(piece, bytes);
    piece->bytes = bytes;
    return piece->data;
}

static struct piece *
piece_of(void *p)
{
    return (struct piece *)(void *)((char *)p - offsetof(struct piece, data));
}

static void
piece_free(void *p)
{
    size_t bytes;

    if (!p)
        return;
    bytes = piece_of(p)->bytes;
    wipe(piece_of(p), bytes);
    munmap(piece_of(p), bytes);
}

static void *
piece_resize(void *p, size_t n)
{
    void *fresh = piece_new(n);
    size_t old = p ? piece_of(p)->bytes - sizeof(struct piece) : 0;

    if (!fresh)
        return NULL;
    if (p)
        memcpy(fresh, p, old < n ? old : n);
    piece_free(p);
    return fresh;
}

/* ---- descriptors --------------------------------------------------- */

static void
hook_usleep(assuan_context_t ctx, unsigned usec)
{
    const struct timespec t = {.tv_sec = usec / 1000000,
                               .tv_nsec = (long)(usec % 1000000) * 1000};

    (void)ctx;
    nanosleep(&t, NULL);
}

static int
hook_close(assuan_context_t ctx, assuan_fd_t fd)
{
    (void)ctx;
    return close(fd);
}

static bool
is_locked(const struct pinentry *pinentry)
{
    const bool *locked = pinentry->watch.locked;

    return locked && __atomic_load_n(locked, __ATOMIC_ACQUIRE);
}

/* The one reason for hooks of our own: a prompt ends with its client, and when
 * its token is locked. */
static ssize_t
hook_read(assuan_context_t ctx, assuan_fd_t fd, void *buffer, size_t size)
{
    struct pinentry *pinentry = assuan_get_pointer(ctx);
    struct pollfd fds[2] = {{.fd = fd, .events = POLLIN},
                            {.fd = pinentry->watch.fd, .events = POLLRDHUP}};
    int64_t end = clock_ms() + pinentry->timeout_ms;

    for (;;) {
        int64_t left = end - clock_ms();
        int n = left > 0
                    ? poll(fds, 2, left < GLANCE_MS ? (int)left : GLANCE_MS)
                    : 0;

        if ((n > 0 && fds[1].revents != 0) || is_locked(pinentry)) {
            pinentry->left = pinentry->abandoned = true;
            errno = ECANCELED;
            return -1;
        }
        if (n > 0)
            return read(fd, buffer, size);
        if ((n < 0 && errno == EINTR) || (n == 0 && left > 0))
            continue;
        pinentry->abandoned = true;
        errno = n == 0 ? ETIMEDOUT : errno;
        return -1;
    }
}

static ssize_t
hook_write(assuan_context_t ctx, assuan_fd_t fd, const void *bytes, size_t n)
{
    (void)ctx;
    return send(fd, bytes, n, MSG_NOSIGNAL);
}

static int
log_nothing(assuan_context_t ctx, void *hook, unsigned category,
            const char *text)
{
    (void)ctx;
    (void)hook;
    (void)category;
    (void)text;
    return 0;
}

/* ---- commands ------------------------------------------------------- */

static enum err
assuan_problem(const struct pinentry *pinentry, gpg_error_t error,
               struct problem *p)
{
    gpg_err_code_t code = gpg_err_code(error);
    char text[128];

    if (pinentry->left)
        return fail(p, ERR_CANCELLED,
                    is_locked(pinentry) ? "the token was locked meanwhile"
                                        : "the client went away");
    if (code == GPG_ERR_CANCELED || code == GPG_ERR_FULLY_CANCELED ||
        code == GPG_ERR_NOT_CONFIRMED)
        return fail(p, ERR_CANCELLED, NULL);
    if (code == GPG_ERR_TIMEOUT || code == GPG_ERR_ETIMEDOUT)
        return fail(p, ERR_CANCELLED, "nobody answered");
    if (pinentry->nowhere)
        return fail(p, ERR_TOKEN_LOCKED,
                    "there is no terminal and no display to ask on");
    /* What one says that turns to a terminal, as most do. */
    if (pinentry->shown[0] && code == GPG_ERR_ENOTTY)
        return fail(p, ERR_TOKEN_LOCKED,
                    "pinentry cannot show it on the display %s, and there is "
                    "no terminal",
                    pinentry->shown);
    gpg_strerror_r(error, text, sizeof(text));
    return fail(p, ERR_TOKEN_LOCKED, "pinentry: %s", text);
}

static gpg_error_t
transact(struct pinentry *pinentry, const char *line)
{
    return assuan_transact(pinentry->assuan, line, NULL, NULL, NULL, NULL, NULL,
                           NULL);
}

/* COMMAND and its text, percent-encoded: no text can end its line. */
static gpg_error_t
transact_text(struct pinentry *pinentry, const char *command, const char *text)
{
    char line[LINE_BYTES + 4];
    size_t n = (size_t)snprintf(line, LINE_BYTES, "%s ", command);

    for (; *text && n < LINE_BYTES; text++) {
        uint8_t c = (uint8_t)*text;

        if (c < 0x20 || c == '%' || c == 0x7f)
            n += (size_t)snprintf(line + n, 4, "%%%02X", c);
        else
            line[n++] = *text;
    }
    line[n] = '\0';
    return transact(pinentry, line);
}

/* What an old pinentry does not know of is not asked of it. */
static void
set_option(struct pinentry *pinentry, const char *name, const char *value)
{
    char option[64];

    if (!value || !value[0])
        return;
    /* The blank that transact_text puts behind the equals sign is allowed. */
    snprintf(option, sizeof(option), "OPTION %s=", name);
    (void)transact_text(pinentry, option, value);
}

static void
set_place(struct pinentry *pinentry, const struct pinentry_place *place)
{
    set_option(pinentry, "ttyname", place->tty);
    set_option(pinentry, "ttytype", place->term);
    set_option(pinentry, "lc-ctype", place->locale);
    set_option(pinentry, "lc-messages", place->locale);
    set_option(pinentry, "display", place->display);
}

/* Most give up after a time of their own, pinentry-curses after a minute. It
 * ends the question itself, and tidies the terminal up; we do a little later,
 * for those that don't. */
static void
set_timeout(struct pinentry *pinentry)
{
    char seconds[16];

    snprintf(seconds, sizeof(seconds), "%d", pinentry->timeout_ms / 1000);
    (void)transact_text(pinentry, "SETTIMEOUT", seconds);
    pinentry->timeout_ms += GRACE_MS;
}

static gpg_error_t
take_pid(void *arg, const void *bytes, size_t n)
{
    struct pinentry *pinentry = arg;
    char text[16] = "";
    long pid;

    if (n >= sizeof(text))
        return 0;
    memcpy(text, bytes, n);
    pid = strtol(text, NULL, 10);
    pinentry->pid = pid > 1 && pid <= INT_MAX ? (pid_t)pid : 0;
    return 0;
}

enum err
pinentry_open(int fd, const struct pinentry_watch *watch,
              const struct pinentry_place *place, struct pinentry **out,
              struct problem *p)
{
    static struct assuan_malloc_hooks memory = {piece_new, piece_resize,
                                                piece_free};
    static struct assuan_system_hooks hooks = {.version =
                                                   ASSUAN_SYSTEM_HOOKS_VERSION,
                                               .usleep = hook_usleep,
                                               .close = hook_close,
                                               .read = hook_read,
                                               .write = hook_write};
    AUTO(pinentry) struct pinentry *pinentry = mem_new(sizeof(*pinentry));
    gpg_error_t error;

    pinentry->watch = *watch;
    pinentry->timeout_ms =
        1000 *
        (int)(place->timeout_s ? place->timeout_s : LIMIT_PINENTRY_SECONDS);
    pinentry->nowhere = !place->tty[0] && !place->display[0];
    if (!place->tty[0])
        text_escape(slice_text(place->display), pinentry->shown,
                    sizeof(pinentry->shown));
    error = assuan_new_ext(&pinentry->assuan, GPG_ERR_SOURCE_USER_1, &memory,
                           log_nothing, NULL);
    if (error) {
        fd_drop(&fd);
        return assuan_problem(pinentry, error, p);
    }
    assuan_set_pointer(pinentry->assuan, pinentry);
    assuan_ctx_set_system_hooks(pinentry->assuan, &hooks);
    assuan_set_flag(pinentry->assuan, ASSUAN_NO_WAITPID, 1);
    assuan_set_flag(pinentry->assuan, ASSUAN_NO_LOGGING, 1);
    assuan_begin_confidential(pinentry->assuan);
    error = assuan_socket_connect_fd(pinentry->assuan, fd, 0);
    if (error)
        return assuan_problem(pinentry, error, p);
    set_place(pinentry, place);
    (void)transact_text(pinentry, "SETTITLE", "S/MIME");
    set_timeout(pinentry);
    (void)assuan_transact(pinentry->assuan, "GETINFO pid", take_pid, pinentry,
                          NULL, NULL, NULL, NULL);
    *out = TAKE(pinentry);
    return ERR_OK;
}

/* D lines, decoded by libassuan in its own (locked) memory. */
static gpg_error_t
take_data(void *arg, const void *bytes, size_t n)
{
    struct secret *secret = arg;
    size_t held = secret_slice(secret).n;

    if (n > LIMIT_SECRET_BYTES - held)
        return gpg_error(GPG_ERR_TOO_LARGE);
    memcpy(secret_room(secret, held + n) + held, bytes, n);
    return 0;
}

enum err
pinentry_ask(struct pinentry *pinentry,
             const struct pinentry_question *question, struct secret **out,
             struct problem *p)
{
    AUTO(secret) struct secret *secret = secret_new();
    gpg_error_t error =
        transact_text(pinentry, "SETDESC", question->description);

    if (!error)
        error = transact_text(pinentry, "SETPROMPT", question->prompt);
    if (!error && question->error)
        error = transact_text(pinentry, "SETERROR", question->error);
    if (!error)
        error = assuan_transact(pinentry->assuan, "GETPIN", take_data, secret,
                                NULL, NULL, NULL, NULL);
    if (error)
        return assuan_problem(pinentry, error, p);
    *out = TAKE(secret);
    return ERR_OK;
}

enum err
pinentry_confirm(struct pinentry *pinentry, const char *description,
                 struct problem *p)
{
    gpg_error_t error = transact_text(pinentry, "SETDESC", description);

    if (!error)
        error = transact(pinentry, "CONFIRM");
    return error ? assuan_problem(pinentry, error, p) : ERR_OK;
}

bool
pinentry_is_left(const struct pinentry *pinentry)
{
    return pinentry->left;
}

/* A pinentry that reads a terminal does not see that its stdin has ended. */
void
pinentry_drop(struct pinentry **pinentry)
{
    if (!*pinentry)
        return;
    if ((*pinentry)->abandoned && (*pinentry)->pid > 0)
        (void)kill((*pinentry)->pid, SIGTERM);
    assuan_release((*pinentry)->assuan);
    free(*pinentry);
    *pinentry = NULL;
}
