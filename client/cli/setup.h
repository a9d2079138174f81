/*
 * smime setup TOOL: the lines that go into another program's configuration.
 * A tool is one row of the table in cmd_setup.c and, where a text is not
 * enough, a function of its own. Nothing is written but to stdout, unless a
 * row says so.
 */
#ifndef CLIENT_CLI_SETUP_H
#define CLIENT_CLI_SETUP_H

#include "agent/base/mem.h"
#include "client/cli/cli.h"

struct setup_tool {
    const char *name;
    const char *summary;
    /* What is printed, see setup_fill; NULL when run does it all. */
    const char *lines;
    int (*run)(const struct arguments *a); /* or NULL */
};

/* ---- setup_fill.c -------------------------------------------------------- */

/* How one calls PROGRAM, a sibling of this command: its bare name where PATH
 * finds the very same file, else its path. Appended; quoted for a shell where
 * it has to be. */
void setup_program(struct buf *out, const char *program);

/*
 * Appends LINES with what stands in braces filled in: {smime} and {smime-...}
 * are programs as setup_program gives them, {data} is our folder of data,
 * {address} is the person's own
 * address (--from, else that of the only key). Other braces stay.
 */
void setup_fill(struct buf *out, const struct arguments *a, const char *lines);

/* Appends the folder of our data ($XDG_DATA_HOME/smime-agent). */
void setup_data_folder(struct buf *out);

/* ---- rows ---------------------------------------------------------------- */

/* setup_gpgme.c: the one that can also put something in place. */
int setup_gpgme(const struct arguments *a);

extern const char setup_procmail[], setup_maildrop[], setup_sieve[],
    setup_notmuch[], setup_aerc[], setup_sendmail[], setup_git[], setup_mutt[];
int setup_pkcs11(const struct arguments *a);
int setup_p11_kit(const struct arguments *a);
int setup_thunderbird(const struct arguments *a);

#endif
