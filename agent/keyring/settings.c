#include "agent/keyring/settings.h"

#include <string.h>

#include "agent/base/conf.h"
#include "agent/base/mem.h"

static const char *const words[] = {[ON_CHANGE_USE_NEW] = "use-new",
                                    [ON_CHANGE_ASK] = "ask",
                                    [ON_CHANGE_KEEP_OLD] = "keep-old"};

static enum conf_answer
take_line(void *user, const struct conf_line *l)
{
    struct settings *s = user;

    if (strcmp(l->section, "contacts") != 0)
        return CONF_OTHER;
    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (strcmp(l->name, "on-change") == 0 &&
            strcmp(l->value, words[i]) == 0) {
            s->on_change = (enum on_change)i;
            return CONF_TAKEN;
        }
    /* Whoever writes this line wants to know of changes: a slip of the pen
     * must not mean the opposite. */
    if (strcmp(l->name, "on-change") == 0)
        s->on_change = ON_CHANGE_ASK;
    return CONF_WRONG;
}

void
settings_load(struct settings *s, const char *file)
{
    const struct conf_reader reader = {.take = take_line, .user = s};

    conf_read(file, &reader);
}
