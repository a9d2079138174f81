/* Programs that lie beside this one. */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/cli.h"

bool
sibling_path(const char *program, char *out, size_t size)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;
    int used;

    if (n <= 0)
        return false;
    self[n] = '\0';
    slash = strrchr(self, '/');
    if (!slash)
        return false;
    used = snprintf(out, size, "%.*s/%s", (int)(slash - self), self, program);
    return used > 0 && (size_t)used < size;
}
