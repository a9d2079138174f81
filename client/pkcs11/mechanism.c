/* What the token can do, and the parameters of it. */
#include <stdlib.h>
#include <string.h>

#include "client/pkcs11/operation.h"

#ifndef CKM_EDDSA
#define CKM_EDDSA 0x1057UL
#endif

struct mechanism_row {
    CK_MECHANISM_TYPE type;
    CK_ULONG least, most; /* of the key: bits */
    CK_FLAGS flags;
};

#define CURVES (CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS)

/* CKF_HW: the keys are not in this process, and not in a file. */
static const struct mechanism_row rows[] = {
    {CKM_RSA_PKCS, 1024, 16384, CKF_HW | CKF_SIGN | CKF_DECRYPT | CKF_UNWRAP},
    {CKM_RSA_PKCS_PSS, 1024, 16384, CKF_HW | CKF_SIGN},
    {CKM_RSA_PKCS_OAEP, 1024, 16384, CKF_HW | CKF_DECRYPT | CKF_UNWRAP},
    {CKM_ECDSA, 192, 521, CKF_HW | CKF_SIGN | CURVES},
    {CKM_EDDSA, 255, 256, CKF_HW | CKF_SIGN},
    {CKM_ECDH1_DERIVE, 192, 521, CKF_HW | CKF_DERIVE | CURVES},
    {CKM_AES_KEY_WRAP, 16, 32, CKF_UNWRAP}, /* of keys derived here; bytes */
};

static CK_RV
mechanisms_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE *out, CK_ULONG *count)
{
    CK_ULONG room;

    if (slot != SLOT)
        return CKR_SLOT_ID_INVALID;
    if (!count)
        return CKR_ARGUMENTS_BAD;
    room = *count;
    *count = COUNT_OF(rows);
    if (!out)
        return CKR_OK;
    if (room < COUNT_OF(rows))
        return CKR_BUFFER_TOO_SMALL;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        out[i] = rows[i].type;
    return CKR_OK;
}

CK_RV
C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *out, CK_ULONG *count)
{
    GUARDED(mechanisms_list(slot, out, count));
}

static CK_RV
mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *out)
{
    if (slot != SLOT)
        return CKR_SLOT_ID_INVALID;
    if (!out)
        return CKR_ARGUMENTS_BAD;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].type == type) {
            *out = (CK_MECHANISM_INFO){.ulMinKeySize = rows[i].least,
                                       .ulMaxKeySize = rows[i].most,
                                       .flags = rows[i].flags};
            return CKR_OK;
        }
    return CKR_MECHANISM_INVALID;
}

CK_RV
C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type,
                   CK_MECHANISM_INFO *out)
{
    GUARDED(mechanism_info(slot, type, out));
}

/* ---- parameters ---------------------------------------------------------- */

struct hash_row {
    const char *name;
    CK_MECHANISM_TYPE mechanism;
    CK_ULONG mgf;
    CK_ULONG bytes;
};

static const struct hash_row hashes[] = {
    {"sha1", CKM_SHA_1, CKG_MGF1_SHA1, 20},
    {"sha224", CKM_SHA224, CKG_MGF1_SHA224, 28},
    {"sha256", CKM_SHA256, CKG_MGF1_SHA256, 32},
    {"sha384", CKM_SHA384, CKG_MGF1_SHA384, 48},
    {"sha512", CKM_SHA512, CKG_MGF1_SHA512, 64}};

static const struct hash_row *
hash_by_mechanism(CK_MECHANISM_TYPE mechanism)
{
    for (size_t i = 0; i < COUNT_OF(hashes); i++)
        if (hashes[i].mechanism == mechanism)
            return &hashes[i];
    return NULL;
}

static const struct hash_row *
hash_by_mgf(CK_ULONG mgf)
{
    for (size_t i = 0; i < COUNT_OF(hashes); i++)
        if (hashes[i].mgf == mgf)
            return &hashes[i];
    return NULL;
}

size_t
hash_bytes(const char *name)
{
    for (size_t i = 0; name && i < COUNT_OF(hashes); i++)
        if (strcmp(hashes[i].name, name) == 0)
            return hashes[i].bytes;
    return 0;
}

const char *
hash_name(CK_MECHANISM_TYPE mechanism)
{
    const struct hash_row *h = hash_by_mechanism(mechanism);

    return h ? h->name : NULL;
}

static CK_RV
no_parameter(const CK_MECHANISM *m)
{
    return m->ulParameterLen == 0 ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

/* Only what TLS and S/MIME use: MGF1 with the same hash, a salt as long as
 * the digest (RFC 8446 4.2.3, RFC 8702 3.1). */
static CK_RV
pss_read(const CK_MECHANISM *m, struct operation *op)
{
    const CK_RSA_PKCS_PSS_PARAMS *p = m->pParameter;
    const struct hash_row *h;

    if (!p || m->ulParameterLen != sizeof(*p))
        return CKR_MECHANISM_PARAM_INVALID;
    h = hash_by_mechanism(p->hashAlg);
    if (!h || p->mgf != h->mgf || p->sLen != h->bytes)
        return CKR_MECHANISM_PARAM_INVALID;
    op->hash = h->name;
    return CKR_OK;
}

static CK_RV
oaep_read(const CK_MECHANISM *m, struct operation *op)
{
    const CK_RSA_PKCS_OAEP_PARAMS *p = m->pParameter;
    const struct hash_row *h, *mgf;

    if (!p || m->ulParameterLen != sizeof(*p))
        return CKR_MECHANISM_PARAM_INVALID;
    h = hash_by_mechanism(p->hashAlg);
    mgf = hash_by_mgf(p->mgf);
    if (!h || !mgf || p->ulSourceDataLen > 512 ||
        (p->ulSourceDataLen > 0 &&
         (p->source != CKZ_DATA_SPECIFIED || !p->pSourceData)))
        return CKR_MECHANISM_PARAM_INVALID;
    op->hash = h->name;
    op->mgf_hash = mgf->name;
    return bytes_add(&op->label, p->pSourceData, p->ulSourceDataLen)
               ? CKR_OK
               : CKR_HOST_MEMORY;
}

/* CK_EDDSA_PARAMS of PKCS#11 3.0: neither a context nor Ed25519ph. */
struct eddsa_params {
    CK_BBOOL is_prehash;
    CK_ULONG context_len;
    const uint8_t *context;
};

static CK_RV
eddsa_read(const CK_MECHANISM *m)
{
    const struct eddsa_params *p = m->pParameter;

    if (m->ulParameterLen == 0)
        return CKR_OK;
    return p && m->ulParameterLen == sizeof(*p) && !p->is_prehash &&
                   p->context_len == 0
               ? CKR_OK
               : CKR_MECHANISM_PARAM_INVALID;
}

static CK_RV
of_kind(const struct object *key, enum key_kind kind, CK_RV rv)
{
    return key->kind == kind ? rv : CKR_KEY_TYPE_INCONSISTENT;
}

CK_RV
mechanism_for_sign(const CK_MECHANISM *m, const struct object *key,
                   struct operation *op)
{
    op->mechanism = m->mechanism;
    if (m->mechanism == CKM_RSA_PKCS)
        return of_kind(key, KIND_RSA, no_parameter(m));
    if (m->mechanism == CKM_RSA_PKCS_PSS)
        return of_kind(key, KIND_RSA, pss_read(m, op));
    if (m->mechanism == CKM_ECDSA)
        return of_kind(key, KIND_EC, no_parameter(m));
    if (m->mechanism == CKM_EDDSA)
        return of_kind(key, KIND_ED25519, eddsa_read(m));
    return CKR_MECHANISM_INVALID;
}

CK_RV
mechanism_for_decrypt(const CK_MECHANISM *m, const struct object *key,
                      struct operation *op)
{
    op->mechanism = m->mechanism;
    if (m->mechanism == CKM_RSA_PKCS)
        return of_kind(key, KIND_RSA, no_parameter(m));
    if (m->mechanism == CKM_RSA_PKCS_OAEP)
        return of_kind(key, KIND_RSA, oaep_read(m, op));
    return CKR_MECHANISM_INVALID;
}
