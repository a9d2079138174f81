/*
 * A world for tests of how modules are loaded: a good one, and others that do
 * not come back from that, in agent.conf and in p11-kit's configuration.
 */
#ifndef TESTS_UNIT_TOKENS_LOADING_H
#define TESTS_UNIT_TOKENS_LOADING_H

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/tokens_fixture.h"

#define STUCK 42

/* Many times what the good module takes here and now, and two seconds. */
#define TIMES    20
#define LEAST_MS 2000

static char run[80], package[80], own[80];
static void *notes;
static unsigned load_ms;

/* What it takes to load the good module in a process of its own. */
static UNUSED unsigned
measured_ms(void)
{
    struct timespec begun, ended;

    clock_gettime(CLOCK_MONOTONIC, &begun);
    pid_t child = fork();
    if (child == 0)
        _exit(dlopen(FAULTMOD_PATH, RTLD_NOW) ? 0 : 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    return (unsigned)((ended.tv_sec - begun.tv_sec) * 1000 +
                      (ended.tv_nsec - begun.tv_nsec) / 1000000);
}

static UNUSED int
start(void **state)
{
    char path[128];

    fixture_start(state);
    raw->C_Finalize(NULL);
    load_ms = LEAST_MS + TIMES * measured_ms();
    snprintf(run, sizeof(run), "%s/run", folder);
    snprintf(package, sizeof(package), "%s/package", folder);
    snprintf(own, sizeof(own), "%s/own", folder);
    assert_int_equal(mkdir(package, 0700), 0);
    assert_int_equal(mkdir(own, 0700), 0);
    write_file("package/good.module", "# one\nmodule: " FAULTMOD_PATH "\n");
    write_file("package/stuck.module", "module: /none.so\n");
    write_file("own/stuck.module", "module: " HANGMOD_PATH "\n");
    write_file("own/elsewhere.module",
               "module: " HANGMOD_PATH "\nenable-in: another, program\n");
    snprintf(path, sizeof(path), "%s/hang", folder);
    setenv("HANG_WHILE", path, 1);
    write_file("hang", "");
    notes = mmap(NULL, TOKEN_NOTES_BYTES, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(notes, MAP_FAILED);
    return 0;
}

static UNUSED int
end(void **state)
{
    munmap(notes, TOKEN_NOTES_BYTES);
    return fixture_end(state);
}

static UNUSED void
end_stuck(void *arg, const char *name)
{
    _exit(strcmp(name, arg) == 0 ? STUCK : 1);
}

/* From p11-kit's configuration when there are no modules. */
static UNUSED enum tokens_err
open_noted(struct token_config c)
{
    const char *folders[] = {package, own};

    c.notes = notes;
    c.folder = run;
    c.use_system = c.use_system || c.module_count == 0;
    c.system_folders = folders;
    c.load_ms = c.load_ms ? c.load_ms : load_ms;
    c.start_timeout_ms = 60000;
    c.stuck = end_stuck;
    c.stuck_arg = (void *)(uintptr_t) "stuck";
    return token_store_new(&c, &store);
}

static UNUSED bool
is_mapped(const char *what)
{
    FILE *f = fopen("/proc/self/maps", "r");
    char line[512];
    bool found = false;

    assert_non_null(f);
    while (!found && fgets(line, sizeof(line), f))
        found = strstr(line, what) != NULL;
    fclose(f);
    return found;
}

static UNUSED void
info_of(const char *name, struct token_module_info *out)
{
    size_t i = 0;

    while (token_store_module_info(store, i++, out))
        if (strcmp(out->name, name) == 0)
            return;
    fail_msg("no module %s", name);
}

static UNUSED void
wait_for_state(const char *name, enum token_module_state state)
{
    const struct timespec glance = {.tv_nsec = 10000000};
    struct token_module_info info;

    do {
        nanosleep(&glance, NULL);
        info_of(name, &info);
    } while (info.state != state);
}

static UNUSED void
check_loading(const char *name)
{
    struct token_module_info info;

    info_of(name, &info);
    assert_int_equal(info.state, TOKEN_MODULE_STARTING);
    assert_true(info.hangs);
    assert_string_equal(info.hang.call, "dlopen");
}

/* A file of its own, for what this process has loaded once stays loaded. */
static UNUSED void
copy_module(const char *name, char out[128])
{
    char bytes[4096];
    size_t n;
    snprintf(out, 128, "%s/%s.so", folder, name);
    FILE *from = fopen(HANGMOD_PATH, "r");
    FILE *to = fopen(out, "w");

    assert_non_null(from);
    assert_non_null(to);
    while ((n = fread(bytes, 1, sizeof(bytes), from)) > 0)
        assert_int_equal(fwrite(bytes, 1, n, to), n);
    fclose(from);
    assert_int_equal(fclose(to), 0);
}

/* A module NAME of p11-kit's that hangs. */
static UNUSED void
configure(const char *where, const char *name)
{
    char path[128], file[64], text[160];

    copy_module(name, path);
    snprintf(file, sizeof(file), "%s/%s.module", where, name);
    snprintf(text, sizeof(text), "module: %s\n", path);
    write_file(file, text);
}

#endif
