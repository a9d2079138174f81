/* hcp_shy (RFC 9788 3.2.2): addresses without names, times without a zone. */
#include "agent/mime/address.h"
#include "agent/mime/date.h"
#include "agent/session/protect.h"

/* What is no list of mailboxes, or cannot be read, stays as it is. */
static bool
add_addresses(struct slice value, size_t most, struct buf *out)
{
    struct mailbox_list l;
    bool fits;

    mailbox_list_parse(value, &l);
    fits = !l.malformed && !l.group && !l.obsolete && l.count > 0 &&
           l.count <= most;
    for (size_t i = 0; fits && i < l.count; i++)
        buf_addf(out, "%s%s", i > 0 ? ",\r\n " : "", l.item[i].address);
    mailbox_list_drop(&l);
    return fits;
}

static bool
add_utc(struct slice value, struct buf *out)
{
    time_t when;

    return date_read(value, &when) && date_write(when, out);
}

bool
protect_shy_add(const struct header_field *f, struct buf *out)
{
    if (slice_is_nocase(f->name, "From"))
        return add_addresses(f->value, 1, out);
    if (slice_is_nocase(f->name, "To") || slice_is_nocase(f->name, "Cc"))
        return add_addresses(f->value, LIMIT_MAILBOXES, out);
    return slice_is_nocase(f->name, "Date") && add_utc(f->value, out);
}
