#include "agent/cms/algorithm.h"

#include "agent/cms/der.h"

/* Of the names of hashes as people and headers write them. */
static const struct hash_row {
    enum oid oid;
    const char *name;
    const char *micalg;
    size_t bytes;
} hashes[] = {
    [HASH_NONE] = {OID_UNKNOWN, "unknown digest", "unknown", 0},
    [HASH_SHA1] = {OID_SHA1, "SHA-1", "sha-1", 20},
    [HASH_SHA224] = {OID_SHA224, "SHA-224", "sha-224", 28},
    [HASH_SHA256] = {OID_SHA256, "SHA-256", "sha-256", 32},
    [HASH_SHA384] = {OID_SHA384, "SHA-384", "sha-384", 48},
    [HASH_SHA512] = {OID_SHA512, "SHA-512", "sha-512", 64},
    [HASH_MD5] = {OID_MD5, "MD5", "md5", 16},
    [HASH_SHA512_224] = {OID_SHA512_224, "SHA-512/224", "sha-512/224", 28},
    [HASH_SHA512_256] = {OID_SHA512_256, "SHA-512/256", "sha-512/256", 32},
    [HASH_SHA3_224] = {OID_SHA3_224, "SHA3-224", "sha3-224", 28},
    [HASH_SHA3_256] = {OID_SHA3_256, "SHA3-256", "sha3-256", 32},
    [HASH_SHA3_384] = {OID_SHA3_384, "SHA3-384", "sha3-384", 48},
    [HASH_SHA3_512] = {OID_SHA3_512, "SHA3-512", "sha3-512", 64},
    [HASH_SHAKE256] = {OID_SHAKE256, "SHAKE256", "shake256", 64},
};

static const struct hash_row *
row_of(enum hash h)
{
    if ((unsigned)h >= ARRAY_COUNT(hashes))
        bug("a hash that is not in the table");
    return &hashes[h];
}

size_t
hash_bytes(enum hash h)
{
    return row_of(h)->bytes;
}

const char *
hash_name(enum hash h)
{
    return row_of(h)->name;
}

const char *
hash_micalg(enum hash h)
{
    return row_of(h)->micalg;
}

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Hyphens and case aside: "sha-256", "SHA256" (RFC 8551 3.5.3.2). */
static bool
same_name(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a == '-')
            a++;
        while (*b == '-')
            b++;
        if (lower(*a) != lower(*b))
            return false;
        if (!*a)
            return true;
    }
}

enum hash
hash_from_micalg(const char *s)
{
    for (size_t h = HASH_NONE + 1; h < ARRAY_COUNT(hashes); h++)
        if (same_name(s, hashes[h].micalg))
            return (enum hash)h;
    return HASH_NONE;
}

enum hash
hash_from_algorithm(struct slice der)
{
    static const uint8_t bits_512[] = {0x02, 0x02, 0x02, 0x00};
    struct slice parameters;
    enum oid oid;

    if (!der_algorithm(der, &oid, &parameters))
        return HASH_NONE;
    /* RFC 8419 2.3: id-shake256-len with 512. */
    if (oid == OID_SHAKE256_LEN &&
        slice_equal(parameters, slice_of(bits_512, sizeof(bits_512))))
        return HASH_SHAKE256;
    if (parameters.n > 0 || oid == OID_UNKNOWN)
        return HASH_NONE;
    for (size_t h = HASH_NONE + 1; h < ARRAY_COUNT(hashes); h++)
        if (hashes[h].oid == oid)
            return (enum hash)h;
    return HASH_NONE;
}

/* Parameters absent: RFC 5754 section 2. */
void
hash_write_algorithm(enum hash h, struct buf *out)
{
    der_put_algorithm(out, row_of(h)->oid);
}

/* ---- content encryption -------------------------------------------------- */

static const struct cipher_row {
    enum oid oid;
    const char *name;
    size_t key_bytes;
    size_t iv_bytes; /* 0: an AEAD's nonce, of several lengths */
} ciphers[] = {
    [CIPHER_NONE] = {OID_UNKNOWN, "unknown cipher", 0, 0},
    [CIPHER_AES128_CBC] = {OID_AES128_CBC, "AES-128-CBC", 16, 16},
    [CIPHER_AES192_CBC] = {OID_AES192_CBC, "AES-192-CBC", 24, 16},
    [CIPHER_AES256_CBC] = {OID_AES256_CBC, "AES-256-CBC", 32, 16},
    [CIPHER_AES128_GCM] = {OID_AES128_GCM, "AES-128-GCM", 16, 0},
    [CIPHER_AES192_GCM] = {OID_AES192_GCM, "AES-192-GCM", 24, 0},
    [CIPHER_AES256_GCM] = {OID_AES256_GCM, "AES-256-GCM", 32, 0},
    [CIPHER_AES128_CCM] = {OID_AES128_CCM, "AES-128-CCM", 16, 0},
    [CIPHER_AES192_CCM] = {OID_AES192_CCM, "AES-192-CCM", 24, 0},
    [CIPHER_AES256_CCM] = {OID_AES256_CCM, "AES-256-CCM", 32, 0},
    [CIPHER_3DES_CBC] = {OID_DES3_CBC, "3DES-CBC", 24, 8},
    [CIPHER_RC2_CBC] = {OID_RC2_CBC, "RC2-CBC", 0, 8},
};

/* RFC 5084 section 3.1 allows tags of CCM from 4 octets on; one in 2^32 is
 * no check of a mail. */
static bool
is_tag_size(enum cipher c, int n)
{
    return n >= (cipher_is_ccm(c) ? 8 : 12) && n <= 16 &&
           (n % 2 == 0 || !cipher_is_ccm(c));
}

static bool
is_nonce_size(enum cipher c, size_t n)
{
    return cipher_is_ccm(c) ? n >= 7 && n <= 13 : n > 0 && n <= 16;
}

/* GCMParameters and CCMParameters: the nonce, and the tag's length, 12 by
 * default (RFC 5084 section 3). */
static bool
read_aead_parameters(struct slice parameters, struct cipher_algorithm *out)
{
    struct der outer = der_of(parameters);
    struct der d = der_enter(&outer, TAG_SEQUENCE);
    struct slice nonce = der_take(&d, TAG_OCTET_STRING);
    int tag_bytes = der_is(&d, TAG_INTEGER) ? der_take_number(&d) : 12;

    if (!der_done(&outer) || !der_done(&d) ||
        !is_nonce_size(out->cipher, nonce.n) ||
        !is_tag_size(out->cipher, tag_bytes))
        return false;
    memcpy(out->iv, nonce.p, nonce.n);
    out->iv_bytes = nonce.n;
    out->tag_bytes = (size_t)tag_bytes;
    return true;
}

/* rc2ParameterVersion (RFC 3370 section 5.2) to effective bits. */
static int
rc2_bits(int version)
{
    if (version == 160)
        return 40;
    if (version == 120)
        return 64;
    if (version == 58)
        return 128;
    return version >= 256 && version <= 1024 ? version : 0;
}

static bool
read_rc2_parameters(struct slice parameters, struct cipher_algorithm *out)
{
    struct der outer = der_of(parameters);
    struct der d = der_enter(&outer, TAG_SEQUENCE);
    int bits = rc2_bits(der_take_number(&d));
    struct slice iv = der_take(&d, TAG_OCTET_STRING);

    if (!der_done(&outer) || !der_done(&d) || bits == 0 || bits % 8 != 0 ||
        iv.n != out->iv_bytes)
        return false;
    memcpy(out->iv, iv.p, iv.n);
    out->rc2_bits = bits;
    out->key_bytes = (size_t)bits / 8;
    return true;
}

static bool
read_iv(struct slice parameters, struct cipher_algorithm *out)
{
    struct der d = der_of(parameters);
    struct slice iv = der_take(&d, TAG_OCTET_STRING);

    if (!der_done(&d) || iv.n != out->iv_bytes)
        return false;
    memcpy(out->iv, iv.p, iv.n);
    return true;
}

enum cipher
cipher_of_oid(enum oid oid)
{
    for (size_t c = CIPHER_NONE + 1; c < ARRAY_COUNT(ciphers); c++)
        if (ciphers[c].oid == oid)
            return (enum cipher)c;
    return CIPHER_NONE;
}

bool
cipher_from_algorithm(struct slice der, struct cipher_algorithm *out)
{
    struct cipher_algorithm read = {0};
    struct slice parameters;
    enum oid oid;
    bool ok;

    if (!der_algorithm(der, &oid, &parameters) ||
        (read.cipher = cipher_of_oid(oid)) == CIPHER_NONE)
        return false;
    read.key_bytes = ciphers[read.cipher].key_bytes;
    read.iv_bytes = ciphers[read.cipher].iv_bytes;
    if (cipher_is_aead(read.cipher))
        ok = read_aead_parameters(parameters, &read);
    else if (read.cipher == CIPHER_RC2_CBC)
        ok = read_rc2_parameters(parameters, &read);
    else
        ok = read_iv(parameters, &read);
    if (ok)
        *out = read;
    return ok;
}

static void
write_parameters(const struct cipher_algorithm *a, struct buf *out)
{
    size_t mark;

    if (!cipher_is_aead(a->cipher)) {
        der_put(out, TAG_OCTET_STRING, slice_of(a->iv, a->iv_bytes));
        return;
    }
    mark = der_open(out, TAG_SEQUENCE);
    der_put(out, TAG_OCTET_STRING, slice_of(a->iv, a->iv_bytes));
    if (a->tag_bytes != 12)
        der_put_number(out, (unsigned)a->tag_bytes);
    der_close(out, mark);
}

void
cipher_write_algorithm(const struct cipher_algorithm *a, struct buf *out)
{
    size_t mark = der_open(out, TAG_SEQUENCE);

    if (!cipher_is_written(a->cipher))
        bug("writing with a cipher that is read only");
    der_put_oid(out, ciphers[a->cipher].oid);
    write_parameters(a, out);
    der_close(out, mark);
}

size_t
cipher_key_bytes(enum cipher c)
{
    return ciphers[c].key_bytes;
}

const char *
cipher_name(enum cipher c)
{
    return ciphers[c].name;
}

enum cipher
cipher_from_name(const char *s)
{
    for (size_t c = CIPHER_NONE + 1; c < ARRAY_COUNT(ciphers); c++)
        if (cipher_is_written((enum cipher)c) && same_name(s, ciphers[c].name))
            return (enum cipher)c;
    return CIPHER_NONE;
}

bool
cipher_is_aead(enum cipher c)
{
    return c == CIPHER_AES128_GCM || c == CIPHER_AES192_GCM ||
           c == CIPHER_AES256_GCM || cipher_is_ccm(c);
}

bool
cipher_is_ccm(enum cipher c)
{
    return c == CIPHER_AES128_CCM || c == CIPHER_AES192_CCM ||
           c == CIPHER_AES256_CCM;
}

bool
cipher_is_written(enum cipher c)
{
    return c != CIPHER_NONE && !cipher_is_legacy(c) && !cipher_is_ccm(c);
}

bool
cipher_is_legacy(enum cipher c)
{
    return c == CIPHER_3DES_CBC || c == CIPHER_RC2_CBC;
}
