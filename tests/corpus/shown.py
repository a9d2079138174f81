"""What Python's email package and GMime show of mails: a line of JSON for each
path that comes in, as shown.pl. GMime is what notmuch and Pan read with; it is
left out where its introspection (gir1.2-gmime-3.0, python3-gi) is not there."""
import email
import email.policy
import email.utils
import json
import sys

try:
    import gi
    gi.require_version("GMime", "3.0")
    from gi.repository import GMime
    GMime.init()
except (ImportError, ValueError):
    GMime = None


def is_cms(type_, name):
    return "pkcs7" in type_ or ".p7" in (name or "")


def of_email(mail, policy):
    it = email.message_from_bytes(mail, policy=policy)
    text, people = [], []
    for part in it.walk():
        type_ = part.get_content_type()
        if not part.is_multipart() and not is_cms(type_, part.get_filename()):
            body = part.get_payload(decode=True) or b""
            text.append(type_ + "|" + body.decode("latin-1"))
    for field in it.get_all("From") or []:
        if policy is email.policy.compat32:
            people += [a for _, a in email.utils.getaddresses([str(field)])]
        else:
            people += [a.addr_spec for a in field.addresses] or [str(field)]
    return {"from": people, "text": text}


def leaves(part, out):
    if isinstance(part, GMime.Multipart):
        for i in range(part.get_count()):
            leaves(part.get_part(i), out)
    elif isinstance(part, GMime.MessagePart):
        out.append("message/rfc822|")
    elif part is not None:
        type_ = part.get_content_type().get_mime_type()
        if is_cms(type_, part.get_filename()):
            return
        data = GMime.StreamMem.new()
        content = part.get_content()
        if content is not None:
            content.write_to_stream(data)
        body = bytes(data.get_byte_array() or b"")
        out.append(type_ + "|" + body.decode("latin-1"))


def of_gmime(mail):
    parser = GMime.Parser.new_with_stream(
        GMime.StreamMem.new_with_buffer(mail))
    it = parser.construct_message(None)
    text, people = [], []
    leaves(it.get_mime_part(), text)
    mailboxes = it.get_from()
    for i in range(mailboxes.length()):
        one = mailboxes.get_address(i)
        people.append(one.get_addr() if isinstance(
            one, GMime.InternetAddressMailbox) else one.to_string(None, False))
    return {"from": people, "text": text}


def main():
    parsers = {"email": lambda m: of_email(m, email.policy.default),
               "email, compat32": lambda m: of_email(m, email.policy.compat32)}
    if GMime:
        parsers["GMime"] = of_gmime
    for path in sys.stdin:
        with open(path.rstrip("\n"), "rb") as f:
            mail = f.read()
        shown = {}
        for name, look in parsers.items():
            try:
                shown[name] = look(mail)
            except Exception:  # whatever a parser says to rubbish
                pass
        print(json.dumps([path.rstrip("\n"), shown]))


main()
