#include "agent/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/secret.h"

#define LEAST_BUF_BYTES  64
#define EXIT_NO_MEMORY   71
#define USUAL_TEXT_BYTES 128 /* of what is printed at a time */

static _Noreturn void
die_without_memory(void)
{
    static const char text[] = "out of memory\n";

    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        _exit(EXIT_NO_MEMORY);
    _exit(EXIT_NO_MEMORY);
}

static uint8_t
ascii_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool
slice_is_nocase(struct slice a, const char *s)
{
    struct slice b = slice_text(s);

    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return true;
}

void *
mem_new(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);

    if (!p)
        die_without_memory();
    return p;
}

void *
mem_raw(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);

    if (!p)
        die_without_memory();
    return p;
}

void *
mem_resize(void *p, size_t bytes)
{
    void *resized = realloc(p, bytes ? bytes : 1);

    if (!resized)
        die_without_memory();
    return resized;
}

char *
mem_text(struct slice s)
{
    char *text;

    if (s.n == SIZE_MAX)
        die_without_memory();
    text = mem_new(s.n + 1);
    if (s.n > 0)
        memcpy(text, s.p, s.n);
    return text;
}

/* Moves B's bytes into a block of CAP bytes. Not realloc: that would leave
 * the old block unwiped. */
static void
buf_move(struct buf *b, size_t cap)
{
    uint8_t *grown = malloc(cap);

    if (!grown)
        die_without_memory();
    if (b->len > 0)
        memcpy(grown, b->data, b->len);
    wipe(b->data, b->touched);
    free(b->data);
    b->data = grown;
    b->cap = cap;
    b->touched = b->len;
}

static void
buf_touch(struct buf *b, size_t n)
{
    if (b->touched < n)
        b->touched = n;
}

void
buf_reserve(struct buf *b, size_t more)
{
    size_t cap = b->cap;

    if (b->len > b->cap)
        bug("a buffer is longer than its room");
    if (more <= b->cap - b->len) {
        buf_touch(b, b->len + more);
        return;
    }
    if (more > PTRDIFF_MAX - b->len)
        die_without_memory();
    if (cap < LEAST_BUF_BYTES)
        cap = LEAST_BUF_BYTES;
    while (cap < b->len + more)
        cap = cap > PTRDIFF_MAX / 2 ? PTRDIFF_MAX : cap * 2;
    buf_move(b, cap);
    buf_touch(b, b->len + more);
}

void
buf_add_text(struct buf *b, const char *s)
{
    buf_add_slice(b, slice_text(s));
}

void
buf_add_slice(struct buf *b, struct slice s)
{
    buf_add(b, s.p, s.n);
}

void
buf_addf(struct buf *b, const char *format, ...)
{
    va_list args;
    size_t room = USUAL_TEXT_BYTES;
    int n;

    for (;;) {
        buf_reserve(b, room);
        va_start(args, format);
        n = vsnprintf((char *)b->data + b->len, room, format, args);
        va_end(args);
        if (n < 0)
            bug("a format that cannot be printed");
        if ((size_t)n < room)
            break;
        room = (size_t)n + 1;
    }
    b->len += (size_t)n;
}

void
buf_clear(struct buf *b)
{
    wipe(b->data, b->touched);
    b->len = 0;
    b->touched = 0;
}

uint8_t *
buf_room(struct buf *b, size_t n)
{
    size_t touched = b->touched;

    buf_reserve(b, n);
    b->touched = touched > b->len ? touched : b->len;
    return b->data + b->len;
}

void
buf_written(struct buf *b, size_t n)
{
    if (n > b->cap - b->len)
        bug("more was written than there was room for");
    b->len += n;
    buf_touch(b, b->len);
}

void
buf_drop(struct buf *b)
{
    wipe(b->data, b->touched);
    free(b->data);
    *b = (struct buf){0};
}

const char *
buf_text(struct buf *b)
{
    buf_reserve(b, 1);
    b->data[b->len] = '\0';
    return (const char *)b->data;
}
