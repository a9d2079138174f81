#include "agent/base/limits.h"
#include "agent/cms/ber.h"
#include "agent/cms/decrypt.h"
#include "agent/cms/enveloped.h"
#include "agent/cms/recipient.h"

#define ORIGINATOR_INFO   TAG_CONTEXT_CONSTRUCTED
#define ENCRYPTED_CONTENT TAG_CONTEXT
#define CONSTRUCTED       0x20

struct enveloped_reader {
    struct cms_object *object;
    struct recipients recipients;
    struct cipher_algorithm cipher;
    struct ber_string string;
    uint8_t first[LIMIT_FIRST_BYTES];
    size_t first_n;
    struct decryption *decryption;
};

/* version, originatorInfo (not used) and recipientInfos. */
static enum err
read_head(struct enveloped_reader *r, struct ber *b, struct problem *p)
{
    bool here = false;
    enum err e;

    if ((e = ber_enter(b, TAG_SEQUENCE, p)) != ERR_OK ||
        (e = ber_is(b, TAG_INTEGER, &here, p)) != ERR_OK)
        return e;
    if (!here)
        return ber_fail(b, p, ERR_BAD_MESSAGE, "EnvelopedData has no version");
    if ((e = ber_skip(b, p)) != ERR_OK ||
        (e = ber_is(b, ORIGINATOR_INFO, &here, p)) != ERR_OK ||
        (here && (e = ber_skip(b, p)) != ERR_OK))
        return e;
    return recipients_read(b, &r->recipients, p);
}

static bool
is_cipher_for(enum cms_type type, enum cipher c)
{
    return cipher_is_aead(c) == (type == CMS_TYPE_AUTH_ENVELOPED);
}

/* EncryptedContentInfo up to the first ciphertext. The inner content type is
 * not looked at: the content is MIME or it is not. */
static enum err
open_content(struct enveloped_reader *r, struct ber *b, struct problem *p)
{
    AUTO(buf) struct buf head = {0};
    const struct ber_header *h = NULL;
    struct slice algorithm;
    struct der d;
    enum err e;

    if ((e = ber_enter(b, TAG_SEQUENCE, p)) != ERR_OK ||
        (e = ber_collect(b, &head, LIMIT_CONTENT_HEAD_BYTES, p)) != ERR_OK ||
        (e = ber_collect(b, &head, LIMIT_CONTENT_HEAD_BYTES, p)) != ERR_OK)
        return e;
    d = der_of(buf_slice(&head));
    (void)der_take(&d, TAG_OID);
    algorithm = der_take_whole(&d, TAG_SEQUENCE);
    if (!der_done(&d))
        return ber_fail(b, p, ERR_BAD_MESSAGE,
                        "the encrypted content begins with something else");
    if (!cipher_from_algorithm(algorithm, &r->cipher) ||
        !is_cipher_for(cms_object_type(r->object), r->cipher.cipher))
        return ber_fail(b, p, ERR_UNSUPPORTED,
                        "the content encryption algorithm");
    if ((e = ber_peek(b, &h, p)) != ERR_OK)
        return e;
    if (!h || (h->tag & ~CONSTRUCTED) != ENCRYPTED_CONTENT)
        return ber_fail(b, p, ERR_BAD_MESSAGE, "there is no encrypted content");
    return ber_string_begin(&r->string, b, ENCRYPTED_CONTENT, p);
}

enum err
enveloped_reader_begin(struct cms_object *o, struct enveloped_reader **out,
                       struct problem *p)
{
    AUTO(enveloped_reader) struct enveloped_reader *r = mem_new(sizeof(*r));
    struct ber *b = cms_object_ber(o);
    enum cms_type type = cms_object_type(o);
    enum err e;

    if (type != CMS_TYPE_ENVELOPED && type != CMS_TYPE_AUTH_ENVELOPED)
        bug("reading something else as EnvelopedData");
    r->object = o;
    if ((e = read_head(r, b, p)) != ERR_OK ||
        (e = open_content(r, b, p)) != ERR_OK)
        return e;
    *out = TAKE(r);
    return ERR_OK;
}

size_t
enveloped_recipient_count(const struct enveloped_reader *r)
{
    return r->recipients.count;
}

const struct recipient_info *
enveloped_recipient(const struct enveloped_reader *r, size_t n)
{
    if (n >= r->recipients.count)
        bug("a recipient that is not there");
    return &r->recipients.list[n];
}

const struct cipher_algorithm *
enveloped_cipher(const struct enveloped_reader *r)
{
    return &r->cipher;
}

/* What fails here fails again when the content is read, with the one
 * answer. */
bool
enveloped_reader_looks_right(struct enveloped_reader *r,
                             const struct secret *key)
{
    struct problem ignored = {0};
    size_t got = 1;

    if (r->decryption)
        bug("looking at the beginning after it was decrypted");
    for (; got > 0 && r->first_n < sizeof(r->first); r->first_n += got)
        if (ber_string_read(&r->string, r->first + r->first_n,
                            sizeof(r->first) - r->first_n, &got,
                            &ignored) != ERR_OK)
            return false;
    return decryption_looks_right(slice_of(r->first, r->first_n), &r->cipher,
                                  secret_slice(key));
}

enum err
enveloped_reader_content(struct enveloped_reader *r, const struct secret *key,
                         struct stream **out_stream, struct problem *p)
{
    enum err e;

    if (r->decryption)
        bug("decrypting a message twice");
    e = decryption_new(r->object, &r->string, slice_of(r->first, r->first_n),
                       &r->cipher, secret_slice(key), &r->decryption, p);
    if (e == ERR_OK)
        *out_stream = decryption_stream(r->decryption);
    return e;
}

void
enveloped_reader_drop(struct enveloped_reader **r)
{
    if (!*r)
        return;
    decryption_drop(&(*r)->decryption);
    recipients_drop(&(*r)->recipients);
    free(*r);
    *r = NULL;
}
