/*
 * The thread that watches the loading of modules. A module's constructors run
 * under the loader's lock: one that does not come back cannot be left behind
 * in this process, only noted, so that the next process does without it.
 */
#include "tokens/loading.h"
#include "tokens/internal.h"

static void *
loading_main(void *arg)
{
    struct loading *l = arg;

    pthread_mutex_lock(&l->mutex);
    while (!l->ended) {
        uint64_t now = monotonic_ms();
        struct timespec until;

        if (l->end_ms == 0) {
            pthread_cond_wait(&l->changed, &l->mutex);
        } else if (now < l->end_ms) {
            deadline_after((unsigned)(l->end_ms - now), &until);
            (void)pthread_cond_timedwait(&l->changed, &l->mutex, &until);
        } else {
            l->end_ms = 0;
            note_hang(l->note, "dlopen", l->ms);
            l->stuck(l->stuck_arg, l->name);
        }
    }
    pthread_mutex_unlock(&l->mutex);
    return NULL;
}

void
loading_init(struct loading *l, const struct token_config *c)
{
    memset(l, 0, sizeof(*l));
    l->ms = c->load_ms ? c->load_ms : LOAD_MS;
    l->stuck = c->stuck;
    l->stuck_arg = c->stuck_arg;
    if (c->trial_ms > 0)
        l->trial_end_ms = monotonic_ms() + c->trial_ms;
    pthread_mutex_init(&l->mutex, NULL);
    cond_init_monotonic(&l->changed);
}

void
loading_begin(struct loading *l)
{
    l->watched =
        l->stuck && pthread_create(&l->thread, NULL, loading_main, l) == 0;
}

void
loading_enter(struct loading *l, struct note *note, const char *name)
{
    static const char *const call = "dlopen";

    note_enter(note, &call);
    pthread_mutex_lock(&l->mutex);
    l->note = note;
    l->name = name;
    l->end_ms = monotonic_ms() + l->ms;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->mutex);
}

void
loading_leave(struct loading *l)
{
    pthread_mutex_lock(&l->mutex);
    l->end_ms = 0;
    pthread_mutex_unlock(&l->mutex);
    note_leave();
}

void
loading_end(struct loading *l)
{
    pthread_mutex_lock(&l->mutex);
    l->ended = true;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->mutex);
    if (l->watched)
        pthread_join(l->thread, NULL);
    for (size_t i = 0; i < l->trial_count; i++)
        trial_kill(&l->trials[i]);
    for (size_t i = 0; i < l->trial_count; i++)
        trial_drop(&l->trials[i]);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->mutex);
}
