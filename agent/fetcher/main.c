/*
 * smime-fetcher --config FILE...
 *
 * Started by smime-agent for one question of the keyring to the directory
 * that agent.conf names; fd 3 is its only channel. It holds nothing but, for a
 * publication, the password of that moment. Names are resolved first, since
 * resolving loads modules and reads files: nothing but what that needs can be
 * opened then. After that it opens nothing, starts nothing, maps no code, and
 * connects to the directory's ports alone.
 */
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/harden.h"
#include "agent/base/log.h"
#include "agent/cms/algorithm.h"
#include "agent/fetcher/deadline.h"
#include "agent/fetcher/serve.h"

#define CHANNEL_FD 3
#define FILES      4
#define DNS_PORT   53

/* What the C library's resolver and its modules read. */
static const char *const resolver_files[] = {
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/ld.so.cache",
    "/run/systemd/resolve",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/etc/ssl/certs",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates"};

/* What is left is told by whoever started us: config at fault, no TLS roots. */
static bool
prepare(const struct directory_config *c, struct servers *servers,
        struct problem *p)
{
    const char *readable[ARRAY_COUNT(resolver_files) + 2] = {NULL};
    uint16_t ports[LIMIT_DIRECTORY_URLS + 2];
    struct sandbox_paths paths = {.readable = readable, .ports = ports};
    size_t n = 0;

    if (c->fault[0])
        return fail(p, ERR_DIRECTORY, "%s", c->fault) == ERR_OK;
    if (servers_read(c, servers, p) != ERR_OK)
        return false;
    while (n < ARRAY_COUNT(resolver_files)) {
        readable[n] = resolver_files[n];
        n++;
    }
    readable[n] = c->ca;
    n = servers_ports(servers, ports);
    ports[n] = DNS_PORT;
    ports[n + 1] = 0;
    sandbox_files(&paths);
    sandbox_no_programs();
    servers_resolve(servers);
    if (directory_prepare(c, p) != ERR_OK)
        return false;
    ports[n] = 0;
    paths.readable = NULL;
    sandbox_files(&paths);
    return true;
}

static size_t
arguments_read(int argc, char **argv, const char *files[FILES])
{
    size_t n = 0;

    for (int i = 1; i + 1 < argc && n < FILES; i += 2)
        if (strcmp(argv[i], "--config") == 0)
            files[n++] = argv[i + 1];
    return n;
}

int
main(int argc, char **argv)
{
    const struct rlimit cpu = {LIMIT_DIRECTORY_SECONDS,
                               LIMIT_DIRECTORY_SECONDS};
    const char *files[FILES];
    struct directory_config config;
    struct servers servers = {.count = 0};
    struct problem p = {0};
    bool ready;

    log_open("fetcher");
    harden_process(true);
    if (setrlimit(RLIMIT_CPU, &cpu) != 0)
        log_note("the processor time is not limited");
    /* Neither ldap.conf nor a user's .ldaprc; a resolver that gives up while
     * there is time to ask another replica. */
    (void)setenv("LDAPNOINIT", "1", 1);
    (void)setenv("RES_OPTIONS", "timeout:1 attempts:2", 0);
    directory_config_load(files, arguments_read(argc, argv, files), &config);
    deadline_install();
    deadline_watch(CHANNEL_FD);
    deadline_start(-1, (int)config.timeout_s * 1000);
    tzset();
    algorithm_warm_up();
    ready = prepare(&config, &servers, &p);
    sandbox_calls(SANDBOX_FETCHER);
    if (ready) {
        struct fetching f = {
            .config = &config, .servers = &servers, .channel = CHANNEL_FD};

        fetcher_serve(&f);
    } else {
        fetcher_refuse(CHANNEL_FD,
                       p.code == ERR_DIRECTORY_TLS ? DIRECTORY_TLS
                                                   : DIRECTORY_MISCONFIGURED,
                       p.detail);
    }
    _exit(0);
}
