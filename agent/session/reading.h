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
#include "agent/session/session.h"

enum layer_kind { LAYER_SIGNED, LAYER_ENCRYPTED };

/* What makes a signed layer not good whatever its signers are; the words
 * are rows of reasons.def. NULL: nothing. */
struct layer {
    enum layer_kind kind;
    /* signed */
    bool covers; /* it covers all that its message shows */
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

struct reading {
    struct request *r;
    enum verb verb;       /* DECRYPT, VERIFY, OPEN, HARVEST */
    struct own_keys keys; /* for decryption */
    struct input input;
    struct entity top;
    struct sink *to; /* what is readable; NULL: nobody wants it */
    struct layer layer[LIMIT_LAYERS];
    size_t layer_count;
    struct mailbox_list from;
    char sender[LIMIT_MAILBOX_BYTES + 1];
    uint32_t header_flags; /* set of enum header_flag */
    char message_id[512];
};

/* Takes FD, reads the outermost header, From and Sender. Errors:
 * ERR_NOT_MAIL, ERR_INPUT, ERR_LIMIT. */
MUST_USE enum err reading_open(struct request *r, enum verb verb, int fd,
                               struct reading *out);

/*
 * Reads the whole message. Errors: ERR_BAD_MESSAGE, ERR_NOT_SMIME (DECRYPT
 * of something that is not encrypted), ERR_CANNOT_DECRYPT, ERR_NOT_FOR_US,
 * ERR_UNSUPPORTED, ERR_LIMIT, and those of input, output and tokens. With
 * OPEN a damaged signature is a flaw of its layer, not an error.
 */
MUST_USE enum err reading_run(struct reading *g);
void reading_drop(struct reading *g);

/* ---- inside the engine
 * --------------------------------------------------------- */

/* decrypting.c: finds the key of one recipient among one's own and gets the
 * content-encryption key. */
MUST_USE enum err reading_find_key(struct reading *g, struct layer *l,
                                   const struct enveloped_reader *e,
                                   struct secret **out);

/* reading_text.c: writes an entity that is no S/MIME (or none at all) to the
 * sink, below the outermost message's own fields. DEPTH 0: as it is. */
MUST_USE enum err reading_put(struct reading *g, struct entity *e,
                              size_t depth);

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
void stream_watched_drop(struct stream_watched *w);

/* The first word that is said of a layer stays. */
void layer_flaw(struct layer *l, const char *word);

/* What the CMS object itself says that makes it no signature of a mail. */
void layer_check_object(struct layer *l);

/* RFC 9788 and others before it: an author inside the signed entity must be
 * the one outside. */
void note_inner_from(struct reading *g, const struct entity *inner);

/* Reads S to its end and forgets it. */
MUST_USE enum err stream_drain(struct stream *s, struct problem *p);

/* A damaged, too deep or unknown shape, as against a fault of ours, of a
 * token, or of input and output. */
bool is_shape_error(enum err e);

#endif
