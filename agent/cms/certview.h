/*
 * The few fields of a certificate that CMS itself needs, as slices into its
 * DER: identifiers and the public key. It decides nothing about trust: the
 * validator reads certificates; this only finds names and numbers in them.
 */
#ifndef AGENT_CMS_CERTVIEW_H
#define AGENT_CMS_CERTVIEW_H

#include "agent/base/err.h"
#include "agent/base/mem.h"
#include "agent/cms/oid.h"

struct cert_view {
    struct slice der;
    struct slice issuer;         /* Name, DER */
    struct slice subject;        /* Name, DER */
    struct slice serial;         /* INTEGER's content octets */
    struct slice spki;           /* SubjectPublicKeyInfo, DER */
    enum oid key_algorithm;      /* OID_UNKNOWN: also of a malformed key */
    struct slice key_parameters; /* whole; empty when absent or NULL */
    struct slice key;            /* subjectPublicKey, the BIT STRING whole */
    struct slice key_id;         /* subjectKeyIdentifier's octets, or empty */
    bool may_encrypt; /* keyUsage is absent or allows to encrypt to it */
};

/* Borrows DER. false when it is not a certificate's outline. */
MUST_USE bool cert_view_parse(struct slice der, struct cert_view *out);

#endif
