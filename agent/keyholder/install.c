/*
 * MSG_INSTALL: what a CA returned, stored beside the key it is for. Nothing
 * that is there is replaced: an older certificate of the key stays.
 */
#include <stdio.h>

#include "agent/base/limits.h"
#include "agent/keyholder/choice.h"
#include "agent/keyholder/reference.h"
#include "agent/keyholder/token_problem.h"
#include "agent/keyholder/writing.h"
#include "tokens/write.h"

struct installing {
    struct client *client;
    const struct slice_list *certificates;
    struct token *token;
    /* the key of each on the token at hand; id_len 0: it has none there */
    struct token_match match[LIMIT_INSTALL_CERTIFICATES];
    size_t matches;
    bool already[LIMIT_INSTALL_CERTIFICATES];
    struct token_import *transaction;
    /* of all tokens */
    struct buf *records;
    size_t end[LIMIT_INSTALLED];
    size_t installed;
    uint32_t chain;
};

/* ---- which key --------------------------------------------------------- */

/* TOKENS_ARGUMENT when one is no certificate; its place is in *out_bad. */
static enum tokens_err
match_all(struct installing *w, size_t *out_bad)
{
    const struct slice_list *l = w->certificates;

    memset(w->match, 0, sizeof(w->match));
    w->matches = 0;
    for (size_t i = 0; i < l->n; i++) {
        enum tokens_err e = token_find_key_of_certificate(
            w->token, l->item[i].p, l->item[i].n, &w->match[i]);

        if (e == TOKENS_NO_KEY)
            continue;
        *out_bad = i;
        if (e != TOKENS_OK)
            return e;
        w->matches++;
    }
    return TOKENS_OK;
}

/* Behind a login there may be more to see, or less: a certificate that only
 * lies there. */
static enum err
match_unlocked(struct installing *w, struct problem *p)
{
    const struct purpose why = {.token = w->token,
                                .operation = "store a certificate"};
    enum tokens_err t;
    size_t bad = 0;
    enum err e;

    if (w->matches == 0)
        return ERR_OK;
    if ((e = writing_unlock(w->client, &why, p)) != ERR_OK)
        return e;
    t = match_all(w, &bad);
    return t == TOKENS_OK ? ERR_OK : token_problem(t, w->token, p);
}

/* ---- storing ----------------------------------------------------------- */

static enum tokens_err
add_one(struct installing *w, size_t i)
{
    const struct token_match *m = &w->match[i];
    struct slice der = w->certificates->item[i];
    struct token_bytes id = {0};

    if (m->id_len > 0)
        id = (struct token_bytes){m->token_id, m->token_id_len};
    return token_import_add_certificate(w->transaction, der.p, der.n, id, NULL,
                                        &w->already[i]);
}

static void
audit_stored(struct installing *w)
{
    for (size_t i = 0; i < w->certificates->n; i++) {
        const struct token_match *m = &w->match[i];

        if (m->id_len > 0)
            client_audit(w->client, "install", w->token,
                         slice_of(m->id, m->id_len), ERR_OK);
    }
}

static enum err
store_noted(struct installing *w, struct journal *journal, struct problem *p)
{
    struct problem first = {0};
    enum tokens_err t = token_import_begin(w->token, &w->transaction);

    if (t == TOKENS_OK)
        token_import_set_journal(w->transaction, journal_notes(journal));
    for (size_t i = 0; t == TOKENS_OK && i < w->certificates->n; i++)
        t = add_one(w, i);
    if (t == TOKENS_OK)
        t = token_import_seal(w->transaction);
    if (t == TOKENS_OK && journal_close(journal, &first) == ERR_OK)
        t = token_import_commit(w->transaction);
    if (t != TOKENS_OK && journal_problem(journal, &first) == ERR_OK)
        (void)token_certificate_problem(t, w->token, &first);
    if (first.code != ERR_OK)
        return writing_undo(&w->transaction, 1, journal, &first, p);
    /* The token may hang in the end of its session. */
    audit_stored(w);
    token_import_drop(&w->transaction);
    return ERR_OK;
}

static enum err
store_all(struct installing *w, struct problem *p)
{
    struct journal *journal = journal_new(&w->client->keyholder->journals);
    enum err e = store_noted(w, journal, p);

    journal_drop(&journal);
    return e;
}

static void
report(struct installing *w)
{
    struct token_info info;

    token_get_info(w->token, &info);
    for (size_t i = 0; i < w->certificates->n; i++) {
        AUTO(buf) struct buf ref = {0};
        struct import_record record = {
            .id = slice_of(w->match[i].id, w->match[i].id_len),
            .token = slice_text(info.label),
            .already = w->already[i],
            .certificate = w->certificates->item[i]};

        if (record.id.n == 0) {
            w->chain += !w->already[i];
            continue;
        }
        if (w->installed == LIMIT_INSTALLED)
            continue;
        if (w->records->len + record.certificate.n > LIMIT_REPORT_BYTES)
            record.certificate = slice_of(NULL, 0);
        reference_add(&ref, &info, record.id);
        record.ref = buf_slice(&ref);
        record_encode(RECORD_import_record, &record, w->records);
        w->end[w->installed++] = w->records->len;
    }
}

static enum err
bad_certificate(size_t at, size_t count, struct problem *p)
{
    return count == 1 ? fail(p, ERR_BAD_CERTIFICATE, NULL)
                      : fail(p, ERR_BAD_CERTIFICATE, "number %zu of %zu",
                             at + 1, count);
}

/* On W's token, when a key is there. A token that cannot be read is passed
 * over unless it was asked for. */
static enum err
install_on(struct installing *w, bool asked_for, struct problem *p)
{
    size_t bad = 0;
    enum tokens_err t = match_all(w, &bad);
    enum err e;

    if (t == TOKENS_ARGUMENT)
        return bad_certificate(bad, w->certificates->n, p);
    if (t != TOKENS_OK)
        return asked_for ? token_problem(t, w->token, p) : ERR_OK;
    e = match_unlocked(w, p);
    if (e == ERR_OK && w->matches > 0)
        e = store_all(w, p);
    if (e != ERR_OK)
        client_audit(w->client, "install", w->token, slice_of(NULL, 0), e);
    else if (w->matches > 0)
        report(w);
    if (e == ERR_OK && w->matches > 0)
        remembered_refresh(&w->client->keyholder->remembered, w->token);
    return e;
}

static enum err
install_anywhere(struct installing *w, struct problem *p)
{
    struct token_store *store = w->client->keyholder->store;
    struct token *all[LIMIT_TOKENS];
    enum err e = ERR_OK;
    size_t n;

    (void)token_store_refresh(store, 0);
    n = token_store_list(store, all, LIMIT_TOKENS);
    for (size_t i = 0; e == ERR_OK && i < n && i < LIMIT_TOKENS; i++) {
        struct token_info info;

        token_get_info(all[i], &info);
        w->token = all[i];
        if (info.initialized)
            e = install_on(w, false, p);
    }
    return e;
}

static enum err
no_key_for_it(const struct installing *w, struct slice named, struct problem *p)
{
    char name[TOKEN_LABEL_BYTES], silence[SILENCE_BYTES];

    if (named.n == 0 && module_silence(w->client->keyholder->store, silence))
        return fail(p, ERR_NO_KEY_FOR_CERTIFICATE, "%s", silence);
    if (named.n == 0)
        return fail(p, ERR_NO_KEY_FOR_CERTIFICATE, NULL);
    token_name(w->token, name);
    return fail(p, ERR_NO_KEY_FOR_CERTIFICATE,
                "only the token %s was looked at, as --token says", name);
}

enum err
certificates_install(struct client *c, const struct install_request *request,
                     struct import_reply *out, struct reply_room *room,
                     struct problem *p)
{
    struct installing w = {.client = c,
                           .certificates = &request->certificates,
                           .records = &room->bytes};
    size_t at = 0;
    enum err e;

    if (request->certificates.n == 0)
        return fail(p, ERR_BAD_CERTIFICATE, "there is none");
    if (request->token.n == 0) {
        e = install_anywhere(&w, p);
    } else {
        e = token_choose(c->keyholder->store, request->token, &w.token, p);
        if (e == ERR_OK)
            e = install_on(&w, true, p);
    }
    if (e == ERR_OK && w.installed == 0)
        e = no_key_for_it(&w, request->token, p);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < w.installed; at = w.end[i++])
        if (!slice_list_add(&out->records,
                            slice_of(room->bytes.data + at, w.end[i] - at)))
            bug("more records than a list takes");
    out->chain_certificates = w.chain;
    return ERR_OK;
}
