/*
 * A whole message opened and judged with the real validator, in one process.
 * Whatever it finds right is looked at again by OpenSSL and plain rules: the
 * digest, the attributes, the signature, the chain, the mailbox, what is
 * covered. The seeds are signed under ANCHOR; mutations that keep
 * the signature are attacks.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "tests/fuzz/again.h"
#include "tests/fuzz/judging.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/verdict_anchor.h"

/* Inside the validity of all certificates of the seeds. */
#define JUDGED_AT 1900000000

MUTATES_MAIL

static const struct reading *current;
static struct slice current_mail;
static bool any_good;

enum err
keyholder_call(struct request *r, enum message m, const void *request,
               const int *fds, int fd_count, void *reply)
{
    (void)m, (void)request, (void)fds, (void)fd_count, (void)reply;
    return fail(&r->problem, ERR_TOKEN_ABSENT, NULL);
}

enum err
keyring_call(struct request *r, enum message m, const void *request,
             void *reply)
{
    const struct verify_request *q = request;
    struct verify_reply *v = reply;

    (void)r;
    REQUIRE(m == MSG_VERIFY);
    judging_ask(q, v);
    if (v->integrity == INTEGRITY_OK) {
        again_signature(q, v);
        if (q->covers)
            again_covered(current, current_mail,
                          hash_from_algorithm(q->digest_algorithm));
    }
    if (v->chain == CHAIN_OK)
        again_chain(q, v, VERDICT_ANCHOR);
    if (v->sender == SENDER_MATCHES)
        again_sender(q, v);
    REQUIRE(!v->good || (v->integrity == INTEGRITY_OK && v->chain == CHAIN_OK &&
                         v->sender == SENDER_MATCHES &&
                         v->strength == STRENGTH_OK && q->covers));
    any_good |= v->good != 0;
    return ERR_OK;
}

static void
judge(struct reading *g)
{
    struct judging how = {.origin = "fuzz", .at = JUDGED_AT};
    json_t *report = NULL;

    any_good = false;
    REQUIRE(judge_report(g, &how, &report) == ERR_OK && report);
    if (json_is_true(json_object_get(report, "good"))) {
        REQUIRE(any_good);
        again_good(g);
        again_alone(g, current_mail);
    }
    again_json(report);
    json_decref(report);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool begun;
    struct session s = {.scratch = {-1, -1}};
    struct request r = {.session = &s};
    struct reading *g = mem_new(sizeof(*g));
    int fd = memfd_create("mail", MFD_CLOEXEC);

    if (!begun)
        judging_begin(VERDICT_ANCHOR);
    begun = true;
    REQUIRE(fd >= 0 && fd_write_all(fd, data, size));
    REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
    current = g;
    current_mail = slice_of(data, size);
    if (reading_open(&r, VERB_OPEN, fd, g) == ERR_OK &&
        reading_run(g) == ERR_OK)
        judge(g);
    else
        REQUIRE(r.problem.code != ERR_OK && r.problem.code != ERR_INTERNAL);
    reading_drop(g);
    free(g);
    return 0;
}
