/*
 * A header block (RFC 5322, RFC 2045) as borrowed slices: fields in their
 * order, bytes untouched. Runs in smime-session on hostile mail. No
 * cryptography, no charset conversion beyond what encoded words need.
 */
#ifndef AGENT_MIME_HEADER_H
#define AGENT_MIME_HEADER_H

#include "agent/base/limits.h"
#include "agent/base/mem.h"
#include "agent/base/stream.h"

struct header_field {
    struct slice whole; /* with its line end(s), folded lines included */
    struct slice name;
    struct slice value; /* raw: after the colon, without the last line end */
};

/* Owns its copy of the bytes and the array of fields. */
struct header {
    struct buf bytes;
    struct header_field *fields;
    size_t count;
    bool crlf;      /* its first line end was CRLF */
    bool unix_from; /* leading "From " or ">From " lines were skipped */
    /* Other readers may see other fields here: lines end in both ways, a
     * folded line is blank (some end the header there), or a blank stands
     * before a colon (some see no field then). */
    bool ambiguous;
};

/*
 * Reads from FROM up to and with the empty line that ends a header. What was
 * read beyond it goes to REST (the body's first bytes; may be empty). A
 * stream that ends before an empty line is a header with an empty body.
 * An entity without any header begins with the empty line: count is 0.
 * Errors: ERR_NOT_MAIL (a first line that is neither a field nor empty, a
 * NUL in the header), ERR_BAD_MESSAGE (a later line that is neither a field
 * nor folded, or a bare CR: other readers end the header or the line there
 * and would see other fields; the line is named), ERR_LIMIT, and the
 * stream's own. REST is appended to; both are untouched on failure.
 */
MUST_USE enum err header_read(struct stream *from, struct header *out,
                              struct buf *rest, struct problem *p);
void header_drop(struct header *h);

/* The N-th (from 0) field of that name, case-insensitive, or NULL. */
const struct header_field *header_find(const struct header *h, const char *name,
                                       size_t n);
size_t header_count(const struct header *h, const char *name);

/* The value without folding (RFC 5322 2.2.3) and outer blanks, appended. */
void header_unfold(struct slice value, struct buf *out);

/* True for the fields that belong to the MIME entity (Content-*). */
bool header_is_mime(const struct header_field *f);

/* True when this is a whole message, not a bare MIME entity: it has a field
 * of RFC 5322 (From, To, Cc, Date, Subject, Message-ID, Received, ...). */
bool header_is_message(const struct header *h);

/* ---- Content-Type and friends (RFC 2045 5.1, RFC 2231) --------------------
 */

struct content_type {
    char type[128]; /* "multipart/signed", lower case */
    struct {
        char name[64]; /* lower case; RFC 2231 continuations joined */
        char value[512];
    } parameters[LIMIT_PARAMETERS];
    size_t count;
    /* Other readers may read other values: one name twice, a comment, an
     * escape or an open end in a quoted string, what is no parameter, one
     * that was dropped, a second type behind the first. */
    bool ambiguous;
    bool two_boundaries;
    /* Readers may take other names of a file out of it: two that differ,
     * pieces that not all join, a charset that not all know, what is no
     * parameter but may be one to them. */
    bool doubtful_name;
};

/* Parses a Content-Type (or Content-Disposition) value leniently: what can
 * be read is read. Of two values for one name the first counts; one that is
 * too long or holds control characters is dropped, and no later one takes
 * its place. Gives false, and leaves OUT alone, when there is no type at all.
 * What is there takes 18 KiB: nothing of it is cleared that is not used. */
MUST_USE bool content_type_parse(struct slice value, struct content_type *out);
/* That of an entity; text/plain when nothing can be read (RFC 2045 5.2). */
void header_content_type(const struct header *h, struct content_type *out);
/* The parameter's value or NULL. */
const char *content_type_find(const struct content_type *t, const char *name);

enum transfer {
    TRANSFER_IDENTITY,
    TRANSFER_BASE64,
    TRANSFER_QUOTED,
    TRANSFER_UNKNOWN
};
/* Is the entity OpenPGP's: by its type (RFC 3156), or because BODY, how it
 * begins, is an armoured block (RFC 9580 6.2)? */
bool header_is_openpgp(const struct header *h, struct slice body);

/* Of an entity's Content-Transfer-Encoding; absent is identity. */
enum transfer header_transfer(const struct header *h);

/* What an entity is to S/MIME, by its first Content-Type and its file name
 * (RFC 8551 3.2.1, 3.10: .p7m .p7s .p7c .p7z of any application type; what
 * readers show as text, pictures or parts stays that); x-pkcs7 names count. A
 * multipart/signed without a protocol counts by its micalg. *out_type is the
 * parsed type, text/plain when there is none that can be read (RFC 2045 5.2).
 */
enum smime_kind {
    SMIME_NONE,
    SMIME_MULTIPART_SIGNED, /* multipart/signed with a pkcs7 protocol */
    SMIME_PKCS7             /* a CMS object: its own ContentType says which */
};

/* True for a type whose content is a message with a header of its own. */
bool content_type_is_message(const struct content_type *t);

/* True for a type that says itself that it is a CMS object with a content
 * (application/pkcs7-mime), not only by a name or as a signature. */
bool content_type_is_pkcs7(const struct content_type *t);

/* Does it name another place that what is inside is looked for at, or that its
 * relative links are of (RFC 2557 4.2, 5; Content-Base: RFC 2110; Mozilla's
 * for a file that was taken out)? */
bool header_points_elsewhere(const struct header *h);

/* Of one that header_smime_kind takes for a CMS object, of type T: neither its
 * type nor the name of a file lets readers take it for anything else. They
 * would show what nobody signed: a CMS object can be a document as well. */
bool header_is_pkcs7_alone(const struct header *h,
                           const struct content_type *t);

/* The same of the second part of a multipart/signed, whose place says what it
 * is: gateways leave it without a name, or with one that opens nothing. */
bool header_is_signature_alone(const struct header *h,
                               const struct content_type *t);

enum smime_kind header_smime_kind(const struct header *h,
                                  struct content_type *out_type);

#endif
