/*
 * Choosing the certificate to encrypt to.
 */
#include <stdio.h>
#include <time.h>

#include "agent/keyring/keyring.h"

struct choosing {
    struct keyring *k;
    struct answer_bytes *bytes;
    struct recipient_reply *out;
    struct problem *p;
    enum err e;
    int64_t now;
    char reason[128]; /* of the newest one that could have been it */
    bool could;       /* reason is of one that can encrypt */
};

static void
set_reason(struct choosing *c, bool can_encrypt, const char *words,
           int64_t when)
{
    time_t t = (time_t)when;
    struct tm tm;
    char date[32] = "";

    if (c->reason[0] && (c->could || !can_encrypt))
        return;
    if (when != 0 && gmtime_r(&t, &tm))
        strftime(date, sizeof(date), " %Y-%m-%d", &tm);
    snprintf(c->reason, sizeof(c->reason), "%s%s", words, date);
    c->could = can_encrypt;
}

/* What the store alone knows against it. */
static bool
is_out(struct choosing *c, const struct stored *row)
{
    if (!(row->uses & (USE_DECRYPT | USE_AGREE)))
        set_reason(c, false, "its certificate cannot encrypt", 0);
    else if (row->state == CONTACT_BLOCKED)
        set_reason(c, true, "blocked", 0);
    else if (row->state == CONTACT_REVOKED)
        set_reason(c, true, "certificate revoked", 0);
    else if (row->not_after < c->now)
        set_reason(c, true, "certificate expired on", row->not_after);
    else if (row->not_before > c->now)
        set_reason(c, true, "certificate not valid before", row->not_before);
    else
        return false;
    return true;
}

static const char *
words_of_chain(enum chain chain)
{
    switch (chain) {
    case CHAIN_OK:
        return NULL;
    case CHAIN_UNTRUSTED:
        return "issuer no longer trusted";
    case CHAIN_EXPIRED:
        return "a certificate of its issuer has expired";
    case CHAIN_NOT_YET:
        return "a certificate of its issuer is not yet valid";
    case CHAIN_PURPOSE:
        return "certificate not for mail";
    case CHAIN_REVOKED:
        return "certificate revoked";
    case CHAIN_INVALID:
    case CHAIN_NOT_ASKED:
        break;
    }
    return "its issuers break their own rules";
}

static bool
consider(void *ctx, const struct stored *row)
{
    struct choosing *c = ctx;
    struct description about;
    const char *words;

    if (is_out(c, row))
        return true;
    buf_clear(&c->bytes->a);
    c->e = keyring_describe_stored(c->k, row, &c->bytes->a, &about, c->p);
    if (c->e != ERR_OK)
        return false;
    words = c->bytes->a.len ? words_of_chain((enum chain)about.chain)
                            : "certificate cannot be read";
    if (words) {
        set_reason(c, true, words, 0);
        return true;
    }
    buf_add_slice(&c->bytes->b, row->der);
    buf_add_slice(&c->bytes->c, row->capabilities);
    c->out->state = RECIPIENT_OK;
    c->out->certificate = buf_slice(&c->bytes->b);
    c->out->capabilities = buf_slice(&c->bytes->c);
    c->out->described = buf_slice(&c->bytes->a);
    return false;
}

/* What FIND of the rows of WHOM gave. */
static enum err
choose(struct keyring *k,
       enum err (*find)(struct store *s, struct slice whom, store_visit *visit,
                        void *ctx, struct problem *p),
       struct slice whom, struct answer_bytes *bytes,
       struct recipient_reply *out, struct problem *p)
{
    struct choosing c = {
        .k = k, .bytes = bytes, .out = out, .p = p, .now = (int64_t)time(NULL)};
    enum err e;

    *out = (struct recipient_reply){.state = RECIPIENT_UNKNOWN};
    e = find(k->store, whom, consider, &c, p);
    if (e != ERR_OK || c.e != ERR_OK)
        return e != ERR_OK ? e : c.e;
    if (out->state == RECIPIENT_OK)
        return ERR_OK;
    if (c.reason[0]) {
        out->state = RECIPIENT_UNUSABLE;
        buf_add_text(&bytes->b, c.reason);
    } else {
        buf_add_text(&bytes->b, "no certificate");
    }
    out->reason = buf_slice(&bytes->b);
    return ERR_OK;
}

enum err
keyring_recipient(struct keyring *k, struct slice address,
                  struct answer_bytes *bytes, struct recipient_reply *out,
                  struct problem *p)
{
    return choose(k, store_contact, address, bytes, out, p);
}

enum err
keyring_recipient_certificate(struct keyring *k, struct slice fingerprint,
                              struct answer_bytes *bytes,
                              struct recipient_reply *out, struct problem *p)
{
    return choose(k, store_holders, fingerprint, bytes, out, p);
}
