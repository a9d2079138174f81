/*
 * VERIFY: the agent's verdict as GnuPG's status lines. GPGME makes a colour
 * of them:
 *
 *   green   GOODSIG and TRUST_FULLY: the signature holds and somebody who is
 *           trusted for mail says whose it is. Whether that is the sender no
 *           program of GPGME lets us see: it compares itself, or does not
 *   yellow  TRUST_UNDEFINED: nobody vouches for the signer, or the key or
 *           digest is weak
 *   red     BADSIG, or TRUST_NEVER: changed, revoked, or not for mail
 */
#include "client/mail/gpgsm/engine.h"

#include <string.h>

static bool
is(const json_t *object, const char *name, const char *word)
{
    return strcmp(member_text(object, name), word) == 0;
}

/* ---- what is said of one signer ------------------------------------------ */

/* The word that says whether the signature holds. A flaw of its layer makes
 * it none, whatever its numbers are. */
static const char *
signature_word(const json_t *signer, bool flawed)
{
    if (flawed || is(signer, "integrity", "digest_wrong") ||
        is(signer, "integrity", "signature_wrong") ||
        is(signer, "integrity", "attributes_bad"))
        return "BADSIG";
    if (!is(signer, "integrity", "ok"))
        return "ERRSIG";
    if (is(signer, "chain", "revoked") ||
        json_is_integer(json_object_get(signer, "revoked_at")))
        return "REVKEYSIG";
    return is(signer, "chain", "expired") ? "EXPKEYSIG" : "GOODSIG";
}

/* doc/DETAILS: the reason is a gpg-error code. */
static void
tell_trust(struct engine *e, const json_t *signer)
{
    gpg_err_code_t undefined = 0, never = 0;

    if (json_is_true(json_object_get(signer, "valid"))) {
        engine_status(e, "TRUST_FULLY", "0 shell");
        return;
    }
    if (is(signer, "chain", "revoked") ||
        json_is_integer(json_object_get(signer, "revoked_at")))
        never = GPG_ERR_CERT_REVOKED;
    else if (is(signer, "chain", "purpose"))
        never = GPG_ERR_WRONG_KEY_USAGE;
    else if (is(signer, "chain", "invalid"))
        never = GPG_ERR_BAD_CERT_CHAIN;
    else if (is(signer, "chain", "expired"))
        undefined = GPG_ERR_CERT_EXPIRED;
    else if (is(signer, "chain", "not_yet"))
        undefined = GPG_ERR_CERT_TOO_YOUNG;
    else if (is(signer, "strength", "weak_digest"))
        undefined = GPG_ERR_DIGEST_ALGO;
    else if (is(signer, "strength", "weak_key"))
        undefined = GPG_ERR_WEAK_KEY;
    else
        undefined = GPG_ERR_NOT_TRUSTED;
    engine_status(e, never ? "TRUST_NEVER" : "TRUST_UNDEFINED", "%u",
                  never ? never : undefined);
}

/* The name goes percent-escaped: GPGME undoes it, git shows it. */
static void
name_escape(const char *name, char *out, size_t size)
{
    size_t n = 0;

    for (; *name && n + 4 < size; name++) {
        unsigned char c = (unsigned char)*name;

        if (c < 0x20 || c == '%' || c == 0x7f)
            n += (size_t)snprintf(out + n, size - n, "%%%02X", c);
        else
            out[n++] = (char)c;
    }
    out[n] = '\0';
}

static void
tell_valid(struct engine *e, const json_t *signer, const char *sha1)
{
    const json_t *certificate = json_object_get(signer, "certificate");
    const json_t *signed_at = json_object_get(signer, "signing_time");
    char day[32] = "1970-01-01", when[32] = "0", until[32] = "0";

    if (json_is_integer(signed_at)) {
        time_day(json_integer_value(signed_at), day);
        time_iso(json_integer_value(signed_at), when);
    }
    time_iso(json_integer_value(json_object_get(certificate, "not_after")),
             until);
    engine_status(e, "VALIDSIG", "%s %s %s %s 0 0 %d %d 00", sha1, day, when,
                  until,
                  algorithm_number(member_text(certificate, "key"), true),
                  hash_number(member_text(signer, "digest")));
}

/* 9: the certificate is missing, 4: the algorithm is not known. */
static void
tell_error(struct engine *e, const json_t *signer)
{
    engine_status(e, "ERRSIG", "0000000000000000 0 %d 00 0 %d",
                  hash_number(member_text(signer, "digest")),
                  is(signer, "integrity", "no_certificate") ? 9 : 4);
    if (is(signer, "integrity", "no_certificate"))
        engine_status(e, "NO_PUBKEY", "0000000000000000");
}

static void
tell_signer(struct engine *e, const json_t *signer, bool flawed)
{
    const json_t *certificate = json_object_get(signer, "certificate");
    const char *word = signature_word(signer, flawed);
    char sha1[41], name[512];

    engine_status(e, "NEWSIG", "%s", "");
    if (strcmp(word, "ERRSIG") == 0) {
        tell_error(e, signer);
        return;
    }
    hex_upper(sha1, sizeof(sha1), member_text(certificate, "sha1"));
    name_escape(member_text(certificate, "subject"), name, sizeof(name));
    engine_status(e, word, "%s %s", sha1[0] ? sha1 : "0000000000000000", name);
    if (strcmp(word, "BADSIG") == 0)
        return;
    tell_valid(e, signer, sha1);
    tell_trust(e, signer);
}

/* ---- the audit log ------------------------------------------------------- */

static void
audit_signer(struct engine *e, const json_t *signer)
{
    const json_t *certificate = json_object_get(signer, "certificate");
    const json_t *reason;
    size_t i;

    engine_audit(e, "signer: %s, issued by %s",
                 member_text(certificate, "subject"),
                 member_text(certificate, "issuer"));
    engine_audit(e, "integrity: %s; chain: %s; strength: %s; revocation: %s",
                 member_text(signer, "integrity"), member_text(signer, "chain"),
                 member_text(signer, "strength"),
                 member_text(signer, "revocation"));
    json_array_foreach(json_object_get(signer, "reasons"), i, reason)
    {
        engine_audit(e, "  %s", json_string_value(reason));
    }
}

/* What the layer's signers cannot say: see smime-report(7). */
static bool
layer_is_flawed(const json_t *layer)
{
    return json_array_size(json_object_get(layer, "reasons")) > 0;
}

static void
tell_report(struct engine *e, const json_t *report)
{
    const json_t *layer, *signer, *reason;
    size_t i, j;

    engine_audit(e, "verdict: %s", member_text(report, "verdict"));
    json_array_foreach(json_object_get(report, "reasons"), i, reason)
    {
        engine_audit(e, "  %s", json_string_value(reason));
    }
    json_array_foreach(json_object_get(report, "layers"), i, layer)
    {
        json_array_foreach(json_object_get(layer, "signers"), j, signer)
        {
            tell_signer(e, signer, layer_is_flawed(layer));
            audit_signer(e, signer);
        }
    }
}

/* ---- the command --------------------------------------------------------- */

static int
add_fd(json_t *parameters, int *fds, int count, const char *name, int fd)
{
    fds[count] = fd;
    json_object_set_new(parameters, name, json_integer(count));
    return count + 1;
}

/* What holds is learned under the certificate's own addresses: the program
 * asks for it by fingerprint next, and the answer can be encrypted. */
static json_t *
parameters_new(void)
{
    return json_pack("{s:s, s:b, s:s}", "form", "cms", "learn", 1, "origin",
                     "gpgme");
}

gpg_error_t
cmd_verify(assuan_context_t ctx, char *line)
{
    struct engine *e = assuan_get_pointer(ctx);
    int input = assuan_get_input_fd(ctx), output = assuan_get_output_fd(ctx);
    json_t *parameters, *reply = NULL;
    int fds[3], count = 0;
    gpg_error_t error;

    (void)line;
    buf_clear(&e->audit);
    if (!fd_is_open(input))
        return gpg_error(GPG_ERR_ASS_NO_INPUT);
    parameters = parameters_new();
    count = add_fd(parameters, fds, count, "input", input);
    if (e->message >= 0)
        count = add_fd(parameters, fds, count, "content", e->message);
    else if (fd_is_open(output))
        count = add_fd(parameters, fds, count, "output", output);
    error = engine_call(e, "io.smimeagent.Mail.Verify", parameters, fds, count,
                        &reply, NULL);
    if (!error)
        tell_report(e, json_object_get(reply, "report"));
    json_decref(reply);
    assuan_close_input_fd(ctx);
    assuan_close_output_fd(ctx);
    engine_reset(e);
    return error;
}
