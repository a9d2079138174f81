#include "client/cli/harvest_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/mem.h"
#include "client/cli/mailbox.h"
#include "client/lib/smime_client.h"

#define KEYS_MOST                                                              \
    (2 * 1024 * 1024)              /* of one mailbox; further ones are read    \
                                      again: 16 MiB */
#define FILES_MOST 32              /* the oldest goes */
#define ADDED      SMIME_LIMIT_FDS /* one answer of the agent */

struct harvest_state {
    int fd;
    char *path;
    uint64_t *slot; /* a hash table, 0 is free */
    size_t mask;    /* of its size; 0: it is empty */
    size_t count;   /* keys in the file */
    uint64_t added[ADDED];
    size_t added_count;
};

/* ---- the place ------------------------------------------------------------
 */

static bool
folder_make(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* Makes what is missing of the folder; false when there is none. */
static bool
folder_find(struct buf *out)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (state && state[0] == '/') {
        buf_add_text(out, state);
    } else if (home && home[0] == '/') {
        buf_addf(out, "%s/.local", home);
        (void)folder_make(buf_text(out));
        buf_add_text(out, "/state");
    } else {
        return false;
    }
    (void)folder_make(buf_text(out));
    buf_add_text(out, "/smime-agent");
    (void)folder_make(buf_text(out));
    buf_add_text(out, "/harvest");
    return folder_make(buf_text(out));
}

static bool
is_mailbox(const char *path)
{
    struct stat st;

    return strcmp(path, "-") != 0 && stat(path, &st) == 0 &&
           (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode));
}

/* Interrupted harvests that nobody went on with do not pile up. */
static void
oldest_remove(const char *path)
{
    DIR *folder = opendir(path);
    char oldest[NAME_MAX + 1] = "";
    time_t time = 0;
    struct dirent *entry;
    size_t count = 0;
    struct stat st;

    while (folder && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.' ||
            fstatat(dirfd(folder), entry->d_name, &st, 0) != 0)
            continue;
        count++;
        if (oldest[0] == '\0' || st.st_mtime < time) {
            time = st.st_mtime;
            snprintf(oldest, sizeof(oldest), "%s", entry->d_name);
        }
    }
    if (folder && count >= FILES_MOST)
        (void)unlinkat(dirfd(folder), oldest, 0);
    if (folder)
        closedir(folder);
}

/* The file's path, or NULL. */
static char *
file_find(const char *path)
{
    AUTO(buf) struct buf file = {0};
    char *real = is_mailbox(path) ? realpath(path, NULL) : NULL;
    char *out = NULL;

    if (real && folder_find(&file)) {
        AUTO(buf) struct buf folder = {0};

        buf_add_slice(&folder, buf_slice(&file));
        buf_addf(&file, "/%016llx",
                 (unsigned long long)mailbox_hash(0, real, strlen(real)));
        out = mem_text(buf_slice(&file));
        if (access(out, F_OK) != 0)
            oldest_remove(buf_text(&folder));
    }
    free(real);
    return out;
}

/* ---- the keys -------------------------------------------------------------
 */

static uint64_t *
slot_find(const struct harvest_state *s, uint64_t key)
{
    size_t at = (size_t)(key ^ key >> 32) & s->mask;

    while (s->slot[at] != 0 && s->slot[at] != key)
        at = (at + 1) & s->mask;
    return &s->slot[at];
}

bool
harvest_state_has(const struct harvest_state *s, uint64_t key)
{
    return s && s->mask != 0 && key != 0 && *slot_find(s, key) == key;
}

static void
keys_load(struct harvest_state *s, size_t count)
{
    uint64_t keys[512];
    size_t room = 1024;
    ssize_t n;

    while (room < 2 * count)
        room *= 2;
    s->slot = mem_new(room * sizeof(*s->slot));
    s->mask = room - 1;
    while ((n = read(s->fd, keys, sizeof(keys))) > 0)
        for (size_t i = 0; i < (size_t)n / sizeof(keys[0]) && s->count < count;
             i++) {
            *slot_find(s, keys[i]) = keys[i];
            s->count++;
        }
}

struct harvest_state *
harvest_state_open(const char *path, bool again)
{
    struct harvest_state *s;
    struct stat st;
    char *file = file_find(path);
    int fd = file ? open(file,
                         O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC |
                             (again ? O_TRUNC : 0),
                         0600)
                  : -1;

    if (fd < 0 || fstat(fd, &st) != 0) {
        fd_drop(&fd);
        free(file);
        return NULL;
    }
    s = mem_new(sizeof(*s));
    s->fd = fd;
    s->path = file;
    if (st.st_size > 0 && st.st_size <= (off_t)(KEYS_MOST * sizeof(uint64_t)))
        keys_load(s, (size_t)st.st_size / sizeof(uint64_t));
    return s;
}

static void
added_write(struct harvest_state *s)
{
    if (s->added_count > 0 && s->count + s->added_count <= KEYS_MOST)
        (void)fd_write_all(s->fd, s->added,
                           s->added_count * sizeof(s->added[0]));
    s->count += s->added_count;
    s->added_count = 0;
}

void
harvest_state_add(struct harvest_state *s, uint64_t key)
{
    if (!s || key == 0)
        return;
    s->added[s->added_count++] = key;
    if (s->added_count == ADDED)
        added_write(s);
}

void
harvest_state_finish(struct harvest_state *s)
{
    if (!s)
        return;
    s->added_count = 0;
    (void)unlink(s->path);
}

void
harvest_state_drop(struct harvest_state **s)
{
    if (!*s)
        return;
    added_write(*s);
    fd_drop(&(*s)->fd);
    free((*s)->path);
    free((*s)->slot);
    free(*s);
    *s = NULL;
}
