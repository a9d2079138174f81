#include <errno.h>
#include <poll.h>
#include <time.h>

#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/cms/algorithm.h"
#include "agent/validator/links.h"
#include "agent/validator/signature.h"
#include "agent/validator/validator.h"
#include "agent/wire/channel.h"

void
validator_init(struct validator *v, const char *const *anchors,
               const char *const *crls)
{
    static const char *const none[] = {NULL};

    *v = (struct validator){.anchors = anchors_new(anchors ? anchors : none),
                            .crls = crls_new(crls ? crls : none),
                            .certs = certs_new(),
                            .chains = chains_new()};
}

void
validator_drop(struct validator *v)
{
    signature_drop();
    links_drop();
    anchors_drop(&v->anchors);
    crls_drop(&v->crls);
    certs_drop(&v->certs);
    chains_drop(&v->chains);
    trust_drop(&v->trust);
    buf_drop(&v->described);
    buf_drop(&v->encryption_described);
    buf_drop(&v->hashes);
}

void
validator_refresh(struct validator *v)
{
    anchors_refresh(v->anchors);
    crls_refresh(v->crls);
}

void
wanted_tell(const struct chain_verdict *c, struct buf *store,
            struct slice_list *out)
{
    size_t start = store->len;

    for (size_t i = 0; i < c->wanted_count; i++)
        buf_add(store, c->wanted[i], 32);
    for (size_t i = 0; i < c->wanted_count; i++)
        out->item[out->n++] = slice_of(store->data + start + 32 * i, 32);
}

void
issuers_tell(const struct chain_verdict *c, const struct slice *der,
             struct cert *const *certs, struct buf *store,
             struct slice_list *out_issuers, struct slice_list *out_names)
{
    uint8_t name[LIMIT_CHAIN_DEPTH][32];
    size_t total = 0, n = 0;

    for (size_t i = 0; i < c->issuer_count && n < LIMIT_CHAIN_DEPTH; i++) {
        const X509 *x = certs[c->issuer[i]]->x509;

        total += der[c->issuer[i]].n;
        if (total > LIMIT_ISSUER_BYTES_TOTAL ||
            X509_NAME_digest(X509_get_subject_name(x), hash_md(HASH_SHA256),
                             name[n], NULL) != 1)
            break;
        out_issuers->item[n++] = der[c->issuer[i]];
    }
    buf_clear(store);
    buf_add(store, name, 32 * n);
    for (size_t i = 0; i < n; i++)
        out_names->item[i] = slice_of(store->data + 32 * i, 32);
    out_issuers->n = out_names->n = n;
}

const struct anchors *
validator_anchors(const struct validator *v, uint32_t trust)
{
    return trust != 0 && v->trust.anchors ? v->trust.anchors : v->anchors;
}

static struct chain_verdict
mail_chain(struct validator *v, struct cert *cert, struct cert *const *all,
           size_t n, int64_t at)
{
    const struct chain_question q = {
        .leaf = cert, .others = all, .n = n, .at = at, .stored = v->crls};
    struct chain_verdict verdict = chain_judge(v->chains, v->anchors, &q, NULL);

    if (verdict.chain == CHAIN_OK && cert_facts(cert)->uses == 0)
        verdict.chain = CHAIN_PURPOSE;
    return verdict;
}

static void
describe_one(struct validator *v, struct cert *cert, struct cert *const *all,
             size_t n, int64_t at, struct buf *store)
{
    struct chain_verdict verdict = mail_chain(v, cert, all, n, at);

    cert_describe(cert, verdict.chain, verdict.revocation == REVOCATION_CLEAR,
                  store);
}

void
validator_describe(struct validator *v, const struct describe_request *q,
                   struct buf *store, struct describe_reply *out)
{
    int64_t at =
        q->at == 0 || q->at > INT64_MAX ? (int64_t)time(NULL) : (int64_t)q->at;
    struct cert *certs[LIMIT_LIST_ITEMS];
    size_t end[LIMIT_LIST_ITEMS], start = 0, n = q->certificates.n;
    size_t wanted = q->wanted > 0 && q->wanted < n ? q->wanted : n;

    *out = (struct describe_reply){0};
    buf_clear(store);
    validator_refresh(v);
    for (size_t i = 0; i < n; i++)
        certs[i] = certs_find(v->certs, q->certificates.item[i]);
    for (size_t i = 0; i < wanted; i++) {
        size_t before = store->len;

        if (certs[i]) {
            if (q->purpose)
                describe_one(v, certs[i], certs, n, at, store);
            else
                cert_describe(certs[i], CHAIN_NOT_ASKED, false, store);
            if (store->len > LIMIT_DESCRIBED_BYTES)
                store->len = before;
        }
        end[i] = store->len;
    }
    /* Only now: growing moves the bytes. */
    for (size_t i = 0; i < wanted; start = end[i], i++)
        if (start < end[i])
            out->records.item[i] =
                slice_of(store->data + start, end[i] - start);
    out->records.n = wanted;
}

static void
status_fill(struct validator *v, struct keyring_status *status)
{
    const char *const *folders = anchors_folders(v->anchors);

    anchors_refresh(v->anchors);
    status->anchors = (uint32_t)anchors_count(v->anchors);
    for (size_t i = 0; folders[i] && i < LIMIT_FOLDERS; i++)
        if (strlen(folders[i]) <= LIMIT_TEXT_BYTES)
            status->anchor_folders.item[status->anchor_folders.n++] =
                slice_text(folders[i]);
}

/* ---- messages ------------------------------------------------------------ */

static enum err
lend(struct validator *v, const struct lent_trust *lent, struct problem *p)
{
    if (trust_add(&v->trust, lent))
        return ERR_OK;
    return fail(p, ERR_LIMIT,
                "more than %d MiB of anchors, CRLs and certificates",
                LIMIT_TRUST_BYTES / (1024 * 1024));
}

static enum err
handle(struct validator *v, enum message m, const union any_record *q,
       struct buf *store, union any_record *out, struct problem *p)
{
    if (m == MSG_JUDGE)
        return validator_verdict(v, &q->verify_request, &out->verify_reply, p);
    if (m == MSG_JUDGE_PATH)
        return validator_check(v, &q->check_request, &out->check_reply, p);
    if (m == MSG_LEND)
        return lend(v, &q->lent_trust, p);
    if (m == MSG_READ_CERTIFICATES)
        validator_describe(v, &q->describe_request, store,
                           &out->describe_reply);
    else if (m == MSG_LIST_ANCHORS)
        validator_list(v, q->page.cursor, store, &out->list_reply);
    else if (m == MSG_ANCHORS)
        status_fill(v, &out->keyring_status);
    else
        return fail(p, ERR_NOT_ALLOWED, "not for the validator");
    return ERR_OK;
}

static bool
answer(struct validator *v, int fd, enum message m,
       const union any_record *request)
{
    union any_record reply = {0};
    AUTO(buf) struct buf store = {0};
    struct problem p = {0};

    if (handle(v, m, request, &store, &reply, &p) == ERR_OK)
        return channel_reply(fd, m, &reply, NULL, 0);
    log_problem(message_row(m)->name, &p);
    return channel_refuse(fd, m, &p);
}

void
validator_serve(struct validator *v, int control, int channel)
{
    struct served s = {.fd = channel, .self = PROCESS_VALIDATOR};
    struct pollfd fds[2] = {{.fd = control, .events = POLLIN},
                            {.fd = channel, .events = POLLIN}};
    struct frame frame;
    bool going = true;

    frame_init(&frame);
    while (going) {
        union any_record request;
        enum message m;

        if (poll(fds, 2, -1) < 0) {
            going = errno == EINTR;
            continue;
        }
        /* The broker says nothing more: whatever comes is the end. */
        if (fds[0].revents)
            break;
        if (!fds[1].revents)
            continue;
        switch (channel_receive(&s, &frame, &m, &request)) {
        case RECEIVED_REQUEST:
            going = answer(v, channel, m, &request);
            certs_make_room(v->certs);
            signature_make_room();
            break;
        case RECEIVED_REFUSED:
            break;
        case RECEIVED_EOF:
        case RECEIVED_BROKEN:
            going = false;
            break;
        }
    }
    frame_drop(&frame);
}
