#include "agent/validator/named.h"

#include <openssl/x509v3.h>

#include "agent/cms/algorithm.h"
#include "agent/validator/certs.h"
#include "agent/validator/crls.h"

int64_t
revocation_date(X509_REVOKED *r)
{
    int64_t date = asn1_seconds(X509_REVOKED_get0_revocationDate(r), 1), lost;
    ASN1_GENERALIZEDTIME *t =
        X509_REVOKED_get_ext_d2i(r, NID_invalidity_date, NULL, NULL);

    lost = asn1_seconds(t, date);
    ASN1_GENERALIZEDTIME_free(t);
    return lost < date ? lost : date;
}

bool
crl_is_weak(const X509_CRL *crl)
{
    const X509_ALGOR *a = NULL;
    struct signature_algorithm s = {0};
    unsigned char *der = NULL;
    bool known;
    int n;

    X509_CRL_get0_signature(crl, NULL, &a);
    n = i2d_X509_ALGOR(a, &der);
    known = n > 0 &&
            signature_from_algorithm(slice_of(der, (size_t)n), HASH_NONE, &s);
    OPENSSL_free(der);
    return !known || (s.scheme != SCHEME_EDDSA &&
                      (s.hash == HASH_SHA1 || s.hash == HASH_MD5));
}

/* ---- one CRL ------------------------------------------------------------- */

/* Only what is known may be critical (RFC 5280 5.2). */
static bool
is_understood(const X509_CRL *crl)
{
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
        X509_EXTENSION *e = X509_CRL_get_ext(crl, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(e));

        if (X509_EXTENSION_get_critical(e) &&
            nid != NID_issuing_distribution_point && nid != NID_delta_crl &&
            nid != NID_authority_key_identifier && nid != NID_crl_number)
            return false;
    }
    return true;
}

static bool
is_delta(const X509_CRL *crl)
{
    return X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0;
}

/* Attribute certificates have numbers of their own (RFC 5755 4.2.5). */
static bool
is_of_attributes(const X509_CRL *crl)
{
    ISSUING_DIST_POINT *p =
        X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, NULL, NULL);
    bool attributes = p && p->onlyattr > 0;

    ISSUING_DIST_POINT_free(p);
    return attributes;
}

static bool
is_of(X509_CRL *crl, X509 *issuer)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);

    return X509_NAME_cmp(X509_CRL_get_issuer(crl),
                         X509_get_subject_name(issuer)) == 0 &&
           is_understood(crl) && !is_of_attributes(crl) &&
           (X509_get_key_usage(issuer) & KU_CRL_SIGN) && key &&
           X509_CRL_verify(crl, key) == 1;
}

static bool
has_reason(X509_REVOKED *r, long reason)
{
    ASN1_ENUMERATED *e =
        X509_REVOKED_get_ext_d2i(r, NID_crl_reason, NULL, NULL);
    bool has = e && ASN1_ENUMERATED_get(e) == reason;

    ASN1_ENUMERATED_free(e);
    return has;
}

/* What the entries with the certificate's number say, of which there should
 * be one. */
struct entries {
    int64_t date;  /* 0: none revokes */
    bool for_good; /* one does, and not as a hold */
    bool removal;
};

static void
entry_note(struct entries *e, X509_REVOKED *r)
{
    int64_t date = revocation_date(r);

    date = date > 0 ? date : 1;
    if (e->date == 0 || date < e->date)
        e->date = date;
    e->for_good |= !has_reason(r, CRL_REASON_CERTIFICATE_HOLD);
}

/* In an indirect CRL an entry may speak of another issuer's certificate, all
 * behind it too, and libcrypto has changed their order: those it alone can
 * read (5.3.3). */
static struct entries
indirect_entries_of(X509_CRL *crl, X509 *x)
{
    struct entries out = {0};
    X509_REVOKED *r = NULL;
    int found = X509_CRL_get0_by_cert(crl, &r, x);

    out.removal = found == 2;
    if (found == 1 && r)
        entry_note(&out, r);
    return out;
}

static struct entries
entries_of(X509_CRL *crl, X509 *x)
{
    STACK_OF(X509_REVOKED) *all = X509_CRL_get_REVOKED(crl);
    ASN1_INTEGER *serial = X509_get_serialNumber(x);
    struct entries out = {0};
    X509_REVOKED *r = NULL;

    if (crl_is_indirect(crl))
        return indirect_entries_of(crl, x);
    if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_issuer_name(x)) != 0 ||
        X509_CRL_get0_by_serial(crl, &r, serial) == 0 || !r)
        return out;
    for (int i = sk_X509_REVOKED_find(all, r);
         i >= 0 && i < sk_X509_REVOKED_num(all); i++) {
        r = sk_X509_REVOKED_value(all, i);
        if (ASN1_INTEGER_cmp(X509_REVOKED_get0_serialNumber(r), serial) != 0)
            break;
        if (X509_REVOKED_get_ext_by_NID(r, NID_certificate_issuer, -1) >= 0)
            continue;
        if (has_reason(r, CRL_REASON_REMOVE_FROM_CRL))
            out.removal = true;
        else
            entry_note(&out, r);
    }
    return out;
}

/* ---- several ------------------------------------------------------------- */

static bool
has_scope_of(const X509_CRL *a, const X509_CRL *b)
{
    int i = X509_CRL_get_ext_by_NID(a, NID_issuing_distribution_point, -1);
    int k = X509_CRL_get_ext_by_NID(b, NID_issuing_distribution_point, -1);

    if (i < 0 || k < 0)
        return i < 0 && k < 0;
    return ASN1_OCTET_STRING_cmp(
               X509_EXTENSION_get_data(X509_CRL_get_ext(a, i)),
               X509_EXTENSION_get_data(X509_CRL_get_ext(b, k))) == 0;
}

static ASN1_INTEGER *
number_of(const X509_CRL *crl, int nid)
{
    return X509_CRL_get_ext_d2i(crl, nid, NULL, NULL);
}

/* By their times, and of one second by their numbers (RFC 5280 5.2.3). */
static bool
is_newer(const X509_CRL *crl, const X509_CRL *than)
{
    int64_t later = crl_this_update(crl) - crl_this_update(than);
    ASN1_INTEGER *a = number_of(crl, NID_crl_number);
    ASN1_INTEGER *b = number_of(than, NID_crl_number);
    bool newer =
        later > 0 || (later == 0 && a && b && ASN1_INTEGER_cmp(a, b) > 0);

    ASN1_INTEGER_free(a);
    ASN1_INTEGER_free(b);
    return newer;
}

/* A delta goes with what is no older than its base and older than itself, by
 * their numbers (RFC 5280 5.2.4 (c) and (d)). */
static bool
goes_with(const X509_CRL *crl, const X509_CRL *older)
{
    ASN1_INTEGER *base = number_of(crl, NID_delta_crl);
    ASN1_INTEGER *a = number_of(crl, NID_crl_number);
    ASN1_INTEGER *b = number_of(older, NID_crl_number);
    bool goes = !base || !a || !b ||
                (ASN1_INTEGER_cmp(b, a) < 0 &&
                 (is_delta(older) || ASN1_INTEGER_cmp(b, base) >= 0));

    ASN1_INTEGER_free(base);
    ASN1_INTEGER_free(a);
    ASN1_INTEGER_free(b);
    return goes;
}

/* May CRL clear at UNTIL whom BY names? One that is out of date clears nobody
 * whom a current one names; of two that are out of date the later counts. */
static bool
may_correct(const X509_CRL *crl, const X509_CRL *by, int64_t until)
{
    return is_newer(crl, by) && crl_this_update(crl) <= until &&
           (crl_next_update(crl) >= until || crl_next_update(by) < until) &&
           has_scope_of(crl, by) && goes_with(crl, by);
}

/* A CRL that is complete removes by not naming; one that is a delta says so,
 * and may only of a hold. Both before the certificate has expired: behind that
 * it is dropped whatever the reason was (RFC 5280 5.2.4, 5.3.1). It must be
 * signed with the key of the one that it corrects. */
static bool
is_taken_off(STACK_OF(X509_CRL) * crls, int64_t until, X509_CRL *by, X509 *x,
             X509 *issuer)
{
    struct entries named = entries_of(by, x), e;

    for (int i = 0; i < sk_X509_CRL_num(crls); i++) {
        X509_CRL *crl = sk_X509_CRL_value(crls, i);

        if (!may_correct(crl, by, until) ||
            crl_this_update(crl) > x509_not_after(x))
            continue;
        e = entries_of(crl, x);
        if (e.date != 0 || e.removal != is_delta(crl) ||
            (e.removal && named.for_good))
            continue;
        if (!crl_is_weak(crl) && is_of(crl, issuer))
            return true;
    }
    return false;
}

/* CRL, or what it is a delta to, of the same key K; borrowed. libcrypto reads
 * a delta only where a base says that there are any, which nobody has to say
 * (RFC 5280 5.2.4, 5.2.6): it is asked whether a base of the same scope may
 * speak of the certificate, and then the delta may. */
static STACK_OF(X509_CRL) *
    complete_of(STACK_OF(X509_CRL) * all, X509_CRL *crl, X509 *k)
{
    STACK_OF(X509_CRL) *out = sk_X509_CRL_new_null();

    if (!out || (!is_delta(crl) && sk_X509_CRL_push(out, crl) == 0))
        abort();
    for (int i = 0; is_delta(crl) && i < sk_X509_CRL_num(all); i++) {
        X509_CRL *base = sk_X509_CRL_value(all, i);

        if (!is_delta(base) && has_scope_of(base, crl) && is_of(base, k) &&
            sk_X509_CRL_push(out, base) == 0)
            abort();
    }
    return out;
}

/* The path to K, which has signed CRL: what else a message brings, of the same
 * names, must not stand in its way. NULL: there is none. */
static STACK_OF(X509) * path_of_issuer(const struct path_question *q, X509 *k)
{
    struct path_question of = *q;
    struct path_verdict v = {0};
    STACK_OF(X509) *path = NULL;

    of.leaf = k;
    of.at = q->fresh_at;
    of.crls = NULL;
    of.policy = NULL;
    path_judge(&of, &v);
    if (v.error == X509_V_OK)
        path = TAKE(v.path);
    path_verdict_drop(&v);
    return path;
}

/* May K, which has signed CRL, revoke the certificate at AT of PATH? */
static bool
may_revoke(const struct path_question *q, STACK_OF(X509) * path, int at,
           X509_CRL *crl, X509 *k)
{
    STACK_OF(X509) *beside = path_of_issuer(q, k);
    STACK_OF(X509_CRL) *alone = complete_of(q->crls, crl, k);
    struct path_question of = *q;
    enum spoken spoken = SPOKEN_NOT;

    of.untrusted = beside;
    of.crls = alone;
    if (beside && sk_X509_CRL_num(alone) > 0)
        spoken = path_spoken_of(&of, path, sk_X509_value(path, at));
    sk_X509_pop_free(beside, X509_free);
    sk_X509_CRL_free(alone);
    return spoken == SPOKEN_REVOKED ||
           (is_delta(crl) && spoken == SPOKEN_NOT_REVOKED);
}

/* Who signed CRL, which names the certificate at AT of PATH: its issuer, or
 * whoever may in its place, by another key of the same name or where the
 * certificate says so (RFC 5280 4.2.1.13, 5.2.5, 6.3.3). NULL: nobody. */
static X509 *
issuer_of(const struct path_question *q, STACK_OF(X509) * path, int at,
          X509_CRL *crl)
{
    STACK_OF(X509) * stacks[] = {path, q->untrusted};

    if (is_of(crl, sk_X509_value(path, at + 1)))
        return sk_X509_value(path, at + 1);
    for (size_t k = 0; k < ARRAY_COUNT(stacks); k++)
        for (int i = 0; i < sk_X509_num(stacks[k]); i++) {
            X509 *x = sk_X509_value(stacks[k], i);

            if (is_of(crl, x) && may_revoke(q, path, at, crl, x))
                return x;
        }
    return NULL;
}

bool
crl_is_overtaken(const struct path_question *q, X509_CRL *crl, X509 *x,
                 X509 *issuer)
{
    return issuer && is_of(crl, issuer) &&
           is_taken_off(q->crls, q->fresh_at, crl, x, issuer);
}

bool
crls_revoke(const struct path_question *q, STACK_OF(X509) * path, int at,
            int64_t *out)
{
    X509 *x = sk_X509_value(path, at), *issuer;
    int64_t earliest = 0;

    for (int i = 0; i < sk_X509_CRL_num(q->crls); i++) {
        X509_CRL *crl = sk_X509_CRL_value(q->crls, i);
        struct entries e = entries_of(crl, x);

        if (e.date == 0 || (earliest != 0 && e.date >= earliest) ||
            !(issuer = issuer_of(q, path, at, crl)) ||
            is_taken_off(q->crls, q->fresh_at, crl, x, issuer))
            continue;
        earliest = e.date;
    }
    if (earliest != 0)
        *out = earliest;
    return earliest != 0;
}

bool
crls_brought_revoke(STACK_OF(X509_CRL) * brought, STACK_OF(X509_CRL) * others,
                    int64_t until, STACK_OF(X509) * path, int at, int64_t *out)
{
    X509 *x = sk_X509_value(path, at), *issuer = sk_X509_value(path, at + 1);
    int64_t earliest = 0;

    for (int i = 0; i < sk_X509_CRL_num(brought); i++) {
        X509_CRL *crl = sk_X509_CRL_value(brought, i);
        struct entries e = entries_of(crl, x);

        if (e.date == 0 || (earliest != 0 && e.date >= earliest) ||
            !is_of(crl, issuer) ||
            is_taken_off(brought, until, crl, x, issuer) ||
            is_taken_off(others, until, crl, x, issuer))
            continue;
        earliest = e.date;
    }
    if (earliest != 0)
        *out = earliest;
    return earliest != 0;
}
