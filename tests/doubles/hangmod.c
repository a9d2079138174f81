/*
 * A PKCS#11 module whose constructor, as it is loaded, does not come back as
 * long as there is the file HANG_WHILE names (ten minutes at most), nor before
 * HANG_MS are over. Then it is the module HANG_MODULE names; without that it is
 * none. With HANG_CRASHES, the number of a signal, it ends the process by that,
 * with 0 by _exit. The file that HANG_PID names, if it is there, gets the
 * number of the process.
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define GLANCE_NS  20000000L
#define MOST_TURNS (600 * 50)

static void
end_process(int number)
{
    if (number == 0)
        _exit(0);
    (void)raise(number);
}

static void
write_pid(const char *path)
{
    FILE *f = path ? fopen(path, "r+") : NULL;

    if (!f)
        return;
    fprintf(f, "%ld\n", (long)getpid());
    (void)fclose(f);
}

__attribute__((constructor)) static void
hang(void)
{
    const struct timespec glance = {.tv_nsec = GLANCE_NS};
    const char *file = getenv("HANG_WHILE");
    const char *crash = getenv("HANG_CRASHES");
    const char *ms = getenv("HANG_MS");
    int turns = ms ? atoi(ms) / (int)(GLANCE_NS / 1000000) : 0;

    if (crash)
        end_process(atoi(crash));
    write_pid(getenv("HANG_PID"));
    for (int i = 0; i < MOST_TURNS; i++) {
        if (i >= turns && !(file && access(file, F_OK) == 0))
            break;
        nanosleep(&glance, NULL);
    }
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
