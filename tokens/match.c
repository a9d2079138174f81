/* Which key of a token a certificate belongs to. */
#include "tokens/internal.h"
#include "tokens/writing.h"

#include <openssl/err.h>
#include <openssl/x509.h>

EVP_PKEY *
certificate_key(X509 *x)
{
    ASN1_OBJECT *name = NULL;
    const unsigned char *p = NULL;
    EVP_PKEY *key;
    int n = 0;

    X509_PUBKEY_get0_param(&name, &p, &n, NULL, X509_get_X509_PUBKEY(x));
    switch (name ? OBJ_obj2nid(name) : NID_undef) {
    case NID_rsassaPss:
    case NID_rsaesOaep:
        key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, n);
        break;
    default:
        key = X509_get_pubkey(x);
        break;
    }
    ERR_clear_error();
    return key;
}

int
certificate_spki(X509 *x, unsigned char **out)
{
    EVP_PKEY *key = certificate_key(x);
    int n = key ? i2d_PUBKEY(key, out)
                : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), out);

    EVP_PKEY_free(key);
    return n;
}

struct wanted {
    unsigned char *spki;
    size_t spki_len;
    uint8_t id[TOKEN_KEY_ID_BYTES];
};

static bool
wanted_read(const uint8_t *der, size_t der_len, struct wanted *out)
{
    const unsigned char *p = der;
    X509 *x =
        der_len <= LIMIT_ATTRIBUTE ? d2i_X509(NULL, &p, (long)der_len) : NULL;
    int n = -1;

    if (x && p == der + der_len && certificate_id(x, out->id))
        n = certificate_spki(x, &out->spki);
    X509_free(x);
    if (n > 0)
        out->spki_len = (size_t)n;
    return n > 0;
}

/* Tokens that don't show a key's components leave its id to go by. */
static bool
is_key_of(const struct token_identity *k, const struct wanted *w)
{
    if (k->token_id_len == 0 || !(k->has_private || k->private_unknown))
        return false;
    if (k->spki)
        return k->spki_len == w->spki_len &&
               memcmp(k->spki, w->spki, w->spki_len) == 0;
    return k->token_id_len == sizeof(w->id) &&
           memcmp(k->token_id, w->id, sizeof(w->id)) == 0;
}

enum tokens_err
token_find_key_of_certificate(struct token *t, const uint8_t *der,
                              size_t der_len, struct token_match *out)
{
    const struct token_identities *list = NULL;
    const struct token_identity *found = NULL;
    struct wanted w = {0};

    if (!wanted_read(der, der_len, &w))
        return TOKENS_ARGUMENT;
    enum tokens_err e = token_identities_read(t, &list);
    for (size_t i = 0; e == TOKENS_OK && i < list->count; i++)
        if (is_key_of(&list->all[i], &w) && !(found && found->has_private))
            found = &list->all[i];
    if (e == TOKENS_OK && !found)
        e = TOKENS_NO_KEY;
    if (e == TOKENS_OK) {
        *out = (struct token_match){.id_len = found->id_len,
                                    .token_id_len = found->token_id_len,
                                    .has_private = found->has_private};
        memcpy(out->id, found->id, found->id_len);
        memcpy(out->token_id, found->token_id, found->token_id_len);
    }
    token_identities_drop(&list);
    OPENSSL_free(w.spki);
    return e;
}
