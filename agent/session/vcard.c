/*
 * vCard 2.1, 3 (RFC 2426) and 4 (RFC 6350): KEY and EMAIL, nothing else.
 */
#include "agent/session/foreign.h"

/* ---- one property -------------------------------------------------------- */

struct property {
    struct slice name; /* without its group */
    struct slice parameters;
    struct slice value;
};

/* [group.]NAME[;parameters]:value; a quoted parameter may hold a colon.
 * False: it is no property. */
static bool
property_read(struct slice line, struct property *out)
{
    const uint8_t *dot = NULL;
    size_t name_end = 0, i = 0;
    bool quoted = false;

    for (; i < line.n && (quoted || line.p[i] != ':'); i++) {
        if (line.p[i] == '"')
            quoted = !quoted;
        if (line.p[i] == ';' && name_end == 0)
            name_end = i;
        if (line.p[i] == '.' && name_end == 0)
            dot = line.p + i;
    }
    if (i == line.n)
        return false;
    if (name_end == 0)
        name_end = i;
    out->name = slice_of(line.p, name_end);
    if (dot)
        out->name = slice_of(dot + 1, (size_t)(line.p + name_end - dot) - 1);
    out->parameters = slice_of(line.p + name_end, i - name_end);
    out->value = slice_of(line.p + i + 1, line.n - i - 1);
    return true;
}

static uint8_t
lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* Is WORD (lower case) anywhere in TEXT? Parameters come in too many forms to
 * ask for more: TYPE=X509, TYPE="x509,work", X509, MEDIATYPE=... */
static bool
mentions(struct slice text, const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; i + n <= text.n; i++) {
        size_t k = 0;

        while (k < n && lower(text.p[i + k]) == (uint8_t)word[k])
            k++;
        if (k == n)
            return true;
    }
    return false;
}

static bool
begins(struct slice text, const char *word)
{
    size_t n = strlen(word);

    return text.n >= n && mentions(slice_of(text.p, n), word);
}

/* ---- values ---------------------------------------------------------------
 */

/* Backslash escapes (RFC 6350 3.4). */
static void
unescape(struct slice text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];

        if (c == '\\' && i + 1 < text.n) {
            c = text.p[++i];
            if (c == 'n' || c == 'N')
                c = '\n';
        }
        buf_add_byte(out, c);
    }
}

static int
hex_of(uint8_t c)
{
    c = lower(c);
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A mark and two hexadecimal digits for one byte: RFC 3986 2.1, and RFC 2045
 * 6.7 without its line ends. */
static void
marks_decode(struct slice text, uint8_t mark, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];

        if (c == mark && i + 2 < text.n && hex_of(text.p[i + 1]) >= 0 &&
            hex_of(text.p[i + 2]) >= 0) {
            c = (uint8_t)(hex_of(text.p[i + 1]) * 16 + hex_of(text.p[i + 2]));
            i += 2;
        }
        buf_add_byte(out, c);
    }
}

static bool
is_other_kind(struct slice words)
{
    return mentions(words, "pgp") || mentions(words, "ssh");
}

static bool
is_certificate_kind(struct slice words)
{
    return mentions(words, "x509") || mentions(words, "x.509") ||
           mentions(words, "pkix") || mentions(words, "pkcs7") ||
           mentions(words, "x-x509");
}

/* data:TYPE[;base64],DATA (RFC 2397). */
static enum err
data_take(struct entry *e, const struct property *k, size_t line,
          const struct foreign_sink *to, struct problem *p)
{
    AUTO(buf) struct buf plain = {0};
    AUTO(buf) struct buf data = {0};
    const uint8_t *comma;
    struct slice all, type, rest;

    unescape(k->value, &plain);
    all = buf_slice(&plain);
    comma = memchr(all.p, ',', all.n);
    if (!comma)
        return to->bad(to->context, line, "it is no data: URI", p);
    type = slice_of(all.p, (size_t)(comma - all.p));
    rest = slice_of(comma + 1, all.n - type.n - 1);
    if (is_other_kind(type))
        return ERR_OK;
    marks_decode(rest, '%', &data);
    return mentions(type, ";base64")
               ? entry_add_base64(e, buf_slice(&data), line, to, p)
               : entry_add_bytes(e, buf_slice(&data), line, to, p);
}

static bool
is_address_of_elsewhere(struct slice value)
{
    return begins(value, "http:") || begins(value, "https:") ||
           begins(value, "ldap:") || begins(value, "ldaps:") ||
           begins(value, "file:") || begins(value, "ftp:") ||
           begins(value, "urn:") || begins(value, "uri:");
}

/* DER in base64 and nothing else: a SEQUENCE with a length of two or three
 * octets, as every certificate is. */
static bool
is_bare_base64(struct slice value)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=";

    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] == '\0' || !strchr(letters, value.p[i]))
            return false;
    return value.n > 3 && value.p[0] == 'M' && value.p[1] == 'I' &&
           strchr("GHI", value.p[2]);
}

/* Of vCard 2.1. */
static bool
is_quoted(struct slice parameters)
{
    return mentions(parameters, "quoted-printable");
}

static enum err
key_take(struct entry *e, const struct property *k, size_t line, bool is_cut,
         const struct foreign_sink *to, struct problem *p)
{
    if (is_other_kind(k->parameters))
        return ERR_OK;
    if (is_cut)
        return to->bad(to->context, line, "it is too large", p);
    if (begins(k->value, "data:"))
        return data_take(e, k, line, to, p);
    if (is_address_of_elsewhere(k->value))
        return to->bad(to->context, line,
                       "it is not in the file but elsewhere, and is not "
                       "fetched",
                       p);
    if (mentions(k->parameters, "encoding=b") ||
        mentions(k->parameters, "encoding=\"b") ||
        mentions(k->parameters, ";base64"))
        return entry_add_base64(e, k->value, line, to, p);
    if (mentions(k->value, "-----begin ") || is_quoted(k->parameters)) {
        AUTO(buf) struct buf plain = {0};

        if (is_quoted(k->parameters))
            marks_decode(k->value, '=', &plain);
        else
            unescape(k->value, &plain);
        return entry_add_bytes(e, buf_slice(&plain), line, to, p);
    }
    if (is_bare_base64(k->value))
        return entry_add_base64(e, k->value, line, to, p);
    /* Without a word on what it is it may be any program's key. */
    return is_certificate_kind(k->parameters)
               ? to->bad(to->context, line, "it has no encoding", p)
               : ERR_OK;
}

static void
email_take(struct entry *e, const struct property *m)
{
    AUTO(buf) struct buf plain = {0};
    struct slice address;

    unescape(m->value, &plain);
    address = buf_slice(&plain);
    if (begins(address, "mailto:"))
        address = slice_of(address.p + 7, address.n - 7);
    while (address.n > 0 && address.p[0] == ' ')
        address = slice_of(address.p + 1, address.n - 1);
    while (address.n > 0 && address.p[address.n - 1] == ' ')
        address.n--;
    entry_add_address(e, address);
}

/* ---- cards ----------------------------------------------------------------
 */

struct card {
    struct entry entry;
    struct buf key;  /* the line of a KEY that may go on */
    size_t key_line; /* 0: there is none */
    bool key_is_cut;
};

static void
card_drop(struct card *c)
{
    entry_drop(&c->entry);
    buf_drop(&c->key);
}

static enum err
key_end(struct card *c, const struct foreign_sink *to, struct problem *p)
{
    size_t line = c->key_line;
    struct property it;

    c->key_line = 0;
    return line > 0 && property_read(buf_slice(&c->key), &it)
               ? key_take(&c->entry, &it, line, c->key_is_cut, to, p)
               : ERR_OK;
}

static void
key_add(struct card *c, const struct lines *l)
{
    struct slice line = buf_slice(&l->line);

    c->key_is_cut = c->key_is_cut || l->is_cut ||
                    line.n > LIMIT_LOGICAL_LINE_BYTES - c->key.len;
    if (!c->key_is_cut)
        buf_add_slice(&c->key, line);
}

/* Quoted-printable goes on behind a line that ends so. */
static bool
has_soft_end(const struct card *c)
{
    struct slice key = buf_slice(&c->key);
    struct property it;

    return c->key_line > 0 && key.n > 0 && key.p[key.n - 1] == '=' &&
           property_read(key, &it) && is_quoted(it.parameters);
}

static enum err
line_take(struct card *c, const struct lines *l, const struct foreign_sink *to,
          struct problem *p)
{
    bool is_soft = has_soft_end(c), is_property, goes_on;
    struct property it;
    enum err e;

    is_property = !is_soft && property_read(buf_slice(&l->line), &it);
    if (is_soft)
        c->key.len--;
    /* Base64 of vCard 2.1 ends with an empty line, and not every program
     * indents it. */
    goes_on = is_soft || (!is_property && l->line.len > 0 && c->key_line > 0);
    if (goes_on)
        key_add(c, l);
    e = goes_on ? ERR_OK : key_end(c, to, p);
    if (e != ERR_OK || !is_property)
        return e;
    if (slice_is_nocase(it.name, "END") || slice_is_nocase(it.name, "BEGIN"))
        return entry_end(&c->entry, to, p);
    if (slice_is_nocase(it.name, "KEY")) {
        c->key_line = l->number;
        c->key_is_cut = l->is_cut;
        buf_clear(&c->key);
        buf_add_slice(&c->key, buf_slice(&l->line));
    } else if (slice_is_nocase(it.name, "EMAIL") && !l->is_cut) {
        email_take(&c->entry, &it);
    }
    return ERR_OK;
}

enum err
vcard_read(struct stream *from, const struct foreign_sink *to,
           struct problem *p)
{
    AUTO(card) struct card card = {.key_line = 0};
    AUTO(lines) struct lines l;
    bool some = true;
    enum err e = ERR_OK;

    lines_init(&l, from, " \t");
    while (e == ERR_OK && (e = lines_next(&l, &some, p)) == ERR_OK && some)
        e = line_take(&card, &l, to, p);
    if (e == ERR_OK)
        e = key_end(&card, to, p);
    return e == ERR_OK ? entry_end(&card.entry, to, p) : e;
}
