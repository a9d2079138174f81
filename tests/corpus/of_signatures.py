"""The signature value: paddings, encodings and parameters of RSA and ECDSA
(RFC 8017, 4055, 4056, 5754)."""
from cms import canonical, signed_data, signer
from der import (HASH_OID, NULL, PKCS1, RSA_WITH, Rsa, algorithm, digest_info,
                 hashed, integer, octets, oid, padded, pss_encoded, seq, tlv)
from mails import TEXT, encoded

CONTENT = canonical(TEXT)


def mail(c, signature, cert=None, **how):
    cert = cert or c.world.max
    return c.detached(p7s=encoded(signed_data(
        None, [signer(cert, CONTENT, signature=signature, **how)],
        [cert, c.world.ca])))


def cube_root(n):
    low, high = 0, 1 << (n.bit_length() // 3 + 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 < n else (low, middle)
    return low


def forged(key, info, tail_bytes):
    """Bleichenbacher 2006: short padding, then rubbish, is a cube."""
    head = b"\x00\x01" + b"\xff" * 8 + b"\x00" + info
    goal = int.from_bytes(head + b"\xff" * (key.size - len(head)), "big")
    return (cube_root(goal + 1) - 1).to_bytes(key.size, "big")


def rsa(c):
    key = c.world.max_key

    def block(make):
        return lambda data: key.raw(make(hashed("sha256", data)))

    def info(digest, parameters=NULL):
        return digest_info("sha256", digest, parameters)

    size = key.size
    paddings = {
        "no-parameters": lambda d: padded(info(d, b""), size),
        "other-parameters": lambda d: padded(info(d, octets(b"x")), size),
        "wrong-oid": lambda d: padded(digest_info("sha512", d), size),
        "sha1-oid": lambda d: padded(digest_info("sha1", d), size),
        "digest-only": lambda d: padded(octets(d), size),
        "bare-digest": lambda d: padded(d, size),
        "rubbish-inside": lambda d: padded(seq(algorithm(
            HASH_OID["sha256"], octets(b"r" * 90)), octets(d)), size),
        "rubbish-behind": lambda d: padded(info(d) + b"r" * 90, size),
        "extra-field": lambda d: padded(seq(algorithm(
            HASH_OID["sha256"], NULL), octets(d), octets(b"x")), size),
        "short-padding": lambda d: (b"\0\1\xff\xff\xff\xff\xff\xff\xff\xff\0"
                                    + info(d)).ljust(size, b"\0"),
        "no-padding": lambda d: (b"\0\1\0" + info(d)).ljust(size, b"\0"),
        "type-2": lambda d: b"\0\2" + padded(info(d), size)[2:],
        "type-0": lambda d: b"\0\0" + padded(info(d), size)[2:],
        "padding-not-ff": lambda d: padded(info(d), size).replace(
            b"\xff" * 9, b"\xff" * 8 + b"\xfe", 1),
        "ber-length": lambda d: padded(
            b"\x30\x81" + info(d)[1:], size),
    }
    for name, make in paddings.items():
        c.bad("rsa-" + name, mail(c, block(make)), "signature-invalid")
    usual = key.sign("sha256", hashed("sha256", b"x"))
    good = {}

    def keep(data):
        good["s"] = key.sign("sha256", hashed("sha256", data))
        return good["s"]

    c.good("rsa-usual", mail(c, keep))
    number = int.from_bytes(good["s"], "big")
    wrong = {"other-text": usual, "zero": bytes(size), "one":
             b"\0" * (size - 1) + b"\1", "all-ff": b"\xff" * size,
             "zero-in-front": b"\0" + good["s"], "cut": good["s"][:-1],
             "byte-behind": good["s"] + b"\0",
             "plus-n": (number + key.n).to_bytes(size + 1, "big"),
             "minus": (key.n - number).to_bytes(size, "big"),
             "modulus": key.n.to_bytes(size, "big"),
             "one-bit": bytes([good["s"][0]]) + bytes([good["s"][1] ^ 1])
             + good["s"][2:]}
    for name, value in wrong.items():
        c.bad("rsa-" + name, mail(c, value), "signature-invalid")
    c.good("rsa-encryption-oid", mail(c, None, signed_with=algorithm(
        PKCS1 + "1", NULL)))


def cubes(c):
    """Exponent 3: what a lax verifier takes for a signature needs no key."""
    key = Rsa(2048, 3)
    cert = c.world.issue(key, "max@example.org")
    c.good("rsa-e3-usual", mail(c, None, cert))
    c.bad("rsa-e3-forged", mail(c, lambda data: forged(
        key, digest_info("sha256", hashed("sha256", data)), 0), cert),
        "signature-invalid")
    c.bad("rsa-e3-forged-no-null", mail(c, lambda data: forged(
        key, digest_info("sha256", hashed("sha256", data), b""), 0), cert),
        "signature-invalid")
    c.bad("rsa-e3-forged-inside", mail(c, lambda data: forged(
        key, b"\x30\x81\xc0\x30\x81\x9d" + oid(HASH_OID["sha256"]), 0), cert),
        "signature-invalid")


def pss_parameters(md="sha256", mgf="sha256", salt=32, trailer=None,
                   mgf_oid=PKCS1 + "8"):
    return seq(tlv(0xA0, algorithm(HASH_OID[md], NULL)),
               tlv(0xA1, algorithm(mgf_oid, algorithm(HASH_OID[mgf], NULL))),
               tlv(0xA2, integer(salt)),
               tlv(0xA3, integer(trailer)) if trailer is not None else b"")


def pss(c):
    key = c.world.max_key

    def signed(md="sha256", mgf="sha256", salt=32):
        return lambda data: key.raw(pss_encoded(
            hashed(md, data), key.size, md, mgf, b"s" * salt))

    def game(parameters, make=None, **how):
        return mail(c, make or signed(), signed_with=algorithm(
            PKCS1 + "10", parameters), **how)

    c.good("pss", game(pss_parameters()))
    c.good("pss-trailer-said", game(pss_parameters(trailer=1)))
    c.good("pss-salt-20", game(pss_parameters(salt=20), signed(salt=20)))
    for name, parameters in {
            "salt-other": pss_parameters(salt=20),
            "mgf-other": pss_parameters(mgf="sha1")}.items():
        c.bad("pss-" + name, game(parameters), "signature-invalid")
    for name, parameters in {
            "salt-negative": pss_parameters(salt=-1),
            "salt-negative-two": pss_parameters(salt=-2),
            "salt-huge": pss_parameters(salt=1 << 40),
            "trailer-2": pss_parameters(trailer=2),
            "mgf-unknown": pss_parameters(mgf_oid="1.2.3.4"),
            "no-parameters": b"", "null": NULL,
            "rubbish": octets(b"x"),
            "twice": seq(tlv(0xA2, integer(32)), tlv(0xA2, integer(32))),
            "behind": pss_parameters() + NULL}.items():
        c.bad("pss-" + name, game(parameters), "unsupported-algorithm")
    c.bad("pss-salt-too-long", game(pss_parameters(salt=300)),
          "signature-invalid")
    c.bad("pss-defaults-sha1", game(seq(), signed("sha1", "sha1", 20)),
          "weak-digest")
    c.bad("pss-hash-other-than-digest", game(
        pss_parameters("sha512", "sha512", 64), signed("sha512", "sha512", 64)),
        "unsupported-algorithm")
    c.bad("pss-sha1-under-sha256", game(
        pss_parameters("sha1", "sha1", 20), signed("sha1", "sha1", 20)),
        "weak-digest")
    c.bad("pss-value-is-v15", game(pss_parameters(), lambda data: key.sign(
        "sha256", hashed("sha256", data))), "signature-invalid")
    c.bad("v15-value-is-pss", mail(c, signed()), "signature-invalid")


def ecdsa(c):
    w = c.world
    key, n = w.ec_key, w.ec_key.n

    def made(change):
        return lambda data: change(*key.numbers(hashed("sha256", data)))

    def game(change):
        return mail(c, made(change), w.ec)

    c.good("ecdsa", game(lambda r, s: seq(integer(r), integer(s))))
    c.good("ecdsa-other-s", game(lambda r, s: seq(integer(r), integer(n - s))))
    for name, change in {
            "plus-n": lambda r, s: seq(integer(r), integer(s + n)),
            "r-plus-n": lambda r, s: seq(integer(r + n), integer(s)),
            "negative": lambda r, s: seq(integer(-r), integer(-s)),
            "zeros": lambda r, s: seq(integer(0), integer(0)),
            "r-zero": lambda r, s: seq(integer(0), integer(s)),
            "s-zero": lambda r, s: seq(integer(r), integer(0)),
            "ones": lambda r, s: seq(integer(1), integer(1)),
            "n": lambda r, s: seq(integer(n), integer(n)),
            "raw": lambda r, s: r.to_bytes(32, "big") + s.to_bytes(32, "big"),
            "swapped": lambda r, s: seq(integer(s), integer(r)),
            "behind": lambda r, s: seq(integer(r), integer(s)) + b"\0",
            "inside": lambda r, s: seq(integer(r), integer(s), NULL),
            "ber-length": lambda r, s: b"\x30\x81" + seq(
                integer(r), integer(s))[1:],
            "empty": lambda r, s: b""}.items():
        c.bad("ecdsa-" + name, game(change), "signature-invalid")


def algorithms(c):
    w = c.world

    def game(**how):
        return mail(c, None, **how)

    c.bad("algorithm-ecdsa-with-rsa-key", game(signed_with=algorithm(
        "1.2.840.10045.4.3.2")), "signature-invalid")
    c.bad("algorithm-rsa-with-ec-key", mail(c, None, w.ec, signed_with=algorithm(
        RSA_WITH["sha256"], NULL)), "signature-invalid")
    c.bad("algorithm-unknown", game(signed_with=algorithm("1.2.3.4")),
          "unsupported-algorithm")
    c.bad("algorithm-sha512-signature", game(signed_with=algorithm(
        RSA_WITH["sha512"], NULL)), "signature-invalid")
    c.bad("algorithm-unknown-digest", game(digest_algorithm=algorithm(
        "1.2.3.4")), "unsupported-algorithm")
    c.bad("algorithm-digest-not-listed", c.opaque(der=signed_data(
        CONTENT, [signer(w.max, CONTENT, md="sha512")], [w.max],
        md=("sha256",))), "digest-not-listed")
    for name, md in {"sha384": "sha384", "sha512": "sha512"}.items():
        sign = [signer(w.max, CONTENT, md=md)]
        c.good(f"algorithm-{name}-among-others", c.opaque(der=signed_data(
            CONTENT, sign, [w.max], md=("sha1", "sha256", md))))
        c.good(f"algorithm-{name}-not-listed-detached", c.detached(
            p7s=encoded(signed_data(None, sign, [w.max], md=("sha256",)))))
        c.bad(f"algorithm-{name}-other-listed", c.opaque(der=signed_data(
            CONTENT, sign, [w.max], md=("sha1", "sha256"))),
            "digest-not-listed")
    # A good one beside it is good, and the fault is that other's alone.
    c.good("algorithm-digest-not-listed-beside", c.opaque(der=signed_data(
        CONTENT, [signer(w.max, CONTENT, md="sha512"),
                  signer(w.max, CONTENT)], [w.max], md=("sha256",))),
        "other-signature")
    c.bad("algorithm-digest-none-listed", c.opaque(der=signed_data(
        CONTENT, [signer(w.max, CONTENT, md="sha512")], [w.max],
        md=())), "digest-not-listed")
    c.good("algorithm-parameters-missing", game(signed_with=algorithm(
        RSA_WITH["sha256"])))


def build(c):
    rsa(c)
    cubes(c)
    pss(c)
    ecdsa(c)
    algorithms(c)
