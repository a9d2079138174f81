#include "agent/validator/comparable.h"

#include <ctype.h>
#include <string.h>

#include <openssl/err.h>

#include "agent/validator/drop.h"
#include "agent/validator/permitted.h"

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

/* Is what stands behind a host the rest of a URI? */
static bool
ends_host(struct slice rest)
{
    if (rest.n > 0 && rest.p[0] == ':') {
        rest = behind(rest, 1);
        rest = behind(rest, run_of(rest, "0123456789"));
    }
    return rest.n == 0 || run_of(rest, "/?#") > 0;
}

enum uri
uri_read(struct slice uri, struct slice *out_host)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    const uint8_t *colon = memchr(uri.p, ':', uri.n);
    struct slice host, rest;

    if (!colon)
        return URI_COMPARABLE;
    rest = behind(uri, (size_t)(colon - uri.p) + 1);
    if (rest.n < 2 || memcmp(rest.p, "//", 2) != 0)
        return URI_COMPARABLE;
    rest = behind(rest, 2);
    host = slice_of(rest.p, run_of(rest, letters));
    rest = behind(rest, host.n);
    if (!is_domain(host) || !ends_host(rest))
        return URI_UNREADABLE;
    if (rest.n == 0 || rest.p[0] == ':' ||
        (rest.p[0] == '/' && !memchr(rest.p, ':', rest.n)))
        return URI_COMPARABLE;
    *out_host = host;
    return URI_MISREAD;
}

static enum uri
name_read(const GENERAL_NAME *name)
{
    struct slice s;

    if (name->type == GEN_URI)
        return uri_read(text_of(name->d.uniformResourceIdentifier), &s);
    if (name->type != GEN_DNS)
        return URI_COMPARABLE;
    s = text_of(name->d.dNSName);
    return s.n > 0 && s.p[s.n - 1] == '.' ? URI_UNREADABLE : URI_COMPARABLE;
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

/* The worst of X's names of these kinds. */
static enum uri
names_read(X509 *x, unsigned kinds)
{
    GENERAL_NAMES *names =
        X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    enum uri worst = URI_COMPARABLE;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        enum uri one =
            kinds & 1U << name->type ? name_read(name) : URI_COMPARABLE;

        worst = one > worst ? one : worst;
    }
    GENERAL_NAMES_free(names);
    return worst;
}

/* Of an issuer nobody needs the finer look. */
static bool
has_incomparable(STACK_OF(X509) * path, int at, unsigned kinds)
{
    enum uri worst = names_read(sk_X509_value(path, at), kinds);

    return worst == URI_UNREADABLE ||
           (worst == URI_MISREAD &&
            (at > 0 || !path_permits_names(path, sk_X509_value(path, 0))));
}

bool
path_has_incomparable(STACK_OF(X509) * path)
{
    unsigned kinds = 0;
    bool found = false;

    for (int i = sk_X509_num(path) - 1; i >= 0 && !found; i--) {
        found = kinds != 0 && has_incomparable(path, i, kinds);
        kinds |=
            limits_of(sk_X509_value(path, i)) & (1U << GEN_URI | 1U << GEN_DNS);
    }
    ERR_clear_error();
    return found;
}
