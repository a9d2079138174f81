/*
 * gpgsm's colon format, as GPGME's keylist.c reads it (GnuPG's doc/DETAILS):
 * of each certificate a crt or crs line, its fingerprints, and a uid line for
 * its subject and for each address.
 */
#include "client/mail/gpgsm/engine.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

/* What ends a field, a line or an escape is escaped as in C. */
static void
add_field(struct buf *out, const char *text)
{
    for (; text && *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == 0x7f || c == ':' || c == '\\')
            buf_addf(out, "\\x%02x", c);
        else
            buf_add_byte(out, c);
    }
    buf_add_byte(out, ':');
}

static void
add_upper(struct buf *out, const char *hex)
{
    char upper[128];

    hex_upper(upper, sizeof(upper), hex);
    buf_add_text(out, upper);
}

/* Field 2: u an anchor, f the chain holds, e expired, r revoked, n nobody
 * vouches for it, i it breaks a rule, - not asked. */
static char
validity_of(const struct listed *c)
{
    if (c->not_after < (json_int_t)time(NULL) ||
        strcmp(c->chain, "expired") == 0)
        return 'e';
    if (strcmp(c->kind, "anchor") == 0)
        return 'u';
    if (strcmp(c->chain, "revoked") == 0)
        return 'r';
    if (c->blocked || strcmp(c->chain, "untrusted") == 0)
        return 'n';
    if (strcmp(c->chain, "ok") == 0)
        return 'f';
    return strcmp(c->chain, "not_asked") == 0 || c->ca ? '-' : 'i';
}

/* Field 12: small letters for the key, capitals for all of the certificate;
 * D: not to be used. An issuer is nobody to write to. */
static void
add_capabilities(struct buf *out, const struct listed *c)
{
    bool encrypts = c->encrypts && !c->ca, signs = c->signs && !c->ca;

    buf_addf(out, "%s%s%s%s%s%s%s:", encrypts ? "e" : "", signs ? "s" : "",
             c->ca ? "c" : "", encrypts ? "E" : "", signs ? "S" : "",
             c->ca ? "C" : "", c->blocked ? "D" : "");
}

static void
add_certificate(struct buf *out, const struct listed *c, bool secret)
{
    const json_t *certificate = json_object_get(c->json, "certificate");
    const char *key = member_text(certificate, "key");
    size_t n = strlen(c->sha1);
    char from[32], until[32];

    time_iso(c->not_before, from);
    time_iso(c->not_after, until);
    buf_addf(out, "%s:%c:%d:%d:", secret && c->own ? "crs" : "crt",
             validity_of(c), algorithm_bits(key), algorithm_number(key, false));
    add_upper(out, n > 16 ? c->sha1 + n - 16 : c->sha1);
    buf_addf(out, ":%s:%s:", from, until);
    add_upper(out, member_text(certificate, "serial"));
    buf_add_text(out, "::");
    add_field(out, member_text(certificate, "issuer"));
    buf_add_byte(out, ':');
    add_capabilities(out, c);
    buf_add_text(out, "::");
    buf_add_text(out, c->own ? "+:" : ":");
    buf_add_text(out, "::\n");
}

static void
add_hex_line(struct buf *out, const char *word, const char *hex,
             const char *field_13)
{
    if (!isxdigit((unsigned char)hex[0]))
        return;
    buf_addf(out, "%s:::::::::", word);
    add_upper(out, hex);
    buf_add_text(out, ":::");
    add_upper(out, field_13);
    buf_add_text(out, ":\n");
}

static void
add_uid(struct buf *out, char validity, const char *before, const char *text,
        const char *behind)
{
    AUTO(buf) struct buf whole = {0};

    buf_addf(&whole, "%s%s%s", before, text, behind);
    buf_addf(out, "uid:%c::::::::", validity);
    add_field(out, buf_text(&whole));
    buf_add_text(out, ":\n");
}

void
colons_write(const struct listed *c, bool secret, struct buf *out)
{
    const json_t *certificate = json_object_get(c->json, "certificate");
    const json_t *one;
    size_t i;

    add_certificate(out, c, secret);
    add_hex_line(out, "fpr", c->sha1, member_text(c->json, "issuer_sha1"));
    add_hex_line(out, "fp2", c->sha256, "");
    add_hex_line(out, "grp", member_text(c->json, "key_grip"), "");
    add_uid(out, validity_of(c), "", member_text(certificate, "subject"), "");
    json_array_foreach(json_object_get(certificate, "addresses"), i, one)
    {
        if (json_is_string(one))
            add_uid(out, validity_of(c), "<", json_string_value(one), ">");
    }
}
