#include "agent/validator/comparable.h"

#include <openssl/err.h>

#include "agent/validator/drop.h"

static struct slice
text_of(const ASN1_IA5STRING *s)
{
    int n = ASN1_STRING_length(s);

    return slice_of(ASN1_STRING_get0_data(s), n > 0 ? (size_t)n : 0);
}

/* libcrypto takes what is behind "//" up to ":" or "/" for the host, and
 * refuses itself where there is no "//". */
bool
uri_is_comparable(struct slice uri)
{
    const uint8_t *at = memmem(uri.p, uri.n, "//", 2);
    size_t n = 0, left;

    if (!at)
        return true;
    at += 2;
    left = uri.n - (size_t)(at - uri.p);
    while (n < left && !strchr("/?#\\@", at[n]))
        n++;
    return n == left || at[n] == '/';
}

static bool
is_comparable(const GENERAL_NAME *name)
{
    struct slice s;

    if (name->type == GEN_URI)
        return uri_is_comparable(text_of(name->d.uniformResourceIdentifier));
    if (name->type != GEN_DNS)
        return true;
    s = text_of(name->d.dNSName);
    return s.n == 0 || s.p[s.n - 1] != '.';
}

/* The kinds of names that LIST is about, as bits. */
static unsigned
kinds_of(const STACK_OF(GENERAL_SUBTREE) * list)
{
    unsigned kinds = 0;

    for (int i = 0; i < sk_GENERAL_SUBTREE_num(list); i++)
        kinds |= 1U << sk_GENERAL_SUBTREE_value(list, i)->base->type;
    return kinds;
}

static unsigned
limits_of(X509 *issuer)
{
    AUTO(constraints)
    NAME_CONSTRAINTS *c =
        X509_get_ext_d2i(issuer, NID_name_constraints, NULL, NULL);

    return c ? kinds_of(c->permittedSubtrees) | kinds_of(c->excludedSubtrees)
             : 0;
}

static bool
has_incomparable(X509 *x, unsigned kinds)
{
    GENERAL_NAMES *names =
        X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        found |= (kinds & 1U << name->type) && !is_comparable(name);
    }
    GENERAL_NAMES_free(names);
    return found;
}

bool
path_has_incomparable(STACK_OF(X509) * path)
{
    unsigned kinds = 0;
    bool found = false;

    for (int i = sk_X509_num(path) - 1; i >= 0 && !found; i--) {
        found = kinds != 0 && has_incomparable(sk_X509_value(path, i), kinds);
        kinds |=
            limits_of(sk_X509_value(path, i)) & (1U << GEN_URI | 1U << GEN_DNS);
    }
    ERR_clear_error();
    return found;
}
