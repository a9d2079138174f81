/* A file of certificates, and what is found in it. */
#ifndef TESTS_UNIT_SESSION_FOREIGN_H
#define TESTS_UNIT_SESSION_FOREIGN_H

#include <cmocka.h>
#include <stdio.h>

#include "agent/cms/certs_only.h"
#include "agent/cms/signed.h"
#include "agent/mime/transfer.h"
#include "agent/session/foreign.h"

/* MAMCAQE= and MAMCAQI= */
static const uint8_t one[] = {0x30, 0x03, 0x02, 0x01, 0x01};
static const uint8_t two[] = {0x30, 0x03, 0x02, 0x01, 0x02};

struct result {
    char found[4096]; /* "LINE:NUMBER(STATED) " for each */
    char bad[4096];   /* "LINE:WHY\n" */
    size_t count, bad_count;
    struct slice last; /* length only */
    enum err answer;
};

static inline enum err
on_found(void *context, const struct foreign_found *f, struct problem *p)
{
    struct result *r = context;
    size_t n = strlen(r->found);

    (void)p;
    r->count++;
    r->last = f->bytes;
    if (n < sizeof(r->found) - 600) {
        n += (size_t)snprintf(r->found + n, sizeof(r->found) - n, "%zu:%d(",
                              f->line, f->bytes.p[f->bytes.n - 1]);
        for (size_t i = 0; i < f->stated->n; i++)
            n += (size_t)snprintf(r->found + n, sizeof(r->found) - n, "%s%.*s",
                                  i ? "," : "", (int)f->stated->item[i].n,
                                  (const char *)f->stated->item[i].p);
        snprintf(r->found + n, sizeof(r->found) - n, ") ");
    }
    return r->answer;
}

static inline enum err
on_bad(void *context, size_t line, const char *why, struct problem *p)
{
    struct result *r = context;
    size_t n = strlen(r->bad);

    (void)p;
    r->bad_count++;
    snprintf(r->bad + n, sizeof(r->bad) - n, "%zu:%s\n", line, why);
    return ERR_OK;
}

static inline enum err
read_bytes(struct slice file, struct result *r, struct problem *p)
{
    const struct foreign_sink to = {on_found, on_bad, r};
    struct stream_memory m;

    stream_memory_init(&m, file);
    return foreign_read(&m.s, &to, p);
}

static inline struct result
read_text(const char *text)
{
    struct result r = {.count = 0};
    struct problem p = {0};

    assert_int_equal(read_bytes(slice_text(text), &r, &p), ERR_OK);
    return r;
}

#endif
