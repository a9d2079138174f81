/* Generating a key pair on a token, as part of an import: it stays only
 * after commit. */
#include "tokens/operation.h"
#include "tokens/writing.h"

#include <openssl/asn1.h>
#include <openssl/rand.h>

#ifndef CKM_EC_EDWARDS_KEY_PAIR_GEN
#define CKM_EC_EDWARDS_KEY_PAIR_GEN 0x1055UL
#endif

#define ED25519_BYTES 32

/* A new pair in the making. */
struct pair {
    CK_OBJECT_HANDLE public, private;
    struct token_private_key key; /* of it, what is public */
    CK_ATTRIBUTE a[3];            /* owns what key borrows */
    ASN1_OCTET_STRING *point;
};

static void
pair_drop(struct pair *p)
{
    attributes_wipe(p->a, ARRAY_COUNT(p->a));
    ASN1_OCTET_STRING_free(p->point);
}

static CK_MECHANISM_TYPE
generator_of(enum token_key_type type)
{
    if (type == TOKEN_KEY_RSA)
        return CKM_RSA_PKCS_KEY_PAIR_GEN;
    return type == TOKEN_KEY_EC ? CKM_EC_KEY_PAIR_GEN
                                : CKM_EC_EDWARDS_KEY_PAIR_GEN;
}

static CK_RV
generate(struct hold *h, CK_MECHANISM *m, struct template *public,
         struct template *private, struct pair *pair)
{
    return CALL(h, C_GenerateKeyPair, h->session, m, public->all, public->count,
                private->all, private->count, &pair->public, &pair->private);
}

/* A TPM knows its own uses of the public half, and takes a word about them
 * for an error of whatever name. They are nothing we insist on. */
static bool
is_about_the_template(CK_RV rv)
{
    return rv == CKR_TEMPLATE_INCONSISTENT || rv == CKR_GENERAL_ERROR ||
           rv == CKR_ATTRIBUTE_VALUE_INVALID ||
           rv == CKR_ATTRIBUTE_TYPE_INVALID;
}

static enum tokens_err
make(struct hold *h, const struct token_generation *what, struct pair *pair,
     struct token_bytes id)
{
    static const uint8_t exponent[] = {1, 0, 1};
    AUTO(template) struct template public = {0};
    AUTO(template) struct template private = {0};
    bool rsa = what->type == TOKEN_KEY_RSA;
    CK_MECHANISM m = {.mechanism = generator_of(what->type)};

    template_public_start(&public, &pair->key, id);
    if (rsa) {
        template_add_ulong(&public, CKA_MODULUS_BITS, what->bits);
        template_add(&public, CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent));
    } else {
        template_add_curve(&public, &pair->key);
    }
    template_private(&private, &pair->key, id);
    if (public.failed || private.failed)
        return TOKENS_MEMORY;
    rv_about(m.mechanism);
    CK_RV rv = generate(h, &m, &public, &private, pair);
    if (is_about_the_template(rv)) {
        template_remove_uses(&public);
        rv = generate(h, &m, &public, &private, pair);
    }
    return rv == CKR_OK ? TOKENS_OK : h->result;
}

/* An OCTET STRING by the book, bare on some tokens. */
static struct token_bytes
point_of(struct pair *p, const CK_ATTRIBUTE *a)
{
    const struct token_bytes curve = p->key.curve;
    size_t bare = p->key.type == TOKEN_KEY_ED25519
                      ? ED25519_BYTES
                      : 1 + 2 * ((curve_bits(curve.p, curve.n) + 7) / 8);
    const unsigned char *at = a->pValue;

    if (!attribute_has(a) || a->ulValueLen == bare)
        return (struct token_bytes){a->pValue, a->ulValueLen};
    p->point = d2i_ASN1_OCTET_STRING(NULL, &at, (long)a->ulValueLen);
    if (!p->point)
        return (struct token_bytes){0};
    return (struct token_bytes){ASN1_STRING_get0_data(p->point),
                                (size_t)ASN1_STRING_length(p->point)};
}

static enum tokens_err
read_public(struct hold *h, struct pair *p, uint8_t id[TOKEN_KEY_ID_BYTES])
{
    p->a[0].type = CKA_MODULUS;
    p->a[1].type = CKA_PUBLIC_EXPONENT;
    p->a[2].type = CKA_EC_POINT;
    if (object_read(h, p->public, p->a, ARRAY_COUNT(p->a)) != CKR_OK)
        return h->result;
    p->key.modulus = (struct token_bytes){p->a[0].pValue, p->a[0].ulValueLen};
    p->key.exponent = (struct token_bytes){p->a[1].pValue, p->a[1].ulValueLen};
    if (p->key.type != TOKEN_KEY_RSA)
        p->key.point = point_of(p, &p->a[2]);
    h->rv = CKR_OK;
    return token_key_id(&p->key, id) ? TOKENS_FAILED : TOKENS_OK;
}

static bool
set_id(struct hold *h, CK_OBJECT_HANDLE o, const uint8_t *id)
{
    CK_ATTRIBUTE a = {CKA_ID, (void *)id, TOKEN_KEY_ID_BYTES};

    return CALL(h, C_SetAttributeValue, h->session, o, &a, 1) == CKR_OK;
}

/* From the random id to the one that other programs expect; both halves, or
 * neither. */
static enum tokens_err
rename_pair(struct hold *h, const struct pair *p, uint8_t *id,
            const uint8_t *better)
{
    bool private = set_id(h, p->private, better);
    bool both = private && set_id(h, p->public, better);

    if (private && !both && !set_id(h, p->private, id))
        return h->result;
    if (both)
        memcpy(id, better, TOKEN_KEY_ID_BYTES);
    h->rv = CKR_OK;
    return TOKENS_OK;
}

/* Both halves, before they are made or renamed. */
static enum tokens_err
note_pair(struct token_import *i, const uint8_t *id)
{
    const struct token_bytes bytes = {id, TOKEN_KEY_ID_BYTES}, none = {0};
    enum tokens_err e =
        import_note(i, TOKEN_OBJECT_PRIVATE, bytes, none, false);

    return e ? e : import_note(i, TOKEN_OBJECT_PUBLIC, bytes, none, false);
}

static enum tokens_err
adopt(struct token_import *i, struct pair *p, uint8_t id[TOKEN_KEY_ID_BYTES])
{
    uint8_t better[TOKEN_KEY_ID_BYTES];
    struct import_key *mine = &i->keys[i->key_count];
    enum tokens_err e = create_check(&i->hold, p->private, &p->key);

    if (e == TOKENS_OK)
        e = read_public(&i->hold, p, better);
    if (e == TOKENS_OK)
        e = note_pair(i, better);
    if (e == TOKENS_OK)
        e = rename_pair(&i->hold, p, id, better);
    if (e)
        return e;
    mine->public_key = key_build(&p->key, false);
    if (!mine->public_key)
        return TOKENS_FAILED;
    memcpy(mine->id, id, TOKEN_KEY_ID_BYTES);
    mine->id_len = TOKEN_KEY_ID_BYTES;
    mine->handle = p->private;
    mine->uses = p->key.uses;
    mine->type = p->key.type;
    i->key_count++;
    return TOKENS_OK;
}

static bool
is_possible(const struct token_generation *what)
{
    if (what->type == TOKEN_KEY_RSA)
        return what->bits >= 2048 && what->bits <= 16384;
    return what->type == TOKEN_KEY_ED25519 ||
           (what->type == TOKEN_KEY_EC &&
            curve_bits(what->curve.p, what->curve.n) > 0);
}

enum tokens_err
token_import_generate(struct token_import *import,
                      const struct token_generation *what, uint8_t *out_id,
                      size_t *out_id_len)
{
    uint8_t id[TOKEN_KEY_ID_BYTES];
    AUTO(pair)
    struct pair pair = {.key = {.type = what->type,
                                .curve = what->curve,
                                .label = what->label,
                                .uses = TOKEN_USE_SIGN}};

    if (what->type == TOKEN_KEY_RSA)
        pair.key.uses |= TOKEN_USE_DECRYPT | TOKEN_USE_UNWRAP;
    if (what->type == TOKEN_KEY_EC)
        pair.key.uses |= TOKEN_USE_DERIVE;
    if (import->committed || !is_possible(what) ||
        import->key_count == LIMIT_IMPORT_OBJECTS ||
        import->created_count + 2 > LIMIT_IMPORT_OBJECTS)
        return TOKENS_ARGUMENT;
    pair.key.uses &= uses_possible(&import->hold, what->type);
    if (!(pair.key.uses & TOKEN_USE_SIGN)) { /* nobody could certify it */
        rv_about(generator_of(what->type));
        return rv_note("C_GenerateKeyPair", CKR_MECHANISM_INVALID);
    }
    if (RAND_bytes(id, sizeof(id)) != 1)
        return TOKENS_FAILED;
    import->hold.rv = CKR_OK;
    enum tokens_err e = note_pair(import, id);
    if (e == TOKENS_OK)
        e = make(&import->hold, what, &pair,
                 (struct token_bytes){id, sizeof(id)});
    if (e == TOKENS_OK) {
        import->created[import->created_count++] = pair.public;
        import->created[import->created_count++] = pair.private;
        e = adopt(import, &pair, id);
    }
    e = import_err(import, e);
    if (e)
        return e;
    memcpy(out_id, id, sizeof(id));
    *out_id_len = sizeof(id);
    return TOKENS_OK;
}
