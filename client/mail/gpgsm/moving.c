/*
 * IMPORT and EXPORT: certificates only. What comes in is judged as everything
 * else is; no private key goes out, and a PKCS#12 file goes in by smime import
 * alone, which writes to a token.
 */
#include "client/mail/gpgsm/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"

/* ---- EXPORT -------------------------------------------------------------- */

/* What the agent wrote in base64; false when it is none. */
static bool
base64_read(const char *text, struct buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0;
    int n = 0;

    for (; *text && *text != '='; text++) {
        const char *at = strchr(digits, *text);

        if (!at)
            return false;
        bits = bits << 6 | (unsigned)(at - digits);
        if (++n % 4 != 1)
            buf_add_byte(out, (uint8_t)(bits >> (6 - 2 * ((n - 1) % 4))));
    }
    return true;
}

static void
add_pem(struct buf *out, const struct listed *c, const char *base64)
{
    const json_t *certificate = json_object_get(c->json, "certificate");
    size_t n = strlen(base64);

    buf_addf(out, "Issuer ...: %s\nSerial ...: %s\nSubject ..: %s\n\n",
             member_text(certificate, "issuer"),
             member_text(certificate, "serial"),
             member_text(certificate, "subject"));
    buf_add_text(out, "-----BEGIN CERTIFICATE-----\n");
    for (size_t i = 0; i < n; i += 64)
        buf_addf(out, "%.*s\n", (int)(n - i < 64 ? n - i : 64), base64 + i);
    buf_add_text(out, "-----END CERTIFICATE-----\n\n");
}

void
export_write(const json_t *reply, bool armor, struct buf *out)
{
    for (size_t i = 0; i < certificates_count(reply); i++) {
        const char *base64;
        struct listed c;

        certificates_at(reply, i, &c);
        base64 = member_text(json_object_get(c.json, "certificate"), "der");
        if (armor)
            add_pem(out, &c, base64);
        else if (!base64_read(base64, out))
            bug("the agent's base64 is none");
    }
}

gpg_error_t
output_send(struct engine *e, bool as_data, struct slice bytes)
{
    int fd = assuan_get_output_fd(e->assuan);
    bool done;

    if (as_data)
        return assuan_send_data(e->assuan, bytes.p, bytes.n);
    if (fd < 0)
        return gpg_error(GPG_ERR_ASS_NO_OUTPUT);
    done = fd_write_all(fd, bytes.p, bytes.n);
    assuan_close_output_fd(e->assuan);
    return done ? 0 : engine_fail(e, GPG_ERR_EIO, "%s", strerror(errno));
}

gpg_error_t
cmd_export(assuan_context_t ctx, char *line)
{
    struct engine *e = assuan_get_pointer(ctx);
    AUTO(buf) struct buf out = {0};
    json_t *reply = NULL;
    gpg_error_t error;

    if (has_option(line, "--secret") || has_option(line, "--raw") ||
        has_option(line, "--pkcs12"))
        return engine_fail(e, GPG_ERR_FORBIDDEN,
                           "private keys never leave the token");
    error = certificates_find(e, patterns_read(line), false, true, &reply);
    if (error)
        return error;
    export_write(reply, e->encoding != ENCODING_BINARY, &out);
    json_decref(reply);
    error = output_send(e, has_option(line, "--data"), buf_slice(&out));
    engine_reset(e);
    return error;
}

/* ---- IMPORT -------------------------------------------------------------- */

struct counts {
    size_t seen, fresh, known, refused;
};

/* GPGME knows certificates by their SHA-1. */
static void
sha1_find(struct engine *e, const char *sha256, char out[41])
{
    json_t *reply = NULL;
    struct listed c;

    out[0] = '\0';
    if (!sha256[0] ||
        certificates_find(e, json_pack("[s]", sha256), false, false, &reply))
        return;
    if (certificates_count(reply) > 0) {
        certificates_at(reply, 0, &c);
        hex_upper(out, 41, c.sha1);
    }
    json_decref(reply);
}

static void
tell_stored(struct engine *e, const json_t *stored, struct counts *n)
{
    const json_t *certificate = json_object_get(stored, "certificate");
    const char *result = member_text(stored, "result");
    bool fresh = strcmp(result, "new") == 0 || strcmp(result, "changed") == 0;
    bool known = strcmp(result, "known") == 0;
    char sha1[41];

    n->seen++;
    n->fresh += fresh;
    n->known += known;
    n->refused += !fresh && !known;
    sha1_find(e, member_text(certificate, "fingerprint"), sha1);
    if (fresh || known)
        engine_status(e, "IMPORT_OK", "%d %s", fresh ? 1 : 0, sha1);
    else
        /* One that was not kept has no SHA-1 here. */
        engine_status(e, "IMPORT_PROBLEM", "0 %s",
                      sha1[0] ? sha1 : member_text(certificate, "fingerprint"));
    engine_audit(e, "import of %s: %s %s", member_text(certificate, "subject"),
                 result, member_text(stored, "reason"));
}

gpg_error_t
import_from(struct engine *e, int fd)
{
    json_t *reply = NULL, *one;
    struct counts n = {0};
    size_t i;
    gpg_error_t error = engine_manage(
        e, "io.smimeagent.Contacts.Import",
        json_pack("{s:i, s:s}", "input", 0, "origin", "gpgme"), fd, &reply);

    if (error)
        return error;
    json_array_foreach(json_object_get(reply, "stored"), i, one)
    {
        tell_stored(e, one, &n);
    }
    json_decref(reply);
    engine_status(e, "IMPORT_RES", "%zu 0 %zu 0 %zu 0 0 0 0 0 0 0 0 %zu",
                  n.seen, n.fresh, n.known, n.refused);
    return 0;
}

gpg_error_t
cmd_import(assuan_context_t ctx, char *line)
{
    struct engine *e = assuan_get_pointer(ctx);
    int fd = assuan_get_input_fd(ctx);
    gpg_error_t error;

    buf_clear(&e->audit);
    /* What is in the keyring already is kept: fingerprints, no data. */
    if (has_option(line, "--re-import"))
        return 0;
    if (!fd_is_open(fd))
        return gpg_error(GPG_ERR_ASS_NO_INPUT);
    error = import_from(e, fd);
    assuan_close_input_fd(ctx);
    engine_reset(e);
    return error;
}
