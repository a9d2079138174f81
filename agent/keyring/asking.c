/* Questions to the validator. */
#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/keyring/keyring.h"

/* What the last one had is gone with it. */
void
keyring_validator_set(struct keyring *k, int fd)
{
    fd_drop(&k->validator);
    k->validator = fd;
    k->validators++;
    k->lent = 0;
}

static bool
validator_wait(struct keyring *k)
{
    int64_t end = clock_ms() + VALIDATOR_RESTART_MS;

    while (k->validator < 0 && !k->control_gone) {
        int64_t left = end - clock_ms();

        if (left <= 0 || fd_wait_readable(k->control.fd, (int)left) <= 0)
            return false;
        keyring_control_read(k);
    }
    return k->validator >= 0;
}

enum err
keyring_ask(struct keyring *k, enum message m, const void *request, void *reply,
            struct problem *p)
{
    return keyring_ask_while(k, m, request, reply, NULL, p);
}

static const struct channel_wait validator_answers = {
    .lost = ERR_KEYRING_LOST,
    .watch = -1,
    .timeout_ms = LIMIT_VALIDATOR_ANSWER_MS};

/* An answer that comes late must not be taken for the next one. */
static void
validator_give_up(struct keyring *k, enum err why)
{
    log_note("the validator %s",
             why == ERR_TOKEN_BUSY ? "is silent" : "is gone");
    keyring_validator_set(k, -1);
}

bool
keyring_ask_ahead(struct keyring *k, enum message m, const void *request)
{
    if (k->validator < 0)
        return false;
    if (channel_send(k->validator, m, request, NULL, 0))
        return true;
    validator_give_up(k, ERR_KEYRING_LOST);
    return false;
}

static enum err
answer_take(struct keyring *k, enum message m, struct frame *frame, void *reply,
            struct problem *p)
{
    enum err e;

    if (k->validator < 0)
        return fail(p, ERR_KEYRING_LOST, "no validator");
    e = channel_collect(k->validator, m, &validator_answers, frame, reply, p);
    if (e == ERR_KEYRING_LOST || e == ERR_TOKEN_BUSY)
        validator_give_up(k, e);
    return e == ERR_TOKEN_BUSY ? ERR_KEYRING_LOST : e;
}

enum err
keyring_answer_take(struct keyring *k, enum message m, void *reply,
                    struct problem *p)
{
    return answer_take(k, m, &k->answer, reply, p);
}

/* ---- verdicts that were asked for ahead ---------------------------------- */

/* The one that was asked is gone, and what it would have said with it. */
static bool
is_lost(const struct keyring *k, const struct asked *a)
{
    return a->validator != k->validators;
}

enum err
keyring_verdict_take(struct keyring *k, struct asked *a,
                     struct verify_reply *out, struct problem *p)
{
    struct frame empty = k->answer;

    a->is_judged = false;
    if (!a->has_verdict)
        return is_lost(k, a) ? fail(p, ERR_KEYRING_LOST, "no validator")
                             : keyring_answer_take(k, MSG_JUDGE, out, p);
    a->has_verdict = false;
    k->answer = a->verdict;
    a->verdict = empty;
    *out = a->reply;
    return ERR_OK;
}

/* Answers come in the order of the questions: those to what was asked ahead
 * are kept for their turn. */
static void
verdicts_keep(struct keyring *k)
{
    for (size_t n = 1; n <= k->ahead; n++) {
        struct asked *a = keyring_asked(k, n);
        struct problem ignored = {0};

        if (!a->is_judged || a->has_verdict)
            continue;
        a->has_verdict =
            !is_lost(k, a) && answer_take(k, MSG_JUDGE, &a->verdict, &a->reply,
                                          &ignored) == ERR_OK;
        a->is_judged = a->has_verdict;
    }
}

/* ---- one question and its answer ----------------------------------------- */

/* One attempt. */
static enum err
ask_once(struct keyring *k, enum message m, const void *request, void *reply,
         const struct errand *meanwhile, struct problem *p)
{
    if (!channel_send(k->validator, m, request, NULL, 0))
        return fail(p, ERR_KEYRING_LOST, NULL);
    if (meanwhile)
        meanwhile->run(k, meanwhile->arg);
    return channel_collect(k->validator, m, &validator_answers, &k->answer,
                           reply, p);
}

enum err
keyring_ask_while(struct keyring *k, enum message m, const void *request,
                  void *reply, const struct errand *meanwhile,
                  struct problem *p)
{
    verdicts_keep(k);
    for (int attempt = 0; attempt < 2; attempt++) {
        enum err e;

        if (!validator_wait(k))
            break;
        *p = (struct problem){0};
        e = ask_once(k, m, request, reply, meanwhile, p);
        if (e != ERR_KEYRING_LOST && e != ERR_TOKEN_BUSY)
            return e;
        validator_give_up(k, e);
    }
    *p = (struct problem){0};
    return fail(p, ERR_KEYRING_LOST, "no validator");
}

enum err
keyring_describe_stored(struct keyring *k, const struct stored *row,
                        struct buf *out, struct description *about,
                        struct problem *p)
{
    struct describe_request q = {.purpose = 1, .wanted = 1};
    AUTO(buf) struct buf bytes = {0};
    struct slice_list issuers = {0};
    struct describe_reply reply;
    enum err e = store_issuers(k->store, row->certificate, &bytes, &issuers, p);

    *about = (struct description){.chain = CHAIN_NOT_ASKED};
    if (e != ERR_OK)
        return e;
    q.certificates.item[q.certificates.n++] = row->der;
    for (size_t i = 0; i < issuers.n; i++)
        if (!slice_list_add(&q.certificates, issuers.item[i]))
            break;
    e = keyring_ask(k, MSG_READ_CERTIFICATES, &q, &reply, p);
    if (e != ERR_OK)
        return e;
    if (reply.records.n == 0 || reply.records.item[0].n == 0)
        return ERR_OK;
    buf_add_slice(out, reply.records.item[0]);
    /* Bytes that changed on the disk may still read as a certificate. */
    if (!record_decode(RECORD_description, buf_slice(out), about) ||
        !slice_equal(about->fingerprint, row->fingerprint)) {
        buf_clear(out);
        *about = (struct description){.chain = CHAIN_NOT_ASKED};
    }
    revoked_note(k, row, about);
    return ERR_OK;
}
