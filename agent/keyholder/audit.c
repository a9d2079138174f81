#include "agent/keyholder/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_SYSTEMD
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#endif

#include "agent/base/fd.h"
#include "agent/base/log.h"

#define SHOWN_BYTES 512

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
audit_open(struct audit *a, const char *path)
{
    a->fd = -1;
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
#ifdef HAVE_SYSTEMD
    (void)sd_journal_send("MESSAGE=smime-agent key use:%s", buf_text(&body),
                          "SYSLOG_IDENTIFIER=smime-keyholder", "PRIORITY=5",
                          NULL);
#endif
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
}
