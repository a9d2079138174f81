#include "agent/session/certificate_json.h"

#include <stdio.h>

#include "agent/wire/values.h"

json_t *
key_algorithm_json(uint32_t type, uint32_t bits)
{
    char text[32] = "unknown";

    if (type == KEY_RSA)
        snprintf(text, sizeof(text), "RSA-%u", bits);
    else if (type == KEY_EC && (bits == 256 || bits == 384 || bits == 521))
        snprintf(text, sizeof(text), "P-%u", bits);
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
    json_object_set_new(out, "key", key_algorithm_json(d->type, d->bits));
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
