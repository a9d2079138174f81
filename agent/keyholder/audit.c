#include "agent/keyholder/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"

#define SHOWN_BYTES      512
#define JOURNAL_WAIT_US  200000 /* for one that does not take the line */
#define JOURNAL_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/* ---- the journal ----------------------------------------------------------
 */

/*
 * Speaks the journal's own protocol, a datagram of NAME=VALUE lines, by
 * itself: libsystemd would bring four decompressors and a second crypto
 * library into the process that holds the PINs, for these few lines.
 */
static void
journal_open(struct audit *a, const char *path)
{
    struct timeval most = {.tv_usec = JOURNAL_WAIT_US};

    a->journal = -1;
    a->journal_path = path;
    if (!path || strlen(path) > JOURNAL_PATH_MAX)
        return;
    a->journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (a->journal >= 0)
        (void)setsockopt(a->journal, SOL_SOCKET, SO_SNDTIMEO, &most,
                         sizeof(most));
}

/* LINE is escaped: a line of it would be a field of its own. */
static void
journal_send(const struct audit *a, const char *line)
{
    AUTO(buf) struct buf text = {0};
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof(to)};
    struct iovec part;

    if (a->journal < 0)
        return;
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", a->journal_path);
    buf_addf(&text,
             "MESSAGE=smime-agent key use:%s\n"
             "SYSLOG_IDENTIFIER=smime-keyholder\nPRIORITY=5\n",
             line);
    part = (struct iovec){text.data, text.len};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    /* Where there is no journal the file has the line. */
    if (sendmsg(a->journal, &message, MSG_NOSIGNAL) < 0 && errno == EAGAIN)
        log_error("the journal does not take the audit");
}

/* ---- the file -------------------------------------------------------------
 */

/* Makes the folders above PATH, each for its owner only. */
static void
make_folders(const char *path)
{
    char *copy = mem_text(slice_text(path));

    for (char *at = strchr(copy + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(copy, 0700);
        *at = '/';
    }
    free(copy);
}

void
audit_open(struct audit *a, const char *path, const char *journal)
{
    a->fd = -1;
    journal_open(a, journal);
    if (!path)
        return;
    make_folders(path);
    a->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                 0600);
    if (a->fd < 0)
        log_error("the audit %s cannot be opened: %s", path, strerror(errno));
}

/* A value that can hold blanks stands in quotes, so quotes are escaped too. */
static void
add_quoted(struct buf *out, const char *name, const char *text)
{
    char shown[SHOWN_BYTES];

    text_escape(slice_text(text), shown, sizeof(shown));
    buf_addf(out, " %s=\"", name);
    for (const char *s = shown; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_add_byte(out, '\\');
        buf_add_byte(out, (uint8_t)*s);
    }
    buf_add_byte(out, '"');
}

static void
add_time(struct buf *out)
{
    struct timespec now;
    struct tm tm;
    char text[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    buf_addf(out, "time=%s", text);
}

static void
build_line(struct buf *out, const struct audit_line *line)
{
    char hex[2 * 64 + 1];

    buf_addf(out, " session=%llu pid=%u", (unsigned long long)line->session,
             (unsigned)line->pid);
    add_quoted(out, "program", line->program ? line->program : "");
    buf_addf(out, " operation=%s", line->operation);
    if (line->token && line->token[0])
        add_quoted(out, "token", line->token);
    if (line->key.n > 0 && line->key.n <= 64) {
        text_hex(line->key, hex);
        buf_addf(out, " key=%s", hex);
    }
    if (line->address && line->address[0])
        add_quoted(out, "address", line->address);
    buf_addf(out, " result=%s", err_name(line->result));
}

void
audit_write(struct audit *a, const struct audit_line *line)
{
    AUTO(buf) struct buf body = {0};
    AUTO(buf) struct buf text = {0};

    build_line(&body, line);
    journal_send(a, buf_text(&body));
    if (a->fd < 0)
        return;
    add_time(&text);
    buf_add_slice(&text, buf_slice(&body));
    buf_add_byte(&text, '\n');
    /* One write of one line: O_APPEND keeps lines of threads whole. */
    if (!fd_write_all(a->fd, text.data, text.len))
        log_error("the audit cannot be written: %s", strerror(errno));
}

void
audit_drop(struct audit *a)
{
    fd_drop(&a->fd);
    fd_drop(&a->journal);
}
