/* Reads a token's objects and joins them to identities by CKA_ID. */
#include "tokens/internal.h"
#include "tokens/writing.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#ifndef CKK_EC_EDWARDS
#define CKK_EC_EDWARDS 0x40UL
#endif
#ifndef CKK_EC_MONTGOMERY
#define CKK_EC_MONTGOMERY 0x41UL
#endif

enum {
    A_ID,
    A_LABEL,
    A_KEY_TYPE,
    A_MODULUS,
    A_EXPONENT,
    A_PARAMS,
    A_POINT,
    A_PUBLIC_COUNT,
    A_SIGN = A_PUBLIC_COUNT,
    A_DECRYPT,
    A_UNWRAP,
    A_DERIVE,
    A_ALWAYS,
    A_COUNT,
    A_VALUE = A_KEY_TYPE, /* of a certificate */
    A_CERTIFICATE_COUNT
};

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

struct object {
    CK_OBJECT_HANDLE handle;
    CK_ATTRIBUTE a[A_COUNT];
    bool joined;
};

struct objects {
    struct object *all;
    size_t count;
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

/* Objects that cannot be read (half made, just deleted) are left out; when
 * the session is lost that is an error. */
static enum tokens_err
load_class(struct hold *h, CK_OBJECT_CLASS class,
           const CK_ATTRIBUTE_TYPE *types, size_t type_count,
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
        if (rv == CKR_OK)
            out->count++;
        else if (session_probe(h, h->session) == SESSION_DEAD)
            return h->result;
    }
    return TOKENS_OK;
}

static bool
same_bytes(const void *a, size_t an, const void *b, size_t bn)
{
    return a && b && an == bn && memcmp(a, b, an) == 0;
}

static bool
same_id(const struct object *a, const struct object *b)
{
    return same_bytes(a->a[A_ID].pValue, a->a[A_ID].ulValueLen,
                      b->a[A_ID].pValue, b->a[A_ID].ulValueLen);
}

static bool
key_is_whole(const struct object *o)
{
    return attribute_has(&o->a[A_ID]) &&
           o->a[A_ID].ulValueLen <= TOKEN_ID_BYTES &&
           (attribute_has(&o->a[A_MODULUS]) || attribute_has(&o->a[A_PARAMS]));
}

/* The point of CKA_EC_POINT: an OCTET STRING by the book, bare on some
 * tokens. size: what a bare one is long. */
static void
load_point(const CK_ATTRIBUTE *a, size_t size, struct token_identity *k,
           struct arena **arena)
{
    const unsigned char *p = a->pValue;
    ASN1_OCTET_STRING *s = NULL;

    if (!attribute_has(a))
        return;
    if (a->ulValueLen == size)
        k->point = arena_add(arena, a->pValue, k->point_len = size);
    else if ((s = d2i_ASN1_OCTET_STRING(NULL, &p, (long)a->ulValueLen)))
        k->point = arena_add(arena, ASN1_STRING_get0_data(s),
                             k->point_len = (size_t)ASN1_STRING_length(s));
    ASN1_OCTET_STRING_free(s);
}

/* 1.3.101.110 and 112, or the names PKCS#11 3.0 allows instead. */
static enum token_key_type
montgomery_or_edwards(const CK_ATTRIBUTE *params)
{
    static const uint8_t x25519[] = {6, 3, 0x2b, 0x65, 0x6e};
    static const uint8_t ed25519[] = {6, 3, 0x2b, 0x65, 0x70};
    const uint8_t *p = params->pValue;
    size_t n = params->ulValueLen;

    if (same_bytes(p, n, x25519, 5) || same_bytes(p, n,
                                                  "\x13\x0a"
                                                  "curve25519",
                                                  12))
        return TOKEN_KEY_X25519;
    if (same_bytes(p, n, ed25519, 5) || same_bytes(p, n,
                                                   "\x13\x0c"
                                                   "edwards25519",
                                                   14))
        return TOKEN_KEY_ED25519;
    return TOKEN_KEY_UNKNOWN;
}

static void
load_rsa(const struct object *o, struct token_identity *k, struct arena **a)
{
    struct token_bytes n = bytes_trim((struct token_bytes){
        o->a[A_MODULUS].pValue, o->a[A_MODULUS].ulValueLen});

    k->type = TOKEN_KEY_RSA;
    if (n.n)
        k->modulus = arena_add(a, n.p, k->modulus_len = n.n);
    if (n.n && attribute_has(&o->a[A_EXPONENT]))
        k->exponent = arena_add(a, o->a[A_EXPONENT].pValue,
                                k->exponent_len = o->a[A_EXPONENT].ulValueLen);
    unsigned top = n.n ? n.p[0] : 0, bits = n.n ? (unsigned)(n.n - 1) * 8 : 0;
    for (; top; top >>= 1)
        bits++;
    k->bits = bits;
}

/* Fills what is not known yet from a key object. */
static void
load_components(const struct object *o, struct token_identity *k,
                struct arena **a)
{
    const CK_ATTRIBUTE *params = &o->a[A_PARAMS];
    CK_ULONG type = attribute_ulong(&o->a[A_KEY_TYPE], CKK_VENDOR_DEFINED);

    if (type == CKK_RSA && !k->exponent)
        load_rsa(o, k, a);
    if (type == CKK_EC && attribute_has(params)) {
        k->type = TOKEN_KEY_EC;
        if (!k->curve)
            k->curve =
                arena_add(a, params->pValue, k->curve_len = params->ulValueLen);
        k->bits = curve_bits(params->pValue, params->ulValueLen);
        if (!k->point && k->bits)
            load_point(&o->a[A_POINT], 1 + 2 * ((k->bits + 7) / 8), k, a);
    }
    if ((type == CKK_EC_EDWARDS || type == CKK_EC_MONTGOMERY) &&
        attribute_has(params)) {
        k->type = montgomery_or_edwards(params);
        k->bits = k->type == TOKEN_KEY_UNKNOWN ? 0 : 253;
        if (!k->point)
            load_point(&o->a[A_POINT], 32, k, a);
    }
}

static void
load_uses(const struct object *o, struct token_identity *k)
{
    k->has_private = true;
    k->always_authenticate = attribute_true(&o->a[A_ALWAYS]);
    k->uses = 0;
    if (attribute_true(&o->a[A_SIGN]))
        k->uses |= TOKEN_USE_SIGN;
    if (attribute_true(&o->a[A_DECRYPT]))
        k->uses |= TOKEN_USE_DECRYPT;
    if (attribute_true(&o->a[A_UNWRAP]))
        k->uses |= TOKEN_USE_UNWRAP;
    if (attribute_true(&o->a[A_DERIVE]))
        k->uses |= TOKEN_USE_DERIVE;
}

static void
load_label(const struct object *o, struct token_identity *k, struct arena **a)
{
    if (o && attribute_has(&o->a[A_LABEL]) && (!k->label || !k->label[0]))
        k->label = arena_add(a, o->a[A_LABEL].pValue, o->a[A_LABEL].ulValueLen);
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
    bool fits = n > 0 &&
                (!k->spki || same_bytes(k->spki, k->spki_len, spki, (size_t)n));
    if (fits) {
        EVP_PKEY *key = certificate_key(x);

        k->certificate = arena_add(a, v->pValue, v->ulValueLen);
        k->certificate_len = v->ulValueLen;
        k->spki = arena_add(a, spki, k->spki_len = (size_t)n);
        k->is_ca = X509_check_ca(x) > 0;
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
emit_key(struct join *j, const struct token_identity *key,
         const struct object *by, CK_OBJECT_HANDLE private)
{
    bool any = false;

    for (size_t i = 0; i < j->certificates.count; i++) {
        struct object *c = &j->certificates.all[i];
        struct token_identity k = *key;

        k.label = NULL;
        if (!c->joined && same_id(c, by) &&
            load_certificate(c, &k, &j->s->arena)) {
            load_label(by, &k, &j->s->arena);
            c->joined = any = true;
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
    load_components(o, &k, a);
    for (size_t i = 0; private && i < j->publics.count; i++) {
        struct object *p = &j->publics.all[i];

        if (same_id(o, p) && attribute_ulong(&p->a[A_KEY_TYPE], 0) ==
                                 attribute_ulong(&o->a[A_KEY_TYPE], 1)) {
            p->joined = true;
            load_components(p, &k, a);
        }
    }
    if (private) {
        load_uses(o, &k);
        k.uses &= uses_possible(j->h, k.type);
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
        if (load_certificate(c, &k, &j->s->arena))
            emit(j, &k, 0);
    }
}

static enum tokens_err
load_all(struct hold *h, struct join *j)
{
    enum tokens_err e = load_class(h, CKO_CERTIFICATE, certificate_attributes,
                                   A_CERTIFICATE_COUNT, &j->certificates);
    if (e == TOKENS_OK)
        e = load_class(h, CKO_PUBLIC_KEY, key_attributes, A_PUBLIC_COUNT,
                       &j->publics);
    if (e == TOKENS_OK)
        e = load_class(h, CKO_PRIVATE_KEY, key_attributes, A_COUNT,
                       &j->privates);
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
    if (!j.s->all || !j.s->handles)
        return TOKENS_MEMORY;
    token_get_info(h->token, &info);
    j.unknown =
        session_probe(h, h->session) != SESSION_USER && info.login_required;
    join_all(&j);
    j.s->view.all = j.s->all;
    *out = j.s;
    j.s = NULL;
    return TOKENS_OK;
}
