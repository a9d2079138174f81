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

/* Mailing lists hand out their archives compressed, and Dovecot may store the
 * files of a Maildir so. */
const char *
mail_file_packed(int fd)
{
    static const struct {
        size_t at;
        const char *start, *words;
    } kinds[] = {
        {0, "\x1f\x8b\x08",
         "it is compressed; try: zcat FILE | smime harvest -"},
        {0,
         "\xfd"
         "7zXZ",
         "it is compressed; try: xzcat FILE | smime harvest -"},
        {0, "BZh", "it is compressed; try: bzcat FILE | smime harvest -"},
        {0, "\x28\xb5\x2f\xfd",
         "it is compressed; try: zstdcat FILE | smime harvest -"},
        {0, "PK\x03\x04",
         "it is an archive; try: unzip -d FOLDER FILE, then: smime harvest "
         "FOLDER"},
        {257, "ustar",
         "it is an archive; try: tar -C FOLDER -xf FILE, then: smime harvest "
         "FOLDER"},
        {0, "!BDN",
         "it is Outlook's; try: readpst -o FOLDER FILE, then: smime harvest "
         "FOLDER"},
        {0, "\xd0\xcf\x11\xe0",
         "it is Outlook's; try: msgconvert FILE, then: smime harvest FILE.eml"},
        {0, "2 M",
         "it is a dbox of Dovecot; try: doveadm backup -u USER maildir:FOLDER, "
         "then: smime harvest FOLDER"},
        {0, "\1\1\1\1\n",
         "it is an MMDF mailbox; let a mail program save it as mbox"}};
    char start[LOOKED_AT_BYTES];
    size_t n = look(fd, start);

    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        size_t length = strlen(kinds[i].start);

        if (n >= kinds[i].at + length &&
            memcmp(start + kinds[i].at, kinds[i].start, length) == 0)
            return kinds[i].words;
    }
    return NULL;
}

/* A line with the size of the mail, the mail, a property list. */
bool
mail_file_emlx(int fd, off_t *out_at, off_t *out_n)
{
    char start[LOOKED_AT_BYTES], digits[DIGITS + 1] = "";
    size_t n = look(fd, start), i = 0;

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
    *out_at = (off_t)i + 1;
    *out_n = (off_t)strtoll(digits, NULL, 10);
    return true;
}
