/*
 * MSG_DECRYPT: RSA decryption for a program that uses a key by itself and
 * says no length, on the raw socket only.
 */
#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/secret.h"
#include "agent/keyholder/operate.h"

static enum err
refuse(struct client *c, unsigned wait_s, struct problem *p)
{
    client_audit(c, "raw-decrypt", NULL, slice_of(NULL, 0), ERR_REFUSED);
    log_error("session %llu: raw decryption is refused for %u s: too many "
              "ciphertexts did not decrypt, which may be an attack on a key",
              (unsigned long long)c->session, wait_s);
    return fail(p, ERR_REFUSED,
                "too many ciphertexts did not decrypt, which may be an attack "
                "on the key: wait %u s",
                wait_s);
}

enum err
key_decrypt(struct client *c, const struct unwrap_request *request,
            struct decrypt_reply *out, struct reply_room *room,
            struct problem *p)
{
    struct operation op = {.client = c,
                           .audited = "raw-decrypt",
                           .why = {.operation = "decrypt data"},
                           .request = request,
                           .room = LIMIT_PLAIN_BYTES,
                           .call = key_operation_unwrap};
    struct oracle *oracle = &c->keyholder->oracle;
    enum tokens_err result = TOKENS_OK;
    unsigned wait_s = 0;
    enum err e;

    if (!oracle_begin(oracle, clock_ms(), &wait_s))
        return refuse(c, wait_s, p);
    room->secret = secret_new();
    op.out = secret_room(room->secret, LIMIT_PLAIN_BYTES);
    e = key_operation_run(&op, request->key, &result, p);
    if (e != ERR_OK || result == TOKENS_OK)
        oracle_succeeded(oracle);
    if (e == ERR_OK && result != TOKENS_OK)
        e = fail(p, ERR_CANNOT_DECRYPT, NULL);
    if (e != ERR_OK)
        return e;
    out->plain = slice_of(op.out, op.out_len);
    return ERR_OK;
}
