"""Who a mail says it is from: RFC 5322, 5321, 6532, 2047, and the ID attacks
of "Johnny, you are fired" and of Mailsploit."""
from cms import attributes, canonical, signed_data, signer
from mails import BOUNDARY, TEXT, date, encoded, header, multipart_type
from pki import DAY, NOW


def field(value):
    return header("From: " + value + "\n")


HONEST = {
    "bare": "max@example.org",
    "angle": "<max@example.org>",
    "name": "Max Muster <max@example.org>",
    "quoted-name": '"Muster, Max" <max@example.org>',
    "own-address-as-name": '"max@example.org" <max@example.org>',
    "own-address-unquoted": "max@example.org <max@example.org>",
    "own-address-in-comment": "<max@example.org> (max@example.org)",
    "own-address-encoded": "=?utf-8?q?max=40example.org?= <max@example.org>",
    "comment": "max@example.org (Max Muster)",
    "other-case": "MAX@Example.ORG",
    "quoted-local": '"max"@example.org',
    "quoted-pair-local": '"m\\ax"@example.org',
    "folded": "Max\n <max@example.org>",
    "folded-tab": "Max Muster\n\t<max@example.org>",
    "initial": "Max Q. Muster <max@example.org>",
    "encoded-utf8": "=?utf-8?b?TcO8bGxlcg==?= <max@example.org>",
    "encoded-latin2": "=?iso-8859-2?q?Ma=BEx?= <max@example.org>",
    "encoded-iso-2022-jp": "=?ISO-2022-JP?B?GyRCOzNFRBsoQg==?= "
                           "<max@example.org>",
    "encoded-cp932": "=?cp932?B?jlKTYw==?= <max@example.org>",
    "encoded-macintosh": "=?macintosh?Q?M=9Fller?= <max@example.org>",
    "encoded-gbk": "=?gb2312?B?1cXI/Q==?= <max@example.org>",
    "encoded-two": "=?utf-8?q?Max?= =?utf-8?q?_Muster?= <max@example.org>",
    "at-work-brackets": '"Max @ [IP Work]" <max@example.org>',
    "at-work": '"Max @ Work" <max@example.org>',
    "at-company": '"Max @ Example Inc." <max@example.org>',
    "at-company-dots": '"Max @ Example Inc. Berlin" <max@example.org>',
    "at-own-company": '"Max @ Example.org" <max@example.org>',
    "at-own-company-dot": '"Max @ Example .org" <max@example.org>',
    "at-handle": '"Max (@max.example)" <max@example.org>',
    "at-behind-brackets": '"Max (Sales) @ Example Inc." <max@example.org>',
    "at-letters": '"Max @ A B C" <max@example.org>',
    "at-initials": '"Max @ E. Muster & Co." <max@example.org>',
    "bracketed-at": '"Max (at) Example Inc." <max@example.org>',
    "bracketed-at-alone": '"Max (AT)" <max@example.org>',
    "bracketed-at-other": '"Max [at work]" <max@example.org>',
    "blank-dot-blank": '"Max . Muster" <max@example.org>',
    "emoji": '"Max \U0001f469\u200d\U0001f4bb" <max@example.org>',
    "apostrophe": "O'Max <max@example.org>",
}

# name: (value, reason)
OTHER = {
    "other": ("eve@evil.example", "from-mismatch"),
    "boss": ("Boss <boss@example.org>", "from-mismatch"),
    "prefix": ("max@example.org.evil.example", "from-mismatch"),
    "suffix": ("climax@example.org", "from-mismatch"),
    "subdomain": ("max@mail.example.org", "from-mismatch"),
    "plus": ("max+x@example.org", "from-mismatch"),
    "kelvin": ("ma\u212a@example.org", "from-mismatch"),
    "cyrillic": ("m\u0430x@example.org", "from-mismatch"),
    "long-s": ("max@example.org\u017f", "from-mismatch"),
    "percent": ("max%example.org@evil.example", "from-mismatch"),
    "uucp": ("evil!max@example.org", "from-mismatch"),
    "two": ("max@example.org, eve@evil.example", "several-from"),
    "two-other-first": ("eve@evil.example, max@example.org", "several-from"),
    "two-same": ("max@example.org, Max <max@example.org>", "several-from"),
    "two-angle": ("<max@example.org> <eve@evil.example>", "malformed-from"),
    "semicolon": ("max@example.org; eve@evil.example", "malformed-from"),
    "no-comma": ("max@example.org eve@evil.example", "malformed-from"),
    "behind-angle": ("<max@example.org>eve@evil.example", "malformed-from"),
    "empty-list-items": (",max@example.org", "malformed-from"),
    "comma-behind": ("max@example.org,", "malformed-from"),
    "empty": ("", "malformed-from"),
    "empty-angle": ("<>", "malformed-from"),
    "words": ("Max", "malformed-from"),
    "no-domain": ("max@", "malformed-from"),
    "name-is-boss": ('"boss@example.org" <max@example.org>', "deceiving-name"),
    "name-is-boss-unquoted": ("boss@example.org <max@example.org>",
                              "deceiving-name"),
    "name-is-boss-angle": ('"<boss@example.org>" <max@example.org>',
                           "deceiving-name"),
    "name-and-boss": ('"Boss boss@example.org" <max@example.org>',
                      "deceiving-name"),
    "name-own-then-boss": ('"max@example.org boss@example.org" '
                           "<max@example.org>", "deceiving-name"),
    "name-own-spaced-then-boss": ('"max @ example.org boss@example.org" '
                                  "<max@example.org>", "deceiving-name"),
    "name-own-spaced-prefix": ('"max @ example.org .evil.example" '
                               "<max@example.org>", "deceiving-name"),
    "name-quoted-local": ('"\\"boss\\"@example.org" <max@example.org>',
                          "deceiving-name"),
    "name-quoted-local-spaced": ('"\\"the boss\\" @ example.org" '
                                 "<max@example.org>", "deceiving-name"),
    "name-half-quoted": ('"boss\\"@example.org" <max@example.org>',
                         "deceiving-name"),
    "name-apostrophes": ('"\'boss\'@example.org" <max@example.org>',
                         "deceiving-name"),
    "name-bracketed": ('"(boss)@example.org" <max@example.org>',
                       "deceiving-name"),
    "name-leader-dot": ('"boss @ example\u2024org" <max@example.org>',
                        "deceiving-name"),
    "name-small-dot": ('"boss @ example\ufe52org" <max@example.org>',
                       "deceiving-name"),
    "name-own-prefix": ('"max@example.org.evil.example" <max@example.org>',
                        "deceiving-name"),
    "name-literal": ('"boss@[192.0.2.1]" <max@example.org>',
                     "deceiving-name"),
    "name-literal-ipv6": ('"boss @ [IPv6:2001:db8::1]" <max@example.org>',
                          "deceiving-name"),
    "name-spaced-at": ('"boss @ example.org" <max@example.org>',
                       "deceiving-name"),
    "name-fullwidth-at": ('"boss\uff20example.org" <max@example.org>',
                          "deceiving-name"),
    "name-small-at": ('"boss\ufe6bexample.org" <max@example.org>',
                      "deceiving-name"),
    "name-circled-at": ('"boss\u24d0example.org" <max@example.org>',
                        "deceiving-name"),
    "name-zero-width-at": ('"boss\u200b@\u200bexample.org" <max@example.org>',
                           "deceiving-name"),
    "name-own-zero-width": ('"max\u200b@example.org" <max@example.org>',
                            "deceiving-name"),
    "name-letters-spaced": ('"b o s s @ e x a m p l e . o r g" '
                            "<max@example.org>", "deceiving-name"),
    "name-letters-spaced-wide": (
        '"b\u2003o\u2003s\u2003s\u2003@\u2003e\u2003x\u2003.\u2003d\u2003e" '
        "<max@example.org>", "deceiving-name"),
    "name-spaced-dot": ('"boss @example .org" <max@example.org>',
                        "deceiving-name"),
    "name-spaced-dots": ('"boss @ example . org" <max@example.org>',
                         "deceiving-name"),
    "name-blank-behind-dot": ('"boss @ example. org" <max@example.org>',
                              "deceiving-name"),
    "name-hidden-words": ('"boss \u2060 @ \u2060 example.org" '
                          "<max@example.org>", "deceiving-name"),
    "name-hidden-dot": ('"boss @ example \u200b. org" <max@example.org>',
                        "deceiving-name"),
    "name-hidden-inside": ('"b\u200bo\u200bs\u200bs@\u200bexample.org" '
                           "<max@example.org>", "deceiving-name"),
    "name-bracketed-at": ('"boss(at)example.org" <max@example.org>',
                          "deceiving-name"),
    "name-bracketed-at-spaced": ('"boss [At] example.org" <max@example.org>',
                                 "deceiving-name"),
    "name-bracketed-dot": ('"boss{at}example(dot)org" <max@example.org>',
                           "deceiving-name"),
    "name-bracketed-hidden": ('"boss(a\u200bt)example.org" '
                              "<max@example.org>", "deceiving-name"),
    "name-ideographic-dot": ('"boss @ example\u3002org" <max@example.org>',
                             "deceiving-name"),
    "name-encoded-boss": ("=?utf-8?q?boss=40example.org?= <max@example.org>",
                          "deceiving-name"),
    "name-encoded-boss-b": ("=?utf-8?b?Ym9zc0BleGFtcGxlLm9yZw==?= "
                            "<max@example.org>", "deceiving-name"),
    "name-encoded-quoted": ('"=?utf-8?q?boss=40example.org?=" '
                            "<max@example.org>", "deceiving-name"),
    "name-encoded-split": ("=?utf-8?q?boss?= =?utf-8?q?=40example.org?= "
                           "<max@example.org>", "deceiving-name"),
    "name-encoded-folded": ("=?utf-8?q?boss?=\n =?utf-8?q?=40example.org?=\n"
                            " <max@example.org>", "deceiving-name"),
    "name-encoded-language": ("=?utf-8*en?q?boss=40example.org?= "
                              "<max@example.org>", "deceiving-name"),
    "name-encoded-latin2": ("=?iso-8859-2?q?boss=40example.org?= "
                            "<max@example.org>", "deceiving-name"),
    "name-encoded-koi8": ("=?koi8-r?b?Ym9zc0BleGFtcGxlLm9yZw==?= "
                          "<max@example.org>", "deceiving-name"),
    "name-encoded-utf7": ("=?utf-7?q?boss+AEA-example.org?= "
                          "<max@example.org>", "deceiving-name"),
    "name-encoded-utf16": ("=?utf-16be?b?AGIAbwBzAHMAQABlAHgALgBvAHIAZw==?= "
                           "<max@example.org>", "deceiving-name"),
    "name-encoded-ebcdic": ("=?ibm037?b?gpaiontlp0uWmYc=?= "
                            "<max@example.org>", "deceiving-name"),
    "name-encoded-unknown": ("=?x-nobody?q?boss=40example.org?= "
                             "<max@example.org>", "deceiving-name"),
    "name-encoded-jp-at": ("=?ISO-2022-JP?B?GyRCI2IjbyNzI3MhdyNlI3ghJSNvI3Ij"
                           "ZxsoQg==?= <max@example.org>", "deceiving-name"),
    "name-encoded-no-word-break": ("x=?utf-8?q?boss=40example.org?= "
                                   "<max@example.org>", "deceiving-name"),
    "name-encoded-twice": ("=?utf-8?b?PT91dGYtOD9xP2Jvc3M9NDBleGFtcGxlLm9yZz89"
                           "?= <max@example.org>", "deceiving-name"),
    "name-control": ("=?utf-8?q?Max=07?= <max@example.org>", "deceiving-name"),
    "name-newline": ("=?utf-8?q?boss=0A=0A?= <max@example.org>",
                     "deceiving-name"),
    "name-nul": ("=?utf-8?q?boss=00?= <max@example.org>", "deceiving-name"),
    "name-bidi": ('"Max \u202egro.elpmaxe@ssob" <max@example.org>',
                  "deceiving-name"),
    "name-isolate": ('"Max \u2066boss\u2069" <max@example.org>',
                     "deceiving-name"),
    "name-rtl-mark-behind-hebrew": ('"\u05d0\u05dc\u05d9\u05e1 Max\u200f" '
                                    "<max@example.org>", "deceiving-name"),
    "name-rtl-mark": ('"Max\u200f" <max@example.org>', "deceiving-name"),
    "name-tag-letters": ('"Max \U000e0062" <max@example.org>',
                         "deceiving-name"),
    "name-entity-at": ('"boss&#64;example.org" <max@example.org>',
                       "deceiving-name"),
    "name-entity-zeros": ('"boss&#0064;example.org" <max@example.org>',
                          "deceiving-name"),
    "name-entity-hex-zeros": ('"boss&#X00040;example.org" <max@example.org>',
                              "deceiving-name"),
    "name-entity-open": ('"boss&#64 example.org" <max@example.org>',
                         "deceiving-name"),
    "name-entity-letter": ('"boss&#64;ex&#97;mple.org" <max@example.org>',
                           "deceiving-name"),
    "name-entity-fullwidth": ('"boss&#xff20;example.org" <max@example.org>',
                              "deceiving-name"),
    "name-entity-bidi": ('"Max &#8238;ssob" <max@example.org>',
                         "deceiving-name"),
    "name-quoted-pair": ('"boss\\@example.org" <max@example.org>',
                         "deceiving-name"),
    "name-overlong": ("=?utf-8?q?boss=C1=80example.org?= <max@example.org>",
                      "deceiving-name"),
    "name-overlong-three": ("=?utf-8?q?boss=E0=81=80example.org?= "
                            "<max@example.org>", "deceiving-name"),
    "name-overlong-four": ("=?utf-8?q?boss=F0=80=81=80example.org?= "
                           "<max@example.org>", "deceiving-name"),
    "name-overlong-split": ("=?utf-8?q?boss=C1?= =?UTF8?q?=80example.org?= "
                            "<max@example.org>", "deceiving-name"),
    "name-overlong-comment": ("max@example.org (=?utf-8?q?b=C1=80ex.org?=)",
                              "deceiving-name"),
    "name-encoded-utf16": ("=?utf-16?b?/v8AYgBvAHMAcwBAAGUAeAAuAG8AcgBn?= "
                           "<max@example.org>", "deceiving-name"),
    "name-encoded-utf32": ("=?utf-32be?b?AAAAYgAAAEAAAAB4?= "
                           "<max@example.org>", "deceiving-name"),
    "name-encoded-imap-utf7": ("=?x-imap4-modified-utf7?q?boss&AEA-ex.org?= "
                               "<max@example.org>", "deceiving-name"),
    "name-encoded-hz": ("=?hz-gb-2312?q?boss~{#@~}ex.org?= "
                        "<max@example.org>", "deceiving-name"),
    "name-encoded-no-charset": ("=??q?boss=40example.org?= <max@example.org>",
                                "deceiving-name"),
    "name-encoded-blank-inside": ("=?utf-8?q?the boss=40example.org?= "
                                  "<max@example.org>", "deceiving-name"),
    "name-encoded-folded-inside": ("=?utf-8?q?boss=40exam\n ple.org?= "
                                   "<max@example.org>", "deceiving-name"),
    "name-encoded-b-broken": ("=?utf-8?b?Ym9zc0Bl*eGFtcGxl?= "
                              "<max@example.org>", "deceiving-name"),
    "name-encoded-b-padded": ("=?utf-8?b?Ym9zcw==QGV4YW1wbGUub3Jn?= "
                              "<max@example.org>", "deceiving-name"),
    "comment-quoted-pair": ("max@example.org (boss\\@example.org)",
                            "deceiving-name"),
    "comment-encoded": ("max@example.org (=?utf-8?q?boss=40example.org?=)",
                        "deceiving-name"),
    "comment-nested-encoded": (
        "max@example.org (Max (=?utf-8?q?boss=40example.org?=))",
        "deceiving-name"),
    "comment-and-name": ("Boss (boss@example.org) <max@example.org>",
                         "deceiving-name"),
    "comment-is-boss": ("max@example.org (boss@example.org)",
                        "deceiving-name"),
    "comment-before": ("(boss@example.org) max@example.org",
                       "deceiving-name"),
    "comment-nested": ("max@example.org (Max (boss@example.org))",
                       "deceiving-name"),
    "comment-in-angle": ("<max@example.org (boss@example.org)>",
                         "deceiving-name"),
    "comment-in-address": ("max(boss@example.org)@example.org",
                           "malformed-from"),
    "comment-open": ("max@example.org (Max", "malformed-from"),
    "quote-open": ('"Max <max@example.org>', "malformed-from"),
    "encoded-local-nul": ("=?utf-8?b?Ym9zc0BleGFtcGxlLm9yZw==?="
                          "=?utf-8?q?=00?=@evil.example", "malformed-from"),
    "encoded-local": ("=?utf-8?q?boss=40example.org?=@evil.example",
                      "malformed-from"),
    "encoded-whole": ("=?utf-8?q?max=40example.org?=", "malformed-from"),
    "encoded-angle": ("=?utf-8?q?Max_=3Cmax=40example.org=3E?=",
                      "malformed-from"),
    "group": ("Staff: max@example.org;", "malformed-from"),
    "group-two": ("Staff: max@example.org, eve@evil.example;",
                  "several-from"),
    "group-open": ("Staff: max@example.org", "malformed-from"),
    "group-name-is-boss": ("boss@example.org: max@example.org;",
                           "malformed-from"),
    "group-empty": ("undisclosed:;", "malformed-from"),
    "route": ("<@evil.example:max@example.org>", "malformed-from"),
    "route-two": ("Max <@a.example,@b.example:max@example.org>",
                  "malformed-from"),
    "route-boss": ("<@boss.example.org:max@example.org>", "malformed-from"),
    "spaces-in-address": ("max @ example . org", "malformed-from"),
    "folded-address": ("max@\n example.org", "malformed-from"),
    "comment-in-domain": ("max@example.(evil)org", "malformed-from"),
    "dots": ("max..muster@example.org", "malformed-from"),
    "two-ats": ("max@example.org@evil.example", "malformed-from"),
    "quoted-at": ('"max@example.org"@evil.example', "deceiving-name"),
    "quoted-space": ('"max "@example.org', "from-mismatch"),
    "literal": ("max@[192.0.2.1]", "from-mismatch"),
    "control": ("Max\x01 <max@example.org>", "malformed-from"),
    "delete": ("Max\x7f <max@example.org>", "malformed-from"),
    "bidi-in-address": ("max@exam\u202eple.org", "malformed-from"),
    "zero-width-in-address": ("max\u200b@example.org", "malformed-from"),
    "soft-hyphen-in-address": ("max@exam\u00adple.org", "malformed-from"),
    "blanks-push-away": ("Boss" + " " * 1200 + "<max@example.org>",
                         "malformed-from"),
    "long-name": ('"' + "B" * 1200 + '" <max@example.org>',
                  "malformed-from"),
}


def mailboxes(c):
    for name, value in HONEST.items():
        c.good("from-" + name, c.detached(head=field(value)))
    for name, (value, reason) in OTHER.items():
        c.bad("from-" + name, c.detached(head=field(value)), reason)
    for name, at in {"gbk": b"\xa3\xc0", "sjis": b"\x81\x97",
                     "big5": b"\xa2I", "euc-jp": b"\xa1\xf7"}.items():
        c.bad("from-name-raw-" + name, c.detached(head=field(
            "Name <max@example.org>").replace(
                b"Name", b"boss" + at + b"example.org")), "deceiving-name")
    c.good("from-name-raw-latin1", c.detached(head=field(
        "Name <max@example.org>").replace(b"Name", b"M\xfcller")))
    c.good("from-name-raw-gbk-name", c.detached(head=field(
        "Name <max@example.org>").replace(b"Name", b"\xd5\xc5\xc8\xfd")))
    c.bad("from-latin1-bytes", c.detached(head=header(
        "From: MX\n").replace(b"MX", b"m\xe4x@example.org")),
        "malformed-from")


def lines(c):
    """The same bytes, which different readers cut into different fields."""
    own = "From: max@example.org\n"
    eve = "From: eve@evil.example\n"
    several = {
        "two-fields": own + eve, "two-fields-other-first": eve + own,
        "two-fields-same": own + own,
        "two-fields-case": own + "FROM: eve@evil.example\n",
        "blank-before-colon-second": own + "From : eve@evil.example\n",
        "blank-before-colon-first": "From : eve@evil.example\n" + own,
        "tab-before-colon-first": "From\t: eve@evil.example\n" + own,
        "at-the-end": own + "X-A: b\n" + eve,
    }
    for name, value in several.items():
        c.bad("header-" + name, c.detached(head=header(value)), "several-from")
    odd = {
        "blank-before-colon": "From : max@example.org\n",
        "blank-before-other-colon": "X-A : b\n" + own,
        "white-line-before": "X-A: b\n \n" + own,
        "white-line-in-from": "From:\n \n max@example.org\n",
        "blank-before-colon-mbox": "From : max@example.org\n",
        "white-line-tab": own + "X-A: b\n\t\nX-B: c\n",
        "from-on-next-line": own + "X-A:\n From: eve@evil.example\n",
        "long-line": "X-A: " + "a" * 5000 + "\n" + own,
        "mixed-ends": "X-A: b\r\n" + own,
        "mixed-ends-hide": own + "X-A: b\r\n",
    }
    for name, value in odd.items():
        if name in ("long-line", "from-on-next-line"):
            c.good("header-" + name, c.detached(head=header(value)))
        else:
            c.bad("header-" + name, c.detached(head=header(value)),
                  "malformed-header")
    c.bad("header-empty-line-mixed", c.detached(
        head=header().replace(b"\n", b"\r\n")), "malformed-header")
    refused = {
        "no-field": own + "this is no field\n",
        "no-field-before": "X-A: b\nrubbish\n" + own,
        "blank-in-name": own + "Fr om: eve@evil.example\n",
        "cyrillic-name": own + "Fr\u043em: eve@evil.example\n",
        "colon-first": own + ": eve@evil.example\n",
        "bare-cr": own + "X-A: b\rFrom: eve@evil.example\n",
        "bare-cr-in-from": "From: eve@evil.example\r\r\n" + own,
        "bare-cr-in-mbox": "From x\rFrom: eve@evil.example\n" + own,
        "bare-cr-in-mbox-quoted": ">From x\rFrom: eve@evil.example\n" + own,
        "mbox-behind": own + ">From eve@evil.example Mon\n",
        "name-on-a-line": own + "From\n : eve@evil.example\n",
        "vertical-tab-before-colon": own + "From\v: eve@evil.example\n",
        "no-break-space-before-colon": own + "From\u00a0: eve@evil.example\n",
        "fullwidth-colon": own + "From\uff1a eve@evil.example\n",
        "cr-only": (own + eve).replace("\n", "\r"),
    }
    for name, value in refused.items():
        c.error("header-" + name, c.detached(head=header(value)), "BadMessage")
    for name, value in {"nul": own + "X-A: b\0\n",
                        "nul-in-from": "From: max@example.org\0.evil\n",
                        "begins-folded": " X: y\n" + own,
                        "begins-with-bom": "\ufeff" + own}.items():
        c.error("header-" + name, c.detached(head=header(value)), "NotMail")
    c.plain("header-empty-line-first", b"\n" + c.detached())
    c.good("header-crlf", c.detached().replace(b"\n", b"\r\n"))
    # Nobody signs Date: an old mail, sent again (CVE-2023-50761).
    dates(c)
    c.good("header-mbox", b"From max@example.org Mon Mar  2 10:00:00 2026\n"
           + c.detached())
    c.good("header-folded-others", c.detached(head=header(
        more="References: <a@b>\n <c@d>\n\t<e@f>\nX-Empty:\n")))


def dates(c):
    def dated(name, value, reason=""):
        c.good("header-date-" + name, c.detached(head=header().replace(
            date().encode(), value.encode())), reason)

    later, now = date(3), date()
    month, full = later[8:11], (NOW + 3 * DAY).strftime("%B")
    for name, value in {
            "later": later, "gmt": later[:-5] + "GMT",
            "zone-of-letters": later[:-5] + "EST",
            "year-of-two-digits": later.replace(later[12:16], later[14:16]),
            "no-zone": later[:-6], "other-zone": later[:-5] + "-1100",
            "no-day": later[5:], "comment": later[:-5] + "(x) +0000",
            "comment-first": later[:3] + " (x)" + later[3:],
            "comma-in-a-comment": later[5:] + " (a," + now[5:] + " (b))",
            "open-comment": now + " (" + later,
            "month-in-full": later.replace(month, full),
            "blanks": later.replace(":", " : ").replace(" ", "\t "),
            "folded": later.replace(" ", "\n "),
            "four-days-of-zone": now[:-5] + "-9959",
            "two": later + "\nDate: " + now,
            "two-other-first": now + "\nDate: " + later,
            "words": "today", "empty": "", "dashes": later.replace(
                f" {month} ", f"-{month}-"), "number": "1790000000",
            "before-all": "Thu, 01 Jan 1970 00:00:00 +0000"}.items():
        dated(name, value, "date-differs")
    dated("earlier", date(-3), "signed-later")
    for name, value in {
            "hours-later": date(0.9), "hours-earlier": date(-0.9),
            "gmt-now": now[:-5] + "GMT", "ut-now": now[:-5] + "UT",
            "two-digits-now": now.replace(now[12:16], now[14:16]),
            "comment-now": now + " (Coordinated \\) (Universal) Time)",
            "no-seconds-now": now[:-9] + " +0000",
            "no-day-now": now[5:], "twice": now + "\nDate: " + now}.items():
        dated("honest-" + name, value)
    c.good("header-date-none", c.detached(head=header().replace(
        b"Date: " + now.encode() + b"\n", b"")))
    c.good("header-date-no-time", c.detached(
        head=header().replace(now.encode(), later.encode()),
        how={"attrs": attributes(canonical(TEXT), time=None)}))


def others(c):
    """Fields beside From: they explain, they never excuse."""
    eve = "From: eve@evil.example\n"
    boss = "From: boss@example.org\n"
    c.bad("sender-is-signer", c.detached(head=header(
        boss + "Sender: max@example.org\n")), "sender-field-matches")
    c.bad("sender-before-from", c.detached(head=header(
        "Sender: max@example.org\n" + boss)), "sender-field-matches")
    c.bad("sender-is-signer-eve", c.detached(cert=c.world.eve, head=header(
        "Sender: eve@evil.example\nFrom: max@example.org\n")),
        "sender-field-matches")
    c.bad("reply-to-is-signer", c.detached(head=header(
        boss + "Reply-To: max@example.org\n")), "from-mismatch")
    c.bad("return-path-is-signer", c.detached(head=header(
        "Return-Path: <max@example.org>\n" + boss)), "from-mismatch")
    c.bad("resent-from-is-signer", c.detached(head=header(
        "Resent-From: max@example.org\n" + boss)), "from-mismatch")
    c.bad("resent-sender-is-signer", c.detached(head=header(
        "Resent-Sender: max@example.org\n" + eve)), "from-mismatch")
    c.bad("x-from-is-signer", c.detached(head=header(
        "X-From: max@example.org\n" + eve)), "from-mismatch")
    c.bad("only-sender", c.detached(head=header("Sender: max@example.org\n")),
          "malformed-from")
    c.bad("only-resent-from", c.detached(head=header(
        "Resent-From: max@example.org\n")), "malformed-from")
    c.bad("no-from", c.detached(head=header("")), "malformed-from")
    own = "From: max@example.org\n"
    c.good("sender-other", c.detached(head=header(
        own + "Sender: office@example.org\n")))
    c.good("reply-to-list", c.detached(head=header(
        own + "Reply-To: list@example.org\n")))
    c.good("resent", c.detached(head=header(
        "Resent-From: carl@example.org\nResent-To: elena@example.org\n"
        + own)))
    c.add("bare-entity", multipart_type() + c.detached().split(
        multipart_type(), 1)[1], "unseen", "sender-not-seen")
    c.plain("no-header", b"\n--" + BOUNDARY.encode() + b"\n" + TEXT)


def inner(c):
    """From where only the signed entity has it (RFC 9788, and before)."""
    mime = b"MIME-Version: 1.0\n"
    protected = TEXT.replace(b"us-ascii\n", b'us-ascii; hp="clear"\n')
    c.bad("inner-from-boss", c.detached(b"From: boss@example.org\n" + TEXT),
          "inner-from")
    c.bad("inner-from-boss-opaque", c.opaque(b"From: boss@example.org\n" + TEXT),
          "inner-from")
    c.bad("inner-from-protected", c.detached(
        b"From: Boss <boss@example.org>\n" + protected), "inner-from")
    c.bad("inner-from-twice", c.detached(
        b"From: max@example.org\nFrom: boss@example.org\n" + TEXT),
        "inner-from")
    c.bad("inner-from-deceives", c.opaque(
        b'From: "boss@example.org" <max@example.org>\n' + TEXT), "inner-from")
    c.bad("inner-from-outer-other", c.detached(
        b"From: max@example.org\n" + protected, head=header(
            "From: eve@evil.example\n")), "inner-from")
    c.good("inner-from-same", c.detached(
        b"From: Max <max@example.org>\nSubject: Invoice\n" + mime + TEXT))
    c.good("inner-from-same-protected", c.opaque(
        b"From: Max Muster <MAX@example.org>\n" + protected))
    misread(c)
    wrapped(c)
    boss = (b"Content-Type: message/rfc822\n\nFrom: boss@example.org\n"
            b"Subject: x\n\nForwarded.\n")
    c.bad("inner-is-a-message", c.detached(boss), "inner-from")
    c.bad("inner-is-a-message-opaque", c.opaque(boss), "inner-from")
    c.good("inner-forwarded", c.detached(boss.replace(
        b"rfc822", b"rfc822; forwarded=yes")))


def misread(c):
    """What is a header inside to some readers, and none to others."""
    boss = "From: boss@example.org\n"
    odd = {
        "bare-cr": "X-A: b\r" + boss, "bare-cr-first": "\r" + boss,
        "bare-cr-behind-text": "Hello\r" + boss,
        "nul": "X-A: b\0\n" + boss, "nul-first": "\0" + boss,
        "nul-before": "X-A: b\n\0" + boss,
        "no-field": "X-A: b\nrubbish\n" + boss,
        "no-field-first": "rubbish\n" + boss,
        "blank-first": " X: y\n" + boss, "bom-first": "\ufeff" + boss,
        "vertical-tab": "X-A: b\n\v" + boss,
        "blank-before-colon": "rubbish\nFROM \t: boss@example.org\n",
        "own": "X-A: b\rFrom: max@example.org\n",
        "content": "rubbish\nContent-Type: text/html\n",
        "mixed-ends-hide": "X-A: b\n\r\n" + boss,
        "white-line": "X-A: b\n \n",
    }
    for name, text in odd.items():
        text = text.encode() + TEXT
        c.bad("misread-" + name, c.detached(text), "malformed-header")
        c.bad("misread-" + name + "-opaque", c.opaque(
            der=signed_data(text, [signer(c.world.max, text)],
                            [c.world.max, c.world.ca])), "malformed-header")
    for name, text in {
            "text": b"Hello Elena,\nplease pay.\n",
            "behind-empty-line": b"Hello Elena,\n\nFrom: boss@example.org\n",
            "behind-empty-crlf": b"Hello,\r\n\r\nFrom: boss@example.org\r\n",
            "words": b"Dear Elena: please pay.\nFrom now on: more.\n"}.items():
        c.good("misread-no-" + name, c.opaque(
            der=signed_data(text, [signer(c.world.max, text)],
                            [c.world.max, c.world.ca])))


def wrapped(c):
    """The whole message as what is signed (RFC 8551 3.1): its header is the
    one that its author protected, unless it says it is forwarded."""
    def inside(header_fields, kind="message/rfc822; forwarded=no"):
        return (b"Content-Type: " + kind.encode() + b"\n\n"
                + header_fields.encode() + b"Subject: x\n" + TEXT)

    own = "From: Max <MAX@Example.org>\n"
    for name, fields in {
            "boss": "From: boss@example.org\n",
            "two-mailboxes": "From: max@example.org, boss@example.org\n",
            "two-fields": own + "From: boss@example.org\n",
            "deceives": 'From: "boss@example.org" <max@example.org>\n',
            "unreadable": "From: <max@example.org\n"}.items():
        c.bad("wrapped-" + name, c.detached(inside(fields)), "inner-from")
        c.bad("wrapped-" + name + "-opaque", c.opaque(inside(fields)),
              "inner-from")
    boss = "From: boss@example.org\n"
    for name, kind in {"upper": "Message/RFC822; Forwarded=NO",
                       "quoted": 'message/rfc822; forwarded="no"',
                       "unsaid": "message/rfc822",
                       "unknown": "message/rfc822; forwarded=perhaps",
                       "global-unsaid": "message/global",
                       "global": "message/global; forwarded=no"}.items():
        c.bad("wrapped-boss-" + name, c.detached(inside(boss, kind)),
              "inner-from")
    c.bad("wrapped-outer-eve", c.detached(inside(own), head=header(
        "From: eve@evil.example\n")), "inner-from")
    for name, encoding in {"base64": "base64", "quoted": "quoted-printable",
                           "unknown": "x"}.items():
        text = boss.encode() + TEXT
        hidden = (b"Content-Type: message/rfc822; forwarded=no\n"
                  b"Content-Transfer-Encoding: " + encoding.encode() + b"\n\n"
                  + (encoded(text) if name == "base64" else text))
        c.bad("wrapped-hidden-" + name, c.detached(hidden),
              "ambiguous-structure")
        c.bad("wrapped-hidden-unsaid-" + name, c.detached(hidden.replace(
            b"; forwarded=no", b"")), "ambiguous-structure")
        c.good("attached-encoded-" + name, c.detached(hidden.replace(
            b"forwarded=no", b"forwarded=yes")))
    c.good("wrapped-same", c.detached(inside(own)))
    c.good("wrapped-same-opaque", c.opaque(inside(own)))
    c.good("wrapped-no-from", c.detached(inside("")))
    c.good("wrapped-forwarded", c.detached(inside(
        boss, "message/rfc822; forwarded=yes")))
    c.good("wrapped-in-a-part", c.detached(
        b'Content-Type: multipart/mixed; boundary="in"\n\n--in\n'
        + inside(boss) + b"\n--in--\n"))


def build(c):
    mailboxes(c)
    lines(c)
    others(c)
    inner(c)
