"""DER, keys and signatures, with nothing but python3's own library: what is
wrong on purpose is easier to write down than to talk a good library into."""
import base64
import hashlib
import random
import subprocess
import tempfile


def tlv(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    if n < 0x80:
        return bytes([tag, n]) + body
    size = (n.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + n.to_bytes(size, "big") + body


def seq(*parts):
    return tlv(0x30, *parts)


def set_of(*parts):
    return tlv(0x31, *sorted(parts))


def octets(value):
    return tlv(4, value)


def integer(n):
    return tlv(2, n.to_bytes(n.bit_length() // 8 + 1, "big", signed=True))


def oid(text):
    numbers = [int(n) for n in text.split(".")]
    out = bytearray()
    for n in [numbers[0] * 40 + numbers[1]] + numbers[2:]:
        digits = [n & 0x7F]
        while n > 0x7F:
            n >>= 7
            digits.append(n & 0x7F | 0x80)
        out += bytes(reversed(digits))
    return tlv(6, bytes(out))


def utc_time(t):
    return tlv(0x17, t.strftime("%y%m%d%H%M%SZ").encode())


NULL = b"\x05\x00"
PKCS1 = "1.2.840.113549.1.1."
PKCS7 = "1.2.840.113549.1.7."
PKCS9 = "1.2.840.113549.1.9."
DATA = PKCS7 + "1"
HASH_OID = {"md5": "1.2.840.113549.2.5", "sha1": "1.3.14.3.2.26",
            "sha256": "2.16.840.1.101.3.4.2.1",
            "sha384": "2.16.840.1.101.3.4.2.2",
            "sha512": "2.16.840.1.101.3.4.2.3",
            "sha512_256": "2.16.840.1.101.3.4.2.6",
            "sha3_224": "2.16.840.1.101.3.4.2.7",
            "sha3_256": "2.16.840.1.101.3.4.2.8",
            "sha3_384": "2.16.840.1.101.3.4.2.9",
            "sha3_512": "2.16.840.1.101.3.4.2.10",
            "shake_256": "2.16.840.1.101.3.4.2.12"}
SHAKE256_512 = "2.16.840.1.101.3.4.2.18"  # id-shake256-len
RSA_WITH = {"md5": PKCS1 + "4", "sha1": PKCS1 + "5", "sha256": PKCS1 + "11",
            "sha384": PKCS1 + "12", "sha512": PKCS1 + "13",
            "sha512_256": PKCS1 + "16",
            "sha3_224": "2.16.840.1.101.3.4.3.13",
            "sha3_256": "2.16.840.1.101.3.4.3.14",
            "sha3_384": "2.16.840.1.101.3.4.3.15",
            "sha3_512": "2.16.840.1.101.3.4.3.16"}
ECDSA_WITH = {"sha1": "1.2.840.10045.4.1", "sha256": "1.2.840.10045.4.3.2",
              "sha3_256": "2.16.840.1.101.3.4.3.10",
              "sha3_512": "2.16.840.1.101.3.4.3.12"}


def algorithm(name, parameters=b""):
    return seq(oid(name), parameters)


def digest_info(name, digest, parameters=NULL):
    return seq(algorithm(HASH_OID[name], parameters), octets(digest))


def hashed(name, data):
    if name == "shake_256":
        return hashlib.shake_256(data).digest(64)
    return hashlib.new(name, data).digest()


def padded(info, size):
    """EMSA-PKCS1-v1_5 (RFC 8017 9.2)."""
    return b"\x00\x01" + b"\xff" * (size - 3 - len(info)) + b"\x00" + info


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def mgf1(seed, n, name):
    out = b""
    for i in range(n // hashlib.new(name).digest_size + 1):
        out += hashed(name, seed + i.to_bytes(4, "big"))
    return out[:n]


def pss_encoded(digest, size, name, mgf_name, salt):
    """EMSA-PSS (RFC 8017 9.1.1) for a modulus of whole octets."""
    h = hashed(name, b"\0" * 8 + digest + salt)
    block = b"\0" * (size - len(salt) - len(h) - 2) + b"\x01" + salt
    masked = bytearray(xor(block, mgf1(h, len(block), mgf_name)))
    masked[0] &= 0x7F
    return bytes(masked) + h + b"\xbc"


class Rsa:
    def __init__(self, bits=2048, e=65537):
        pem = subprocess.run(
            ["openssl", "genrsa", "-traditional", "-3" if e == 3 else "-F4",
             str(bits)], check=True, capture_output=True).stdout
        der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
        numbers = list(self._integers(der))
        self.n, self.e, self.d, self.p, self.q, self.dp, self.dq, self.qi = \
            numbers[1:9]
        self.size = (self.n.bit_length() + 7) // 8
        self.known = {}

    @staticmethod
    def _integers(der):
        at = 2 + (der[1] & 0x7F if der[1] & 0x80 else 0)
        while at < len(der):
            n, at = der[at + 1], at + 2
            if n & 0x80:
                n, at = int.from_bytes(der[at:at + (n & 0x7F)], "big"), \
                    at + (n & 0x7F)
            yield int.from_bytes(der[at:at + n], "big")
            at += n

    def spki(self):
        key = seq(integer(self.n), integer(self.e))
        return seq(algorithm(PKCS1 + "1", NULL), tlv(3, b"\0", key))

    def raw(self, block):
        """The private operation, by the Chinese remainder theorem."""
        if block not in self.known:
            m = int.from_bytes(block, "big")
            a, b = pow(m % self.p, self.dp, self.p), pow(m % self.q, self.dq,
                                                         self.q)
            s = b + (a - b) * self.qi % self.p * self.q
            self.known[block] = s.to_bytes(self.size, "big")
        return self.known[block]

    def sign(self, name, digest):
        return self.raw(padded(digest_info(name, digest), self.size))

    def signature_algorithm(self, name):
        return algorithm(RSA_WITH[name], NULL)


class Edwards:
    """Ed25519 or Ed448 (RFC 8032), by openssl."""
    OIDS = {"ED25519": "1.3.101.112", "ED448": "1.3.101.113"}

    def __init__(self, kind="ED25519"):
        self.kind = kind
        self.pem = self._openssl("genpkey", "-algorithm", kind)

    @staticmethod
    def _openssl(*words, stdin=None):
        return subprocess.run(["openssl", *words], input=stdin, check=True,
                              capture_output=True).stdout

    def spki(self):
        return self._openssl("pkey", "-pubout", "-outform", "DER",
                             stdin=self.pem)

    def sign_all(self, data):
        with tempfile.NamedTemporaryFile() as text, \
                tempfile.NamedTemporaryFile() as key:
            text.write(data)
            key.write(self.pem)
            text.flush()
            key.flush()
            return self._openssl("pkeyutl", "-sign", "-rawin", "-inkey",
                                 key.name, "-in", text.name)

    def signature_algorithm(self, _=None):
        return algorithm(self.OIDS[self.kind])


class P256:
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    n = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    g = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
         0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)

    def __init__(self):
        self.d = random.randrange(1, self.n)
        self.q = self._times(self.d, self.g)

    def _add(self, a, b):
        if a is None or b is None:
            return a or b
        if a[0] == b[0]:
            if (a[1] + b[1]) % self.p == 0:
                return None
            slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, self.p)
        else:
            slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, self.p)
        x = (slope * slope - a[0] - b[0]) % self.p
        return x, (slope * (a[0] - x) - a[1]) % self.p

    def _times(self, k, point):
        out = None
        while k:
            if k & 1:
                out = self._add(out, point)
            point = self._add(point, point)
            k >>= 1
        return out

    def spki(self):
        point = b"\x04" + b"".join(c.to_bytes(32, "big") for c in self.q)
        return seq(algorithm("1.2.840.10045.2.1",
                             oid("1.2.840.10045.3.1.7")),
                   tlv(3, b"\0", point))

    def numbers(self, digest):
        k = random.randrange(1, self.n)
        r = self._times(k, self.g)[0] % self.n
        e = int.from_bytes(digest[:32], "big")
        return r, pow(k, -1, self.n) * (e + r * self.d) % self.n

    def sign(self, name, digest):
        r, s = self.numbers(digest)
        return seq(integer(r), integer(s))

    def signature_algorithm(self, name):
        return algorithm(ECDSA_WITH[name])
