/*
 * A SignedData of certificates and nothing else (RFC 8551 3.8: certs-only,
 * .p7c), of any size and in constant memory. Runs in smime-session; looks
 * into no certificate.
 */
#ifndef AGENT_CMS_CERTS_ONLY_H
#define AGENT_CMS_CERTS_ONLY_H

#include "agent/base/limits.h"
#include "agent/base/stream.h"

/* Gets each certificate, DER as it lay there; an error ends the reading. */
typedef enum err certs_only_visit(void *context, struct slice der,
                                  struct problem *p);

/* Reads a SignedData, DER or BER; whether somebody signed something in it
 * does not matter. Certificates over LIMIT_CERTIFICATE_BYTES and those of
 * other formats are passed over, and counted in *passed_over. Errors:
 * ERR_BAD_MESSAGE, those of the stream and of VISIT. */
MUST_USE enum err certs_only_read(struct stream *from, certs_only_visit *visit,
                                  void *context, size_t *passed_over,
                                  struct problem *p);

/* Writes what comes before certificates that have BYTES in all; the caller
 * writes these, then what comes behind. Errors: those of the sink. */
MUST_USE enum err certs_only_begin(struct sink *to, uint64_t bytes,
                                   struct problem *p);
MUST_USE enum err certs_only_end(struct sink *to, struct problem *p);

#endif
