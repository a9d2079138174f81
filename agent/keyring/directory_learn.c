/*
 * What the directory had for an address becomes a contact only as any other
 * certificate does: the validator judges it, and it must name the address.
 */
#include <stdio.h>
#include <time.h>

#include "agent/base/log.h"
#include "agent/keyring/directory.h"
#include "agent/keyring/keyring.h"

/* All certificates of one entry, in one question to the validator. */
#define ENTRY_BYTES (LIMIT_FRAME_BYTES - 32 * 1024)

struct teaching {
    struct keyring *k;
    const struct lookup *l;
    struct slice server;
    uint32_t address; /* whose items are looked at */
    struct slice dn;  /* of the entry that is looked at */
    char origin[LIMIT_TEXT_BYTES];
    struct slice_list certificates; /* of that entry, each once */
    size_t bytes;
    size_t learned, items; /* for this address */
    char *reason;          /* why the last one was not stored */
};

/* Owned by the caller of directory_learn until the next one. */
static char reasons_room[LIMIT_DIRECTORY_ADDRESSES][128];

static void
origin_set(struct teaching *g)
{
    char dn[LIMIT_TEXT_BYTES / 2];

    text_escape(g->dn, dn, sizeof(dn));
    snprintf(g->origin, sizeof(g->origin), "%.*s %s", (int)g->server.n,
             (const char *)g->server.p, dn);
}

static void
reason_set(struct teaching *g, struct slice words)
{
    snprintf(g->reason, sizeof(reasons_room[0]), "%.*s", (int)words.n,
             (const char *)words.p);
}

/* ---- a signed value ------------------------------------------------------ */

static struct verify_request
evidence_of(const struct teaching *g, const struct directory_item *i)
{
    return (struct verify_request){
        .sid_issuer = i->sid_issuer,
        .sid_serial = i->sid_serial,
        .sid_key_id = i->sid_key_id,
        .digest_algorithm = i->digest_algorithm,
        .signature_algorithm = i->signature_algorithm,
        .signed_attrs = i->signed_attrs,
        .signature = i->signature,
        .content_digest = i->content_digest,
        .content_type = i->content_type,
        .certificates = i->certificates,
        .covers = 1,
        .origin = slice_text(g->origin),
    };
}

/* Its signature says what its holder's programs can read. First: is it the
 * holder of this address? Then it is learned as one whose sender nobody saw:
 * an entry is no message of its holder. */
static enum err
signed_learn(struct teaching *g, const struct directory_item *i, bool *out,
             struct problem *p)
{
    static const struct brought nothing;
    struct verify_request q = evidence_of(g, i);
    struct answer_bytes bytes = {0};
    struct verify_reply v;
    enum err e;

    *out = false;
    q.from.item[q.from.n++] = g->l->addresses.item[g->address];
    e = keyring_verify_of(g->k, &nothing, &q, CONTACT_DIRECTORY, &bytes, &v, p);
    if (e == ERR_OK && v.good) {
        q.from.n = 0;
        q.learn = LEARN_NOW;
        buf_clear(&bytes.a);
        e = keyring_verify_of(g->k, &nothing, &q, CONTACT_DIRECTORY, &bytes, &v,
                              p);
        *out = e == ERR_OK && v.learned != LEARNED_NOTHING &&
               v.learned != LEARNED_FAILED;
    }
    buf_drop(&bytes.a);
    buf_drop(&bytes.b);
    buf_drop(&bytes.c);
    return e;
}

/* ---- an entry ------------------------------------------------------------ */

static bool
is_there(const struct slice_list *list, struct slice der)
{
    for (size_t i = 0; i < list->n; i++)
        if (slice_equal(list->item[i], der))
            return true;
    return false;
}

static void
certificates_add(struct teaching *g, const struct slice_list *more)
{
    for (size_t i = 0; i < more->n; i++)
        if (more->item[i].n <= ENTRY_BYTES - g->bytes &&
            !is_there(&g->certificates, more->item[i]) &&
            slice_list_add(&g->certificates, more->item[i]))
            g->bytes += more->item[i].n;
}

/* That an issuer beside it is no person's certificate is no reason. */
static bool
is_authority(struct slice described)
{
    struct description about;

    return record_decode(RECORD_description, described, &about) && about.is_ca;
}

static void
replies_note(struct teaching *g, const struct store_reply *reply)
{
    for (size_t i = 0; i < reply->records.n; i++) {
        struct stored_record one;

        if (!record_decode(RECORD_stored_record, reply->records.item[i], &one))
            continue;
        if (one.learned != LEARNED_NOTHING && one.learned != LEARNED_FAILED)
            g->learned++;
        else if (one.reason.n > 0 && !is_authority(one.described))
            reason_set(g, one.reason);
    }
}

static enum err
entry_store(struct teaching *g, struct problem *p)
{
    struct store_request q = {.certificates = g->certificates,
                              .source = CONTACT_DIRECTORY,
                              .address = g->l->addresses.item[g->address],
                              .origin = slice_text(g->origin)};
    struct answer_bytes bytes = {0};
    struct store_reply reply;
    enum err e = ERR_OK;

    if (g->certificates.n > 0)
        e = keyring_store(g->k, &q, &bytes, &reply, p);
    if (g->certificates.n > 0 && e == ERR_OK)
        replies_note(g, &reply);
    buf_drop(&bytes.a);
    buf_drop(&bytes.b);
    buf_drop(&bytes.c);
    g->certificates.n = 0;
    g->bytes = 0;
    return e;
}

static enum err
item_learn(struct teaching *g, const struct directory_item *i,
           struct problem *p)
{
    bool learned = false;
    enum err e = ERR_OK;

    g->items++;
    if (!slice_equal(g->dn, i->dn)) {
        e = entry_store(g, p);
        g->dn = i->dn;
        origin_set(g);
    }
    if (e == ERR_OK && i->signature.n > 0)
        e = signed_learn(g, i, &learned, p);
    g->learned += learned;
    certificates_add(g, &i->certificates);
    return e;
}

/* ---- an address ---------------------------------------------------------- */

static enum err
address_learn(struct teaching *g, struct problem *p)
{
    enum err e = ERR_OK;

    for (size_t n = 0; n < g->l->item_count && e == ERR_OK; n++) {
        struct directory_item i;

        if (record_decode(RECORD_directory_item, buf_slice(&g->l->item[n]),
                          &i) &&
            i.address == g->address)
            e = item_learn(g, &i, p);
    }
    if (e == ERR_OK)
        e = entry_store(g, p);
    if (e == ERR_OK)
        e = store_directory_gone(g->k->store, g->l->addresses.item[g->address],
                                 g->l->asked_at, p);
    return e;
}

enum err
directory_learn(struct keyring *k, const struct lookup *l, struct slice server,
                const char **reasons, struct problem *p)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < l->addresses.n && e == ERR_OK; i++) {
        struct teaching g = {.k = k,
                             .l = l,
                             .server = server,
                             .address = (uint32_t)i,
                             .reason = reasons_room[i]};

        reason_set(&g, slice_text("it has no certificate for it"));
        origin_set(&g);
        e = address_learn(&g, p);
        reasons[i] = g.learned > 0 ? NULL : reasons_room[i];
    }
    return e;
}
