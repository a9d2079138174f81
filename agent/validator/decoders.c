#include "agent/validator/decoders.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <string.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"

/* Far above what it has. */
#define KEPT_MOST 64

static OSSL_PROVIDER *whole;
static OSSL_ALGORITHM decoders[KEPT_MOST + 1];
static OSSL_ALGORITHM keys[KEPT_MOST + 1];

/* Keys that a certificate for mail, or one of its issuers, may have. */
static bool
is_public_key(const OSSL_ALGORITHM *a)
{
    static const char *const kinds[] = {"RSA",     "RSA-PSS", "EC",     "DSA",
                                        "ED25519", "ED448",   "X25519", "X448"};
    size_t n = strcspn(a->algorithm_names, ":");

    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
        if (slice_is(slice_of(a->algorithm_names, n), kinds[i]))
            return true;
    return false;
}

static bool
reads_public_keys(const OSSL_ALGORITHM *a)
{
    return strstr(a->property_definition, "input=der") &&
           strstr(a->property_definition, "structure=SubjectPublicKeyInfo") &&
           is_public_key(a);
}

/* OUT is filled once: it is asked for with every certificate. */
static const OSSL_ALGORITHM *
keep(const OSSL_ALGORITHM *all, bool (*is_wanted)(const OSSL_ALGORITHM *),
     OSSL_ALGORITHM *out)
{
    size_t n = 0;

    if (out[0].algorithm_names)
        return out;
    for (; all && all->algorithm_names && n < KEPT_MOST; all++)
        if (is_wanted(all))
            out[n++] = *all;
    out[n] = (OSSL_ALGORITHM){0};
    return out;
}

/* OSSL_FUNC_provider_query_operation */
static const OSSL_ALGORITHM *
query(void *context, int operation, int *no_cache)
{
    const OSSL_ALGORITHM *all =
        OSSL_PROVIDER_query_operation(whole, operation, no_cache);

    (void)context;
    switch (operation) {
    case OSSL_OP_DECODER:
        return keep(all, reads_public_keys, decoders);
    case OSSL_OP_KEYMGMT:
        return keep(all, is_public_key, keys);
    }
    return all;
}

/* What is offered works on the default provider's own context. */
static int
provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *from_core,
              const OSSL_DISPATCH **out, void **out_context)
{
    static const OSSL_DISPATCH ours[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query}, {0, NULL}};

    (void)core;
    (void)from_core;
    *out = ours;
    *out_context = OSSL_PROVIDER_get0_provider_ctx(whole);
    return 1;
}

void
decoders_narrow(void)
{
    OSSL_LIB_CTX *context;

    if (!whole)
        whole = OSSL_PROVIDER_load(NULL, "default");
    context = whole ? OSSL_LIB_CTX_new() : NULL;
    if (context &&
        OSSL_PROVIDER_add_builtin(context, "narrow", provider_init) == 1 &&
        OSSL_PROVIDER_load(context, "narrow")) {
        (void)OSSL_LIB_CTX_set0_default(context);
        return;
    }
    OSSL_LIB_CTX_free(context);
    log_note("all decoders of OpenSSL stay: reading certificates is slower");
}
