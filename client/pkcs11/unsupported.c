/* What needs no private key is not done here: programs have it from their own
 * library, and this one links none. */
#include <sys/random.h>

#include "client/pkcs11/module.h"

#define UNUSED __attribute__((unused))
#define IN     UNUSED unsigned char
#define N      UNUSED CK_ULONG
#define KEY    UNUSED CK_OBJECT_HANDLE
#define MECH   UNUSED CK_MECHANISM

static CK_RV
refuse(CK_SESSION_HANDLE session, CK_RV why)
{
    struct session *s;
    CK_RV rv = session_get(session, &s);

    return rv == CKR_OK ? why : rv;
}

#define REFUSES(name, why, ...)                                                \
    CK_RV name(CK_SESSION_HANDLE session, ##__VA_ARGS__)                       \
    {                                                                          \
        GUARDED(refuse(session, (why)));                                       \
    }
#define LACKS(name, ...)                                                       \
    REFUSES(name, CKR_FUNCTION_NOT_SUPPORTED, ##__VA_ARGS__)

LACKS(C_GetOperationState, IN *state, N *n)
LACKS(C_SetOperationState, IN *state, N n, KEY a, KEY b)
LACKS(C_EncryptInit, MECH *m, KEY key)
LACKS(C_Encrypt, IN *data, N n, IN *out, N *out_n)
LACKS(C_EncryptUpdate, IN *part, N n, IN *out, N *out_n)
LACKS(C_EncryptFinal, IN *out, N *out_n)
LACKS(C_DigestInit, MECH *m)
LACKS(C_Digest, IN *data, N n, IN *out, N *out_n)
LACKS(C_DigestUpdate, IN *part, N n)
LACKS(C_DigestKey, KEY key)
LACKS(C_DigestFinal, IN *out, N *out_n)
LACKS(C_SignRecoverInit, MECH *m, KEY key)
LACKS(C_SignRecover, IN *data, N n, IN *out, N *out_n)
LACKS(C_VerifyInit, MECH *m, KEY key)
LACKS(C_Verify, IN *data, N n, IN *signature, N signature_n)
LACKS(C_VerifyUpdate, IN *part, N n)
LACKS(C_VerifyFinal, IN *signature, N n)
LACKS(C_VerifyRecoverInit, MECH *m, KEY key)
LACKS(C_VerifyRecover, IN *signature, N n, IN *out, N *out_n)
LACKS(C_DigestEncryptUpdate, IN *part, N n, IN *out, N *out_n)
LACKS(C_DecryptDigestUpdate, IN *part, N n, IN *out, N *out_n)
LACKS(C_SignEncryptUpdate, IN *part, N n, IN *out, N *out_n)
LACKS(C_DecryptVerifyUpdate, IN *part, N n, IN *out, N *out_n)
LACKS(C_GenerateKey, MECH *m, UNUSED CK_ATTRIBUTE *t, N n,
      UNUSED CK_OBJECT_HANDLE *out)
LACKS(C_GenerateKeyPair, MECH *m, UNUSED CK_ATTRIBUTE *t, N n,
      UNUSED CK_ATTRIBUTE *u, N k, UNUSED CK_OBJECT_HANDLE *a,
      UNUSED CK_OBJECT_HANDLE *b)
LACKS(C_WrapKey, MECH *m, KEY a, KEY b, IN *out, N *out_n)
REFUSES(C_SeedRandom, CKR_RANDOM_SEED_NOT_SUPPORTED, IN *seed, N n)

/* Left from PKCS#11 1.0. */
REFUSES(C_GetFunctionStatus, CKR_FUNCTION_NOT_PARALLEL)
REFUSES(C_CancelFunction, CKR_FUNCTION_NOT_PARALLEL)

/* The system's, for the programs that ask any token; CKF_RNG is not set, so
 * that none comes here for good ones. */
static CK_RV
random_fill(CK_SESSION_HANDLE session, unsigned char *out, CK_ULONG n)
{
    CK_RV rv = refuse(session, CKR_OK);

    if (rv == CKR_OK && !out && n > 0)
        rv = CKR_ARGUMENTS_BAD;
    while (rv == CKR_OK && n > 0) {
        ssize_t got = getrandom(out, n, 0);

        if (got <= 0)
            return CKR_DEVICE_ERROR;
        out += got;
        n -= (CK_ULONG)got;
    }
    return rv;
}

CK_RV
C_GenerateRandom(CK_SESSION_HANDLE session, unsigned char *out, CK_ULONG n)
{
    GUARDED(random_fill(session, out, n));
}
