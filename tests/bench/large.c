#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/bench.h"

extern char **environ;

#define MOST_NAMES 16

/* The largest resident size seen of each kind of process. */
struct watch {
    int agent;
    atomic_int stop;
    char name[MOST_NAMES][32];
    long peak_kib[MOST_NAMES];
    int names;
};

struct status {
    char name[32];
    int parent;
    long peak_kib;
};

static int
read_status(int pid, struct status *out)
{
    char path[64], line[256];
    FILE *f;

    memset(out, 0, sizeof(*out));
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    f = fopen(path, "re");
    if (!f)
        return 0;
    while (fgets(line, sizeof(line), f)) {
        (void)sscanf(line, "Name: %31s", out->name);
        (void)sscanf(line, "PPid: %d", &out->parent);
        (void)sscanf(line, "VmHWM: %ld", &out->peak_kib);
    }
    fclose(f);
    return 1;
}

static void
note(struct watch *w, const struct status *s)
{
    int i = 0;

    while (i < w->names && strcmp(w->name[i], s->name) != 0)
        i++;
    if (i == MOST_NAMES)
        return;
    if (i == w->names)
        snprintf(w->name[w->names++], 32, "%s", s->name);
    if (s->peak_kib > w->peak_kib[i])
        w->peak_kib[i] = s->peak_kib;
}

/* The agent, its children and the zygote's. */
static void
look(struct watch *w)
{
    DIR *d = opendir("/proc");
    struct dirent *e;
    struct status s, up;

    while (d && (e = readdir(d))) {
        int pid = (int)strtol(e->d_name, NULL, 10);

        if (pid > 0 && read_status(pid, &s) &&
            (pid == w->agent || s.parent == w->agent ||
             (read_status(s.parent, &up) && up.parent == w->agent)))
            note(w, &s);
    }
    if (d)
        closedir(d);
}

static void *
watching(void *arg)
{
    struct watch *w = arg;
    struct timespec pause = {0, 10 * 1000 * 1000};

    while (!atomic_load(&w->stop)) {
        look(w);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static int
run(const char *input, const char *output, char *const argv[])
{
    posix_spawn_file_actions_t a;
    pid_t pid;
    int status = -1;

    posix_spawn_file_actions_init(&a);
    posix_spawn_file_actions_addopen(&a, 0, input, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&a, 1, output,
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (posix_spawn(&pid, argv[0], &a, NULL, argv, environ) == 0)
        waitpid(pid, &status, 0);
    posix_spawn_file_actions_destroy(&a);
    return status;
}

void
large_run(const char *what, int agent_pid, const char *input,
          const char *output, char *const argv[])
{
    struct watch w = {.agent = agent_pid};
    pthread_t thread;
    struct stat st;
    double start, took;
    int status;

    if (stat(input, &st) != 0 ||
        pthread_create(&thread, NULL, watching, &w) != 0)
        die("%s: cannot begin", what);
    start = now_us();
    status = run(input, output, argv);
    took = now_us() - start;
    atomic_store(&w.stop, 1);
    pthread_join(thread, NULL);
    if (status != 0)
        die("%s: ended with %d", what, status);
    printf("%5lld MiB %-18s %7.0f MB/s  peak MiB:",
           (long long)st.st_size / (1024 * 1024), what,
           (double)st.st_size / took);
    for (int i = 0; i < w.names; i++)
        printf(" %s %.1f", w.name[i], (double)w.peak_kib[i] / 1024);
    printf("\n");
}
