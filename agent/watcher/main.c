/*
 * smime-watcher: tells the keyholder when the person's screen is locked and
 * when the machine goes to sleep, as logind says on the system bus; delays
 * the sleep until the tokens are locked.
 *
 * fd 3 is its only channel; it ends with it. It holds no secret, reads nothing
 * from the bus before it is in its sandbox, and can say nothing but "lock".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/harden.h"
#include "agent/base/log.h"
#include "agent/wire/channel.h"

#define CHANNEL_FD  3
#define CALL_USEC   2000000
#define LOCK_MS     4000 /* logind waits five seconds */
#define LOGIND      "org.freedesktop.login1"
#define LOGIND_PATH "/org/freedesktop/login1"
#define MANAGER     LOGIND ".Manager"
#define SESSION     LOGIND ".Session"
#define FROM_LOGIND "type='signal',sender='" LOGIND "',"

struct watcher {
    sd_bus *bus;
    int delay; /* logind's inhibitor: held while awake */
    bool lost; /* the keyholder is gone */
};

/* Returns when the tokens are locked, or the keyholder takes too long. */
static void
tell(struct watcher *w, enum lock_reason reason)
{
    const struct lock_now request = {.reason = reason};
    const struct channel_wait wait = {
        .lost = ERR_KEYHOLDER_LOST, .watch = -1, .timeout_ms = LOCK_MS};
    AUTO(frame) struct frame frame;
    struct empty nothing;
    struct problem p = {0};

    frame_init(&frame);
    if (channel_call(CHANNEL_FD, MSG_LOCK_NOW, &request, NULL, 0, &wait, &frame,
                     &nothing, &p) == ERR_OK)
        return;
    log_problem("locking", &p);
    /* After a late answer the channel is out of step. */
    w->lost = true;
}

/* ---- the screen ---------------------------------------------------------- */

/* Somebody else's screen is not ours; one of nobody we can find may be. */
static bool
is_ours(struct watcher *w, const char *path)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    uint32_t uid = getuid();
    const char *user = NULL;

    if (sd_bus_get_property(w->bus, LOGIND, path, SESSION, "User", &error,
                            &reply, "(uo)") >= 0 &&
        sd_bus_message_read(reply, "(uo)", &uid, &user) < 0)
        uid = getuid();
    sd_bus_message_unref(reply);
    sd_bus_error_free(&error);
    return uid == getuid();
}

static int
screen_locked(sd_bus_message *m, void *arg, sd_bus_error *error)
{
    struct watcher *w = arg;

    (void)error;
    if (is_ours(w, sd_bus_message_get_path(m)))
        tell(w, LOCK_SCREEN);
    return 0;
}

/* A desktop that locks by itself sets the session's hint. */
static int
properties_changed(sd_bus_message *m, void *arg, sd_bus_error *error)
{
    const char *interface = NULL, *name = NULL;
    int locked = 0;

    if (sd_bus_message_read(m, "s", &interface) < 0 ||
        strcmp(interface, SESSION) != 0 ||
        sd_bus_message_enter_container(m, 'a', "{sv}") < 0)
        return 0;
    while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
        if (sd_bus_message_read(m, "s", &name) < 0)
            return 0;
        if (strcmp(name, "LockedHint") == 0) {
            if (sd_bus_message_read(m, "v", "b", &locked) < 0)
                return 0;
        } else if (sd_bus_message_skip(m, "v") < 0) {
            return 0;
        }
        if (sd_bus_message_exit_container(m) < 0)
            return 0;
    }
    return locked ? screen_locked(m, arg, error) : 0;
}

/* ---- sleep --------------------------------------------------------------- */

/* Without it the machine sleeps at once, and the tokens are locked as soon as
 * may be. */
static void
delay_take(struct watcher *w)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    int fd = -1;

    fd_drop(&w->delay);
    if (sd_bus_call_method(w->bus, LOGIND, LOGIND_PATH, MANAGER, "Inhibit",
                           &error, &reply, "ssss", "sleep", "smime-agent",
                           "locks the tokens first", "delay") >= 0 &&
        sd_bus_message_read(reply, "h", &fd) >= 0)
        w->delay = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    else
        log_note("sleep cannot be delayed: %s",
                 error.message ? error.message : "no answer");
    sd_bus_message_unref(reply);
    sd_bus_error_free(&error);
}

static int
sleep_prepared(sd_bus_message *m, void *arg, sd_bus_error *error)
{
    struct watcher *w = arg;
    int begins = 0;

    (void)error;
    if (sd_bus_message_read(m, "b", &begins) < 0)
        return 0;
    if (begins) {
        tell(w, LOCK_SUSPEND);
        fd_drop(&w->delay);
    } else {
        delay_take(w);
    }
    return 0;
}

/* ---- the loop ------------------------------------------------------------ */

/* Connects only: what the bus says is read in the sandbox. */
static int
bus_connect(struct watcher *w)
{
    int e = sd_bus_open_system(&w->bus);

    sandbox_files(NULL);
    sandbox_calls(SANDBOX_WATCHER);
    return e;
}

static bool
bus_open(struct watcher *w)
{
    int e = bus_connect(w);

    if (e >= 0)
        e = sd_bus_set_method_call_timeout(w->bus, CALL_USEC);
    if (e >= 0)
        e = sd_bus_add_match(
            w->bus, NULL, FROM_LOGIND "interface='" SESSION "',member='Lock'",
            screen_locked, w);
    if (e >= 0)
        e = sd_bus_add_match(
            w->bus, NULL,
            FROM_LOGIND
            "interface='org.freedesktop.DBus.Properties',"
            "member='PropertiesChanged',path_namespace='" LOGIND_PATH
            "/session'",
            properties_changed, w);
    if (e >= 0)
        e = sd_bus_add_match(w->bus, NULL,
                             FROM_LOGIND "interface='" MANAGER
                                         "',member='PrepareForSleep'",
                             sleep_prepared, w);
    if (e < 0)
        log_error("the system bus cannot be used, so that neither screen nor "
                  "sleep lock the tokens: %s",
                  strerror(-e));
    return e >= 0;
}

/* False when the bus or the keyholder is gone. */
static bool
wait_event(struct watcher *w)
{
    struct pollfd fds[2] = {{.fd = sd_bus_get_fd(w->bus)},
                            {.fd = CHANNEL_FD, .events = POLLIN}};
    int events = sd_bus_get_events(w->bus);

    if (events < 0)
        return false;
    fds[0].events = (short)events;
    if (poll(fds, 2, -1) < 0)
        return errno == EINTR;
    return fds[1].revents == 0;
}

int
main(void)
{
    struct watcher w = {.delay = -1};
    struct lock_state state = {0};
    int e = 0;

    log_open("watcher");
    harden_process(true);
    if (!bus_open(&w))
        _exit(1);
    delay_take(&w);
    state.watched = w.delay >= 0;
    if (!channel_send(CHANNEL_FD, MSG_WATCHING, &state, NULL, 0))
        _exit(0);
    while (!w.lost && e >= 0) {
        e = sd_bus_process(w.bus, NULL);
        if (e == 0 && !wait_event(&w))
            break;
    }
    if (e < 0)
        log_error("the system bus is gone: %s", strerror(-e));
    _exit(e < 0 || w.lost ? 1 : 0);
}
