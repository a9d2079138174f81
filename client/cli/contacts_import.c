#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "client/cli/contacts.h"

#define SHOWN_REFUSED 20 /* a screen of them */

static const struct option_row options[] = {{"json", OPTION_FLAG},
                                            {"address", OPTION_VALUE},
                                            {"pin", OPTION_FLAG},
                                            {"fingerprint", OPTION_VALUE},
                                            {NULL, OPTION_FLAG}};

struct sums {
    int64_t total, learned, known, changed, refused, issuers;
    long shown;
};

/* ---- one answer -----------------------------------------------------------
 */

static void
place_say(const char *file, json_t *one)
{
    fputs("smime: ", stderr);
    show_text(stderr, file);
    if (number_of(one, "line") > 0)
        fprintf(stderr, ":%lld", (long long)number_of(one, "line"));
    fputs(": ", stderr);
}

/* "Max <max@example.org>" */
static void
holder_say(json_t *certificate)
{
    json_t *addresses = json_object_get(certificate, "addresses");
    char name[512], all[512];

    name_text(text_of(certificate, "subject"), name, sizeof(name));
    texts_join(addresses, all, sizeof(all));
    fprintf(stderr, "%s%s%s%s", name, name[0] && all[0] ? " <" : "", all,
            name[0] && all[0] ? ">" : "");
    if (name[0] || all[0])
        fputs(": ", stderr);
}

static bool
was_refused(json_t *one)
{
    const char *result = text_of(one, "result");

    return (strcmp(result, "nothing") == 0 || strcmp(result, "failed") == 0) &&
           !flag_of(one, "is_issuer");
}

static void
one_say(const char *file, json_t *one, struct sums *s)
{
    json_t *certificate = json_object_get(one, "certificate");
    const char *stated = text_of(one, "stated");

    if (!was_refused(one) && (stated[0] == '\0' || flag_of(one, "is_issuer")))
        return;
    if (s->shown++ >= SHOWN_REFUSED)
        return;
    place_say(file, one);
    holder_say(certificate);
    if (was_refused(one)) {
        fputs("not stored, ", stderr);
        show_text(stderr, text_of(one, "reason")[0] ? text_of(one, "reason")
                                                    : "it cannot be stored");
    } else {
        fputs("stored under its own address; the file says ", stderr);
        show_text(stderr, stated);
    }
    fputs(s->shown == SHOWN_REFUSED ? "\nsmime: further ones: --json\n" : "\n",
          stderr);
}

static void
answer_say(const char *file, json_t *reply, struct sums *s)
{
    json_t *list = json_object_get(reply, "stored"), *one;
    size_t i;

    s->total += number_of(reply, "total");
    s->learned += number_of(reply, "new");
    s->known += number_of(reply, "known");
    s->changed += number_of(reply, "changed");
    s->issuers += number_of(reply, "issuers");
    s->refused += number_of(reply, "not_stored") - number_of(reply, "issuers");
    json_array_foreach(list, i, one) one_say(file, one, s);
}

/* ---- files ----------------------------------------------------------------
 */

/* Whoever holds a pipe's end named it on purpose: - and what the shell makes
 * of <(...). A FIFO by its own name may have no writer, ever. */
static bool
is_held(const char *path)
{
    return strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0 ||
           strncmp(path, "/dev/fd/", 8) == 0 ||
           strncmp(path, "/proc/self/fd/", 14) == 0;
}

/* NULL: it can be read to an end. */
static const char *
kind_refused(const char *path, mode_t mode)
{
    if (S_ISDIR(mode))
        return "a folder";
    if (S_ISREG(mode) || is_held(path))
        return NULL;
    if (S_ISFIFO(mode))
        return "a FIFO";
    return S_ISSOCK(mode) ? "a socket" : "a device";
}

/* Never waits for a writer: opening does not, and what it would wait for is
 * refused. */
static int
path_open(const char *path)
{
    int fd, flags;

    if (strcmp(path, "-") == 0)
        return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    return fd;
}

static int
file_open(const char *path, int *out, int64_t *out_date)
{
    const char *refused = NULL;
    struct stat st = {0};
    AUTO(fd) int fd = -1;

    /* A socket cannot even be opened by its name. */
    if (strcmp(path, "-") != 0 && stat(path, &st) == 0)
        refused = kind_refused(path, st.st_mode);
    if (!refused) {
        fd = path_open(path);
        if (fd < 0 || fstat(fd, &st) != 0)
            return failure_say(EXIT_INPUT, "check the file and its permissions",
                               "%s cannot be read: %s", path, strerror(errno));
        refused = kind_refused(path, st.st_mode);
    }
    if (refused)
        return failure_say(EXIT_INPUT,
                           S_ISDIR(st.st_mode)
                               ? "name the files of it"
                               : "if it is meant, let a program read it, and "
                                 "import what that writes: -",
                           "%s is %s", path, refused);
    *out_date = S_ISREG(st.st_mode) ? (int64_t)st.st_mtime : 0;
    *out = fd_take(&fd);
    return EXIT_DONE;
}

int
contacts_file_import(const struct arguments *a, const char *path,
                     const char *vouched, json_t **out)
{
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};
    AUTO(call) struct call c = {.parameters = NULL};
    char shown[1000];
    int64_t date = 0;
    int fd = -1, e = file_open(path, &fd, &date);

    if (e == EXIT_DONE)
        e = file_want_contact(path, fd);
    if (e != EXIT_DONE) {
        fd_drop(&fd);
        return e;
    }
    call_init(&c);
    text_escape(slice_text(strcmp(path, "-") == 0 ? "stdin" : path), shown,
                sizeof(shown));
    call_set_text(&c, "origin", shown);
    call_set_text(&c, "address", arguments_value(a, "address"));
    call_set_text(&c, "vouched", vouched);
    if (date > 0)
        call_set_number(&c, "date", date);
    (void)call_add_fd(&c, "input", fd);
    e = call_try(&c, SMIME_SOCKET_MANAGE, "io.smimeagent.Contacts.Import", out,
                 &error);
    if (e == EXIT_DONE)
        return e;
    fputs("smime: ", stderr);
    show_text(stderr, shown);
    fputs(": ", stderr);
    show_text(stderr, error.message ? error.message : error.name);
    if (error.next && error.next[0]) {
        fputs("\n  next: ", stderr);
        show_text(stderr, error.next);
    }
    fputc('\n', stderr);
    return e;
}

static int
sums_say(const struct sums *s)
{
    printf("%lld certificate%s: %lld new, %lld changed, %lld known",
           (long long)s->total, s->total == 1 ? "" : "s", (long long)s->learned,
           (long long)s->changed, (long long)s->known);
    if (s->refused > 0)
        printf(", %lld not stored", (long long)s->refused);
    if (s->issuers > 0)
        printf(", %lld of authorities", (long long)s->issuers);
    puts(".");
    return output_finish(EXIT_DONE);
}

/* What is in it is judged and, where it is good, stored like any other; then
 * the person says which of them is whose. */
static int
pin(const struct arguments *a)
{
    AUTO(json) json_t *reply = NULL;
    int e;

    if (a->operand_count > 1 || strcmp(a->operand[0], "-") == 0)
        return usage_error(a->command, "--pin: one file, which is read twice");
    e = contacts_file_import(a, a->operand[0], NULL, &reply);
    return e == EXIT_DONE ? contacts_vouch(a, a->operand[0], reply) : e;
}

/* The worst of all files: one that cannot be read before one refused. */
static int
run(const struct arguments *a)
{
    AUTO(json) json_t *all = json_array();
    struct sums s = {0};
    int worst = EXIT_DONE, e;

    if (arguments_flag(a, "pin") || arguments_value(a, "fingerprint"))
        return pin(a);
    for (size_t i = 0; i < a->operand_count; i++) {
        json_t *reply = NULL;

        e = contacts_file_import(a, a->operand[i], NULL, &reply);
        if (e != EXIT_DONE) {
            worst = e;
            if (e != EXIT_INPUT)
                break;
            continue;
        }
        answer_say(a->operand[i], reply, &s);
        json_object_set_new(reply, "file", json_string(a->operand[i]));
        json_array_append_new(all, reply);
    }
    if (worst == EXIT_DONE && s.refused > 0)
        worst = EXIT_NO;
    if (arguments_flag(a, "json")) {
        AUTO(json) json_t *out = json_pack("{s:O}", "files", all);

        e = show_json(stdout, out);
    } else {
        e = sums_say(&s);
    }
    return e != EXIT_DONE ? e : worst;
}

#define HELP                                                                   \
    "FILE is PEM, DER, PKCS#7 (.p7b, .p7c, certs-only .p7m), vCard, LDIF or a" \
    "\ncerts-only mail; what it is, is seen. Each certificate is judged like " \
    "any other:\nwithout a path to a trust anchor it is not stored. Its "      \
    "address is the one it\nnames itself.\n"                                   \
    "Ends with 1 when one was refused, with 9 when a file cannot be read.\n"   \
    "\n"                                                                       \
    "  --address A   store for this address alone\n"                           \
    "  --pin         show the certificate and ask whether its holder told "    \
    "you its\n"                                                                \
    "                fingerprint; then use it for them and no other, also "    \
    "where no\n"                                                               \
    "                authority vouches for it\n"                               \
    "  --fingerprint HEX\n"                                                    \
    "                the SHA-256 that they told you: --pin without asking\n"   \
    "  --json        what became of each\n"

const struct command contacts_import = {
    .name = "contacts import",
    .summary = "certificates that somebody handed to you",
    .usage = "contacts import [--address A] [--json] FILE|-...\n"
             "       smime contacts import --pin [--fingerprint HEX] "
             "[--address A] FILE",
    .help = HELP,
    .options = options,
    .least_operands = 1,
    .most_operands = -1,
    .run = run,
};

const struct command contacts_add = {
    .name = "contacts add",
    .summary = "the same as contacts import",
    .usage =
        "contacts add [--address A] [--json] FILE|-...\n"
        "       smime contacts add --pin [--fingerprint HEX] [--address A] "
        "FILE",
    .help = HELP,
    .options = options,
    .least_operands = 1,
    .most_operands = -1,
    .run = run,
};
