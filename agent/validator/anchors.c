#include "agent/validator/anchors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"

struct anchors {
    const char *const *folders;
    X509_STORE *store;
    size_t count;
    uint64_t generation;
    uint64_t seen; /* what the folders looked like */
    int64_t looked_ms;
};

static void
dir_drop(DIR **d)
{
    if (*d)
        closedir(*d);
    *d = NULL;
}

static void
x509_drop(X509 **x)
{
    X509_free(*x);
    *x = NULL;
}

static void
bio_drop(BIO **b)
{
    BIO_free(*b);
    *b = NULL;
}

static bool
is_anchor_file(const char *name)
{
    const char *dot = strrchr(name, '.');

    return name[0] != '.' && dot &&
           (strcmp(dot, ".pem") == 0 || strcmp(dot, ".crt") == 0);
}

/* ---- what is there ------------------------------------------------------ */

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
look_of_folder(const char *path)
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
    while ((e = readdir(d)) && files < LIMIT_ANCHOR_FILES) {
        if (!is_anchor_file(e->d_name))
            continue;
        files++;
        if (fstatat(dirfd(d), e->d_name, &st, 0) == 0)
            h += look_of_stat(e->d_name, &st);
    }
    return h;
}

static uint64_t
look(const struct anchors *a)
{
    uint64_t h = 0;

    for (size_t i = 0; a->folders[i]; i++)
        h = h * 31 + look_of_folder(a->folders[i]);
    return h;
}

/* ---- reading ------------------------------------------------------------ */

static void
anchor_add(struct anchors *a, X509_STORE *store, X509 *x)
{
    if (X509_STORE_add_cert(store, x) == 1)
        a->count++;
}

/* Only plain certificates: "TRUSTED CERTIFICATE" carries settings of its
 * own, and keys have no place here. */
static size_t
pem_read(struct anchors *a, X509_STORE *store, struct slice bytes)
{
    AUTO(bio) BIO *bio = BIO_new_mem_buf(bytes.p, (int)bytes.n);
    size_t found = 0;

    for (;;) {
        char *name = NULL, *header = NULL;
        unsigned char *der = NULL;
        const unsigned char *p;
        long n = 0;

        if (PEM_read_bio(bio, &name, &header, &der, &n) != 1)
            break;
        p = der;
        if (strcmp(name, PEM_STRING_X509) == 0 ||
            strcmp(name, PEM_STRING_X509_OLD) == 0) {
            AUTO(x509) X509 *x = d2i_X509(NULL, &p, n);

            if (x && p == der + n) {
                anchor_add(a, store, x);
                found++;
            }
        }
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }
    return found;
}

static size_t
der_read(struct anchors *a, X509_STORE *store, struct slice bytes)
{
    const unsigned char *p = bytes.p;
    AUTO(x509) X509 *x = d2i_X509(NULL, &p, (long)bytes.n);

    if (!x || p != bytes.p + bytes.n)
        return 0;
    anchor_add(a, store, x);
    return 1;
}

static void
file_load(struct anchors *a, X509_STORE *store, const char *path)
{
    AUTO(buf) struct buf bytes = {0};
    struct problem p = {0};
    size_t found;

    if (file_read(path, LIMIT_ANCHOR_FILE_BYTES, &bytes, &p) != ERR_OK) {
        log_problem(path, &p);
        return;
    }
    found = bytes.len > 0 && bytes.data[0] == 0x30
                ? der_read(a, store, buf_slice(&bytes))
                : pem_read(a, store, buf_slice(&bytes));
    ERR_clear_error();
    if (found == 0)
        log_note("anchors: no certificate can be read in %s", path);
}

static void
folder_load(struct anchors *a, X509_STORE *store, const char *folder)
{
    AUTO(dir) DIR *d = opendir(folder);
    struct dirent *e;
    char path[4096];
    int files = 0;

    if (!d) {
        if (errno != ENOENT)
            log_note("anchors: %s: %s", folder, strerror(errno));
        return;
    }
    while ((e = readdir(d)) && files < LIMIT_ANCHOR_FILES) {
        if (!is_anchor_file(e->d_name))
            continue;
        files++;
        if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) <
            sizeof(path))
            file_load(a, store, path);
    }
}

static void
load(struct anchors *a)
{
    X509_STORE *store = X509_STORE_new();

    if (!store)
        abort();
    a->count = 0;
    for (size_t i = 0; a->folders[i]; i++)
        folder_load(a, store, a->folders[i]);
    ERR_clear_error();
    X509_STORE_free(a->store);
    a->store = store;
    a->generation++;
    log_debug("anchors: %zu", a->count);
}

struct anchors *
anchors_new(const char *const *folders)
{
    struct anchors *a = mem_new(sizeof(*a));

    a->folders = folders;
    a->seen = look(a);
    a->looked_ms = clock_ms();
    load(a);
    return a;
}

void
anchors_drop(struct anchors **a)
{
    if (!*a)
        return;
    X509_STORE_free((*a)->store);
    free(*a);
    *a = NULL;
}

void
anchors_refresh(struct anchors *a)
{
    int64_t now = clock_ms();
    uint64_t seen;

    if (now - a->looked_ms < ANCHORS_LOOK_MS)
        return;
    a->looked_ms = now;
    seen = look(a);
    if (seen == a->seen)
        return;
    a->seen = seen;
    load(a);
}

X509_STORE *
anchors_store(const struct anchors *a)
{
    return a->store;
}

uint64_t
anchors_generation(const struct anchors *a)
{
    return a->generation;
}

size_t
anchors_count(const struct anchors *a)
{
    return a->count;
}

const char *const *
anchors_folders(const struct anchors *a)
{
    return a->folders;
}
