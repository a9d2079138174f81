/*
 * What programs and people call directly: gpgconf's questions, lists,
 * certificates in and out. Everything else is smime's business.
 */
#include "client/mail/gpgsm/engine.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/fd.h"

enum mode {
    MODE_NONE,
    MODE_SERVER,
    MODE_VERSION,
    MODE_HELP,
    MODE_LIST,
    MODE_LIST_SECRET,
    MODE_DUMP,
    MODE_EXPORT,
    MODE_IMPORT,
    MODE_GPGCONF_LIST,
    MODE_GPGCONF_TEST
};

struct line {
    enum mode mode;
    bool colons;
    bool armor;
    const char *output;
    json_t *words;
};

static const struct {
    const char *name;
    char letter;
    enum mode mode;
} modes[] = {
    {"server", 0, MODE_SERVER},
    {"version", 0, MODE_VERSION},
    {"help", 'h', MODE_HELP},
    {"list-keys", 'k', MODE_LIST},
    {"list-public-keys", 0, MODE_LIST},
    {"list-external-keys", 0, MODE_LIST},
    {"list-chain", 0, MODE_LIST},
    {"list-secret-keys", 'K', MODE_LIST_SECRET},
    {"dump-cert", 0, MODE_DUMP},
    {"dump-keys", 0, MODE_DUMP},
    {"dump-chain", 0, MODE_DUMP},
    {"export", 0, MODE_EXPORT},
    {"import", 0, MODE_IMPORT},
    {"gpgconf-list", 0, MODE_GPGCONF_LIST},
    {"gpgconf-test", 0, MODE_GPGCONF_TEST},
};

/* Options with a value that have no meaning here. */
static bool
takes_value(const char *name)
{
    static const char *const names[] = {
        "homedir",     "options",     "display",        "ttyname",
        "ttytype",     "lc-ctype",    "lc-messages",    "debug",
        "debug-level", "status-fd",   "log-file",       "agent-program",
        "local-user",  "default-key", "request-origin", "compatibility-flags"};

    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* ---- reading ------------------------------------------------------------- */

static bool
set_mode(struct line *l, const char *name, char letter)
{
    for (size_t i = 0; i < ARRAY_COUNT(modes); i++)
        if (name ? strcmp(modes[i].name, name) == 0
                 : letter && modes[i].letter == letter) {
            l->mode = modes[i].mode;
            return true;
        }
    return false;
}

static bool
log_open(struct engine *e, const char *number)
{
    char *end;
    long fd = strtol(number, &end, 10);
    int copy = *number && !*end && fd >= 0 && fd <= 1 << 20
                   ? fcntl((int)fd, F_DUPFD_CLOEXEC, 3)
                   : -1;
    FILE *log = copy >= 0 ? fdopen(copy, "w") : NULL;

    if (log)
        e->log = log;
    return log != NULL;
}

/* An option with its value behind '=' or in the next word. False when it is
 * not known. */
static bool
long_option(struct engine *e, struct line *l, const char *name,
            const char *value, bool *out_used)
{
    *out_used = true;
    if (strcmp(name, "logger-fd") == 0)
        return value && log_open(e, value);
    if (strcmp(name, "output") == 0) {
        l->output = value;
        return value != NULL;
    }
    if (takes_value(name))
        return value != NULL;
    *out_used = false;
    if (set_mode(l, name, 0))
        return true;
    l->colons |= strcmp(name, "with-colons") == 0;
    l->armor |= strcmp(name, "armor") == 0;
    /* Programs pass what they know; what asks for another result is above. */
    return true;
}

static bool
short_options(struct line *l, const char *letters)
{
    for (; *letters; letters++) {
        if (*letters == 'a')
            l->armor = true;
        else if (!strchr("qv", *letters) && !set_mode(l, NULL, *letters))
            return false;
    }
    return true;
}

/* True when WORD was understood; *i is moved over a value that was used. */
static bool
word_read(struct engine *e, struct line *l, int argc, char **argv, int *i)
{
    const char *word = argv[*i], *equals;
    char name[64];
    bool used;

    if (word[0] != '-' || !word[1]) {
        json_array_append_new(l->words, json_string(word));
        return true;
    }
    if (word[1] != '-')
        return short_options(l, word + 1);
    equals = strchr(word, '=');
    snprintf(name, sizeof(name), "%.*s",
             (int)(equals ? equals - word - 2 : (long)strlen(word) - 2),
             word + 2);
    if (!long_option(e, l, name,
                     equals          ? equals + 1
                     : *i + 1 < argc ? argv[*i + 1]
                                     : NULL,
                     &used))
        return false;
    if (used && !equals)
        ++*i;
    return true;
}

/* ---- doing --------------------------------------------------------------- */

static int
write_out(const struct line *l, struct slice bytes)
{
    AUTO(fd) int fd = -1;

    if (l->output && strcmp(l->output, "-") != 0) {
        fd = open(l->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (fd < 0) {
            perror(l->output);
            return 2;
        }
    }
    return fd_write_all(fd >= 0 ? fd : STDOUT_FILENO, bytes.p, bytes.n) ? 0 : 2;
}

static int
list(struct engine *e, struct line *l)
{
    bool secret = l->mode == MODE_LIST_SECRET;
    AUTO(buf) struct buf out = {0};
    json_t *reply = NULL;

    if (certificates_find(e, json_incref(l->words), secret, false, &reply))
        return 2;
    for (size_t i = 0; i < certificates_count(reply); i++) {
        struct listed c;

        certificates_at(reply, i, &c);
        if ((secret && !c.own) || !certificate_is_shown(reply, &c))
            continue;
        if (l->colons)
            colons_write(&c, secret, &out);
        else
            certificate_print(&c, l->mode == MODE_DUMP, &out);
    }
    json_decref(reply);
    return write_out(l, buf_slice(&out));
}

static int export(struct engine *e, struct line *l)
{
    AUTO(buf) struct buf out = {0};
    json_t *reply = NULL;

    if (certificates_find(e, json_incref(l->words), false, true, &reply))
        return 2;
    export_write(reply, l->armor, &out);
    json_decref(reply);
    return write_out(l, buf_slice(&out));
}

static int
import(struct engine *e, const struct line *l)
{
    const char *file = json_string_value(json_array_get(l->words, 0));
    AUTO(fd) int fd = -1;

    if (file && strcmp(file, "-") != 0) {
        fd = open(file, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            perror(file);
            return 2;
        }
    }
    if (import_from(e, fd >= 0 ? fd : STDIN_FILENO))
        return 2;
    fputs(buf_text(&e->audit), e->log);
    return 0;
}

static int
version(void)
{
    puts("gpgsm (GnuPG) " GPGSM_VERSION "\n"
         "smime-gpgsm (smime-agent) " SMIME_VERSION
         ": gpgsm's protocol, for GPGME\n"
         "Keys stay on tokens; the agent signs, verifies, en- and decrypts.");
    return 0;
}

static int
help(void)
{
    puts("Usage: smime-gpgsm --server | --list-keys | --list-secret-keys |\n"
         "           --dump-keys | --export [--armor] | --import [FILE] |\n"
         "           --version   [PATTERN]...\n\n"
         "Stands for gpgsm where GPGME looks for it: smime setup gpgme.\n"
         "What is signed, encrypted or verified by hand: smime --help.\n");
    return 0;
}

int
command_line_run(struct engine *e, int argc, char **argv)
{
    struct line l = {.words = json_array()};
    int result = 2;

    for (int i = 1; i < argc; i++)
        if (!word_read(e, &l, argc, argv, &i)) {
            fprintf(stderr, "gpgsm: not understood: %s; see: smime --help\n",
                    argv[i]);
            json_decref(l.words);
            return 2;
        }
    if (l.mode == MODE_SERVER)
        result = server_run(e);
    else if (l.mode == MODE_VERSION)
        result = version();
    else if (l.mode == MODE_HELP)
        result = help();
    else if (l.mode == MODE_EXPORT)
        result = export(e, &l);
    else if (l.mode == MODE_IMPORT)
        result = import(e, &l);
    else if (l.mode == MODE_GPGCONF_LIST || l.mode == MODE_GPGCONF_TEST)
        result = 0;
    else if (l.mode != MODE_NONE)
        result = list(e, &l);
    else
        fputs("gpgsm: this is smime-agent's: it lists certificates and serves "
              "GPGME.\n  next: smime sign, smime open; see: smime --help\n",
              stderr);
    json_decref(l.words);
    return result;
}
