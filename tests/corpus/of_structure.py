"""What of a mail its signature covers: the MIME attacks of "Johnny, you are
fired", of EFAIL, and of those who wrote on covert content after them."""
from cms import canonical, signed_data, signer
from mails import (BOUNDARY, EVIL, P7M_HEADER, P7S_HEADER, TEXT, body_of,
                   encoded, header, multipart_type)

B = b"--" + BOUNDARY.encode()
HTML = b"Content-Type: text/html\n\n<p>" + EVIL + b"</p>\n"


def mixed(parts, kind="mixed", boundary="outer9", head=None):
    out = ((head or header()) + f"Content-Type: multipart/{kind}; "
           f'boundary="{boundary}"\n\n'.encode())
    for part in parts:
        out += b"--" + boundary.encode() + b"\n" + part + b"\n"
    return out + b"--" + boundary.encode() + b"--\n"


def entity(c, part=TEXT):
    """The multipart/signed as a part of something else."""
    return multipart_type() + body_of(part, c.p7s(part))


def p7m(c, content=TEXT):
    return c.opaque(content, head=b" ")[1:]


def beside(c):
    """Unsigned parts around a signed one."""
    signed, opaque = entity(c), p7m(c)
    iframe = b'Content-Type: text/html\n\n<p>' + EVIL.strip() + \
        b'</p><img src="cid:x">\n'
    hidden = b'Content-Type: text/html\n\n<div style="display:none">\n'
    for name, parts in {
            "html-before": [HTML, signed], "html-behind": [signed, HTML],
            "text-before": [b"\n" + EVIL, signed],
            "text-behind": [signed, b"\n" + EVIL],
            "opaque-behind-html": [HTML, opaque],
            "opaque-before-html": [opaque, HTML],
            "two-signed": [signed, opaque],
            "html-opens-hidden-div": [hidden, signed],
            "attachment-before": [
                b"Content-Type: application/pdf\nContent-Disposition: "
                b"attachment; filename=x.pdf\n\n%PDF\n", signed],
            "list-footer": [signed, b"\n-- \nunsubscribe here\n"],
            "alone": [signed]}.items():
        c.partial("mixed-" + name, mixed(parts))
    cid = b"Content-ID: <x>\n"
    c.partial("related-cid", mixed([iframe, cid + signed], "related"))
    c.partial("related-cid-opaque", mixed([iframe, cid + opaque], "related"))
    c.partial("alternative", mixed([HTML, signed], "alternative"))
    c.partial("alternative-last", mixed([signed, HTML], "alternative"))
    c.partial("digest", mixed([signed], "digest"))
    c.partial("appledouble", mixed([HTML, signed], "appledouble"))
    c.plain("rfc822", header() + b"Content-Type: message/rfc822\n\n"
            + c.detached(head=header("From: boss@example.org\n")))
    c.plain("rfc822-base64", header() + b"Content-Type: message/rfc822\n"
            b"Content-Transfer-Encoding: base64\n\n" + encoded(c.detached()))
    c.plain("partial", header() + b"Content-Type: message/partial; number=1; "
            b"total=2; id=x\n\n" + c.detached())
    c.plain("external-body", header() + b"Content-Type: message/external-body;"
            b" access-type=URL; URL=\"http://evil.example/\"\n\n" + signed)
    for name, kind in {
            "html": "text/html", "octet-stream": "application/octet-stream",
            "pgp": 'multipart/signed; protocol="application/pgp-signature"',
            "encrypted": 'multipart/encrypted; protocol="x"'}.items():
        mail = mixed([b"Content-Type: " + kind.encode() + b"\n\n" + signed])
        c.plain("around-" + name, mail)
    styled = (b"Content-Type: text/html\n\n<style>div+*{display:none}"
              b"</style><p>" + EVIL.strip() + b"</p><div>\n")
    for kind in ("mixed", "related", "alternative", "parallel", "report"):
        c.partial("styled-" + kind, mixed([styled, signed], kind))
        c.partial("styled-opaque-" + kind, mixed([styled, opaque], kind))
        c.partial("styled-deep-" + kind, mixed([styled, mixed(
            [signed], kind, "deep", b" ")[1:]]))
    c.plain("unsigned", header() + TEXT)
    c.plain("unsigned-claims", header(more="X-Signature-Status: good\n")
            + b"\nVerified: good signature by max@example.org\n")


def inside(c):
    """Text inside the multipart/signed that nobody signed."""
    mail = c.detached()
    end = B + b"--\n"
    extra = {
        "epilogue": mail + b"\n" + EVIL,
        "epilogue-html": mail + b"<html>" + EVIL,
        "epilogue-multipart": mail + B + b"\n" + HTML + end,
        "third-part": mail.replace(end, B + b"\n" + HTML + end),
        "third-part-empty": mail.replace(end, B + b"\n\n" + end),
        "second-signature": mail.replace(
            end, B + b"\n" + P7S_HEADER.encode() + b"\n" + c.p7s() + end),
        "preamble": c.detached(preamble=EVIL),
        "preamble-html": c.detached(preamble=b"<html><p>" + EVIL),
        "preamble-field": c.detached(
            preamble=b"Content-Type: text/html\n\n" + EVIL),
        "preamble-known-and-more": c.detached(
            preamble=b"This is an S/MIME signed message\n" + EVIL),
        "preamble-base64": c.detached(preamble=encoded(EVIL)),
    }
    for name, mail_ in extra.items():
        c.bad("inside-" + name, mail_, "text-outside")
    c.error("inside-part-before", c.detached().replace(
        B + b"\n", B + b"\n" + HTML + B + b"\n", 1), "BadMessage")
    for name, text in {
            "smime": b"This is an S/MIME signed message\n\n",
            "thunderbird": b"This is a cryptographically signed message in "
                           b"MIME format.\n\n",
            "multipart": b"This is a multi-part message in MIME format.\n",
            "notes": b"This is a multipart message in MIME format.\n",
            "dots": b"This is a multi-part message in MIME format...\n",
            "exchange": b"This message is in MIME format. Since your mail "
                        b"reader does not understand\nthis format, some or "
                        b"all of this message may not be legible.\n\n",
            "groupwise": b"This is a MIME message. If you are reading this "
                         b"text, you may want to \nconsider changing to a "
                         b"mail reader or gateway that understands how to \n"
                         b"properly handle MIME multipart messages.\n\n",
            "encapsulated": b"This is a MIME-encapsulated message.\n",
            "german": b"Dies ist eine kryptografisch unterzeichnete Nachricht"
                      b" im MIME-Format.\n",
            "french": "Ceci est un message sign\u00e9 cryptographiquement au "
                      "format MIME.\n".encode(),
            "french-latin1": "Ceci est un message sign\u00e9 "
                             "cryptographiquement au format MIME.\n".encode(
                                 "latin-1"),
            "white": b"\n \n\t\n"}.items():
        c.good("preamble-" + name, c.detached(preamble=text))
    for name, text in {
            "with-a-name": b"This is a signed message of Eve in MIME format.\n",
            "with-a-link": b"This is a MIME message: http://evil.example/\n",
            "with-a-tag": b"<p>This is a signed message in MIME format.\n",
            "and-long-one-more": b"This message is in MIME format. Since your "
                                 b"mail reader does not understand this "
                                 b"format, call Eve.\n",
            "unknown": b"This message was composed with Evemail MIME.\n",
            "other-boundary": b"------=_NextPart_000_0001\n",
            "delimiter-like": b"--other\n"}.items():
        c.bad("preamble-" + name, c.detached(preamble=text), "text-outside")
    c.bad("epilogue-usual-sentence", c.detached(
        epilogue=b"This is an S/MIME signed message\n"), "text-outside")
    c.good("epilogue-white", c.detached(epilogue=b"\n \n\n"))
    c.good("closing-without-line-end", c.detached()[:-1])


def multipart_inside(boundary, text=b"Signed.\n"):
    b = b"--" + boundary.encode()
    return (b'Content-Type: multipart/mixed; boundary="' + boundary.encode()
            + b'"\n\n' + b + b"\nContent-Type: text/plain\n\n" + text + b
            + b"\nContent-Type: text/html\n\n<p>Signed.</p>\n" + b + b"--\n")


def boundaries(c):
    def typed(parameters):
        return multipart_type(parameters=parameters)

    usual = 'protocol="application/pkcs7-signature"; micalg=sha-256; '
    for name, parameters in {
            "twice": 'boundary="xbound7Q"; boundary="other"',
            "twice-same": 'boundary="xbound7Q"; boundary="xbound7Q"',
            "twice-case": 'boundary="xbound7Q"; BOUNDARY="other"',
            "and-extended": "boundary=\"xbound7Q\"; boundary*=us-ascii''other",
            "and-continued": 'boundary="xbound7Q"; boundary*0="oth"; '
                             'boundary*1="er"',
            "continued-twice": 'boundary*0="xbound"; boundary*1="7Q"; '
                               'boundary*1="8Q"',
            "continued-then-plain": 'boundary*0="xbound"; boundary*1="7Q"; '
                                    'boundary="other"',
            "continued-and-star": "boundary*0=\"xbound\"; boundary*1=\"7Q\"; "
                                  "boundary*0*=us-ascii''other",
            "continued-gap": 'boundary*0="xbound7Q"; boundary*2="8"',
            "continued-zero": 'boundary*0="xbound"; boundary*01="7Q"',
            "continued-without-first": 'boundary="xbound7Q"; boundary*1="8"',
            "blank-behind": 'boundary="xbound7Q "',
            "tab-behind": 'boundary="xbound7Q\t"',
            "comment": 'boundary="xbound7Q" (; boundary=other)',
            "in-other-value": 'x="a\\"; boundary=other; y="; '
                              'boundary="xbound7Q',
            "quote-open": 'boundary="xbound7Q'}.items():
        c.bad("boundary-" + name, c.detached(type_=typed(usual + parameters)),
              "ambiguous-structure")
    for name, parameters in {
            "protocol-twice": 'protocol="text/plain"',
            "protocol-twice-same": 'protocol="application/pkcs7-signature"',
            "micalg-twice": "micalg=md5"}.items():
        c.bad("parameter-" + name, c.detached(type_=typed(
            usual + 'boundary="xbound7Q"; ' + parameters)),
            "ambiguous-structure")
    c.good("boundary-continued", c.detached(type_=typed(
        usual + 'boundary*0="xbound"; boundary*1="7Q"')))
    c.good("boundary-unquoted", c.detached(type_=typed(
        usual + "boundary=xbound7Q")))
    c.good("boundary-folded", c.detached(type_=typed(
        usual.replace("; ", ";\n\t") + 'boundary="xbound7Q"')))
    c.good("boundary-70", c.detached(boundary="b" * 70))
    for name, mail in {
            "prefix-inside": c.detached(multipart_inside("xbound7Qa")),
            "prefix-line": c.detached(TEXT + b"--xbound7Q and more\n"),
            "prefix-behind-part": c.detached(between=b"--xbound7Qa\n")}.items():
        c.bad("boundary-" + name, mail,
              "digest-mismatch" if name == "prefix-behind-part"
              else "ambiguous-structure")
    c.error("boundary-nested-same", c.detached(multipart_inside(BOUNDARY)),
            "BadMessage")
    for name, mail in {
            "first-again": c.detached(preamble=B + b"x\n"),
            "closing-first": c.detached(preamble=B + b"--x\n"),
            "upper-case-line": c.detached(
                epilogue=B.upper() + b"\n" + HTML + B.upper() + b"--\n"),
            "blank-line-behind": c.detached().replace(
                B + b"--", B + b" --\n" + B + b"--")}.items():
        c.bad("boundary-" + name, mail, {
            "upper-case-line": "text-outside", "blank-line-behind":
            "trailing-data"}.get(name, "ambiguous-structure"))
    for name, said in {"quotes-inside": '"xbound""7Q"',
                       "equals-twice": '="xbound7Q"'}.items():
        c.error("boundary-" + name, c.detached(type_=typed(
            usual + "boundary=" + said)), "BadMessage")
    c.error("boundary-closed-first", c.detached(preamble=B + b"--\n"),
            "BadMessage")
    c.error("boundary-missing", c.detached(type_=typed(usual)), "BadMessage")
    c.error("boundary-empty", c.detached(type_=typed(usual + 'boundary=""')),
            "BadMessage")
    c.good("boundary-other-inside", c.detached(multipart_inside("inner")))
    c.bad("cut-before-end", c.detached()[:-len(B) - 3], "message-cut")
    c.bad("cut-closing-half", c.detached()[:-2], "message-cut")
    c.error("cut-in-signature", c.detached()[:-900], "BadMessage")
    c.error("cut-before-signature", c.detached().split(b"\n" + B + b"\nContent-"
            b"Type: application", 1)[0] + b"\n", "BadMessage")


def signature_part(c):
    """A second part that readers show as something else."""
    p7s = c.p7s()
    html = "Content-Type: text/html\nContent-Transfer-Encoding: base64\n"
    c.bad("p7s-type-html", c.detached(p7s_header=html), "ambiguous-structure")
    c.bad("p7s-type-html-with-text", c.detached(
        p7s_header="Content-Type: text/html\n", p7s=p7s + b"<p>" + EVIL),
        "ambiguous-structure")
    c.bad("p7s-type-text", c.detached(p7s_header="Content-Type: text/plain\n"),
          "ambiguous-structure")
    c.bad("p7s-type-none", c.detached(p7s_header=""), "ambiguous-structure")
    c.bad("p7s-type-image", c.detached(
        p7s_header=html.replace("text/html", "image/png")),
        "ambiguous-structure")
    c.bad("p7s-two-types", c.detached(
        p7s_header=P7S_HEADER + "Content-Type: text/html\n"),
        "ambiguous-structure")
    c.bad("p7s-two-encodings", c.detached(
        p7s_header=P7S_HEADER + "Content-Transfer-Encoding: 7bit\n"),
        "ambiguous-structure")
    c.bad("p7s-text-behind", c.detached(p7s=p7s + EVIL), "trailing-data")
    c.bad("p7s-padding-then-base64", c.detached(
        p7s=p7s.rstrip(b"=\n") + b"====\n" + encoded(EVIL)),
        "trailing-data")
    c.bad("p7s-html-in-rubbish", c.detached(
        p7s=p7s[:77] + b"<!--" + b"-" * 9 + b">\n" + p7s[77:]),
        "trailing-data")
    c.good("p7s-x-type", c.detached(
        p7s_header=P7S_HEADER.replace("pkcs7-s", "x-pkcs7-s")))
    c.good("p7s-octet-stream", c.detached(p7s_header=P7S_HEADER.replace(
        "application/pkcs7-signature", "application/octet-stream")))
    # As gateways leave it that know nothing of S/MIME.
    octets = "Content-Type: application/octet-stream"
    base64 = "\nContent-Transfer-Encoding: base64\n"
    for name, fields in {
            "octets": octets + base64,
            "octets-bin": octets + "; name=ATT00001.bin" + base64,
            "octets-dat": octets + base64 + "Content-Disposition: attachment; "
                          "filename=ATT00001.dat\n",
            "bin": P7S_HEADER.replace("smime.p7s", "smime.bin")}.items():
        c.good("p7s-renamed-" + name, c.detached(p7s_header=fields))
    for name in ("txt", "exe", "html", "p7s.txt", "bin.html"):
        c.bad("p7s-renamed-" + name, c.detached(
            p7s_header=octets + "; name=smime." + name + base64),
            "ambiguous-structure")
    c.good("p7s-blank-lines", c.detached(p7s=b"\n" + p7s + b"\n\n"))
    c.good("p7s-short-lines", c.detached(p7s=b"\n".join(
        p7s.replace(b"\n", b"")[i:i + 40]
        for i in range(0, len(p7s), 40)) + b"\n"))
    c.good("p7s-no-padding", c.detached(p7s=p7s.rstrip(b"=\n") + b"\n"))


def types(c):
    """Headers that make readers disagree on what the mail is."""
    def wrong(text):
        return c.detached(type_=text.encode())

    signed = multipart_type().decode()
    c.plain("type-mixed-not-signed", wrong(signed.replace("signed;", "mixed;")))
    c.plain("type-related-not-signed", wrong(signed.replace(
        "signed;", "related;")))
    c.plain("type-alternative-not-signed", wrong(signed.replace(
        "signed;", "alternative;")))
    c.plain("type-report-not-signed", wrong(signed.replace(
        "signed;", "report;")))
    c.plain("protocol-pgp", wrong(signed.replace("pkcs7", "pgp")), "openpgp")
    c.plain("openpgp-encrypted", header() + (
        b'Content-Type: multipart/encrypted; boundary=b; '
        b'protocol="application/pgp-encrypted"\n\n--b\n'
        b"Content-Type: application/pgp-encrypted\n\nVersion: 1\n--b\n"
        b"Content-Type: application/octet-stream\n\n"
        b"-----BEGIN PGP MESSAGE-----\n--b--\n"), "openpgp")
    c.plain("openpgp-inline", header() + b"\n-----BEGIN PGP SIGNED MESSAGE"
            b"-----\nHash: SHA256\n\nPlease pay.\n", "openpgp")
    c.plain("protocol-text", wrong(signed.replace(
        "application/pkcs7-signature", "text/plain")))
    c.plain("protocol-prefix", wrong(signed.replace(
        "pkcs7-signature", "pkcs7-signature-x")))
    c.plain("type-two-html-first", wrong("Content-Type: text/html\n" + signed))
    for name, text in {
            "two": signed + "Content-Type: text/html\n",
            "two-same": signed + signed,
            "two-encodings": signed + "Content-Transfer-Encoding: 7bit\n"
                                      "Content-Transfer-Encoding: base64\n",
            "encoding-base64": signed + "Content-Transfer-Encoding: base64\n",
            "encoding-quoted": signed + "Content-Transfer-Encoding: "
                                        "quoted-printable\n",
            "encoding-unknown": signed + "Content-Transfer-Encoding: x\n"
            }.items():
        c.error("type-" + name, wrong(text), "BadMessage")
    c.bad("type-comment", wrong(signed.replace(
        "multipart/signed", "(text/html;) multipart/signed")),
        "ambiguous-structure")
    c.bad("type-comment-inside", wrong(signed.replace(
        "multipart/signed", "multipart/(x)signed")), "ambiguous-structure")
    c.bad("type-blank-before-colon", wrong(signed.replace(
        "Content-Type:", "Content-Type :")), "malformed-header")
    c.good("type-upper-case", wrong(signed.replace(
        "multipart/signed", "MULTIPART/Signed")))
    c.good("type-encoding-7bit", wrong(
        signed + "Content-Transfer-Encoding: 7bit\n"))
    c.good("type-micalg-old-name", wrong(signed.replace("sha-256", "sha256")))
    external = (b"Content-Type: message/external-body; access-type=URL;\n"
                b' URL="http://evil.example/x"\n\nContent-Type: text/html\n\n')
    partial = b"Content-Type: message/partial; id=x; number=1; total=2\n\nx\n"
    nested = (b'Content-Type: multipart/mixed; boundary="in"\n\n--in\n\ntext\n'
              b"--in\n%s\n--in--\n")
    deeper = (b'Content-Type: multipart/related; boundary="up"\n\n--up\n'
              b"%s\n--up--\n")
    for name, part in {"external-body": external, "partial": partial,
                       "external-body-nested": nested % external,
                       "external-body-deep": deeper % (nested % external),
                       "partial-nested": nested % partial}.items():
        c.bad("signed-" + name, c.detached(part), "content-elsewhere")
        c.bad("signed-" + name + "-opaque", c.opaque(part),
              "content-elsewhere")
    c.good("signed-html-with-picture", c.detached(
        b'Content-Type: text/html\n\n<img src="http://example.org/x.png">\n'))
    c.good("signed-speaks-of-external-body", c.detached(
        b"Content-Type: text/plain\n\nUse\nContent-Type: message/external-body"
        b"\nfor that.\n"))
    c.good("signed-multipart", c.detached(nested % TEXT))


def opaque(c):
    """application/pkcs7-mime: the text is in the CMS object."""
    usual = c.opaque()
    head, body = usual.split(b"\n\n", 1)
    head += b"\n\n"
    c.good("opaque", usual)
    c.good("opaque-crlf", usual.replace(b"\n", b"\r\n"))
    c.good("opaque-x-type", usual.replace(b"/pkcs7-mime", b"/x-pkcs7-mime"))
    c.good("opaque-octet-stream", usual.replace(
        b"application/pkcs7-mime; smime-type=signed-data",
        b"application/octet-stream"))
    c.good("opaque-no-smime-type", usual.replace(
        b" smime-type=signed-data;", b""))
    c.good("opaque-one-line", head + body.replace(b"\n", b"") + b"\n")
    c.good("opaque-blank-lines-behind", usual + b"\n\n\n")
    for name, text in {
            "text-behind": body + EVIL,
            "footer-behind": body + b"\n-- \nlist@example.org mailing list\n",
            "padding-then-base64": body.rstrip(b"\n") + b"==\n" + encoded(EVIL),
            "second-object": body.rstrip(b"=\n") + b"==\n" + body,
            "html-behind": body + b"<html>" + EVIL,
            "rubbish-inside": body[:77] + b"!!" + EVIL.replace(
                b" ", b"!").translate(None, b"abcdefghijklmnopqrstuvwxyz"
                                      b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
            + b"\n" + body[77:]}.items():
        c.bad("opaque-" + name, head + text, "trailing-data")
    c.error("opaque-text-before", head + EVIL + body, "BadMessage")
    c.error("opaque-padding-in-front", head + b"====\n" + body, "BadMessage")
    c.error("opaque-padding-inside", head + body[:154].rstrip(b"\n")
            + b"==\n" + body[154:], "BadMessage")
    c.error("opaque-cut", usual[:-900], "BadMessage")
    c.plain("opaque-text-type", usual.replace(
        b"application/pkcs7-mime; smime-type=signed-data", b"text/plain"))
    c.plain("opaque-html-type", usual.replace(
        b"application/pkcs7-mime; smime-type=signed-data", b"text/html"))
    c.error("opaque-two-types", usual.replace(
        b"\n\n", b"\nContent-Type: text/html\n\n", 1), "BadMessage")
    c.error("opaque-two-encodings", usual.replace(
        b"\n\n", b"\nContent-Transfer-Encoding: 7bit\n\n", 1), "BadMessage")


def layers(c):
    w = c.world
    inner_max = p7m(c)
    c.good("twice-signed", c.opaque(inner_max))
    c.good("twice-signed-detached", c.detached(entity(c)[:-1]
           .replace(BOUNDARY.encode(), b"innerb")))
    c.bad("inner-good-outer-eve", c.opaque(inner_max, cert=w.eve),
          "from-mismatch")
    c.bad("inner-eve-outer-good", c.opaque(c.opaque(
        head=b" ", cert=w.eve)[1:]), "from-mismatch")
    changed = inner_max + b"\n"
    c.bad("inner-good-outer-broken", c.detached(
        inner_max, p7s=c.p7s(changed + b"x")), "digest-mismatch")
    broken = entity(c).replace(b"10 EUR", b"99 EUR").replace(
        BOUNDARY.encode(), b"innerb")
    c.bad("inner-broken-outer-good", c.detached(broken), "digest-mismatch")
    c.bad("outer-no-signers", c.opaque(der=signed_data(
        canonical(inner_max), [], [w.max])), "no-signers")
    c.bad("inner-no-signers", c.opaque(
        P7M_HEADER.encode() + b"\n"
        + encoded(signed_data(canonical(TEXT), [], [w.max]))), "no-signers")
    deep = TEXT
    for _ in range(18):
        deep = p7m(c, deep)
    c.error("too-many-layers", header() + deep, "TooLarge")
    c.bad("changed-text", c.detached().replace(b"10 EUR", b"99 EUR"),
          "digest-mismatch")
    c.bad("changed-header", c.detached().replace(b"text/plain", b"text/html "),
          "digest-mismatch")
    c.bad("changed-blank", c.detached().replace(b"10 EUR", b"10  EUR"),
          "digest-mismatch")
    c.bad("other-text", c.detached(p7s=c.p7s(b"\nAnother.\n")),
          "digest-mismatch")
    c.good("changed-line-ends", c.detached().replace(b"\n", b"\r\n"))


def build(c):
    beside(c)
    inside(c)
    boundaries(c)
    signature_part(c)
    types(c)
    opaque(c)
    layers(c)
