#include "agent/importer/p12.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include "agent/base/log.h"
#include "agent/importer/internal.h"

#define SECURE_HEAP_BYTES (256 * 1024)
#define SECURE_HEAP_LEAST 32

static struct {
    OSSL_LIB_CTX *plain;
    OSSL_LIB_CTX *legacy; /* NULL where the system has no legacy provider */
} warm;

OSSL_LIB_CTX *
libctx_plain(void)
{
    return warm.plain;
}

OSSL_LIB_CTX *
libctx_legacy(void)
{
    return warm.legacy;
}

/* The first use of the default context and of decoders, before the sandbox. */
static void
touch_everything(void)
{
    uint8_t byte;
    EVP_MD *md = EVP_MD_fetch(warm.plain, "SHA256", NULL);
    EVP_MD *other = EVP_MD_fetch(NULL, "SHA256", NULL);

    EVP_MD_free(md);
    EVP_MD_free(other);
    (void)RAND_bytes(&byte, 1);
    ERR_clear_error();
}

void
p12_warm(void)
{
    if (warm.plain)
        return;
    if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG |
                                 OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
                             NULL))
        bug("libcrypto does not start");
    (void)CRYPTO_secure_malloc_init(SECURE_HEAP_BYTES, SECURE_HEAP_LEAST);
    warm.plain = OSSL_LIB_CTX_new();
    if (!warm.plain || !OSSL_PROVIDER_load(warm.plain, "default"))
        bug("libcrypto has no default provider");
    warm.legacy = OSSL_LIB_CTX_new();
    if (!warm.legacy || !OSSL_PROVIDER_load(warm.legacy, "default") ||
        !OSSL_PROVIDER_load(warm.legacy, "legacy")) {
        log_note("no legacy provider: files encrypted by RC2 are refused");
        OSSL_LIB_CTX_free(warm.legacy);
        warm.legacy = NULL;
    }
    touch_everything();
}

/* Each certificate of a key of this file is marked with that key. */
static void
pair_by_public_key(struct p12 *p12)
{
    for (size_t i = 0; i < p12->certificate_count; i++) {
        struct p12_certificate *c = &p12->certificate[i];
        EVP_PKEY *public = X509_get0_pubkey(c->x509);

        for (size_t k = 0; public && k < p12->key_count && !c->key; k++)
            if (EVP_PKEY_eq(public, p12->key[k].pkey) == 1)
                c->key = p12->key[k].pkey;
    }
    ERR_clear_error();
}

/* Two bags may hold the same key. */
static void
drop_twins(struct p12 *p12)
{
    for (size_t i = 0; i < p12->key_count; i++)
        for (size_t k = p12->key_count - 1; k > i; k--) {
            if (EVP_PKEY_eq(p12->key[i].pkey, p12->key[k].pkey) != 1)
                continue;
            EVP_PKEY_free(p12->key[k].pkey);
            free(p12->key[k].label);
            p12->key_count--;
            memmove(&p12->key[k], &p12->key[k + 1],
                    (p12->key_count - k) * sizeof(p12->key[0]));
        }
    ERR_clear_error();
}

static void
file_drop(PKCS12 **file)
{
    PKCS12_free(*file);
}

static enum err
parse_file(struct slice file, PKCS12 **out, struct problem *p)
{
    const unsigned char *at = file.p;
    AUTO(file)
    PKCS12 *parsed = PKCS12_init_ex(NID_pkcs7_data, warm.plain, NULL);
    char what[LIMIT_FACT_BYTES];

    /* On failure d2i frees what it was given. */
    if (parsed && file.n > 0 && d2i_PKCS12(&parsed, &at, (long)file.n)) {
        *out = TAKE(parsed);
        return ERR_OK;
    }
    if (file.n > 0)
        parsed = NULL;
    ERR_clear_error();
    guess_file(file, what, sizeof(what));
    return fail(p, ERR_P12_FORMAT, "%s", what);
}

static enum err
read_authenticated(struct p12 *p12, struct slice bytes,
                   const struct passwords *w, bool no_mac, struct problem *p)
{
    AUTO(file) PKCS12 *file = NULL;
    AUTO(buf) struct buf der = {0};
    size_t form = 0;
    unsigned char *at;
    int n;
    enum err e = parse_file(bytes, &file, p);

    if (e != ERR_OK)
        return e;
    if (PKCS12_mac_present(file)) {
        n = i2d_PKCS12(file, NULL);
        if (n <= 0)
            return fail(p, ERR_P12_FORMAT, "its content is malformed");
        buf_reserve(&der, (size_t)n);
        at = der.data;
        der.len = (size_t)i2d_PKCS12(file, &at);
        e = mac_check(p12, file, buf_slice(&der), w, &form, p);
        if (e != ERR_OK)
            return e;
    } else if (!no_mac) {
        return fail(p, ERR_P12_NO_MAC, NULL);
    }
    return bags_walk(p12, file, w, form, p);
}

enum err
p12_read(struct slice file, const struct secret *password, bool no_mac,
         struct p12 **out, struct problem *p)
{
    AUTO(p12) struct p12 *p12 = mem_new(sizeof(*p12));
    AUTO(passwords) struct passwords w;
    enum err e;

    passwords_init(&w, password);
    p12_warm();
    if (file.n > LIMIT_P12_BYTES)
        return fail(p, ERR_LIMIT, "a PKCS#12 file of over %d bytes",
                    LIMIT_P12_BYTES);
    e = read_authenticated(p12, file, &w, no_mac, p);
    if (e != ERR_OK)
        return e;
    if (p12->key_count == 0)
        return fail(p, ERR_P12_NO_KEY, "certificates: %zu",
                    p12->certificate_count);
    drop_twins(p12);
    pair_by_public_key(p12);
    *out = TAKE(p12);
    return ERR_OK;
}

void
p12_drop(struct p12 **p12)
{
    struct p12 *x = *p12;

    if (!x)
        return;
    for (size_t i = 0; i < x->key_count; i++) {
        EVP_PKEY_free(x->key[i].pkey);
        free(x->key[i].label);
    }
    for (size_t i = 0; i < x->certificate_count; i++) {
        X509_free(x->certificate[i].x509);
        free(x->certificate[i].label);
    }
    for (size_t i = 0; i < ARRAY_COUNT(x->value); i++)
        buf_drop(&x->value[i]);
    buf_drop(&x->spki);
    buf_drop(&x->subject);
    buf_drop(&x->issuer);
    buf_drop(&x->serial);
    buf_drop(&x->label);
    buf_drop(&x->legacy);
    free(x);
    *p12 = NULL;
}
