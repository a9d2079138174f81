/*
 * The lines of the audit that a client gives rise to: who asked, for what, with
 * which key of whose.
 */
#include <stdio.h>
#include <string.h>

#include "agent/base/log.h"
#include "agent/keyholder/keyholder.h"
#include "agent/keyholder/token_problem.h"

static void
audit_key(struct client *c, const char *operation, struct token *token,
          const struct key_facts *facts, struct slice key, enum err result)
{
    AUTO(buf) struct buf addresses = {0};
    char name[TOKEN_LABEL_BYTES] = "";
    struct audit_line line = {.session = c->session,
                              .pid = c->pid,
                              .program = client_program(c),
                              .operation = operation,
                              .token = name,
                              .key = key,
                              .result = result};

    if (token)
        token_name(token, name);
    for (size_t i = 0; facts && i < facts->addresses; i++)
        buf_addf(&addresses, "%s%s", i > 0 ? "," : "", facts->address[i]);
    line.address = buf_text(&addresses);
    audit_write(&c->keyholder->audit, &line);
}

void
client_audit(struct client *c, const char *operation, struct token *token,
             struct slice key, enum err result)
{
    audit_key(c, operation, token, NULL, key, result);
}

/* A certificate takes longer to read than a token to sign: what was read for
 * the operation before holds while the token stays in. */
static const struct key_facts *
facts_of(struct client *c, struct token *token, struct slice key)
{
    struct audited_key *last = &c->audited_key;
    char id[2 * TOKEN_ID_BYTES + 1] = "";
    struct token_info info;

    if (key.n <= TOKEN_ID_BYTES)
        text_hex(key, id);
    token_get_info(token, &info);
    if (last->token != token || last->insertion != info.insertion ||
        strcmp(last->facts.id, id) != 0) {
        bool known = key_facts_load(token, key, &last->facts);

        last->token = known ? token : NULL;
        last->insertion = info.insertion;
    }
    return &last->facts;
}

/* The line names addresses: they are asked for unless the token has just shown
 * that it does not answer. */
void
client_audit_use(struct client *c, const char *operation, struct token *token,
                 const struct key_facts *known, struct slice key,
                 enum err result)
{
    bool silent = result == ERR_TOKEN_HUNG || result == ERR_TOKEN_BUSY ||
                  result == ERR_TOKEN_ABSENT || result == ERR_TOKEN_REMOVED ||
                  result == ERR_TOKEN_FAILED;

    if (token && !silent && known->addresses == 0)
        known = facts_of(c, token, key);
    audit_key(c, operation, token, known, key, result);
}

void
client_audit_no_key(struct client *c, struct slice wanted)
{
    AUTO(buf) struct buf text = {0};
    struct audit_line line = {.session = c->session,
                              .pid = c->pid,
                              .program = client_program(c),
                              .operation = "sign",
                              .result = ERR_NO_KEY};

    if (c->served.verb == VERB_ENCRYPT)
        line.operation = "encrypt";
    buf_add_slice(&text, wanted);
    line.address = buf_text(&text);
    audit_write(&c->keyholder->audit, &line);
}
