#include "agent/mime/multipart.h"

#include <sys/random.h>

#include "agent/base/limits.h"
#include "agent/mime/dash_line.h"
#include "agent/mime/letters.h"

/* Holds a whole delimiter line and still reads in large steps. */
#define WINDOW_BYTES (STREAM_CHUNK_BYTES + 4096)

enum place { IN_PREAMBLE, IN_PART, IN_EPILOGUE, AT_END };

enum probe { PROBE_NO, PROBE_YES, PROBE_MORE };

/*
 * A window on the body. Bytes before `at` are gone, [at, safe) belong to the
 * current part whatever follows, [safe, line) is a line end that goes with
 * the delimiter if `line` turns out to be one.
 */
struct multipart {
    struct stream s; /* the current part */
    struct stream *from;
    struct sink *aside; /* or NULL */
    struct slice first;
    enum place place;
    bool input_ended;
    bool ambiguous;      /* a line went on after the boundary */
    struct buf preamble; /* at most a byte over what can be usual */

    size_t at, safe;
    size_t look;    /* no line that may be a delimiter begins before */
    bool candidate; /* `line` may be one */
    size_t line;
    size_t matched; /* so many bytes of the line fit */

    bool delimiter; /* found at `safe`, and behind it: */
    bool closing;
    size_t behind;

    size_t prefix_n; /* of "--boundary"; 0 when there is no boundary */
    uint8_t prefix[LIMIT_BOUNDARY_BYTES + 2];
    size_t filled;
    size_t most; /* of the window was ever filled: what has to be wiped */
    uint8_t window[WINDOW_BYTES];
};

/* ---- the window -------------------------------------------------------------
 */

static void
compact(struct multipart *m)
{
    if (m->at == 0 ||
        (m->at < m->filled && sizeof(m->window) - m->filled > WINDOW_BYTES / 2))
        return;
    memmove(m->window, m->window + m->at, m->filled - m->at);
    m->filled -= m->at;
    m->safe -= m->at;
    m->look -= m->at;
    m->line -= m->candidate ? m->at : m->line;
    m->at = 0;
}

/* Gets more of the body behind what is there. */
static enum err
refill(struct multipart *m, struct problem *p)
{
    size_t room, got = 0;
    enum err e;

    compact(m);
    room = sizeof(m->window) - m->filled;
    if (m->first.n > 0) {
        got = m->first.n < room ? m->first.n : room;
        memcpy(m->window + m->filled, m->first.p, got);
        m->first = slice_of(m->first.p + got, m->first.n - got);
    } else if ((e = stream_read(m->from, m->window + m->filled, room, &got,
                                p)) != ERR_OK)
        return e;
    m->filled += got;
    if (m->most < m->filled)
        m->most = m->filled;
    m->input_ended = got == 0;
    return ERR_OK;
}

/* The line end of a delimiter at P, N bytes: *out_n is its length. */
static enum probe
probe_line_end(const struct multipart *m, const uint8_t *p, size_t n,
               size_t *out_n)
{
    *out_n = 0;
    if (n == 0)
        return m->input_ended ? PROBE_YES : PROBE_MORE;
    if (p[0] == '\n') {
        *out_n = 1;
        return PROBE_YES;
    }
    if (p[0] != '\r')
        return PROBE_NO;
    if (n == 1) {
        *out_n = 1;
        return m->input_ended ? PROBE_YES : PROBE_MORE;
    }
    *out_n = 2;
    return p[1] == '\n' ? PROBE_YES : PROBE_NO;
}

/* Is the candidate a delimiter? Goes on where it stopped, so that no input
 * makes it look at a byte often. */
static enum probe
probe(struct multipart *m)
{
    const uint8_t *p = m->window + m->line;
    size_t n = m->filled - m->line, most, end, padding = m->prefix_n;
    enum probe answer;

    if (m->prefix_n == 0)
        return PROBE_NO;
    if (m->matched < m->prefix_n) {
        most = (n < m->prefix_n ? n : m->prefix_n) - m->matched;
        if (memcmp(p + m->matched, m->prefix + m->matched, most) != 0)
            return PROBE_NO;
        m->matched += most;
        if (m->matched < m->prefix_n)
            return m->input_ended ? PROBE_NO : PROBE_MORE;
    }
    m->closing = n - m->prefix_n >= 2 && p[m->prefix_n] == '-' &&
                 p[m->prefix_n + 1] == '-';
    if (n - m->prefix_n == 1 && p[m->prefix_n] == '-') {
        m->ambiguous |= m->input_ended;
        return m->input_ended ? PROBE_NO : PROBE_MORE;
    }
    if (m->closing)
        padding += 2;
    if (m->matched < padding)
        m->matched = padding;
    while (m->matched < n && is_blank(p[m->matched]))
        m->matched++;
    if (m->matched - padding > LIMIT_PADDING_BYTES) {
        m->ambiguous = true;
        return PROBE_NO;
    }
    answer = probe_line_end(m, p + m->matched, n - m->matched, &end);
    m->ambiguous |= answer == PROBE_NO;
    if (answer == PROBE_YES)
        m->behind = m->line + m->matched + end;
    return answer;
}

/* Goes to the next line that begins as a delimiter does, or to the end of
 * the window; sets what is safe on the way. */
static void
find_candidate(struct multipart *m)
{
    const uint8_t *end = m->window + m->filled;
    const uint8_t *look = m->window + m->look;
    const uint8_t *from = dash_line_find(look, end);

    if (!from && end > look && end[-1] == '\n')
        from = end; /* what comes next may be a dash */
    if (from) {
        const uint8_t *lf = from - 1;

        m->safe = (size_t)(lf - m->window);
        if (m->safe > m->at && lf[-1] == '\r')
            m->safe--;
        m->line = m->look = (size_t)(from - m->window);
        m->matched = 0;
        m->candidate = true;
        return;
    }
    m->look = m->safe = m->filled;
    /* This CR may belong to a line end that belongs to a delimiter. */
    if (m->safe > m->at && end[-1] == '\r' && !m->input_ended)
        m->safe--;
}

/* Makes at < safe, or tells why not: a delimiter or the end. */
static enum err
advance(struct multipart *m, struct problem *p)
{
    while (m->at == m->safe && !m->delimiter) {
        enum probe answer = PROBE_MORE;
        enum err e;

        if (m->candidate)
            answer = probe(m);
        else if (m->look < m->filled) {
            find_candidate(m);
            continue;
        } else if (m->input_ended) {
            m->safe = m->filled;
            return ERR_OK;
        }
        if (answer == PROBE_MORE && (e = refill(m, p)) != ERR_OK)
            return e;
        m->delimiter = answer == PROBE_YES;
        if (answer == PROBE_NO) {
            m->candidate = false;
            find_candidate(m);
        }
    }
    return ERR_OK;
}

/* ---- parts ------------------------------------------------------------------
 */

static enum err
part_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
          struct problem *p)
{
    struct multipart *m = (struct multipart *)s;
    size_t done = 0;
    enum err e;

    while (m->place == IN_PART && done < size) {
        size_t n = size - done;

        if ((e = advance(m, p)) != ERR_OK)
            return e;
        if (n > m->safe - m->at)
            n = m->safe - m->at;
        if (n == 0)
            break;
        memcpy(out + done, m->window + m->at, n);
        m->at += n;
        done += n;
    }
    *got = done;
    return ERR_OK;
}

static bool
has_text(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_white(p[i]))
            return true;
    return false;
}

/* White space alone has no end, and takes no room. */
static void
keep_preamble(struct multipart *m, const uint8_t *p, size_t n)
{
    size_t room = LIMIT_PREAMBLE_BYTES + 1 - m->preamble.len;

    if (m->preamble.len == 0 && !has_text(p, n))
        return;
    buf_add(&m->preamble, p, n < room ? n : room);
}

static enum err
put_aside(struct multipart *m, size_t from, size_t to, struct problem *p)
{
    if (!m->aside)
        return ERR_OK;
    return sink_write(m->aside, m->window + from, to - from, p);
}

/* Passes over what is left before the next delimiter or the end. */
static enum err
skip(struct multipart *m, struct problem *p)
{
    for (;;) {
        enum err e = advance(m, p);

        if (e != ERR_OK || m->at == m->safe)
            return e;
        if (m->place == IN_PREAMBLE) {
            keep_preamble(m, m->window + m->at, m->safe - m->at);
            if ((e = put_aside(m, m->at, m->safe, p)) != ERR_OK)
                return e;
        }
        m->at = m->safe;
    }
}

/* Behind a delimiter a line begins, which may be the next delimiter. */
static enum err
pass_delimiter(struct multipart *m, struct problem *p)
{
    enum err e = put_aside(m, m->safe, m->behind, p);

    m->at = m->safe = m->line = m->look = m->behind;
    m->candidate = true;
    m->matched = 0;
    m->delimiter = false;
    return e;
}

enum err
multipart_next(struct multipart *m, enum part_event *out, struct problem *p)
{
    enum err e;

    if (m->place == IN_PREAMBLE || m->place == IN_PART) {
        if ((e = skip(m, p)) != ERR_OK)
            return e;
        if (!m->delimiter)
            m->place = AT_END;
        else
            m->place = m->closing ? IN_EPILOGUE : IN_PART;
        if (m->delimiter && (e = pass_delimiter(m, p)) != ERR_OK)
            return e;
    }
    if (m->place == IN_PART)
        *out = PART_BEGIN;
    else
        *out = m->place == AT_END ? PART_CUT : PART_END_ALL;
    return ERR_OK;
}

struct stream *
multipart_part(struct multipart *m)
{
    return &m->s;
}

enum err
multipart_surroundings(struct multipart *m, bool *out_preamble_text,
                       bool *out_epilogue_text, struct problem *p)
{
    bool text = false;
    enum err e;

    if (m->place != IN_EPILOGUE && m->place != AT_END)
        bug("the parts of a multipart are not at their end");
    while (m->place == IN_EPILOGUE) {
        text = text || has_text(m->window + m->at, m->filled - m->at);
        if ((e = put_aside(m, m->at, m->filled, p)) != ERR_OK)
            return e;
        if (m->input_ended)
            break;
        m->at = m->safe = m->look = m->filled;
        m->candidate = false;
        if ((e = refill(m, p)) != ERR_OK)
            return e;
    }
    *out_preamble_text = !preamble_is_usual(buf_slice(&m->preamble));
    *out_epilogue_text = text;
    return ERR_OK;
}

void
multipart_set_aside(struct multipart *m, struct sink *aside)
{
    m->aside = aside;
}

bool
multipart_is_ambiguous(const struct multipart *m)
{
    return m->ambiguous;
}

/* ---- making one -------------------------------------------------------------
 */

struct multipart *
multipart_new(struct slice first, struct stream *from, const char *boundary)
{
    struct multipart *m = mem_raw(sizeof(*m));
    size_t n = strlen(boundary);

    memset(m, 0, offsetof(struct multipart, window));
    m->s.read = part_read;
    m->from = from;
    m->first = first;
    while (n > 0 && is_blank((uint8_t)boundary[n - 1]))
        n--;
    if (n == 0 || n > LIMIT_BOUNDARY_BYTES)
        return m;
    memcpy(m->prefix, "--", 2);
    memcpy(m->prefix + 2, boundary, n);
    m->prefix_n = n + 2;
    m->candidate = true;
    return m;
}

void
multipart_drop(struct multipart **m)
{
    if (*m) {
        buf_drop(&(*m)->preamble);
        explicit_bzero(*m, offsetof(struct multipart, window) + (*m)->most);
    }
    free(*m);
    *m = NULL;
}

void
multipart_boundary(char out[40])
{
    /* 32 letters, so that no byte is favoured; none that needs quoting. */
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t random[36];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        bug("no random bytes");
    for (size_t i = 0; i < sizeof(random); i++)
        out[i] = letters[random[i] & 31];
    out[sizeof(random)] = '\0';
}
