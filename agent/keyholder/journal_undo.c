/* Journals that a crash left behind: read, and taken back. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/keyholder/journal.h"
#include "agent/keyholder/token_problem.h"
#include "tokens/write.h"

/* What one file says of one token, and whether others have work left. */
struct unfinished {
    const char *uri; /* of the token that is looked at */
    struct token_written *all;
    size_t count;
    size_t others;                  /* lines of other tokens */
    char (*clean)[TOKEN_URI_BYTES]; /* tokens that are done */
    size_t clean_count;
};

static void
unfinished_drop(struct unfinished *u)
{
    free(u->all);
    free(u->clean);
}

static bool
is_clean(const struct unfinished *u, const char *uri)
{
    for (size_t i = 0; i < u->clean_count; i++)
        if (strcmp(u->clean[i], uri) == 0)
            return true;
    return false;
}

/* False when the line is none of ours. */
static bool
line_parse(const char *line, struct token_written *w, char *uri)
{
    char object[16], there[8], id[2 * TOKEN_ID_BYTES + 1],
        digest[2 * TOKEN_DIGEST_BYTES + 1];
    size_t n = 0;

    memset(w, 0, sizeof(*w));
    if (sscanf(line, "%15s %7s %128s %64s %511s", object, there, id, digest,
               uri) != 5 ||
        !text_unhex(id, w->id, sizeof(w->id), &w->id_len) || w->id_len == 0 ||
        !text_unhex(digest, w->digest, sizeof(w->digest), &n) ||
        n != sizeof(w->digest))
        return false;
    w->was_there = strcmp(there, "old") == 0;
    w->object = TOKEN_OBJECT_COUNT;
    if (strcmp(object, "private") == 0)
        w->object = TOKEN_OBJECT_PRIVATE;
    else if (strcmp(object, "public") == 0)
        w->object = TOKEN_OBJECT_PUBLIC;
    else if (strcmp(object, "certificate") == 0)
        w->object = TOKEN_OBJECT_CERTIFICATE;
    return w->object != TOKEN_OBJECT_COUNT;
}

static void
line_take(struct unfinished *u, const char *line)
{
    struct token_written w;
    char uri[TOKEN_URI_BYTES];

    if (sscanf(line, "clean %511s", uri) == 1) {
        if (u->clean_count < LIMIT_JOURNAL_LINES)
            strcpy(u->clean[u->clean_count++], uri);
        return;
    }
    if (!line_parse(line, &w, uri))
        return;
    if (strcmp(uri, u->uri) != 0)
        u->others += !is_clean(u, uri);
    else if (u->count < LIMIT_JOURNAL_LINES)
        u->all[u->count++] = w;
}

/* TEXT is cut into lines in place. A last line without its end was never
 * acted on: the object is created after the line is on disk. Lines that say
 * "clean" come last, so they are looked for first. */
static void
lines_take(struct unfinished *u, char *text, bool clean)
{
    char *end;

    for (char *at = text; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        *end = '\0';
        if ((strncmp(at, "clean ", 6) == 0) == clean)
            line_take(u, at);
        *end = '\n';
    }
}

static enum err
take_back(int fd, struct unfinished *u, struct token *t, size_t *removed,
          struct problem *p)
{
    AUTO(buf) struct buf line = {0};
    size_t count = 0;
    enum tokens_err e;

    if (u->count == 0 || is_clean(u, u->uri))
        return ERR_OK;
    e = token_import_undo(t, u->all, u->count, &count);
    if (e != TOKENS_OK)
        return token_problem(e, t, p);
    *removed += count;
    buf_addf(&line, "clean %s\n", u->uri);
    if (!fd_write_all(fd, line.data, line.len) || fdatasync(fd) != 0)
        return fail(p, ERR_OUTPUT,
                    "cannot write the journal of unfinished imports: %s",
                    strerror(errno));
    return ERR_OK;
}

static bool
text_read(int fd, struct buf *out)
{
    uint8_t part[4096];
    ssize_t n;

    while ((n = read(fd, part, sizeof(part))) > 0) {
        if (out->len + (size_t)n > LIMIT_JOURNAL_BYTES)
            return false;
        buf_add(out, part, (size_t)n);
    }
    (void)buf_text(out);
    return n == 0;
}

/* FD is locked. The file goes when no token has anything left of it. */
static enum err
undo_file(int fd, const char *path, struct token *t, size_t *removed,
          struct problem *p)
{
    AUTO(buf) struct buf text = {0};
    AUTO(unfinished) struct unfinished u = {0};
    struct token_info info;
    enum err e;

    token_get_info(t, &info);
    u.uri = info.uri;
    u.all = mem_new(LIMIT_JOURNAL_LINES * sizeof(u.all[0]));
    u.clean = mem_new(LIMIT_JOURNAL_LINES * sizeof(u.clean[0]));
    if (!text_read(fd, &text)) {
        log_error("the journal %s cannot be read", path);
        return ERR_OK;
    }
    lines_take(&u, (char *)text.data, true);
    lines_take(&u, (char *)text.data, false);
    if ((e = take_back(fd, &u, t, removed, p)) != ERR_OK)
        return e;
    if (u.others == 0)
        (void)unlink(path);
    return ERR_OK;
}

/* -1: none of ours, or somebody else's lock: the write goes on, in this agent
 * or in another. */
static int
file_open(const char *path)
{
    AUTO(fd) int fd = -1;
    struct stat s;

    fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &s) != 0 || !S_ISREG(s.st_mode) ||
        flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &s) != 0 ||
        s.st_nlink == 0)
        return -1;
    return fd_take(&fd);
}

/* The next name in the folder, or NULL; *FILES counts them. */
static const char *
name_next(DIR *folder, unsigned *files)
{
    const struct dirent *d;

    while (folder && *files < LIMIT_JOURNAL_FILES &&
           (d = readdir(folder)) != NULL)
        if (d->d_name[0] != '.') {
            (*files)++;
            return d->d_name;
        }
    return NULL;
}

enum err
journals_undo(const struct journals *journals, struct token *t,
              size_t *out_count, struct problem *p)
{
    DIR *folder = journals->folder ? opendir(journals->folder) : NULL;
    const char *name;
    enum err e = ERR_OK;
    unsigned files = 0;

    *out_count = 0;
    while (e == ERR_OK && (name = name_next(folder, &files)) != NULL) {
        AUTO(buf) struct buf path = {0};
        AUTO(fd) int fd = -1;

        buf_addf(&path, "%s/%s", journals->folder, name);
        fd = file_open(buf_text(&path));
        if (fd >= 0)
            e = undo_file(fd, buf_text(&path), t, out_count, p);
    }
    if (folder)
        closedir(folder);
    return e;
}

/* ---- who is waited for --------------------------------------------------- */

static void
file_pending(int fd, void (*fn)(void *arg, const char *uri), void *arg)
{
    AUTO(buf) struct buf text = {0};
    AUTO(unfinished) struct unfinished u = {.uri = ""};
    struct token_written w;
    char uri[TOKEN_URI_BYTES], *rest = NULL;

    /* Whoever takes it back just now must not find it in use. */
    (void)flock(fd, LOCK_UN);
    u.clean = mem_new(LIMIT_JOURNAL_LINES * sizeof(u.clean[0]));
    if (!text_read(fd, &text))
        return;
    lines_take(&u, (char *)text.data, true);
    for (char *line = strtok_r((char *)text.data, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest))
        if (line_parse(line, &w, uri) && !is_clean(&u, uri))
            fn(arg, uri);
}

void
journals_pending(const struct journals *journals,
                 void (*fn)(void *arg, const char *uri), void *arg)
{
    DIR *folder = journals->folder ? opendir(journals->folder) : NULL;
    const char *name;
    unsigned files = 0;

    while ((name = name_next(folder, &files)) != NULL) {
        AUTO(buf) struct buf path = {0};
        AUTO(fd) int fd = -1;

        buf_addf(&path, "%s/%s", journals->folder, name);
        fd = file_open(buf_text(&path));
        if (fd >= 0)
            file_pending(fd, fn, arg);
    }
    if (folder)
        closedir(folder);
}
