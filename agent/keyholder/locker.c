#include "agent/keyholder/locker.h"

#include <poll.h>

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/keyholder/keeper.h"
#include "agent/keyholder/prompt.h"
#include "agent/keyholder/token_problem.h"
#include "agent/keyholder/unlock.h"

#define FIRST_DELAY_MS   1000
#define LONGEST_DELAY_MS 60000
#define LOOK_MS          1000 /* for tokens that are idle */

struct locker {
    struct keyholder *keyholder;
    struct served watcher; /* fd -1: none */
    int64_t delay_ms;      /* before the next one is started */
    int64_t start_ms;
    struct frame frame;
};

static void
audit_lock(struct keyholder *k, struct token *t, const char *reason)
{
    char name[TOKEN_LABEL_BYTES];
    struct audit_line line = {.program = reason,
                              .operation = "lock",
                              .token = name,
                              .result = ERR_OK};

    token_name(t, name);
    audit_write(&k->audit, &line);
}

static void
lock_every(struct keyholder *k, const char *reason)
{
    struct token *all[LIMIT_TOKENS];
    size_t n = token_store_list(k->store, all, LIMIT_TOKENS);

    /* First what needs no token: one of them may take long. */
    prompt_lock(k, NULL);
    unlock_forget(k, NULL);
    for (size_t i = 0; i < n && i < LIMIT_TOKENS; i++)
        if (unlock_end(k, all[i]))
            audit_lock(k, all[i], reason);
}

/* ---- idle ---------------------------------------------------------------- */

static void
lock_idle(struct keyholder *k, int64_t now)
{
    int64_t idle_ms = (int64_t)k->config.lock.idle_s * 1000;
    struct token *all[LIMIT_TOKENS];
    size_t n;

    if (idle_ms == 0)
        return;
    n = token_store_list(k->store, all, LIMIT_TOKENS);
    for (size_t i = 0; i < n && i < LIMIT_TOKENS; i++) {
        int64_t used = kept_used_ms(&k->kept, all[i]);

        if (!token_is_logged_in(all[i]))
            continue;
        /* A login of which nothing is known begins to be idle now. */
        if (used == 0)
            kept_touch(&k->kept, all[i]);
        else if (now - used >= idle_ms && unlock_end(k, all[i]))
            audit_lock(k, all[i], "idle");
    }
}

/* ---- the watcher --------------------------------------------------------- */

static bool
wants_watcher(const struct config_lock *lock)
{
    return lock->on_screen || lock->on_suspend;
}

static void
watcher_start(struct locker *l, int64_t now)
{
    struct problem p = {0};
    int fd = -1;

    if (l->watcher.fd >= 0 || now < l->start_ms ||
        !wants_watcher(&l->keyholder->config.lock))
        return;
    if (broker_spawn(&l->keyholder->broker, HELPER_WATCHER, &fd, &p) != ERR_OK)
        log_problem("watching the screen", &p);
    l->watcher = (struct served){.fd = fd, .self = PROCESS_KEYHOLDER};
    l->start_ms = now + l->delay_ms;
    l->delay_ms =
        l->delay_ms * 2 < LONGEST_DELAY_MS ? l->delay_ms * 2 : LONGEST_DELAY_MS;
}

static bool
serve_lock(struct locker *l, uint32_t reason)
{
    const struct config_lock *lock = &l->keyholder->config.lock;

    if (reason == LOCK_SCREEN && lock->on_screen)
        lock_every(l->keyholder, "screen locked");
    if (reason == LOCK_SUSPEND && lock->on_suspend)
        lock_every(l->keyholder, "suspend");
    return channel_reply(l->watcher.fd, MSG_LOCK_NOW, NULL, NULL, 0);
}

/* Without logind the watcher waits for it: a bus can be there before it. */
static void
watching(struct locker *l, bool logind)
{
    if (logind)
        log_note("screen and sleep are watched");
    else
        log_error("logind does not answer: neither screen nor sleep lock the "
                  "tokens");
    __atomic_store_n(&l->keyholder->lock_watched, logind, __ATOMIC_RELAXED);
    l->delay_ms = FIRST_DELAY_MS;
}

void
locker_state(struct keyholder *k, struct lock_state *out)
{
    const struct config_lock *lock = &k->config.lock;

    out->wanted = (lock->on_screen ? (uint32_t)LOCK_SCREEN : 0U) |
                  (lock->on_suspend ? (uint32_t)LOCK_SUSPEND : 0U);
    out->watched = __atomic_load_n(&k->lock_watched, __ATOMIC_RELAXED);
}

static void
watcher_serve(struct locker *l, union any_record *request)
{
    enum message m = MSG_NONE;
    bool well = false;

    if (channel_receive(&l->watcher, &l->frame, &m, request) ==
        RECEIVED_REQUEST) {
        well = m == MSG_WATCHING ||
               (m == MSG_LOCK_NOW && serve_lock(l, request->lock_now.reason));
        if (m == MSG_WATCHING)
            watching(l, request->lock_state.watched != 0);
    }
    if (well)
        return;
    log_error("the watcher of the screen has ended; it is started again");
    __atomic_store_n(&l->keyholder->lock_watched, false, __ATOMIC_RELAXED);
    fd_drop(&l->watcher.fd);
}

static void *
locker_thread(void *arg)
{
    struct locker *l = arg;
    union any_record *request = mem_new(sizeof(*request));

    for (;;) {
        struct pollfd fd = {.events = POLLIN};

        watcher_start(l, clock_ms());
        fd.fd = l->watcher.fd;
        if (poll(&fd, 1, LOOK_MS) > 0)
            watcher_serve(l, request);
        lock_idle(l->keyholder, clock_ms());
    }
    return NULL;
}

bool
locker_start(struct keyholder *k)
{
    struct locker *l;
    pthread_t thread;

    if (k->config.lock.idle_s == 0 && !wants_watcher(&k->config.lock))
        return true;
    l = mem_new(sizeof(*l));
    l->keyholder = k;
    l->watcher.fd = -1;
    l->delay_ms = FIRST_DELAY_MS;
    frame_init(&l->frame);
    if (pthread_create(&thread, NULL, locker_thread, l) != 0) {
        free(l);
        return false;
    }
    pthread_detach(thread);
    return true;
}
