/*
 * LDIF (RFC 2849): the certificates of entries (RFC 4523, RFC 2798) and their
 * mail addresses.
 */
#include "agent/session/foreign.h"

struct attribute {
    struct slice name; /* without its options */
    struct slice value;
    char kind; /* ':' text, '6' base64, '<' elsewhere */
};

static bool
attribute_read(struct slice line, struct attribute *out)
{
    const uint8_t *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
    const uint8_t *option;
    size_t at;

    if (!colon)
        return false;
    at = (size_t)(colon - line.p);
    option = at ? memchr(line.p, ';', at) : NULL;
    out->name = slice_of(line.p, option ? (size_t)(option - line.p) : at);
    at++;
    out->kind = ':';
    if (at < line.n && line.p[at] == ':')
        out->kind = '6';
    else if (at < line.n && line.p[at] == '<')
        out->kind = '<';
    at += out->kind != ':';
    while (at < line.n && line.p[at] == ' ')
        at++;
    out->value = slice_of(line.p + at, line.n - at);
    while (out->value.n > 0 && out->value.p[out->value.n - 1] == ' ')
        out->value.n--;
    return true;
}

static bool
is_certificate(struct slice name)
{
    return slice_is_nocase(name, "userCertificate") ||
           slice_is_nocase(name, "userSMIMECertificate") ||
           slice_is_nocase(name, "cACertificate") ||
           slice_is(name, "2.5.4.36") || slice_is(name, "2.5.4.37") ||
           slice_is(name, "2.16.840.1.113730.3.1.40");
}

static bool
is_address(struct slice name)
{
    return slice_is_nocase(name, "mail") ||
           slice_is_nocase(name, "rfc822Mailbox") ||
           slice_is_nocase(name, "mailAlternateAddress") ||
           slice_is(name, "0.9.2342.19200300.100.1.3");
}

static enum err
certificate_take(struct entry *e, const struct attribute *a,
                 const struct lines *l, const struct foreign_sink *to,
                 struct problem *p)
{
    if (l->is_cut)
        return to->bad(to->context, l->number, "it is too large", p);
    if (a->kind == '<')
        return to->bad(to->context, l->number,
                       "it is not in the file but elsewhere, and is not "
                       "fetched",
                       p);
    if (a->kind != '6')
        return to->bad(to->context, l->number, "it is no base64", p);
    return entry_add_base64(e, a->value, l->number, to, p);
}

/* An address that is not ASCII comes as base64. */
static void
address_take(struct entry *e, const struct attribute *a)
{
    AUTO(buf) struct buf decoded = {0};

    if (a->kind == ':')
        entry_add_address(e, a->value);
    else if (a->kind == '6' && a->value.n <= 2 * LIMIT_ADDRESS_BYTES &&
             entry_decode(a->value, &decoded))
        entry_add_address(e, buf_slice(&decoded));
}

/* A change record names the values that it takes out of the directory below
 * "delete: ATTRIBUTE", up to "-" (RFC 2849): nobody vouches for these any
 * more. */
static enum err
line_take(struct entry *e, const struct lines *l, bool *taken_out,
          const struct foreign_sink *to, struct problem *p)
{
    struct slice line = buf_slice(&l->line);
    struct attribute a;

    if (line.n == 0 || slice_is(line, "-"))
        *taken_out = false;
    if (line.n == 0)
        return entry_end(e, to, p);
    if (line.p[0] == '#' || !attribute_read(line, &a))
        return ERR_OK;
    /* Where an empty line is missing, a name begins the next entry. */
    if (slice_is_nocase(a.name, "dn")) {
        *taken_out = false;
        return entry_end(e, to, p);
    }
    if (slice_is_nocase(a.name, "delete"))
        *taken_out = true;
    if (*taken_out)
        return ERR_OK;
    if (is_certificate(a.name))
        return certificate_take(e, &a, l, to, p);
    if (is_address(a.name))
        address_take(e, &a);
    return ERR_OK;
}

enum err
ldif_read(struct stream *from, const struct foreign_sink *to, struct problem *p)
{
    AUTO(entry) struct entry entry = {.count = 0};
    AUTO(lines) struct lines l;
    bool some = true, taken_out = false;
    enum err e = ERR_OK;

    lines_init(&l, from, " ");
    while (e == ERR_OK && (e = lines_next(&l, &some, p)) == ERR_OK && some)
        e = line_take(&entry, &l, &taken_out, to, p);
    return e == ERR_OK ? entry_end(&entry, to, p) : e;
}
