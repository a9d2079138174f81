/* smime contacts publish: one's own certificate into the directory. */
#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/contacts.h"

#define PUBLISH "io.smimeagent.Contacts.Publish"

static const struct option_row options[] = {
    {"bind-dn", OPTION_VALUE},     {"json", OPTION_FLAG}, {"key", OPTION_VALUE},
    {"password-fd", OPTION_VALUE}, {"yes", OPTION_FLAG},  {NULL, OPTION_FLAG}};

struct publishing {
    const struct arguments *a;
    json_t *card;  /* what is to be published */
    json_t *found; /* where; NULL: nobody may look without a password */
    const char *bind_dn;
};

static int
card_get(struct publishing *p)
{
    AUTO(call) struct call c = {.parameters = NULL};

    call_init(&c);
    call_set_text(&c, "address", p->a->operand[0]);
    call_set_text(&c, "key", arguments_value(p->a, "key"));
    call_set_caller(&c);
    return call_run(&c, SMIME_SOCKET_MAIL,
                    "io.smimeagent.Contacts.Announcement", &p->card);
}

static void
call_fill(struct call *c, const struct publishing *p)
{
    const char *smime = text_of(p->card, "smime");

    call_init(c);
    call_set_text(c, "address", text_of(p->card, "address"));
    call_set_text(c, "certificate", text_of(p->card, "pem"));
    call_set_text(c, "smime", smime[0] ? smime : NULL);
    call_set_text(c, "bind_dn", p->bind_dn);
    call_set_caller(c);
}

/* Looks for the entry as nobody. A directory that shows it only to those who
 * have logged in is no failure yet. */
static int
entry_look(struct publishing *p)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};
    int e;

    call_fill(&c, p);
    call_set_flag(&c, "dry", true);
    e = call_try(&c, SMIME_SOCKET_MANAGE, PUBLISH, &p->found, &error);
    if (e == EXIT_DONE ||
        (p->bind_dn && (strcmp(error.name, "DirectoryRights") == 0 ||
                        strcmp(error.name, "DirectoryEntry") == 0)))
        return EXIT_DONE;
    return error_say(&error);
}

/* ---- what will be written ------------------------------------------------ */

static void
line(const char *title, const char *value)
{
    fprintf(stderr, "  %-12s", title);
    show_text(stderr, value);
    fputc('\n', stderr);
}

static void
plan_say(const struct publishing *p)
{
    json_t *certificate = json_object_get(p->card, "certificate");
    bool smime = text_of(p->card, "smime")[0] != '\0';
    char until[TIME_TEXT_BYTES];

    fputs("This will be written into the directory:\n", stderr);
    if (p->found) {
        line("server", text_of(p->found, "server"));
        line("entry", text_of(p->found, "entry"));
    } else {
        line("entry", "the one that has this address");
    }
    line("as", p->bind_dn ? p->bind_dn : "nobody: without logging in");
    line("address", text_of(p->card, "address"));
    line("certificate", text_of(certificate, "subject"));
    line("fingerprint", text_of(certificate, "fingerprint"));
    line("until", date_text(number_of(certificate, "not_after"), until));
    line("attributes", p->found && flag_of(p->found, "has_certificate")
                           ? "userCertificate (is there already)"
                           : "userCertificate (is added)");
    line("", !smime ? "no userSMIMECertificate: this key cannot sign"
             : p->found && flag_of(p->found, "has_smime")
                 ? "userSMIMECertificate (yours is replaced)"
                 : "userSMIMECertificate (is added): also what your mail "
                   "programs can read");
}

static int
agreed(const struct publishing *p)
{
    if (arguments_flag(p->a, "yes"))
        return EXIT_DONE;
    plan_say(p);
    if (!can_ask())
        return failure_say(EXIT_REFUSED, "repeat it with --yes",
                           "nobody could be asked whether to publish this");
    if (ask_yes("Publish it?"))
        return EXIT_DONE;
    return failure_say(EXIT_REFUSED, NULL, "nothing was published");
}

/* ---- writing ------------------------------------------------------------- */

static bool
wants_password(const struct smime_error *error)
{
    return strcmp(error->name, "PasswordWanted") == 0;
}

static int
write_typed(const struct publishing *p, json_t **out)
{
    AUTO(secret) struct secret *s = ask_secret("Password for the directory");
    AUTO(call) struct call c = {.parameters = NULL};

    call_fill(&c, p);
    if (!s)
        return failure_say(EXIT_REFUSED, NULL, "nothing was published");
    (void)call_add_fd(&c, "password", secret_pipe(s));
    return call_run(&c, SMIME_SOCKET_MANAGE, PUBLISH, out);
}

/* The password: from a descriptor, else asked for by the agent, else here. */
static int
write_entry(const struct publishing *p, json_t **out)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};
    int e;

    call_fill(&c, p);
    if (p->found)
        call_set_text(&c, "server", text_of(p->found, "server"));
    e = call_set_fd_option(&c, p->a, "password-fd", "password");
    if (e != EXIT_DONE)
        return e;
    e = call_try(&c, SMIME_SOCKET_MANAGE, PUBLISH, out, &error);
    if (e == EXIT_DONE)
        return e;
    if (wants_password(&error) && can_ask())
        return write_typed(p, out);
    return error_say(&error);
}

static int
done_say(const struct publishing *p, json_t *reply)
{
    if (arguments_flag(p->a, "json"))
        return show_json(stdout, reply);
    fputs("Published: ", stdout);
    show_text(stdout, text_of(p->card, "address"));
    fputs(" in ", stdout);
    show_text(stdout, text_of(reply, "entry"));
    fputs(" of ", stdout);
    show_text(stdout, text_of(reply, "server"));
    putchar('\n');
    return output_finish(EXIT_DONE);
}

static int
publish(const struct arguments *a)
{
    AUTO(json) json_t *card = NULL;
    AUTO(json) json_t *found = NULL;
    AUTO(json) json_t *reply = NULL;
    struct publishing p = {.a = a, .bind_dn = arguments_value(a, "bind-dn")};
    int e = card_get(&p);

    card = p.card;
    if (e == EXIT_DONE)
        e = entry_look(&p);
    found = p.found;
    if (e != EXIT_DONE)
        return e;
    if (!p.bind_dn && found && text_of(found, "bind_dn")[0])
        p.bind_dn = text_of(found, "bind_dn");
    e = agreed(&p);
    if (e == EXIT_DONE)
        e = write_entry(&p, &reply);
    return e == EXIT_DONE ? done_say(&p, reply) : e;
}

const struct command contacts_publish = {
    .name = "contacts publish",
    .summary = "put your own certificate into the directory",
    .usage = "contacts publish [ADDRESS] [--key ID] [--bind-dn DN]\n"
             "       [--password-fd N] [--yes] [--json]",
    .help = "Writes your newest certificate to encrypt to into your entry of "
            "the\n"
            "organisation's directory (agent.conf, [directory]), so that "
            "others find\n"
            "it. What will be written is shown first, and asked for.\n"
            "\n"
            "  --key ID         which key, by the beginning of its id\n"
            "  --bind-dn DN     log in as this; else as agent.conf says, or "
            "as the\n"
            "                   entry itself\n"
            "  --password-fd N  read the password's line from descriptor N\n"
            "  --yes            do not ask\n"
            "  --json           what was written, and where\n",
    .options = options,
    .most_operands = 1,
    .run = publish,
};
