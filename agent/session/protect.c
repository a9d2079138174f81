#include "agent/session/protect.h"

#include <strings.h>

#include "agent/mime/address.h"
#include "agent/mime/safe_field.h"

bool
protect_is_on(const struct protect *p)
{
    return p->how != HEADER_PROTECTION_OFF;
}

static bool
hides(const struct protect *p)
{
    return p->encrypts && p->how == HEADER_PROTECTION_CIPHER;
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

/* hcp_baseline (RFC 9788 3.2.1). */
enum outer_field
protect_outer(const struct protect *p, const struct header_field *f)
{
    static const char *const removed[] = {"Keywords", "Comments", NULL};

    if (!hides(p))
        return OUTER_SAME;
    if (slice_is_nocase(f->name, "Subject"))
        return OUTER_HIDDEN;
    return is_one_of(f, removed) ? OUTER_NONE : OUTER_SAME;
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
add_outer(const struct header_field *f, struct buf *out)
{
    AUTO(buf) struct buf whole = {0};
    struct header_field outer;

    buf_add_text(&whole, "HP-Outer: ");
    if (!safe_field_add(f, &whole))
        return false;
    outer = (struct header_field){.whole = buf_slice(&whole)};
    return safe_field_add(&outer, out); /* for it is longer now */
}

bool
protect_fields_add(const struct protect *p, const struct header *h,
                   struct buf *out)
{
    bool safe = true;

    for (size_t i = 0; i < h->count; i++)
        if (is_protected(&h->fields[i]))
            safe &= safe_field_add(&h->fields[i], out);
    for (size_t i = 0; p->encrypts && i < h->count; i++) {
        const struct header_field *f = &h->fields[i];

        if (!is_protected(f))
            continue;
        switch (protect_outer(p, f)) {
        case OUTER_SAME:
            safe &= add_outer(f, out);
            break;
        case OUTER_HIDDEN:
            buf_add_text(out, "HP-Outer: " PROTECT_HIDDEN_SUBJECT "\r\n");
            break;
        case OUTER_NONE:
            break;
        }
    }
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
    const struct header_field *f = header_find(h, "Subject", 0);
    AUTO(buf) struct buf value = {0};

    if (!p->legacy_display || !hides(p) || !f)
        return;
    header_unfold(f->value, &value);
    buf_add_text(out, "Subject: ");
    encoded_word_decode(buf_slice(&value), out);
}
