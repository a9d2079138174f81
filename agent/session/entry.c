#include <stdio.h>

#include "agent/session/foreign.h"

void
entry_drop(struct entry *e)
{
    buf_drop(&e->bytes);
    buf_drop(&e->texts);
    *e = (struct entry){.count = 0};
}

void
entry_add_address(struct entry *e, struct slice address)
{
    if (address.n == 0 || address.n > LIMIT_ADDRESS_BYTES ||
        e->text_count == LIMIT_ENTRY_ADDRESSES ||
        memchr(address.p, '\0', address.n))
        return;
    buf_add_slice(&e->texts, address);
    e->text_end[e->text_count++] = e->texts.len;
}

static enum err
too_much(const struct foreign_sink *to, size_t line, struct problem *p)
{
    char why[128];

    snprintf(why, sizeof(why),
             "more than %d certificates or %d KiB of them in one entry",
             LIMIT_ENTRY_CERTIFICATES, LIMIT_ENTRY_BYTES / 1024);
    return to->bad(to->context, line, why, p);
}

enum err
entry_add_bytes(struct entry *e, struct slice bytes, size_t line,
                const struct foreign_sink *to, struct problem *p)
{
    if (bytes.n == 0)
        return to->bad(to->context, line, "it is empty", p);
    if (e->count == LIMIT_ENTRY_CERTIFICATES ||
        bytes.n > LIMIT_ENTRY_BYTES - e->bytes.len)
        return too_much(to, line, p);
    buf_add_slice(&e->bytes, bytes);
    e->line[e->count] = line;
    e->end[e->count++] = e->bytes.len;
    return ERR_OK;
}

static int
digit_of(uint8_t c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

bool
entry_decode(struct slice text, struct buf *out)
{
    uint32_t bits = 0;
    size_t digits = 0, padding = 0;

    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        int value = digit_of(c);

        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        if (c == '=') {
            padding++;
            continue;
        }
        if (value < 0 || padding > 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        if (++digits % 4 == 0)
            for (int shift = 16; shift >= 0; shift -= 8)
                buf_add_byte(out, (uint8_t)(bits >> shift));
    }
    if (digits % 4 == 2)
        buf_add_byte(out, (uint8_t)(bits >> 4));
    if (digits % 4 == 3) {
        buf_add_byte(out, (uint8_t)(bits >> 10));
        buf_add_byte(out, (uint8_t)(bits >> 2));
    }
    return digits % 4 != 1 && padding < 3 && out->len > 0;
}

enum err
entry_add_base64(struct entry *e, struct slice text, size_t line,
                 const struct foreign_sink *to, struct problem *p)
{
    AUTO(buf) struct buf bytes = {0};

    buf_reserve(&bytes, text.n / 4 * 3 + 3);
    if (!entry_decode(text, &bytes))
        return to->bad(to->context, line, "it is no base64", p);
    return entry_add_bytes(e, buf_slice(&bytes), line, to, p);
}

enum err
entry_end(struct entry *e, const struct foreign_sink *to, struct problem *p)
{
    struct slice_list stated = {0};
    enum err result = ERR_OK;
    size_t start = 0;

    for (size_t i = 0; i < e->text_count; start = e->text_end[i], i++)
        stated.item[stated.n++] =
            slice_of(e->texts.data + start, e->text_end[i] - start);
    start = 0;
    for (size_t i = 0; result == ERR_OK && i < e->count;
         start = e->end[i], i++) {
        struct foreign_found f = {
            .bytes = slice_of(e->bytes.data + start, e->end[i] - start),
            .stated = &stated,
            .line = e->line[i]};

        result = to->found(to->context, &f, p);
    }
    buf_clear(&e->bytes);
    buf_clear(&e->texts);
    e->count = e->text_count = 0;
    return result;
}
