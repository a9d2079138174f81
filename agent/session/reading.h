/*
 * Someone else's mail, read layer by layer in one pass: signatures are
 * collected as evidence, encryption is taken off, what is readable goes to a
 * sink. Nothing is judged while reading: verdicts come afterwards, when
 * every layer has reached its end (judge.h).
 *
 * The sink's owner shows nothing before reading_run has succeeded: plaintext
 * passes before tag and padding are checked.
 */
#ifndef AGENT_SESSION_READING_H
#define AGENT_SESSION_READING_H

#include "agent/base/limits.h"
#include "agent/cms/enveloped.h"
#include "agent/mime/address.h"
#include "agent/session/input.h"
#include "agent/session/protected.h"
#include "agent/session/session.h"

enum layer_kind { LAYER_SIGNED, LAYER_ENCRYPTED };

/*
 * Where something stands. The spine is what has nothing but layers around
 * it: only there a signature covers the message, and only there encryption
 * is taken off. Ciphertext that stands in a multipart or an attached message
 * is left as it is: whoever wrote what is around it could have the plaintext
 * sent home by it (EFAIL, "direct exfiltration", CVE-2017-17688).
 */
enum place {
    PLACE_SPINE,
    PLACE_PART,     /* inside a multipart that is no signature's */
    PLACE_FORWARDED /* inside an attached message */
};

/* Who a message says it is from, and what deceives about it. */
struct author {
    struct mailbox_list from;
    char sender[LIMIT_MAILBOX_BYTES + 1];
    uint32_t header_flags; /* set of enum header_flag */
    char message_id[512];
    int64_t date;           /* that readers show; 0: none */
    bool date_unclear;      /* it cannot be read, or there are several */
    int64_t protected_date; /* where DATE is another one's (RFC 9788); or 0 */
};

/* Where the reading is. Layers are named by their number, -1: none. */
struct where {
    enum place place;
    size_t depth;   /* entities around this one */
    int signature;  /* the innermost signed layer around it */
    int encryption; /* the innermost encryption it came out of */
    bool in_digest; /* a part of a multipart/digest */
    const struct author *author;
    char path[LIMIT_PART_PATH_BYTES];
};

/* What makes a signed layer not good whatever its signers are; the words
 * are rows of reasons.def. NULL: nothing. */
struct layer {
    enum layer_kind kind;
    struct where at; /* the entity that carries it */
    /* signed */
    bool covers;   /* it covers all that its message shows */
    bool finished; /* it was read to its end */
    bool opaque;   /* what it covers is inside the CMS object */
    const char *flaw;
    bool attribute_like; /* its content is a DER set of attributes */
    struct signed_data data;
    struct digests *digests;
    /* encrypted */
    bool opened;
    struct cipher_algorithm cipher;
    size_t recipients;
    char key[129]; /* id of the key that opened it */
};

/* One part as a reader shows it: a text, an attachment, an attached message,
 * or a layer that was not looked into. */
struct part {
    struct where at;
    char type[128];              /* as it was parsed, lower case */
    char *name;                  /* file name, decoded; NULL: none */
    const struct author *author; /* of an attached message, else NULL */
};

/* Passes a stream's bytes on while they are looked at, and remembers its
 * failure: what fails below is no fault of what is inside. */
struct stream_passing {
    struct stream s;
    struct stream *from;
    struct sink *to; /* NULL: nobody wants them */
    bool failed;
};

struct reading {
    struct request *r;
    enum verb verb;       /* DECRYPT, VERIFY, OPEN, HARVEST */
    struct own_keys keys; /* for decryption */
    struct input input;
    struct entity top;
    struct sink *to; /* what is readable; NULL: nobody wants it */
    struct layer layer[LIMIT_LAYERS];
    size_t layer_count;
    struct author author;
    struct protected_header header;
    struct author *forwarded[LIMIT_FORWARDED];
    size_t forwarded_count;
    struct part *part;
    size_t part_count;
    size_t parts_read;              /* of foreign multiparts */
    size_t compressions;            /* that were taken off */
    bool more;                      /* a limit was met: not all is told */
    struct stream_passing *passing; /* NULL: the reading is in the spine */
    const struct reading *first;    /* by the second pass */
    bool openpgp;                   /* the message is OpenPGP's */
    off_t begins;                   /* in the input; -1: read once only */
};

/* Takes FD, reads the outermost header, From and Sender. Errors:
 * ERR_NOT_MAIL, ERR_INPUT, ERR_LIMIT. */
MUST_USE enum err reading_open(struct request *r, enum verb verb, int fd,
                               struct reading *out);

/*
 * Reads the whole message; a file a second time when a signature used
 * another digest than its multipart announced. Errors: ERR_BAD_MESSAGE,
 * ERR_NOT_SMIME (DECRYPT of something that is not encrypted),
 * ERR_CANNOT_DECRYPT, ERR_NOT_FOR_US, ERR_UNSUPPORTED, ERR_LIMIT, and those of
 * input, output and tokens. A damaged signature is a flaw of its layer, not an
 * error, with OPEN, and with VERIFY when there is another signature inside.
 * Faults of what stands outside the spine are never errors.
 */
MUST_USE enum err reading_run(struct reading *g);
void reading_drop(struct reading *g);

/* ---- inside the engine
 * --------------------------------------------------------- */

/* decrypting.c: finds the key of one recipient among one's own, those without
 * a certificate last, and gets the content-encryption key. */
MUST_USE enum err reading_find_key(struct reading *g, struct layer *l,
                                   struct enveloped_reader *e,
                                   struct secret **out);

/* ... and says that all of it decrypted well: what is not said so of counts
 * as a failed decryption with the key. */
MUST_USE enum err reading_decrypted(struct reading *g);

/* reading.c: one entity, whatever it is. */
MUST_USE enum err reading_entity(struct reading *g, struct entity *e,
                                 const struct where *w);

/* The next layer, carried by the entity at W; NULL: there are too many, and
 * reading_too_deep says so. */
struct layer *reading_layer_add(struct reading *g, enum layer_kind kind,
                                const struct where *w);
enum err reading_too_deep(struct reading *g);

/* Reads what the signature of L is over, to its end. */
MUST_USE enum err reading_covered(struct reading *g, struct stream *content,
                                  struct layer *l);

/* The word for E, met in L's signature. */
const char *reading_damage_word(const struct layer *l, enum err e);
/* Is E, met in a signature, told as a flaw of its layer instead of refused?
 * Where there is another signature inside, that one is told too. */
bool reading_tells_damage(const struct reading *g, const struct layer *l,
                          enum err e);

/* Hands the CMS object in an entity's body to USE, its transfer encoding
 * taken off. */
typedef enum err use_object(struct reading *g, struct stream *der,
                            const struct where *w, struct layer *l);
MUST_USE enum err reading_pkcs7(struct reading *g, struct entity *e,
                                use_object *use, const struct where *w,
                                struct layer *l);

/* reading_compressed.c: reads what the CompressedData O holds, where it stands
 * around all of the message. */
MUST_USE enum err reading_compressed(struct reading *g, struct cms_object *o,
                                     const struct where *w);
bool reading_is_compressed(const struct entity *e);

/* reading_multipart.c: what a multipart/signed says of itself; for any other
 * entity only its kind. (A parsed type is large and layers are nested: it
 * stays in no frame of the recursion.) */
#define ALL_HASHES ((1U << HASH_COUNT) - 1)
/* What is announced as another one, but used, in a mail of our time. */
#define USUAL_HASHES                                                           \
    (1U << HASH_SHA1 | 1U << HASH_SHA224 | 1U << HASH_SHA256 |                 \
     1U << HASH_SHA384 | 1U << HASH_SHA512 | 1U << HASH_MD5)
struct announced {
    enum smime_kind kind;
    bool delimited;
    bool ambiguous; /* other readers may read it otherwise */
    char boundary[512];
    unsigned hashes;
};
void announced_read(const struct reading *g, const struct entity *e,
                    const struct where *w, struct announced *out);
MUST_USE enum err reading_multipart(struct reading *g, struct entity *e,
                                    const struct announced *a,
                                    const struct where *w);

/* A number of WHERE's path more, and one deeper. */
struct where where_below(const struct where *w, size_t number);

/* reading_text.c: writes an entity that is no S/MIME (or none at all) to the
 * sink, below the outermost message's own fields, and looks at its parts. At
 * depth 0: as it is. */
MUST_USE enum err reading_put(struct reading *g, struct entity *e,
                              const struct where *w);
/* Reads who a message is from; DROP frees what the author owns. */
void author_read(const struct header *h, struct author *out);
void author_drop(struct author *a);

/* reading_parts.c: passes an entity's body on to TO (NULL: nowhere) and
 * notes its parts on the way, with the signatures in them. */
MUST_USE enum err reading_pass(struct reading *g, struct entity *e,
                               struct sink *to, const struct where *w);
/* Notes parts in a body that is being passed on already. */
MUST_USE enum err reading_parts(struct reading *g, struct entity *e,
                                const struct where *w);
/* Notes one part; its content is not looked at. */
void reading_note_part(struct reading *g, const struct header *h,
                       const struct author *author, const struct where *w);
void part_drop(struct part *p);

/* reading_again.c: the digests that the layer NUMBER of G lacks for its
 * signers, and SHA-256; none when it lacks none. */
unsigned reading_lacks(const struct reading *g, size_t number);
/* Computes what digests of signed layers were not announced. Errors: those of
 * reading_run, ERR_INPUT when the input has changed. */
MUST_USE enum err reading_again(struct reading *g);

/* covering.c: the content of a signed layer as it is read. Notes what makes
 * a signature over it worth nothing; END it when all was read. */
struct stream_watched {
    struct stream s;
    struct stream *from;
    struct elsewhere *elsewhere;
    uint8_t first[16];
    size_t first_n;
};
void stream_watched_init(struct stream_watched *w, struct stream *from);
void stream_watched_end(struct stream_watched *w, struct layer *l);
/* The same of what is packed or encrypted inside L, which it covers as well. */
void stream_watched_tell(struct stream_watched *w, struct layer *l);
void stream_watched_drop(struct stream_watched *w);

/* The first word that is said of a layer stays. */
void layer_flaw(struct layer *l, const char *word);

/* A fault outside the object that carries the layers from NUMBER on: the
 * outermost signature among them does not cover it. */
void note_outside(struct reading *g, size_t number, const char *word);

/* The same of what stands behind an object that is no signature and was read
 * to its end. */
MUST_USE enum err note_rest(struct reading *g, struct cms_object *o,
                            size_t number);

/* Reads from the content's end to that of the input, and checks. */
MUST_USE enum err layer_finish(struct layer *l, struct cms_object *o,
                               struct signed_reader *reader, struct problem *p);

/* What the CMS object itself says that makes it no signature of a mail. */
void layer_check_object(struct layer *l);

/* RFC 9788 and others before it: an author inside the signed or encrypted
 * entity must be the one outside. */
void note_inner_from(struct reading *g, const struct entity *inner);

/* What is signed at W: where other readers may see another kind of content in
 * it, or a message of somebody else, that is a flaw of the signature. */
void note_other_kind(struct reading *g, const struct entity *e,
                     const struct where *w);

/* Reads S to its end and forgets it. */
MUST_USE enum err stream_drain(struct stream *s, struct problem *p);

/* A damaged, too deep or unknown shape, as against a fault of ours, of a
 * token, or of input and output. */
bool is_shape_error(enum err e);

#endif
