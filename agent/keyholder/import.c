/*
 * MSG_IMPORT: all keys and certificates of a .p12 onto one token, or onto two
 * at once, or nothing.
 */
#include <stdio.h>

#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/keyholder/choice.h"
#include "agent/keyholder/p12_items.h"
#include "agent/keyholder/reference.h"
#include "agent/keyholder/token_problem.h"
#include "agent/keyholder/writing.h"
#include "tokens/write.h"

#define TARGETS 2

/* keyUsage bits (RFC 5280 4.2.1.3) as libcrypto numbers them. */
#define USAGE_SIGNATURE (0x80U | 0x40U) /* digitalSignature, nonRepudiation */
#define USAGE_ENCIPHER  (0x20U | 0x10U) /* key-, dataEncipherment */
#define USAGE_AGREEMENT 0x08U

struct target {
    struct token *token;
    bool already[LIMIT_ITEM_KEYS];
};

struct importing {
    struct client *client;
    struct target target[TARGETS];
    struct token_import *transaction[TARGETS];
    size_t targets;
    struct p12_items items;
    struct journal *journal;
    /* of each key */
    uint8_t id[LIMIT_ITEM_KEYS][TOKEN_KEY_ID_BYTES];
    const struct item *certificate[LIMIT_ITEM_KEYS]; /* NULL: none */
    uint32_t chain_certificates;
};

static void
importing_drop(struct importing *w)
{
    for (size_t i = 0; i < TARGETS; i++)
        token_import_drop(&w->transaction[i]);
    journal_drop(&w->journal);
    p12_items_drop(&w->items);
}

/* ---- which token ------------------------------------------------------- */

/* The only one that can be written, besides EXCEPT (or NULL). */
static enum err
choose_writable(struct token_store *store, const struct token *except,
                struct token **out, struct problem *p)
{
    struct token *all[LIMIT_TOKENS], *fit[LIMIT_TOKENS];
    size_t n, count = 0;
    bool any = false;

    (void)token_store_refresh(store, 0);
    n = token_store_list(store, all, LIMIT_TOKENS);
    for (size_t i = 0; i < n && i < LIMIT_TOKENS; i++) {
        struct token_info info;

        token_get_info(all[i], &info);
        any = any || info.initialized;
        if (info.initialized && !info.write_protected && all[i] != except)
            fit[count++] = all[i];
    }
    if (!any)
        return token_absent_problem(store, NULL, p);
    if (count == 0)
        return fail(p, ERR_TOKEN_ABSENT, "%s",
                    except ? "no other one that can be written"
                           : "none that can be written");
    if (count > 1)
        return token_choice_problem(fit, count, p);
    *out = fit[0];
    return ERR_OK;
}

static enum err
choose_token(struct importing *w, size_t which, struct slice name,
             const struct token *except, struct problem *p)
{
    struct token_store *store = w->client->keyholder->store;
    struct token **out = &w->target[which].token;
    enum err e = name.n > 0 ? token_choose(store, name, out, p)
                            : choose_writable(store, except, out, p);

    if (e == ERR_OK)
        e = writing_check(*out, p);
    w->targets += e == ERR_OK;
    return e;
}

/* The second one is always named, so it tells which the first cannot be. */
static enum err
choose_tokens(struct importing *w, const struct import_request *request,
              struct problem *p)
{
    char name[TOKEN_LABEL_BYTES];
    enum err e = ERR_OK;

    if (request->also_to.n > 0)
        e = choose_token(w, 1, request->also_to, NULL, p);
    if (e == ERR_OK)
        e = choose_token(w, 0, request->token, w->target[1].token, p);
    if (e != ERR_OK || w->target[0].token != w->target[1].token)
        return e;
    token_name(w->target[0].token, name);
    return fail(p, ERR_USAGE, "also_to: %s is the first token already", name);
}

static enum err
unlock_for_import(struct importing *w, struct slice file, struct problem *p)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < w->targets; i++) {
        struct purpose why = {.token = w->target[i].token,
                              .operation = "import a key file"};

        if (file.n > 0 && file.n < sizeof(why.key))
            memcpy(why.key, file.p, file.n);
        e = writing_unlock(w->client, &why, p);
    }
    return e;
}

/* ---- keys -------------------------------------------------------------- */

static unsigned
uses_that_fit(uint32_t type)
{
    if (type == KEY_RSA)
        return TOKEN_USE_SIGN | TOKEN_USE_DECRYPT | TOKEN_USE_UNWRAP;
    if (type == KEY_X25519)
        return TOKEN_USE_DERIVE;
    return type == KEY_EC ? TOKEN_USE_SIGN | TOKEN_USE_DERIVE : TOKEN_USE_SIGN;
}

/* What the certificate's keyUsage allows; all that fits when it has none, or
 * none that this kind of key can do. */
static unsigned
uses_of(const struct p12_item *r)
{
    unsigned fit = uses_that_fit(r->type);
    unsigned uses = 0;

    if (r->key_usage & USAGE_SIGNATURE)
        uses |= TOKEN_USE_SIGN;
    if (r->key_usage & USAGE_ENCIPHER)
        uses |= TOKEN_USE_DECRYPT | TOKEN_USE_UNWRAP;
    if (r->key_usage & USAGE_AGREEMENT)
        uses |= TOKEN_USE_DERIVE;
    return (uses & fit) != 0 ? uses & fit : fit;
}

static struct token_bytes
bytes_of(struct slice s)
{
    return (struct token_bytes){.p = s.p, .n = s.n};
}

static void
fill_rsa(struct token_private_key *key, const struct slice *value)
{
    key->type = TOKEN_KEY_RSA;
    key->modulus = bytes_of(value[0]);
    key->exponent = bytes_of(value[1]);
    key->private_exponent = bytes_of(value[2]);
    key->prime1 = bytes_of(value[3]);
    key->prime2 = bytes_of(value[4]);
    key->exponent1 = bytes_of(value[5]);
    key->exponent2 = bytes_of(value[6]);
    key->coefficient = bytes_of(value[7]);
}

static void
fill_key(struct token_private_key *key, const struct p12_item *r)
{
    key->uses = uses_of(r);
    key->subject = bytes_of(r->subject);
    if (r->type == KEY_RSA) {
        fill_rsa(key, r->value.item);
        return;
    }
    key->type = r->type == KEY_EC        ? TOKEN_KEY_EC
                : r->type == KEY_ED25519 ? TOKEN_KEY_ED25519
                : r->type == KEY_X25519  ? TOKEN_KEY_X25519
                                         : TOKEN_KEY_UNKNOWN;
    key->curve = bytes_of(r->value.item[0]);
    key->point = bytes_of(r->value.item[1]);
    key->value = bytes_of(r->value.item[2]);
}

static void
text_of(struct slice s, char *out, size_t size)
{
    size_t n = s.n < size - 1 ? s.n : size - 1;

    if (n > 0)
        memcpy(out, s.p, n);
    out[n] = '\0';
}

/* An import's error, or why its journal could not be written. */
static enum err
import_problem(struct importing *w, enum tokens_err e, size_t target,
               struct problem *p)
{
    if (e == TOKENS_OK || journal_problem(w->journal, p) != ERR_OK)
        return p->code;
    return token_problem(e, w->target[target].token, p);
}

static enum err
add_key(struct importing *w, size_t target, size_t i, struct problem *p)
{
    const struct p12_item *r = &w->items.key[i].record;
    struct token_private_key key = {0};
    char label[LIMIT_LABEL_BYTES + 1];
    enum tokens_err e;

    text_of(r->label, label, sizeof(label));
    key.label = label;
    fill_key(&key, r);
    e = token_key_id(&key, w->id[i]);
    if (e == TOKENS_OK)
        e = token_import_add_key(w->transaction[target], &key,
                                 &w->target[target].already[i]);
    return import_problem(w, e, target, p);
}

/* The CKA_ID of the key that C certifies; n 0: none of the file's. */
static struct token_bytes
id_of_certificate(struct importing *w, const struct item *c)
{
    for (size_t i = 0; i < w->items.key_count; i++) {
        if (!p12_items_pair(&w->items.key[i], c))
            continue;
        if (!w->certificate[i])
            w->certificate[i] = c;
        return (struct token_bytes){w->id[i], TOKEN_KEY_ID_BYTES};
    }
    return (struct token_bytes){0};
}

static enum err
add_certificate(struct importing *w, size_t target, const struct item *c,
                struct problem *p)
{
    struct slice der = c->record.value.item[0];
    struct token_bytes id = id_of_certificate(w, c);
    char label[LIMIT_LABEL_BYTES + 1];
    bool already;
    enum tokens_err e;

    text_of(c->record.label, label, sizeof(label));
    e = token_import_add_certificate(w->transaction[target], der.p, der.n, id,
                                     label, &already);
    if (e == TOKENS_ARGUMENT)
        return fail(p, ERR_P12_FORMAT, "a certificate is malformed");
    if (e == TOKENS_OK && target == 0)
        w->chain_certificates += id.n == 0;
    if (e == TOKENS_OK || journal_problem(w->journal, p) != ERR_OK)
        return p->code;
    return token_certificate_problem(e, w->target[target].token, p);
}

static enum err
add_all(struct importing *w, size_t target, struct problem *p)
{
    enum err e = ERR_OK;
    enum tokens_err t;

    for (size_t i = 0; e == ERR_OK && i < w->items.key_count; i++)
        e = add_key(w, target, i, p);
    for (size_t i = 0; e == ERR_OK && i < w->items.certificate_count; i++)
        e = add_certificate(w, target, &w->items.certificate[i], p);
    if (e != ERR_OK)
        return e;
    t = token_import_prove(w->transaction[target]);
    if (t == TOKENS_DIFFERENT)
        return fail(p, ERR_P12_MISMATCH, NULL);
    return import_problem(w, t, target, p);
}

/* Two imports that go to the same two tokens take them in the same order. */
static enum err
begin_all(struct importing *w, struct problem *p)
{
    size_t first =
        w->targets == 2 && w->target[1].token < w->target[0].token ? 1 : 0;

    w->journal = journal_new(&w->client->keyholder->journals);
    for (size_t n = 0; n < w->targets; n++) {
        size_t i = n ^ first;
        enum tokens_err t =
            token_import_begin(w->target[i].token, &w->transaction[i]);

        if (t != TOKENS_OK)
            return token_problem(t, w->target[i].token, p);
        token_import_set_journal(w->transaction[i], journal_notes(w->journal));
        token_import_rest(w->transaction[i]);
    }
    return ERR_OK;
}

/* A client that was told that its token hangs has got its answer: what was
 * written since goes. */
static enum err
seal_all(struct importing *w, struct problem *p)
{
    for (size_t i = 0; i < w->targets; i++) {
        enum tokens_err t = token_import_seal(w->transaction[i]);

        if (t != TOKENS_OK)
            return token_problem(t, w->target[i].token, p);
    }
    return ERR_OK;
}

/* What counts is that the journal is closed: from then on nobody takes
 * anything back. */
static enum err
write_all(struct importing *w, struct problem *p)
{
    struct problem first = {0};
    enum err e = begin_all(w, &first);

    /* The one that is not worked on does not hang. */
    for (size_t i = 0; e == ERR_OK && i < w->targets; i++) {
        token_import_work(w->transaction[i]);
        e = add_all(w, i, &first);
        token_import_rest(w->transaction[i]);
    }
    if (e == ERR_OK)
        e = seal_all(w, &first);
    if (e == ERR_OK)
        e = journal_close(w->journal, &first);
    if (e != ERR_OK)
        return writing_undo(w->transaction, w->targets, w->journal, &first, p);
    for (size_t i = 0; i < w->targets; i++)
        if (token_import_commit(w->transaction[i]) != TOKENS_OK)
            bug("a commit that fails");
    return ERR_OK;
}

/* ---- the report -------------------------------------------------------- */

static void
warn(struct import_reply *out, const char *text)
{
    if (out->warnings.n < 8 &&
        !slice_list_add(&out->warnings, slice_text(text)))
        bug("more warnings than a list takes");
}

static void
add_record(const struct importing *w, const struct target *target, size_t i,
           struct buf *bytes)
{
    const struct item *c = w->certificate[i];
    struct token_info info;
    AUTO(buf) struct buf ref = {0};
    struct import_record record = {
        .id = slice_of(w->id[i], TOKEN_KEY_ID_BYTES),
        .label = w->items.key[i].record.label,
        .already = target->already[i],
    };

    token_get_info(target->token, &info);
    reference_add(&ref, &info, record.id);
    record.ref = buf_slice(&ref);
    record.token = slice_text(info.label);
    if (c)
        record.certificate = c->record.value.item[0];
    record_encode(RECORD_import_record, &record, bytes);
}

static void
report_warning(const struct importing *w, struct import_reply *out,
               struct reply_room *room)
{
    size_t n = strlen(w->items.warning);

    if (n > 0 &&
        !slice_list_add(&out->warnings,
                        slice_of(room->bytes.data + room->bytes.len - n, n)))
        bug("more warnings than a list takes");
}

static void
report(const struct importing *w, struct import_reply *out,
       struct reply_room *room)
{
    size_t end[TARGETS * LIMIT_ITEM_KEYS];
    size_t all = w->targets * w->items.key_count;
    size_t n = 0, at = 0;
    bool bare = false;

    while (n < all && room->bytes.len <= LIMIT_REPORT_BYTES) {
        const struct target *target = &w->target[n / w->items.key_count];
        size_t key = n % w->items.key_count;

        add_record(w, target, key, &room->bytes);
        bare |= w->certificate[key] == NULL;
        end[n++] = room->bytes.len;
    }
    /* The warning's text lies behind the records. */
    buf_add_text(&room->bytes, w->items.warning);
    for (size_t i = 0; i < n; at = end[i++])
        if (!slice_list_add(&out->records,
                            slice_of(room->bytes.data + at, end[i] - at)))
            bug("more records than a list takes");
    out->chain_certificates = w->chain_certificates;
    report_warning(w, out, room);
    if (bare)
        warn(out, "a key without a certificate was imported");
    if (n < all)
        warn(out, "more keys were imported than are listed");
}

static enum err
import_into(struct importing *w, const struct import_request *request,
            struct problem *p)
{
    enum err e = p12_items_read(w->client, request, &w->items, p);

    if (e == ERR_OK)
        e = choose_tokens(w, request, p);
    if (e == ERR_OK)
        e = unlock_for_import(w, request->file, p);
    if (e == ERR_OK)
        e = write_all(w, p);
    return e;
}

enum err
p12_import(struct client *c, const struct import_request *request,
           struct import_reply *out, struct reply_room *room, struct problem *p)
{
    AUTO(importing) struct importing w = {.client = c};
    enum err e = import_into(&w, request, p);

    for (size_t t = 0; e == ERR_OK && t < w.targets; t++)
        for (size_t i = 0; i < w.items.key_count; i++)
            client_audit(c, "import", w.target[t].token,
                         slice_of(w.id[i], TOKEN_KEY_ID_BYTES), ERR_OK);
    if (e != ERR_OK) {
        client_audit(c, "import", w.target[0].token, slice_of(NULL, 0), e);
        return e;
    }
    /* The token may hang in the end of its session: the audit knows by now. */
    for (size_t t = 0; t < w.targets; t++)
        token_import_drop(&w.transaction[t]);
    for (size_t t = 0; t < w.targets; t++)
        remembered_refresh(&c->keyholder->remembered, w.target[t].token);
    report(&w, out, room);
    return ERR_OK;
}
