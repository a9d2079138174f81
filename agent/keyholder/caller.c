#include "agent/keyholder/caller.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/secret.h"

#define NAME_BYTES        32
#define PROGRAM           "smime-gpgsm"
#define STARTER           "_assuan_pipe_connect_pid="
#define ENVIRONMENT_BYTES (256U << 10)

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

struct origin {
    uint32_t parent;          /* 0: none */
    unsigned long long start; /* in ticks since the machine began */
};

/* Fields 4 and 22, behind the name, which may hold anything. */
static struct origin
origin_of(uint32_t pid)
{
    char path[64], text[1024];
    const char *behind;
    struct origin out = {0};
    unsigned parent;
    int fd;
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%u/stat", (unsigned)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return out;
    n = read(fd, text, sizeof(text) - 1);
    fd_drop(&fd);
    if (n <= 0)
        return out;
    text[n] = '\0';
    behind = strrchr(text, ')');
    if (!behind ||
        sscanf(behind,
               ") %*c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
               "%*d %*d %*d %*d %llu",
               &parent, &out.start) != 2)
        return (struct origin){0};
    out.parent = parent;
    return out;
}

/* What a process was started with; empty when it may not be read. */
static void
environment_load(uint32_t pid, struct buf *out)
{
    char path[64];
    AUTO(fd) int fd = -1;
    ssize_t n = 1;

    snprintf(path, sizeof(path), "/proc/%u/environ", (unsigned)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && n > 0 && out->len < ENVIRONMENT_BYTES) {
        uint8_t piece[4096];

        n = read(fd, piece, sizeof(piece));
        if (n > 0)
            buf_add(out, piece, (size_t)n);
        wipe(piece, sizeof(piece));
    }
    buf_add(out, "", 1);
}

/* GPGME starts its engine by way of a process that ends at once, so the
 * engine's parent is whoever takes orphans in. libassuan says for that case
 * which process it was. 0: it was not said. */
static uint32_t
starter_said(uint32_t pid)
{
    AUTO(buf) struct buf all = {0};
    unsigned said = 0;

    environment_load(pid, &all);
    for (size_t at = 0; at < all.len;) {
        const char *one = (const char *)all.data + at;

        if (strncmp(one, STARTER, strlen(STARTER)) == 0 &&
            sscanf(one + strlen(STARTER), "%9u", &said) != 1)
            said = 0;
        at += strlen(one) + 1;
    }
    return said;
}

/* Of the engine, whoever started it, if that one still lives: a process that
 * began later has only got its number. */
static uint32_t
starter_of(uint32_t pid, const char *name)
{
    struct origin mine = origin_of(pid);
    uint32_t said = strcmp(name, PROGRAM) == 0 ? starter_said(pid) : 0;
    struct origin its;

    if (said <= 1 || said == pid)
        return mine.parent;
    its = origin_of(said);
    return its.start > 0 && its.start <= mine.start ? said : mine.parent;
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
        pid = starter_of(pid, name);
        if (pid <= 1 || used >= size || !program_name(pid, name, sizeof(name)))
            return;
        used += (size_t)snprintf(out + used, size - used, ", from %s", name);
    }
}
