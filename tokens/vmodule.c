/*
 * smime-vtoken.so: the file that libp11 opens. It holds nothing: the program
 * that loads it gives the function table of its virtual token. In any other
 * program there is none.
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stddef.h>

CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **out)
{
    CK_FUNCTION_LIST *(*find)(void) = NULL;

    *(void **)&find = dlsym(RTLD_DEFAULT, "smime_vtoken_functions");
    if (!find || !out)
        return CKR_GENERAL_ERROR;
    *out = find();
    return CKR_OK;
}
