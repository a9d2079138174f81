#include "client/mail/gpgsm/engine.h"

#include <string.h>
#include <time.h>

gpg_error_t
certificates_find(struct engine *e, json_t *patterns, bool own, bool bytes,
                  json_t **out)
{
    json_t *parameters = json_object();

    if (patterns && json_array_size(patterns) > 0)
        json_object_set_new(parameters, "patterns", patterns);
    else
        json_decref(patterns);
    if (own)
        json_object_set_new(parameters, "own", json_true());
    if (bytes)
        json_object_set_new(parameters, "bytes", json_true());
    return engine_call(e, "io.smimeagent.Contacts.Certificates", parameters,
                       NULL, 0, out, NULL);
}

size_t
certificates_count(const json_t *reply)
{
    return json_array_size(json_object_get(reply, "certificates"));
}

static bool
has_use(const json_t *listed, const char *use)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(listed, "uses"), i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), use) == 0)
            return true;
    }
    return false;
}

void
certificates_at(const json_t *reply, size_t i, struct listed *out)
{
    json_t *json = json_array_get(json_object_get(reply, "certificates"), i);
    json_t *certificate = json_object_get(json, "certificate");

    *out = (struct listed){
        .json = json,
        .sha1 = member_text(certificate, "sha1"),
        .sha256 = member_text(certificate, "fingerprint"),
        .chain = member_text(json, "chain"),
        .kind = member_text(json, "kind"),
        .own = json_is_string(json_object_get(json, "key")),
        .blocked = json_is_true(json_object_get(json, "blocked")),
        .ca = json_is_true(json_object_get(json, "ca")),
        .signs = has_use(json, "sign"),
        .encrypts = has_use(json, "decrypt"),
        .not_before =
            json_integer_value(json_object_get(certificate, "not_before")),
        .not_after =
            json_integer_value(json_object_get(certificate, "not_after")),
    };
}

/* doc/DETAILS of GnuPG, INV_RECP: 3 wrong usage, 4 revoked, 5 expired, 10 not
 * trusted, 9 no secret key. */
int
certificate_obstacle(const struct listed *c, bool signing)
{
    json_int_t now = (json_int_t)time(NULL);

    if (signing && !c->own)
        return 9;
    if (strcmp(c->chain, "revoked") == 0)
        return 4;
    if (strcmp(c->chain, "expired") == 0 || c->not_after < now)
        return 5;
    if (!(signing ? c->signs : c->encrypts) || strcmp(c->chain, "purpose") == 0)
        return 3;
    if (c->not_before > now || c->blocked)
        return 10;
    /* With one's own key one may sign whatever others think of its issuer. */
    if (!c->own && strcmp(c->chain, "ok") != 0)
        return 10;
    return -1;
}

static bool
is_better(const struct listed *a, const struct listed *b)
{
    if (!b->json || a->own != b->own)
        return !b->json || a->own;
    return a->not_before > b->not_before;
}

bool
certificates_choose(const json_t *reply, bool signing, struct listed *out,
                    int *reason)
{
    struct listed best = {.json = NULL};

    *reason = 1;
    for (size_t i = 0; i < certificates_count(reply); i++) {
        struct listed c;
        int obstacle;

        certificates_at(reply, i, &c);
        obstacle = certificate_obstacle(&c, signing);
        if (obstacle >= 0)
            *reason = obstacle;
        else if (is_better(&c, &best))
            best = c;
    }
    *out = best;
    return best.json != NULL;
}

static bool
is_issuer_there(const json_t *reply, const struct listed *anchor)
{
    for (size_t i = 0; i < certificates_count(reply); i++) {
        struct listed c;

        certificates_at(reply, i, &c);
        if (strcmp(c.kind, "anchor") != 0 &&
            strcmp(member_text(c.json, "issuer_sha1"), anchor->sha1) == 0)
            return true;
    }
    return false;
}

static bool
is_alone(const json_t *reply)
{
    return certificates_count(reply) == 1;
}

/* NSS's roots are many, and nobody's: whoever looks for people sees those of
 * people that are listed. */
bool
certificate_is_shown(const json_t *reply, const struct listed *c)
{
    return strcmp(c->kind, "anchor") != 0 || is_alone(reply) ||
           is_issuer_there(reply, c);
}
