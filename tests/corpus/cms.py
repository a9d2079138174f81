"""SignedData (RFC 5652 5), each piece replaceable by a wrong one."""
import zlib

from der import (DATA, HASH_OID, NULL, PKCS7, PKCS9, algorithm, hashed,
                 integer, octets, oid, seq, set_of, tlv, utc_time)
from pki import NOW

CONTENT_TYPE = PKCS9 + "3"
MESSAGE_DIGEST = PKCS9 + "4"
SIGNING_TIME = PKCS9 + "5"
CERTIFICATE_V1 = PKCS9 + "16.2.12"
CERTIFICATE_V2 = PKCS9 + "16.2.47"


def canonical(data):
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def attribute(name, *values):
    return seq(oid(name), tlv(0x31, *values))


def names_v2(der, serial=b""):
    return attribute(CERTIFICATE_V2,
                     seq(seq(seq(octets(hashed("sha256", der)), serial))))


def names_v1(der):
    return attribute(CERTIFICATE_V1,
                     seq(seq(seq(octets(hashed("sha1", der))))))


def attributes(content, md="sha256", kind=DATA, time=NOW, more=()):
    """The usual ones as a list, so that a test can leave some out."""
    out = [attribute(CONTENT_TYPE, oid(kind)),
           attribute(MESSAGE_DIGEST, octets(hashed(md, content)))]
    if time:
        out.append(attribute(SIGNING_TIME, utc_time(time)))
    return out + list(more)


def signer(cert, content, md="sha256", attrs=None, signature=None, sid=None,
           signed_with=None, key=None, unsigned=b"", digest_algorithm=None,
           ordered=True, version=1):
    """One SignerInfo. attrs: None for the usual, () for none at all."""
    key = key or cert.key
    if attrs is None:
        attrs = attributes(content, md)
    field = b""
    to_sign = content
    if attrs:
        body = b"".join(sorted(attrs) if ordered else attrs)
        field, to_sign = tlv(0xA0, body), tlv(0x31, body)
    if signature is None:
        signature = key.sign(md, hashed(md, to_sign))
    elif callable(signature):
        signature = signature(to_sign)
    return seq(integer(version), sid or seq(cert.issuer_name, integer(cert.serial)),
               digest_algorithm or algorithm(HASH_OID[md], NULL), field,
               signed_with or key.signature_algorithm(md), octets(signature),
               unsigned)


def signed_data(content, signers, certs, md=("sha256",), kind=DATA, inside=None,
                crls=b"", version=1):
    """content None: detached. inside: the element in [0] instead of an OCTET
    STRING with the content."""
    inner = b""
    if inside is not None:
        inner = tlv(0xA0, inside)
    elif content is not None:
        inner = tlv(0xA0, octets(content))
    return content_info(seq(
        integer(version), set_of(*[algorithm(HASH_OID[m], NULL) for m in md]),
        seq(oid(kind), inner),
        tlv(0xA0, *[c.der for c in certs]) if certs else b"", crls,
        set_of(*signers)))


def compressed(content, kind=DATA, packed=None):
    """CompressedData (RFC 3274)."""
    return seq(oid(PKCS9 + "16.1.9"), tlv(0xA0, seq(
        integer(0), algorithm(PKCS9 + "16.3.8"),
        seq(oid(kind), tlv(0xA0, octets(
            zlib.compress(content) if packed is None else packed))))))


def content_info(body):
    return seq(oid(PKCS7 + "2"), tlv(0xA0, body))
