#include "agent/session/certificates.h"

#include "agent/cms/certview.h"

struct choice {
    struct cert_view view[LIMIT_CERTIFICATES]; /* all empty: not readable */
    bool looked_at[LIMIT_CERTIFICATES];
    size_t count;
    size_t order[LIMIT_CERTIFICATES]; /* numbers of what was taken */
    size_t taken;
    size_t room;
};

static bool
is_signers(const struct cert_view *v, const struct signer_info *s)
{
    if (s->issuer.n > 0)
        return slice_equal(v->issuer, s->issuer) &&
               slice_equal(v->serial, s->serial);
    return s->key_id.n > 0 && slice_equal(v->key_id, s->key_id);
}

static void
take(struct choice *c, const struct signed_data *d, size_t i)
{
    size_t n = d->certificate[i].n;

    c->looked_at[i] = true;
    if (n > c->room || n > LIMIT_CERT_BYTES)
        return;
    c->room -= n;
    c->order[c->taken++] = i;
}

static void
take_signers(struct choice *c, const struct signed_data *d,
             const struct signer_info *s)
{
    for (size_t i = 0; i < c->count; i++)
        if (is_signers(&c->view[i], s))
            take(c, d, i);
}

/* Of each that was taken, and of those taken by this: each is looked at
 * once, so a circle of names ends. */
static void
take_issuers(struct choice *c, const struct signed_data *d)
{
    for (size_t k = 0; k < c->taken; k++) {
        struct slice name = c->view[c->order[k]].issuer;

        for (size_t i = 0; i < c->count; i++)
            if (!c->looked_at[i] && name.n > 0 &&
                slice_equal(c->view[i].subject, name))
                take(c, d, i);
    }
}

bool
certificates_choose(const struct signed_data *d, const struct signer_info *s,
                    struct slice_list *out)
{
    struct choice c = {.count = d->certificate_count,
                       .room = LIMIT_EVIDENCE_BYTES};

    for (size_t i = 0; i < c.count; i++)
        if (!cert_view_parse(d->certificate[i], &c.view[i]))
            c.view[i] = (struct cert_view){0};
    take_signers(&c, d, s);
    take_issuers(&c, d);
    for (size_t i = 0; i < c.count; i++)
        if (!c.looked_at[i])
            take(&c, d, i);
    for (size_t i = 0; i < c.taken; i++)
        if (!slice_list_add(out, d->certificate[c.order[i]]))
            return true;
    return c.taken < c.count;
}
