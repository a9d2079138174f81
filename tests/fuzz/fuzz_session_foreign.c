/*
 * Files of certificates that other programs wrote: what is found does not
 * depend on the pieces the file comes in nor on its line ends, and nothing is
 * found that was not there.
 */
#include "agent/session/foreign.h"

#include "tests/fuzz/drops.h"
#include "tests/fuzz/mutate.h"

MUTATES_MAIL

struct told {
    struct buf all; /* everything, in order */
    size_t bytes;
    size_t lines; /* of the file */
};

static enum err
on_found(void *context, const struct foreign_found *f, struct problem *p)
{
    struct told *t = context;

    (void)p;
    REQUIRE(f->bytes.n > 0 && f->line <= t->lines);
    REQUIRE(f->stated->n <= LIMIT_ENTRY_ADDRESSES);
    t->bytes += f->bytes.n;
    buf_addf(&t->all, "found %zu %zu ", f->line, f->stated->n);
    buf_add_slice(&t->all, f->bytes);
    for (size_t i = 0; i < f->stated->n; i++) {
        struct slice a = f->stated->item[i];

        REQUIRE(a.n > 0 && a.n <= LIMIT_ADDRESS_BYTES);
        REQUIRE(memchr(a.p, '\0', a.n) == NULL);
        buf_add_slice(&t->all, a);
    }
    return ERR_OK;
}

static enum err
on_bad(void *context, size_t line, const char *why, struct problem *p)
{
    struct told *t = context;

    (void)p;
    REQUIRE(why[0] != '\0' && line <= t->lines);
    buf_addf(&t->all, "bad %zu %s", line, why);
    return ERR_OK;
}

static struct told
read_in(struct slice file, size_t most)
{
    struct told t = {.lines = 1};
    const struct foreign_sink to = {on_found, on_bad, &t};
    struct drops d = drops_of(file, most);
    struct problem p = {0};
    enum err e;

    for (size_t i = 0; i < file.n; i++)
        t.lines += file.p[i] == '\n';
    e = foreign_read(&d.s, &to, &p);
    REQUIRE(e == ERR_OK || e == ERR_BAD_CERTIFICATE || e == ERR_LIMIT);
    REQUIRE(e == p.code);
    REQUIRE(t.bytes <= file.n);
    buf_addf(&t.all, "end %d", (int)e);
    return t;
}

static void
require_same(struct slice file, size_t most, const struct told *first)
{
    struct told t = read_in(file, most);

    REQUIRE(slice_equal(buf_slice(&t.all), buf_slice(&first->all)));
    buf_drop(&t.all);
}

/* Text with LF alone says the same with CRLF. */
static void
require_same_with_crlf(struct slice file, const struct told *first)
{
    AUTO(buf) struct buf crlf = {0};

    for (size_t i = 0; i < file.n; i++) {
        if (file.p[i] == '\n')
            buf_add_byte(&crlf, '\r');
        buf_add_byte(&crlf, file.p[i]);
    }
    require_same(buf_slice(&crlf), SIZE_MAX, first);
}

static bool
is_text(struct slice file)
{
    static const char *const begin[] = {"BEGIN:VCARD\n", "dn:", "version:"};

    for (size_t i = 0; i < ARRAY_COUNT(begin); i++)
        if (file.n > strlen(begin[i]) &&
            memcmp(file.p, begin[i], strlen(begin[i])) == 0)
            return !memchr(file.p, '\r', file.n);
    return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice file = slice_of(data, size);
    struct told first = read_in(file, SIZE_MAX);

    require_same(file, 1, &first);
    require_same(file, 100, &first);
    if (is_text(file))
        require_same_with_crlf(file, &first);
    buf_drop(&first.all);
    return 0;
}
