/*
 * What the validator says today of certificates that were stored: those that
 * a CRL revokes, and those that a newer one clears again (a hold that was
 * lifted), are written down after the answer that they were judged for.
 */
#include <time.h>

#include "agent/base/log.h"
#include "agent/keyring/keyring.h"

#define FINGERPRINT_BYTES 32

bool
keyring_is_cleared(const struct description *about)
{
    return about->chain == CHAIN_OK && about->cleared;
}

void
revoked_note(struct keyring *k, const struct stored *row,
             const struct description *about)
{
    bool was = row->state == CONTACT_REVOKED;

    if (row->fingerprint.n != FINGERPRINT_BYTES)
        return;
    if (!was && about->chain == CHAIN_REVOKED)
        buf_add_slice(&k->revoked, row->fingerprint);
    else if (was && keyring_is_cleared(about))
        buf_add_slice(&k->cleared, row->fingerprint);
}

/* A store that cannot be written loses nothing: each look finds it again. */
static void
all_mark(struct keyring *k, struct buf *list, bool revoked)
{
    for (size_t i = 0; i < list->len; i += FINGERPRINT_BYTES) {
        struct problem p = {0};

        if (store_mark_revoked(k->store,
                               slice_of(list->data + i, FINGERPRINT_BYTES),
                               revoked, (int64_t)time(NULL), &p) != ERR_OK)
            log_problem("writing down what is revoked", &p);
    }
    buf_clear(list);
}

void
revoked_keep(struct keyring *k)
{
    all_mark(k, &k->revoked, true);
    all_mark(k, &k->cleared, false);
}
