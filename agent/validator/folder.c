#include "agent/validator/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

#include "agent/base/log.h"

static void
dir_drop(DIR **d)
{
    if (*d)
        closedir(*d);
    *d = NULL;
}

static bool
fits(const struct folder_set *s, const char *name)
{
    const char *dot = strrchr(name, '.');

    if (name[0] == '.' || !dot)
        return false;
    for (size_t i = 0; s->endings[i]; i++)
        if (strcmp(dot, s->endings[i]) == 0)
            return true;
    return false;
}

/* ---- how it looks -------------------------------------------------------- */

static uint64_t
mix(uint64_t h, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;

    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3U; /* FNV-1a */
    return h;
}

static uint64_t
look_of_stat(const char *name, const struct stat *st)
{
    uint64_t h = mix(0xcbf29ce484222325U, name, strlen(name));

    h = mix(h, &st->st_mtim, sizeof(st->st_mtim));
    h = mix(h, &st->st_ctim, sizeof(st->st_ctim));
    h = mix(h, &st->st_size, sizeof(st->st_size));
    return mix(h, &st->st_ino, sizeof(st->st_ino));
}

/* Added up, so that the order of a listing does not matter. */
static uint64_t
look_of_folder(const struct folder_set *s, const char *path)
{
    AUTO(dir) DIR *d = opendir(path);
    struct dirent *e;
    struct stat st;
    uint64_t h = 1;
    int files = 0;

    if (!d)
        return 0;
    if (fstat(dirfd(d), &st) == 0)
        h += look_of_stat(path, &st);
    while ((e = readdir(d)) && files < LIMIT_FOLDER_FILES) {
        if (!fits(s, e->d_name))
            continue;
        files++;
        if (fstatat(dirfd(d), e->d_name, &st, 0) == 0)
            h += look_of_stat(e->d_name, &st);
    }
    return h;
}

uint64_t
folders_look(const struct folder_set *s)
{
    uint64_t h = 0;

    for (size_t i = 0; s->folders[i]; i++)
        h = h * 31 + look_of_folder(s, s->folders[i]);
    return h;
}

/* ---- each file ----------------------------------------------------------- */

static void
folder_each(const struct folder_set *s, const char *folder, folder_visit *visit,
            void *ctx)
{
    AUTO(dir) DIR *d = opendir(folder);
    struct dirent *e;
    struct stat st;
    char path[4096];
    int files = 0;

    if (!d) {
        if (errno != ENOENT)
            log_note("%s: %s", folder, strerror(errno));
        return;
    }
    while ((e = readdir(d)) && files < LIMIT_FOLDER_FILES) {
        if (!fits(s, e->d_name) ||
            (size_t)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) >=
                sizeof(path))
            continue;
        files++;
        visit(ctx, path,
              fstatat(dirfd(d), e->d_name, &st, 0) == 0
                  ? look_of_stat(e->d_name, &st)
                  : 0);
    }
}

void
folders_each(const struct folder_set *s, folder_visit *visit, void *ctx)
{
    for (size_t i = 0; s->folders[i]; i++)
        folder_each(s, s->folders[i], visit, ctx);
}

/* ---- what is passed over ------------------------------------------------ */

static bool
ends_in(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);

    return n >= k && strcasecmp(name + n - k, end) == 0;
}

/* Nobody means a certificate by it. */
static bool
is_bystander(const char *name)
{
    static const char *const ends[] = {".txt", ".md", ".key", "~"};

    for (size_t i = 0; i < ARRAY_COUNT(ends); i++)
        if (ends_in(name, ends[i]))
            return true;
    return name[0] == '.' || strncasecmp(name, "readme", 6) == 0;
}

static void
folder_name_passed(const struct folder_set *s, const char *folder,
                   struct faulty_list *l)
{
    AUTO(dir) DIR *d = opendir(folder);
    struct dirent *e;
    struct stat st;
    char path[4096];
    int files = 0;

    while (d && (e = readdir(d)) && files < LIMIT_FOLDER_FILES) {
        files++;
        if (fits(s, e->d_name) || is_bystander(e->d_name) ||
            fstatat(dirfd(d), e->d_name, &st, 0) != 0 || !S_ISREG(st.st_mode) ||
            (size_t)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) >=
                sizeof(path))
            continue;
        faulty_add(l, path, s->passed);
    }
}

void
folders_name_passed(const struct folder_set *s, struct faulty_list *l)
{
    for (size_t i = 0; s->folders[i]; i++)
        folder_name_passed(s, s->folders[i], l);
}

/* ---- what cannot be read ------------------------------------------------- */

void
faulty_add(struct faulty_list *l, const char *path, const char *why)
{
    log_note("%s: %s", path, why);
    if (l->n < LIMIT_FAULTY_FILES)
        l->item[l->n++] =
            (struct faulty){.path = mem_text(slice_text(path)), .why = why};
}

void
faulty_clear(struct faulty_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->item[i].path);
    l->n = 0;
}
