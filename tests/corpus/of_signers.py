"""Odd signers, algorithms and names: versions and identifiers, attributes that
nobody signed, parameters that contradict each other, certificates of other
kinds beside the signer's, addresses where no address belongs."""
from cms import (CONTENT_TYPE, MESSAGE_DIGEST, attribute, attributes,
                 names_v2, signed_data, signer)
from der import (DATA, HASH_OID, NULL, PKCS1, PKCS7, PKCS9, RSA_WITH, Rsa,
                 algorithm, hashed, integer, octets, oid, pss_encoded, seq,
                 set_of, tlv)
from mails import encoded
from of_cms import CONTENT, both
from of_programs import PssKey
from pki import (DAY, NOW, Certificate, crl, dn, email_rdn, extension, rdn, rfc822,
                 smtp_utf8)


class Raw:
    """What stands among the certificates."""

    def __init__(self, der):
        self.der = der


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
    # Two digests, of which the weaker counts.
    for name, md in {"sha1": "sha1", "md5": "md5"}.items():
        one("digest-sha256-signed-" + name, "bad", "weak-digest",
            signed_with=algorithm(RSA_WITH[md], NULL), signature=lambda data,
            md=md: key.sign(md, hashed(md, data)))
    one("digest-sha1-signed-sha256", "bad", "weak-digest",
        digest_algorithm=algorithm(HASH_OID["sha1"], NULL),
        attrs=attributes(CONTENT, md="sha1"))
    longer = dict(signed_with=algorithm(RSA_WITH["sha512"], NULL),
                  signature=lambda data: key.sign("sha512", hashed(
                      "sha512", data)))
    one("digest-sha256-signed-sha512", "good", **longer)
    one("digest-sha256-signed-sha512-no-attributes", "bad",
        "unsupported-algorithm", attrs=(), **longer)


def only(choice):
    """issuingDistributionPoint: 1, persons; 2, authorities; 5, attributes."""
    return extension("2.5.29.28", seq(tlv(0x80 + choice, b"\xff")), True)


def others(c):
    """Other kinds of certificates and revocation information (RFC 5652 10.2.2,
    RFC 5940): passed over."""
    w = c.world
    one = [signer(w.max, CONTENT)]
    for name, other in {
            "extended": tlv(0xA0, seq(NULL)), "attribute": tlv(0xA2, seq(
                integer(1), NULL)), "attribute-v1": tlv(0xA1, seq(NULL)),
            "other": tlv(0xA3, oid("1.2.3"), NULL)}.items():
        both(c, "cross-beside-" + name, "good", "", one, [
            Raw(other), w.max, w.ca])
        both(c, "cross-beside-" + name + "-last", "good", "", one, [
            w.max, w.ca, Raw(other)])
    for name, crls in {
            "ocsp": tlv(0xA1, oid("1.3.6.1.5.5.7.16.2"), seq(NULL)),
            "many": seq(NULL) * 500}.items():
        both(c, "cross-revocation-" + name, "good", "", one,
             crls=tlv(0xA1, crls))
    # A list that the message brings revokes, and clears nobody (RFC 8550 2.1).
    gone = crl(w.ca, w.max)
    for name, verdict, reason, crls in (
            ("named", "bad", "revoked", tlv(0xA1, gone)),
            ("named-indefinite", "bad", "revoked", b"\xa1\x80" + gone
             + b"\0\0"),
            ("named-behind-ocsp", "bad", "revoked", tlv(0xA1, tlv(0xA1, oid(
                "1.3.6.1.5.5.7.16.2"), seq(NULL)), gone)),
            ("named-out-of-date", "bad", "revoked", tlv(0xA1, crl(
                w.ca, w.max, when=NOW - 20 * DAY, begins=NOW - 9 * DAY,
                ends=NOW - 2 * DAY))),
            ("named-twice", "bad", "revoked", tlv(0xA1, crl(w.ca), gone)),
            ("named-by-eve", "good", "", tlv(0xA1, crl(
                w.ca, w.max, key=w.eve_key))),
            ("named-by-another", "good", "", tlv(0xA1, crl(
                w.other_ca, w.max))),
            ("another-named", "good", "", tlv(0xA1, crl(w.ca, w.eve))),
            ("nobody-named", "good", "", tlv(0xA1, crl(w.ca))),
            # Of another scope, but by the issuer, who gives a number once;
            # attribute certificates have numbers of their own.
            ("named-of-authorities", "bad", "revoked", tlv(0xA1, crl(
                w.ca, w.max, more=(only(2),)))),
            ("named-of-attributes", "good", "", tlv(0xA1, crl(
                w.ca, w.max, more=(only(5),)))),
            ("named-unknown-critical", "good", "", tlv(0xA1, crl(
                w.ca, w.max, more=(extension("1.2.3.4", NULL, True),)))),
            ("cut", "good", "", tlv(0xA1, gone[:-3]))):
        both(c, "cross-revocation-" + name, verdict, reason, one, crls=crls)
    both(c, "cross-revocation-since", "bad", "revoked-since", [signer(
        w.max, CONTENT, attrs=attributes(CONTENT, time=NOW - 15 * DAY))],
        crls=tlv(0xA1, gone))


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


def build(c):
    signers(c)
    algorithms(c)
    others(c)
    names(c)
