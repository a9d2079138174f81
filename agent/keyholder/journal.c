#include "agent/keyholder/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "tokens/write.h"

#define NAME_BYTES  20
#define TOKEN_BYTES TOKEN_URI_BYTES
#define PATH_BYTES  4096

struct journal {
    struct token_journal notes; /* first: what the import calls */
    const struct journals *journals;
    int fd; /* locked while the write goes on; -1: nothing was noted */
    char name[NAME_BYTES];
    struct problem problem;
};

void
journals_open(struct journals *j, const char *beside)
{
    const char *slash = beside ? strrchr(beside, '/') : NULL;
    AUTO(buf) struct buf path = {0};

    j->folder = NULL;
    if (!slash)
        return;
    buf_add(&path, beside, (size_t)(slash - beside));
    buf_add_text(&path, "/unfinished");
    j->folder = mem_text(buf_slice(&path));
}

void
journals_drop(struct journals *j)
{
    free(j->folder);
    j->folder = NULL;
}

/* ---- writing ------------------------------------------------------------- */

static enum err
cannot(struct problem *p, const char *what)
{
    return fail(p, ERR_OUTPUT, "%s the journal of unfinished imports: %s", what,
                strerror(errno));
}

static void
path_of(const struct journals *j, const char *name, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s/%s", j->folder, name);
}

static bool
folder_sync(const struct journals *j)
{
    AUTO(fd)
    int fd = open(j->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 && fsync(fd) == 0;
}

/* A name that journals_undo looks at appears only once the file is locked:
 * an empty one would be swept away under us. */
static bool
file_make(struct journal *j)
{
    char fresh[PATH_BYTES], final[PATH_BYTES], name[NAME_BYTES];
    uint64_t number;

    if (mkdir(j->journals->folder, 0700) != 0 && errno != EEXIST)
        return false;
    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        return false;
    snprintf(j->name, sizeof(j->name), "%016llx", (unsigned long long)number);
    snprintf(name, sizeof(name), ".%.17s", j->name);
    path_of(j->journals, name, fresh);
    path_of(j->journals, j->name, final);
    j->fd = open(fresh,
                 O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                 0600);
    if (j->fd < 0)
        return false;
    if (flock(j->fd, LOCK_EX | LOCK_NB) == 0 && rename(fresh, final) == 0 &&
        folder_sync(j->journals))
        return true;
    (void)unlink(fresh);
    (void)unlink(final);
    fd_drop(&j->fd);
    return false;
}

static const char *const object_names[TOKEN_OBJECT_COUNT] = {
    [TOKEN_OBJECT_PRIVATE] = "private",
    [TOKEN_OBJECT_PUBLIC] = "public",
    [TOKEN_OBJECT_CERTIFICATE] = "certificate",
};

/* "private new ID DIGEST URI": a URI (RFC 7512) has no blank. */
static bool
line_write(int fd, const struct token_written *w, const char *uri)
{
    char id[2 * TOKEN_ID_BYTES + 1], digest[2 * TOKEN_DIGEST_BYTES + 1];
    AUTO(buf) struct buf line = {0};

    text_hex(slice_of(w->id, w->id_len), id);
    text_hex(slice_of(w->digest, sizeof(w->digest)), digest);
    buf_addf(&line, "%s %s %s %s %s\n", object_names[w->object],
             w->was_there ? "old" : "new", id, digest, uri);
    return fd_write_all(fd, line.data, line.len) && fdatasync(fd) == 0;
}

static enum tokens_err
note(void *arg, struct token *t, const struct token_written *w)
{
    struct journal *j = arg;
    struct token_info info;

    if (!j->journals->folder)
        return TOKENS_OK;
    token_get_info(t, &info);
    if ((j->fd >= 0 || file_make(j)) && line_write(j->fd, w, info.uri))
        return TOKENS_OK;
    (void)cannot(&j->problem, "cannot write");
    return TOKENS_FAILED;
}

struct journal *
journal_new(const struct journals *journals)
{
    struct journal *j = mem_new(sizeof(*j));

    j->notes = (struct token_journal){note, j};
    j->journals = journals;
    j->fd = -1;
    return j;
}

const struct token_journal *
journal_notes(struct journal *j)
{
    return &j->notes;
}

enum err
journal_problem(const struct journal *j, struct problem *p)
{
    if (j->problem.code != ERR_OK)
        *p = j->problem;
    return j->problem.code;
}

static bool
file_remove(const struct journals *journals, const char *name)
{
    char path[PATH_BYTES];

    path_of(journals, name, path);
    return unlink(path) == 0 && folder_sync(journals);
}

enum err
journal_close(struct journal *j, struct problem *p)
{
    if (j->fd < 0)
        return ERR_OK;
    if (!file_remove(j->journals, j->name))
        return cannot(p, "cannot remove");
    fd_drop(&j->fd);
    return ERR_OK;
}

void
journal_drop(struct journal **j)
{
    if (!*j)
        return;
    fd_drop(&(*j)->fd);
    free(*j);
    *j = NULL;
}
