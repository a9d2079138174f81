#include "tests/bench/peers.h"

#ifdef WITH_NSS

#include <cert.h>
#include <certdb.h>
#include <cms.h>
#include <nss.h>
#include <prerror.h>
#include <secerr.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"

static CERTCertificate *anchor;

bool
nss_begin(const char *folder)
{
    CERTCertTrust trust = {0};
    char *pem, *body;
    long n = 0;

    if (NSS_NoDB_Init(NULL) != SECSuccess)
        die("NSS does not start");
    pem = file_read(folder, "root.pem", -1, &n);
    body = strstr(pem, "-----BEGIN");
    anchor = CERT_DecodeCertFromPackage(body, (int)strlen(body));
    free(pem);
    if (!anchor || CERT_DecodeTrustString(&trust, "C,C,C") != SECSuccess ||
        CERT_ChangeCertTrust(CERT_GetDefaultCertDB(), anchor, &trust) !=
            SECSuccess)
        die("NSS does not take the root: %d", (int)PORT_GetError());
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
