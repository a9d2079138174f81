"""Who the certificate names, and who vouches for it (RFC 8550, 9598)."""
from cms import canonical, signed_data, signer
from der import P256, Rsa, algorithm, integer, octets, oid, seq, tlv
from mails import TEXT, encoded, header
from pki import (DAY, ENCIPHERS, NON_REPUDIATION, NOW, SERVER_AUTH, SIGNS,
                 Certificate, email_rdn, extension, rdn, rfc822, smtp_utf8)


class OtherKind(Rsa):
    """Says of its key that it is of another kind."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def spki(self):
        key = seq(integer(self.n), integer(self.e))
        return seq(algorithm(self.kind), tlv(3, b"\0", key))


def mail(c, cert, sender=None):
    """Signed with that certificate, and said to be from max or SENDER."""
    return c.detached(cert=cert, head=header(f"From: {sender}\n")
                      if sender else None)


def addresses(c):
    w = c.world
    key = w.max_key
    wrong = {
        "prefix": "max@example.org.evil.example", "suffix": "climax@example.org",
        "sub": "max@sub.example.org", "domain-only": "example.org",
        "wildcard": "*@example.org", "wildcard-domain": "max@*.org",
        "dot-domain": ".example.org", "plus": "max+x@example.org",
        "local-only": "max", "trailing-dot": "max@example.org.",
        "blank-behind": "max@example.org ", "blank-before": " max@example.org",
        "two": "max@example.org,eve@evil.example",
        "angle": "Max <max@example.org>", "uri": "mailto:max@example.org",
        "nul": "max@example.org\0.evil.example", "nul-behind":
        "max@example.org\0", "newline": "max@example.org\n",
        "comment": "max@example.org(eve)", "two-ats": "max@example.org@x",
        "percent": "max%example.org@evil.example",
        "encoded": "=?utf-8?q?max=40example.org?=@evil.example",
    }
    # Those that are addresses, of somebody else; the others are none.
    others = ("prefix", "suffix", "sub", "wildcard", "plus", "percent",
              "encoded")
    for name, address in wrong.items():
        c.bad("names-" + name, mail(c, w.issue(key, address)),
              "from-mismatch" if name in others else "bad-address")
    for name, address in {
            "kelvin": "ma\u212a@example.org", "cyrillic": "m\u0430x@example.org",
            "fullwidth": "\uff4dax@example.org",
            "combining": "ma\u0301x@example.org"}.items():
        c.bad("names-utf8-" + name, mail(c, w.issue(
            key, names=(smtp_utf8(address),))), "from-mismatch")
        c.bad("names-rfc822-" + name, mail(c, w.issue(
            key, names=(rfc822(address),))), "bad-address")
    c.bad("names-common-name", mail(c, w.issue(key, name="max@example.org")),
          "no-address")
    c.bad("names-common-name-and-other", mail(c, w.issue(
        key, "eve@evil.example", name="max@example.org")), "from-mismatch")
    c.bad("names-nobody", mail(c, w.issue(key)), "no-address")
    c.bad("names-as-dns", mail(c, w.issue(key, names=(
        tlv(0x82, b"max@example.org"),))), "no-address")
    c.bad("names-as-uri", mail(c, w.issue(key, names=(
        tlv(0x86, b"mailto:max@example.org"),))), "no-address")
    c.bad("names-dn-nul", mail(c, w.issue(key, subject=(
        email_rdn("max@example.org\0.evil.example"),))), "bad-address")
    c.bad("names-dn-bmp", mail(c, w.issue(key, subject=(
        email_rdn("max@example.org".encode("utf-16-be"), 0x1E),))),
        "bad-address")
    for name, (tag, code) in {"universal": (0x1C, "utf-32-be"),
                              "t61": (0x14, "ascii")}.items():
        c.bad("names-dn-" + name, mail(c, w.issue(key, subject=(email_rdn(
            "max@example.org".encode(code), tag),))), "bad-address")
    c.bad("names-percent-encoded", mail(c, w.issue(
        key, "max%40example.org")), "bad-address")
    c.bad("names-utf8-as-ia5", mail(c, w.issue(key, names=(
        smtp_utf8("max@example.org", 0x16),))), "bad-address")
    good = {
        "rfc822": dict(names=(rfc822("max@example.org"),)),
        "upper-case": dict(names=(rfc822("Max@EXAMPLE.org"),)),
        "several": dict(names=(rfc822("info@example.org"),
                               rfc822("max@example.org"))),
        "dn": dict(subject=(email_rdn("max@example.org"),)),
        "dn-utf8": dict(subject=(email_rdn("max@example.org", 0x0C),)),
        "dn-printable": dict(subject=(email_rdn("max@example.org", 0x13),)),
        "dn-two": dict(subject=(email_rdn("info@example.org"),
                                email_rdn("max@example.org"))),
        "dn-beside-dns": dict(names=(tlv(0x82, b"example.org"),),
                              subject=(email_rdn("max@example.org"),)),
        "dn-beside-other": dict(names=(rfc822("info@example.org"),),
                                subject=(email_rdn("max@example.org"),)),
        "quoted": dict(names=(rfc822('"max"@example.org'),)),
        "quoted-pair": dict(names=(rfc822('"m\\ax"@example.org'),)),
        "utf8-mailbox": dict(names=(smtp_utf8("max@example.org"),)),
        "beside-nul": dict(names=(rfc822("a@b\0c"),
                                  rfc822("max@example.org"))),
    }
    for name, how in good.items():
        c.good("names-good-" + name, mail(c, w.issue(key, **how)))


def international(c):
    """Domains in both forms (RFC 5891), local parts beyond ASCII."""
    w = c.world
    key = w.max_key
    u, a = "max@b\u00fccher.example", "max@xn--bcher-kva.example"
    utf8 = "m\u00e4x@b\u00fccher.example"
    mixed = "m\u00e4x@xn--bcher-kva.example"
    pairs = {
        "a-a": (rfc822(a), a), "a-u": (rfc822(a), u),
        "u-a": (smtp_utf8(u), a), "u-u": (smtp_utf8(u), u),
        "a-upper": (rfc822(a), "max@XN--BCHER-KVA.Example"),
        "upper": (smtp_utf8(u), "max@B\u00dcCHER.example"),
        "upper-a": (rfc822(a), "max@B\u00dcCHER.EXAMPLE"),
        "upper-certificate": (smtp_utf8("max@B\u00dcCHER.example"), a),
        "utf8-local-u-u": (smtp_utf8(utf8), utf8),
        "utf8-local-a-u": (smtp_utf8(mixed), utf8),
        "utf8-local-u-a": (smtp_utf8(utf8), mixed),
        "decomposed": (rfc822(a), "max@bu\u0308cher.example"),
        "name-own-other-form": (rfc822(a), f'"{u}" <{a}>'),
    }
    for name, (cert_name, sender) in pairs.items():
        c.good("idn-" + name, mail(c, w.issue(key, names=(cert_name,)),
                                   sender))
    for name, (cert_name, sender, reason) in {
            "other": (rfc822(a), "max@bucher.example", "from-mismatch"),
            "upper-other": (smtp_utf8(u), "max@B\u00dbCHER.example",
                            "from-mismatch"),
            "upper-fullwidth": (smtp_utf8(u), "max@B\u00dcCH\uff25R.example",
                                "from-mismatch"),
            "fullwidth": (rfc822("max@example.org"),
                          "max@\uff45xample.org", "from-mismatch"),
            "kelvin": (rfc822("max@kexample.org"),
                       "max@\u212aexample.org", "from-mismatch"),
            "ue": (rfc822(a), "max@buecher.example", "from-mismatch"),
            "cyrillic": (rfc822("max@example.org"), "max@ex\u0430mple.org",
                         "from-mismatch"),
            "fake-a-label": (rfc822("max@xn--example.org"), "max@example.org",
                             "from-mismatch"),
            "bad-a-label": (rfc822("max@xn--bcher-kvaa.example"), u,
                            "from-mismatch"),
            "ascii-a-label": (rfc822("max@xn--example-.org"),
                              "max@example.org", "from-mismatch"),
            "local-a-label": (rfc822("xn--mx-uia@example.org"),
                              "m\u00e4x@example.org", "from-mismatch"),
            "local-folded": (smtp_utf8("M\u00c4X@example.org"),
                             "m\u00e4x@example.org", "from-mismatch"),
            "eszett": (rfc822("max@strasse.example"),
                       "max@stra\u00dfe.example", "from-mismatch"),
            "name-other-form": (rfc822(a), f'"max@bucher.example" <{a}>',
                                "deceiving-name"),
            "fullwidth-dot": (rfc822("max@example.org"),
                              "max@example\uff0eorg", "from-mismatch"),
            "u-in-ia5": (rfc822(u), u, "bad-address")}.items():
        c.bad("idn-" + name, mail(c, w.issue(key, names=(cert_name,)),
                                  sender), reason)
    c.good("quoted-blank", mail(c, w.issue(key, '"max m"@example.org'),
                                '"max m"@example.org'))
    c.good("quoted-at", mail(c, w.issue(key, '"a@b"@example.org'),
                             '"a@b"@example.org'))
    c.bad("quoted-at-other", mail(c, w.issue(key, '"max@example.org"@evil.example'),
                                  "max@example.org"), "from-mismatch")
    c.bad("encoded-certificate", mail(c, w.issue(
        key, "=?utf-8?q?boss=40example.org?=@evil.example"),
        "=?utf-8?q?boss=40example.org?=@evil.example"), "malformed-from")


def chains(c):
    w = c.world
    key = w.max_key

    def issue(**how):
        return w.issue(key, "max@example.org", **how)

    c.bad("chain-self-signed", mail(c, Certificate(
        key, names=(rfc822("max@example.org"),))), "untrusted-issuer")
    c.bad("chain-self-signed-ca", mail(c, Certificate(
        key, names=(rfc822("max@example.org"),), ca=True,
        usage=SIGNS | 4)), "untrusted-issuer")
    c.bad("chain-other-root", mail(c, issue(issuer=w.other_ca)),
          "untrusted-issuer")
    fake = Certificate(w.eve_key, None, "Corpus root", eku=(), usage=4,
                       ca=True)
    c.bad("chain-same-name-other-key", mail(c, issue(issuer=fake)),
          "chain-signature")
    c.bad("chain-claims-issuer", mail(c, issue(
        issuer=w.eve, issuer_name=w.ca.name)), "chain-signature")
    c.bad("chain-issued-by-person", mail(c, issue(issuer=w.eve)),
          "untrusted-issuer")
    c.bad("chain-expired", mail(c, issue(begins=NOW - 90 * DAY,
                                         ends=NOW - 60 * DAY)), "expired")
    c.bad("chain-not-yet", mail(c, issue(begins=NOW + 30 * DAY)),
          "not-yet-valid")
    c.bad("chain-server", mail(c, issue(eku=(SERVER_AUTH,))), "wrong-purpose")
    c.bad("chain-code-signing", mail(c, issue(eku=("1.3.6.1.5.5.7.3.3",))),
          "wrong-purpose")
    c.bad("chain-client-auth", mail(c, issue(eku=("1.3.6.1.5.5.7.3.2",))),
          "wrong-purpose")
    c.bad("chain-unknown-purpose", mail(c, issue(eku=("1.2.3.4",))),
          "wrong-purpose")
    c.bad("chain-encrypts-only", mail(c, issue(usage=ENCIPHERS)),
          "wrong-purpose")
    c.bad("chain-cert-sign-only", mail(c, issue(usage=4)), "wrong-purpose")
    c.good("chain-any-purpose", mail(c, issue(eku=("2.5.29.37.0",))))
    c.good("chain-no-eku", mail(c, issue(eku=())))
    c.good("chain-no-usage", mail(c, issue(usage=None)))
    c.good("chain-non-repudiation", mail(c, issue(usage=NON_REPUDIATION)))
    middle = w.issue(w.eve_key, None, name="Middle", eku=(), ca=True, usage=4)
    below = Certificate(key, middle, names=(rfc822("max@example.org"),))
    c.good("chain-intermediate", with_chain(c, below, middle))
    # An issuer that no good mail has brought: others are known by now.
    unseen = w.issue(w.eve_key, None, name="Unseen", eku=(), ca=True, usage=4)
    below = Certificate(key, unseen, names=(rfc822("max@example.org"),))
    c.bad("chain-intermediate-missing", mail(c, below), "untrusted-issuer")
    server = w.issue(P256(), None, name="Server CA", eku=(SERVER_AUTH,),
                     ca=True, usage=4)
    under = Certificate(key, server, names=(rfc822("max@example.org"),))
    c.bad("chain-intermediate-for-servers", with_chain(c, under, server),
          "issuer-purpose")


def excluded(*names):
    return (extension("2.5.29.30", seq(tlv(0xA1, *map(seq, names))), True),)


def permitted(*names):
    return (extension("2.5.29.30", seq(tlv(0xA0, *map(seq, names))), True),)


def constrained(c):
    """An issuer that may not name example.org: all ways to write it."""
    w = c.world
    key, count = w.max_key, iter(range(99))
    mine, eve = rfc822("max@example.org"), rfc822("eve@evil.example")
    dn = email_rdn("max@example.org")

    def by(constraints, sender=None, **how):
        ca = w.issue(w.eve_key, None, name=f"Constrained {next(count)}",
                     eku=(), ca=True, usage=4, more=constraints)
        return with_chain(c, Certificate(key, ca, **how), ca, sender=sender)

    for name, how in {
            "san": dict(names=(mine,)), "dn": dict(subject=(dn,)),
            "dn-utf8": dict(subject=(email_rdn("max@example.org", 0x0C),)),
            "dn-beside": dict(names=(eve,), subject=(dn,)),
            "second": dict(names=(eve, mine)),
            "dn-second": dict(subject=(email_rdn("eve@evil.example"), dn)),
            "dn-printable": dict(subject=(email_rdn("max@example.org",
                                                    0x13),)),
            "utf8": dict(names=(smtp_utf8("max@example.org"),)),
            "utf8-beside": dict(names=(eve, smtp_utf8("max@example.org"))),
            "upper": dict(names=(rfc822("max@EXAMPLE.org"),)),
            "quoted": dict(names=(rfc822('"max"@example.org'),)),
            "quoted-at": dict(names=(eve, rfc822(
                '"a@evil.example"@example.org')))}.items():
        for kind, rule in {
                "host": permitted(rfc822("evil.example")),
                "out": excluded(rfc822("example.org")),
                "domain": permitted(rfc822(".evil.example"),
                                    rfc822("evil.example"))}.items():
            c.bad(f"constrained-{kind}-{name}", by(rule, **how),
                  "name-not-permitted")
    for name, rule in {"host": "example.org.", "domain": ".org.",
                       "mailbox": "max@example.org.", "all": "."}.items():
        c.bad(f"constrained-dot-behind-{name}", by(excluded(rfc822(rule)),
                                                   names=(mine,)),
              "name-not-permitted")
    c.good("constrained-dot-behind-other", by(excluded(rfc822(
        "evil.example.")), names=(mine,)))
    # RFC 9598 6: limited like an rfc822Name.
    below, beside = "m\u00e4x@sub.example.org", rfc822(".example.org")
    both = (extension("2.5.29.30", seq(tlv(0xA0, seq(beside)), tlv(0xA1, seq(
        beside))), True),)
    most = (extension("2.5.29.30", seq(tlv(0xA0, seq(
        beside, tlv(0x81, b"\1")))), True),)
    c.bad("constrained-below-utf8-maximum", by(most, below, names=(smtp_utf8(
        below),)), "chain-invalid")
    for name, rules, more, is_good in [
            ("", permitted(beside), (), True),
            ("-host", permitted(rfc822("sub.example.org")), (), True),
            ("-other", permitted(rfc822(".evil.example")), (), False),
            ("-longer", permitted(rfc822(".b.example.org")), (), False),
            ("-itself", permitted(rfc822(".sub.example.org")), (), False),
            ("-prefix", permitted(rfc822(".ub.example.org")), (), False),
            ("-dot-behind", permitted(rfc822(".example.org.")), (), False),
            ("-excluded", both, (), False),
            ("-beside", permitted(beside), (rfc822("x@a.example.org"),), True),
            ("-beside-other", permitted(beside), (eve,), False),
            ("-second-other", permitted(beside), (smtp_utf8(
                "\u00e4@evil.example"),), False)]:
        c.add("constrained-below-utf8" + name, by(
            rules, below, names=(smtp_utf8(below),) + more),
            "good" if is_good else "bad",
            "" if is_good else "name-not-permitted")
    one = excluded(mine)
    for name, address in {
            "": "max@example.org", "-upper": "max@EXAMPLE.ORG",
            "-local-upper": "MAX@example.org", "-quoted": '"max"@example.org',
            "-quoted-pair": '"m\\ax"@example.org'}.items():
        c.bad("constrained-mailbox" + name, by(one, names=(rfc822(address),)),
              "name-not-permitted")
    c.bad("constrained-mailbox-utf8", by(one, names=(smtp_utf8(
        "Max@example.org"),)), "name-not-permitted")
    c.bad("constrained-mailbox-dn", by(one, subject=(email_rdn(
        "Max@example.org"),)), "name-not-permitted")
    idn = excluded(rfc822("xn--bcher-kva.example"))
    a, u = "max@xn--bcher-kva.example", "max@b\u00fccher.example"
    for name, address in {
            "a": rfc822(a), "a-upper": rfc822(a.upper()), "u": smtp_utf8(u),
            "a-in-utf8": smtp_utf8(a)}.items():
        c.bad("constrained-idn-" + name, by(idn, u, names=(address,)),
              "name-not-permitted")
    for name, address in {"upper": "max@B\u00dcCHER.example",
                          "decomposed": "max@bu\u0308cher.example"}.items():
        c.bad("constrained-idn-" + name, by(idn, u, names=(smtp_utf8(
            address),)), "name-not-permitted")
    mailbox = smtp_utf8("m\u00e4x@example.org")
    for name, address in {"": mine, "-utf8": mailbox}.items():
        c.bad("constrained-no-mail" + name, by(
            excluded(rfc822("")), "max@example.org" if address == mine
            else "m\u00e4x@example.org", names=(address,)),
            "name-not-permitted")
    c.bad("constrained-no-mail-dn", by(excluded(rfc822("")), subject=(dn,)),
          "name-not-permitted")
    # RFC 9598 knows no limit of this form: RFC 5280 has it refused.
    for name, rule in {"out": excluded, "host": permitted}.items():
        c.bad(f"constrained-{name}-as-utf8", by(
            rule(smtp_utf8("example.org")), "m\u00e4x@example.org",
            names=(mailbox,)), "name-not-permitted")
    c.good("constrained-as-utf8-others", by(excluded(smtp_utf8(
        "evil.example")), names=(mine,)))
    c.good("constrained-permitted", by(permitted(rfc822("example.org")),
                                       names=(mine,)))
    c.good("constrained-permitted-mailbox", by(permitted(mine),
                                               names=(mine,)))
    c.good("constrained-other-mailbox", by(excluded(eve), names=(mine,)))
    c.good("constrained-other-host", by(excluded(rfc822("evil.example")),
                                        names=(mine,)))


def broken(c):
    """Certificates and issuers that say odd things of themselves."""
    w = c.world
    key, count = w.max_key, iter(range(99))
    names = (rfc822("max@example.org"),)
    odd = (extension("1.2.3.4", octets(b"x"), True),)

    def issue(**how):
        return w.issue(key, "max@example.org", **how)

    def under(key=w.eve_key, issuer=None, md="sha256", **how):
        how = {**dict(eku=(), ca=True, usage=4), **how}
        ca = Certificate(key, issuer or w.ca, f"Odd {next(count)}", md=md,
                         **how)
        leaf = Certificate(w.max_key, ca, names=names)
        return with_chain(c, leaf, ca, *([issuer] if issuer else []))

    c.bad("odd-critical", mail(c, issue(more=odd)), "unknown-critical")
    c.bad("odd-critical-issuer", under(more=odd), "unknown-critical")
    c.bad("odd-two-names", mail(c, issue(more=(extension(
        "2.5.29.17", seq(rfc822("eve@evil.example"))),))), "no-address")
    c.bad("odd-two-purposes", mail(c, issue(more=(extension(
        "2.5.29.37", seq(oid(SERVER_AUTH))),))), "chain-invalid")
    c.bad("odd-usage-empty", mail(c, issue(usage=None, more=(extension(
        "2.5.29.15", b"\x03\x02\x07\0", True),))), "chain-invalid")
    c.bad("odd-path-length-negative", under(pathlen=-1), "chain-invalid")
    c.bad("odd-names-cut", mail(c, w.issue(key, subject=(email_rdn(
        "max@example.org"),), more=(extension(
            "2.5.29.17", b"\x30\x05\x81\x50a"),))), "costly-certificate")
    c.bad("odd-purpose-critical", mail(c, issue(eku=(), more=(extension(
        "2.5.29.37", seq(oid(SERVER_AUTH)), True),))), "wrong-purpose")
    c.bad("odd-issuer-no-authority", under(ca=False), "not-an-authority")
    c.bad("odd-issuer-no-cert-sign", under(usage=SIGNS), "not-an-authority")
    c.bad("odd-issuer-sha1", under(md="sha1"), "weak-digest")
    c.bad("odd-issuer-md5", under(md="md5"), "weak-digest")
    c.bad("odd-issuer-rsa-1024", under(Rsa(1024)), "weak-key")
    c.bad("odd-issuer-expired", under(ends=NOW - DAY), "issuer-expired")
    c.bad("odd-issuer-to-come", under(begins=NOW + DAY),
          "issuer-not-yet-valid")
    short = w.issue(P256(), None, name="Short", eku=(), ca=True, usage=4,
                    pathlen=0)
    c.bad("odd-path-length", under(issuer=short), "path-length")
    # One that it has issued to itself does not count (RFC 5280 4.2.1.9).
    again = Certificate(P256(), short, "Short", eku=(), usage=4, ca=True,
                        more=(extension("2.5.29.35", seq(tlv(
                            0x80, short.key_id))),))
    leaf = Certificate(w.max_key, again, names=names)
    c.good("odd-path-length-self-issued", with_chain(c, leaf, again, short))
    below = Certificate(P256(), again, "Below", eku=(), usage=4, ca=True)
    leaf = Certificate(w.max_key, below, names=names)
    c.bad("odd-path-length-below-self-issued", with_chain(
        c, leaf, below, again, short), "path-length")
    c.bad("odd-version-1", mail(c, issue(version=0)), "no-address")
    c.bad("odd-issuer-version-1", under(version=0, subject=(email_rdn(
        "ca@example.org"),)), "not-an-authority")
    for version in (0, 1, 3, 4):
        name = f"odd-extensions-in-version-{version + 1}"
        c.bad(name, mail(c, issue(version=version, kept=True)),
              "chain-invalid")
        c.bad(name + "-issuer", under(version=version, kept=True),
              "chain-invalid")
    c.bad("odd-authority-signs", mail(c, w.issue(
        key, "max@example.org", ca=True, usage=4)), "wrong-purpose")
    for name, e in {"1": 1, "2": 2, "0": 0}.items():
        one = Rsa()
        one.e = e
        if e == 1:
            one.dp = one.dq = 1
        c.bad("odd-exponent-" + name, mail(c, w.issue(
            one, "max@example.org")), "weak-key")
    c.bad("odd-subject-not-utf8", mail(c, w.issue(
        key, "max@example.org", subject=(rdn("2.5.4.11", tlv(
            0x0C, b"\xff\xfe")),))), "no-signer-certificate")
    for name, kind in {"oaep": "1.2.840.113549.1.1.7",
                       "unknown": "1.2.3.4"}.items():
        c.bad("odd-key-" + name, mail(c, w.issue(
            OtherKind(kind), "max@example.org")), "bad-certificate")
    wide = Rsa()
    wide.e = (1 << 200) + 1
    c.bad("odd-exponent-wide", mail(c, w.issue(wide, "max@example.org")),
          "costly-certificate")
    # Of two with one name and number only one is the signer's.
    by_eve = signer(w.max, canonical(TEXT), key=w.eve_key)
    c.bad("odd-twin-of-other-issuer", c.detached(p7s=encoded(signed_data(
        None, [by_eve], [Certificate(
            w.eve_key, w.other_ca, names=names, serial=w.max.serial,
            issuer_name=w.ca.name), w.max]))), "untrusted-issuer")


def with_chain(c, cert, *more, sender=None):
    return c.detached(p7s=encoded(signed_data(
        None, [signer(cert, canonical(TEXT))], [cert, *more])),
        head=header(f"From: {sender}\n") if sender else None)


def weak(c):
    w = c.world
    short = Rsa(1024)
    c.bad("weak-rsa-1024", mail(c, w.issue(short, "max@example.org")),
          "weak-key")
    c.bad("weak-rsa-1536", mail(c, w.issue(Rsa(1536), "max@example.org")),
          "weak-key")
    c.bad("weak-sha1", c.detached(how=dict(md="sha1")), "weak-digest")
    c.bad("weak-md5", c.detached(how=dict(md="md5")), "weak-digest")
    c.bad("weak-sha1-opaque", c.opaque(md="sha1"), "weak-digest")
    c.bad("weak-md5-opaque", c.opaque(md="md5"), "weak-digest")
    c.bad("weak-certificate", mail(c, w.issue(
        w.max_key, "max@example.org", md="sha1")), "weak-digest")
    c.good("strong-sha512", c.detached(how=dict(md="sha512")))
    c.good("strong-sha384-opaque", c.opaque(md="sha384"))
    c.good("strong-p256", c.detached(cert=w.ec))


def build(c):
    addresses(c)
    international(c)
    chains(c)
    constrained(c)
    broken(c)
    weak(c)
