#include "tests/bench/peers.h"

#ifdef WITH_NSS

#include <cert.h>
#include <certdb.h>
#include <cms.h>
#include <nss.h>
#include <pk11pub.h>
#include <prerror.h>
#include <secerr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/bench/bench.h"

static CERTCertificate *anchor;

/* A profile on disk, as every program on NSS has one. */
static void
database_new(const char *folder, char *out, size_t size)
{
    char path[480];

    (void)snprintf(path, sizeof(path), "%s/nss", folder);
    (void)mkdir(path, 0700);
    (void)snprintf(out, size, "sql:%s", path);
}

bool
nss_begin(const char *folder)
{
    PK11SlotInfo *slot;
    CERTCertTrust trust = {0};
    char database[512];
    char *pem, *body;
    long n = 0;

    database_new(folder, database, sizeof(database));
    if (NSS_InitReadWrite(database) != SECSuccess)
        die("NSS does not start");
    pem = file_read(folder, "root.pem", -1, &n);
    body = strstr(pem, "-----BEGIN");
    anchor = CERT_DecodeCertFromPackage(body, (int)strlen(body));
    free(pem);
    slot = PK11_GetInternalKeySlot();
    if (PK11_NeedUserInit(slot) && PK11_InitPin(slot, NULL, NULL) != SECSuccess)
        die("NSS's profile: %d", (int)PORT_GetError());
    if (!anchor ||
        PK11_ImportCert(slot, anchor, CK_INVALID_HANDLE, "root", PR_FALSE) !=
            SECSuccess ||
        CERT_DecodeTrustString(&trust, "C,C,C") != SECSuccess ||
        CERT_ChangeCertTrust(CERT_GetDefaultCertDB(), anchor, &trust) !=
            SECSuccess)
        die("NSS does not take the root: %d", (int)PORT_GetError());
    PK11_FreeSlot(slot);
    return true;
}

static void
digest_set(NSSCMSSignedData *signed_data, PLArenaPool *pool, const char *text,
           long length)
{
    SECAlgorithmID **algorithms = NSS_CMSSignedData_GetDigestAlgs(signed_data);
    NSSCMSDigestContext *ctx = NSS_CMSDigestContext_StartMultiple(algorithms);
    SECItem **digests = NULL;

    NSS_CMSDigestContext_Update(ctx, (const unsigned char *)text, (int)length);
    if (NSS_CMSDigestContext_FinishMultiple(ctx, pool, &digests) !=
            SECSuccess ||
        NSS_CMSSignedData_SetDigests(signed_data, algorithms, digests) !=
            SECSuccess)
        die("NSS does not digest");
}

void
nss_verify(const char *folder, long n)
{
    long der_len = 0, text_len = 0;
    char *der = file_read(folder, "p7s", n, &der_len);
    char *text = file_read(folder, "content", n, &text_len);
    SECItem item = {siBuffer, (unsigned char *)der, (unsigned)der_len};
    PLArenaPool *pool = PORT_NewArena(1024);
    NSSCMSMessage *m =
        NSS_CMSMessage_CreateFromDER(&item, NULL, NULL, NULL, NULL, NULL, NULL);
    NSSCMSSignedData *s;

    if (!m)
        die("NSS does not read mail %ld", n);
    s = NSS_CMSContentInfo_GetContent(NSS_CMSMessage_ContentLevel(m, 0));
    digest_set(s, pool, text, text_len);
    if (NSS_CMSSignedData_ImportCerts(s, CERT_GetDefaultCertDB(),
                                      certUsageEmailSigner,
                                      PR_FALSE) != SECSuccess ||
        NSS_CMSSignedData_VerifySignerInfo(s, 0, CERT_GetDefaultCertDB(),
                                           certUsageEmailSigner) != SECSuccess)
        die("NSS does not verify mail %ld: %d", n, (int)PORT_GetError());
    NSS_CMSMessage_Destroy(m);
    PORT_FreeArena(pool, PR_FALSE);
    free(der);
    free(text);
}

void
nss_end(void)
{
    CERT_DestroyCertificate(anchor);
    (void)NSS_Shutdown();
}

#else

bool
nss_begin(const char *folder)
{
    (void)folder;
    return false;
}

void
nss_verify(const char *folder, long n)
{
    (void)folder;
    (void)n;
}

void
nss_end(void)
{
}

#endif
