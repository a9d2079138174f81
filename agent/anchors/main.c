/*
 * smime-anchors --config FILE [--config FILE]...
 *
 * Runs once, when the agent starts: writes the roots that NSS trusts for
 * mail to stdout and ends. 0: a whole list was written; 1: there is none.
 * The code of the module that [anchors] nss names runs here and in no other
 * process.
 */
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "agent/anchors/nss.h"
#include "agent/base/fd.h"
#include "agent/base/harden.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"

struct setting {
    char path[PATH_MAX]; /* empty: look in the usual places */
    bool is_off;
};

/* Values that are not understood switch it off: whoever wrote them wanted
 * something else than the default. */
static int
line_read(void *user, const char *section, const char *name, const char *value)
{
    struct setting *s = user;
    char shown[128];

    if (strcmp(section, "anchors") != 0)
        return 1;
    if (strcmp(name, "nss") == 0 && value[0] == '/' &&
        strlen(value) < sizeof(s->path)) {
        snprintf(s->path, sizeof(s->path), "%s", value);
        s->is_off = false;
        return 1;
    }
    if (strcmp(name, "nss") == 0)
        s->is_off = true;
    if (strcmp(name, "nss") != 0 || strcmp(value, "no") != 0) {
        text_escape(slice_text(name), shown, sizeof(shown));
        log_error("agent.conf: [anchors] %s: a path or no is wanted", shown);
    }
    return 1;
}

static bool
settings_read(int argc, char **argv, struct setting *s)
{
    if (argc < 1 || argc % 2 == 0)
        return false;
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--config") != 0)
            return false;
        if (access(argv[i + 1], F_OK) == 0)
            (void)ini_parse(argv[i + 1], line_read, s);
    }
    for (size_t i = 0; s->path[0] == '\0' && nss_places[i]; i++)
        if (access(nss_places[i], R_OK) == 0)
            snprintf(s->path, sizeof(s->path), "%s", nss_places[i]);
    return true;
}

int
main(int argc, char **argv)
{
    const struct rlimit cpu = {LIMIT_ANCHORS_CPU_SECONDS,
                               LIMIT_ANCHORS_CPU_SECONDS};
    static struct setting setting;
    AUTO(buf) struct buf list = {0};
    AUTO(nss) struct nss *module = NULL;
    size_t count = 0;

    log_open("anchors");
    harden_process(true);
    (void)setrlimit(RLIMIT_CPU, &cpu);
    if (!settings_read(argc, argv, &setting)) {
        log_error("usage: smime-anchors --config FILE...");
        return err_exit_code(ERR_USAGE);
    }
    if (setting.is_off || setting.path[0] == '\0') {
        log_debug("no module with built-in anchors");
        return 1;
    }
    if (!nss_load(setting.path, &module))
        return 1;
    tzset();
    sandbox_files(NULL);
    sandbox_calls(SANDBOX_IMPORTER);
    if (!nss_list(module, &list, &count)) {
        log_note("no built-in anchors: %s fails", setting.path);
        return 1;
    }
    log_debug("%zu anchors from %s", count, setting.path);
    return fd_write_all(STDOUT_FILENO, list.data, list.len) ? 0 : 1;
}
