/*
 * Putting one's own certificate into one's own entry.
 */
#include <stdio.h>

#include "agent/address/same.h"
#include "agent/fetcher/filter.h"
#include "agent/fetcher/serve.h"

void
published_drop(struct published *p)
{
    free(p->dn);
    *p = (struct published){0};
}

/* The entries the address has: which is meant, and what is in it. */
struct looking {
    const struct directory_write *q;
    char *dn;      /* of the entry that is meant */
    bool by_name;  /* it is the one to bind as */
    size_t others; /* entries that might be meant as well */
    size_t last;   /* number of the entry seen last, +1 */
    bool has_certificate;
    struct buf kept[LIMIT_DIRECTORY_VALUES]; /* other userSMIMECertificates */
    size_t kept_count;
    bool has_smime;
};

static void
looking_drop(struct looking *l)
{
    for (size_t i = 0; i < l->kept_count; i++)
        buf_drop(&l->kept[i]);
    free(l->dn);
    *l = (struct looking){.dn = NULL};
}

static void
entry_begin(struct looking *l, const struct directory_value *v)
{
    const struct directory_write *q = l->q;
    bool named = q->bind_dn.n > 0 && slice_is_nocase(q->bind_dn, v->dn);

    l->last = v->entry + 1;
    if (l->dn && (l->by_name || !named)) {
        l->others++;
        return;
    }
    l->others += l->dn != NULL;
    looking_drop(l);
    *l = (struct looking){.q = q,
                          .dn = mem_text(slice_text(v->dn)),
                          .by_name = named,
                          .others = l->others,
                          .last = v->entry + 1};
}

/* A value about this certificate holds its DER as it is. */
static bool
holds(struct slice value, struct slice der)
{
    return memmem(value.p, value.n, der.p, der.n) != NULL;
}

static void
look(void *ctx, const struct directory_value *v)
{
    struct looking *l = ctx;

    if (v->entry + 1 != l->last)
        entry_begin(l, v);
    if (strcmp(l->dn, v->dn) != 0 || v->bytes.n == 0)
        return;
    if (!v->is_smime) {
        l->has_certificate |= slice_equal(v->bytes, l->q->certificate);
    } else if (holds(v->bytes, l->q->certificate)) {
        l->has_smime = true;
    } else if (l->kept_count < LIMIT_DIRECTORY_VALUES) {
        buf_add_slice(&l->kept[l->kept_count++], v->bytes);
    }
}

static enum directory_state
entry_find(const struct fetching *f, struct directory *d,
           const struct directory_write *q, struct looking *out,
           struct outcome *o)
{
    AUTO(buf) struct buf canonical = {0};
    AUTO(buf) struct buf filter = {0};
    enum directory_state state;

    address_canonical(q->address, &canonical);
    filter_fill(f->config->filter, buf_slice(&canonical), &filter);
    *out = (struct looking){.q = q};
    state = directory_search(d, f->config, buf_text(&filter), look, out, o);
    if (state != DIRECTORY_OK)
        return state;
    if (!out->dn)
        return outcome_set(o, DIRECTORY_NO_ENTRY, "%s: no entry has %.*s",
                           d->server->url, (int)q->address.n,
                           (const char *)q->address.p);
    if (out->others > 0 && !out->by_name)
        return outcome_set(o, DIRECTORY_NO_ENTRY,
                           "%s: %zu entries have %.*s; say which with "
                           "--bind-dn",
                           d->server->url, out->others + 1, (int)q->address.n,
                           (const char *)q->address.p);
    return DIRECTORY_OK;
}

static enum directory_state
entry_write(struct directory *d, const struct directory_write *q,
            const struct looking *l, struct outcome *o)
{
    struct slice values[LIMIT_DIRECTORY_VALUES];
    size_t n = 0;

    if (q->smime.n > 0) {
        values[n++] = q->smime;
        for (size_t i = 0; i < l->kept_count && n < LIMIT_DIRECTORY_VALUES; i++)
            values[n++] = buf_slice(&l->kept[i]);
    }
    return directory_write(
        d, l->dn, l->has_certificate ? slice_of(NULL, 0) : q->certificate,
        values, n, o);
}

enum directory_state
publish_on(const struct fetching *f, size_t n, int ms,
           const struct directory_write *q, struct slice password,
           struct published *out, struct outcome *o)
{
    AUTO(looking) struct looking l = {.dn = NULL};
    struct directory d = {.fd = -1};
    enum directory_state state =
        directory_open(f->config, &f->servers->one[n], ms, &d, o);

    if (state != DIRECTORY_OK)
        return state;
    if (q->bind_dn.n > 0 && q->has_password) {
        char *dn = mem_text(q->bind_dn);

        state = directory_bind(&d, dn, password, o);
        free(dn);
    }
    if (state == DIRECTORY_OK)
        state = entry_find(f, &d, q, &l, o);
    if (state == DIRECTORY_OK && !q->dry)
        state = entry_write(&d, q, &l, o);
    if (state == DIRECTORY_OK)
        *out = (struct published){.dn = TAKE(l.dn),
                                  .has_certificate = l.has_certificate,
                                  .has_smime = l.has_smime};
    directory_drop(&d);
    return state;
}
