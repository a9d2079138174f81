#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"

struct raw {
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE rsa;
    CK_OBJECT_HANDLE rsa_public;
    CK_OBJECT_HANDLE ec;
};

static void
must(CK_RV rv, const char *what)
{
    if (rv != CKR_OK)
        die("%s: 0x%lx", what, rv);
}

static CK_OBJECT_HANDLE
find(struct raw *r, CK_OBJECT_CLASS class, CK_KEY_TYPE type)
{
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &class, sizeof(class)},
                        {CKA_KEY_TYPE, &type, sizeof(type)}};
    CK_OBJECT_HANDLE h = 0;
    CK_ULONG n = 0;

    must(r->f->C_FindObjectsInit(r->session, t, 2), "C_FindObjectsInit");
    must(r->f->C_FindObjects(r->session, &h, 1, &n), "C_FindObjects");
    must(r->f->C_FindObjectsFinal(r->session), "C_FindObjectsFinal");
    return n == 1 ? h : 0;
}

static CK_SLOT_ID
find_slot(struct raw *r, const char *token)
{
    CK_SLOT_ID slots[16];
    CK_ULONG n = 16;
    CK_TOKEN_INFO info;

    must(r->f->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList");
    for (CK_ULONG i = 0; i < n; i++)
        if (r->f->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
            strncmp((char *)info.label, token, strlen(token)) == 0)
            return slots[i];
    die("no token %s", token);
}

static CK_SESSION_HANDLE
session_new(struct raw *r, const char *token)
{
    CK_SESSION_HANDLE session = 0;

    must(r->f->C_OpenSession(find_slot(r, token), CKF_SERIAL_SESSION, NULL,
                             NULL, &session),
         "C_OpenSession");
    return session;
}

static void
keys_find(struct raw *r)
{
    r->rsa = find(r, CKO_PRIVATE_KEY, CKK_RSA);
    r->rsa_public = find(r, CKO_PUBLIC_KEY, CKK_RSA);
    r->ec = find(r, CKO_PRIVATE_KEY, CKK_EC);
    if (!r->rsa || !r->rsa_public)
        die("the token lacks an RSA key");
}

/* A login is the token's, and lasts as long as a session on it. */
void
raw_login(struct raw *r, const char *token, const char *pin)
{
    must(r->f->C_Login(session_new(r, token), CKU_USER,
                       (CK_UTF8CHAR *)(uintptr_t)pin, strlen(pin)),
         "C_Login");
}

struct raw *
raw_session(struct raw *of, const char *token)
{
    struct raw *r = calloc(1, sizeof(*r));

    if (!r)
        die("out of memory");
    r->f = of->f;
    r->session = session_new(r, token);
    keys_find(r);
    return r;
}

struct raw *
raw_open(const char *module, const char *token, const char *pin)
{
    CK_C_INITIALIZE_ARGS threads = {.flags = CKF_OS_LOCKING_OK};
    struct raw *r = calloc(1, sizeof(*r));
    void *library = dlopen(module, RTLD_NOW);
    CK_RV (*get)(CK_FUNCTION_LIST **);
    void *symbol = library ? dlsym(library, "C_GetFunctionList") : NULL;

    if (!r || !symbol)
        die("%s cannot be loaded", module);
    memcpy(&get, &symbol, sizeof(get));
    must(get(&r->f), "C_GetFunctionList");
    must(r->f->C_Initialize(&threads), "C_Initialize");
    raw_login(r, token, pin);
    r->session = session_new(r, token);
    keys_find(r);
    return r;
}

void
raw_sign(struct raw *r, int is_rsa)
{
    CK_MECHANISM m = {is_rsa ? CKM_RSA_PKCS : CKM_ECDSA, NULL, 0};
    CK_BYTE digest_info[51] = {0x30, 0x31};
    CK_BYTE signature[512];
    CK_ULONG n = sizeof(signature);

    must(r->f->C_SignInit(r->session, &m, is_rsa ? r->rsa : r->ec),
         "C_SignInit");
    must(r->f->C_Sign(r->session, digest_info, is_rsa ? 51 : 32, signature, &n),
         "C_Sign");
}

void
raw_decrypt(struct raw *r, const uint8_t *wrapped, size_t n)
{
    CK_MECHANISM m = {CKM_RSA_PKCS, NULL, 0};
    CK_BYTE out[512];
    CK_ULONG got = sizeof(out);

    must(r->f->C_DecryptInit(r->session, &m, r->rsa), "C_DecryptInit");
    must(r->f->C_Decrypt(r->session, (CK_BYTE *)(uintptr_t)wrapped, n, out,
                         &got),
         "C_Decrypt");
}

size_t
raw_wrap(struct raw *r, uint8_t *out, size_t size)
{
    CK_MECHANISM m = {CKM_RSA_PKCS, NULL, 0};
    CK_BYTE key[32] = {1};
    CK_ULONG n = size;

    must(r->f->C_EncryptInit(r->session, &m, r->rsa_public), "C_EncryptInit");
    must(r->f->C_Encrypt(r->session, key, sizeof(key), out, &n), "C_Encrypt");
    return n;
}
