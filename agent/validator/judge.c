/*
 * One signer, judged: integrity, chain, time, sender, strength, coverage.
 * Every field is found on its own, so that a report names all that is wrong.
 */
#include <openssl/err.h>
#include <time.h>

#include "agent/base/limits.h"
#include "agent/cms/algorithm.h"
#include "agent/validator/address.h"
#include "agent/validator/attributes.h"
#include "agent/validator/evidence.h"
#include "agent/validator/signature.h"

static const char ID_DATA[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";

struct judgement {
    struct validator *v;
    const struct verify_request *q;
    struct verify_reply *out;
    struct evidence e;
    struct cert *signer; /* NULL: it is not there */
    size_t signer_at;
    struct signed_attributes attributes;
    enum hash hash; /* of the content */
    struct signature_algorithm algorithm;
    bool algorithm_known;
};

void
reason_say(struct slice_list *reasons, const char *word)
{
    static const char *const words[] = {
#define X(w, sentence) w,
#include "agent/validator/reasons.def"
#undef X
    };

    for (size_t i = 0; i < reasons->n; i++)
        if (slice_is(reasons->item[i], word))
            return;
    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (strcmp(words[i], word) == 0) {
            if (reasons->n < 16)
                reasons->item[reasons->n++] = slice_text(words[i]);
            return;
        }
    bug("a reason that is not in the table");
}

static void
say(struct judgement *j, const char *word)
{
    reason_say(&j->out->reasons, word);
}

/* ---- integrity ---------------------------------------------------------- */

static enum integrity
wrong(struct judgement *j, enum integrity what, const char *word)
{
    say(j, word);
    return what;
}

/* RFC 5652 5.3, 5.4, 5.6, 11.1, 11.2; RFC 6211; RFC 5035 for the last. */
static enum integrity
attributes_check(struct judgement *j)
{
    const struct verify_request *q = j->q;
    struct signed_attributes *a = &j->attributes;

    if (q->signed_attrs.n == 0) {
        if (slice_equal(q->content_type,
                        slice_of(ID_DATA, sizeof(ID_DATA) - 1)))
            return INTEGRITY_OK;
        return wrong(j, INTEGRITY_ATTRIBUTES_BAD, "attributes-bad");
    }
    if (!attributes_parse(q->signed_attrs, a) ||
        !slice_equal(a->content_type, q->content_type) ||
        !attributes_protect(a, q->digest_algorithm, q->signature_algorithm))
        return wrong(j, INTEGRITY_ATTRIBUTES_BAD, "attributes-bad");
    if (!slice_equal(a->message_digest, q->content_digest))
        return wrong(j, INTEGRITY_DIGEST_WRONG, "digest-mismatch");
    if (!attributes_name_certificate(a, j->signer->x509,
                                     q->certificates.item[j->signer_at]))
        return wrong(j, INTEGRITY_ATTRIBUTES_BAD,
                     "signing-certificate-mismatch");
    return INTEGRITY_OK;
}

static enum integrity
integrity_check(struct judgement *j)
{
    const struct verify_request *q = j->q;
    enum integrity i;

    /* An opaque signature lists its digests before what it is over, and others
     * are not computed; RFC 5652 5.1 lets us refuse it, and all others do. */
    if (j->hash != HASH_NONE && q->content_digest.n == 0)
        return wrong(j, INTEGRITY_UNSUPPORTED, "digest-not-listed");
    if (j->hash == HASH_NONE || !j->algorithm_known ||
        q->content_digest.n != hash_bytes(j->hash))
        return wrong(j, INTEGRITY_UNSUPPORTED, "unsupported-algorithm");
    if (!j->signer->key)
        return wrong(j, INTEGRITY_UNSUPPORTED, "bad-certificate");
    if (!j->signer->bounded)
        return wrong(j, INTEGRITY_UNSUPPORTED, "costly-certificate");
    i = attributes_check(j);
    if (i != INTEGRITY_OK)
        return i;
    /* Without attributes the signature is over the content's own digest; PSS
     * names the digest a second time, and both are one (RFC 4056 3). */
    if ((q->signed_attrs.n == 0 || j->algorithm.scheme == SCHEME_RSA_PSS) &&
        j->algorithm.scheme != SCHEME_EDDSA && j->algorithm.hash != j->hash)
        return wrong(j, INTEGRITY_UNSUPPORTED, "unsupported-algorithm");
    i = signature_check(j->signer->key, &j->algorithm, q->signed_attrs,
                        q->content_digest, q->signature);
    if (i == INTEGRITY_UNSUPPORTED)
        return wrong(j, i, "unsupported-algorithm");
    if (i != INTEGRITY_OK)
        return wrong(j, i, "signature-invalid");
    return i;
}

/* ---- time --------------------------------------------------------------- */

/* The signing time, when there is one that can be. Clocks differ a little. */
static bool
has_signing_time(struct judgement *j)
{
    const struct signed_attributes *a = &j->attributes;
    int64_t least = cert_facts(j->signer)->not_before;

    if (!a->has_signing_time || j->out->integrity != INTEGRITY_OK)
        return false;
    if (a->signing_time <= j->e.now && a->signing_time >= least)
        return true;
    if (a->signing_time > j->e.now + 600 || a->signing_time < least - 600)
        say(j, "odd-signing-time");
    return false;
}

/* Where a message says nothing of its time, and the signer's certificate has
 * expired: it was seen in a good message while it was valid. */
static bool
was_seen_valid(const struct judgement *j)
{
    const struct facts *f = cert_facts(j->signer);
    int64_t seen = j->q->first_seen > INT64_MAX ? 0 : (int64_t)j->q->first_seen;

    return j->out->integrity == INTEGRITY_OK && seen != 0 &&
           f->not_after < j->e.now && seen <= j->e.now &&
           seen >= f->not_before && seen <= f->not_after;
}

/* The signing time is the signer's word, and only what is signed counts: it
 * may excuse a certificate that has expired since, nothing else. */
static int64_t
time_choose(struct judgement *j)
{
    const struct signed_attributes *a = &j->attributes;
    struct verify_reply *out = j->out;

    if (a->has_signing_time && a->signing_time > 0)
        out->signing_time = (uint64_t)a->signing_time;
    if (j->q->at != 0) {
        out->time_source = TIME_GIVEN;
        return j->q->at > INT64_MAX ? INT64_MAX : (int64_t)j->q->at;
    }
    if (has_signing_time(j)) {
        out->time_source = TIME_SIGNING;
        return a->signing_time;
    }
    if (!a->has_signing_time && was_seen_valid(j)) {
        out->time_source = TIME_FIRST_SEEN;
        say(j, "first-seen");
        return (int64_t)j->q->first_seen;
    }
    out->time_source = TIME_NOW;
    return j->e.now;
}

/* ---- chain -------------------------------------------------------------- */

static void
chain_check(struct judgement *j, int64_t at)
{
    const struct facts *f = cert_facts(j->signer);
    struct chain_verdict c = evidence_chain(&j->e, j->signer, at);

    if (c.chain == CHAIN_OK && !(f->uses & USE_SIGN)) {
        c.chain = CHAIN_PURPOSE;
        c.reason = "wrong-purpose";
    }
    j->out->chain = c.chain;
    j->out->revocation = c.revocation;
    j->out->revoked_at = (uint64_t)c.revoked_at;
    if (c.reason)
        say(j, c.reason);
    if (c.chain == CHAIN_OK) {
        if (c.revoked_at != 0)
            say(j, "revoked-since");
        if (c.crl_outdated)
            say(j, "crl-outdated");
        if (c.crl_weak)
            say(j, "crl-weak");
        if (f->not_after < j->e.now && j->out->time_source == TIME_SIGNING)
            say(j, "expired-now");
        issuers_tell(&c, j->q->certificates.item, j->e.certs, &j->v->hashes,
                     &j->out->issuers, &j->out->issuer_names);
    }
    if (j->out->integrity == INTEGRITY_OK)
        wanted_tell(&c, &j->v->hashes, &j->out->wanted);
    if (c.weak_digest) {
        j->out->strength = STRENGTH_WEAK_DIGEST;
        say(j, "weak-digest");
    }
    if (c.weak_key) {
        j->out->strength = STRENGTH_WEAK_KEY;
        say(j, "weak-key");
    }
}

/* ---- sender ------------------------------------------------------------- */

static enum sender
sender_ambiguous(struct judgement *j)
{
    const struct verify_request *q = j->q;

    if (q->header_flags & HEADER_SEVERAL_FROM || q->from.n > 1)
        say(j, "several-from");
    if (q->header_flags & HEADER_DECEIVING_NAME)
        say(j, "deceiving-name");
    if (q->header_flags & HEADER_MALFORMED_FROM)
        say(j, "malformed-from");
    if (q->header_flags & HEADER_AMBIGUOUS)
        say(j, "malformed-header");
    if (q->header_flags & HEADER_INNER_FROM)
        say(j, "inner-from");
    return SENDER_AMBIGUOUS;
}

/* RFC 8550 3. Sender is no author: it explains, it does not excuse. */
static enum sender
sender_check(struct judgement *j)
{
    const struct verify_request *q = j->q;

    if (q->header_flags != 0 || q->from.n > 1)
        return sender_ambiguous(j);
    if (q->from.n == 0) {
        say(j, "sender-not-seen");
        return SENDER_NOT_SEEN;
    }
    if (!j->signer)
        return SENDER_DIFFERS;
    if (cert_facts(j->signer)->bad_address)
        say(j, "bad-address");
    if (cert_facts(j->signer)->address_count == 0) {
        say(j, "no-address");
        return SENDER_NO_ADDRESS;
    }
    if (cert_names_address(j->signer, q->from.item[0]))
        return SENDER_MATCHES;
    say(j, "from-mismatch");
    if (q->sender.n == 0 || !cert_names_address(j->signer, q->sender))
        return SENDER_DIFFERS;
    say(j, "sender-field-matches");
    return SENDER_BY_SENDER_FIELD;
}

/* ---- strength ----------------------------------------------------------- */

static bool
hash_is_weak(enum hash h)
{
    return h == HASH_SHA1 || h == HASH_MD5;
}

static void
strength_check(struct judgement *j)
{
    struct verify_reply *out = j->out;

    if (hash_is_weak(j->hash) ||
        (j->algorithm_known && j->algorithm.scheme != SCHEME_EDDSA &&
         hash_is_weak(j->algorithm.hash))) {
        out->strength = STRENGTH_WEAK_DIGEST;
        say(j, "weak-digest");
    }
    if (j->signer && cert_facts(j->signer)->weak_key) {
        out->strength = STRENGTH_WEAK_KEY;
        say(j, "weak-key");
    }
}

/* ---- the certificate to encrypt to -------------------------------------- */

static bool
shares_address(struct cert *a, struct cert *b)
{
    const struct facts *f = cert_facts(a);

    for (size_t i = 0; i < f->address_count; i++)
        if (cert_names_address(b, slice_text(f->addresses[i])))
            return true;
    return false;
}

static bool
is_fine(struct chain_verdict v)
{
    return v.chain == CHAIN_OK && v.revoked_at == 0;
}

/* RFC 8551 2.5.3.1: the one that the key preference names, else one of the
 * same subject when the signer's own cannot. It must be as trusted as the
 * signer's, and for an address of the signer's. */
static void
encryption_find(struct judgement *j, int64_t at)
{
    const uint32_t encrypts = USE_DECRYPT | USE_AGREE;
    bool named =
        j->attributes.preference.n > 0 || j->attributes.preference_ms.n > 0;

    if (named && (cert_facts(j->signer)->uses & encrypts) &&
        attributes_prefer(&j->attributes, j->signer->x509))
        j->out->preference = PREFERENCE_SIGNER;
    if (!named && (cert_facts(j->signer)->uses & encrypts))
        return;
    for (size_t i = 0; i < j->e.count; i++) {
        struct cert *c = j->e.certs[i];
        struct slice der = j->q->certificates.item[i];

        if (!c || c == j->signer || der.n > LIMIT_CERT_BYTES / 2)
            continue;
        if (named ? !attributes_prefer(&j->attributes, c->x509)
                  : X509_NAME_cmp(X509_get_subject_name(c->x509),
                                  X509_get_subject_name(j->signer->x509)) != 0)
            continue;
        if (!(cert_facts(c)->uses & encrypts) || cert_facts(c)->weak_key ||
            !shares_address(c, j->signer) ||
            !is_fine(evidence_chain(&j->e, c, at)))
            continue;
        j->out->encryption_certificate = der;
        if (named)
            j->out->preference = PREFERENCE_OTHER;
        cert_describe(c, CHAIN_OK, false, &j->v->encryption_described);
        j->out->encryption_described = buf_slice(&j->v->encryption_described);
        return;
    }
}

/* ---- all of it ---------------------------------------------------------- */

static void
algorithms_read(struct judgement *j)
{
    j->hash = hash_from_algorithm(j->q->digest_algorithm);
    j->algorithm_known = signature_from_algorithm(j->q->signature_algorithm,
                                                  j->hash, &j->algorithm);
    if (j->hash != HASH_NONE)
        j->out->digest_name = slice_text(hash_name(j->hash));
    if (j->algorithm_known)
        j->out->signature_name = slice_text(signature_name(&j->algorithm));
}

static void
signer_judge(struct judgement *j)
{
    struct verify_reply *out = j->out;
    int64_t at;

    out->integrity = integrity_check(j);
    at = time_choose(j);
    out->judged_at = (uint64_t)at;
    chain_check(j, at);
    strength_check(j);
    out->sender = sender_check(j);
    if (cert_facts(j->signer)->more_addresses)
        say(j, "too-many-addresses");
    cert_describe(j->signer, out->chain, false, &j->v->described);
    out->described = buf_slice(&j->v->described);
    out->certificate = j->q->certificates.item[j->signer_at];
    if (out->integrity != INTEGRITY_OK)
        return;
    out->capabilities = j->attributes.capabilities;
    if (out->chain == CHAIN_OK)
        encryption_find(j, at);
}

static void
nobody_judge(struct judgement *j)
{
    struct verify_reply *out = j->out;

    out->integrity =
        wrong(j, INTEGRITY_NO_CERTIFICATE, "no-signer-certificate");
    out->chain = CHAIN_NOT_ASKED;
    out->judged_at = j->q->at ? j->q->at : (uint64_t)j->e.now;
    out->time_source = j->q->at ? TIME_GIVEN : TIME_NOW;
    strength_check(j);
    out->sender = sender_check(j);
}

/* Whoever stole the key before it was revoked writes what signing time they
 * like: only a time that the person gave holds against a revocation. */
static bool
is_revoked_since(const struct verify_reply *out)
{
    return out->revoked_at != 0 && out->time_source != TIME_GIVEN;
}

void
validator_judge(struct validator *v, const struct verify_request *q,
                struct verify_reply *out)
{
    struct judgement j = {.v = v, .q = q, .out = out};

    *out = (struct verify_reply){.revocation = REVOCATION_NOT_CHECKED,
                                 .learned = LEARNED_NOTHING};
    buf_clear(&v->described);
    buf_clear(&v->encryption_described);
    buf_clear(&v->hashes);
    validator_refresh(v);
    algorithms_read(&j);
    evidence_init(&j.e, v, q, (int64_t)time(NULL));
    if (evidence_signer(&j.e, j.algorithm_known ? &j.algorithm : NULL,
                        &j.signer_at))
        j.signer = j.e.certs[j.signer_at];
    if (j.signer)
        signer_judge(&j);
    else
        nobody_judge(&j);
    if (!q->covers)
        say(&j, "not-covered");
    evidence_drop(&j.e);
    out->good = out->integrity == INTEGRITY_OK && out->chain == CHAIN_OK &&
                out->sender == SENDER_MATCHES && out->strength == STRENGTH_OK &&
                q->covers && !is_revoked_since(out);
}

enum err
validator_verdict(struct validator *v, const struct verify_request *q,
                  struct verify_reply *out, struct problem *p)
{
    enum err e = trust_read(&v->trust, q->trust, p);

    if (e == ERR_OK)
        validator_judge(v, q, out);
    return e;
}
