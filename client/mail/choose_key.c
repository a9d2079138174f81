#include "client/mail/choose_key.h"

#include <ctype.h>
#include <string.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"

#define SHA1_HEX_CHARS   40
#define SHA256_HEX_CHARS 64

bool
hex_read(const char *text, char *out, size_t size)
{
    size_t n = 0;

    if (strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0)
        text += 2;
    for (; *text; text++) {
        if (*text == ':' || *text == ' ' || (*text == '!' && !text[1]))
            continue;
        if (!isxdigit((unsigned char)*text) || n + 1 >= size)
            return false;
        out[n++] = (char)tolower((unsigned char)*text);
    }
    out[n] = '\0';
    return n > 0;
}

/* The id of the key whose certificate has this fingerprint; NULL: none has,
 * or the agent says why it cannot tell when it is asked to sign. */
static const char *
id_by_fingerprint(const char *fingerprint, json_t **out_reply)
{
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};
    AUTO(call) struct call c = {.parameters = NULL};
    const char *id;

    call_init(&c);
    json_object_set_new(c.parameters, "patterns",
                        json_pack("[s]", fingerprint));
    json_object_set_new(c.parameters, "own", json_true());
    if (call_try(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Contacts.Certificates",
                 out_reply, &error) != EXIT_DONE)
        return NULL;
    id = text_of(json_array_get(json_object_get(*out_reply, "certificates"), 0),
                 "key");
    return id[0] != '\0' ? id : NULL;
}

/* "Name <address>" and the bare address. */
static int
set_address(struct call *c, const char *wanted)
{
    const char *open = strrchr(wanted, '<');
    char address[512];
    size_t n;

    if (open)
        wanted = open + 1;
    n = strcspn(wanted, ">");
    if (n == 0 || n >= sizeof(address))
        return failure_say(EXIT_USAGE, "give an address or an id",
                           "no key can be meant by: %s", wanted);
    memcpy(address, wanted, n);
    address[n] = '\0';
    call_set_text(c, "from", address);
    return EXIT_DONE;
}

int
call_set_key(struct call *c, const char *wanted)
{
    AUTO(json) json_t *reply = NULL;
    char hex[SHA256_HEX_CHARS + 1];
    const char *id = NULL;
    size_t n;

    if (!wanted || wanted[0] == '\0')
        return failure_say(EXIT_USAGE,
                           "name one: an address, an id (smime keys), or a "
                           "fingerprint",
                           "no key is named");
    if (strncmp(wanted, "pkcs11:", 7) == 0) {
        call_set_text(c, "key", wanted);
        return EXIT_DONE;
    }
    if (!hex_read(wanted, hex, sizeof(hex)))
        return set_address(c, wanted);
    n = strlen(hex);
    if (n == SHA1_HEX_CHARS || n == SHA256_HEX_CHARS)
        id = id_by_fingerprint(hex, &reply);
    /* An id can be as long as a fingerprint. */
    call_set_text(c, "key", id ? id : hex);
    return EXIT_DONE;
}
