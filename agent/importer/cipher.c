/*
 * Which library context can decrypt with an algorithm of the file, and what
 * the key derivation will cost. Asked before anything is derived.
 */
#include <openssl/err.h>

#include "agent/base/log.h"
#include "agent/importer/internal.h"

int64_t
integer_of(const ASN1_INTEGER *a)
{
    int64_t value = -1;

    if (!a || !ASN1_INTEGER_get_int64(&value, a))
        return -1;
    return value;
}

enum err
spend_iterations(struct p12 *p12, int64_t count, struct problem *p)
{
    if (count < 1)
        return fail(p, ERR_P12_FORMAT, "an iteration count is malformed");
    if (count > LIMIT_P12_ITERATIONS ||
        p12->iterations > LIMIT_P12_ITERATIONS - (uint64_t)count)
        return fail(p, ERR_LIMIT, "more than %d iterations of key derivation",
                    LIMIT_P12_ITERATIONS);
    p12->iterations += (uint64_t)count;
    return ERR_OK;
}

const EVP_MD *
hmac_hash(const X509_ALGOR *algorithm)
{
    int md_nid = NID_undef;
    int nid = algorithm ? OBJ_obj2nid(algorithm->algorithm)
                        : NID_hmacWithSHA1; /* the DEFAULT of prf */

    if (!EVP_PBE_find(EVP_PBE_TYPE_PRF, nid, NULL, &md_nid, NULL))
        return NULL;
    return EVP_get_digestbynid(md_nid);
}

/* *out_prf: its pseudorandom function is known. */
static int64_t
pbkdf2_iterations(const ASN1_TYPE *parameter, bool *out_prf)
{
    PBKDF2PARAM *kdf = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM),
                                                 (ASN1_TYPE *)parameter);
    int64_t n = kdf ? integer_of(kdf->iter) : -1;

    *out_prf = !kdf || hmac_hash(kdf->prf) != NULL;
    PBKDF2PARAM_free(kdf);
    return n;
}

/* scrypt (RFC 7914): each of N steps costs r * p blocks. */
static int64_t
scrypt_iterations(const ASN1_TYPE *parameter)
{
    SCRYPT_PARAMS *kdf = ASN1_TYPE_unpack_sequence(
        ASN1_ITEM_rptr(SCRYPT_PARAMS), (ASN1_TYPE *)parameter);
    int64_t n = -1;

    if (kdf) {
        int64_t cost = integer_of(kdf->costParameter);
        int64_t r = integer_of(kdf->blockSize);
        int64_t lanes = integer_of(kdf->parallelizationParameter);

        /* N is a power of two. */
        if (cost > 1 && (cost & (cost - 1)) == 0 && r > 0 && lanes > 0 &&
            cost <= INT32_MAX && r <= 1024 && lanes <= 1024)
            n = cost * r * lanes;
    }
    SCRYPT_PARAMS_free(kdf);
    return n;
}

/* PBES2 (RFC 8018): gives the cipher's NID. */
static int
pbes2_cipher(const X509_ALGOR *algorithm, struct cipher_choice *out)
{
    PBE2PARAM *param = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM),
                                                 algorithm->parameter);
    int nid = NID_undef;
    bool known = false;

    if (!param)
        return NID_undef;
    nid = OBJ_obj2nid(param->encryption->algorithm);
    switch (OBJ_obj2nid(param->keyfunc->algorithm)) {
    case NID_id_pbkdf2:
        out->iterations = pbkdf2_iterations(param->keyfunc->parameter, &known);
        break;
    case NID_id_scrypt:
        out->iterations = scrypt_iterations(param->keyfunc->parameter);
        known = true;
        break;
    default:
        break;
    }
    PBE2PARAM_free(param);
    return known ? nid : NID_undef;
}

/* PBES1 and PKCS#12's own: the algorithm names both. */
static int
pbes1_cipher(const X509_ALGOR *algorithm, struct cipher_choice *out)
{
    PBEPARAM *param = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM),
                                                algorithm->parameter);
    int cipher = NID_undef;

    if (!param)
        return NID_undef;
    out->iterations = integer_of(param->iter);
    PBEPARAM_free(param);
    if (!EVP_PBE_find(EVP_PBE_TYPE_OUTER, OBJ_obj2nid(algorithm->algorithm),
                      &cipher, NULL, NULL))
        return NID_undef;
    return cipher;
}

/* As people know it; NULL: it is not weak. */
static const char *
legacy_name(int nid)
{
    static const struct {
        int nid;
        const char *name;
    } table[] = {
        {NID_rc4, "RC4"},
        {NID_rc4_40, "RC4"},
        {NID_rc2_cbc, "RC2"},
        {NID_rc2_64_cbc, "RC2"},
        {NID_rc2_40_cbc, "RC2"},
        {NID_des_ede_cbc, "3DES"},
        {NID_des_cbc, "single DES"},
        {NID_des_ede3_cbc, "3DES"},
        {NID_bf_cbc, "Blowfish"},
        {NID_cast5_cbc, "CAST5"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(table); i++)
        if (table[i].nid == nid)
            return table[i].name;
    return NULL;
}

/* In a mode that PBES2 has parameters for: an IV, and no tag. */
static bool
context_has(OSSL_LIB_CTX *libctx, int cipher_nid)
{
    EVP_CIPHER *c = EVP_CIPHER_fetch(libctx, OBJ_nid2sn(cipher_nid), NULL);
    int mode = c ? EVP_CIPHER_get_mode(c) : EVP_CIPH_ECB_MODE;

    EVP_CIPHER_free(c);
    return mode == EVP_CIPH_CBC_MODE || mode == EVP_CIPH_CFB_MODE ||
           mode == EVP_CIPH_OFB_MODE || mode == EVP_CIPH_STREAM_CIPHER;
}

static void
name_algorithm(const X509_ALGOR *algorithm, const char *before, struct buf *out)
{
    char name[80];

    if (algorithm &&
        OBJ_obj2txt(name, sizeof(name), algorithm->algorithm, 0) > 0)
        buf_addf(out, "%s%s", before, name);
}

/* Of PBES2 also what it is made of. */
static enum err
refuse_algorithm(const X509_ALGOR *algorithm, struct problem *p)
{
    PBE2PARAM *two = OBJ_obj2nid(algorithm->algorithm) == NID_pbes2
                         ? ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM),
                                                     algorithm->parameter)
                         : NULL;
    PBKDF2PARAM *kdf = NULL;
    AUTO(buf) struct buf name = {0};

    name_algorithm(algorithm, "encryption by ", &name);
    if (two) {
        if (OBJ_obj2nid(two->keyfunc->algorithm) == NID_id_pbkdf2)
            kdf = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM),
                                            two->keyfunc->parameter);
        name_algorithm(two->keyfunc, ": ", &name);
        name_algorithm(kdf ? kdf->prf : NULL, ", ", &name);
        name_algorithm(two->encryption, ", ", &name);
    }
    PBKDF2PARAM_free(kdf);
    PBE2PARAM_free(two);
    ERR_clear_error();
    return fail(p, ERR_P12_UNSUPPORTED, "%s", buf_text(&name));
}

enum err
cipher_choose(const X509_ALGOR *algorithm, struct cipher_choice *out,
              struct problem *p)
{
    bool is_pbes2 = OBJ_obj2nid(algorithm->algorithm) == NID_pbes2;
    int nid;

    memset(out, 0, sizeof(*out));
    nid =
        is_pbes2 ? pbes2_cipher(algorithm, out) : pbes1_cipher(algorithm, out);
    if (nid == NID_undef)
        return refuse_algorithm(algorithm, p);
    out->legacy = legacy_name(nid);
    out->libctx = libctx_plain();
    if (context_has(out->libctx, nid))
        return ERR_OK;
    out->libctx = libctx_legacy();
    ERR_clear_error();
    return out->libctx && context_has(out->libctx, nid)
               ? ERR_OK
               : refuse_algorithm(algorithm, p);
}
