/*
 * smime-git: git's gpg.x509.program. Takes gpgsm's command line as git writes
 * it, and answers with gpgsm's status lines; the agent signs and judges.
 *
 * A signature is good to git only if the committer (or tagger) is whom the
 * certificate names: git itself does not look.
 */
#ifndef CLIENT_MAIL_GIT_H
#define CLIENT_MAIL_GIT_H

#include <stdbool.h>
#include <stdio.h>

#include "client/cli/cli.h"

struct git_options {
    int status_fd;
    const char *key;       /* -u: user.signingkey, or "Name <address>" */
    const char *signature; /* --verify: its file, "-" for none; or NULL */
    const char *content;   /* behind it: "-" */
    bool signs;
};

/* Writes one line for git to its status descriptor. */
void git_status(const struct git_options *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* From stdin: the signature, PEM, to stdout. Gives the exit code; what was
 * wrong has been said. */
int git_sign(const struct git_options *o);
/* What git hands over on stdin, against o->signature. Gives EXIT_DONE only when
 * the signature is good, and its maker the committer or tagger. */
int git_verify(const struct git_options *o);

#endif
