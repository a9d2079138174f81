"""Header Protection (RFC 9788) that pretends: fields outside that are not
those inside, hp= where it means nothing, several authors, HP-Outer that lies.
A mail is good only when the author inside, whom the signer's certificate
names, is the one outside too."""
from cms import attributes, canonical
from mails import TEXT, date, header, mixed_part

MAX = "From: Max <max@example.org>\n"
EVE = "From: Eve <eve@evil.example>\n"
BOSS = "From: boss@example.org\n"
FIELDS = ("To: elena@example.org\nSubject: Invoice\n"
          f"Date: {date()}\n"
          "Message-ID: <invoice@example.org>\n")
OUTER = "".join("HP-Outer: " + line + "\n"
                for line in (MAX + FIELDS).splitlines())


def inside(sender=MAX, hp='; hp="clear"', more="", fields=FIELDS, body=None):
    """What is signed: fields, Content-Type with hp=, a text."""
    return (sender + fields + more + "Content-Type: text/plain; "
            "charset=us-ascii" + hp + "\n\n").encode() + (
                body or b"Please pay 10 EUR to Elena.\nMax\n")


def honest(c):
    c.good("hp-clear", c.detached(inside()))
    c.good("hp-clear-opaque", c.opaque(inside()))
    c.good("hp-clear-token", c.detached(inside(hp="; hp=clear")))
    c.good("hp-case", c.detached(inside(hp='; HP="Clear"')))
    c.good("hp-unknown-value", c.detached(inside(hp='; hp="other"')))
    c.good("hp-cipher-not-encrypted", c.detached(
        inside(hp='; hp="cipher"', more=OUTER)))
    c.good("hp-no-fields", c.detached(TEXT.replace(
        b"us-ascii", b'us-ascii; hp="clear"')))
    for name, days, word in (("later", 3, "date-differs"),
                             ("earlier", -3, "signed-later")):
        c.good("hp-date-outside-" + name, c.detached(
            inside(), head=header().replace(
                date().encode(), date(days).encode())), word)
        c.good("hp-date-outside-no-time-" + name, c.detached(
            inside(), head=header().replace(
                date().encode(), date(days).encode()),
            how={"attrs": attributes(canonical(inside()), time=None)}), word)
    c.good("hp-date-inside-later", c.detached(inside(
        fields=FIELDS.replace(date(), date(3)))))
    c.good("hp-date-only-inside", c.detached(
        inside(fields=FIELDS.replace(date(), date(3))), head=header().replace(
            b"Date: " + date().encode() + b"\n", b"")), "date-differs")
    c.good("hp-other-subject-outside", c.detached(inside(), head=header().replace(
        b"Invoice", b"[...]")))
    c.good("hp-reply-to-outside", c.detached(inside(), head=header(
        more="Reply-To: eve@evil.example\n")))
    c.good("hp-outer-outside", c.detached(inside(), head=header(
        more="HP-Outer: From: boss@example.org\n")))
    c.good("hp-other-display-name", c.detached(inside(
        "From: Max Muster <max@example.org>\n")))
    c.good("hp-old-draft", c.detached(inside(
        hp='; protected-headers="v1"')))
    c.good("hp-on-attached", c.detached(mixed_part(
        TEXT, b"Content-Type: message/rfc822\n\n" + inside(EVE))))
    c.good("hp-on-part", c.detached(mixed_part(TEXT, inside(EVE))))
    c.good("hp-multipart", c.detached(
        (MAX + FIELDS).encode() + mixed_part(TEXT, TEXT).replace(
            b"multipart/mixed;", b'multipart/mixed; hp="clear";', 1)))
    c.good("hp-legacy-display", c.detached(inside(
        hp='; hp="cipher"; hp-legacy-display="1"', more=OUTER,
        body=b"Subject: Invoice\n\nPlease pay 10 EUR to Elena.\n")))


def pretending(c):
    eve_outside = header(EVE)
    boss_outside = header(BOSS)
    eve = c.world.eve
    c.bad("hp-from-outside-boss", c.detached(inside(), head=boss_outside),
          "inner-from")
    c.bad("hp-from-outside-eve", c.detached(inside(), head=eve_outside),
          "inner-from")
    c.bad("hp-from-outside-boss-opaque", c.opaque(
        inside(), head=boss_outside), "inner-from")
    c.bad("hp-from-inside-boss", c.detached(inside(BOSS)), "inner-from")
    c.bad("hp-from-inside-boss-sender-max", c.detached(inside(
        BOSS, more="Sender: max@example.org\n")), "inner-from")
    c.bad("hp-eve-as-max-outside", c.detached(inside(EVE), eve),
          "inner-from")
    c.bad("hp-eve-as-max-inside", c.detached(inside(), eve, eve_outside),
          "inner-from")
    c.bad("hp-eve-as-max", c.detached(inside(), eve), "from-mismatch")
    c.bad("hp-two-from", c.detached(inside(MAX + EVE)), "several-from")
    c.bad("hp-two-from-other-first", c.detached(inside(EVE + MAX)),
          "several-from")
    c.bad("hp-two-mailboxes", c.detached(inside(
        "From: max@example.org, eve@evil.example\n")), "several-from")
    c.bad("hp-two-from-outside", c.detached(inside(), head=header(
        MAX + EVE)), "several-from")
    c.bad("hp-group-inside", c.detached(inside(
        "From: Staff: max@example.org;\n")), "malformed-from")
    c.bad("hp-deceiving-inside", c.detached(inside(
        'From: "boss@example.org" <max@example.org>\n')), "deceiving-name")
    c.bad("hp-deceiving-outside", c.detached(inside(), head=header(
        'From: "boss@example.org" <max@example.org>\n')), "deceiving-name")
    c.bad("hp-malformed-outside", c.detached(inside(), head=header(
        "From: max@example.org eve@evil.example\n")), "malformed-from")
    c.bad("hp-no-from-outside", c.detached(inside(), head=header("")),
          "malformed-from")
    c.bad("hp-empty-from-inside", c.detached(inside("From:\n")),
          "malformed-from")
    c.bad("hp-outer-says-boss", c.detached(inside(
        hp='; hp="cipher"', more="HP-Outer: From: boss@example.org\n"),
        head=boss_outside), "inner-from")
    c.bad("hp-unknown-value-from-inside", c.detached(inside(
        BOSS, hp='; hp="other"')), "inner-from")
    c.bad("hp-old-draft-from-inside", c.detached(inside(
        BOSS, hp='; protected-headers="v1"')), "inner-from")
    c.bad("hp-under-eve", c.detached(c.detached(inside(), head=b" ", boundary="in9")[1:], eve),
          "from-mismatch")
    c.bad("hp-on-multipart-signed", c.detached(
        (EVE + FIELDS).encode() + c.detached(
            TEXT, head=b" ", boundary="in9")[1:].replace(
            b"multipart/signed;", b'multipart/signed; hp="clear";', 1)),
        "inner-from")
    c.partial("hp-beside-footer", header() + mixed_part(
        c.detached(inside(), head=b" ")[1:], TEXT))
    c.plain("hp-not-signed", header() + inside()[len(MAX + FIELDS):])


def build(c):
    honest(c)
    pretending(c)
