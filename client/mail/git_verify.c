/* Verifies a commit or a tag, and says it as git understands it. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "client/mail/git.h"
#include "client/mail/gnupg_numbers.h"

#define HEADER_BYTES 65536 /* of a commit: more is its message */

/* ---- who made it --------------------------------------------------------- */

/* The address in "committer Name <address> 1700000000 +0000", or of a tagger.
 * False when the object has neither. */
static bool
maker_find(const char *header, char *out, size_t size)
{
    static const char *const fields[] = {"committer ", "tagger "};

    for (const char *line = header; *line && *line != '\n';) {
        size_t n = strcspn(line, "\n");

        for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
            const char *open, *close;

            if (strncmp(line, fields[i], strlen(fields[i])) != 0)
                continue;
            open = memchr(line, '<', n);
            close = open ? memchr(open, '>', n - (size_t)(open - line)) : NULL;
            if (!close || (size_t)(close - open) > size)
                return false;
            memcpy(out, open + 1, (size_t)(close - open) - 1);
            out[close - open - 1] = '\0';
            return true;
        }
        line += n;
        line += *line == '\n';
    }
    return false;
}

/* All of stdin into a file in memory: it is read twice. */
static int
content_read(char *header, size_t size)
{
    AUTO(fd) int fd = memfd_create("content", MFD_CLOEXEC);
    uint8_t bytes[65536];
    ssize_t n;

    while (fd >= 0 && (n = read(STDIN_FILENO, bytes, sizeof(bytes))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || !fd_write_all(fd, bytes, (size_t)n))
            fd_drop(&fd);
    }
    n = fd >= 0 ? pread(fd, header, size - 1, 0) : -1;
    if (n < 0 || lseek(fd, 0, SEEK_SET) != 0) {
        (void)failure_say(EXIT_INPUT, NULL, "what is signed cannot be read: %s",
                          strerror(errno));
        return -1;
    }
    header[n] = '\0';
    return fd_take(&fd);
}

/* ---- what is told -------------------------------------------------------- */

/* From the best to the worst. */
enum outcome {
    OUTCOME_GOOD,
    OUTCOME_OTHER,     /* valid, of another than the committer */
    OUTCOME_UNTRUSTED, /* nobody vouches for it, or it is weak */
    OUTCOME_EXPIRED,
    OUTCOME_REVOKED,
    OUTCOME_UNKNOWN, /* cannot be checked */
    OUTCOME_BAD
};

static bool
says(json_t *signer, const char *name, const char *word)
{
    return strcmp(text_of(signer, name), word) == 0;
}

static enum outcome
outcome_of(json_t *signer)
{
    json_t *certificate = json_object_get(signer, "certificate");

    if (says(signer, "integrity", "no_certificate") ||
        says(signer, "integrity", "unsupported"))
        return OUTCOME_UNKNOWN;
    if (!says(signer, "integrity", "ok"))
        return OUTCOME_BAD;
    if (says(signer, "chain", "revoked") ||
        says(signer, "revocation", "revoked"))
        return OUTCOME_REVOKED;
    /* As gpg has it: made by a key that has expired by now, whenever that
     * was; the time of signing is the signer's word. */
    if (says(signer, "chain", "expired") ||
        (says(signer, "chain", "ok") &&
         number_of(certificate, "not_after") < (int64_t)time(NULL)))
        return OUTCOME_EXPIRED;
    if (!flag_of(signer, "valid"))
        return OUTCOME_UNTRUSTED;
    return says(signer, "sender", "matches") ||
                   says(signer, "sender", "not_seen")
               ? OUTCOME_GOOD
               : OUTCOME_OTHER;
}

static json_t *
worst_signer(json_t *report, enum outcome *out)
{
    json_t *worst = NULL;
    json_t *layer, *signer;
    size_t i, k;

    *out = OUTCOME_UNKNOWN;
    json_array_foreach(json_object_get(report, "layers"), i, layer)
    {
        json_array_foreach(json_object_get(layer, "signers"), k, signer)
        {
            enum outcome one = outcome_of(signer);

            if (worst && one <= *out)
                continue;
            worst = signer;
            *out = one;
        }
    }
    return worst;
}

/* "Max Mustermann <max@example.org>". */
static void
signer_name(json_t *certificate, char *out, size_t size)
{
    const char *address = json_string_value(
        json_array_get(json_object_get(certificate, "addresses"), 0));
    char name[256], shown[256];

    name_text(text_of(certificate, "subject"), name, sizeof(name));
    text_escape(slice_text(address ? address : ""), shown, sizeof(shown));
    snprintf(out, size, "%s%s%s%s", name, address ? " <" : "", shown,
             address ? ">" : "");
}

static void
upper_hex(const char *hex, char out[41])
{
    size_t n = 0;

    for (; *hex && n < 40; hex++)
        out[n++] = (char)toupper((unsigned char)*hex);
    out[n] = '\0';
}

static void
valid_tell(const struct git_options *o, json_t *signer, const char *sha1)
{
    json_t *certificate = json_object_get(signer, "certificate");
    int64_t when = number_of(signer, "signing_time");
    char day[TIME_TEXT_BYTES];

    git_status(o, "VALIDSIG %s %s %lld 0 0 0 %d %d 00", sha1,
               when != 0 ? date_text(when, day) : "1970-01-01", (long long)when,
               gnupg_key_number(text_of(certificate, "key"), true),
               gnupg_digest_number(text_of(signer, "digest")));
}

static const struct {
    const char *status;
    const char *trust;    /* NULL: no VALIDSIG either */
    const char *sentence; /* for the person */
} words[] = {
    [OUTCOME_GOOD] = {"GOODSIG", "TRUST_FULLY 0 shell", "Good signature by"},
    [OUTCOME_OTHER] = {"GOODSIG", "TRUST_UNDEFINED",
                       "NOT GOOD: the certificate does not name who made "
                       "this; valid signature by"},
    [OUTCOME_UNTRUSTED] = {"GOODSIG", "TRUST_NEVER",
                           "NOT GOOD: nobody who is trusted vouches for the "
                           "signature by"},
    [OUTCOME_EXPIRED] = {"EXPKEYSIG", "TRUST_UNDEFINED",
                         "Signature with an expired certificate by"},
    [OUTCOME_REVOKED] = {"REVKEYSIG", "TRUST_NEVER",
                         "NOT GOOD: signature with a revoked certificate by"},
    [OUTCOME_UNKNOWN] = {"ERRSIG", NULL, "The signature cannot be checked; by"},
    [OUTCOME_BAD] = {"BADSIG", NULL, "BAD signature by"},
};

/* But for SAID, which was told already. */
static void
reasons_say(json_t *signer, const char *said)
{
    json_t *reason;
    size_t i;

    json_array_foreach(json_object_get(signer, "reasons"), i, reason)
    {
        const char *word = json_string_value(reason);

        if (word && strcmp(word, said) == 0)
            continue;
        fputs("  ", stderr);
        show_text(stderr, reason_sentence(word ? word : ""));
        fputc('\n', stderr);
    }
}

static int
signer_tell(const struct git_options *o, json_t *signer, enum outcome outcome)
{
    json_t *certificate = json_object_get(signer, "certificate");
    char name[600], sha1[41], when[TIME_TEXT_BYTES];

    upper_hex(text_of(certificate, "sha1"), sha1);
    if (sha1[0] == '\0')
        strcpy(sha1, "0000000000000000");
    signer_name(certificate, name, sizeof(name));
    if (outcome == OUTCOME_UNKNOWN)
        git_status(o, "ERRSIG %s 0 0 00 0 9", sha1);
    else
        git_status(o, "%s %s %s", words[outcome].status, sha1, name);
    if (words[outcome].trust) {
        valid_tell(o, signer, sha1);
        git_status(o, "%s", words[outcome].trust);
    }
    fprintf(stderr, "smime-git: %s %s", words[outcome].sentence,
            name[0] ? name : "somebody unknown");
    if (number_of(signer, "signing_time") != 0)
        fprintf(stderr, ", %s",
                time_text(number_of(signer, "signing_time"), when));
    fputc('\n', stderr);
    reasons_say(signer, outcome == OUTCOME_OTHER ? "from-mismatch" : "");
    return outcome == OUTCOME_GOOD ? EXIT_DONE : EXIT_NO;
}

/* ---- asking -------------------------------------------------------------- */

/* What cannot be asked is not told apart from what cannot be checked. */
static int
unknown_tell(const struct git_options *o, int exit_code)
{
    git_status(o, "ERRSIG 0000000000000000 0 0 00 0 9");
    return exit_code;
}

int
git_verify(const struct git_options *o)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    char header[HEADER_BYTES], maker[512];
    enum outcome outcome;
    json_t *signer;
    int e, content;

    git_status(o, "NEWSIG");
    call_init(&c);
    if (strcmp(o->signature, "-") == 0)
        return unknown_tell(o, usage_error(NULL, "the signature is a file"));
    e = call_set_input(&c, o->signature);
    content = e == EXIT_DONE ? content_read(header, sizeof(header)) : -1;
    if (content < 0)
        return unknown_tell(o, EXIT_INPUT);
    (void)call_add_fd(&c, "content", content);
    if (maker_find(header, maker, sizeof(maker)))
        call_set_text(&c, "sender", maker);
    call_set_text(&c, "form", "cms");
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Mail.Verify", &reply);
    if (e != EXIT_DONE)
        return unknown_tell(o, e);
    signer = worst_signer(json_object_get(reply, "report"), &outcome);
    if (!signer)
        return unknown_tell(
            o, failure_say(EXIT_NO, NULL, "there is no signature in it"));
    return signer_tell(o, signer, outcome);
}
