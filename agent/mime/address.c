#include "agent/mime/address.h"

#include "agent/base/limits.h"
#include "agent/mime/encoded_word.h"
#include "agent/mime/letters.h"

/*
 * One element of the list while it is read. The words that come first are a
 * display name, a local part or a group's name: it shows only later, so they
 * are kept in both forms.
 */
struct element {
    struct buf phrase;   /* words as a name */
    struct buf local;    /* the same without quotes, blanks and comments */
    struct buf comments; /* what stood in parentheses */
    bool gap;            /* blanks or comments before the next word */
    bool word;           /* the last thing was a word, not a dot */
    bool no_local;       /* cannot be a local part: two words, two dots */
    bool spaced;         /* blanks or comments around a dot */
};

struct parser {
    struct slice c;
    struct mailbox_list *list;
    struct element e;
    bool in_group;
    size_t room;
};

static void
parser_drop(struct parser *r)
{
    buf_drop(&r->e.phrase);
    buf_drop(&r->e.local);
    buf_drop(&r->e.comments);
}

static void
element_clear(struct element *e)
{
    buf_clear(&e->phrase);
    buf_clear(&e->local);
    buf_clear(&e->comments);
    e->gap = e->word = e->no_local = e->spaced = false;
}

static bool
next_is(const struct parser *r, uint8_t c)
{
    return r->c.n > 0 && r->c.p[0] == c;
}

static void
step(struct parser *r)
{
    r->c = slice_of(r->c.p + 1, r->c.n - 1);
}

static bool
is_atext(uint8_t c)
{
    return c > ' ' && c != 0x7f && !strchr("()<>[]:;@\\,.\"", c);
}

/* ---- blanks, comments, words
 * -------------------------------------------------- */

/* One comment (RFC 5322 3.2.2), nested ones counted; false when it does not
 * end or is too deep. */
static bool
take_comment(struct parser *r)
{
    size_t depth = 0;

    if (r->e.comments.len > 0)
        buf_add_byte(&r->e.comments, ' ');
    while (r->c.n > 0) {
        uint8_t c = r->c.p[0];

        step(r);
        if (c == ')' && --depth == 0)
            return true;
        if (c == '(' && ++depth > LIMIT_COMMENT_DEPTH)
            return false;
        if (c == '(' && depth == 1)
            continue;
        if (c == '\\') {
            if (r->c.n == 0)
                return false;
            c = r->c.p[0];
            step(r);
        }
        buf_add_byte(&r->e.comments, c == '\t' ? ' ' : c);
    }
    return false;
}

static bool
skip_blanks(struct parser *r)
{
    while (r->c.n > 0 && (is_blank(r->c.p[0]) || r->c.p[0] == '(')) {
        r->e.gap = true;
        if (r->c.p[0] != '(')
            step(r);
        else if (!take_comment(r))
            return false;
    }
    return true;
}

/* Notes that a word begins. */
static void
begin_word(struct element *e)
{
    if (e->word)
        e->no_local = true;
    if (e->gap && e->phrase.len > 0) {
        buf_add_byte(&e->phrase, ' ');
        e->spaced = true;
    }
    e->gap = false;
    e->word = true;
}

static void
add_to_word(struct element *e, uint8_t c)
{
    buf_add_byte(&e->local, c);
    buf_add_byte(&e->phrase, c == '\t' ? ' ' : c);
}

static void
take_atom(struct parser *r)
{
    begin_word(&r->e);
    while (r->c.n > 0 && is_atext(r->c.p[0])) {
        add_to_word(&r->e, r->c.p[0]);
        step(r);
    }
}

static bool
take_quoted(struct parser *r)
{
    step(r);
    r->e.gap = r->e.gap || r->e.word;
    begin_word(&r->e);
    while (r->c.n > 0 && r->c.p[0] != '"') {
        if (r->c.p[0] == '\\') {
            step(r);
            if (r->c.n == 0)
                return false;
        }
        add_to_word(&r->e, r->c.p[0]);
        step(r);
    }
    if (r->c.n == 0)
        return false;
    step(r);
    if (next_is(r, '"') || (r->c.n > 0 && is_atext(r->c.p[0])))
        r->e.gap = true;
    return true;
}

/* Allowed in an (obsolete) phrase anywhere, in a local part between words. */
static void
take_dot(struct parser *r)
{
    struct element *e = &r->e;

    step(r);
    if (!e->word)
        e->no_local = true;
    if (e->gap && e->phrase.len > 0) {
        buf_add_byte(&e->phrase, ' ');
        e->spaced = true;
    }
    e->gap = e->word = false;
    add_to_word(e, '.');
}

/* ---- addr-spec
 * ---------------------------------------------------------------- */

/* "[...]" (RFC 5322 3.4.1): no more than an address literal of SMTP can hold
 * (RFC 5321 4.1.3), since a comma or "@" in it would split lists. */
static bool
take_literal(struct parser *r, struct buf *out)
{
    size_t n = 0;

    buf_add_byte(out, '[');
    for (step(r); r->c.n > 0 && !next_is(r, ']'); step(r)) {
        uint8_t c = r->c.p[0];

        if (is_blank(c))
            continue;
        if (!is_alphanumeric(c) && !strchr(".:-", c))
            return false;
        buf_add_byte(out, c);
        n++;
    }
    if (r->c.n == 0 || n == 0)
        return false;
    buf_add_byte(out, ']');
    step(r);
    return true;
}

/* Blanks and comments where only the obsolete syntax has them. */
static bool
skip_obsolete_blanks(struct parser *r)
{
    size_t before = r->c.n;

    if (!skip_blanks(r))
        return false;
    r->list->obsolete |= r->c.n != before;
    return true;
}

/* atom *("." atom) with blanks and comments anywhere (4.4), or a literal. */
static bool
take_domain(struct parser *r, struct buf *out)
{
    if (!skip_obsolete_blanks(r))
        return false;
    if (next_is(r, '['))
        return take_literal(r, out) && skip_blanks(r);
    for (;;) {
        size_t left;

        if (r->c.n == 0 || !is_atext(r->c.p[0]))
            return false;
        for (; r->c.n > 0 && is_atext(r->c.p[0]); step(r))
            buf_add_byte(out, r->c.p[0]);
        left = r->c.n;
        if (!skip_blanks(r))
            return false;
        if (!next_is(r, '.'))
            return true;
        r->list->obsolete |= r->c.n != left;
        buf_add_byte(out, '.');
        step(r);
        if (!skip_obsolete_blanks(r))
            return false;
    }
}

/* At "@", the words before it being the local part: appends the address. */
static bool
take_at_domain(struct parser *r, struct buf *out)
{
    if (!r->e.word || r->e.no_local)
        return false;
    r->list->obsolete |= r->e.gap || r->e.spaced;
    local_part_write(buf_slice(&r->e.local), out);
    buf_add_byte(out, '@');
    step(r);
    return take_domain(r, out);
}

/* Encoded words have no place in an address (RFC 2047 5), but readers exist
 * that decode them there and show another one. */
static bool
is_address_text(struct slice address)
{
    if (address.n > LIMIT_MAILBOX_BYTES ||
        (address.n > 1 && memmem(address.p, address.n, "=?", 2)))
        return false;
    while (address.n > 0) {
        int32_t c = utf8_take(&address);

        if (c < 0 || is_deceptive_character(c) || is_hidden_character(c))
            return false;
    }
    return true;
}

/* ---- elements of the list
 * ------------------------------------------------------ */

static char *
element_name(struct element *e)
{
    AUTO(buf) struct buf raw = {0};
    AUTO(buf) struct buf name = {0};

    raw_text_add(&raw, buf_slice(&e->phrase));
    if (raw.len > 0 && e->comments.len > 0)
        buf_add_byte(&raw, ' ');
    raw_text_add(&raw, buf_slice(&e->comments));
    if (raw.len == 0)
        return NULL;
    encoded_word_decode(buf_slice(&raw), &name);
    /* An encoded NUL would hide what follows it. */
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] == '\0')
            name.data[i] = 0x01;
    return mem_text(buf_slice(&name));
}

static bool
add_mailbox(struct parser *r, struct slice address)
{
    struct mailbox_list *l = r->list;
    struct mailbox *m;

    if (l->count == LIMIT_MAILBOXES || !is_address_text(address))
        return false;
    if (l->count == r->room) {
        r->room = r->room ? r->room * 2 : 4;
        l->item = mem_resize(l->item, r->room * sizeof(l->item[0]));
    }
    m = &l->item[l->count++];
    *m = (struct mailbox){.name = element_name(&r->e),
                          .hidden_at =
                              bytes_hide_an_at(buf_slice(&r->e.phrase)) ||
                              bytes_hide_an_at(buf_slice(&r->e.comments))};
    memcpy(m->address, address.p, address.n);
    element_clear(&r->e);
    return true;
}

static bool
take_words(struct parser *r)
{
    for (;;) {
        if (!skip_blanks(r))
            return false;
        if (next_is(r, '"')) {
            if (!take_quoted(r))
                return false;
        } else if (next_is(r, '.'))
            take_dot(r);
        else if (r->c.n > 0 && is_atext(r->c.p[0]))
            take_atom(r);
        else
            return true;
    }
}

/* "@a,@b:" before the address (4.4): passed over. */
static bool
skip_route(struct parser *r)
{
    AUTO(buf) struct buf domain = {0};

    if (!skip_blanks(r))
        return false;
    if (!next_is(r, '@') && !next_is(r, ','))
        return true;
    r->list->obsolete = true;
    while (next_is(r, '@') || next_is(r, ',')) {
        bool at = next_is(r, '@');

        step(r);
        if (at ? !take_domain(r, &domain) : !skip_blanks(r))
            return false;
    }
    if (!next_is(r, ':'))
        return false;
    step(r);
    return true;
}

/* "<addr-spec>"; the words before it are the name. */
static bool
take_angle(struct parser *r)
{
    AUTO(buf) struct buf address = {0};
    AUTO(buf) struct buf name = r->e.phrase;

    r->e.phrase = (struct buf){0};
    buf_clear(&r->e.local);
    r->e.gap = r->e.word = r->e.no_local = r->e.spaced = false;
    step(r);
    if (!skip_route(r) || !take_words(r) || !next_is(r, '@') ||
        !take_at_domain(r, &address) || !next_is(r, '>'))
        return false;
    step(r);
    buf_drop(&r->e.phrase);
    r->e.phrase = name;
    name = (struct buf){0};
    return skip_blanks(r) && add_mailbox(r, buf_slice(&address));
}

/* "a@b", or "a@b <c@d>": no grammar has it, but mail does. Then the first is
 * the name, however it is spaced, and a deceiving one unless both are the
 * same. */
static bool
take_bare(struct parser *r)
{
    AUTO(buf) struct buf address = {0};
    bool obsolete = r->list->obsolete;

    if (!take_at_domain(r, &address))
        return false;
    if (next_is(r, '<')) {
        r->list->obsolete = obsolete;
        buf_clear(&r->e.phrase);
        buf_add_slice(&r->e.phrase, buf_slice(&address));
        return take_angle(r);
    }
    buf_clear(&r->e.phrase);
    return add_mailbox(r, buf_slice(&address));
}

/* The words of a group's name are done: nothing of them is kept. */
static bool
begin_group(struct parser *r)
{
    if (r->in_group || r->e.phrase.len == 0)
        return false;
    element_clear(&r->e);
    r->in_group = r->list->group = true;
    step(r);
    return true;
}

/* Takes one element and what ends it. False when nothing more can be read. */
static bool
take_element(struct parser *r)
{
    element_clear(&r->e);
    if (!take_words(r))
        return false;
    if (next_is(r, ':'))
        return begin_group(r);
    if (next_is(r, '<')) {
        if (!take_angle(r))
            return false;
    } else if (next_is(r, '@')) {
        if (!take_bare(r))
            return false;
    } else if (r->e.word || r->e.phrase.len > 0) {
        /* Words alone are no mailbox. */
        return false;
    } else {
        /* Nothing at all is allowed (4.4). */
        r->list->obsolete = true;
    }
    if (next_is(r, ';') && r->in_group) {
        r->in_group = false;
        step(r);
        if (!skip_blanks(r))
            return false;
    }
    if (r->c.n == 0)
        return !r->in_group;
    if (!next_is(r, ','))
        return false;
    step(r);
    r->list->obsolete |= r->c.n == 0;
    return true;
}

/* Folding is a line end before a blank; every other control is no text. */
static bool
has_control(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (is_control(s.p[i]) && s.p[i] != '\t')
            return true;
    return false;
}

void
mailbox_list_parse(struct slice value, struct mailbox_list *out)
{
    AUTO(buf) struct buf text = {0};
    AUTO(parser) struct parser r = {.list = out};
    bool good;

    *out = (struct mailbox_list){0};
    header_unfold(value, &text);
    good = !has_control(buf_slice(&text));
    r.c = buf_slice(&text);
    while (good && r.c.n > 0)
        good = take_element(&r);
    out->malformed = !good || r.in_group;
}

void
mailbox_list_drop(struct mailbox_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->item[i].name);
    free(l->item);
    *l = (struct mailbox_list){0};
}
