/*
 * MSG_IMPORT: all keys and certificates of a .p12 onto one token, or none.
 */
#include <stdio.h>

#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/keyholder/list.h"
#include "agent/keyholder/p12_items.h"
#include "agent/keyholder/reference.h"
#include "agent/keyholder/token_problem.h"
#include "agent/keyholder/unlock.h"

/* keyUsage bits (RFC 5280 4.2.1.3) as libcrypto numbers them. */
#define USAGE_SIGNATURE (0x80U | 0x40U) /* digitalSignature, nonRepudiation */
#define USAGE_ENCIPHER  (0x20U | 0x10U) /* key-, dataEncipherment */
#define USAGE_AGREEMENT 0x08U

struct importing {
    struct client *client;
    struct token *token;
    struct p12_items items;
    struct token_import *transaction;
    /* of each key */
    uint8_t id[LIMIT_ITEM_KEYS][TOKEN_KEY_ID_BYTES];
    bool already[LIMIT_ITEM_KEYS];
    const struct item *certificate[LIMIT_ITEM_KEYS]; /* NULL: none */
    uint32_t chain_certificates;
};

static void
importing_drop(struct importing *w)
{
    token_import_drop(&w->transaction);
    p12_items_drop(&w->items);
}

/* ---- which token ------------------------------------------------------- */

/* The only one that can be written. */
static enum err
choose_writable(struct token_store *store, struct token **out,
                struct problem *p)
{
    struct token *all[LIMIT_TOKENS], *fit[LIMIT_TOKENS];
    size_t n, count = 0;

    (void)token_store_refresh(store, 0);
    n = token_store_list(store, all, LIMIT_TOKENS);
    for (size_t i = 0; i < n && i < LIMIT_TOKENS; i++) {
        struct token_info info;

        token_get_info(all[i], &info);
        if (info.initialized && !info.write_protected)
            fit[count++] = all[i];
    }
    if (count == 0)
        return fail(p, ERR_TOKEN_ABSENT, "none that can be written");
    if (count > 1)
        return token_choice_problem(fit, count, p);
    *out = fit[0];
    return ERR_OK;
}

static enum err
choose_token(struct importing *w, struct slice which, struct problem *p)
{
    struct token_store *store = w->client->keyholder->store;
    struct token_info info;
    enum err e = which.n > 0 ? token_choose(store, which, &w->token, p)
                             : choose_writable(store, &w->token, p);

    if (e != ERR_OK)
        return e;
    token_get_info(w->token, &info);
    if (!info.initialized)
        return token_problem(TOKENS_UNINITIALIZED, w->token, p);
    if (info.write_protected)
        return token_problem(TOKENS_READ_ONLY, w->token, p);
    return ERR_OK;
}

static enum err
unlock_for_import(struct importing *w, struct slice file, struct problem *p)
{
    struct purpose why = {.token = w->token, .operation = "import a key file"};

    if (!unlock_is_needed(w->token))
        return ERR_OK;
    if (file.n > 0 && file.n < sizeof(why.key))
        memcpy(why.key, file.p, file.n);
    return unlock_by_prompt(w->client, &why, p);
}

/* ---- keys -------------------------------------------------------------- */

static unsigned
uses_that_fit(uint32_t type)
{
    if (type == KEY_RSA)
        return TOKEN_USE_SIGN | TOKEN_USE_DECRYPT | TOKEN_USE_UNWRAP;
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

static bool
fill_key(struct token_private_key *key, const struct p12_item *r)
{
    key->uses = uses_of(r);
    key->subject = bytes_of(r->subject);
    if (r->type == KEY_RSA) {
        fill_rsa(key, r->value.item);
        return true;
    }
    if (r->type != KEY_EC && r->type != KEY_ED25519)
        return false;
    key->type = r->type == KEY_EC ? TOKEN_KEY_EC : TOKEN_KEY_ED25519;
    key->curve = bytes_of(r->value.item[0]);
    key->point = bytes_of(r->value.item[1]);
    key->value = bytes_of(r->value.item[2]);
    return true;
}

static void
text_of(struct slice s, char *out, size_t size)
{
    size_t n = s.n < size - 1 ? s.n : size - 1;

    if (n > 0)
        memcpy(out, s.p, n);
    out[n] = '\0';
}

static enum err
add_key(struct importing *w, size_t i, struct problem *p)
{
    const struct p12_item *r = &w->items.key[i].record;
    struct token_private_key key = {0};
    char label[LIMIT_LABEL_BYTES + 1];
    enum tokens_err e;

    text_of(r->label, label, sizeof(label));
    key.label = label;
    if (!fill_key(&key, r))
        return fail(p, ERR_P12_UNSUPPORTED,
                    "a key of a type that cannot be put on a token (X25519)");
    e = token_key_id(&key, w->id[i]);
    if (e == TOKENS_OK)
        e = token_import_add_key(w->transaction, &key, &w->already[i]);
    return e == TOKENS_OK ? ERR_OK : token_problem(e, w->token, p);
}

static enum err
add_certificate(struct importing *w, const struct item *c, struct problem *p)
{
    struct slice der = c->record.value.item[0];
    struct token_bytes id = {0};
    char label[LIMIT_LABEL_BYTES + 1];
    bool already, has_key = false;
    enum tokens_err e;

    text_of(c->record.label, label, sizeof(label));
    for (size_t i = 0; i < w->items.key_count && !has_key; i++) {
        has_key = p12_items_pair(&w->items.key[i], c);
        if (!has_key)
            continue;
        id = (struct token_bytes){w->id[i], TOKEN_KEY_ID_BYTES};
        if (!w->certificate[i])
            w->certificate[i] = c;
    }
    e = token_import_add_certificate(w->transaction, der.p, der.n, id, label,
                                     &already);
    if (e == TOKENS_ARGUMENT)
        return fail(p, ERR_P12_FORMAT, "a certificate is malformed");
    if (e != TOKENS_OK)
        return token_problem(e, w->token, p);
    w->chain_certificates += !has_key;
    return ERR_OK;
}

static enum err
add_all(struct importing *w, struct problem *p)
{
    enum err e = ERR_OK;
    enum tokens_err t;

    for (size_t i = 0; e == ERR_OK && i < w->items.key_count; i++)
        e = add_key(w, i, p);
    for (size_t i = 0; e == ERR_OK && i < w->items.certificate_count; i++)
        e = add_certificate(w, &w->items.certificate[i], p);
    if (e != ERR_OK)
        return e;
    t = token_import_prove(w->transaction);
    if (t == TOKENS_DIFFERENT)
        return fail(p, ERR_P12_MISMATCH, NULL);
    if (t == TOKENS_OK)
        t = token_import_commit(w->transaction);
    return t == TOKENS_OK ? ERR_OK : token_problem(t, w->token, p);
}

static enum err
write_all(struct importing *w, struct problem *p)
{
    struct problem first = {0};
    enum tokens_err t = token_import_begin(w->token, &w->transaction);
    enum err e;

    if (t != TOKENS_OK)
        return token_problem(t, w->token, p);
    e = add_all(w, &first);
    if (e != ERR_OK) {
        t = token_import_rollback(w->transaction);
        *p = first;
        if (t != TOKENS_OK)
            (void)fail(p, ERR_TOKEN_FAILED,
                       "after %s, and what was written could not be removed",
                       err_name(first.code));
        if (t != TOKENS_OK)
            problem_set_token(p, first.token);
    }
    token_import_drop(&w->transaction);
    return e == ERR_OK ? ERR_OK : p->code;
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
add_record(const struct importing *w, size_t i, struct buf *bytes)
{
    const struct item *c = w->certificate[i];
    struct token_info info;
    AUTO(buf) struct buf ref = {0};
    struct import_record record = {
        .id = slice_of(w->id[i], TOKEN_KEY_ID_BYTES),
        .label = w->items.key[i].record.label,
        .already = w->already[i],
    };

    token_get_info(w->token, &info);
    reference_add(&ref, &info, record.id);
    record.ref = buf_slice(&ref);
    record.token = slice_text(info.label);
    if (c)
        record.certificate = c->record.value.item[0];
    record_encode(RECORD_import_record, &record, bytes);
}

static void
report(const struct importing *w, struct import_reply *out,
       struct reply_room *room)
{
    size_t end[LIMIT_ITEM_KEYS];
    size_t n = 0, at = 0;
    bool bare = false;

    for (; n < w->items.key_count; n++) {
        add_record(w, n, &room->bytes);
        bare |= w->certificate[n] == NULL;
        end[n] = room->bytes.len;
        if (room->bytes.len > LIMIT_REPORT_BYTES)
            break;
    }
    /* The warning's text lies behind the records. */
    buf_add_text(&room->bytes, w->items.warning);
    for (size_t i = 0; i < n; at = end[i++])
        if (!slice_list_add(&out->records,
                            slice_of(room->bytes.data + at, end[i] - at)))
            bug("more records than a list takes");
    out->chain_certificates = w->chain_certificates;
    if (w->items.warning[0])
        if (!slice_list_add(&out->warnings,
                            slice_of(room->bytes.data + room->bytes.len -
                                         strlen(w->items.warning),
                                     strlen(w->items.warning))))
            bug("more warnings than a list takes");
    if (bare)
        warn(out, "a key without a certificate was imported");
    if (n < w->items.key_count)
        warn(out, "more keys were imported than are listed");
}

static enum err
import_into(struct importing *w, const struct import_request *request,
            struct problem *p)
{
    enum err e = p12_items_read(w->client, request, &w->items, p);

    if (e == ERR_OK)
        e = choose_token(w, request->token, p);
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

    for (size_t i = 0; e == ERR_OK && i < w.items.key_count; i++)
        client_audit(c, "import", w.token,
                     slice_of(w.id[i], TOKEN_KEY_ID_BYTES), ERR_OK);
    if (e != ERR_OK) {
        client_audit(c, "import", w.token, slice_of(NULL, 0), e);
        return e;
    }
    report(&w, out, room);
    return ERR_OK;
}
