#include "agent/broker/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/broker/spawn.h"

/* Of what waits for a child: some eighty sessions. Their descriptors count for
 * all programs of the person, even where the child stands still. */
#define LETTERBOX_BYTES  (32 * 1024)
#define FIRST_DELAY_MS   100
#define LONGEST_DELAY_MS 5000
#define STEADY_AFTER_MS  10000 /* one that lived so long failed by chance */
#define STOP_PATIENCE_MS 700
#define COMING_MS        200

static const char *const names[CHILD_COUNT] = {
    [CHILD_KEYHOLDER] = "smime-keyholder",
    [CHILD_KEYRING] = "smime-keyring",
    [CHILD_VALIDATOR] = "smime-validator",
    [CHILD_ZYGOTE] = "smime-session",
};

static const char *const state_names[] = {
    [CHILD_DOWN] = "down",
    [CHILD_STARTING] = "starting",
    [CHILD_READY] = "ready",
    [CHILD_ENDING] = "ending",
};

/* From each state, the set of those it may go to. */
static const unsigned steps[] = {
    [CHILD_DOWN] = 1U << CHILD_STARTING,
    [CHILD_STARTING] =
        1U << CHILD_READY | 1U << CHILD_ENDING | 1U << CHILD_DOWN,
    [CHILD_READY] = 1U << CHILD_ENDING | 1U << CHILD_DOWN,
    [CHILD_ENDING] = 1U << CHILD_DOWN,
};

static void
child_set_state(struct child *c, enum child_state state)
{
    if ((steps[c->state] & 1U << state) == 0)
        bug("a step that a child cannot take");
    log_debug("%s: %s to %s", names[c->id], state_names[c->state],
              state_names[state]);
    c->state = state;
    c->since = clock_ms();
}

void
children_init(struct children *all, const struct places *places,
              const char *libexec)
{
    *all =
        (struct children){.places = places, .libexec = libexec, .builtin = -1};
    /* Which PKCS#11 module ended a keyholder, for the next one. */
    all->notes = memfd_create("module-notes", MFD_CLOEXEC);
    for (int i = 0; i < CHILD_COUNT; i++) {
        all->one[i].id = (enum child_id)i;
        all->one[i].served.fd = -1;
    }
}

void
children_set_builtin(struct children *all, int builtin)
{
    all->builtin = builtin;
}

const char *
child_name(enum child_id id)
{
    return names[id];
}

bool
child_is_up(const struct child *c)
{
    return c->served.fd >= 0;
}

bool
child_is_coming(const struct child *c, int64_t now)
{
    switch (c->state) {
    case CHILD_DOWN:
        return c->restart_at - now <= COMING_MS;
    case CHILD_ENDING:
        /* One that hangs in the kernel may take for ever. */
        return now - c->since <= COMING_MS;
    case CHILD_STARTING:
    case CHILD_READY:
        return false;
    }
    return false;
}

/* ---- start --------------------------------------------------------------- */

/* The command line of each; TEXT has room for a path below libexec. */
static void
child_arguments(const struct children *all, enum child_id id,
                const char *program, const char *text,
                const char *out[LIMIT_ARGUMENTS])
{
    const struct places *p = all->places;
    const char *const keyholder[] = {
        program,   "--config", p->config_system, "--config", p->config_user,
        "--audit", p->audit,   "--vtoken",       text};
    const char *const keyring[] = {program,       "--contacts",     p->contacts,
                                   "--config",    p->config_system, "--config",
                                   p->config_user};
    const char *const session[] = {program, "--config", p->config_system,
                                   "--config", p->config_user};
    const char *const validator[] = {
        program,      "--anchors",       p->anchors_user,
        "--anchors",  p->anchors_system, "--crls",
        p->crls_user, "--crls",          p->crls_system};
    size_t n = 0;

    switch (id) {
    case CHILD_KEYHOLDER:
        n = ARRAY_COUNT(keyholder);
        memcpy(out, keyholder, sizeof(keyholder));
        if (all->notes >= 0)
            out[n++] = "--notes";
        break;
    case CHILD_KEYRING:
        n = ARRAY_COUNT(keyring);
        memcpy(out, keyring, sizeof(keyring));
        break;
    case CHILD_VALIDATOR:
        n = ARRAY_COUNT(validator);
        memcpy(out, validator, sizeof(validator));
        if (all->builtin >= 0)
            out[n++] = "--builtin";
        break;
    case CHILD_ZYGOTE:
        n = ARRAY_COUNT(session);
        memcpy(out, session, sizeof(session));
        break;
    case CHILD_COUNT:
        n = 1;
        out[0] = program;
        break;
    }
    out[n] = NULL;
}

/* Starts the program with CHANNEL and SECOND; false with errno. */
static bool
child_spawn(const struct children *all, struct child *c, int channel,
            int second)
{
    AUTO(buf) struct buf program = {0};
    AUTO(buf) struct buf vtoken = {0};
    const char *argv[LIMIT_ARGUMENTS];
    struct spawn_plan s = {.argv = (char *const *)(uintptr_t)argv,
                           .whole_environment = c->id == CHILD_KEYHOLDER,
                           .channel = channel,
                           .second = second,
                           .file = -1,
                           .standard = -1};

    buf_addf(&program, "%s/%s", all->libexec, names[c->id]);
    buf_addf(&vtoken, "%s/smime-vtoken.so", all->libexec);
    s.program = buf_text(&program);
    if (c->id == CHILD_VALIDATOR)
        s.file = all->builtin;
    if (c->id == CHILD_KEYHOLDER)
        s.file = all->notes;
    child_arguments(all, c->id, s.program, buf_text(&vtoken), argv);
    return spawn_process(&s, &c->pid);
}

static void
child_failed(struct child *c, int64_t now)
{
    int64_t delay = 0;

    if (now - c->started_at >= STEADY_AFTER_MS)
        c->failures = 0;
    if (c->failures > 0) {
        delay = FIRST_DELAY_MS;
        for (int i = 1; i < c->failures && delay < LONGEST_DELAY_MS; i++)
            delay *= 2;
    }
    if (delay > LONGEST_DELAY_MS)
        delay = LONGEST_DELAY_MS;
    c->failures++;
    c->restart_at = now + delay;
}

/* A validator is of use only with its channel into the keyring: makes the
 * pair and sends the keyring its end; *out is the validator's. */
static bool
validator_wire(struct child *keyring, int *out)
{
    int pair[2];
    bool sent;

    if (!channel_pair(pair))
        return false;
    sent = channel_send(keyring->served.fd, MSG_VALIDATOR, NULL, &pair[0], 1);
    fd_drop(&pair[0]);
    if (!sent)
        fd_drop(&pair[1]);
    *out = pair[1];
    return sent;
}

static bool
child_start(struct children *all, struct child *c, int64_t now)
{
    AUTO(fd) int ours = -1;
    AUTO(fd) int theirs = -1;
    AUTO(fd) int second = -1;
    const int room = LETTERBOX_BYTES;
    int pair[2];

    c->started_at = now;
    if (!channel_pair(pair)) {
        log_error("%s: no channel: %s", names[c->id], strerror(errno));
        child_failed(c, now);
        return false;
    }
    ours = pair[0];
    theirs = pair[1];
    if (c->id == CHILD_VALIDATOR &&
        !validator_wire(&all->one[CHILD_KEYRING], &second)) {
        log_error("the keyring takes no validator: %s", strerror(errno));
        child_failed(c, now);
        return false;
    }
    if (fcntl(ours, F_SETFL, O_NONBLOCK) != 0 ||
        setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) != 0 ||
        !child_spawn(all, c, theirs, second)) {
        log_error("%s cannot be started: %s", names[c->id], strerror(errno));
        child_failed(c, now);
        return false;
    }
    c->served = (struct served){.fd = fd_take(&ours), .self = PROCESS_BROKER};
    c->is_expected = false;
    child_set_state(c, CHILD_STARTING);
    log_debug("%s: process %d", names[c->id], (int)c->pid);
    return true;
}

static bool
child_is_waiting(const struct children *all, const struct child *c)
{
    return c->state == CHILD_DOWN &&
           (c->id != CHILD_VALIDATOR || child_is_up(&all->one[CHILD_KEYRING]));
}

unsigned
children_start_due(struct children *all, int64_t now)
{
    unsigned started = 0;

    for (int i = 0; i < CHILD_COUNT; i++) {
        struct child *c = &all->one[i];

        if (child_is_waiting(all, c) && c->restart_at <= now &&
            child_start(all, c, now))
            started |= 1U << i;
    }
    return started;
}

int64_t
children_due_at(const struct children *all)
{
    int64_t due = INT64_MAX;

    for (int i = 0; i < CHILD_COUNT; i++) {
        const struct child *c = &all->one[i];

        if (child_is_waiting(all, c) && c->restart_at < due)
            due = c->restart_at;
    }
    return due;
}

void
child_set_ready(struct child *c)
{
    child_set_state(c, CHILD_READY);
}

/* ---- end ----------------------------------------------------------------- */

void
child_kill(struct child *c, const char *why)
{
    if (c->state == CHILD_DOWN || c->state == CHILD_ENDING)
        return;
    log_debug("%s: %s", names[c->id], why);
    child_set_state(c, CHILD_ENDING);
    fd_drop(&c->served.fd);
    if (kill(c->pid, SIGKILL) != 0)
        log_error("%s cannot be ended: %s", names[c->id], strerror(errno));
}

static void
log_end(const struct child *c, int status)
{
    if (WIFSIGNALED(status))
        log_error("%s[%d] ended by signal %d", names[c->id], (int)c->pid,
                  WTERMSIG(status));
    else
        log_error("%s[%d] ended with status %d", names[c->id], (int)c->pid,
                  WEXITSTATUS(status));
}

bool
children_reaped(struct children *all, pid_t pid, int status, int64_t now)
{
    for (int i = 0; i < CHILD_COUNT; i++) {
        struct child *c = &all->one[i];

        if (c->state == CHILD_DOWN || c->pid != pid)
            continue;
        if (c->is_expected)
            c->restart_at = now;
        else {
            log_end(c, status);
            child_failed(c, now);
        }
        fd_drop(&c->served.fd);
        c->pid = 0;
        child_set_state(c, CHILD_DOWN);
        if (c->id == CHILD_KEYRING &&
            all->one[CHILD_VALIDATOR].state != CHILD_DOWN) {
            all->one[CHILD_VALIDATOR].is_expected = true;
            child_kill(&all->one[CHILD_VALIDATOR], "its keyring ended");
        }
        return true;
    }
    return false;
}

static bool
any_is_left(const struct children *all)
{
    for (int i = 0; i < CHILD_COUNT; i++)
        if (all->one[i].state != CHILD_DOWN)
            return true;
    return false;
}

/* Waits for ends until all have ended or the patience is over. */
static bool
stop_wait(struct children *all, int patience_ms)
{
    const struct timespec slice = {.tv_nsec = 50 * 1000 * 1000};
    int64_t until = clock_ms() + patience_ms;
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGCHLD);
    while (any_is_left(all)) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);

        if (pid > 0)
            (void)children_reaped(all, pid, status, clock_ms());
        else if (pid < 0 && errno == ECHILD)
            return true;
        else if (clock_ms() >= until)
            return false;
        else
            (void)sigtimedwait(&ends, NULL, &slice);
    }
    return true;
}

void
children_stop(struct children *all)
{
    static const int signals[] = {SIGTERM, SIGKILL};

    for (int i = 0; i < CHILD_COUNT; i++) {
        fd_drop(&all->one[i].served.fd);
        all->one[i].is_expected = true;
    }
    for (size_t s = 0; s < ARRAY_COUNT(signals); s++) {
        if (stop_wait(all, STOP_PATIENCE_MS))
            return;
        for (int i = 0; i < CHILD_COUNT; i++)
            if (all->one[i].state != CHILD_DOWN)
                (void)kill(all->one[i].pid, signals[s]);
    }
    (void)stop_wait(all, STOP_PATIENCE_MS);
}
