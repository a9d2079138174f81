#include "agent/keyholder/remembered.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/keyholder/list.h"

#define PATH_BYTES  4096
#define NAME_DIGITS (2 * REFERENCE_TOKEN_BYTES)

static struct remembered_token *
find(struct remembered *r, const uint8_t *name)
{
    for (size_t i = 0; i < r->count; i++)
        if (memcmp(r->token[i].name, name, REFERENCE_TOKEN_BYTES) == 0)
            return &r->token[i];
    return NULL;
}

static void
path_of(const struct remembered *r, const uint8_t *name, const char *dot,
        char out[PATH_BYTES])
{
    char digits[NAME_DIGITS + 1];

    text_hex(slice_of(name, REFERENCE_TOKEN_BYTES), digits);
    snprintf(out, PATH_BYTES, "%s/%s%s", r->folder, dot, digits);
}

static void
forget(struct remembered *r, struct remembered_token *t)
{
    char path[PATH_BYTES];

    path_of(r, t->name, "", path);
    (void)unlink(path);
    buf_drop(&t->records);
    r->count--;
    memmove(t, t + 1, (size_t)(&r->token[r->count] - t) * sizeof(*t));
}

/* The last one, of that name and without records. */
static struct remembered_token *
add(struct remembered *r, const uint8_t *name)
{
    struct remembered_token *t = find(r, name);

    if (t)
        buf_drop(&t->records);
    if (!t && r->count == LIMIT_REMEMBERED)
        forget(r, &r->token[0]);
    if (!t)
        t = &r->token[r->count++];
    *t = (struct remembered_token){.hash = 0};
    memcpy(t->name, name, sizeof(t->name));
    return t;
}

/* ---- records --------------------------------------------------------------
 */

/* Takes one off the front of BYTES; false at their end, or when it is none of
 * the token NAME. */
static bool
record_next(struct slice *bytes, const uint8_t *name, struct slice *out)
{
    struct key_record record;
    size_t n;

    if (bytes->n < 4)
        return false;
    n = ((size_t)bytes->p[0] << 24) | ((size_t)bytes->p[1] << 16) |
        ((size_t)bytes->p[2] << 8) | bytes->p[3];
    if (n > bytes->n - 4)
        return false;
    *out = slice_of(bytes->p + 4, n);
    *bytes = slice_of(bytes->p + 4 + n, bytes->n - 4 - n);
    return record_decode(RECORD_key_record, *out, &record) &&
           record.ref.n > REFERENCE_TOKEN_BYTES &&
           memcmp(record.ref.p, name, REFERENCE_TOKEN_BYTES) == 0;
}

static bool
records_are_whole(struct slice bytes, const uint8_t *name)
{
    struct slice record;

    while (bytes.n > 0)
        if (!record_next(&bytes, name, &record))
            return false;
    return true;
}

static void
record_add(const struct token_info *info, const struct token_identity *i,
           struct buf *out)
{
    AUTO(key_record_room) struct key_record_room room = {0};
    size_t before = out->len;
    size_t n;

    key_record_fill(info, i, &room);
    room.record.flags &= ~(uint32_t)KEY_TOKEN_UNLOCKED;
    buf_add(out, "\0\0\0\0", 4);
    record_encode(RECORD_key_record, &room.record, out);
    if (out->len > LIMIT_REMEMBERED_BYTES) {
        out->len = before;
        return;
    }
    n = out->len - before - 4;
    for (int at = 0; at < 4; at++)
        out->data[before + (size_t)at] = (uint8_t)(n >> (24 - 8 * at));
}

static uint64_t
hash_add(uint64_t hash, const void *p, size_t n)
{
    const uint8_t *byte = p;

    while (n-- > 0)
        hash = (hash ^ *byte++) * 0x100000001b3U; /* FNV-1a */
    return hash;
}

/* Lists are read before each signature: this must cost nothing beside one. Of
 * a certificate the end of its signature will do. */
static uint64_t
hash_shown(const struct token_identities *list)
{
    uint64_t hash = 0xcbf29ce484222325U;

    for (size_t i = 0; i < list->count; i++) {
        const struct token_identity *k = &list->all[i];
        size_t end = k->certificate_len < 16 ? k->certificate_len : 16;

        hash = hash_add(hash, k->id, k->id_len);
        hash = hash_add(hash, &k->certificate_len, sizeof(k->certificate_len));
        if (end > 0)
            hash =
                hash_add(hash, k->certificate + k->certificate_len - end, end);
    }
    return hash;
}

static uint64_t
hash_of(const struct token_identities *list)
{
    uint64_t hash = hash_shown(list);

    for (size_t i = 0; i < list->count; i++)
        hash = hash_add(hash, &list->all[i].has_private,
                        sizeof(list->all[i].has_private));
    return hash;
}

/* ---- files ----------------------------------------------------------------
 */

/* What cannot be written is not remembered: nobody is told. */
static void
save(struct remembered *r, const struct remembered_token *t)
{
    char fresh[PATH_BYTES], path[PATH_BYTES];

    path_of(r, t->name, ".", fresh);
    path_of(r, t->name, "", path);
    (void)mkdir(r->folder, 0700);
    (void)unlink(fresh);
    AUTO(fd)
    int fd =
        open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || !fd_write_all(fd, t->records.data, t->records.len) ||
        rename(fresh, path) != 0) {
        log_note("which keys a token has cannot be written to %s", r->folder);
        (void)unlink(fresh);
    }
}

static void
load_one(struct remembered *r, const char *file)
{
    AUTO(buf) struct buf bytes = {0};
    uint8_t name[REFERENCE_TOKEN_BYTES];
    char path[PATH_BYTES];
    struct problem p = {0};
    size_t n = 0;

    if (strlen(file) != NAME_DIGITS ||
        !text_unhex(file, name, sizeof(name), &n) || n != sizeof(name) ||
        r->count == LIMIT_REMEMBERED)
        return;
    path_of(r, name, "", path);
    if (file_read(path, LIMIT_REMEMBERED_BYTES, &bytes, &p) != ERR_OK ||
        !records_are_whole(buf_slice(&bytes), name)) {
        log_note("%s is not what it should be", path);
        return;
    }
    add(r, name)->records = bytes;
    bytes = (struct buf){0};
}

void
remembered_open(struct remembered *r, const char *beside)
{
    const char *slash = beside ? strrchr(beside, '/') : NULL;
    AUTO(buf) struct buf path = {0};
    const struct dirent *e;
    DIR *d;

    r->folder = NULL;
    r->count = 0;
    pthread_mutex_init(&r->mutex, NULL);
    if (!slash)
        return;
    buf_add(&path, beside, (size_t)(slash - beside));
    buf_add_text(&path, "/keys");
    r->folder = mem_text(buf_slice(&path));
    d = opendir(r->folder);
    while (d && (e = readdir(d)))
        load_one(r, e->d_name);
    if (d)
        closedir(d);
}

void
remembered_drop(struct remembered *r)
{
    for (size_t i = 0; i < r->count; i++)
        buf_drop(&r->token[i].records);
    r->count = 0;
    free(r->folder);
    r->folder = NULL;
    pthread_mutex_destroy(&r->mutex);
}

/* It may have more than it shows. */
static bool
is_locked(const struct token_info *info, const struct token_identities *list)
{
    bool locked = info->login_required && !info->logged_in;

    for (size_t i = 0; i < list->count; i++)
        locked |= list->all[i].private_unknown;
    return locked;
}

static bool
shows_key(const struct token_identities *list, struct slice id)
{
    for (size_t i = 0; i < list->count; i++)
        if (key_is_own(&list->all[i]) &&
            slice_equal(slice_of(list->all[i].id, list->all[i].id_len), id))
            return true;
    return false;
}

static bool
shows_all_of(const struct token_identities *list,
             const struct remembered_token *t)
{
    struct slice left = buf_slice(&t->records), bytes;
    struct key_record record;

    while (record_next(&left, t->name, &bytes))
        if (!record_decode(RECORD_key_record, bytes, &record) ||
            !shows_key(list, record.id))
            return false;
    return true;
}

/* Without a login a certificate alone looks as if it had a key: of what was
 * seen before, a login has told. */
static bool
is_news(const struct remembered_token *t, const struct token_info *info,
        const struct token_identities *list)
{
    if (!is_locked(info, list))
        return true;
    return t->shown != hash_shown(list) && shows_all_of(list, t);
}

/* ---- together -------------------------------------------------------------
 */

static void
remember(struct remembered *r, const struct token_info *info,
         const struct token_identities *list, const uint8_t *name,
         uint64_t hash)
{
    struct remembered_token *t = find(r, name);
    AUTO(buf) struct buf records = {0};
    bool same;

    for (size_t i = 0; i < list->count; i++)
        if (key_is_own(&list->all[i]))
            record_add(info, &list->all[i], &records);
    if (records.len == 0) {
        if (t)
            forget(r, t);
        return;
    }
    same = t && slice_equal(buf_slice(&t->records), buf_slice(&records));
    if (!same) {
        t = add(r, name);
        t->records = records;
        records = (struct buf){0};
        save(r, t);
    }
    t->hash = hash;
    t->shown = hash_shown(list);
}

void
remembered_note(struct remembered *r, const struct token_info *info,
                const struct token_identities *list)
{
    uint8_t name[REFERENCE_TOKEN_BYTES];
    uint64_t hash = hash_of(list);
    const struct remembered_token *t;

    if (!r->folder)
        return;
    reference_of_token(info, name);
    pthread_mutex_lock(&r->mutex);
    t = find(r, name);
    if (!t || (t->hash != hash && is_news(t, info, list)))
        remember(r, info, list, name, hash);
    pthread_mutex_unlock(&r->mutex);
}

void
remembered_refresh(struct remembered *r, struct token *t)
{
    const struct token_identities *list = NULL;
    struct token_info info;

    if (!r->folder || token_identities_read(t, &list) != TOKENS_OK)
        return;
    token_get_info(t, &info);
    remembered_note(r, &info, list);
    token_identities_drop(&list);
}

void
remembered_each(struct remembered *r,
                bool (*is_known)(void *arg, const uint8_t *name),
                bool (*fn)(void *arg, struct slice record), void *arg)
{
    bool go_on = true;

    pthread_mutex_lock(&r->mutex);
    for (size_t i = 0; go_on && i < r->count; i++) {
        struct slice left = buf_slice(&r->token[i].records), record;

        if (is_known(arg, r->token[i].name))
            continue;
        while (go_on && record_next(&left, r->token[i].name, &record))
            go_on = fn(arg, record);
    }
    pthread_mutex_unlock(&r->mutex);
}
