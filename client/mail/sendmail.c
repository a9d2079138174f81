/* smime-sendmail: see sendmail.h. */
#include "client/mail/sendmail.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "client/cli/cli.h"

static const char usage[] =
    "usage: smime-sendmail [sendmail's options] [--] [ADDRESS...] <MESSAGE\n"
    "\n"
    "Takes a message as sendmail does, signs and encrypts it as [sendmail] in\n"
    "agent.conf wants, and hands it over to the command that is named there.\n"
    "\n"
    "  -t          the recipients are those of To, Cc and Bcc\n"
    "  -i, -oi     a line with one dot does not end the message\n"
    "  -f A, -r A  the sender of the envelope\n"
    "  -F NAME     the sender's name, where the message has no From\n"
    "  -v          say what was done\n"
    "  -N, -R, -V, -B, -L, -O and their values go to the command; -bp, -bi\n"
    "  and -q run it alone; other options of sendmail are passed over\n"
    "\n"
    "All of it: man smime-sendmail\n";

static void
done_say(const struct parcels *p)
{
    fprintf(stderr, "smime-sendmail: %s, %s; %zu message%s handed over\n",
            p->is_signed ? "signed" : "not signed",
            p->is_encrypted ? "encrypted" : "not encrypted", p->count,
            p->count == 1 ? "" : "s");
}

static int
letter_send(const struct policy *policy, const struct sendmail_options *o,
            const struct letter *l, const struct people *people)
{
    struct parcels parcels = {.count = 0};
    struct wishes w;
    AUTO(fd) int fd = -1;
    int e = wishes_decide(policy, l, people, &w);

    if (e == EX_OK && !w.command)
        e = failure_say(EX_CONFIG,
                        "name the real one in agent.conf, in [sendmail]: "
                        "command = /usr/bin/msmtp",
                        "not sent: no command is configured");
    if (e == EX_OK)
        e = letter_write(l, o, people->has_from ? NULL : people->author, &fd);
    if (e == EX_OK)
        e = parcels_make(&w, people, l->kind, fd, &parcels);
    if (e == EX_OK)
        e = parcels_hand(w.command, o, &parcels);
    if (e == EX_OK && o->verbose)
        done_say(&parcels);
    parcels_drop(&parcels);
    return e;
}

static int
message_take(const struct policy *policy, const struct sendmail_options *o)
{
    struct letter l = {.fd = -1};
    struct people people = {.sender = NULL};
    int e = letter_read(o, &l);

    if (e == EX_OK)
        e = people_find(&l, o, &people);
    if (e == EX_OK)
        e = letter_send(policy, o, &l, &people);
    people_drop(&people);
    letter_drop(&l);
    return e;
}

/* -q, -bp, -bi: nothing is sent here, the real one does its work. */
static int
run_real(const struct policy *policy, int argc, char **argv)
{
    const struct wishes w = policy_find(policy, NULL);
    char **words, **all;
    size_t count = 0;

    if (!w.command || file_is_named(w.command))
        return EX_OK; /* there is no queue */
    words = command_words(w.command);
    if (!words)
        return EX_CONFIG;
    while (words[count])
        count++;
    all = mem_new((count + (size_t)argc + 1) * sizeof(all[0]));
    memcpy(all, words, count * sizeof(all[0]));
    memcpy(all + count, argv + 1, ((size_t)argc - 1) * sizeof(all[0]));
    execv(all[0], all);
    return failure_say(EX_OSERR, NULL, "%s: %s", all[0], strerror(errno));
}

int
main(int argc, char **argv)
{
    struct sendmail_options o = {.sender = NULL};
    AUTO(policy) struct policy policy = {.count = 0};
    int e;

    cli_program = "smime-sendmail";
    standard_fds_check();
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && (strcmp(argv[1], "--help") == 0)) {
        fputs(usage, stdout);
        return output_finish(EX_OK);
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("smime-sendmail " SMIME_VERSION);
        return output_finish(EX_OK);
    }
    e = sendmail_options_parse(argc, argv, &o);
    if (e == EX_OK && !policy_load(&policy))
        e = failure_say(EX_CONFIG, "correct it; see: man agent.conf",
                        "not sent: %s", buf_text(&policy.wrong));
    if (e == EX_OK)
        e = o.is_queue_work ? run_real(&policy, argc, argv)
                            : message_take(&policy, &o);
    sendmail_options_drop(&o);
    return e;
}
