/*
 * SIGN, ENCRYPT and DECRYPT. The descriptors go on to the agent, which writes
 * the output only when all of the operation has succeeded.
 */
#include "client/mail/gpgsm/engine.h"

#include <string.h>
#include <unistd.h>

static struct engine *
engine_of(assuan_context_t ctx)
{
    return assuan_get_pointer(ctx);
}

/* INPUT's and OUTPUT's descriptors, borrowed from Assuan. */
static gpg_error_t
get_fds(struct engine *e, int fds[2])
{
    fds[0] = assuan_get_input_fd(e->assuan);
    fds[1] = assuan_get_output_fd(e->assuan);
    if (!fd_is_open(fds[0]))
        return gpg_error(GPG_ERR_ASS_NO_INPUT);
    if (!fd_is_open(fds[1]))
        return gpg_error(GPG_ERR_ASS_NO_OUTPUT);
    return 0;
}

/* The program waits for the output's end. */
static void
end_operation(struct engine *e)
{
    assuan_close_input_fd(e->assuan);
    assuan_close_output_fd(e->assuan);
    engine_reset(e);
}

static json_t *
parameters_new(struct engine *e)
{
    json_t *p =
        json_pack("{s:i, s:i, s:s}", "input", 0, "output", 1, "form", "cms");

    engine_set_caller(e, p);
    return p;
}

/* ---- SIGN ---------------------------------------------------------------- */

gpg_error_t
cmd_signer(assuan_context_t ctx, char *line)
{
    struct engine *e = engine_of(ctx);
    json_t *reply = NULL;
    struct listed c;
    int reason;
    gpg_error_t error;

    if (e->signer[0])
        return engine_fail(e, GPG_ERR_NOT_SUPPORTED,
                           "one signature is made at a time");
    error = certificates_find(e, name_read(line), true, false, &reply);
    if (error)
        return error;
    if (!certificates_choose(reply, true, &c, &reason)) {
        engine_status(e, "INV_SGNR", "%d %s", reason, line);
        error = engine_fail(e, GPG_ERR_NO_SECKEY,
                            "no key on your tokens can sign as %s", line);
    } else {
        snprintf(e->signer, sizeof(e->signer), "%s", c.sha1);
        snprintf(e->signer_key, sizeof(e->signer_key), "%s",
                 member_text(c.json, "key"));
    }
    json_decref(reply);
    return error;
}

/* include-certs: -2 all but the root, -1 all, 0 none, else so many. The
 * signer's own always goes along, and no root. */
static void
set_chain(const struct engine *e, json_t *parameters)
{
    if (e->include_certs >= 0)
        json_object_set_new(
            parameters, "chain",
            json_integer(e->include_certs > 1 ? e->include_certs - 1 : 0));
}

static void
tell_signed(struct engine *e, const json_t *reply, bool detached)
{
    const json_t *certificate = json_object_get(reply, "certificate");
    char when[32], sha1[41];

    time_iso(json_integer_value(json_object_get(reply, "signing_time")), when);
    hex_upper(sha1, sizeof(sha1), member_text(certificate, "sha1"));
    engine_status(e, "SIG_CREATED", "%c %d %d 00 %s %s", detached ? 'D' : 'S',
                  algorithm_number(member_text(certificate, "key"), true),
                  hash_number(member_text(reply, "digest")), when, sha1);
    engine_audit(e, "signed as %s with key %s on %s",
                 member_text(certificate, "subject"), member_text(reply, "key"),
                 member_text(reply, "token"));
}

gpg_error_t
cmd_sign(assuan_context_t ctx, char *line)
{
    struct engine *e = engine_of(ctx);
    bool detached = strstr(line, "--detached") != NULL;
    json_t *parameters, *reply = NULL;
    int fds[2];
    gpg_error_t error = get_fds(e, fds);

    buf_clear(&e->audit);
    if (error)
        return error;
    parameters = parameters_new(e);
    engine_set_encoding(e, parameters, "SIGNED MESSAGE");
    set_chain(e, parameters);
    /* GPGME's programs know the names of RFC 8551's older types only: what
     * comes back under AES-GCM they would not take for S/MIME. */
    json_object_set_new(parameters, "announce", json_string("cbc"));
    if (!detached)
        json_object_set_new(parameters, "opaque", json_true());
    if (e->signer_key[0])
        json_object_set_new(parameters, "key", json_string(e->signer_key));
    error = engine_call(e, "io.smimeagent.Mail.Sign", parameters, fds, 2,
                        &reply, NULL);
    if (!error)
        tell_signed(e, reply, detached);
    json_decref(reply);
    end_operation(e);
    return error;
}

/* ---- ENCRYPT ------------------------------------------------------------- */

/* GPGME goes on after NO_PUBKEY and reports all that failed together; the
 * program then sends nothing. */
static gpg_error_t
miss_recipient(struct engine *e, const char *who, int reason)
{
    engine_status(e, "INV_RECP", "%d %s", reason, who);
    return engine_fail(e, GPG_ERR_NO_PUBKEY,
                       "no usable certificate for %s: ask for a signed mail "
                       "and open it with: smime open FILE",
                       who);
}

gpg_error_t
cmd_recipient(assuan_context_t ctx, char *line)
{
    struct engine *e = engine_of(ctx);
    json_t *reply = NULL;
    struct listed c;
    int reason;
    gpg_error_t error;

    if (json_array_size(e->recipients) == LIMIT_ENGINE_RECIPIENTS)
        return engine_fail(e, GPG_ERR_TOO_MANY, "more than %d recipients",
                           LIMIT_ENGINE_RECIPIENTS);
    error = certificates_find(e, name_read(line), false, false, &reply);
    if (error)
        return error;
    if (certificates_choose(reply, false, &c, &reason)) {
        if (!e->recipients)
            e->recipients = json_array();
        json_array_append_new(e->recipients, json_string(c.sha256));
    } else {
        error = miss_recipient(e, line, reason);
    }
    json_decref(reply);
    return error;
}

gpg_error_t
cmd_encrypt(assuan_context_t ctx, char *line)
{
    struct engine *e = engine_of(ctx);
    json_t *parameters, *reply = NULL;
    int fds[2];
    gpg_error_t error = get_fds(e, fds);

    (void)line;
    buf_clear(&e->audit);
    if (error)
        return error;
    if (json_array_size(e->recipients) == 0) {
        engine_status(e, "NO_RECP", "0");
        return engine_fail(e, GPG_ERR_NO_USER_ID, "no recipient is named");
    }
    parameters = parameters_new(e);
    engine_set_encoding(e, parameters, "ENCRYPTED MESSAGE");
    json_object_set(parameters, "certificates", e->recipients);
    if (e->without_self)
        json_object_set_new(parameters, "self", json_false());
    error = engine_call(e, "io.smimeagent.Mail.Encrypt", parameters, fds, 2,
                        &reply, NULL);
    if (!error)
        engine_audit(e, "encrypted to %zu certificates%s, %s",
                     json_array_size(e->recipients),
                     e->without_self ? "" : " and your own",
                     member_text(reply, "cipher"));
    json_decref(reply);
    end_operation(e);
    return error;
}

/* ---- DECRYPT ------------------------------------------------------------- */

/* The certificate of the key that opened it. */
static void
tell_recipient(struct engine *e, const json_t *layer)
{
    const char *key = member_text(layer, "key");
    json_t *reply = NULL;
    struct listed c;

    if (certificates_find(e, NULL, true, false, &reply) != 0)
        return;
    for (size_t i = 0; i < certificates_count(reply); i++) {
        char id[17];

        certificates_at(reply, i, &c);
        if (strcmp(member_text(c.json, "key"), key) != 0 ||
            strlen(c.sha1) != 40)
            continue;
        hex_upper(id, sizeof(id), c.sha1 + 24);
        engine_status(
            e, "ENC_TO", "%s %d 0", id,
            algorithm_number(
                member_text(json_object_get(c.json, "certificate"), "key"),
                false));
        break;
    }
    json_decref(reply);
}

static void
tell_decrypted(struct engine *e, const json_t *reply)
{
    const json_t *layer = json_array_get(
        json_object_get(json_object_get(reply, "report"), "layers"), 0);
    bool sealed = json_is_true(json_object_get(layer, "authenticated"));

    tell_recipient(e, layer);
    engine_status(e, "DECRYPTION_OKAY", "%s", "");
    engine_audit(e, "decrypted with key %s: %s, %s", member_text(layer, "key"),
                 member_text(layer, "cipher"),
                 sealed ? "authenticated"
                        : "not authenticated: it may have been changed");
}

gpg_error_t
cmd_decrypt(assuan_context_t ctx, char *line)
{
    struct engine *e = engine_of(ctx);
    json_t *reply = NULL;
    char name[64] = "";
    int fds[2];
    gpg_error_t error = get_fds(e, fds);

    (void)line;
    buf_clear(&e->audit);
    if (error)
        return error;
    error = engine_call(e, "io.smimeagent.Mail.Decrypt", parameters_new(e), fds,
                        2, &reply, name);
    if (!error) {
        tell_decrypted(e, reply);
    } else {
        /* GPGME wants to have heard of a recipient before. */
        if (strcmp(name, "NoDecryptionKey") == 0) {
            engine_status(e, "ENC_TO", "0000000000000000 0 0");
            engine_status(e, "NO_SECKEY", "0000000000000000");
        }
        engine_status(e, "DECRYPTION_FAILED", "%s", "");
    }
    json_decref(reply);
    end_operation(e);
    return error;
}
