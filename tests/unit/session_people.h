/*
 * A keyholder and a keyring that work in software (they sign, unwrap, agree
 * and check signatures), and the person's keys and contacts. For the tests
 * of the mail engine, by way of session_mail.h.
 */
#ifndef TESTS_UNIT_SESSION_PEOPLE_H
#define TESTS_UNIT_SESSION_PEOPLE_H

#define REAL_HANDLERS
#include "tests/unit/session_fixture.h"

#include "agent/cms/certview.h"
#include "agent/cms/fetched.h"
#include "agent/session/clock.h"
#include "tests/unit/cms_fixture.h"

/* ---- the person's keys and contacts
 * ------------------------------------------
 */

struct card {
    const struct identity *id;
    const char *address[3];
    char cka_id[8];
    const char *spki; /* NULL: not known */
    uint32_t type;
    uint32_t bits;
    uint32_t uses; /* of the key and of its certificate */
    uint32_t flags;
    int64_t begins, ends; /* validity, seconds from now */
    bool no_certificate;
    const char *label; /* NULL: "a key" */
    bool away;         /* its token is not inserted */
};

struct contact {
    const struct identity *id;
    const char *address;
    enum recipient state;
    bool announces_gcm;
    const char *reason;
};

/* What MSG_VERIFY was told last, first to last. */
struct asked {
    uint32_t learn, covers, flags;
    size_t from, certificates, digest_n;
    char message_id[LIMIT_TEXT_BYTES + 1];
    char origin[LIMIT_TEXT_BYTES + 1];
    enum integrity integrity;
};

static struct card cards[8];
static size_t card_count;
static struct contact contacts[8];
static size_t contact_count;
static struct asked asked[16];
static size_t asked_count;
static bool is_distrusting;    /* no chain holds */
static bool is_forgetful;      /* keys that are away cannot be listed */
static enum err key_operation; /* fails with this, when it is not ERR_OK */
static int key_operations;
static int fail_from; /* ... from this one on; 0: from the first */

static struct identity alice, bob, carol; /* RSA, P-256, RSA */

UNUSED static int
identities_make(void **state)
{
    (void)state;
    alice = identity_make("RSA", NULL);
    bob = identity_make("P-256", NULL);
    carol = identity_make("RSA", NULL);
    return 0;
}

UNUSED static int
identities_drop(void **state)
{
    (void)state;
    identity_drop(&alice);
    identity_drop(&bob);
    identity_drop(&carol);
    return 0;
}

/* A key of the person's that can do everything its type can. */
UNUSED static struct card *
card_add(const struct identity *id, const char *address)
{
    bool rsa = EVP_PKEY_is_a(id->key, "RSA");
    struct card *c = &cards[card_count++];

    *c = (struct card){.id = id,
                       .address = {address},
                       .type = rsa ? KEY_RSA : KEY_EC,
                       .bits = rsa ? 2048 : 256,
                       .uses = USE_SIGN | (rsa ? USE_DECRYPT : USE_AGREE),
                       .flags = KEY_HAS_PRIVATE,
                       .begins = -3600,
                       .ends = 3600};
    snprintf(c->cka_id, sizeof(c->cka_id), "id%zu", card_count);
    return c;
}

UNUSED static struct contact *
contact_add(const struct identity *id, const char *address)
{
    struct contact *c = &contacts[contact_count++];

    *c = (struct contact){.id = id, .address = address};
    return c;
}

UNUSED static void
people_clear(void)
{
    card_count = contact_count = asked_count = 0;
    is_distrusting = is_forgetful = false;
    key_operation = ERR_OK;
    key_operations = fail_from = 0;
}

/* ---- the keyholder
 * -----------------------------------------------------------
 */

/* A key's reference is its number. */
static const struct card *
card_of(struct slice ref)
{
    assert_int_equal(ref.n, 1);
    assert_true(ref.p[0] < card_count);
    return &cards[ref.p[0]];
}

/* One a page, of those that are in, or away. */
static bool
reply_keys(struct peer *p, enum message m, uint32_t cursor)
{
    struct list_reply reply = {0};
    AUTO(buf) struct buf bytes = {0};
    const struct problem too_many = {.code = ERR_LIMIT};
    const struct card *c = &cards[cursor];
    uint8_t ref = (uint8_t)cursor;
    struct key_record k = {.ref = slice_of(&ref, 1),
                           .id = slice_text(c->cka_id),
                           .label = slice_text(c->label ? c->label : "a key"),
                           .token = slice_text(c->away ? "drawer" : "card"),
                           .uri = slice_text("pkcs11:token=card"),
                           .spki = slice_text(c->spki),
                           .type = c->type,
                           .bits = c->bits,
                           .uses = c->uses,
                           .flags = c->flags};

    if (m == MSG_KEYS_AWAY && is_forgetful)
        return channel_refuse(p->served.fd, m, &too_many);
    if (cursor < card_count && c->away == (m == MSG_KEYS_AWAY)) {
        if (!c->no_certificate)
            k.certificate = buf_slice(&c->id->certificate);
        record_encode(RECORD_key_record, &k, &bytes);
        assert_true(slice_list_add(&reply.records, buf_slice(&bytes)));
    }
    reply.next = cursor + 1 < card_count ? cursor + 1 : 0;
    return channel_reply(p->served.fd, m, &reply, NULL, 0);
}

static bool
reply_signature(struct peer *p, const struct sign_request *q)
{
    const struct card *c = card_of(q->key);
    AUTO(evp_key_ctx)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, c->id->key, NULL);
    uint8_t signature[1024];
    size_t n = sizeof(signature);
    struct sign_reply reply;

    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(
        EVP_PKEY_CTX_set_signature_md(ctx, hash_md((enum hash)q->hash)), 1);
    assert_int_equal(EVP_PKEY_sign(ctx, signature, &n, q->data.p, q->data.n),
                     1);
    reply.signature = slice_of(signature, n);
    return channel_reply(p->served.fd, MSG_SIGN, &reply, NULL, 0);
}

static bool
reply_unwrapped(struct peer *p, const struct unwrap_request *q)
{
    struct recipient_info ri = {.kind = RECIPIENT_KEY_TRANSPORT,
                                .supported = true,
                                .scheme = (enum scheme)q->scheme,
                                .hash = (enum hash)q->hash,
                                .mgf_hash = (enum hash)q->mgf_hash,
                                .label = q->label,
                                .encrypted_key = q->wrapped};
    AUTO(secret) struct secret *key = secret_new();
    struct unwrap_reply reply;

    /* RFC 3218: something of that length, whatever was wrong. */
    if (!key_unwrap(card_of(q->key)->id->key, &ri, q->key_bytes, key))
        memset(secret_room(key, q->key_bytes), 0x5a, q->key_bytes);
    reply.key = secret_slice(key);
    return channel_reply(p->served.fd, MSG_UNWRAP, &reply, NULL, 0);
}

static bool
reply_agreed(struct peer *p, const struct agree_request *q)
{
    EVP_PKEY *key = card_of(q->key)->id->key;
    AUTO(evp_key) EVP_PKEY *peer = EVP_PKEY_new();
    AUTO(evp_key_ctx)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    uint8_t shared[128], kek[32] = {0};
    size_t n = sizeof(shared);
    struct agree_reply reply = {.kek = slice_of(kek, q->kek_bytes)};

    if (EVP_PKEY_copy_parameters(peer, key) == 1 &&
        EVP_PKEY_set1_encoded_public_key(peer, q->peer.p, q->peer.n) == 1 &&
        EVP_PKEY_derive_init(ctx) == 1 &&
        EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
        EVP_PKEY_derive(ctx, shared, &n) == 1)
        assert_true(x963_derive((enum hash)q->hash, slice_of(shared, n),
                                q->info, kek, q->kek_bytes));
    return channel_reply(p->served.fd, MSG_AGREE, &reply, NULL, 0);
}

static bool
software_keyholder(struct peer *p, enum message m, struct frame *frame,
                   const union any_record *request)
{
    struct chain_reply chain = {0};
    struct problem problem = {0};

    (void)frame;
    if (m == MSG_KEYS || m == MSG_KEYS_AWAY)
        return reply_keys(p, m, request->page.cursor);
    if (m == MSG_ALL_READ)
        return channel_reply(p->served.fd, m, &(struct silence){0}, NULL, 0);
    if (m == MSG_NO_KEY)
        return channel_reply(p->served.fd, m, &(struct empty){0}, NULL, 0);
    if (m == MSG_CHAIN)
        return channel_reply(p->served.fd, m, &chain, NULL, 0);
    if (m == MSG_DECRYPTED)
        return channel_reply(p->served.fd, m, &(struct empty){0}, NULL, 0);
    key_operations++;
    if (key_operation != ERR_OK && key_operations >= fail_from) {
        (void)fail(&problem, key_operation, NULL);
        return channel_refuse(p->served.fd, m, &problem);
    }
    if (m == MSG_SIGN)
        return reply_signature(p, &request->sign_request);
    if (m == MSG_UNWRAP)
        return reply_unwrapped(p, &request->unwrap_request);
    return m == MSG_AGREE && reply_agreed(p, &request->agree_request);
}

/* ---- the keyring
 * ---------------------------------------------------------------
 */

static void
describe_card(const struct card *c, struct buf *out)
{
    static const uint8_t fingerprint[32] = {1};
    int64_t now = (int64_t)clock_now();
    struct description d = {.subject = slice_text("CN=A"),
                            .fingerprint = slice_of(fingerprint, 32),
                            .not_before = (uint64_t)(now + c->begins),
                            .not_after = (uint64_t)(now + c->ends),
                            .uses = c->uses,
                            .type = c->type,
                            .bits = c->bits};

    for (size_t i = 0; i < ARRAY_COUNT(c->address) && c->address[i]; i++)
        assert_true(slice_list_add(&d.addresses, slice_text(c->address[i])));
    record_encode(RECORD_description, &d, out);
}

/* Each certificate is one card's; the same twice: the first card's. */
static bool
reply_descriptions(struct peer *p, const struct describe_request *q)
{
    struct buf bytes[LIMIT_LIST_ITEMS] = {0};
    struct describe_reply reply = {0};
    bool sent;

    for (size_t i = 0; i < q->certificates.n; i++) {
        for (size_t k = 0; k < card_count && bytes[i].len == 0; k++)
            if (slice_equal(buf_slice(&cards[k].id->certificate),
                            q->certificates.item[i]))
                describe_card(&cards[k], &bytes[i]);
        assert_true(slice_list_add(&reply.records, buf_slice(&bytes[i])));
    }
    sent = channel_reply(p->served.fd, MSG_DESCRIBE, &reply, NULL, 0);
    for (size_t i = 0; i < LIMIT_LIST_ITEMS; i++)
        buf_drop(&bytes[i]);
    return sent;
}

static bool
reply_recipient(struct peer *p, struct slice address)
{
    struct recipient_reply reply = {.state = RECIPIENT_UNKNOWN,
                                    .reason = slice_text("no certificate")};
    AUTO(buf) struct buf capabilities = {0};

    capabilities_write(&(struct abilities){0}, &capabilities);
    for (size_t i = 0; i < contact_count; i++) {
        const struct contact *c = &contacts[i];

        if (!slice_is(address, c->address))
            continue;
        reply.state = c->state;
        reply.reason = slice_text(c->reason);
        if (c->state == RECIPIENT_OK)
            reply.certificate = buf_slice(&c->id->certificate);
        if (c->announces_gcm)
            reply.capabilities = buf_slice(&capabilities);
    }
    return channel_reply(p->served.fd, MSG_RECIPIENT, &reply, NULL, 0);
}

/* No directory is configured. */
static bool
reply_directory(struct peer *p)
{
    struct directory_answer reply = {.state = DIRECTORY_OFF};

    return channel_reply(p->served.fd, MSG_DIRECTORY_ASK, &reply, NULL, 0);
}

/* Is it the signature of one of alice, bob and carol over these attributes,
 * and do those hold this digest? */
static enum integrity
integrity_of(const struct verify_request *q)
{
    const struct identity *all[] = {&alice, &bob, &carol};
    struct cert_view v;

    if (q->content_digest.n == 0 || q->signed_attrs.n == 0 ||
        !memmem(q->signed_attrs.p, q->signed_attrs.n, q->content_digest.p,
                q->content_digest.n))
        return INTEGRITY_DIGEST_WRONG;
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        enum hash h = hash_from_algorithm(q->digest_algorithm);
        struct signature_algorithm a;

        assert_true(cert_view_parse(buf_slice(&all[i]->certificate), &v));
        if (slice_equal(v.serial, q->sid_serial) &&
            signature_from_algorithm(q->signature_algorithm, h, &a))
            return identity_verify(all[i], &a, q->signed_attrs, q->signature)
                       ? INTEGRITY_OK
                       : INTEGRITY_SIGNATURE_WRONG;
    }
    return INTEGRITY_NO_CERTIFICATE;
}

static void
note_asked(const struct verify_request *q, enum integrity integrity)
{
    struct asked *a = &asked[asked_count++ % ARRAY_COUNT(asked)];

    *a = (struct asked){.learn = q->learn,
                        .covers = q->covers,
                        .flags = q->header_flags,
                        .from = q->from.n,
                        .certificates = q->certificates.n,
                        .digest_n = q->content_digest.n,
                        .integrity = integrity};
    snprintf(a->message_id, sizeof(a->message_id), "%.*s", (int)q->message_id.n,
             (const char *)q->message_id.p);
    snprintf(a->origin, sizeof(a->origin), "%.*s", (int)q->origin.n,
             (const char *)q->origin.p);
}

static bool
reply_verdict(struct peer *p, const struct verify_request *q)
{
    struct verify_reply reply = {.integrity = integrity_of(q),
                                 .chain = is_distrusting ? CHAIN_UNTRUSTED
                                                         : CHAIN_OK,
                                 .sender = q->header_flags  ? SENDER_AMBIGUOUS
                                           : q->from.n == 0 ? SENDER_NOT_SEEN
                                                            : SENDER_MATCHES};

    reply.good = reply.integrity == INTEGRITY_OK && reply.chain == CHAIN_OK &&
                 reply.sender == SENDER_MATCHES && q->covers;
    if (is_distrusting)
        assert_true(
            slice_list_add(&reply.reasons, slice_text("untrusted-issuer")));
    if (q->learn && reply.good)
        reply.learned = LEARNED_NEW;
    note_asked(q, (enum integrity)reply.integrity);
    return channel_reply(p->served.fd, MSG_VERIFY, &reply, NULL, 0);
}

static bool
software_keyring(struct peer *p, enum message m, struct frame *frame,
                 const union any_record *request)
{
    (void)frame;
    if (m == MSG_DESCRIBE)
        return reply_descriptions(p, &request->describe_request);
    if (m == MSG_RECIPIENT)
        return reply_recipient(p, request->address.address);
    if (m == MSG_CONTACTS_KEEP)
        return channel_reply(p->served.fd, m, &(struct empty){0}, NULL, 0);
    if (m == MSG_DIRECTORY_ASK)
        return reply_directory(p);
    return m == MSG_VERIFY && reply_verdict(p, &request->verify_request);
}

#endif
