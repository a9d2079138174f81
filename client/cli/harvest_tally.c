#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/harvest.h"

static void
reason_add(struct tally *t, const char *word, bool is_error)
{
    size_t i = 0;

    while (i < t->reasons && (t->reason[i].is_error != is_error ||
                              strcmp(t->reason[i].word, word) != 0))
        i++;
    if (i == TALLY_REASONS)
        return;
    if (i == t->reasons) {
        snprintf(t->reason[i].word, sizeof(t->reason[i].word), "%s", word);
        t->reason[i].is_error = is_error;
        t->reasons++;
    }
    t->reason[i].count++;
}

void
tally_add(struct tally *t, json_t *one)
{
    const char *result = text_of(one, "result");
    const char *error = text_of(one, "error");

    t->read++;
    if (strcmp(result, "new") == 0)
        t->learned++;
    else if (strcmp(result, "known") == 0)
        t->known++;
    else if (strcmp(result, "changed") == 0)
        t->changed++;
    else {
        t->nothing++;
        reason_add(t, error[0] ? error : text_of(one, "reason"),
                   error[0] != '\0');
    }
}

void
tally_words(const struct tally *t, char *out, size_t size)
{
    snprintf(out, size, "%ld read, %ld new", t->read + t->skipped, t->learned);
}

/* ---- the summary ----------------------------------------------------------
 */

/* Most frequent first. */
static void
reasons_sort(struct tally *t)
{
    for (size_t i = 1; i < t->reasons; i++)
        for (size_t k = i; k > 0 && t->reason[k - 1].count < t->reason[k].count;
             k--) {
            struct tally_reason other = t->reason[k];

            t->reason[k] = t->reason[k - 1];
            t->reason[k - 1] = other;
        }
}

static void
reason_say(const struct tally_reason *r)
{
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};
    const char *words = r->word;

    if (r->is_error && error_own(&error, r->word, NULL) != 0 && error.message)
        words = error.message;
    else if (!r->is_error)
        words = r->word[0] ? reason_sentence(r->word) : "nothing to learn from";
    printf("%8ld  ", r->count);
    show_text(stdout, words);
    putchar('\n');
}

void
tally_say(const struct tally *from)
{
    struct tally t = *from;

    printf("%ld message%s read: %ld new, %ld changed, %ld known.\n", t.read,
           t.read == 1 ? "" : "s", t.learned, t.changed, t.known);
    if (t.nothing > 0)
        printf("%ld taught nothing:\n", t.nothing);
    reasons_sort(&t);
    for (size_t i = 0; i < t.reasons; i++)
        reason_say(&t.reason[i]);
    if (t.skipped > 0)
        printf("%ld %s read before the interruption.\n", t.skipped,
               t.skipped == 1 ? "was" : "were");
    if (t.unreadable > 0)
        printf("%ld could not be read.\n", t.unreadable);
}

json_t *
tally_json(const struct tally *t)
{
    json_t *reasons = json_object();

    for (size_t i = 0; i < t->reasons; i++)
        json_object_set_new(
            reasons, t->reason[i].word[0] ? t->reason[i].word : "nothing",
            json_integer(t->reason[i].count));
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "read",
                     (json_int_t)t->read, "new", (json_int_t)t->learned,
                     "known", (json_int_t)t->known, "changed",
                     (json_int_t)t->changed, "nothing", (json_int_t)t->nothing,
                     "skipped", (json_int_t)t->skipped, "unreadable",
                     (json_int_t)t->unreadable, "reasons", reasons);
}
