/* The policy, the recipients' own rules and the message's X-Smime field,
 * brought together. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/base/log.h"
#include "client/cli/cli.h"
#include "client/mail/sendmail.h"

/* ---- the field ----------------------------------------------------------- */

/* What X-Smime says; both may not be. */
struct field_words {
    bool sign, encrypt;
    bool no_sign, no_encrypt;
};

static bool
word_take(struct field_words *w, const char *word, size_t n)
{
    struct slice s = slice_of(word, n);
    bool plain = slice_is_nocase(s, "plain");

    w->sign |= slice_is_nocase(s, "sign");
    w->encrypt |= slice_is_nocase(s, "encrypt");
    w->no_sign |= plain || slice_is_nocase(s, "no-sign");
    w->no_encrypt |= plain || slice_is_nocase(s, "no-encrypt");
    return plain || slice_is_nocase(s, "sign") ||
           slice_is_nocase(s, "encrypt") || slice_is_nocase(s, "no-sign") ||
           slice_is_nocase(s, "no-encrypt");
}

static int
words_read(const struct header_field *f, struct field_words *out)
{
    AUTO(buf) struct buf text = {0};
    const char *at;

    header_unfold(f->value, &text);
    for (at = buf_text(&text); *at;) {
        size_t n = strcspn(at, " ,;\t");

        if (n > 0 && !word_take(out, at, n)) {
            char shown[96];

            text_escape(slice_of(at, n), shown, sizeof(shown));
            return failure_say(EX_DATAERR,
                               "it takes sign, encrypt, no-sign, no-encrypt "
                               "and plain",
                               "not sent: the field X-Smime says %s", shown);
        }
        at += n;
        at += strspn(at, " ,;\t");
    }
    return EX_OK;
}

static int
field_read(const struct header *h, struct field_words *out)
{
    const struct header_field *f;
    int e = EX_OK;

    *out = (struct field_words){.sign = false};
    for (size_t i = 0; e == EX_OK && (f = header_find(h, "X-Smime", i)); i++)
        e = words_read(f, out);
    if (e == EX_OK &&
        ((out->sign && out->no_sign) || (out->encrypt && out->no_encrypt)))
        e = failure_say(EX_DATAERR, "take one of them away",
                        "not sent: the field X-Smime says a word and its "
                        "contrary");
    return e;
}

/* A wish that the field takes back: an "always" of the configuration stays,
 * and then nothing is sent at all, for the person believes otherwise. */
static int
loosen(enum wish *wish, const char *what, enum field_right right)
{
    if (*wish == WISH_ALWAYS && right != FIELD_ANY)
        return failure_say(EX_NOPERM,
                           "take the word out of X-Smime, or allow it with "
                           "field = any in [sendmail] of agent.conf",
                           "not sent: the policy is to %s always, and the "
                           "field X-Smime says not to",
                           what);
    *wish = WISH_NEVER;
    return EX_OK;
}

static int
field_apply(const struct header *h, struct wishes *w)
{
    struct field_words words;
    int e = EX_OK;

    if (w->field == FIELD_IGNORE)
        return EX_OK;
    e = field_read(h, &words);
    if (e == EX_OK && words.no_sign)
        e = loosen(&w->sign, "sign", w->field);
    if (e == EX_OK && words.no_encrypt)
        e = loosen(&w->encrypt, "encrypt", w->field);
    if (words.sign)
        w->sign = WISH_ALWAYS;
    if (words.encrypt)
        w->encrypt = WISH_ALWAYS;
    return e;
}

/* ---- all ----------------------------------------------------------------- */

/* Does it answer a mail that came encrypted? */
static bool
answers_encrypted(const struct header *h)
{
    static const char *const names[] = {"In-Reply-To", "References"};
    const struct header_field *f;

    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        for (size_t k = 0; (f = header_find(h, names[i], k)) != NULL; k++) {
            AUTO(buf) struct buf text = {0};

            header_unfold(f->value, &text);
            if (encrypted_mail_is_known(buf_text(&text)))
                return true;
        }
    return false;
}

/* "reply" is an "always" or a "never" for this message. */
static enum wish
reply_resolve(enum wish wish, const struct header *h)
{
    if (wish != WISH_REPLY)
        return wish;
    return answers_encrypted(h) ? WISH_ALWAYS : WISH_NEVER;
}

/* The first of LIST sets the wishes, the others make them stricter. */
static void
recipients_apply(const struct policy *policy, const struct wishes *base,
                 const struct address_list *list, const struct header *h,
                 struct wishes *out, bool *first)
{
    for (size_t i = 0; i < list->count; i++) {
        enum wish sign, encrypt;

        policy_recipient(policy, base, list->item[i], &sign, &encrypt);
        encrypt = reply_resolve(encrypt, h);
        out->sign = *first || sign > out->sign ? sign : out->sign;
        out->encrypt =
            *first || encrypt > out->encrypt ? encrypt : out->encrypt;
        *first = false;
    }
}

int
wishes_decide(const struct policy *policy, const struct letter *l,
              const struct people *people, struct wishes *out)
{
    const struct wishes base = policy_find(policy, people->sender);
    struct wishes w = base;
    bool first = true;
    int e;

    recipients_apply(policy, &base, &people->visible, &l->header, &w, &first);
    recipients_apply(policy, &base, &people->hidden, &l->header, &w, &first);
    e = field_apply(&l->header, &w);
    if (e != EX_OK)
        return e;
    *out = w;
    return EX_OK;
}
