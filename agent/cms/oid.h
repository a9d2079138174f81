/*
 * The object identifiers that CMS here knows, by name. Runs in smime-session
 * and smime-validator. Says nothing about what may be used.
 */
#ifndef AGENT_CMS_OID_H
#define AGENT_CMS_OID_H

#include "agent/base/mem.h"

#define PKCS "\x2a\x86\x48\x86\xf7\x0d"         /* 1.2.840.113549 */
#define X962 "\x2a\x86\x48\xce\x3d"             /* 1.2.840.10045 */
#define NIST "\x60\x86\x48\x01\x65\x03\x04"     /* 2.16.840.1.101.3.4 */
#define X963 "\x2b\x81\x05\x10\x86\x48\x3f\x00" /* 1.3.133.16.840.63.0 */
#define SECG "\x2b\x81\x04\x01"                 /* 1.3.132.1 */

/* X(name, content octets) */
#define OIDS(X)                                                                \
    /* content types: RFC 5652, 5083, 3274 */                                  \
    X(DATA, PKCS "\x01\x07\x01")                                               \
    X(SIGNED_DATA, PKCS "\x01\x07\x02")                                        \
    X(ENVELOPED_DATA, PKCS "\x01\x07\x03")                                     \
    X(AUTH_ENVELOPED_DATA, PKCS "\x01\x09\x10\x01\x17")                        \
    X(COMPRESSED_DATA, PKCS "\x01\x09\x10\x01\x09")                            \
    X(ZLIB, PKCS "\x01\x09\x10\x03\x08")                                       \
    /* attributes: RFC 5652 11, 5035, 8551 2.5 */                              \
    X(CONTENT_TYPE, PKCS "\x01\x09\x03")                                       \
    X(MESSAGE_DIGEST, PKCS "\x01\x09\x04")                                     \
    X(SIGNING_TIME, PKCS "\x01\x09\x05")                                       \
    X(CAPABILITIES, PKCS "\x01\x09\x0f")                                       \
    X(KEY_PREFERENCE, PKCS "\x01\x09\x10\x02\x0b")                             \
    X(SIGNING_CERTIFICATE_V2, PKCS "\x01\x09\x10\x02\x2f")                     \
    /* digests: RFC 5754, 3370 */                                              \
    X(SHA256, NIST "\x02\x01")                                                 \
    X(SHA384, NIST "\x02\x02")                                                 \
    X(SHA512, NIST "\x02\x03")                                                 \
    X(SHA224, NIST "\x02\x04")                                                 \
    X(SHA512_224, NIST "\x02\x05")                                             \
    X(SHA512_256, NIST "\x02\x06")                                             \
    X(SHA1, "\x2b\x0e\x03\x02\x1a")                                            \
    X(MD5, PKCS "\x02\x05")                                                    \
    /* SHA-3: RFC 9688; SHAKE256: RFC 8702, 8419 */                            \
    X(SHAKE256, NIST "\x02\x0c")                                               \
    X(SHAKE256_LEN, NIST "\x02\x12")                                           \
    X(SHA3_224, NIST "\x02\x07")                                               \
    X(SHA3_256, NIST "\x02\x08")                                               \
    X(SHA3_384, NIST "\x02\x09")                                               \
    X(SHA3_512, NIST "\x02\x0a")                                               \
    X(ECDSA_SHA3_224, NIST "\x03\x09")                                         \
    X(ECDSA_SHA3_256, NIST "\x03\x0a")                                         \
    X(ECDSA_SHA3_384, NIST "\x03\x0b")                                         \
    X(ECDSA_SHA3_512, NIST "\x03\x0c")                                         \
    X(RSA_SHA3_224, NIST "\x03\x0d")                                           \
    X(RSA_SHA3_256, NIST "\x03\x0e")                                           \
    X(RSA_SHA3_384, NIST "\x03\x0f")                                           \
    X(RSA_SHA3_512, NIST "\x03\x10")                                           \
    /* signatures and RSA encryption: RFC 8017, 5754 */                        \
    X(RSA_ENCRYPTION, PKCS "\x01\x01\x01")                                     \
    X(RSA_MD5, PKCS "\x01\x01\x04")                                            \
    X(RSA_SHA1, PKCS "\x01\x01\x05")                                           \
    X(RSA_OAEP, PKCS "\x01\x01\x07")                                           \
    X(MGF1, PKCS "\x01\x01\x08")                                               \
    X(P_SPECIFIED, PKCS "\x01\x01\x09")                                        \
    X(RSA_PSS, PKCS "\x01\x01\x0a")                                            \
    X(RSA_SHA256, PKCS "\x01\x01\x0b")                                         \
    X(RSA_SHA384, PKCS "\x01\x01\x0c")                                         \
    X(RSA_SHA512, PKCS "\x01\x01\x0d")                                         \
    X(RSA_SHA224, PKCS "\x01\x01\x0e")                                         \
    X(RSA_SHA512_224, PKCS "\x01\x01\x0f")                                     \
    X(RSA_SHA512_256, PKCS "\x01\x01\x10")                                     \
    X(EC_PUBLIC_KEY, X962 "\x02\x01")                                          \
    X(ECDSA_SHA1, X962 "\x04\x01")                                             \
    X(ECDSA_SHA224, X962 "\x04\x03\x01")                                       \
    X(ECDSA_SHA256, X962 "\x04\x03\x02")                                       \
    X(ECDSA_SHA384, X962 "\x04\x03\x03")                                       \
    X(ECDSA_SHA512, X962 "\x04\x03\x04")                                       \
    X(X25519, "\x2b\x65\x6e")                                                  \
    X(ED25519, "\x2b\x65\x70")                                                 \
    X(ED448, "\x2b\x65\x71")                                                   \
    /* content encryption: RFC 3565, 5084, 3370 */                             \
    X(AES128_CBC, NIST "\x01\x02")                                             \
    X(AES192_CBC, NIST "\x01\x16")                                             \
    X(AES256_CBC, NIST "\x01\x2a")                                             \
    X(AES128_GCM, NIST "\x01\x06")                                             \
    X(AES192_GCM, NIST "\x01\x1a")                                             \
    X(AES256_GCM, NIST "\x01\x2e")                                             \
    X(AES128_CCM, NIST "\x01\x07")                                             \
    X(AES192_CCM, NIST "\x01\x1b")                                             \
    X(AES256_CCM, NIST "\x01\x2f")                                             \
    X(DES3_CBC, PKCS "\x03\x07")                                               \
    X(RC2_CBC, PKCS "\x03\x02")                                                \
    /* key agreement and wrap: RFC 5753, 3565, 3370 */                         \
    X(DES3_WRAP, PKCS "\x01\x09\x10\x03\x06")                                  \
    X(AES128_WRAP, NIST "\x01\x05")                                            \
    X(AES192_WRAP, NIST "\x01\x19")                                            \
    X(AES256_WRAP, NIST "\x01\x2d")                                            \
    X(STD_DH_SHA1, X963 "\x02")                                                \
    X(STD_DH_SHA224, SECG "\x0b\x00")                                          \
    X(STD_DH_SHA256, SECG "\x0b\x01")                                          \
    X(STD_DH_SHA384, SECG "\x0b\x02")                                          \
    X(STD_DH_SHA512, SECG "\x0b\x03")                                          \
    X(COFACTOR_DH_SHA1, X963 "\x03")                                           \
    X(COFACTOR_DH_SHA224, SECG "\x0e\x00")                                     \
    X(COFACTOR_DH_SHA256, SECG "\x0e\x01")                                     \
    X(COFACTOR_DH_SHA384, SECG "\x0e\x02")                                     \
    X(COFACTOR_DH_SHA512, SECG "\x0e\x03")                                     \
    /* RFC 8418 */                                                             \
    X(STD_DH_HKDF_SHA256, PKCS "\x01\x09\x10\x03\x13")                         \
    X(STD_DH_HKDF_SHA384, PKCS "\x01\x09\x10\x03\x14")                         \
    X(STD_DH_HKDF_SHA512, PKCS "\x01\x09\x10\x03\x15")                         \
    /* certificate extensions: RFC 5280 4.2.1 */                               \
    X(SUBJECT_KEY_ID, "\x55\x1d\x0e")                                          \
    X(KEY_USAGE, "\x55\x1d\x0f")

enum oid {
    OID_UNKNOWN,
#define X(name, bytes) OID_##name,
    OIDS(X)
#undef X
        OID_COUNT
};

/* The content octets of WHICH; OID_UNKNOWN is bug(). */
struct slice oid_bytes(enum oid which);

/* OID_UNKNOWN when it is none of ours. */
enum oid oid_find(struct slice body);

#endif
