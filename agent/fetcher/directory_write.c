#include <ldap.h>
#include <string.h>

#include "agent/fetcher/directory_parts.h"

static struct berval
berval_of(struct slice s)
{
    return (struct berval){.bv_len = s.n, .bv_val = (char *)(uintptr_t)s.p};
}

struct changes {
    struct berval added;
    struct berval *one[2];
    struct berval value[LIMIT_DIRECTORY_VALUES];
    struct berval *all[LIMIT_DIRECTORY_VALUES + 1];
    LDAPMod add, replace;
    LDAPMod *list[3];
};

/* userSMIMECertificate has no matching rule (RFC 2798), so that a value can
 * be neither added beside others nor taken from them: all are replaced. Both
 * changes are one operation: an entry has both or neither (RFC 4511 4.6). */
static size_t
changes_fill(struct changes *c, struct slice certificate,
             const struct slice *values, size_t n)
{
    size_t count = 0;

    if (n > LIMIT_DIRECTORY_VALUES)
        bug("more values than an entry may have");
    memset(c, 0, sizeof(*c));
    c->added = berval_of(certificate);
    c->one[0] = &c->added;
    for (size_t i = 0; i < n; i++) {
        c->value[i] = berval_of(values[i]);
        c->all[i] = &c->value[i];
    }
    c->add = (LDAPMod){.mod_op = LDAP_MOD_ADD | LDAP_MOD_BVALUES,
                       .mod_type = directory_certificate_wanted,
                       .mod_vals.modv_bvals = c->one};
    c->replace = (LDAPMod){.mod_op = LDAP_MOD_REPLACE | LDAP_MOD_BVALUES,
                           .mod_type = directory_smime_wanted,
                           .mod_vals.modv_bvals = c->all};
    if (certificate.n > 0)
        c->list[count++] = &c->add;
    if (n > 0)
        c->list[count++] = &c->replace;
    return count;
}

/* *unsure: it was sent, and whether it was done is not known. */
static int
modify(struct directory *d, const char *dn, struct changes *c, bool *unsure)
{
    int msgid = 0;
    int rc = ldap_modify_ext(d->ld, dn, c->list, NULL, NULL, &msgid);

    if (rc != LDAP_SUCCESS)
        return rc;
    rc = directory_wait_result(d, msgid);
    *unsure = rc < 0; /* LDAP's own codes are not: no answer came */
    return rc;
}

enum directory_state
directory_write(struct directory *d, const char *dn, struct slice certificate,
                const struct slice *values, size_t n, struct outcome *o)
{
    struct changes c;
    bool unsure = false;
    int rc;

    if (changes_fill(&c, certificate, values, n) == 0)
        return DIRECTORY_OK;
    rc = modify(d, dn, &c, &unsure);
    if (rc == LDAP_UNDEFINED_TYPE && n > 0) {
        c.replace.mod_type = directory_smime_plain;
        rc = modify(d, dn, &c, &unsure);
    }
    if (rc == LDAP_SUCCESS)
        return DIRECTORY_OK;
    (void)directory_fail(d, rc, "modify", o);
    if (unsure)
        o->state = DIRECTORY_UNSURE;
    /* A replica that names nobody to change it at (RFC 4511 4.1.9). */
    else if (rc == LDAP_UNWILLING_TO_PERFORM)
        o->state = DIRECTORY_REFERRED;
    return o->state;
}
