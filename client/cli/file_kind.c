/*
 * What a file seems to be that a person names in the place of a mail, a
 * certificate or a CRL: a private key is not even handed to the agent, and a
 * mistake is told with the file's name. A guess by the first bytes; what
 * is unknown is for the agent to judge. Streams are not looked at.
 */
#include <string.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

#define LOOKED_AT_BYTES 65536

enum kind {
    KIND_UNKNOWN,
    KIND_KEY,
    KIND_P12,
    KIND_P7,
    KIND_REQUEST,
    KIND_PUBLIC_KEY,
    KIND_CERTIFICATE,
    KIND_CRL
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
              {"PKCS7", KIND_P7}};

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
    [KIND_CRL] = {"a CRL", "name one with --crl FILE"}};

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
    return s.n > 6 && s.p[0] == 0x30 && s.p[1] >= 0x80 && s.p[1] <= 0x84;
}

/* PFX begins with version 3, keys with 0 or 1, ContentInfo with its type. A
 * certificate and a CRL are a SEQUENCE in one, as much else is. */
static enum kind
kind_of_der(struct slice s)
{
    static const uint8_t p12[] = {2, 1, 3}, pkcs8[] = {2, 1, 0},
                         ec[] = {2, 1, 1, 4}, p7[] = {6, 9, 0x2a, 0x86, 0x48};
    size_t n = 2 + (s.p[1] & 0x7f);
    struct slice in = slice_of(s.p + n, s.n - n);

    if (starts(in, p12, sizeof(p12)))
        return KIND_P12;
    if (starts(in, pkcs8, sizeof(pkcs8)) || starts(in, ec, sizeof(ec)))
        return KIND_KEY;
    return starts(in, p7, sizeof(p7)) ? KIND_P7 : KIND_UNKNOWN;
}

/* False for a stream, and for what cannot be read. */
static bool
look(int fd, struct buf *out, bool *whole)
{
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t n;

    buf_reserve(out, LOOKED_AT_BYTES);
    n = at < 0 ? -1 : pread(fd, out->data, LOOKED_AT_BYTES, at);
    if (n < 0)
        return false;
    out->len = (size_t)n;
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

int
file_want_mail(const char *path, int fd)
{
    AUTO(buf) struct buf bytes = {0};
    enum kind k = KIND_UNKNOWN;
    struct slice s;
    bool whole;

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
    if (k == want || (k == KIND_UNKNOWN && (is_der(s) || !whole)))
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
