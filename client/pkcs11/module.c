/* C_Initialize, C_Finalize, C_GetInfo, the lock, and what fork leaves. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/pkcs11/module.h"

struct module module;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Of the process that has called C_Initialize; 0: none. Read without the
 * lock: in a child it may be held by a thread that is not there. */
static _Atomic pid_t owner;

CK_RV
module_enter(void)
{
    if (atomic_load(&owner) != getpid())
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    if (module_lock())
        return CKR_OK;
    module_leave();
    return CKR_CRYPTOKI_NOT_INITIALIZED;
}

void
module_leave(void)
{
    (void)pthread_mutex_unlock(&lock);
}

bool
module_lock(void)
{
    (void)pthread_mutex_lock(&lock);
    return atomic_load(&owner) == getpid();
}

/* ---- where to ask the person --------------------------------------------- */

static void
caller_set(json_t *caller, const char *name, const char *value)
{
    if (value && value[0] != '\0')
        (void)json_object_set_new(caller, name, json_string(value));
}

static void
caller_set_first(json_t *caller, const char *name, const char *const from[])
{
    for (; *from; from++) {
        const char *value = getenv(*from);

        if (value && value[0] != '\0') {
            caller_set(caller, name, value);
            return;
        }
    }
}

static json_t *
caller_new(void)
{
    static const char *const displays[] = {"DISPLAY", "WAYLAND_DISPLAY", NULL};
    static const char *const locales[] = {"LC_ALL", "LC_MESSAGES", "LANG",
                                          NULL};
    json_t *caller = json_object();
    char tty[256];

    for (int fd = STDIN_FILENO; caller && fd <= STDERR_FILENO; fd++)
        if (ttyname_r(fd, tty, sizeof(tty)) == 0) {
            caller_set(caller, "tty", tty);
            break;
        }
    caller_set(caller, "term", getenv("TERM"));
    caller_set_first(caller, "display", displays);
    caller_set_first(caller, "locale", locales);
    return caller;
}

/* ---- begin and end ------------------------------------------------------- */

static void
state_drop(void)
{
    sessions_drop();
    objects_end(0);
    free(module.object);
    free(module.session);
    json_decref(module.caller);
    agent_drop();
    module = (struct module){.generation = module.generation + 1};
}

/* The mutexes given to C_Initialize are not used: threads are those of the
 * system here, and no thread of ours is started. */
static CK_RV
arguments_check(const CK_C_INITIALIZE_ARGS *a)
{
    int given;

    if (!a)
        return CKR_OK;
    if (a->pReserved)
        return CKR_ARGUMENTS_BAD;
    given = (a->CreateMutex != NULL) + (a->DestroyMutex != NULL) +
            (a->LockMutex != NULL) + (a->UnlockMutex != NULL);
    if (given != 0 && given != 4)
        return CKR_ARGUMENTS_BAD;
    return given == 4 && !(a->flags & CKF_OS_LOCKING_OK) ? CKR_CANT_LOCK
                                                         : CKR_OK;
}

/* In the child nobody else can be here. What the parent has stays its own:
 * sessions, objects and the login are left behind, the sockets are closed. */
static void
child_begins(void)
{
    static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

    lock = fresh;
    agent_abandon();
    module = (struct module){.generation = module.generation + 1};
}

CK_RV
C_Initialize(void *arguments)
{
    CK_RV rv = arguments_check(arguments);
    pid_t was = atomic_load(&owner);

    if (rv != CKR_OK)
        return rv;
    /* The agent's own processes load the modules of the system's
     * configuration; this one would have the agent wait for itself. */
    if (getenv("SMIME_AGENT_INSIDE"))
        return CKR_FUNCTION_NOT_SUPPORTED;
    if (was != 0 && was != getpid())
        child_begins();
    if (module_lock()) {
        module_leave();
        return CKR_CRYPTOKI_ALREADY_INITIALIZED;
    }
    module.caller = caller_new();
    if (!module.caller)
        rv = CKR_HOST_MEMORY;
    else
        atomic_store(&owner, getpid());
    module_leave();
    return rv;
}

CK_RV
C_Finalize(void *reserved)
{
    CK_RV rv;

    if (reserved)
        return CKR_ARGUMENTS_BAD;
    rv = module_enter();
    if (rv != CKR_OK)
        return rv;
    atomic_store(&owner, 0);
    state_drop();
    module_leave();
    return CKR_OK;
}

static void
text_set(unsigned char *out, size_t room, const char *text)
{
    size_t n = strlen(text);

    memset(out, ' ', room);
    memcpy(out, text, n < room ? n : room);
}

CK_RV
C_GetInfo(CK_INFO *info)
{
    CK_RV rv = module_enter();

    if (rv != CKR_OK)
        return rv;
    module_leave();
    if (!info)
        return CKR_ARGUMENTS_BAD;
    *info = (CK_INFO){.cryptokiVersion = {2, 40}, .libraryVersion = {0, 1}};
    text_set(info->manufacturerID, sizeof(info->manufacturerID), "smime-agent");
    text_set(info->libraryDescription, sizeof(info->libraryDescription),
             "keys of smime-agent");
    return CKR_OK;
}
