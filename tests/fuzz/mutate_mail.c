#include <openssl/evp.h>
#include <string.h>

#include "agent/base/mem.h"
#include "tests/fuzz/mutate.h"

#define MOST_LINES 4096

struct lines {
    struct slice line[MOST_LINES];
    size_t count;
};

static void
split(struct slice text, struct lines *out)
{
    out->count = 0;
    while (text.n > 0 && out->count < MOST_LINES) {
        const uint8_t *lf = memchr(text.p, '\n', text.n);
        size_t n = lf ? (size_t)(lf - text.p) + 1 : text.n;

        out->line[out->count++] = slice_of(text.p, n);
        text = slice_of(text.p + n, text.n - n);
    }
}

static void
join(const struct lines *l, size_t from, size_t to, struct buf *out)
{
    for (size_t i = from; i < to; i++)
        buf_add_slice(out, l->line[i]);
}

/* ---- DER inside base64 ----------------------------------------------------
 */

static bool
is_base64(struct slice line)
{
    size_t n = line.n;

    while (n > 0 && (line.p[n - 1] == '\n' || line.p[n - 1] == '\r'))
        n--;
    for (size_t i = 0; i < n; i++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                    "0123456789+/=",
                    line.p[i]) ||
            line.p[i] == '\0')
            return false;
    return n > 0;
}

/* The lines of a block of at least three; false: there is none at AT. */
static bool
find_block(const struct lines *l, size_t at, size_t *from, size_t *to)
{
    for (*from = at; *from < l->count; (*from)++) {
        for (*to = *from; *to < l->count && is_base64(l->line[*to]); (*to)++)
            continue;
        if (*to - *from > 2)
            return true;
    }
    return false;
}

static size_t
decode(const struct lines *l, size_t from, size_t to, struct buf *out)
{
    AUTO(buf) struct buf text = {0};
    size_t padding = 0;
    int n;

    for (size_t i = from; i < to; i++)
        for (size_t k = 0; k < l->line[i].n; k++)
            if (l->line[i].p[k] > ' ')
                buf_add_byte(&text, l->line[i].p[k]);
    while (padding < text.len && text.data[text.len - 1 - padding] == '=')
        padding++;
    buf_reserve(out, text.len + 4);
    n = EVP_DecodeBlock(out->data, text.data, (int)text.len);
    return n < 0 || (size_t)n < padding ? 0 : (size_t)n - padding;
}

static void
encode(struct slice der, bool crlf, struct buf *out)
{
    unsigned char line[72];

    for (size_t at = 0; at < der.n; at += 48) {
        size_t n = der.n - at < 48 ? der.n - at : 48;

        buf_add(out, line, (size_t)EVP_EncodeBlock(line, der.p + at, (int)n));
        buf_add_text(out, crlf ? "\r\n" : "\n");
    }
}

static bool
change_object(const struct lines *l, size_t most, struct dice *d,
              struct buf *out)
{
    AUTO(buf) struct buf der = {0};
    size_t from, to, n;

    if (l->count == 0 || (!find_block(l, dice_roll(d, l->count), &from, &to) &&
                          !find_block(l, 0, &from, &to)))
        return false;
    n = decode(l, from, to, &der);
    buf_reserve(&der, most);
    n = n > 0 ? mutate_der(der.data, n, most, d) : 0;
    if (n == 0)
        return false;
    join(l, 0, from, out);
    encode(slice_of(der.data, n),
           l->line[from].n > 1 && l->line[from].p[l->line[from].n - 2] == '\r',
           out);
    join(l, to, l->count, out);
    return true;
}

/* ---- lines ----------------------------------------------------------------
 */

static const char *const honest_lines[] = {
    "From: alice@example.org\n",
    "From: \"mallory@example.org\" <alice@example.org>\n",
    "From: mallory@example.org\n",
    "From: alice@example.org, mallory@example.org\n",
    "From: =?utf-8?q?mallory=40example=2Eorg?= <alice@example.org>\n",
    "Sender: alice@example.org\n",
    "Content-Type: text/plain\n",
    "Content-Type: multipart/mixed; boundary=b\n",
    "Content-Type: multipart/signed; micalg=sha-256;\n",
    "Content-Type: application/pkcs7-mime; smime-type=signed-data\n",
    "Content-Transfer-Encoding: base64\n",
    "Content-Transfer-Encoding: quoted-printable\n",
    "Content-Type: message/rfc822\n",
    " protocol=\"application/pkcs7-signature\"; boundary=\"b\"\n",
    "\n",
    "\r\n",
    "--b\n",
    "--b--\n",
    "more text\n",
};

static void
change_lines(struct lines *l, struct dice *d, struct buf *out)
{
    size_t at = dice_roll(d, l->count), other = dice_roll(d, l->count);
    size_t low = at < other ? at : other, high = at < other ? other : at;
    struct slice was = l->line[at];

    switch (dice_roll(d, 6)) {
    case 0: /* gone */
        l->line[at].n = 0;
        join(l, 0, l->count, out);
        break;
    case 1: /* some of them twice */
        join(l, 0, high, out);
        join(l, low, l->count, out);
        break;
    case 2: /* some of them gone */
        join(l, 0, low, out);
        join(l, high, l->count, out);
        break;
    case 3:
        l->line[at] = l->line[other];
        l->line[other] = was;
        join(l, 0, l->count, out);
        break;
    case 4: /* another before it */
        join(l, 0, at, out);
        buf_add_slice(out, l->line[other]);
        join(l, at, l->count, out);
        break;
    default:
        join(l, 0, at, out);
        buf_add_text(out,
                     honest_lines[dice_roll(d, ARRAY_COUNT(honest_lines))]);
        join(l, at, l->count, out);
        break;
    }
}

size_t
mutate_mail(uint8_t *data, size_t size, size_t most, struct dice *d)
{
    static struct lines l;
    AUTO(buf) struct buf in = {0};
    AUTO(buf) struct buf out = {0};
    size_t how = dice_roll(d, 8);

    buf_add(&in, data, size);
    split(buf_slice(&in), &l);
    if (l.count == 0 || how < 2)
        return LLVMFuzzerMutate(data, size, most);
    if (how > 4 || !change_object(&l, most, d, &out))
        change_lines(&l, d, &out);
    if (out.len == 0 || out.len > most)
        return LLVMFuzzerMutate(data, size, most);
    memcpy(data, out.data, out.len);
    return out.len;
}
