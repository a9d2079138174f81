/*
 * smime-sendmail: takes a message the way sendmail does, signs and encrypts
 * it as [sendmail] in agent.conf wants, and hands it over to the real one.
 *
 * Holds no key and does no cryptography: the agent does. What it parses is
 * the header of the person's own outgoing mail. Nothing is handed over before
 * all of it is made, and never plain text where the policy wants none.
 */
#ifndef CLIENT_MAIL_SENDMAIL_H
#define CLIENT_MAIL_SENDMAIL_H

#include <sys/types.h>
#include <sysexits.h>

#include "agent/mime/header.h"
#include "client/mail/policy.h"

/* ---- sendmail_options.c -------------------------------------------------- */

/* Borrows from argv. */
struct sendmail_options {
    bool recipients_in_header; /* -t */
    bool dots_are_text;        /* -i, -oi */
    bool verbose;              /* -v */
    bool is_queue_work;        /* -q, -bp, -bi: for the real one alone */
    const char *sender;        /* -f, -r: of the envelope */
    const char *full_name;     /* -F */
    const char **pass;         /* options for the real one, with their values */
    size_t pass_count;
    char *const *recipient;
    size_t recipient_count;
};

/* EX_OK, or said and EX_USAGE. */
int sendmail_options_parse(int argc, char **argv, struct sendmail_options *out);
void sendmail_options_drop(struct sendmail_options *o);

/* ---- sendmail_read.c ----------------------------------------------------- */

/* A message that came in. */
struct letter {
    int fd; /* a file in memory: all of it */
    struct header header;
    off_t body; /* where it begins */
    enum letter_kind {
        LETTER_PLAIN,
        LETTER_SIGNED,   /* S/MIME already, by the mail program */
        LETTER_ENCRYPTED /* the same */
    } kind;
};

/* Reads stdin; gives EX_OK, or says why not: EX_DATAERR, EX_NOINPUT,
 * EX_TEMPFAIL. */
int letter_read(const struct sendmail_options *o, struct letter *out);
void letter_drop(struct letter *l);

/* Writes the message without the fields that must not leave (Bcc,
 * Resent-Bcc, X-Smime) into a file in memory. SENDER, when not NULL, becomes
 * its From where it has none. */
int letter_write(const struct letter *l, const struct sendmail_options *o,
                 const char *sender, int *out_fd);

/* ---- sendmail_writer.c --------------------------------------------------- */

/* The tool that writes the pipe that is our stdin, when one of our parents
 * does. */
struct writer {
    pid_t pid;
    int fd; /* of the process; -1: not known */
};
/* To be called before anything is read. */
void writer_find(struct writer *out);
/* Has it ended? A tool that is done closes its end and waits for us: one that
 * is gone when stdin ends died on the way. */
bool writer_is_gone(const struct writer *w);
void writer_drop(struct writer *w);

/* ---- sendmail_people.c --------------------------------------------------- */

struct address_list {
    char **item;
    size_t count;
};

struct people {
    char *author; /* the From mailbox; without one that of the envelope; or
                     NULL */
    char *sender; /* the author, but who sends it on (Resent-From) first */
    bool has_from;
    struct address_list visible; /* recipients that To and Cc name */
    struct address_list hidden;  /* all others */
};

/* EX_OK, or said and EX_DATAERR, EX_NOINPUT (no recipient), EX_USAGE. */
int people_find(const struct letter *l, const struct sendmail_options *o,
                struct people *out);
void people_drop(struct people *p);

/* ---- sendmail_wishes.c --------------------------------------------------- */

/* What is to become of this message: the policy for its sender and all its
 * recipients, and its X-Smime field. EX_OK, or said and EX_NOPERM,
 * EX_DATAERR. */
int wishes_decide(const struct policy *policy, const struct letter *l,
                  const struct people *people, struct wishes *out);

/* ---- sendmail_make.c ----------------------------------------------------- */

/* One message to hand over; borrows the addresses. */
struct parcel {
    int fd;
    const char **recipient;
    size_t count;
};

struct parcels {
    struct parcel *item;
    size_t count;
    bool is_signed, is_encrypted;
};

/* Makes all that is to be handed over, or nothing: EX_OK, or said and the
 * code. FD is the message, borrowed. */
int parcels_make(const struct wishes *w, const struct people *people,
                 enum letter_kind kind, int fd, struct parcels *out);
void parcels_drop(struct parcels *p);

/* ---- sendmail_hand.c ----------------------------------------------------- */

/* Runs COMMAND, or writes to the place it names, for each parcel. Gives the
 * first exit code that is not 0. */
int parcels_hand(const char *command, const struct sendmail_options *o,
                 const struct parcels *p);

/* Gives the words of COMMAND, NULL-ended, each to be freed and the array too;
 * NULL (and said) when it cannot be run. */
char **command_words(const char *command);

/* ---- sendmail_file.c ----------------------------------------------------- */

/* True when COMMAND is "file:PATH", "mbox:PATH" or "maildir:PATH". */
bool file_is_named(const char *command);
/* Appends the message to the mbox, or puts it into the Maildir. */
int file_deliver(const char *command, int fd);

#endif
