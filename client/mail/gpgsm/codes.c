/*
 * The agent's words as GnuPG's numbers.
 */
#include "client/mail/gpgsm/engine.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const struct {
    const char *name;
    gpg_err_code_t code;
} codes[] = {
    {"NotReachable", GPG_ERR_NO_AGENT},
    {"AgentLost", GPG_ERR_AGENT},
    {"KeyringLost", GPG_ERR_AGENT},
    {"KeyholderLost", GPG_ERR_CARD},
    {"NoKey", GPG_ERR_NO_SECKEY},
    {"KeyAmbiguous", GPG_ERR_AMBIGUOUS_NAME},
    {"NoRecipientCertificate", GPG_ERR_UNUSABLE_PUBKEY},
    {"CannotDecrypt", GPG_ERR_DECRYPT_FAILED},
    {"NoDecryptionKey", GPG_ERR_NO_SECKEY},
    {"TokenAbsent", GPG_ERR_CARD_NOT_PRESENT},
    {"TokenRemoved", GPG_ERR_CARD_REMOVED},
    {"TokenLocked", GPG_ERR_NO_PIN_ENTRY},
    {"PinEachTime", GPG_ERR_NO_PIN_ENTRY},
    {"TokenNotInitialized", GPG_ERR_CARD_NOT_INITIALIZED},
    {"TokenBusy", GPG_ERR_TIMEOUT},
    {"TokenHung", GPG_ERR_TIMEOUT},
    {"TokenFailed", GPG_ERR_CARD},
    {"TokenSignatureWrong", GPG_ERR_CARD},
    {"TokenCannot", GPG_ERR_NOT_SUPPORTED},
    {"PinWrong", GPG_ERR_BAD_PIN},
    {"PinInvalid", GPG_ERR_BAD_PIN},
    {"PinExpired", GPG_ERR_BAD_PIN},
    {"PinBlocked", GPG_ERR_PIN_BLOCKED},
    {"PinAtReader", GPG_ERR_NO_PIN_ENTRY},
    {"LastTry", GPG_ERR_BAD_PIN},
    {"TooManyFailures", GPG_ERR_LIMIT_REACHED},
    {"ContactsDamaged", GPG_ERR_INV_KEYRING},
    {"Cancelled", GPG_ERR_CANCELED},
    {"Refused", GPG_ERR_NOT_CONFIRMED},
    {"NoPrompt", GPG_ERR_NO_PIN_ENTRY},
    {"NotAllowed", GPG_ERR_FORBIDDEN},
    {"BadAlgorithm", GPG_ERR_UNSUPPORTED_ALGORITHM},
    {"NotMail", GPG_ERR_BAD_DATA},
    {"NotSmime", GPG_ERR_NO_DATA},
    {"BadMessage", GPG_ERR_INV_CMS_OBJ},
    {"Unsupported", GPG_ERR_UNSUPPORTED_CMS_OBJ},
    {"TooLarge", GPG_ERR_TOO_LARGE},
    {"BadCertificate", GPG_ERR_BAD_CERT},
    {"NoContact", GPG_ERR_NOT_FOUND},
    {"InputUnreadable", GPG_ERR_EIO},
    {"OutputUnwritable", GPG_ERR_EIO},
    {"ContactsUnwritable", GPG_ERR_EIO},
    {"InvalidRequest", GPG_ERR_INV_ARG},
    {"InvalidParameter", GPG_ERR_INV_ARG},
    {"Internal", GPG_ERR_INTERNAL},
};

gpg_err_code_t
code_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++)
        if (strcmp(codes[i].name, name) == 0)
            return codes[i].code;
    return GPG_ERR_GENERAL;
}

static bool
begins(const char *text, const char *with)
{
    return text && strncmp(text, with, strlen(with)) == 0;
}

int
algorithm_number(const char *key, bool of_signature)
{
    if (begins(key, "RSA"))
        return 1;
    if (begins(key, "Ed25519"))
        return 303;
    if (begins(key, "X25519"))
        return 302;
    if (!key || strcmp(key, "unknown") == 0)
        return 0;
    return of_signature ? 301 : 18; /* by the name of its curve */
}

int
algorithm_bits(const char *key)
{
    const char *digits = key ? strpbrk(key, "0123456789") : NULL;

    if (begins(key, "Ed25519") || begins(key, "X25519"))
        return 255;
    return digits ? atoi(digits) : 0;
}

int
hash_number(const char *name)
{
    static const struct {
        const char *digits;
        int number;
    } hashes[] = {{"1", 2}, {"224", 11}, {"256", 8}, {"384", 9}, {"512", 10}};
    const char *at = name ? strpbrk(name, "0123456789") : NULL;

    if (!name || strncasecmp(name, "sha", 3) != 0)
        return name && strcasecmp(name, "md5") == 0 ? 1 : 0;
    for (size_t i = 0; at && i < ARRAY_COUNT(hashes); i++)
        if (strcmp(at, hashes[i].digits) == 0)
            return hashes[i].number;
    return 0;
}

const char *
member_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

void
hex_upper(char *out, size_t size, const char *hex)
{
    size_t n = strspn(hex, "0123456789abcdefABCDEF-");

    snprintf(out, size, "%.*s", (int)n, hex);
    for (; *out; out++)
        if (*out >= 'a' && *out <= 'f')
            *out = (char)(*out - 'a' + 'A');
}

static void
time_write(json_int_t seconds, const char *format, char out[32])
{
    time_t t = (time_t)seconds;
    struct tm tm;

    if (!gmtime_r(&t, &tm) || strftime(out, 32, format, &tm) == 0)
        out[0] = '\0';
}

void
time_iso(json_int_t seconds, char out[32])
{
    time_write(seconds, "%Y%m%dT%H%M%S", out);
}

void
time_day(json_int_t seconds, char out[32])
{
    time_write(seconds, "%Y-%m-%d", out);
}
