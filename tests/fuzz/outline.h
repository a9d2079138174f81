/*
 * Certificates with nothing inside but what a session looks for: the issuer
 * of the seeds (an empty name) and a serial number. Number 1 is for RSA.
 */
#ifndef TESTS_FUZZ_OUTLINE_H
#define TESTS_FUZZ_OUTLINE_H

#include "agent/cms/der.h"

static inline void
outline_certificate(uint8_t serial, struct buf *out)
{
    static const uint8_t zero[2];
    size_t whole = der_open(out, TAG_SEQUENCE);
    size_t tbs = der_open(out, TAG_SEQUENCE);
    size_t spki;

    der_put(out, TAG_INTEGER, slice_of(&serial, 1));
    der_put_algorithm(out, OID_RSA_SHA256);
    der_put(out, TAG_SEQUENCE, slice_of(NULL, 0)); /* issuer */
    der_put(out, TAG_SEQUENCE, slice_of(NULL, 0)); /* validity */
    der_put(out, TAG_SEQUENCE, slice_of(NULL, 0)); /* subject */
    spki = der_open(out, TAG_SEQUENCE);
    der_put_algorithm(out, OID_RSA_ENCRYPTION);
    der_put(out, TAG_BIT_STRING, slice_of(zero, 2));
    der_close(out, spki);
    der_close(out, tbs);
    der_put_algorithm(out, OID_RSA_SHA256);
    der_put(out, TAG_BIT_STRING, slice_of(zero, 2));
    der_close(out, whole);
}

#endif
