#include "agent/validator/anchors.h"

#include <openssl/err.h>

#include "agent/anchors/list.h"
#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/stream.h"
#include "agent/cms/algorithm.h"
#include "agent/validator/armour.h"
#include "agent/validator/drop.h"

static const char *const endings[] = {".pem", ".crt", ".cer", ".der", NULL};

struct anchors {
    struct folder_set set;
    X509_STORE *store;
    struct anchor *list;
    size_t count;
    struct buf builtin; /* the list as smime-anchors wrote it */
    uint64_t generation;
    uint64_t seen; /* what the folders looked like */
    int64_t looked_ms;
    struct faulty_list faulty;
};

/* ---- reading ------------------------------------------------------------ */

static void
anchor_clear(struct anchor *a)
{
    X509_free(a->x509);
    free(a->source);
    free(a->label);
}

static bool
is_known(const struct anchors *a, const uint8_t *fingerprint)
{
    for (size_t i = 0; i < a->count; i++)
        if (memcmp(a->list[i].fingerprint, fingerprint, 32) == 0)
            return true;
    return false;
}

/* False when DER is no certificate. */
static bool
anchor_add(struct anchors *a, struct slice der, const char *source,
           struct slice label, uint64_t distrust_after)
{
    const unsigned char *p = der.p;
    AUTO(x509) X509 *x = d2i_X509(NULL, &p, (long)der.n);
    struct anchor one = {.distrust_after = (int64_t)distrust_after};

    if (!x || p != der.p + der.n ||
        X509_digest(x, hash_md(HASH_SHA256), one.fingerprint, NULL) != 1)
        return false;
    if (a->count == LIMIT_ANCHORS || is_known(a, one.fingerprint))
        return true;
    one.x509 = TAKE(x);
    one.source = mem_text(slice_text(source));
    one.label = mem_text(label);
    a->list = mem_resize(a->list, (a->count + 1) * sizeof(*a->list));
    a->list[a->count++] = one;
    return true;
}

static void
file_load(void *ctx, const char *path, uint64_t look)
{
    struct anchors *a = ctx;
    AUTO(buf) struct buf bytes = {0};
    AUTO(armour) struct armour_reader r = {0};
    struct problem p = {0};
    struct slice der;
    size_t found = 0, bad = 0;

    (void)look;
    if (file_read(path, LIMIT_ANCHOR_FILE_BYTES, &bytes, &p) != ERR_OK) {
        faulty_add(&a->faulty, path,
                   p.code == ERR_LIMIT ? "it is too large to be a list of "
                                         "certificates"
                                       : "it cannot be opened");
        return;
    }
    armour_init(&r, ARMOURED_CERTIFICATE, buf_slice(&bytes));
    while (armour_next(&r, &der))
        if (anchor_add(a, der, path, slice_of(NULL, 0), 0))
            found++;
        else
            bad++;
    ERR_clear_error();
    if (found == 0)
        faulty_add(&a->faulty, path, "no certificate can be read in it");
    else if (bad > 0 || r.broken)
        faulty_add(&a->faulty, path, "a part of it cannot be read");
}

/* Folders come first: what stands there outweighs what NSS says. */
static void
builtin_load(struct anchors *a)
{
    struct slice rest = buf_slice(&a->builtin);
    struct anchor_item item;

    while (anchor_item_read(&rest, &item))
        (void)anchor_add(a, item.der, ANCHOR_SOURCE_NSS, item.label,
                         item.distrust_after);
}

static void
list_clear(struct anchors *a)
{
    for (size_t i = 0; i < a->count; i++)
        anchor_clear(&a->list[i]);
    free(a->list);
    a->list = NULL;
    a->count = 0;
}

static void
store_fill(struct anchors *a)
{
    static uint64_t last;

    X509_STORE_free(a->store);
    a->store = X509_STORE_new();
    if (!a->store)
        abort();
    for (size_t i = 0; i < a->count; i++)
        if (X509_STORE_add_cert(a->store, a->list[i].x509) != 1)
            abort();
    a->generation = ++last; /* no two sets are taken for one another */
}

static void
load(struct anchors *a)
{
    list_clear(a);
    faulty_clear(&a->faulty);
    folders_each(&a->set, file_load, a);
    folders_name_passed(&a->set, &a->faulty);
    builtin_load(a);
    ERR_clear_error();
    store_fill(a);
    log_debug("anchors: %zu", a->count);
}

struct anchors *
anchors_new(const char *const *folders)
{
    struct anchors *a = mem_new(sizeof(*a));

    a->set = (struct folder_set){
        .folders = folders,
        .endings = endings,
        .passed = "its name does not end in .pem, .crt, .cer or .der"};
    a->seen = folders_look(&a->set);
    a->looked_ms = clock_ms();
    load(a);
    return a;
}

struct anchors *
anchors_of(struct anchor *list, size_t count)
{
    static const char *const none[] = {NULL};
    struct anchors *a = mem_new(sizeof(*a));

    a->set = (struct folder_set){.folders = none, .endings = endings};
    a->list = list;
    a->count = count;
    store_fill(a);
    return a;
}

bool
anchors_add_builtin(struct anchors *a, int fd)
{
    AUTO(buf) struct buf list = {0};
    struct stream_fd from;
    struct problem p = {0};

    stream_fd_init(&from, fd, 0, -1);
    if (stream_read_all(&from.s, LIMIT_BUILTIN_LIST_BYTES, &list, &p) !=
            ERR_OK ||
        !anchor_list_is_whole(buf_slice(&list))) {
        log_error("the list of built-in anchors is not whole: none is taken");
        return false;
    }
    buf_drop(&a->builtin);
    a->builtin = list;
    list = (struct buf){0};
    load(a);
    return true;
}

void
anchors_drop(struct anchors **a)
{
    if (!*a)
        return;
    list_clear(*a);
    faulty_clear(&(*a)->faulty);
    X509_STORE_free((*a)->store);
    buf_drop(&(*a)->builtin);
    free(*a);
    *a = NULL;
}

void
anchors_refresh(struct anchors *a)
{
    int64_t now = clock_ms();
    uint64_t seen;

    if (now - a->looked_ms < FOLDER_LOOK_MS)
        return;
    a->looked_ms = now;
    seen = folders_look(&a->set);
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

const struct anchor *
anchors_at(const struct anchors *a, size_t i)
{
    return i < a->count ? &a->list[i] : NULL;
}

const struct anchor *
anchors_find(const struct anchors *a, const X509 *x)
{
    for (size_t i = 0; i < a->count; i++)
        if (X509_cmp(a->list[i].x509, x) == 0)
            return &a->list[i];
    return NULL;
}

const char *const *
anchors_folders(const struct anchors *a)
{
    return a->set.folders;
}

const struct faulty_list *
anchors_faulty(const struct anchors *a)
{
    return &a->faulty;
}
