/* smime-mutt sign, encrypt and decrypt. */
#include <string.h>
#include <strings.h>

#include "agent/base/mem.h"
#include "client/mail/choose_key.h"
#include "client/mail/mutt.h"

#define EXIT_NO_CERTIFICATE 5

/* Input and output of a call on a CMS object. */
static int
begin(struct call *c, const struct arguments *a)
{
    int e;

    call_init(c);
    e = call_set_input(c, a->operand[0]);
    if (e == EXIT_DONE)
        e = call_set_output(c);
    call_set_text(c, "form", "cms");
    call_set_caller(c);
    return e;
}

/* ---- sign -----------------------------------------------------------------
 */

static const struct option_row sign_options[] = {
    {"digest", OPTION_VALUE}, {"key", OPTION_VALUE}, {NULL, OPTION_FLAG}};

/* What mutt writes as micalg has to be what is signed with. */
static int
set_digest(struct call *c, const char *digest)
{
    static const char *const known[] = {"sha256", "sha384", "sha512"};

    if (!digest)
        return EXIT_DONE;
    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        if (strcasecmp(digest, known[i]) == 0) {
            call_set_text(c, "digest", known[i]);
            return EXIT_DONE;
        }
    return failure_say(EXIT_USAGE, "set smime_sign_digest_alg = \"sha256\"",
                       "nothing is signed with %s any more", digest);
}

static int
set_key(struct call *c, const char *path)
{
    const char *name = path ? name_of_path(path) : "";
    char fingerprint[65], uri[1024] = "";

    if (name[0] == '\0' || strcmp(name, "(null)") == 0)
        return failure_say(EXIT_USAGE,
                           "set smime_default_key = \"your address\"",
                           "mutt has no key to sign with");
    if (fingerprint_find(name, fingerprint, uri, sizeof(uri)) &&
        uri[0] != '\0') {
        call_set_text(c, "key", uri);
        return EXIT_DONE;
    }
    return call_set_key(c, name);
}

static int
run_sign(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e;

    passphrase_skip();
    e = begin(&c, a);
    call_set_flag(&c, "text", true);
    /* Answers in AES-GCM mutt would not take for S/MIME. */
    call_set_text(&c, "announce", "cbc");
    if (e == EXIT_DONE)
        e = set_digest(&c, arguments_value(a, "digest"));
    if (e == EXIT_DONE)
        e = set_key(&c, arguments_value(a, "key"));
    if (e == EXIT_DONE)
        e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Mail.Sign", &reply);
    if (e == EXIT_DONE)
        warnings_say(reply);
    return e;
}

const struct command mutt_sign = {
    .name = "sign",
    .summary = "smime_sign_command",
    .usage = "sign --digest %d --key %k %f",
    .help = "The signature (DER) goes to stdout.\n",
    .options = sign_options,
    .least_operands = 1,
    .most_operands = 1,
    .run = run_sign,
};

/* ---- encrypt --------------------------------------------------------------
 */

static const struct option_row encrypt_options[] = {{"cipher", OPTION_VALUE},
                                                    {NULL, OPTION_FLAG}};

/* mutt names ciphers as openssl does; modes it does not know. */
static int
set_cipher(struct call *c, const char *cipher)
{
    static const char *const known[][2] = {{"aes128", "aes128-cbc"},
                                           {"aes192", "aes192-cbc"},
                                           {"aes256", "aes256-cbc"}};

    if (!cipher || cipher[0] == '\0')
        return EXIT_DONE;
    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        if (strcasecmp(cipher, known[i][0]) == 0) {
            call_set_text(c, "cipher", known[i][1]);
            return EXIT_DONE;
        }
    return failure_say(EXIT_USAGE, "leave --cipher away: the recipients decide",
                       "nothing is encrypted with %s any more", cipher);
}

static int
set_recipients(struct call *c, const struct arguments *a)
{
    json_t *to = json_array(), *certificates = json_array();
    bool to_self = false;

    json_object_set_new(c->parameters, "to", to);
    json_object_set_new(c->parameters, "certificates", certificates);
    for (size_t i = 1; i < a->operand_count; i++) {
        const char *name = name_of_path(a->operand[i]);
        char fingerprint[65], uri[1024];

        if (strchr(name, '@')) {
            if (json_array_append_new(to, json_string(name)) != 0)
                return failure_say(EXIT_USAGE, "write it in UTF-8",
                                   "the address %s is no text", name);
            continue;
        }
        if (!fingerprint_find(name, fingerprint, uri, sizeof(uri)))
            return failure_say(EXIT_NO_CERTIFICATE, "run: smime-mutt index",
                               "no contact has the certificate %s", name);
        to_self |= uri[0] != '\0';
        json_array_append_new(certificates, json_string(fingerprint));
    }
    if (to_self)
        json_object_set_new(c->parameters, "self", json_false());
    return EXIT_DONE;
}

static int
run_encrypt(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e = begin(&c, a);

    call_set_flag(&c, "text", true);
    if (e == EXIT_DONE)
        e = set_cipher(&c, arguments_value(a, "cipher"));
    if (e == EXIT_DONE)
        e = set_recipients(&c, a);
    if (e == EXIT_DONE)
        e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Mail.Encrypt",
                     &reply);
    if (e == EXIT_DONE)
        warnings_say(reply);
    return e;
}

const struct command mutt_encrypt = {
    .name = "encrypt",
    .summary = "smime_encrypt_command",
    .usage = "encrypt [--cipher %a] %f %c",
    .help = "The object (DER) goes to stdout. Without --cipher the recipients "
            "decide.\n",
    .options = encrypt_options,
    .least_operands = 2,
    .most_operands = -1,
    .run = run_encrypt,
};

/* ---- decrypt --------------------------------------------------------------
 */

static int
run_decrypt(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e;

    passphrase_skip();
    e = begin(&c, a);
    if (e == EXIT_DONE)
        e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Mail.Decrypt",
                     &reply);
    if (e == EXIT_DONE)
        report_say_encryption(stderr, json_object_get(reply, "report"));
    return e;
}

const struct command mutt_decrypt = {
    .name = "decrypt",
    .summary = "smime_decrypt_command",
    .usage = "decrypt %f",
    .help = "What is inside goes to stdout. The keys are found by the message, "
            "not by mutt.\n",
    .least_operands = 1,
    .most_operands = 1,
    .run = run_decrypt,
};
