#include "agent/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/limits.h"

static const char *process_name = "smime-agent";
static bool debug_is_on;
static bool journal_is_on;

/* True when stderr is the very stream systemd made: sd-daemon(3) prefixes
 * are understood there and only there. */
static bool
stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device &&
           st.st_ino == inode;
}

void
log_open(const char *process)
{
    process_name = process;
    debug_is_on = getenv("SMIME_AGENT_DEBUG") != NULL;
    journal_is_on = stderr_is_journal();
}

/* One line, one write: lines of several processes don't mix. Escaped once
 * more as a whole, in case a caller forgot. */
static void
log_line(enum log_level level, const char *format, va_list args)
{
    char text[LIMIT_LINE_BYTES];
    char shown[LIMIT_LINE_BYTES];
    char line[LIMIT_LINE_BYTES + 128];
    char prefix[8] = "";
    int saved = errno;
    int n;

    vsnprintf(text, sizeof(text), format, args);
    text_escape(slice_text(text), shown, sizeof(shown));
    if (journal_is_on)
        snprintf(prefix, sizeof(prefix), "<%d>", (int)level);
    n = snprintf(line, sizeof(line), "%s%.64s[%d]: %s\n", prefix, process_name,
                 (int)getpid(), shown);
    if (n > 0)
        (void)fd_write_all(STDERR_FILENO, line, (size_t)n);
    errno = saved;
}

void
log_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_line(LOG_ERROR_LEVEL, format, args);
    va_end(args);
}

void
log_note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_line(LOG_NOTE_LEVEL, format, args);
    va_end(args);
}

void
log_debug(const char *format, ...)
{
    va_list args;

    if (!debug_is_on)
        return;
    va_start(args, format);
    log_line(LOG_DEBUG_LEVEL, format, args);
    va_end(args);
}

void
log_problem(const char *what, const struct problem *p)
{
    char sentence[LIMIT_LINE_BYTES];

    problem_text(p, 0, sentence, sizeof(sentence));
    log_note("%s: %s: %s", what, err_name(p->code), sentence);
}

/* Gives the length of the UTF-8 sequence at the start of S and its code
 * point (RFC 3629: shortest form, no surrogates), or 0. */
static size_t
utf8_read(struct slice s, uint32_t *out_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = s.p[0];
    uint32_t point = first;
    size_t n = 1;

    if (first >= 0x80) {
        n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
        if (first < 0xc2 || first > 0xf4 || s.n < n)
            return 0;
        point = first & (0xffU >> (n + 1));
    }
    for (size_t i = 1; i < n; i++) {
        if ((s.p[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (s.p[i] & 0x3f);
    }
    if (point < least[n] || point > 0x10ffff ||
        (point >= 0xd800 && point <= 0xdfff))
        return 0;
    *out_point = point;
    return n;
}

/* False for what moves the cursor, ends the line or turns the direction of
 * the text around it ("Trojan Source", CVE-2021-42574). */
static bool
is_harmless(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) /* C0, DEL, C1 */
        return false;
    if (c == 0x061c || c == 0x200e || c == 0x200f) /* direction marks */
        return false;
    if (c >= 0x2028 && c <= 0x202e) /* line ends, embeddings, overrides */
        return false;
    if (c >= 0x2066 && c <= 0x2069) /* isolates */
        return false;
    if (c == 0xad || c == 0x180e || c == 0x200b || (c >= 0x2060 && c <= 0x2064))
        return false; /* nothing is seen of them, two texts look like one */
    if ((c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe00ff))
        return false;                             /* annotations, tags */
    return c != 0xfeff && (c & 0xfffe) != 0xfffe; /* BOM, noncharacters */
}

/* Joiners are letters' own where writing needs them (Persian, Hindi, emoji),
 * and so are selectors of a form behind a Chinese character; elsewhere they
 * only hide. */
static bool
joins(uint32_t before, uint32_t c)
{
    if (c == 0x200c || c == 0x200d)
        return before >= 0x590;
    return c < 0xe0100 || c > 0xe01ef || before >= 0x2e80;
}

/* Writes the shown form of the first character of S into OUT (room for 4
 * escapes) and gives how many bytes of S it took. *before: the one before,
 * becomes this one. */
static size_t
character_escape(struct slice s, uint32_t *before, char *out)
{
    uint32_t point = 0;
    size_t n = utf8_read(s, &point);
    bool fits = n > 0 && is_harmless(point) && joins(*before, point);

    *before = point;
    if (fits) {
        memcpy(out, s.p, n);
        out[n] = '\0';
        return n;
    }
    if (n == 0)
        n = 1;
    for (size_t i = 0; i < n; i++) {
        memcpy(out + 4 * i, "\\x", 2);
        text_hex(slice_of(s.p + i, 1), out + 4 * i + 2);
    }
    return n;
}

void
text_escape(struct slice text, char *out, size_t size)
{
    static const char dots[] = "...";
    size_t len = 0;
    size_t cut_at = 0; /* the last place where the dots still fit */
    uint32_t before = 0;

    if (size == 0)
        return;
    while (text.n > 0) {
        char shown[4 * LIMIT_UTF8_BYTES + 1];
        size_t used = character_escape(text, &before, shown);
        size_t n = strlen(shown);

        if (n > size - 1 - len) {
            if (size >= sizeof(dots)) {
                memcpy(out + cut_at, dots, sizeof(dots));
                return;
            }
            break;
        }
        memcpy(out + len, shown, n);
        len += n;
        if (len + sizeof(dots) <= size)
            cut_at = len;
        text.p += used;
        text.n -= used;
    }
    out[len] = '\0';
}

void
text_hex(struct slice bytes, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes.n; i++) {
        *out++ = digits[bytes.p[i] >> 4];
        *out++ = digits[bytes.p[i] & 15];
    }
    *out = '\0';
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool
text_unhex(const char *text, uint8_t *out, size_t size, size_t *out_len)
{
    size_t n = strlen(text);

    if (n % 2 != 0 || n / 2 > size)
        return false;
    for (size_t i = 0; i < n; i++)
        if (hex_value(text[i]) < 0)
            return false;
    for (size_t i = 0; i < n / 2; i++)
        out[i] =
            (uint8_t)(hex_value(text[2 * i]) * 16 + hex_value(text[2 * i + 1]));
    *out_len = n / 2;
    return true;
}
