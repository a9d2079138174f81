/*
 * What the PKCS#11 module makes of an answer to Raw.List: objects whose
 * attributes are all within the limits, each handle once, nothing that a
 * program finds without being able to read it; and the same list again gives
 * the same handles. The first byte of the input says whether its rest is a
 * list or an ECDSA signature in DER.
 */
#include <stdlib.h>
#include <string.h>

#include "client/pkcs11/module.h"
#include "tests/fuzz/fuzz.h"

#define HALF 32

static CK_FUNCTION_LIST *f;

static void
check_signature(const uint8_t *data, size_t size)
{
    uint8_t out[2 * HALF + 1] = {0};

    out[2 * HALF] = 0xa5;
    if (ecdsa_flatten(data, size, HALF, out))
        REQUIRE(size >= 8 && data[0] == 0x30);
    REQUIRE(out[2 * HALF] == 0xa5);
}

static CK_ULONG
handles_list(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *out, CK_ULONG room)
{
    CK_ULONG n = 0;

    REQUIRE(f->C_FindObjectsInit(s, NULL, 0) == CKR_OK);
    REQUIRE(f->C_FindObjects(s, out, room, &n) == CKR_OK);
    REQUIRE(f->C_FindObjectsFinal(s) == CKR_OK);
    return n;
}

static void
check_object(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE handle)
{
    CK_OBJECT_CLASS class = 0;
    CK_ATTRIBUTE is = {CKA_CLASS, &class, sizeof(class)};
    CK_ATTRIBUTE value = {CKA_VALUE, NULL, 0};
    CK_ULONG size = 0;

    REQUIRE(f->C_GetAttributeValue(s, handle, &is, 1) == CKR_OK);
    REQUIRE(f->C_GetObjectSize(s, handle, &size) == CKR_OK);
    if (class == CKO_PRIVATE_KEY)
        REQUIRE(f->C_GetAttributeValue(s, handle, &value, 1) ==
                CKR_ATTRIBUTE_SENSITIVE);
    if (class == CKO_CERTIFICATE)
        REQUIRE(f->C_GetAttributeValue(s, handle, &value, 1) == CKR_OK);
}

/* As if the agent had just answered so: nobody is asked. */
static bool
apply(json_t *reply)
{
    bool done;

    REQUIRE(module_enter() == CKR_OK);
    module.is_present = true;
    done = list_apply(reply);
    module.listed_ms = clock_now_ms();
    module_leave();
    return done;
}

static void
check_list(const uint8_t *data, size_t size)
{
    json_t *reply = json_loadb((const char *)data, size, 0, NULL);
    CK_OBJECT_HANDLE first[512], second[512];
    CK_SESSION_HANDLE s = 0;
    CK_ULONG n;

    REQUIRE(f->C_Initialize(NULL) == CKR_OK);
    if (apply(reply)) {
        REQUIRE(f->C_OpenSession(SLOT, CKF_SERIAL_SESSION, NULL, NULL, &s) ==
                CKR_OK);
        module.is_logged_in = true;
        n = handles_list(s, first, 512);
        for (CK_ULONG i = 0; i < n; i++) {
            for (CK_ULONG j = 0; j < i; j++)
                REQUIRE(first[i] != first[j]);
            check_object(s, first[i]);
        }
        REQUIRE(apply(reply) && handles_list(s, second, 512) == n);
        REQUIRE(memcmp(first, second, n * sizeof(first[0])) == 0);
    }
    REQUIRE(f->C_Finalize(NULL) == CKR_OK);
    json_decref(reply);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!f)
        REQUIRE(C_GetFunctionList(&f) == CKR_OK);
    if (size < 1 || size > 64 * 1024)
        return 0;
    if (data[0] == 's')
        check_signature(data + 1, size - 1);
    else
        check_list(data + 1, size - 1);
    return 0;
}
