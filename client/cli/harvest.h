/*
 * smime harvest: what the agent answered, counted and put into words.
 */
#ifndef CLIENT_CLI_HARVEST_H
#define CLIENT_CLI_HARVEST_H

#include "client/cli/cli.h"

#define TALLY_REASONS 48 /* there are not that many words */

struct tally_reason {
    char word[40];
    bool is_error; /* of the agent, not of a verdict */
    long count;
};

struct tally {
    long read, learned, known, changed, nothing, skipped;
    long unreadable; /* files and folders */
    long damaged;    /* named files that are no mail, or damaged */
    struct tally_reason reason[TALLY_REASONS];
    size_t reasons;
};

/* Counts ONE of Contacts.Harvest. */
void tally_add(struct tally *t, json_t *one);

/* One line, for a progress bar. */
void tally_words(const struct tally *t, char *out, size_t size);

/* The summary on stdout. */
void tally_say(const struct tally *t);

/* Gives it as an object. */
json_t *tally_json(const struct tally *t);

#endif
