/* Turns on a token, its pool of sessions, and recovery when one is lost. */
#include "tokens/internal.h"

#include <errno.h>
#include <time.h>

struct token *
token_new(struct token_store *store)
{
    struct token *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->store = store;
    pthread_mutex_init(&t->mutex, NULL);
    cond_init_monotonic(&t->turn);
    return t;
}

void
token_drop(struct token **t)
{
    if (!*t)
        return;
    snapshot_drop(&(*t)->snapshot);
    snapshot_drop(&(*t)->known);
    pthread_cond_destroy(&(*t)->turn);
    pthread_mutex_destroy(&(*t)->mutex);
    free((*t)->mechanisms);
    free(*t);
    *t = NULL;
}

void
token_forget_sessions(struct token *t)
{
    t->generation++;
    t->idle_count = 0;
    t->auth = 0;
    t->auth_lent = false;
    t->info.logged_in = false;
    snapshot_drop(&t->snapshot);
}

void
token_forget_objects(struct token *t)
{
    pthread_mutex_lock(&t->mutex);
    snapshot_drop(&t->snapshot);
    snapshot_drop(&t->known);
    pthread_mutex_unlock(&t->mutex);
}

CK_RV
hold_note(struct hold *h, const char *call, CK_RV rv)
{
    h->rv = rv;
    h->result = rv_note(call, rv);
    return rv;
}

enum session_state
session_probe(struct hold *h, CK_SESSION_HANDLE s)
{
    CK_SESSION_INFO info = {0};

    if (QUIETLY(h, C_GetSessionInfo, s, &info) != CKR_OK)
        return SESSION_DEAD;
    bool user = info.state == CKS_RO_USER_FUNCTIONS ||
                info.state == CKS_RW_USER_FUNCTIONS;
    return user ? SESSION_USER : SESSION_PUBLIC;
}

/* Of a token that has one session only, the one that keeps the login works
 * too. The token's mutex is held. */
static bool
borrow_auth(struct hold *h)
{
    struct token *t = h->token;

    if (!t->auth || t->auth_lent)
        return false;
    t->auth_lent = true;
    h->session = t->auth;
    h->borrowed = true;
    return true;
}

static CK_RV
session_open_new(struct hold *h, bool writes)
{
    CK_FLAGS flags = CKF_SERIAL_SESSION | (writes ? CKF_RW_SESSION : 0);
    CK_SESSION_HANDLE s = 0;
    CK_RV rv = CALL(h, C_OpenSession, h->slot, flags, NULL, NULL, &s);

    if (rv == CKR_OK)
        h->session = s;
    return rv;
}

/* Closes those that are idle, and returns how many there were. */
static unsigned
sessions_close_idle(struct hold *h)
{
    CK_SESSION_HANDLE idle[LIMIT_IDLE];
    struct token *t = h->token;

    pthread_mutex_lock(&t->mutex);
    unsigned n = t->generation == h->generation ? t->idle_count : 0;
    memcpy(idle, t->idle, n * sizeof(idle[0]));
    t->idle_count -= n;
    pthread_mutex_unlock(&t->mutex);
    for (unsigned i = 0; i < n; i++)
        QUIETLY(h, C_CloseSession, idle[i]);
    return n;
}

/* The token has no more sessions: those that are idle go, else the login's
 * is shared. */
static CK_RV
session_make_room(struct hold *h, bool writes)
{
    struct token *t = h->token;
    unsigned n = sessions_close_idle(h);
    CK_RV rv = n > 0 ? session_open_new(h, writes) : CKR_SESSION_COUNT;
    if (rv != CKR_SESSION_COUNT)
        return rv;
    pthread_mutex_lock(&t->mutex);
    if (borrow_auth(h)) {
        t->single = true;
        rv = CKR_OK;
    }
    pthread_mutex_unlock(&t->mutex);
    return rv;
}

/* A session from the pool, or a new one. An exclusive hold has its own,
 * which can write. */
static CK_RV
session_open(struct hold *h)
{
    struct token *t = h->token;

    pthread_mutex_lock(&t->mutex);
    h->f = t->module->f;
    h->slot = t->slot;
    h->generation = t->generation;
    bool writes = h->exclusive && !t->info.write_protected;
    bool pooled = !h->exclusive && t->idle_count > 0;
    if (pooled)
        h->session = t->idle[--t->idle_count];
    else
        pooled = t->single && borrow_auth(h);
    pthread_mutex_unlock(&t->mutex);
    h->bad = false;
    if (pooled)
        return CKR_OK;
    CK_RV rv = session_open_new(h, writes);
    return rv == CKR_SESSION_COUNT ? session_make_room(h, writes) : rv;
}

void
session_lend(struct hold *h)
{
    struct token *t = h->token;

    pthread_mutex_lock(&t->mutex);
    t->auth = h->session;
    t->auth_lent = true;
    t->single = true;
    pthread_mutex_unlock(&t->mutex);
    h->borrowed = true;
}

/* The login's own session stays open, unless it is worth nothing any more. */
static void
session_return(struct hold *h)
{
    struct token *t = h->token;

    pthread_mutex_lock(&t->mutex);
    bool is_auth = t->auth == h->session && t->generation == h->generation;
    if (is_auth) {
        t->auth_lent = false;
        if (h->bad) {
            t->auth = 0;
            t->info.logged_in = false;
        }
    }
    pthread_mutex_unlock(&t->mutex);
    if (is_auth && h->bad)
        QUIETLY(h, C_CloseSession, h->session);
    h->borrowed = false;
    h->session = 0;
}

/* Back to the pool, or closed when it may not be used again. */
static void
session_give(struct hold *h)
{
    struct token *t = h->token;

    if (!h->session)
        return;
    if (h->borrowed) {
        session_return(h);
        return;
    }
    pthread_mutex_lock(&t->mutex);
    bool keep = !h->bad && !h->exclusive && h->generation == t->generation &&
                t->idle_count < LIMIT_IDLE;
    if (keep)
        t->idle[t->idle_count++] = h->session;
    pthread_mutex_unlock(&t->mutex);
    if (!keep)
        QUIETLY(h, C_CloseSession, h->session);
    h->session = 0;
}

/* The session that keeps the login is as it was: only another one was lost.
 * A token that was away has no living session at all. */
static bool
auth_lives(struct hold *h)
{
    struct token *t = h->token;

    pthread_mutex_lock(&t->mutex);
    CK_SESSION_HANDLE s = t->generation == h->generation ? t->auth : 0;
    pthread_mutex_unlock(&t->mutex);
    return s && session_probe(h, s) == SESSION_USER;
}

/* Takes the sessions nobody uses out of the token, and the login with them
 * unless KEEP. Returns how many. */
static unsigned
take_sessions(struct hold *h, bool keep, CK_SESSION_HANDLE *out)
{
    struct token *t = h->token;
    unsigned n = 0;

    pthread_mutex_lock(&t->mutex);
    if (t->generation == h->generation) {
        CK_SESSION_HANDLE auth = t->auth;
        bool logged_in = t->info.logged_in;

        for (unsigned i = 0; i < t->idle_count; i++)
            out[n++] = t->idle[i];
        if (auth && !keep)
            out[n++] = auth;
        token_forget_sessions(t);
        if (keep) {
            t->auth = auth;
            t->info.logged_in = logged_in;
        }
    }
    pthread_mutex_unlock(&t->mutex);
    return n;
}

static void
close_if_alive(struct hold *h, CK_SESSION_HANDLE s)
{
    if (s && session_probe(h, s) != SESSION_DEAD)
        QUIETLY(h, C_CloseSession, s);
}

void
sessions_close(struct hold *h)
{
    CK_SESSION_HANDLE all[LIMIT_IDLE + 1];
    unsigned n = take_sessions(h, false, all);

    for (unsigned i = 0; i < n; i++) {
        if (session_probe(h, all[i]) == SESSION_USER)
            QUIETLY(h, C_Logout, all[i]);
        close_if_alive(h, all[i]);
    }
}

/* Everything of the token's that is still alive is closed, then forgotten:
 * the slot may hold another token by now. */
static void
token_restart(struct hold *h)
{
    CK_SESSION_HANDLE all[LIMIT_IDLE + 1];
    bool keep = auth_lives(h);
    unsigned n = take_sessions(h, keep, all);
    struct token *t = h->token;

    if (!h->borrowed)
        close_if_alive(h, h->session);
    h->borrowed = false;
    h->session = 0;
    for (unsigned i = 0; i < n; i++)
        close_if_alive(h, all[i]);
    turn_pause(h);
    module_scan(h->watch.module, RENEW_NEVER, t->store->start_timeout_ms);
    turn_resume(h);
}

bool
token_is_present(struct token *t)
{
    pthread_mutex_lock(&t->mutex);
    bool present = t->info.present;
    pthread_mutex_unlock(&t->mutex);
    return present;
}

static enum tokens_err
session_start(struct hold *h)
{
    if (session_open(h) == CKR_OK)
        return TOKENS_OK;
    if (h->rv == CKR_SESSION_COUNT || h->rv == CKR_HOST_MEMORY)
        return h->result;
    /* The slot may have moved, or the token be gone. */
    token_restart(h);
    if (!token_is_present(h->token))
        return TOKENS_ABSENT;
    return session_open(h) == CKR_OK ? TOKENS_OK : h->result;
}

enum tokens_err
hold_begin(struct token *t, bool exclusive, struct hold *h)
{
    *h = (struct hold){.exclusive = exclusive};
    enum tokens_err e = turn_take(t, exclusive, &h->watch);

    if (e == TOKENS_ABSENT) {
        /* Perhaps it was inserted since the last look, into any reader. */
        (void)token_store_look(t->store);
        e = turn_take(t, exclusive, &h->watch);
    }
    if (e)
        return e;
    h->token = t;
    e = session_start(h);
    if (e)
        hold_drop(h);
    return e;
}

void
hold_drop(struct hold *h)
{
    if (!h->token)
        return;
    session_give(h);
    if (h->exclusive)
        token_forget_proven(h->token);
    turn_give(h->token, h->exclusive, &h->watch);
    h->token = NULL;
}

/* Errors after which nobody knows: the token, the session, or the request. */
static bool
rv_is_doubtful(CK_RV rv)
{
    static const CK_RV doubtful[] = {
        CKR_GENERAL_ERROR,
        CKR_FUNCTION_FAILED,
        CKR_DEVICE_ERROR,
        CKR_DEVICE_REMOVED,
        CKR_SESSION_HANDLE_INVALID,
        CKR_SESSION_CLOSED,
        CKR_OBJECT_HANDLE_INVALID,
        CKR_KEY_HANDLE_INVALID,
        CKR_OPERATION_ACTIVE,
        CKR_OPERATION_NOT_INITIALIZED,
        CKR_USER_NOT_LOGGED_IN,
        CKR_TOKEN_NOT_PRESENT,
        CKR_CRYPTOKI_NOT_INITIALIZED,
    };

    for (size_t i = 0; i < ARRAY_COUNT(doubtful); i++)
        if (doubtful[i] == rv)
            return true;
    return false;
}

static bool
token_logged_in(struct token *t)
{
    pthread_mutex_lock(&t->mutex);
    bool in = t->info.logged_in;
    pthread_mutex_unlock(&t->mutex);
    return in;
}

/* The session lives, but is it still logged in? Cards are reset behind our
 * back. True: the login is lost, and noted. */
static bool
login_is_lost(struct hold *h, enum session_state state)
{
    struct token *t = h->token;

    if (!token_logged_in(t))
        return false;
    if (state == SESSION_USER && h->rv != CKR_USER_NOT_LOGGED_IN)
        return false;
    /* The module believes in a login that the card has lost: without this,
     * the next C_Login would not reach the card. */
    if (state == SESSION_USER)
        QUIETLY(h, C_Logout, h->session);
    pthread_mutex_lock(&t->mutex);
    t->info.logged_in = false;
    snapshot_drop(&t->snapshot);
    pthread_mutex_unlock(&t->mutex);
    return true;
}

static bool
rv_is_of_device(CK_RV rv)
{
    return rv == CKR_DEVICE_ERROR || rv == CKR_DEVICE_REMOVED ||
           rv == CKR_TOKEN_NOT_PRESENT;
}

/* Only what blames the device costs a question to the token: after bad
 * padding (CKR_GENERAL_ERROR) it would show in the time taken. */
static enum session_state
hold_probe(struct hold *h)
{
    CK_TOKEN_INFO info;
    enum session_state state = session_probe(h, h->session);

    if (state != SESSION_DEAD && rv_is_of_device(h->rv) &&
        QUIETLY(h, C_GetTokenInfo, h->slot, &info) != CKR_OK)
        return SESSION_DEAD;
    return state;
}

/* After the doubtful error of an operation: *out_retry when it is worth one
 * more try, else what the operation ends with. */
static enum tokens_err
hold_recover(struct hold *h, enum tokens_err e, bool *out_retry)
{
    CK_RV rv = h->rv;
    enum session_state state = hold_probe(h);

    *out_retry = false;
    if (state == SESSION_DEAD) {
        token_restart(h);
        if (!token_is_present(h->token))
            return TOKENS_REMOVED;
        e = session_start(h);
        *out_retry = e == TOKENS_OK;
        return e == TOKENS_ABSENT ? TOKENS_REMOVED : e;
    }
    if (login_is_lost(h, state))
        return TOKENS_LOCKED;
    if (rv == CKR_OBJECT_HANDLE_INVALID || rv == CKR_KEY_HANDLE_INVALID) {
        token_forget_objects(h->token);
        *out_retry = true;
    }
    if (rv == CKR_OPERATION_ACTIVE || rv == CKR_OPERATION_NOT_INITIALIZED ||
        rv_is_of_device(rv) || (*out_retry && !h->borrowed)) {
        /* What is idle may be as stuck: there is one retry only. */
        h->bad = true;
        session_give(h);
        (void)sessions_close_idle(h);
        e = session_start(h);
        *out_retry = e == TOKENS_OK;
    }
    return e;
}

enum tokens_err
hold_run(struct token *t, hold_fn *fn, void *arg)
{
    struct hold h;
    bool retry = false;

    rv_forget();
    enum tokens_err e = hold_begin(t, false, &h);
    if (e)
        return e;
    e = fn(&h, arg);
    if (e != TOKENS_OK && rv_is_doubtful(h.rv))
        e = hold_recover(&h, e, &retry);
    /* Whoever asked was told long ago: nothing is done now, so nothing may
     * look as if it was. */
    if (retry && hold_is_overdue(&h)) {
        e = TOKENS_HUNG;
    } else if (retry) {
        h.rv = CKR_OK;
        rv_forget(); /* what made it try again is not what it ends with */
        e = fn(&h, arg);
        /* Not a third time; but what is broken is not kept. */
        if (e != TOKENS_OK && rv_is_doubtful(h.rv) &&
            session_probe(&h, h.session) == SESSION_DEAD) {
            h.bad = true;
            e = h.result == TOKENS_MESSAGE ? TOKENS_FAILED : h.result;
        }
    }
    hold_drop(&h);
    return e;
}
