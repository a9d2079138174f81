/*
 * MSG_SIGN, MSG_UNWRAP, MSG_AGREE: what a session may have done with a key.
 */
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <stdio.h>

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/base/secret.h"
#include "agent/keyholder/keeper.h"
#include "agent/keyholder/operate.h"
#include "agent/keyholder/program_rules.h"
#include "agent/keyholder/token_problem.h"

/* Does the client use the key by itself, outside any mail? */
static bool
client_is_raw(const struct client *c)
{
    return (c->served.rights & RIGHT_RAW) != 0;
}

static enum err
unlock_first(struct operation *op, bool *out_asked, struct problem *p)
{
    (void)key_facts_load(op->token, op->id, &op->facts);
    return unlock_by_prompt(op->client, &op->why, out_asked, p);
}

/* Does a rule of agent.conf want a yes to each use? What cannot be told of
 * the key must not take the question away. */
static bool
must_confirm(struct operation *op)
{
    const struct config *config = &op->client->keyholder->config;

    if (op->must_ask) {
        (void)key_facts_load(op->token, op->id, &op->facts);
        return true;
    }
    if (config->key_count == 0)
        return false;
    if (!key_facts_load(op->token, op->id, &op->facts))
        return true;
    return key_facts_confirm(&op->facts, config);
}

/* Whoever has just typed a PIN for this very operation has agreed to it; a
 * key that wants a PIN each time will ask for it. */
static enum err
confirm(struct operation *op, bool was_asked, struct problem *p)
{
    struct client *c = op->client;
    AUTO(prompt) struct prompt prompt = {.client = c};
    struct consent_about about = {
        .token = op->token, .id = op->id, .operation = op->why.operation};
    enum err e;

    if (was_asked || !must_confirm(op) || op->facts.always_authenticate)
        return ERR_OK;
    about.program = client_program(c);
    about.since = consent_count(&c->keyholder->consents);
    if (consent_use(&c->keyholder->consents, &about, NULL))
        return ERR_OK;
    e = prompt_begin(&prompt, c, op->token, p);
    /* The one before may have said yes for this one too. */
    if (e == ERR_OK && consent_use(&c->keyholder->consents, &about, NULL))
        return ERR_OK;
    if (e == ERR_OK)
        e = prompt_confirm(&prompt, &op->why, p);
    if (e != ERR_OK)
        return e;
    consent_add(&c->keyholder->consents, &about, slice_of(NULL, 0));
    keeper_wake(c->keyholder);
    return ERR_OK;
}

static enum tokens_err
call_token(struct operation *op, struct ask_each_time *ask)
{
    struct token_prompt prompt = {unlock_ask, ask};
    enum tokens_err e;

    notice_begin(op->client, op->token);
    e = op->call(op, &prompt);
    notice_end(op->client);
    unlock_asked(ask, e);
    if (e == TOKENS_OK)
        kept_touch(&op->client->keyholder->kept, op->token);
    return e;
}

/* Gives TOKENS_OK and TOKENS_MESSAGE in *out_result; everything else is a
 * problem of the token or the person. */
static enum err
attempt(struct operation *op, enum tokens_err *out_result, struct problem *p)
{
    struct ask_each_time ask = {.client = op->client,
                                .why = &op->why,
                                .id = op->id,
                                .facts = &op->facts};
    bool asked = false, lost = false, agreed = false;

    for (;;) {
        enum err e = ERR_OK;
        enum tokens_err t;

        if (unlock_is_needed(op->token))
            e = unlock_first(op, &asked, p);
        if (e == ERR_OK && !agreed)
            e = confirm(op, asked, p);
        if (e != ERR_OK)
            return e;
        agreed = true;
        t = call_token(op, &ask);
        *out_result = t;
        if (t == TOKENS_OK || t == TOKENS_MESSAGE)
            return ERR_OK;
        if (ask.problem.code != ERR_OK)
            return (*p = ask.problem).code;
        if (unlock_ask_again(&ask, t))
            continue;
        /* The card was reset, or somebody locked it. */
        if (t != TOKENS_LOCKED || lost || !unlock_is_needed(op->token))
            return token_problem(t, op->token, p);
        lost = true;
    }
}

static enum err
may_decrypt(struct operation *op, struct problem *p)
{
    struct client *c = op->client;
    char name[TOKEN_LABEL_BYTES];
    enum err e = failures_check(&c->keyholder->failures, &c->attempts,
                                op->token, op->id, clock_ms(), p);

    if (e == ERR_OK)
        return ERR_OK;
    token_handle(op->token, name);
    problem_set_token(p, name);
    return e;
}

/* What agent.conf says of the program that asks. */
static enum err
may_use(struct operation *op, struct problem *p)
{
    const struct config_program *rule = program_rule_find(
        &op->client->keyholder->config, client_program(op->client));

    if (!rule)
        return ERR_OK;
    op->must_ask = rule->use == PROGRAM_ASK;
    if (rule->use == PROGRAM_REFUSE)
        return fail(p, ERR_REFUSED, "agent.conf lets %s use no key",
                    rule->name);
    if (!rule->has_keys)
        return ERR_OK;
    (void)key_facts_load(op->token, op->id, &op->facts);
    return program_rule_has_key(rule, &op->facts)
               ? ERR_OK
               : fail(p, ERR_REFUSED, "agent.conf lets %s use other keys only",
                      rule->name);
}

enum err
key_operation_run(struct operation *op, struct slice key,
                  enum tokens_err *out_result, struct problem *p)
{
    struct client *c = op->client;
    enum err e = reference_find_again(c->keyholder->store, &c->found, key,
                                      &op->token, &op->id, p);

    if (e == ERR_OK)
        e = may_use(op, p);
    if (e == ERR_OK && op->decrypts)
        e = may_decrypt(op, p);
    if (e == ERR_OK) {
        op->why.token = op->token;
        op->why.facts = &op->facts;
        e = attempt(op, out_result, p);
        if (e == ERR_OK && op->decrypts)
            attempts_add(&c->attempts, &c->keyholder->failures, op->token,
                         op->id, clock_ms());
    }
    client_audit_use(c, op->audited, op->token, &op->facts, op->id, e);
    return e;
}

/* ---- numbers of the wire into numbers of the tokens -------------------- */

static bool
hash_for_token(uint32_t hash, enum token_hash *out)
{
    static const enum token_hash table[] = {
        [HASH_NONE] = TOKEN_HASH_NONE,     [HASH_SHA1] = TOKEN_HASH_SHA1,
        [HASH_SHA224] = TOKEN_HASH_SHA224, [HASH_SHA256] = TOKEN_HASH_SHA256,
        [HASH_SHA384] = TOKEN_HASH_SHA384, [HASH_SHA512] = TOKEN_HASH_SHA512};

    if (hash >= ARRAY_COUNT(table))
        return false;
    *out = table[hash];
    return true;
}

static bool
scheme_for_token(uint32_t scheme, enum token_scheme *out)
{
    static const enum token_scheme table[] = {
        [SCHEME_RSA_PKCS1] = TOKEN_RSA_PKCS1,
        [SCHEME_RSA_PSS] = TOKEN_RSA_PSS,
        [SCHEME_RSA_OAEP] = TOKEN_RSA_OAEP,
        [SCHEME_ECDSA] = TOKEN_ECDSA,
        [SCHEME_EDDSA] = TOKEN_EDDSA};

    if (scheme < SCHEME_RSA_PKCS1 || scheme >= ARRAY_COUNT(table))
        return false;
    *out = table[scheme];
    return true;
}

/* ---- signing ----------------------------------------------------------- */

static enum tokens_err
call_sign(struct operation *op, const struct token_prompt *prompt)
{
    const struct sign_request *r = op->request;
    enum token_scheme scheme;
    enum token_hash hash;

    if (!scheme_for_token(r->scheme, &scheme) ||
        !hash_for_token(r->hash, &hash))
        return TOKENS_ARGUMENT;
    return token_sign(op->token, op->id.p, op->id.n, scheme, hash, r->data.p,
                      r->data.n, prompt, op->out, op->room, &op->out_len);
}

enum err
key_sign(struct client *c, const struct sign_request *request,
         struct sign_reply *out, struct reply_room *room, struct problem *p)
{
    struct operation op = {
        .client = c,
        .audited = client_is_raw(c) ? "raw-sign" : "sign",
        .why = {.operation = client_is_raw(c) ? "sign data" : "sign a message"},
        .request = request,
        .room = TOKEN_SIGNATURE_BYTES,
        .call = call_sign};
    enum tokens_err result = TOKENS_OK;
    enum err e;

    buf_reserve(&room->bytes, op.room);
    op.out = room->bytes.data;
    if ((e = key_operation_run(&op, request->key, &result, p)) != ERR_OK)
        return e;
    /* The digest is the session's own: a wrong one is no message's fault. */
    if (result == TOKENS_MESSAGE)
        return fail(p, ERR_USAGE, "a digest that does not fit its hash");
    out->signature = slice_of(op.out, op.out_len);
    return ERR_OK;
}

/* ---- unwrapping -------------------------------------------------------- */

enum tokens_err
key_operation_unwrap(struct operation *op, const struct token_prompt *prompt)
{
    const struct unwrap_request *r = op->request;
    struct token_padding padding = {.label = r->label.p,
                                    .label_len = r->label.n};

    if (!scheme_for_token(r->scheme, &padding.scheme) ||
        (padding.scheme != TOKEN_RSA_PKCS1 &&
         padding.scheme != TOKEN_RSA_OAEP) ||
        !hash_for_token(r->hash, &padding.hash) ||
        !hash_for_token(r->mgf_hash, &padding.mgf_hash))
        return TOKENS_ARGUMENT;
    return token_unwrap(op->token, op->id.p, op->id.n, &padding, r->wrapped.p,
                        r->wrapped.n, prompt, op->out, op->room, &op->out_len);
}

/* All ones when A equals B, else zero, without a branch. */
static uint8_t
mask_equal(size_t a, size_t b)
{
    size_t d = a ^ b;

    return (uint8_t)(((d | (0 - d)) >> (sizeof(d) * 8 - 1)) - 1);
}

/* RFC 3218: the random key was made before, and is chosen byte by byte, so
 * that neither the answer nor its time tells a bad padding from a bad key. */
static void
choose(uint8_t good, const uint8_t *plain, const uint8_t *fake, uint8_t *out,
       size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)((plain[i] & good) | (fake[i] & (uint8_t)~good));
}

static enum err
make_fake(uint8_t *fake, size_t n, struct problem *p)
{
    return RAND_priv_bytes(fake, (int)n) == 1
               ? ERR_OK
               : fail(p, ERR_INTERNAL, "no random numbers");
}

/* OAEP with a key of any length: there is no key to make up. */
static enum err
give_whole(enum tokens_err result, const struct secret *plain, size_t n,
           struct unwrap_reply *out, struct problem *p)
{
    if (result != TOKENS_OK || n == 0 || n > LIMIT_UNWRAPPED_BYTES)
        return fail(p, ERR_CANNOT_DECRYPT, NULL);
    out->key = slice_of(secret_slice(plain).p, n);
    return ERR_OK;
}

enum err
key_unwrap(struct client *c, const struct unwrap_request *request,
           struct unwrap_reply *out, struct reply_room *room, struct problem *p)
{
    struct operation op = {
        .client = c,
        .audited = client_is_raw(c) ? "raw-unwrap" : "unwrap",
        .why = {.operation =
                    client_is_raw(c) ? "decrypt data" : "decrypt a message"},
        .decrypts = !client_is_raw(c),
        .request = request,
        .room = LIMIT_PLAIN_BYTES,
        .call = key_operation_unwrap};
    AUTO(secret) struct secret *fake = secret_new();
    size_t n = request->key_bytes;
    enum tokens_err result = TOKENS_OK;
    uint8_t *f = secret_room(fake, LIMIT_UNWRAPPED_BYTES);
    enum err e;

    if (n > LIMIT_UNWRAPPED_BYTES ||
        (n == 0 && request->scheme != SCHEME_RSA_OAEP))
        return fail(p, ERR_USAGE, "a content key of %zu bytes", n);
    room->secret = secret_new();
    op.out = secret_room(room->secret, LIMIT_PLAIN_BYTES);
    if ((e = make_fake(f, LIMIT_UNWRAPPED_BYTES, p)) != ERR_OK ||
        (e = key_operation_run(&op, request->key, &result, p)) != ERR_OK)
        return e;
    if (n == 0)
        return give_whole(result, room->secret, op.out_len, out, p);
    choose(mask_equal(result, TOKENS_OK) & mask_equal(op.out_len, n), op.out, f,
           op.out, n);
    out->key = slice_of(op.out, n);
    return ERR_OK;
}

/* ---- agreement --------------------------------------------------------- */

static enum tokens_err
call_agree(struct operation *op, const struct token_prompt *prompt)
{
    const struct agree_request *r = op->request;

    return token_agree(op->token, op->id.p, op->id.n, r->peer.p, r->peer.n,
                       prompt, op->out, op->room, &op->out_len);
}

static const char *
kdf_hash(uint32_t hash)
{
    static const char *const names[] = {[HASH_SHA1] = "SHA1",
                                        [HASH_SHA224] = "SHA224",
                                        [HASH_SHA256] = "SHA256",
                                        [HASH_SHA384] = "SHA384",
                                        [HASH_SHA512] = "SHA512"};

    return hash < ARRAY_COUNT(names) ? names[hash] : NULL;
}

static OSSL_PARAM
octets(const char *name, struct slice s)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)s.p, s.n);
}

/* ANSI X9.63 KDF (SEC 1 3.6.1), as RFC 5753 section 7.1 uses it, or HKDF
 * (RFC 5869) as RFC 8418 section 2.2 does. */
static bool
derive(const struct agree_request *r, struct slice shared, uint8_t *out)
{
    bool hkdf = r->kdf == KDF_HKDF;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, hkdf ? "HKDF" : "X963KDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(
            OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)kdf_hash(r->hash), 0),
        octets(OSSL_KDF_PARAM_KEY, shared),
        octets(OSSL_KDF_PARAM_INFO, r->info),
        hkdf && r->salt.n > 0 ? octets(OSSL_KDF_PARAM_SALT, r->salt)
                              : OSSL_PARAM_construct_end(),
        OSSL_PARAM_construct_end()};
    bool done = ctx && EVP_KDF_derive(ctx, out, r->kek_bytes, params) == 1;

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return done;
}

static enum err
check_agree(const struct client *c, const struct agree_request *r,
            struct problem *p)
{
    bool raw = client_is_raw(c);

    if (raw && r->kdf == KDF_NONE && !c->keyholder->config.shared_secrets)
        return fail(p, ERR_REFUSED,
                    "the shared secret itself is not given out; where it must "
                    "be: [raw] shared-secret = yes, in agent.conf");
    if (raw && r->kdf == KDF_NONE)
        return ERR_OK;
    if (r->kek_bytes != 16 && r->kek_bytes != 24 && r->kek_bytes != 32)
        return fail(p, ERR_USAGE, "a key-encryption key of %u bytes",
                    (unsigned)r->kek_bytes);
    if (!kdf_hash(r->hash) || (r->kdf != KDF_X963 && r->kdf != KDF_HKDF))
        return fail(p, ERR_USAGE, "unknown key derivation");
    return ERR_OK;
}

/* What the shared secret becomes. A point that is none is answered with the
 * random key that KEK holds; but a program that uses the key by itself is
 * told: whether a point is on a curve is no secret. */
static enum err
conclude(const struct operation *op, enum tokens_err result, uint8_t *kek,
         struct agree_reply *out, struct problem *p)
{
    const struct agree_request *r = op->request;

    out->kek = slice_of(kek, r->kek_bytes);
    if (result != TOKENS_OK)
        return client_is_raw(op->client)
                   ? fail(p, ERR_USAGE, "the point is not on the key's curve")
                   : ERR_OK;
    if (r->kdf == KDF_NONE) {
        memcpy(kek, op->out, op->out_len);
        out->kek.n = op->out_len;
        return ERR_OK;
    }
    return derive(r, slice_of(op->out, op->out_len), kek)
               ? ERR_OK
               : fail(p, ERR_INTERNAL, "key derivation");
}

/* The cofactor variant gives the same secret on every curve of cofactor 1:
 * all that a token's key can be on here. */
enum err
key_agree(struct client *c, const struct agree_request *request,
          struct agree_reply *out, struct reply_room *room, struct problem *p)
{
    struct operation op = {.client = c,
                           .audited = client_is_raw(c) ? "raw-agree" : "agree",
                           .decrypts = !client_is_raw(c),
                           .why = {.operation = client_is_raw(c)
                                                    ? "agree on a key"
                                                    : "decrypt a message"},
                           .request = request,
                           .room = LIMIT_SHARED_BYTES,
                           .call = call_agree};
    AUTO(secret) struct secret *shared = secret_new();
    enum tokens_err result = TOKENS_OK;
    uint8_t *kek;
    enum err e = check_agree(c, request, p);

    if (e != ERR_OK)
        return e;
    op.out = secret_room(shared, LIMIT_SHARED_BYTES);
    room->secret = secret_new();
    kek = secret_room(room->secret, LIMIT_SHARED_BYTES);
    if ((e = make_fake(kek, LIMIT_SHARED_BYTES, p)) != ERR_OK ||
        (e = key_operation_run(&op, request->key, &result, p)) != ERR_OK)
        return e;
    return conclude(&op, result, kek, out, p);
}
