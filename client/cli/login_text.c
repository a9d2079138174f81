/* How long a token stays unlocked, in words. */
#include "agent/base/mem.h"
#include "client/cli/cli.h"

#define MINUTE 60
#define HOUR   (60 * MINUTE)

void
note_add(struct buf *out, const char *note)
{
    buf_addf(out, "%s%s", out->len > 0 ? ", " : "", note);
}

/* Down, so that nobody is promised more: "40 s", "14 min", "8 h". */
static void
add_time(struct buf *out, const char *what, const char *tail, int64_t seconds)
{
    bool in_hours = seconds >= 2 * HOUR;
    bool in_minutes = !in_hours && seconds >= 2 * MINUTE;
    int64_t n = in_hours     ? seconds / HOUR
                : in_minutes ? seconds / MINUTE
                             : seconds;

    if (seconds > 0)
        buf_addf(out, "%s%s %lld %s%s", out->len > 0 ? ", " : "", what,
                 (long long)n,
                 in_hours     ? "h"
                 : in_minutes ? "min"
                              : "s",
                 tail);
}

void
login_add_times(json_t *token, struct buf *out)
{
    add_time(out, "locks after", " without use",
             number_of(token, "locks_in_seconds"));
    add_time(out, "PIN kept for", "", number_of(token, "pin_kept_seconds"));
}

void
login_text(json_t *token, struct buf *out)
{
    buf_addf(out, "unlocked");
    login_add_times(token, out);
    if (number_of(token, "locks_in_seconds") == 0)
        note_add(out, "until smime lock or until it is taken out");
}

static bool
is_word(const char *text)
{
    bool is_safe = text[0] != '\0' && text[0] != '-' &&
                   strncasecmp(text, "pkcs11:", strlen("pkcs11:")) != 0;

    for (const char *p = text; *p; p++)
        is_safe = is_safe && *p >= ' ' && *p <= '~' && *p != '\'';
    return is_safe;
}

static bool
label_is_shared(json_t *token, json_t *tokens)
{
    json_t *other;
    size_t i;

    json_array_foreach(tokens, i, other)
    {
        if (other != token &&
            strcmp(text_of(other, "label"), text_of(token, "label")) == 0)
            return true;
    }
    return false;
}

void
token_word_add(struct buf *out, json_t *token, json_t *tokens)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789._-";
    const char *word = text_of(token, "label");

    if (!is_word(word) || label_is_shared(token, tokens))
        word = text_of(token, "serial");
    if (!is_word(word))
        buf_addf(out, "LABEL");
    else if (strspn(word, plain) == strlen(word))
        buf_addf(out, "%s", word);
    else
        buf_addf(out, "'%s'", word);
}

bool
tokens_are_several(json_t *tokens)
{
    size_t ready = 0;
    json_t *token;
    size_t i;

    json_array_foreach(tokens, i, token) ready +=
        strcmp(text_of(token, "state"), "empty") != 0;
    return ready > 1;
}
