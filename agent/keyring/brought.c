#include "agent/keyring/brought.h"

#include "agent/keyring/keyring.h"

#define LEND_ATTEMPTS 3

void
brought_drop(struct brought *b)
{
    for (size_t i = 0; i < TRUST_KINDS; i++)
        buf_drop(&b->bytes[i]);
    *b = (struct brought){0};
}

static size_t
size_of(const struct brought *b)
{
    size_t total = 0;

    for (size_t i = 0; i < TRUST_KINDS; i++)
        total += b->bytes[i].len;
    return total;
}

enum err
brought_add(struct keyring *k, struct brought *b, const struct trust_part *part,
            struct problem *p)
{
    size_t all = part->bytes.n;

    if (part->kind == TRUST_FORGET || part->kind >= TRUST_KINDS)
        return fail(p, ERR_USAGE, "an unknown kind of trust");
    for (size_t i = 0; i < LIMIT_SESSIONS; i++)
        all += size_of(&k->brought[i]);
    if (all > LIMIT_BROUGHT_BYTES)
        return fail(p, ERR_LIMIT,
                    "more than %d MiB of anchors, CRLs and certificates of "
                    "all requests at once",
                    LIMIT_BROUGHT_BYTES / (1024 * 1024));
    if (size_of(b) + part->bytes.n > LIMIT_TRUST_BYTES)
        return fail(p, ERR_LIMIT,
                    "more than %d MiB of anchors, CRLs and certificates",
                    LIMIT_TRUST_BYTES / (1024 * 1024));
    /* A new name: what the validator has of it is no longer all. */
    b->name = ++k->last_name;
    b->given[part->kind] = true;
    buf_add_slice(&b->bytes[part->kind], part->bytes);
    return ERR_OK;
}

/* ---- lending ------------------------------------------------------------- */

static enum err
part_lend(struct keyring *k, uint32_t name, uint32_t kind, struct slice bytes,
          struct problem *p)
{
    struct lent_trust lent = {.name = name, .kind = kind, .bytes = bytes};
    struct empty nothing;

    return keyring_ask(k, MSG_LEND, &lent, &nothing, p);
}

static enum err
kind_lend(struct keyring *k, const struct brought *b, uint32_t kind,
          struct problem *p)
{
    struct slice rest = buf_slice(&b->bytes[kind]);
    enum err e;

    do {
        size_t n =
            rest.n < LIMIT_TRUST_CHUNK_BYTES ? rest.n : LIMIT_TRUST_CHUNK_BYTES;

        e = part_lend(k, b->name, kind, slice_of(rest.p, n), p);
        rest = slice_of(rest.p ? rest.p + n : NULL, rest.n - n);
    } while (e == ERR_OK && rest.n > 0);
    return e;
}

static enum err
all_lend(struct keyring *k, const struct brought *b, struct problem *p)
{
    enum err e = part_lend(k, b->name, TRUST_FORGET, slice_of(NULL, 0), p);

    for (uint32_t i = TRUST_FORGET + 1; i < TRUST_KINDS && e == ERR_OK; i++)
        if (b->given[i])
            e = kind_lend(k, b, i, p);
    return e;
}

static bool
is_lent(const struct keyring *k, const struct brought *b)
{
    return b->name == 0 || (k->lent == b->name && k->validator >= 0);
}

/* A validator that is replaced on the way has only a part of it, and one that
 * is replaced later nothing: trusting the agent's anchors in place of those
 * given would be wrong. k->lent is 0 from then on. */
static enum err
make_lent(struct keyring *k, const struct brought *b, struct problem *p)
{
    uint64_t validator;
    enum err e;

    if (is_lent(k, b))
        return ERR_OK;
    validator = k->validators;
    k->lent = 0;
    e = all_lend(k, b, p);
    if (e == ERR_OK && validator == k->validators)
        k->lent = b->name;
    return e;
}

enum err
brought_ask(struct keyring *k, const struct brought *b, enum message m,
            const void *request, void *reply, const struct errand *meanwhile,
            struct problem *p)
{
    for (int i = 0; i < LEND_ATTEMPTS; i++) {
        enum err e = make_lent(k, b, p);

        if (e != ERR_OK)
            return e;
        if (!is_lent(k, b))
            continue;
        e = keyring_ask_while(k, m, request, reply, meanwhile, p);
        if (is_lent(k, b))
            return e;
    }
    *p = (struct problem){0};
    return fail(p, ERR_KEYRING_LOST, "the validator is replaced too often");
}
