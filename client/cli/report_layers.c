/*
 * What is around a message, from the outside in: who signed it, and what it
 * was encrypted with.
 */
#include <string.h>
#include <strings.h>

#include "client/cli/cli.h"

#define SHOWN_SIGNERS 4 /* of one layer */

bool
report_is_aside(json_t *layer)
{
    const char *place = text_of(layer, "place");

    return place[0] != '\0' && strcmp(place, "message") != 0;
}

bool
report_is_closed(json_t *layer)
{
    return strcmp(text_of(layer, "kind"), "encrypted") == 0 &&
           text_of(layer, "key")[0] == '\0';
}

static void
say_signer(FILE *to, json_t *signer)
{
    json_t *why = json_object_get(signer, "reasons");
    const char *first = json_string_value(json_array_get(why, 0));

    report_say_holder(to, signer);
    if (!flag_of(signer, "valid")) {
        fputs(", NOT valid: ", to);
        show_text(to, first ? reason_sentence(first)
                            : "the signature does not hold");
        return;
    }
    fputs(", valid", to);
    if (strcmp(text_of(signer, "sender"), "differs") == 0)
        fputs(", not the sender", to);
}

static void
say_layer(FILE *to, json_t *layer)
{
    json_t *signers = json_object_get(layer, "signers"), *signer;
    const char *cipher = text_of(layer, "cipher");
    size_t i;

    if (strcmp(text_of(layer, "kind"), "encrypted") == 0) {
        fputs("encrypted with ", to);
        show_text(to, cipher[0] ? cipher : "an unnamed cipher");
        fputs(report_is_closed(layer) ? ", not opened\n" : "\n", to);
        return;
    }
    fputs(json_array_size(signers) == 0 ? "signed by nobody" : "", to);
    json_array_foreach(signers, i, signer)
    {
        if (i == SHOWN_SIGNERS) {
            fprintf(to, "; and %zu more", json_array_size(signers) - i);
            break;
        }
        fputs(i == 0 ? "signed by " : "; by ", to);
        say_signer(to, signer);
    }
    fputc('\n', to);
}

/* A signature alone, and one inside an encryption, need no list. */
static bool
is_worth_a_list(json_t *layers)
{
    json_t *layer;
    size_t i, around = 0, last_signed = 0, signatures = 0;

    json_array_foreach(layers, i, layer)
    {
        if (report_is_aside(layer))
            continue;
        around++;
        if (strcmp(text_of(layer, "kind"), "signed") == 0) {
            size_t n = json_array_size(json_object_get(layer, "signers"));

            signatures += n > 1 ? n : 1;
            last_signed = around;
        }
    }
    return signatures > 1 || (signatures == 1 && last_signed < around);
}

void
report_say_layers(FILE *to, json_t *report)
{
    json_t *layers = json_object_get(report, "layers"), *layer;
    size_t i, number = 0;

    if (!is_worth_a_list(layers))
        return;
    json_array_foreach(layers, i, layer)
    {
        if (report_is_aside(layer))
            continue;
        number++;
        fprintf(to, "  layer %zu%s: ", number,
                number == 1 ? ", outermost" : "");
        say_layer(to, layer);
    }
}

void
report_say_encryption(FILE *to, json_t *report)
{
    json_t *layer;
    size_t i;

    json_array_foreach(json_object_get(report, "layers"), i, layer)
    {
        const char *cipher = text_of(layer, "cipher");

        if (strcmp(text_of(layer, "kind"), "encrypted") != 0 ||
            report_is_aside(layer))
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

static bool
names_address(json_t *signer, const char *address)
{
    json_t *certificate = json_object_get(signer, "certificate"), *one;
    size_t i;

    json_array_foreach(json_object_get(certificate, "addresses"), i, one)
    {
        const char *named = json_string_value(one);

        if (named && strcasecmp(named, address) == 0)
            return true;
    }
    return false;
}

static bool
is_signed_by(json_t *layer, const char *address)
{
    json_t *signer;
    size_t i;

    json_array_foreach(json_object_get(layer, "signers"), i, signer)
    {
        if (flag_of(signer, "valid") && names_address(signer, address))
            return true;
    }
    return false;
}

void
report_say_not_the_name(FILE *to, json_t *report)
{
    json_t *from = json_object_get(report, "from"), *layer;
    const char *address = json_string_value(json_array_get(from, 0));
    size_t i;

    /* One in quotes may deceive by itself. */
    if (json_array_size(from) != 1 || !address || strchr(address, '"'))
        return;
    json_array_foreach(json_object_get(report, "layers"), i, layer)
    {
        if (report_is_aside(layer) || !is_signed_by(layer, address))
            continue;
        fputs("  the signer is ", to);
        show_text(to, address);
        fputs(", not whom the name beside that address shows\n", to);
        return;
    }
}
