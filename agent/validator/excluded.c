#include "agent/validator/excluded.h"

#include <openssl/err.h>

#include "agent/address/same.h"
#include "agent/validator/drop.h"

/* From the last "@" on. */
static struct slice
domain_of(struct slice address)
{
    size_t n = 0;

    while (n < address.n && address.p[address.n - 1 - n] != '@')
        n++;
    return slice_of(address.p + address.n - n, n);
}

static bool
ends_with(struct slice s, struct slice end)
{
    return s.n >= end.n && slice_equal(slice_of(s.p + s.n - end.n, end.n), end);
}

struct slice
rfc822_name(const GENERAL_NAME *name)
{
    const ASN1_IA5STRING *s = name->d.rfc822Name;
    int n = ASN1_STRING_length(s);

    return slice_of(ASN1_STRING_get0_data(s), n > 0 ? (size_t)n : 0);
}

bool
address_is_within(struct slice address, struct slice subtree)
{
    AUTO(buf) struct buf whole = {0};
    AUTO(buf) struct buf base = {0};
    bool below = subtree.n > 0 && subtree.p[0] == '.';

    if (memchr(subtree.p, '@', subtree.n)) {
        address_canonical(subtree, &base);
        return slice_equal(address, buf_slice(&base));
    }
    buf_add_text(&whole, "x@");
    buf_add(&whole, subtree.p + below, subtree.n - below);
    address_canonical(buf_slice(&whole), &base);
    if (!below)
        return slice_equal(domain_of(address), domain_of(buf_slice(&base)));
    base.data[1] = '.';
    return ends_with(domain_of(address), slice_of(base.data + 1, base.len - 1));
}

/* Of no length it is all of them, as NSS has it: what a certificate authority
 * writes that is to certify no mailbox at all. At its end the root's dot may
 * stand, which no address has. */
static bool
is_excluded(struct slice address, const GENERAL_SUBTREE *of)
{
    struct slice name;

    if (of->base->type != GEN_EMAIL)
        return false;
    name = rfc822_name(of->base);
    while (name.n > 0 && name.p[name.n - 1] == '.')
        name.n--;
    return name.n == 0 || address_is_within(address, name);
}

bool
is_utf8_mailbox(const GENERAL_NAME *name)
{
    return name->type == GEN_OTHERNAME &&
           OBJ_obj2nid(name->d.otherName->type_id) == NID_id_on_SmtpUTF8Mailbox;
}

static bool
limits_utf8_mailboxes(const STACK_OF(GENERAL_SUBTREE) * list)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(list); i++)
        if (is_utf8_mailbox(sk_GENERAL_SUBTREE_value(list, i)->base))
            return true;
    return false;
}

static bool
has_utf8_mailbox(X509 *leaf)
{
    GENERAL_NAMES *names =
        X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        found |= is_utf8_mailbox(sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
    return found;
}

static bool
excludes(X509 *issuer, X509 *leaf, const struct buf *addresses, size_t count)
{
    AUTO(constraints)
    NAME_CONSTRAINTS *c =
        X509_get_ext_d2i(issuer, NID_name_constraints, NULL, NULL);
    int n = c ? sk_GENERAL_SUBTREE_num(c->excludedSubtrees) : 0;

    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < count; k++)
            if (is_excluded(buf_slice(&addresses[k]),
                            sk_GENERAL_SUBTREE_value(c->excludedSubtrees, i)))
                return true;
    /* A limit that cannot be compared is one that is not kept (RFC 5280
     * 4.2.1.10): RFC 9598 has such mailboxes limited as rfc822Name alone. */
    return c &&
           (limits_utf8_mailboxes(c->permittedSubtrees) ||
            limits_utf8_mailboxes(c->excludedSubtrees)) &&
           has_utf8_mailbox(leaf);
}

static bool
has_constraints(STACK_OF(X509) * path)
{
    for (int i = 1; i < sk_X509_num(path); i++)
        if (X509_get_ext_by_NID(sk_X509_value(path, i), NID_name_constraints,
                                -1) >= 0)
            return true;
    return false;
}

bool
path_excludes_address(STACK_OF(X509) * path, struct cert *leaf)
{
    const struct facts *f = cert_facts(leaf);
    struct buf addresses[LIMIT_CERT_ADDRESSES] = {{0}};
    bool found = false;

    if (!has_constraints(path))
        return false;
    for (size_t i = 0; i < f->address_count; i++)
        address_canonical(slice_text(f->addresses[i]), &addresses[i]);
    for (int i = 1; i < sk_X509_num(path) && !found; i++)
        found = excludes(sk_X509_value(path, i), leaf->x509, addresses,
                         f->address_count);
    for (size_t i = 0; i < f->address_count; i++)
        buf_drop(&addresses[i]);
    ERR_clear_error();
    return found;
}
