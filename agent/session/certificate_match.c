#include "agent/session/certificate_match.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#include "agent/address/same.h"
#include "agent/cms/algorithm.h"
#include "agent/cms/der.h"

/* ---- reading ------------------------------------------------------------- */

static int
digit_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* Hex with or without 0x and colons, at most 32 bytes; gives the number of
 * digits, 0 when it is none. */
static size_t
hex_read(const char *text, uint8_t out[32])
{
    size_t n = 0;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        text += 2;
    for (; *text; text++) {
        int digit = digit_of(*text);

        if (*text == ':' && n > 0)
            continue;
        if (digit < 0 || n == 64)
            return 0;
        out[n / 2] = (uint8_t)(out[n / 2] << 4 | digit);
        n++;
    }
    return n;
}

static bool
hex_pattern(const char *text, struct pattern *out)
{
    switch (hex_read(text, out->bytes)) {
    case 64:
        out->kind = PATTERN_SHA256;
        break;
    case 40:
        out->kind = PATTERN_SHA1;
        break;
    case 16:
    case 8:
        out->kind = PATTERN_SHORT;
        break;
    default:
        return false;
    }
    out->n = hex_read(text, (uint8_t[32]){0}) / 2;
    return true;
}

static void
serial_pattern(const char *text, struct pattern *out)
{
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);

    out->kind = PATTERN_SERIAL;
    out->serial = slice_of(text, n);
    out->text = slice_text(slash ? slash + 1 : "");
}

static bool
address_pattern(const char *text, struct pattern *out)
{
    size_t n = strlen(text);

    if (n < 3 || text[0] != '<' || text[n - 1] != '>')
        return false;
    out->kind = PATTERN_ADDRESS;
    out->text = slice_of(text + 1, n - 2);
    return true;
}

void
pattern_read(const char *text, struct pattern *out)
{
    *out = (struct pattern){.kind = PATTERN_TEXT, .text = slice_text(text)};
    if (hex_pattern(text, out) || address_pattern(text, out))
        return;
    memset(out->bytes, 0, sizeof(out->bytes));
    if (text[0] == '#')
        serial_pattern(text + 1, out);
    else if (text[0] == '&' && hex_read(text + 1, out->bytes) == 40)
        out->kind = PATTERN_GRIP;
    else if (text[0] == '/')
        *out = (struct pattern){.kind = PATTERN_SUBJECT,
                                .text = slice_text(text + 1)};
    else if (text[0] == '*')
        out->text = slice_text(text + 1);
}

bool
pattern_is_of_bytes(const struct pattern *p)
{
    return p->kind == PATTERN_SHA1 || p->kind == PATTERN_SHA256 ||
           p->kind == PATTERN_SHORT || p->kind == PATTERN_GRIP;
}

/* ---- matching ------------------------------------------------------------ */

static bool
holds_text(struct slice where, struct slice what)
{
    if (what.n == 0)
        return true;
    for (size_t i = 0; where.n >= what.n && i <= where.n - what.n; i++)
        if (strncasecmp((const char *)where.p + i, (const char *)what.p,
                        what.n) == 0)
            return true;
    return false;
}

static bool
names_address(const struct pattern *p, const struct description *d)
{
    for (size_t i = 0; i < d->addresses.n; i++)
        if (p->kind == PATTERN_ADDRESS
                ? address_equal(d->addresses.item[i], p->text)
                : holds_text(d->addresses.item[i], p->text))
            return true;
    return false;
}

/* Serial numbers are hex; zeros in front do not count. */
static struct slice
without_zeros(struct slice hex)
{
    while (hex.n > 1 && hex.p[0] == '0') {
        hex.p++;
        hex.n--;
    }
    return hex;
}

static bool
is_serial(const struct pattern *p, const struct description *d)
{
    struct slice a = without_zeros(p->serial), b = without_zeros(d->serial);

    if (p->text.n > 0 && !slice_equal(p->text, d->issuer))
        return false;
    return p->serial.n == 0 ||
           (a.n == b.n &&
            strncasecmp((const char *)a.p, (const char *)b.p, a.n) == 0);
}

bool
pattern_matches(const struct pattern *p, const struct matched *m)
{
    switch (p->kind) {
    case PATTERN_SHA1:
        return memcmp(p->bytes, m->sha1, 20) == 0;
    case PATTERN_SHA256:
        return memcmp(p->bytes, m->sha256, 32) == 0;
    case PATTERN_SHORT:
        return memcmp(p->bytes, m->sha1 + 20 - p->n, p->n) == 0;
    case PATTERN_GRIP:
        return m->grip && memcmp(p->bytes, m->grip, 20) == 0;
    case PATTERN_ADDRESS:
        return names_address(p, m->about);
    case PATTERN_SERIAL:
        return is_serial(p, m->about);
    case PATTERN_SUBJECT:
        return slice_equal(p->text, m->about->subject);
    case PATTERN_TEXT:
        return names_address(p, m->about) ||
               holds_text(m->about->name, p->text) ||
               holds_text(m->about->subject, p->text);
    }
    bug("a pattern of no kind");
}

bool
key_grip(struct slice spki, uint8_t out[20])
{
    struct der d = der_of(spki);
    struct der body = der_enter(&d, TAG_SEQUENCE);
    struct slice algorithm = der_take_whole(&body, TAG_SEQUENCE), parameters;
    struct slice bits = der_take(&body, TAG_BIT_STRING), modulus;
    struct der key;
    enum oid oid;
    unsigned n = 0;

    if (body.bad || bits.n < 2 || bits.p[0] != 0 ||
        !der_algorithm(algorithm, &oid, &parameters) ||
        oid != OID_RSA_ENCRYPTION)
        return false;
    d = der_of(slice_of(bits.p + 1, bits.n - 1));
    key = der_enter(&d, TAG_SEQUENCE);
    modulus = der_take(&key, TAG_INTEGER);
    return !key.bad && modulus.n > 0 &&
           EVP_Digest(modulus.p, modulus.n, out, &n, hash_md(HASH_SHA1),
                      NULL) == 1;
}
