/*
 * smime-keyring --contacts FILE [--config FILE]...
 *
 * Started by smime-agent: descriptor 3 is the broker's, which sends the
 * channels of sessions and of the validator.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/base/harden.h"
#include "agent/base/log.h"
#include "agent/keyring/keyring.h"
#include "agent/keyring/settings.h"

enum { FD_CONTROL = 3 };

/* Makes the folders above the file that are missing, for the user alone. */
static bool
folders_make(const char *file, char *folder, size_t size)
{
    if ((size_t)snprintf(folder, size, "%s", file) >= size)
        return false;
    for (char *at = strchr(folder + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
            log_error("%s: %s", folder, strerror(errno));
            return false;
        }
        *at = '/';
    }
    *strrchr(folder, '/') = '\0';
    return true;
}

static bool
arguments_read(int argc, char **argv, const char **contacts,
               struct settings *settings)
{
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc || argv[i + 1][0] != '/')
            return false;
        if (strcmp(argv[i], "--contacts") == 0)
            *contacts = argv[i + 1];
        else if (strcmp(argv[i], "--config") == 0)
            settings_load(settings, argv[i + 1]);
        else
            return false;
    }
    return *contacts && strrchr(*contacts, '/') != *contacts;
}

int
main(int argc, char **argv)
{
    char folder[4096];
    const char *writable[] = {folder, NULL};
    struct sandbox_paths paths = {.writable = writable};
    struct settings settings = {.on_change = ON_CHANGE_USE_NEW};
    const char *contacts = NULL;
    struct keyring k;

    log_open("keyring");
    harden_process(true);
    /* A limit on file sizes is an error of one write, not the end. */
    signal(SIGXFSZ, SIG_IGN);
    if (!arguments_read(argc, argv, &contacts, &settings)) {
        log_error("usage: smime-keyring --contacts /FOLDER/FILE "
                  "[--config /FILE]...");
        return err_exit_code(ERR_USAGE);
    }
    if (!folders_make(contacts, folder, sizeof(folder)))
        folder[0] = '\0'; /* the store will say what is wrong */
    tzset();
    sandbox_files(&paths);
    sandbox_calls(SANDBOX_KEYRING);
    keyring_init(&k, store_open(contacts), FD_CONTROL, -1);
    k.on_change = settings.on_change;
    if (!channel_send(FD_CONTROL, MSG_READY, NULL, NULL, 0))
        return err_exit_code(ERR_INTERNAL);
    keyring_serve(&k);
    keyring_drop(&k);
    return 0;
}
