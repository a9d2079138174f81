/* The agent's keys as objects: what Raw.List says, taken apart. */
#include <stdlib.h>
#include <string.h>

#include "client/pkcs11/module.h"

#define LIST_EVERY_MS 1000
#define DER_BYTES     (64 * 1024)
#define ID_BYTES      256

/* ---- one object ---------------------------------------------------------- */

static const char *
text_of(json_t *o, const char *member)
{
    const char *text = json_string_value(json_object_get(o, member));

    return text ? text : "";
}

static struct object *
known_find(CK_OBJECT_CLASS class, const char *name)
{
    for (size_t i = 0; i < module.object_count; i++) {
        struct object *o = module.object[i];

        if (o->class == class && o->name && strcmp(o->name, name) == 0)
            return o;
    }
    return NULL;
}

/* Takes O in: in place of the one it was before, whose handle stays, or as a
 * new one. One that is there already in this list is passed over: the same
 * key, or certificate, on another token. */
static bool
object_list(struct object *o, const char *name)
{
    struct object *known = known_find(o->class, name), swap;

    if (known && known->is_marked) {
        object_drop(&o);
        return true;
    }
    o->name = strdup(name);
    if (!o->name) {
        object_drop(&o);
        return false;
    }
    o->is_marked = true;
    if (!known)
        return object_keep(o, NULL) == CKR_OK;
    o->handle = known->handle;
    swap = *known;
    *known = *o;
    *o = swap;
    object_drop(&o);
    return true;
}

static bool
set_hex(struct object *o, CK_ATTRIBUTE_TYPE type, json_t *from,
        const char *member)
{
    struct bytes b = {NULL, 0};
    bool done;

    /* What the agent does not know is empty, and no error. */
    if (!json_object_get(from, member))
        return true;
    done =
        hex_read(from, member, DER_BYTES, &b) && object_set(o, type, b.p, b.n);
    bytes_drop(&b);
    return done;
}

/* An attribute that a program may look for and that is empty here. */
static bool
set_empty(struct object *o, CK_ATTRIBUTE_TYPE type)
{
    return object_set(o, type, "", 0);
}

static bool
set_storage(struct object *o, bool is_private, const char *label)
{
    o->is_private = is_private;
    return object_set_bool(o, CKA_TOKEN, true) &&
           object_set_bool(o, CKA_PRIVATE, is_private) &&
           object_set_bool(o, CKA_MODIFIABLE, false) &&
           object_set(o, CKA_LABEL, label, strlen(label));
}

/* ---- certificates -------------------------------------------------------- */

#define CATEGORY_USER      1UL
#define CATEGORY_AUTHORITY 2UL

static bool
set_certificate(struct object *o, json_t *c, json_t *key, CK_ULONG category)
{
    return set_storage(o, false, key ? text_of(key, "label") : "") &&
           object_set_ulong(o, CKA_CERTIFICATE_TYPE, CKC_X_509) &&
           object_set_bool(o, CKA_TRUSTED, false) &&
           object_set_ulong(o, CKA_CERTIFICATE_CATEGORY, category) &&
           set_empty(o, CKA_ID) && (!key || set_hex(o, CKA_ID, key, "id")) &&
           set_hex(o, CKA_VALUE, c, "der") &&
           set_hex(o, CKA_SUBJECT, c, "subject") &&
           set_hex(o, CKA_ISSUER, c, "issuer") &&
           set_hex(o, CKA_SERIAL_NUMBER, c, "serial");
}

/* KEY: whose it is; NULL: an issuer's. */
static bool
list_certificate(json_t *c, json_t *key)
{
    struct object *o = object_new(CKO_CERTIFICATE);

    if (!o || text_of(c, "der")[0] == '\0' ||
        !set_certificate(o, c, key, key ? CATEGORY_USER : CATEGORY_AUTHORITY)) {
        object_drop(&o);
        return false;
    }
    return object_list(o, text_of(c, "der"));
}

/* ---- keys ---------------------------------------------------------------- */

static const struct key_row {
    const char *name;
    enum key_kind kind;
    CK_KEY_TYPE type;
} rows[] = {{"rsa", KIND_RSA, CKK_RSA},
            {"ec", KIND_EC, CKK_EC},
            {"ed25519", KIND_ED25519, CKK_EC_EDWARDS},
            {"x25519", KIND_X25519, CKK_EC_MONTGOMERY}};

static const struct key_row *
row_find(json_t *key)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strcmp(rows[i].name, text_of(key, "type")) == 0)
            return &rows[i];
    return NULL;
}

static unsigned
uses_of(json_t *key)
{
    unsigned can = 0;
    json_t *use;
    size_t i;

    json_array_foreach(json_object_get(key, "uses"), i, use)
    {
        const char *name = json_string_value(use);

        if (name && strcmp(name, "sign") == 0)
            can |= CAN_SIGN;
        if (name && strcmp(name, "decrypt") == 0)
            can |= CAN_DECRYPT;
        if (name && strcmp(name, "agree") == 0)
            can |= CAN_AGREE;
    }
    return can;
}

/* CKA_EC_PARAMS: the curve's OID; for the two curves of RFC 7748 its name
 * (PKCS#11 3.0, 2.3.5). CKA_EC_POINT: the point as an OCTET STRING. */
static bool
set_point(struct object *o, json_t *key)
{
    static const char edwards[] = "\x13\x0c"
                                  "edwards25519";
    static const char montgomery[] = "\x13\x0a"
                                     "curve25519";
    struct bytes point = {NULL, 0}, der = {NULL, 0};
    uint8_t head[3] = {0x04, 0x81, 0};
    bool is_long, done;

    if (o->kind == KIND_ED25519)
        done = object_set(o, CKA_EC_PARAMS, edwards, sizeof(edwards) - 1);
    else if (o->kind == KIND_X25519)
        done = object_set(o, CKA_EC_PARAMS, montgomery, sizeof(montgomery) - 1);
    else
        done = set_hex(o, CKA_EC_PARAMS, key, "curve");
    if (!done || !json_object_get(key, "point") || o->class == CKO_PRIVATE_KEY)
        return done;
    if (!hex_read(key, "point", 255, &point))
        return false;
    is_long = point.n > 127;
    head[is_long ? 2 : 1] = (uint8_t)point.n;
    done = bytes_add(&der, head, is_long ? 3 : 2) &&
           bytes_add(&der, point.p, point.n) &&
           object_set(o, CKA_EC_POINT, der.p, der.n);
    bytes_drop(&point);
    bytes_drop(&der);
    return done;
}

static bool
set_numbers(struct object *o, json_t *key)
{
    CK_ULONG bits = (CK_ULONG)json_integer_value(json_object_get(key, "bits"));
    const struct attribute *modulus;

    o->bytes = bits / 8 + (bits % 8 != 0);
    if (o->kind != KIND_RSA)
        return set_point(o, key);
    if (!set_hex(o, CKA_MODULUS, key, "modulus") ||
        !set_hex(o, CKA_PUBLIC_EXPONENT, key, "exponent"))
        return false;
    modulus = object_attribute(o, CKA_MODULUS);
    if (modulus)
        o->bytes = modulus->value.n;
    return o->class != CKO_PUBLIC_KEY ||
           object_set_ulong(o, CKA_MODULUS_BITS, bits);
}

static bool
set_key(struct object *o, json_t *key, const struct key_row *row,
        bool is_private)
{
    json_t *certificate = json_object_get(key, "certificate");

    o->kind = row->kind;
    o->can = uses_of(key);
    o->key = strdup(text_of(key, "key"));
    return o->key && set_storage(o, is_private, text_of(key, "label")) &&
           object_set_ulong(o, CKA_KEY_TYPE, row->type) &&
           set_hex(o, CKA_ID, key, "id") && set_empty(o, CKA_SUBJECT) &&
           set_hex(o, CKA_SUBJECT, certificate, "subject") &&
           object_set_bool(o, CKA_LOCAL, false) &&
           object_set_bool(o, CKA_DERIVE, o->can & CAN_AGREE) &&
           set_hex(o, CKA_PUBLIC_KEY_INFO, key, "public_key") &&
           set_empty(o, CKA_START_DATE) && set_empty(o, CKA_END_DATE) &&
           set_numbers(o, key);
}

/* What can be vouched for: that it does not leave its token now. What was
 * before nobody knows here. A PIN for each operation is asked for by the
 * agent, so CKA_ALWAYS_AUTHENTICATE would only have programs ask once more. */
static bool
set_private(struct object *o)
{
    return object_set_bool(o, CKA_SENSITIVE, true) &&
           object_set_bool(o, CKA_EXTRACTABLE, false) &&
           object_set_bool(o, CKA_ALWAYS_SENSITIVE, false) &&
           object_set_bool(o, CKA_NEVER_EXTRACTABLE, false) &&
           object_set_bool(o, CKA_ALWAYS_AUTHENTICATE, false) &&
           object_set_bool(o, CKA_SIGN, o->can & CAN_SIGN) &&
           object_set_bool(o, CKA_SIGN_RECOVER, false) &&
           object_set_bool(o, CKA_DECRYPT, o->can & CAN_DECRYPT) &&
           object_set_bool(o, CKA_UNWRAP, o->can & CAN_DECRYPT) &&
           object_set_bool(o, CKA_WRAP_WITH_TRUSTED, false);
}

static bool
set_public(struct object *o)
{
    return object_set_bool(o, CKA_VERIFY, o->can & CAN_SIGN) &&
           object_set_bool(o, CKA_VERIFY_RECOVER, false) &&
           object_set_bool(o, CKA_ENCRYPT, o->can & CAN_DECRYPT) &&
           object_set_bool(o, CKA_WRAP, o->can & CAN_DECRYPT) &&
           object_set_bool(o, CKA_TRUSTED, false);
}

static bool
list_key_object(json_t *key, const struct key_row *row, bool is_private)
{
    struct object *o =
        object_new(is_private ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY);

    if (!o || !set_key(o, key, row, is_private) ||
        !(is_private ? set_private(o) : set_public(o))) {
        object_drop(&o);
        return false;
    }
    return object_list(o, text_of(key, "id"));
}

static bool
list_key(json_t *key)
{
    json_t *certificate = json_object_get(key, "certificate"), *issuer;
    const struct key_row *row = row_find(key);
    size_t i;

    if (text_of(key, "key")[0] == '\0' || text_of(key, "id")[0] == '\0')
        return false;
    if (certificate && !list_certificate(certificate, key))
        return false;
    json_array_foreach(json_object_get(key, "chain"), i, issuer)
    {
        if (!list_certificate(issuer, NULL))
            return false;
    }
    /* A kind that is not known here is only seen by its certificate. */
    if (!row || strcmp(text_of(key, "private"), "no") == 0)
        return true;
    if (json_object_get(key, "public_key") && !list_key_object(key, row, false))
        return false;
    return list_key_object(key, row, true);
}

/* ---- all of them --------------------------------------------------------- */

/* Certificates are seen without a login (PKCS#11 3.0 profiles, 2.5). */
static bool
list_profile(void)
{
    struct object *o = object_new(CKO_PROFILE);

    if (!o || !set_storage(o, false, "") ||
        !object_set_ulong(o, CKA_PROFILE_ID, CKP_PUBLIC_CERTIFICATES_TOKEN)) {
        object_drop(&o);
        return false;
    }
    return object_list(o, "profile");
}

static void
mark_all(bool mark)
{
    for (size_t i = 0; i < module.object_count; i++)
        module.object[i]->is_marked = mark;
}

static void
sweep(void)
{
    for (size_t i = 0; i < module.object_count; i++) {
        struct object *o = module.object[i];

        if (o->session == 0)
            o->is_gone = !o->is_marked;
    }
}

/* Is a login of use? Not when a key can be used already: the others are asked
 * for with their operation. Nor when there are several locked tokens, for the
 * same reason. So a program is sent to C_Login when the one token there is is
 * locked, or hides its keys; and Thunderbird, which loses the end of a login
 * that comes before its dialog is drawn, only when a person has to answer. */
static bool
is_login_needless(json_t *keys)
{
    json_t *key, *first = NULL;
    size_t i;

    json_array_foreach(keys, i, key)
    {
        json_t *token = json_object_get(key, "token");

        if (strcmp(text_of(key, "private"), "no") == 0)
            continue;
        if (json_is_true(json_object_get(key, "unlocked")))
            return true;
        if (first && !json_equal(first, token))
            return true;
        first = token;
    }
    return false;
}

/* Those of tokens that are unlocked come first: of a key that is on two, that
 * one is used. */
bool
list_apply(json_t *reply)
{
    json_t *keys = json_object_get(reply, "keys"), *key;
    bool done = json_is_array(keys);
    size_t i;

    mark_all(false);
    done = done && list_profile();
    for (int locked = 0; locked < 2; locked++)
        json_array_foreach(keys, i, key)
        {
            bool open = json_is_true(json_object_get(key, "unlocked"));

            if (open != (bool)locked)
                done = done && list_key(key);
        }
    sweep();
    module.is_open = done && is_login_needless(keys);
    return done;
}

static void
agent_is_away(void)
{
    module.is_present = module.is_open = false;
    module.listed_ms = clock_now_ms();
    mark_all(false);
    sweep();
}

CK_RV
list_refresh(bool now)
{
    json_t *reply = NULL;
    CK_RV rv;

    if (!now && module.listed_ms != 0 &&
        clock_now_ms() - module.listed_ms < LIST_EVERY_MS)
        return module.is_present ? CKR_OK : CKR_TOKEN_NOT_PRESENT;
    rv = agent_call("io.smimeagent.Raw.List", json_pack("{s:b}", "chains", 1),
                    NULL, &reply);
    if (rv == CKR_CRYPTOKI_NOT_INITIALIZED)
        return rv;
    if (rv != CKR_OK) {
        /* An agent that is there and cannot say now keeps its objects. */
        if (rv != CKR_DEVICE_REMOVED)
            return rv;
        agent_is_away();
        return CKR_TOKEN_NOT_PRESENT;
    }
    module.is_present = true;
    module.listed_ms = clock_now_ms();
    rv = list_apply(reply) ? CKR_OK : CKR_DEVICE_ERROR;
    json_decref(reply);
    return rv;
}
