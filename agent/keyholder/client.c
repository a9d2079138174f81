/*
 * One session's channel: its thread once it asks, the dispatcher, the answers.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/secret.h"
#include "agent/keyholder/keyholder.h"
#include "agent/keyholder/locker.h"
#include "agent/keyholder/token_problem.h"

/* ---- who it is --------------------------------------------------------- */

const char *
client_program(struct client *c)
{
    if (c->program[0] == '\0')
        caller_describe(c->pid, c->program, sizeof(c->program));
    return c->program;
}

/* Printable ASCII without blanks: what may stand in an option of pinentry. */
static void
keep_word(struct slice s, char *out, size_t size)
{
    bool fits = s.n < size;

    for (size_t i = 0; fits && i < s.n; i++)
        fits = s.p[i] > 0x20 && s.p[i] < 0x7f;
    out[0] = '\0';
    if (!fits || s.n == 0)
        return;
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
}

/* A prompt must not appear on somebody else's terminal. */
static bool
is_own_terminal(const char *tty, uint32_t uid)
{
    struct stat s;

    return strncmp(tty, "/dev/", 5) == 0 && strstr(tty, "..") == NULL &&
           lstat(tty, &s) == 0 && S_ISCHR(s.st_mode) && s.st_uid == uid;
}

static void
take_place(struct client *c, const struct narrow *n)
{
    keep_word(n->tty, c->tty, sizeof(c->tty));
    keep_word(n->term, c->term, sizeof(c->term));
    keep_word(n->display, c->display, sizeof(c->display));
    keep_word(n->locale, c->locale, sizeof(c->locale));
    if (c->tty[0] && !is_own_terminal(c->tty, c->uid))
        c->tty[0] = '\0';
}

/* ---- dispatch ---------------------------------------------------------- */

/* Room for the largest reply. */
union any_reply {
    struct list_reply list;
    struct chain_reply chain;
    struct sign_reply sign;
    struct unwrap_reply unwrap;
    struct decrypt_reply decrypt;
    struct agree_reply agree;
    struct token_record token;
    struct count_reply count;
    struct lock_state lock_state;
    struct import_reply import;
    struct generate_reply generate;
    struct silence silence;
};

static enum err
handle_management(struct client *c, enum message m, const union any_record *r,
                  union any_reply *out, struct reply_room *room,
                  struct problem *p)
{
    if (m == MSG_IMPORT)
        return p12_import(c, &r->import_request, &out->import, room, p);
    if (m == MSG_KEY_REMOVE)
        return key_remove(c, &r->key_choice, &out->count, p);
    if (m == MSG_TOKEN_INIT)
        return token_init(c, &r->pin_request, &out->token, room, p);
    if (m == MSG_PIN_CHANGE)
        return pin_change(c, &r->pin_request, &out->token, room, p);
    if (m == MSG_PIN_UNBLOCK)
        return pin_unblock(c, &r->pin_request, &out->token, room, p);
    if (m == MSG_GENERATE)
        return key_generate(c, &r->generate_request, &out->generate, room, p);
    if (m == MSG_INSTALL)
        return certificates_install(c, &r->install_request, &out->import, room,
                                    p);
    if (m == MSG_CHECK)
        return tokens_check(c, &r->page, &out->list, room, p);
    if (m == MSG_MODULES)
        return modules_list(c, &r->page, &out->list, room, p);
    if (m == MSG_LOOK)
        return tokens_look(c, p);
    if (m == MSG_RESCAN)
        return tokens_rescan(c, &out->count, p);
    if (m == MSG_LOCK_STATE) {
        locker_state(c->keyholder, &out->lock_state);
        return ERR_OK;
    }
    if (m == MSG_CLEAN)
        return token_clean(c, &r->token_choice, &out->count, p);
    if (m == MSG_ASK_PASSWORD)
        return directory_password(c, &r->password_request, room, p);
    return fail(p, ERR_USAGE, "not a message for the keyholder");
}

static enum err
handle(struct client *c, enum message m, const union any_record *r,
       union any_reply *out, struct reply_room *room, struct problem *p)
{
    if (m == MSG_KEYS)
        return keys_list(c, &r->page, &out->list, room, p);
    if (m == MSG_KEYS_AWAY)
        return keys_away_list(c, &r->page, &out->list, room, p);
    if (m == MSG_KEYLESS)
        return keyless_list(c, &r->page, &out->list, room, p);
    if (m == MSG_ALL_READ)
        return tokens_check_read(c, r->key_choice.key, &out->silence, room, p);
    if (m == MSG_TOKENS)
        return tokens_list(c, &r->page, &out->list, room, p);
    if (m == MSG_CHAIN)
        return chain_read(c, &r->key_choice, &out->chain, room, p);
    if (m == MSG_SIGN)
        return key_sign(c, &r->sign_request, &out->sign, room, p);
    if (m == MSG_UNWRAP)
        return key_unwrap(c, &r->unwrap_request, &out->unwrap, room, p);
    if (m == MSG_DECRYPT)
        return key_decrypt(c, &r->unwrap_request, &out->decrypt, room, p);
    if (m == MSG_AGREE)
        return key_agree(c, &r->agree_request, &out->agree, room, p);
    if (m == MSG_NO_KEY) {
        client_audit_no_key(c, r->address.address);
        return tokens_check_any(c, p);
    }
    if (m == MSG_DECRYPTED) {
        c->attempts.count = 0;
        return ERR_OK;
    }
    if (m == MSG_UNLOCK)
        return token_unlock(c, &r->token_choice, &out->token, room, p);
    if (m == MSG_LOCK)
        return token_lock(c, &r->token_choice, &out->count, p);
    return handle_management(c, m, r, out, room, p);
}

static bool
answer(struct client *c, enum message m, const union any_record *request)
{
    AUTO(reply_room) struct reply_room room = {0};
    union any_reply reply;
    struct problem p = {0};
    enum err e;

    memset(&reply, 0, sizeof(reply));
    c->message = m;
    tokens_request_begin(c);
    e = handle(c, m, request, &reply, &room, &p);
    if (c->is_abandoned)
        return false;
    if (e == ERR_OK)
        return channel_reply(c->served.fd, m, &reply, &room.fd, room.has_fd);
    return channel_refuse(c->served.fd, m, &p);
}

static const char *
operation_name(enum message m)
{
    static const struct {
        enum message m;
        const char *name;
    } table[] = {
        {MSG_SIGN, "sign"},
        {MSG_UNWRAP, "unwrap"},
        {MSG_DECRYPT, "raw-decrypt"},
        {MSG_AGREE, "agree"},
        {MSG_UNLOCK, "unlock"},
        {MSG_LOCK, "lock"},
        {MSG_IMPORT, "import"},
        {MSG_KEY_REMOVE, "remove"},
        {MSG_TOKEN_INIT, "initialize"},
        {MSG_PIN_CHANGE, "change-pin"},
        {MSG_PIN_UNBLOCK, "unblock-pin"},
        {MSG_GENERATE, "generate"},
        {MSG_INSTALL, "install"},
        {MSG_CLEAN, "clean"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(table); i++)
        if (table[i].m == m)
            return table[i].name;
    return NULL;
}

static void
serve(struct client *c)
{
    union any_record *request = mem_new(sizeof(*request));
    enum message m = MSG_NONE;
    bool more = true;

    while (more) {
        switch (channel_receive(&c->served, &c->frame, &m, request)) {
        case RECEIVED_REQUEST:
            if (m == MSG_NARROW)
                take_place(c, &request->narrow);
            else
                more = answer(c, m, request);
            break;
        case RECEIVED_REFUSED:
            if (operation_name(m))
                client_audit(c, operation_name(m), NULL, slice_of(NULL, 0),
                             ERR_NOT_ALLOWED);
            break;
        case RECEIVED_EOF:
            more = false;
            break;
        case RECEIVED_BROKEN:
            log_error("session %llu: malformed message",
                      (unsigned long long)c->session);
            more = false;
            break;
        }
        buf_clear(&c->frame.bytes);
    }
    free(request);
}

/* ---- threads ----------------------------------------------------------- */

static bool
client_register(struct keyholder *k, struct client *c)
{
    bool room;

    pthread_mutex_lock(&k->mutex);
    room = k->clients < LIMIT_CLIENTS;
    for (size_t i = 0; room && i < LIMIT_CLIENTS; i++)
        if (!k->client[i]) {
            k->client[i] = c;
            k->clients++;
            break;
        }
    pthread_mutex_unlock(&k->mutex);
    return room;
}

/* Closes the channel under the lock, so that clients_end never shuts down a
 * descriptor that is somebody else's by now. */
static void
client_end(struct client *c)
{
    struct keyholder *k = c->keyholder;

    pthread_mutex_lock(&k->mutex);
    for (size_t i = 0; i < LIMIT_CLIENTS; i++)
        if (k->client[i] == c) {
            k->client[i] = NULL;
            k->clients--;
        }
    fd_drop(&c->served.fd);
    frame_drop(&c->frame);
    free(c);
    pthread_cond_signal(&k->gone);
    pthread_mutex_unlock(&k->mutex);
}

void
client_work(void *arg)
{
    struct client *c = arg;

    serve(c);
    /* Else whoever took over has them. */
    if (!c->is_abandoned)
        attempts_fail(&c->attempts, &c->keyholder->failures, clock_ms());
    client_end(c);
}

static bool
client_run(struct client *c)
{
    if (crew_run(&c->keyholder->crew, c))
        return true;
    log_error("no thread for session %llu", (unsigned long long)c->session);
    return false;
}

void
client_start(struct keyholder *k, const struct attach *a, int channel)
{
    struct client *c = mem_new(sizeof(*c));

    c->keyholder = k;
    c->session = a->session;
    c->pid = a->pid;
    c->uid = a->uid;
    c->served.fd = channel;
    c->served.self = PROCESS_KEYHOLDER;
    c->served.rights = a->rights;
    frame_init(&c->frame);
    c->is_waiting = true;
    if (!client_register(k, c)) {
        log_error("session %llu is refused: there are %d already",
                  (unsigned long long)a->session, LIMIT_CLIENTS);
        fd_drop(&channel);
        free(c);
    }
}

/* ---- channels that have not said anything ------------------------------- */

/* Gives the next one at or after *AT, and moves *AT behind it. A client that
 * waits is ended by this thread only. */
static struct client *
next_waiting(struct keyholder *k, size_t *at)
{
    struct client *c = NULL;

    pthread_mutex_lock(&k->mutex);
    while (!c && *at < LIMIT_CLIENTS) {
        c = k->client[(*at)++];
        if (c && !c->is_waiting)
            c = NULL;
    }
    pthread_mutex_unlock(&k->mutex);
    return c;
}

static void
first_word(struct client *c)
{
    char byte;

    c->is_waiting = false;
    if (recv(c->served.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0 ||
        !client_run(c))
        client_end(c);
}

void
clients_wait(struct keyholder *k, int fd)
{
    struct pollfd all[LIMIT_CLIENTS + 1] = {{.fd = fd, .events = POLLIN}};
    struct client *waiting[LIMIT_CLIENTS + 2]; /* from 1; NULL at the end */
    size_t n, at;

    do {
        for (n = 1, at = 0; (waiting[n] = next_waiting(k, &at)); n++)
            all[n] =
                (struct pollfd){.fd = waiting[n]->served.fd, .events = POLLIN};
        if (poll(all, (nfds_t)n, -1) < 0)
            continue;
        for (size_t i = 1; i < n; i++)
            if (all[i].revents)
                first_word(waiting[i]);
    } while (!all[0].revents);
}

/* A copy that goes on with the channel; C keeps all else until its thread
 * comes back. NULL: no room, the client sees the end of its channel. */
static struct client *
client_take_over(struct client *c)
{
    struct keyholder *k = c->keyholder;
    struct client *next = mem_new(sizeof(*next));
    int channel;

    *next = *c;
    frame_init(&next->frame);
    next->is_abandoned = false;
    next->notice_ms = 0;
    pthread_mutex_lock(&k->mutex);
    c->is_abandoned = true;
    channel = fd_take(&c->served.fd);
    if (k->prompting == c)
        k->prompting = NULL;
    pthread_cond_signal(&k->prompted);
    pthread_mutex_unlock(&k->mutex);
    if (client_register(k, next))
        return next;
    log_error("session %llu ends: too many wait for tokens that hang",
              (unsigned long long)c->session);
    fd_drop(&channel);
    free(next);
    return NULL;
}

void
client_hung(void *arg, void *request, const struct token_info *info,
            const struct token_hang *hang)
{
    struct client *c = request;
    struct client *next;
    struct problem p = {0};
    struct audit_line line = {.session = c->session,
                              .pid = c->pid,
                              .operation = operation_name(c->message),
                              .token = info->label};

    (void)arg;
    line.result = token_hung_problem(info, hang, &p);
    log_error("session %llu: the token %s does not answer: %s",
              (unsigned long long)c->session, p.token, p.detail);
    line.program = client_program(c);
    if (line.operation)
        audit_write(&c->keyholder->audit, &line);
    next = client_take_over(c);
    if (!next)
        return;
    if (!channel_refuse(next->served.fd, next->message, &p) ||
        !client_run(next))
        client_end(next);
}

bool
clients_end(struct keyholder *k, int timeout_s)
{
    struct timespec end;
    struct client *c;
    bool all;

    for (size_t at = 0; (c = next_waiting(k, &at));)
        client_end(c);
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += timeout_s;
    pthread_mutex_lock(&k->mutex);
    for (size_t i = 0; i < LIMIT_CLIENTS; i++)
        if (k->client[i])
            (void)shutdown(k->client[i]->served.fd, SHUT_RDWR);
    while (k->clients > 0)
        if (pthread_cond_timedwait(&k->gone, &k->mutex, &end) == ETIMEDOUT)
            break;
    all = k->clients == 0;
    pthread_mutex_unlock(&k->mutex);
    return all;
}
