/* The plan of the fault module: read, matched against calls, written down. */
#include "tests/doubles/faultmod.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const names[CALL_COUNT] = {
#define WRAP(name, params, args) #name,
#include "faultmod_calls.def"
#undef WRAP
};

#define LIMIT_RULES 64

enum act {
    ACT_RETURN,
    ACT_DELAY,
    ACT_HANG,
    ACT_CRASH,
    ACT_LIE,
    ACT_KILL,
    ACT_SPOIL
};

struct rule {
    enum call call;
    enum act act;
    bool any;            /* of all functions */
    unsigned long value; /* CKR, milliseconds or count */
    long times;
    long skip;
    char label[33]; /* of the token it is about; "": of any */
};

CK_FUNCTION_LIST *fault_real;
static struct rule rules[LIMIT_RULES];
static size_t rule_count;
static CK_MECHANISM_TYPE hidden[LIMIT_RULES];
static size_t hidden_count;
static struct stat plan_stat;
static atomic_ulong plan_number;
static struct plan_state state;
static char about[33];    /* the last "token" line */
static atomic_ulong ends; /* of the module */
static __thread bool lies, spoils;
static __thread CK_ULONG lie;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_ulong counts[CALL_COUNT];
static atomic_ulong hanging;

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
note_count(enum call call)
{
    counts[call]++;
}

void
faultmod_reset(void)
{
    for (size_t i = 0; i < CALL_COUNT; i++)
        counts[i] = 0;
}

static enum act
act_of(const char *value, unsigned long *out)
{
    static const char signs[] = "~@%=!^";
    const char *sign = strchr(signs, value[0]);

    *out = strtoul(value + (sign ? 1 : 0), NULL, 0);
    return sign ? (enum act)(ACT_DELAY + (sign - signs)) : ACT_RETURN;
}

/* Words that are about the token, not about one call. */
static bool
set_state(const char *name, const char *value)
{
    const struct {
        const char *name;
        bool *flag;
    } words[] = {
        {"removed", &state.removed},   {"unnoticed", &state.unnoticed},
        {"last-try", &state.last_try}, {"low", &state.low},
        {"slept", &state.slept},       {"must-change", &state.must_change},
        {"events", &state.events},     {"broken", &state.broken},
        {"another", &state.another},   {"odd-range", &state.odd_range},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(name, words[i].name) == 0)
            return *words[i].flag = true;
    if (strcmp(name, "slots") == 0)
        state.moved = strtoul(value, NULL, 0);
    else if (strcmp(name, "strict") == 0)
        state.strict = strtoul(value, NULL, 0);
    else if (strcmp(name, "token") == 0)
        snprintf(about, sizeof(about), "%.32s", value);
    else
        return false;
    return true;
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
    if (n >= 2 && strcmp(name, "hide") == 0 && hidden_count < LIMIT_RULES) {
        hidden[hidden_count++] = strtoul(value, NULL, 0);
        return;
    }
    for (size_t i = 0; i < CALL_COUNT; i++)
        if (n >= 2 && rule_count < LIMIT_RULES &&
            (strcmp(names[i], name) == 0 || strcmp(name, "*") == 0)) {
            r.call = (enum call)i;
            r.any = name[0] == '*';
            r.act = act_of(value, &r.value);
            memcpy(r.label, about, sizeof(r.label));
            rules[rule_count++] = r;
            return;
        }
    if (set_state(name, n >= 2 ? value : "0"))
        return;
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

/* A token that leaves takes its sessions along. */
static void
kill_sessions(void)
{
    CK_SLOT_ID ids[64];
    CK_ULONG n = 64;

    if (fault_real->C_GetSlotList(CK_TRUE, ids, &n) != CKR_OK)
        return;
    for (CK_ULONG i = 0; i < n; i++)
        fault_real->C_CloseAllSessions(ids[i]);
}

static void
load_plan(void)
{
    const char *path = getenv("FAULT_PLAN");
    struct plan_state was = state;
    char line[256];

    if (!path || !plan_changed(path))
        return;
    state = (struct plan_state){0};
    about[0] = '\0';
    rule_count = hidden_count = 0;
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f))
        add_rule(line);
    if (f)
        fclose(f);
    bool leaves =
        (state.removed || state.unnoticed) && !(was.removed || was.unnoticed);
    if (leaves || state.moved != was.moved || (state.slept && !was.slept))
        kill_sessions();
    plan_number++; /* whatever hangs goes on now */
}

void
note_record(enum call call, char sign)
{
    const char *path = getenv("FAULT_RECORD");
    FILE *f = path ? fopen(path, "ae") : NULL;
    struct timespec t;

    if (!f)
        return;
    clock_gettime(CLOCK_MONOTONIC, &t);
    fprintf(f, "%lld.%03ld %c%s\n", (long long)t.tv_sec, t.tv_nsec / 1000000,
            sign, names[call]);
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

void
note_trace(enum call call, int user)
{
    const char *path = getenv("FAULT_TRACE");
    FILE *f = path ? fopen(path, "ae") : NULL;

    if (!f)
        return;
    if (call == CALL_C_Login)
        fprintf(f, "%s %d\n", names[call], user);
    else
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

static void
sleep_ms(unsigned long ms)
{
    nanosleep(
        &(struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000},
        NULL);
}

/* Until the file is another one. */
static void
hang(unsigned long number)
{
    hanging++;
    while (plan_number == number) {
        sleep_ms(10);
        pthread_mutex_lock(&mutex);
        load_plan();
        pthread_mutex_unlock(&mutex);
    }
    hanging--;
}

unsigned long
faultmod_hanging(void)
{
    return hanging;
}

/* What a call gives on a token that is not there: CKR_OK for what needs
 * none. */
static CK_RV
absent_rv(enum call call)
{
    if (call <= CALL_C_GetSlotInfo || call == CALL_C_WaitForSlotEvent)
        return CKR_OK;
    if (call <= CALL_C_InitToken || call == CALL_C_OpenSession)
        return CKR_TOKEN_NOT_PRESENT;
    if (call == CALL_C_Sign || call == CALL_C_Decrypt || call == CALL_C_Login)
        return CKR_DEVICE_REMOVED;
    return CKR_SESSION_HANDLE_INVALID;
}

/* What the plan wants of one call. */
struct wanted {
    bool fails, hangs, crashes;
    CK_RV rv;
    unsigned long delay_ms, number;
};

/* The label of the token that a call is about, padded with blanks. */
static bool
label_of(enum call call, CK_ULONG first, CK_TOKEN_INFO *out)
{
    CK_SESSION_INFO session;
    CK_SLOT_ID slot = first >= state.moved ? first - state.moved : first;

    if (call <= CALL_C_GetSlotList || call == CALL_C_WaitForSlotEvent)
        return false;
    if (call > CALL_C_OpenSession && call != CALL_C_CloseAllSessions) {
        if (fault_real->C_GetSessionInfo(first, &session) != CKR_OK)
            return false;
        slot = session.slotID;
    }
    return fault_real->C_GetTokenInfo(slot, out) == CKR_OK;
}

static bool
rule_is_about(const struct rule *r, enum call call, CK_ULONG first)
{
    size_t n = strlen(r->label);
    CK_TOKEN_INFO info;

    if (r->call != call && !r->any)
        return false;
    return n == 0 || (label_of(call, first, &info) &&
                      memcmp(info.label, r->label, n) == 0 &&
                      (n == 32 || info.label[n] == ' '));
}

/* The mutex is held. */
static struct wanted
plan_wants(enum call call, CK_ULONG first)
{
    struct wanted w = {.number = plan_number};

    for (size_t i = 0; i < rule_count; i++) {
        struct rule *r = &rules[i];

        if (!rule_is_about(r, call, first) ||
            (w.fails && r->act == ACT_RETURN) || !rule_acts(r))
            continue;
        if (r->act == ACT_KILL)
            raise(SIGKILL);
        w.hangs |= r->act == ACT_HANG;
        w.crashes |= r->act == ACT_CRASH;
        if (r->act == ACT_DELAY) {
            w.delay_ms = r->value;
        } else if (r->act == ACT_LIE) {
            lies = true;
            lie = r->value;
        } else if (r->act == ACT_SPOIL) {
            spoils = true;
        } else if (r->act == ACT_RETURN) {
            w.rv = r->value;
            w.fails = true;
        }
    }
    return w;
}

bool
plan_says(enum call call, CK_ULONG first, CK_RV *out)
{
    pthread_mutex_lock(&mutex);
    load_plan();
    if (call == CALL_C_Initialize)
        state.unnoticed = state.broken = false;
    lies = spoils = false;
    struct wanted w = plan_wants(call, first);
    CK_RV absent = state.removed || state.unnoticed ? absent_rv(call) : CKR_OK;
    if (w.fails || w.delay_ms || w.hangs || w.crashes || lies || spoils)
        note_seen(call);
    pthread_mutex_unlock(&mutex);
    if (w.crashes)
        raise(SIGSEGV);
    if (w.delay_ms)
        sleep_ms(w.delay_ms);
    if (w.hangs)
        hang(w.number);
    *out = absent ? absent : w.rv;
    return absent || w.fails;
}

bool
plan_lies(CK_ULONG *out)
{
    if (lies)
        *out = lie;
    return lies;
}

bool
plan_spoils(void)
{
    return spoils;
}

struct plan_state
plan_state(void)
{
    pthread_mutex_lock(&mutex);
    load_plan();
    struct plan_state now = state;
    pthread_mutex_unlock(&mutex);
    return now;
}

bool
plan_hides(CK_MECHANISM_TYPE type)
{
    bool found = false;

    pthread_mutex_lock(&mutex);
    load_plan();
    for (size_t i = 0; i < hidden_count; i++)
        found = found || hidden[i] == type;
    pthread_mutex_unlock(&mutex);
    return found;
}

/* ---- events -----------------------------------------------------------------
 */

void
plan_end_waits(void)
{
    ends++;
}

/* What came between two waits is told by the second. */
CK_RV
plan_wait_event(CK_SLOT_ID *out)
{
    static atomic_bool told_removed;
    unsigned long before = ends;

    while (plan_state().removed == told_removed) {
        if (ends != before)
            return CKR_CRYPTOKI_NOT_INITIALIZED;
        sleep_ms(10);
    }
    told_removed = !told_removed;
    *out = 0;
    return CKR_OK;
}
