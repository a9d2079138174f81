/*
 * smime-fetcher as it runs, in its sandbox, with a server that says what a
 * test makes it say; the test plays the keyring. Included once.
 */
#ifndef TESTS_UNIT_FETCHER_DOUBLE_H
#define TESTS_UNIT_FETCHER_DOUBLE_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/wire/channel.h"
#include "places_of_tests.h"

#define FETCHER SMIME_BUILD_DIR "/libexec/smime-agent/smime-fetcher"
#define DN      "uid=alice,ou=people,dc=example,dc=org"

/* ---- BER ----------------------------------------------------------------- */

static void
ber_add(struct buf *out, uint8_t tag, struct slice content)
{
    size_t n = content.n;

    buf_add_byte(out, tag);
    if (n < 128) {
        buf_add_byte(out, (uint8_t)n);
    } else {
        buf_add_byte(out, 0x84);
        for (int i = 24; i >= 0; i -= 8)
            buf_add_byte(out, (uint8_t)(n >> i));
    }
    buf_add_slice(out, content);
}

/* An LDAPMessage with this protocolOp. */
static void
message_add(struct buf *out, uint8_t id, uint8_t op, struct slice content)
{
    AUTO(buf) struct buf inside = {0};

    ber_add(&inside, 0x02, slice_of(&id, 1));
    ber_add(&inside, op, content);
    ber_add(out, 0x30, buf_slice(&inside));
}

/* A SearchResultEntry with COUNT equal values. */
__attribute__((unused)) static void
entry_add(struct buf *out, uint8_t id, const char *attribute,
          struct slice value, size_t count)
{
    AUTO(buf) struct buf values = {0};
    AUTO(buf) struct buf one = {0};
    AUTO(buf) struct buf list = {0};
    AUTO(buf) struct buf entry = {0};

    for (size_t i = 0; i < count; i++)
        ber_add(&values, 0x04, value);
    ber_add(&one, 0x04, slice_text(attribute));
    ber_add(&one, 0x31, buf_slice(&values));
    ber_add(&list, 0x30, buf_slice(&one));
    ber_add(&entry, 0x04, slice_text(DN));
    ber_add(&entry, 0x30, buf_slice(&list));
    message_add(out, id, 0x64, buf_slice(&entry));
}

/* A SearchResultDone. */
__attribute__((unused)) static void
done_add(struct buf *out, uint8_t id, uint8_t code)
{
    AUTO(buf) struct buf result = {0};

    ber_add(&result, 0x0a, slice_of(&code, 1));
    ber_add(&result, 0x04, slice_of(NULL, 0));
    ber_add(&result, 0x04, slice_of(NULL, 0));
    message_add(out, id, 0x65, buf_slice(&result));
}

/* ---- the server ---------------------------------------------------------- */

/* Talks to one client; ID is that of the request it has read. */
typedef void play(int fd, uint8_t id);

static struct {
    char folder[64];
    char config[96];
    int listening[2];
    pid_t server[2];
    int channel;
    pid_t fetcher;
    struct frame frame;
} f;

static uint8_t
request_read(int fd)
{
    uint8_t bytes[1024];
    ssize_t n = read(fd, bytes, sizeof(bytes));
    size_t at = bytes[1] & 0x80 ? 2 + (bytes[1] & 0x7fU) : 2;

    /* SEQUENCE, its length, INTEGER, 1, the number. */
    return n > 8 && bytes[0] == 0x30 && at < 7 && bytes[at] == 0x02
               ? bytes[at + 2]
               : 0;
}

static int
server_listen(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static pid_t
server_start(int listening, play *act)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGPIPE, SIG_DFL);
        for (;;) {
            int fd = accept(listening, NULL, NULL);

            act(fd, request_read(fd));
            close(fd);
        }
    }
    return pid;
}

/* Config lines after the urls; one server for each of PLAYS. */
static void
configure(play *first, play *second, const char *lines)
{
    FILE *to = fopen(f.config, "w");
    play *plays[] = {first, second};

    assert_non_null(to);
    fprintf(to, "[directory]\nurl =");
    for (int i = 0; i < 2; i++) {
        uint16_t port = 0;

        f.listening[i] = -1;
        f.server[i] = 0;
        if (!plays[i])
            continue;
        f.listening[i] = server_listen(&port);
        f.server[i] = server_start(f.listening[i], plays[i]);
        fprintf(to, " ldap://127.0.0.1:%d", port);
    }
    fprintf(to, "\nbase = dc=example,dc=org\n%s\n", lines);
    assert_int_equal(fclose(to), 0);
}

static void
servers_end(void)
{
    for (int i = 0; i < 2; i++) {
        if (f.server[i] > 0) {
            kill(f.server[i], SIGKILL);
            waitpid(f.server[i], NULL, 0);
        }
        f.server[i] = 0;
        fd_drop(&f.listening[i]);
    }
}

/* ---- the keyring's part -------------------------------------------------- */

static void
fetcher_start(void)
{
    int pair[2];

    assert_true(channel_pair(pair));
    f.fetcher = fork();
    assert_true(f.fetcher >= 0);
    if (f.fetcher == 0) {
        int high = fcntl(pair[1], F_DUPFD, 20);

        dup2(high, 3);
        for (int i = 4; i < 64; i++)
            close(i);
        execl(FETCHER, FETCHER, "--config", f.config, NULL);
        _exit(127);
    }
    close(pair[1]);
    f.channel = pair[0];
}

/* What came: items, and the outcome. */
struct came {
    size_t items;
    size_t certificates; /* of all items */
    struct directory_outcome outcome;
    char detail[512];
    bool lost;
    int64_t took_ms;
};

static void
answer_take(struct came *c)
{
    struct served s = {.fd = f.channel, .self = PROCESS_KEYRING};
    union any_record request;
    enum message m = MSG_NONE;

    while (!c->lost) {
        if (fd_wait_readable(f.channel, 30000) != 1 ||
            channel_receive(&s, &f.frame, &m, &request) != RECEIVED_REQUEST) {
            c->lost = true;
        } else if (m == MSG_DIRECTORY_OUTCOME) {
            c->outcome = request.directory_outcome;
            snprintf(c->detail, sizeof(c->detail), "%.*s",
                     (int)c->outcome.detail.n,
                     (const char *)c->outcome.detail.p);
            return;
        } else {
            c->items++;
            c->certificates += request.directory_item.certificates.n;
        }
    }
}

/* Sends REQUEST and takes all that is said; then the fetcher has ended. */
static struct came
ask_fetcher(enum message m, const void *request, const int *fds, int n)
{
    int64_t begun = clock_ms();
    struct came c = {.items = 0};
    int status = -1;

    fetcher_start();
    assert_true(channel_send(f.channel, m, request, fds, n));
    answer_take(&c);
    c.took_ms = clock_ms() - begun;
    assert_int_equal(waitpid(f.fetcher, &status, 0), f.fetcher);
    if (!c.lost && status != 0)
        fail_msg("the fetcher ended with status %x", (unsigned)status);
    fd_drop(&f.channel);
    return c;
}

__attribute__((unused)) static struct came
search_for(const char *address)
{
    struct directory_search q = {.addresses.n = address ? 1 : 0};

    q.addresses.item[0] = slice_text(address);
    return ask_fetcher(MSG_DIRECTORY_SEARCH, &q, NULL, 0);
}

static int
double_begin(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    frame_init(&f.frame);
    f.channel = f.listening[0] = f.listening[1] = -1;
    snprintf(f.folder, sizeof(f.folder), "/tmp/smime-fetcher-XXXXXX");
    if (!mkdtemp(f.folder))
        return -1;
    snprintf(f.config, sizeof(f.config), "%s/agent.conf", f.folder);
    return 0;
}

static int
double_end(void **state)
{
    (void)state;
    servers_end();
    frame_drop(&f.frame);
    unlink(f.config);
    return rmdir(f.folder);
}

#endif
