#!/usr/bin/env python3
"""An LDAP server that does what no server should: a port for each way.

Prints "NAME PORT" for each, and one "named": it takes the way that is named
before the @ of the address it is asked for. Then serves until it is killed;
SIGUSR1 ends the connections of those who hear nothing. Each way is a function
below that gets the connection and the number of the search request.
"""
import re
import signal
import socket
import sys
import threading
import time

DN = b"uid=elena,ou=people,dc=example,dc=org"


def ber(tag, content):
    n = len(content)
    if n < 128:
        return bytes([tag, n]) + content
    return bytes([tag, 0x84]) + n.to_bytes(4, "big") + content


def message(number, op, content):
    return ber(0x30, ber(2, bytes([number])) + ber(op, content))


def entry(number, values, attribute=b"userCertificate;binary"):
    held = ber(0x31, b"".join(ber(4, v) for v in values))
    return message(number, 0x64, ber(4, DN) + ber(0x30, ber(0x30, ber(4, attribute) + held)))


def done(number, code=0, more=b"", text=b""):
    return message(number, 0x65, ber(10, bytes([code])) + ber(4, b"") + ber(4, text) + more)


def certificate():
    with open(sys.argv[1], "rb") as file:
        return file.read()


unanswered = []


def silent(conn, number):
    unanswered.append(conn)
    wait_gone(conn)


def hang_up(*_):
    for conn in unanswered:
        try:
            conn.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def slow(conn, number):
    for byte in entry(number, [certificate()]) + done(number):
        conn.send(bytes([byte]))
        time.sleep(0.2)


def half(conn, number):
    whole = entry(number, [certificate()])
    conn.send(whole[: len(whole) // 2])
    wait_gone(conn)


def no_end(conn, number):
    conn.send(entry(number, [certificate()]))


def error_at_the_end(conn, number):
    conn.send(entry(number, [certificate()]) + done(number, 80))
    wait_gone(conn)


def garbage(conn, number):
    conn.send(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 50)
    wait_gone(conn)


def huge(conn, number):
    conn.send(b"\x30\x84\x7f\xff\xff\xff\x02\x01\x02")
    wait_gone(conn)


def other_ids(conn, number):
    while True:
        conn.send(entry(number + 40, [certificate()]) + done(number + 40))


def referral(conn, number):
    url = "ldap://127.0.0.1:%d/dc=example,dc=org" % conn.getsockname()[1]
    conn.send(done(number, 10, ber(0xA3, ber(4, url.encode()))))
    wait_gone(conn)


def strange_text(conn, number):
    conn.send(done(number, 80, text=b"\x1b[2Jgone \xff\xc3 \xe2\x80\xae"))
    wait_gone(conn)


def many_entries(conn, number):
    conn.send(entry(number, [certificate()]) * 9 + done(number))
    wait_gone(conn)


def junk_values(conn, number):
    values = [b"", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"x" * 70000]
    conn.send(entry(number, values) + entry(number, values, b"userSMIMECertificate;binary") + done(number))
    wait_gone(conn)


def good(conn, number):
    conn.send(entry(number, [certificate()]) + done(number))
    wait_gone(conn)


def modify_unanswered(conn, number):
    """Finds the entry, and says nothing to the change of it."""
    conn.send(entry(number, [certificate()]) + done(number))
    wait_gone(conn)


def modify_dies(conn, number):
    """Finds the entry, and ends when the change of it comes."""
    conn.send(entry(number, [certificate()]) + done(number))
    conn.recv(4096)


def wait_gone(conn):
    while conn.recv(4096):
        pass


def serve(way, listening):
    while True:
        conn, _ = listening.accept()
        threading.Thread(target=talk, args=(way, conn), daemon=True).start()


def request_of(request):
    """Its number and what it asks for; zeros: there is none."""
    if not request:
        return 0, 0
    at = 2 + (request[1] & 0x7F if request[1] & 0x80 else 0)
    return request[at + 2], request[at + 3]


def talk(way, conn):
    try:
        request = conn.recv(4096)
        number, op = request_of(request)
        if op == 0x60:  # a bind comes first, where there is one
            conn.send(message(number, 0x61, ber(10, b"\0") + ber(4, b"") + ber(4, b"")))
            request = conn.recv(4096)
            number, op = request_of(request)
        if op:
            (way or way_named_in(request))(conn, number)
    except OSError:
        pass
    conn.close()


WAYS = (silent, slow, half, no_end, error_at_the_end, garbage, huge, other_ids,
        referral, strange_text, many_entries, junk_values, modify_unanswered,
        modify_dies, good)


def way_named_in(request):
    name = re.search(rb"(\w+)@", request).group(1).decode()
    return next(way for way in WAYS if way.__name__ == name)


signal.signal(signal.SIGUSR1, hang_up)
for way in WAYS + (None,):
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(32)
    threading.Thread(target=serve, args=(way, listening), daemon=True).start()
    print(way.__name__ if way else "named", listening.getsockname()[1], flush=True)
while True:
    signal.pause()
