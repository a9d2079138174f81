#include "agent/validator/links.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <time.h>

#include "agent/base/err.h"
#include "agent/base/limits.h"
#include "agent/base/mem.h"

/* Both are held, so that no other certificate can come to the same place. */
static struct link {
    X509 *subject, *issuer;
} links[LIMIT_KEPT_LINKS];
static size_t next_link;

static X509_STORE_CTX_verify_fn libcryptos_own;

static bool
is_kept(const X509 *subject, const X509 *issuer)
{
    for (size_t i = 0; i < ARRAY_COUNT(links); i++)
        if (links[i].subject == subject && links[i].issuer == issuer)
            return true;
    return false;
}

static void
keep(X509 *subject, X509 *issuer)
{
    struct link *l = &links[next_link++ % ARRAY_COUNT(links)];

    X509_free(l->subject);
    X509_free(l->issuer);
    if (X509_up_ref(subject) != 1 || X509_up_ref(issuer) != 1)
        bug("a certificate that cannot be held");
    *l = (struct link){subject, issuer};
}

/* Also: may ISSUER sign certificates? */
static bool
is_signed(X509 *subject, X509 *issuer)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);

    return key && X509_check_issued(issuer, subject) == X509_V_OK &&
           X509_verify(subject, key) == 1;
}

static bool
is_in_time(const X509 *x, time_t at)
{
    return X509_cmp_time(X509_get0_notBefore(x), &at) < 0 &&
           X509_cmp_time(X509_get0_notAfter(x), &at) > 0;
}

/* The leaf's signature is another one each time. */
static bool
all_hold(X509_STORE_CTX *ctx)
{
    STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(ctx);
    time_t at = X509_VERIFY_PARAM_get_time(X509_STORE_CTX_get0_param(ctx));
    int n = sk_X509_num(path);

    for (int i = 0; i < n; i++)
        if (!is_in_time(sk_X509_value(path, i), at))
            return false;
    for (int i = n - 2; i >= 0; i--) {
        X509 *subject = sk_X509_value(path, i);
        X509 *issuer = sk_X509_value(path, i + 1);

        if (i > 0 && is_kept(subject, issuer))
            continue;
        if (!is_signed(subject, issuer))
            return false;
        if (i > 0)
            keep(subject, issuer);
    }
    return n > 1;
}

static int
verify(X509_STORE_CTX *ctx)
{
    if (all_hold(ctx)) {
        X509_STORE_CTX_set_error_depth(ctx, 0); /* as it is left there */
        return 1;
    }
    ERR_clear_error();
    return libcryptos_own(ctx);
}

void
links_drop(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(links); i++) {
        X509_free(links[i].subject);
        X509_free(links[i].issuer);
        links[i] = (struct link){NULL, NULL};
    }
}

void
links_watch(X509_STORE_CTX *ctx)
{
    libcryptos_own = X509_STORE_CTX_get_verify(ctx);
    X509_STORE_CTX_set_verify(ctx, verify);
}
