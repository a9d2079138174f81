#include "client/lib/client.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct smime_client {
    pthread_mutex_t lock;
    int fd;
    bool is_lost; /* what comes next could be the answer to an old call */
    void (*tell)(void *arg, const struct smime_notice *notice);
    void *tell_arg;
};

#define LIMIT_NOTICES 1000 /* before one reply */

/* ---- connecting
 * ---------------------------------------------------------------- */

/* Whoever else could make a socket at this path must not get our mail. */
static bool
agent_is_ours(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           peer.uid == geteuid();
}

static int
not_reachable(struct smime_error *error, const char *path, const char *why)
{
    char detail[256];

    snprintf(detail, sizeof(detail), "%s: %s", path, why);
    return error_own(error, "NotReachable", detail);
}

static int
socket_connect(const char *path, int *out, struct smime_error *error)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    int failed;
    int fd;

    if (n >= sizeof(a.sun_path))
        return not_reachable(error, path, "the path is too long for a socket");
    memcpy(a.sun_path, path, n);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return not_reachable(error, path, strerror(errno));
    do
        failed = connect(fd, (const struct sockaddr *)&a, sizeof(a));
    while (failed != 0 && errno == EINTR);
    if (failed != 0 || !agent_is_ours(fd)) {
        (void)not_reachable(error, path,
                            failed != 0 ? strerror(errno)
                                        : "it belongs to another user");
        close(fd);
        return -1;
    }
    *out = fd;
    return 0;
}

int
smime_client_connect_path(const char *path, struct smime_client **out,
                          struct smime_error *error)
{
    struct smime_client *c = calloc(1, sizeof(*c));

    if (!c)
        return error_own(error, "Internal", "out of memory");
    if (socket_connect(path, &c->fd, error) != 0) {
        free(c);
        return -1;
    }
    if (pthread_mutex_init(&c->lock, NULL) != 0) {
        close(c->fd);
        free(c);
        return error_own(error, "Internal", "no lock");
    }
    *out = c;
    return 0;
}

int
smime_client_connect(enum smime_socket which, struct smime_client **out,
                     struct smime_error *error)
{
    char path[512];

    if (!socket_path(which, path, sizeof(path)))
        return error_own(error, "NotReachable",
                         "neither SMIME_AGENT_SOCK nor XDG_RUNTIME_DIR is set");
    return smime_client_connect_path(path, out, error);
}

void
smime_client_drop(struct smime_client **c)
{
    if (!*c)
        return;
    close((*c)->fd);
    pthread_mutex_destroy(&(*c)->lock);
    free(*c);
    *c = NULL;
}

/* ---- calling
 * ------------------------------------------------------------------- */

static int
transfer_error(enum transfer_result t, struct smime_error *error)
{
    switch (t) {
    case TRANSFER_DONE:
        return 0;
    case TRANSFER_LOST:
        return error_own(error, "AgentLost", NULL);
    case TRANSFER_LATE:
        return error_own(error, "AgentLost", "it did not answer in time");
    case TRANSFER_HUGE:
        return error_own(error, "AgentLost", "its answer is too large");
    }
    return -1;
}

/* True: TEXT is a notice, and more is to come. */
static bool
notice_tell(const struct smime_client *c, const char *text)
{
    json_t *reply = c->tell ? json_loads(text, 0, NULL) : NULL;
    json_t *notice =
        json_object_get(json_object_get(reply, "parameters"), "notice");
    struct smime_notice n = {
        .kind = json_string_value(json_object_get(notice, "kind")),
        .token = json_string_value(json_object_get(notice, "token"))};
    bool more = json_is_true(json_object_get(reply, "continues"));

    if (more && n.kind && n.token)
        c->tell(c->tell_arg, &n);
    json_decref(reply);
    return more;
}

/* Receives the reply, and tells of what comes before it. */
static enum transfer_result
reply_receive(struct smime_client *c, int64_t deadline, char **out)
{
    struct inbox in = {NULL, 0, 0};
    enum transfer_result t = TRANSFER_LOST;
    char *text = NULL;

    for (int i = 0; i <= LIMIT_NOTICES; i++) {
        t = message_receive(c->fd, deadline, &in, &text);
        if (t != TRANSFER_DONE || !notice_tell(c, text))
            break;
        free(text);
        text = NULL;
        t = TRANSFER_HUGE;
    }
    /* One answer to one question: nothing may come behind it. */
    if (t == TRANSFER_DONE && in.len > 0) {
        free(text);
        t = TRANSFER_LOST;
    }
    inbox_drop(&in);
    if (t == TRANSFER_DONE)
        *out = text;
    return t;
}

/* Sends TEXT with its NUL and receives the answer's text; gives it. */
static int
exchange(struct smime_client *c, const char *text, const int *fds, int fd_count,
         int timeout_ms, char **out, struct smime_error *error)
{
    int64_t deadline = deadline_after(timeout_ms);
    enum transfer_result t = TRANSFER_LOST;

    if (pthread_mutex_lock(&c->lock) != 0)
        return error_own(error, "Internal", "no lock");
    if (!c->is_lost)
        t = bytes_send(c->fd, text, strlen(text) + 1, fds, fd_count, deadline);
    if (t == TRANSFER_DONE)
        t = reply_receive(c, deadline, out);
    c->is_lost = t != TRANSFER_DONE;
    pthread_mutex_unlock(&c->lock);
    return transfer_error(t, error);
}

void
smime_client_on_notice(struct smime_client *c,
                       void (*tell)(void *arg,
                                    const struct smime_notice *notice),
                       void *arg)
{
    c->tell = tell;
    c->tell_arg = arg;
}

/* "io.smimeagent.Mail.NoKey": something stands behind the last dot. */
static bool
is_named(const char *error)
{
    const char *dot = strrchr(error, '.');

    return (dot ? dot[1] : error[0]) != '\0';
}

static int
answer_read(const char *text, json_t **out, struct smime_error *error)
{
    json_t *answer = json_loads(text, 0, NULL);
    json_t *parameters = json_object_get(answer, "parameters");
    const char *name = json_string_value(json_object_get(answer, "error"));
    int result = 0;

    if (!json_is_object(answer) ||
        (parameters && !json_is_object(parameters)) ||
        (name && !is_named(name)))
        result = error_own(error, "AgentLost", "its answer makes no sense");
    else if (name)
        result = error_reply(error, name, parameters);
    else
        *out = parameters ? json_incref(parameters) : json_object();
    json_decref(answer);
    return result;
}

/* Gives the request's text, or NULL. */
static char *
request_write(const char *method, json_t *parameters, bool more)
{
    json_t *request = parameters ? json_pack("{s:s, s:O}", "method", method,
                                             "parameters", parameters)
                                 : json_pack("{s:s}", "method", method);
    char *text;

    if (request && more)
        json_object_set_new(request, "more", json_true());
    text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    return text;
}

/* The same with PARAMETERS as they were given: a JSON object, or NULL. */
static char *
request_join(const char *method, const char *parameters, bool more)
{
    char *text;
    int n = asprintf(&text, "{\"method\":\"%s\"%s%s%s}", method,
                     more ? ",\"more\":true" : "",
                     parameters ? ",\"parameters\":" : "",
                     parameters ? parameters : "");

    return n < 0 ? NULL : text;
}

/* Takes REQUEST and gives the answer's text. */
static int
call(struct smime_client *c, char *request, const int *fds, int fd_count,
     int timeout_ms, char **out, struct smime_error *error)
{
    int result;

    if (fd_count < 0 || fd_count > SMIME_LIMIT_FDS)
        result = error_own(error, "InvalidRequest", "too many descriptors");
    else if (strlen(request) >= SMIME_LIMIT_REQUEST_BYTES)
        result = error_own(error, "InvalidRequest", "it is too large");
    else
        result = exchange(c, request, fds, fd_count, timeout_ms, out, error);
    free(request);
    return result;
}

int
client_call_json(struct smime_client *c, const char *method, json_t *parameters,
                 const int *fds, int fd_count, int timeout_ms, json_t **out,
                 struct smime_error *error)
{
    char *request = request_write(method, parameters, c->tell != NULL);
    char *answer = NULL;
    int result;

    if (!request)
        return error_own(error, "InvalidRequest", "it is not UTF-8");
    result = call(c, request, fds, fd_count, timeout_ms, &answer, error);
    if (result == 0)
        result = answer_read(answer, out, error);
    free(answer);
    return result;
}

/* The parameters of ANSWER as text. */
static int
answer_cut(const char *answer, char **out, struct smime_error *error)
{
    json_t *parsed = NULL;
    const char *text;
    size_t n;

    if (parameters_find(answer, &text, &n)) {
        *out = strndup(text, n);
    } else {
        if (answer_read(answer, &parsed, error) != 0)
            return -1;
        *out = json_dumps(parsed, JSON_COMPACT);
        json_decref(parsed);
    }
    return *out ? 0 : error_own(error, "Internal", "out of memory");
}

/* Of Varlink: what needs no escape in JSON. */
static bool
is_method(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

    return name[0] != '\0' && name[strspn(name, letters)] == '\0';
}

static bool
is_object(const char *text)
{
    json_t *parsed = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    bool is = json_is_object(parsed);

    json_decref(parsed);
    return is;
}

int
smime_client_call(struct smime_client *c, const char *method,
                  const char *parameters, const int *fds, int fd_count,
                  int timeout_ms, char **out, struct smime_error *error)
{
    char *request, *answer = NULL;
    int result;

    if (!is_method(method))
        return error_own(error, "InvalidRequest", "this is no method's name");
    if (parameters && !is_object(parameters))
        return error_own(error, "InvalidRequest",
                         "the parameters are no JSON object");
    request = request_join(method, parameters, c->tell != NULL);
    if (!request)
        return error_own(error, "Internal", "out of memory");
    result = call(c, request, fds, fd_count, timeout_ms, &answer, error);
    if (result == 0)
        result = answer_cut(answer, out, error);
    free(answer);
    return result;
}
