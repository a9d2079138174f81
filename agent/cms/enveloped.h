/*
 * EnvelopedData (RFC 5652 section 6) and AuthEnvelopedData (RFC 5083, 5084):
 * read and written as streams in constant memory. Private keys are never
 * here: the content-encryption key comes from the keyholder. Runs in
 * smime-session on hostile mail.
 */
#ifndef AGENT_CMS_ENVELOPED_H
#define AGENT_CMS_ENVELOPED_H

#include "agent/base/limits.h"
#include "agent/base/secret.h"
#include "agent/cms/algorithm.h"
#include "agent/cms/object.h"

/* ---- reading ----------------------------------------------------------------
 */

enum recipient_kind {
    RECIPIENT_KEY_TRANSPORT, /* RSA, RFC 5652 6.2.1 */
    RECIPIENT_KEY_AGREEMENT, /* ECDH, RFC 5753 */
    RECIPIENT_KEK,           /* not supported, said so */
    RECIPIENT_PASSWORD,
    RECIPIENT_OTHER
};

/* One RecipientInfo (for key agreement: one RecipientEncryptedKey). Slices
 * borrow from the reader. */
struct recipient_info {
    enum recipient_kind kind;
    struct slice issuer;
    struct slice serial; /* INTEGER's content octets */
    struct slice key_id; /* subjectKeyIdentifier / rKeyId */
    struct slice encrypted_key;
    bool supported;     /* its algorithms are known */
    enum scheme scheme; /* key transport: PKCS1 or OAEP */
    enum hash hash;     /* OAEP's hash; the KDF's for agreement */
    enum hash mgf_hash;
    struct slice label;       /* OAEP */
    struct slice originator;  /* public point or X25519 key octets */
    struct slice shared_info; /* DER of ECC-CMS-SharedInfo */
    size_t kek_bytes;         /* key agreement: 16, 24, 32 */
    bool cofactor;
    bool hkdf;         /* HKDF (RFC 8418), else the X9.63 KDF */
    struct slice salt; /* HKDF: the message's ukm, or empty */
};

struct enveloped_reader;
/* O is ENVELOPED or AUTH_ENVELOPED. Reads up to the encrypted content. */
MUST_USE enum err enveloped_reader_begin(struct cms_object *o,
                                         struct enveloped_reader **out,
                                         struct problem *p);
size_t enveloped_recipient_count(const struct enveloped_reader *r);
const struct recipient_info *
enveloped_recipient(const struct enveloped_reader *r, size_t n);
const struct cipher_algorithm *
enveloped_cipher(const struct enveloped_reader *r);

/* Unwraps ENCRYPTED_KEY with a key-encryption key: RFC 3394, or RFC 3217 where
 * it is as long as 3DES key wrap makes it (WANT + 16). false when its
 * integrity check fails; OUT then holds a random key of WANT bytes, so that
 * the caller goes on with one answer. */
MUST_USE bool kek_unwrap(struct slice kek, struct slice encrypted_key,
                         size_t want, struct secret *out);

/* Are the first octets, under KEY, text as MIME begins with? Tells nothing of
 * the rest: only to choose among keys, before the content is asked for. */
bool enveloped_reader_looks_right(struct enveloped_reader *r,
                                  const struct secret *key);

/* The plaintext under KEY (exactly cipher->key_bytes). Its end is reached
 * only after padding or tag were checked: ERR_CANNOT_DECRYPT with one
 * sentence for all of a wrong key, bad padding, bad tag, cut short. Until
 * that end nothing read may be shown to anyone. */
MUST_USE enum err enveloped_reader_content(struct enveloped_reader *r,
                                           const struct secret *key,
                                           struct stream **out_stream,
                                           struct problem *p);
void enveloped_reader_drop(struct enveloped_reader **r);

/* ---- writing ----------------------------------------------------------------
 */

struct envelope_recipient {
    struct slice certificate; /* DER; RSA or EC */
    enum hash oaep;           /* RSA: OAEP with it; HASH_NONE: v1.5, unless
                                 the certificate is for OAEP alone */
};

/* Picks the content cipher: AES-256-GCM when every capabilities (DER
 * SMIMECapabilities, empty: unknown) announces it, else AES-256-CBC, or
 * AES-128-CBC when somebody announces 128 and not 256. */
enum cipher capabilities_choose(const struct slice *capabilities, size_t count);

/* Is C among them? Malformed ones are as good as none. */
bool capabilities_announce(struct slice capabilities, enum cipher c);

/* The hash of the RSAES-OAEP they announce (RFC 4055 section 4.1): the first
 * of SHA-256, SHA-384, SHA-512 with MGF1 of the same; HASH_NONE: v1.5. */
enum hash capabilities_oaep(struct slice capabilities);

struct enveloped_writer;
/* Makes a random content-encryption key, wraps it for each recipient and
 * writes everything up to the encrypted content. EC: ephemeral-static ECDH
 * (RFC 5753), X9.63 KDF, AES key wrap: SHA-256 KDF for P-256, SHA-384 for
 * P-384, SHA-512 for P-521. Errors: ERR_BAD_CERTIFICATE naming which,
 * ERR_UNSUPPORTED for a key type that cannot be encrypted to. */
MUST_USE enum err
enveloped_writer_begin(struct sink *to, enum cipher cipher,
                       const struct envelope_recipient *recipients,
                       size_t count, struct enveloped_writer **out,
                       struct problem *p);
struct sink *enveloped_writer_content(struct enveloped_writer *w);
MUST_USE enum err enveloped_writer_end(struct enveloped_writer *w,
                                       struct problem *p);
void enveloped_writer_drop(struct enveloped_writer **w);

#endif
