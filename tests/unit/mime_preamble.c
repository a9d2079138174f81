/*
 * What stands above the parts of a signed mail: the sentences of honest mail
 * programs are nothing, everything else is text that nobody signed.
 */
#include "agent/base/limits.h"
#include "agent/mime/multipart.h"
#include "tests/unit/mime_streams.h"

static bool
is_usual(const char *text)
{
    return preamble_is_usual(slice_text(text));
}

static void
what_mail_programs_write_is_usual(void **state)
{
    static const char *const usual[] = {
        "", "\r\n \t\n",
        /* OpenSSL, and what calls it */
        "This is an S/MIME signed message\n\n",
        /* our own */
        "This is a message with an S/MIME signature.",
        /* Thunderbird, SeaMonkey, Horde */
        "This is a cryptographically signed message in MIME format.\r\n\r\n",
        /* Outlook, CDO, KMail, Sylpheed, Claws, SOGo, PHPMailer */
        "This is a multi-part  message in\r\nMIME format.\n",
        /* Notes */
        "This is a multipart message in MIME format.\r\n",
        /* MIME-tools */
        "This is a multi-part message in MIME format...\n\n",
        /* Horde, older mutt */
        "This message is in MIME format.\r\n",
        /* sendmail and Postfix, in what they make themselves */
        "This is a MIME-encapsulated message\n",
        "This is a MIME encapsulated message.\n",
        /* Zend */
        "This is a message in Mime Format.  If you see this, your mail reader "
        "does not support this format.\r\n",
        /* what scripts write */
        "This is a multi part message in MIME format.\r\n",
        "This is a MIME-encoded multipart message.\r\n",
        "This is an S/MIME-signed message.\r\n",
        /* Exchange, Entourage */
        "This message is in MIME format. Since your mail reader does not "
        "understand\nthis format, some or all of this message may not be "
        "legible.\n",
        "> This message is in MIME format. Since your mail reader does not "
        "understand\nthis format, some or all of this message may not be "
        "legible.\n",
        /* Pine */
        "  This message is in MIME format.  The first part should be readable "
        "text,\n  while the remaining parts are likely unreadable without "
        "MIME-aware tools.\n",
        /* GroupWise */
        "This is a MIME message. If you are reading this text, you may want "
        "to \nconsider changing to a mail reader or gateway that understands "
        "how to \nproperly handle MIME multipart messages.\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(usual); i++)
        if (!is_usual(usual[i]))
            fail_msg("not usual: %s", usual[i]);
}

static void
it_is_in_other_languages_too(void **state)
{
    static const char *const usual[] = {
        "Ce message est au format MIME.",
        "C'est un message de format MIME en plusieurs parties.",
        "To jest wielocz\u0119\u015bciowa wiadomo\u015b\u0107 w "
        "formacie MIME.",
        "Det h\u00e4r \u00e4r ett flerdelat meddelande i MIME-format.",
        "Toto je v\u00edced\u00edln\u00e1 zpr\u00e1va ve "
        "form\u00e1tu MIME.",
        "Esta \u00e9 uma mensagem de v\u00e1rias partes em formato "
        "MIME.",
        "Ez egy t\u00f6bbr\u00e9szes \u00fczenet MIME "
        "form\u00e1tumban.",
        "\u042d\u0442\u043e "
        "\u043c\u043d\u043e\u0433\u043e\u043a\u043e\u043c\u043f\u043e"
        "\u043d\u0435\u043d\u0442\u043d\u043e\u0435 "
        "\u0441\u043e\u043e\u0431\u0449\u0435\u043d\u0438\u0435 "
        "\u0432 \u0444\u043e\u0440\u043c\u0430\u0442\u0435 MIME.",
        "Bu, MIME bi\u00e7iminde \u00e7ok par\u00e7al\u0131 bir "
        "iletidir.",
        "\u3053\u308c\u306f MIME "
        "\u5f62\u5f0f\u306e\u30de\u30eb\u30c1\u30d1\u30fc\u30c8 "
        "\u30e1\u30c3\u30bb\u30fc\u30b8\u3067\u3059\u3002",
        "\u8fd9\u662f\u4e00\u5c01 MIME "
        "\u683c\u5f0f\u7684\u591a\u90e8\u5206\u90ae\u4ef6\u3002",
        "Dies ist eine kryptografisch unterzeichnete Nachricht im "
        "MIME-Format.\n",
        "Dies ist eine mehrteilige Nachricht im MIME-Format.\n",
        "Ceci est un message sign\u00e9 cryptographiquement au format MIME.",
        "Ceci est un message sign\xe9 cryptographiquement au format MIME.",
        "Este es un mensaje firmado criptogr\u00e1ficamente en formato MIME.",
        "Questo \u00e8 un messaggio firmato digitalmente in formato MIME.",
        "Dit is een cryptografisch ondertekend bericht in MIME-formaat.",
        "Detta \u00e4r ett kryptografiskt signerat meddelande i MIME-format.",
        "\u0426\u0435 "
        "\u043a\u0440\u0438\u043f\u0442\u043e\u0433\u0440\u0430\u0444"
        "\u0456\u0447\u043d\u043e "
        "\u043f\u0456\u0434\u043f\u0438\u0441\u0430\u043d\u0435 "
        "\u043f\u043e\u0432\u0456\u0434\u043e\u043c\u043b\u0435\u043d"
        "\u043d\u044f "
        "\u0443 "
        "\u0444\u043e\u0440\u043c\u0430\u0442\u0456 "
        "MIME.",
        "Bu, "
        "MIME "
        "bi\u00e7iminde "
        "kriptografik "
        "olarak "
        "imzalanm\u0131\u015f "
        "bir "
        "iletidir.",
        "Toto "
        "je "
        "kryptograficky "
        "podp\u00edsan\u00e1 "
        "spr\u00e1va "
        "vo "
        "form\u00e1te "
        "MIME.",
        "Acesta "
        "este "
        "un "
        "mesaj "
        "semnat "
        "criptografic "
        "\u00een "
        "format "
        "MIME.",
        "\u042d\u0442\u043e "
        "\u043a\u0440\u0438\u043f\u0442\u043e\u0433\u0440\u0430\u0444\u0438"
        "\u0447\u0435\u0441\u043a\u0438 "
        "\u043f\u043e\u0434\u043f\u0438\u0441\u0430\u043d\u043d\u043e\u0435 "
        "\u0441\u043e\u043e\u0431\u0449\u0435\u043d\u0438\u0435 \u0432 "
        "\u0444\u043e\u0440\u043c\u0430\u0442\u0435 MIME."};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(usual); i++)
        if (!is_usual(usual[i]))
            fail_msg("not usual: %s", usual[i]);
}

static void
anything_else_is_text(void **state)
{
    static const char *const other[] = {
        ".",
        " ...\n",
        "Pay me.",
        "MIME Pay me.",
        "This is an S/MIME signed message\nPay me.",
        "<p>This is an S/MIME signed message",
        "This is a signed message", /* of what else? */
        "This is an S/MIME signed message from Eve",
        "This is an S/MIME signed message: evil.example",
        "This is an S/MIME signed message, 1000 parts",
        ("This message is in MIME format. Since your mail reader does not "
         "understand this format, pay me."),
        "This is not an S/MIME signed message",
        "Ceci est un message sign\xe9 mime \xe9\xe9",
        "This is a MIME message \x1b[2J",
        "This is a MIME message \u202e",
        "This\xc2\xa0is an S/MIME signed message",
        "th\u0456s is an S/MIME signed message"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(other); i++)
        if (is_usual(other[i]))
            fail_msg("usual: %s", other[i]);
}

static void
what_is_longer_than_any_sentence_is_text(void **state)
{
    char longest[LIMIT_PREAMBLE_BYTES + 1];

    (void)state;
    memset(longest, ' ', sizeof(longest));
    memcpy(longest, "MIME", 4);
    assert_true(preamble_is_usual(slice_of(longest, sizeof(longest) - 1)));
    assert_false(preamble_is_usual(slice_of(longest, sizeof(longest))));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_mail_programs_write_is_usual),
        cmocka_unit_test(it_is_in_other_languages_too),
        cmocka_unit_test(anything_else_is_text),
        cmocka_unit_test(what_is_longer_than_any_sentence_is_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
