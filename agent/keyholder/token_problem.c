#include "agent/keyholder/token_problem.h"

#include <stdio.h>

#include "agent/base/log.h"

void
token_name(struct token *t, char out[TOKEN_LABEL_BYTES])
{
    struct token_info info;

    token_get_info(t, &info);
    snprintf(out, TOKEN_LABEL_BYTES, "%s",
             info.label[0] ? info.label : info.serial);
}

void
token_handle(struct token *t, char out[TOKEN_LABEL_BYTES])
{
    struct token_info info;

    token_get_info(t, &info);
    if (info.serial[0] && token_label_is_shared(t))
        snprintf(out, TOKEN_LABEL_BYTES, "%s", info.serial);
    else
        token_name(t, out);
}

bool
token_has_pin_limits(const struct token_info *info)
{
    return info->pin_min > 0 && info->pin_max < 256 &&
           info->pin_min <= info->pin_max;
}

static enum err
code_of(enum tokens_err e)
{
    switch (e) {
    case TOKENS_OK:
        return ERR_OK;
    case TOKENS_MEMORY:
    case TOKENS_FAILED:
    case TOKENS_DIFFERENT:
        return ERR_TOKEN_FAILED;
    case TOKENS_ARGUMENT:
        return ERR_USAGE;
    case TOKENS_BAD_URI:
    case TOKENS_ABSENT:
        return ERR_TOKEN_ABSENT;
    case TOKENS_AMBIGUOUS:
        return ERR_TOKEN_CHOICE;
    case TOKENS_REMOVED:
        return ERR_TOKEN_REMOVED;
    case TOKENS_LOCKED:
        return ERR_TOKEN_LOCKED;
    case TOKENS_PIN_EXPIRED:
        return ERR_PIN_EXPIRED;
    case TOKENS_PIN_WRONG:
        return ERR_PIN_WRONG;
    case TOKENS_PIN_BLOCKED:
        return ERR_PIN_BLOCKED;
    case TOKENS_PIN_INVALID:
        return ERR_PIN_INVALID;
    case TOKENS_CANCELLED:
        return ERR_CANCELLED;
    case TOKENS_BUSY:
        return ERR_TOKEN_BUSY;
    case TOKENS_UNINITIALIZED:
        return ERR_TOKEN_EMPTY;
    case TOKENS_READ_ONLY:
        return ERR_TOKEN_READ_ONLY;
    case TOKENS_FULL:
        return ERR_TOKEN_FULL;
    case TOKENS_NO_KEY:
        return ERR_NO_KEY;
    case TOKENS_CANNOT:
        return ERR_TOKEN_CANNOT;
    case TOKENS_MESSAGE:
        return ERR_BAD_MESSAGE;
    case TOKENS_INITIALIZED:
        return ERR_TOKEN_NOT_EMPTY;
    case TOKENS_PUK_WRONG:
        return ERR_PUK_WRONG;
    case TOKENS_PUK_BLOCKED:
        return ERR_PUK_BLOCKED;
    case TOKENS_AT_PAD:
        return ERR_PIN_AT_PAD;
    case TOKENS_HUNG:
        return ERR_TOKEN_HUNG;
    case TOKENS_BAD_SIGNATURE:
        return ERR_TOKEN_SIGNATURE;
    case TOKENS_NO_PIN:
        return ERR_TOKEN_NO_PIN;
    case TOKENS_ERR_COUNT:
        break;
    }
    bug("a token's error that is not in the table");
}

/* Which errors are worth what the module itself said. */
static bool
shows_detail(enum tokens_err e)
{
    return e == TOKENS_MEMORY || e == TOKENS_FAILED || e == TOKENS_DIFFERENT ||
           e == TOKENS_CANNOT || e == TOKENS_ARGUMENT || e == TOKENS_NO_PIN;
}

/* What a token cannot, in the words of whoever asked for it. */
static const char *
what_it_lacks(const char *call, bool certificate)
{
    static const struct {
        const char *call, *text;
    } table[] = {
        {"C_CreateObject", "it takes no such key from outside"},
        {"C_UnwrapKey", "it takes no such key from outside"},
        {"C_GenerateKeyPair", "it makes no such key"},
        {"C_DestroyObject", "it does not let this be removed"},
        {"C_Sign", "it makes no such signature with this key"},
        {"C_SignInit", "it makes no such signature with this key"},
        {"C_Decrypt", "it does not decrypt this with this key"},
        {"C_DecryptInit", "it does not decrypt this with this key"},
        {"C_DeriveKey", "it does not agree on keys with this key"},
    };

    if (certificate && strcmp(call, "C_CreateObject") == 0)
        return "it takes no such certificate";
    for (size_t i = 0; i < ARRAY_COUNT(table); i++)
        if (strcmp(table[i].call, call) == 0)
            return table[i].text;
    return NULL;
}

static bool
reads_objects(const char *call)
{
    return strncmp(call, "C_FindObjects", strlen("C_FindObjects")) == 0 ||
           strcmp(call, "C_GetAttributeValue") == 0;
}

/* In words first, then what the module said, for those who look it up. */
static void
add_detail(enum tokens_err e, bool certificate, struct problem *p)
{
    /* What is found out here is told by no call of the module. */
    bool found_out = e == TOKENS_DIFFERENT;
    unsigned long rv = found_out ? 0 : tokens_last_rv();
    const char *about = found_out ? "" : tokens_last_mechanism();
    const char *name = tokens_rv_name(rv);
    bool is_said = e == TOKENS_FAILED || e == TOKENS_NO_PIN;
    const char *text =
        e == TOKENS_CANNOT ? what_it_lacks(tokens_last_call(), certificate)
        : e == TOKENS_FAILED && !rv ? "its module gave no usable answer"
        : e == TOKENS_FAILED && reads_objects(tokens_last_call())
            ? "its keys cannot be read"
        : is_said ? NULL
                  : tokens_err_text(e);
    AUTO(buf) struct buf detail = {0};

    if (text)
        buf_addf(&detail, "%s%s%s", text, about[0] ? ", " : "", about);
    if (rv)
        buf_addf(&detail, "%s%s: ", text ? " (" : "", tokens_last_call());
    if (rv && name)
        buf_addf(&detail, "%s", name);
    else if (rv)
        buf_addf(&detail, "0x%lx", rv);
    if (rv && text)
        buf_addf(&detail, ")");
    (void)fail(p, code_of(e), "%s", buf_text(&detail));
}

enum err
token_hung_problem(const struct token_info *info, const struct token_hang *hang,
                   struct problem *p)
{
    char module[sizeof(info->module) * 2];

    text_escape(slice_text(info->module), module, sizeof(module));
    if (hang->at_pad)
        (void)fail(p, ERR_CANCELLED,
                   "nobody entered the PIN at the reader of "
                   "the token within %u s",
                   hang->ms / 1000);
    else
        (void)fail(p, ERR_TOKEN_HUNG, "its module %s is in %s for %u s", module,
                   hang->call[0] ? hang->call : "a call", hang->ms / 1000);
    problem_set_token(p, info->label[0] ? info->label : info->serial);
    return p->code;
}

static enum err
problem_of(enum tokens_err e, struct token *token, bool certificate,
           struct problem *p)
{
    struct token_hang hang;
    char name[TOKEN_LABEL_BYTES];
    struct token_info info;

    if (e == TOKENS_HUNG && token && token_get_hang(token, &hang)) {
        token_get_info(token, &info);
        return token_hung_problem(&info, &hang, p);
    }
    if (shows_detail(e))
        add_detail(e, certificate, p);
    else if (e == TOKENS_BAD_URI)
        (void)fail(p, code_of(e), "%s", tokens_err_text(e));
    else
        (void)fail(p, code_of(e), NULL);
    if (!token)
        return p->code;
    token_get_info(token, &info);
    if (e == TOKENS_PIN_INVALID && token_has_pin_limits(&info))
        (void)fail(p, code_of(e), "it has %lu to %lu characters", info.pin_min,
                   info.pin_max);
    token_handle(token, name);
    problem_set_token(p, name);
    if (e == TOKENS_NO_KEY) {
        (void)fail(p, ERR_NO_KEY, "the key is not on the token %s (any more)",
                   name);
        problem_set_token(p, name);
        problem_set_subject(p, "this request");
    }
    if (e == TOKENS_PIN_WRONG && token_load_info(token, &info) == TOKENS_OK)
        p->tries_left = info.tries_left;
    if (e == TOKENS_PUK_WRONG && token_load_info(token, &info) == TOKENS_OK)
        p->tries_left = info.puk_locked ? 0 : info.puk_final_try ? 1 : -1;
    return p->code;
}

enum err
token_problem(enum tokens_err e, struct token *token, struct problem *p)
{
    return problem_of(e, token, false, p);
}

enum err
token_certificate_problem(enum tokens_err e, struct token *token,
                          struct problem *p)
{
    return problem_of(e, token, true, p);
}
