/* Remembers which mails came encrypted, so that the answers to them can be
 * encrypted too ([sendmail] encrypt = reply). Kept are only sums of their
 * Message-IDs, in a file of one's own. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/mem.h"
#include "client/cli/cli.h"

#define LINE_BYTES 17   /* 16 digits and the line's end */
#define MOST_LINES 8192 /* then the older half goes */

static bool
path_find(const char *name, char *out, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int n;

    if (state && state[0] == '/')
        n = snprintf(out, size, "%s/smime-agent/%s", state, name);
    else
        n = snprintf(out, size, "%s/.local/state/smime-agent/%s",
                     home ? home : "", name);
    return n > 0 && (size_t)n < size;
}

/* FNV-1a, 64 bits, of what stands between < and >: to find again, not to
 * prove anything. */
static void
id_sum(const char *id, size_t n, char out[LINE_BYTES + 1])
{
    uint64_t sum = 0xcbf29ce484222325u;

    for (size_t i = 0; i < n; i++)
        sum = (sum ^ (uint8_t)id[i]) * 0x100000001b3u;
    snprintf(out, LINE_BYTES + 1, "%016llx\n", (unsigned long long)sum);
}

/* The next <id> in TEXT: where it begins and how long it is. */
static const char *
id_next(const char **text, size_t *out_n)
{
    const char *open = strchr(*text, '<');
    const char *close = open ? strchr(open, '>') : NULL;

    if (!close)
        return NULL;
    *text = close + 1;
    *out_n = (size_t)(close - open) - 1;
    return open + 1;
}

static bool
all_read(struct buf *out)
{
    AUTO(fd) int fd = -1;
    char path[PATH_MAX];
    ssize_t n;

    if (!path_find("encrypted-mail", path, sizeof(path)))
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while ((n = read(fd, buf_room(out, 65536), 65536)) > 0)
        buf_written(out, (size_t)n);
    return n == 0;
}

static bool
has_sum(const struct buf *all, const char sum[LINE_BYTES])
{
    for (size_t at = 0; at + LINE_BYTES <= all->len; at += LINE_BYTES)
        if (memcmp(all->data + at, sum, LINE_BYTES) == 0)
            return true;
    return false;
}

bool
encrypted_mail_is_known(const char *ids)
{
    AUTO(buf) struct buf all = {0};
    char sum[LINE_BYTES + 1];
    const char *id;
    size_t n;

    if (!all_read(&all))
        return false;
    while ((id = id_next(&ids, &n)) != NULL) {
        id_sum(id, n, sum);
        if (has_sum(&all, sum))
            return true;
    }
    return false;
}

/* Whole and beside it first: a reader never sees half of one. */
static void
sum_keep(struct buf *all, const char sum[LINE_BYTES])
{
    size_t old = all->len / LINE_BYTES >= MOST_LINES
                     ? all->len / LINE_BYTES / 2 * LINE_BYTES
                     : 0;
    char path[PATH_MAX], aside[PATH_MAX], name[64];
    AUTO(fd) int fd = -1;

    snprintf(name, sizeof(name), "encrypted-mail.%d", (int)getpid());
    if (!path_find("encrypted-mail", path, sizeof(path)) ||
        !path_find(name, aside, sizeof(aside)))
        return;
    fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    if ((old < all->len &&
         !fd_write_all(fd, all->data + old, all->len - old)) ||
        !fd_write_all(fd, sum, LINE_BYTES) || rename(aside, path) != 0)
        (void)unlink(aside);
}

void
encrypted_mail_note(json_t *report)
{
    AUTO(buf) struct buf all = {0};
    json_t *field;
    size_t i;

    if (!flag_of(report, "encrypted"))
        return;
    (void)all_read(&all);
    json_array_foreach(json_object_get(report, "header"), i, field)
    {
        const char *ids = text_of(field, "value");
        char sum[LINE_BYTES + 1];
        const char *id;
        size_t n;

        if (strcasecmp(text_of(field, "name"), "Message-ID") != 0 ||
            (id = id_next(&ids, &n)) == NULL)
            continue;
        id_sum(id, n, sum);
        if (!has_sum(&all, sum))
            sum_keep(&all, sum);
        return;
    }
}
