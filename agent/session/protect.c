#include "agent/session/protect.h"

#include <strings.h>

#include "agent/mime/address.h"
#include "agent/mime/safe_field.h"
#include "agent/session/protected.h"

bool
protect_is_on(const struct protect *p)
{
    return p->how != HEADER_PROTECTION_OFF;
}

static bool
hides(const struct protect *p)
{
    return p->encrypts && (p->how == HEADER_PROTECTION_CIPHER ||
                           p->how == HEADER_PROTECTION_SHY);
}

static bool
is_one_of(const struct header_field *f, const char *const *names)
{
    for (; *names; names++)
        if (slice_is_nocase(f->name, *names))
            return true;
    return false;
}

bool
field_is_dropped(const struct header_field *f)
{
    static const char *const names[] = {"Bcc", "Resent-Bcc", "Content-Length",
                                        "HP-Outer", NULL};

    return is_one_of(f, names);
}

bool
field_is_structural(const struct header_field *f)
{
    return header_is_mime(f) || slice_is_nocase(f->name, "MIME-Version");
}

enum outer_field
protect_outer(const struct protect *p, const struct header_field *f,
              struct buf *out)
{
    static const char *const removed[] = {"Keywords", "Comments", NULL};
    AUTO(buf) struct buf shy = {0};

    if (!hides(p))
        return OUTER_SAME;
    if (is_one_of(f, removed))
        return OUTER_NONE;
    if (slice_is_nocase(f->name, "Subject")) {
        buf_add_text(out, "[...]");
        return OUTER_OTHER;
    }
    if (p->how != HEADER_PROTECTION_SHY || !protect_shy_add(f, &shy) ||
        field_says_same(buf_slice(&shy), f->value))
        return OUTER_SAME;
    buf_add_slice(out, buf_slice(&shy));
    return OUTER_OTHER;
}

/* Written by those who carry or keep a message: not the sender's. */
static bool
is_transports(const struct header_field *f)
{
    static const char *const names[] = {"Return-Path",
                                        "Received",
                                        "Received-SPF",
                                        "Delivered-To",
                                        "X-Original-To",
                                        "DKIM-Signature",
                                        "Status",
                                        "X-Status",
                                        "Authentication-Results",
                                        "Lines",
                                        NULL};

    return is_one_of(f, names) ||
           (f->name.n > 4 && slice_is_nocase(slice_of(f->name.p, 4), "ARC-")) ||
           (f->name.n > 7 &&
            slice_is_nocase(slice_of(f->name.p, 7), "Resent-"));
}

static bool
is_protected(const struct header_field *f)
{
    return !field_is_dropped(f) && !field_is_structural(f) && !is_transports(f);
}

static bool
add_outer(const struct protect *p, const struct header_field *f,
          struct buf *out)
{
    AUTO(buf) struct buf whole = {0};
    AUTO(buf) struct buf other = {0};
    struct header_field outer;
    bool safe = true;

    buf_add_text(&whole, "HP-Outer: ");
    switch (protect_outer(p, f, &other)) {
    case OUTER_SAME:
        safe = safe_field_add(f, &whole);
        break;
    case OUTER_OTHER:
        buf_add_slice(&whole, f->name);
        buf_addf(&whole, ": %s\r\n", buf_text(&other));
        break;
    case OUTER_NONE:
        return true;
    }
    outer = (struct header_field){.whole = buf_slice(&whole)};
    return safe && safe_field_add(&outer, out); /* for it is longer now */
}

bool
protect_fields_add(const struct protect *p, const struct header *h,
                   struct buf *out)
{
    bool safe = true;

    for (size_t i = 0; i < h->count; i++)
        if (is_protected(&h->fields[i]))
            safe &= safe_field_add(&h->fields[i], out);
    for (size_t i = 0; p->encrypts && i < h->count; i++)
        if (is_protected(&h->fields[i]))
            safe &= add_outer(p, &h->fields[i], out);
    return safe;
}

/* ---- Content-Type ---------------------------------------------------------
 */

static bool
has_parameter(const struct header_field *f, const char *name)
{
    struct content_type type;

    return content_type_parse(f->value, &type) &&
           content_type_find(&type, name) != NULL;
}

void
protect_type_add(const struct protect *p, const struct header_field *f,
                 struct buf *out)
{
    static const char *const names[] = {"hp", "hp-legacy-display", NULL};

    if (f && !protect_is_on(p) && !has_parameter(f, names[0]) &&
        !has_parameter(f, names[1])) {
        buf_add_slice(out, f->whole);
        return;
    }
    buf_add_text(out, "Content-Type: ");
    if (f)
        parameters_copy(f->value, names, out);
    else
        buf_add_text(out, "text/plain");
    if (protect_is_on(p))
        buf_add_text(out, p->encrypts ? ";\r\n hp=\"cipher\""
                                      : ";\r\n hp=\"clear\"");
    buf_add_text(out, "\r\n");
}

void
protect_display_add(const struct protect *p, const struct header *h,
                    struct buf *out)
{
    static const char *const shown[] = {"Subject", "From", "To",
                                        "Cc",      "Date", NULL};

    for (size_t i = 0; p->legacy_display && hides(p) && shown[i]; i++) {
        const struct header_field *f = header_find(h, shown[i], 0);
        AUTO(buf) struct buf outer = {0};
        AUTO(buf) struct buf value = {0};
        AUTO(buf) struct buf text = {0};

        if (!f || protect_outer(p, f, &outer) == OUTER_SAME)
            continue;
        header_unfold(f->value, &value);
        buf_addf(out, "%s%s: ", out->len > 0 ? "\n" : "", shown[i]);
        encoded_word_decode(buf_slice(&value), &text);
        for (size_t n = 0; n < text.len; n++)
            if (text.data[n] >= ' ')
                buf_add_byte(out, text.data[n]);
    }
}
