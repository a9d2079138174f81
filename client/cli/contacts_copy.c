/* smime contacts backup and restore. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/mem.h"
#include "client/cli/contacts.h"

static const struct option_row backup_options[] = {{"json", OPTION_FLAG},
                                                   {NULL, OPTION_FLAG}};
static const struct option_row options[] = {
    {"json", OPTION_FLAG}, {"yes", OPTION_FLAG}, {NULL, OPTION_FLAG}};

static void
counts_say(const char *done, json_t *reply)
{
    long long contacts = (long long)number_of(reply, "contacts");
    long long certificates = (long long)number_of(reply, "certificates");

    printf("%s: %lld contact%s (%lld certificate%s)", done, contacts,
           contacts == 1 ? "" : "s", certificates,
           certificates == 1 ? "" : "s");
}

/* ---- backup ------------------------------------------------------------- */

static int
backup_call(const struct arguments *a, int fd, json_t **out)
{
    AUTO(call) struct call c = {.parameters = NULL};

    (void)a;
    call_init(&c);
    (void)call_add_fd(&c, "output", fd);
    return call_run(&c, SMIME_SOCKET_MANAGE, "io.smimeagent.Contacts.Backup",
                    out);
}

/* A file that is there already may be the only copy: it stays. What does not
 * become whole is taken away again. */
static int
backup(const struct arguments *a)
{
    AUTO(json) json_t *reply = NULL;
    const char *file = a->operand[0];
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int e;

    if (fd < 0)
        return failure_say(EXIT_OUTPUT,
                           errno == EEXIST ? "choose a name that is not there "
                                             "yet"
                                           : "name a file in a folder where "
                                             "you may write",
                           "%s cannot be made: %s", file, strerror(errno));
    e = backup_call(a, fd, &reply);
    if (e != EXIT_DONE) {
        (void)unlink(file);
        return e;
    }
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    counts_say("Copied", reply);
    fputs(" to ", stdout);
    show_text(stdout, file);
    putchar('\n');
    return output_finish(EXIT_DONE);
}

/* ---- restore ------------------------------------------------------------ */

static int
confirm(const struct arguments *a)
{
    if (arguments_flag(a, "yes"))
        return EXIT_DONE;
    if (!can_ask())
        return failure_say(EXIT_REFUSED, "repeat it with --yes if you are sure",
                           "nobody is there to say yes");
    return ask_yes("Put this copy in place of all contacts? Those of now are "
                   "kept in a file beside.")
               ? EXIT_DONE
               : failure_say(EXIT_REFUSED, NULL, "nothing was changed");
}

static int
restore(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int fd = open(a->operand[0], O_RDONLY | O_CLOEXEC);
    int e;

    if (fd < 0)
        return failure_say(EXIT_INPUT, "check the file and its permissions",
                           "%s cannot be read: %s", a->operand[0],
                           strerror(errno));
    call_init(&c);
    (void)call_add_fd(&c, "input", fd);
    e = confirm(a);
    if (e == EXIT_DONE)
        e = call_run(&c, SMIME_SOCKET_MANAGE, "io.smimeagent.Contacts.Restore",
                     &reply);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    counts_say("Restored", reply);
    fputs("; what was there is kept as ", stdout);
    show_text(stdout, text_of(reply, "aside"));
    putchar('\n');
    return output_finish(EXIT_DONE);
}

const struct command contacts_backup = {
    .name = "contacts backup",
    .summary = "copy all contacts into a file",
    .usage = "contacts backup FILE [--json]",
    .help = "The copy is whole, also while the agent is in use. FILE must not "
            "be there yet.\n"
            "\n"
            "  --json   the agent's answer as it is\n",
    .options = backup_options,
    .least_operands = 1,
    .most_operands = 1,
    .run = backup,
};

const struct command contacts_restore = {
    .name = "contacts restore",
    .summary = "put a copy in place of the contacts",
    .usage = "contacts restore FILE [--yes] [--json]",
    .help = "The copy is checked before it replaces anything. What was there, "
            "also when it is\ndamaged, is kept in a file beside "
            "contacts.db.\n"
            "\n"
            "  --yes    do not ask\n"
            "  --json   the agent's answer as it is\n",
    .options = options,
    .least_operands = 1,
    .most_operands = 1,
    .run = restore,
};
