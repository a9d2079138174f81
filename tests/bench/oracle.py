"""What tests/bench/oracle measures with; see there."""
import array
import base64
import json
import math
import os
import random
import socket
import statistics
import sys
import time

from cryptography import x509
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../corpus"))
from der import DATA, NULL, PKCS1, PKCS9, algorithm, integer, octets, oid, seq, set_of, tlv  # noqa: E402

ENTITY = b"Content-Type: text/plain\r\n\r\n" + b"The text of a mail.\r\n" * 100
KEY = os.urandom(32)
# A t beyond this is taken for a difference (as leakage assessment does); the
# chance of one by accident is below 1 in 100000.
BOUND = 4.5


def padded(key, size, kind):
    """EME-PKCS1-v1_5 (RFC 8017 7.2.1), or what is none."""
    filler = bytes(random.randrange(1, 256) for _ in range(size - 3 - len(key)))
    good = b"\0\2" + filler + b"\0" + key
    return {
        "good padding, another key": b"\0\2" + filler + b"\0" + os.urandom(len(key)),
        "right key, changed content": good,
        "bad padding, first octets": b"\0\1" + good[2:],
        "bad padding, no zero": b"\0\2" + bytes(b or 1 for b in good[2:]),
        "bad padding, zero too early": good[:4] + b"\0" + good[5:],
        "good padding, key too short": b"\0\2" + filler + b"\x07" * 16 + b"\0" + key[:16],
        "good padding, no key": b"\0\2" + filler + b"\x07" * len(key) + b"\0",
    }[kind]


KINDS = ["good padding, another key", "right key, changed content", "bad padding, first octets",
         "bad padding, no zero", "bad padding, zero too early", "good padding, key too short",
         "good padding, no key", "made for another key"]


def message(certificate, other, kind):
    numbers = certificate.public_key().public_numbers()
    if kind == "made for another key":
        numbers = other.public_key().public_numbers()
        kind = "right key, changed content"
    mine = certificate.public_key().public_numbers().n
    size = (mine.bit_length() + 7) // 8
    while True:
        block = int.from_bytes(padded(KEY, size, kind), "big")
        wrapped = pow(block, numbers.e, numbers.n)
        if wrapped < mine:
            break
    nonce = os.urandom(12)
    sealed = bytearray(AESGCM(KEY).encrypt(nonce, ENTITY, None))
    sealed[random.randrange(len(ENTITY))] ^= 1
    recipient = seq(integer(0), seq(certificate.issuer.public_bytes(), integer(certificate.serial_number)),
                    algorithm(PKCS1 + "1", NULL), octets(wrapped.to_bytes(size, "big")))
    info = seq(oid(DATA), algorithm("2.16.840.1.101.3.4.1.46", seq(octets(nonce), integer(16))),
               tlv(0x80, bytes(sealed[:-16])))
    der = seq(oid(PKCS9 + "16.1.23"),
              tlv(0xA0, seq(integer(0), set_of(recipient), info, octets(bytes(sealed[-16:])))))
    return (b"From: max@example.org\nMIME-Version: 1.0\n"
            b"Content-Type: application/pkcs7-mime; smime-type=authEnveloped-data\n"
            b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(der))


def decrypt(connection, mail, out):
    """Nanoseconds until the answer, which must be the one answer."""
    fd = os.memfd_create("mail")
    os.write(fd, mail)
    os.lseek(fd, 0, 0)
    call = json.dumps({"method": "io.smimeagent.Mail.Decrypt", "parameters": {"input": 0, "output": 1}})
    data = call.encode() + b"\0"
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd, out]))]
    began = time.perf_counter_ns()
    connection.sendmsg([data], rights)
    answer = b""
    while not answer.endswith(b"\0"):
        answer += connection.recv(65536)
    took = time.perf_counter_ns() - began
    os.close(fd)
    error = json.loads(answer[:-1]).get("error", "")
    if error != "io.smimeagent.Mail.CannotDecrypt":
        sys.exit("another answer: " + answer.decode())
    return took


def welch(a, b):
    spread = statistics.variance(a) / len(a) + statistics.variance(b) / len(b)
    return (statistics.fmean(a) - statistics.fmean(b)) / math.sqrt(spread)


def trimmed(a):
    """Without the slowest tenth: what else the machine did."""
    return sorted(a)[:len(a) * 9 // 10]


def main():
    certificates = []
    for file in sys.argv[1:3]:
        with open(file, "rb") as f:
            certificates.append(x509.load_pem_x509_certificate(f.read()))
    samples = int(sys.argv[3])
    place = os.environ["XDG_RUNTIME_DIR"] + "/smime-agent/io.smimeagent"
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(place)
    out = os.memfd_create("out")
    times = {kind: [] for kind in KINDS}
    for n in range(samples + 20):
        for kind in random.sample(KINDS, len(KINDS)):
            took = decrypt(connection, message(*certificates, kind), out)
            if n >= 20:
                times[kind].append(took)
    first = trimmed(times[KINDS[0]])
    print(f"{samples} of each, in random order; us; t against the first, without the slowest tenth")
    print(f"{'':28} {'median':>9} {'mean':>9} {'least':>9} {'t':>7}")
    worst = 0
    for kind in KINDS:
        a = trimmed(times[kind])
        t = welch(a, first) if kind != KINDS[0] else 0
        worst = max(worst, abs(t))
        print(f"{kind:28} {statistics.median(times[kind]) / 1000:9.1f} {statistics.fmean(a) / 1000:9.1f}"
              f" {min(a) / 1000:9.1f} {t:7.2f}")
    told = "no difference is told" if worst < BOUND else "a DIFFERENCE is told"
    print(f"largest |t| {worst:.2f}, bound {BOUND}: {told}")
    sys.exit(worst >= BOUND)


main()
