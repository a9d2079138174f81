/*
 * What a file that is no PKCS#12 seems to be, so that a person knows which
 * file they gave.
 */
#include <openssl/evp.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "agent/base/log.h"
#include "agent/importer/internal.h"

static const char pem_begin[] = "-----BEGIN ";
static const char pem_key[] = "PRIVATE KEY-----";

static bool
guess_pem(struct slice file, char *out, size_t size)
{
    const uint8_t *at =
        memmem(file.p, file.n, pem_begin, sizeof(pem_begin) - 1);
    struct slice label = {0};
    char text[40];

    if (!at)
        return false;
    label.p = at + sizeof(pem_begin) - 1;
    while (label.n < file.n - (size_t)(label.p - file.p) &&
           label.p[label.n] != '-' && label.p[label.n] != '\n')
        label.n++;
    text_escape(label, text, sizeof(text));
    snprintf(out, size, "it is a PEM file: %s%s", text,
             memmem(file.p, file.n, pem_key, sizeof(pem_key) - 1)
                 ? "; make one of it with: openssl pkcs12 -export -in FILE"
                 : "; your own certificate goes in with: smime install");
    return true;
}

/* PKCS#8, plain or encrypted, and the forms before it. */
static bool
is_key(struct slice file)
{
    const unsigned char *at = file.p;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)file.n);
    X509_SIG *shrouded = NULL;
    bool is = key != NULL;

    at = file.p;
    if (!is)
        shrouded = d2i_X509_SIG(NULL, &at, (long)file.n);
    is = is || shrouded != NULL;
    EVP_PKEY_free(key);
    X509_SIG_free(shrouded);
    return is;
}

/* A PKCS#12 file as mail carries it: its first bytes are a SEQUENCE. */
static bool
is_base64(struct slice file)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz"
                                  "0123456789+/=\r\n";

    if (file.n < 16 || file.p[0] != 'M')
        return false;
    for (size_t i = 0; i < file.n; i++)
        if (!memchr(letters, file.p[i], sizeof(letters) - 1))
            return false;
    return true;
}

static bool
is_certificate(struct slice file)
{
    const unsigned char *at = file.p;
    X509 *x = d2i_X509(NULL, &at, (long)file.n);
    bool is = x != NULL;

    X509_free(x);
    return is;
}

static bool
is_pkcs7(struct slice file)
{
    const unsigned char *at = file.p;
    PKCS7 *p7 = d2i_PKCS7(NULL, &at, (long)file.n);
    bool is = p7 != NULL;

    PKCS7_free(p7);
    return is;
}

static bool
is_text(struct slice file)
{
    for (size_t i = 0; i < file.n; i++)
        if (file.p[i] == 0x7f || (file.p[i] < 0x20 && file.p[i] != '\n' &&
                                  file.p[i] != '\r' && file.p[i] != '\t'))
            return false;
    return true;
}

/* True when the outermost SEQUENCE announces more than is there. */
static bool
is_cut_short(struct slice file)
{
    const unsigned char *at = file.p;
    long length = 0;
    int tag = 0, class = 0;
    int flags;

    if (file.n == 0 || file.p[0] != 0x30)
        return false;
    /* There is nothing behind the length, which may not be whole. */
    if (file.n == 1 || (file.p[1] > 0x80 && file.p[1] <= 0x84 &&
                        file.n <= 2 + (size_t)(file.p[1] & 0x7f)))
        return true;
    /* Of indefinite length, and its end is not there. */
    if (file.p[1] == 0x80)
        return file.n < 4 || file.p[file.n - 2] != 0 || file.p[file.n - 1] != 0;
    /* Limited to a large size: the length itself is what is asked for. */
    flags = ASN1_get_object(&at, &length, &tag, &class, (long)file.n);
    if (flags & 0x80)
        return length > (long)(file.n - (size_t)(at - file.p));
    return false;
}

void
guess_file(struct slice file, char *out, size_t size)
{
    if (file.n == 0)
        snprintf(out, size, "it is empty");
    else if (guess_pem(file, out, size))
        return;
    else if (is_certificate(file))
        snprintf(out, size,
                 "it is a certificate (DER); your own goes in with: "
                 "smime install");
    else if (is_pkcs7(file))
        snprintf(out, size, "it is a PKCS#7 file (.p7b, .p7m)");
    else if (is_key(file))
        snprintf(out, size, "it is a private key alone (DER)");
    else if (file.n > 4 && memcmp(file.p, "\xfe\xed\xfe\xed", 4) == 0)
        snprintf(out, size, "it is a Java keystore");
    else if (is_cut_short(file))
        snprintf(out, size, "it is cut short");
    else if (is_base64(file))
        snprintf(out, size, "it is base64; decode it with: base64 -d");
    else if (is_text(file))
        snprintf(out, size, "it is text");
    else
        snprintf(out, size, "its form is unknown");
}
