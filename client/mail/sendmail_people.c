/* Who sends, who gets it, and who of them the others must not know of. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/base/log.h"
#include "agent/mime/address.h"
#include "client/cli/cli.h"
#include "client/mail/sendmail.h"

static bool
list_has(const struct address_list *l, const char *address)
{
    for (size_t i = 0; i < l->count; i++)
        if (address_equal(slice_text(l->item[i]), slice_text(address)))
            return true;
    return false;
}

static void
list_add(struct address_list *l, const char *address)
{
    if (list_has(l, address))
        return;
    l->item = mem_resize(l->item, (l->count + 1) * sizeof(l->item[0]));
    l->item[l->count++] = mem_text(slice_text(address));
}

static void
address_list_drop(struct address_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->item[i]);
    free(l->item);
    *l = (struct address_list){0};
}

/* ---- fields -------------------------------------------------------------- */

/* "root", "Name <root>", "root (Cron Daemon)": a user of this machine, which
 * RFC 5322 does not know and cron does. Gives the word in OUT. */
static bool
local_name(struct slice item, char *out, size_t size)
{
    char text[512];
    char *at, *end;

    if (item.n == 0 || item.n >= sizeof(text))
        return false;
    memcpy(text, item.p, item.n);
    text[item.n] = '\0';
    at = text;
    if ((end = strchr(at, '<')) != NULL) {
        at = end + 1;
        if (!(end = strchr(at, '>')))
            return false;
        *end = '\0';
    } else if ((end = strchr(at, '(')) != NULL) {
        *end = '\0';
    }
    at += strspn(at, " \t\r\n");
    at[strcspn(at, " \t\r\n")] = '\0';
    if (at[0] == '\0' || at[0] == '-' ||
        at[strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                      "0123456789._+-=")] != '\0')
        return false;
    return (size_t)snprintf(out, size, "%s", at) < size;
}

static bool
add_item(struct slice item, struct address_list *out)
{
    struct mailbox_list one;
    char local[256];
    bool good;

    mailbox_list_parse(item, &one);
    good = !one.malformed;
    for (size_t i = 0; good && i < one.count; i++)
        list_add(out, one.item[i].address);
    mailbox_list_drop(&one);
    if (good)
        return true;
    if (!local_name(item, local, sizeof(local)))
        return false;
    list_add(out, local);
    return true;
}

/* The whole as the grammar has it, else item by item. */
static bool
add_value(struct slice value, struct address_list *out)
{
    struct mailbox_list all;
    bool good;

    mailbox_list_parse(value, &all);
    good = !all.malformed;
    for (size_t i = 0; good && i < all.count; i++)
        list_add(out, all.item[i].address);
    mailbox_list_drop(&all);
    while (!good && value.n > 0) {
        const uint8_t *comma = memchr(value.p, ',', value.n);
        size_t n = comma ? (size_t)(comma - value.p) : value.n;

        if (!add_item(slice_of(value.p, n), out))
            return false;
        value.p += comma ? n + 1 : n;
        value.n -= comma ? n + 1 : n;
    }
    return true;
}

static int
add_fields(const struct header *h, const char *name, struct address_list *out)
{
    const struct header_field *f;

    for (size_t i = 0; (f = header_find(h, name, i)) != NULL; i++)
        if (!add_value(f->value, out))
            return failure_say(EX_DATAERR, "write the addresses anew",
                               "not sent: the field %s cannot be read", name);
    return EX_OK;
}

/* A message that is sent on names its new recipients in fields of their
 * own (RFC 5322 3.6.6). */
static bool
is_resent(const struct header *h)
{
    return header_count(h, "Resent-To") + header_count(h, "Resent-Cc") +
               header_count(h, "Resent-Bcc") >
           0;
}

static int
add_three(const struct header *h, bool with_hidden, struct address_list *out)
{
    static const char *const names[2][3] = {
        {"To", "Cc", "Bcc"}, {"Resent-To", "Resent-Cc", "Resent-Bcc"}};
    const char *const *name = names[is_resent(h) ? 1 : 0];
    int e = add_fields(h, name[0], out);

    if (e == EX_OK)
        e = add_fields(h, name[1], out);
    if (e == EX_OK && with_hidden)
        e = add_fields(h, name[2], out);
    return e;
}

/* ---- all ----------------------------------------------------------------- */

/* The first mailbox of the field; NULL: not there, or it cannot be read.
 * Gives. */
static char *
first_mailbox(const struct header *h, const char *name)
{
    const struct header_field *f = header_find(h, name, 0);
    struct address_list all = {0};
    char *first = NULL;

    if (f && add_value(f->value, &all) && all.count > 0)
        first = mem_text(slice_text(all.item[0]));
    address_list_drop(&all);
    return first;
}

static void
sender_find(const struct letter *l, const struct sendmail_options *o,
            struct people *out)
{
    out->has_from = header_count(&l->header, "From") > 0;
    if (out->has_from)
        out->author = first_mailbox(&l->header, "From");
    else if (o->sender && o->sender[0] != '\0')
        out->author = mem_text(slice_text(o->sender));
    if (is_resent(&l->header))
        out->sender = first_mailbox(&l->header, "Resent-From");
    if (!out->sender && out->author)
        out->sender = mem_text(slice_text(out->author));
}

/* What would break out of a header field, or be taken for an option. */
static int
recipient_check(const char *r)
{
    char shown[256];

    for (const char *at = r; *at; at++)
        if ((unsigned char)*at <= 0x20 || *at == 0x7f || *at == '<' ||
            *at == '>' || *at == ',') {
            text_escape(slice_text(r), shown, sizeof(shown));
            return failure_say(EX_USAGE, "give one bare address for each",
                               "not sent: %s is no address", shown);
        }
    return r[0] == '\0' ? failure_say(EX_USAGE, "give one address for each",
                                      "not sent: a recipient is empty")
                        : EX_OK;
}

static int
envelope_find(const struct letter *l, const struct sendmail_options *o,
              struct address_list *out)
{
    for (size_t i = 0; i < o->recipient_count; i++) {
        int e = recipient_check(o->recipient[i]);

        if (e != EX_OK)
            return e;
        list_add(out, o->recipient[i]);
    }
    return o->recipients_in_header ? add_three(&l->header, true, out) : EX_OK;
}

/* The fields that show who else has got it need not be readable where the
 * recipients are given on the command line: then all are hidden from each
 * other. */
static void
visible_find(const struct letter *l, struct address_list *out)
{
    const struct header *h = &l->header;
    static const char *const names[] = {"To", "Cc", "Resent-To", "Resent-Cc"};

    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        const struct header_field *f;

        for (size_t k = 0; (f = header_find(h, names[i], k)) != NULL; k++)
            (void)add_value(f->value, out);
    }
}

int
people_find(const struct letter *l, const struct sendmail_options *o,
            struct people *out)
{
    struct address_list all = {0}, visible = {0};
    int e = envelope_find(l, o, &all);

    *out = (struct people){.sender = NULL};
    if (e == EX_OK && all.count == 0)
        e = failure_say(EX_USAGE,
                        "name them on the command line, or give -t and a To "
                        "field",
                        "not sent: there is no recipient");
    if (e == EX_OK) {
        visible_find(l, &visible);
        for (size_t i = 0; i < all.count; i++)
            list_add(list_has(&visible, all.item[i]) ? &out->visible
                                                     : &out->hidden,
                     all.item[i]);
        sender_find(l, o, out);
    }
    address_list_drop(&all);
    address_list_drop(&visible);
    return e;
}

void
people_drop(struct people *p)
{
    free(p->author);
    free(p->sender);
    address_list_drop(&p->visible);
    address_list_drop(&p->hidden);
    *p = (struct people){.sender = NULL};
}
