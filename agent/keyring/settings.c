#include "agent/keyring/settings.h"

#include <ini.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"

static const char *const words[] = {[ON_CHANGE_USE_NEW] = "use-new",
                                    [ON_CHANGE_ASK] = "ask",
                                    [ON_CHANGE_KEEP_OLD] = "keep-old"};

static int
handle_line(void *user, const char *section, const char *name,
            const char *value)
{
    struct settings *s = user;
    char shown[96];

    if (strcmp(section, "contacts") != 0)
        return 1;
    if (strcmp(name, "on-change") != 0) {
        text_escape(slice_text(name), shown, sizeof(shown));
        log_error("agent.conf: [contacts] has no %s", shown);
        return 1;
    }
    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (strcmp(value, words[i]) == 0) {
            s->on_change = (enum on_change)i;
            return 1;
        }
    text_escape(slice_text(value), shown, sizeof(shown));
    log_error("agent.conf: [contacts] on-change = %s: use-new, ask or keep-old "
              "is wanted",
              shown);
    return 1;
}

void
settings_load(struct settings *s, const char *file)
{
    if (access(file, F_OK) != 0)
        return;
    if (ini_parse(file, handle_line, s) < 0)
        log_error("%s cannot be read", file);
}
