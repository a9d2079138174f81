/*
 * Signing and encrypting exact bytes.
 */
#include "agent/base/fd.h"
#include "agent/session/audience.h"
#include "agent/session/raw.h"
#include "agent/session/signer.h"
#include "agent/session/try.h"

/* At most so many issuers beside the signer's certificate. */
static size_t
chain_wanted(const struct request *r, const struct signer *s)
{
    size_t most = (size_t)request_number(r, "chain", (int64_t)s->chain_count);

    return most < s->chain_count ? most : s->chain_count;
}

/* All of FROM into TO, with `text` as lines that end with CRLF (RFC 8551
 * 3.1.1). */
static enum err
pump(struct request *r, struct stream *from, struct sink *to)
{
    struct crlf_writer *canonical;
    enum err e;

    if (!request_flag(r, "text"))
        return stream_pump(from, to, &r->problem);
    canonical = crlf_writer_new(to);
    e = stream_pump(from, crlf_writer_sink(canonical), &r->problem);
    if (e == ERR_OK)
        e = crlf_writer_finish(canonical, &r->problem);
    crlf_writer_drop(&canonical);
    return e;
}

static enum err
sign_beside(struct request *r, struct signer *s, struct stream *from,
            struct sink *to)
{
    AUTO(digests) struct digests *digests = digests_new(1U << s->hash);
    AUTO(buf) struct buf der = {0};

    TRY(pump(r, from, digests_sink(digests)));
    TRY(signer_sign_detached(r, s, digests, chain_wanted(r, s), &der));
    return sink_write(to, der.data, der.len, &r->problem);
}

static enum err
sign_around(struct request *r, struct signer *s, struct stream *from,
            struct sink *to)
{
    AUTO(digests) struct digests *digests = digests_new(1U << s->hash);
    AUTO(signed_writer) struct signed_writer *w = NULL;
    AUTO(buf) struct buf attrs = {0};
    AUTO(buf) struct buf signature = {0};
    struct signer_spec spec;
    struct sink_tee tee;

    w = signed_writer_new(to, s->hash);
    TRY(signed_writer_begin(w, &r->problem));
    sink_tee_init(&tee, digests_sink(digests), signed_writer_content(w));
    TRY(pump(r, from, &tee.s));
    TRY(signer_sign(r, s, digests_get(digests, s->hash), &attrs, &signature,
                    &spec));
    spec.chain_count = chain_wanted(r, s);
    return signed_writer_end(w, &spec, buf_slice(&attrs), buf_slice(&signature),
                             &r->problem);
}

enum err
raw_sign(struct request *r, struct signer *s, int input, int output)
{
    AUTO(raw_output) struct raw_output o = {0};
    AUTO(input) struct input in;

    /* Who counts certificates wants these and no other. */
    if (request_number(r, "chain", -1) >= 0)
        s->encryption = NULL;
    input_open(input, &in);
    TRY(raw_output_open(r, output, &o));
    if (request_flag(r, "opaque"))
        TRY(sign_around(r, s, &in.stream.s, o.sink));
    else
        TRY(sign_beside(r, s, &in.stream.s, o.sink));
    return raw_output_commit(r, &o);
}

enum err
raw_encrypt(struct request *r, const struct audience *a, enum cipher cipher,
            int input, int output)
{
    AUTO(raw_output) struct raw_output o = {0};
    AUTO(input) struct input in;
    AUTO(enveloped_writer) struct enveloped_writer *w = NULL;

    input_open(input, &in);
    TRY(raw_output_open(r, output, &o));
    TRY(enveloped_writer_begin(o.sink, cipher, a->recipient, a->count, &w,
                               &r->problem));
    TRY(pump(r, &in.stream.s, enveloped_writer_content(w)));
    TRY(enveloped_writer_end(w, &r->problem));
    return raw_output_commit(r, &o);
}
