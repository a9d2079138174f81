/*
 * A PKCS#11 module for tests: passes every call to the module FAULT_MODULE
 * names, except where the file FAULT_PLAN names says otherwise. The file is
 * read anew whenever it changes (write a new one and rename it). Its lines:
 *
 *     C_Sign 0x32 1              the next C_Sign returns 0x32
 *     C_GetSlotList ~2000 -1     every C_GetSlotList takes 2 s longer
 *     C_Sign 0x5 2 3             two C_Sign fail after three went through
 *     * ! 1 40                   the process is killed at the 41st call of any
 *     # anything                 ignored
 *
 * The third number is how often (-1: always), the fourth how many calls pass
 * first. "*" is any function; "!" kills the process (SIGKILL) instead of the
 * call. A line that returns a value does not call the module. Delays and
 * values for one function may be combined. Each time a line acts, its
 * function's name is appended to the file FAULT_SEEN names, so that a test
 * can wait for the moment.
 *
 * A test that opens this file with dlopen may ask faultmod_count("C_Sign"),
 * or faultmod_count(NULL) for all calls, since faultmod_reset().
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum call {
#define WRAP(name, params, args) CALL_##name,
#include "faultmod_calls.def"
#undef WRAP
    CALL_COUNT
};

static const char *const names[CALL_COUNT] = {
#define WRAP(name, params, args) #name,
#include "faultmod_calls.def"
#undef WRAP
};

#define LIMIT_RULES 64

struct rule {
    enum call call;
    bool any; /* of all functions */
    bool delay;
    bool kills;
    unsigned long value; /* CKR or milliseconds */
    long times;
    long skip;
};

static CK_FUNCTION_LIST *real;
static struct rule rules[LIMIT_RULES];
static size_t rule_count;
static struct stat plan_stat;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_ulong counts[CALL_COUNT];

unsigned long faultmod_count(const char *name);
void faultmod_reset(void);

unsigned long
faultmod_count(const char *name)
{
    unsigned long n = 0;

    for (size_t i = 0; i < CALL_COUNT; i++)
        if (!name || strcmp(name, names[i]) == 0)
            n += counts[i];
    return n;
}

void
faultmod_reset(void)
{
    for (size_t i = 0; i < CALL_COUNT; i++)
        counts[i] = 0;
}

/* One line of the plan; what is no rule ends the test program loudly. */
static void
add_rule(const char *line)
{
    char name[64], value[64];
    struct rule r = {.times = 1};
    int n = sscanf(line, "%63s %63s %ld %ld", name, value, &r.times, &r.skip);

    if (n <= 0 || name[0] == '#')
        return;
    for (size_t i = 0; i < CALL_COUNT; i++)
        if (n >= 2 && rule_count < LIMIT_RULES &&
            (strcmp(names[i], name) == 0 || strcmp(name, "*") == 0)) {
            r.call = (enum call)i;
            r.any = name[0] == '*';
            r.delay = value[0] == '~';
            r.kills = value[0] == '!';
            r.value = strtoul(value + (r.delay ? 1 : 0), NULL, 0);
            rules[rule_count++] = r;
            return;
        }
    fprintf(stderr, "faultmod: no such rule: %s\n", line);
    abort();
}

static bool
plan_changed(const char *path)
{
    struct stat now;

    if (stat(path, &now) != 0)
        memset(&now, 0, sizeof(now));
    bool same = now.st_ino == plan_stat.st_ino &&
                now.st_size == plan_stat.st_size &&
                now.st_mtim.tv_sec == plan_stat.st_mtim.tv_sec &&
                now.st_mtim.tv_nsec == plan_stat.st_mtim.tv_nsec;
    plan_stat = now;
    return !same;
}

static void
load_plan(void)
{
    const char *path = getenv("FAULT_PLAN");
    char line[256];

    if (!path || !plan_changed(path))
        return;
    rule_count = 0;
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f))
        add_rule(line);
    if (f)
        fclose(f);
}

static void
note_seen(enum call call)
{
    const char *path = getenv("FAULT_SEEN");
    FILE *f = path ? fopen(path, "ae") : NULL;

    if (!f)
        return;
    fprintf(f, "%s\n", names[call]);
    fclose(f);
}

/* Uses up one turn of a rule; false when it does not act now. */
static bool
rule_acts(struct rule *r)
{
    if (r->skip > 0) {
        r->skip--;
        return false;
    }
    if (r->times == 0)
        return false;
    if (r->times > 0)
        r->times--;
    return true;
}

/* True: *out is to be returned instead of calling the module. */
static bool
plan_says(enum call call, CK_RV *out)
{
    unsigned long delay_ms = 0;
    bool fails = false;

    pthread_mutex_lock(&mutex);
    load_plan();
    for (size_t i = 0; i < rule_count; i++) {
        struct rule *r = &rules[i];

        if ((r->call != call && !r->any) || (fails && !r->delay) ||
            !rule_acts(r))
            continue;
        if (r->kills)
            raise(SIGKILL);
        if (r->delay) {
            delay_ms = r->value;
        } else {
            *out = r->value;
            fails = true;
        }
    }
    if (fails || delay_ms)
        note_seen(call);
    pthread_mutex_unlock(&mutex);
    if (delay_ms)
        nanosleep(&(struct timespec){(time_t)(delay_ms / 1000),
                                     (long)(delay_ms % 1000) * 1000000},
                  NULL);
    return fails;
}

#define WRAP(name, params, args)                                               \
    static CK_RV fault_##name params                                           \
    {                                                                          \
        CK_RV rv;                                                              \
                                                                               \
        counts[CALL_##name]++;                                                 \
        if (plan_says(CALL_##name, &rv))                                       \
            return rv;                                                         \
        return real->name args;                                                \
    }
#include "faultmod_calls.def"
#undef WRAP

static CK_FUNCTION_LIST list = {
    .version = {2, 40},
    .C_GetFunctionList = C_GetFunctionList,
#define WRAP(name, params, args) .name = fault_##name,
#include "faultmod_calls.def"
#undef WRAP
};

CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **out)
{
    const char *path = getenv("FAULT_MODULE");
    void *module = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;

    if (module)
        *(void **)&get = dlsym(module, "C_GetFunctionList");
    if (!get || get(&real) != CKR_OK) {
        fprintf(stderr, "faultmod: FAULT_MODULE cannot be loaded\n");
        return CKR_GENERAL_ERROR;
    }
    *out = &list;
    return CKR_OK;
}
