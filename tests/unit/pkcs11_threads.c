/*
 * Many threads in the PKCS#11 module while the agent comes and goes and, in
 * builds without sanitizers, children are forked: nothing crashes or hangs,
 * every answer is one of those that a program can meet, and when the agent
 * stays, all is as before.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/wait.h>

#include "tests/unit/pkcs11_agent.h"

#include "client/pkcs11/module.h"

#define THREADS  8
#define ROUNDS   60      /* that each thread signs */
#define ATTEMPTS 1000000 /* while the agent is away */
#define RESTARTS 12
#define CHILDREN 12

static CK_FUNCTION_LIST *f;
static atomic_int signed_well, wrong, working;

static bool
is_expected(CK_RV rv)
{
    return rv == CKR_OK || rv == CKR_DEVICE_REMOVED ||
           rv == CKR_KEY_HANDLE_INVALID || rv == CKR_TOKEN_NOT_PRESENT;
}

static void
note(const char *what, CK_RV rv)
{
    if (is_expected(rv))
        return;
    print_error("%s: 0x%lx\n", what, rv);
    atomic_fetch_add(&wrong, 1);
}

static CK_RV
sign_once(CK_SESSION_HANDLE s)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &class, sizeof(class)},
                        {CKA_LABEL, (void *)(uintptr_t) "rsa", 3}};
    CK_MECHANISM m = {CKM_RSA_PKCS, NULL, 0};
    uint8_t data[20] = {1}, sig[128];
    CK_ULONG found = 0, n = sizeof(sig);
    CK_OBJECT_HANDLE key = 0;
    CK_RV rv = f->C_FindObjectsInit(s, t, 2);

    if (rv == CKR_OK)
        rv = f->C_FindObjects(s, &key, 1, &found);
    if (rv == CKR_OK)
        rv = f->C_FindObjectsFinal(s);
    if (rv != CKR_OK || found == 0)
        return rv;
    rv = f->C_SignInit(s, &m, key);
    return rv == CKR_OK ? f->C_Sign(s, data, 20, sig, &n) : rv;
}

static void *
work(void *arg)
{
    (void)arg;
    for (int done = 0, i = 0; done < ROUNDS && i < ATTEMPTS; i++) {
        CK_SESSION_HANDLE s = 0;
        CK_RV rv = f->C_OpenSession(SLOT, CKF_SERIAL_SESSION, NULL, NULL, &s);

        note("C_OpenSession", rv);
        if (rv != CKR_OK) {
            sched_yield();
            continue;
        }
        rv = sign_once(s);
        note("signing", rv);
        done += rv == CKR_OK;
        if (rv == CKR_OK)
            atomic_fetch_add(&signed_well, 1);
        note("C_CloseSession", f->C_CloseSession(s));
    }
    atomic_fetch_sub(&working, 1);
    return NULL;
}

#ifndef SMIME_SANITIZED
static int
child(void)
{
    CK_SESSION_HANDLE s = 0;
    CK_RV rv;

    (void)alarm(100);
    if (f->C_OpenSession(SLOT, CKF_SERIAL_SESSION, NULL, NULL, &s) !=
            CKR_CRYPTOKI_NOT_INITIALIZED ||
        f->C_Initialize(NULL) != CKR_OK)
        return 1;
    rv = f->C_OpenSession(SLOT, CKF_SERIAL_SESSION, NULL, NULL, &s);
    return is_expected(rv) && f->C_Finalize(NULL) == CKR_OK ? 0 : 2;
}

static void
fork_some(void)
{
    for (int i = 0; i < CHILDREN; i++) {
        pid_t pid = fork();
        int status = -1;

        if (pid == 0)
            _exit(child());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
}
#else
/* The allocator of a sanitizer is not ready for a child of many threads. */
static void
fork_some(void)
{
}
#endif

static void
threads_children_and_restarts(void **state)
{
    CK_C_INITIALIZE_ARGS a = {.flags = CKF_OS_LOCKING_OK};
    CK_SESSION_HANDLE own = 0;
    pthread_t all[THREADS];

    (void)state;
    fake_defaults();
    fake_start();
    assert_int_equal(C_GetFunctionList(&f), CKR_OK);
    assert_int_equal(f->C_Initialize(&a), CKR_OK);
    assert_int_equal(
        f->C_OpenSession(SLOT, CKF_SERIAL_SESSION, NULL, NULL, &own), CKR_OK);
    assert_int_equal(f->C_Login(own, CKU_USER, NULL, 0), CKR_OK);
    atomic_store(&working, THREADS);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&all[i], NULL, work, NULL), 0);
    for (int i = 0; i < RESTARTS && atomic_load(&working) > 0; i++) {
        int before = atomic_load(&signed_well);

        fake_stop();
        fork_some();
        fake_start();
        while (atomic_load(&working) > 0 && atomic_load(&signed_well) == before)
            sched_yield();
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(all[i], NULL), 0);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_true(atomic_load(&signed_well) > THREADS);
    module.listed_ms = 0;
    assert_int_equal(sign_once(own), CKR_OK);
    assert_int_equal(f->C_Finalize(NULL), CKR_OK);
    fake_stop();
}

/* Whoever waits for the agent when the module is finalised is told. */
static void *
finalize(void *arg)
{
    (void)arg;
    while (fake_count(&fake.operations) == 0)
        sched_yield();
    assert_int_equal(f->C_Finalize(NULL), CKR_OK);
    return NULL;
}

static void
finalizing_ends_what_waits(void **state)
{
    CK_SESSION_HANDLE s = 0;
    pthread_t other;
    CK_RV rv = CKR_OK;

    (void)state;
    fake_defaults();
    fake_start();
    assert_int_equal(f->C_Initialize(NULL), CKR_OK);
    assert_int_equal(f->C_OpenSession(SLOT, CKF_SERIAL_SESSION, NULL, NULL, &s),
                     CKR_OK);
    assert_int_equal(f->C_Login(s, CKU_USER, NULL, 0), CKR_OK);
    assert_int_equal(pthread_create(&other, NULL, finalize, NULL), 0);
    while (rv == CKR_OK)
        rv = sign_once(s);
    assert_int_equal(rv, CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_int_equal(pthread_join(other, NULL), 0);
    fake_stop();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_children_and_restarts),
        cmocka_unit_test(finalizing_ends_what_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
