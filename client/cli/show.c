#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "client/cli/cli.h"

#define SHOWN_TEXT_BYTES 4096

void
show_text(FILE *to, const char *text)
{
    char shown[SHOWN_TEXT_BYTES];

    text_escape(slice_text(text), shown, sizeof(shown));
    fputs(shown, to);
}

/* Who reads a pipe may have seen enough of it (| head): then there is nothing
 * to tell, only the exit code. */
static int
output_failed(void)
{
    return errno == EPIPE
               ? EXIT_OUTPUT
               : failure_say(EXIT_OUTPUT, "make room, then repeat the command",
                             "the output cannot be written: %s",
                             strerror(errno));
}

/* As one line, with everything beyond ASCII escaped: JSON on a terminal must
 * not deceive either. */
int
show_json(FILE *to, json_t *reply)
{
    if (json_dumpf(reply, to, JSON_COMPACT | JSON_ENSURE_ASCII) != 0 ||
        fputc('\n', to) == EOF)
        return output_failed();
    return to == stdout ? output_finish(EXIT_DONE) : EXIT_DONE;
}

int
output_finish(int exit_code)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return output_failed();
    return exit_code;
}

int
pem_say(const char *pem)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789+/=- \n";

    if (pem[0] == '\0' || strspn(pem, plain) != strlen(pem))
        return failure_say(EXIT_FAULT, NULL, "the agent's answer is no PEM");
    fputs(pem, stdout);
    return output_finish(EXIT_DONE);
}

const char *
text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

int64_t
number_of(json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

bool
flag_of(json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

/* ---- times and names
 * -------------------------------------------------------------- */

static const char *
moment_text(int64_t seconds, const char *format, char out[TIME_TEXT_BYTES])
{
    time_t t = (time_t)seconds;
    struct tm parts;

    out[0] = '\0';
    if (seconds != 0 && gmtime_r(&t, &parts) &&
        strftime(out, TIME_TEXT_BYTES, format, &parts) == 0)
        out[0] = '\0';
    return out;
}

const char *
time_text(int64_t seconds, char out[TIME_TEXT_BYTES])
{
    return moment_text(seconds, "%Y-%m-%d %H:%M UTC", out);
}

const char *
date_text(int64_t seconds, char out[TIME_TEXT_BYTES])
{
    return moment_text(seconds, "%Y-%m-%d", out);
}

/* The value of attribute TYPE ("CN=") in a name as RFC 4514 writes it. */
static struct slice
attribute_find(const char *name, const char *type)
{
    for (const char *at = name; *at;) {
        const char *end = at;

        while (*end && *end != ',' && *end != '+') {
            if (*end == '\\' && end[1] != '\0')
                end++;
            end++;
        }
        while (*at == ' ')
            at++;
        if (strncmp(at, type, strlen(type)) == 0)
            return slice_of(at + strlen(type),
                            (size_t)(end - at) - strlen(type));
        at = *end ? end + 1 : end;
    }
    return slice_of(NULL, 0);
}

/* Of an upper-case digit, as the agent writes them, or -1. */
static int
hex_value(uint8_t c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = memchr(digits, c, sizeof(digits) - 1);

    return at ? (int)(at - digits) : -1;
}

/* "Acme\, Inc." as it is meant (RFC 4514, 2.4). */
static void
value_unescape(struct slice value, struct buf *out)
{
    for (size_t i = 0; i < value.n; i++) {
        size_t left = value.n - i;
        int high = left > 2 ? hex_value(value.p[i + 1]) : -1;
        int low = left > 2 ? hex_value(value.p[i + 2]) : -1;

        if (value.p[i] != '\\' || left < 2) {
            buf_add_byte(out, value.p[i]);
        } else if (high >= 0 && low >= 0) {
            buf_add_byte(out, (uint8_t)(high << 4 | low));
            i += 2;
        } else {
            buf_add_byte(out, value.p[++i]);
        }
    }
}

void
name_text(const char *distinguished_name, char *out, size_t size)
{
    AUTO(buf) struct buf value = {0};
    struct slice found = attribute_find(distinguished_name, "CN=");

    if (found.n == 0)
        found = attribute_find(distinguished_name, "O=");
    if (found.n == 0) {
        text_escape(slice_text(distinguished_name), out, size);
        return;
    }
    value_unescape(found, &value);
    text_escape(buf_slice(&value), out, size);
}

void
texts_join(json_t *texts, char *out, size_t size)
{
    AUTO(buf) struct buf all = {0};
    size_t i;
    json_t *text;

    json_array_foreach(texts, i, text)
    {
        if (i > 0)
            buf_add_text(&all, ", ");
        buf_add_text(&all,
                     json_string_value(text) ? json_string_value(text) : "");
    }
    text_escape(buf_slice(&all), out, size);
}
