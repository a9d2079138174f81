/*
 * smime setup gpgme: a gpgconf of ours, ahead of GnuPG's in PATH, is how
 * GPGME's programs come to use smime-gpgsm. A symbolic link in ~/.local/bin,
 * put there and taken away here; what else lies there is never touched.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/setup.h"

#define OURS "/smime-agent/gpgme/gpgconf"

struct place {
    char folder[PATH_MAX];
    char link[PATH_MAX + 16];
    char wrapper[PATH_MAX]; /* what it is to lead to */
};

static bool
place_find(struct place *p)
{
    const char *home = getenv("HOME");
    char path[2 * PATH_MAX];

    if (!home || home[0] != '/' ||
        snprintf(p->folder, sizeof(p->folder), "%s/.local/bin", home) >=
            (int)sizeof(p->folder))
        return false;
    snprintf(p->link, sizeof(p->link), "%s/gpgconf", p->folder);
    return sibling_path("../libexec" OURS, path, sizeof(path)) &&
           realpath(path, p->wrapper);
}

/* What lies at the link's place. */
enum there { THERE_NOTHING, THERE_OURS, THERE_OTHER };

static enum there
what_is_there(const struct place *p)
{
    char target[PATH_MAX];
    struct stat st;
    ssize_t n;

    if (lstat(p->link, &st) != 0)
        return errno == ENOENT || errno == ENOTDIR ? THERE_NOTHING
                                                   : THERE_OTHER;
    n = readlink(p->link, target, sizeof(target) - 1);
    if (n < (ssize_t)strlen(OURS))
        return THERE_OTHER;
    target[n] = '\0';
    return strcmp(target + n - strlen(OURS), OURS) == 0 ? THERE_OURS
                                                        : THERE_OTHER;
}

static int
refuse(const struct place *p)
{
    return failure_say(EXIT_REFUSED,
                       "move it away first, or set PATH as smime "
                       "setup gpgme shows",
                       "%s is not ours: it was left as it is", p->link);
}

/* ---- --install ----------------------------------------------------------- */

/* ~/.local and ~/.local/bin. */
static bool
folder_make(const struct place *p)
{
    char above[PATH_MAX];

    snprintf(above, sizeof(above), "%s", p->folder);
    *strrchr(above, '/') = '\0';
    (void)mkdir(above, 0755);
    return mkdir(p->folder, 0755) == 0 || errno == EEXIST;
}

/* Whole or not at all: an older link of ours is replaced in one step. */
static bool
link_make(const struct place *p)
{
    char fresh[PATH_MAX + 64];

    snprintf(fresh, sizeof(fresh), "%s.%ld", p->link, (long)getpid());
    if (symlink(p->wrapper, fresh) != 0)
        return false;
    if (rename(fresh, p->link) == 0)
        return true;
    (void)unlink(fresh);
    return false;
}

/* Does PATH find the link first? */
static bool
is_first(const struct place *p)
{
    const char *at = getenv("PATH");

    for (; at && *at; at += strspn(at, ":")) {
        size_t n = strcspn(at, ":");
        char path[PATH_MAX + 16], real[PATH_MAX];

        snprintf(path, sizeof(path), "%.*s/gpgconf", (int)n, at);
        at += n;
        if (access(path, X_OK) == 0)
            return realpath(path, real) && strcmp(real, p->wrapper) == 0;
    }
    return false;
}

static int
install(const struct place *p)
{
    if (what_is_there(p) == THERE_OTHER)
        return refuse(p);
    if (!folder_make(p) || !link_make(p))
        return failure_say(EXIT_OUTPUT, "see its permissions", "%s: %s",
                           p->link, strerror(errno));
    printf("%s now names smime-gpgsm as GPGME's S/MIME engine.\n", p->link);
    if (is_first(p))
        puts("Programs started from here use it. Undo: smime setup gpgme "
             "--remove");
    else
        printf("Your PATH does not have that folder first yet. Put this line "
               "into ~/.profile and\nlog in again:\n\n"
               "    PATH=\"$HOME/.local/bin:$PATH\"\n\n"
               "Undo: smime setup gpgme --remove\n");
    return output_finish(EXIT_DONE);
}

/* ---- --remove ------------------------------------------------------------ */

static int
take_away(const struct place *p)
{
    switch (what_is_there(p)) {
    case THERE_NOTHING:
        printf("%s is not there: nothing was to be done.\n", p->link);
        return output_finish(EXIT_DONE);
    case THERE_OTHER:
        return refuse(p);
    case THERE_OURS:
        break;
    }
    if (unlink(p->link) != 0)
        return failure_say(EXIT_OUTPUT, "see its permissions", "%s: %s",
                           p->link, strerror(errno));
    printf("%s is gone: GPGME's programs use GnuPG's gpgsm again.\n", p->link);
    return output_finish(EXIT_DONE);
}

/* ---- alone --------------------------------------------------------------- */

static int
lines_print(const struct place *p)
{
    char *folder = mem_text(slice_text(p->wrapper));

    *strrchr(folder, '/') = '\0';
    printf(
        "# Mail programs that use GPGME for S/MIME (NeoMutt and mutt with\n"
        "# crypt_use_gpgme, KMail, Claws Mail, notmuch) ask gpgconf where "
        "gpgsm\n"
        "# is. One that comes first in PATH names smime-gpgsm and passes all\n"
        "# else on; GnuPG itself stays as it is.\n"
        "#\n"
        "#   smime setup gpgme --install   links it into ~/.local/bin\n"
        "#   smime setup gpgme --remove    takes it away again\n"
        "#\n"
        "# Or for the programs of one shell:\n"
        "PATH=%s:$PATH\n"
        "\n"
        "# NeoMutt and mutt, in their configuration:\n"
        "#   set crypt_use_gpgme = yes\n"
        "#   set smime_is_default = yes\n"
        "# What a program can not do through GPGME: man smime-gpgsm\n",
        folder);
    free(folder);
    return output_finish(EXIT_DONE);
}

int
setup_gpgme(const struct arguments *a)
{
    bool wants_install = arguments_flag(a, "install");
    bool wants_removal = arguments_flag(a, "remove");
    struct place p;

    if (wants_install && wants_removal)
        return usage_error(a->command, "--install and --remove at once");
    if (!place_find(&p))
        return failure_say(EXIT_FAULT, "see how smime-agent is installed",
                           "HOME is not set, or libexec" OURS
                           " is not beside this program");
    if (wants_install)
        return install(&p);
    return wants_removal ? take_away(&p) : lines_print(&p);
}
