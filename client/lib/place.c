#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/lib/client.h"

static const char *const suffixes[] = {[SMIME_SOCKET_MAIL] = "",
                                       [SMIME_SOCKET_MANAGE] = ".manage",
                                       [SMIME_SOCKET_RAW] = ".raw"};

static bool
path_write(char *out, size_t size, const char *folder, const char *rest,
           enum smime_socket which)
{
    int n = snprintf(out, size, "%s%s%s", folder, rest, suffixes[which]);

    return n > 0 && (size_t)n < size;
}

bool
socket_path(enum smime_socket which, char *out, size_t size)
{
    static const char below[] = "/smime-agent/io.smimeagent";
    const char *given = getenv("SMIME_AGENT_SOCK");
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char folder[64];
    struct stat st;

    if (given && given[0] != '\0')
        return path_write(out, size, given, "", which);
    if (runtime && runtime[0] == '/')
        return path_write(out, size, runtime, below, which);
    snprintf(folder, sizeof(folder), "/run/user/%u", (unsigned)geteuid());
    return stat(folder, &st) == 0 &&
           path_write(out, size, folder, below, which);
}
