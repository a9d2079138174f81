#include "agent/keyholder/caller.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"

#define NAME_BYTES 32

/* The file name of a process's program; false when it cannot be told. */
static bool
program_name(uint32_t pid, char *out, size_t size)
{
    char path[64], target[1024];
    const char *name;
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%u/exe", (unsigned)pid);
    n = readlink(path, target, sizeof(target) - 1);
    if (n <= 0)
        return false;
    target[n] = '\0';
    name = strrchr(target, '/');
    text_escape(slice_text(name ? name + 1 : target), out, size);
    return true;
}

/* The parent, field 4 behind the name, which may hold anything; 0: none. */
static uint32_t
parent_of(uint32_t pid)
{
    char path[64], text[512];
    const char *behind;
    unsigned parent = 0;
    int fd;
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%u/stat", (unsigned)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof(text) - 1);
    fd_drop(&fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    behind = strrchr(text, ')');
    if (!behind || sscanf(behind, ") %*c %u", &parent) != 1)
        return 0;
    return parent;
}

void
caller_describe(uint32_t pid, char *out, size_t size)
{
    char name[NAME_BYTES];
    size_t used;

    if (pid == 0 || !program_name(pid, name, sizeof(name))) {
        snprintf(out, size, "an unknown program");
        return;
    }
    used = (size_t)snprintf(out, size, "%s", name);
    for (int i = 0; i < LIMIT_PARENTS; i++) {
        pid = parent_of(pid);
        if (pid <= 1 || used >= size || !program_name(pid, name, sizeof(name)))
            return;
        used += (size_t)snprintf(out + used, size - used, ", from %s", name);
    }
}
