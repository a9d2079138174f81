/*
 * smime-importer: reads one PKCS#12 file for the keyholder, then ends.
 *
 * fd 3 is its only channel. It holds one file, its password and its keys; it
 * opens nothing, starts nothing, and has seconds of processor time.
 */
#include <sys/resource.h>
#include <unistd.h>

#include "agent/base/harden.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/importer/p12.h"
#include "agent/importer/serve.h"

#define CHANNEL_FD 3

int
main(void)
{
    const struct rlimit cpu = {LIMIT_P12_CPU_SECONDS, LIMIT_P12_CPU_SECONDS};

    log_open("importer");
    harden_process(true);
    if (setrlimit(RLIMIT_CPU, &cpu) != 0)
        log_note("the processor time is not limited");
    (void)alarm(LIMIT_P12_LIFE_SECONDS);
    p12_warm();
    sandbox_files(NULL);
    sandbox_calls(SANDBOX_IMPORTER);
    if (!importer_serve(CHANNEL_FD)) {
        log_error("malformed request");
        _exit(1);
    }
    _exit(0);
}
