/*
 * A prompt of this process: who wants what, with which key, on which token.
 * One at a time in the whole process.
 */
#ifndef AGENT_KEYHOLDER_PROMPT_H
#define AGENT_KEYHOLDER_PROMPT_H

#include "agent/keyholder/keyfacts.h"
#include "agent/keyholder/keyholder.h"
#include "agent/keyholder/pinentry.h"

/* What a prompt is about. */
struct purpose {
    struct token *token;
    const char *operation; /* "sign a message", "import a file", ... */
    const char *prompt;    /* what is typed, "New PIN:"; NULL: "PIN:" */
    const char *label;     /* that the token will have; NULL: it has its own */
    bool is_puk;           /* it is the PUK that is typed */
    char key[LIMIT_LABEL_BYTES + 1]; /* label of the key or file; "" */
    const struct key_facts *facts;   /* of the key; NULL: not about one */
    bool chooses;   /* a new PIN: its length is told, no tries */
    bool lasts;     /* the answer holds as [consent] says */
    bool each_time; /* the key wants it, not the token */
    bool is_sure;   /* of the last try */
};

struct prompt {
    struct client *client;
    struct pinentry *pinentry;
    bool held;
};

/* Waits for the process's turn to ask about TOKEN (NULL: about none);
 * ERR_CANCELLED when the client goes away or the token is locked meanwhile.
 * prompt_drop gives the turn back. */
MUST_USE enum err prompt_begin(struct prompt *prompt, struct client *c,
                               struct token *token, struct problem *p);

/* The same for a request that asks nobody: it takes no turn, and only
 * prompt_was_locked is for it. */
void prompt_watch(struct prompt *prompt, struct client *c, struct token *token);

/* The token is being locked: prompts about it (NULL: about any) end, and so do
 * those that wait for their turn. */
void prompt_lock(struct keyholder *k, struct token *token);

/* True, and a problem, when that happened since prompt_begin: an answer that
 * came first must not unlock what was locked after it. */
bool prompt_was_locked(const struct prompt *prompt, struct problem *p);

/* Asks for a yes when the token says that a wrong PIN (or PUK, as WHY says)
 * will block it; else ERR_OK. prompt_pin does it first; where the PIN is typed
 * at the token's own reader, which does not say it, it is to be called. */
MUST_USE enum err prompt_last_try(struct prompt *prompt,
                                  const struct purpose *why,
                                  const struct token_info *info,
                                  struct problem *p);

/* Asks for the token's PIN (or what WHY says); starts pinentry when that was
 * not done yet. ERROR is shown, or NULL. LAST: the token says that a wrong PIN
 * will block it, so a yes is asked for first. */
MUST_USE enum err prompt_pin(struct prompt *prompt, const struct purpose *why,
                             const struct token_info *info, const char *error,
                             struct secret **out, struct problem *p);

/* Asks for a yes to what WHY says. Errors: ERR_CANCELLED (no, or nobody
 * answered), ERR_NO_PROMPT (nobody can be asked). */
MUST_USE enum err prompt_confirm(struct prompt *prompt,
                                 const struct purpose *why, struct problem *p);

/* True when the last question ended because the client went away or the token
 * was locked. */
bool prompt_is_left(const struct prompt *prompt);

void prompt_drop(struct prompt *prompt);

/* Asks for the password of a key file, in a turn of its own: never call it
 * between prompt_begin and prompt_drop. FILE is its name, or empty. ERROR is
 * shown, or NULL. Errors: ERR_CANCELLED; ERR_P12_PASSWORD when nobody can be
 * asked (detail says why). */
MUST_USE enum err prompt_password(struct client *c, struct slice file,
                                  const char *error, struct secret **out,
                                  struct problem *p);

/* Asks for any other password, as DESCRIPTION says. Errors: ERR_CANCELLED;
 * ERR_PASSWORD_WANTED when nobody can be asked. */
MUST_USE enum err prompt_secret(struct client *c, const char *description,
                                const char *error, struct secret **out,
                                struct problem *p);

#endif
