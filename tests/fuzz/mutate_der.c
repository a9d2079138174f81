#include <string.h>

#include "agent/base/mem.h"
#include "tests/fuzz/mutate.h"

#define MOST_NODES 4096
#define MOST_DEPTH 40
#define NONE       (-1)

/* An element; a leaf has no children and borrows its content. */
struct node {
    uint8_t tag;
    bool is_tree;
    bool has_prefix; /* a BIT STRING around DER: its octet of unused bits */
    struct slice content;
    int child, next;
    uint8_t form; /* 0: DER; 1: indefinite; 2: a longer length */
};

struct tree {
    struct node node[MOST_NODES];
    int count;
};

struct dice
dice_new(unsigned seed)
{
    return (struct dice){.state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
}

size_t
dice_roll(struct dice *d, size_t sides)
{
    d->state ^= d->state << 13;
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return (size_t)(d->state >> 11) % sides;
}

/* ---- reading --------------------------------------------------------------
 */

static int parse_all(struct tree *t, struct slice in, int depth);

static bool
take(struct slice *in, uint8_t *tag, struct slice *content)
{
    size_t n, at = 2;

    if (in->n < 2 || (in->p[0] & 0x1f) == 0x1f)
        return false;
    *tag = in->p[0];
    n = in->p[1];
    if (n >= 0x80) {
        size_t octets = n & 0x7f;

        if (octets == 0 || octets > 3 || octets > in->n - 2)
            return false;
        for (n = 0; octets > 0; octets--)
            n = n << 8 | in->p[at++];
    }
    if (n > in->n - at)
        return false;
    *content = slice_of(in->p + at, n);
    *in = slice_of(in->p + at + n, in->n - at - n);
    return true;
}

/* What stands inside: OCTET STRINGs and BIT STRINGs often hold DER. */
static void
look_inside(struct tree *t, int at, int depth)
{
    struct node *n = &t->node[at];
    struct slice inside = n->content;
    int count = t->count, child;

    if (n->tag == 0x03 && inside.n > 1) {
        inside.p++;
        inside.n--;
    }
    if (!(n->tag & 0x20) &&
        ((n->tag != 0x04 && n->tag != 0x03) || inside.n < 4))
        return;
    child = parse_all(t, inside, depth + 1);
    if (child == NONE && inside.n > 0) {
        t->count = count;
        return;
    }
    n->is_tree = true;
    n->has_prefix = n->tag == 0x03;
    n->child = child;
}

/* The first of the elements that fill IN; NONE: they do not. */
static int
parse_all(struct tree *t, struct slice in, int depth)
{
    int first = NONE, last = NONE;

    while (in.n > 0) {
        int at = t->count;
        struct node *n = &t->node[at];

        if (t->count == MOST_NODES || depth > MOST_DEPTH)
            return NONE;
        *n = (struct node){.child = NONE, .next = NONE};
        if (!take(&in, &n->tag, &n->content))
            return NONE;
        t->count++;
        look_inside(t, at, depth);
        if (last == NONE)
            first = at;
        else
            t->node[last].next = at;
        last = at;
    }
    return first;
}

/* ---- writing --------------------------------------------------------------
 */

static void
put_length(struct buf *out, size_t n, uint8_t form)
{
    if (form == 2) {
        buf_add_byte(out, 0x83);
        buf_add_byte(out, (uint8_t)(n >> 16));
        buf_add_byte(out, (uint8_t)(n >> 8));
    } else if (n >= 0x10000) {
        buf_add_byte(out, 0x83);
        buf_add_byte(out, (uint8_t)(n >> 16));
        buf_add_byte(out, (uint8_t)(n >> 8));
    } else if (n >= 0x100) {
        buf_add_byte(out, 0x82);
        buf_add_byte(out, (uint8_t)(n >> 8));
    } else if (n >= 0x80) {
        buf_add_byte(out, 0x81);
    }
    buf_add_byte(out, (uint8_t)n);
}

/* A tree that a mutation has made circular or huge ends with BUDGET. */
static void
put(const struct tree *t, int at, struct buf *out, int *budget)
{
    AUTO(buf) struct buf inside = {0};

    for (; at != NONE && --*budget > 0; at = t->node[at].next) {
        const struct node *n = &t->node[at];

        buf_clear(&inside);
        if (n->has_prefix)
            buf_add_byte(&inside, 0);
        if (n->is_tree)
            put(t, n->child, &inside, budget);
        else
            buf_add_slice(&inside, n->content);
        buf_add_byte(out, n->tag);
        if (n->form == 1 && n->is_tree && (n->tag & 0x20)) {
            buf_add_byte(out, 0x80);
            buf_add_slice(out, buf_slice(&inside));
            buf_add(out, "\0\0", 2);
            continue;
        }
        put_length(out, inside.len, n->form);
        buf_add_slice(out, buf_slice(&inside));
    }
}

/* ---- changing -------------------------------------------------------------
 */

static int *
link_to(struct tree *t, int wanted)
{
    for (int i = 0; i < t->count; i++) {
        if (t->node[i].child == wanted)
            return &t->node[i].child;
        if (t->node[i].next == wanted)
            return &t->node[i].next;
    }
    return NULL;
}

/* A copy of FROM's element behind AT; its children are shared. */
static void
copy_behind(struct tree *t, int at, int from)
{
    int copy = t->count;

    if (copy == MOST_NODES)
        return;
    t->count++;
    t->node[copy] = t->node[from];
    t->node[copy].next = t->node[at].next;
    t->node[at].next = copy;
}

static void
swap_with_next(struct tree *t, int at)
{
    struct node *a = &t->node[at];
    struct node *b = a->next == NONE ? NULL : &t->node[a->next];
    struct node was = *a;

    if (!b)
        return;
    *a = *b;
    a->next = was.next;
    was.next = b->next;
    *b = was;
}

/* The content of a leaf, changed by libFuzzer. */
static void
change_leaf(struct node *n, struct buf *store, struct dice *d)
{
    size_t room = n->content.n + 1 + dice_roll(d, 64);

    buf_reserve(store, room);
    if (n->content.n > 0)
        memcpy(store->data, n->content.p, n->content.n);
    store->len = LLVMFuzzerMutate(store->data, n->content.n, room);
    n->content = buf_slice(store);
    n->is_tree = false;
}

static void
change(struct tree *t, struct buf *store, struct dice *d)
{
    static const uint8_t tags[] = {0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x16,
                                   0x17, 0x18, 0x24, 0x30, 0x31, 0x80, 0x81,
                                   0x82, 0xa0, 0xa1, 0xa2, 0xa3};
    int at = (int)dice_roll(d, (size_t)t->count);
    int other = (int)dice_roll(d, (size_t)t->count);
    struct node *n = &t->node[at];
    int next = n->next, *link;

    switch (dice_roll(d, 12)) {
    case 0: /* gone */
        if ((link = link_to(t, at)))
            *link = next;
        break;
    case 1: /* twice */
        copy_behind(t, at, at);
        break;
    case 2: /* another in its place */
        *n = t->node[other];
        n->next = next;
        break;
    case 3: /* another behind it */
        copy_behind(t, at, other);
        break;
    case 4:
        swap_with_next(t, at);
        break;
    case 5: /* empty */
        n->is_tree = n->has_prefix = false;
        n->content.n = 0;
        break;
    case 6:
        n->tag = tags[dice_roll(d, sizeof(tags))];
        break;
    case 7:
        n->form = (uint8_t)dice_roll(d, 3);
        break;
    default:
        if (!n->is_tree)
            change_leaf(n, store, d);
        break;
    }
}

size_t
mutate_der(uint8_t *data, size_t size, size_t most, struct dice *d)
{
    static struct tree t;
    AUTO(buf) struct buf in = {0};
    AUTO(buf) struct buf out = {0};
    struct buf store[3] = {0};
    size_t times = 1 + dice_roll(d, ARRAY_COUNT(store));
    int budget = 2 * MOST_NODES;
    int first;

    t.count = 0;
    buf_add(&in, data, size);
    first = parse_all(&t, buf_slice(&in), 0);
    if (first == NONE)
        return 0;
    for (size_t i = 0; i < times; i++)
        change(&t, &store[i], d);
    put(&t, first, &out, &budget);
    for (size_t i = 0; i < ARRAY_COUNT(store); i++)
        buf_drop(&store[i]);
    if (out.len == 0 || out.len > most || budget <= 0)
        return 0;
    memcpy(data, out.data, out.len);
    return out.len;
}
