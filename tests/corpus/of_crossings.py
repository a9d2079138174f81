"""Where two rules cross: protected fields in the layers of a signature, RFC
2231 in the types that make one, compression around and inside, versions and
identifiers of signers, names of odd forms; and what programs, gateways and
lists really do, with the true reason where that is not good."""
import zlib

from cms import (CONTENT_TYPE, MESSAGE_DIGEST, attribute, attributes,
                 canonical, compressed, names_v2, signed_data, signer)
from der import (DATA, HASH_OID, NULL, PKCS1, PKCS7, PKCS9, Rsa, algorithm,
                 hashed, integer, octets, oid, pss_encoded, seq, set_of, tlv,
                 utc_time)
from mails import (BOUNDARY, EVIL, P7M_HEADER, P7S_HEADER, TEXT, encoded,
                   header, mixed_part, multipart_type)
from of_cms import both
from of_programs import PssKey
from pki import (NOW, SIGNS, Certificate, dn, email_rdn, extension, rdn,
                 rfc822, smtp_utf8)

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


def signers(c):
    w = c.world

    def one(name, verdict, reason="", certs=None, kind=DATA, sd=1, **how):
        both(c, "cross-" + name, verdict, reason,
             [signer(w.max, CONTENT, **how)], certs, kind=kind, version=sd)

    key_id = tlv(0x80, w.max.key_id)
    # It is not signed, and says nothing that sid and certificates do not.
    for n in (0, 2, 3, 4, 5, 127):
        one(f"version-{n}", "good", version=n)
        one(f"version-data-{n}", "good", sd=n)
    one("version-key-id-1", "good", sid=key_id)
    one("version-key-id-3", "good", sid=key_id, version=3, sd=3)
    one("version-negative", "error", "BadMessage", version=-1)
    one("version-huge", "error", "BadMessage", version=1 << 70)
    one("key-id-of-issuer", "bad", "signature-invalid",
        sid=tlv(0x80, w.ca.key_id))
    one("key-id-of-eve", "bad", "signature-invalid",
        [w.max, w.eve], sid=tlv(0x80, w.eve.key_id))
    one("key-id-prefix", "bad", "no-signer-certificate",
        sid=tlv(0x80, w.max.key_id[:10]))
    one("key-id-empty", "error", "BadMessage", sid=tlv(0x80))
    one("serial-zeros-in-front", "bad", "no-signer-certificate", sid=seq(
        w.max.issuer_name, tlv(2, b"\0\0" + w.max.serial.to_bytes(2, "big"))))
    one("serial-negative", "bad", "no-signer-certificate", sid=seq(
        w.max.issuer_name, integer(-w.max.serial)))
    one("issuer-upper", "good", sid=seq( # RFC 5280 7.1
        dn("CORPUS ROOT"), integer(w.max.serial)))
    one("issuer-empty", "bad", "no-signer-certificate", sid=seq(
        seq(), integer(w.max.serial)))
    # What is not signed adds nothing.
    counter = signer(w.eve, b"x", attrs=attributes(b"x")[1:])
    for name, more in {
            "counter-eve": attribute(PKCS9 + "6", counter),
            "counter-two": attribute(PKCS9 + "6", counter, counter),
            "counter-rubbish": attribute(PKCS9 + "6", NULL),
            "digest": attribute(MESSAGE_DIGEST, octets(bytes(32))),
            "type": attribute(CONTENT_TYPE, oid(PKCS7 + "2")),
            "certificate": names_v2(w.eve.der),
            "many": b"".join(attribute(f"1.2.3.{i}", NULL)
                             for i in range(200)),
            "malformed": octets(b"x")}.items():
        one("unsigned-" + name, "good", unsigned=tlv(0xA1, more))
    # ESS (RFC 2634): requests, labels and hints take nothing.
    ess = PKCS9 + "16.2."
    for name, more in {
            "receipt": attribute(ess + "1", seq(octets(b"id"), tlv(
                0x80, b"\0"), seq(seq(tlv(0x81, b"max@example.org"))))),
            "label": attribute(ess + "2", set_of(oid("1.2.3"), integer(2))),
            "list-history": attribute(ess + "3", seq(seq(
                octets(b"list"), tlv(0x18, b"20260302100000Z")))),
            "hints": attribute(ess + "4", seq(oid(DATA))),
            "identifier": attribute(ess + "7", octets(b"id")),
            "reference": attribute(ess + "10", seq(
                oid(DATA), octets(b"id"), octets(b"x"))),
            "counter": attribute(PKCS9 + "6", counter)}.items():
        one("ess-" + name, "good", attrs=attributes(CONTENT, more=(more,)))
    good = signer(w.max, CONTENT)
    wrong = signer(w.max, b"x")
    both(c, "cross-mine-twice", "good", "", [good, good], [w.max])
    both(c, "cross-mine-good-and-wrong", "good", "other-signature",
         [good, wrong], [w.max])
    both(c, "cross-mine-wrong-and-good", "good", "other-signature",
         [wrong, good], [w.max])
    for name, kind in {"receipt": PKCS9 + "16.1.1",
                       "authenticated": PKCS9 + "16.1.2",
                       "compressed": PKCS9 + "16.1.9",
                       "encrypted": PKCS7 + "6",
                       "content-info": PKCS9 + "16.1.6"}.items():
        one("kind-" + name, "bad", "content-type-not-data", kind=kind,
            attrs=attributes(CONTENT, kind=kind))
        one("kind-" + name + "-said-data", "bad", "attributes-bad", kind=kind)
        one("kind-" + name + "-no-attributes", "bad", "attributes-bad",
            kind=kind, attrs=())


def algorithms(c):
    w = c.world

    def one(name, verdict, reason="", cert=None, **how):
        cert = cert or w.max
        c.add("cross-" + name, c.detached(p7s=encoded(signed_data(
            None, [signer(cert, CONTENT, **how)], [cert, w.ca]))), verdict,
            reason)

    sha256 = algorithm(HASH_OID["sha256"])
    key = w.max_key

    def pss(*fields):
        return algorithm(PKCS1 + "10", seq(*fields))

    def signed(mgf="sha256", salt=32, md="sha256"):
        return lambda data: key.raw(pss_encoded(
            hashed(md, data), key.size, md, mgf, b"s" * salt))

    mgf = algorithm(PKCS1 + "8", sha256)
    one("pss-no-null", "good", signature=signed(), signed_with=pss(
        tlv(0xA0, sha256), tlv(0xA1, mgf), tlv(0xA2, integer(32))))
    one("pss-salt-0", "good", signature=signed(salt=0), signed_with=pss(
        tlv(0xA0, sha256), tlv(0xA1, mgf), tlv(0xA2, integer(0))))
    one("pss-mgf-by-default", "good", signature=signed("sha1"),
        signed_with=pss(tlv(0xA0, sha256), tlv(0xA2, integer(32))))
    one("pss-hash-by-default", "bad", "weak-digest", signature=signed(),
        signed_with=pss(tlv(0xA1, mgf), tlv(0xA2, integer(32))))
    one("pss-order", "bad", "unsupported-algorithm", signature=signed(),
        signed_with=pss(tlv(0xA1, mgf), tlv(0xA0, sha256),
                        tlv(0xA2, integer(32))))
    one("pss-no-parameters", "bad", "unsupported-algorithm",
        signature=signed(), signed_with=algorithm(PKCS1 + "10"))

    class Restricted(PssKey):
        """Says what alone may be signed with it (RFC 4055 3.1)."""

        def __init__(self, md, salt):
            super().__init__(True)
            self.said = (md, salt)

        def spki(self):
            md, salt = self.said
            said = algorithm(HASH_OID[md])
            return seq(algorithm(PKCS1 + "10", seq(
                tlv(0xA0, said), tlv(0xA1, algorithm(PKCS1 + "8", said)),
                tlv(0xA2, integer(salt)))), tlv(3, b"\0", seq(
                    integer(self.n), integer(self.e))))

    for name, of, verdict in [("same", ("sha256", 32), "good"),
                              ("other-digest", ("sha512", 32), "bad"),
                              ("longer-salt", ("sha256", 48), "bad"),
                              ("shorter-salt", ("sha256", 20), "good")]:
        one("pss-key-" + name, verdict,
            "" if verdict == "good" else "signature-invalid",
            w.issue(Restricted(*of), "max@example.org"))
    pss_key = PssKey(True)
    one("pss-key-signs-v15", "bad", "signature-invalid",
        w.issue(pss_key, "max@example.org"),
        signature=lambda data: Rsa.sign(pss_key, "sha256", hashed(
            "sha256", data)), signed_with=algorithm(PKCS1 + "11", NULL))
    one("ecdsa-null", "good", cert=w.ec, signed_with=algorithm(
        "1.2.840.10045.4.3.2", NULL))
    one("digest-parameters-octets", "bad", "unsupported-algorithm",
        digest_algorithm=algorithm(HASH_OID["sha256"], octets(b"x")))
    both(c, "cross-digests-unknown-too", "good", "",
         [signer(w.max, CONTENT)], md=("sha256", "sha512"))


def names(c):
    w = c.world
    key = w.max_key

    def one(case, verdict, reason="", **how):
        c.add("cross-names-" + case, c.detached(cert=w.issue(key, **how)),
              verdict, reason)

    mail = email_rdn("max@example.org")
    upn = tlv(0xA0, oid("1.3.6.1.4.1.311.20.2.3"), tlv(0xA0, tlv(
        0x0C, b"max@example.org")))
    for name, how in {
            "directory": dict(names=(tlv(0xA4, seq(mail)),)),
            "registered": dict(names=(tlv(0x88, oid("1.2.3")[2:]),)),
            "upn": dict(names=(upn,)),
            "xmpp": dict(names=(tlv(0xA0, oid("1.3.6.1.5.5.7.8.5"), tlv(
                0xA0, tlv(0x0C, b"max@example.org"))),)),
            "of-issuer": dict(more=(extension(
                "2.5.29.18", seq(rfc822("max@example.org"))),)),
            "unstructured": dict(subject=(rdn(PKCS9 + "2", tlv(
                0x16, b"max@example.org")),)),
            "user-id": dict(subject=(rdn("0.9.2342.19200300.100.1.1", tlv(
                0x0C, b"max@example.org")),)),
            "mail-attribute": dict(subject=(rdn(
                "0.9.2342.19200300.100.1.3", tlv(
                    0x16, b"max@example.org")),))}.items():
        one(name, "bad", "no-address", **how)
    one("of-issuer-dn", "bad", "no-address", issuer=Certificate(
        w.ca.key, None, "Corpus root", eku=(), usage=4, ca=True,
        subject=(mail,)), issuer_name=w.ca.name)
    one("set-of-two", "good", subject=(set_of(
        mail[2:], seq(oid("2.5.4.3"), tlv(0x0C, b"Max"))),))
    one("critical", "good", more=(extension("2.5.29.17", seq(rfc822(
        "max@example.org")), True),))
    one("late", "bad", "too-many-addresses", names=tuple(
        rfc822(f"m{i}@example.org") for i in range(40))
        + (rfc822("max@example.org"),))
    one("html", "good", name="<b>Boss</b>\n\x1b[2J",
        names=(rfc822("max@example.org"),))
    one("utf8-of-other-domain", "bad", "from-mismatch", names=(smtp_utf8(
        "max@example.org.evil.example"),))


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
    signers(c)
    algorithms(c)
    names(c)
    compression(c)
    kinds(c)
    programs(c)
