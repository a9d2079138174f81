"""The CMS object: signers, attributes, encodings (RFC 5652, 5035, 8551)."""
from cms import (CERTIFICATE_V1, CERTIFICATE_V2, CONTENT_TYPE, MESSAGE_DIGEST,
                 SIGNING_TIME, attribute, attributes, canonical, names_v1,
                 names_v2, signed_data, signer)
from der import (DATA, HASH_OID, NULL, PKCS7, RSA_WITH, algorithm, hashed,
                 integer, octets, oid, seq, set_of, tlv, utc_time)
from mails import EVIL, TEXT, encoded
from pki import DAY, NOW, Certificate, rfc822

CONTENT = canonical(TEXT)


def both(c, name, verdict, reason, signers, certs=None, **more):
    """The same signers detached and around the text."""
    w = c.world
    certs = [w.max, w.ca] if certs is None else certs
    c.add(name, c.detached(p7s=encoded(signed_data(
        None, signers, certs, **more))), verdict, reason)
    c.add(name + "-opaque", c.opaque(der=signed_data(
        CONTENT, signers, certs, **more)), verdict, reason)


def contents(c):
    """A detached signature that brings a text of its own."""
    w = c.world
    evil = canonical(b"Content-Type: text/plain\n\n" + EVIL)
    for name, content, signed in [
            ("other", evil, evil), ("same", CONTENT, CONTENT),
            ("one-byte", b"x", b"x"), ("outer-is-evil", CONTENT, CONTENT),
            ("signed-is-shown", evil, CONTENT)]:
        part = TEXT if name != "outer-is-evil" else \
            b"Content-Type: text/plain\n\n" + EVIL
        c.bad("econtent-" + name, c.detached(part, p7s=encoded(signed_data(
            content, [signer(w.max, signed)], [w.max]))),
            "content-in-detached")
    c.bad("econtent-constructed", c.detached(p7s=encoded(signed_data(
        None, [signer(w.max, evil)], [w.max],
        inside=tlv(0x24, octets(evil[:9]), octets(evil[9:]))))),
        "content-in-detached")
    c.bad("econtent-and-text-changed", c.detached(
        TEXT.replace(b"10 EUR", b"99 EUR"), p7s=encoded(signed_data(
            CONTENT, [signer(w.max, CONTENT)], [w.max]))),
        "content-in-detached")
    c.good("econtent-empty", c.detached(p7s=encoded(signed_data(
        b"", [signer(w.max, CONTENT)], [w.max]))))
    c.bad("econtent-empty-signed-empty", c.detached(p7s=encoded(signed_data(
        b"", [signer(w.max, b"")], [w.max]))), "digest-mismatch")
    c.error("opaque-without-content", c.opaque(der=signed_data(
        None, [signer(w.max, CONTENT)], [w.max])), "BadMessage")
    c.error("opaque-content-no-octets", c.opaque(der=signed_data(
        None, [signer(w.max, CONTENT)], [w.max], inside=seq(CONTENT[:100]))),
        "Unsupported")
    for name, kind in {"tst": "1.2.840.113549.1.9.16.1.4",
                       "signed-data": PKCS7 + "2",
                       "enveloped": PKCS7 + "3",
                       "other": "1.2.3.4"}.items():
        both(c, "kind-" + name, "bad", "content-type-not-data",
             [signer(w.max, CONTENT,
                     attrs=attributes(CONTENT, kind=kind))], kind=kind)


def signers_of(c):
    w = c.world
    good = signer(w.max, CONTENT)
    eve = signer(w.eve, CONTENT)
    broken = signer(w.max, CONTENT, signature=b"\x5a" * 256)
    everybody = [w.max, w.eve, w.ca]
    both(c, "signers-none", "bad", "no-signers", [])
    both(c, "signers-none-no-certs", "bad", "no-signers", [], [])
    both(c, "signer-other", "bad", "from-mismatch", [eve], everybody)
    both(c, "signers-mine-broken", "bad", "signature-invalid", [broken, eve],
         everybody)
    both(c, "signers-mine-broken-last", "bad", "signature-invalid",
         [eve, broken], everybody)
    both(c, "signers-mine-other-text", "bad", "digest-mismatch",
         [signer(w.max, b"x"), eve], everybody)
    both(c, "signers-mine-without-certificate", "bad", "no-signer-certificate",
         [good, eve], [w.eve])
    both(c, "signer-named-as-max", "bad", "signature-invalid",
         [signer(w.max, CONTENT, key=w.eve_key)], everybody)
    both(c, "signer-without-certificate", "bad", "no-signer-certificate",
         [good], [])
    both(c, "signer-unknown-serial", "bad", "no-signer-certificate",
         [signer(w.max, CONTENT, sid=seq(w.max.issuer_name, integer(99)))])
    both(c, "signer-unknown-key-id", "bad", "no-signer-certificate",
         [signer(w.max, CONTENT, sid=tlv(0x80, b"x" * 20))])
    both(c, "signer-signature-empty", "bad", "signature-invalid",
         [signer(w.max, CONTENT, signature=b"")])
    both(c, "signer-by-key-id", "good", "",
         [signer(w.max, CONTENT, sid=tlv(0x80, w.max.key_id))])
    # A renewal that keeps its key keeps its identifier as well.
    old = w.issue(w.max_key, "max@example.org", begins=NOW - 30 * DAY,
                  ends=NOW - DAY)
    for name, certs in {"first": [old, w.max], "last": [w.max, old]}.items():
        both(c, "signer-by-key-id-old-" + name, "good", "",
             [signer(w.max, CONTENT, sid=tlv(0x80, w.max.key_id))], certs)
    both(c, "signer-by-key-id-old-alone", "bad", "expired",
         [signer(w.max, CONTENT, sid=tlv(0x80, w.max.key_id))], [old])
    fake = w.issue(w.eve_key, "boss@example.org", key_id=w.max.key_id)
    for name, certs in {"first": [fake, w.max], "last": [w.max, fake]}.items():
        both(c, "signer-by-key-id-other-" + name, "bad", "signature-invalid",
             [signer(w.max, CONTENT, key=w.ec_key, signed_with=algorithm(
                 "1.2.840.10045.4.3.2"), sid=tlv(0x80, w.max.key_id))], certs)
    decoys(c)
    both(c, "signers-two-mine", "good", "",
         [good, signer(w.ec, CONTENT)], [w.max, w.ec, w.ca])
    both(c, "signers-mine-and-other", "good", "other-signature", [good, eve],
         everybody)
    both(c, "signers-other-and-mine", "good", "other-signature", [eve, good],
         everybody)
    both(c, "signers-mine-for-old-readers", "good", "other-signature",
         [signer(w.max, CONTENT, md="sha1"), good], md=("sha1", "sha256"))
    both(c, "signers-mine-old-and-other", "bad", "weak-digest",
         [signer(w.max, CONTENT, md="sha1"), eve], everybody,
         md=("sha1", "sha256"))


def decoys(c):
    """Others that fit the signer's name, which anybody can add."""
    w = c.world
    named = (rfc822("max@example.org"),)
    false_ca = dict(issuer=w.other_ca, issuer_name=w.ca.name)
    others = {
        "key": w.issue(w.eve_key, names=named, serial=w.max.serial,
                       key_id=w.max.key_id, **false_ca),
        "issuer": w.issue(w.max_key, names=named, serial=w.max.serial,
                          **false_ca),
        "self": Certificate(w.max_key, None, names=named, serial=w.max.serial,
                            issuer_name=w.ca.name),
        "nobody": w.issue(w.max_key, serial=w.max.serial),
        "address": w.issue(w.max_key, "info@example.org",
                           serial=w.max.serial),
    }
    for name, other in others.items():
        for by, sid in {"number": None,
                        "key-id": tlv(0x80, w.max.key_id)}.items():
            info = signer(w.max, CONTENT, sid=sid)
            both(c, f"signer-decoy-{name}-by-{by}", "good", "", [info],
                 [other, w.max])
            both(c, f"signer-decoy-{name}-by-{by}-last", "good", "", [info],
                 [w.max, other])
            both(c, f"signer-decoy-{name}-by-{by}-alone", "bad", {
                "key": "signature-invalid", "nobody": "no-address",
                "address": "from-mismatch", "issuer": "untrusted-issuer",
                "self": "chain-signature"}[name], [info], [other])


def crowds(c):
    """Among many: the signer, its certificate, its issuer."""
    w = c.world
    mine = [signer(w.max, CONTENT)]
    eve = signer(w.eve, CONTENT)
    big = [w.issue(w.eve_key, "eve@evil.example", name="Eve",
                   names=tuple(rfc822(f"eve{n:04}.{i}@evil.example")
                               for n in range(250))) for i in range(28)]
    both(c, "crowd-certificate-last", "good", "", mine,
         [w.eve] * 31 + [w.max])
    both(c, "crowd-certificate-last-large", "good", "", mine, big + [w.max])
    middle = w.issue(w.eve_key, None, name="Crowd CA", eku=(), ca=True,
                     usage=4)
    below = Certificate(w.max_key, middle, names=(rfc822("max@example.org"),))
    both(c, "crowd-issuer-last", "good", "", [signer(below, CONTENT)],
         big + [middle, below])
    both(c, "crowd-signer-last", "good", "", [eve] * 15 + mine,
         [w.eve, w.max, w.ca])
    both(c, "crowd-signer-last-broken", "bad", "digest-mismatch",
         [eve] * 15 + [signer(w.max, b"x")], [w.eve, w.max, w.ca])
    both(c, "crowd-issuer-missing", "bad", "too-large",
         [signer(Certificate(w.max_key, Certificate(
             w.eve_key, w.ca, "Nobody", eku=(), ca=True, usage=4),
             names=(rfc822("max@example.org"),)), CONTENT)], big)
    for name, signers, certs in [
            ("certificates", mine, [w.eve] * 32 + [w.max]),
            ("signers", [eve] * 16 + mine, [w.max, w.eve])]:
        both(c, "crowd-too-many-" + name, "error", "TooLarge", signers, certs)


def protection(md, signed_with, more=b""):
    """CMSAlgorithmProtection (RFC 6211)."""
    return seq(algorithm(HASH_OID[md]), tlv(0xA1, oid(signed_with)), more)


def protected_algorithms(c):
    w = c.world
    name, usual = "1.2.840.113549.1.9.52", attributes(CONTENT)
    rsa, ecdsa = RSA_WITH["sha256"], "1.2.840.10045.4.3.2"
    right = protection("sha256", rsa)
    for case, more in {
            "digest": [attribute(name, protection("sha512", rsa))],
            "signature": [attribute(name, protection("sha256", ecdsa))],
            "signature-missing": [attribute(name, seq(
                algorithm(HASH_OID["sha256"])))],
            "more": [attribute(name, protection("sha256", rsa, NULL))],
            "octets": [attribute(name, octets(b"x"))],
            "two-values": [attribute(name, right, right)],
            "twice": [attribute(name, right)] * 2}.items():
        both(c, "attributes-algorithms-" + case, "bad", "attributes-bad",
             [signer(w.max, CONTENT, attrs=usual + more)])
    both(c, "attributes-algorithms-right", "good", "",
         [signer(w.max, CONTENT, attrs=usual + [attribute(name, right)])])
    both(c, "attributes-algorithms-null", "good", "",
         [signer(w.max, CONTENT, attrs=usual + [attribute(name, seq(
             algorithm(HASH_OID["sha256"], NULL),
             tlv(0xA1, oid(rsa), NULL)))])])
    both(c, "attributes-algorithms-ecdsa", "good", "",
         [signer(w.ec, CONTENT, attrs=usual + [attribute(
             name, protection("sha256", ecdsa))])], [w.ec])


def attribute_games(c):
    w = c.world
    kind = attribute(CONTENT_TYPE, oid(DATA))
    digest = attribute(MESSAGE_DIGEST, octets(hashed("sha256", CONTENT)))
    wrong_digest = attribute(MESSAGE_DIGEST, octets(hashed("sha256", b"x")))
    time = attribute(SIGNING_TIME, utc_time(NOW))
    when = utc_time(NOW)
    h = octets(hashed("sha256", CONTENT))
    games = {
        "no-content-type": [digest, time], "no-digest": [kind, time],
        "only-time": [time], "only-unknown": [attribute("1.2.3.4", NULL)],
        "content-type-twice": [kind, kind, digest],
        "digest-twice": [kind, digest, digest],
        "digest-twice-other": [kind, digest, wrong_digest],
        "time-twice": [kind, digest, time, time],
        "content-type-two-values": [
            attribute(CONTENT_TYPE, oid(DATA), oid(PKCS7 + "2")), digest],
        "digest-two-values": [
            kind, attribute(MESSAGE_DIGEST, h, octets(b"x" * 32))],
        "time-two-values": [kind, digest, attribute(SIGNING_TIME, when, when)],
        "content-type-no-value": [attribute(CONTENT_TYPE), digest],
        "digest-no-value": [kind, attribute(MESSAGE_DIGEST)],
        "time-no-value": [kind, digest, attribute(SIGNING_TIME)],
        "content-type-octets": [attribute(CONTENT_TYPE, octets(b"x")), digest],
        "content-type-other": [
            attribute(CONTENT_TYPE, oid(PKCS7 + "2")), digest],
        "digest-oid": [kind, attribute(MESSAGE_DIGEST, oid(DATA))],
        "digest-bits": [kind, attribute(MESSAGE_DIGEST, tlv(
            3, b"\0" + hashed("sha256", CONTENT)))],
        "digest-empty": [kind, attribute(MESSAGE_DIGEST, octets(b""))],
        "time-octets": [kind, digest, attribute(SIGNING_TIME, octets(b"x"))],
        "time-text": [kind, digest, attribute(SIGNING_TIME, tlv(
            0x17, b"260231000000Z"))],
        "time-leap-second": [kind, digest, attribute(SIGNING_TIME, tlv(
            0x17, b"161231235960Z"))],
        "time-fraction": [kind, digest, attribute(SIGNING_TIME, tlv(
            0x18, b"20260302100000.5Z"))],
        "time-no-seconds": [kind, digest, attribute(SIGNING_TIME, tlv(
            0x17, b"2603021000Z"))],
        "time-offset": [kind, digest, attribute(SIGNING_TIME, tlv(
            0x17, b"2603020000+0100"))],
    }
    for name, attrs in games.items():
        both(c, "attributes-" + name, "bad", "attributes-bad",
             [signer(w.max, CONTENT, attrs=attrs)])
    for name, attrs in {
            "digest-other": [kind, wrong_digest],
            "digest-short": [kind, attribute(MESSAGE_DIGEST, octets(
                hashed("sha256", CONTENT)[:16]))],
            "digest-long": [kind, attribute(MESSAGE_DIGEST, octets(
                hashed("sha256", CONTENT) + b"\0"))],
            "digest-of-other-hash": [kind, attribute(MESSAGE_DIGEST, octets(
                hashed("sha1", CONTENT)))]}.items():
        both(c, "attributes-" + name, "bad", "digest-mismatch",
             [signer(w.max, CONTENT, attrs=attrs)])
    both(c, "attributes-none", "good", "", [signer(w.max, CONTENT, attrs=())])
    both(c, "attributes-unknown", "good", "", [signer(
        w.max, CONTENT, attrs=[kind, digest, attribute("1.2.3.4", NULL)])])
    both(c, "attributes-no-time", "good", "",
         [signer(w.max, CONTENT, attrs=[kind, digest])])
    old = w.issue(w.max_key, "max@example.org", begins=NOW - 90 * DAY,
                  ends=NOW - 60 * DAY)
    later = "signed-later"
    for name, (tag, text, note) in {
            "1950": (0x17, b"500101000000Z", ""),
            "2049": (0x17, b"491231235959Z", later),
            "2050": (0x18, b"20500101000000Z", later),
            "9999": (0x18, b"99991231235959Z", later),
            "year-0": (0x18, b"00000101000000Z", ""),
            "general": (0x18, b"20260302100000Z", "date-differs")}.items():
        attrs = [kind, digest, attribute(SIGNING_TIME, tlv(tag, text))]
        both(c, "attributes-time-" + name, "good", note,
             [signer(w.max, CONTENT, attrs=attrs)])
        # No such time excuses a certificate that has expired.
        both(c, "attributes-time-expired-" + name, "bad", "expired",
             [signer(old, CONTENT, attrs=attrs)], [old])
    both(c, "attributes-time-odd-by-other", "bad", "from-mismatch", [signer(
        w.eve, CONTENT, attrs=attributes(CONTENT, time=NOW + 400 * DAY))],
        [w.eve])
    both(c, "attributes-unsigned", "good", "", [signer(
        w.max, CONTENT, unsigned=tlv(0xA1, attribute("1.2.3.4", NULL)))])
    both(c, "attributes-unsigned-digest", "bad", "attributes-bad", [signer(
        w.max, CONTENT, attrs=[kind, time], unsigned=tlv(0xA1, digest))])
    both(c, "attributes-replaced", "bad", "signature-invalid", [signer(
        w.max, CONTENT, signature=lambda _: w.max_key.sign(
            "sha256", hashed("sha256", b"other")))])
    both(c, "attributes-taken-off", "bad", "signature-invalid", [signer(
        w.max, CONTENT, attrs=(), signature=lambda _: w.max_key.sign(
            "sha256", hashed("sha256", set_of(*attributes(CONTENT)))))])


def attributes_as_content(c):
    """A signature over attributes, passed off as one over a content that is
    those attributes: nobody ever signed that as a mail."""
    w = c.world
    for name, more in {"plain": (), "more": (attribute("1.2.3.4", NULL),),
                       "long": (attribute("1.2.3.4", octets(b"y" * 300)),),
                       "v2": (names_v2(w.max.der),)}.items():
        old = set_of(*attributes(CONTENT, more=more))
        c.bad("attributes-are-content-" + name, c.opaque(der=signed_data(
            old, [signer(w.max, old, attrs=())], [w.max])),
            "attributes-as-content")
    crlf = set_of(*attributes(CONTENT, time=None, more=(
        attribute("1.2.3.4", octets(b"\r\nContent-Type: text/plain\r\n\r\n"
                                    + EVIL)),)))
    c.bad("attributes-are-content-text", c.opaque(der=signed_data(
        crlf, [signer(w.max, crlf, attrs=())], [w.max])),
        "attributes-as-content")
    old = crlf.replace(b"\n", b"").replace(b"\r", b"")
    c.bad("attributes-are-content-detached", c.detached(old, p7s=encoded(
        signed_data(None, [signer(w.max, canonical(old), attrs=())],
                    [w.max]))), "attributes-as-content")
    one = canonical(b"1 is the number.\n")
    c.good("content-begins-with-one", c.opaque(der=signed_data(
        one, [signer(w.max, one, attrs=())], [w.max])))


def certificate_names(c):
    """signingCertificate, which names the signer's certificate."""
    w = c.world
    serial = seq(seq(tlv(0xA4, w.max.issuer_name)), integer(w.max.serial))
    other_serial = seq(seq(tlv(0xA4, w.max.issuer_name)), integer(7))
    other_issuer = seq(seq(tlv(0xA4, w.other_ca.name)), integer(w.max.serial))
    wrong = {
        "v2-other": [names_v2(w.eve.der)], "v2-issuer": [names_v2(w.ca.der)],
        "v1-other": [names_v1(w.eve.der)],
        "v1-right-v2-other": [names_v1(w.max.der), names_v2(w.eve.der)],
        "v1-other-v2-right": [names_v1(w.eve.der), names_v2(w.max.der)],
        "v2-other-first": [attribute(CERTIFICATE_V2, seq(seq(
            seq(octets(hashed("sha256", w.eve.der))),
            seq(octets(hashed("sha256", w.max.der))))))],
        "v2-empty": [attribute(CERTIFICATE_V2, seq(seq()))],
        "v2-sha1-hash": [attribute(CERTIFICATE_V2, seq(seq(seq(octets(
            hashed("sha1", w.max.der))))))],
        "v2-unknown-hash": [attribute(CERTIFICATE_V2, seq(seq(seq(
            algorithm("1.2.3.4"), octets(hashed("sha256", w.max.der))))))],
        "v2-other-serial": [names_v2(w.max.der, other_serial)],
        "v2-other-issuer": [names_v2(w.max.der, other_issuer)],
    }
    for name, more in wrong.items():
        both(c, "names-" + name, "bad", "signing-certificate-mismatch",
             [signer(w.max, CONTENT, attrs=attributes(CONTENT, more=more))],
             [w.max, w.eve, w.ca])
    for name, more in {
            "v2-twice": [names_v2(w.max.der)] * 2,
            "v2-two-values": [attribute(CERTIFICATE_V2, *[
                seq(seq(seq(octets(hashed("sha256", d)))))
                for d in (w.max.der, w.eve.der)])],
            "v2-octets": [attribute(CERTIFICATE_V2, octets(b"x"))]}.items():
        both(c, "names-" + name, "bad", "attributes-bad",
             [signer(w.max, CONTENT, attrs=attributes(CONTENT, more=more))])
    for name, more in {
            "v2": [names_v2(w.max.der)], "v1": [names_v1(w.max.der)],
            "v2-serial": [names_v2(w.max.der, serial)],
            "both": [names_v1(w.max.der), names_v2(w.max.der)],
            "v2-sha512": [attribute(CERTIFICATE_V2, seq(seq(seq(
                algorithm(HASH_OID["sha512"]),
                octets(hashed("sha512", w.max.der))))))],
            "v1-empty-neighbour": [attribute(CERTIFICATE_V1, seq(seq(seq(
                octets(hashed("sha1", w.max.der))))))]}.items():
        both(c, "names-" + name, "good", "",
             [signer(w.max, CONTENT, attrs=attributes(CONTENT, more=more))])


def indefinite(tag, body):
    return bytes([tag, 0x80]) + body + b"\0\0"


def encodings(c):
    w = c.world
    sign = signer(w.max, CONTENT)
    usual = signed_data(CONTENT, [sign], [w.max, w.ca])
    detached = signed_data(None, [sign], [w.max, w.ca])
    for name, tail in {"object": usual, "text": EVIL, "set": set_of(NULL),
                       "html": b"<p>" + EVIL}.items():
        c.bad("behind-der-" + name, c.opaque(der=usual + tail),
              "trailing-data")
        c.bad("behind-der-detached-" + name, c.detached(
            p7s=encoded(detached + tail)), "trailing-data")
    for name, tail in {"line-end": b"\r\n", "zeros": b"\0" * 7}.items():
        c.good("behind-der-" + name, c.opaque(der=usual + tail))
        c.good("behind-der-detached-" + name, c.detached(
            p7s=encoded(detached + tail)))
    hashes = set_of(algorithm(HASH_OID["sha256"], NULL))
    certs = tlv(0xA0, w.max.der, w.ca.der)
    segments = b"".join(octets(CONTENT[i:i + 20])
                        for i in range(0, len(CONTENT), 20))

    def around(inner, tail=None):
        return seq(oid(PKCS7 + "2"), tlv(0xA0, seq(
            integer(1), hashes, seq(oid(DATA), tlv(0xA0, inner)),
            tail if tail is not None else certs + set_of(sign))))

    c.good("ber-segments", c.opaque(der=around(tlv(0x24, segments))))
    c.good("ber-nested-segments", c.opaque(
        der=around(tlv(0x24, tlv(0x24, segments)))))
    c.good("ber-indefinite", c.opaque(der=indefinite(0x30, oid(PKCS7 + "2")
           + indefinite(0xA0, indefinite(0x30, integer(1) + hashes + indefinite(
               0x30, oid(DATA) + indefinite(0xA0, indefinite(0x24, segments)))
               + certs + set_of(sign))))))
    long_form = usual[:1] + b"\x84" + len(usual[4:]).to_bytes(4, "big")
    c.good("ber-long-length", c.opaque(der=long_form + usual[4:]))
    for name, der in {
            "two-contents": around(octets(CONTENT) + octets(EVIL)),
            "two-certificates": around(
                octets(CONTENT), certs + certs + set_of(sign)),
            "two-signer-sets": around(
                octets(CONTENT), certs + set_of(sign) + set_of(sign)),
            "something-behind-signers": around(
                octets(CONTENT), certs + set_of(sign) + octets(EVIL)),
            "certificates-behind": around(
                octets(CONTENT), set_of(sign) + certs),
            "no-signer-set": around(octets(CONTENT), certs),
            "segment-of-other-type": around(
                tlv(0x24, octets(CONTENT[:9]) + tlv(0x0C, CONTENT[9:]))),
            "two-objects-in-info": seq(oid(PKCS7 + "2"), usual[19:]),
            "cut": usual[:-40], "empty": b"", "zero": b"\0",
            "indefinite-primitive": around(b"\x04\x80" + CONTENT + b"\0\0"),
            "unended": indefinite(0x30, oid(PKCS7 + "2"))[:-2]}.items():
        c.error("ber-" + name, c.opaque(der=der), "BadMessage")
    c.error("cms-data", c.opaque(der=seq(oid(DATA), tlv(
        0xA0, octets(CONTENT)))), "Unsupported")
    c.error("cms-digested", c.opaque(der=seq(oid(PKCS7 + "5"), tlv(
        0xA0, seq()))), "Unsupported")
    c.error("cms-compressed", c.opaque(der=seq(
        oid("1.2.840.113549.1.9.16.1.9"), tlv(0xA0, seq()))), "BadMessage")
    c.good("attributes-not-sorted", c.opaque(der=signed_data(CONTENT, [signer(
        w.max, CONTENT, attrs=sorted(attributes(CONTENT), reverse=True),
        ordered=False)], [w.max])))


def build(c):
    contents(c)
    signers_of(c)
    crowds(c)
    attribute_games(c)
    protected_algorithms(c)
    attributes_as_content(c)
    certificate_names(c)
    encodings(c)
