/*
 * The verdict on a message, in words: the first line says it, what follows
 * says why.
 */
#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

#define NAME_TEXT_BYTES 512
#define SHOWN_PARTS     20 /* a screen of them */

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

/* A name that looks like an address would be taken for one. */
static bool
is_only_a_name(const char *name)
{
    return name[0] != '\0' && !strpbrk(name, "@<>");
}

void
report_say_holder(FILE *to, json_t *signer)
{
    json_t *certificate = json_object_get(signer, "certificate");
    const char *address = text_at(json_object_get(certificate, "addresses"), 0);
    char name[NAME_TEXT_BYTES];

    name_text(text_of(certificate, "subject"), name, sizeof(name));
    if (address[0] == '\0') {
        fputs(name[0] ? name : "somebody unknown", to);
        return;
    }
    if (!is_only_a_name(name)) {
        show_text(to, address);
        return;
    }
    fprintf(to, "%s <", name);
    show_text(to, address);
    fputc('>', to);
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

    if (source[0] == '\0')
        return;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (strcmp(source, rows[i].source) == 0)
            words = rows[i].words;
    fprintf(to, "  judged %s", words);
    if (strcmp(source, "given") == 0 || strcmp(source, "first_seen") == 0)
        fprintf(to, ", %s", time_text(number_of(signer, "judged_at"), when));
    if (number_of(signer, "revoked_at") != 0)
        fprintf(to, "; revoked %s",
                time_text(number_of(signer, "revoked_at"), when));
    else if (strcmp(text_of(signer, "revocation"), "not_checked") == 0)
        fputs("; not checked: whether it was revoked", to);
    fputc('\n', to);
}

/* When it was signed, and who issued the certificate. */
static void
say_details(FILE *to, json_t *signer)
{
    json_t *certificate = json_object_get(signer, "certificate");
    char issuer[NAME_TEXT_BYTES];
    char when[TIME_TEXT_BYTES];
    bool many = false;

    name_text(text_of(certificate, "issuer"), issuer, sizeof(issuer));
    if (number_of(signer, "signing_time") != 0) {
        fprintf(to, "  signed %s",
                time_text(number_of(signer, "signing_time"), when));
        many = true;
    }
    if (issuer[0] != '\0') {
        fprintf(to, "%sissued by %s", many ? ", " : "  ", issuer);
        many = true;
    }
    fputs(many ? "\n" : "", to);
    say_judged(to, signer);
}

static void
say_learned(FILE *to, json_t *signer)
{
    const char *learned = text_of(signer, "learned");
    const char *end = NULL;

    if (strcmp(learned, "new") == 0)
        end = " is now in your contacts\n";
    else if (strcmp(learned, "known") == 0)
        end = " was in your contacts already\n";
    else if (strcmp(learned, "changed") == 0)
        end = " has another certificate than before: look at it with smime "
              "contacts show\n";
    else if (strcmp(learned, "failed") == 0)
        end = " could not be stored in your contacts; see: smime status\n";
    if (!end)
        return;
    show_text(to,
              text_at(json_object_get(json_object_get(signer, "certificate"),
                                      "addresses"),
                      0));
    fputs(end, to);
}

/* Calls SAY for each signer whose goodness is GOOD, of each layer that is
 * around the message. */
static void
signers_each(FILE *to, json_t *report, bool good, const char *before,
             void (*say)(FILE *to, json_t *signer), size_t most)
{
    json_t *layer, *signer;
    size_t i, k;

    json_array_foreach(json_object_get(report, "layers"), i, layer)
    {
        if (report_is_aside(layer))
            continue;
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

static void
say_holder_line(FILE *to, json_t *signer)
{
    report_say_holder(to, signer);
    fputc('\n', to);
    if (flag_of(signer, "valid"))
        say_details(to, signer);
    else if (strcmp(text_of(signer, "integrity"), "ok") == 0)
        say_judged(to, signer); /* else it is nobody's word */
}

/* Whose signature does not hold need not have made it. */
static void
say_claim(FILE *to, json_t *signer)
{
    fputs(flag_of(signer, "valid") ? "  signed by "
                                   : "  claims to be signed by ",
          to);
    say_holder_line(to, signer);
}

/* ---- parts
 * ---------------------------------------------------------------------- */

static json_t *
first_signer(json_t *layer)
{
    json_t *signers = json_object_get(layer, "signers");
    json_t *signer;
    size_t i;

    json_array_foreach(signers, i,
                       signer) if (flag_of(signer, "valid")) return signer;
    return json_array_get(signers, 0);
}

/* "is signed by Elena <elena@example.org>: valid" */
static void
say_signature(FILE *to, json_t *layer)
{
    json_t *signer = first_signer(layer);
    json_t *why = json_object_get(layer, "reasons");

    fputs("is signed by ", to);
    if (signer)
        report_say_holder(to, signer);
    else
        fputs("nobody", to);
    if (flag_of(layer, "valid")) {
        fputs(", valid", to);
        return;
    }
    if (json_array_size(why) == 0)
        why = json_object_get(signer, "reasons");
    fputs(", NOT valid: ", to);
    show_text(to, json_array_size(why) > 0 ? reason_sentence(text_at(why, 0))
                                           : "the signature does not hold");
}

static void
say_part_name(FILE *to, json_t *part)
{
    char from[NAME_TEXT_BYTES];

    fputs("  part ", to);
    show_text(to, text_of(part, "path"));
    fputs(" (", to);
    if (json_is_array(json_object_get(part, "from"))) {
        texts_join(json_object_get(part, "from"), from, sizeof(from));
        fprintf(to, "attached message%s%s", from[0] ? " from " : "", from);
    } else {
        show_text(to, text_of(part, "type"));
    }
    if (text_of(part, "name")[0] != '\0') {
        fputs(", ", to);
        show_text(to, text_of(part, "name"));
    }
    fputs(") ", to);
}

/* The layer that KEY of a part names, or NULL. */
static json_t *
layer_of(json_t *report, json_t *part, const char *key)
{
    json_t *number = json_object_get(part, key);

    if (!json_is_integer(number) || json_integer_value(number) < 0)
        return NULL;
    return json_array_get(json_object_get(report, "layers"),
                          (size_t)json_integer_value(number));
}

static void
say_part(FILE *to, json_t *report, json_t *part)
{
    json_t *signature = layer_of(report, part, "signature");
    json_t *encryption = layer_of(report, part, "encryption");

    say_part_name(to, part);
    if (signature)
        say_signature(to, signature);
    else
        fputs("is not signed", to);
    if (report_is_aside(encryption) && report_is_closed(encryption))
        fputs("; it is encrypted and was left closed: save it as a file and "
              "open that alone",
              to);
    fputc('\n', to);
}

static bool
has_asides(json_t *report)
{
    json_t *layer;
    size_t i;

    json_array_foreach(json_object_get(report, "layers"), i,
                       layer) if (report_is_aside(layer)) return true;
    return false;
}

/* Where not all parts are alike, each in a line. */
static void
say_parts(FILE *to, json_t *report)
{
    json_t *parts = json_object_get(report, "parts");
    size_t n = json_array_size(parts);

    if (!has_asides(report))
        return;
    for (size_t i = 0; i < n && i < SHOWN_PARTS; i++)
        say_part(to, report, json_array_get(parts, i));
    if (n > SHOWN_PARTS)
        fprintf(to, "  and %zu more: smime verify --json tells them all\n",
                n - SHOWN_PARTS);
}

/* ---- the verdict
 * ------------------------------------------------------------------ */

static void
say_notes(FILE *to, json_t *report)
{
    json_t *list = json_object_get(report, "reasons");

    for (size_t i = 0; i < json_array_size(list); i++) {
        fputs("  note: ", to);
        show_text(to, reason_sentence(text_at(list, i)));
        fputc('\n', to);
    }
}

/* One signer for each layer around the message; that all of them are the
 * sender's is what makes it good. */
static void
say_good_holder(FILE *to, json_t *signer)
{
    report_say_holder(to, signer);
    fputs(", all of it.\n", to);
    say_details(to, signer);
}

static void
say_good(FILE *to, json_t *report)
{
    signers_each(to, report, true, "Good: signed by ", say_good_holder, 1);
    say_notes(to, report);
}

/* Noteworthy, but no fault (smime-report(7)). */
static bool
is_note(const char *word)
{
    static const char *const words[] = {
#define X(word) word,
#include "agent/validator/notes.def"
#undef X
    };

    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

static bool
has_reason(json_t *report, const char *word)
{
    json_t *list = json_object_get(report, "reasons");

    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(text_at(list, i), word) == 0)
            return true;
    return false;
}

/* What a person compares the certificate with, and what may be done. */
static void
say_help(FILE *to, json_t *report)
{
    char from[NAME_TEXT_BYTES];

    texts_join(json_object_get(report, "from"), from, sizeof(from));
    if (has_reason(report, "from-mismatch") && from[0] != '\0')
        fprintf(to, "  From says: %s\n", from);
    if (has_reason(report, "deceiving-name"))
        report_say_not_the_name(to, report);
    if (has_reason(report, "untrusted-issuer"))
        fputs("  next: if you know who issued it, ask them for their root: "
              "man smime-agent, anchors\n",
              to);
}

/* The first fault says why it is not good. */
static void
say_bad(FILE *to, json_t *report)
{
    json_t *list = json_object_get(report, "reasons");
    size_t n = json_array_size(list), first = 0;

    while (first < n && is_note(text_at(list, first)))
        first++;
    fputs("NOT GOOD: ", to);
    show_text(to, first < n ? reason_sentence(text_at(list, first))
                            : "the signature does not hold");
    fputs(".\n", to);
    for (size_t i = 0; i < n; i++) {
        if (i == first)
            continue;
        fputs(is_note(text_at(list, i)) ? "  note: " : "  also: ", to);
        show_text(to, reason_sentence(text_at(list, i)));
        fputc('\n', to);
    }
    signers_each(to, report, false, "", say_claim, 4);
    signers_each(to, report, true, "  a layer is signed by ", say_holder_line,
                 4);
    say_help(to, report);
}

/* What is told of a message that is not signed as a whole; OWN is the reason
 * that FIRST says already. */
static void
say_unsigned(FILE *to, json_t *report, const char *first, const char *own)
{
    json_t *list = json_object_get(report, "reasons");

    fprintf(to, "%s\n", first);
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(text_at(list, i), own) == 0)
            continue;
        fputs("  note: ", to);
        show_text(to, reason_sentence(text_at(list, i)));
        fputc('\n', to);
    }
}

static void
say_unseen(FILE *to, json_t *report)
{
    fputs("Valid signature, but no sender came with it to compare.\n", to);
    signers_each(to, report, true, "  signed by ", say_holder_line, 4);
    signers_each(to, report, false, "  signed by ", say_holder_line, 4);
}

void
report_say(FILE *to, json_t *report)
{
    const char *verdict = text_of(report, "verdict");

    if (strcmp(verdict, "good") == 0)
        say_good(to, report);
    else if (strcmp(verdict, "plain") == 0)
        say_unsigned(to, report, "Not signed: nobody vouches for who wrote it.",
                     "not-signed");
    else if (strcmp(verdict, "partial") == 0)
        say_unsigned(to, report, "NOT GOOD: only a part of it is signed.",
                     "part-signed");
    else if (strcmp(verdict, "unseen") == 0)
        say_unseen(to, report);
    else
        say_bad(to, report);
    report_say_layers(to, report);
    report_say_header(to, report);
    say_parts(to, report);
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
        fprintf(stderr, "%s: note: ", cli_program);
        show_text(stderr,
                  json_string_value(warning) ? json_string_value(warning) : "");
        fputc('\n', stderr);
    }
}
