"""EnvelopedData and AuthEnvelopedData of one's own making (openssl's), taken
apart and put together otherwise: what an attacker does who has no key."""
import subprocess

from der import octets, oid, seq, tlv, xor

ENVELOPED = "1.2.840.113549.1.7.3"
AES256_CBC = "2.16.840.1.101.3.4.1.42"
BLOCK = 16


def items(der):
    """The elements in DER, whole."""
    at, out = 0, []
    while at < len(der):
        n, body = der[at + 1], at + 2
        if n & 0x80:
            body += n & 0x7F
            n = int.from_bytes(der[at + 2:body], "big")
        out.append(der[at:body + n])
        at = body + n
    return out


def inside(element):
    n = element[1]
    return element[2 + (n & 0x7F if n & 0x80 else 0):]


class Envelope:
    def __init__(self, plain, certificate, cipher):
        """plain: canonical; kept to know what each block says."""
        self.plain = plain
        der = subprocess.run(
            ["openssl", "cms", "-encrypt", "-binary", "-outform", "DER",
             "-" + cipher, certificate], input=plain, check=True,
            capture_output=True).stdout
        self.kind, body = items(inside(der))
        fields = items(inside(inside(body)))
        self.version, self.recipients, content = fields[:3]
        self.tail = fields[3:]
        self.content_type, self.algorithm, text = items(inside(content))
        self.text = inside(text)

    @property
    def iv(self):
        return inside(items(inside(self.algorithm))[1])

    def blocks(self):
        return [self.text[i:i + BLOCK]
                for i in range(0, len(self.text), BLOCK)]

    def der(self, text=None, iv=None, tail=None, kind=None, algorithm=None,
            recipients=None, version=None):
        text = self.text if text is None else text
        if iv is not None:
            algorithm = seq(items(inside(self.algorithm))[0], octets(iv))
        return seq(kind or self.kind, tlv(0xA0, seq(
            version or self.version, recipients or self.recipients,
            seq(self.content_type, algorithm or self.algorithm,
                tlv(0x80, text)),
            *(self.tail if tail is None else tail))))

    def saying(self, wanted):
        """Two blocks: rubbish, then WANTED (EFAIL's CBC gadget): the first
        block's plaintext is known, so its neighbour makes it anything."""
        return [xor(xor(self.iv, self.plain[:BLOCK]), wanted),
                self.blocks()[0]]

    def as_cbc(self):
        """The same octets, said to be CBC without a tag."""
        return self.der(kind=oid(ENVELOPED), tail=[], version=b"\x02\x01\x00",
                        algorithm=seq(oid(AES256_CBC), octets(b"\x01" * BLOCK)))


def other_key(recipients):
    """The encrypted content key, its last octet another."""
    return recipients[:-1] + bytes([recipients[-1] ^ 1])
