#include "agent/validator/crls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/validator/armour.h"
#include "agent/validator/bounds.h"
#include "agent/validator/certs.h"

static const char *const endings[] = {".crl", ".pem", NULL};

/* One file, as it was when it was read. */
struct crl_file {
    char *path;
    uint64_t look;
    size_t bytes;
    size_t first, count;      /* in the list */
    STACK_OF(X509) * issuers; /* NULL: none */
};

struct crls {
    struct folder_set set;
    struct stored_crl *list;
    size_t count;
    struct crl_file *file;
    size_t files;
    size_t bytes;
    size_t issuers; /* of all files */
    struct faulty_list faulty;
    uint64_t generation;
    uint64_t seen; /* what the folders looked like */
    int64_t looked_ms;
};

int64_t
crl_this_update(const X509_CRL *crl)
{
    return asn1_seconds(X509_CRL_get0_lastUpdate(crl), 0);
}

int64_t
crl_next_update(const X509_CRL *crl)
{
    return asn1_seconds(X509_CRL_get0_nextUpdate(crl), INT64_MAX);
}

/* ---- reading ------------------------------------------------------------- */

bool
crl_is_indirect(const X509_CRL *crl)
{
    ISSUING_DIST_POINT *p =
        X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, NULL, NULL);
    bool indirect = p && p->indirectCRL > 0;

    ISSUING_DIST_POINT_free(p);
    return indirect;
}

bool
crl_or_issuer_read(struct slice der, X509_CRL **out_crl, X509 **out_issuer)
{
    const unsigned char *p = der.p, *end = der.p + der.n;
    X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der.n);
    X509 *issuer = NULL;

    if (crl && p == end) {
        ERR_clear_error();
        *out_crl = crl;
        return true;
    }
    X509_CRL_free(crl);
    p = der.p;
    if (der.n <= LIMIT_CERT_BYTES)
        issuer = d2i_X509(NULL, &p, (long)der.n);
    if (!issuer || p != end ||
        !cert_is_bounded(issuer, X509_get0_pubkey(issuer))) {
        X509_free(issuer);
        issuer = NULL;
    }
    ERR_clear_error();
    if (issuer)
        *out_issuer = issuer;
    return issuer != NULL;
}

/* Takes X. False when there are too many. */
static bool
issuer_push(struct crls *c, X509 *x, struct crl_file *f)
{
    if (c->issuers == LIMIT_CRL_ISSUERS) {
        X509_free(x);
        return false;
    }
    if (!f->issuers)
        f->issuers = sk_X509_new_null();
    if (!f->issuers || sk_X509_push(f->issuers, x) == 0)
        abort();
    c->issuers++;
    return true;
}

/* Takes CRL. False when there are too many. */
static bool
crl_push(struct crls *c, X509_CRL *crl, const char *source)
{
    STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(crl);
    X509_REVOKED *first = sk_X509_REVOKED_value(revoked, 0), *found;

    if (c->count == LIMIT_CRLS) {
        X509_CRL_free(crl);
        return false;
    }
    /* libcrypto sorts at the first look-up: now, not at somebody's mail. */
    if (first)
        (void)X509_CRL_get0_by_serial(
            crl, &found,
            (ASN1_INTEGER *)(uintptr_t)X509_REVOKED_get0_serialNumber(first));
    c->list = mem_resize(c->list, (c->count + 1) * sizeof(*c->list));
    c->list[c->count++] = (struct stored_crl){
        .crl = crl,
        .source = mem_text(slice_text(source)),
        .this_update = crl_this_update(crl),
        .next_update = crl_next_update(crl),
        .revoked = (uint32_t)(revoked ? sk_X509_REVOKED_num(revoked) : 0),
        .indirect = crl_is_indirect(crl),
    };
    return true;
}

/* What is wrong with the file, or NULL. */
static const char *
bytes_load(struct crls *c, const char *path, struct slice bytes,
           struct crl_file *f)
{
    AUTO(armour) struct armour_reader r = {0};
    struct slice der;
    size_t found = 0, bad = 0;

    armour_init(&r, ARMOURED_CRL, bytes);
    while (armour_next(&r, &der)) {
        X509_CRL *crl = NULL;
        X509 *issuer = NULL;

        if (!crl_or_issuer_read(der, &crl, &issuer))
            bad++;
        else if (crl && !crl_push(c, crl, path))
            return "there are more CRLs than are kept";
        else if (issuer && !issuer_push(c, issuer, f))
            return "there are more certificates beside CRLs than are kept";
        else
            found++;
    }
    if (found == 0)
        return "no CRL can be read in it";
    return bad > 0 || r.broken ? "a part of it cannot be read" : NULL;
}

static void
file_load(struct crls *c, const char *path, uint64_t look)
{
    AUTO(buf) struct buf bytes = {0};
    struct problem p = {0};
    struct crl_file f = {.look = look, .first = c->count};
    const char *why;

    if (file_read(path, LIMIT_CRL_FILE_BYTES, &bytes, &p) != ERR_OK) {
        faulty_add(&c->faulty, path,
                   p.code == ERR_LIMIT ? "it is larger than a CRL may be"
                                       : "it cannot be opened");
        return;
    }
    if (bytes.len > LIMIT_CRL_BYTES - c->bytes) {
        faulty_add(&c->faulty, path, "there are more CRLs than are kept");
        return;
    }
    why = bytes_load(c, path, buf_slice(&bytes), &f);
    if (why)
        faulty_add(&c->faulty, path, why);
    f.bytes = bytes.len;
    f.count = c->count - f.first;
    f.path = mem_text(slice_text(path));
    c->bytes += f.bytes;
    c->file = mem_resize(c->file, (c->files + 1) * sizeof(*c->file));
    c->file[c->files++] = f;
}

/* ---- the folders --------------------------------------------------------- */

struct loading {
    struct crls *to;
    struct crls *from; /* what was there before */
};

static struct crl_file *
file_find(struct crls *c, const char *path, uint64_t look)
{
    for (size_t i = 0; i < c->files; i++)
        if (c->file[i].path && c->file[i].look == look &&
            strcmp(c->file[i].path, path) == 0)
            return &c->file[i];
    return NULL;
}

static bool
is_faulty(const struct faulty_list *l, const char *path)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->item[i].path, path) == 0)
            return true;
    return false;
}

static size_t
issuers_of(const struct crl_file *f)
{
    return f->issuers ? (size_t)sk_X509_num(f->issuers) : 0;
}

/* Parsing is dear: a file that stayed the same keeps what it gave. */
static void
file_visit(void *ctx, const char *path, uint64_t look)
{
    struct loading *l = ctx;
    struct crl_file *old = file_find(l->from, path, look);

    if (!old || is_faulty(&l->from->faulty, path) ||
        l->to->count + old->count > LIMIT_CRLS ||
        l->to->issuers + issuers_of(old) > LIMIT_CRL_ISSUERS ||
        old->bytes > LIMIT_CRL_BYTES - l->to->bytes) {
        file_load(l->to, path, look);
        return;
    }
    l->to->list = mem_resize(l->to->list, (l->to->count + old->count + 1) *
                                              sizeof(*l->to->list));
    l->to->file =
        mem_resize(l->to->file, (l->to->files + 1) * sizeof(*l->to->file));
    l->to->file[l->to->files] = *old;
    l->to->file[l->to->files++].first = l->to->count;
    l->to->bytes += old->bytes;
    l->to->issuers += issuers_of(old);
    for (size_t i = 0; i < old->count; i++) {
        l->to->list[l->to->count++] = l->from->list[old->first + i];
        l->from->list[old->first + i] = (struct stored_crl){0};
    }
    old->path = NULL;
    old->issuers = NULL;
    old->count = 0;
}

static void
contents_clear(struct crls *c)
{
    for (size_t i = 0; i < c->count; i++) {
        X509_CRL_free(c->list[i].crl);
        free(c->list[i].source);
    }
    for (size_t i = 0; i < c->files; i++) {
        sk_X509_pop_free(c->file[i].issuers, X509_free);
        free(c->file[i].path);
    }
    free(c->list);
    free(c->file);
    faulty_clear(&c->faulty);
}

static void
load(struct crls *c)
{
    static uint64_t last;
    struct crls before = *c;
    struct loading l = {.to = c, .from = &before};

    c->list = NULL;
    c->file = NULL;
    c->count = c->files = c->bytes = c->issuers = 0;
    c->faulty.n = 0;
    folders_each(&c->set, file_visit, &l);
    folders_name_passed(&c->set, &c->faulty);
    contents_clear(&before);
    c->generation = ++last;
    log_debug("CRLs: %zu", c->count);
}

struct crls *
crls_new(const char *const *folders)
{
    struct crls *c = mem_new(sizeof(*c));

    c->set =
        (struct folder_set){.folders = folders,
                            .endings = endings,
                            .passed = "its name does not end in .crl or .pem"};
    c->seen = folders_look(&c->set);
    c->looked_ms = clock_ms();
    load(c);
    return c;
}

void
crls_drop(struct crls **c)
{
    if (!*c)
        return;
    contents_clear(*c);
    free(*c);
    *c = NULL;
}

void
crls_refresh(struct crls *c)
{
    int64_t now = clock_ms();
    uint64_t seen;

    if (now - c->looked_ms < FOLDER_LOOK_MS)
        return;
    c->looked_ms = now;
    seen = folders_look(&c->set);
    if (seen == c->seen)
        return;
    c->seen = seen;
    load(c);
}

uint64_t
crls_generation(const struct crls *c)
{
    return c->generation;
}

size_t
crls_count(const struct crls *c)
{
    return c->count;
}

const struct stored_crl *
crls_at(const struct crls *c, size_t i)
{
    return i < c->count ? &c->list[i] : NULL;
}

const struct faulty_list *
crls_faulty(const struct crls *c)
{
    return &c->faulty;
}

void
crls_issuers(const struct crls *c, STACK_OF(X509) * out)
{
    for (size_t i = 0; i < c->files; i++)
        for (int k = 0; k < sk_X509_num(c->file[i].issuers); k++)
            if (sk_X509_push(out, sk_X509_value(c->file[i].issuers, k)) == 0)
                abort();
}

/* ---- for one certificate ------------------------------------------------- */

static bool
may_speak_of(const struct stored_crl *s, X509 *leaf, STACK_OF(X509) * others)
{
    const X509_NAME *issuer = X509_CRL_get_issuer(s->crl);

    if (s->indirect || X509_NAME_cmp(issuer, X509_get_issuer_name(leaf)) == 0)
        return true;
    for (int i = 0; i < sk_X509_num(others); i++)
        if (X509_NAME_cmp(issuer,
                          X509_get_issuer_name(sk_X509_value(others, i))) == 0)
            return true;
    return false;
}

STACK_OF(X509_CRL) * crls_select(const struct crls *c,
                                 STACK_OF(X509_CRL) * given, X509 *leaf,
                                 STACK_OF(X509) * others)
{
    STACK_OF(X509_CRL) *out = sk_X509_CRL_new_null();

    if (!out)
        abort();
    for (int i = 0; i < sk_X509_CRL_num(given); i++)
        if (sk_X509_CRL_push(out, sk_X509_CRL_value(given, i)) == 0)
            abort();
    for (size_t i = 0; c && i < c->count; i++)
        if (may_speak_of(&c->list[i], leaf, others) &&
            sk_X509_CRL_push(out, c->list[i].crl) == 0)
            abort();
    if (sk_X509_CRL_num(out) > 0)
        return out;
    sk_X509_CRL_free(out);
    return NULL;
}
