/*
 * Encoded words (RFC 2047) one by one, for the parsers of this folder; whole
 * texts are decoded by encoded_word_decode of address.h. Runs in
 * smime-session on hostile mail.
 */
#ifndef AGENT_MIME_ENCODED_WORD_H
#define AGENT_MIME_ENCODED_WORD_H

#include "agent/base/err.h"
#include "agent/base/mem.h"

struct encoded_word {
    struct slice charset; /* without a language (RFC 2231 5) */
    bool base64;
    struct slice text;
    size_t length; /* of the whole word */
};

/* Reads =?charset*language?B?text?= at the start of S. Blanks in the text
 * are no error: readers exist that decode it. The slices borrow from S. */
MUST_USE bool encoded_word_take(struct slice s, struct encoded_word *out);

/* Appends its bytes, in its own charset. */
void encoded_word_bytes(const struct encoded_word *w, struct buf *out);

/*
 * Appends TEXT with the words of charsets that encoded_word_decode leaves as
 * they are reduced to what deceives: ASCII and full-width commercial ats stay,
 * every other character becomes U+FFFD. False when there is a word whose
 * charset is not known to hold ASCII as it is (UTF-7, UTF-16, EBCDIC, any
 * unknown name): nobody can tell what readers make of that one.
 */
MUST_USE bool foreign_words_reduce(struct slice text, struct buf *out);

/* True when the words of TEXT in UTF-8, put together, hold a sequence that is
 * longer than its character needs. */
MUST_USE bool encoded_words_are_overlong(struct slice text);

/* True when the bytes of TEXT hold a commercial at that only some readers see:
 * an overlong one in encoded words, one in words with a "?", or, where TEXT is
 * no UTF-8 and they guess, one of GBK, KS X 1001, JIS, Shift JIS or Big5. */
MUST_USE bool bytes_hide_an_at(struct slice text);

#endif
