#include "agent/validator/armour.h"

#include <openssl/err.h>
#include <openssl/pem.h>

void
armour_init(struct armour_reader *r, enum armoured want, struct slice bytes)
{
    *r = (struct armour_reader){.rest = bytes, .want = want};
}

void
armour_drop(struct armour_reader *r)
{
    buf_drop(&r->der);
}

static void
advance(struct armour_reader *r, size_t n)
{
    r->rest = slice_of(r->rest.p + n, r->rest.n - n);
}

/* A SEQUENCE with a long length: no text begins so. */
static bool
is_der(struct slice s)
{
    return s.n >= 2 && s.p[0] == 0x30 && (s.p[1] & 0x80) != 0;
}

static bool
der_next(struct armour_reader *r, struct slice *out)
{
    size_t digits = r->rest.p[1] & 0x7f, length = 0;

    if (digits >= 1 && digits <= 4 && r->rest.n >= 2 + digits) {
        for (size_t i = 0; i < digits; i++)
            length = length << 8 | r->rest.p[2 + i];
        if (length <= r->rest.n - 2 - digits) {
            *out = slice_of(r->rest.p, 2 + digits + length);
            advance(r, out->n);
            return true;
        }
    }
    r->broken = true;
    advance(r, r->rest.n);
    return false;
}

static bool
is_wanted(enum armoured want, const char *name)
{
    if (want == ARMOURED_CRL && strcmp(name, PEM_STRING_X509_CRL) == 0)
        return true;
    return strcmp(name, PEM_STRING_X509) == 0 ||
           strcmp(name, PEM_STRING_X509_OLD) == 0;
}

/* One block at the front of REST; *taken: its bytes. */
static bool
pem_read(struct armour_reader *r, size_t *taken)
{
    BIO *bio = BIO_new_mem_buf(r->rest.p, (int)r->rest.n);
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long n = 0;
    bool wanted = false;

    if (!bio)
        abort();
    if (PEM_read_bio(bio, &name, &header, &der, &n) == 1) {
        wanted = is_wanted(r->want, name) && n > 0;
        if (wanted) {
            buf_clear(&r->der);
            buf_add(&r->der, der, (size_t)n);
        }
    } else {
        r->broken = true;
    }
    *taken = r->rest.n - BIO_ctrl_pending(bio);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    BIO_free(bio);
    ERR_clear_error();
    return wanted;
}

static bool
is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Moves to the next thing that can be read: DER, or a line that begins PEM.
 * False at the end. */
static bool
find_start(struct armour_reader *r)
{
    static const char begin[] = "-----BEGIN ";
    const uint8_t *at;

    while (r->rest.n > 0 && is_blank(r->rest.p[0]))
        advance(r, 1);
    if (is_der(r->rest))
        return true;
    if (r->rest.n == 0)
        return false;
    at = memmem(r->rest.p, r->rest.n, begin, sizeof(begin) - 1);
    advance(r, at ? (size_t)(at - r->rest.p) : r->rest.n);
    return at != NULL;
}

bool
armour_next(struct armour_reader *r, struct slice *out)
{
    while (find_start(r)) {
        size_t taken;
        bool wanted;

        if (is_der(r->rest))
            return der_next(r, out);
        wanted = pem_read(r, &taken);
        advance(r, taken > 0 ? taken : 1);
        if (wanted) {
            *out = buf_slice(&r->der);
            return true;
        }
    }
    return false;
}
