/* Reads a token's objects and joins them to identities by CKA_ID. */
#include "tokens/objects.h"
#include "tokens/operation.h"
#include "tokens/writing.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static const CK_ATTRIBUTE_TYPE key_attributes[A_COUNT] = {
    CKA_ID,
    CKA_LABEL,
    CKA_KEY_TYPE,
    CKA_MODULUS,
    CKA_PUBLIC_EXPONENT,
    CKA_EC_PARAMS,
    CKA_EC_POINT,
    CKA_SIGN,
    CKA_DECRYPT,
    CKA_UNWRAP,
    CKA_DERIVE,
    CKA_ALWAYS_AUTHENTICATE,
};
static const CK_ATTRIBUTE_TYPE certificate_attributes[] = {
    CKA_ID,
    CKA_LABEL,
    CKA_VALUE,
};

static void
objects_drop(struct objects *o)
{
    for (size_t i = 0; i < o->count; i++)
        attributes_wipe(o->all[i].a, A_COUNT);
    free(o->all);
    *o = (struct objects){0};
}

void *
arena_add(struct arena **a, const void *p, size_t n)
{
    struct arena *c = malloc(sizeof(*c) + n + 1);

    if (!c)
        return NULL;
    c->next = *a;
    *a = c;
    if (n)
        memcpy(c->bytes, p, n);
    c->bytes[n] = 0;
    return c->bytes;
}

/* False: with what was kept before it would be too much. */
static bool
object_has_room(const struct object *o, size_t *kept)
{
    size_t n = *kept;

    for (size_t i = 0; i < A_COUNT; i++)
        n += o->a[i].ulValueLen;
    if (n > LIMIT_READING)
        return false;
    *kept = n;
    return true;
}

/* Objects that cannot be read (half made, just deleted) are left out; when
 * the session is lost that is an error. */
static enum tokens_err
load_class(struct hold *h, CK_OBJECT_CLASS class,
           const CK_ATTRIBUTE_TYPE *types, size_t type_count, size_t *kept,
           struct objects *out)
{
    CK_ATTRIBUTE match = {CKA_CLASS, &class, sizeof(class)};
    AUTO(handles) struct handles found = {0};
    enum tokens_err e = objects_find(h, &match, 1, &found);

    if (e)
        return e;
    out->all = calloc(found.count + 1, sizeof(*out->all));
    if (!out->all)
        return TOKENS_MEMORY;
    for (size_t i = 0; i < found.count; i++) {
        struct object *o = &out->all[out->count];

        memset(o, 0, sizeof(*o));
        o->handle = found.all[i];
        for (size_t k = 0; k < type_count; k++)
            o->a[k].type = types[k];
        CK_RV rv = object_read(h, o->handle, o->a, type_count);
        if (rv == CKR_HOST_MEMORY)
            return TOKENS_MEMORY;
        if (rv == CKR_OK && !object_has_room(o, kept))
            attributes_wipe(o->a, type_count);
        else if (rv == CKR_OK)
            out->count++;
        else if (session_probe(h, h->session) == SESSION_DEAD)
            return h->result;
    }
    return TOKENS_OK;
}

static bool
same_id(const struct object *a, const struct object *b)
{
    return bytes_equal(a->a[A_ID].pValue, a->a[A_ID].ulValueLen,
                       b->a[A_ID].pValue, b->a[A_ID].ulValueLen);
}

static bool
same_type(const struct object *a, const struct object *b)
{
    return attribute_ulong(&a->a[A_KEY_TYPE], 0) ==
           attribute_ulong(&b->a[A_KEY_TYPE], 1);
}

static bool
key_is_whole(const struct object *o)
{
    return attribute_has(&o->a[A_ID]) &&
           o->a[A_ID].ulValueLen <= TOKEN_ID_BYTES &&
           (attribute_has(&o->a[A_MODULUS]) || attribute_has(&o->a[A_PARAMS]));
}

static void
load_label(const struct object *o, struct token_identity *k, struct arena **a)
{
    if (o && attribute_has(&o->a[A_LABEL]) && (!k->label || !k->label[0]))
        k->label = arena_add(a, o->a[A_LABEL].pValue, o->a[A_LABEL].ulValueLen);
}

static void
add_name(X509_NAME *name, const uint8_t **out, size_t *out_len,
         struct arena **a)
{
    const unsigned char *der = NULL;
    size_t n = 0;

    if (X509_NAME_get0_der(name, &der, &n) == 1)
        *out = arena_add(a, der, *out_len = n);
}

/* What lists and signatures want to know of a certificate each time: to parse
 * one takes longer than to sign. */
static void
add_names(X509 *x, struct token_identity *k, struct arena **a)
{
    int at = X509_get_ext_by_NID(x, NID_subject_alt_name, -1);
    const ASN1_OCTET_STRING *value = NULL;

    add_name(X509_get_issuer_name(x), &k->issuer, &k->issuer_len, a);
    add_name(X509_get_subject_name(x), &k->subject, &k->subject_len, a);
    if (at < 0 || X509_get_ext_by_NID(x, NID_subject_alt_name, at) >= 0)
        return;
    value = X509_EXTENSION_get_data(X509_get_ext(x, at));
    k->alt_names_len = (size_t)ASN1_STRING_length(value);
    k->alt_names = arena_add(a, ASN1_STRING_get0_data(value), k->alt_names_len);
}

/* SPKI, components and the CA bit of a certificate. What does not parse is
 * no certificate. */
static bool
load_certificate(const struct object *o, struct token_identity *k,
                 struct arena **a)
{
    const CK_ATTRIBUTE *v = &o->a[A_VALUE];
    const unsigned char *p = v->pValue;
    X509 *x = attribute_has(v) ? d2i_X509(NULL, &p, (long)v->ulValueLen) : NULL;
    unsigned char *spki = NULL;

    if (!x)
        return false;
    int n = certificate_spki(x, &spki);
    bool fits = n > 0 && (!k->spki ||
                          bytes_equal(k->spki, k->spki_len, spki, (size_t)n));
    if (fits) {
        EVP_PKEY *key = certificate_key(x);

        k->certificate = arena_add(a, v->pValue, v->ulValueLen);
        k->certificate_len = v->ulValueLen;
        k->spki = arena_add(a, spki, k->spki_len = (size_t)n);
        k->is_ca = X509_check_ca(x) > 0;
        add_names(x, k, a);
        if (key && (k->type == TOKEN_KEY_UNKNOWN || !(k->point || k->exponent)))
            identity_load_key(key, k, a);
        EVP_PKEY_free(key);
        load_label(o, k, a);
    }
    OPENSSL_free(spki);
    X509_free(x);
    return fits;
}

static void
build_spki(struct token_identity *k, struct arena **a)
{
    EVP_PKEY *key = identity_public_key(k);
    unsigned char *der = NULL;
    int n = key ? i2d_PUBKEY(key, &der) : 0;

    if (n > 0)
        k->spki = arena_add(a, der, k->spki_len = (size_t)n);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}

/* What each object belongs to, for whoever removes a key. */
static void
keep_owners(const struct objects *all, struct snapshot *s)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->all[i].joined)
            s->objects[s->object_count++] = (struct owned){
                .handle = all->all[i].handle, .owner = all->all[i].owner};
}

/* What one reading of a token is joined from, and into. */
struct join {
    struct objects certificates, publics, privates;
    struct snapshot *s;
    bool unknown; /* private objects are not shown now */
    struct hold *h;
};

static void
join_drop(struct join *j)
{
    objects_drop(&j->certificates);
    objects_drop(&j->publics);
    objects_drop(&j->privates);
    snapshot_drop(&j->s);
}

/* How many of the keys in ALL the id and type of O could mean. */
static size_t
count_alike(const struct objects *all, const struct object *o)
{
    size_t n = 0;

    for (size_t i = 0; i < all->count; i++)
        n += same_id(&all->all[i], o) && same_type(&all->all[i], o);
    return n;
}

/* Is PUBLIC (borrowed, may be NULL) the other half of the private key O? Where
 * keys share an id, those that don't show it are asked. */
static bool
is_half_of(struct join *j, const struct object *o,
           const struct token_identity *k, EVP_PKEY *public)
{
    if (count_alike(&j->privates, o) < 2 && count_alike(&j->publics, o) < 2)
        return true;
    EVP_PKEY *own = identity_public_key(k);
    bool is = !public ? false
              : own   ? EVP_PKEY_eq(own, public) == 1
                      : key_may_be(j->h, o->handle, k, public);

    EVP_PKEY_free(own);
    return is;
}

static bool
is_public_of(struct join *j, const struct object *o,
             const struct token_identity *k, const struct object *p)
{
    struct token_identity other = {0};

    if (!same_id(o, p) || !same_type(p, o))
        return false;
    object_add_components(p, &other, &j->s->arena);
    EVP_PKEY *public = identity_public_key(&other);
    bool is = is_half_of(j, o, k, public);

    EVP_PKEY_free(public);
    return is;
}

/* Only asked where the public key is not known yet. */
static bool
is_certificate_of(struct join *j, const struct object *o,
                  const struct token_identity *k, const struct object *c)
{
    const CK_ATTRIBUTE *v = &c->a[A_VALUE];
    const unsigned char *p = v->pValue;

    if (k->spki || !k->has_private)
        return true;
    X509 *x = attribute_has(v) ? d2i_X509(NULL, &p, (long)v->ulValueLen) : NULL;
    EVP_PKEY *public = x ? certificate_key(x) : NULL;
    bool is = is_half_of(j, o, k, public);

    EVP_PKEY_free(public);
    X509_free(x);
    return is;
}

static void
emit(struct join *j, const struct token_identity *k, CK_OBJECT_HANDLE private)
{
    size_t n = j->s->view.count++;

    j->s->all[n] = *k;
    if (!k->label)
        j->s->all[n].label = "";
    j->s->handles[n] = private;
}

/* One identity for each certificate of the key, or one without. */
static void
emit_key(struct join *j, const struct token_identity *key, struct object *by,
         CK_OBJECT_HANDLE private)
{
    bool any = false;

    by->owner = j->s->view.count;
    by->joined = true;

    for (size_t i = 0; i < j->certificates.count; i++) {
        struct object *c = &j->certificates.all[i];
        struct token_identity k = *key;

        k.label = NULL;
        if (!c->joined && same_id(c, by) && is_certificate_of(j, by, key, c) &&
            load_certificate(c, &k, &j->s->arena)) {
            load_label(by, &k, &j->s->arena);
            c->joined = any = true;
            c->owner = by->owner;
            emit(j, &k, private);
        }
    }
    if (!any)
        emit(j, key, private);
}

static void
join_key(struct join *j, struct object *o, bool private)
{
    struct token_identity k = {0};
    struct arena **a = &j->s->arena;

    if (!key_is_whole(o))
        return;
    k.id = arena_add(a, o->a[A_ID].pValue, k.id_len = o->a[A_ID].ulValueLen);
    k.token_id = k.id;
    k.token_id_len = k.id_len;
    object_add_components(o, &k, a);
    if (private) {
        object_add_uses(o, &k);
        k.uses &= uses_possible(j->h, k.type);
    }
    for (size_t i = 0; private && i < j->publics.count; i++) {
        struct object *p = &j->publics.all[i];

        if (is_public_of(j, o, &k, p)) {
            p->joined = true;
            p->owner = j->s->view.count;
            object_add_components(p, &k, a);
        }
    }
    k.private_unknown = !private && j->unknown;
    load_label(o, &k, a);
    build_spki(&k, a);
    emit_key(j, &k, o, private ? o->handle : 0);
}

static void
join_all(struct join *j)
{
    for (size_t i = 0; i < j->privates.count; i++)
        join_key(j, &j->privates.all[i], true);
    for (size_t i = 0; i < j->publics.count; i++)
        if (!j->publics.all[i].joined)
            join_key(j, &j->publics.all[i], false);
    for (size_t i = 0; i < j->certificates.count; i++) {
        struct object *c = &j->certificates.all[i];
        struct token_identity k = {.private_unknown = j->unknown};

        if (c->joined)
            continue;
        if (attribute_has(&c->a[A_ID]) &&
            c->a[A_ID].ulValueLen <= TOKEN_ID_BYTES)
            k.id = arena_add(&j->s->arena, c->a[A_ID].pValue,
                             k.id_len = c->a[A_ID].ulValueLen);
        k.token_id = k.id;
        k.token_id_len = k.id_len;
        if (!load_certificate(c, &k, &j->s->arena))
            continue;
        c->owner = j->s->view.count;
        c->joined = true;
        emit(j, &k, 0);
    }
    keep_owners(&j->privates, j->s);
    keep_owners(&j->publics, j->s);
    keep_owners(&j->certificates, j->s);
}

static enum tokens_err
load_all(struct hold *h, struct join *j)
{
    size_t kept = 0;
    enum tokens_err e = load_class(h, CKO_PRIVATE_KEY, key_attributes, A_COUNT,
                                   &kept, &j->privates);
    if (e == TOKENS_OK)
        e = load_class(h, CKO_PUBLIC_KEY, key_attributes, A_PUBLIC_COUNT, &kept,
                       &j->publics);
    if (e == TOKENS_OK)
        e = load_class(h, CKO_CERTIFICATE, certificate_attributes,
                       A_CERTIFICATE_COUNT, &kept, &j->certificates);
    return e;
}

enum tokens_err
snapshot_read(struct hold *h, struct snapshot **out)
{
    AUTO(join) struct join j = {.h = h};
    struct token_info info;
    enum tokens_err e = load_all(h, &j);

    if (e)
        return e;
    size_t most = j.certificates.count + j.publics.count + j.privates.count + 1;
    j.s = calloc(1, sizeof(*j.s));
    if (!j.s)
        return TOKENS_MEMORY;
    j.s->refs = 1;
    j.s->all = calloc(most, sizeof(*j.s->all));
    j.s->handles = calloc(most, sizeof(*j.s->handles));
    j.s->verifiers = calloc(most, sizeof(*j.s->verifiers));
    j.s->objects = calloc(most, sizeof(*j.s->objects));
    if (!j.s->all || !j.s->handles || !j.s->verifiers || !j.s->objects)
        return TOKENS_MEMORY;
    token_get_info(h->token, &info);
    j.unknown =
        session_probe(h, h->session) != SESSION_USER && info.login_required;
    join_all(&j);
    j.s->view.all = j.s->all;
    if (!snapshot_tell_apart(j.s))
        return TOKENS_MEMORY;
    *out = j.s;
    j.s = NULL;
    return TOKENS_OK;
}
