/*
 * Comparing addresses, and names that pretend to be one.
 */
#include "agent/mime/address.h"
#include "agent/mime/encoded_word.h"
#include "agent/mime/letters.h"
#include "agent/mime/points.h"

bool
address_is_plausible(struct slice a)
{
    const uint8_t *at = a.n ? memchr(a.p, '@', a.n) : NULL;
    struct slice rest = a;
    size_t local;

    if (!at || a.n > LIMIT_MAILBOX_BYTES)
        return false;
    local = (size_t)(at - a.p);
    if (local == 0 || local + 1 == a.n ||
        memchr(at + 1, '@', a.n - local - 1) || a.p[0] == '.' ||
        at[-1] == '.' || at[1] == '.' || a.p[a.n - 1] == '.')
        return false;
    while (rest.n > 0) {
        int32_t c = utf8_take(&rest);

        if (c <= ' ' || is_deceptive_character(c) ||
            (c < 0x80 && strchr("<>(),;", c)))
            return false;
    }
    return true;
}

/* ---- names
 * ------------------------------------------------------------------- */

static void
points_read(struct slice text, struct points *out)
{
    out->item = mem_new((text.n + 1) * sizeof(out->item[0]));
    while (text.n > 0)
        out->item[out->count++] = utf8_take(&text);
}

/* Is T[from, to), with its commercial at, the mailbox itself? */
static bool
is_own_address(const struct points *t, size_t from, size_t to,
               const struct mailbox *m)
{
    AUTO(buf) struct buf address = {0};

    while (to > from && t->item[to - 1] == '.')
        to--;
    if (to - from > LIMIT_MAILBOX_BYTES)
        return false;
    for (size_t i = from; i < to; i++) {
        int32_t c = t->item[i];

        if (c < 0)
            return false;
        utf8_add(&address, is_commercial_at(c) ? '@' : (uint32_t)c);
    }
    return address_equal(buf_slice(&address), slice_text(m->address));
}

static bool
has_inner_dot(const struct points *t, size_t from, size_t to)
{
    for (size_t i = from + 1; i + 1 < to; i++)
        if (is_dot(t->item[i]))
            return true;
    return false;
}

/* "[192.0.2.1" or "[IPv6:", which a bracket of other words is not. */
static bool
begins_literal(const struct points *t, size_t at)
{
    static const char tag[] = "ipv6:";
    size_t n = 0;

    if (t->item[at] != '[' || at + 1 == t->count)
        return false;
    while (tag[n] != '\0' && at + 1 + n < t->count && t->item[at + 1 + n] > 0 &&
           t->item[at + 1 + n] < 0x80 &&
           to_lower((uint8_t)t->item[at + 1 + n]) == tag[n])
        n++;
    return tag[n] == '\0' || (t->item[at + 1] >= '0' && t->item[at + 1] <= '9');
}

static bool
ends_word(const struct points *t, size_t at)
{
    return at == t->count || is_delimiter(t->item[at]);
}

/* Does the word that begins at NEXT go on with T[from, to), to a person who
 * reads an address: "e x . o r g", "x .org", "x . org", "x. org"? */
static bool
goes_on(const struct points *t, size_t from, size_t to, size_t next)
{
    bool lower = t->item[next] >= 'a' && t->item[next] <= 'z';

    if (is_dot(t->item[next]))
        return true;
    if (to - from == 1 && (is_dot(t->item[from]) || ends_word(t, next + 1)))
        return true;
    return lower && is_dot(t->item[to - 1]);
}

/* The words from T[at] on that a person reads as one, without blanks. */
static void
join_words(const struct points *t, size_t at, struct points *out)
{
    out->item = mem_new((t->count + 1) * sizeof(out->item[0]));
    for (size_t from = at, to = at;;) {
        while (!ends_word(t, to))
            out->item[out->count++] = t->item[to++];
        at = to;
        while (at < t->count && is_space(t->item[at]))
            at++;
        if (ends_word(t, at) || !goes_on(t, from, to, at))
            return;
        from = to = at;
    }
}

/* T[from, to) @ T[right...: "x @ y.z", however it is spaced. Only an address
 * has that dot. */
static bool
is_spaced_address(const struct points *t, size_t from, size_t to, size_t right,
                  const struct mailbox *m)
{
    AUTO(points) struct points domain = {0};
    AUTO(points) struct points whole = {0};

    join_words(t, right, &domain);
    if (!has_inner_dot(&domain, 0, domain.count))
        return false;
    whole.item =
        mem_new((to - from + 1 + domain.count) * sizeof(whole.item[0]));
    while (from < to)
        whole.item[whole.count++] = t->item[from++];
    whole.item[whole.count++] = '@';
    for (size_t i = 0; i < domain.count; i++)
        whole.item[whole.count++] = domain.item[i];
    return !is_own_address(&whole, 0, whole.count, m);
}

/* Where the local part begins that ends before T[end]: a word, also one in
 * quotes or with one of CLOSERS behind it ("\"x y\"@z", "x)@z"); END when
 * there is none. */
static size_t
local_part_begin(const struct points *t, size_t end, const char *closers)
{
    size_t from = end;

    while (from > 0 && t->item[from - 1] > 0 && t->item[from - 1] < 0x80 &&
           strchr(closers, t->item[from - 1]))
        from--;
    if (from == 0 || is_delimiter(t->item[from - 1]))
        return end;
    if (from < end && t->item[end - 1] == '"')
        for (size_t i = end - 1; i > 0; i--)
            if (t->item[i - 1] == '"')
                return i - 1;
    while (from > 0 && !is_delimiter(t->item[from - 1]))
        from--;
    return from;
}

/* Looks at the commercial at in T[at]; x@y, and x @ y.z, look like an
 * address to a person, x@(y.z) and x@'y.z' too. */
static bool
is_other_address(const struct points *t, size_t at, const struct mailbox *m)
{
    size_t left = at, behind = at + 1, right, from, to;

    while (behind < t->count && is_combining(t->item[behind]))
        behind++;
    right = behind;
    while (left > 0 && is_space(t->item[left - 1]))
        left--;
    while (right < t->count && is_space(t->item[right]))
        right++;
    /* "Max (Sales) @ Example" is no more than a name. */
    from = local_part_begin(t, left, left == at ? "\"')]>" : "\"");
    if (from < left && right < t->count && begins_literal(t, right))
        return true; /* no mailbox that a certificate can name */
    while (right < t->count && is_delimiter(t->item[right]))
        right++;
    for (to = right; to < t->count && !is_delimiter(t->item[to]);)
        to++;
    if (from == left || to == right)
        return false;
    if (left < at || right > behind)
        return is_spaced_address(t, from, left, right, m);
    return !is_own_address(t, from, to, m);
}

static bool
has_other_address(const struct points *t, const struct mailbox *m)
{
    for (size_t i = 0; i < t->count; i++)
        if (is_commercial_at(t->item[i]) && is_other_address(t, i, m))
            return true;
    return false;
}

/* As it is shown. */
static void
drop_hidden(struct points *t)
{
    size_t n = 0;

    for (size_t i = 0; i < t->count; i++)
        if (!is_hidden_character(t->item[i]))
            t->item[n++] = t->item[i];
    t->count = n;
}

static bool
is_mark_of_direction(int32_t c)
{
    return c == 0x61c || c == 0x200e || c == 0x200f;
}

/* Hebrew, Arabic and what is written like them. */
static bool
is_right_to_left(int32_t c)
{
    return (c >= 0x590 && c <= 0x8ff) || (c >= 0xfb1d && c <= 0xfdff) ||
           (c >= 0xfe70 && c <= 0xfefc);
}

/* Keyboards and mail programs put marks into names that are written from right
 * to left. Where all of the name is, there is nothing that they could move
 * into the place of something else. */
static bool
marks_are_honest(const struct points *t)
{
    bool found = false;

    for (size_t i = 0; i < t->count; i++) {
        int32_t c = t->item[i];

        if (!is_right_to_left(c) && !is_mark_of_direction(c) && c != ' ' &&
            c != '-' && c != '\'' && c != '"')
            return false;
        found |= is_right_to_left(c) && !is_mark_of_direction(c);
    }
    return found;
}

static bool
text_deceives(struct slice text, const struct mailbox *m)
{
    AUTO(points) struct points t = {0};
    bool honest;

    points_read(text, &t);
    honest = marks_are_honest(&t);
    for (size_t i = 0; i < t.count; i++)
        if (t.item[i] < 0 || (is_deceptive_character(t.item[i]) &&
                              !(honest && is_mark_of_direction(t.item[i]))))
            return true;
    if (has_other_address(&t, m))
        return true;
    drop_hidden(&t);
    points_resolve(&t, m->address);
    return has_other_address(&t, m);
}

static size_t
take_named_reference(struct slice text, uint32_t *out)
{
    static const struct {
        const char *name;
        uint32_t point;
    } known[] = {{"&commat;", '@'},
                 {"&period;", '.'},
                 {"&nbsp;", 0xa0},
                 {"%40", '@'}}; /* in an URL */

    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        size_t n = strlen(known[i].name);

        if (text.n >= n &&
            slice_is_nocase(slice_of(text.p, n), known[i].name)) {
            *out = known[i].point;
            return n;
        }
    }
    return 0;
}

/* The length of a character reference at TEXT ("&#64;", "&#x40", "&commat;"),
 * or 0; what it stands for in *out. HTML takes zeros in front, and needs no
 * semicolon behind digits. */
static size_t
take_reference(struct slice text, uint32_t *out)
{
    bool hex = text.n > 2 && to_lower(text.p[2]) == 'x';
    size_t begin = hex ? 3 : 2, n = begin, named;

    if ((named = take_named_reference(text, out)) > 0)
        return named;
    if (text.n < 3 || text.p[0] != '&' || text.p[1] != '#')
        return 0;
    for (*out = 0; n < text.n; n++) {
        int digit = hex                   ? hex_value(text.p[n])
                    : is_digit(text.p[n]) ? text.p[n] - '0'
                                          : -1;

        if (digit < 0)
            break;
        if (*out <= 0x10ffff)
            *out = *out * (hex ? 16 : 10) + (uint32_t)digit;
    }
    if (n == begin)
        return 0;
    return n < text.n && text.p[n] == ';' ? n + 1 : n;
}

/* The length of a tag or a comment of HTML at TEXT, or 0. */
static size_t
take_tag(struct slice text)
{
    const uint8_t *end;

    if (text.n < 3 || text.p[0] != '<' ||
        !(is_alphanumeric(text.p[1]) || text.p[1] == '/' || text.p[1] == '!'))
        return 0;
    end = memchr(text.p, '>', text.n);
    return end ? (size_t)(end - text.p) + 1 : 0;
}

/* Some readers show names as HTML. */
static void
add_as_html(struct slice text, struct buf *out)
{
    while (text.n > 0) {
        uint32_t c;
        size_t n = take_reference(text, &c), tag = take_tag(text);

        if (tag > 0)
            n = tag;
        else if (n > 0)
            utf8_add(out, c <= 0x10ffff ? c : 0xfffd);
        else
            buf_add_byte(out, text.p[n++]);
        text = slice_of(text.p + n, text.n - n);
    }
}

/* A local part that looks like an address: with a commercial at of its own
 * that needs no quotes, unlike an ASCII one, and with that and a dot. */
static bool
address_deceives(struct slice address)
{
    const uint8_t *end = memrchr(address.p, '@', address.n);
    const uint8_t *at = memchr(address.p, '@', address.n);

    if (at && at < end && memchr(at, '.', (size_t)(end - at)))
        return true;
    while (address.n > 0) {
        int32_t c = utf8_take(&address);

        if (c != '@' && is_commercial_at(c))
            return true;
    }
    return false;
}

bool
mailbox_is_deceiving(const struct mailbox *m)
{
    AUTO(buf) struct buf decoded = {0};
    AUTO(buf) struct buf reduced = {0};
    AUTO(buf) struct buf plain = {0};

    if (address_deceives(slice_text(m->address)))
        return true;
    if (!m->name)
        return false;
    if (m->hidden_at || strlen(m->name) > LIMIT_NAME_SHOWN_BYTES ||
        encoded_words_are_overlong(slice_text(m->name)))
        return true;
    /* Readers differ in what they decode, in quoted strings for one. */
    encoded_word_decode(slice_text(m->name), &decoded);
    if (!foreign_words_reduce(buf_slice(&decoded), &reduced))
        return true;
    add_as_html(buf_slice(&reduced), &plain);
    return text_deceives(slice_text(m->name), m) ||
           text_deceives(buf_slice(&decoded), m) ||
           text_deceives(buf_slice(&plain), m);
}
