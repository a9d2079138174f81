/*
 * Ends of scope (AUTO of agent/base/mem.h) of libcrypto's objects in
 * smime-validator.
 */
#ifndef AGENT_VALIDATOR_DROP_H
#define AGENT_VALIDATOR_DROP_H

#include <openssl/x509v3.h>

static inline void
x509_drop(X509 **x)
{
    X509_free(*x);
    *x = NULL;
}

static inline void
constraints_drop(NAME_CONSTRAINTS **c)
{
    NAME_CONSTRAINTS_free(*c);
    *c = NULL;
}

#endif
