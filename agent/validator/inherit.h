/*
 * DSA keys whose parameters are their issuer's (RFC 3279 2.3.2): libcrypto
 * reads no such key, so that the certificate is given a whole one. Runs in
 * smime-validator. Such keys are long out of use and always weak; but their
 * chains are what they are.
 */
#ifndef AGENT_VALIDATOR_INHERIT_H
#define AGENT_VALIDATOR_INHERIT_H

#include <openssl/x509.h>

#include "agent/base/err.h"
#include "agent/base/mem.h"

/* True when X has a DSA key without parameters. */
bool inherits_parameters(X509 *x);

/* Gives a copy of X, whose key has ISSUER's parameters; its encoding, and so
 * its signature and hash, stay what they were. NULL when ISSUER has none to
 * give. */
X509 *inherit_parameters(X509 *x, X509 *issuer);

#endif
