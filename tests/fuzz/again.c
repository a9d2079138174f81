#include "tests/fuzz/again.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "agent/cms/der.h"

/* ---- one signature --------------------------------------------------------
 */

static X509 *
read_certificate(struct slice der)
{
    const uint8_t *p = der.p;

    return d2i_X509(NULL, &p, (long)der.n);
}

/* A SignedData with this one signer and no content, as it was sent. */
static CMS_ContentInfo *
signed_data_of(const struct verify_request *q)
{
    static const uint8_t three = 3, one = 1;
    AUTO(buf) struct buf b = {0};
    size_t info = der_open(&b, TAG_SEQUENCE), content, data, si, at;
    const uint8_t *p;

    der_put(&b, TAG_OID, slice_of("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", 9));
    content = der_open(&b, TAG_CONTEXT_CONSTRUCTED);
    data = der_open(&b, TAG_SEQUENCE);
    der_put(&b, TAG_INTEGER, slice_of(&three, 1));
    der_put(&b, TAG_SET, q->digest_algorithm);
    at = der_open(&b, TAG_SEQUENCE);
    der_put(&b, TAG_OID, q->content_type);
    der_close(&b, at);
    at = der_open(&b, TAG_SET);
    si = der_open(&b, TAG_SEQUENCE);
    der_put(&b, TAG_INTEGER, slice_of(q->sid_key_id.n ? &three : &one, 1));
    if (q->sid_key_id.n > 0) {
        der_put(&b, TAG_CONTEXT, q->sid_key_id);
    } else {
        size_t sid = der_open(&b, TAG_SEQUENCE);

        buf_add_slice(&b, q->sid_issuer);
        der_put(&b, TAG_INTEGER, q->sid_serial);
        der_close(&b, sid);
    }
    buf_add_slice(&b, q->digest_algorithm);
    if (q->signed_attrs.n > 0) {
        size_t start = b.len;

        buf_add_slice(&b, q->signed_attrs);
        b.data[start] = TAG_CONTEXT_CONSTRUCTED;
    }
    buf_add_slice(&b, q->signature_algorithm);
    der_put(&b, TAG_OCTET_STRING, q->signature);
    der_close(&b, si);
    der_close(&b, at);
    der_close(&b, data);
    der_close(&b, content);
    der_close(&b, info);
    p = b.data;
    return d2i_CMS_ContentInfo(NULL, &p, (long)b.len);
}

/* RFC 5652 5.4, 5.6, 11.1, 11.2. */
static void
check_attributes(const struct verify_request *q, CMS_SignerInfo *si)
{
    const ASN1_OBJECT *type = CMS_signed_get0_data_by_OBJ(
        si, OBJ_nid2obj(NID_pkcs9_contentType), -3, V_ASN1_OBJECT);
    const ASN1_OCTET_STRING *digest = CMS_signed_get0_data_by_OBJ(
        si, OBJ_nid2obj(NID_pkcs9_messageDigest), -3, V_ASN1_OCTET_STRING);

    REQUIRE(type && digest);
    REQUIRE(slice_equal(q->content_type,
                        slice_of(OBJ_get0_data(type), OBJ_length(type))));
    REQUIRE(slice_equal(q->content_digest,
                        slice_of(ASN1_STRING_get0_data(digest),
                                 (size_t)ASN1_STRING_length(digest))));
}

static bool
verifies_bytes(EVP_PKEY *key, const struct verify_request *q)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is = EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestVerify(ctx, q->signature.p, q->signature.n,
                               q->signed_attrs.p, q->signed_attrs.n) == 1;

    EVP_MD_CTX_free(ctx);
    return is;
}

/* Over the content's digest itself: no attributes. */
static bool
verifies_digest(EVP_PKEY *key, const struct verify_request *q,
                CMS_SignerInfo *si)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    const X509_ALGOR *digest = NULL;
    X509_ALGOR *d = NULL;
    bool is;

    CMS_SignerInfo_get0_algs(si, NULL, NULL, &d, NULL);
    digest = d;
    is = EVP_PKEY_verify_init(ctx) == 1 &&
         EVP_PKEY_CTX_set_signature_md(
             ctx, EVP_get_digestbyobj(digest->algorithm)) == 1 &&
         EVP_PKEY_verify(ctx, q->signature.p, q->signature.n,
                         q->content_digest.p, q->content_digest.n) == 1;
    EVP_PKEY_CTX_free(ctx);
    return is;
}

static bool
is_edwards(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");
}

/* PSS without attributes needs parameters that are in no plain call. */
static bool
is_pss(CMS_SignerInfo *si)
{
    X509_ALGOR *a = NULL;

    CMS_SignerInfo_get0_algs(si, NULL, NULL, NULL, &a);
    return OBJ_obj2nid(a->algorithm) == NID_rsassaPss;
}

void
again_signature(const struct verify_request *q, const struct verify_reply *v)
{
    CMS_ContentInfo *cms = signed_data_of(q);
    CMS_SignerInfo *si;
    X509 *x = read_certificate(v->certificate);
    EVP_PKEY *key;

    REQUIRE(cms && x);
    si = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);
    REQUIRE(si && CMS_SignerInfo_cert_cmp(si, x) == 0);
    key = X509_get0_pubkey(x);
    REQUIRE(key);
    CMS_SignerInfo_set1_signer_cert(si, x);
    if (q->signed_attrs.n == 0)
        REQUIRE(is_pss(si) || verifies_digest(key, q, si));
    else
        check_attributes(q, si);
    if (q->signed_attrs.n > 0)
        REQUIRE(is_edwards(key) ? verifies_bytes(key, q)
                                : CMS_SignerInfo_verify(si) == 1);
    X509_free(x);
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
}

/* ---- its chain and its sender ---------------------------------------------
 */

static X509_STORE *
store_of(const char *anchors)
{
    X509_STORE *store = X509_STORE_new();
    BIO *bio = BIO_new_mem_buf(anchors, -1);
    X509 *x;

    while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        REQUIRE(X509_STORE_add_cert(store, x) == 1);
        X509_free(x);
    }
    BIO_free(bio);
    ERR_clear_error();
    return store;
}

void
again_chain(const struct verify_request *q, const struct verify_reply *v,
            const char *anchors)
{
    X509_STORE *store = store_of(anchors);
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *others = sk_X509_new_null();
    X509 *leaf = read_certificate(v->certificate);

    for (size_t i = 0; i < q->certificates.n; i++) {
        X509 *x = read_certificate(q->certificates.item[i]);

        if (x)
            sk_X509_push(others, x);
    }
    REQUIRE(leaf && X509_STORE_CTX_init(ctx, store, leaf, others) == 1);
    X509_STORE_CTX_set_time(ctx, 0, (time_t)v->judged_at);
    REQUIRE(X509_verify_cert(ctx) == 1);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    sk_X509_pop_free(others, X509_free);
    X509_free(leaf);
    ERR_clear_error();
}

void
again_sender(const struct verify_request *q, const struct verify_reply *v)
{
    X509 *x = read_certificate(v->certificate);
    STACK_OF(OPENSSL_STRING) * all;
    bool named = false;

    REQUIRE(x && q->from.n == 1 && q->header_flags == 0);
    all = X509_get1_email(x);
    for (int i = 0; i < sk_OPENSSL_STRING_num(all); i++)
        named |=
            slice_is_nocase(q->from.item[0], sk_OPENSSL_STRING_value(all, i));
    REQUIRE(named);
    X509_email_free(all);
    X509_free(x);
    ERR_clear_error();
}

/* ---- the whole ------------------------------------------------------------
 */

/* Whoever is judged, be it by a protected field (RFC 9788), is who stands
 * outside too. */
static void
check_outer_author(const struct reading *g)
{
    const struct header_field *f = header_find(&g->top.header, "From", 0);
    struct mailbox_list l = {0};

    REQUIRE(f && header_count(&g->top.header, "From") == 1);
    mailbox_list_parse(f->value, &l);
    REQUIRE(!l.malformed && l.count == 1 &&
            address_equal(slice_text(l.item[0].address),
                          slice_text(g->author.from.item[0].address)));
    mailbox_list_drop(&l);
}

void
again_good(const struct reading *g)
{
    size_t layers = 0;

    check_outer_author(g);

    REQUIRE(g->author.from.count == 1 && g->author.header_flags == 0);
    REQUIRE(!g->author.from.malformed &&
            !mailbox_is_deceiving(&g->author.from.item[0]));
    check_outer_author(g);
    for (size_t i = 0; i < g->layer_count; i++) {
        const struct layer *l = &g->layer[i];

        if (l->kind != LAYER_SIGNED || l->at.place != PLACE_SPINE)
            continue;
        layers++;
        REQUIRE(l->covers && !l->flaw && l->data.signer_count > 0);
    }
    REQUIRE(layers > 0);
}

/* ---- what was covered -----------------------------------------------------
 */

static struct slice
line_of(struct slice rest)
{
    const uint8_t *lf = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;

    return slice_of(rest.p, lf ? (size_t)(lf - rest.p) + 1 : rest.n);
}

static struct slice
behind(struct slice s, size_t n)
{
    return slice_of(s.p + n, s.n - n);
}

/* Everything behind the first empty line. */
static struct slice
body_of(struct slice mail)
{
    while (mail.n > 0) {
        struct slice line = line_of(mail);

        mail = behind(mail, line.n);
        if (slice_is(line, "\n") || slice_is(line, "\r\n"))
            break;
    }
    return mail;
}

static bool
begins(struct slice line, struct slice delimiter)
{
    return line.n >= delimiter.n &&
           memcmp(line.p, delimiter.p, delimiter.n) == 0 &&
           (line.n == delimiter.n ||
            strchr("- \t\r\n", line.p[delimiter.n]) != NULL);
}

/* From the line behind the first delimiter to the line end before the next,
 * its line ends as they are signed (RFC 8551 3.1.1). False: a line begins as
 * the delimiter does and goes on in a way that plain rules do not decide. */
static bool
first_part(struct slice body, struct slice delimiter, struct buf *out)
{
    bool inside = false, is_whole = false;

    while (body.n > 0 && !is_whole) {
        struct slice line = line_of(body);

        body = behind(body, line.n);
        if (begins(line, delimiter)) {
            struct slice rest = behind(line, delimiter.n);

            if (!slice_is(rest, "\n") && !slice_is(rest, "\r\n"))
                return false;
            is_whole = inside;
            inside = true;
        } else if (inside) {
            bool lf = line.n > 0 && line.p[line.n - 1] == '\n';
            bool cr = lf && line.n > 1 && line.p[line.n - 2] == '\r';

            buf_add(out, line.p, line.n - lf - cr);
            if (lf)
                buf_add_text(out, "\r\n");
        }
    }
    if (is_whole && out->len >= 2)
        out->len -= 2;
    return is_whole;
}

/* "--boundary" of the outermost multipart/signed; false: there is none. */
static bool
find_delimiter(const struct reading *g, struct buf *out)
{
    struct content_type t;
    const char *boundary;

    if (header_smime_kind(&g->top.header, &t) != SMIME_MULTIPART_SIGNED ||
        g->top.header.unix_from || g->layer_count == 0)
        return false;
    boundary = content_type_find(&t, "boundary");
    REQUIRE(boundary);
    buf_addf(out, "--%s", boundary);
    return true;
}

void
again_alone(const struct reading *g, struct slice mail)
{
    AUTO(buf) struct buf delimiter = {0};
    struct slice body = body_of(mail);
    int parts = 0;
    bool closed = false;

    if (!find_delimiter(g, &delimiter))
        return;
    while (body.n > 0) {
        struct slice line = line_of(body);
        struct slice rest;

        body = behind(body, line.n);
        if (closed)
            for (size_t i = 0; i < line.n; i++)
                REQUIRE(line.p[i] != 0 && strchr(" \t\v\f\r\n", line.p[i]));
        if (closed || !begins(line, buf_slice(&delimiter)))
            continue;
        rest = behind(line, delimiter.len);
        closed = slice_is(rest, "--\n") || slice_is(rest, "--\r\n") ||
                 slice_is(rest, "--");
        if (!closed && !slice_is(rest, "\n") && !slice_is(rest, "\r\n"))
            return;
        parts += !closed;
    }
    REQUIRE(closed && parts == 2);
}

void
again_covered(const struct reading *g, struct slice mail, enum hash h)
{
    AUTO(buf) struct buf delimiter = {0};
    AUTO(buf) struct buf part = {0};
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (!find_delimiter(g, &delimiter))
        return;
    if (!first_part(body_of(mail), buf_slice(&delimiter), &part))
        return;
    REQUIRE(EVP_Digest(part.data ? (void *)part.data : "", part.len, digest, &n,
                       hash_md(h), NULL) == 1);
    REQUIRE(
        slice_equal(slice_of(digest, n), digests_get(g->layer[0].digests, h)));
}

void
again_json(const json_t *report)
{
    char *text = json_dumps(report, JSON_COMPACT);
    json_t *back;

    REQUIRE(text);
    back = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    REQUIRE(back && json_equal(back, report));
    json_decref(back);
    free(text);
}
