/*
 * contacts import --pin: a certificate that the person has compared with its
 * holder is pinned, also where no anchor vouches for it.
 */
#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/contacts.h"

#define ASKED_MOST 8 /* certificates of one file */

/* ---- which ones ---------------------------------------------------------- */

/* The one that is meant: by its whole fingerprint, or else each that is a
 * person's. One that its holder made alone often calls itself an authority. */
static bool
is_meant(json_t *one, const char *wanted, bool authorities)
{
    json_t *certificate = json_object_get(one, "certificate");

    if (!json_is_object(certificate))
        return false;
    if (wanted)
        return strcmp(text_of(certificate, "fingerprint"), wanted) == 0;
    return flag_of(one, "is_issuer") == authorities &&
           json_array_size(json_object_get(certificate, "addresses")) > 0;
}

static size_t
meant_find(json_t *stored, const char *wanted, bool authorities,
           json_t *out[ASKED_MOST])
{
    json_t *one;
    size_t i, n = 0;

    json_array_foreach(stored, i, one)
    {
        if (!is_meant(one, wanted, authorities))
            continue;
        if (n < ASKED_MOST)
            out[n] = json_object_get(one, "certificate");
        n++;
    }
    return n;
}

/* ---- asking -------------------------------------------------------------- */

static void
certificate_say(json_t *certificate)
{
    char groups[128], one[TIME_TEXT_BYTES], two[TIME_TEXT_BYTES], all[1024];

    fingerprint_groups(text_of(certificate, "fingerprint"), groups,
                       sizeof(groups));
    texts_join(json_object_get(certificate, "addresses"), all, sizeof(all));
    fprintf(stderr, "%s\n  subject      ", all);
    show_text(stderr, text_of(certificate, "subject"));
    fputs("\n  issuer       ", stderr);
    show_text(stderr, text_of(certificate, "issuer"));
    fprintf(stderr, "\n  valid        %s to %s\n",
            date_text(number_of(certificate, "not_before"), one),
            date_text(number_of(certificate, "not_after"), two));
    fprintf(stderr, "  SHA-256      %.39s\n               %s\n", groups,
            strlen(groups) > 40 ? groups + 40 : "");
}

/* What else is known for the address would not be used any more. */
static void
others_say(const char *address, const char *fingerprint)
{
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    json_t *contact;
    size_t i;

    call_init(&c);
    call_set_text(&c, "address", address);
    if (call_try(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Contacts.Show", &reply,
                 &error) != EXIT_DONE)
        return;
    json_array_foreach(json_object_get(reply, "contacts"), i, contact)
    {
        char groups[128];

        if (strcmp(text_of(contact, "fingerprint"), fingerprint) == 0 ||
            !flag_of(contact, "can_encrypt"))
            continue;
        fingerprint_groups(text_of(contact, "fingerprint"), groups,
                           sizeof(groups));
        fprintf(stderr, "  known so far %.39s ..., %s, of ", groups,
                text_of(contact, "state"));
        show_text(stderr, text_of(contact, "issuer"));
        fputc('\n', stderr);
    }
}

/* For whom: the address that the command line names, or the only one. */
static const char *
holder_of(const struct arguments *a, json_t *certificate)
{
    json_t *addresses = json_object_get(certificate, "addresses");
    const char *given = arguments_value(a, "address");

    if (given)
        return given;
    return json_array_size(addresses) == 1
               ? json_string_value(json_array_get(addresses, 0))
               : NULL;
}

static int
consent(const struct arguments *a, json_t *certificate)
{
    const char *holder = holder_of(a, certificate);

    certificate_say(certificate);
    if (!holder)
        return failure_say(EXIT_USAGE,
                           "name the one that it is theirs with "
                           "--address",
                           "it names several addresses");
    others_say(holder, text_of(certificate, "fingerprint"));
    if (arguments_value(a, "fingerprint"))
        return EXIT_DONE;
    if (!can_ask())
        return failure_say(EXIT_REFUSED,
                           "compare the fingerprint with its holder, then "
                           "give what they told you with --fingerprint",
                           "nobody is there to say that it is theirs");
    return ask_yes("Did its holder tell you this fingerprint, by another way "
                   "than mail?")
               ? EXIT_DONE
               : failure_say(EXIT_REFUSED, NULL, "it was not pinned");
}

/* ---- telling the agent --------------------------------------------------- */

static int
vouch(const struct arguments *a, const char *file, json_t *certificate)
{
    const char *fingerprint = text_of(certificate, "fingerprint");
    AUTO(json) json_t *reply = NULL;
    json_t *one;
    size_t i;
    int e = consent(a, certificate);

    if (e == EXIT_DONE)
        e = contacts_file_import(a, file, fingerprint, &reply);
    if (e != EXIT_DONE)
        return e;
    json_array_foreach(json_object_get(reply, "stored"), i, one)
    {
        json_t *same = json_object_get(one, "certificate");
        const char *result = text_of(one, "result");

        if (strcmp(text_of(same, "fingerprint"), fingerprint) != 0)
            continue;
        if (strcmp(result, "nothing") == 0 || strcmp(result, "failed") == 0)
            return failure_say(EXIT_NO, NULL, "not pinned: %s",
                               text_of(one, "reason"));
        show_text(stdout, holder_of(a, certificate));
        puts(": pinned");
        return EXIT_DONE;
    }
    return failure_say(EXIT_INPUT, NULL, "the file changed meanwhile");
}

int
contacts_vouch(const struct arguments *a, const char *file, json_t *reply)
{
    json_t *stored = json_object_get(reply, "stored");
    json_t *meant[ASKED_MOST];
    char wanted[FINGERPRINT_DIGITS + 1];
    const char *given = arguments_value(a, "fingerprint");
    size_t n;
    int e = EXIT_DONE;

    if (given && (!fingerprint_clean(given, wanted) ||
                  strlen(wanted) != FINGERPRINT_DIGITS))
        return usage_error(a->command,
                           "--fingerprint: all %d hexadecimal digits of its "
                           "SHA-256",
                           FINGERPRINT_DIGITS);
    n = meant_find(stored, given ? wanted : NULL, false, meant);
    if (n == 0 && !given)
        n = meant_find(stored, NULL, true, meant);
    if (n == 0)
        return failure_say(EXIT_NO, NULL,
                           given ? "no certificate in it has that fingerprint"
                                 : "no certificate in it names an address");
    if (n > ASKED_MOST)
        return failure_say(EXIT_USAGE, "name one with --fingerprint",
                           "there are more than %d certificates in it",
                           ASKED_MOST);
    for (size_t i = 0; i < n && e == EXIT_DONE; i++)
        e = vouch(a, file, meant[i]);
    return e;
}
