/*
 * A PKCS#11 module whose constructor, as it is loaded, does not come back as
 * long as there is the file HANG_WHILE names (ten minutes at most). Then it is
 * the module HANG_MODULE names; without that it is none. With HANG_CRASHES it
 * ends the process.
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define GLANCE_NS  20000000L
#define MOST_TURNS (600 * 50)

__attribute__((constructor)) static void
hang(void)
{
    const struct timespec glance = {.tv_nsec = GLANCE_NS};
    const char *file = getenv("HANG_WHILE");

    if (getenv("HANG_CRASHES"))
        abort();
    for (int i = 0; file && access(file, F_OK) == 0 && i < MOST_TURNS; i++)
        nanosleep(&glance, NULL);
}

CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **out)
{
    const char *path = getenv("HANG_MODULE");
    void *module = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;

    if (module)
        *(void **)&get = dlsym(module, "C_GetFunctionList");
    return get ? get(out) : CKR_GENERAL_ERROR;
}
