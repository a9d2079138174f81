/*
 * smime-anchors --config FILE [--config FILE]...
 *
 * Runs once, when the agent starts: writes the roots that NSS trusts for
 * mail to stdout and ends. 0: a whole list was written; 1: there is none.
 * The code of the module that [anchors] nss names runs here and in no other
 * process.
 */
#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "agent/anchors/nss.h"
#include "agent/base/conf.h"
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
static enum conf_answer
take_line(void *user, const struct conf_line *l)
{
    struct setting *s = user;

    if (strcmp(l->section, "anchors") != 0)
        return CONF_OTHER;
    if (strcmp(l->name, "nss") != 0)
        return CONF_WRONG;
    s->is_off = l->value[0] != '/' || strlen(l->value) >= sizeof(s->path);
    if (s->is_off)
        return strcmp(l->value, "no") == 0 ? CONF_TAKEN : CONF_WRONG;
    snprintf(s->path, sizeof(s->path), "%s", l->value);
    return CONF_TAKEN;
}

static bool
settings_read(int argc, char **argv, struct setting *s)
{
    const struct conf_reader reader = {.take = take_line, .user = s};

    if (argc < 1 || argc % 2 == 0)
        return false;
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--config") != 0)
            return false;
        conf_read(argv[i + 1], &reader);
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
