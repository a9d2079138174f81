/*
 * cms_object_open and the SignedData reader: what comes out does not depend
 * on the pieces the object comes in, everything borrowed lies inside what
 * the reader owns, and signers, certificates and content are those that
 * OpenSSL finds where it can read the object too.
 */
#include "agent/cms/signed.h"

#include <openssl/cms.h>
#include <openssl/err.h>

#include "agent/cms/certview.h"
#include "agent/cms/der.h"
#include "tests/fuzz/drops.h"
#include "tests/fuzz/mutate.h"

MUTATES_DER(0)

static enum err
read_object(struct cms_object *o, struct signed_data *out, struct buf *content,
            struct problem *p)
{
    AUTO(signed_reader) struct signed_reader *r = NULL;
    enum err e;

    if (cms_object_type(o) != CMS_TYPE_SIGNED)
        return ERR_NOT_SMIME;
    if ((e = signed_reader_begin(o, out, &r, p)) != ERR_OK ||
        (e = stream_read_all(signed_reader_content(r), SIZE_MAX / 2, content,
                             p)) != ERR_OK)
        return e;
    return signed_reader_finish(r, out, p);
}

static enum err
read_in_drops(struct slice input, size_t most, struct signed_data *out,
              struct buf *content)
{
    AUTO(cms_object) struct cms_object *o = NULL;
    struct drops d = drops_of(input, most);
    struct problem p = {0};
    enum err e;

    if ((e = cms_object_open(&d.s, &o, &p)) == ERR_OK)
        e = read_object(o, out, content, &p);
    REQUIRE(e == ERR_OK || e == ERR_NOT_SMIME || p.code == e);
    return e;
}

static bool
is_inside(struct slice s, const struct buf *b)
{
    return s.n == 0 || (s.p >= b->data && s.p + s.n <= b->data + b->len);
}

static void
check_signer(const struct signer_info *s, const struct buf *tail)
{
    struct signature_algorithm a;

    REQUIRE(is_inside(s->issuer, tail) && is_inside(s->serial, tail));
    REQUIRE(is_inside(s->key_id, tail) && is_inside(s->signature, tail));
    REQUIRE(is_inside(s->signed_attrs, tail));
    REQUIRE(is_inside(s->digest_algorithm, tail));
    REQUIRE(is_inside(s->signature_algorithm, tail));
    REQUIRE((s->serial.n > 0) != (s->key_id.n > 0));
    REQUIRE(s->signed_attrs.n == 0 || s->signed_attrs.p[0] == TAG_SET);
    if (signature_from_algorithm(s->signature_algorithm, s->hash, &a))
        REQUIRE(signature_name(&a)[0] != '\0');
}

static struct slice
string_of(const ASN1_STRING *s)
{
    return s ? slice_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s))
             : slice_of(NULL, 0);
}

static void
compare_signer(const struct signer_info *ours, CMS_SignerInfo *theirs)
{
    ASN1_OCTET_STRING *key_id = NULL;
    X509_NAME *issuer = NULL;
    ASN1_INTEGER *serial = NULL;

    REQUIRE(slice_equal(ours->signature,
                        string_of(CMS_SignerInfo_get0_signature(theirs))));
    REQUIRE(CMS_SignerInfo_get0_signer_id(theirs, &key_id, &issuer, &serial));
    REQUIRE((key_id != NULL) == (ours->serial.n == 0));
    if (key_id)
        REQUIRE(slice_equal(ours->key_id, string_of(key_id)));
    REQUIRE((CMS_signed_get_attr_count(theirs) > 0) ==
            (ours->signed_attrs.n > 2));
}

/* What two readers make of one object must not differ. */
static void
compare(struct slice input, const struct signed_data *d, struct slice content)
{
    const uint8_t *p = input.p;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)input.n);
    STACK_OF(CMS_SignerInfo) *signers = cms ? CMS_get0_SignerInfos(cms) : NULL;
    ASN1_OCTET_STRING **theirs = cms ? CMS_get0_content(cms) : NULL;
    STACK_OF(X509) *certificates = cms ? CMS_get1_certs(cms) : NULL;

    if (cms) {
        int n = sk_CMS_SignerInfo_num(signers);

        REQUIRE((n < 0 ? 0 : (size_t)n) == d->signer_count);
        for (int i = 0; i < n; i++)
            compare_signer(&d->signer[i], sk_CMS_SignerInfo_value(signers, i));
        REQUIRE(sk_X509_num(certificates) <= 0 ||
                (size_t)sk_X509_num(certificates) >= d->certificate_count);
        if (theirs && *theirs)
            REQUIRE(d->has_content && slice_equal(content, string_of(*theirs)));
    }
    sk_X509_pop_free(certificates, X509_free);
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(signed_data) struct signed_data whole = {0};
    AUTO(signed_data) struct signed_data pieces = {0};
    AUTO(buf) struct buf a = {0};
    AUTO(buf) struct buf b = {0};
    struct slice input = slice_of(data, size);
    enum err e = read_in_drops(input, size, &whole, &a);

    REQUIRE(read_in_drops(input, 1, &pieces, &b) == e);
    if (e != ERR_OK)
        return 0;
    REQUIRE(slice_equal(buf_slice(&a), buf_slice(&b)));
    REQUIRE(slice_equal(buf_slice(&whole.tail), buf_slice(&pieces.tail)));
    REQUIRE(whole.signer_count <= LIMIT_SIGNERS);
    REQUIRE(whole.certificate_count <= LIMIT_CERTIFICATES);
    REQUIRE(whole.tail.len <= LIMIT_SIGNED_TAIL_BYTES + 1024);
    REQUIRE(whole.has_content || a.len == 0);
    compare(input, &whole, buf_slice(&a));
    for (size_t i = 0; i < whole.signer_count; i++)
        check_signer(&whole.signer[i], &whole.tail);
    for (size_t i = 0; i < whole.certificate_count; i++) {
        struct cert_view view;

        REQUIRE(is_inside(whole.certificate[i], &whole.tail));
        if (cert_view_parse(whole.certificate[i], &view))
            REQUIRE(is_inside(view.spki, &whole.tail));
    }
    return 0;
}
