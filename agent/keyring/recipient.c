/*
 * Choosing the certificate to encrypt to, and saying why.
 */
#include <stdio.h>
#include <time.h>

#include "agent/base/log.h"
#include "agent/keyring/keyring.h"

#define ENCRYPTS (USE_DECRYPT | USE_AGREE)

/* One certificate of the address; owns copies. */
struct choice {
    struct buf bytes; /* what the slices of row borrow from */
    struct stored row;
    struct buf described;
    char reason[160]; /* why it is not taken, or is */
    enum chain chain;
    bool judged; /* reason, or usable, says what the validator does */
    bool usable;
};

struct choosing {
    struct keyring *k;
    struct choice *item;
    size_t n;
    int64_t now;
    const struct choice *chosen;
    const struct choice *pinned;    /* it decides, usable or not */
    char why_not[LIMIT_TEXT_BYTES]; /* when none was */
};

static void
choosing_drop(struct choosing *c)
{
    for (size_t i = 0; i < c->n; i++) {
        buf_drop(&c->item[i].bytes);
        buf_drop(&c->item[i].described);
    }
    free(c->item);
}

/* ---- collecting --------------------------------------------------------- */

/* Copies what S points to behind what is there; the place, since it moves. */
static void
copy(struct buf *to, struct slice *s)
{
    size_t at = to->len;

    buf_add_slice(to, *s);
    *s = slice_of(to->data ? to->data + at : NULL, s->n);
}

static bool
collect(void *ctx, const struct stored *row)
{
    struct choosing *c = ctx;
    struct choice *one;

    if (c->n == LIMIT_LIST_ITEMS)
        return false;
    c->item = mem_resize(c->item, (c->n + 1) * sizeof(*c->item));
    one = &c->item[c->n++];
    *one = (struct choice){.row = *row, .chain = CHAIN_NOT_ASKED};
    buf_reserve(&one->bytes, row->der.n + row->capabilities.n +
                                 row->fingerprint.n + row->subject.n +
                                 row->issuer.n + row->origin.n + 1);
    copy(&one->bytes, &one->row.der);
    copy(&one->bytes, &one->row.capabilities);
    copy(&one->bytes, &one->row.fingerprint);
    copy(&one->bytes, &one->row.subject);
    copy(&one->bytes, &one->row.issuer);
    copy(&one->bytes, &one->row.origin);
    return true;
}

/* ---- judging one -------------------------------------------------------- */

static void
reason_set(struct choice *one, const char *words, int64_t when)
{
    time_t t = (time_t)when;
    struct tm tm;
    char date[32] = "";

    if (when != 0 && gmtime_r(&t, &tm))
        strftime(date, sizeof(date), " %Y-%m-%d", &tm);
    snprintf(one->reason, sizeof(one->reason), "%s%s", words, date);
}

/* What the store alone knows against it. */
static bool
is_out(const struct choosing *c, struct choice *one)
{
    const struct stored *row = &one->row;

    if (!(row->uses & ENCRYPTS))
        reason_set(one, "its certificate cannot encrypt", 0);
    else if (row->person == CONTACT_BLOCKED)
        reason_set(one, "blocked", 0);
    else if (row->not_after < c->now)
        reason_set(one, "certificate expired on", row->not_after);
    else if (row->not_before > c->now)
        reason_set(one, "certificate not valid before", row->not_before);
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
    return "it, or one above it, is malformed or breaks the rules";
}

/* Once revoked it stays so until a CRL that holds clears it. */
static const char *
words_of(const struct choice *one, const struct description *about)
{
    if (one->described.len == 0)
        return "its stored bytes are damaged, a signed mail of theirs mends it";
    if (one->row.state == CONTACT_REVOKED && !keyring_is_cleared(about))
        return words_of_chain(CHAIN_REVOKED);
    if (keyring_is_vouched(&one->row, (enum chain)about->chain))
        return NULL;
    return words_of_chain((enum chain)about->chain);
}

static enum err
describe(struct choosing *c, struct choice *one, struct description *about,
         struct problem *p)
{
    enum err e =
        keyring_describe_stored(c->k, &one->row, &one->described, about, p);

    if (e == ERR_OK)
        one->chain = (enum chain)about->chain;
    return e;
}

static enum err
judge(struct choosing *c, struct choice *one, struct problem *p)
{
    struct description about;
    const char *words;
    enum err e;

    if (one->judged)
        return ERR_OK;
    one->judged = true;
    if (is_out(c, one))
        return ERR_OK;
    e = describe(c, one, &about, p);
    if (e != ERR_OK)
        return e;
    words = words_of(one, &about);
    if (words)
        reason_set(one, words, 0);
    one->usable = !words;
    return ERR_OK;
}

/* ---- choosing ----------------------------------------------------------- */

/* The pinned one to encrypt to; the person's word is not second-guessed. */
static struct choice *
pinned_find(const struct choosing *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->item[i].row.person == CONTACT_PINNED &&
            (c->item[i].row.uses & ENCRYPTS))
            return &c->item[i];
    return NULL;
}

/* The first usable one of those that changed, or of those that did not. */
static enum err
usable_find(struct choosing *c, bool changed_too, struct choice **out,
            struct problem *p)
{
    *out = NULL;
    for (size_t i = 0; i < c->n && !*out; i++) {
        enum err e = judge(c, &c->item[i], p);

        if (e != ERR_OK)
            return e;
        if (c->item[i].usable &&
            (changed_too || c->item[i].row.state != CONTACT_CHANGED))
            *out = &c->item[i];
    }
    return ERR_OK;
}

static void
fingerprint_text(const struct choice *one, char out[65])
{
    out[0] = '\0';
    if (one->row.fingerprint.n == 32)
        text_hex(one->row.fingerprint, out);
}

/* New and old beside each other, and what decides. */
static void
ask_tell(struct choosing *c, const struct choice *new, const struct choice *old)
{
    char a[65], b[65] = "none that is valid";

    fingerprint_text(new, a);
    if (old)
        fingerprint_text(old, b);
    snprintf(c->why_not, sizeof(c->why_not),
             "their certificate changed, and you want to be asked: new %s, "
             "known %s; compare with smime contacts show, then decide with: "
             "smime contacts pin ADDRESS FINGERPRINT",
             a, b);
}

static const char *
words_of_choice(const struct choice *one)
{
    if (one->row.source == CONTACT_DIRECTORY)
        return "no other can be used, and the directory has it";
    return one->row.preferred > one->row.not_before
               ? "their own mail prefers it"
               : "the newest that can encrypt";
}

/* CHANGED is the newest usable one and differs from what was known. */
static enum err
change_decide(struct choosing *c, struct choice *changed, struct problem *p)
{
    struct choice *known = NULL;
    enum err e = usable_find(c, false, &known, p);

    if (e != ERR_OK)
        return e;
    switch (c->k->on_change) {
    case ON_CHANGE_ASK:
        ask_tell(c, changed, known);
        return ERR_OK;
    case ON_CHANGE_KEEP_OLD:
        if (known) {
            reason_set(known, "the one that was known before", 0);
            c->chosen = known;
            return ERR_OK;
        }
        break;
    case ON_CHANGE_USE_NEW:
        break;
    }
    snprintf(changed->reason, sizeof(changed->reason), "%s, though it changed",
             words_of_choice(changed));
    c->chosen = changed;
    return ERR_OK;
}

static enum err
pinned_decide(struct choosing *c, struct choice *pinned, struct problem *p)
{
    enum err e = judge(c, pinned, p);

    if (e != ERR_OK)
        return e;
    c->pinned = pinned;
    if (pinned->usable) {
        reason_set(pinned,
                   pinned->chain == CHAIN_OK
                       ? "pinned"
                       : "pinned, and only you vouch for it",
                   0);
        c->chosen = pinned;
    } else {
        snprintf(c->why_not, sizeof(c->why_not),
                 "the pinned one cannot be used: %s; let another count with: "
                 "smime contacts unpin ADDRESS",
                 pinned->reason);
    }
    return ERR_OK;
}

/* Why none was: of the newest one that can encrypt, else of the newest. */
static void
missing_tell(struct choosing *c)
{
    const struct choice *best = NULL;

    for (size_t i = 0; i < c->n; i++)
        if (c->item[i].reason[0] &&
            (!best || (!(best->row.uses & ENCRYPTS) &&
                       (c->item[i].row.uses & ENCRYPTS))))
            best = &c->item[i];
    snprintf(c->why_not, sizeof(c->why_not), "%s",
             best ? best->reason : "no certificate");
}

static enum err
choose(struct choosing *c, bool pins, struct problem *p)
{
    struct choice *one = pins ? pinned_find(c) : NULL;
    enum err e;

    if (one)
        return pinned_decide(c, one, p);
    e = usable_find(c, true, &one, p);
    if (e != ERR_OK)
        return e;
    if (!one) {
        missing_tell(c);
        return ERR_OK;
    }
    if (pins && one->row.state == CONTACT_CHANGED)
        return change_decide(c, one, p);
    reason_set(one, words_of_choice(one), 0);
    c->chosen = one;
    return ERR_OK;
}

/* ---- answering ---------------------------------------------------------- */

static void
answer(const struct choosing *c, struct answer_bytes *bytes,
       struct recipient_reply *out)
{
    const struct choice *one = c->chosen;

    if (!one) {
        out->state = c->n > 0 ? RECIPIENT_UNUSABLE : RECIPIENT_UNKNOWN;
        buf_add_text(&bytes->b, c->why_not);
        out->reason = buf_slice(&bytes->b);
        return;
    }
    buf_add_slice(&bytes->a, buf_slice(&one->described));
    buf_add_slice(&bytes->b, one->row.der);
    buf_add_slice(&bytes->c, one->row.capabilities);
    out->state = RECIPIENT_OK;
    out->described = buf_slice(&bytes->a);
    out->certificate = buf_slice(&bytes->b);
    out->capabilities = buf_slice(&bytes->c);
    out->source = one->row.source;
    buf_add_slice(&bytes->d, one->row.origin);
    out->origin = buf_slice(&bytes->d);
    out->changed =
        one->row.state == CONTACT_CHANGED && one->row.person != CONTACT_PINNED;
}

typedef enum err find_rows(struct store *s, struct slice whom,
                           store_visit *visit, void *ctx, struct problem *p);

/* What FIND of the rows of WHOM gave. */
static enum err
recipient(struct keyring *k, find_rows *find, struct slice whom,
          struct answer_bytes *bytes, struct recipient_reply *out,
          struct problem *p)
{
    AUTO(choosing) struct choosing c = {.k = k, .now = (int64_t)time(NULL)};
    enum err e = find(k->store, whom, collect, &c, p);

    *out = (struct recipient_reply){.state = RECIPIENT_UNKNOWN};
    if (e == ERR_OK)
        e = choose(&c, find == store_contact, p);
    if (e == ERR_OK)
        answer(&c, bytes, out);
    return e;
}

enum err
keyring_recipient(struct keyring *k, struct slice address,
                  struct answer_bytes *bytes, struct recipient_reply *out,
                  struct problem *p)
{
    return recipient(k, store_contact, address, bytes, out, p);
}

enum err
keyring_recipient_certificate(struct keyring *k, struct slice fingerprint,
                              struct answer_bytes *bytes,
                              struct recipient_reply *out, struct problem *p)
{
    return recipient(k, store_holders, fingerprint, bytes, out, p);
}

/* ---- why ---------------------------------------------------------------- */

static struct choice_record
record_of(const struct choosing *c, const struct choice *one)
{
    const struct stored *row = &one->row;
    struct description about;

    /* Only the validator knows it: of damaged bytes, nobody. */
    if (!record_decode(RECORD_description, buf_slice(&one->described), &about))
        about.curve = slice_of(NULL, 0);
    return (struct choice_record){
        .chosen = one == c->chosen,
        .reason = slice_text(one->reason),
        .fingerprint = row->fingerprint,
        .subject = row->subject,
        .issuer = row->issuer,
        .not_before = (uint64_t)row->not_before,
        .not_after = (uint64_t)row->not_after,
        .uses = row->uses,
        .type = row->type,
        .bits = row->bits,
        .curve = about.curve,
        .preferred = (uint64_t)row->preferred,
        .capabilities_time = (uint64_t)row->capabilities_time,
        .state = keyring_state_now(row, one->chain, c->now)};
}

/* Of one that could be used and is not, since another decides. */
static const char *
words_of_other(const struct choosing *c, const struct choice *one)
{
    const struct choice *chosen = c->chosen;
    bool is_changed = one->row.state == CONTACT_CHANGED;

    if (c->pinned)
        return "another certificate is pinned";
    if (!chosen)
        return is_changed ? "it changed, and you want to be asked"
                          : "known before, but you want to be asked first";
    if (is_changed && c->k->on_change == ON_CHANGE_KEEP_OLD &&
        chosen->row.state != CONTACT_CHANGED)
        return "it changed, and the known one is kept";
    if (one->row.source == CONTACT_DIRECTORY &&
        chosen->row.source != CONTACT_DIRECTORY)
        return "only the directory has it, and another can be used";
    if (chosen->row.preferred > chosen->row.not_before &&
        one->row.not_before >= chosen->row.not_before)
        return "their own mail prefers another";
    return one->row.not_before < chosen->row.not_before
               ? "older than the one that is chosen"
               : "as old as the one that is chosen, which came later";
}

/* Also what it says of one that the store alone keeps out. */
static enum err
one_explain(struct choosing *c, struct choice *one, struct problem *p)
{
    struct description about;
    enum err e = one->reason[0] == '\0' ? judge(c, one, p) : ERR_OK;

    if (e == ERR_OK && one->described.len == 0)
        e = describe(c, one, &about, p);
    if (e == ERR_OK && one->reason[0] == '\0')
        reason_set(one, words_of_other(c, one), 0);
    return e;
}

enum err
keyring_why(struct keyring *k, struct slice address, struct answer_bytes *bytes,
            struct why_reply *out, struct problem *p)
{
    AUTO(choosing) struct choosing c = {.k = k, .now = (int64_t)time(NULL)};
    size_t end[LIMIT_LIST_ITEMS], start = 0;
    enum err e = store_contact(k->store, address, collect, &c, p);

    if (e == ERR_OK)
        e = choose(&c, true, p);
    for (size_t i = 0; i < c.n && e == ERR_OK; i++)
        e = one_explain(&c, &c.item[i], p);
    if (e != ERR_OK)
        return e;
    *out = (struct why_reply){.state = c.chosen  ? RECIPIENT_OK
                                       : c.n > 0 ? RECIPIENT_UNUSABLE
                                                 : RECIPIENT_UNKNOWN};
    for (size_t i = 0; i < c.n && bytes->a.len < LIMIT_CONTACTS_PAGE_BYTES;
         i++) {
        struct choice_record one = record_of(&c, &c.item[i]);

        record_encode(RECORD_choice_record, &one, &bytes->a);
        end[out->records.n++] = bytes->a.len;
    }
    for (size_t i = 0; i < out->records.n; start = end[i], i++)
        out->records.item[i] = slice_of(bytes->a.data + start, end[i] - start);
    buf_add_text(&bytes->b, c.why_not);
    out->reason = buf_slice(&bytes->b);
    return ERR_OK;
}
