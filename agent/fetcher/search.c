/*
 * Looking up addresses: what is found is kept until the server has said that
 * it was all, so that half an answer is none.
 */
#include <stdio.h>

#include "agent/address/same.h"
#include "agent/base/log.h"
#include "agent/fetcher/filter.h"
#include "agent/fetcher/serve.h"
#include "agent/fetcher/value.h"

void
findings_drop(struct findings *f)
{
    for (size_t i = 0; i < f->count; i++)
        buf_drop(&f->item[i]);
    *f = (struct findings){.count = 0};
}

/* Those of an answer that failed. */
static void
findings_cut(struct findings *f, size_t count)
{
    while (f->count > count) {
        f->count--;
        f->bytes -= f->item[f->count].len;
        buf_drop(&f->item[f->count]);
    }
}

struct collecting {
    struct findings *found;
    uint32_t address;
};

/* One that does not fit is passed over: it is one of many of a strange entry,
 * and what came before it counts. */
static void
item_add(struct collecting *c, const struct directory_value *v,
         struct directory_item *item)
{
    AUTO(buf) struct buf encoded = {0};
    struct findings *f = c->found;

    item->address = c->address;
    item->dn = slice_text(v->dn);
    if (item->dn.n > LIMIT_TEXT_BYTES || memchr(v->dn, 0, item->dn.n))
        item->dn = slice_of(NULL, 0);
    record_encode(RECORD_directory_item, item, &encoded);
    if (f->count == LIMIT_DIRECTORY_ITEMS || encoded.len > LIMIT_FRAME_BYTES ||
        encoded.len > LIMIT_DIRECTORY_BYTES - f->bytes) {
        f->passed_over++;
        return;
    }
    f->bytes += encoded.len;
    f->item[f->count++] = encoded;
    encoded = (struct buf){0};
}

static void
collect(void *ctx, const struct directory_value *v)
{
    struct collecting *c = ctx;
    AUTO(value_room) struct value_room room = {.digests = NULL};
    struct directory_item item;
    struct problem p = {0};

    if (v->bytes.n == 0)
        return;
    if (v->is_smime ? value_smime(v->bytes, &room, &item, &p) == ERR_OK
                    : value_certificate(v->bytes, &item)) {
        item_add(c, v, &item);
        return;
    }
    c->found->passed_over++;
    log_debug("a value of %s is passed over: %s", v->dn, p.detail);
}

/* As addresses are compared: ASCII folded, an international domain in its
 * ASCII form, as the mail attribute is IA5 (RFC 4524 2.16). */
static void
filter_of(const struct fetching *f, struct slice address, struct buf *out)
{
    AUTO(buf) struct buf canonical = {0};

    address_canonical(address, &canonical);
    filter_fill(f->config->filter, buf_slice(&canonical), out);
}

enum directory_state
search_on(const struct fetching *f, size_t n, int ms,
          const struct directory_search *q, size_t *next,
          struct findings *found, struct outcome *o)
{
    struct directory d = {.fd = -1};
    enum directory_state state =
        directory_open(f->config, &f->servers->one[n], ms, &d, o);

    if (state != DIRECTORY_OK)
        return state;
    if (q->addresses.n == 0)
        state = directory_ping(&d, f->config, o);
    while (*next < q->addresses.n && state == DIRECTORY_OK) {
        struct collecting c = {.found = found, .address = (uint32_t)*next};
        AUTO(buf) struct buf filter = {0};
        size_t before = found->count;

        filter_of(f, q->addresses.item[*next], &filter);
        state =
            directory_search(&d, f->config, buf_text(&filter), collect, &c, o);
        if (state == DIRECTORY_OK)
            (*next)++;
        else
            findings_cut(found, before);
    }
    directory_drop(&d);
    return state;
}
