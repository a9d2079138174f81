/*
 * smime-gpgsm: speaks gpgsm's protocol to GPGME (Assuan) and Varlink to the
 * agent. Started anew for each operation by most programs, so it starts in
 * about a millisecond: no libcrypto, no file is read. It holds no key and
 * parses no mail: descriptors go on to the agent as they came.
 */
#ifndef CLIENT_MAIL_GPGSM_ENGINE_H
#define CLIENT_MAIL_GPGSM_ENGINE_H

#include <assuan.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "agent/base/mem.h"
#include "client/lib/client.h"

/* What gpgsm's own numbers were when this was written; GPGME asks for at
 * least 2.1.6. */
#define GPGSM_VERSION "2.2.40"

#define LIMIT_ENGINE_RECIPIENTS 500 /* as the agent's LIMIT_TO */

/* How OUTPUT wants it. */
enum encoding { ENCODING_BINARY, ENCODING_ARMOR, ENCODING_BASE64 };

/* One certificate as io.smimeagent.Contacts.Certificates lists it. */
struct listed {
    json_t *json; /* borrowed */
    const char *sha1;
    const char *sha256;
    const char *chain;
    const char *kind;
    bool own;
    bool blocked;
    bool ca;
    bool signs;
    bool encrypts;
    json_int_t not_before, not_after;
};

struct engine {
    assuan_context_t assuan; /* NULL: called from a command line */
    struct smime_client *agent;
    FILE *log; /* --logger-fd, or stderr */
    enum encoding encoding;
    int input, output; /* as INPUT and OUTPUT gave them, Assuan's; or -1 */
    int message;       /* MESSAGE's descriptor, or -1 */
    json_t *recipients;
    char signer[41];      /* SHA-1, or empty */
    char signer_key[130]; /* its CKA_ID */
    /* options */
    char *tty, *term, *display, *locale;
    int include_certs;
    bool without_self;
    bool audit_wanted;
    struct buf audit; /* of the last operation, lines */
};

/* ---- engine.c ------------------------------------------------------------ */

void engine_init(struct engine *e);
void engine_drop(struct engine *e);

/* Forgets what belongs to one operation: descriptors, signer, recipients. */
void engine_reset(struct engine *e);

/* Did the program send a descriptor that is one? */
bool fd_is_open(int fd);

/* The same at the socket that may change contacts, with one descriptor. */
gpg_error_t engine_manage(struct engine *e, const char *method,
                          json_t *parameters, int fd, json_t **out);

/* Calls the agent's METHOD; parameters are taken. The reply is a new
 * reference. Gives 0 or a gpg-error with its sentence in the Assuan answer
 * and the log; *out_name (may be NULL, 64 bytes) is the agent's error. */
gpg_error_t engine_call(struct engine *e, const char *method,
                        json_t *parameters, const int *fds, int fd_count,
                        json_t **out, char *out_name);

/* A gpg-error with a sentence, in the answer and the log. */
gpg_error_t engine_fail(struct engine *e, gpg_err_code_t code,
                        const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A status line; nothing in it can end it early. */
void engine_status(struct engine *e, const char *keyword, const char *format,
                   ...) __attribute__((format(printf, 3, 4)));

/* Where a prompt may be shown, as parameter `caller`. */
void engine_set_caller(struct engine *e, json_t *parameters);
/* `encoding` and `label`, as OUTPUT wants it. */
void engine_set_encoding(struct engine *e, json_t *parameters,
                         const char *label);

/* A line of the audit log, which GETAUDITLOG gives. */
void engine_audit(struct engine *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- codes.c ------------------------------------------------------------- */

/* The agent's error NAME as GnuPG says it. */
gpg_err_code_t code_of(const char *name);

/* "RSA-3072": libgcrypt's number of the algorithm (1 RSA, 18 ECC, 301 ECDSA,
 * 303 EdDSA) and the bits. */
int algorithm_number(const char *key, bool of_signature);
int algorithm_bits(const char *key);
/* "sha-256" or "SHA256": libgcrypt's number, 0 unknown. */
int hash_number(const char *name);

/* A text of OBJECT; empty when there is none. */
const char *member_text(const json_t *object, const char *name);
/* HEX in capitals, as GnuPG writes fingerprints. */
void hex_upper(char *out, size_t size, const char *hex);

/* Seconds since 1970 as YYYYMMDDThhmmss or YYYY-MM-DD. */
void time_iso(json_int_t seconds, char out[32]);
void time_day(json_int_t seconds, char out[32]);

/* ---- certificates.c ------------------------------------------------------ */

/* Asks the agent for the certificates that PATTERNS (taken, may be NULL)
 * mean. *out is the reply, a new reference. */
gpg_error_t certificates_find(struct engine *e, json_t *patterns, bool own,
                              bool bytes, json_t **out);
size_t certificates_count(const json_t *reply);
void certificates_at(const json_t *reply, size_t i, struct listed *out);

/* Is it one to show in a list? All but roots of nobody who is listed. */
bool certificate_is_shown(const json_t *reply, const struct listed *c);

/* What speaks against encrypting to it or signing with it, as the reason
 * numbers of INV_RECP and INV_SGNR; -1: nothing. */
int certificate_obstacle(const struct listed *c, bool signing);

/* The best one for an operation, or NULL with *reason: one's own first, else
 * the newest. True: c is it. */
bool certificates_choose(const json_t *reply, bool signing, struct listed *out,
                         int *reason);

/* ---- colons.c ------------------------------------------------------------ */

/* The record of one certificate in gpgsm's colon format, lines with LF. */
void colons_write(const struct listed *c, bool secret, struct buf *out);

/* The same for people; all: every field, as --dump-keys does. */
void certificate_print(const struct listed *c, bool all, struct buf *out);

/* ---- commands ------------------------------------------------------------ */

/* The words of an Assuan line without its options, %XX and + undone; what is
 * no UTF-8 is escaped, and matches nothing. */
json_t *patterns_read(const char *line);

/* A line that is one name, as RECIPIENT's and SIGNER's. */
json_t *name_read(const char *line);

/* Whether LINE has OPTION, a word that begins with two dashes. */
bool has_option(const char *line, const char *option);

gpg_error_t cmd_listkeys(assuan_context_t ctx, char *line);
gpg_error_t cmd_listsecretkeys(assuan_context_t ctx, char *line);
gpg_error_t cmd_dumpkeys(assuan_context_t ctx, char *line);
gpg_error_t cmd_dumpsecretkeys(assuan_context_t ctx, char *line);
gpg_error_t cmd_export(assuan_context_t ctx, char *line);
gpg_error_t cmd_import(assuan_context_t ctx, char *line);
gpg_error_t cmd_signer(assuan_context_t ctx, char *line);
gpg_error_t cmd_sign(assuan_context_t ctx, char *line);
gpg_error_t cmd_recipient(assuan_context_t ctx, char *line);
gpg_error_t cmd_encrypt(assuan_context_t ctx, char *line);
gpg_error_t cmd_decrypt(assuan_context_t ctx, char *line);
gpg_error_t cmd_verify(assuan_context_t ctx, char *line);
gpg_error_t cmd_getauditlog(assuan_context_t ctx, char *line);

/* Writes BYTES to OUTPUT, or as_data into the answer. */
gpg_error_t output_send(struct engine *e, bool as_data, struct slice bytes);

/* Certificates as PEM, or DER one behind the other. */
void export_write(const json_t *reply, bool armor, struct buf *out);

/* Imports the certificates in FD (borrowed) and tells of each. */
gpg_error_t import_from(struct engine *e, int fd);

/* server.c: serves the connection that GPGME made. Gives an exit code. */
int server_run(struct engine *e);

/* command_line.c: what programs call directly. Gives an exit code. */
int command_line_run(struct engine *e, int argc, char **argv);

#endif
