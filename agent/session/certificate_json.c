#include "agent/session/certificate_json.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "agent/cms/algorithm.h"
#include "agent/wire/values.h"

json_t *
key_algorithm_json(uint32_t type, uint32_t bits, struct slice curve)
{
    char text[32] = "unknown";

    if ((type == KEY_EC || type == KEY_UNKNOWN) && curve.n > 0)
        return json_text(curve);
    if (type == KEY_RSA)
        snprintf(text, sizeof(text), "RSA-%u", bits);
    else if (type == KEY_EC)
        snprintf(text, sizeof(text), "EC-%u", bits);
    else if (type == KEY_ED25519)
        snprintf(text, sizeof(text), "Ed25519");
    else if (type == KEY_X25519)
        snprintf(text, sizeof(text), "X25519");
    return json_string(text);
}

json_t *
certificate_json(const struct description *d)
{
    json_t *out = json_object();

    json_object_set_new(out, "subject", json_text(d->subject));
    json_object_set_new(out, "issuer", json_text(d->issuer));
    json_object_set_new(out, "serial", json_text(d->serial));
    json_object_set_new(out, "fingerprint", json_hex(d->fingerprint));
    json_object_set_new(out, "addresses", json_texts(&d->addresses));
    json_object_set_new(out, "not_before", json_time(d->not_before));
    json_object_set_new(out, "not_after", json_time(d->not_after));
    json_object_set_new(out, "key",
                        key_algorithm_json(d->type, d->bits, d->curve));
    return out;
}

json_t *
certificate_json_read(struct slice described)
{
    struct description d;

    if (described.n == 0 || !record_decode(RECORD_description, described, &d))
        return NULL;
    return certificate_json(&d);
}

static json_t *
base64_json(struct slice bytes)
{
    uint8_t *text = mem_new(bytes.n / 3 * 4 + 8);
    int n = EVP_EncodeBlock(text, bytes.p, (int)bytes.n);
    json_t *out = json_stringn((const char *)text, (size_t)n);

    free(text);
    return out;
}

json_t *
certificate_json_whole(struct slice described, struct slice der)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    json_t *out;

    if (der.n == 0 ||
        EVP_Digest(der.p, der.n, digest, &n, hash_md(HASH_SHA1), NULL) != 1)
        return NULL;
    out = certificate_json_read(described);
    if (!out)
        out = json_object();
    json_object_set_new(out, "sha1", json_hex(slice_of(digest, n)));
    json_object_set_new(out, "der", base64_json(der));
    return out;
}
