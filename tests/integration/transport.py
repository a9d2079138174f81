"""Mail of every form, a mail system that treats it badly, and a comparison
of what comes out with what went in.

  transport.py make FOLDER          writes the mails
  transport.py send FOLDER TO       each through SMTP on loopback; exit code 1
                                    when the server refuses one
  transport.py same FORMS ENTITIES  the parts of each decode to the same

The server is a 7-bit one as RFC 5321 has it: it refuses what is longer than
998 octets, and a byte beyond ASCII below the header. What it delivers has the
eighth bit dropped everywhere, blanks stripped from the ends of lines, and ">"
before "From ", as old systems did.
"""
import email
import os
import smtplib
import socketserver
import sys
import threading
from email import policy

HEAD = (b"From: Max <max@example.org>\nTo: elena@example.org\n"
        b"Bcc: secret@example.org\nSubject: s\n"
        b"Date: Mon, 02 Mar 2026 10:00:00 +0000\n"
        b"Message-ID: <m@example.org>\nMIME-Version: 1.0\n")
UTF8 = b"Content-Type: text/plain; charset=utf-8\n"
AE = "\u00e4\u00f6\u00fc".encode()
ALL = bytes(range(256))


def coded(kind, coding, body):
    return (b"Content-Type: " + kind + b"\nContent-Transfer-Encoding: " +
            coding + b"\n\n" + body)


def mixed(*parts, head=b"", around=b""):
    out = (head + b"Content-Type: multipart/mixed; boundary=\"=_m\"\n\n" +
           around)
    for part in parts:
        out += b"--=_m\n" + part + b"\n"
    return out + b"--=_m--\n" + around


PLAIN = UTF8 + b"\na text\n"
FORMS = {
    "bare-lf": PLAIN,
    "crlf": (HEAD + PLAIN).replace(b"\n", b"\r\n"),
    "mixed-ends": UTF8 + b"\none\ntwo\r\nthree\r\n\r\nfour\n",
    "stray-cr": UTF8 + b"\none\rtwo\r\r\nthree\r",
    "no-final-newline": UTF8 + b"\nno end",
    "no-type": b"\nno type\n",
    "header-only": b"",
    "empty-body": UTF8 + b"\n",
    "blank-lines": UTF8 + b"\n\n\n\n",
    "line-998": UTF8 + b"\n" + b"x" * 998 + b"\n",
    "line-999": UTF8 + b"\n" + b"x" * 999 + b"\n",
    "line-100000": UTF8 + b"\n" + b"word " * 20000 + b"\n",
    "utf-8": UTF8 + b"\nGr\xc3\xbc\xc3\x9fe von " + AE + b" an alle\n",
    "utf-8-8bit": coded(UTF8[14:-1], b"8bit", b"Gr\xc3\xbc\xc3\x9fe an alle\n"),
    "utf-8-dense": UTF8 + b"\n" + AE * 500 + b"\n",
    "latin-1": coded(b"text/plain; charset=iso-8859-1", b"8bit",
                     b"Gr\xfc\xdfe an alle, die das lesen\n"),
    "utf-16": coded(b"text/plain; charset=utf-16le", b"binary",
                    "ein Text\r\n\u010a".encode("utf-16le")),
    "utf-8-header": (HEAD.replace(b"Subject: s", b"Subject: " + AE) + PLAIN),
    "utf-8-file-name": mixed(
        PLAIN, b"Content-Type: application/pdf\nContent-Disposition: "
        b"attachment; filename=\"" + AE + b".pdf\"\n\nx\n"),
    "from-lines": UTF8 + b"\nFrom here\nto there\nFrom \n>From x\n",
    "dots": UTF8 + b"\n.\n..\n.a\n.\n",
    "trailing-blanks": UTF8 + b"\none \ntwo\t\n   \nend ",
    "flowed": b"Content-Type: text/plain; format=flowed; delsp=yes\n\n"
              b"a long \nparagraph \nthat flows\n> quoted \n> flow\n-- \nme\n",
    "type-folded-blank": b"Content-Type: text/plain; \n charset=utf-8\n\nx\n",
    "binary": mixed(PLAIN, coded(b"application/octet-stream", b"binary",
                                 ALL * 40 + b"\r\n\n\r")),
    "binary-base64": mixed(PLAIN, coded(b"image/png", b"base64",
                                        b"iVBORw0KGgo= \nAAAA\t\n")),
    "quoted-unsafe": coded(b"text/plain", b"quoted-printable",
                           b"From x=20\n" + b"y" * 1500 + b"=\n.\n\xe4\n"),
    "html-long": b"Content-Type: text/html; charset=utf-8\n\n<p>" +
                 b"<b>x</b>" * 9000 + AE + b"</p>",
    "attached": mixed(PLAIN, b"Content-Type: message/rfc822\n\nFrom: a@b.c\n"
                      b"Subject: x \n" + UTF8 + b"\nGr\xc3\xbc\xc3\x9fe \n"
                      b"From me\n"),
    "preamble": mixed(PLAIN, PLAIN, around=b"From \xe4 here \n.\n"),
    "nested": mixed(mixed(UTF8 + b"\n" + AE, PLAIN).replace(b"=_m", b"=_n"),
                    coded(b"text/html", b"8bit", b"<p>\n")),
    "content-length": b"Content-Length: 7\nLines: 1\n" + PLAIN,
    "text-200k": UTF8 + b"\n" + b"a line of the text = a line\n" * 8000,
    "text-600k": UTF8 + b"\n" + b"a line of the text = a line\n" * 24000,
    "text-600k-8bit": UTF8 + b"\n" + b"a line of the text\n" * 32000 + AE,
}


def make(folder):
    for name, form in FORMS.items():
        whole = form if form.startswith(b"From:") else HEAD + form
        with open(os.path.join(folder, name), "wb") as f:
            f.write(whole)


# ---- the mail system -------------------------------------------------------

class Refused(Exception):
    pass


def check(lines):
    body = False
    for line in lines:
        body = body or line == b""
        if len(line) > 998:
            raise Refused("500 a line over 998 octets")
        if body and any(c > 127 or c == 0 for c in line):
            raise Refused("554 a byte that is not ASCII")
        if b"\r" in line or b"\n" in line:
            raise Refused("554 a bare CR or LF")


def spoil(line):
    line = bytes(c & 127 for c in line).rstrip(b" \t")
    return b">" + line if line.startswith(b"From ") else line


class Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def data(self):
        lines = []
        while True:
            line = self.rfile.readline()
            if line == b".\r\n":
                break
            line = line[1:] if line.startswith(b".") else line
            lines.append(line[:-2] if line.endswith(b"\r\n") else line[:-1])
        check(lines)
        self.server.delivered = b"".join(spoil(x) + b"\n" for x in lines)

    def handle(self):
        self.say("220 loopback")
        for line in iter(self.rfile.readline, b""):
            verb = line[:4].upper()
            if verb == b"DATA":
                self.say("354 go on")
                try:
                    self.data()
                    self.say("250 ok")
                except Refused as why:
                    self.say(str(why))
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")


def send(folder, to):
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    refused = 0
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as f:
            mail = f.read()
        smtp = smtplib.SMTP("127.0.0.1", server.server_address[1])
        try:
            smtp.sendmail("max@example.org", ["elena@example.org"], mail)
            with open(os.path.join(to, name), "wb") as f:
                f.write(server.delivered)
        except smtplib.SMTPException as why:
            print(name, why)
            refused += 1
        smtp.close()
    server.shutdown()
    return refused


# ---- comparing -------------------------------------------------------------

def leaves(message):
    """What a reader sees: types, file names, decoded contents."""
    if message.get_content_type() == "message/rfc822":
        yield from leaves(message.get_payload(0))
        return
    if message.is_multipart():
        for part in message.get_payload():
            yield from leaves(part)
        return
    content = message.get_payload(decode=True) or b""
    kind = message.get_content_type()
    exact = kind != "text/plain" and kind != "text/html"
    if not exact and b"\0" not in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r\n", b"\n")
    if str(message.get("Content-Transfer-Encoding")) in (
            "quoted-printable", "base64") or exact:
        content = content.rstrip(b"\r\n")
    yield kind, message.get_filename(), content.rstrip(b"\r\n")


def differ(a, b):
    seen = []
    for name in (a, b):
        with open(name, "rb") as f:
            message = email.message_from_bytes(f.read(), policy=policy.default)
        seen.append(list(leaves(message)))
    if seen[0] != seen[1]:
        print(a, "and", b)
        for x, y in zip(*seen):
            if x != y:
                print(repr(x)[:400], "became", repr(y)[:400], sep="\n")
        print(len(seen[0]), "parts became", len(seen[1]))
    return seen[0] != seen[1]


def same(forms, entities):
    """A form is called as its entity up to the first dot."""
    return sum(differ(os.path.join(forms, name.split(".")[0]),
                      os.path.join(entities, name))
               for name in sorted(os.listdir(entities)))


if __name__ == "__main__":
    verb, arguments = sys.argv[1], sys.argv[2:]
    sys.exit({"make": make, "send": send, "same": same}[verb](*arguments))
