#include "agent/session/handed_out.h"

#include <openssl/evp.h>

#include "agent/base/log.h"

#define VCARD_LINE 75 /* octets without the line end, RFC 6350 3.2 */
#define LDIF_LINE  76
#define SHOWN      (4 * LIMIT_TEXT_BYTES)

static void
add_base64(struct buf *out, struct slice bytes)
{
    uint8_t *text = mem_raw(bytes.n / 3 * 4 + 8);

    buf_add(out, text, (size_t)EVP_EncodeBlock(text, bytes.p, (int)bytes.n));
    free(text);
}

/* Appends LINE in pieces of at most MOST octets, no character cut in two. */
static void
add_folded(struct buf *out, struct slice line, size_t most, const char *end)
{
    size_t room = most;

    while (line.n > room) {
        size_t n = room;

        while (n > 1 && (line.p[n] & 0xc0) == 0x80)
            n--;
        buf_add(out, line.p, n);
        buf_add_text(out, end);
        buf_add_byte(out, ' ');
        line = slice_of(line.p + n, line.n - n);
        room = most - 1;
    }
    buf_add_slice(out, line);
    buf_add_text(out, end);
}

/* ---- vCard ----------------------------------------------------------------
 */

static void
card_line(struct buf *out, const struct buf *line)
{
    add_folded(out, buf_slice(line), VCARD_LINE, "\r\n");
}

/* NAME:TEXT with RFC 6350 3.4's escapes; what moves a cursor is gone before. */
static void
card_text(struct buf *out, const char *name, struct slice text)
{
    AUTO(buf) struct buf line = {0};
    char shown[SHOWN];

    text_escape(text, shown, sizeof(shown));
    buf_addf(&line, "%s:", name);
    for (const char *at = shown; *at; at++) {
        if (*at == '\\' || *at == ',' || *at == ';')
            buf_add_byte(&line, '\\');
        buf_add_byte(&line, (uint8_t)*at);
    }
    card_line(out, &line);
}

static void
card_key(struct buf *out, struct slice der)
{
    AUTO(buf) struct buf line = {0};

    buf_add_text(&line, "KEY:data:application/pkix-cert;base64,");
    add_base64(&line, der);
    card_line(out, &line);
}

void
vcard_write(struct buf *out, struct slice address, struct slice name,
            const struct slice_list *certificates)
{
    buf_add_text(out, "BEGIN:VCARD\r\nVERSION:4.0\r\n");
    card_text(out, "FN", name.n > 0 ? name : address);
    card_text(out, "EMAIL", address);
    for (size_t i = 0; i < certificates->n; i++)
        card_key(out, certificates->item[i]);
    buf_add_text(out, "END:VCARD\r\n");
}

void
vcard_write_issuer(struct buf *out, struct slice name, struct slice der)
{
    buf_add_text(out, "BEGIN:VCARD\r\nVERSION:4.0\r\nKIND:org\r\n");
    card_text(out, "FN", name);
    card_key(out, der);
    buf_add_text(out, "END:VCARD\r\n");
}

/* ---- LDIF -----------------------------------------------------------------
 */

/* SAFE-STRING, and no blank at its end. */
static bool
is_safe(struct slice text)
{
    if (text.n == 0)
        return true;
    if (text.p[0] == ' ' || text.p[0] == ':' || text.p[0] == '<' ||
        text.p[text.n - 1] == ' ')
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\0' || text.p[i] == '\n' || text.p[i] == '\r' ||
            text.p[i] >= 0x80)
            return false;
    return true;
}

static void
attribute(struct buf *out, const char *name, struct slice value)
{
    AUTO(buf) struct buf line = {0};

    buf_addf(&line, "%s: ", name);
    if (is_safe(value)) {
        buf_add_slice(&line, value);
    } else {
        line.len--;
        buf_add_text(&line, ": ");
        add_base64(&line, value);
    }
    add_folded(out, buf_slice(&line), LDIF_LINE, "\n");
}

static void
binary(struct buf *out, const char *name, struct slice der)
{
    AUTO(buf) struct buf line = {0};

    buf_addf(&line, "%s;binary:: ", name);
    add_base64(&line, der);
    add_folded(out, buf_slice(&line), LDIF_LINE, "\n");
}

/* TYPE=VALUE[,BASE] with RFC 4514 2.4's escapes. */
static void
entry_name(struct buf *out, const char *type, struct slice value,
           struct slice base)
{
    AUTO(buf) struct buf dn = {0};

    buf_addf(&dn, "%s=", type);
    for (size_t i = 0; i < value.n; i++) {
        uint8_t c = value.p[i];
        bool at_end = i == 0 || i + 1 == value.n;

        if (strchr(",+\"\\<>;", c) || (c == '#' && i == 0) ||
            (c == ' ' && at_end))
            buf_add_byte(&dn, '\\');
        buf_add_byte(&dn, c);
    }
    if (base.n > 0)
        buf_add_byte(&dn, ',');
    buf_add_slice(&dn, base);
    attribute(out, "dn", buf_slice(&dn));
}

static struct slice
last_word(struct slice name)
{
    size_t at = name.n;

    while (at > 0 && name.p[at - 1] != ' ')
        at--;
    return at < name.n ? slice_of(name.p + at, name.n - at) : name;
}

void
ldif_write_head(struct buf *out)
{
    buf_add_text(out, "version: 1\n");
}

void
ldif_write(struct buf *out, struct slice base, struct slice address,
           struct slice name, const struct slice_list *certificates)
{
    char shown[SHOWN];
    struct slice cn;

    text_escape(name.n > 0 ? name : address, shown, sizeof(shown));
    cn = slice_text(shown);
    buf_add_byte(out, '\n');
    entry_name(out, "mail", address, base);
    buf_add_text(out, "objectClass: top\nobjectClass: person\n"
                      "objectClass: organizationalPerson\n"
                      "objectClass: inetOrgPerson\n");
    attribute(out, "cn", cn);
    attribute(out, "sn", last_word(cn));
    attribute(out, "mail", address);
    for (size_t i = 0; i < certificates->n; i++)
        binary(out, "userCertificate", certificates->item[i]);
}

void
ldif_write_issuer(struct buf *out, struct slice base, struct slice name,
                  struct slice der)
{
    char shown[SHOWN];

    text_escape(name, shown, sizeof(shown));
    buf_add_byte(out, '\n');
    entry_name(out, "cn", slice_text(shown), base);
    buf_add_text(out, "objectClass: top\nobjectClass: applicationProcess\n"
                      "objectClass: pkiCA\n");
    attribute(out, "cn", slice_text(shown));
    binary(out, "cACertificate", der);
}
