/* smime contacts pin, unpin, block, unblock: what the person decides. */
#include <ctype.h>
#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/contacts.h"

#define LEAST_DIGITS 8
#define GROUP_DIGITS 4

static const struct option_row pin_options[] = {{"json", OPTION_FLAG},
                                                {"yes", OPTION_FLAG},
                                                {"undo", OPTION_FLAG},
                                                {NULL, OPTION_FLAG}};
static const struct option_row block_options[] = {
    {"json", OPTION_FLAG}, {"undo", OPTION_FLAG}, {NULL, OPTION_FLAG}};
static const struct option_row undoing_options[] = {{"json", OPTION_FLAG},
                                                    {NULL, OPTION_FLAG}};

/* ---- fingerprints ------------------------------------------------------- */

void
fingerprint_groups(const char *hex, char *out, size_t size)
{
    size_t at = 0;

    for (size_t i = 0; hex[i] && at + 3 < size; i++) {
        if (i > 0 && i % GROUP_DIGITS == 0)
            out[at++] = ' ';
        out[at++] = (char)toupper((unsigned char)hex[i]);
    }
    out[at] = '\0';
}

bool
fingerprint_clean(const char *text, char out[FINGERPRINT_DIGITS + 1])
{
    size_t n = 0;

    for (; *text; text++) {
        if (strchr(": \t", *text))
            continue;
        if (!isxdigit((unsigned char)*text) || n == FINGERPRINT_DIGITS)
            return false;
        out[n++] = (char)tolower((unsigned char)*text);
    }
    out[n] = '\0';
    return n >= LEAST_DIGITS;
}

/* ---- which one ---------------------------------------------------------- */

static int
choices_say(json_t *contacts, const char *address, const char *problem)
{
    json_t *contact;
    size_t i;

    json_array_foreach(contacts, i, contact)
    {
        char groups[128];

        fingerprint_groups(text_of(contact, "fingerprint"), groups,
                           sizeof(groups));
        fprintf(stderr, "  %s  ", groups);
        show_text(stderr, text_of(contact, "issuer"));
        fputc('\n', stderr);
    }
    return failure_say(EXIT_USAGE, "name one by its fingerprint", "%s %s",
                       address, problem);
}

/* The certificate of the contact that the command line names; without a
 * fingerprint the only one there is. */
static int
certificate_choose(const struct arguments *a, json_t *contacts, json_t **out)
{
    char wanted[FINGERPRINT_DIGITS + 1] = "";
    json_t *contact, *found = NULL;
    size_t i, n = 0;

    if (a->operand_count > 1 && !fingerprint_clean(a->operand[1], wanted))
        return usage_error(a->command,
                           "a fingerprint has %d hexadecimal digits; at least "
                           "the first %d",
                           FINGERPRINT_DIGITS, LEAST_DIGITS);
    json_array_foreach(contacts, i, contact)
    {
        if (strncmp(text_of(contact, "fingerprint"), wanted, strlen(wanted)))
            continue;
        found = contact;
        n++;
    }
    if (n == 1) {
        *out = found;
        return EXIT_DONE;
    }
    return choices_say(contacts, a->operand[0],
                       n > 0 ? "has several certificates"
                             : "has no certificate with that fingerprint");
}

/* ---- asking ------------------------------------------------------------- */

static void
certificate_say(json_t *contact)
{
    char groups[128], one[TIME_TEXT_BYTES], two[TIME_TEXT_BYTES];

    fingerprint_groups(text_of(contact, "fingerprint"), groups, sizeof(groups));
    show_text(stderr, text_of(contact, "address"));
    fputs("\n  subject      ", stderr);
    show_text(stderr, text_of(contact, "subject"));
    fputs("\n  issuer       ", stderr);
    show_text(stderr, text_of(contact, "issuer"));
    fprintf(stderr, "\n  valid        %s to %s\n",
            date_text(number_of(contact, "not_before"), one),
            date_text(number_of(contact, "not_after"), two));
    /* Two lines of eight groups, as one reads them out. */
    fprintf(stderr, "  SHA-256      %.39s\n               %s\n", groups,
            strlen(groups) > 40 ? groups + 40 : "");
}

static int
confirm(const struct arguments *a, json_t *contact, const char *question)
{
    certificate_say(contact);
    if (arguments_flag(a, "yes"))
        return EXIT_DONE;
    if (!can_ask())
        return failure_say(EXIT_REFUSED,
                           "compare the fingerprint, then repeat it with --yes",
                           "nobody is there to say yes");
    return ask_yes(question)
               ? EXIT_DONE
               : failure_say(EXIT_REFUSED, NULL, "nothing was changed");
}

/* ---- telling the agent -------------------------------------------------- */

static int
state_set(const struct arguments *a, const char *fingerprint, const char *state)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e;

    call_init(&c);
    call_set_text(&c, "address", a->operand[0]);
    call_set_text(&c, "fingerprint", fingerprint);
    call_set_text(&c, "state", state);
    e = call_run(&c, SMIME_SOCKET_MANAGE, "io.smimeagent.Contacts.SetState",
                 &reply);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    show_text(stdout, a->operand[0]);
    printf(": %s\n", state);
    return output_finish(EXIT_DONE);
}

/* One certificate, shown and asked about when QUESTION is not NULL. */
static int
decide_one(const struct arguments *a, const char *state, const char *question)
{
    AUTO(json) json_t *reply = NULL;
    json_t *contact = NULL;
    int e = contacts_get("io.smimeagent.Contacts.Show", "address",
                         a->operand[0], &reply);

    if (e == EXIT_DONE)
        e = certificate_choose(a, json_object_get(reply, "contacts"), &contact);
    if (e == EXIT_DONE && question)
        e = confirm(a, contact, question);
    return e == EXIT_DONE ? state_set(a, text_of(contact, "fingerprint"), state)
                          : e;
}

static int
decide(const struct arguments *a, const char *state)
{
    return a->operand_count > 1 ? decide_one(a, state, NULL)
                                : state_set(a, NULL, state);
}

static int
unpin(const struct arguments *a)
{
    return decide(a, "unpinned");
}

static int
pin(const struct arguments *a)
{
    return arguments_flag(a, "undo")
               ? unpin(a)
               : decide_one(a, "pinned", "Is this their fingerprint?");
}

static int
unblock(const struct arguments *a)
{
    return decide(a, "unblocked");
}

static int
block(const struct arguments *a)
{
    return arguments_flag(a, "undo") ? unblock(a) : decide(a, "blocked");
}

#define OF_ONE                                                                 \
    "FINGERPRINT is the certificate's SHA-256 in hexadecimal, or its "         \
    "beginning.\n"                                                             \
    "\n"

const struct command contacts_pin = {
    .name = "contacts pin",
    .summary = "use this certificate for them and no other",
    .usage = "contacts pin ADDRESS [FINGERPRINT] [--yes] [--json]\n"
             "       smime contacts pin --undo ADDRESS [--json]",
    .help = "Shows the certificate with its fingerprint and asks whether it "
            "is theirs:\ncompare it with what they told you. From then on mail "
            "to them is encrypted to\nthis one as long as it is valid, "
            "whatever comes later.\n" OF_ONE "  --yes    do not ask\n"
            "  --undo   as smime contacts unpin\n"
            "  --json   the agent's answer as it is\n",
    .options = pin_options,
    .least_operands = 1,
    .most_operands = 2,
    .run = pin,
};

const struct command contacts_unpin = {
    .name = "contacts unpin",
    .summary = "let the newest certificate count again",
    .usage = "contacts unpin ADDRESS [FINGERPRINT] [--json]",
    .help = OF_ONE "  --json   the agent's answer as it is\n",
    .options = undoing_options,
    .least_operands = 1,
    .most_operands = 2,
    .run = unpin,
};

const struct command contacts_block = {
    .name = "contacts block",
    .summary = "never encrypt to this address, or to this certificate",
    .usage =
        "contacts block ADDRESS [FINGERPRINT] [--json]\n"
        "       smime contacts block --undo ADDRESS [FINGERPRINT] [--json]",
    .help = "A signature by what is blocked is told as blocked, and is never "
            "good. Without a\nfingerprint the address is blocked, also for "
            "certificates to come.\n" OF_ONE
            "  --undo   as smime contacts unblock\n"
            "  --json   the agent's answer as it is\n",
    .options = block_options,
    .least_operands = 1,
    .most_operands = 2,
    .run = block,
};

const struct command contacts_unblock = {
    .name = "contacts unblock",
    .summary = "take that back",
    .usage = "contacts unblock ADDRESS [FINGERPRINT] [--json]",
    .help = OF_ONE "  --json   the agent's answer as it is\n",
    .options = undoing_options,
    .least_operands = 1,
    .most_operands = 2,
    .run = unblock,
};
