#include "agent/cms/algorithm.h"
#include "agent/cms/der.h"
#include "agent/cms/rsa_params.h"

/* HASH_NONE: the SignerInfo's digest. */
static const struct signature_row {
    enum oid oid;
    enum scheme scheme;
    enum hash hash;
} signatures[] = {
    {OID_RSA_ENCRYPTION, SCHEME_RSA_PKCS1, HASH_NONE},
    {OID_RSA_SHA256, SCHEME_RSA_PKCS1, HASH_SHA256},
    {OID_RSA_SHA384, SCHEME_RSA_PKCS1, HASH_SHA384},
    {OID_RSA_SHA512, SCHEME_RSA_PKCS1, HASH_SHA512},
    {OID_RSA_SHA224, SCHEME_RSA_PKCS1, HASH_SHA224},
    {OID_RSA_SHA1, SCHEME_RSA_PKCS1, HASH_SHA1},
    {OID_RSA_MD5, SCHEME_RSA_PKCS1, HASH_MD5},
    {OID_RSA_SHA512_224, SCHEME_RSA_PKCS1, HASH_SHA512_224},
    {OID_RSA_SHA512_256, SCHEME_RSA_PKCS1, HASH_SHA512_256},
    {OID_RSA_SHA3_224, SCHEME_RSA_PKCS1, HASH_SHA3_224},
    {OID_RSA_SHA3_256, SCHEME_RSA_PKCS1, HASH_SHA3_256},
    {OID_RSA_SHA3_384, SCHEME_RSA_PKCS1, HASH_SHA3_384},
    {OID_RSA_SHA3_512, SCHEME_RSA_PKCS1, HASH_SHA3_512},
    {OID_EC_PUBLIC_KEY, SCHEME_ECDSA, HASH_NONE},
    {OID_ECDSA_SHA1, SCHEME_ECDSA, HASH_SHA1},
    {OID_ECDSA_SHA224, SCHEME_ECDSA, HASH_SHA224},
    {OID_ECDSA_SHA256, SCHEME_ECDSA, HASH_SHA256},
    {OID_ECDSA_SHA384, SCHEME_ECDSA, HASH_SHA384},
    {OID_ECDSA_SHA512, SCHEME_ECDSA, HASH_SHA512},
    {OID_ECDSA_SHA3_224, SCHEME_ECDSA, HASH_SHA3_224},
    {OID_ECDSA_SHA3_256, SCHEME_ECDSA, HASH_SHA3_256},
    {OID_ECDSA_SHA3_384, SCHEME_ECDSA, HASH_SHA3_384},
    {OID_ECDSA_SHA3_512, SCHEME_ECDSA, HASH_SHA3_512},
    /* What is inside the scheme. The digest of the content should be the same
     * (RFC 8419 3.1), but programs write others, which are judged as with any
     * key. */
    {OID_ED25519, SCHEME_EDDSA, HASH_SHA512},
    {OID_ED448, SCHEME_EDDSA, HASH_SHAKE256},
};

static const struct signature_row *
row_find(enum oid oid)
{
    for (size_t i = 0; i < ARRAY_COUNT(signatures); i++)
        if (signatures[i].oid == oid)
            return &signatures[i];
    return NULL;
}

bool
signature_from_algorithm(struct slice der, enum hash digest,
                         struct signature_algorithm *out)
{
    const struct signature_row *row;
    struct slice parameters;
    enum oid oid;

    if (!der_algorithm(der, &oid, &parameters))
        return false;
    if (oid == OID_RSA_PSS)
        return pss_read(parameters, out);
    row = row_find(oid);
    /* id-ecPublicKey may name its curve; nothing else has parameters. */
    if (!row || (parameters.n > 0 && oid != OID_EC_PUBLIC_KEY) ||
        (row->hash == HASH_NONE &&
         (digest == HASH_NONE || digest == HASH_SHAKE256)))
        return false;
    *out = (struct signature_algorithm){
        .scheme = row->scheme,
        .hash = row->hash == HASH_NONE ? digest : row->hash};
    return true;
}

static void
write_rsa_encryption(struct buf *out)
{
    size_t mark = der_open(out, TAG_SEQUENCE);

    der_put_oid(out, OID_RSA_ENCRYPTION);
    der_put(out, TAG_NULL, slice_of(NULL, 0));
    der_close(out, mark);
}

static void
write_pss(const struct signature_algorithm *a, struct buf *out)
{
    size_t mark = der_open(out, TAG_SEQUENCE);

    der_put_oid(out, OID_RSA_PSS);
    pss_write(a, out);
    der_close(out, mark);
}

static void
write_ecdsa(enum hash h, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_COUNT(signatures); i++)
        if (signatures[i].scheme == SCHEME_ECDSA && signatures[i].hash == h &&
            h != HASH_NONE) {
            der_put_algorithm(out, signatures[i].oid);
            return;
        }
    bug("ECDSA with an unknown hash");
}

/* rsaEncryption for PKCS #1 v1.5: every reader must know it (RFC 5754 3.2),
 * ecdsa-with-SHA* without parameters (3.3). */
void
signature_write_algorithm(const struct signature_algorithm *a, struct buf *out)
{
    switch (a->scheme) {
    case SCHEME_RSA_PKCS1:
        write_rsa_encryption(out);
        return;
    case SCHEME_RSA_PSS:
        write_pss(a, out);
        return;
    case SCHEME_ECDSA:
        write_ecdsa(a->hash, out);
        return;
    case SCHEME_EDDSA:
        der_put_algorithm(out, OID_ED25519);
        return;
    case SCHEME_RSA_OAEP:
        break;
    }
    bug("a scheme that does not sign");
}

static const char *
name_with(const char *const names[], enum hash h)
{
    if ((unsigned)h >= HASH_COUNT)
        bug("a hash that is not in the table");
    return names[h];
}

/* Static text for each hash: a report keeps the pointer. */
#define NAMES(scheme)                                                          \
    {                                                                          \
        [HASH_NONE] = scheme, [HASH_SHA1] = scheme " with SHA-1",              \
        [HASH_SHA224] = scheme " with SHA-224",                                \
        [HASH_SHA256] = scheme " with SHA-256",                                \
        [HASH_SHA384] = scheme " with SHA-384",                                \
        [HASH_SHA512] = scheme " with SHA-512",                                \
        [HASH_MD5] = scheme " with MD5",                                       \
        [HASH_SHA512_224] = scheme " with SHA-512/224",                        \
        [HASH_SHA512_256] = scheme " with SHA-512/256",                        \
        [HASH_SHA3_224] = scheme " with SHA3-224",                             \
        [HASH_SHA3_256] = scheme " with SHA3-256",                             \
        [HASH_SHA3_384] = scheme " with SHA3-384",                             \
        [HASH_SHA3_512] = scheme " with SHA3-512",                             \
        [HASH_SHAKE256] = scheme " with SHAKE256",                             \
    }

const char *
signature_name(const struct signature_algorithm *a)
{
    static const char *const pkcs1[] = NAMES("RSA PKCS#1 v1.5");
    static const char *const pss[] = NAMES("RSA-PSS");
    static const char *const ecdsa[] = NAMES("ECDSA");

    switch (a->scheme) {
    case SCHEME_RSA_PKCS1:
        return name_with(pkcs1, a->hash);
    case SCHEME_RSA_PSS:
        return name_with(pss, a->hash);
    case SCHEME_ECDSA:
        return name_with(ecdsa, a->hash);
    case SCHEME_EDDSA:
        return a->hash == HASH_SHAKE256 ? "Ed448" : "Ed25519";
    case SCHEME_RSA_OAEP:
        break;
    }
    return "no signature";
}
