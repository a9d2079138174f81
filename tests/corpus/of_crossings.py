"""Where two rules cross: protected fields in the layers of a signature, RFC
2231 in the types that make one, compression around and inside, files that are a signature
and a document; and what programs, gateways and lists really do, with the true
reason where that is not good."""
import zlib

from cms import attributes, canonical, compressed, signed_data, signer
from der import PKCS9, integer, seq
from mails import (EVIL, P7M_HEADER, P7S_HEADER, TEXT, encoded, header,
                   mixed_part, multipart_type)

CONTENT = canonical(TEXT)
MAX = b"From: Max <max@example.org>\n"
BOSS = b"From: Boss <boss@example.org>\n"
CLEAR = b'Content-Type: text/plain; hp="clear"\n'
PAY = b"\nPlease pay 10 EUR to Elena.\n"
P7Z_HEADER = P7M_HEADER.replace("signed-data", "compressed-data").replace(
    "p7m", "p7z")


def entity(c, part=TEXT, cert=None, boundary="in9"):
    """A multipart/signed as a part."""
    return c.detached(part, cert, head=b" ", boundary=boundary)[1:]


def p7m(c, content=TEXT, cert=None):
    return c.opaque(content, cert, head=b" ")[1:]


def p7z(content, **how):
    """CompressedData as a part."""
    return P7Z_HEADER.encode() + b"\n" + encoded(compressed(
        canonical(content), **how))


def protection(c):
    """RFC 9788 where it is unusual."""
    for name, fields in {
            "behind-type": CLEAR + BOSS, "upper": BOSS.upper() + CLEAR,
            "next-line": BOSS.replace(b" ", b"\n ", 1) + CLEAR,
            "extended": BOSS + CLEAR.replace(b'hp="', b"hp*=us-ascii''")
                                    .replace(b'"', b""),
            "continued": BOSS + CLEAR.replace(b'"clear"',
                                              b'"cl"; hp*1="ear"')
                                     .replace(b"hp=", b"hp*0="),
            "comment": BOSS.replace(b"<", b"(x) <") + CLEAR,
            "both-kinds": BOSS + CLEAR.replace(
                b"hp=", b'protected-headers="v1"; hp='),
            "html": BOSS + CLEAR.replace(b"plain", b"html")}.items():
        for form in (c.detached, c.opaque):
            c.bad(f"cross-hp-{name}-{form.__name__}", form(fields + PAY),
                  "inner-from")
    c.good("cross-hp-twice", c.detached(MAX + CLEAR.replace(
        b'"clear"', b'"clear"; hp="cipher"') + PAY))
    c.bad("cross-hp-blank-before-colon", c.detached(
        BOSS.replace(b":", b" :") + CLEAR + PAY), "malformed-header")
    boss = BOSS + CLEAR + PAY
    for name, part in {
            "twice-signed": entity(c, boss), "opaque-inside": p7m(c, boss),
            "compressed": p7z(boss), "compressed-signed": p7z(entity(c, boss)),
            "signed-compressed": entity(c, p7z(boss)),
            "wrapped": b'Content-Type: message/rfc822; hp="clear"; '
                       b"forwarded=no\n\n" + boss,
            "alternative": BOSS + mixed_part(TEXT, TEXT).replace(
                b"mixed;", b'alternative; hp="clear";', 1)}.items():
        c.bad("cross-hp-boss-" + name, c.detached(part), "inner-from")
        c.bad("cross-hp-boss-" + name + "-opaque", c.opaque(part),
              "inner-from")
    for name, part in {
            "resent": MAX + b"Resent-From: boss@example.org\n" + CLEAR + PAY,
            "sender": MAX + b"Sender: boss@example.org\n" + CLEAR + PAY,
            "content-from": b"Content-From: boss@example.org\n" + CLEAR + PAY,
            "attached": b'Content-Type: message/rfc822; hp="clear"; '
                        b"forwarded=yes\n\n" + boss,
            "deep": mixed_part(mixed_part(boss).replace(b"mb8", b"mb9"), TEXT)
            .replace(b"mixed;", b'mixed; hp="clear";', 1),
            "lies-of-outside": MAX + b"HP-Outer: From: boss@example.org\n"
                               b"HP-Outer: Subject: x\n" + CLEAR + PAY,
            "same-in-each": MAX + entity(c, MAX + CLEAR + PAY)}.items():
        c.good("cross-hp-honest-" + name, c.detached(part))
        c.good("cross-hp-honest-" + name + "-opaque", c.opaque(part))


def senders(c):
    boss = "From: boss@example.org\n"
    for name, fields, reason in [
            ("twice", boss + "Sender: max@example.org\n" * 2, "from-mismatch"),
            ("list", boss + "Sender: max@example.org, eve@evil.example\n",
             "from-mismatch"),
            ("group", boss + "Sender: x: max@example.org;\n", "from-mismatch"),
            ("of-two", "From: boss@example.org, max@example.org\n"
                       "Sender: max@example.org\n", "several-from"),
            ("on-behalf", 'From: "Max on behalf of boss@example.org" '
                          "<max@example.org>\nSender: max@example.org\n",
             "deceiving-name"),
            ("via", "From: Max via Boss <boss@example.org>\n"
                    "Reply-To: Max <max@example.org>\n"
                    "X-Original-From: Max <max@example.org>\n",
             "from-mismatch")]:
        c.bad("cross-sender-" + name, c.detached(head=header(fields)), reason)
    for name, value, reason in [
            ("mailto", "<mailto:max@example.org>", "malformed-from"),
            ("dot-behind", "max@example.org.", "malformed-from"),
            ("two-angles", "Max <max@example.org> via <eve@evil.example>",
             "malformed-from"),
            ("word-in-angle", 'Max <"boss" max@example.org>',
             "malformed-from"),
            ("quote-inside", '"Max\\" <boss@example.org>" <max@example.org>',
             "deceiving-name"),
            ("angle-encoded", "=?utf-8?q?Max_=3Cboss=40example.org=3E?= "
                              "<max@example.org>", "deceiving-name"),
            ("via-comment", "Max <max@example.org> (via boss@example.org)",
             "deceiving-name"),
            ("percent", '"boss%40example.org" <max@example.org>',
             "deceiving-name"),
            ("percent-uri", '"mailto:boss%40example.org" <max@example.org>',
             "deceiving-name"),
            ("percent-encoded", "=?utf-8?q?boss=2540example.org?= "
                                "<max@example.org>", "deceiving-name"),
            ("no-break", "max\u00a0@example.org", "from-mismatch"),
            ("mongolian", '"boss\u180e@\u180eexample.org" <max@example.org>',
             "deceiving-name"),
            ("combining-at", '"boss @\u0338 example.org" <max@example.org>',
             "deceiving-name"),
            ("combining-at-close", '"boss@\u0338\u20dd example.org" '
                                   "<max@example.org>", "deceiving-name"),
            ("combining-at-half", '"boss @\ufe20 example . org" '
                                  "<max@example.org>", "deceiving-name"),
            ("rtl-word", '"gro.elpmaxe@ssob \u05d0" <max@example.org>',
             "deceiving-name"),
            ("uri", '"sip:boss@example.org" <max@example.org>',
             "deceiving-name"),
            ("quoted-cut", '"Max" "boss@example.org" <max@example.org>',
             "deceiving-name"),
            ("nested-words", '=?utf-8?b?PT91dGYtOD9iP1ltOXpjMEJsZUM1dmNtYz0/'
                             'PQ==?= <max@example.org>', "deceiving-name")]:
        c.bad("cross-from-" + name, c.detached(head=header(
            "From: " + value + "\n")), reason)


def parameters(c):
    """RFC 2231 in what makes the structure."""
    def typed(parameters):
        return c.detached(type_=multipart_type(parameters=parameters))

    usual = 'protocol="application/pkcs7-signature"; micalg=sha-256; '
    boundary = 'boundary="xbound7Q"'
    for name, said in {
            "protocol-extended": "protocol*=us-ascii''application%2Fpkcs7-"
                                 "signature; " + boundary,
            "protocol-continued": 'protocol*0="application/pkcs7"; '
                                  'protocol*1="-signature"; ' + boundary,
            "protocol-both": "protocol*0*=utf-8''application%2f; "
                             "protocol*1=pkcs7-signature; " + boundary,
            "protocol-order": 'protocol*1="-signature"; '
                              'protocol*0="application/pkcs7"; ' + boundary,
            "micalg-extended": usual.replace(
                "micalg=", "micalg*=us-ascii''") + boundary,
            "boundary-extended": usual + "boundary*=us-ascii''xbound7Q",
            "boundary-language": usual + "boundary*=us-ascii'en'xbound7Q",
            "boundary-no-charset": usual + "boundary*=''xbound7Q",
            "boundary-percent": usual + "boundary*0*=us-ascii''xbound; "
                                        "boundary*1*=%37Q",
            "semicolons": usual + ";; ;" + boundary + ";",
            "unknown": usual + "x-avg-checked=avg-ok-1A2B; type=\"text/html\";"
                               " " + boundary}.items():
        c.good("cross-2231-" + name, typed(said))
    for name, said in {
            "protocol-plain-and-continued": usual + 'protocol*0="application/'
                                            'pgp"; protocol*1="-signature"; '
                                            + boundary,
            "boundary-extended-twice": usual + "boundary*=us-ascii''xbound7Q; "
                                       "boundary*=us-ascii''other",
            "boundary-behind-pieces": usual + boundary + '; boundary*1="8"; '
                                      'boundary*2="x"'}.items():
        c.bad("cross-2231-" + name, typed(said), "ambiguous-structure")
    for name, said in {
            "boundary-utf16": usual + "boundary*=utf-16be''%00x%00b",
            "boundary-nul": usual + "boundary*=us-ascii''xbound7Q%00",
            "boundary-line-end": usual + "boundary*=us-ascii''xbound7Q%0A",
            "boundary-literal": usual + "boundary=\"us-ascii''xbound7Q\""
            }.items():
        c.error("cross-2231-" + name, typed(said), "BadMessage")
    opaque = c.opaque()
    for name, said in {
            "extended": b"smime-type*=us-ascii''signed-data",
            "continued": b'smime-type*0="signed"; smime-type*1="-data"',
            "quoted": b'smime-type="signed-data"',
            "upper": b"SMIME-Type=Signed-Data"}.items():
        c.good("cross-2231-smime-type-" + name, opaque.replace(
            b"smime-type=signed-data", said))
    for name, said in {"enveloped": b"enveloped-data",
                       "certs-only": b"certs-only",
                       "compressed": b"compressed-data",
                       "auth": b"authEnveloped-data"}.items():
        # The object says what it is; whoever believes the other word sees
        # no text at all.
        c.good("cross-smime-type-" + name, opaque.replace(
            b"smime-type=signed-data", b"smime-type=" + said))
    c.plain("cross-protocol-plain-and-extended", typed(
        "protocol*=us-ascii''application%2Fpgp-signature; " + usual
        + boundary), "openpgp")
    c.error("cross-2231-boundary-first-missing", typed(
        usual + 'boundary*1="7Q"; boundary*2="x"; ' + boundary), "BadMessage")
    for name, said in {
            "blank-in-type": "multipart /signed", "blank-behind-slash":
            "multipart/ signed", "folded": "multipart/\n signed",
            "tab": "multipart\t/\tsigned", "third": "multipart/signed/x"
            }.items():
        c.bad("cross-type-" + name, c.detached(
            type_=multipart_type().replace(
                b"multipart/signed", said.encode())), "ambiguous-structure")
        if name != "third":
            c.bad("cross-type-opaque-" + name, opaque.replace(
                b"application/pkcs7-mime", said.encode().replace(
                    b"multipart", b"application").replace(
                        b"signed", b"pkcs7-mime")), "ambiguous-structure")
    c.plain("cross-type-quoted", c.detached(type_=multipart_type().replace(
        b"multipart/signed", b'"multipart/signed"')))
    c.bad("cross-type-word-behind", c.detached(type_=multipart_type().replace(
        b"signed;", b"signed text/html;")), "ambiguous-structure")


def encodings(c):
    der = signed_data(CONTENT, [signer(c.world.max, CONTENT)],
                      [c.world.max, c.world.ca])
    detached = signed_data(None, [signer(c.world.max, CONTENT)],
                           [c.world.max, c.world.ca])

    def quoted(data):
        text = "".join(f"={b:02X}" for b in data)
        return "".join(text[i:i + 72] + "=\n" for i in range(
            0, len(text), 72)).encode() + b"\n"

    for name, body in {"quoted-printable": quoted(der), "binary": der,
                       "8bit": der}.items():
        c.good("cross-encoding-" + name, header() + P7M_HEADER.replace(
            "base64", name).encode() + b"\n" + body)
    c.good("cross-encoding-p7s-quoted", c.detached(
        p7s_header=P7S_HEADER.replace("base64", "quoted-printable"),
        p7s=quoted(detached)))
    usual = encoded(der)
    for name, said in {"7bit": "7bit", "missing": None}.items():
        fields = P7M_HEADER.replace("base64", said) if said else \
            P7M_HEADER.replace("Content-Transfer-Encoding: base64\n", "")
        c.good("cross-encoding-base64-said-" + name, header()
               + fields.encode() + b"\n" + usual)
    for name, body in {
            "uuencode": b"begin 644 smime.p7m\n#0V%T\n`\nend\n",
            "url-alphabet": usual.replace(b"+", b"-").replace(b"/", b"_")
            }.items():
        c.error("cross-encoding-" + name, header() + P7M_HEADER.replace(
            "base64", "x-uuencode" if name == "uuencode" else "base64")
            .encode() + b"\n" + body,
            "Unsupported" if name == "uuencode" else "BadMessage")


def compression(c):
    """CompressedData (RFC 8551 3.5) around, inside and between."""
    w = c.world

    def around(part, head=None, **how):
        return (head or header()) + p7z(part, **how)

    for name, mail in {
            "around-signed": around(entity(c)), "around-opaque": around(p7m(
                c)), "inside": c.detached(p7z(TEXT)),
            "inside-opaque": c.opaque(p7z(TEXT)),
            "between": c.detached(p7z(p7m(c)))}.items():
        c.good("cross-compressed-" + name, mail)
    c.bad("cross-compressed-eve", around(entity(c, cert=w.eve)),
          "from-mismatch")
    c.bad("cross-compressed-between-eve", c.detached(p7z(p7m(
        c, cert=w.eve))), "from-mismatch")
    c.bad("cross-compressed-changed", around(entity(c).replace(
        b"10 EUR", b"99 EUR")), "digest-mismatch")
    c.bad("cross-compressed-behind", around(entity(c) + EVIL),
          "text-outside")
    external = (b"Content-Type: message/external-body; access-type=URL;\n"
                b' URL="http://evil.example/"\n\nContent-Type: text/html\n\n')
    typed = b"Content-Type: text/plain\n"
    for name, (part, reason) in {
            "elsewhere": (external, "content-elsewhere"),
            "partial": (b"Content-Type: message/partial; id=x; number=1; "
                        b"total=2\n\nx\n", "content-elsewhere"),
            "elsewhere-deep": (mixed_part(TEXT, mixed_part(external).replace(
                b"mb8", b"mb9")), "content-elsewhere"),
            "types": (typed + typed.replace(b"plain", b"html") + PAY,
                      "ambiguous-structure"),
            "types-below": (mixed_part(TEXT, typed + typed.replace(
                b"plain", b"html") + PAY), "ambiguous-structure"),
            "two-boundaries": (mixed_part(TEXT).replace(
                b"boundary=", b'boundary="zz"; boundary='),
                "ambiguous-structure"),
            "encodings": (b"Content-Transfer-Encoding: 7bit\nContent-Transfer"
                          b"-Encoding: base64\n" + PAY,
                          "ambiguous-structure"),
            "wrapped-boss": (b"Content-Type: message/rfc822\n\n" + BOSS
                             + TEXT, "inner-from"),
            "bare-cr": (b"X-A: b\r" + BOSS + TEXT, "malformed-header")
            }.items():
        c.bad("cross-compressed-" + name, c.detached(p7z(part)), reason)
        c.bad("cross-compressed-" + name + "-opaque", c.opaque(p7z(part)),
              reason)
        c.bad("cross-compressed-" + name + "-between", around(
            c.detached(part, head=b" ")[1:]), reason)
    c.good("cross-compressed-mixed", c.detached(p7z(mixed_part(TEXT, TEXT))))
    c.plain("cross-compressed-text", around(TEXT))
    c.error("cross-compressed-twice", around(p7z(TEXT)), "TooLarge")
    c.plain("cross-compressed-in-mixed", header() + mixed_part(
        p7z(p7m(c)), TEXT))
    object_ = compressed(canonical(entity(c)))
    for name, more in {"object": object_, "text": EVIL,
                       "html": b"<p>" + EVIL}.items():
        c.bad("cross-compressed-der-behind-" + name, header()
              + P7Z_HEADER.encode() + b"\n" + encoded(object_ + more),
              "trailing-data")
        c.bad("cross-compressed-base64-behind-" + name, header()
              + P7Z_HEADER.encode() + b"\n" + encoded(object_).rstrip(b"=\n")
              + b"==\n" + encoded(more), "trailing-data")
    packed = zlib.compress(CONTENT)
    for name, data in {"cut": packed[:-9], "behind": packed + b"x" * 9,
                       "sum": packed[:-1] + bytes([packed[-1] ^ 1]),
                       "empty": b"", "no-zlib": CONTENT}.items():
        c.error("cross-compressed-packed-" + name, around(TEXT, packed=data),
                "BadMessage")


def files(c):
    """A CMS object can be a document as well: nobody signed that."""
    opaque = c.opaque()
    signature = "Content-Type: application/pkcs7-signature"
    octets = "Content-Type: application/octet-stream"
    base64 = "\nContent-Transfer-Encoding: base64\n"
    disposition = "Content-Disposition: attachment; filename="
    named = signature + "; name=smime.p7s" + base64
    for name, fields in {
            "name": signature + "; name=invoice.pdf" + base64,
            "file": named + disposition + "invoice.pdf\n",
            "two-files": named + disposition + "smime.p7s; "
                         "filename*=utf-8''invoice.pdf\n",
            "two-files-continued": named + disposition + "smime.p7s; "
                                   "filename*0=invoice; filename*1=.pdf\n",
            "two-names": signature + "; name=smime.p7s; "
                         "name*=utf-8''invoice.pdf" + base64,
            "two-dispositions": named + disposition + "smime.p7s\n"
                                + disposition + "invoice.html\n",
            "broken-no-word": named + "Content-Disposition: ; "
                              'filename="invoice.html"\n',
            "broken-quoted": named + 'Content-Disposition: "attachment"; '
                             'filename="invoice.html"\n',
            "broken-no-type": named + "Content-Disposition: "
                              "filename=invoice.html\n",
            "broken-no-equals": named + "Content-Disposition: attachment; "
                                "filename invoice.html\n",
            "broken-quoted-name": named + "Content-Disposition: attachment; "
                                  '"filename"=invoice.html\n',
            "gap": named + "Content-Disposition: attachment; "
                   "filename*0=smime.p7s; filename*2=.html\n",
            "gap-in-name": octets + "; name*0=a.bin; name*2=.html" + base64,
            "padded": octets + "; name*0=a; name*01=.html; name*1=.bin"
                      + base64,
            "piece-twice": octets + "; name*0=a; name*1=.bin; name*1=.html"
                           + base64,
            "utf-7": octets + "; name*=utf-7''invoice.html+AAA-.bin" + base64,
            "encoded-word": octets + '; name="=?utf-8?q?a.html=00?=.bin"'
                            + base64,
            "of-the-type": octets + "; filename=invoice.html" + base64,
            "stray": octets + "; name=a.bin .html" + base64,
            "type": named.replace("pkcs7-signature", "pdf"),
            "type-zip": named.replace("pkcs7-signature", "zip"),
            "type-pgp": named.replace("pkcs7", "pgp"),
            "type-certificate": named.replace("pkcs7-signature",
                                              "x-x509-ca-cert")}.items():
        c.bad("cross-file-" + name, c.detached(p7s_header=fields),
              "ambiguous-structure")
    for name, fields in {
            "no-name": signature + base64, "empty-name": signature
            + '; name=""' + base64, "upper": named.replace(
                "smime.p7s", "SMIME.P7S"),
            "twice": signature + "; name=smime.p7s; name*=utf-8''smime.p7s"
                     + base64 + disposition + "smime.p7s; "
                     "filename*=utf-8''smime.p7s\n",
            "continued": signature + "; name*0=smime; name*1=.p7s" + base64,
            "octets": octets + base64, "octets-bin": octets
            + "; name=ATT00001.bin" + base64 + disposition + "ATT00001.bin\n",
            "octets-foreign": octets + "; name*=gb2312''%ce%b4%c3%fc.bin"
                              + base64,
            "empty-disposition": named + "Content-Disposition:\n",
            "file-in-pieces": named + "Content-Disposition: attachment; "
                              "filename*1=.p7s; filename*0=smime\n",
            "mime": named.replace("signature", "mime; smime-type=signed-data"),
            "x-mime": named.replace("pkcs7-signature", "x-pkcs7-mime")
            }.items():
        c.good("cross-file-honest-" + name, c.detached(p7s_header=fields))
    usual = b"application/pkcs7-mime; smime-type=signed-data"
    for name, (old, new) in {
            "type": (usual, b"application/pdf"),
            "type-zip": (usual, b"application/zip"),
            "type-pkcs12": (usual, b"application/x-pkcs12"),
            "name": (b'name="smime.p7m"', b'name="invoice.pdf"'),
            "file": (b'filename="smime.p7m"', b'filename="invoice.pdf"')
            }.items():
        c.bad("cross-file-opaque-" + name, opaque.replace(old, new),
              "ambiguous-structure")
    for name, new in {"signature": b"application/pkcs7-signature",
                      "octets": b"application/octet-stream"}.items():
        c.good("cross-file-honest-opaque-" + name, opaque.replace(usual, new))


def bases(c):
    """A place in a header that nobody signed, for the links in what somebody
    did; and one in what is signed."""
    page = (b'Content-Type: text/html\n\n<p>Pay <a href="bill.html">here</a>'
            b"</p>\n")
    for name, field in {
            "base": "Content-Base: http://evil.example/\n",
            "location": "Content-Location: http://evil.example/x.html\n",
            "mozilla": "X-Mozilla-External-Attachment-URL: "
                       "http://evil.example/\n"}.items():
        c.bad("cross-base-" + name, c.detached(page, head=header(
            more=field)), "ambiguous-structure")
        c.bad("cross-base-" + name + "-opaque", c.opaque(
            page, head=header(more=field)), "ambiguous-structure")
        c.bad("cross-base-" + name + "-signature", c.detached(
            page, p7s_header=P7S_HEADER + field), "ambiguous-structure")
        c.good("cross-base-own-" + name, c.detached(field.encode() + page))
        c.good("cross-base-own-" + name + "-layer", c.detached(
            field.encode() + entity(c, page)))


def kinds(c):
    """What is signed, of unusual types."""
    boss = BOSS + b"Subject: x\n" + TEXT
    for name, kind in {
            "delivery": "message/delivery-status",
            "disposition": "message/disposition-notification",
            "feedback": "message/feedback-report",
            "headers": "text/rfc822-headers",
            "headers-global": "message/global-headers",
            "tnef": 'application/ms-tnef; name="winmail.dat"',
            "eml": 'application/octet-stream; name="x.eml"',
            "mbox": "application/mbox"}.items():
        c.good("cross-kind-" + name, c.detached(
            b"Content-Type: " + kind.encode() + b"\n\n" + boss))
    for name, part in {
            "eve-in-alternative": mixed_part(TEXT, p7m(c, cert=c.world.eve))
            .replace(b"mixed", b"alternative"),
            "broken-in-mixed": mixed_part(TEXT, entity(c).replace(
                b"10 EUR", b"99 EUR")),
            "related-start": mixed_part(
                b"Content-ID: <a@b>\n" + TEXT, b"Content-ID: <c@d>\n" + TEXT)
            .replace(b"mixed;", b'related; start="<c@d>";')}.items():
        c.good("cross-inside-" + name, c.detached(part))
        c.good("cross-inside-" + name + "-opaque", c.opaque(part))
    c.partial("cross-alternative-opaque-last", header() + mixed_part(
        TEXT, p7m(c)).replace(b"mixed", b"alternative"))
    c.good("cross-wrapped-signed", c.detached(
        b"Content-Type: message/rfc822; forwarded=no\n\n" + c.detached(
            boundary="in9")))


def programs(c):
    """What is done to mails on their way, and by whom they are made."""
    usual = c.detached()
    w = c.world
    for name, mail in {
            "version-twice": usual.replace(b"MIME-Version: 1.0\n",
                                           b"MIME-Version: 1.0\n" * 2),
            "disposition": usual.replace(
                b"Content-Type: multipart", b"Content-Disposition: inline\n"
                b"Content-ID: <x@y>\nContent-Language: de\n"
                b"Content-Class: urn:content-classes:message\n"
                b"Content-Type: multipart"),
            "groupwise": c.detached(boundary="=__PartAC1A2B3C.0__="),
            "openssl-lf": c.detached(preamble=b"This is an S/MIME signed "
                                              b"message\n\n",
                                     epilogue=b"\n"),
            "bare-cr-in-text": c.opaque(der=signed_data(
                b"\r\na\rb\r\n", [signer(w.max, b"\r\na\rb\r\n")],
                [w.max]))}.items():
        c.good("cross-program-" + name, mail)
    for name, mail in {
            "footer-in-text": usual.replace(
                b"\n--xbound7Q\nContent-Type: application", b"\n_____\nlist\n"
                b"--xbound7Q\nContent-Type: application", 1),
            "banner": usual.replace(b"\n\nPlease", b"\n\n[EXTERNAL]\nPlease"),
            "from-quoted": c.detached(TEXT + b"From here on.\n").replace(
                b"\nFrom here", b"\n>From here"),
            "blanks-cut": c.detached(TEXT + b"-- \n").replace(
                b"\n-- \n", b"\n--\n"),
            "recoded": c.detached(
                TEXT.replace(b"7bit", b"8bit") + b"\xc3\xa4\n").replace(
                b"8bit", b"quoted-printable").replace(b"\xc3\xa4", b"=C3=A4"),
            "signed-with-lf": c.detached(p7s=encoded(signed_data(
                None, [signer(w.max, TEXT)], [w.max]))),
            "signed-with-its-line-end": c.detached(p7s=encoded(signed_data(
                None, [signer(w.max, CONTENT + b"\r\n")], [w.max])))
            }.items():
        c.bad("cross-program-" + name, mail, "digest-mismatch")
    domain = w.issue(w.eve_key, "gateway@example.org", name="Example gateway")
    c.bad("cross-program-domain-certificate", c.detached(cert=domain),
          "from-mismatch")
    c.bad("cross-program-group", c.detached(head=header(
        "From: 'Max' via Group <group@example.com>\n")), "from-mismatch")
    c.plain("cross-program-bounce", header(
        "From: Mail Delivery System <MAILER-DAEMON@example.com>\n")
        + mixed_part(TEXT, b"Content-Type: message/delivery-status\n\n"
                     b"Action: failed\n", b"Content-Type: message/rfc822\n\n"
                     + usual).replace(
                         b"mixed;", b"report; report-type=delivery-status;"),
        "attached-signed")
    c.bad("cross-program-signed-receipt", c.opaque(der=signed_data(
        seq(integer(1)), [signer(w.max, seq(integer(1)), attrs=attributes(
            seq(integer(1)), kind=PKCS9 + "16.1.1"))], [w.max],
        kind=PKCS9 + "16.1.1"), p7m_header=P7M_HEADER.replace(
            "signed-data", "signed-receipt")), "content-type-not-data")


def build(c):
    protection(c)
    senders(c)
    parameters(c)
    encodings(c)
    compression(c)
    files(c)
    bases(c)
    kinds(c)
    programs(c)
