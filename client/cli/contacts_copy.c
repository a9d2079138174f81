/* smime contacts backup and restore. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
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

/* What the copy is called until it is whole, so that nothing that ends this
 * program leaves a part of one under FILE's name. */
#define UNFINISHED ".unfinished"

static int
cannot_make(const char *file)
{
    return failure_say(EXIT_OUTPUT,
                       errno == EEXIST ? "choose a name that is not there yet"
                       : errno == EWOULDBLOCK
                           ? "wait for the other backup to this name"
                           : "name a file in a folder where you may write",
                       "%s cannot be made: %s", file, strerror(errno));
}

/* One that an earlier backup left is taken over, unless that still writes. */
static int
unfinished_open(const char *name)
{
    AUTO(fd)
    int fd = open(
        name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || ftruncate(fd, 0) != 0)
        return -1;
    return fd_take(&fd);
}

/* Never over a file that is there: it may be the only copy. */
static bool
name_give(const char *name, const char *file)
{
    if (renameat2(AT_FDCWD, name, AT_FDCWD, file, RENAME_NOREPLACE) == 0)
        return true;
    /* A file system that knows no such thing. */
    return errno == EINVAL && link(name, file) == 0 && unlink(name) == 0;
}

/* What the folder says is on the disk too. */
static bool
folder_sync(const char *file)
{
    AUTO(buf) struct buf folder = {0};
    const char *slash = strrchr(file, '/');
    AUTO(fd) int fd = -1;

    buf_addf(&folder, "%.*s", slash ? (int)(slash - file + 1) : 1,
             slash ? file : ".");
    fd = open(buf_text(&folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
}

static int
copy_make(const struct arguments *a, const char *name, const char *file,
          json_t **out)
{
    AUTO(fd) int fd = unfinished_open(name);
    int given, e;

    if (fd < 0)
        return cannot_make(file);
    given = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    e = given < 0 ? cannot_make(file) : backup_call(a, given, out);
    if (e == EXIT_DONE && (!name_give(name, file) || !folder_sync(file)))
        e = cannot_make(file);
    if (e != EXIT_DONE)
        (void)unlink(name);
    return e;
}

static int
backup(const struct arguments *a)
{
    AUTO(buf) struct buf name = {0};
    AUTO(json) json_t *reply = NULL;
    const char *file = a->operand[0];
    struct stat st;
    int e;

    if (lstat(file, &st) == 0) {
        errno = EEXIST;
        return cannot_make(file);
    }
    buf_addf(&name, "%s" UNFINISHED, file);
    e = copy_make(a, buf_text(&name), file, &reply);
    if (e != EXIT_DONE)
        return e;
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
            "be there yet; until\nthe copy is whole it is called "
            "FILE.unfinished.\n"
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
