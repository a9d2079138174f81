/*
 * SignedData (RFC 5652 section 5, RFC 8551): read as a stream, written as a
 * stream. Reading collects evidence (SignerInfos, certificates) for the
 * validator; it verifies nothing itself. Writing gets its signature from
 * whoever holds the key. Runs in smime-session.
 */
#ifndef AGENT_CMS_SIGNED_H
#define AGENT_CMS_SIGNED_H

#include "agent/base/limits.h"
#include "agent/cms/algorithm.h"
#include "agent/cms/object.h"
#include "agent/wire/values.h"

/* ---- several digests over one pass ----------------------------------------
 */

struct digests;
/* hashes: 1 << enum hash for each wanted. */
struct digests *digests_new(unsigned hashes);
struct sink *digests_sink(struct digests *d);
/* Ends the computation at the first call. Empty when H was not wanted. */
struct slice digests_get(struct digests *d, enum hash h);
void digests_drop(struct digests **d);

/* ---- reading ----------------------------------------------------------------
 */

struct signer_info {
    struct slice issuer;              /* of issuerAndSerialNumber, or empty */
    struct slice serial;              /* INTEGER's content octets */
    struct slice key_id;              /* subjectKeyIdentifier, or empty */
    struct slice digest_algorithm;    /* AlgorithmIdentifier, DER */
    struct slice signature_algorithm; /* AlgorithmIdentifier, DER */
    struct slice signed_attrs;        /* DER SET OF re-tagged 0x31, or empty; as
                                         transmitted otherwise (RFC 5652 5.4) */
    struct slice signature;
    enum hash hash; /* of digest_algorithm; HASH_NONE unknown */
};

struct signed_data {
    struct slice content_type; /* eContentType's OID content octets */
    bool has_content;          /* eContent was present */
    bool content_empty;        /* ... and had no octets */
    unsigned hashes;           /* digestAlgorithms, bits 1 << enum hash */
    struct signer_info signer[LIMIT_SIGNERS];
    size_t signer_count;
    struct slice certificate[LIMIT_CERTIFICATES]; /* whole Certificate, DER */
    size_t certificate_count;
    struct slice crl[LIMIT_MESSAGE_CRLS]; /* whole CertificateList, DER */
    size_t crl_count;
    struct buf tail; /* owns what the slices borrow */
    struct buf crls; /* ... those of the CRLs */
    struct buf head;
};

struct signed_reader;

/* O must be CMS_TYPE_SIGNED. After begin, head fields of *out are set
 * (content_type, has_content, hashes). */
MUST_USE enum err signed_reader_begin(struct cms_object *o,
                                      struct signed_data *out,
                                      struct signed_reader **reader,
                                      struct problem *p);
/* eContent's octets; at once at its end when there is no eContent. Must be
 * read to its end before finish. */
struct stream *signed_reader_content(struct signed_reader *r);
/* Reads certificates, CRLs and SignerInfos into *out. Errors:
 * ERR_BAD_MESSAGE, ERR_LIMIT, each saying where. */
MUST_USE enum err signed_reader_finish(struct signed_reader *r,
                                       struct signed_data *out,
                                       struct problem *p);
void signed_reader_drop(struct signed_reader **r);
void signed_data_drop(struct signed_data *d);

/* ---- writing ----------------------------------------------------------------
 */

struct signer_spec {
    struct slice certificate;  /* the signer's own, DER */
    const struct slice *chain; /* its issuers without the root */
    size_t chain_count;
    enum hash hash; /* digest of the content and attrs */
    struct signature_algorithm signature;
    int64_t signing_time;    /* seconds since 1970 */
    bool cbc_only;           /* AES-GCM is not announced */
    struct slice encryption; /* another certificate of the signer's, that
                                mail to them is to be encrypted to; empty:
                                their own, where it is for that */
    bool oaep;               /* its key decrypts RSAES-OAEP with SHA-2 */
};

/* Appends those signed attributes that are the same in all messages of a
 * signer: signingCertificateV2 (RFC 5035), our own SMIMECapabilities, the
 * encryption key preference. ERR_BAD_CERTIFICATE. */
MUST_USE enum err signed_attrs_lasting(const struct signer_spec *spec,
                                       struct buf *out, struct problem *p);

/* The signed attributes for a content digest: contentType (id-data),
 * messageDigest, signingTime, and LASTING; DER SET OF (tag 0x31), which is
 * what is digested and signed. */
MUST_USE enum err signed_attrs_build(const struct signer_spec *spec,
                                     struct slice lasting,
                                     struct slice content_digest,
                                     struct buf *out, struct problem *p);

/* A whole detached SignedData as DER. */
MUST_USE enum err signed_write_detached(const struct signer_spec *spec,
                                        struct slice signed_attrs,
                                        struct slice signature, struct buf *out,
                                        struct problem *p);

/* With content inside, as a stream: begin, the content through the sink,
 * then end with attributes and signature. BER with indefinite lengths. The
 * digest is the caller's to compute. */
struct signed_writer;
struct signed_writer *signed_writer_new(struct sink *to, enum hash hash);
MUST_USE enum err signed_writer_begin(struct signed_writer *w,
                                      struct problem *p);
struct sink *signed_writer_content(struct signed_writer *w);
MUST_USE enum err signed_writer_end(struct signed_writer *w,
                                    const struct signer_spec *spec,
                                    struct slice signed_attrs,
                                    struct slice signature, struct problem *p);
void signed_writer_drop(struct signed_writer **w);

/* Our own SMIMECapabilities (RFC 8551 2.5.2): what we can read, parameters
 * absent, but no legacy cipher. */
struct abilities {
    bool cbc_only;  /* for a reader that knows no AuthEnvelopedData nor OAEP */
    bool oaep;      /* the key decrypts RSAES-OAEP with SHA-2 */
    bool agreement; /* the key agrees (RFC 5753) */
};
void capabilities_write(const struct abilities *a, struct buf *out);

#endif
