/*
 * A whole message opened and judged, with a keyholder and a keyring that
 * answer in this process: what is good comes from one mailbox and is covered
 * by every signature, plain mail passes byte by byte, and no message makes
 * an internal request that cannot be sent.
 */
#include <openssl/evp.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "tests/fuzz/again.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/outline.h"

MUTATES_MAIL

static const uint8_t zero[64];
static uint32_t answers; /* bits that decide what the keyring says */

static bool
next_answer(void)
{
    answers = answers >> 1 | answers << 31;
    return answers & 1;
}

static enum err
try_encode(enum message m, const void *request)
{
    AUTO(buf) struct buf bytes = {0};

    record_encode(message_row(m)->request, request, &bytes);
    REQUIRE(bytes.len + 64 < message_row(m)->limit_bytes);
    return ERR_OK;
}

/* The content-encryption key is zero, or there is trouble with the token; none
 * that was there before is away. */
enum err
keyholder_call(struct request *r, enum message m, const void *request,
               const int *fds, int fd_count, void *reply)
{
    (void)fds;
    REQUIRE(fd_count == 0 &&
            (m == MSG_UNWRAP || m == MSG_AGREE || m == MSG_DECRYPTED ||
             m == MSG_KEYS_AWAY || m == MSG_ALL_READ));
    if (m == MSG_ALL_READ)
        *(struct silence *)reply = (struct silence){0};
    if (m == MSG_DECRYPTED || m == MSG_ALL_READ)
        return ERR_OK;
    if (m == MSG_KEYS_AWAY) {
        *(struct list_reply *)reply = (struct list_reply){0};
        return ERR_OK;
    }
    if (try_encode(m, request) == ERR_OK && (answers & 0xff) == 0xff)
        return fail(&r->problem, ERR_TOKEN_REMOVED, NULL);
    if (m == MSG_UNWRAP) {
        const struct unwrap_request *q = request;

        REQUIRE(q->key_bytes > 0 && q->key_bytes <= sizeof(zero));
        ((struct unwrap_reply *)reply)->key = slice_of(zero, q->key_bytes);
    } else {
        const struct agree_request *q = request;

        REQUIRE(q->kek_bytes == 16 || q->kek_bytes == 24 || q->kek_bytes == 32);
        ((struct agree_reply *)reply)->kek = slice_of(zero, q->kek_bytes);
    }
    return ERR_OK;
}

/* The signature is good or not; the rest is as a validator would have it. */
enum err
keyring_call(struct request *r, enum message m, const void *request,
             void *reply)
{
    const struct verify_request *q = request;
    struct verify_reply *v = reply;

    (void)r;
    REQUIRE(m == MSG_VERIFY && try_encode(m, request) == ERR_OK);
    REQUIRE(q->covers || !q->learn);
    *v = (struct verify_reply){0};
    v->integrity = next_answer() ? INTEGRITY_OK : INTEGRITY_DIGEST_WRONG;
    v->chain = next_answer() ? CHAIN_OK : CHAIN_UNTRUSTED;
    v->sender = q->header_flags || q->from.n > 1 ? SENDER_AMBIGUOUS
                : q->from.n == 0                 ? SENDER_NOT_SEEN
                                                 : SENDER_MATCHES;
    v->good = v->integrity == INTEGRITY_OK && v->chain == CHAIN_OK &&
              v->sender == SENDER_MATCHES && q->covers;
    return ERR_OK;
}

/* An RSA key with serial 1, an EC key with serial 2. */
static void
add_keys(struct own_keys *keys)
{
    keys->count = 2;
    keys->item = mem_new(2 * sizeof(keys->item[0]));
    for (uint8_t i = 0; i < 2; i++) {
        keys->item[i].type = i == 0 ? KEY_RSA : KEY_EC;
        keys->item[i].flags = KEY_HAS_PRIVATE;
        buf_add_text(&keys->item[i].ref, "ref");
        outline_certificate((uint8_t)(i + 1), &keys->item[i].certificate);
    }
}

static void
open_and_judge(struct request *r, int fd, struct slice mail, struct reading *g,
               struct buf *out)
{
    struct judging how = {.learn = true, .origin = "fuzz"};
    struct sink_buf to;
    json_t *report = NULL;

    sink_buf_init(&to, out, SIZE_MAX / 2);
    g->to = &to.s;
    add_keys(&g->keys);
    if (reading_open(r, VERB_OPEN, fd, g) != ERR_OK ||
        reading_run(g) != ERR_OK) {
        REQUIRE(r->problem.code != ERR_OK);
        REQUIRE(r->problem.code != ERR_INTERNAL);
        return;
    }
    REQUIRE(judge_report(g, &how, &report) == ERR_OK && report);
    if (json_is_true(json_object_get(report, "good"))) {
        again_good(g);
        again_alone(g, mail);
    }
    again_json(report);
    json_decref(report);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct session s = {.scratch = {-1, -1}};
    struct request r = {.session = &s};
    struct reading *g = mem_new(sizeof(*g));
    AUTO(buf) struct buf out = {0};
    int fd = memfd_create("mail", MFD_CLOEXEC);

    REQUIRE(fd >= 0 && fd_write_all(fd, data, size));
    REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
    answers = 0xffffff7f;
    for (size_t i = size < 8 ? 0 : size - 8; i < size; i++)
        answers ^= (uint32_t)data[i] << (i % 4 * 8) & 0x01010101u * 0x3c;
    open_and_judge(&r, fd, slice_of(data, size), g, &out);
    if (r.problem.code == ERR_OK && g->layer_count == 0)
        REQUIRE(slice_equal(buf_slice(&out), slice_of(data, size)));
    reading_drop(g);
    free(g);
    return 0;
}
