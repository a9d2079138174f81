/* What differs from person to person in the lines of smime setup. */
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "client/cli/setup.h"

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-"

/* ---- programs
 * ----------------------------------------------------------------------- */

/* Is what PATH finds first under this name the file at WANTED? */
static bool
is_in_path(const char *program, const char *wanted)
{
    const char *at = getenv("PATH");
    struct stat one, other;

    if (!at || stat(wanted, &other) != 0)
        return false;
    for (; *at; at += strspn(at, ":")) {
        size_t n = strcspn(at, ":");
        char path[PATH_MAX];
        int used = snprintf(path, sizeof(path), "%.*s/%s", (int)n, at, program);

        at += n;
        if (used > 0 && (size_t)used < sizeof(path) && access(path, X_OK) == 0)
            return stat(path, &one) == 0 && one.st_dev == other.st_dev &&
                   one.st_ino == other.st_ino;
    }
    return false;
}

static void
add_quoted(struct buf *out, const char *path)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789/._+-";

    if (path[strspn(path, plain)] == '\0') {
        buf_add_text(out, path);
        return;
    }
    buf_add_byte(out, '\'');
    for (; *path; path++)
        if (*path == '\'')
            buf_add_text(out, "'\\''");
        else
            buf_add_byte(out, (uint8_t)*path);
    buf_add_byte(out, '\'');
}

void
setup_program(struct buf *out, const char *program)
{
    char path[PATH_MAX];

    if (!sibling_path(program, path, sizeof(path)) || is_in_path(program, path))
        buf_add_text(out, program);
    else
        add_quoted(out, path);
}

void
setup_data_folder(struct buf *out)
{
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");

    if (data && data[0] == '/')
        buf_addf(out, "%s/smime-agent", data);
    else
        buf_addf(out, "%s/.local/share/smime-agent", home ? home : "");
}

/* ---- the address
 * -------------------------------------------------------------------- */

/* That of all keys, when they have one and the same; NULL else. */
static const char *
only_address(json_t *keys)
{
    const char *found = NULL;
    json_t *key, *address;
    size_t i, k;

    json_array_foreach(keys, i, key)
    {
        json_array_foreach(json_object_get(key, "addresses"), k, address)
        {
            const char *text = json_string_value(address);

            if (!text || (found && strcmp(found, text) != 0))
                return NULL;
            found = text;
        }
    }
    return found;
}

/* The person's own address: --from, else that of the only key the agent has;
 * "you@example.org" when neither says it. Gives. */
static char *
setup_address(const struct arguments *a)
{
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    const char *address = arguments_value(a, "from");
    char shown[512];

    call_init(&c);
    if (!address && call_try(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Keys.List",
                             &reply, &error) == EXIT_DONE)
        address = only_address(json_object_get(reply, "keys"));
    text_escape(slice_text(address ? address : "you@example.org"), shown,
                sizeof(shown));
    return mem_text(slice_text(shown));
}

/* ---- filling in
 * --------------------------------------------------------------------- */

/* True when WORD, N bytes, was something to fill in. */
static bool
word_fill(struct buf *out, const struct arguments *a, const char *word,
          size_t n)
{
    char name[64];

    if (n >= sizeof(name))
        return false;
    memcpy(name, word, n);
    name[n] = '\0';
    if (strcmp(name, "address") == 0) {
        char *address = setup_address(a);

        buf_add_text(out, address);
        free(address);
        return true;
    }
    if (strcmp(name, "data") == 0) {
        setup_data_folder(out);
        return true;
    }
    if (strcmp(name, "smime") != 0 && strncmp(name, "smime-", 6) != 0)
        return false;
    setup_program(out, name);
    return true;
}

void
setup_fill(struct buf *out, const struct arguments *a, const char *lines)
{
    while (*lines) {
        size_t n = *lines == '{' ? strspn(lines + 1, NAME_CHARS) : 0;

        if (n > 0 && lines[n + 1] == '}' && word_fill(out, a, lines + 1, n)) {
            lines += n + 2;
            continue;
        }
        buf_add_byte(out, (uint8_t)*lines++);
    }
}
