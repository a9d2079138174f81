/*
 * Files for the tests of importer and keyholder: made by the openssl command
 * in a folder of their own that is removed at the end.
 */
#ifndef TESTS_UNIT_KEYHOLDER_FIXTURE_H
#define TESTS_UNIT_KEYHOLDER_FIXTURE_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/mem.h"

static char fixture_folder[64];

static inline const char *
fixture_path(const char *name)
{
    static __thread char path[4][256]; /* the doubles read files, too */
    static __thread unsigned turn;
    char *out = path[turn++ % 4];

    snprintf(out, sizeof(path[0]), "%s/%s", fixture_folder, name);
    return out;
}

static inline void
fixture_run(const char *script)
{
    char command[256];
    FILE *f = fopen(fixture_path("script"), "w");

    if (!f || fputs(script, f) < 0 || fclose(f) != 0)
        abort();
    snprintf(command, sizeof(command),
             "cd %s && sh -e script >out.txt 2>&1 || { cat out.txt; exit 1; }",
             fixture_folder);
    if (system(command) != 0)
        abort();
}

static inline void
fixture_open(void)
{
    strcpy(fixture_folder, "/tmp/smime-test-XXXXXX");
    if (!mkdtemp(fixture_folder))
        abort();
}

static inline int
fixture_remove(const char *path, const struct stat *s, int type,
               struct FTW *ftw)
{
    (void)s;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void
fixture_close(void)
{
    nftw(fixture_folder, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static inline struct buf
fixture_read(const char *path)
{
    struct problem p = {0};
    struct buf b = {0};

    if (file_read(path, 4 << 20, &b, &p) != ERR_OK)
        abort();
    return b;
}

/* A CA, an RSA and an EC certificate below it, and PKCS#12 files of all
 * kinds; every password is 1234 where the name does not say otherwise. */
static const char fixture_script[] =
    "cat >x.cnf <<'X'\n"
    "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=x\n"
    "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n"
    "[both]\nsubjectAltName=email:alice@example.org\n"
    "keyUsage=digitalSignature,keyEncipherment\n"
    "[ec]\nsubjectAltName=email:eve@example.org\n"
    "keyUsage=digitalSignature,keyAgreement\n"
    "[plain]\nbasicConstraints=CA:FALSE\n"
    "X\n"
    "q='openssl req -config x.cnf -new -nodes'\n"
    "s='openssl x509 -req -days 30 -CA ca.crt -CAkey ca.key -CAcreateserial"
    " -extfile x.cnf'\n"
    "$q -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -keyout ca.key"
    " -out ca.crt -subj /CN=root -extensions ca\n"
    "$q -newkey rsa:2048 -keyout rsa.key -out rsa.csr -subj /CN=Alice\n"
    "$s -in rsa.csr -out rsa.crt -extensions both\n"
    "$q -newkey ec -pkeyopt ec_paramgen_curve:P-256 -keyout ec.key -out ec.csr"
    " -subj /CN=Eve\n"
    "$s -in ec.csr -out ec.crt -extensions ec\n"
    "$q -newkey ed25519 -keyout ed.key -out ed.csr -subj /CN=Edward\n"
    "$s -in ed.csr -out ed.crt -extensions plain\n"
    "e='openssl pkcs12 -export'\n"
    "$e -inkey rsa.key -in rsa.crt -certfile ca.crt -name 'My key'"
    " -passout pass:1234 -out modern.p12\n"
    "$e -legacy -inkey rsa.key -in rsa.crt -passout pass:1234"
    " -out legacy.p12\n"
    "$e -legacy -keypbe PBE-SHA1-RC2-40 -certpbe PBE-SHA1-RC4-128"
    " -inkey rsa.key -in rsa.crt -passout pass:1234 -out rc2.p12\n"
    "$e -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1"
    " -inkey rsa.key -in rsa.crt -passout pass:1234 -out des3.p12\n"
    "$e -nomac -inkey rsa.key -in rsa.crt -passout pass:1234"
    " -out nomac.p12\n"
    "$e -inkey ec.key -in ec.crt -passout pass:1234 -out ec.p12\n"
    "$e -inkey ed.key -in ed.crt -passout pass:1234 -out ed.p12\n"
    "$e -inkey rsa.key -in rsa.crt -passout pass: -out empty.p12\n"
    "$e -inkey rsa.key -nocerts -passout pass:1234 -out keyonly.p12\n"
    "$e -nokeys -in rsa.crt -passout pass:1234 -out certonly.p12\n"
    "$e -inkey rsa.key -in rsa.crt -passout pass:\"$(printf 'p\\303\\244ss')\""
    " -out utf8.p12\n"
    "$e -inkey rsa.key -in rsa.crt -passout pass:\"$(printf 'p\\344ss')\""
    " -out latin1.p12\n"
    "$e -iter 6000000 -inkey ec.key -in ec.crt -passout pass:1234"
    " -keypbe NONE -certpbe NONE -out slow.p12\n"
    "$q -newkey ec -pkeyopt ec_paramgen_curve:P-256 -keyout mid.key"
    " -out mid.csr -subj /CN=middle\n"
    "$s -in mid.csr -out mid.crt -extensions ca\n"
    "$q -newkey rsa:2048 -keyout deep.key -out deep.csr -subj /CN=Deep\n"
    "openssl x509 -req -days 30 -CA mid.crt -CAkey mid.key -CAcreateserial"
    " -extfile x.cnf -in deep.csr -out deep.crt -extensions both\n"
    "cat mid.crt ca.crt >chain.pem\n"
    "$e -inkey deep.key -in deep.crt -certfile chain.pem -name Deep"
    " -passout pass:1234 -out deep.p12\n"
    "openssl x509 -in mid.crt -outform DER -out mid.der\n"
    "openssl x509 -in rsa.crt -outform DER -out rsa.der\n"
    "openssl x509 -in ca.crt -outform DER -out ca.der\n";

#endif
