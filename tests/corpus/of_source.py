"""Found by reading the sources: what a person reads as an address and no
parser does, what charsets swallow, types and files in unusual places; and the
honest mails that stand nearest to each."""
from cms import attribute, canonical, signed_data, signer
from der import octets, tlv
from mails import TEXT, encoded, header, mixed_part
from pki import rfc822, smtp_utf8

# Display names; the address is max's own.
DECEIVING = {
    "brackets": '"boss[@]example.org"', "parentheses": '"boss (@) example.com"',
    "angles": '"boss <@> example.com"', "quotes": "\"boss'@'example.com\"",
    "double-quotes": '"boss\\"@\\"example.com"', "curly": '"boss{@}example.com"',
    "twice": '"boss((at))example.com"',
    "spaced-inside": '"boss ( at ) example ( dot ) com"',
    "dot-sign": '"boss [at] example[.]com"',
    "domain-quoted": "\"boss@'example.com'\"",
    "domain-parentheses": '"boss@(example.com)"',
    "domain-brackets": '"boss@[example.com]"',
    "domain-angles": '"boss@<example.com>"',
    "domain-angles-spaced": '"boss@ <example.com>"',
    "domain-colon": '"boss@:example.com"',
    "domain-semicolon": '"boss@;example.com"',
    "period-entity": '"boss &commat; example&period;com"',
    "blank-entity": '"boss&nbsp;@&nbsp;example.com"',
    "tags": '"boss<b>@</b>example.com"',
    "tag-comment": '"boss<!-- x -->@<!-- y -->example.com"',
    "question-q": "=?utf-8?q?boss=40example.com?x?=",
    "question-b": "=?utf-8?b?Ym9zc0Bl?eGFtcGxlLmNvbQ==?=",
    "musical": '"boss \U0001d173@\U0001d174 example.com"',
    "capital-circled": '"boss\u24b6example.com"',
    "comment": "Max (boss[@]example.com)",
    "unquoted": "Boss @ Example .COM",
    "stars": '"boss*at*example.com"', "hyphens": '"boss-at-example.com"',
    "underscores": '"boss_at_example.com"',
    "words": '"boss at example dot com"',
    "words-upper": '"BOSS AT EXAMPLE DOT COM"',
    "word-domain": '"boss at example.com"', "a-in-a-circle":
    '"bossa\u20ddexample.com"', "deprecated": '"Max\u206a"',
    # A byte that begins no character must not take the "@" with it.
    "sjis-single": "=?cp932?Q?boss=B1=40example.com?=",
    "sjis-no-pair": "=?shift_jis?Q?boss=FD=40example.com?=",
    "euc-three": "=?euc-jp?Q?boss=8F=B0=A1=40example.com?=",
    "euc-cut": "=?euc-kr?Q?boss=B0=40example.com?=",
    "gbk-cut": "=?gbk?Q?boss=A1=40example.com?=",
    "big5-cut": "=?big5?Q?boss=81=40example.com?=",
    "not-big5": "=?big5-nobody?Q?boss=A4=40example.com?=",
    "not-2022": "=?iso-2022-nobody?Q?=1B$Bboss=40example.com?=",
    "unknown-8bit": "=?unknown-8bit?Q?boss=40example.com?=",
    "unknown-8bit-gbk": "=?unknown-8bit?Q?boss=A3=C0example.com?=",
    "unknown-8bit-utf8": "=?unknown-8bit?Q?boss=EF=BC=A0example.com?=",
    "unknown-8bit-utf8-cut": "=?unknown-8bit?Q?boss=EF=BC?= "
                             "=?unknown-8bit?Q?=A0example.com?=",
    "unknown-8bit-overlong": "=?unknown-8bit?Q?boss=C1=80example.com?=",
    "unknown-8bit-escape": "=?x-unknown?Q?boss=1B=24B!w=1B=28Bexample.com?=",
}
HONEST = {
    "angles": '"Max <Maxi> Muster"', "question": '"Max, who else?"',
    "question-q": "=?utf-8?q?Max=3F?=",
    "own-bracketed": '"max[@]example.org"',
    "own-quoted": "\"max@'example.org'\"",
    "own-unquoted": "Max @ Example .ORG", "own-spaced": "max @ example.org",
    "word-own-domain": '"Max Muster at Example.org"',
    "word-company": '"Max at E.ON"', "word-place": '"Max at St.Gallen"',
    "word-dot": '"Max at Polka Dot Design"', "hyphens": '"Stay-at-home Max"',
    "own-words": "max at example dot org",
    "handle": '"Max (@maxm)"', "handle-brackets": '"Max [@max.m]"',
    "at-in-parentheses": '"Max @ (Work)"', "at-sign": '"Max (@) Example Inc."',
    "unknown-8bit": "=?unknown-8bit?Q?M=FCller?=",
    "unknown-8bit-b": "=?UNKNOWN-8BIT?B?TfxsbGVy?=",
    "x-unknown": "=?X-UNKNOWN?Q?M=C3=BCller?=",
    "latin-1": "=?latin-1?Q?M=FCller?=", "iso88591": "=?iso88591?Q?M=FCller?=",
    "windows1252": "=?windows1252?Q?M=96=FCller?=",
    "x-windows-1252": "=?x-windows-1252?Q?M=96=FCller?=",
    "x-windows-1250": "=?x-windows-1250?Q?M=FCller?=",
    "ansi": "=?ANSI_X3.4-1968?Q?Max?=", "ibm850": "=?ibm850?Q?M=81ller?=",
    "eucjp": "=?eucJP?B?pKI=?=", "gb2312-80": "=?GB_2312-80?B?zuQ=?=",
    "sjis-wide-blank": "=?shift_jis?B?jlKTY4FAkb6YWQ==?=",
    "big5-wide-blank": "=?big5?B?pP2hQKRq?=",
    "x-mac-cyrillic": "=?x-mac-cyrillic?Q?=8C=E0=EA=F1?=",
}
# As they are, in no charset: what old programs wrote.
RAW = {"dash": b"Max \x96 Vertrieb", "quotes": b'"Max \x93M\xfcller\x94"',
       "apostrophe": b"Max O\x92Neil"}


def from_line(name):
    usual = b"From: Max <max@example.org>\n"
    if isinstance(name, str):
        name = name.encode()
    return header().replace(usual, b"From: " + name + b" <max@example.org>\n")


def names(c):
    for name, shown in DECEIVING.items():
        c.bad("source-name-" + name, c.detached(head=from_line(shown)),
              "deceiving-name")
    for name, shown in HONEST.items():
        c.good("source-honest-" + name, c.detached(head=from_line(shown)))
    for name, shown in RAW.items():
        c.good("source-raw-" + name, c.detached(head=from_line(shown)))
    w = c.world
    c.good("source-host-underscore", c.detached(
        cert=w.issue(w.max_key, "max@my_host.example.org"),
        head=header("From: Max <max@my_host.example.org>\n")))


EXTERNAL = (b'Content-Type: multipart/mixed; boundary="mb8"\n\n--mb8\n'
            b"Content-Type: text/plain\n\nhi\n--mb8\n"
            b"Content-Type: message/external-body; access-type=URL;\n"
            b' URL="http://evil.example/"\n\nContent-Type: text/html\n\n\n'
            b"--mb8--\n")


def elsewhere(c):
    """A part that points elsewhere, which only some readers find."""
    for name, part, reason in [
            ("boundary-blank", EXTERNAL.replace(b'"mb8"', b'"mb8 "'),
             "content-elsewhere"),
            ("boundary-blanks-there", EXTERNAL.replace(b'"mb8"', b'"mb8 "')
             .replace(b"--mb8\n", b"--mb8 \n"), "content-elsewhere"),
            ("folded-first", EXTERNAL.replace(
                b"Content-Type: message", b"\tContent-Type: message"),
             "content-elsewhere"),
            ("boundary-dropped", EXTERNAL.replace(
                b" boundary", b" " + b"; ".join(
                    b"x%d=y" % i for i in range(99)) + b"; boundary"),
             "ambiguous-structure"),
            ("two-boundaries", EXTERNAL.replace(
                b'="mb8"', b'="zz"; boundary="mb8"'), "ambiguous-structure")]:
        c.bad("source-elsewhere-" + name, c.detached(part), reason)
        c.bad("source-elsewhere-" + name + "-opaque", c.opaque(part), reason)
    c.good("source-elsewhere-text", c.detached(EXTERNAL.replace(
        b"--mb8\nContent-Type: message", b"--mb8\n\nContent-Type: message")))


def types(c):
    """An opaque signature that some readers show as a text: what nobody
    signed is in its unsigned attributes."""
    content = canonical(TEXT)
    unsigned = tlv(0xA1, attribute("1.2.3.4", octets(b"<h1>Pay Eve</h1>")))
    der = signed_data(content, [signer(c.world.max, content,
                                       unsigned=unsigned)],
                      [c.world.max, c.world.ca])
    for name, kind in {
            "comment": "(text/html) application/pkcs7-mime",
            "second": "application/pkcs7-mime text/html; x=y",
            "escape": 'application/pkcs7-mime; x="a\\"b"',
            "parameter-twice": "application/pkcs7-mime; smime-type=signed-data;"
                               " smime-type=enveloped-data",
            "quote-open": 'application/pkcs7-mime; name="smime.p7m'}.items():
        c.bad("source-type-" + name, header() + b"Content-Type: "
              + kind.encode() + b"\nContent-Transfer-Encoding: base64\n\n"
              + encoded(der), "ambiguous-structure")


def attached(kind, name, der):
    return (f'Content-Type: {kind}; name="{name}"\nContent-Transfer-Encoding: '
            f'base64\nContent-Disposition: attachment; filename="{name}"\n\n'
            .encode() + encoded(der))


def files(c):
    """All that somebody signed and sent is one file: what is in it is not
    for the mail to answer for."""
    w = c.world
    paper = b"%PDF-1.7 x"
    cades = signed_data(paper, [signer(w.eve, paper)], [w.eve])
    beside = signed_data(None, [signer(w.eve, paper)], [w.eve])
    only = signed_data(None, [], [w.max, w.ca])
    for name, part in {
            "p7m": attached("application/octet-stream", "paper.pdf.p7m", cades),
            "p7s": attached("application/pkcs7-signature", "paper.p7s", beside),
            "no-cms": attached("application/octet-stream", "x.p7m", paper),
            "p7c": attached("application/pkcs7-mime; smime-type=certs-only",
                            "max.p7c", only)}.items():
        c.good("source-file-" + name, c.detached(part))
        c.good("source-file-" + name + "-opaque", c.opaque(part))
    # With a type of its own it is a layer, whose signer is somebody else.
    c.bad("source-file-layer", c.detached(attached(
        "application/pkcs7-mime; smime-type=signed-data", "smime.p7m", cades)),
          "from-mismatch")
    c.bad("source-file-layer-by-name-alone", header() + attached(
        "application/octet-stream", "smime.p7m", cades), "from-mismatch")


def kinds(c):
    """What is signed is a message of somebody else to some readers."""
    boss = b"From: Boss <boss@example.com>\nSubject: x\n" + TEXT
    for name, kind, reason in [
            ("news", "message/news", "inner-from"),
            ("two-types", "text/plain\nContent-Type: message/rfc822",
             "ambiguous-structure"),
            ("two-types-forwarded", "message/rfc822; forwarded=yes\n"
             "Content-Type: message/rfc822", "ambiguous-structure"),
            ("two-words", "message/rfc822; forwarded=yes; forwarded=no",
             "ambiguous-structure"),
            ("two-encodings", "text/plain\nContent-Transfer-Encoding: 7bit\n"
             "Content-Transfer-Encoding: base64", "ambiguous-structure")]:
        part = b"Content-Type: " + kind.encode() + b"\n\n" + boss
        c.bad("source-kind-" + name, c.detached(part), reason)
        c.bad("source-kind-" + name + "-opaque", c.opaque(part), reason)
    c.good("source-kind-forwarded", c.detached(
        b"Content-Type: message/rfc822; forwarded=yes\n\n" + boss))


def addresses(c):
    """A local part that is somebody else's address."""
    w = c.world
    for name, address, of in [
            ("fullwidth", "boss\uff20example.com@example.org", smtp_utf8),
            ("small", "boss\ufe6bexample.com@example.org", smtp_utf8),
            ("quoted", '"boss@example.com"@example.org', rfc822)]:
        c.bad("source-local-" + name, c.detached(
            cert=w.issue(w.max_key, names=(of(address),)),
            head=header(f"From: Max <{address}>\n")), "deceiving-name")
    # A host's own name may be spelled so.
    for name, shown, address in [
            ("host", "Meet-at-Example.org", "max@meet-at-example.org"),
            ("mail", "Max at Example.org", "max@mail.example.org")]:
        c.good("source-local-" + name, c.detached(
            cert=w.issue(w.max_key, address),
            head=header(f"From: {shown} <{address}>\n")))
    c.good("source-local-blank", c.detached(
        cert=w.issue(w.max_key, names=(rfc822('"max m"@example.org'),)),
        head=header('From: Max <"max m"@example.org>\n')))


def below(c):
    """Parts below the signed one, on whose header readers do not agree."""
    def part(fields, body=b"Pay.\n"):
        return mixed_part(TEXT, fields + b"\n" + body)

    text = b"Content-Type: text/plain\n"
    multipart = b'Content-Type: multipart/mixed; boundary="mb8"\n'
    seven = b"Content-Transfer-Encoding: 7bit\n"
    encoding = seven.replace(b"7bit", b"base64")
    hidden = EXTERNAL.split(b"\n\n", 1)[1]
    ambiguous, elsewhere = "ambiguous-structure", "content-elsewhere"
    for name, content, reason in {
            ("types", part(text + text.replace(b"plain", b"html")), ambiguous),
            ("encodings", part(seven + encoding), ambiguous),
            ("bare-cr", part(b"X: y\r" + text), ambiguous),
            ("nul", part(b"X: y\0\n" + text), ambiguous),
            ("line-of-blanks", part(b"X: y\n \n" + text), ambiguous),
            ("wrapped", b"Content-Type: message/rfc822\n\n"
             b"From: max@example.org\n" + text + text.replace(
                 b"plain", b"html") + b"\nPay.\n", ambiguous),
            ("encoded", multipart + encoding + b"\n" + encoded(hidden),
             elsewhere),
            ("encoded-deep", part(multipart.replace(b"mb8", b"in") + encoding,
                                  encoded(hidden)), elsewhere)}:
        c.bad("source-below-" + name, c.detached(content), reason)
    for name, content in {
            "same-twice": part(text + text),
            "quoted-printable": mixed_part(TEXT).replace(
                b"\n\n", b"\nContent-Transfer-Encoding: quoted-printable\n\n",
                1),
            "attached": part(b"Content-Type: message/rfc822\n",
                             b"From: x\nX: y\rz\n" + text + text.replace(
                                 b"plain", b"html") + b"\nPay.\n"),
            "behind-attached": mixed_part(
                b"Content-Type: message/rfc822\n\nFrom: x\n" + text
                + b"\nPay.\n", TEXT)}.items():
        c.good("source-below-" + name, c.detached(content))
    c.bad("source-below-behind-attached-types", c.detached(mixed_part(
        b"Content-Type: message/rfc822\n\nFrom: x\n\nPay.\n",
        text + text.replace(b"plain", b"html") + b"\n<p>\n")), ambiguous)


def build(c):
    names(c)
    below(c)
    kinds(c)
    addresses(c)
    elsewhere(c)
    types(c)
    files(c)
