#include <limits.h>

#include "agent/importer/internal.h"

/* Bytes of the sequence that starts with LEAD; 0: none does. */
static size_t
sequence_bytes(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead < 0xe0)
        return 2;
    if (lead >= 0xe0 && lead < 0xf0)
        return 3;
    return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

/* RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. */
static bool
second_fits(uint8_t lead, uint8_t second)
{
    switch (lead) {
    case 0xe0:
        return second >= 0xa0;
    case 0xed:
        return second < 0xa0;
    case 0xf0:
        return second >= 0x90;
    case 0xf4:
        return second < 0x90;
    default:
        return true;
    }
}

bool
utf8_is_valid(struct slice s)
{
    size_t i = 0;

    while (i < s.n) {
        size_t n = sequence_bytes(s.p[i]);

        if (n == 0 || n > s.n - i)
            return false;
        if (n > 1 && !second_fits(s.p[i], s.p[i + 1]))
            return false;
        for (size_t k = 1; k < n; k++)
            if ((s.p[i + k] & 0xc0) != 0x80)
                return false;
        i += n;
    }
    return true;
}

static bool
is_ascii(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= 0x80)
            return false;
    return true;
}

/* Gives NULL when the result would be over the limit of a secret. */
static struct secret *
latin1_to_utf8(struct slice s)
{
    struct secret *out;
    uint8_t *p;
    size_t n = s.n;

    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] >= 0x80;
    if (n > LIMIT_SECRET_BYTES)
        return NULL;
    out = secret_new();
    p = secret_room(out, n);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x80) {
            *p++ = s.p[i];
            continue;
        }
        *p++ = (uint8_t)(0xc0 | s.p[i] >> 6);
        *p++ = (uint8_t)(0x80 | (s.p[i] & 0x3f));
    }
    return out;
}

/* Gives NULL when S holds a character that Latin-1 lacks. */
static struct secret *
utf8_to_latin1(struct slice s)
{
    AUTO(secret) struct secret *out = secret_new();
    uint8_t *p = secret_room(out, s.n);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x80) {
            p[n++] = s.p[i];
            continue;
        }
        if (s.p[i] > 0xc3)
            return NULL;
        p[n++] = (uint8_t)(s.p[i] << 6 | (s.p[i + 1] & 0x3f));
        i++;
    }
    (void)secret_room(out, n);
    return TAKE(out);
}

static void
add_form(struct passwords *w, struct slice s)
{
    w->form[w->count].p = (const char *)s.p;
    w->form[w->count].n = (int)s.n;
    w->count++;
}

void
passwords_init(struct passwords *w, const struct secret *given)
{
    struct slice s = given ? secret_slice(given) : slice_of(NULL, 0);

    memset(w, 0, sizeof(*w));
    if (s.n == 0) {
        add_form(w, slice_text(""));
        add_form(w, slice_of(NULL, 0));
        return;
    }
    add_form(w, s);
    if (is_ascii(s))
        return;
    w->other = utf8_is_valid(s) ? utf8_to_latin1(s) : latin1_to_utf8(s);
    if (w->other)
        add_form(w, secret_slice(w->other));
}

void
passwords_drop(struct passwords *w)
{
    secret_drop(&w->other);
    w->count = 0;
}
