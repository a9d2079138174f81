/*
 * Signed attributes (RFC 5652 11, RFC 5035, RFC 8551 2.5), read strictly:
 * they are what the signature is over, and everything the signer says about
 * itself comes from here. Runs in smime-validator on hostile bytes.
 */
#ifndef AGENT_VALIDATOR_ATTRIBUTES_H
#define AGENT_VALIDATOR_ATTRIBUTES_H

#include <openssl/x509.h>

#include "agent/validator/strict.h"

struct signed_attributes {
    struct slice content_type; /* OID content octets */
    struct slice message_digest;
    bool has_signing_time;
    int64_t signing_time;
    struct slice certificate_v1; /* SigningCertificate, or empty */
    struct slice certificate_v2; /* SigningCertificateV2, or empty */
    struct slice capabilities;   /* SMIMECapabilities, DER, or empty */
    struct slice preference;     /* SMIMEEncryptionKeyPreference, or empty */
    struct slice preference_ms;  /* Microsoft's older one, or empty */
    struct slice protection;     /* CMSAlgorithmProtection, or empty */
};

/* Reads a DER SET OF Attribute. false when it is malformed, when contentType
 * or messageDigest is missing, or one that may be there once is doubled or
 * has not exactly one value of its type. Capabilities and preference that
 * are doubled or odd are left out: nothing rests on them. */
MUST_USE bool attributes_parse(struct slice der, struct signed_attributes *out);

/* False when a signingCertificate attribute is there and does not name this
 * certificate by its hash, or names another by issuer and serial; DER is its
 * encoding as it came. */
bool attributes_name_certificate(const struct signed_attributes *a,
                                 X509 *certificate, struct slice der);

/* False when a CMSAlgorithmProtection attribute (RFC 6211) is there and names
 * other algorithms than these two AlgorithmIdentifiers. */
bool attributes_protect(const struct signed_attributes *a, struct slice digest,
                        struct slice signature);

/* Does the encryption key preference name this certificate? Of both forms the
 * standard's counts. */
bool attributes_prefer(const struct signed_attributes *a, X509 *certificate);

/* True when CERT has this issuer (Name, DER) and serial (INTEGER's content
 * octets). */
bool x509_is_named(X509 *cert, struct slice issuer, struct slice serial);
bool x509_has_key_id(X509 *cert, struct slice key_id);

/* Several certificates have one key and so one subjectKeyIdentifier, as after
 * a renewal: is this one (DER) what a signer with these attributes used? It
 * was valid when they signed, and they name no other. */
MUST_USE bool attributes_fit_certificate(struct slice signed_attrs, int64_t now,
                                         X509 *certificate, struct slice der);

#endif
