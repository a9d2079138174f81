/* Hands over to the real sendmail. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "client/cli/cli.h"
#include "client/mail/sendmail.h"

/* ---- the command --------------------------------------------------------- */

/* One word, its quotes taken away; moves *at behind it. */
static char *
word_take(const char **at)
{
    AUTO(buf) struct buf word = {0};
    char quote = '\0';

    for (; **at && (quote || !strchr(" \t", **at)); (*at)++) {
        if (quote ? **at == quote : **at == '"' || **at == '\'')
            quote = quote ? '\0' : **at;
        else
            buf_add_byte(&word, (uint8_t) * *at);
    }
    return mem_text(buf_slice(&word));
}

static void
words_drop(char **words)
{
    for (size_t i = 0; words && words[i]; i++)
        free(words[i]);
    free(words);
}

/* Running ourselves would never end. */
static bool
is_ourselves(const char *path)
{
    struct stat self, other;

    return stat("/proc/self/exe", &self) == 0 && stat(path, &other) == 0 &&
           self.st_dev == other.st_dev && self.st_ino == other.st_ino;
}

char **
command_words(const char *command)
{
    char **words = NULL;
    size_t count = 0;

    for (command += strspn(command, " \t"); *command;
         command += strspn(command, " \t")) {
        words = mem_resize(words, (count + 2) * sizeof(words[0]));
        words[count++] = word_take(&command);
        words[count] = NULL;
    }
    if (!words || words[0][0] != '/')
        (void)failure_say(EX_CONFIG,
                          "give the whole path, as in: command = "
                          "/usr/bin/msmtp",
                          "not sent: the command of [sendmail] is no path");
    else if (is_ourselves(words[0]))
        (void)failure_say(EX_CONFIG, "name the program behind it",
                          "not sent: the command of [sendmail] is "
                          "smime-sendmail itself");
    else if (access(words[0], X_OK) != 0)
        (void)failure_say(EX_CONFIG, "correct it in agent.conf",
                          "not sent: the command %s: %s", words[0],
                          strerror(errno));
    else
        return words;
    words_drop(words);
    return NULL;
}

/* ---- running it ---------------------------------------------------------- */

/* The arguments point into WORDS, O and ONE. */
static const char **
arguments_make(char **words, const struct sendmail_options *o,
               const struct parcel *one)
{
    size_t room = 8 + o->pass_count + one->count, n = 0;
    const char **out;

    for (size_t i = 0; words[i]; i++)
        room++;
    out = mem_new(room * sizeof(out[0]));
    for (size_t i = 0; words[i]; i++)
        out[n++] = words[i];
    out[n++] = "-i"; /* a line with one dot is text */
    if (o->sender) {
        out[n++] = "-f";
        out[n++] = o->sender;
    }
    if (o->full_name) {
        out[n++] = "-F";
        out[n++] = o->full_name;
    }
    for (size_t i = 0; i < o->pass_count; i++)
        out[n++] = o->pass[i];
    out[n++] = "--";
    for (size_t i = 0; i < one->count; i++)
        out[n++] = one->recipient[i];
    return out;
}

static int
child_wait(pid_t child, const char *program)
{
    int status;

    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return failure_say(EX_OSERR, NULL, "%s: %s", program,
                               strerror(errno));
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    return failure_say(EX_TEMPFAIL, "send it again",
                       "%s was ended by signal %d", program, WTERMSIG(status));
}

static int
run_one(char **words, const struct sendmail_options *o,
        const struct parcel *one)
{
    const char **arguments = arguments_make(words, o, one);
    pid_t child;
    int e;

    child = lseek(one->fd, 0, SEEK_SET) < 0 ? -1 : fork();
    if (child == 0) {
        (void)signal(SIGPIPE, SIG_DFL);
        if (dup2(one->fd, STDIN_FILENO) < 0)
            _exit(EX_OSERR);
        execv(words[0], (char *const *)arguments);
        _exit(errno == ENOENT ? EX_UNAVAILABLE : EX_OSERR);
    }
    e = child < 0
            ? failure_say(EX_TEMPFAIL, NULL, "not sent: %s", strerror(errno))
            : child_wait(child, words[0]);
    free(arguments);
    return e;
}

static void
fate_say(const struct parcels *p, size_t done, int e)
{
    if (done == 0)
        return;
    (void)failure_say(
        e, "write to the others again, not to these",
        "handed over for the first %zu of %zu messages only:", done, p->count);
    for (size_t i = 0; i < done; i++)
        for (size_t k = 0; k < p->item[i].count; k++) {
            fputs("  ", stderr);
            show_text(stderr, p->item[i].recipient[k]);
            fputc('\n', stderr);
        }
}

int
parcels_hand(const char *command, const struct sendmail_options *o,
             const struct parcels *p)
{
    char **words = file_is_named(command) ? NULL : command_words(command);
    int e = EX_OK;

    if (!words && !file_is_named(command))
        return EX_CONFIG;
    for (size_t i = 0; e == EX_OK && i < p->count; i++) {
        e = words ? run_one(words, o, &p->item[i])
                  : file_deliver(command, p->item[i].fd);
        if (e != EX_OK)
            fate_say(p, i, e);
    }
    words_drop(words);
    return e;
}
