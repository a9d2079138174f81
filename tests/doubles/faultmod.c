/*
 * A PKCS#11 module for tests: passes every call to the module FAULT_MODULE
 * names, except where the file FAULT_PLAN names says otherwise. The file is
 * read anew whenever it changes (write a new one and rename it). Its lines:
 *
 *     C_Sign 0x32 1              the next C_Sign returns 0x32
 *     C_GetSlotList ~2000 -1     every C_GetSlotList takes 2 s longer
 *     C_Sign 0x5 2 3             two C_Sign fail after three went through
 *     * ! 1 40                   the process is killed at the 41st call of any
 *     C_Sign @ 1                 the next C_Sign hangs until the plan changes
 *     C_Sign % 1                 the next C_Sign ends the process (SIGSEGV)
 *     C_FindObjects =9999 1      the next one claims that count
 *     removed                    no token is there; its sessions are dead
 *     unnoticed                  the same until the next C_Initialize
 *     last-try                   the next wrong PIN would block every token
 *     low                        a wrong PIN was given to every token
 *     must-change                the PIN of every token must be changed
 *     slots 100                  all slots have moved: ids are 100 higher
 *     hide 0x1                   the mechanism is not there: neither in
 *                                C_GetMechanismList nor where it is used
 *     # anything                 ignored
 *
 * The third number is how often (-1: always), the fourth how many calls pass
 * first. "*" is any function; "!" kills the process (SIGKILL) instead of the
 * call. A line that returns a value does not call the module. Delays and
 * values for one function may be combined. Each time a line acts, its
 * function's name is appended to the file FAULT_SEEN names, so that a test
 * can wait for the moment. Every call, with the milliseconds since boot and
 * "+" when it begins or "-" when it ended, is appended to the file
 * FAULT_RECORD names. C_GetSlotList, C_GetMechanismList, C_FindObjects,
 * C_Sign and C_Decrypt can lie about a count.
 *
 * FAULT_TRACE names a file that gets the name of each function called, and for
 * C_Login its user type ("C_Login 2"). FAULT_PINPAD is a PIN: then every token
 * says CKF_PROTECTED_AUTHENTICATION_PATH, refuses a PIN that is given, and a
 * C_Login without one is done with that PIN, as if typed at its own reader; a
 * C_SetPIN sets that PIN anew.
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
#include <stdint.h>
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

enum act { ACT_RETURN, ACT_DELAY, ACT_HANG, ACT_CRASH, ACT_LIE, ACT_KILL };

struct rule {
    enum call call;
    enum act act;
    bool any;            /* of all functions */
    unsigned long value; /* CKR, milliseconds or count */
    long times;
    long skip;
};

static CK_FUNCTION_LIST *real;
static struct rule rules[LIMIT_RULES];
static size_t rule_count;
static CK_MECHANISM_TYPE hidden[LIMIT_RULES];
static size_t hidden_count;
static struct stat plan_stat;
static atomic_ulong plan_number;
static bool removed, unnoticed, last_try, low, must_change;
static CK_SLOT_ID moved;
static __thread bool lies;
static __thread CK_ULONG lie;
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

static enum act
act_of(const char *value, unsigned long *out)
{
    static const char signs[] = "~@%=!";
    const char *sign = strchr(signs, value[0]);

    *out = strtoul(value + (sign ? 1 : 0), NULL, 0);
    return sign ? (enum act)(ACT_DELAY + (sign - signs)) : ACT_RETURN;
}

/* Words that are about the token, not about one call. */
static bool
set_state(const char *name, const char *value)
{
    if (strcmp(name, "removed") == 0)
        removed = true;
    else if (strcmp(name, "unnoticed") == 0)
        unnoticed = true;
    else if (strcmp(name, "last-try") == 0)
        last_try = true;
    else if (strcmp(name, "low") == 0)
        low = true;
    else if (strcmp(name, "must-change") == 0)
        must_change = true;
    else if (strcmp(name, "slots") == 0)
        moved = strtoul(value, NULL, 0);
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

    if (real->C_GetSlotList(CK_TRUE, ids, &n) != CKR_OK)
        return;
    for (CK_ULONG i = 0; i < n; i++)
        real->C_CloseAllSessions(ids[i]);
}

static void
load_plan(void)
{
    const char *path = getenv("FAULT_PLAN");
    bool was_away = removed || unnoticed;
    CK_SLOT_ID was = moved;
    char line[256];

    if (!path || !plan_changed(path))
        return;
    rule_count = 0;
    removed = unnoticed = last_try = low = must_change = false;
    moved = 0;
    hidden_count = 0;
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f))
        add_rule(line);
    if (f)
        fclose(f);
    plan_number++;
    if (((removed || unnoticed) && !was_away) || moved != was)
        kill_sessions();
}

static void
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

static void
trace(enum call call, int user)
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
    while (plan_number == number) {
        sleep_ms(10);
        pthread_mutex_lock(&mutex);
        load_plan();
        pthread_mutex_unlock(&mutex);
    }
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

/* The mutex is held. */
static struct wanted
plan_wants(enum call call)
{
    struct wanted w = {.number = plan_number};

    for (size_t i = 0; i < rule_count; i++) {
        struct rule *r = &rules[i];

        if ((r->call != call && !r->any) || (w.fails && r->act == ACT_RETURN) ||
            !rule_acts(r))
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
        } else if (r->act == ACT_RETURN) {
            w.rv = r->value;
            w.fails = true;
        }
    }
    return w;
}

/* True: *out is to be returned instead of calling the module. */
static bool
plan_says(enum call call, CK_RV *out)
{
    pthread_mutex_lock(&mutex);
    load_plan();
    if (call == CALL_C_Initialize)
        unnoticed = false;
    lies = false;
    struct wanted w = plan_wants(call);
    CK_RV absent = removed || unnoticed ? absent_rv(call) : CKR_OK;
    if (w.fails || w.delay_ms || w.hangs || w.crashes || lies)
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

#define WRAP(name, params, args)                                               \
    static CK_RV fault_##name params                                           \
    {                                                                          \
        CK_RV rv;                                                              \
                                                                               \
        counts[CALL_##name]++;                                                 \
        if (CALL_##name != CALL_C_Login)                                       \
            trace(CALL_##name, 0);                                             \
        note_record(CALL_##name, '+');                                         \
        if (!plan_says(CALL_##name, &rv))                                      \
            rv = real->name args;                                              \
        note_record(CALL_##name, '-');                                         \
        return rv;                                                             \
    }
#include "faultmod_calls.def"
#undef WRAP

/* The person at the reader is quick and always right. */
static CK_RV
pinpad_C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin,
               CK_ULONG n)
{
    const char *typed = getenv("FAULT_PINPAD");

    trace(CALL_C_Login, (int)user);
    if (!typed)
        return fault_C_Login(session, user, pin, n);
    if (pin)
        return CKR_ARGUMENTS_BAD;
    return fault_C_Login(session, user, (CK_BYTE *)(uintptr_t)typed,
                         strlen(typed));
}

static CK_RV
pinpad_C_SetPIN(CK_SESSION_HANDLE session, CK_BYTE *old_pin, CK_ULONG old_len,
                CK_BYTE *pin, CK_ULONG len)
{
    const char *typed = getenv("FAULT_PINPAD");
    CK_BYTE *same = (CK_BYTE *)(uintptr_t)typed;

    if (!typed)
        return fault_C_SetPIN(session, old_pin, old_len, pin, len);
    if (old_pin || pin)
        return CKR_ARGUMENTS_BAD;
    return fault_C_SetPIN(session, same, strlen(typed), same, strlen(typed));
}

static CK_RV slots_C_GetTokenInfo(CK_SLOT_ID id, CK_TOKEN_INFO *info);

static CK_RV
pinpad_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = slots_C_GetTokenInfo(slot, info);

    if (rv == CKR_OK && getenv("FAULT_PINPAD"))
        info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
    if (rv == CKR_OK && last_try)
        info->flags |= CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY;
    if (rv == CKR_OK && low)
        info->flags |= CKF_USER_PIN_COUNT_LOW;
    if (rv == CKR_OK && must_change)
        info->flags |= CKF_USER_PIN_TO_BE_CHANGED;
    return rv;
}

static CK_FUNCTION_LIST list = {
    .version = {2, 40},
    .C_GetFunctionList = C_GetFunctionList,
#define WRAP(name, params, args) .name = fault_##name,
#include "faultmod_calls.def"
#undef WRAP
};

/* ---- slots that moved, counts that lie -------------------------------------
 */

static CK_SLOT_ID
slot_offset(bool *out_absent)
{
    pthread_mutex_lock(&mutex);
    load_plan();
    CK_SLOT_ID by = moved;
    *out_absent = removed || unnoticed;
    pthread_mutex_unlock(&mutex);
    return by;
}

static CK_SLOT_ID
slot_back(CK_SLOT_ID id)
{
    bool absent;
    CK_SLOT_ID by = slot_offset(&absent);

    return id >= by ? id - by : id + 0x7000000;
}

static CK_RV
slots_C_GetSlotList(CK_BYTE present, CK_SLOT_ID *ids, CK_ULONG *n)
{
    CK_RV rv = fault_C_GetSlotList(present, ids, n);
    bool absent;
    CK_SLOT_ID by = slot_offset(&absent);

    if (rv == CKR_OK && absent)
        *n = 0;
    for (CK_ULONG i = 0; rv == CKR_OK && ids && i < *n; i++)
        ids[i] += by;
    if (rv == CKR_OK && lies)
        *n = lie;
    return rv;
}

static CK_RV
slots_C_GetSlotInfo(CK_SLOT_ID id, CK_SLOT_INFO *info)
{
    return fault_C_GetSlotInfo(slot_back(id), info);
}

static CK_RV
slots_C_GetTokenInfo(CK_SLOT_ID id, CK_TOKEN_INFO *info)
{
    return fault_C_GetTokenInfo(slot_back(id), info);
}

static CK_RV
slots_C_OpenSession(CK_SLOT_ID id, CK_FLAGS flags, void *arg, CK_NOTIFY notify,
                    CK_SESSION_HANDLE *out)
{
    return fault_C_OpenSession(slot_back(id), flags, arg, notify, out);
}

static CK_RV
slots_C_GetMechanismList(CK_SLOT_ID id, CK_MECHANISM_TYPE *all, CK_ULONG *n)
{
    CK_RV rv = fault_C_GetMechanismList(slot_back(id), all, n);

    if (rv == CKR_OK && lies)
        *n = lie;
    return rv;
}

static CK_RV
lying_C_FindObjects(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *all, CK_ULONG room,
                    CK_ULONG *n)
{
    CK_RV rv = fault_C_FindObjects(s, all, room, n);

    if (rv == CKR_OK && lies)
        *n = lie;
    return rv;
}

static CK_RV
lying_C_Sign(CK_SESSION_HANDLE s, CK_BYTE *data, CK_ULONG len, CK_BYTE *out,
             CK_ULONG *n)
{
    CK_RV rv = fault_C_Sign(s, data, len, out, n);

    if (rv == CKR_OK && lies)
        *n = lie;
    return rv;
}

static CK_RV
lying_C_Decrypt(CK_SESSION_HANDLE s, CK_BYTE *data, CK_ULONG len, CK_BYTE *out,
                CK_ULONG *n)
{
    CK_RV rv = fault_C_Decrypt(s, data, len, out, n);

    if (rv == CKR_OK && lies)
        *n = lie;
    return rv;
}

static bool
is_hidden(CK_MECHANISM_TYPE type)
{
    bool found = false;

    pthread_mutex_lock(&mutex);
    load_plan();
    for (size_t i = 0; i < hidden_count; i++)
        found = found || hidden[i] == type;
    pthread_mutex_unlock(&mutex);
    return found;
}

/* The size query may tell more than the list has then. */
static CK_RV
shown_C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *all,
                         CK_ULONG *count)
{
    CK_RV rv = slots_C_GetMechanismList(slot, all, count);
    CK_ULONG n = 0;

    if (rv != CKR_OK || !all || lies)
        return rv;
    for (CK_ULONG i = 0; i < *count; i++)
        if (!is_hidden(all[i]))
            all[n++] = all[i];
    *count = n;
    return rv;
}

#define UNLESS_HIDDEN(name, params, args)                                      \
    static CK_RV shown_##name params                                           \
    {                                                                          \
        return is_hidden(m->mechanism) ? CKR_MECHANISM_INVALID                 \
                                       : fault_##name args;                    \
    }

UNLESS_HIDDEN(C_SignInit,
              (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k),
              (s, m, k))
UNLESS_HIDDEN(C_DecryptInit,
              (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k),
              (s, m, k))
UNLESS_HIDDEN(C_DeriveKey,
              (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k,
               CK_ATTRIBUTE *a, CK_ULONG n, CK_OBJECT_HANDLE *o),
              (s, m, k, a, n, o))
UNLESS_HIDDEN(C_GenerateKeyPair,
              (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *a,
               CK_ULONG an, CK_ATTRIBUTE *b, CK_ULONG bn, CK_OBJECT_HANDLE *p,
               CK_OBJECT_HANDLE *q),
              (s, m, a, an, b, bn, p, q))

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
    list.C_GetSlotList = slots_C_GetSlotList;
    list.C_GetSlotInfo = slots_C_GetSlotInfo;
    list.C_OpenSession = slots_C_OpenSession;
    list.C_FindObjects = lying_C_FindObjects;
    list.C_Sign = lying_C_Sign;
    list.C_Decrypt = lying_C_Decrypt;
    list.C_Login = pinpad_C_Login;
    list.C_SetPIN = pinpad_C_SetPIN;
    list.C_GetTokenInfo = pinpad_C_GetTokenInfo;
    list.C_GetMechanismList = shown_C_GetMechanismList;
    list.C_SignInit = shown_C_SignInit;
    list.C_DecryptInit = shown_C_DecryptInit;
    list.C_DeriveKey = shown_C_DeriveKey;
    list.C_GenerateKeyPair = shown_C_GenerateKeyPair;
    *out = &list;
    return CKR_OK;
}
