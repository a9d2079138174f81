/*
 * How wide text is on a terminal: wide and combining characters, emoji.
 */
#ifndef CLIENT_CLI_WIDTH_H
#define CLIENT_CLI_WIDTH_H

#include <stddef.h>

/* Columns that TEXT (UTF-8, already escaped) takes. */
size_t text_width(const char *text);

/* How many bytes of TEXT fit into WIDTH columns; *out_width is what they
 * take. Never cuts between a character and what combines with it. */
size_t text_fit(const char *text, size_t width, size_t *out_width);

#endif
