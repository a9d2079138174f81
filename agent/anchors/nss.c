#include "agent/anchors/nss.h"

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <time.h>

#include "agent/anchors/list.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"

/* NSS's own numbers (its pkcs11n.h), below the vendor's range "NSCP". */
#define NSS_VENDOR               (0x80000000UL | 0x4E534350UL)
#define NSS_OBJECT_TRUST         (NSS_VENDOR + 3)
#define NSS_EMAIL_DISTRUST_AFTER (NSS_VENDOR + 36)
#define NSS_TRUST_EMAIL          (NSS_VENDOR + 0x2000 + 11)
#define NSS_TRUSTED_DELEGATOR    (NSS_VENDOR + 2)

#ifndef SMIME_MULTIARCH
#define SMIME_MULTIARCH ""
#endif

const char *const nss_places[] = {
    "/usr/lib/" SMIME_MULTIARCH "/nss/libnssckbi.so",
    "/usr/lib/" SMIME_MULTIARCH "/libnssckbi.so", "/usr/lib64/libnssckbi.so",
    "/usr/lib/libnssckbi.so", NULL};

struct nss {
    void *library;
    CK_FUNCTION_LIST *call;
    bool is_initialized;
};

bool
nss_load(const char *path, struct nss **out)
{
    CK_C_GetFunctionList entry;
    struct nss *n = mem_new(sizeof(*n));
    void *symbol;

    /* It starts what cannot be stopped in NSPR: it stays loaded. */
    n->library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    symbol = n->library ? dlsym(n->library, "C_GetFunctionList") : NULL;
    if (!symbol) {
        log_note("no built-in anchors: %s", dlerror());
        nss_drop(&n);
        return false;
    }
    memcpy(&entry, &symbol, sizeof(entry)); /* POSIX's way from data to code */
    if (entry(&n->call) != CKR_OK || !n->call) {
        log_note("no built-in anchors: %s gives no functions", path);
        n->call = NULL;
        nss_drop(&n);
        return false;
    }
    *out = n;
    return true;
}

void
nss_drop(struct nss **n)
{
    if (!*n)
        return;
    if ((*n)->is_initialized)
        (void)(*n)->call->C_Finalize(NULL);
    if ((*n)->library)
        (void)dlclose((*n)->library);
    free(*n);
    *n = NULL;
}

/* ---- attributes ---------------------------------------------------------- */

/* Gives false when the object has it not, or with more than LIMIT bytes. */
static bool
attribute_read(struct nss *n, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o,
               CK_ATTRIBUTE_TYPE type, size_t limit, struct buf *out)
{
    CK_ATTRIBUTE a = {type, NULL, 0};

    if (n->call->C_GetAttributeValue(s, o, &a, 1) != CKR_OK ||
        a.ulValueLen == CK_UNAVAILABLE_INFORMATION || a.ulValueLen > limit)
        return false;
    buf_clear(out);
    buf_reserve(out, a.ulValueLen + 1);
    a.pValue = out->data;
    if (n->call->C_GetAttributeValue(s, o, &a, 1) != CKR_OK ||
        a.ulValueLen > limit)
        return false;
    out->len = a.ulValueLen;
    return true;
}

static bool
digits_read(const uint8_t *p, size_t n, int *out)
{
    int value = 0;

    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
        value = value * 10 + (p[i] - '0');
    }
    *out = value;
    return true;
}

bool
nss_time(struct slice text, uint64_t *out)
{
    size_t year = text.n == 15 ? 4 : 2;
    const uint8_t *p = text.p;
    struct tm t = {0};
    time_t seconds;

    if ((text.n != 13 && text.n != 15) || p[text.n - 1] != 'Z' ||
        !digits_read(p, year, &t.tm_year) ||
        !digits_read(p + year, 2, &t.tm_mon) ||
        !digits_read(p + year + 2, 2, &t.tm_mday) ||
        !digits_read(p + year + 4, 2, &t.tm_hour) ||
        !digits_read(p + year + 6, 2, &t.tm_min) ||
        !digits_read(p + year + 8, 2, &t.tm_sec) || t.tm_mon < 1 ||
        t.tm_mon > 12 || t.tm_mday < 1 || t.tm_mday > 31 || t.tm_hour > 23 ||
        t.tm_min > 59 || t.tm_sec > 59)
        return false;
    /* X.680 47: two digits below 50 are of this century (RFC 5280). */
    t.tm_year += year == 4 ? -1900 : t.tm_year < 50 ? 100 : 0;
    t.tm_mon -= 1;
    seconds = timegm(&t);
    if (seconds <= 0)
        return false;
    *out = (uint64_t)seconds;
    return true;
}

/* The certificate says until when it is trusted: CK_FALSE (one byte, or
 * none) is for ever. Gives false when it cannot be understood. */
static bool
distrust_read(struct nss *n, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o,
              uint64_t *out)
{
    AUTO(buf) struct buf value = {0};

    *out = 0;
    if (!attribute_read(n, s, o, NSS_EMAIL_DISTRUST_AFTER, 64, &value))
        return true; /* a module that does not know of it */
    if (value.len == 0 || (value.len == 1 && value.data[0] == CK_FALSE))
        return true;
    return nss_time(buf_slice(&value), out);
}

/* ---- objects ------------------------------------------------------------- */

struct reading {
    struct nss *nss;
    CK_SESSION_HANDLE session;
    struct buf *out;
    size_t count;
};

/* All objects that match, in *found; false when the module fails. */
static bool
objects_find(struct nss *n, CK_SESSION_HANDLE s, CK_ATTRIBUTE *like,
             CK_ULONG count, struct buf *found)
{
    bool fine = n->call->C_FindObjectsInit(s, like, count) == CKR_OK;
    CK_OBJECT_HANDLE some[64];
    CK_ULONG got = 0;

    if (!fine)
        return false;
    do {
        fine = n->call->C_FindObjects(s, some, ARRAY_COUNT(some), &got) ==
                   CKR_OK &&
               got <= ARRAY_COUNT(some);
        if (fine)
            buf_add(found, some, got * sizeof(some[0]));
    } while (fine && got > 0 && found->len / sizeof(some[0]) < 8192);
    (void)n->call->C_FindObjectsFinal(s);
    return fine;
}

static CK_OBJECT_HANDLE
object_at(const struct buf *found, size_t i)
{
    CK_OBJECT_HANDLE o;

    memcpy(&o, found->data + i * sizeof(o), sizeof(o));
    return o;
}

static void
certificate_write(struct reading *r, CK_OBJECT_HANDLE o)
{
    AUTO(buf) struct buf der = {0};
    AUTO(buf) struct buf label = {0};
    struct anchor_item item = {0};

    if (!attribute_read(r->nss, r->session, o, CKA_VALUE,
                        LIMIT_BUILTIN_DER_BYTES, &der) ||
        der.len == 0)
        return;
    if (!attribute_read(r->nss, r->session, o, CKA_LABEL,
                        LIMIT_BUILTIN_LABEL_BYTES, &label))
        buf_clear(&label);
    while (label.len > 0 && label.data[label.len - 1] == '\0')
        label.len--; /* the module counts its terminators */
    item.der = buf_slice(&der);
    item.label = buf_slice(&label);
    if (!distrust_read(r->nss, r->session, o, &item.distrust_after)) {
        log_note("a built-in anchor with an odd distrust time is left out");
        return;
    }
    if (r->count == LIMIT_BUILTIN_ANCHORS)
        return;
    anchor_item_write(r->out, &item);
    r->count++;
}

/* Trust and certificate are two objects with one issuer and serial. */
static bool
trust_follow(struct reading *r, CK_OBJECT_HANDLE trust)
{
    AUTO(buf) struct buf issuer = {0};
    AUTO(buf) struct buf serial = {0};
    AUTO(buf) struct buf found = {0};
    CK_OBJECT_CLASS certificate = CKO_CERTIFICATE;

    if (!attribute_read(r->nss, r->session, trust, CKA_ISSUER,
                        LIMIT_NSS_NAME_BYTES, &issuer) ||
        !attribute_read(r->nss, r->session, trust, CKA_SERIAL_NUMBER,
                        LIMIT_NSS_SERIAL_BYTES, &serial))
        return true;
    CK_ATTRIBUTE like[] = {{CKA_CLASS, &certificate, sizeof(certificate)},
                           {CKA_ISSUER, issuer.data, issuer.len},
                           {CKA_SERIAL_NUMBER, serial.data, serial.len}};
    if (!objects_find(r->nss, r->session, like, ARRAY_COUNT(like), &found))
        return false;
    for (size_t i = 0; i < found.len / sizeof(CK_OBJECT_HANDLE); i++)
        certificate_write(r, object_at(&found, i));
    return true;
}

static bool
slot_read(struct nss *n, CK_SLOT_ID slot, struct buf *out, size_t *count)
{
    CK_OBJECT_CLASS class = NSS_OBJECT_TRUST;
    CK_ULONG trusted = NSS_TRUSTED_DELEGATOR;
    CK_ATTRIBUTE like[] = {{CKA_CLASS, &class, sizeof(class)},
                           {NSS_TRUST_EMAIL, &trusted, sizeof(trusted)}};
    struct reading r = {.nss = n, .out = out, .count = *count};
    AUTO(buf) struct buf found = {0};
    bool fine;

    if (n->call->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL,
                               &r.session) != CKR_OK)
        return false;
    fine = objects_find(n, r.session, like, ARRAY_COUNT(like), &found);
    for (size_t i = 0; fine && i < found.len / sizeof(CK_OBJECT_HANDLE); i++)
        fine = trust_follow(&r, object_at(&found, i));
    (void)n->call->C_CloseSession(r.session);
    *count = r.count;
    return fine;
}

bool
nss_list(struct nss *n, struct buf *out, size_t *count)
{
    CK_C_INITIALIZE_ARGS how = {.flags = CKF_OS_LOCKING_OK};
    CK_SLOT_ID slots[LIMIT_NSS_SLOTS];
    CK_ULONG slot_count = LIMIT_NSS_SLOTS;
    AUTO(buf) struct buf list = {0};
    size_t read = 0;

    if (!n->is_initialized) {
        if (n->call->C_Initialize(&how) != CKR_OK)
            return false;
        n->is_initialized = true;
    }
    if (n->call->C_GetSlotList(CK_TRUE, slots, &slot_count) != CKR_OK ||
        slot_count > LIMIT_NSS_SLOTS)
        return false;
    for (CK_ULONG i = 0; i < slot_count; i++)
        if (!slot_read(n, slots[i], &list, &read))
            return false;
    anchor_list_end(&list);
    buf_add_slice(out, buf_slice(&list));
    *count = read;
    return true;
}
