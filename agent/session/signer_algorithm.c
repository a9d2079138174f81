#include "agent/cms/certview.h"
#include "agent/cms/rsa_params.h"
#include "agent/session/policy.h"
#include "agent/session/signer.h"
#include "agent/session/try.h"

/* What a key and its certificate leave to choose from. */
struct leave {
    unsigned scheme;     /* 0: RSA, PKCS #1 v1.5 or PSS */
    enum hash hash;      /* the only one; HASH_NONE: any */
    enum hash by_key;    /* when nobody wants another */
    const char *because; /* of a text that begins "the key" */
};

static enum err
refuse(struct request *r, const char *parameter, const char *why)
{
    fail(&r->problem, ERR_ALGORITHM, "%s", why);
    problem_set_subject(&r->problem, parameter);
    return ERR_ALGORITHM;
}

static enum err
cannot_sign(struct request *r, const struct signer *s, const char *why)
{
    fail(&r->problem, ERR_NO_KEY, "%s", why);
    problem_set_subject(&r->problem, s->key->id);
    return ERR_NO_KEY;
}

/* RFC 4055 section 3.1: parameters in a certificate bind its signatures, the
 * salt to at least what they say. */
static enum err
leave_by_certificate(struct request *r, const struct signer *s,
                     struct leave *out)
{
    struct signature_algorithm a;
    struct cert_view cert;

    if (!cert_view_parse(buf_slice(&s->key->certificate), &cert) ||
        cert.key_algorithm != OID_RSA_PSS)
        return ERR_OK;
    out->scheme = SCHEME_RSA_PSS;
    out->because = "the key's certificate is for RSASSA-PSS only";
    if (cert.key_parameters.n == 0)
        return ERR_OK;
    if (!pss_read(cert.key_parameters, &a) || a.hash != a.mgf_hash ||
        a.salt_bytes > (int)hash_bytes(a.hash))
        return cannot_sign(r, s,
                           "its certificate wants RSASSA-PSS in a form that "
                           "is not written here");
    out->hash = out->by_key = a.hash;
    return ERR_OK;
}

/* The digest that fits the key's strength (RFC 5754, RFC 8419). */
static enum err
leave_of(struct request *r, const struct signer *s, struct leave *out)
{
    static const enum hash by_bits[] = {HASH_SHA256, HASH_SHA384, HASH_SHA512};
    const struct own_key *k = s->key;

    *out = (struct leave){.by_key = HASH_SHA256};
    switch ((enum key_type)k->type) {
    case KEY_RSA:
        return leave_by_certificate(r, s, out);
    case KEY_EC:
        out->scheme = SCHEME_ECDSA;
        out->by_key = by_bits[k->bits > 384 ? 2 : k->bits > 256 ? 1 : 0];
        out->because = "the key is no RSA key";
        return ERR_OK;
    case KEY_ED25519:
        out->scheme = SCHEME_EDDSA;
        out->hash = out->by_key = HASH_SHA512;
        out->because = "the key is no RSA key";
        return ERR_OK;
    case KEY_X25519:
    case KEY_UNKNOWN:
        break;
    }
    return cannot_sign(r, s, "keys of its type cannot sign");
}

/* A policy gives way to the key; what is asked for does not. */
enum err
signer_choose_algorithm(struct request *r, struct signer *s)
{
    struct leave leave;
    struct policy p;
    unsigned scheme;

    TRY(policy_of(r, &p));
    TRY(leave_of(r, s, &leave));
    if (p.padding_asked && leave.scheme != 0 && p.padding != leave.scheme)
        return refuse(r, "padding", leave.because);
    if (p.digest_asked && leave.hash != HASH_NONE && p.digest != leave.hash)
        return refuse(r, "digest",
                      leave.scheme == SCHEME_EDDSA
                          ? "Ed25519 signs with SHA-512 only"
                          : "the key's certificate is for another one only");
    s->hash = leave.hash != HASH_NONE ? leave.hash
              : p.digest != HASH_NONE ? p.digest
                                      : leave.by_key;
    scheme = leave.scheme ? leave.scheme : p.padding;
    s->algorithm = (struct signature_algorithm){
        .scheme = scheme ? (enum scheme)scheme : SCHEME_RSA_PKCS1,
        .hash = s->hash};
    if (s->algorithm.scheme == SCHEME_RSA_PSS) {
        s->algorithm.mgf_hash = s->hash;
        s->algorithm.salt_bytes = (int)hash_bytes(s->hash);
    }
    return ERR_OK;
}
