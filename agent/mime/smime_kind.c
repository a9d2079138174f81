/*
 * What an entity is: its transfer encoding and what it is to S/MIME.
 */
#include <strings.h>

#include "agent/mime/header.h"
#include "agent/mime/letters.h"

enum transfer
header_transfer(const struct header *h)
{
    static const struct {
        const char *name;
        enum transfer transfer;
    } known[] = {{"7bit", TRANSFER_IDENTITY},
                 {"8bit", TRANSFER_IDENTITY},
                 {"binary", TRANSFER_IDENTITY},
                 {"base64", TRANSFER_BASE64},
                 {"quoted-printable", TRANSFER_QUOTED}};
    const struct header_field *f =
        header_find(h, "Content-Transfer-Encoding", 0);
    struct content_type t;

    /* The value is one token; comments and a stray ";" are seen in mail. */
    if (!f || !content_type_parse(f->value, &t))
        return TRANSFER_IDENTITY;
    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        if (strcmp(t.type, known[i].name) == 0)
            return known[i].transfer;
    return TRANSFER_UNKNOWN;
}

const char *
content_type_find(const struct content_type *t, const char *name)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->parameters[i].name, name) == 0)
            return t->parameters[i].value;
    return NULL;
}

static bool
is_one_of(const char *text, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(text, names[i]) == 0)
            return true;
    return false;
}

static bool
is_pkcs7_signature(const char *type)
{
    static const char *const names[] = {"application/pkcs7-signature",
                                        "application/x-pkcs7-signature"};

    return is_one_of(type, names, ARRAY_COUNT(names));
}

/* With a protocol it decides. Without one (RFC 1847 2.1 requires it, some
 * gateways lose it) a micalg that is not OpenPGP's (RFC 3156 5) does. */
static bool
is_pkcs7_multipart(const struct content_type *t)
{
    const char *protocol = content_type_find(t, "protocol");
    const char *micalg = content_type_find(t, "micalg");

    if (protocol)
        return is_pkcs7_signature(protocol);
    return micalg && *micalg && strncasecmp(micalg, "pgp-", 4) != 0;
}

static bool
is_pkcs7_file_name(const char *name)
{
    static const char *const suffixes[] = {".p7m", ".p7s", ".p7c", ".p7z"};
    size_t n = name ? strlen(name) : 0;

    return n > 4 && is_one_of(name + n - 4, suffixes, ARRAY_COUNT(suffixes));
}

/* RFC 8551 3.10: gateways that do not know the type leave the name. */
static bool
has_pkcs7_name(const struct header *h, const struct content_type *t)
{
    const struct header_field *f = header_find(h, "Content-Disposition", 0);
    struct content_type disposition;

    if (is_pkcs7_file_name(content_type_find(t, "name")))
        return true;
    return f && content_type_parse(f->value, &disposition) &&
           is_pkcs7_file_name(content_type_find(&disposition, "filename"));
}

bool
header_is_openpgp(const struct header *h, struct slice body)
{
    static const char *const blocks[] = {"-----BEGIN PGP SIGNED MESSAGE-----",
                                         "-----BEGIN PGP MESSAGE-----"};
    static const char *const protocols[] = {"application/pgp-signature",
                                            "application/pgp-encrypted"};
    struct content_type t;
    const char *protocol;

    header_content_type(h, &t);
    protocol = content_type_find(&t, "protocol");
    if (strcmp(t.type, "multipart/signed") == 0 ||
        strcmp(t.type, "multipart/encrypted") == 0)
        return protocol && is_one_of(protocol, protocols, 2);
    while (body.n > 0 && is_white(body.p[0]))
        body = slice_of(body.p + 1, body.n - 1);
    for (size_t i = 0; i < ARRAY_COUNT(blocks); i++)
        if (body.n >= strlen(blocks[i]) &&
            memcmp(body.p, blocks[i], strlen(blocks[i])) == 0)
            return true;
    return false;
}

bool
content_type_is_message(const struct content_type *t)
{
    return strcmp(t->type, "message/rfc822") == 0 ||
           strcmp(t->type, "message/global") == 0 || /* RFC 6532 3.7 */
           strcmp(t->type, "message/news") == 0;     /* RFC 5536 4.2 */
}

bool
content_type_is_pkcs7(const struct content_type *t)
{
    static const char *const types[] = {"application/pkcs7-mime",
                                        "application/x-pkcs7-mime"};

    return is_one_of(t->type, types, ARRAY_COUNT(types));
}

bool
header_points_elsewhere(const struct header *h)
{
    return header_find(h, "Content-Base", 0) ||
           header_find(h, "Content-Location", 0) ||
           header_find(h, "X-Mozilla-External-Attachment-URL", 0);
}

/* Gateways that know nothing of S/MIME call a file so; nothing opens it. */
static bool
is_inert_file_name(const char *name)
{
    static const char *const suffixes[] = {".bin", ".dat"};
    size_t n = strlen(name);

    return n > 4 && is_one_of(name + n - 4, suffixes, ARRAY_COUNT(suffixes));
}

/* Encoded words (RFC 2047) are none in a parameter, and are to many. */
static bool
is_other_file_name(const char *name, bool signature)
{
    return name && *name &&
           (strstr(name, "=?") || !(is_pkcs7_file_name(name) ||
                                    (signature && is_inert_file_name(name))));
}

/* Some take either parameter from either field. */
static bool
names_other_file(const struct content_type *t, bool signature)
{
    return t->doubtful_name ||
           is_other_file_name(content_type_find(t, "name"), signature) ||
           is_other_file_name(content_type_find(t, "filename"), signature);
}

static bool
is_cms_alone(const struct header *h, const struct content_type *t,
             bool signature)
{
    const struct header_field *f;
    struct content_type d;

    if ((!content_type_is_pkcs7(t) && !is_pkcs7_signature(t->type) &&
         strcmp(t->type, "application/octet-stream") != 0) ||
        names_other_file(t, signature))
        return false;
    for (size_t n = 0; (f = header_find(h, "Content-Disposition", n)); n++)
        if (trimmed(f->value).n > 0 &&
            (!content_type_parse(f->value, &d) || d.ambiguous ||
             names_other_file(&d, signature)))
            return false;
    return true;
}

bool
header_is_pkcs7_alone(const struct header *h, const struct content_type *t)
{
    return is_cms_alone(h, t, false);
}

bool
header_is_signature_alone(const struct header *h, const struct content_type *t)
{
    return is_cms_alone(h, t, true);
}

enum smime_kind
header_smime_kind(const struct header *h, struct content_type *out_type)
{
    const struct content_type *t = out_type;

    header_content_type(h, out_type);
    if (strcmp(t->type, "multipart/signed") == 0)
        return is_pkcs7_multipart(t) ? SMIME_MULTIPART_SIGNED : SMIME_NONE;
    if (content_type_is_pkcs7(t) || is_pkcs7_signature(t->type))
        return SMIME_PKCS7;
    /* What readers show themselves is never S/MIME by its name. */
    if (strncmp(t->type, "application/", 12) != 0)
        return SMIME_NONE;
    return has_pkcs7_name(h, t) ? SMIME_PKCS7 : SMIME_NONE;
}
