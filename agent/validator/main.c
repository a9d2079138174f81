/*
 * smime-validator [--anchors DIR]... [--crls DIR]... [--builtin]
 *
 * Started by smime-agent: descriptor 3 is the broker's, 4 leads to the
 * keyring, and with --builtin 5 is the list that smime-anchors wrote.
 */
#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/harden.h"
#include "agent/base/log.h"
#include "agent/cms/algorithm.h"
#include "agent/validator/decoders.h"
#include "agent/validator/validator.h"
#include "agent/wire/channel.h"

enum { FD_CONTROL = 3, FD_KEYRING = 4, FD_BUILTIN = 5 };

struct arguments {
    const char *anchors[LIMIT_FOLDERS + 1];
    const char *crls[LIMIT_FOLDERS + 1];
    const char *all[2 * LIMIT_FOLDERS + 1];
    bool builtin;
};

static bool
folder_add(const char **list, const char *folder)
{
    size_t n = 0;

    while (list[n])
        n++;
    if (n == LIMIT_FOLDERS)
        return false;
    list[n] = folder;
    return true;
}

static bool
arguments_read(int argc, char **argv, struct arguments *out)
{
    size_t n = 0;

    for (int i = 1; i < argc; i++) {
        bool anchors = strcmp(argv[i], "--anchors") == 0;

        if (strcmp(argv[i], "--builtin") == 0) {
            out->builtin = true;
            continue;
        }
        if ((!anchors && strcmp(argv[i], "--crls") != 0) || i + 1 == argc)
            return false;
        if (!folder_add(anchors ? out->anchors : out->crls, argv[++i]))
            return false;
        out->all[n++] = argv[i];
    }
    return true;
}

int
main(int argc, char **argv)
{
    struct arguments given = {.builtin = false};
    struct sandbox_paths paths = {.readable = given.all};
    struct validator v;
    struct empty nothing = {0};

    log_open("validator");
    harden_process(true);
    if (!arguments_read(argc, argv, &given)) {
        log_error("usage: smime-validator [--anchors DIR]... [--crls DIR]... "
                  "[--builtin]");
        return err_exit_code(ERR_USAGE);
    }
    tzset();
    OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL);
    algorithm_warm_up();
    decoders_narrow();
    sandbox_files(&paths);
    sandbox_calls(SANDBOX_VALIDATOR);
    validator_init(&v, given.anchors, given.crls);
    if (given.builtin && anchors_add_builtin(v.anchors, FD_BUILTIN))
        log_debug("%zu anchors", anchors_count(v.anchors));
    if (given.builtin)
        (void)close(FD_BUILTIN);
    if (!channel_send(FD_CONTROL, MSG_READY, &nothing, NULL, 0))
        return err_exit_code(ERR_INTERNAL);
    validator_serve(&v, FD_CONTROL, FD_KEYRING);
    validator_drop(&v);
    return 0;
}
