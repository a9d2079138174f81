/*
 * LISTKEYS, DUMPKEYS and their like, and GETAUDITLOG.
 */
#include "client/mail/gpgsm/engine.h"

#include <ctype.h>
#include <string.h>

#include "agent/base/log.h"

/* ---- the words of a line ------------------------------------------------- */

static int
hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX and + of N bytes undone. */
static void
word_read(const char *word, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        int high = word[i] == '%' && i + 2 < n ? hex_of(word[i + 1]) : -1;
        int low = high >= 0 ? hex_of(word[i + 2]) : -1;

        if (low >= 0 && high * 16 + low != 0) {
            buf_add_byte(out, (uint8_t)(high * 16 + low));
            i += 2;
        } else {
            buf_add_byte(out, word[i] == '+' ? ' ' : (uint8_t)word[i]);
        }
    }
}

static json_t *
text_json(const char *text)
{
    json_t *out = json_string(text);
    char shown[1024];

    if (out)
        return out;
    text_escape(slice_text(text), shown, sizeof(shown));
    return json_string(shown);
}

static const char *
skip_options(const char *line)
{
    while (*line == ' ')
        line++;
    while (line[0] == '-' && line[1] == '-') {
        size_t n = strcspn(line, " ");
        bool last = n == 2;

        line += n + strspn(line + n, " ");
        if (last)
            break;
    }
    return line;
}

json_t *
patterns_read(const char *line)
{
    json_t *list = json_array();

    for (line = skip_options(line); *line; line += strspn(line, " ")) {
        size_t n = strcspn(line, " ");
        AUTO(buf) struct buf word = {0};

        word_read(line, n, &word);
        if (word.len > 0)
            json_array_append_new(list, text_json(buf_text(&word)));
        line += n;
    }
    return list;
}

json_t *
name_read(const char *line)
{
    json_t *list = json_array();

    json_array_append_new(list, text_json(line));
    return list;
}

bool
has_option(const char *line, const char *option)
{
    const char *at = strstr(line, option);

    return at && (at[strlen(option)] == ' ' || at[strlen(option)] == '\0');
}

/* ---- listing ------------------------------------------------------------- */

typedef void write_one(const struct listed *c, bool secret, struct buf *out);

static gpg_error_t
list(assuan_context_t ctx, const char *line, bool secret, write_one *write)
{
    struct engine *e = assuan_get_pointer(ctx);
    json_t *reply = NULL;
    gpg_error_t error =
        certificates_find(e, patterns_read(line), secret, false, &reply);

    for (size_t i = 0; !error && i < certificates_count(reply); i++) {
        AUTO(buf) struct buf text = {0};
        struct listed c;

        certificates_at(reply, i, &c);
        if ((secret && !c.own) || !certificate_is_shown(reply, &c))
            continue;
        write(&c, true, &text);
        error = assuan_send_data(ctx, text.data, text.len);
    }
    json_decref(reply);
    return error;
}

gpg_error_t
cmd_listkeys(assuan_context_t ctx, char *line)
{
    return list(ctx, line, false, colons_write);
}

gpg_error_t
cmd_listsecretkeys(assuan_context_t ctx, char *line)
{
    return list(ctx, line, true, colons_write);
}

gpg_error_t
cmd_dumpkeys(assuan_context_t ctx, char *line)
{
    return list(ctx, line, false, certificate_print);
}

gpg_error_t
cmd_dumpsecretkeys(assuan_context_t ctx, char *line)
{
    return list(ctx, line, true, certificate_print);
}

/* ---- for people ---------------------------------------------------------- */

static void
add_line(struct buf *out, const char *name, const char *value)
{
    char shown[1024];

    text_escape(slice_text(value), shown, sizeof(shown));
    if (value[0])
        buf_addf(out, "%14s: %s\n", name, shown);
}

static void
add_uses(struct buf *out, const struct listed *c)
{
    char uses[64];

    snprintf(uses, sizeof(uses), "%s%s%s", c->signs ? "sign " : "",
             c->encrypts ? "encrypt " : "", c->ca ? "certify" : "");
    add_line(out, "uses", uses);
}

void
certificate_print(const struct listed *c, bool all, struct buf *out)
{
    const json_t *certificate = json_object_get(c->json, "certificate");
    char from[32], until[32], period[80];
    const json_t *one;
    size_t i;

    time_day(c->not_before, from);
    time_day(c->not_after, until);
    snprintf(period, sizeof(period), "%s to %s", from, until);
    add_line(out, "sha1", c->sha1);
    if (all)
        add_line(out, "sha256", c->sha256);
    add_line(out, "serial", member_text(certificate, "serial"));
    add_line(out, "issuer", member_text(certificate, "issuer"));
    add_line(out, "subject", member_text(certificate, "subject"));
    json_array_foreach(json_object_get(certificate, "addresses"), i, one)
    {
        if (json_is_string(one))
            add_line(out, "address", json_string_value(one));
    }
    add_line(out, "valid", period);
    add_line(out, "key", member_text(certificate, "key"));
    add_uses(out, c);
    add_line(out, "chain", c->chain);
    add_line(out, "kind", c->kind);
    if (c->own)
        add_line(out, "token", member_text(c->json, "token"));
    if (all)
        add_line(out, "keygrip", member_text(c->json, "key_grip"));
    buf_add_byte(out, '\n');
}

/* ---- GETAUDITLOG --------------------------------------------------------- */

static void
add_html(struct buf *out, const char *text)
{
    buf_add_text(out, "<pre class=\"GnuPGAuditLog\">");
    for (; *text; text++)
        switch (*text) {
        case '<':
            buf_add_text(out, "&lt;");
            break;
        case '>':
            buf_add_text(out, "&gt;");
            break;
        case '&':
            buf_add_text(out, "&amp;");
            break;
        default:
            buf_add_byte(out, (uint8_t)*text);
        }
    buf_add_text(out, "</pre>\n");
}

gpg_error_t
cmd_getauditlog(assuan_context_t ctx, char *line)
{
    struct engine *e = assuan_get_pointer(ctx);
    AUTO(buf) struct buf out = {0};

    if (e->audit.len == 0)
        return engine_fail(e, GPG_ERR_NO_DATA, "nothing was done so far");
    if (has_option(line, "--html"))
        add_html(&out, buf_text(&e->audit));
    else
        buf_add_slice(&out, buf_slice(&e->audit));
    return output_send(e, has_option(line, "--data"), buf_slice(&out));
}
