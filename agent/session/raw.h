/*
 * CMS objects that stand alone (form "cms"), for mail programs that make and
 * take apart MIME themselves: the exact bytes go in, DER, PEM (RFC 7468) or
 * base64 comes out, and the other way round. No header is seen, so nothing is
 * known of a sender. Runs in smime-session; constant memory, as for mails.
 */
#ifndef AGENT_SESSION_RAW_H
#define AGENT_SESSION_RAW_H

#include "agent/cms/algorithm.h"
#include "agent/session/input.h"
#include "agent/session/output.h"
#include "agent/session/session.h"

/* True when the request's form is "cms". Errors: ERR_USAGE for another form
 * than that or "mail", and for parameters that go with "cms" alone. */
MUST_USE enum err raw_is_wanted(struct request *r, bool *out);

/* ---- reading ------------------------------------------------------------- */

/* What stands between "-----BEGIN" and "-----END" lines. */
struct stream_pem {
    struct stream s;
    struct stream *from;
    bool inside; /* the BEGIN line is over */
    bool ended;
};

/* A descriptor with a CMS object as DER or BER, PEM or base64. */
struct raw_input {
    struct input input;
    struct buf first;
    struct stream_joined joined;
    struct stream_pem pem;
    struct base64_reader *base64;
    struct stream *der; /* borrowed by its reader */
};
/* Takes FD. Errors: ERR_INPUT, ERR_BAD_MESSAGE when it is empty. */
MUST_USE enum err raw_input_open(int fd, struct raw_input *out,
                                 struct problem *p);
/* The object was read to its end: *out_rubbish when its base64 held, or was
 * followed by, what is none. */
MUST_USE enum err raw_input_finish(struct raw_input *in, bool *out_rubbish,
                                   struct problem *p);
void raw_input_drop(struct raw_input *in);

/* Passes what is read on to TO (NULL: nowhere) as well. */
struct stream_tapped {
    struct stream s;
    struct stream *from;
    struct sink *to;
};
void stream_tapped_init(struct stream_tapped *t, struct stream *from,
                        struct sink *to);

/* ---- writing ------------------------------------------------------------- */

/* An output in the encoding that the request names: "der" (the default; an
 * object with content is BER of indefinite lengths), "pem" under its label,
 * or "base64". */
struct raw_output {
    struct output *file;
    struct base64_writer *base64;
    const char *label; /* of PEM, else NULL */
    struct sink *sink; /* takes DER; borrowed from the others */
};
/* Takes FD. Errors: ERR_USAGE, ERR_OUTPUT. */
MUST_USE enum err raw_output_open(struct request *r, int fd,
                                  struct raw_output *out);
MUST_USE enum err raw_output_commit(struct request *r, struct raw_output *o);
/* Without commit nothing is left in the output. */
void raw_output_drop(struct raw_output *o);

/* A program that died cut its input short, which looks like its end: what was
 * made of that is nothing to give out. Errors: ERR_INPUT. */
MUST_USE enum err raw_client_check(struct request *r);

/* ---- the verbs ----------------------------------------------------------- */

struct signer;
struct audience;

/* Signs the bytes of INPUT with S. Takes both descriptors. Reads `opaque`,
 * `text` and `chain` of the request. */
MUST_USE enum err raw_sign(struct request *r, struct signer *s, int input,
                           int output);

/* Encrypts the bytes of INPUT to A, signed by nobody. Takes both. */
MUST_USE enum err raw_encrypt(struct request *r, const struct audience *a,
                              enum cipher cipher, int input, int output);

/* The handlers of Decrypt and Verify with form "cms". */
method_handler raw_decrypt;
method_handler raw_verify;

#endif
