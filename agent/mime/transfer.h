/*
 * Transfer encodings and line ends as streams and sinks (RFC 2045 6,
 * RFC 8551 3.1.1). Constant memory. Runs in smime-session on hostile mail.
 */
#ifndef AGENT_MIME_TRANSFER_H
#define AGENT_MIME_TRANSFER_H

#include "agent/base/stream.h"

/* Decodes base64 pulled from FROM. Lenient as mail needs: white space and
 * line ends anywhere, characters outside the alphabet skipped, padding
 * optional at the end, after padding the rest is ignored. A quantum cut
 * short by the end of input (1 character left over) is ERR_BAD_MESSAGE
 * "base64 ends in the middle". */
struct base64_reader;
struct base64_reader *base64_reader_new(struct stream *from);
struct stream *base64_reader_stream(struct base64_reader *r);
/* Reads what the caller did not to the input's end. *out_rubbish: there were
 * characters outside the alphabet, or anything behind the padding, which
 * other readers decode or show. */
MUST_USE enum err base64_reader_finish(struct base64_reader *r,
                                       bool *out_rubbish, struct problem *p);
void base64_reader_drop(struct base64_reader **r);

/* Decodes quoted-printable the same way. */
struct quoted_reader;
struct quoted_reader *quoted_reader_new(struct stream *from);
struct stream *quoted_reader_stream(struct quoted_reader *r);
void quoted_reader_drop(struct quoted_reader **r);

/* Encodes text as quoted-printable, lines of at most 76 characters ended by
 * CRLF, into TO: LF and CRLF are line ends, a bare CR is text. What mail
 * systems change is escaped: blanks at a line's end, "From " at its beginning,
 * a dot alone. A last line without end stays so. */
struct quoted_writer;
struct quoted_writer *quoted_writer_new(struct sink *to);
struct sink *quoted_writer_sink(struct quoted_writer *w);
MUST_USE enum err quoted_writer_finish(struct quoted_writer *w,
                                       struct problem *p);
void quoted_writer_drop(struct quoted_writer **w);

/* Encodes what is written as base64, lines of 64 characters ended by CRLF
 * or LF, into TO. finish writes the rest and the last line end. */
struct base64_writer;
struct base64_writer *base64_writer_new(struct sink *to, bool crlf);
struct sink *base64_writer_sink(struct base64_writer *w);
MUST_USE enum err base64_writer_finish(struct base64_writer *w,
                                       struct problem *p);
void base64_writer_drop(struct base64_writer **w);

/* Line ends: every CRLF, bare LF becomes CRLF (canonical form); a bare CR
 * stays. finish has nothing to add: a last line without end stays so. */
struct crlf_writer;
struct crlf_writer *crlf_writer_new(struct sink *to);
struct sink *crlf_writer_sink(struct crlf_writer *w);
MUST_USE enum err crlf_writer_finish(struct crlf_writer *w, struct problem *p);
void crlf_writer_drop(struct crlf_writer **w);

/* Line ends: every CRLF becomes LF; a bare CR stays. */
struct lf_writer;
struct lf_writer *lf_writer_new(struct sink *to);
struct sink *lf_writer_sink(struct lf_writer *w);
MUST_USE enum err lf_writer_finish(struct lf_writer *w, struct problem *p);
void lf_writer_drop(struct lf_writer **w);

#endif
