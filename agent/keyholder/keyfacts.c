#include "agent/keyholder/keyfacts.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <strings.h>

#include "agent/address/same.h"
#include "agent/base/log.h"

/* ---- what the token says -------------------------------------------------
 */

static void
add_address(struct key_facts *f, const char *address)
{
    if (f->addresses == LIMIT_KEY_ADDRESSES ||
        strlen(address) > LIMIT_ADDRESS_BYTES)
        return;
    for (size_t i = 0; i < f->addresses; i++)
        if (address_equal(slice_text(f->address[i]), slice_text(address)))
            return;
    strcpy(f->address[f->addresses++], address);
}

/* RFC 9598: SmtpUTF8Mailbox, which X509_get1_email leaves out. */
static void
add_other_name(struct key_facts *f, const GENERAL_NAME *g)
{
    const ASN1_STRING *s;
    char text[LIMIT_ADDRESS_BYTES + 1];
    size_t n;

    if (g->type != GEN_OTHERNAME ||
        OBJ_obj2nid(g->d.otherName->type_id) != NID_id_on_SmtpUTF8Mailbox ||
        g->d.otherName->value->type != V_ASN1_UTF8STRING)
        return;
    s = g->d.otherName->value->value.utf8string;
    n = (size_t)ASN1_STRING_length(s);
    if (n >= sizeof(text) || memchr(ASN1_STRING_get0_data(s), '\0', n))
        return;
    memcpy(text, ASN1_STRING_get0_data(s), n);
    text[n] = '\0';
    add_address(f, text);
}

/* Of the type it should have, and whole: one with a NUL in it is none. */
static void
add_ia5(struct key_facts *f, const ASN1_STRING *s)
{
    char text[LIMIT_ADDRESS_BYTES + 1];
    size_t n = (size_t)ASN1_STRING_length(s);

    if (ASN1_STRING_type(s) != V_ASN1_IA5STRING || n == 0 ||
        n >= sizeof(text) || memchr(ASN1_STRING_get0_data(s), '\0', n))
        return;
    memcpy(text, ASN1_STRING_get0_data(s), n);
    text[n] = '\0';
    add_address(f, text);
}

/* rfc822Name and SmtpUTF8Mailbox of the subjectAltName, and emailAddress of
 * the subject, which comes first. */
static void
add_addresses(struct key_facts *f, const struct token_identity *k)
{
    const uint8_t *p = k->subject;
    X509_NAME *subject =
        p ? d2i_X509_NAME(NULL, &p, (long)k->subject_len) : NULL;
    GENERAL_NAMES *names = NULL;
    int at = -1;

    while (subject && (at = X509_NAME_get_index_by_NID(
                           subject, NID_pkcs9_emailAddress, at)) >= 0)
        add_ia5(f, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    X509_NAME_free(subject);
    p = k->alt_names;
    if (p)
        names = d2i_GENERAL_NAMES(NULL, &p, (long)k->alt_names_len);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

        if (g->type == GEN_EMAIL)
            add_ia5(f, g->d.rfc822Name);
        add_other_name(f, g);
    }
    GENERAL_NAMES_free(names);
}

static void
make_uri(struct key_facts *f, const struct token_info *info, struct slice id)
{
    size_t n = (size_t)snprintf(f->uri, sizeof(f->uri), "%s;id=", info->uri);

    for (size_t i = 0; i < id.n && n + 4 <= sizeof(f->uri); i++)
        n += (size_t)snprintf(f->uri + n, 4, "%%%02X", id.p[i]);
}

bool
key_facts_load(struct token *t, struct slice id, struct key_facts *out)
{
    const struct token_identities *list = NULL;
    struct token_info info;

    memset(out, 0, sizeof(*out));
    if (id.n > TOKEN_ID_BYTES)
        return false;
    text_hex(id, out->id);
    text_hex(id, out->token_id);
    token_get_info(t, &info);
    make_uri(out, &info, id);
    if (token_identities_read(t, &list) != TOKENS_OK)
        return false;
    for (size_t i = 0; i < list->count; i++) {
        const struct token_identity *k = &list->all[i];
        struct slice token_id = slice_of(k->token_id, k->token_id_len);

        if (!slice_equal(slice_of(k->id, k->id_len), id) &&
            !slice_equal(token_id, id))
            continue;
        text_hex(token_id, out->token_id);
        make_uri(out, &info, token_id);
        snprintf(out->label, sizeof(out->label), "%s", k->label);
        out->always_authenticate |= k->always_authenticate;
        if (k->certificate_len > 0)
            add_addresses(out, k);
    }
    token_identities_drop(&list);
    return true;
}

/* ---- rules ---------------------------------------------------------------
 */

/* RFC 7512 attribute NAME of URI, percent-decoded; -1: not there, or larger
 * than there is room for. */
static int
uri_part(const char *uri, struct slice name, uint8_t *out, size_t size)
{
    const char *at = strchr(uri, ':');
    int n = 0;

    for (; at; at = strchr(at + 1, ';')) {
        const char *part = at + 1;
        uint8_t byte;
        size_t used;

        if (strncmp(part, (const char *)name.p, name.n) != 0 ||
            part[name.n] != '=')
            continue;
        for (part += name.n + 1; *part && !strchr(";?", *part); part++) {
            char digits[3] = "";

            byte = (uint8_t)*part;
            if (byte == '%')
                memcpy(digits, part + 1, strnlen(part + 1, 2));
            if (byte == '%' && text_unhex(digits, &byte, 1, &used) && used == 1)
                part += 2;
            if ((size_t)n == size)
                return -1;
            out[n++] = byte;
        }
        return n;
    }
    return -1;
}

/* Each part of WHICH that the key's own URI has too must be the same. */
static bool
uri_matches(const char *uri, const char *which)
{
    for (const char *at = strchr(which, ':'); at; at = strchr(at + 1, ';')) {
        struct slice name = slice_of(at + 1, strcspn(at + 1, "=;?"));
        uint8_t wanted[256], has[256];
        int n = uri_part(which, name, wanted, sizeof(wanted));
        int m = uri_part(uri, name, has, sizeof(has));

        if (n >= 0 && m >= 0 && (n != m || memcmp(wanted, has, (size_t)n) != 0))
            return false;
    }
    return true;
}

bool
key_facts_match(const struct key_facts *f, const char *which)
{
    if (strncmp(which, "pkcs11:", 7) == 0)
        return uri_matches(f->uri, which);
    if (!strchr(which, '@'))
        return strncasecmp(f->id, which, strlen(which)) == 0 ||
               strncasecmp(f->token_id, which, strlen(which)) == 0;
    for (size_t i = 0; i < f->addresses; i++)
        if (address_equal(slice_text(f->address[i]), slice_text(which)))
            return true;
    return false;
}

bool
key_facts_have_rule(const struct key_facts *f, const struct config_key *rule)
{
    return rule->every ||
           key_facts_match(f, rule->match ? rule->match : rule->name);
}

bool
key_facts_confirm(const struct key_facts *f, const struct config *config)
{
    for (size_t i = 0; i < config->key_count; i++)
        if (config->key[i].confirm && key_facts_have_rule(f, &config->key[i]))
            return true;
    return false;
}
