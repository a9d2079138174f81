/*
 * MSG_GENERATE: a key made on a token, and the request for its certificate.
 */
#include <openssl/evp.h>
#include <stdio.h>

#include "agent/base/log.h"
#include "agent/keyholder/certificate_request.h"
#include "agent/keyholder/choice.h"
#include "agent/keyholder/token_problem.h"
#include "agent/keyholder/unlock.h"
#include "agent/keyholder/writing.h"
#include "tokens/write.h"

static const uint8_t p256[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};
static const uint8_t p384[] = {6, 5, 0x2b, 0x81, 4, 0, 0x22};
static const uint8_t p521[] = {6, 5, 0x2b, 0x81, 4, 0, 0x23};

struct generating {
    struct client *client;
    const struct generate_request *request;
    struct token *token;
    struct purpose why;
    struct journal *journal;
    uint8_t id[TOKEN_ID_BYTES];
    size_t id_len;
    bool decrypts; /* the token can, with this key */
};

static enum err
what_of(const struct generate_request *r, const char *label,
        struct token_generation *out, struct problem *p)
{
    bool rsa = r->type == KEY_RSA &&
               (r->bits == 2048 || r->bits == 3072 || r->bits == 4096);
    bool ec = r->type == KEY_EC &&
              (r->bits == 256 || r->bits == 384 || r->bits == 521);

    if (!rsa && !ec && r->type != KEY_ED25519)
        return fail(p, ERR_BAD_REQUEST, "no such kind of key");
    out->type = rsa ? TOKEN_KEY_RSA : ec ? TOKEN_KEY_EC : TOKEN_KEY_ED25519;
    out->bits = r->bits;
    out->label = label;
    if (ec && r->bits == 256)
        out->curve = (struct token_bytes){p256, sizeof(p256)};
    if (ec && r->bits == 384)
        out->curve = (struct token_bytes){p384, sizeof(p384)};
    if (ec && r->bits == 521)
        out->curve = (struct token_bytes){p521, sizeof(p521)};
    return ERR_OK;
}

/* The pair stays only when it works. */
static enum err
make_pair(struct generating *w, struct problem *p)
{
    struct token_generation what = {0};
    struct token_import *import = NULL;
    struct problem first = {0};
    enum err e = what_of(w->request, w->why.key, &what, p);
    enum tokens_err t;

    if (e != ERR_OK)
        return e;
    t = token_import_begin(w->token, &import);
    if (t == TOKENS_OK) {
        token_import_set_journal(import, journal_notes(w->journal));
        t = token_import_generate(import, &what, w->id, &w->id_len);
    }
    if (t == TOKENS_OK)
        t = token_import_prove(import);
    if (t == TOKENS_OK)
        t = token_import_commit(import);
    if (t != TOKENS_OK && journal_problem(w->journal, &first) == ERR_OK)
        (void)token_problem(t, w->token, &first);
    if (t != TOKENS_OK)
        e = writing_undo(&import, 1, w->journal, &first, p);
    token_import_drop(&import);
    return e;
}

static enum err
read_spki(struct generating *w, struct buf *out, struct problem *p)
{
    const struct token_identities *list = NULL;
    enum tokens_err t = token_identities_read(w->token, &list);

    for (size_t i = 0; t == TOKENS_OK && i < list->count; i++) {
        const struct token_identity *k = &list->all[i];

        if (slice_equal(slice_of(k->id, k->id_len),
                        slice_of(w->id, w->id_len)) &&
            out->len == 0) {
            buf_add(out, k->spki, k->spki_len);
            w->decrypts = k->uses & (TOKEN_USE_DECRYPT | TOKEN_USE_DERIVE);
        }
    }
    token_identities_drop(&list);
    if (t == TOKENS_OK && out->len == 0)
        t = TOKENS_DIFFERENT;
    return t == TOKENS_OK ? ERR_OK : token_problem(t, w->token, p);
}

/* The digest that fits the key's strength (RFC 5754); Ed25519 signs the
 * whole (RFC 8410). */
static const struct way {
    enum hash hash;
    enum token_hash token_hash;
    const EVP_MD *(*digest)(void);
} ways[] = {{HASH_SHA256, TOKEN_HASH_SHA256, EVP_sha256},
            {HASH_SHA384, TOKEN_HASH_SHA384, EVP_sha384},
            {HASH_SHA512, TOKEN_HASH_SHA512, EVP_sha512}};

static const struct way *
way_of(const struct generate_request *q)
{
    if (q->type != KEY_EC || q->bits == 256)
        return &ways[0];
    return q->bits == 384 ? &ways[1] : &ways[2];
}

static enum err
sign(struct generating *w, struct slice tbs, struct buf *out, struct problem *p)
{
    struct ask_each_time ask = {
        .client = w->client, .why = &w->why, .id = slice_of(w->id, w->id_len)};
    struct token_prompt prompt = {unlock_ask, &ask};
    const struct way *way = way_of(w->request);
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    enum tokens_err t;

    buf_reserve(out, TOKEN_SIGNATURE_BYTES);
    if (w->request->type == KEY_ED25519) {
        t = token_sign(w->token, w->id, w->id_len, TOKEN_EDDSA, TOKEN_HASH_NONE,
                       tbs.p, tbs.n, &prompt, out->data, TOKEN_SIGNATURE_BYTES,
                       &out->len);
    } else {
        if (EVP_Digest(tbs.p, tbs.n, digest, &n, way->digest(), NULL) != 1)
            return fail(p, ERR_INTERNAL, "a digest");
        t = token_sign(w->token, w->id, w->id_len,
                       w->request->type == KEY_RSA ? TOKEN_RSA_PKCS1
                                                   : TOKEN_ECDSA,
                       way->token_hash, digest, n, &prompt, out->data,
                       TOKEN_SIGNATURE_BYTES, &out->len);
    }
    unlock_asked(&ask, t);
    if (t != TOKENS_OK && ask.problem.code != ERR_OK)
        return (*p = ask.problem).code;
    return t == TOKENS_OK ? ERR_OK : token_problem(t, w->token, p);
}

static enum err
write_request(struct generating *w, struct buf *out, struct problem *p)
{
    AUTO(certificate_request) struct certificate_request *r = NULL;
    AUTO(buf) struct buf spki = {0};
    AUTO(buf) struct buf tbs = {0};
    AUTO(buf) struct buf signature = {0};
    const struct generate_request *q = w->request;
    enum err e = read_spki(w, &spki, p);

    if (e == ERR_OK)
        e = certificate_request_new(buf_slice(&spki), (enum key_type)q->type,
                                    w->decrypts, q->address, q->name, &r, &tbs,
                                    p);
    if (e == ERR_OK)
        e = sign(w, buf_slice(&tbs), &signature, p);
    if (e == ERR_OK)
        e = certificate_request_finish(r, way_of(q)->hash,
                                       buf_slice(&signature), out, p);
    return e;
}

static enum err
choose(struct generating *w, struct problem *p)
{
    enum err e = token_choose(w->client->keyholder->store, w->request->token,
                              &w->token, p);

    if (e == ERR_OK)
        e = writing_check(w->token, p);
    if (e != ERR_OK)
        return e;
    w->why = (struct purpose){.token = w->token, .operation = "generate a key"};
    if (w->request->address.n < sizeof(w->why.key))
        memcpy(w->why.key, w->request->address.p, w->request->address.n);
    return writing_unlock(w->client, &w->why, p);
}

/* A key whose request cannot be made is of no use to anybody, nor is one
 * whose request was lost in a crash: the journal is open until it is made. */
static enum err
generate_noted(struct generating *w, struct buf *out, struct problem *p)
{
    struct problem q = {0};
    size_t removed = 0;
    enum err e = make_pair(w, p);

    if (e != ERR_OK)
        return e;
    e = write_request(w, out, p);
    if (e == ERR_OK)
        e = journal_close(w->journal, p);
    if (e != ERR_OK &&
        token_remove_identity(w->token, w->id, w->id_len, &removed) ==
            TOKENS_OK &&
        journal_close(w->journal, &q) != ERR_OK)
        log_problem("generate", &q);
    return e;
}

static enum err
generate(struct generating *w, struct buf *out, struct problem *p)
{
    enum err e;

    w->journal = journal_new(&w->client->keyholder->journals);
    e = generate_noted(w, out, p);
    journal_drop(&w->journal);
    return e;
}

enum err
key_generate(struct client *c, const struct generate_request *request,
             struct generate_reply *out, struct reply_room *room,
             struct problem *p)
{
    struct generating w = {.client = c, .request = request};
    struct token_generation what = {0};
    AUTO(buf) struct buf der = {0};
    struct token_info info;
    enum err e = certificate_request_check(request->address, request->name, p);

    /* Nobody is asked for a PIN when it is in vain. */
    if (e == ERR_OK)
        e = what_of(request, NULL, &what, p);
    if (e == ERR_OK)
        e = choose(&w, p);
    if (e == ERR_OK)
        e = generate(&w, &der, p);
    client_audit(c, "generate", w.token, slice_of(w.id, w.id_len), e);
    if (e != ERR_OK)
        return e;
    remembered_refresh(&c->keyholder->remembered, w.token);
    token_get_info(w.token, &info);
    buf_reserve(&room->bytes, der.len + w.id_len + sizeof(info.label));
    buf_add_slice(&room->bytes, buf_slice(&der));
    buf_add(&room->bytes, w.id, w.id_len);
    buf_add_text(&room->bytes, info.label);
    out->request = slice_of(room->bytes.data, der.len);
    out->id = slice_of(room->bytes.data + der.len, w.id_len);
    out->token =
        slice_of(room->bytes.data + der.len + w.id_len, strlen(info.label));
    return ERR_OK;
}
