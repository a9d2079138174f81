/*
 * Decrypting and verifying CMS objects that stand alone. What they hold is
 * passed on as it is: nothing in it is taken for mail.
 */
#include <stdio.h>

#include "agent/base/fd.h"
#include "agent/session/judge.h"
#include "agent/session/raw.h"
#include "agent/session/trust.h"
#include "agent/session/try.h"

#define KEY_OPERATIONS LIMIT_KEY_TRIES

static const struct where outermost = {
    .signature = -1, .encryption = -1, .path = "1"};

/* A reading of no mail: one layer, no header. */
static struct reading *
reading_new(struct request *r, enum verb verb)
{
    struct reading *g = mem_new(sizeof(*g));

    g->r = r;
    g->verb = verb;
    g->input.fd = -1;
    g->begins = -1;
    return g;
}

/* mem.h's AUTO wants a name of its own. */
static void
reading_free_drop(struct reading **g)
{
    if (*g)
        reading_drop(*g);
    free(*g);
    *g = NULL;
}

static enum err
report(struct reading *g, const struct judging *how, json_t **out)
{
    json_t *told = NULL;

    TRY(judge_report(g, how, &told));
    *out = json_pack("{s:o}", "report", told);
    return ERR_OK;
}

/* ---- Decrypt ------------------------------------------------------------- */

static enum err
decrypt_object(struct reading *g, struct stream *der, struct sink *to)
{
    AUTO(cms_object) struct cms_object *o = NULL;
    AUTO(enveloped_reader) struct enveloped_reader *reader = NULL;
    AUTO(secret) struct secret *key = NULL;
    struct problem *p = &g->r->problem;
    struct stream *plain;
    struct layer *l;

    TRY(cms_object_open(der, &o, p));
    if (cms_object_type(o) == CMS_TYPE_SIGNED)
        return fail(p, ERR_NOT_SMIME, "it is signed, but not encrypted");
    if (cms_object_type(o) != CMS_TYPE_ENVELOPED &&
        cms_object_type(o) != CMS_TYPE_AUTH_ENVELOPED)
        return fail(p, ERR_UNSUPPORTED, "a CMS object that is not encrypted");
    TRY(enveloped_reader_begin(o, &reader, p));
    l = reading_layer_add(g, LAYER_ENCRYPTED, &outermost);
    l->cipher = *enveloped_cipher(reader);
    l->recipients = enveloped_recipient_count(reader);
    TRY(reading_find_key(g, l, reader, &key));
    TRY(enveloped_reader_content(reader, key, &plain, p));
    TRY(stream_pump(plain, to, p));
    l->opened = true;
    return reading_decrypted(g);
}

enum err
raw_decrypt(struct request *r, json_t **out)
{
    struct judging how = {.origin = "decrypt"};
    AUTO(reading_free) struct reading *g = reading_new(r, VERB_DECRYPT);
    AUTO(raw_input) struct raw_input in = {.input = {.fd = -1}};
    AUTO(output) struct output *o = NULL;
    AUTO(fd) int in_fd = -1;
    AUTO(fd) int out_fd = -1;

    TRY(request_fd(r, "input", &in_fd));
    TRY(request_fd(r, "output", &out_fd));
    TRY(own_keys_load(r, false, &g->keys));
    TRY(session_narrow(r, VERB_DECRYPT, KEY_OPERATIONS, slice_of(NULL, 0)));
    TRY(output_open(fd_take(&out_fd), &r->session->scratch, &o, &r->problem));
    TRY(raw_input_open(fd_take(&in_fd), &in, &r->problem));
    TRY(decrypt_object(g, in.der, output_sink(o)));
    TRY(raw_client_check(r));
    TRY(report(g, &how, out));
    return output_commit(o, &r->problem);
}

/* ---- Verify -------------------------------------------------------------- */

/* Digests of CONTENT for every signer, passed on to TO (NULL: nowhere). */
static enum err
take_content(struct request *r, struct stream *content, bool text,
             struct layer *l, struct sink *to)
{
    struct stream_watched watched;
    struct stream_digested digested;
    struct stream_tapped tapped;
    enum err e;

    stream_tapped_init(&tapped, content, to);
    stream_digested_init(&digested, &tapped.s, l->digests, text);
    stream_watched_init(&watched, &digested.s);
    e = stream_drain(&watched.s, &r->problem);
    if (e == ERR_OK)
        stream_watched_end(&watched, l);
    /* Bytes, no mail: nothing in them points elsewhere. */
    l->flaw = NULL;
    stream_watched_drop(&watched);
    stream_digested_drop(&digested);
    return e;
}

static unsigned
hashes_of(const struct signed_data *d)
{
    unsigned hashes = d->hashes | 1U << HASH_SHA256;

    for (size_t i = 0; i < d->signer_count; i++)
        if (d->signer[i].hash != HASH_NONE)
            hashes |= 1U << d->signer[i].hash;
    return hashes;
}

/* The content in a descriptor of its own, read after the signature that says
 * which digests it wants. Takes FD. */
static enum err
take_content_beside(struct request *r, int fd, struct layer *l, struct sink *to)
{
    AUTO(input) struct input in;
    const char *flaw = l->flaw;

    input_open(fd, &in);
    l->digests = digests_new(hashes_of(&l->data));
    TRY(take_content(r, &in.stream.s, request_flag(r, "text"), l, to));
    l->flaw = flaw;
    if (l->data.has_content && !l->data.content_empty)
        layer_flaw(l, "content-in-detached");
    return ERR_OK;
}

/* FD: of the content, or -1 (taken). */
static enum err
verify_object(struct reading *g, struct raw_input *in, int fd, struct sink *to)
{
    AUTO(fd) int content = fd;
    AUTO(cms_object) struct cms_object *o = NULL;
    AUTO(signed_reader) struct signed_reader *reader = NULL;
    struct problem *p = &g->r->problem;
    bool rubbish = false;
    struct layer *l;

    TRY(cms_object_open(in->der, &o, p));
    if (cms_object_type(o) != CMS_TYPE_SIGNED)
        return fail(p, ERR_NOT_SMIME, "it is not signed");
    l = reading_layer_add(g, LAYER_SIGNED, &outermost);
    TRY(signed_reader_begin(o, &l->data, &reader, p));
    if (content < 0 && l->data.has_content) {
        l->opaque = true;
        l->digests = digests_new(l->data.hashes | 1U << HASH_SHA256);
        TRY(take_content(g->r, signed_reader_content(reader), false, l, to));
    } else {
        TRY(stream_drain(signed_reader_content(reader), p));
    }
    TRY(layer_finish(l, o, reader, p));
    TRY(raw_input_finish(in, &rubbish, p));
    if (rubbish)
        layer_flaw(l, "trailing-data");
    if (content < 0 && !l->data.has_content && l->data.signer_count > 0)
        return fail(p, ERR_BAD_MESSAGE,
                    "the signed content is missing: it is beside it");
    l->finished = true;
    return content < 0 ? ERR_OK
                       : take_content_beside(g->r, fd_take(&content), l, to);
}

/* The sender where the caller has read it in a header. */
static void
take_sender(struct request *r, struct author *a)
{
    const char *sender = request_text(r, "sender");

    if (sender) {
        AUTO(buf) struct buf field = {0};

        buf_addf(&field, "%s", sender);
        mailbox_list_parse(buf_slice(&field), &a->from);
        if (a->from.malformed || a->from.count != 1)
            a->header_flags |= HEADER_MALFORMED_FROM;
    }
}

static enum err
optional_fd(struct request *r, const char *name, int *out)
{
    const json_t *value = json_object_get(r->parameters, name);

    return value && !json_is_null(value) ? request_fd(r, name, out) : ERR_OK;
}

static struct judging
judging_of(const struct request *r)
{
    const char *origin = request_text(r, "origin");

    return (struct judging){.learn = request_flag(r, "learn"),
                            .at = request_time(r, "at"),
                            .whole = true,
                            .origin = origin ? origin : "verify"};
}

enum err
raw_verify(struct request *r, json_t **out)
{
    struct judging how = judging_of(r);
    AUTO(reading_free) struct reading *g = reading_new(r, VERB_VERIFY);
    AUTO(raw_input) struct raw_input in = {.input = {.fd = -1}};
    AUTO(output) struct output *o = NULL;
    AUTO(fd) int in_fd = -1;
    AUTO(fd) int content = -1;
    AUTO(fd) int out_fd = -1;

    TRY(request_fd(r, "input", &in_fd));
    TRY(optional_fd(r, "content", &content));
    TRY(optional_fd(r, "output", &out_fd));
    TRY(session_narrow(r, VERB_VERIFY, 0, slice_of(NULL, 0)));
    TRY(trust_bring(r, "anchors", TRUST_ANCHORS));
    TRY(trust_bring(r, "crls", TRUST_CRLS));
    if (out_fd >= 0)
        TRY(output_open(fd_take(&out_fd), &r->session->scratch, &o,
                        &r->problem));
    take_sender(r, &g->author);
    TRY(raw_input_open(fd_take(&in_fd), &in, &r->problem));
    TRY(verify_object(g, &in, fd_take(&content), o ? output_sink(o) : NULL));
    TRY(report(g, &how, out));
    return o ? output_commit(o, &r->problem) : ERR_OK;
}
