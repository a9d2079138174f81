/*
 * Modules in processes of their own: p11-kit's client speaks to p11-kit-remote
 * over a socket. This process starts nothing; whoever owns the store is given
 * the other end (token_config's serve) and puts p11-kit-remote behind it.
 */
#include "tokens/internal.h"
#include "tokens/loading.h"

#include <ctype.h>
#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define GLANCE_MS 50
#define ADDRESS   "P11_KIT_SERVER_ADDRESS"

/* The socket of the module NAME in FOLDER: no name leads out of it. */
static bool
socket_path(const char *folder, const char *name, struct sockaddr_un *out)
{
    int n = snprintf(out->sun_path, sizeof(out->sun_path), "%s/module-%s",
                     folder, name);

    out->sun_family = AF_UNIX;
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
            return false;
    return n > 0 && (size_t)n < sizeof(out->sun_path);
}

static int
socket_listen(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    (void)unlink(address->sun_path);
    if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
        chmod(address->sun_path, 0600) == 0 && listen(fd, 4) == 0)
        return fd;
    close(fd);
    return -1;
}

/* p11-kit decodes the path of an address as a URI's. */
static void
address_of(const char *path, char out[512])
{
    size_t n = (size_t)sprintf(out, "unix:path=");

    for (; *path && n < 500; path++)
        n += (size_t)sprintf(
            out + n,
            isalnum((unsigned char)*path) || strchr("/-_.", *path) ? "%c"
                                                                   : "%%%02X",
            (unsigned char)*path);
}

/* Each call of it makes a list of its own, for the address of the moment.
 * Only called before there is another thread. */
static CK_FUNCTION_LIST *
client_list(const char *path)
{
    CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
    void *client = dlopen(P11_KIT_CLIENT, RTLD_NOW | RTLD_LOCAL);
    CK_FUNCTION_LIST *f = NULL;
    char address[512];

    if (client)
        *(void **)&get = dlsym(client, "C_GetFunctionList");
    address_of(path, address);
    if (!get || setenv(ADDRESS, address, 1) != 0)
        return NULL;
    CK_RV rv = get(&f);
    (void)unsetenv(ADDRESS);
    return rv == CKR_OK ? f : NULL;
}

bool
remote_load(struct module *m, const struct token_config *c)
{
    struct sockaddr_un address = {0};

    m->remote = true;
    m->listener = -1;
    if (!c->serve || !c->folder || !socket_path(c->folder, m->name, &address)) {
        snprintf(m->why, sizeof(m->why),
                 "for a process of its own its name may have letters, digits, "
                 "- and _ only");
        return false;
    }
    (void)mkdir(c->folder, 0700);
    m->listener = socket_listen(&address);
    m->socket = strdup(address.sun_path);
    if (m->listener < 0 || !m->socket)
        return false;
    m->f = client_list(m->socket);
    return m->f != NULL;
}

/* Nobody but this process is served through its socket. */
static bool
is_ourselves(int fd)
{
    struct ucred who;
    socklen_t n = sizeof(who);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 &&
           who.pid == getpid();
}

struct calling {
    struct module *module;
    bool done; /* atomic */
};

static void *
serve_one(void *arg)
{
    struct calling *calling = arg;
    struct module *m = calling->module;
    bool served = false;

    while (!served && !__atomic_load_n(&calling->done, __ATOMIC_SEQ_CST)) {
        struct pollfd waiting = {.fd = m->listener, .events = POLLIN};

        if (poll(&waiting, 1, GLANCE_MS) <= 0)
            continue;
        int fd = accept4(m->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        served = is_ourselves(fd);
        if (served)
            m->store->serve(m->store->serve_arg, m->name, fd);
        close(fd);
    }
    return NULL;
}

/* p11-kit connects within C_Initialize and waits there for the answer. */
CK_RV
remote_initialize(struct module *m)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK,
                                 .pReserved = m->init};
    struct calling calling = {.module = m};
    pthread_t thread;

    if (pthread_create(&thread, NULL, serve_one, &calling) != 0)
        return CKR_HOST_MEMORY;
    CK_RV rv = m->f->C_Initialize(&args);
    __atomic_store_n(&calling.done, true, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
    return rv;
}

void
remote_drop(struct module *m)
{
    if (m->listener >= 0)
        close(m->listener);
    if (m->socket)
        (void)unlink(m->socket);
    free(m->socket);
    m->socket = NULL;
    m->listener = -1;
}
