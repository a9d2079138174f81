"""Honest mails in the forms in which mail programs and gateways write them.
Each must be good: a verdict that people learn to ignore protects nobody."""
from cms import (CERTIFICATE_V2, CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME,
                 attribute, attributes, canonical, names_v2, signed_data,
                 signer)
from der import (DATA, HASH_OID, NULL, PKCS1, PKCS7, PKCS9, P256, Rsa,
                 algorithm, hashed, integer, octets, oid, pss_encoded, seq,
                 set_of, tlv, utc_time)
from mails import TEXT, date, encoded, header
from of_cms import indefinite
from pki import (DAY, EMAIL_PROTECTION, NON_REPUDIATION, NOW, SIGNS,
                 Certificate, email_rdn, extension, rfc822, smtp_utf8)

OUTLOOK_PREFERENCE = "1.3.6.1.4.1.311.16.4"
CAPABILITIES = PKCS9 + "15"
PREFERENCE = PKCS9 + "16.2.11"
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
SMARTCARD_LOGON = "1.3.6.1.4.1.311.20.2.2"


# ---- what is signed ------------------------------------------------------------
def multipart(kind, boundary, *parts, more="", preamble=b"", blank=b""):
    """A multipart as a part; BLANK is what each delimiter line ends with."""
    b = b"--" + boundary.encode()
    return (f'Content-Type: multipart/{kind};\n\tboundary="{boundary}"{more}'
            "\n\n".encode() + preamble
            + b"".join(b + blank + b"\n" + part + b"\n" for part in parts)
            + b + b"--" + blank + b"\n")


def part(kind, body, *fields):
    return ("Content-Type: " + kind + "\n" + "".join(
        f + "\n" for f in fields) + "\n").encode() + body


PLAIN = part('text/plain; charset="utf-8"', "Gr\u00fc\u00dfe, Max\n".encode(),
             "Content-Transfer-Encoding: 8bit")
QUOTED = part("text/plain;\n\tcharset=\"iso-8859-1\"",
              b"Gr=FC=DFe =\nund mehr=20\n\n-- \nMax\n",
              "Content-Transfer-Encoding: quoted-printable")
HTML = part("text/html; charset=utf-8",
            b"<html><body>Gr&uuml;&szlig;e<br><img src=3D\"cid:a@b\"></body>"
            b"</html>\n", "Content-Transfer-Encoding: quoted-printable")
PICTURE = part('image/png; name="a.png"', encoded(b"\x89PNG" + bytes(90)),
               "Content-Transfer-Encoding: base64", "Content-ID: <a@b>",
               'Content-Disposition: inline; filename="a.png"')
FILE = part("application/pdf;\n name*=utf-8''R%C3%A4tsel.pdf",
            encoded(b"%PDF-1.7\n" + bytes(300)),
            "Content-Transfer-Encoding: base64", "Content-Disposition: "
            "attachment;\n filename*0*=utf-8''R%C3%A4;\n filename*1*=tsel.pdf")
CALENDAR = part('text/calendar; charset="utf-8"; method=REQUEST',
                encoded(b"BEGIN:VCALENDAR\nEND:VCALENDAR\n"),
                "Content-Transfer-Encoding: base64")


def alternative(boundary="alt_1"):
    return multipart("alternative", boundary, PLAIN, HTML)


# ---- the mail around it ----------------------------------------------------------
def signature_part(*fields):
    return "".join(f + "\n" for f in fields)


def mail(c, content=TEXT, sender="Max Muster <max@example.org>", *,
         type_='multipart/signed; protocol="application/pkcs7-signature";\n'
               '\tmicalg=sha-256; boundary="%s"',
         boundary="b_1", p7s_header=None, before="", more="", preamble=b"",
         end=b"\n", p7s=None, first=b"", blank=b""):
    """CONTENT is signed as it is, its last line end too."""
    b = b"--" + boundary.encode()
    head = (before + f"From: {sender}\nTo: elena@example.org\n"
            f"Subject: Invoice\nDate: {date()}\n"
            "Message-ID: <1@example.org>\n" + more + "MIME-Version: 1.0\n"
            "Content-Type: " + (type_ % boundary if "%s" in type_ else type_)
            + "\n\n")
    p7s = p7s or c.p7s(content)
    p7s_header = p7s_header or signature_part(
        'Content-Type: application/pkcs7-signature; name="smime.p7s"',
        "Content-Transfer-Encoding: base64",
        'Content-Disposition: attachment; filename="smime.p7s"')
    return (first + head.encode() + preamble + b + blank + b"\n" + content
            + b"\n" + b + blank + b"\n" + p7s_header.encode() + b"\n" + p7s
            + b"\n" + b + b"--" + blank + end)


def sealed(c, content, *, attrs=None, certs=None, cert=None, md="sha256",
           opaque=False, mds=None, crls=b"", **how):
    """SignedData by max in some program's manner, in DER."""
    cert = cert or c.world.max
    content = canonical(content)
    one = signer(cert, content, md=md, attrs=attrs, **how)
    return signed_data(content if opaque else None, [one],
                       certs or [cert, c.world.ca], md=mds or (md,), crls=crls)


def capabilities(*names):
    return attribute(CAPABILITIES, seq(*[algorithm(n) for n in names]))


def named(cert):
    return seq(cert.issuer_name, integer(cert.serial))


def outlook_attributes(c, content, cert=None):
    cert = cert or c.world.max
    return [attribute(CONTENT_TYPE, oid(DATA)),
            attribute(SIGNING_TIME, utc_time(NOW)),
            attribute(MESSAGE_DIGEST, octets(hashed("sha256", canonical(
                content)))),
            capabilities("2.16.840.1.101.3.4.1.42", "2.16.840.1.101.3.4.1.2",
                         "1.2.840.113549.3.7", HASH_OID["sha256"]),
            attribute(OUTLOOK_PREFERENCE, named(cert)),
            attribute(PREFERENCE, tlv(0xA0, named(cert)[2:]))]


def outlook(c):
    body = multipart(
        "mixed", "----=_NextPart_001_0046_01DCAA00.11223344",
        multipart("related", "----=_NextPart_002_0047_01DCAA00.11223344",
                  multipart("alternative",
                            "----=_NextPart_003_0048_01DCAA00.11223344",
                            QUOTED, HTML), PICTURE), FILE)
    der = sealed(c, body, attrs=outlook_attributes(c, body),
                 signed_with=algorithm(PKCS1 + "1", NULL),
                 digest_algorithm=algorithm(HASH_OID["sha256"]))
    how = dict(
        boundary="----=_NextPart_000_0045_01DCAA00.11223344",
        p7s=encoded(der), end=b"\n\n",
        preamble=b"This is a multipart message in MIME format.\n\n",
        p7s_header=signature_part(
            'Content-Type: application/pkcs7-signature;\n\tname="smime.p7s"',
            "Content-Transfer-Encoding: base64", "Content-Disposition: "
            'attachment;\n\tfilename="smime.p7s"'),
        more="X-Mailer: Microsoft Outlook 16.0\nThread-Index: AdqrAA==\n"
             "Content-Language: de\n")
    for name, micalg in {"": "SHA256", "-quoted": '"SHA256"', "-oid":
                         "2.16.840.1.101.3.4.2.1", "-sha1-said": "SHA1",
                         "-unknown": "unknown"}.items():
        c.good("outlook" + name, mail(
            c, body, '"Muster, Max (IT)" <max@example.org>', type_="multipart/"
            'signed;\n\tprotocol="application/x-pkcs7-signature";\n\tmicalg='
            + micalg + ';\n\tboundary="%s"', **how))
    for name, sender in {
            "address": '"max@example.org" <max@example.org>',
            "quotes": "\"'max@example.org'\" <max@example.org>",
            "bare": "<max@example.org>"}.items():
        c.good("outlook-" + name, mail(c, body, sender, **how))
    for name, content in {"": body, "-plain": QUOTED}.items():
        der = sealed(c, content, attrs=outlook_attributes(c, content),
                     opaque=True)
        for form, data in {"": der, "-ber": indefinite(0x30, oid(
                PKCS7 + "2") + indefinite(0xA0, opaque_ber(c, content)))
                }.items():
            c.good("outlook-opaque" + name + form, header(
                '"max@example.org" <max@example.org>\n'.join(["From: ", ""]))
                + b"Content-Type: application/x-pkcs7-mime;\n\tsmime-type="
                b'signed-data;\n\tname="smime.p7m"\nContent-Transfer-Encoding:'
                b' base64\nContent-Disposition: attachment;\n\tfilename='
                b'"smime.p7m"\n\n' + encoded(data) + b"\n")


def opaque_ber(c, content):
    content = canonical(content)
    one = signer(c.world.max, content)
    segments = b"".join(octets(content[i:i + 100])
                        for i in range(0, len(content), 100))
    return indefinite(0x30, integer(1) + set_of(algorithm(
        HASH_OID["sha256"], NULL)) + indefinite(0x30, oid(DATA) + indefinite(
            0xA0, indefinite(0x24, segments))) + indefinite(
                0xA0, c.world.max.der + c.world.ca.der) + set_of(one))


def apple(c):
    signature = signature_part(
        "Content-Disposition: attachment;\n\tfilename=smime.p7s",
        "Content-Type: application/pkcs7-signature;\n\tname=smime.p7s",
        "Content-Transfer-Encoding: base64")
    for name, boundary, said in [
            ("mail", "Apple-Mail=_0A1B2C3D-0000-4E5F-8888-0123456789AB",
             '"%s"'),
            ("phone", "Apple-Mail-0A1B2C3D-0000-4E5F-8888-0123456789AB",
             "%s")]:
        body = multipart("alternative", boundary[:-1] + "C", QUOTED, multipart(
            "related", boundary[:-1] + "D", HTML, PICTURE,
            more=';\n\ttype="text/html"'))
        c.good("apple-" + name, mail(
            c, body, boundary=boundary, p7s_header=signature,
            type_="multipart/signed;\n\tboundary=" + said + ";\n\tprotocol="
            '"application/pkcs7-signature";\n\tmicalg=sha-256',
            more="X-Mailer: Apple Mail (2.3774)\n", preamble=b"\n", end=b"\n"))
    c.good("apple-version-comment", mail(c).replace(
        b"MIME-Version: 1.0\n",
        b"Mime-Version: 1.0 (Mac OS X Mail 16.0 \\(3774.6\\))\n"))


def thunderbird(c):
    body = multipart("mixed", "------------0x1Y2z", alternative(
        "------------AbC"), FILE, more='; protected-headers="v1"')
    body = b"From: Max Muster <max@example.org>\nTo: elena@example.org\n" \
        b"Message-ID: <1@example.org>\nSubject: Invoice\n" + body
    der = sealed(c, body, attrs=attributes(canonical(body), more=(
        capabilities("2.16.840.1.101.3.4.1.42", "2.16.840.1.101.3.4.1.2"),
        attribute(PREFERENCE, tlv(0xA0, named(c.world.max)[2:])))))
    for name, preamble in {
            "": b"This is a cryptographically signed message in MIME "
                b"format.\n\n",
            "-german": b"Dies ist eine kryptografisch unterzeichnete "
                       b"Nachricht im MIME-Format.\n\n"}.items():
        c.good("thunderbird" + name, mail(
            c, body, boundary="------------ms010203040506070809",
            p7s=encoded(der), preamble=preamble, end=b"\n\n",
            p7s_header=signature_part(
                'Content-Type: application/pkcs7-signature; name="smime.p7s"',
                "Content-Transfer-Encoding: base64", "Content-Disposition: "
                'attachment; filename="smime.p7s"',
                "Content-Description: S/MIME Cryptographic Signature"),
            more="User-Agent: Mozilla Thunderbird\nContent-Language: de-DE\n"))


def unix(c):
    inline = part("text/plain; charset=us-ascii", b"Hello,\n\n  Max\n-- \n"
                  b"Max\n", "Content-Disposition: inline",
                  "Content-Transfer-Encoding: quoted-printable")
    c.good("mutt", mail(
        c, inline, boundary="J2SCkAp4GZ/dPZZf", preamble=b"\n",
        type_='multipart/signed; micalg=sha-256;\n\tprotocol="application/'
              'x-pkcs7-signature"; boundary="%s"',
        more="Content-Disposition: inline\nUser-Agent: Mutt/2.2\n",
        p7s_header=signature_part(
            'Content-Type: application/x-pkcs7-signature; name="smime.p7s"',
            'Content-Disposition: attachment; filename="smime.p7s"',
            "Content-Transfer-Encoding: base64")))
    c.good("evolution", mail(
        c, alternative("=-1"), boundary="=-CxVbJq+/1", p7s_header=
        signature_part('Content-Type: application/pkcs7-signature; name="smi'
                       'me.p7s"', "Content-Disposition: attachment; "
                       "filename=smime.p7s", "Content-Transfer-Encoding: "
                       "base64"),
        type_='multipart/signed; micalg="sha-256"; \n\tprotocol="application/'
              'pkcs7-signature"; \n\tboundary="%s"', preamble=b"\n"))
    gpgsm = [attribute(CONTENT_TYPE, oid(DATA)),
             attribute(SIGNING_TIME, utc_time(NOW)),
             attribute(MESSAGE_DIGEST, octets(hashed("sha256", canonical(
                 inline))))]
    c.good("kmail", mail(
        c, inline, boundary="nextPart1234567.abcDEF0123",
        type_='multipart/signed; boundary="%s"; micalg="sha-256"; '
              'protocol="application/pkcs7-signature"',
        p7s=encoded(sealed(c, inline, attrs=gpgsm, certs=[
            c.world.max, c.world.ca, c.world.ca],
            digest_algorithm=algorithm(HASH_OID["sha256"]))),
        p7s_header=signature_part(
            "Content-Type: application/pkcs7-signature; name=smime.p7s",
            "Content-Description: This is a digitally signed message part.",
            "Content-Disposition: attachment; filename=smime.p7s",
            "Content-Transfer-Encoding: base64"), preamble=b"\n", end=b"\n\n"
        ))
    c.good("openssl", mail(
        c, b"Content-Type: text/plain\n\nHello.\n",
        boundary="----8A1B2C3D4E5F60718293A4B5C6D7E8F9",
        preamble=b"This is an S/MIME signed message\n\n", end=b"\n\n",
        type_='multipart/signed; protocol="application/x-pkcs7-signature"; '
              'micalg="sha-256"; boundary="%s"'))
    c.good("gmail", mail(
        c, alternative("000000000000a1b2c3"), end=b"",
        boundary="000000000000d4e5f6", p7s_header=signature_part(
            'Content-Type: application/pkcs7-signature; name="smime.p7s"',
            "Content-Transfer-Encoding: base64", "Content-Disposition: "
            'attachment; filename="smime.p7s"', "Content-Description: S/MIME"
            " Cryptographic Signature")))


def gateways(c):
    body = multipart("mixed", "=_x", alternative("=_y"), FILE)
    c.good("gateway-java", mail(
        c, body, boundary="----=_Part_21_1999.1772445600000", type_='multipart'
        '/signed; protocol="application/pkcs7-signature"; micalg=sha-256; \n'
        '\tboundary="%s"', p7s_header=signature_part(
            "Content-Type: application/pkcs7-signature; name=smime.p7s; \n"
            "\tsmime-type=signed-data", "Content-Transfer-Encoding: base64",
            'Content-Disposition: attachment; filename="smime.p7s"',
            "Content-Description: S/MIME Cryptographic Signature")))
    c.good("gateway-header-inside", mail(
        c, b"From: Max Muster <max@example.org>\nTo: elena@example.org\n"
        b"Received: from a.example (a.example [192.0.2.1])\n\tby b.example;\n"
        b"\tMon, 2 Mar 2026 11:00:00 +0100\nMIME-Version: 1.0\n" + body))
    for name, type_ in {
            "notes": 'multipart/signed; protocol="application/pkcs7-signature"'
                     '; micalg=sha256; Boundary="%s"',
            "upper": 'Multipart/Signed; Protocol="Application/PKCS7-Signature'
                     '"; MicAlg=SHA-256; BOUNDARY="%s"',
            "semicolon-behind": 'multipart/signed; protocol="application/pkcs7'
                                '-signature"; micalg=sha-256; boundary="%s";',
            "charset": 'multipart/signed; charset="utf-8"; protocol="applicat'
                       'ion/pkcs7-signature"; micalg=sha-256; boundary="%s"',
            "no-micalg": 'multipart/signed; protocol="application/pkcs7-sign'
                         'ature"; boundary="%s"',
            "no-protocol": 'multipart/signed; micalg=sha-256; boundary="%s"',
            "protocol-unquoted": "multipart/signed; protocol=application/pkcs"
                                 '7-signature; micalg=sha-256; boundary="%s"',
            "no-blanks": 'multipart/signed;protocol="application/pkcs7-signat'
                         'ure";micalg=sha-256;boundary="%s"',
            "blanks": 'multipart/signed ; protocol = "application/pkcs7-signa'
                      'ture" ; micalg = sha-256 ; boundary = "%s"',
            "report-type": 'multipart/signed; report-type=disposition-notific'
                           'ation; protocol="application/pkcs7-signature"; mi'
                           'calg=sha-256; boundary="%s"',
            "micalg-several": 'multipart/signed; protocol="application/pkcs7-'
                              'signature"; micalg="sha1,sha-256"; '
                              'boundary="%s"'}.items():
        c.good("type-honest-" + name, mail(c, body, type_=type_))
    for md, names in {"sha256": ("sha256", "SHA-256", "rsa-sha256"),
                      "sha384": ("sha384", "sha-384"),
                      "sha512": ("sha512", "sha-512", "SHA512", "sha-256")
                      }.items():
        for name in names:
            c.good(f"micalg-{md}-said-{name}", mail(
                c, p7s=c.p7s(TEXT, md=md), type_="multipart/signed; protocol="
                f'"application/pkcs7-signature"; micalg={name}; boundary="%s"'
                ))
    plain = 'Content-Type: application/pkcs7-signature; name="smime.p7s"\n'
    base64 = "Content-Transfer-Encoding: base64\n"
    for name, fields in {
            "name-twice": 'Content-Type: application/pkcs7-signature; name='
                          "\"smime.p7s\"; name*=utf-8''smime.p7s\n" + base64,
            "no-encoding": plain, "encoding-upper": plain + base64.upper(),
            "encoding-quoted": plain + base64.replace("base64", '"base64"'),
            "encoding-comment": plain + base64.replace("base64",
                                                       "base64 (really)"),
            "micalg": plain.replace("; name", "; micalg=sha-256; name")
            + base64,
            "smime-type": plain.replace("; name", "; smime-type=signed-data;"
                                        " name") + base64,
            "mime-version": "MIME-Version: 1.0\n" + plain + base64,
            "file": "Content-Type: application/octet-stream\n" + base64
                    + 'Content-Disposition: attachment; filename="smime.p7s"'
                      "\n"}.items():
        c.good("p7s-honest-" + name, mail(c, body, p7s_header=fields))
    p7s = c.p7s(body)
    for name, data in {
            "blank-lines": b"\n" + p7s + b"\n\n",
            "blanks": p7s.replace(b"\n", b" \n"),
            "one-line": p7s.replace(b"\n", b"") + b"\n",
            "lines-of-64": b"".join(
                p7s.replace(b"\n", b"")[i:i + 64] + b"\n"
                for i in range(0, len(p7s), 64))}.items():
        c.good("p7s-honest-" + name, mail(c, body, p7s=data))


def contents(c):
    forwarded = part("message/rfc822", b"From: Boss <boss@example.org>\n"
                     b"Subject: x\n\nForwarded.\n", "Content-Disposition: "
                     'attachment; filename="x.eml"')
    report = multipart(
        "report", "rep", PLAIN, part(
            "message/disposition-notification",
            b"Final-Recipient: rfc822;max@example.org\nDisposition: "
            b"manual-action/MDN-sent-manually; displayed\n"),
        part("text/rfc822-headers", b"From: boss@example.org\nSubject: x\n"),
        more="; report-type=disposition-notification")
    for name, content in {
            "alternative": alternative(), "html": HTML, "calendar": multipart(
                "alternative", "c", PLAIN, HTML, CALENDAR),
            "attachment-alone": FILE, "forwarded": multipart(
                "mixed", "f", PLAIN, forwarded),
            "forwarded-signed": multipart("mixed", "f", PLAIN, part(
                "message/rfc822", c.detached())),
            "forwarded-signed-changed": multipart("mixed", "f", PLAIN, part(
                "message/rfc822", c.detached().replace(b"10 EUR", b"9 EUR"))),
            "report": report, "empty": b"Content-Type: text/plain\n\n",
            "no-header": b"\nOnly a text.\n",
            "no-line-end": b"Content-Type: text/plain\n\nNo line end",
            "blank-lines-behind": TEXT + b"\n\n\n",
            "blanks-behind": TEXT.replace(b".\n", b".  \t\n"),
            "begins-like-mbox": TEXT + b"From here on it is easy.\n",
            "dashes": TEXT + b"-- \n--\n---\n----- x -----\n--b_2\n",
            "dots": TEXT + b".\n..\n.x\n",
            "long-line": TEXT + b"x" * 20000 + b"\n",
            "latin1": part("text/plain; charset=iso-8859-1",
                           "Gr\u00fc\u00dfe\n".encode("latin-1"),
                           "Content-Transfer-Encoding: 8bit"),
            "preamble-inside": multipart(
                "mixed", "p", PLAIN, HTML,
                preamble=b"This is a multi-part message in MIME format.\n"),
            "padded-delimiters": multipart("mixed", "p", PLAIN, HTML,
                                           blank=b"  "),
            "digest": multipart("digest", "d", b"\n" + b"From: boss@example."
                                b"org\nSubject: x\n\nText.\n"),
            "empty-parts": multipart("mixed", "e", b"\n", b"")}.items():
        c.good("content-" + name, mail(c, content))
        c.good("content-" + name + "-opaque", c.opaque(content))
        c.good("content-" + name + "-crlf", mail(c, content).replace(
            b"\n", b"\r\n"))
    c.good("delimiters-padded", mail(c, blank=b" \t"))


RECEIVED = ("Received: from mx.example.org (mx.example.org [192.0.2.1])\n"
            "\tby mail.example.org (Postfix) with ESMTPS id 4x1\n"
            "\tfor <elena@example.org>; Mon,  2 Mar 2026 10:00:01 +0000 (UTC)"
            "\nReceived: (qmail 1234 invoked by uid 89); 2 Mar 2026 10:00:00"
            " -0000\n")
SEALS = ("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;"
         "\n s=sel; t=1772445600;\n h=from:from:to:subject:date;\n"
         "\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\n\tb=" + "A" * 70
         + "\n\t " + "B" * 70 + "\n"
         "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=example.org; s=arc;\n b=\n"
         "ARC-Authentication-Results: i=1; mx.example.org; dkim=pass\n"
         " header.from=\"boss@example.org\" (x@y.example)\n"
         "Authentication-Results: mx.example.org;\n\tspf=pass smtp.mailfrom="
         "max@example.org\nReceived-SPF: pass (x)\n")
LIST = ("Sender: list-bounces@lists.example.org\nPrecedence: list\n"
        "List-Id: A list <list.lists.example.org>\n"
        "List-Post: <mailto:list@lists.example.org>\n"
        "X-BeenThere: list@lists.example.org\nReply-To: list@lists.example."
        "org\nErrors-To: list-bounces@lists.example.org\n")


def headers(c):
    for name, before in {
            "received": RECEIVED, "seals": SEALS + RECEIVED,
            "return-path": "Return-Path: <bounce@lists.example.org>\n"
                           "Delivered-To: elena@example.org\n",
            "return-path-empty": "Return-Path: <>\nX-Original-To: elena\n",
            "exchange": "X-MS-Exchange-Organization-SCL: -1\nX-MS-TNEF-"
                        "Correlator: \nX-MS-Exchange-CrossTenant-Id:\n"
                        " 00000000-0000-0000-0000-000000000000\n",
            "odd-names": "X-A/B: 1\nX_C.d: 2\nX-$%&: 3\nx: \n",
            "resent": "Resent-From: Carl <carl@example.org>\nResent-To: "
                      "elena@example.org\nResent-Date: Mon, 2 Mar 2026 "
                      "11:05:00 +0100\n"}.items():
        c.good("header-honest-" + name, mail(c, before=before))
    c.good("header-honest-list", mail(c, before=LIST).replace(
        b"Subject: ", b"Subject: [list] "))
    c.good("header-honest-latin1-subject", mail(c).replace(
        b"Invoice", b"Gr\xfc\xdfe"))
    c.good("header-honest-version-missing", mail(c).replace(
        b"MIME-Version: 1.0\n", b""))
    c.good("header-honest-type-first", mail(c).replace(
        b"From: Max", b"Content-Language: de\nFrom: Max", 1))
    for name, first in {
            "mbox": b"From max@example.org  Mon Mar  2 10:00:00 2026\n",
            "mbox-dash": b"From - Mon Mar 02 10:00:00 2026\n",
            "mbox-quoted": b"From max@example.org Mon Mar  2 10:00:00 2026\n"
                           b">From boss@example.org Mon Mar  2 09:00:00 2026 "
                           b"remote from x\n",
            "mbox-quoted-first": b">From max@example.org Mon Mar  2 10:00:00 "
                                 b"2026\n"}.items():
        c.good("header-honest-" + name, mail(c, first=first))
        c.good("header-honest-" + name + "-crlf", mail(
            c, first=first).replace(b"\n", b"\r\n"))
    whole = mail(c)
    head, body = whole.split(b"\n\n", 1)
    c.good("header-honest-crlf-body-lf", head.replace(b"\n", b"\r\n")
           + b"\r\n\r\n" + body)
    c.good("header-honest-lf-body-crlf", head + b"\n\n" + body.replace(
        b"\n", b"\r\n"))
    c.good("header-honest-mailbox-fields", mail(
        c, before="X-Mozilla-Status: 0001\nX-Mozilla-Keys:        \n"
        "Status: RO\nX-UID: 7\nContent-Length: 3000\nLines: 45\n"))
    footer = part("text/plain; charset=us-ascii",
                  b"____\nlist mailing list\n", "Content-Disposition: inline")
    entity = whole[whole.index(b"Content-Type"):]
    c.partial("list-footer-part", whole[:whole.index(b"Content-Type")]
              + multipart("mixed", "===1", entity, footer))
    c.bad("list-footer-behind", whole + b"____\nlist mailing list\n",
          "text-outside")
    c.bad("list-rewrites-from", mail(
        c, sender="Max Muster via list <list@lists.example.org>"),
        "from-mismatch")


SENDERS = {
    "no-blank": "Max<max@example.org>",
    "comment": "Max Muster (Example) <max@example.org>",
    "nickname": 'Max "Maxi" Muster <max@example.org>',
    "title": "Dr. Max Muster-Mann jr. <max@example.org>",
    "brackets-quoted": '"Max Muster [Example] | IT" <max@example.org>',
    "bar": "Max Muster | Example <max@example.org>",
    "slash": "Max Muster / Example & Co. <max@example.org>",
    "quoted-pair": '"Max \\"Maxi\\" Muster" <max@example.org>',
    "backslash": '"Example\\\\Max" <max@example.org>',
    "own-in-name": '"Max Muster (max@example.org)" <max@example.org>',
    "own-in-name-case": '"Max - MAX@EXAMPLE.ORG" <max@example.org>',
    "own-encoded": "=?UTF-8?B?bWF4QGV4YW1wbGUub3Jn?= <max@example.org>",
    "own-mailto": '"mailto:max@example.org" <max@example.org>',
    "long-folded": "=?utf-8?Q?M=C3=BCller=2C_J=C3=B6rg?=\n =?utf-8?Q?_=28Abte"
                   "ilung_f=C3=BCr_Sonderf=C3=A4lle=29?=\n\t=?utf-8?Q?_und_"
                   "mehr?=\n <max@example.org>",
    "encoded-parts": "=?iso-8859-1?Q?M=FCller=2C?= Max <max@example.org>",
    "encoded-1252": "=?Windows-1252?Q?Max_=96_M=FCller?= <max@example.org>",
    "encoded-1252-said-latin1": "=?iso-8859-1?Q?Max_=96_M=FCller?= "
                                "<max@example.org>",
    "hebrew-mark": '"\u05d0\u05dc\u05d9\u05e1 \u05db\u05d4\u05df\u200f" <max@example.org>',
    "arabic-mark": '"\u200f\u0623\u0644\u064a\u0633" <max@example.org>',
    "encoded-cut-off": "=?utf-8?Q?M=C3=BCller_M=C3?= <max@example.org>",
    "entity-apostrophe": "\"O&#39;Max & Co. &amp; x\" <max@example.org>",
    "encoded-quoted": '"=?utf-8?Q?M=C3=BCller=2C_Max?=" <max@example.org>',
    "encoded-cut": "=?utf-8?B?TcO8bGxlciDDvG0=?= =?utf-8?B?bMOkdXQ=?= "
                   "<max@example.org>",
    "encoded-character-cut": "=?utf-8?B?TcM=?= =?utf-8?B?vGxsZXI=?= "
                             "<max@example.org>",
    "encoded-comment": "max@example.org (=?utf-8?Q?M=C3=BCller?=)",
    "encoded-sjis": "=?Shift_JIS?B?jlKTYw==?= <max@example.org>",
    "encoded-euc-kr": "=?EUC-KR?B?sei43w==?= <max@example.org>",
    "encoded-big5": "=?big5?B?pP2kcA==?= <max@example.org>",
    "encoded-koi8": "=?koi8-r?B?7cHL0w==?= <max@example.org>",
    "encoded-1251": "=?windows-1251?Q?=CC=E0=EA=F1?= <max@example.org>",
    "encoded-8859-15": "=?ISO-8859-15?Q?M=FCller_=A4?= <max@example.org>",
    "utf8": "Max M\u00fcller <max@example.org>",
    "cyrillic": "\u041c\u0430\u043a\u0441 <max@example.org>",
    "hebrew": "\u05de\u05e7\u05e1 <max@example.org>",
    "persian-joiner": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 "
                      "<max@example.org>",
    "japanese": "\u5c71\u7530\u3000\u592a\u90ce <max@example.org>",
    "trailing-blank": "Max Muster <max@example.org> ",
    "at-handle": '"@max" <max@example.org>',
    "no-break-space": '"Max\u00a0Muster" <max@example.org>',
    "emoji-flag": "Max \U0001f1e9\U0001f1ea <max@example.org>",
    "empty-name": '"" <max@example.org>',
    "blank-name": '" " <max@example.org>',
    "hyphen-name": '"-" <max@example.org>',
    "comma-encoded-plain": "=?us-ascii?Q?Muster=2C_Max?= <max@example.org>",
    "apostrophes": "\"'Max Muster'\" <max@example.org>",
    "comment-behind": "Max Muster <max@example.org> (Example)",
    "domain-upper": "max@EXAMPLE.ORG",
}


def senders(c):
    for name, sender in SENDERS.items():
        c.good("sender-honest-" + name, mail(c, sender=sender))
    for name, fields in {"lower": b"from: ", "upper": b"FROM: ",
                         "no-blank": b"From:", "tab": b"From:\t",
                         "next-line": b"From:\n "}.items():
        c.good("sender-honest-field-" + name, mail(c).replace(
            b"From: ", fields))


class PssKey(Rsa):
    """An RSA key that signs with RSASSA-PSS; RESTRICTED says so itself."""

    def __init__(self, restricted=False, salt=32):
        super().__init__()
        self.restricted, self.salt = restricted, salt

    def spki(self):
        if not self.restricted:
            return super().spki()
        key = seq(integer(self.n), integer(self.e))
        return seq(algorithm(PKCS1 + "10"), tlv(3, b"\0", key))

    def sign(self, name, digest):
        return self.raw(pss_encoded(digest, self.size, name, name,
                                    b"s" * self.salt))

    def signature_algorithm(self, name):
        md = algorithm(HASH_OID[name])
        return algorithm(PKCS1 + "10", seq(
            tlv(0xA0, md), tlv(0xA1, algorithm(PKCS1 + "8", md)),
            tlv(0xA2, integer(self.salt))))


def signatures(c):
    w = c.world
    max_name = (rfc822("max@example.org"),)

    def by(cert, *more, **how):
        return mail(c, p7s=encoded(sealed(
            c, TEXT, cert=cert, certs=[cert, *more], **how)))

    pss_ca = w.issue(PssKey(), None, name="PSS CA", eku=(), ca=True, usage=4)
    pss = Certificate(PssKey(), pss_ca, names=max_name)
    c.good("signed-pss-chain", by(pss, pss_ca))
    c.good("signed-pss-key", by(Certificate(PssKey(True), w.ca,
                                            names=max_name)))
    c.good("signed-pss-sha512", by(Certificate(
        PssKey(salt=64), w.ca, names=max_name), md="sha512"))
    ec_ca = w.issue(P256(), None, name="EC CA", eku=(), ca=True, usage=4)
    c.good("signed-ec-chain", by(Certificate(P256(), ec_ca, names=max_name),
                                 ec_ca))
    c.good("signed-no-null", by(w.max, digest_algorithm=algorithm(
        HASH_OID["sha256"]), signed_with=algorithm(PKCS1 + "11")))
    middle = w.issue(Rsa(), None, name="Middle 1", eku=(), ca=True, usage=6)
    lower = Certificate(Rsa(), middle, "Middle 2", ca=True, usage=6,
                        eku=(CLIENT_AUTH, EMAIL_PROTECTION))
    leaf = Certificate(w.max_key, lower, names=max_name)
    for name, certs in {"": [lower, middle, w.ca], "-no-root": [lower, middle],
                        "-other-order": [w.ca, middle, lower],
                        "-twice": [middle, lower, middle, lower, w.ca, w.ca]
                        }.items():
        c.good("signed-three-levels" + name, by(leaf, *certs))
    c.good("signed-signer-last", mail(c, p7s=encoded(sealed(
        c, TEXT, certs=[w.ca, w.eve, w.max]))))
    old_root = Certificate(w.ca.key, None, "Corpus root", eku=(), usage=4,
                           ca=True, md="sha1")
    c.good("signed-root-with-sha1-beside", by(w.max, old_root))
    content = canonical(TEXT)
    stamp = tlv(0xA1, attribute(PKCS9 + "16.2.14", seq(oid(PKCS7 + "2"), tlv(
        0xA0, seq(octets(bytes(6000)))))))
    counter = tlv(0xA1, attribute(PKCS9 + "6", seq(integer(1))))
    c.good("signed-time-stamped", by(w.max, unsigned=stamp))
    c.good("signed-countersigned", by(w.max, unsigned=counter))
    c.good("signed-with-crl", by(w.max, crls=tlv(0xA1, seq(seq(integer(1)),
                                                          NULL))))
    c.good("signed-cades", by(w.max, attrs=attributes(content, more=(
        names_v2(w.max.der), attribute(PKCS9 + "16.2.15", seq(oid("1.2.3"))),
        attribute(PKCS9 + "16.2.4", seq(oid(DATA)))))))
    c.good("signed-names-chain", by(w.max, attrs=attributes(content, more=(
        attribute(CERTIFICATE_V2, seq(seq(
            seq(octets(hashed("sha256", w.max.der))),
            seq(octets(hashed("sha256", w.ca.der)))))),))))
    c.good("signed-clock-ahead", by(w.max, attrs=attributes(
        content, time=NOW + DAY / 100)))
    c.good("signed-yesterday", by(w.max, attrs=attributes(
        content, time=NOW - DAY)))
    c.good("signed-general-time", by(w.max, attrs=attributes(
        content, time=None, more=(attribute(SIGNING_TIME, tlv(
            0x18, NOW.strftime("%Y%m%d%H%M%SZ").encode())),))))


def certificates(c):
    w = c.world
    key = w.max_key
    upn = tlv(0xA0, oid("1.3.6.1.4.1.311.20.2.3"), tlv(0xA0, tlv(
        0x0C, b"max@ad.example.org")))
    mine = rfc822("max@example.org")
    for name, how in {
            "upn": dict(names=(upn, mine)),
            "dns-beside": dict(names=(tlv(0x82, b"example.org"), mine)),
            "many": dict(names=tuple(rfc822(f"m{i}@example.org")
                                     for i in range(20)) + (mine,)),
            "in-both": dict(names=(mine,), subject=(
                email_rdn("max@example.org"),)),
            "domain-upper": dict(names=(rfc822("max@Example.ORG"),)),
            "purposes": dict(names=(mine,), eku=(
                CLIENT_AUTH, EMAIL_PROTECTION, SMARTCARD_LOGON)),
            "signs-only": dict(names=(mine,), usage=SIGNS),
            "qualified": dict(names=(mine,), usage=NON_REPUDIATION, more=(
                extension("1.3.6.1.5.5.7.1.3", seq(seq(oid(
                    "0.4.0.1862.1.1")))),)),
            "policies": dict(names=(mine,), more=(extension(
                "2.5.29.32", seq(seq(oid("2.23.140.1.5.3.2"))), True),)),
            "netscape": dict(names=(mine,), more=(extension(
                "2.16.840.1.113730.1.1", b"\x03\x02\x05\x20"),)),
            "serial-large": dict(names=(mine,), serial=(1 << 158) + 7),
            "expires-today": dict(names=(mine,), ends=NOW + DAY / 24),
            "issued-now": dict(names=(mine,), begins=NOW - DAY / 1440)
            }.items():
        c.good("certificate-honest-" + name, mail(c, p7s=c.p7s(
            TEXT, w.issue(key, **how))))
    separate = w.issue(Rsa(), "max@example.org", usage=0x20)
    c.good("certificate-honest-separate", mail(c, p7s=encoded(sealed(
        c, TEXT, certs=[separate, w.max, w.ca], attrs=attributes(
            canonical(TEXT), more=(attribute(PREFERENCE, tlv(
                0xA0, named(separate)[2:])),))))))
    u, a = "max@b\u00fccher.example", "max@xn--bcher-kva.example"
    for name, sender in {"name": f"Max Muster <{u}>", "ascii": a, "upper":
                         "Max <max@B\u00dcCHER.example>"}.items():
        for kind, address in {"a": rfc822(a), "u": smtp_utf8(u)}.items():
            c.good(f"certificate-honest-idn-{name}-{kind}", mail(
                c, sender=sender, p7s=c.p7s(TEXT, w.issue(
                    key, names=(address,)))))


def build(c):
    outlook(c)
    apple(c)
    thunderbird(c)
    unix(c)
    gateways(c)
    contents(c)
    headers(c)
    senders(c)
    signatures(c)
    certificates(c)
