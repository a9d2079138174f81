/* Lessons for the store, and what they leave. Included once. */
#ifndef TESTS_UNIT_KEYRING_LESSON_H
#define TESTS_UNIT_KEYRING_LESSON_H

#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/keyring/store.h"

#define NOW  1800000000L
#define YEAR 31536000L

static char folder[64], path[128];

static int
begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/smime-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/contacts.db", folder);
    return 0;
}

static int
end(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

/* ---- making lessons ----------------------------------------------------- */

struct taught {
    uint8_t fingerprint[32], key[32];
    struct description about;
    struct slice_list addresses, issuers;
    struct lesson lesson;
};

static void
lesson_make(struct taught *t, uint8_t number, const char *address)
{
    *t = (struct taught){0};
    memset(t->fingerprint, number, 32);
    memset(t->key, number, 32);
    t->addresses.n = 1;
    t->addresses.item[0] = slice_text(address);
    t->issuers.n = 2;
    t->issuers.item[0] = slice_text("nearest issuer");
    t->issuers.item[1] = slice_text("next issuer");
    t->about = (struct description){.addresses = t->addresses,
                                    .issuer = slice_text("CN=CA"),
                                    .name = slice_text("Alice"),
                                    .fingerprint = {t->fingerprint, 32},
                                    .key_hash = {t->key, 32},
                                    .not_before = (uint64_t)(NOW + number),
                                    .not_after = (uint64_t)(NOW + YEAR),
                                    .uses = USE_SIGN | USE_DECRYPT};
    t->lesson = (struct lesson){.der = slice_of(t->fingerprint, 32),
                                .about = &t->about,
                                .addresses = &t->addresses,
                                .issuers = &t->issuers,
                                .origin = slice_text("open"),
                                .sender_seen = true,
                                .now = NOW + 1000};
}

__attribute__((unused)) static enum learned
learn(struct store *s, const struct taught *t)
{
    enum learned out = LEARNED_NOTHING;
    struct problem p = {0};

    assert_int_equal(store_learn(s, &t->lesson, 1, false, &out, &p), ERR_OK);
    return out;
}

struct seen_rows {
    size_t n;
    enum contact_state state[8];
    uint8_t first_byte[8];
    size_t capabilities[8];
    int64_t certificate;
};

static bool
note_row(void *ctx, const struct stored *row)
{
    struct seen_rows *r = ctx;

    r->state[r->n] = row->state;
    r->first_byte[r->n] = row->der.p[0];
    r->capabilities[r->n] = row->capabilities.n;
    r->certificate = row->certificate;
    return ++r->n < 8;
}

__attribute__((unused)) static struct seen_rows
rows_of(struct store *s, const char *address)
{
    struct seen_rows r = {0};
    struct problem p = {0};

    assert_int_equal(store_contact(s, slice_text(address), note_row, &r, &p),
                     ERR_OK);
    return r;
}

#endif
