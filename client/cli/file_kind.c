/*
 * What a file seems to be that a person names in the place of a mail, a
 * certificate or a CRL: a private key is not even handed to the agent, and a
 * mistake is told with the file's name. A guess by the first bytes; what
 * is unknown is for the agent to judge. Streams are not looked at.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"
#include "client/cli/mailbox.h"

#define LOOKED_AT_BYTES 65536

enum kind {
    KIND_UNKNOWN,
    KIND_KEY,
    KIND_P12,
    KIND_P7,
    KIND_REQUEST,
    KIND_PUBLIC_KEY,
    KIND_CERTIFICATE,
    KIND_CRL,
    KIND_PGP
};

static const struct {
    const char *label;
    enum kind kind;
} labels[] = {{"CERTIFICATE", KIND_CERTIFICATE},
              {"X509 CERTIFICATE", KIND_CERTIFICATE},
              {"X509 CRL", KIND_CRL},
              {"PRIVATE KEY", KIND_KEY},
              {"ENCRYPTED PRIVATE KEY", KIND_KEY},
              {"RSA PRIVATE KEY", KIND_KEY},
              {"EC PRIVATE KEY", KIND_KEY},
              {"OPENSSH PRIVATE KEY", KIND_KEY},
              {"PUBLIC KEY", KIND_PUBLIC_KEY},
              {"CERTIFICATE REQUEST", KIND_REQUEST},
              {"NEW CERTIFICATE REQUEST", KIND_REQUEST},
              {"PKCS7", KIND_P7},
              {"PGP SIGNED MESSAGE", KIND_PGP},
              {"PGP MESSAGE", KIND_PGP},
              {"PGP SIGNATURE", KIND_PGP},
              {"PGP PUBLIC KEY BLOCK", KIND_PGP}};

static const struct {
    const char *what, *next;
} words[] = {
    [KIND_KEY] = {"a private key", "show it to nobody; the certificate of the "
                                   "key is another file"},
    [KIND_P12] = {"a PKCS#12 file", "import it: smime import FILE"},
    [KIND_P7] = {"a PKCS#7 bundle of certificates",
                 "take them out with openssl pkcs7 -print_certs"},
    [KIND_REQUEST] = {"a request for a certificate",
                      "name the certificate that came of it"},
    [KIND_PUBLIC_KEY] = {"a public key", "name its certificate"},
    [KIND_CERTIFICATE] = {"a certificate", "judge one with: smime check FILE"},
    [KIND_CRL] = {"a CRL", "name one with --crl FILE"},
    [KIND_PGP] = {"OpenPGP", "it is for gpg"}};

static bool
starts(struct slice s, const void *with, size_t n)
{
    return s.n >= n && memcmp(s.p, with, n) == 0;
}

static bool
begins(struct slice s, const char *text)
{
    return starts(s, text, strlen(text));
}

static enum kind
kind_of_label(struct slice at)
{
    for (size_t i = 0; i < ARRAY_COUNT(labels); i++) {
        size_t n = strlen(labels[i].label);

        if (begins(at, labels[i].label) &&
            begins(slice_of(at.p + n, at.n - n), "-----"))
            return labels[i].kind;
    }
    return KIND_UNKNOWN;
}

/* Of several blocks WANT, where it is one of them; else the first. */
static enum kind
kind_of_pem(struct slice s, enum kind want)
{
    static const char begin[] = "-----BEGIN ";
    enum kind found = KIND_UNKNOWN;
    const uint8_t *at;

    while ((at = memmem(s.p, s.n, begin, sizeof(begin) - 1))) {
        size_t n = (size_t)(at - s.p) + sizeof(begin) - 1;
        enum kind k;

        s = slice_of(s.p + n, s.n - n);
        k = kind_of_label(s);
        if (k == want)
            return k;
        if (found == KIND_UNKNOWN)
            found = k;
    }
    return found;
}

static bool
is_der(struct slice s)
{
    return s.n > 6 && s.p[0] == 0x30 &&
           (s.p[1] < 0x80 ? s.p[1] + 2U == s.n
                          : s.p[1] <= 0x84 && s.n > 2U + (s.p[1] & 0x7f));
}

/* Takes the element that *S begins with off it; its content ends with the
 * bytes where those were cut. 0: there is none. */
static uint8_t
element_take(struct slice *s, struct slice *content)
{
    size_t head = 2, n;
    uint8_t tag;

    if (s->n < head)
        return 0;
    tag = s->p[0];
    n = s->p[1];
    if (n >= 0x80) {
        size_t digits = n & 0x7f;

        if (digits > 4 || s->n - head < digits)
            return 0;
        for (n = 0; digits > 0; digits--)
            n = n << 8 | s->p[head++];
    }
    if (n > s->n - head)
        n = s->n - head;
    *content = slice_of(s->p + head, n);
    *s = slice_of(content->p + n, s->n - head - n);
    return tag;
}

static bool
is_time(uint8_t tag)
{
    return tag == 0x17 || tag == 0x18;
}

/* What is signed. A request (RFC 2986) is version 0 and a Name; in a CRL (RFC
 * 5280 5.1) a time stands where a certificate has a SEQUENCE of two. */
static enum kind
kind_of_signed(struct slice s)
{
    static const uint8_t version_0[] = {2, 1, 0};
    bool zero = starts(s, version_0, sizeof(version_0));
    struct slice one = {0}, in = {0};
    uint8_t tag = element_take(&s, &one);

    if (tag == 0xa0)
        tag = element_take(&s, &one);
    if (tag == 0x02)
        tag = element_take(&s, &one);
    if (tag == 0x30 && zero && (one.n == 0 || one.p[0] == 0x31))
        return KIND_REQUEST;
    if (tag != 0x30 || element_take(&s, &one) != 0x30)
        return KIND_UNKNOWN;
    tag = element_take(&s, &one);
    if (is_time(tag))
        return KIND_CRL;
    return tag == 0x30 && is_time(element_take(&one, &in)) ? KIND_CERTIFICATE
                                                           : KIND_UNKNOWN;
}

/* PFX begins with version 3, keys with 0 or 1 or, encrypted, with PBES (RFC
 * 8018), ContentInfo with its type. A certificate, a CRL and a request are a
 * SEQUENCE in one, as much else is. */
static enum kind
kind_of_der(struct slice s)
{
    static const uint8_t p12[] = {2, 1, 3}, pkcs8[] = {2, 1, 0},
                         ec[] = {2, 1, 1, 4}, p7[] = {6, 9, 0x2a, 0x86, 0x48},
                         pbes[] = {6,    9,    0x2a, 0x86, 0x48,
                                   0x86, 0xf7, 0x0d, 1,    5};
    struct slice in = {0}, first = {0};

    (void)element_take(&s, &in);
    if (starts(in, p12, sizeof(p12)))
        return KIND_P12;
    if (starts(in, pkcs8, sizeof(pkcs8)) || starts(in, ec, sizeof(ec)))
        return KIND_KEY;
    if (starts(in, p7, sizeof(p7)))
        return KIND_P7;
    if (element_take(&in, &first) != 0x30)
        return KIND_UNKNOWN;
    return starts(first, pbes, sizeof(pbes)) ? KIND_KEY : kind_of_signed(first);
}

/* A block without its end, or of what is no base64 (RFC 7468 3). One with
 * headers of its own is let be. */
static bool
pem_is_damaged(struct slice s)
{
    static const char begin[] = "-----BEGIN ", end[] = "-----END ";
    const uint8_t *at;

    while ((at = memmem(s.p, s.n, begin, sizeof(begin) - 1))) {
        const uint8_t *line, *stop;
        size_t letters = 0, others = 0;

        s = slice_of(at, s.n - (size_t)(at - s.p));
        line = memchr(s.p, '\n', s.n);
        stop = memmem(s.p, s.n, end, sizeof(end) - 1);
        if (!line || !stop || stop < line)
            return true;
        for (const uint8_t *p = line; p < stop; p++) {
            bool letter = isalnum(*p) || strchr("+/=", *p);

            letters += letter && *p != 0;
            others += !letter && !isspace(*p);
        }
        if (!memchr(line, ':', (size_t)(stop - line)) &&
            (letters % 4 != 0 || others > 0))
            return true;
        s = slice_of(stop, s.n - (size_t)(stop - s.p));
    }
    return false;
}

/* A length that goes beyond the end. */
static bool
der_is_cut(struct slice s)
{
    size_t head = 2, n = s.p[1];

    if (n >= 0x80) {
        size_t digits = n & 0x7f;

        for (n = 0; digits > 0; digits--)
            n = n << 8 | s.p[head++];
    }
    return n > s.n - head;
}

/* False for a stream, and for what cannot be read. */
static bool
look(int fd, struct buf *out, bool *whole)
{
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t n;

    n = at < 0 ? -1
               : pread(fd, buf_room(out, LOOKED_AT_BYTES), LOOKED_AT_BYTES, at);
    if (n < 0)
        return false;
    buf_written(out, (size_t)n);
    *whole = n < LOOKED_AT_BYTES;
    return true;
}

static const char *
named(const char *path)
{
    return path && strcmp(path, "-") != 0 ? path : "the input";
}

static int
say(const char *path, enum kind k, const char *wanted, const char *next)
{
    return failure_say(EXIT_INPUT, next ? next : words[k].next,
                       "%s is %s, not %s", named(path), words[k].what, wanted);
}

static int
say_packed(const char *path, const char *what, const char *tool)
{
    char next[64];

    snprintf(next, sizeof(next), "take the mail out of it first, with %s",
             tool);
    return failure_say(EXIT_INPUT, next, "%s is %s, not a mail", named(path),
                       what);
}

int
file_want_mail(const char *path, int fd)
{
    AUTO(buf) struct buf bytes = {0};
    enum kind k = KIND_UNKNOWN;
    const char *what, *tool;
    struct slice s;
    bool whole;

    if (lseek(fd, 0, SEEK_CUR) == 0 && mail_file_is_packed(fd, &what, &tool))
        return say_packed(path, what, tool);
    if (!look(fd, &bytes, &whole))
        return EXIT_DONE;
    s = buf_slice(&bytes);
    if (is_der(s))
        k = kind_of_der(s);
    else if (begins(s, "-----BEGIN "))
        k = kind_of_pem(s, KIND_KEY);
    return k == KIND_UNKNOWN || k == KIND_P7 ? EXIT_DONE
                                             : say(path, k, "a mail", NULL);
}

int
file_want(const char *path, int fd, bool crl)
{
    enum kind want = crl ? KIND_CRL : KIND_CERTIFICATE, k;
    const char *wanted = crl ? "a CRL" : "a certificate";
    AUTO(buf) struct buf bytes = {0};
    struct slice s;
    bool whole;

    if (!look(fd, &bytes, &whole))
        return EXIT_DONE;
    s = buf_slice(&bytes);
    k = is_der(s) ? kind_of_der(s) : kind_of_pem(s, want);
    if (whole && (k == want || k == KIND_UNKNOWN) &&
        (is_der(s) ? der_is_cut(s) : pem_is_damaged(s)))
        return failure_say(EXIT_INPUT, "get it again, whole",
                           "%s is damaged: no %s can be read in it",
                           named(path), wanted + 2);
    if (k == want || (k == KIND_UNKNOWN && !is_der(s) && !whole))
        return EXIT_DONE;
    if (k != KIND_UNKNOWN)
        return say(path, k, wanted,
                   k == KIND_CERTIFICATE ? "name the CRL of its issuer" : NULL);
    return failure_say(EXIT_INPUT,
                       crl ? "name a CRL as PEM or DER"
                           : "name a certificate as PEM or DER",
                       "%s %s %s", named(path),
                       s.n == 0 ? "is empty, not" : "does not hold", wanted);
}

/* What FD begins with, where one that holds a certificate too is one; false
 * when nobody can look at it beforehand. */
static bool
kind_seen(int fd, enum kind *out)
{
    AUTO(buf) struct buf bytes = {0};
    struct slice s;
    bool whole;

    if (!look(fd, &bytes, &whole))
        return false;
    s = buf_slice(&bytes);
    *out = is_der(s) ? kind_of_der(s) : kind_of_pem(s, KIND_CERTIFICATE);
    return true;
}

int
file_want_contact(const char *path, int fd)
{
    enum kind k;

    if (!kind_seen(fd, &k))
        return EXIT_DONE;
    if (k != KIND_KEY && k != KIND_REQUEST && k != KIND_PUBLIC_KEY &&
        k != KIND_CRL)
        return EXIT_DONE;
    return say(path, k, "a certificate",
               k == KIND_CRL ? "name a certificate; for CRLs see: smime check "
                               "--help"
                             : NULL);
}

int
file_want_issued(const char *path, int fd)
{
    enum kind k;

    if (!kind_seen(fd, &k))
        return EXIT_DONE;
    if (k == KIND_CERTIFICATE || k == KIND_P7 || k == KIND_UNKNOWN)
        return EXIT_DONE;
    return say(path, k, "the certificate that a CA issued",
               k == KIND_REQUEST ? "send it to a CA, then install what the CA "
                                   "returns: smime install CERT"
               : k == KIND_CRL   ? "name the certificate that the CA returned"
                                 : NULL);
}
