/*
 * Runs the real smime command, on its own or against a server that answers
 * as told.
 */
#ifndef TESTS_UNIT_CLIENT_COMMAND_H
#define TESTS_UNIT_CLIENT_COMMAND_H

#include "client_server.h"
#include "places_of_tests.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SMIME SMIME_BUILD_DIR "/bin/smime"

static char output[65536]; /* stdout of the last run */
static char errors[65536]; /* stderr of the last run */

static inline void
file_read_all(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, out, size - 1);

    assert_true(n >= 0);
    out[n] = '\0';
    close(fd);
    unlink(path);
}

/* Runs a shell line with $S as the command; gives its exit code. */
static inline int
run(const char *line)
{
    char out[64], err[64], whole[4096];
    int status;

    snprintf(out, sizeof(out), "/tmp/client-cli-%d.out", (int)getpid());
    snprintf(err, sizeof(err), "/tmp/client-cli-%d.err", (int)getpid());
    snprintf(whole, sizeof(whole), "S=%s; exec >%s 2>%s; %s", SMIME, out, err,
             line);
    status = system(whole);
    file_read_all(out, output, sizeof(output));
    file_read_all(err, errors, sizeof(errors));
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static inline int
run_against(struct server *s, const char *line)
{
    int exit_code;

    server_start(s);
    exit_code = run(line);
    server_stop(s);
    return exit_code;
}

#endif
