#include "agent/base/limits.h"
#include "agent/cms/signed.h"

struct digests {
    struct sink sink;
    EVP_MD_CTX *ctx[HASH_COUNT];
    uint8_t digest[HASH_COUNT][LIMIT_DIGEST_BYTES];
    size_t digest_len[HASH_COUNT];
    bool ended;
};

static enum err
digests_write(struct sink *s, const uint8_t *p, size_t n,
              struct problem *problem)
{
    struct digests *d = (struct digests *)s;

    if (d->ended)
        bug("more content after the digest was taken");
    for (int h = 0; h < HASH_COUNT; h++)
        if (d->ctx[h] && EVP_DigestUpdate(d->ctx[h], p, n) != 1)
            return fail(problem, ERR_INTERNAL, "a digest failed");
    return ERR_OK;
}

struct digests *
digests_new(unsigned hashes)
{
    struct digests *d = mem_new(sizeof(*d));

    d->sink.write = digests_write;
    for (int h = HASH_NONE + 1; h < HASH_COUNT; h++) {
        if (!(hashes & 1u << h) || !hash_md((enum hash)h))
            continue;
        d->ctx[h] = EVP_MD_CTX_new();
        if (!d->ctx[h] ||
            EVP_DigestInit_ex2(d->ctx[h], hash_md((enum hash)h), NULL) != 1)
            bug("a digest that cannot begin");
    }
    return d;
}

struct sink *
digests_sink(struct digests *d)
{
    return &d->sink;
}

static void
end_one(struct digests *d, enum hash h)
{
    unsigned n = (unsigned)hash_bytes(h);
    bool ended = h == HASH_SHAKE256
                     ? EVP_DigestFinalXOF(d->ctx[h], d->digest[h], n) == 1
                     : EVP_DigestFinal_ex(d->ctx[h], d->digest[h], &n) == 1;

    if (!ended)
        bug("a digest that cannot end");
    d->digest_len[h] = n;
}

static void
end_all(struct digests *d)
{
    for (int h = 0; h < HASH_COUNT; h++)
        if (d->ctx[h])
            end_one(d, (enum hash)h);
    d->ended = true;
}

struct slice
digests_get(struct digests *d, enum hash h)
{
    if (!d->ended)
        end_all(d);
    if ((unsigned)h >= HASH_COUNT)
        return slice_of(NULL, 0);
    return slice_of(d->digest[h], d->digest_len[h]);
}

void
digests_drop(struct digests **d)
{
    if (!*d)
        return;
    for (int h = 0; h < HASH_COUNT; h++)
        EVP_MD_CTX_free((*d)->ctx[h]);
    free(*d);
    *d = NULL;
}
