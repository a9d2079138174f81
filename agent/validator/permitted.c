#include "agent/validator/permitted.h"

#include <openssl/err.h>

#include "agent/address/same.h"
#include "agent/validator/address.h"
#include "agent/validator/comparable.h"
#include "agent/validator/drop.h"
#include "agent/validator/excluded.h"

static void
names_drop(GENERAL_NAMES **n)
{
    GENERAL_NAMES_free(*n);
    *n = NULL;
}

/* Leaves the host of a URI alone that libcrypto would take for longer. */
static void
host_cut_out(GENERAL_NAME *name)
{
    AUTO(buf) struct buf uri = {0};
    ASN1_IA5STRING *s = name->d.uniformResourceIdentifier;
    struct slice host;

    if (uri_read(
            slice_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)),
            &host) != URI_MISREAD)
        return;
    buf_add_text(&uri, "x://");
    buf_add(&uri, host.p, host.n);
    buf_add_text(&uri, "/");
    if (ASN1_STRING_set(s, uri.data, (int)uri.len) != 1)
        abort();
}

/* LEAF as it would be without its SmtpUTF8Mailboxes, and with URIs as
 * libcrypto reads them; nobody asks for its signature. */
static X509 *
readable(X509 *leaf)
{
    AUTO(names)
    GENERAL_NAMES *names =
        X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    AUTO(x509) X509 *copy = names ? X509_dup(leaf) : NULL;
    int at = copy ? X509_get_ext_by_NID(copy, NID_subject_alt_name, -1) : -1;

    if (at < 0)
        return NULL;
    X509_EXTENSION_free(X509_delete_ext(copy, at));
    for (int i = sk_GENERAL_NAME_num(names) - 1; i >= 0; i--) {
        GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_URI)
            host_cut_out(name);
        else if (is_utf8_mailbox(name))
            GENERAL_NAME_free(sk_GENERAL_NAME_delete(names, i));
    }
    if (sk_GENERAL_NAME_num(names) > 0 &&
        X509_add1_ext_i2d(copy, NID_subject_alt_name, names, 0,
                          X509V3_ADD_APPEND) != 1)
        return NULL;
    (void)X509_check_purpose(copy, -1, 0); /* reads the extensions */
    return TAKE(copy);
}

/* One that has a minimum or a maximum is no subtree (RFC 5280 4.2.1.10), one
 * that ends in a dot has no address in it. */
static bool
permits(const GENERAL_SUBTREE *of, struct slice address)
{
    struct slice name;

    if (of->base->type != GEN_EMAIL || of->maximum ||
        (of->minimum && ASN1_INTEGER_get(of->minimum) != 0))
        return false;
    name = rfc822_name(of->base);
    return name.n > 0 && name.p[name.n - 1] != '.' &&
           address_is_within(address, name);
}

static bool
is_permitted(const NAME_CONSTRAINTS *c, const GENERAL_NAME *mailbox)
{
    AUTO(buf) struct buf text = {0};
    AUTO(buf) struct buf address = {0};
    const ASN1_TYPE *value = mailbox->d.otherName->value;
    const ASN1_STRING *s = value->value.utf8string;
    bool limited = false;

    if (value->type != V_ASN1_UTF8STRING || ASN1_STRING_length(s) <= 0 ||
        !address_read(
            slice_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)),
            true, &text))
        return false;
    address_canonical(buf_slice(&text), &address);
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(c->permittedSubtrees); i++) {
        const GENERAL_SUBTREE *of =
            sk_GENERAL_SUBTREE_value(c->permittedSubtrees, i);

        if (permits(of, buf_slice(&address)))
            return true;
        limited |= of->base->type == GEN_EMAIL || is_utf8_mailbox(of->base);
    }
    return !limited;
}

static bool
issuer_permits(X509 *issuer, X509 *leaf, X509 *others)
{
    AUTO(constraints)
    NAME_CONSTRAINTS *c =
        X509_get_ext_d2i(issuer, NID_name_constraints, NULL, NULL);
    AUTO(names)
    GENERAL_NAMES *names =
        X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);

    if (!c)
        return X509_get_ext_by_NID(issuer, NID_name_constraints, -1) < 0;
    if (NAME_CONSTRAINTS_check(others, c) != X509_V_OK)
        return false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (is_utf8_mailbox(name) && !is_permitted(c, name))
            return false;
    }
    return true;
}

bool
path_permits_names(STACK_OF(X509) * path, X509 *leaf)
{
    AUTO(x509) X509 *others = readable(leaf);
    bool permitted = others != NULL;

    for (int i = 1; permitted && i < sk_X509_num(path); i++)
        permitted = issuer_permits(sk_X509_value(path, i), leaf, others);
    ERR_clear_error();
    return permitted;
}
