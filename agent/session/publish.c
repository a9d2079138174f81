/*
 * Contacts.Announcement and Contacts.Publish: one's own certificate for the
 * organisation's directory. What is to be published is made on the socket
 * that signs and written on the one that manages, so that a person sees it in
 * between.
 */
#include <openssl/evp.h>
#include <stdio.h>

#include "agent/base/fd.h"
#include "agent/cms/signed.h"
#include "agent/mime/address.h"
#include "agent/session/certificate_json.h"
#include "agent/session/channels.h"
#include "agent/session/directory.h"
#include "agent/session/pem.h"
#include "agent/session/signer.h"
#include "agent/session/try.h"

/* ---- what is published --------------------------------------------------- */

/* A SignedData over nothing, with the chain and what one's programs can read
 * (RFC 2798 2.8). */
static enum err
announcement_sign(struct request *r, struct own_keys *keys, const char *id,
                  const char *address, struct buf *out)
{
    AUTO(signer) struct signer *s = NULL;
    struct digests *digests;
    enum err e;

    TRY(signer_choose(r, VERB_SIGN, id, address, keys, &s));
    digests = digests_new(1U << s->hash);
    e = signer_sign_detached(r, s, digests, ARRAY_COUNT(s->chain), out);
    digests_drop(&digests);
    return e;
}

static json_t *
base64_json(struct slice bytes)
{
    char *text = mem_new(bytes.n / 3 * 4 + 8);
    json_t *out;

    EVP_EncodeBlock((unsigned char *)text, bytes.p, (int)bytes.n);
    out = json_string(text);
    free(text);
    return out;
}

/* The keys that WANTED (NULL: any) names. */
static void
keys_narrow(struct own_keys *keys, const char *wanted)
{
    for (size_t i = 0; wanted && i < keys->count; i++) {
        struct own_key *k = &keys->item[i];

        if (!own_key_is_wanted(keys, k, wanted))
            k->about.uses = 0;
    }
}

static enum err
no_key(struct request *r, const char *wanted, const char *address,
       const char *reason)
{
    enum err e = fail(&r->problem, ERR_NO_KEY, "%s", reason);

    problem_set_subject(&r->problem, address  ? address
                                     : wanted ? wanted
                                              : "this");
    return e;
}

/* Does another usable key name none of the addresses of K? */
static bool
is_one_of_several(const struct own_keys *keys, const struct own_key *k)
{
    for (size_t i = 0; i < keys->count; i++) {
        struct own_keys one = {.item = &keys->item[i], .count = 1};
        const struct slice_list *names = &one.item->about.addresses;
        const char *reason;
        bool shared = names->n == 0;

        for (size_t n = 0; n < names->n; n++)
            for (size_t m = 0; m < k->about.addresses.n; m++)
                shared |=
                    address_equal(names->item[n], k->about.addresses.item[m]);
        if (!shared && own_keys_find_encryption(&one, NULL, &reason))
            return true;
    }
    return false;
}

/* One that cannot sign is published without what its programs can read. */
static enum err
announcement_make(struct request *r, struct own_keys *keys, const char *address,
                  const struct own_key *k, json_t *out)
{
    AUTO(buf) struct buf smime = {0};
    char id[sizeof(k->id)];
    bool signs = (k->uses & USE_SIGN) != 0 && (k->about.uses & USE_SIGN) != 0;

    snprintf(id, sizeof(id), "%s", k->id);
    if (signs)
        TRY(announcement_sign(r, keys, id, address, &smime));
    json_object_set_new(out, "smime",
                        smime.len > 0 ? base64_json(buf_slice(&smime))
                                      : json_null());
    return ERR_OK;
}

enum err
contacts_announcement(struct request *r, json_t **out)
{
    const char *address = request_text(r, "address");
    const char *wanted = request_text(r, "key");
    AUTO(own_keys) struct own_keys keys = {0};
    char first[LIMIT_ADDRESS_BYTES + 1] = "";
    const char *reason;
    struct own_key *k;
    json_t *j;
    enum err e;

    TRY(own_keys_load(r, false, &keys));
    keys_narrow(&keys, wanted);
    k = own_keys_find_encryption(&keys, address, &reason);
    if (!k)
        return no_key(r, wanted, address, reason);
    if (!address && !wanted && is_one_of_several(&keys, k))
        return no_key(r, NULL, NULL,
                      "you have several addresses: say which to publish");
    if (!address && k->about.addresses.n > 0) {
        snprintf(first, sizeof(first), "%.*s",
                 (int)k->about.addresses.item[0].n,
                 (const char *)k->about.addresses.item[0].p);
        address = first;
    }
    TRY(session_narrow(r, VERB_SIGN, 1, slice_of(NULL, 0)));
    j = json_object();
    json_object_set_new(j, "address", json_text(slice_text(address)));
    json_object_set_new(j, "certificate", certificate_json(&k->about));
    json_object_set_new(j, "pem",
                        json_pem("CERTIFICATE", buf_slice(&k->certificate)));
    e = announcement_make(r, &keys, address, k, j);
    if (e == ERR_OK)
        *out = json_incref(j);
    json_decref(j);
    return e;
}

/* ---- publishing ---------------------------------------------------------- */

static enum err
refuse(struct request *r, const char *name)
{
    enum err e = fail(&r->problem, ERR_USAGE, "%s", name);

    problem_set_subject(&r->problem, name);
    return e;
}

/* Base64 without line ends; false for anything else. */
static bool
base64_read(const char *text, struct buf *out)
{
    size_t n = strlen(text), pad;
    int got;

    if (n == 0 || n % 4 != 0)
        return false;
    got =
        EVP_DecodeBlock(buf_room(out, n), (const unsigned char *)text, (int)n);
    if (got < 0)
        return false;
    pad = (size_t)(text[n - 1] == '=') + (size_t)(text[n - 2] == '=');
    buf_written(out, (size_t)got - pad);
    return true;
}

/* Only one's own goes out under one's name. */
static enum err
is_own(struct request *r, struct slice der)
{
    AUTO(own_keys) struct own_keys keys = {0};

    TRY(own_keys_load(r, false, &keys));
    for (size_t i = 0; i < keys.count; i++)
        if (slice_equal(buf_slice(&keys.item[i].certificate), der))
            return ERR_OK;
    return no_key(r, NULL, request_text(r, "address"),
                  "this certificate is of no key on your tokens");
}

static enum err
code_of(enum directory_state state)
{
    switch (state) {
    case DIRECTORY_OFF:
        return ERR_DIRECTORY_OFF;
    case DIRECTORY_NO_ENTRY:
        return ERR_DIRECTORY_ENTRY;
    case DIRECTORY_NO_RIGHTS:
        return ERR_DIRECTORY_RIGHTS;
    case DIRECTORY_CREDENTIALS:
        return ERR_DIRECTORY_PASSWORD;
    case DIRECTORY_TLS:
        return ERR_DIRECTORY_TLS;
    case DIRECTORY_UNSURE:
        return ERR_DIRECTORY_UNSURE;
    case DIRECTORY_OK:
    case DIRECTORY_MISCONFIGURED:
    case DIRECTORY_CROWDED:
    case DIRECTORY_FAILED:
    case DIRECTORY_SILENT:
    case DIRECTORY_UNREACHABLE:
    case DIRECTORY_WRONG:
    case DIRECTORY_REFERRED:
    case DIRECTORY_TOO_MUCH:
    case DIRECTORY_REFUSED:
    case DIRECTORY_STATES:
        break;
    }
    return ERR_DIRECTORY_WRITE;
}

static enum err
outcome_report(struct request *r, const struct directory_outcome *o,
               json_t **out)
{
    char detail[LIMIT_FACT_BYTES];

    snprintf(detail, sizeof(detail), "%.*s", (int)o->detail.n,
             (const char *)o->detail.p);
    if (o->state != DIRECTORY_OK)
        return fail(&r->problem, code_of((enum directory_state)o->state), "%s",
                    detail);
    *out = json_object();
    json_object_set_new(*out, "server", json_text(o->server));
    json_object_set_new(*out, "entry", json_text(o->dn));
    json_object_set_new(*out, "bind_dn", json_text(o->bind_dn));
    json_object_set_new(*out, "has_certificate",
                        json_boolean(o->has_certificate));
    json_object_set_new(*out, "has_smime", json_boolean(o->has_smime));
    return ERR_OK;
}

/* *FD stays as it is when a descriptor came with the request. */
static enum err
password_get(struct request *r, struct slice name, int *fd)
{
    struct password_request q = {
        .server = slice_text(request_text(r, "server")), .name = name};
    struct empty nothing;

    if (*fd >= 0 || name.n == 0)
        return ERR_OK;
    TRY(keyholder_call(r, MSG_ASK_PASSWORD, &q, NULL, 0, &nothing));
    *fd = fd_take(&r->session->keyholder_frame.fds[0]);
    return *fd >= 0 ? ERR_OK
                    : fail(&r->problem, ERR_INTERNAL, "no password came");
}

static enum err
write_request(struct request *r, struct certificate_bundle *certificate,
              struct buf *smime, struct directory_write *out)
{
    const char *text = request_text(r, "smime");

    TRY(certificate_bundle_read(slice_text(request_text(r, "certificate")),
                                certificate, &r->problem));
    if (certificate->count != 1)
        return refuse(r, "certificate");
    if (text &&
        (!base64_read(text, smime) || smime->len > LIMIT_DIRECTORY_VALUE_BYTES))
        return refuse(r, "smime");
    *out = (struct directory_write){
        .address = slice_text(request_text(r, "address")),
        .bind_dn = slice_text(request_text(r, "bind_dn")),
        .dry = request_flag(r, "dry"),
        .certificate = certificate->item[0],
        .smime = buf_slice(smime)};
    if (!address_is_plausible(out->address))
        return refuse(r, "address");
    return ERR_OK;
}

enum err
contacts_publish(struct request *r, json_t **out)
{
    AUTO(certificate_bundle)
    struct certificate_bundle certificate = {.count = 0};
    AUTO(buf) struct buf smime = {0};
    AUTO(fd) int password = -1;
    struct directory_write q;
    struct directory_outcome o;

    TRY(write_request(r, &certificate, &smime, &q));
    if (json_is_integer(json_object_get(r->parameters, "password")))
        TRY(request_fd(r, "password", &password));
    TRY(session_narrow(r, VERB_MANAGE, 0, slice_of(NULL, 0)));
    TRY(is_own(r, q.certificate));
    if (!q.dry)
        TRY(password_get(r, q.bind_dn, &password));
    q.has_password = password >= 0;
    TRY(password >= 0
            ? keyring_call_fd(r, MSG_DIRECTORY_PUBLISH, &q, password, &o)
            : keyring_call(r, MSG_DIRECTORY_PUBLISH, &q, &o));
    return outcome_report(r, &o, out);
}
