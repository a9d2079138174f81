/* What a token can do with a key of a type, by its list of mechanisms: what
 * a key says of itself (CKA_DERIVE) does not bind the token. */
#include "tokens/operation.h"

#ifndef CKM_EDDSA
#define CKM_EDDSA 0x1057UL
#endif

static const struct {
    enum token_key_type type;
    CK_MECHANISM_TYPE mechanism; /* one is enough */
    unsigned uses;
} abilities[] = {
    {TOKEN_KEY_RSA, CKM_RSA_PKCS,
     TOKEN_USE_SIGN | TOKEN_USE_DECRYPT | TOKEN_USE_UNWRAP},
    {TOKEN_KEY_RSA, CKM_RSA_X_509,
     TOKEN_USE_SIGN | TOKEN_USE_DECRYPT | TOKEN_USE_UNWRAP},
    {TOKEN_KEY_RSA, CKM_RSA_PKCS_PSS, TOKEN_USE_SIGN},
    {TOKEN_KEY_RSA, CKM_RSA_PKCS_OAEP, TOKEN_USE_DECRYPT | TOKEN_USE_UNWRAP},
    {TOKEN_KEY_EC, CKM_ECDSA, TOKEN_USE_SIGN},
    {TOKEN_KEY_EC, CKM_ECDH1_DERIVE, TOKEN_USE_DERIVE},
    {TOKEN_KEY_ED25519, CKM_EDDSA, TOKEN_USE_SIGN},
    {TOKEN_KEY_X25519, CKM_ECDH1_DERIVE, TOKEN_USE_DERIVE},
};

unsigned
uses_possible(struct hold *h, enum token_key_type type)
{
    unsigned uses = 0;
    CK_RV before = h->rv;

    for (size_t i = 0; i < ARRAY_COUNT(abilities); i++)
        if (abilities[i].type == type &&
            token_has_mechanism(h, abilities[i].mechanism))
            uses |= abilities[i].uses;
    h->rv = before;
    pthread_mutex_lock(&h->token->mutex);
    bool known = h->token->mechanism_count > 0;
    pthread_mutex_unlock(&h->token->mutex);
    /* A token that tells nothing is taken at its keys' word. */
    return known ? uses : ~0U;
}
