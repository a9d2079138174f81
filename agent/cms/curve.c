#include "agent/cms/curve.h"

#include <openssl/ec.h>
#include <openssl/err.h>

const char *
curve_name(const X509_PUBKEY *key)
{
    X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *type = NULL;
    const void *value = NULL;
    int kind = V_ASN1_UNDEF;

    if (!key || X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, key) != 1)
        return "";
    X509_ALGOR_get0(&type, &kind, &value, algorithm);
    if (OBJ_obj2nid(type) != NID_X9_62_id_ecPublicKey || kind != V_ASN1_OBJECT)
        return "";
    int nid = OBJ_obj2nid(value);
    const char *nist = EC_curve_nid2nist(nid);
    return nist ? nist : nid != NID_undef ? OBJ_nid2sn(nid) : "";
}

const char *
curve_name_of(struct slice spki)
{
    const unsigned char *p = spki.p;
    X509_PUBKEY *key = d2i_X509_PUBKEY(NULL, &p, (long)spki.n);
    const char *name = curve_name(key);

    X509_PUBKEY_free(key);
    ERR_clear_error();
    return name;
}
