/*
 * The smime command: a thin client. It parses options, passes descriptors to
 * the agent and says in words what came back. It holds no key, parses no
 * mail, and keeps no secret but a password typed at the terminal.
 */
#ifndef CLIENT_CLI_CLI_H
#define CLIENT_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/base/secret.h"
#include "client/lib/client.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_NO = 1, /* a clear no */
    EXIT_USAGE = 2,
    EXIT_TOKEN = 7,
    EXIT_REFUSED = 8,
    EXIT_INPUT = 9,
    EXIT_FAULT = 70,
    EXIT_OUTPUT = 71
};

/* For AUTO(json). */
static inline void
json_drop(json_t **j)
{
    json_decref(*j);
}

#define LIMIT_OPTIONS 12

/* Begins each line that is said on stderr; adapters set a name of theirs. */
extern const char *cli_program;

/* ---- commands ------------------------------------------------------------ */

enum option_kind {
    OPTION_FLAG,
    OPTION_VALUE,
    OPTION_LIST, /* repeatable, and each value may be a list with commas */
    OPTION_EACH  /* repeatable, each value whole: arguments_each */
};

struct option_row {
    const char *name; /* without its dashes; NULL ends the table */
    enum option_kind kind;
};

struct arguments;

struct command {
    const char *name;
    const char *summary; /* one line of the overall help */
    const char *usage;   /* after "smime " */
    const char *help;    /* what it does and its options */
    const struct option_row *options;
    int least_operands;
    int most_operands; /* -1: any number */
    int (*run)(const struct arguments *a);
    /* Commands below this one ("contacts list"), ended by NULL; the first is
     * run where none is named. Then nothing above but name, summary, usage
     * and help counts. */
    const struct command *const *parts;
    /* Instead of run: takes the words behind the command as they are; ARGV[0]
     * is the command's own name. */
    int (*run_words)(int argc, char **argv);
};

/* ---- command.c ------------------------------------------------------------
 */

/* The one of the COUNT commands that is called NAME, or NULL. */
const struct command *command_find(const struct command *const *all,
                                   size_t count, const char *name);

/* Prints a line for each of the COUNT commands, names WIDTH columns wide. */
void command_list(FILE *to, const struct command *const *all, size_t count,
                  int width);

/* Prints the command's help to stdout; gives the exit code. */
int command_help(const struct command *c);

extern const struct command command_status, command_doctor, command_tokens,
    command_keys, command_import, command_lock, command_unlock, command_sign,
    command_encrypt, command_decrypt, command_verify, command_open,
    command_harvest, command_contacts, command_anchors, command_check,
    command_pin, command_generate, command_install, command_setup,
    command_sendmail, command_log;

/* ---- arguments.c
 * ------------------------------------------------------------- */

/* One value of an OPTION_EACH, by the option's row. */
struct argument_each {
    int place;
    const char *value;
};

/* A parsed command line; the texts are borrowed from argv but for those of
 * the list, which it owns. */
struct arguments {
    const struct command *command;
    const char *value[LIMIT_OPTIONS]; /* by the option's row; NULL: absent */
    struct argument_each *each;       /* in the order of the command line */
    size_t each_count;
    char **list;
    size_t list_count;
    const char **operand; /* NULL-terminated */
    size_t operand_count;
    bool wants_help;
};

/* Parses what follows the command's name. On false the mistake has been
 * said. */
bool arguments_parse(const struct command *command, int argc, char **argv,
                     struct arguments *out);
void arguments_drop(struct arguments *a);

/* NULL when absent; a flag that is there is "". NAME must be in the table. */
const char *arguments_value(const struct arguments *a, const char *name);
bool arguments_flag(const struct arguments *a, const char *name);

/* The value number I of the option NAME, an OPTION_EACH; NULL after the
 * last. */
const char *arguments_each(const struct arguments *a, const char *name,
                           size_t i);

/* A time as RFC 3339 writes it, a bare date is its first second in UTC; false
 * (and said) when it is none. *out is untouched when the option is absent. */
bool arguments_moment(const struct arguments *a, const char *name,
                      int64_t *out);
/* Seconds since 1970; false when TEXT is no time. */
bool moment_read(const char *text, int64_t *out);

/* A whole number in [0, most]; false (and said) when it is none. *out is
 * untouched when the option is absent. */
bool arguments_number(const struct arguments *a, const char *name, long most,
                      long *out);

/* Says what is wrong with the command line; gives EXIT_USAGE. */
int usage_error(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- call.c
 * ------------------------------------------------------------------ */

/* One call in the making. Owns its parameters and the descriptors beyond
 * stderr. */
struct call {
    json_t *parameters;
    int fds[SMIME_LIMIT_FDS];
    int fd_count;
};
void call_init(struct call *c);
void call_drop(struct call *c);

void call_set_text(struct call *c, const char *name, const char *value);
void call_set_flag(struct call *c, const char *name, bool value);

/* Sets each parameter whose option (of NAMES, ended by NULL) was given; the
 * parameter of --key-padding is key_padding. */
void call_set_options(struct call *c, const struct arguments *a,
                      const char *const *names);
void call_set_number(struct call *c, const char *name, int64_t value);
/* Adds FD (taken) and gives its index; with NAME, sets that parameter. */
int call_add_fd(struct call *c, const char *name, int fd);

/* Opens the file operand (NULL: stdin) as `input`, stdout as `output`. Gives
 * EXIT_DONE, or says why not and gives the exit code. */
int call_set_input(struct call *c, const char *file);
int call_set_output(struct call *c);
/* Behind call_set_input: where the input is no mail but a CMS object (DER), it
 * becomes a mail that has no other header. EXIT_DONE too when it is a mail;
 * FILE is the operand, for what it says of another. */
int call_wrap_object(struct call *c, const char *file);

/* Says, and gives the exit code, where the file behind FD is plainly no mail,
 * no certificate or no CRL: a private key for one. PATH: the operand. EXIT_DONE
 * too where it is a stream; FD stays where it is. */
int file_want_mail(const char *path, int fd);
int file_want(const char *path, int fd, bool crl);
/* The same where certificates in any form will do. */
int file_want_contact(const char *path, int fd);
/* The same where a bundle (PKCS#7) will do as well as a certificate. */
int file_want_issued(const char *path, int fd);

/* Opens the files that OPTION (an OPTION_EACH) names and sets them as the
 * list PARAMETER: several go into one descriptor. EXIT_DONE too when there is
 * none. */
int call_set_files(struct call *c, const struct arguments *a,
                   const char *option, const char *parameter);

/* Adds the terminal and display a prompt may use. */
void call_set_caller(struct call *c);

/* Sets the descriptor option (e.g. "--pin-fd") as parameter PARAMETER. */
int call_set_fd_option(struct call *c, const struct arguments *a,
                       const char *option, const char *parameter);

/* Calls. Gives EXIT_DONE with the reply in *out (a new reference), or the
 * exit code with the error said. */
int call_run(struct call *c, enum smime_socket socket, const char *method,
             json_t **out);
/* The same, but the error is left to the caller, who drops it. */
int call_try(struct call *c, enum smime_socket socket, const char *method,
             json_t **out, struct smime_error *error);
/* A call without parameters on the mail socket, of whose reply *out gets a new
 * reference to NAME; to all of it when that is NULL. */
int call_get(const char *method, const char *name, json_t **out);
/* On a connection that is kept for several calls. */
int call_on(struct smime_client *client, struct call *c, const char *method,
            json_t **out);
int call_connect(enum smime_socket socket, struct smime_client **out);

/* Says it in two lines on stderr; gives the exit code. */
int error_say(const struct smime_error *error);
/* The command's own errors in the same form. */
int failure_say(int exit_code, const char *next, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- modules.c ----------------------------------------------------------- */

/* True when something is wrong with this entry of Keys.Modules: a sentence in
 * WHAT, and what to do next. */
bool module_problem(json_t *module, char *what, size_t size,
                    const char **out_next);

/* Says on stderr which modules hide their tokens now. */
void modules_warn(void);

/* ---- login_text.c ----------------------------------------------------------
 */

/* Adds NOTE to what may be there, with a comma. */
void note_add(struct buf *out, const char *note);

/* Until when TOKEN (of Keys.Tokens, or a login of Agent.Status) stays unlocked,
 * and how long its PIN is kept; nothing where there is nothing to say. */
void login_add_times(json_t *token, struct buf *out);
/* What --token takes for TOKEN, one of TOKENS (or NULL), as a shell takes it
 * for one word: its label, its serial number where the label is foreign text
 * that might be taken for more, or another's too; "LABEL" when neither is. */
void token_word_add(struct buf *out, json_t *token, json_t *tokens);
/* More than one of TOKENS is ready for use, so that one has to be named. */
bool tokens_are_several(json_t *tokens);

/* "unlocked", and until when. */
void login_text(json_t *login, struct buf *out);

/* ---- stored.c ------------------------------------------------------------ */

/* The reply of Keys.Import or Keys.Install: DONE ("Imported") to each of LIST,
 * with its warnings; as JSON where that is asked for. Gives the exit code. */
int stored_say(const struct arguments *a, json_t *reply, const char *list,
               const char *done);

/* ---- call_asking.c
 * ----------------------------------------------------------- */

/* Fills a call from the command line: EXIT_DONE, or said and the exit code.
 * It may be needed twice: descriptors are opened anew. */
typedef int call_maker(struct call *c, const struct arguments *a);

/* Calls on the manage socket; where the agent had no way to ask for the
 * token's PIN, asks at the terminal, unlocks, and calls once more. */
int call_unlocking(const struct arguments *a, const char *method,
                   call_maker *make, json_t **out);

/* A secret that a call needs; rows end with NULL. */
struct wanted_secret {
    const char *option;    /* the descriptor's option, "pin-fd" */
    const char *parameter; /* of the method */
    const char *prompt;
    bool is_new; /* typed twice */
};

/* The same with secrets of the call's own: from descriptors, else asked for
 * by the agent, else at the terminal. */
int call_with_secrets(const struct arguments *a, const char *method,
                      call_maker *make, const struct wanted_secret *secrets,
                      json_t **out);

/* ---- encrypted_mail.c ---------------------------------------------------- */

/* Remembers the mail of this report when it came encrypted. Fails without a
 * word: it is a convenience. */
void encrypted_mail_note(json_t *report);
/* Is one of these ("<a@b> <c@d>") such a mail? */
bool encrypted_mail_is_known(const char *ids);

/* ---- parts of commands -------------------------------------------------- */

extern const struct command contacts_list, contacts_search, contacts_show,
    contacts_remove, contacts_import, contacts_add, contacts_export,
    contacts_pin, contacts_unpin, contacts_block, contacts_unblock,
    contacts_undo, contacts_history, contacts_backup, contacts_restore,
    contacts_publish;

int keys_remove_run(const struct arguments *a);
int keys_export_run(const struct arguments *a);
int tokens_init_run(const struct arguments *a);

/* The path of PROGRAM in the folder of this one; false when that cannot be
 * told. */
bool sibling_path(const char *program, char *out, size_t size);

/* Remembers whether stdin and stdout were open, then fills the gaps. */
void standard_fds_check(void);

/* ---- show.c
 * ------------------------------------------------------------------- */

/* Foreign text: nothing in it moves the cursor or turns the direction. */
void show_text(FILE *to, const char *text);
/* The reply as it came, on TO. */
int show_json(FILE *to, json_t *reply);
/* PEM that the agent made itself, on stdout; what is no PEM is a fault. */
int pem_say(const char *pem);
/* Member NAME of an object as text; "" when it is absent or no text. */
const char *text_of(json_t *object, const char *name);
int64_t number_of(json_t *object, const char *name);
bool flag_of(json_t *object, const char *name);

#define TIME_TEXT_BYTES 40
/* "2026-01-02 10:00 UTC", "2026-01-02"; "" for 0. */
const char *time_text(int64_t seconds, char out[TIME_TEXT_BYTES]);
const char *date_text(int64_t seconds, char out[TIME_TEXT_BYTES]);

/* The person or organisation of a distinguished name: its CN, else its O,
 * else all of it. OUT is escaped and terminated. */
void name_text(const char *distinguished_name, char *out, size_t size);

/* "elena@example.org, e.example@example.org" from an array of texts. */
void texts_join(json_t *texts, char *out, size_t size);

/* ---- table.c ------------------------------------------------------------ */

/* Lines in columns. On a terminal that is too narrow the first column gives
 * way, and those of the set gives_way. Cells are foreign text. Printed in
 * parts (table_clear in between), the columns stay where they are as far as
 * they can. */
#define TABLE_COLUMNS 6
struct table {
    char *(*row)[TABLE_COLUMNS];
    const char **paint;
    size_t count;
    size_t widest[TABLE_COLUMNS];
    unsigned gives_way; /* 1 << column */
    int spare[3]; /* left out, in this order, where it is still too wide; 0: no
                     more */
    int painted;  /* the column that has a colour on a terminal */
};
void table_add(struct table *t, const char *const cells[TABLE_COLUMNS]);
/* The colour of the row that was added last: SGR parameters, not copied. */
void table_paint(struct table *t, const char *colour);
void table_print(struct table *t);
void table_clear(struct table *t);
void table_drop(struct table *t);

/* Columns of the terminal that stdout is; 0: it is none. */
size_t terminal_width(void);

/* Flushes stdout: 0, or EXIT_OUTPUT and said. */
int output_finish(int exit_code);

/* ---- report.c
 * ------------------------------------------------------------------ */

/* The sentence of a reason's word. */
const char *reason_sentence(const char *word);
/* Says a Report in words. */
void report_say(FILE *to, json_t *report);
/* "Elena Example <elena@example.org>", by the signer's certificate. */
void report_say_holder(FILE *to, json_t *signer);
/* What stands for each header field, where the sender protects them. */
void report_say_header(FILE *to, json_t *report);

/* ---- report_layers.c
 * ------------------------------------------------------------------ */

/* Is it a part's or an attached message's, not around the message? One of a
 * newer or older agent may not say. */
bool report_is_aside(json_t *layer);

/* Where only the name beside the author's address deceives the signer is known
 * all the same: a gateway that writes for somebody, or who pretends to be
 * one. */
void report_say_not_the_name(FILE *to, json_t *report);
/* Is it encrypted and was not opened? */
bool report_is_closed(json_t *layer);
/* A line for each that is around the message, where there are several. */
void report_say_layers(FILE *to, json_t *report);
/* One line for each encrypted layer. */
void report_say_encryption(FILE *to, json_t *report);

/* The `warnings` of a reply, on stderr. */
void warnings_say(json_t *reply);

/* ---- ask.c
 * --------------------------------------------------------------------- */

/* True when there is a terminal to ask at. */
bool can_ask(void);
/* Asks at the terminal without echo. Gives, or NULL when there was no answer
 * (the person may have pressed Ctrl-C: then the signal comes first). */
struct secret *ask_secret(const char *prompt);
/* Asks at the terminal; only a word that begins with y is a yes. */
bool ask_yes(const char *question);
/* Gives the read end of a pipe that holds the secret's line, or -1. */
int secret_pipe(const struct secret *answer);

#endif
