/*
 * io.smimeagent.Raw.List: one's keys with all that a PKCS#11 module shows of
 * them. Public keys and certificates come from one's own tokens; they are
 * only taken apart here, nothing about them is judged.
 */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "agent/base/log.h"
#include "agent/cms/certview.h"
#include "agent/session/json_text.h"
#include "agent/session/try.h"
#include "agent/session/use.h"

/* ---- a public key -------------------------------------------------------- */

static void
add_number(json_t *out, const char *name, const EVP_PKEY *k, const char *param)
{
    BIGNUM *n = NULL;
    AUTO(buf) struct buf bytes = {0};

    if (EVP_PKEY_get_bn_param(k, param, &n) != 1)
        return;
    buf_reserve(&bytes, (size_t)BN_num_bytes(n));
    bytes.len = (size_t)BN_bn2bin(n, bytes.data);
    json_object_set_new(out, name, use_hex(buf_slice(&bytes)));
    BN_free(n);
}

/* The algorithm's parameters as they stand in the SubjectPublicKeyInfo: for
 * EC the name of the curve. */
static void
add_curve(json_t *out, const X509_PUBKEY *spki)
{
    X509_ALGOR *algorithm = NULL;
    const void *value = NULL;
    int kind = V_ASN1_UNDEF;
    unsigned char *der = NULL;
    int n;

    if (X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, spki) != 1)
        return;
    X509_ALGOR_get0(NULL, &kind, &value, algorithm);
    if (kind != V_ASN1_OBJECT)
        return;
    n = i2d_ASN1_OBJECT(value, &der);
    if (n > 0)
        json_object_set_new(out, "curve", use_hex(slice_of(der, (size_t)n)));
    OPENSSL_free(der);
}

static void
add_point(json_t *out, const X509_PUBKEY *spki)
{
    const unsigned char *p = NULL;
    int n = 0;

    if (X509_PUBKEY_get0_param(NULL, &p, &n, NULL, spki) == 1 && n > 0)
        json_object_set_new(out, "point", use_hex(slice_of(p, (size_t)n)));
}

/* Says nothing of a key that libcrypto cannot read. */
static void
add_public_key(json_t *out, uint32_t type, struct slice der)
{
    const unsigned char *p = der.p;
    X509_PUBKEY *spki =
        der.n > 0 ? d2i_X509_PUBKEY(NULL, &p, (long)der.n) : NULL;
    const EVP_PKEY *k = spki ? X509_PUBKEY_get0(spki) : NULL;

    if (k && type == KEY_RSA) {
        add_number(out, "modulus", k, OSSL_PKEY_PARAM_RSA_N);
        add_number(out, "exponent", k, OSSL_PKEY_PARAM_RSA_E);
    } else if (k) {
        add_curve(out, spki);
        add_point(out, spki);
    }
    if (k)
        json_object_set_new(out, "public_key", use_hex(der));
    X509_PUBKEY_free(spki);
}

/* ---- a certificate ------------------------------------------------------- */

/* The INTEGER with its head, as PKCS#11 has it (CKA_SERIAL_NUMBER). */
static json_t *
serial_der(struct slice serial)
{
    AUTO(buf) struct buf der = {0};

    buf_add_byte(&der, V_ASN1_INTEGER);
    buf_add_byte(&der, (uint8_t)serial.n);
    buf_add_slice(&der, serial);
    return use_hex(buf_slice(&der));
}

/* NULL for what is no certificate. */
static json_t *
certificate_json(struct slice der)
{
    struct cert_view v;
    json_t *out;

    if (der.n == 0 || !cert_view_parse(der, &v) || v.serial.n > 127)
        return NULL;
    out = json_object();
    json_object_set_new(out, "der", use_hex(der));
    json_object_set_new(out, "subject", use_hex(v.subject));
    json_object_set_new(out, "issuer", use_hex(v.issuer));
    json_object_set_new(out, "serial", serial_der(v.serial));
    return out;
}

static struct slice
public_key_of(const struct own_key *k)
{
    struct cert_view v;

    if (k->spki.len == 0 && k->certificate.len > 0 &&
        cert_view_parse(buf_slice(&k->certificate), &v))
        return v.spki;
    return buf_slice(&k->spki);
}

/* ---- a key --------------------------------------------------------------- */

/* Two tokens may each have a key of the same CKA_ID (PIV cards do); a program
 * that sees all keys as those of one token would take one for the other. */
static bool
id_is_shared(const struct own_keys *keys, const struct own_key *k)
{
    for (size_t i = 0; i < keys->count; i++) {
        const struct own_key *other = &keys->item[i];

        if (strcmp(other->id, k->id) == 0 &&
            !slice_equal(public_key_of(other), public_key_of(k)))
            return true;
    }
    return false;
}

static const char *
type_name(uint32_t type)
{
    switch ((enum key_type)type) {
    case KEY_RSA:
        return "rsa";
    case KEY_EC:
        return "ec";
    case KEY_ED25519:
        return "ed25519";
    case KEY_X25519:
        return "x25519";
    case KEY_UNKNOWN:
        break;
    }
    return "unknown";
}

static json_t *
uses_json(uint32_t uses)
{
    json_t *out = json_array();

    if (uses & USE_SIGN)
        json_array_append_new(out, json_string("sign"));
    if (uses & USE_DECRYPT)
        json_array_append_new(out, json_string("decrypt"));
    if (uses & USE_AGREE)
        json_array_append_new(out, json_string("agree"));
    return out;
}

static json_t *
key_json(const struct own_keys *keys, const struct own_key *k)
{
    json_t *out = json_object();
    json_t *certificate = certificate_json(buf_slice(&k->certificate));
    const char *private = k->flags & KEY_HAS_PRIVATE       ? "yes"
                          : k->flags & KEY_PRIVATE_UNKNOWN ? "unknown"
                                                           : "no";

    json_object_set_new(out, "key", use_hex(buf_slice(&k->ref)));
    json_object_set_new(out, "id",
                        id_is_shared(keys, k) ? use_hex(buf_slice(&k->ref))
                                              : json_string(k->id));
    json_object_set_new(out, "label", json_text(slice_text(k->label)));
    json_object_set_new(out, "token", json_text(slice_text(k->token)));
    json_object_set_new(out, "uri", json_text(slice_text(k->uri)));
    json_object_set_new(out, "unlocked",
                        json_boolean(k->flags & KEY_TOKEN_UNLOCKED));
    json_object_set_new(out, "private", json_string(private));
    json_object_set_new(out, "type", json_string(type_name(k->type)));
    json_object_set_new(out, "bits", json_integer(k->bits));
    json_object_set_new(out, "uses", uses_json(k->uses));
    add_public_key(out, k->type, public_key_of(k));
    if (certificate)
        json_object_set_new(out, "certificate", certificate);
    return out;
}

/* A key whose token went away meanwhile has no chain to tell of. */
static enum err
add_chain(struct request *r, const struct own_key *k, json_t *out)
{
    struct key_choice choice = {.key = buf_slice(&k->ref)};
    struct chain_reply reply;
    json_t *chain;
    enum err e = keyholder_call(r, MSG_CHAIN, &choice, NULL, 0, &reply);

    if (r->session->lost)
        return e;
    chain = json_array();
    for (size_t i = 0; e == ERR_OK && i < reply.certificates.n; i++) {
        json_t *one = certificate_json(reply.certificates.item[i]);

        if (one)
            json_array_append_new(chain, one);
    }
    json_object_set_new(out, "chain", chain);
    return ERR_OK;
}

enum err
use_list(struct request *r, json_t **out)
{
    AUTO(own_keys) struct own_keys keys = {0};
    bool chains = request_flag(r, "chains");
    json_t *list;

    TRY(session_narrow(r, VERB_RAW, 0, slice_of(NULL, 0)));
    TRY(own_keys_read(r, &keys));
    list = json_array();
    *out = json_object();
    json_object_set_new(*out, "keys", list);
    for (size_t i = 0; i < keys.count; i++) {
        const struct own_key *k = &keys.item[i];
        json_t *one = key_json(&keys, k);

        json_array_append_new(list, one);
        if (chains && k->certificate.len > 0)
            TRY(add_chain(r, k, one));
    }
    return ERR_OK;
}
