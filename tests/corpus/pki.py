"""Certificates, good ones and others."""
import base64
import datetime

from der import (P256, PKCS9, Rsa, algorithm, hashed, integer, octets, oid,
                 seq, set_of, tlv, utc_time)

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
DAY = datetime.timedelta(days=1)
EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4"
SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
SMTP_UTF8 = "1.3.6.1.5.5.7.8.9"
SIGNS = 0x80
NON_REPUDIATION = 0x40
ENCIPHERS = 0x20
CERT_SIGN = 0x04
CRL_SIGN = 0x02


def rdn(name, value):
    return set_of(seq(oid(name), value))


def dn(common_name, *more):
    return seq(rdn("2.5.4.10", tlv(0x0C, b"Example")),
               rdn("2.5.4.3", tlv(0x0C, common_name.encode())), *more)


def email_rdn(address, tag=0x16):
    return rdn(PKCS9 + "1", tlv(tag, address.encode()
                                if isinstance(address, str) else address))


def rfc822(address):
    return tlv(0x81, address.encode() if isinstance(address, str) else address)


def smtp_utf8(address, tag=0x0C):
    return tlv(0xA0, oid(SMTP_UTF8), tlv(0xA0, tlv(tag, address.encode())))


def extension(name, value, critical=False):
    return seq(oid(name), b"\x01\x01\xff" if critical else b"", octets(value))


class Certificate:
    """One certificate with its key; issuer None makes it self-signed. KEPT:
    extensions in any version."""
    count = 1000

    def __init__(self, key, issuer=None, name="Max", names=(), subject=(),
                 eku=(EMAIL_PROTECTION,), usage=SIGNS | ENCIPHERS, ca=False,
                 begins=NOW - 30 * DAY, ends=NOW + 300 * DAY, md="sha256",
                 serial=None, issuer_name=None, more=(), pathlen=None,
                 version=2, key_id=None, kept=False):
        Certificate.count += 1
        self.key = key
        self.serial = serial or Certificate.count
        self.name = dn(name, *subject)
        self.issuer_name = issuer_name or (issuer.name if issuer else self.name)
        self.key_id = key_id or hashed("sha1", key.spki())
        signer = issuer.key if issuer else key
        extensions = [
            extension("2.5.29.14", octets(self.key_id)),
            extension("2.5.29.19", seq(
                b"\x01\x01\xff" if ca else b"",
                b"" if pathlen is None else integer(pathlen)), True)]
        if usage is not None:
            unused = (usage & -usage).bit_length() - 1
            extensions.append(extension(
                "2.5.29.15", tlv(3, bytes([unused, usage])), True))
        if eku:
            extensions.append(extension(
                "2.5.29.37", seq(*[oid(e) for e in eku])))
        if names:
            extensions.append(extension("2.5.29.17", seq(*names)))
        extensions += more
        signed_with = signer.signature_algorithm(md)
        body = seq(tlv(0xA0, integer(version)) if version else b"",
                   integer(self.serial), signed_with, self.issuer_name,
                   seq(utc_time(begins), utc_time(ends)), self.name,
                   key.spki(),
                   tlv(0xA3, seq(*extensions)) if version == 2 or kept
                   else b"")
        self.der = seq(body, signed_with,
                       tlv(3, b"\0", signer.sign(md, hashed(md, body))))

    def pem(self):
        text = base64.encodebytes(self.der).decode()
        return f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"


def root(key, name="Corpus root"):
    return Certificate(key, None, name, eku=(),
                       usage=CERT_SIGN | CRL_SIGN, ca=True,
                       ends=NOW + 3000 * DAY)


def crl(issuer, *revoked, when=NOW - 10 * DAY, begins=NOW - DAY,
        ends=NOW + 30 * DAY, key=None, more=()):
    """A list of the certificates that ISSUER revoked; MORE: extensions."""
    key = key or issuer.key
    signed_with = key.signature_algorithm("sha256")
    body = seq(integer(1), signed_with, issuer.name, utc_time(begins),
               utc_time(ends), seq(*[seq(integer(x.serial), utc_time(when))
                                     for x in revoked]) if revoked else b"",
               tlv(0xA0, seq(*more)) if more else b"")
    return seq(body, signed_with, tlv(3, b"\0", key.sign(
        "sha256", hashed("sha256", body))))


class World:
    """A root that is trusted, one that is not, and people."""

    def __init__(self):
        self.ca = root(Rsa())
        self.other_ca = root(P256(), "Another root")
        self.max_key, self.eve_key, self.ec_key = Rsa(), Rsa(), P256()
        self.max = self.issue(self.max_key, "max@example.org")
        self.eve = self.issue(self.eve_key, "eve@evil.example", name="Eve")
        self.ec = self.issue(self.ec_key, "max@example.org")

    def issue(self, key, address=None, **more):
        if address:
            more.setdefault("names", (rfc822(address),))
        more.setdefault("issuer", self.ca)
        return Certificate(key, **more)
