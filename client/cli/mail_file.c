/* Files with mail that are no mail as it was sent, by how they begin. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/mem.h"
#include "client/cli/mailbox.h"

#define LOOKED_AT_BYTES 512
#define DIGITS          18 /* of a size */

static size_t
look(int fd, char start[LOOKED_AT_BYTES])
{
    ssize_t n = pread(fd, start, LOOKED_AT_BYTES, 0);

    return n > 0 ? (size_t)n : 0;
}

static const struct packed {
    size_t at;
    const char *start;
    const char *what, *tool; /* of one mail */
    const char *words;       /* of many */
} packed[] = {
    {0, "\x1f\x8b\x08", "compressed", "zcat",
     "it is compressed; try: zcat FILE | smime harvest -"},
    {0,
     "\xfd"
     "7zXZ",
     "compressed", "xzcat",
     "it is compressed; try: xzcat FILE | smime harvest -"},
    {4, "1AY&SY", "compressed", "bzcat",
     "it is compressed; try: bzcat FILE | smime harvest -"},
    {0, "\x28\xb5\x2f\xfd", "compressed", "zstdcat",
     "it is compressed; try: zstdcat FILE | smime harvest -"},
    {0, "PK\x03\x04", "an archive", "unzip",
     "it is an archive; try: unzip -d FOLDER FILE, then: smime harvest "
     "FOLDER"},
    {257, "ustar", "an archive", "tar -xf",
     "it is an archive; try: tar -C FOLDER -xf FILE, then: smime harvest "
     "FOLDER"},
    {0, "!BDN", "a mailbox of Outlook", "readpst",
     "it is Outlook's; try: readpst -o FOLDER FILE, then: smime harvest "
     "FOLDER"},
    {0, "\xd0\xcf\x11\xe0", "a file of Outlook", "msgconvert",
     "it is Outlook's; try: msgconvert FILE, then: smime harvest FILE.eml"},
    {0, "2 M", "a dbox of Dovecot", "doveadm fetch",
     "it is a dbox of Dovecot; try: doveadm backup -u USER maildir:FOLDER, "
     "then: smime harvest FOLDER"},
    {0, "\1\1\1\1\n", "an MMDF mailbox", "a mail program",
     "it is an MMDF mailbox; let a mail program save it as mbox"}};

/* Does it begin with a field or a "From " line, which has a time in it? Then
 * whoever sent the mail may have chosen what stands further behind. What is
 * packed has an octet there that is no text, an archive a NUL behind its first
 * name, which may have a colon. */
static bool
starts_as_mail(const char *start, size_t n)
{
    size_t i = 0;

    while (i < n && start[i] >= ' ' && start[i] <= '~' && start[i] != ':')
        i++;
    if (i == 0 || i == n || start[i] != ':')
        return false;
    while (i < n && start[i] != '\0' && start[i] != '\n')
        i++;
    return i == n || start[i] == '\n';
}

/* Mailing lists hand out their archives compressed, and Dovecot may store the
 * files of a Maildir so. */
static const struct packed *
packed_find(int fd)
{
    char start[LOOKED_AT_BYTES];
    size_t n = look(fd, start);

    if (starts_as_mail(start, n))
        return NULL;
    for (size_t i = 0; i < ARRAY_COUNT(packed); i++) {
        size_t length = strlen(packed[i].start);

        if (n >= packed[i].at + length &&
            memcmp(start + packed[i].at, packed[i].start, length) == 0)
            return &packed[i];
    }
    return NULL;
}

const char *
mail_file_packed(int fd)
{
    const struct packed *p = packed_find(fd);

    return p ? p->words : NULL;
}

bool
mail_file_is_packed(int fd, const char **out_what, const char **out_tool)
{
    const struct packed *p = packed_find(fd);

    if (!p)
        return false;
    *out_what = p->what;
    *out_tool = p->tool;
    return true;
}

/* Is nothing at AT, or a property list? */
static bool
ends_as_emlx(int fd, off_t at)
{
    static const char *const lists[] = {"<?xml", "bplist"};
    char end[8] = "";
    ssize_t n = pread(fd, end, sizeof(end), at);

    for (size_t i = 0; n > 0 && i < ARRAY_COUNT(lists); i++)
        if (strncmp(end, lists[i], strlen(lists[i])) == 0)
            return true;
    return n == 0;
}

/* A line with the size of the mail, the mail, a property list: anything else
 * behind it would be lost. */
bool
mail_file_emlx(int fd, off_t *out_at, off_t *out_n)
{
    char start[LOOKED_AT_BYTES], digits[DIGITS + 1] = "";
    size_t n = look(fd, start), i = 0;
    off_t mail;

    while (i < n && i < DIGITS && isdigit((unsigned char)start[i])) {
        digits[i] = start[i];
        i++;
    }
    if (i == 0)
        return false;
    while (i < n && start[i] == ' ')
        i++;
    if (i == n || start[i] != '\n')
        return false;
    mail = (off_t)strtoll(digits, NULL, 10);
    if (!ends_as_emlx(fd, (off_t)i + 1 + mail))
        return false;
    *out_at = (off_t)i + 1;
    *out_n = mail;
    return true;
}
