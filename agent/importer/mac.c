/*
 * The MAC of a PKCS#12 file: the old one (RFC 7292 appendix B) by libcrypto,
 * PBMAC1 (RFC 9579) here, since OpenSSL 3.0 does not know it.
 */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>

#include "agent/importer/internal.h"

/* RFC 9579 section 5: shorter keys are refused; longer ones serve nobody. */
#define PBMAC1_KEY_MIN 20
#define PBMAC1_KEY_MAX 64

struct pbmac1 {
    PBE2PARAM *param; /* PBMAC1-params has the shape of PBES2-params */
    PBKDF2PARAM *kdf;
    const EVP_MD *prf;
    const EVP_MD *hash;
    int64_t iterations;
    int64_t key_bytes;
};

static void
pbmac1_drop(struct pbmac1 *m)
{
    PBE2PARAM_free(m->param);
    PBKDF2PARAM_free(m->kdf);
}

static enum err
pbmac1_parse(const X509_ALGOR *algorithm, struct pbmac1 *m, struct problem *p)
{
    m->param = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM),
                                         algorithm->parameter);
    if (!m->param)
        return fail(p, ERR_P12_FORMAT, "its MAC has malformed parameters");
    if (OBJ_obj2nid(m->param->keyfunc->algorithm) != NID_id_pbkdf2)
        return fail(p, ERR_P12_UNSUPPORTED, "a MAC without PBKDF2");
    m->kdf = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM),
                                       m->param->keyfunc->parameter);
    if (!m->kdf || m->kdf->salt->type != V_ASN1_OCTET_STRING)
        return fail(p, ERR_P12_FORMAT, "its MAC has malformed parameters");
    m->prf = hmac_hash(m->kdf->prf);
    m->hash = hmac_hash(m->param->encryption);
    if (!m->prf || !m->hash)
        return fail(p, ERR_P12_UNSUPPORTED, "the hash of its MAC");
    m->iterations = integer_of(m->kdf->iter);
    /* RFC 9579 section 4: keyLength must be there. */
    m->key_bytes = integer_of(m->kdf->keylength);
    if (m->key_bytes < PBMAC1_KEY_MIN || m->key_bytes > PBMAC1_KEY_MAX)
        return fail(p, ERR_P12_FORMAT, "its MAC has a wrong key length");
    return ERR_OK;
}

/* Steps into the next element of *at, which must have TAG; its end is *end. */
static bool
enter(const unsigned char **at, const unsigned char **end, int tag)
{
    long length = 0;
    int got = -1, class = 0;
    int flags = ASN1_get_object(at, &length, &got, &class, *end - *at);

    if ((flags & 0x81) != 0 || got != tag)
        return false;
    *end = *at + length;
    return true;
}

/* What the MAC covers: the octets of authSafe's content. From the DER that
 * libcrypto wrote, so there is no indefinite length. */
static bool
covered_octets(struct slice der, struct slice *out)
{
    const unsigned char *at = der.p, *end = der.p + der.n, *inner;

    if (!enter(&at, &end, V_ASN1_SEQUENCE))
        return false;
    inner = end;
    if (!enter(&at, &inner, V_ASN1_INTEGER))
        return false;
    at = inner;
    if (!enter(&at, &end, V_ASN1_SEQUENCE))
        return false;
    inner = end;
    if (!enter(&at, &inner, V_ASN1_OBJECT))
        return false;
    at = inner;
    if (!enter(&at, &end, 0) || !enter(&at, &end, V_ASN1_OCTET_STRING))
        return false;
    *out = slice_of(at, (size_t)(end - at));
    return true;
}

static bool
pbmac1_fits(const struct pbmac1 *m, const struct password_form *form,
            struct slice covered, const ASN1_OCTET_STRING *stored)
{
    const ASN1_OCTET_STRING *salt = m->kdf->salt->value.octet_string;
    uint8_t key[PBMAC1_KEY_MAX], mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    bool fits =
        PKCS5_PBKDF2_HMAC(form->p ? form->p : "", form->n,
                          ASN1_STRING_get0_data(salt), ASN1_STRING_length(salt),
                          (int)m->iterations, m->prf, (int)m->key_bytes, key) &&
        HMAC(m->hash, key, (int)m->key_bytes, covered.p, covered.n, mac,
             &mac_len) != NULL &&
        ASN1_STRING_length(stored) == (int)mac_len &&
        CRYPTO_memcmp(ASN1_STRING_get0_data(stored), mac, mac_len) == 0;

    wipe(key, sizeof(key));
    return fits;
}

static enum err
pbmac1_check(struct p12 *p12, const X509_ALGOR *algorithm,
             const ASN1_OCTET_STRING *stored, struct slice der,
             const struct passwords *w, size_t *out_form, struct problem *p)
{
    AUTO(pbmac1) struct pbmac1 m = {0};
    struct slice covered;
    enum err e = pbmac1_parse(algorithm, &m, p);

    if (e != ERR_OK)
        return e;
    if (!covered_octets(der, &covered))
        return fail(p, ERR_P12_FORMAT, "its content is malformed");
    for (size_t i = 0; i < w->count; i++) {
        if ((e = spend_iterations(p12, m.iterations, p)) != ERR_OK)
            return e;
        if (pbmac1_fits(&m, &w->form[i], covered, stored)) {
            *out_form = i;
            return ERR_OK;
        }
    }
    return fail(p, ERR_P12_PASSWORD, NULL);
}

enum err
mac_check(struct p12 *p12, PKCS12 *file, struct slice der,
          const struct passwords *w, size_t *out_form, struct problem *p)
{
    const ASN1_OCTET_STRING *stored = NULL, *salt = NULL;
    const X509_ALGOR *algorithm = NULL;
    const ASN1_INTEGER *iterations = NULL;
    int nid;

    PKCS12_get0_mac(&stored, &algorithm, &salt, &iterations, file);
    nid = algorithm ? OBJ_obj2nid(algorithm->algorithm) : NID_undef;
    if (nid == NID_pbmac1)
        return pbmac1_check(p12, algorithm, stored, der, w, out_form, p);
    if (!EVP_get_digestbynid(nid))
        return fail(p, ERR_P12_UNSUPPORTED, "the hash of its MAC");
    for (size_t i = 0; i < w->count; i++) {
        enum err e =
            spend_iterations(p12, iterations ? integer_of(iterations) : 1, p);

        if (e != ERR_OK)
            return e;
        if (PKCS12_verify_mac(file, w->form[i].p, w->form[i].n)) {
            *out_form = i;
            return ERR_OK;
        }
    }
    ERR_clear_error();
    return fail(p, ERR_P12_PASSWORD, NULL);
}
