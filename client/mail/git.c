/* smime-git: see git.h. */
#include "client/mail/git.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"

static const char usage[] =
    "usage: smime-git --status-fd=N -bsau KEY <DATA >SIGNATURE\n"
    "       smime-git --status-fd=N --verify SIGNATURE - <DATA\n"
    "\n"
    "For git, which calls it so:\n"
    "\n"
    "  git config --global gpg.format x509\n"
    "  git config --global gpg.x509.program smime-git\n"
    "\n"
    "KEY is an address, the beginning of a key's id, a fingerprint, or a\n"
    "pkcs11: URI. All of it: man smime-git\n";

void
git_status(const struct git_options *o, const char *format, ...)
{
    char line[1024] = "[GNUPG:] ";
    char shown[1100];
    va_list args;

    if (o->status_fd < 0)
        return;
    va_start(args, format);
    vsnprintf(line + strlen(line), sizeof(line) - strlen(line), format, args);
    va_end(args);
    /* A line end out of a certificate would be a status line of its own. */
    text_escape(slice_text(line), shown, sizeof(shown) - 1);
    strcat(shown, "\n");
    (void)fd_write_all(o->status_fd, shown, strlen(shown));
}

/* ---- the command line ---------------------------------------------------- */

struct words {
    int argc;
    char **argv;
    int at;
};

/* The value of "--name=VALUE" or "--name VALUE"; NULL: the word is another. */
static const char *
long_value(struct words *w, const char *name)
{
    const char *word = w->argv[w->at];
    size_t n = strlen(name);

    if (strncmp(word, name, n) != 0)
        return NULL;
    if (word[n] == '=')
        return word + n + 1;
    return word[n] == '\0' && w->at + 1 < w->argc ? w->argv[++w->at] : NULL;
}

/* "-bsau KEY": each letter counts, u takes the rest or the next word. */
static bool
letters_take(struct words *w, struct git_options *o)
{
    for (const char *at = w->argv[w->at] + 1; *at; at++) {
        if (*at == 's') {
            o->signs = true;
        } else if (*at == 'u') {
            if (!at[1] && w->at + 1 >= w->argc)
                return false;
            o->key = at[1] ? at + 1 : w->argv[++w->at];
            return true;
        } else if (*at != 'b' && *at != 'a') {
            return false;
        }
    }
    return true;
}

static bool
word_take(struct words *w, struct git_options *o)
{
    const char *word = w->argv[w->at];
    const char *value;

    if ((value = long_value(w, "--status-fd")) != NULL)
        o->status_fd = atoi(value);
    else if ((value = long_value(w, "--local-user")) != NULL)
        o->key = value;
    else if ((value = long_value(w, "--verify")) != NULL)
        o->signature = value;
    else if (strcmp(word, "--sign") == 0 || strcmp(word, "--detach-sign") == 0)
        o->signs = true;
    else if (word[0] == '-' && word[1] != '-' && word[1] != '\0')
        return letters_take(w, o);
    else if (o->signature && !o->content && (word[0] != '-' || word[1] == '\0'))
        o->content = word;
    else
        /* What only dresses up the output is no business of ours. */
        return strncmp(word, "--keyid-format", 14) == 0 ||
               strcmp(word, "--armor") == 0 || strcmp(word, "--") == 0;
    return true;
}

static bool
options_parse(int argc, char **argv, struct git_options *out)
{
    struct words w = {.argc = argc, .argv = argv, .at = 1};
    struct git_options o = {.status_fd = -1};

    for (; w.at < argc; w.at++)
        if (!word_take(&w, &o))
            return usage_error(NULL, "%s is not understood", argv[w.at]) == 0;
    if (o.signs == (o.signature != NULL))
        return usage_error(NULL, "it either signs or verifies") == 0;
    *out = o;
    return true;
}

int
main(int argc, char **argv)
{
    struct git_options o;

    cli_program = "smime-git";
    standard_fds_check();
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return output_finish(EXIT_DONE);
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("smime-git " SMIME_VERSION);
        return output_finish(EXIT_DONE);
    }
    if (!options_parse(argc, argv, &o))
        return EXIT_USAGE;
    return o.signs ? git_sign(&o) : git_verify(&o);
}
