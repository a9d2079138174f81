/*
 * The verdict on a message, in words: the first line says it, what follows
 * says why.
 */
#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

#define NAME_TEXT_BYTES 512

struct reason_row {
    const char *word;
    const char *sentence;
};

static const struct reason_row reasons[] = {
#define X(word, sentence) {word, sentence},
#include "agent/validator/reasons.def"
#undef X
};

/* A word from a newer agent is shown as it is. */
const char *
reason_sentence(const char *word)
{
    for (size_t i = 0; i < ARRAY_COUNT(reasons); i++)
        if (strcmp(reasons[i].word, word) == 0)
            return reasons[i].sentence;
    return word;
}

static const char *
text_at(json_t *list, size_t i)
{
    const char *text = json_string_value(json_array_get(list, i));

    return text ? text : "";
}

/* ---- signers
 * -------------------------------------------------------------------- */

/* "elena@example.org (Elena Example)", by the certificate. */
static void
say_holder(FILE *to, json_t *certificate)
{
    const char *address = text_at(json_object_get(certificate, "addresses"), 0);
    char name[NAME_TEXT_BYTES];

    name_text(text_of(certificate, "subject"), name, sizeof(name));
    if (address[0] == '\0') {
        fputs(name[0] ? name : "somebody unknown", to);
        return;
    }
    show_text(to, address);
    if (name[0] != '\0' && strcmp(name, address) != 0)
        fprintf(to, " (%s)", name);
}

static void
say_signer(FILE *to, json_t *signer)
{
    json_t *certificate = json_object_get(signer, "certificate");
    char issuer[NAME_TEXT_BYTES];
    char when[TIME_TEXT_BYTES];

    say_holder(to, certificate);
    if (number_of(signer, "signing_time") != 0)
        fprintf(to, ", signed %s",
                time_text(number_of(signer, "signing_time"), when));
    name_text(text_of(certificate, "issuer"), issuer, sizeof(issuer));
    if (issuer[0] != '\0')
        fprintf(to, ", issued by %s", issuer);
    fputc('\n', to);
}

static void
say_learned(FILE *to, json_t *signer)
{
    const char *learned = text_of(signer, "learned");
    const char *end = NULL;

    if (strcmp(learned, "new") == 0)
        end = " is now in your contacts\n";
    else if (strcmp(learned, "changed") == 0)
        end = " has another certificate than before: look at it with smime "
              "contacts show\n";
    else if (strcmp(learned, "failed") == 0)
        end = " could not be stored in your contacts\n";
    if (!end)
        return;
    show_text(to,
              text_at(json_object_get(json_object_get(signer, "certificate"),
                                      "addresses"),
                      0));
    fputs(end, to);
}

/* Calls SAY for each signer of each layer whose goodness is GOOD. */
static void
signers_each(FILE *to, json_t *report, bool good, const char *before,
             void (*say)(FILE *to, json_t *signer), size_t most)
{
    json_t *layer, *signer;
    size_t i, k;

    json_array_foreach(json_object_get(report, "layers"), i, layer)
    {
        json_array_foreach(json_object_get(layer, "signers"), k, signer)
        {
            if (flag_of(signer, "good") != good || most == 0)
                continue;
            fputs(before, to);
            say(to, signer);
            most--;
        }
    }
}

static size_t
signers_count(json_t *report, bool good)
{
    json_t *layer, *signer;
    size_t i, k, n = 0;

    json_array_foreach(json_object_get(report, "layers"), i, layer)
        json_array_foreach(json_object_get(layer, "signers"), k, signer) n +=
        flag_of(signer, "good") == good;
    return n;
}

/* As of when it was judged, and what was not looked at. */
static void
say_judged(FILE *to, json_t *signer)
{
    static const struct {
        const char *source, *words;
    } rows[] = {{"signing", "as of the signing time, the signer's word"},
                {"given", "as of the time you gave"},
                {"first_seen", "as of when the certificate was first seen"}};
    const char *source = text_of(signer, "time_source"), *words = "as of now";
    char when[TIME_TEXT_BYTES];

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (strcmp(source, rows[i].source) == 0)
            words = rows[i].words;
    fprintf(to, "%s", words);
    if (strcmp(source, "given") == 0 || strcmp(source, "first_seen") == 0)
        fprintf(to, ", %s", time_text(number_of(signer, "judged_at"), when));
    fputs(strcmp(text_of(signer, "revocation"), "not_checked") == 0
              ? "; not checked: whether it was revoked\n"
              : "\n",
          to);
}

/* ---- the verdict
 * ------------------------------------------------------------------ */

static void
say_good(FILE *to, json_t *report)
{
    json_t *reason;
    size_t i;

    signers_each(to, report, true, "Good signature by ", say_signer, 1);
    signers_each(to, report, true, "  judged ", say_judged, 1);
    json_array_foreach(json_object_get(report, "reasons"), i, reason)
    {
        fputs("  note: ", to);
        show_text(to, reason_sentence(
                          text_at(json_object_get(report, "reasons"), i)));
        fputc('\n', to);
    }
}

static void
say_bad(FILE *to, json_t *report)
{
    json_t *list = json_object_get(report, "reasons");
    size_t n = json_array_size(list);

    fputs("NOT GOOD: ", to);
    show_text(to, n > 0 ? reason_sentence(text_at(list, 0))
                        : "the signature does not hold");
    fputc('\n', to);
    for (size_t i = 1; i < n; i++) {
        fputs("  also: ", to);
        show_text(to, reason_sentence(text_at(list, i)));
        fputc('\n', to);
    }
    signers_each(to, report, false, "  claims to be from ", say_signer, 4);
    if (signers_count(report, true) > 0)
        signers_each(to, report, true, "  a part is signed by ", say_signer, 4);
}

static void
say_unseen(FILE *to, json_t *report)
{
    fputs("Valid signature, but the message names no sender to compare.\n", to);
    signers_each(to, report, true, "  signed by ", say_signer, 4);
    signers_each(to, report, false, "  signed by ", say_signer, 4);
}

void
report_say_encryption(FILE *to, json_t *report)
{
    json_t *layer;
    size_t i;

    json_array_foreach(json_object_get(report, "layers"), i, layer)
    {
        const char *cipher = text_of(layer, "cipher");

        if (strcmp(text_of(layer, "kind"), "encrypted") != 0)
            continue;
        fputs("Encrypted with ", to);
        show_text(to, cipher[0] ? cipher : "an unnamed cipher");
        fprintf(to, "%s%s\n",
                json_is_false(json_object_get(layer, "authenticated"))
                    ? " (not authenticated)"
                    : "",
                flag_of(layer, "legacy") ? " (weak: ask for another)" : "");
    }
}

void
report_say(FILE *to, json_t *report)
{
    const char *verdict = text_of(report, "verdict");

    if (strcmp(verdict, "good") == 0)
        say_good(to, report);
    else if (strcmp(verdict, "plain") == 0)
        fputs("Not signed.\n", to);
    else if (strcmp(verdict, "unseen") == 0)
        say_unseen(to, report);
    else
        say_bad(to, report);
    report_say_encryption(to, report);
    signers_each(to, report, true, "", say_learned, SIZE_MAX);
    signers_each(to, report, false, "", say_learned, SIZE_MAX);
}

void
warnings_say(json_t *reply)
{
    json_t *warning;
    size_t i;

    json_array_foreach(json_object_get(reply, "warnings"), i, warning)
    {
        fputs("smime: note: ", stderr);
        show_text(stderr,
                  json_string_value(warning) ? json_string_value(warning) : "");
        fputc('\n', stderr);
    }
}
