/*
 * Memory: owned buffers, borrowed slices, scope-bound cleanup.
 *
 * Memory that cannot be had ends the process (its parent restarts it), so
 * nothing here returns NULL. The only place that spells __attribute__.
 */
#ifndef AGENT_BASE_MEM_H
#define AGENT_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* AUTO(buf) struct buf b = {0};  calls buf_drop(&b) when the scope ends.
 * AUTO_PTR(thing) struct thing *t = NULL;  calls thing_drop(&t).
 * A type that is a pointer drops through a pointer to the pointer. */
#define AUTO(type) __attribute__((cleanup(type##_drop)))

/* Hands a pointer over: its value, leaving NULL behind. */
#define TAKE(p)                                                                \
    __extension__({                                                            \
        __auto_type taken_ = (p);                                              \
        (p) = NULL;                                                            \
        taken_;                                                                \
    })

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Borrowed bytes; p may be NULL when n is 0. */
struct slice {
    const uint8_t *p;
    size_t n;
};

static inline struct slice
slice_of(const void *p, size_t n)
{
    return (struct slice){.p = p, .n = n};
}

static inline struct slice
slice_text(const char *s)
{
    return (struct slice){.p = (const uint8_t *)s, .n = s ? strlen(s) : 0};
}

static inline bool
slice_equal(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* True when A is exactly the C string S. */
static inline bool
slice_is(struct slice a, const char *s)
{
    return slice_equal(a, slice_text(s));
}

/* ASCII case-insensitive comparison with a C string. */
bool slice_is_nocase(struct slice a, const char *s);

/* Allocation that cannot fail. */
void *mem_raw(size_t bytes); /* not zeroed: for large buffers */
void *mem_new(size_t bytes); /* zeroed */
void *mem_resize(void *p, size_t bytes);
char *mem_text(struct slice s); /* gives a terminated copy */

/* A growing buffer that owns its bytes. A zeroed struct is an empty one.
 * Dropping and growing wipe what was held: a buffer may carry plaintext. */
struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t touched; /* room that was ever handed out: what has to be wiped */
};

void buf_reserve(struct buf *b, size_t more);
void buf_add_text(struct buf *b, const char *s);
void buf_add_slice(struct buf *b, struct slice s);
void buf_addf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buf_clear(struct buf *b); /* wipes, keeps the room */
void buf_drop(struct buf *b);  /* wipes and frees */
/* Room for N bytes behind B's, borrowed; only what buf_written then tells of
 * is wiped one day. For reading into: a large room for a small packet. */
uint8_t *buf_room(struct buf *b, size_t n);
void buf_written(struct buf *b, size_t n);

static inline void
buf_add(struct buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    if (b->len > b->cap || n > b->cap - b->len)
        buf_reserve(b, n); /* and whatever is wrong is found there */
    memcpy(b->data + b->len, p, n);
    b->len += n;
    if (b->touched < b->len)
        b->touched = b->len;
}

static inline void
buf_add_byte(struct buf *b, uint8_t byte)
{
    if (b->len >= b->cap)
        buf_reserve(b, 1);
    b->data[b->len++] = byte;
    if (b->touched < b->len)
        b->touched = b->len;
}

static inline struct slice
buf_slice(const struct buf *b)
{
    return (struct slice){.p = b->data, .n = b->len};
}

/* Terminates the text in B (the NUL is not counted) and borrows it. */
const char *buf_text(struct buf *b);

#endif
