/*
 * gpgconf, as GPGME asks it where its engines are: passes everything on to
 * the real one, and names smime-gpgsm in the one line that is about gpgsm.
 * GPGME has no other place where a user could choose.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SMIME_GPGSM_FROM_LIBEXEC
#error "where smime-gpgsm is, seen from this program"
#endif

#define USUAL_PLACE "/usr/bin/gpgconf"

static bool
self_folder(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    char *slash;

    if (n <= 0)
        return false;
    out[n] = '\0';
    slash = strrchr(out, '/');
    if (slash)
        *slash = '\0';
    return slash != NULL;
}

static bool
engine_path(char *out)
{
    char folder[PATH_MAX], path[2 * PATH_MAX];

    if (!self_folder(folder, sizeof(folder)))
        return false;
    snprintf(path, sizeof(path), "%s/%s", folder, SMIME_GPGSM_FROM_LIBEXEC);
    return realpath(path, out) != NULL;
}

/* ---- the real one -------------------------------------------------------- */

static bool
is_other_program(const char *path, const struct stat *self)
{
    struct stat st;

    return access(path, X_OK) == 0 && stat(path, &st) == 0 &&
           S_ISREG(st.st_mode) &&
           (st.st_dev != self->st_dev || st.st_ino != self->st_ino);
}

/* The first gpgconf of PATH that is not this program, else the usual one. */
static bool
real_find(char *out, size_t size)
{
    const char *at = getenv("PATH");
    struct stat self;

    if (stat("/proc/self/exe", &self) != 0)
        return false;
    for (; at && *at; at += strspn(at, ":")) {
        size_t n = strcspn(at, ":");
        int used = snprintf(out, size, "%.*s/gpgconf", (int)n, at);

        at += n;
        if (used > 0 && (size_t)used < size && is_other_program(out, &self))
            return true;
    }
    snprintf(out, size, "%s", USUAL_PLACE);
    return is_other_program(out, &self);
}

/* ---- rewriting ----------------------------------------------------------- */

static bool
is_of_engines(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--list-components") == 0 ||
            strcmp(argv[i], "--list-dirs") == 0 || strcmp(argv[i], "-L") == 0)
            return true;
    return false;
}

/* "gpgsm:S/MIME:/usr/bin/gpgsm" with another path; what gpgconf puts behind
 * it stays. A colon in a path is %3a there. */
static void
line_write(char *line, const char *engine)
{
    char *description = strncmp(line, "gpgsm:", 6) == 0 ? line + 6 : NULL;
    char *path = description ? strchr(description, ':') : NULL;
    const char *behind;

    if (!path) {
        fputs(line, stdout);
        return;
    }
    *path++ = '\0';
    behind = path + strcspn(path, ":\n");
    printf("%s:", line);
    for (; *engine; engine++)
        if (strchr(":%", *engine))
            printf("%%%02x", *engine);
        else
            putchar(*engine);
    fputs(behind, stdout);
}

static int
lines_pass(FILE *from, const char *engine)
{
    char *line = NULL;
    size_t room = 0;

    while (getline(&line, &room, from) > 0)
        line_write(line, engine);
    free(line);
    return fflush(stdout) == 0 ? 0 : 2;
}

/* Without GnuPG there is this one engine. */
static int
alone(int argc, char **argv, const char *engine)
{
    char line[] = "gpgsm:S/MIME:\n";

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--list-components") == 0)
            line_write(line, engine);
    return fflush(stdout) == 0 ? 0 : 2;
}

static int
real_run(const char *real, char **argv, const char *engine)
{
    int ends[2], status = 0, written;
    FILE *from;
    pid_t pid;

    if (pipe(ends) != 0 || (pid = fork()) < 0) {
        perror("gpgconf");
        return 2;
    }
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execv(real, argv);
        _exit(127);
    }
    close(ends[1]);
    from = fdopen(ends[0], "r");
    written = from ? lines_pass(from, engine) : 2;
    if (from)
        fclose(from);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status)
                                                         : written;
}

int
main(int argc, char **argv)
{
    char real[PATH_MAX], engine[PATH_MAX];
    bool has_real = real_find(real, sizeof(real));
    bool has_engine = engine_path(engine);

    if (!has_engine && !has_real) {
        fputs("gpgconf: neither GnuPG nor smime-gpgsm is installed\n", stderr);
        return 2;
    }
    if (has_engine && is_of_engines(argc, argv))
        return has_real ? real_run(real, argv, engine)
                        : alone(argc, argv, engine);
    execv(real, argv);
    perror(real);
    return 2;
}
