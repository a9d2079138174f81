#include <stdlib.h>
#include <string.h>

#include "client/pkcs11/module.h"

void
bytes_drop(struct bytes *b)
{
    if (b->p)
        explicit_bzero(b->p, b->n);
    free(b->p);
    *b = (struct bytes){NULL, 0};
}

bool
bytes_add(struct bytes *b, const void *p, size_t n)
{
    uint8_t *room = malloc(b->n + n > 0 ? b->n + n : 1);

    if (!room)
        return false;
    if (b->n > 0)
        memcpy(room, b->p, b->n);
    if (n > 0)
        memcpy(room + b->n, p, n);
    n += b->n;
    bytes_drop(b);
    *b = (struct bytes){room, n};
    return true;
}

/* ---- hexadecimal --------------------------------------------------------- */

json_t *
hex_json(const void *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *at = p;
    char *text = malloc(2 * n + 1);
    json_t *out;

    if (!text)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        text[2 * i] = digits[at[i] >> 4];
        text[2 * i + 1] = digits[at[i] & 15];
    }
    out = json_stringn(text, 2 * n);
    explicit_bzero(text, 2 * n);
    free(text);
    return out;
}

static int
digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
hex_read(json_t *o, const char *member, size_t most, struct bytes *out)
{
    json_t *value = json_object_get(o, member);
    const char *text = json_string_value(value);
    size_t n = json_string_length(value);
    struct bytes b = {malloc(n / 2 + 1), n / 2};

    if (!text || n % 2 != 0 || n / 2 > most || !b.p) {
        free(b.p);
        return false;
    }
    for (size_t i = 0; i < b.n; i++) {
        int high = digit_value(text[2 * i]);
        int low = digit_value(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            bytes_drop(&b);
            return false;
        }
        b.p[i] = (uint8_t)(high << 4 | low);
    }
    bytes_drop(out);
    *out = b;
    return true;
}

/* ---- DER ----------------------------------------------------------------- */

struct der {
    const uint8_t *p;
    size_t n;
};

/* Takes an element with TAG off FROM; its content to *out. */
static bool
der_take(struct der *from, uint8_t tag, struct der *out)
{
    size_t head = 2, n;

    if (from->n < 2 || from->p[0] != tag)
        return false;
    n = from->p[1];
    if (n == 0x81) {
        if (from->n < 3 || from->p[2] < 0x80)
            return false;
        n = from->p[2];
        head = 3;
    } else if (n > 0x7f) {
        return false;
    }
    if (n > from->n - head)
        return false;
    *out = (struct der){from->p + head, n};
    from->p += head + n;
    from->n -= head + n;
    return true;
}

/* An INTEGER that is not negative, in HALF bytes. */
static bool
take_number(struct der *from, size_t half, uint8_t *out)
{
    struct der v;

    if (!der_take(from, 0x02, &v) || v.n == 0 || v.p[0] > 0x7f)
        return false;
    if (v.p[0] == 0 && v.n > 1) {
        v.p++;
        v.n--;
    }
    if (v.n > half)
        return false;
    memset(out, 0, half - v.n);
    memcpy(out + half - v.n, v.p, v.n);
    return true;
}

bool
ecdsa_flatten(const uint8_t *der, size_t n, size_t half, uint8_t *out)
{
    struct der all = {der, n}, inside;

    return der_take(&all, 0x30, &inside) && all.n == 0 &&
           take_number(&inside, half, out) &&
           take_number(&inside, half, out + half) && inside.n == 0;
}
