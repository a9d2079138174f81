#include "agent/fetcher/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "agent/base/fd.h"

/* A read that finds nothing for so long gives libldap the chance to look at
 * its clock. */
#define SILENCE_MS 200

static int
default_port(bool tls)
{
    return tls ? LDAPS_PORT : LDAP_PORT;
}

static void
resolve(struct server *s)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_protocol = IPPROTO_TCP,
                                   .ai_flags = AI_NUMERICSERV};
    char port[16];

    snprintf(port, sizeof(port), "%d", s->parts->lud_port);
    s->resolve_error =
        getaddrinfo(s->parts->lud_host, port, &hints, &s->places);
    if (s->resolve_error != 0)
        s->places = NULL;
}

static bool
is_local(const struct addrinfo *a)
{
    const struct sockaddr_in *four;
    const struct sockaddr_in6 *six;

    for (; a; a = a->ai_next) {
        four = (const struct sockaddr_in *)(const void *)a->ai_addr;
        six = (const struct sockaddr_in6 *)(const void *)a->ai_addr;
        if (a->ai_family == AF_INET &&
            (ntohl(four->sin_addr.s_addr) >> 24) != IN_LOOPBACKNET)
            return false;
        if (a->ai_family == AF_INET6 && !IN6_IS_ADDR_LOOPBACK(&six->sin6_addr))
            return false;
    }
    return true;
}

static enum err
server_read(const char *url, struct server *out, struct problem *p)
{
    *out = (struct server){.url = url};
    /* The host and its port are all that is taken from it. */
    if (ldap_url_parse(url, &out->parts) != LDAP_URL_SUCCESS)
        return fail(p, ERR_DIRECTORY, "[directory] url: %s is no LDAP URL",
                    url);
    out->tls = strcmp(out->parts->lud_scheme, "ldaps") == 0;
    if (!out->parts->lud_host || out->parts->lud_host[0] == '\0')
        return fail(p, ERR_DIRECTORY, "[directory] url: %s names no host", url);
    if (out->parts->lud_port == 0)
        out->parts->lud_port = default_port(out->tls);
    return ERR_OK;
}

void
servers_resolve(struct servers *s)
{
    for (size_t i = 0; i < s->count; i++) {
        resolve(&s->one[i]);
        s->one[i].local = s->one[i].places && is_local(s->one[i].places);
    }
}

enum err
servers_read(const struct directory_config *c, struct servers *out,
             struct problem *p)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < c->url_count && e == ERR_OK; i++)
        e = server_read(c->url[i], &out->one[out->count++], p);
    return e;
}

void
servers_drop(struct servers *s)
{
    for (size_t i = 0; i < s->count; i++) {
        ldap_free_urldesc(s->one[i].parts);
        if (s->one[i].places)
            freeaddrinfo(s->one[i].places);
    }
    s->count = 0;
}

size_t
servers_ports(const struct servers *s, uint16_t out[LIMIT_DIRECTORY_URLS])
{
    size_t n = 0;

    for (size_t i = 0; i < s->count; i++)
        out[n++] = (uint16_t)s->one[i].parts->lud_port;
    return n;
}

/* ---- connecting ---------------------------------------------------------- */

/* 0, or errno. */
static int
wait_connected(int fd, int ms)
{
    struct pollfd wanted = {.fd = fd, .events = POLLOUT};
    int64_t end = clock_ms() + ms;
    socklen_t size = sizeof(int);
    int error = 0, n;

    do
        n = poll(&wanted, 1, end > clock_ms() ? (int)(end - clock_ms()) : 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n == 0 ? ETIMEDOUT : errno;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        return errno;
    return error;
}

static bool
make_patient(int fd)
{
    const struct timeval silence = {.tv_usec = SILENCE_MS * 1000};
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence)) ==
               0;
}

/* 0 and *out, or errno. */
static int
connect_to(const struct addrinfo *a, int ms, int *out)
{
    AUTO(fd)
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    IPPROTO_TCP);
    int e = 0;

    if (fd < 0)
        return errno;
    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0)
        e = errno == EINPROGRESS ? wait_connected(fd, ms) : errno;
    if (e == 0 && !make_patient(fd))
        e = errno;
    if (e == 0)
        *out = fd_take(&fd);
    return e;
}

static size_t
places_count(const struct addrinfo *a)
{
    size_t n = 0;

    for (; a; a = a->ai_next)
        n++;
    return n;
}

/* Each address gets its share of the time that is left. */
int
server_connect(const struct server *s, int ms, const char **why)
{
    size_t left = places_count(s->places);
    int64_t end = clock_ms() + ms;
    int fd = -1, e = 0;

    if (!s->places) {
        *why = gai_strerror(s->resolve_error);
        return -1;
    }
    for (const struct addrinfo *a = s->places; a; a = a->ai_next, left--) {
        int64_t rest = end - clock_ms();

        e = connect_to(a, rest > 0 ? (int)(rest / (int64_t)left) : 0, &fd);
        if (e == 0)
            return fd;
    }
    *why = e == ETIMEDOUT ? "it did not answer in time" : strerror(e);
    return -1;
}
