#include "agent/session/spool.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/secret.h"
#include "agent/wire/channel.h"

#define KEY_BYTES  32
#define SCRATCH_MS 10000 /* for the broker to open a file */

struct spool {
    struct sink sink;
    struct stream stream;
    int fd;
    off_t written;
    off_t read_at;
    struct secret *key;
    EVP_CIPHER_CTX *writing;
    EVP_CIPHER_CTX *reading;           /* made at the first read */
    uint8_t block[STREAM_CHUNK_BYTES]; /* ciphertext, in both directions */
};

/* Both directions start at position 0 with counter 0; the key serves for
 * this one spool only. */
static EVP_CIPHER_CTX *
cipher_start(const struct secret *key)
{
    static const uint8_t counter[16];
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

    if (!c || EVP_EncryptInit_ex(c, EVP_aes_256_ctr(), NULL,
                                 secret_slice(key).p, counter) != 1)
        bug("AES-256-CTR is missing");
    return c;
}

static void
cipher_apply(EVP_CIPHER_CTX *c, uint8_t *out, const uint8_t *in, size_t n)
{
    int done;

    if (EVP_EncryptUpdate(c, out, &done, in, (int)n) != 1 || done != (int)n)
        bug("AES-256-CTR failed");
}

static bool
write_at(int fd, const uint8_t *p, size_t n, off_t at)
{
    while (n > 0) {
        ssize_t done = pwrite(fd, p, n, at);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
        at += done;
    }
    return true;
}

static enum err
spool_write(struct sink *sink, const uint8_t *p, size_t n,
            struct problem *problem)
{
    struct spool *s = (struct spool *)sink;

    while (n > 0) {
        size_t part = n < sizeof(s->block) ? n : sizeof(s->block);

        cipher_apply(s->writing, s->block, p, part);
        if (!write_at(s->fd, s->block, part, s->written))
            return fail(problem, ERR_OUTPUT, "temporary space: %s",
                        strerror(errno));
        s->written += (off_t)part;
        p += part;
        n -= part;
    }
    return ERR_OK;
}

static enum err
spool_read(struct stream *stream, uint8_t *out, size_t size, size_t *got,
           struct problem *p)
{
    struct spool *s =
        (struct spool *)((char *)stream - offsetof(struct spool, stream));
    off_t left = s->written - s->read_at;
    ssize_t n;

    *got = 0;
    if (left == 0)
        return ERR_OK;
    if (!s->reading)
        s->reading = cipher_start(s->key);
    if ((off_t)size > left)
        size = (size_t)left;
    if (size > sizeof(s->block))
        size = sizeof(s->block);
    do
        n = pread(s->fd, s->block, size, s->read_at);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return fail(p, ERR_INTERNAL, "temporary space cannot be read");
    cipher_apply(s->reading, out, s->block, (size_t)n);
    s->read_at += n;
    *got = (size_t)n;
    return ERR_OK;
}

enum err
scratch_get(struct scratch *s, int *out, struct problem *p)
{
    const struct channel_wait wait = {
        .lost = ERR_OUTPUT, .watch = -1, .timeout_ms = SCRATCH_MS};
    struct empty nothing;
    struct frame frame;
    enum err e = ERR_OK;

    if (s->fd < 0) {
        frame_init(&frame);
        e = channel_call(s->broker, MSG_SCRATCH, NULL, NULL, 0, &wait, &frame,
                         &nothing, p);
        if (e == ERR_OK)
            s->fd = fd_take(&frame.fds[0]);
        frame_drop(&frame);
    }
    if (s->fd < 0)
        return e == ERR_OUTPUT ? e : fail(p, ERR_OUTPUT, "no temporary space");
    *out = s->fd;
    return ERR_OK;
}

struct spool *
spool_new(int fd)
{
    struct spool *s = mem_raw(sizeof(*s));

    memset(s, 0, offsetof(struct spool, block));
    s->sink.write = spool_write;
    s->stream.read = spool_read;
    s->fd = fd;
    s->key = secret_new();
    if (RAND_bytes(secret_room(s->key, KEY_BYTES), KEY_BYTES) != 1)
        bug("no random bytes");
    s->writing = cipher_start(s->key);
    return s;
}

void
spool_drop(struct spool **s)
{
    if (!*s)
        return;
    EVP_CIPHER_CTX_free((*s)->writing);
    EVP_CIPHER_CTX_free((*s)->reading);
    secret_drop(&(*s)->key);
    /* Room on the disk; what is there is ciphertext of a key that is gone. */
    if (ftruncate((*s)->fd, 0) != 0)
        log_error("temporary space could not be freed: %s", strerror(errno));
    free(*s);
    *s = NULL;
}

struct sink *
spool_sink(struct spool *s)
{
    return &s->sink;
}

struct stream *
spool_stream(struct spool *s)
{
    return &s->stream;
}
