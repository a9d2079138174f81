/* After a crash: what an import's journal names is taken back. */
#include "tokens/internal.h"
#include "tokens/writing.h"

#include <openssl/sha.h>

struct undoing {
    struct hold *h;
    const struct token_written *all;
    size_t count;
    bool remove; /* else only counts */
    size_t found;
};

static CK_OBJECT_CLASS
class_of(enum token_object object)
{
    if (object == TOKEN_OBJECT_PRIVATE)
        return CKO_PRIVATE_KEY;
    return object == TOKEN_OBJECT_PUBLIC ? CKO_PUBLIC_KEY : CKO_CERTIFICATE;
}

static enum tokens_err
find_objects(struct hold *h, const struct token_written *w,
             enum token_object object, struct handles *out)
{
    CK_OBJECT_CLASS class = class_of(object);
    CK_ATTRIBUTE match[] = {{CKA_CLASS, &class, sizeof(class)},
                            {CKA_ID, (void *)w->id, w->id_len}};

    return objects_find(h, match, ARRAY_COUNT(match), out);
}

/* False when the certificate cannot be read. */
static bool
certificate_digest(struct hold *h, CK_OBJECT_HANDLE o,
                   uint8_t out[TOKEN_DIGEST_BYTES])
{
    CK_ATTRIBUTE value = {CKA_VALUE, NULL, 0};
    bool has;

    if (object_read(h, o, &value, 1) != CKR_OK)
        return false;
    has = attribute_has(&value);
    if (has)
        SHA256(value.pValue, value.ulValueLen, out);
    attributes_wipe(&value, 1);
    return has;
}

static bool
is_noted(const struct undoing *u, const uint8_t *digest)
{
    for (size_t i = 0; i < u->count; i++)
        if (u->all[i].object == TOKEN_OBJECT_CERTIFICATE &&
            memcmp(u->all[i].digest, digest, TOKEN_DIGEST_BYTES) == 0)
            return true;
    return false;
}

/* The same key may have been imported again, elsewhere, after the crash: then
 * it has a certificate that the journal does not know. */
static enum tokens_err
was_finished(const struct undoing *u, const struct token_written *w, bool *out)
{
    AUTO(handles) struct handles found = {0};
    enum tokens_err e = find_objects(u->h, w, TOKEN_OBJECT_CERTIFICATE, &found);

    *out = false;
    for (size_t i = 0; e == TOKENS_OK && i < found.count; i++) {
        uint8_t digest[TOKEN_DIGEST_BYTES];

        if (certificate_digest(u->h, found.all[i], digest))
            *out = *out || !is_noted(u, digest);
    }
    return e;
}

static bool
is_meant(struct undoing *u, const struct token_written *w, CK_OBJECT_HANDLE o)
{
    uint8_t digest[TOKEN_DIGEST_BYTES];

    return w->object != TOKEN_OBJECT_CERTIFICATE ||
           (certificate_digest(u->h, o, digest) &&
            memcmp(digest, w->digest, sizeof(digest)) == 0);
}

static enum tokens_err
undo_one(struct undoing *u, const struct token_written *w)
{
    AUTO(handles) struct handles found = {0};
    bool finished = false;
    enum tokens_err e;

    if (w->was_there)
        return TOKENS_OK;
    e = was_finished(u, w, &finished);
    if (e || finished)
        return e;
    e = find_objects(u->h, w, w->object, &found);
    for (size_t i = 0; e == TOKENS_OK && i < found.count; i++) {
        if (!is_meant(u, w, found.all[i]))
            continue;
        u->found++;
        if (u->remove)
            (void)CALL(u->h, C_DestroyObject, u->h->session, found.all[i]);
    }
    return e;
}

/* Certificates last: they tell whether somebody finished the work. */
static enum tokens_err
undo_pass(struct undoing *u, bool remove)
{
    enum tokens_err e = TOKENS_OK;

    u->remove = remove;
    u->found = 0;
    for (unsigned o = 0; o < TOKEN_OBJECT_COUNT; o++)
        for (size_t i = 0; e == TOKENS_OK && i < u->count; i++)
            if (u->all[i].object == o)
                e = undo_one(u, &u->all[i]);
    return e;
}

static enum tokens_err
undo_held(struct undoing *u, size_t *count)
{
    struct token_remains broken = {0}, left = {0};
    enum tokens_err e = undo_pass(u, true);

    *count = u->found;
    if (e == TOKENS_OK)
        e = broken_count(u->h, true, &broken);
    if (e == TOKENS_OK)
        e = undo_pass(u, false);
    if (e == TOKENS_OK)
        e = broken_count(u->h, false, &left);
    *count += broken.half_made;
    return e == TOKENS_OK && u->found + left.half_made > 0 ? TOKENS_FAILED : e;
}

enum tokens_err
token_import_undo(struct token *t, const struct token_written *all,
                  size_t count, size_t *out_count)
{
    struct token_import *import = NULL;
    enum tokens_err e = token_import_begin(t, &import);
    size_t removed = 0;

    if (e)
        return e;
    struct undoing u = {.h = &import->hold, .all = all, .count = count};
    e = import_err(import, undo_held(&u, &removed));
    token_import_drop(&import);
    if (e == TOKENS_OK)
        *out_count = removed;
    return e;
}
