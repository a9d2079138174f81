"""Digests that few use, and keys to which anybody can sign."""
from cms import attributes, canonical, content_info, signed_data, signer
from der import (DATA, HASH_OID, NULL, PKCS1, SHAKE256_512, Edwards, algorithm,
                 digest_info, hashed, integer, oid, padded, pss_encoded, seq,
                 set_of, tlv)
from mails import EVIL, TEXT, encoded, multipart_type

CONTENT = canonical(TEXT)
ED25519 = "1.3.101.112"


def pss_parameters(md):
    one = algorithm(HASH_OID[md], NULL)
    return algorithm(PKCS1 + "10", seq(
        tlv(0xA0, one), tlv(0xA1, algorithm(PKCS1 + "8", one)),
        tlv(0xA2, integer(32))))


def digests(c):
    """SHA-3 (RFC 9688) and the shorter SHA-512 (RFC 8017)."""
    w = c.world
    key = w.max_key
    for md in ("sha512_256", "sha3_224", "sha3_256", "sha3_384", "sha3_512"):
        name = "digest-" + md.replace("_", "-")
        announced = md.replace("_", "-")
        how = dict(md=md)
        for said, micalg in {"": announced, "-other": "sha-256",
                             "-unknown": "unknown"}.items():
            c.good(name + said, c.detached(how=how, type_=multipart_type(
                micalg=micalg)))
        c.good(name + "-opaque", c.opaque(md=md))
        c.good(name + "-no-attributes", c.detached(how=dict(
            md=md, attrs=()), type_=multipart_type(micalg=announced)))
        c.good(name + "-encryption-oid", c.detached(how=dict(
            md=md, signed_with=algorithm(PKCS1 + "1", NULL))))
        c.good(name + "-pss", c.detached(how=dict(
            md=md, signed_with=pss_parameters(md),
            signature=lambda data, md=md: key.raw(pss_encoded(
                hashed(md, data), key.size, md, md, b"s" * 32)))))
        changed = c.p7s(EVIL, **how)
        c.bad(name + "-changed", c.detached(p7s=changed), "digest-mismatch")
        c.bad(name + "-changed-no-attributes", c.detached(p7s=c.p7s(
            EVIL, md=md, attrs=())), "signature-invalid")
        c.bad(name + "-of-other", c.detached(how=dict(
            md=md, attrs=attributes(CONTENT, "sha256"))), "digest-mismatch")
        c.bad(name + "-other-info", c.detached(how=dict(
            md=md, signature=lambda data, md=md: key.raw(padded(digest_info(
                "sha256", hashed(md, data)), key.size)))),
            "signature-invalid")
    for md in ("sha3_256", "sha3_512"):
        c.good("digest-ecdsa-" + md, c.detached(cert=w.ec, how=dict(md=md)))
    c.good("digest-issuer-sha3", c.detached(cert=w.issue(
        key, "max@example.org", md="sha3_256")))


def edwards(c):
    """RFC 8419: Ed25519 goes with SHA-512, Ed448 with SHAKE256."""
    w = c.world
    with_512 = algorithm(SHAKE256_512, integer(512))

    def by(key, content=CONTENT, md="sha512", said=None, oid_of=None,
           signature=None, announced=None, **how):
        cert = w.issue(key, "max@example.org", usage=0x80)
        said = said or algorithm(HASH_OID[md])
        si = signer(cert, content, md, signed_with=(
            oid_of or key).signature_algorithm(), digest_algorithm=said,
            signature=signature or key.sign_all, **how)
        signed = seq(integer(1), set_of(announced or said), seq(oid(DATA)),
                     tlv(0xA0, cert.der), set_of(si))
        return c.detached(p7s=encoded(content_info(signed)))

    small, large = Edwards(), Edwards("ED448")
    c.good("ed25519", by(small))
    c.good("ed25519-sha256", by(small, md="sha256"))
    c.good("ed448", by(large, md="shake_256", said=with_512))
    c.good("ed448-no-length", by(large, md="shake_256"))
    c.good("ed448-sha512", by(large))
    for name, key, md, said in (("ed25519", small, "sha512", None),
                                ("ed448", large, "shake_256", with_512)):
        c.bad(name + "-changed", by(key, canonical(EVIL), md, said),
              "digest-mismatch")
        c.bad(name + "-of-other-text", by(
            key, md=md, said=said, signature=lambda data, key=key:
            key.sign_all(data + b"x")), "signature-invalid")
        c.bad(name + "-of-digest", by(
            key, md=md, said=said, signature=lambda data, key=key, md=md:
            key.sign_all(hashed(md, data))), "signature-invalid")
        c.bad(name + "-zero", by(key, md=md, said=said, signature=lambda data,
                                 key=key: bytes(len(key.sign_all(data)))),
              "signature-invalid")
    c.bad("ed448-said-ed25519", by(large, md="shake_256", said=with_512,
                                   oid_of=small), "signature-invalid")
    c.bad("ed25519-said-ed448", by(small, oid_of=large), "signature-invalid")
    c.bad("ed448-256", by(large, md="shake_256", said=algorithm(
        SHAKE256_512, integer(256))), "unsupported-algorithm")
    c.bad("ed448-null", by(large, md="shake_256", said=algorithm(
        SHAKE256_512, NULL)), "unsupported-algorithm")
    # SHAKE256 with RSA has names of its own (RFC 8702 3.2).
    c.bad("rsa-shake256", c.detached(p7s=encoded(signed_data(None, [signer(
        w.max, CONTENT, "shake_256", signed_with=algorithm(PKCS1 + "1", NULL),
        digest_algorithm=with_512, signature=lambda data: w.max_key.raw(padded(
            digest_info("shake_256", hashed("shake_256", data)), 256)))],
        [w.max], md=("shake_256",)))), "unsupported-algorithm")


class Anybodys:
    """An Ed25519 key that is a point of small order. With it as R, and 0 as
    S, one signature is good for every text."""

    def __init__(self, point):
        self.point = point

    def spki(self):
        return seq(algorithm(ED25519), tlv(3, b"\0", self.point))


def points(c):
    """Authorities certify what they are asked for."""
    p = 2**255 - 19
    for name, y in {"neutral": 1, "order-2": p - 1, "order-4": 0,
                    "unreduced": p + 1}.items():
        for sign in (0, 1):
            key = Anybodys((y | sign << 255).to_bytes(32, "little"))
            cert = c.world.issue(key, "max@example.org", usage=0x80)
            c.bad("anybodys-" + name + "-sign" * sign, c.detached(
                p7s=encoded(signed_data(None, [signer(
                    cert, CONTENT, "sha512", signed_with=algorithm(ED25519),
                    signature=(1).to_bytes(32, "little") + bytes(32))],
                    [cert], md=("sha512",)))), "weak-key")


def build(c):
    digests(c)
    edwards(c)
    points(c)
