/*
 * What stands above the first part of a multipart (RFC 2046 5.1.1). Readers
 * that know MIME show nothing of it, others all, and some have shown it
 * without saying that no signature covers it: to those who collect attacks
 * text there is unsigned text beside a signed part, and so it is here. Only
 * what mail programs write there for readers without MIME is nothing: a
 * sentence that describes the message.
 *
 * Its wording is each program's and each translator's own, so not sentences
 * are compared but words: of the few that such descriptions are made of
 * nothing can be said that deceives anybody. The long ones, which need more
 * words than that, are compared whole.
 *
 * Behind the last part nothing is usual. What is found there is a mailing
 * list's footer or somebody's text, both unsigned; only white space, which
 * transports append, is nothing (multipart_surroundings).
 */
#include "agent/base/limits.h"
#include "agent/mime/letters.h"
#include "agent/mime/multipart.h"

/* Exchange and Entourage, Pine, GroupWise, Courier, Zend. */
static const char *const long_ones[] = {
    "this message is in mime format. since your mail reader does not "
    "understand this format, some or all of this message may not be legible",
    "> this message is in mime format. since your mail reader does not "
    "understand this format, some or all of this message may not be legible",
    "this message is in mime format. the first part should be readable text, "
    "while the remaining parts are likely unreadable without mime-aware tools",
    "this is a mime message. if you are reading this text, you may want to "
    "consider changing to a mail reader or gateway that understands how to "
    "properly handle mime multipart messages",
    "this is a mime-formatted message. if you see this text it means that "
    "your e-mail software does not support mime-formatted messages",
    "this is a message in mime format. if you see this, your mail reader does "
    "not support this format",
};

/* As simplify() leaves them, UTF-8; a language each. */
static const char *const words[] = {
    /* English */
    "this is a an the message mail e-mail email in mime s/mime format "
    "formatted mime-formatted mime-encapsulated encapsulated encoded "
    "mime-encoded s/mime-signed s/mime-formatted multi-part multi "
    "multipart multipart/signed parts part multiple of "
    "cryptographically digitally signed with signature has been and",
    /* German */
    "dies diese das ist eine nachricht im mime-format s/mime-format "
    "kryptografisch kryptographisch digital unterzeichnete "
    "unterschriebene signierte mehrteilige mime-nachricht mit signatur "
    "s/mime-signatur mehreren teilen",
    /* French */
    "ceci il s'agit d'un est un au sign\u00e9 cryptographiquement "
    "num\u00e9riquement \u00e0 en plusieurs parties multi-parties avec",
    /* Spanish */
    "este esto es mensaje firmado criptogr\u00e1ficamente digitalmente "
    "formato multiparte varias partes con firma",
    /* Italian */
    "questo \u00e8 messaggio firmato crittograficamente composto da "
    "pi\u00f9 parti",
    /* Portuguese */
    "esta \u00e9 uma mensagem assinada criptograficamente no com "
    "assinatura v\u00e1rias",
    /* Dutch */
    "dit een cryptografisch digitaal ondertekend bericht mime-indeling "
    "mime-formaat formaat met handtekening meerdelig uit meerdere "
    "delen",
    /* Swedish, Danish, Norwegian, Finnish */
    "detta dette \u00e4r er ett et kryptografiskt kryptografisk "
    "signerat signeret signert meddelande meddelelse melding i "
    "t\u00e4m\u00e4 on kryptografisesti allekirjoitettu viesti "
    "mime-muodossa",
    /* Polish, Czech, Hungarian */
    "to jest wiadomo\u015b\u0107 podpisana kryptograficznie cyfrowo w "
    "formacie toto je kryptograficky digit\u00e1ln\u011b "
    "podepsan\u00e1 zpr\u00e1va ve form\u00e1tu ez egy "
    "kriptogr\u00e1fiailag digit\u00e1lisan al\u00e1\u00edrt "
    "\u00fczenet mime-form\u00e1tumban form\u00e1tumban "
    "mime-form\u00e1tum\u00fa",
    /* Ukrainian, Bulgarian */
    "\u0426\u0435 "
    "\u043a\u0440\u0438\u043f\u0442\u043e\u0433\u0440\u0430\u0444\u0456"
    "\u0447\u043d\u043e "
    "\u043f\u0456\u0434\u043f\u0438\u0441\u0430\u043d\u0435 "
    "\u043f\u043e\u0432\u0456\u0434\u043e\u043c\u043b\u0435\u043d\u043d"
    "\u044f \u0443 \u0444\u043e\u0440\u043c\u0430\u0442\u0456 "
    "\u0422\u043e\u0432\u0430 \u0435 "
    "\u043a\u0440\u0438\u043f\u0442\u043e\u0433\u0440\u0430\u0444\u0441"
    "\u043a\u0438 \u043f\u043e\u0434\u043f\u0438\u0441\u0430\u043d\u043e "
    "\u0441\u044a\u043e\u0431\u0449\u0435\u043d\u0438\u0435 "
    "\u0432\u044a\u0432 \u0444\u043e\u0440\u043c\u0430\u0442",
    /* Turkish */
    "bu bir bi\u00e7iminde bi\u00e7imli kriptografik kriptolu olarak "
    "imzalanm\u0131\u015f imzal\u0131 iletidir ileti mesajd\u0131r",
    /* Slovak, Slovene, Croatian */
    "podp\u00edsan\u00e1 spr\u00e1va vo form\u00e1te je kriptografsko "
    "podpisano sporo\u010dilo v obliki zapisu ovo potpisana poruka u "
    "formatu",
    /* Romanian, Catalan */
    "acesta este un mesaj semnat criptografic \u00een format aquest "
    "\u00e9s missatge signat criptogr\u00e0ficament",
    /* Greek */
    "\u0391\u03c5\u03c4\u03cc \u03b5\u03af\u03bd\u03b1\u03b9 "
    "\u03ad\u03bd\u03b1 "
    "\u03ba\u03c1\u03c5\u03c0\u03c4\u03bf\u03b3\u03c1\u03b1\u03c6\u03b9"
    "\u03ba\u03ac "
    "\u03c5\u03c0\u03bf\u03b3\u03b5\u03b3\u03c1\u03b1\u03bc\u03bc\u03ad"
    "\u03bd\u03bf \u03bc\u03ae\u03bd\u03c5\u03bc\u03b1 \u03c3\u03b5 "
    "\u03bc\u03bf\u03c1\u03c6\u03ae \u03bc\u03bf\u03c1\u03c6\u03ae\u03c2",
    /* Estonian, Lithuanian */
    "see on kr\u00fcptograafiliselt allkirjastatud kiri vormingus tai "
    "kriptografi\u0161kai pasira\u0161ytas lai\u0161kas formatu",
    /* Russian, Japanese */
    "\u042d\u0442\u043e \u044d\u0442\u043e "
    "\u043a\u0440\u0438\u043f\u0442\u043e\u0433\u0440\u0430\u0444\u0438\u0447"
    "\u0435\u0441\u043a\u0438 "
    "\u043f\u043e\u0434\u043f\u0438\u0441\u0430\u043d\u043d\u043e\u0435 "
    "\u0441\u043e\u043e\u0431\u0449\u0435\u043d\u0438\u0435 \u0432 "
    "\u0444\u043e\u0440\u043c\u0430\u0442\u0435 "
    "\u3053\u308c\u306f\u6697\u53f7\u7f72\u540d\u3055\u308c\u305f "
    "\u5f62\u5f0f\u306e\u30e1\u30c3\u30bb\u30fc\u30b8\u3067\u3059\u3002",
    /* As mail programs are translated: "a multipart message in MIME format" */
    "ce c'est en de format em det h\u00e4r flerdelat flerdelt der "
    "best\u00e5r af flere dele",
    "wielocz\u0119\u015bciowa "
    "v\u00edced\u00edln\u00e1 s n\u011bkolika v\u00edce "
    "\u010d\u00e1stmi t\u00f6bbr\u00e9szes moniosainen mime-muotoinen",
    "\u043c\u043d\u043e\u0433\u043e\u043a\u043e\u043c\u043f\u043e"
    "\u043d\u0435\u043d\u0442\u043d\u043e\u0435 "
    "\u0441\u043e\u0441\u0442\u043e\u044f\u0449\u0435\u0435 "
    "\u0438\u0437 "
    "\u043d\u0435\u0441\u043a\u043e\u043b\u044c\u043a\u0438\u0445"
    " \u0447\u0430\u0441\u0442\u0435\u0439 \u00e7ok par\u00e7al\u0131",
    "\u3053\u308c\u306f "
    "\u5f62\u5f0f\u306e\u30de\u30eb\u30c1\u30d1\u30fc\u30c8 "
    "\u30e1\u30c3\u30bb\u30fc\u30b8\u3067\u3059\u3002 "
    "\u8fd9\u662f\u4e00\u5c01 "
    "\u683c\u5f0f\u7684\u591a\u90e8\u5206\u90ae\u4ef6\u3002",
};

/* One blank for each run of white, lower case, no full stops at the end (but
 * nothing else than full stops is not nothing). */
static void
simplify(struct slice text, struct buf *out)
{
    bool gap = false;

    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];

        if (is_white(c)) {
            gap = out->len > 0;
            continue;
        }
        if (gap)
            buf_add_byte(out, ' ');
        buf_add_byte(out, to_lower(c));
        gap = false;
    }
    while (out->len > 1 && out->data[out->len - 1] == '.')
        out->len--;
}

static bool
is_punctuation(uint8_t c)
{
    return c == '.' || c == ',' || c == ';' || c == ':' || c == '!';
}

static bool
lists_word(const char *list, struct slice word)
{
    while (*list) {
        size_t n = strcspn(list, " ");

        if (slice_equal(slice_of((const uint8_t *)list, n), word))
            return true;
        list += list[n] ? n + 1 : n;
    }
    return false;
}

static bool
is_known_word(struct slice word)
{
    while (word.n > 1 && is_punctuation(word.p[word.n - 1]))
        word.n--;
    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (lists_word(words[i], word))
            return true;
    return false;
}

/* Of known words alone, and one of them names MIME. */
static bool
is_description(struct slice simple)
{
    bool mime = memmem(simple.p, simple.n, "mime", 4) != NULL;

    while (mime && simple.n > 0) {
        const uint8_t *end = memchr(simple.p, ' ', simple.n);
        size_t n = end ? (size_t)(end - simple.p) : simple.n;

        if (!is_known_word(slice_of(simple.p, n)))
            return false;
        n += end ? 1 : 0;
        simple = slice_of(simple.p + n, simple.n - n);
    }
    return mime;
}

bool
preamble_is_usual(struct slice text)
{
    AUTO(buf) struct buf simple = {0};
    AUTO(buf) struct buf decoded = {0};

    if (text.n > LIMIT_PREAMBLE_BYTES)
        return false;
    /* It has no charset of its own; what is not UTF-8 is older than that. */
    if (!is_utf8(text) &&
        charset_decode(slice_text("iso-8859-1"), text, &decoded))
        text = buf_slice(&decoded);
    simplify(text, &simple);
    if (simple.len == 0)
        return true;
    for (size_t i = 0; i < ARRAY_COUNT(long_ones); i++)
        if (slice_is(buf_slice(&simple), long_ones[i]))
            return true;
    return is_description(buf_slice(&simple));
}
