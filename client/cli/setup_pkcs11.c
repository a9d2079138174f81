/* smime setup: programs that load PKCS#11 modules. */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/setup.h"

#define NAME "smime-agent-pkcs11.so"

static const char agent_conf[] =
    "# ~/.config/smime-agent/agent.conf; then start the agent anew:\n"
    "[raw]\n"
    "enabled = yes\n"
    "\n";

static const char general[] =
    "# The PKCS#11 module; which programs take it, and how: man "
    "smime-agent-pkcs11\n"
    "{module}\n";

static const char thunderbird[] =
    "# With Thunderbird closed; PROFILE is the folder that Help, "
    "Troubleshooting\n"
    "# Information shows (modutil: Debian's libnss3-tools):\n"
    "modutil -dbdir sql:$HOME/.thunderbird/PROFILE -add smime-agent -libfile "
    "{module} -force\n"
    "# or in Thunderbird: Settings, Privacy & Security, Security Devices, "
    "Load.\n"
    "#\n"
    "# Then Account Settings, End-To-End Encryption, S/MIME: select your\n"
    "# certificate for signing and for encryption. Thunderbird wants to trust "
    "your\n"
    "# issuer itself: Manage S/MIME Certificates, Authorities, Import.\n";

static const char p11_kit[] =
    "# /etc/pkcs11/modules/smime-agent.module: every program that uses p11-kit "
    "(GnuTLS,\n"
    "# and others through p11-kit-proxy.so) sees your keys from then on.\n"
    "module: {module}\n";

/* Where it was installed, or lies in a build tree; its name alone when it is
 * in neither place. */
static void
module_add(struct buf *out)
{
    static const char *const folders[] = {"../lib/pkcs11",
                                          "../" SMIME_LIBDIR "/pkcs11"};
    char self[PATH_MAX], path[PATH_MAX], real[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    self[n > 0 ? n : 0] = '\0';
    slash = strrchr(self, '/');
    for (size_t i = 0; slash && i < ARRAY_COUNT(folders); i++) {
        int used = snprintf(path, sizeof(path), "%.*s/%s/" NAME,
                            (int)(slash - self), self, folders[i]);

        if (used > 0 && (size_t)used < sizeof(path) && realpath(path, real)) {
            buf_add_text(out, real);
            return;
        }
    }
    buf_add_text(out, NAME);
}

static int
print(const char *lines)
{
    static const char mark[] = "{module}";
    AUTO(buf) struct buf out = {0};
    const char *at = strstr(lines, mark);

    buf_add_text(&out, agent_conf);
    buf_add(&out, lines, (size_t)(at - lines));
    module_add(&out);
    buf_add_text(&out, at + sizeof(mark) - 1);
    fputs(buf_text(&out), stdout);
    return output_finish(EXIT_DONE);
}

int
setup_pkcs11(const struct arguments *a)
{
    (void)a;
    return print(general);
}

int
setup_thunderbird(const struct arguments *a)
{
    (void)a;
    return print(thunderbird);
}

int
setup_p11_kit(const struct arguments *a)
{
    (void)a;
    return print(p11_kit);
}
