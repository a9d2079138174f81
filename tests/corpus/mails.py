"""Mails around signatures, and the list of all of them."""
import base64
import os

from cms import canonical, signed_data, signer
from pki import DAY, NOW

TEXT = (b"Content-Type: text/plain; charset=us-ascii\n"
        b"Content-Transfer-Encoding: 7bit\n\n"
        b"Please pay 10 EUR to Elena.\nMax\n")
EVIL = b"Please pay 10000 EUR to Eve.\n"
BOUNDARY = "xbound7Q"
P7S_HEADER = ('Content-Type: application/pkcs7-signature; name="smime.p7s"\n'
              "Content-Transfer-Encoding: base64\n"
              'Content-Disposition: attachment; filename="smime.p7s"\n')
P7M_HEADER = ("Content-Type: application/pkcs7-mime; smime-type=signed-data;"
              ' name="smime.p7m"\n'
              "Content-Transfer-Encoding: base64\n"
              'Content-Disposition: attachment; filename="smime.p7m"\n')


def encoded(der):
    return base64.encodebytes(der)


def date(days=0):
    return (NOW + days * DAY).strftime("%a, %d %b %Y %H:%M:%S +0000")


def header(sender="From: Max <max@example.org>\n", more=""):
    return (sender + "To: elena@example.org\nSubject: Invoice\n"
            f"Date: {date()}\n"
            "Message-ID: <invoice@example.org>\n" + more
            + "MIME-Version: 1.0\n").encode()


def multipart_type(boundary=BOUNDARY, micalg="sha-256", parameters=None):
    return ("Content-Type: multipart/signed; " + (parameters or
            'protocol="application/pkcs7-signature"; '
            f'micalg={micalg}; boundary="{boundary}"') + "\n").encode()


def body_of(part, p7s, boundary=BOUNDARY, p7s_header=P7S_HEADER, preamble=b"",
            between=b"", epilogue=b""):
    """The body of a multipart/signed; part without its last line end."""
    b = b"--" + boundary.encode()
    return (b"\n" + preamble + b + b"\n" + part + b"\n" + between + b + b"\n"
            + p7s_header.encode() + b"\n" + p7s + b + b"--\n" + epilogue)


def mixed_part(*parts):
    """A multipart/mixed that is a part itself."""
    return (b'Content-Type: multipart/mixed; boundary="mb8"\n\n'
            + b"".join(b"--mb8\n" + part + b"\n" for part in parts)
            + b"--mb8--\n")


class Corpus:
    def __init__(self, world):
        self.world = world
        self.cases = []
        self.names = set()

    def add(self, name, mail, verdict, reason="", learned=""):
        """verdict: good, bad, plain, unseen or error; reason: the word that
        must be among the reasons, or the error's name."""
        if name in self.names:
            raise ValueError(f"two mails are called {name}")
        if verdict != "good" and not reason:
            raise ValueError(f"{name} is {verdict} without a reason")
        self.names.add(name)
        self.cases.append((name, mail, verdict, reason))

    def good(self, name, mail, reason=""):
        self.add(name, mail, "good", reason)

    def bad(self, name, mail, reason):
        self.add(name, mail, "bad", reason)

    def plain(self, name, mail, reason="not-signed"):
        self.add(name, mail, "plain", reason)

    def partial(self, name, mail, reason="part-signed"):
        self.add(name, mail, "partial", reason)

    def error(self, name, mail, error):
        self.add(name, mail, "error", error)

    # ---- the usual mails, from the same few signatures

    def p7s(self, part=TEXT, cert=None, **how):
        cert = cert or self.world.max
        content = canonical(part)
        return encoded(signed_data(None, [signer(cert, content, **how)],
                                   [cert, self.world.ca],
                                   md=(how.get("md", "sha256"),)))

    def detached(self, part=TEXT, cert=None, head=None, type_=None,
                 p7s=None, how=None, **more):
        if p7s is None:
            p7s = self.p7s(part, cert, **(how or {}))
        boundary = more.get("boundary", BOUNDARY)
        micalg = (how or {}).get("md", "sha256").replace("sha", "sha-")
        return ((head or header()) + (type_ or multipart_type(boundary,
                                                              micalg))
                + body_of(part, p7s, **more))

    def opaque(self, content=TEXT, cert=None, head=None, der=None,
               p7m_header=P7M_HEADER, **how):
        cert = cert or self.world.max
        content = canonical(content)
        if der is None:
            der = signed_data(content, [signer(cert, content, **how)],
                              [cert, self.world.ca],
                              md=(how.get("md", "sha256"),))
        return (head or header()) + p7m_header.encode() + b"\n" + encoded(der)

    def write(self, folder):
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "expected.tsv"), "w") as table:
            for name, mail, verdict, reason in self.cases:
                with open(os.path.join(folder, name + ".eml"), "wb") as f:
                    f.write(mail)
                table.write(f"{name}\t{verdict}\t{reason}\n")
        with open(os.path.join(folder, "root.pem"), "w") as f:
            f.write(self.world.ca.pem())
