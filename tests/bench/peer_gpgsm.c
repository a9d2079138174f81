#include "tests/bench/peers.h"

#ifdef WITH_GPGME

#include <gpgme.h>
#include <stdlib.h>

#include "tests/bench/bench.h"

static gpgme_ctx_t context;

bool
gpgsm_begin(void)
{
    (void)gpgme_check_version(NULL);
    if (gpgme_engine_check_version(GPGME_PROTOCOL_CMS) != 0 ||
        gpgme_new(&context) != 0 ||
        gpgme_set_protocol(context, GPGME_PROTOCOL_CMS) != 0)
        return false;
    gpgme_set_offline(context, 1);
    return true;
}

void
gpgsm_verify(const char *folder, long n)
{
    long der_len = 0, text_len = 0;
    char *der = file_read(folder, "p7s", n, &der_len);
    char *text = file_read(folder, "content", n, &text_len);
    gpgme_data_t signature, content;
    gpgme_verify_result_t result;
    gpgme_error_t e;

    (void)gpgme_data_new_from_mem(&signature, der, (size_t)der_len, 0);
    (void)gpgme_data_new_from_mem(&content, text, (size_t)text_len, 0);
    e = gpgme_op_verify(context, signature, content, NULL);
    result = gpgme_op_verify_result(context);
    if (e != 0 || !result || !result->signatures ||
        !(result->signatures->summary & GPGME_SIGSUM_VALID))
        die("gpgsm does not verify mail %ld: %s (%x)", n, gpgme_strerror(e),
            result && result->signatures ? result->signatures->summary : 0);
    gpgme_data_release(signature);
    gpgme_data_release(content);
    free(der);
    free(text);
}

void
gpgsm_end(void)
{
    gpgme_release(context);
}

#else

bool
gpgsm_begin(void)
{
    return false;
}

void
gpgsm_verify(const char *folder, long n)
{
    (void)folder;
    (void)n;
}

void
gpgsm_end(void)
{
}

#endif
