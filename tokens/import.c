/* An import: what it creates stays only after commit. */
#include "tokens/internal.h"
#include "tokens/writing.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

enum tokens_err
token_import_begin(struct token *t, struct token_import **out)
{
    struct token_info info;
    struct token_import *i = calloc(1, sizeof(*i));

    if (!i)
        return TOKENS_MEMORY;
    rv_forget();
    enum tokens_err e = hold_begin(t, true, &i->hold);
    if (e) {
        free(i);
        return e;
    }
    hold_limit(&i->hold, t->store->long_ms);
    token_get_info(t, &info);
    if (info.write_protected)
        e = TOKENS_READ_ONLY;
    else if (session_probe(&i->hold, i->hold.session) != SESSION_USER &&
             info.login_required)
        e = TOKENS_LOCKED;
    if (e) {
        i->committed = true;
        token_import_drop(&i);
        return e;
    }
    *out = i;
    return TOKENS_OK;
}

void
token_import_set_journal(struct token_import *import,
                         const struct token_journal *journal)
{
    import->journal = journal;
}

enum tokens_err
import_note(struct token_import *i, enum token_object object,
            struct token_bytes id, struct token_bytes der, bool was_there)
{
    struct token_written w = {
        .object = object, .id_len = id.n, .was_there = was_there};

    if (!i->journal)
        return TOKENS_OK;
    memcpy(w.id, id.p, id.n);
    if (der.n > 0)
        SHA256(der.p, der.n, w.digest);
    return i->journal->note(i->journal->arg, i->hold.token, &w);
}

enum tokens_err
written_err(struct hold *h, enum tokens_err e)
{
    if (e != TOKENS_OK && h->rv != CKR_OK &&
        session_probe(h, h->session) == SESSION_DEAD) {
        h->bad = true;
        return TOKENS_REMOVED;
    }
    return e;
}

enum tokens_err
import_err(struct token_import *i, enum tokens_err e)
{
    return written_err(&i->hold, e);
}

static enum tokens_err
find_by_id(struct hold *h, CK_OBJECT_CLASS class, struct token_bytes id,
           struct handles *out)
{
    CK_ATTRIBUTE match[] = {{CKA_CLASS, &class, sizeof(class)},
                            {CKA_ID, (void *)id.p, id.n}};

    return objects_find(h, match, ARRAY_COUNT(match), out);
}

static bool
same(const CK_ATTRIBUTE *a, struct token_bytes b)
{
    struct token_bytes v =
        bytes_trim((struct token_bytes){a->pValue, a->ulValueLen});

    return attribute_has(a) && v.n == b.n && memcmp(v.p, b.p, b.n) == 0;
}

/* Is the private key object O the key K? An EC one shows its curve only; its
 * CKA_ID, the hash of the point, says the rest. Half-made objects are not. */
static bool
is_same_key(struct hold *h, CK_OBJECT_HANDLE o,
            const struct token_private_key *k)
{
    CK_ATTRIBUTE a[] = {{CKA_MODULUS, NULL, 0}, {CKA_EC_PARAMS, NULL, 0}};

    if (object_read(h, o, a, ARRAY_COUNT(a)) != CKR_OK)
        return false;
    bool is = k->type == TOKEN_KEY_RSA  ? same(&a[0], bytes_trim(k->modulus))
              : k->type == TOKEN_KEY_EC ? same(&a[1], k->curve)
                                        : attribute_has(&a[1]);
    attributes_wipe(a, ARRAY_COUNT(a));
    return is;
}

/* Another key may carry a CKA_ID the caller chose: its public key tells. */
static bool
public_differs(struct hold *h, const struct token_private_key *k,
               struct token_bytes id)
{
    AUTO(handles) struct handles found = {0};
    bool differs = false;

    if (k->type == TOKEN_KEY_RSA ||
        find_by_id(h, CKO_PUBLIC_KEY, id, &found) != TOKENS_OK)
        return false;
    for (size_t i = 0; i < found.count; i++) {
        CK_ATTRIBUTE point = {CKA_EC_POINT, NULL, 0};

        if (object_read(h, found.all[i], &point, 1) != CKR_OK)
            continue;
        if (attribute_has(&point))
            differs =
                point.ulValueLen < k->point.n ||
                memcmp((uint8_t *)point.pValue + point.ulValueLen - k->point.n,
                       k->point.p, k->point.n) != 0;
        attributes_wipe(&point, 1);
    }
    return differs;
}

/* *out stays 0 when the key is not there. */
static enum tokens_err
find_existing(struct hold *h, const struct token_private_key *k,
              struct token_bytes id, CK_OBJECT_HANDLE *out)
{
    AUTO(handles) struct handles found = {0};
    enum tokens_err e = find_by_id(h, CKO_PRIVATE_KEY, id, &found);

    for (size_t i = 0; e == TOKENS_OK && i < found.count && !*out; i++)
        if (is_same_key(h, found.all[i], k))
            *out = found.all[i];
    if (e == TOKENS_OK && *out && public_differs(h, k, id))
        e = TOKENS_DIFFERENT;
    return e;
}

static void
remember(struct token_import *i, CK_OBJECT_HANDLE o)
{
    i->created[i->created_count++] = o;
}

/* Undoes the last object of this import. */
static void
forget_last(struct token_import *i)
{
    struct hold *h = &i->hold;
    CK_OBJECT_HANDLE o = i->created[i->created_count - 1];

    if (CALL(h, C_DestroyObject, h->session, o) == CKR_OK)
        i->created_count--;
}

static enum tokens_err
add_private(struct token_import *i, const struct token_private_key *k,
            struct token_bytes id, CK_OBJECT_HANDLE *handle)
{
    enum tokens_err e = import_note(i, TOKEN_OBJECT_PRIVATE, id,
                                    (struct token_bytes){0}, false);

    if (e == TOKENS_OK)
        e = create_private_key(&i->hold, k, id, handle);
    if (e)
        return e;
    remember(i, *handle);
    e = create_check(&i->hold, *handle, k);
    if (e)
        forget_last(i);
    return e;
}

/* Cards without public key objects get none. */
static enum tokens_err
add_public(struct token_import *i, const struct token_private_key *k,
           struct token_bytes id)
{
    AUTO(template) struct template t = {0};
    AUTO(handles) struct handles found = {0};
    CK_OBJECT_HANDLE o = 0;
    enum tokens_err e = find_by_id(&i->hold, CKO_PUBLIC_KEY, id, &found);

    if (e || found.count)
        return e;
    e = import_note(i, TOKEN_OBJECT_PUBLIC, id, (struct token_bytes){0}, false);
    if (e)
        return e;
    t.montgomery = token_has_montgomery(&i->hold);
    template_public(&t, k, id);
    e = create_object(&i->hold, &t, &o);
    if (e == TOKENS_OK)
        remember(i, o);
    return e == TOKENS_CANNOT ? TOKENS_OK : e;
}

static enum tokens_err
add_key(struct token_import *i, const struct token_private_key *k,
        struct token_bytes id, bool *already)
{
    CK_OBJECT_HANDLE handle = 0;
    enum tokens_err e = find_existing(&i->hold, k, id, &handle);

    *already = handle != 0;
    if (e == TOKENS_OK && !handle)
        e = add_private(i, k, id, &handle);
    if (e == TOKENS_OK)
        e = add_public(i, k, id);
    if (e)
        return e;
    struct import_key *mine = &i->keys[i->key_count];
    mine->public_key = key_build(k, false);
    if (!mine->public_key)
        return TOKENS_ARGUMENT;
    memcpy(mine->id, id.p, id.n);
    mine->id_len = id.n;
    mine->handle = handle;
    mine->uses = k->uses;
    mine->type = k->type;
    i->key_count++;
    return TOKENS_OK;
}

enum tokens_err
token_import_add_key(struct token_import *import,
                     const struct token_private_key *key, bool *out_already)
{
    uint8_t hash[TOKEN_KEY_ID_BYTES];
    struct token_bytes id = key->id;
    bool already = false;

    if (import->committed || import->key_count == LIMIT_IMPORT_OBJECTS ||
        import->created_count + 2 > LIMIT_IMPORT_OBJECTS ||
        id.n > TOKEN_ID_BYTES)
        return TOKENS_ARGUMENT;
    enum tokens_err e = token_key_id(key, hash);
    if (e)
        return e;
    if (id.n == 0)
        id = (struct token_bytes){hash, sizeof(hash)};
    import->hold.rv = CKR_OK;
    e = import_err(import, add_key(import, key, id, &already));
    if (e == TOKENS_OK)
        *out_already = already;
    return e;
}

bool
certificate_id(X509 *x, uint8_t out[TOKEN_KEY_ID_BYTES])
{
    struct arena *arena = NULL;
    struct token_identity k = {0};
    EVP_PKEY *key = certificate_key(x);
    bool ok = key && identity_load_key(key, &k, &arena);

    EVP_PKEY_free(key);

    if (ok && k.modulus)
        SHA1(k.modulus, k.modulus_len, out);
    else if (ok)
        SHA1(k.point, k.point_len, out);
    else
        ok = X509_pubkey_digest(x, EVP_sha1(), out, NULL) == 1;
    while (arena) {
        struct arena *next = arena->next;

        free(arena);
        arena = next;
    }
    return ok;
}

static bool
certificate_template(struct template *t, X509 *x, struct token_bytes der,
                     struct token_bytes id, const char *label)
{
    unsigned char *subject = NULL, *issuer = NULL, *serial = NULL;
    int sn = i2d_X509_NAME(X509_get_subject_name(x), &subject);
    int in = i2d_X509_NAME(X509_get_issuer_name(x), &issuer);
    int nn = i2d_ASN1_INTEGER(X509_get0_serialNumber(x), &serial);
    bool ok = sn > 0 && in > 0 && nn > 0;

    if (ok) {
        template_add_ulong(t, CKA_CLASS, CKO_CERTIFICATE);
        template_add_ulong(t, CKA_CERTIFICATE_TYPE, CKC_X_509);
        template_add_bool(t, CKA_TOKEN, true);
        template_add_bool(t, CKA_PRIVATE, false);
        template_add(t, CKA_ID, id.p, id.n);
        template_add(t, CKA_SUBJECT, subject, (size_t)sn);
        template_add(t, CKA_ISSUER, issuer, (size_t)in);
        template_add(t, CKA_SERIAL_NUMBER, serial, (size_t)nn);
        template_add(t, CKA_VALUE, der.p, der.n);
        if (label)
            template_add(t, CKA_LABEL, label, strlen(label));
    }
    OPENSSL_free(subject);
    OPENSSL_free(issuer);
    OPENSSL_free(serial);
    return ok && !t->failed;
}

/* Under another id than its key's it counts for nothing; one of a chain may
 * lie anywhere. */
static enum tokens_err
add_certificate(struct token_import *i, struct template *t,
                struct token_bytes der, struct token_bytes id, bool of_key,
                bool *already)
{
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_ATTRIBUTE match[] = {{CKA_CLASS, &class, sizeof(class)},
                            {CKA_VALUE, (void *)der.p, der.n},
                            {CKA_ID, (void *)id.p, id.n}};
    AUTO(handles) struct handles found = {0};
    CK_OBJECT_HANDLE o = 0;
    enum tokens_err e = objects_find(
        &i->hold, match, ARRAY_COUNT(match) - (of_key ? 0 : 1), &found);

    *already = found.count > 0;
    if (e == TOKENS_OK)
        e = import_note(i, TOKEN_OBJECT_CERTIFICATE, id, der, *already);
    if (e || found.count)
        return e;
    e = create_object(&i->hold, t, &o);
    if (e == TOKENS_OK)
        remember(i, o);
    return e;
}

enum tokens_err
token_import_add_certificate(struct token_import *import, const uint8_t *der,
                             size_t der_len, struct token_bytes id,
                             const char *label, bool *out_already)
{
    AUTO(template) struct template t = {0};
    uint8_t hash[TOKEN_KEY_ID_BYTES];
    const unsigned char *p = der;
    struct token_bytes value = {der, der_len};
    bool already = false, of_key = id.n > 0;

    if (import->committed || import->created_count == LIMIT_IMPORT_OBJECTS ||
        id.n > TOKEN_ID_BYTES || der_len > LIMIT_ATTRIBUTE)
        return TOKENS_ARGUMENT;
    X509 *x = d2i_X509(NULL, &p, (long)der_len);
    bool whole = x && p == der + der_len;
    if (whole && id.n == 0) {
        whole = certificate_id(x, hash);
        id = (struct token_bytes){hash, sizeof(hash)};
    }
    whole = whole && certificate_template(&t, x, value, id, label);
    X509_free(x);
    if (!whole)
        return TOKENS_ARGUMENT;
    import->hold.rv = CKR_OK;
    enum tokens_err e = import_err(
        import, add_certificate(import, &t, value, id, of_key, &already));
    if (e == TOKENS_OK)
        *out_already = already;
    return e;
}

void
token_import_rest(struct token_import *import)
{
    if (!import->rests)
        import->left_ms = hold_rest(&import->hold);
    import->rests = true;
}

void
token_import_work(struct token_import *import)
{
    if (import->rests)
        hold_work(&import->hold, import->left_ms);
    import->rests = false;
}

enum tokens_err
token_import_seal(struct token_import *import)
{
    /* False: whoever asked was told that it came to nothing. */
    import->sealed = import->sealed || hold_seal(&import->hold);
    return import->sealed ? TOKENS_OK : TOKENS_HUNG;
}

enum tokens_err
token_import_commit(struct token_import *import)
{
    enum tokens_err e = token_import_seal(import);

    if (e)
        return e;
    hold_work(&import->hold, import->hold.token->store->operation_ms);
    import->committed = true;
    import->created_count = 0;
    return TOKENS_OK;
}

/* Destroying is not always durable: what counts is a fresh look. */
enum tokens_err
token_import_rollback(struct token_import *import)
{
    struct hold *h = &import->hold;
    AUTO(handles) struct handles left = {0};
    bool remains = false;

    if (import->committed || import->created_count == 0)
        return TOKENS_OK;
    /* It comes to nothing, which whoever asked may be told. */
    if (import->sealed)
        hold_unseal(h, h->token->store->long_ms);
    else
        token_import_work(import);
    import->sealed = import->rests = false;
    for (size_t i = import->created_count; i-- > 0;)
        (void)CALL(h, C_DestroyObject, h->session, import->created[i]);
    enum tokens_err e = objects_find(h, NULL, 0, &left);
    if (e)
        return import_err(import, e);
    for (size_t i = 0; i < import->created_count; i++)
        for (size_t k = 0; k < left.count; k++)
            remains = remains || left.all[k] == import->created[i];
    import->committed = !remains;
    return remains ? TOKENS_FAILED : TOKENS_OK;
}

void
token_import_drop(struct token_import **import)
{
    struct token_import *i = *import;

    *import = NULL;
    if (!i)
        return;
    struct token *t = i->hold.token;
    (void)token_import_rollback(i);
    for (size_t k = 0; k < i->key_count; k++)
        EVP_PKEY_free(i->keys[k].public_key);
    if (t)
        token_forget_objects(t);
    hold_drop(&i->hold);
    free(i);
}
