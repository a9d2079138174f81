#include "agent/session/protected.h"

#include <stdio.h>
#include <strings.h>

#include "agent/address/same.h"
#include "agent/mime/address.h"
#include "agent/mime/safe_field.h"
#include "agent/session/protect.h"
#include "agent/session/reading.h"
#include "agent/session/try.h"

static const char outer_name[] = "HP-Outer";

/* ---- values ---------------------------------------------------------------
 */

static void
value_text(struct slice value, struct buf *out)
{
    AUTO(buf) struct buf unfolded = {0};

    header_unfold(value, &unfolded);
    encoded_word_decode(buf_slice(&unfolded), out);
}

static void
value_essence(struct slice value, struct buf *out)
{
    AUTO(buf) struct buf text = {0};

    value_text(value, &text);
    for (size_t i = 0; i < text.len; i++)
        if (!strchr(" \t\r\n\"", text.data[i]))
            buf_add_byte(out, text.data[i]);
}

bool
field_says_same(struct slice a, struct slice b)
{
    AUTO(buf) struct buf left = {0};
    AUTO(buf) struct buf right = {0};

    value_essence(a, &left);
    value_essence(b, &right);
    return slice_equal(buf_slice(&left), buf_slice(&right));
}

bool
field_is_shown(const struct header_field *f)
{
    static const char *const names[] = {
        "From",         "Sender",     "Reply-To",
        "Followup-To",  "To",         "Cc",
        "Bcc",          "Subject",    "Date",
        "Message-ID",   "References", "In-Reply-To",
        "Keywords",     "Comments",   "Mail-Followup-To",
        "Mail-Reply-To"};

    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (slice_is_nocase(f->name, names[i]))
            return true;
    return false;
}

static bool
is_same_name(struct slice a, struct slice b)
{
    return a.n == b.n &&
           strncasecmp((const char *)a.p, (const char *)b.p, a.n) == 0;
}

static bool
has_field(const struct header *h, struct slice name)
{
    for (size_t i = 0; i < h->count; i++)
        if (is_same_name(h->fields[i].name, name))
            return true;
    return false;
}

static bool
has_same(const struct header *h, const struct header_field *f)
{
    for (size_t i = 0; i < h->count; i++)
        if (is_same_name(h->fields[i].name, f->name) &&
            field_says_same(h->fields[i].value, f->value))
            return true;
    return false;
}

/* "HP-Outer: name: value" (RFC 9788 2.2): does one say this? */
static bool
was_outside(const struct header *h, const struct header_field *f)
{
    const struct header_field *o;

    for (size_t n = 0; (o = header_find(h, outer_name, n)); n++) {
        AUTO(buf) struct buf text = {0};
        const uint8_t *colon;
        size_t name;

        header_unfold(o->value, &text);
        colon = text.len > 0 ? memchr(text.data, ':', text.len) : NULL;
        if (!colon)
            continue;
        name = (size_t)(colon - text.data);
        if (is_same_name(slice_of(text.data, name), f->name) &&
            field_says_same(slice_of(colon + 1, text.len - name - 1), f->value))
            return true;
    }
    return false;
}

/* ---- reading --------------------------------------------------------------
 */

static bool
is_protected(const struct header_field *f)
{
    return !field_is_structural(f) && !slice_is_nocase(f->name, outer_name);
}

static enum hp
hp_of(const struct header *h)
{
    struct content_type type;
    const struct header_field *f = header_find(h, "Content-Type", 0);
    const char *hp;

    if (!f || header_smime_kind(h, &type) != SMIME_NONE)
        return HP_NONE;
    hp = content_type_find(&type, "hp");
    if (!hp || header_find(h, "From", 0) == NULL)
        return HP_NONE;
    if (strcasecmp(hp, "clear") == 0)
        return HP_CLEAR;
    return strcasecmp(hp, "cipher") == 0 ? HP_CIPHER : HP_NONE;
}

char *
field_text(struct slice value)
{
    AUTO(buf) struct buf text = {0};

    value_text(value, &text);
    if (text.len > LIMIT_TEXT_BYTES)
        text.len = LIMIT_TEXT_BYTES;
    return mem_text(buf_slice(&text));
}

/* What is outside too was not confidential, whatever HP-Outer says. */
static void
add_field(struct reading *g, const struct header *h,
          const struct header_field *f)
{
    struct protected_header *p = &g->header;

    if (p->count == LIMIT_PROTECTED_FIELDS)
        return;
    p->field = mem_resize(p->field, (p->count + 1) * sizeof(*p->field));
    p->field[p->count++] = (struct protected_field){
        .name = mem_text(f->name),
        .value = field_text(f->value),
        .in_clear = p->hp == HP_CLEAR || was_outside(h, f) ||
                    has_same(&g->top.header, f)};
}

/* The Date outside is the one that most readers show. Around an encryption it
 * may be obscured (RFC 9788 3.2). */
static void
take_date(const struct reading *g, const struct where *w, struct author *inner)
{
    const struct author *outer = &g->author;
    bool has = inner->date != 0 || inner->date_unclear;

    if (outer->date == 0 && !outer->date_unclear)
        return;
    if (has && w->encryption >= 0)
        return;
    inner->protected_date = inner->date;
    inner->date = outer->date;
    inner->date_unclear = outer->date_unclear;
}

/* Without an author outside none is seen by the reader either: then nobody
 * can be compared with him. */
static void
take_author(struct reading *g, const struct header *h, const struct where *w)
{
    struct author inner = {.sender = ""};

    if (g->author.from.count == 0)
        return;
    author_read(h, &inner);
    inner.header_flags |= g->author.header_flags;
    if (!inner.message_id[0])
        memcpy(inner.message_id, g->author.message_id,
               sizeof(inner.message_id));
    take_date(g, w, &inner);
    author_drop(&g->author);
    g->author = inner;
}

void
protected_read(struct reading *g, const struct entity *e, const struct where *w)
{
    struct protected_header *p = &g->header;

    if (!e->is_entity || p->hp != HP_NONE || w->place != PLACE_SPINE ||
        (w->signature < 0 && w->encryption < 0))
        return;
    p->hp = hp_of(&e->header);
    if (p->hp == HP_NONE)
        return;
    p->signature = w->signature;
    p->encryption = w->encryption;
    for (size_t i = 0; i < e->header.count; i++)
        if (is_protected(&e->header.fields[i]))
            add_field(g, &e->header, &e->header.fields[i]);
    if (w->signature >= 0)
        take_author(g, &e->header, w);
}

void
protected_header_drop(struct protected_header *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->field[i].name);
        free(p->field[i].value);
    }
    free(p->field);
    *p = (struct protected_header){.hp = HP_NONE};
}

/* ---- writing --------------------------------------------------------------
 */

static enum err
put_field(struct sink *to, const char *mark, const struct header_field *f,
          struct problem *p)
{
    TRY(sink_write(to, mark, strlen(mark), p));
    TRY(sink_write(to, f->whole.p, f->whole.n, p));
    if (f->whole.n > 0 && f->whole.p[f->whole.n - 1] == '\n')
        return ERR_OK;
    return sink_write(to, "\n", 1, p);
}

static bool
is_from(const struct header_field *f)
{
    return slice_is_nocase(f->name, "From");
}

/* Is the author outside somebody else (RFC 9788 4.4)? Then the one inside is
 * not shown as the author: whether a signature vouches for him is known only
 * when all of the message is read. */
static bool
is_other_author(const struct header *outer, const struct header *inner)
{
    const struct header_field *a = header_find(outer, "From", 0);
    const struct header_field *b = header_find(inner, "From", 0);
    struct mailbox_list left, right;
    bool same;

    if (!a || !b)
        return false;
    mailbox_list_parse(a->value, &left);
    mailbox_list_parse(b->value, &right);
    same = left.count == right.count;
    for (size_t i = 0; same && i < left.count; i++)
        same = address_equal(slice_text(left.item[i].address),
                             slice_text(right.item[i].address));
    mailbox_list_drop(&left);
    mailbox_list_drop(&right);
    return !same;
}

static enum err
put_outer(const struct header *inner, const struct header_field *f,
          struct sink *to, struct problem *p)
{
    if (header_is_mime(f) || slice_is_nocase(f->name, outer_name) ||
        has_same(inner, f) || was_outside(inner, f))
        return ERR_OK;
    if (has_field(inner, f->name) && slice_is_nocase(f->name, "MIME-Version"))
        return ERR_OK;
    return put_field(
        to,
        field_is_shown(f) || has_field(inner, f->name) ? "X-Unprotected-" : "",
        f, p);
}

/* hp= speaks of what is protected, which this is no longer. */
static enum err
put_type(const struct header_field *f, struct sink *to, struct problem *p)
{
    AUTO(buf) struct buf text = {0};
    struct protect nothing = {.how = HEADER_PROTECTION_OFF};

    protect_type_add(&nothing, f, &text);
    if (text.len > 0 && text.data[text.len - 1] != '\n')
        buf_add_text(&text, "\n");
    return sink_write(to, text.data, text.len, p);
}

enum err
protected_put(const struct reading *g, const struct entity *e, struct sink *to,
              struct problem *p)
{
    const struct header *outer = &g->top.header, *inner = &e->header;
    bool other = is_other_author(outer, inner);

    for (size_t i = 0; i < outer->count; i++)
        if (other && is_from(&outer->fields[i]))
            TRY(put_field(to, "", &outer->fields[i], p));
        else
            TRY(put_outer(inner, &outer->fields[i], to, p));
    for (size_t i = 0; i < inner->count; i++) {
        const struct header_field *f = &inner->fields[i];

        if (slice_is_nocase(f->name, outer_name))
            continue;
        if (slice_is_nocase(f->name, "Content-Type"))
            TRY(put_type(f, to, p));
        else
            TRY(put_field(to, other && is_from(f) ? "X-Protected-" : "", f, p));
    }
    return ERR_OK;
}
