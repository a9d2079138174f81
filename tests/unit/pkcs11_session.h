/* A session of the PKCS#11 module with a fake agent. */
#ifndef TESTS_UNIT_PKCS11_SESSION_H
#define TESTS_UNIT_PKCS11_SESSION_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>

#include "tests/unit/pkcs11_agent.h"

#include "client/pkcs11/module.h"

static CK_FUNCTION_LIST *f;
static CK_SESSION_HANDLE s;

#define EXPECT(want, call) assert_int_equal((call), (want))

static inline int
set_up(void **state)
{
    (void)state;
    fake_defaults();
    fake_start();
    EXPECT(CKR_OK, C_GetFunctionList(&f));
    EXPECT(CKR_OK, f->C_Initialize(NULL));
    EXPECT(CKR_OK, f->C_OpenSession(SLOT, CKF_SERIAL_SESSION, NULL, NULL, &s));
    EXPECT(CKR_OK, f->C_Login(s, CKU_USER, NULL, 0));
    return 0;
}

static inline int
tear_down(void **state)
{
    (void)state;
    (void)f->C_Finalize(NULL);
    fake_stop();
    return 0;
}

/* What is found of CLASS with LABEL ("": any): how many, the first in *out. */
static inline CK_ULONG
find(CK_OBJECT_CLASS class, const char *label, CK_OBJECT_HANDLE *out)
{
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &class, sizeof(class)},
                        {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)}};
    CK_OBJECT_HANDLE all[16];
    CK_ULONG n = 0;

    EXPECT(CKR_OK, f->C_FindObjectsInit(s, t, label[0] ? 2 : 1));
    EXPECT(CKR_OK, f->C_FindObjects(s, all, 16, &n));
    EXPECT(CKR_OK, f->C_FindObjectsFinal(s));
    if (n > 0)
        *out = all[0];
    return n;
}

static inline CK_OBJECT_HANDLE
private_key(const char *label)
{
    CK_OBJECT_HANDLE o = 0;

    assert_int_equal(find(CKO_PRIVATE_KEY, label, &o), 1);
    return o;
}

#endif
