#include "agent/validator/comparable.h"

#include <ctype.h>
#include <string.h>

#include <openssl/err.h>

#include "agent/validator/drop.h"

static struct slice
text_of(const ASN1_IA5STRING *s)
{
    int n = ASN1_STRING_length(s);

    return slice_of(ASN1_STRING_get0_data(s), n > 0 ? (size_t)n : 0);
}

static struct slice
behind(struct slice s, size_t n)
{
    return slice_of(s.p + n, s.n - n);
}

static size_t
run_of(struct slice s, const char *letters)
{
    size_t n = 0;

    while (n < s.n && s.p[n] && strchr(letters, s.p[n]))
        n++;
    return n;
}

/* A name, and none that resolvers take for an address: the last label of a
 * domain begins with no digit. */
static bool
is_domain(struct slice host)
{
    const uint8_t *dot = memrchr(host.p, '.', host.n);
    const uint8_t *last = dot ? dot + 1 : host.p;

    return last < host.p + host.n && !isdigit(*last);
}

/* libcrypto takes what is behind the first ":" and "//" up to the next ":", or
 * where there is none up to "/", for the host, and refuses itself where no
 * "//" is there. */
bool
uri_is_comparable(struct slice uri)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    const uint8_t *colon = memchr(uri.p, ':', uri.n);
    struct slice host, rest;

    if (!colon)
        return true;
    rest = behind(uri, (size_t)(colon - uri.p) + 1);
    if (rest.n < 2 || memcmp(rest.p, "//", 2) != 0)
        return true;
    rest = behind(rest, 2);
    host = slice_of(rest.p, run_of(rest, letters));
    rest = behind(rest, host.n);
    if (!is_domain(host))
        return false;
    if (rest.n == 0 || rest.p[0] == '/')
        return !memchr(rest.p, ':', rest.n);
    if (rest.p[0] != ':')
        return false;
    rest = behind(rest, 1);
    rest = behind(rest, run_of(rest, "0123456789"));
    return rest.n == 0 || strchr("/?#", rest.p[0]);
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
