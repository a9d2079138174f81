/*
 * Our reading of mime4j's test mails against the event trees that come with
 * them: structure, number of fields, decoded bodies. Skipped without them.
 */
#include <dirent.h>
#include <stdio.h>
#include <strings.h>

#include "tests/unit/mime_streams.h"

#include "agent/base/fd.h"
#include "agent/mime/header.h"
#include "agent/mime/multipart.h"
#include "agent/mime/transfer.h"
#include "places_of_tests.h"

#define FOLDER           SMIME_SOURCE_DIR "/../shared/data/mime4j"
#define LIMIT_DEPTH      16
#define LIMIT_FILE_BYTES (4 * 1024 * 1024)

/* Mails on which we differ from mime4j, and why. */
static const char *const different[] = {
    /* Refused: a header with a line that is none of its fields. */
    "malformedHeaderStartsBody-nocrlfcrlf",
    "malformedHeaderStartsBody-noheader", "malformedHeader-noheader",
    "malformedHeader-nocrlfcrlf", "obsolete", "hdr-fakeout",
    "basic-plain-with-bad-header-separator",
    /* A delimiter is a whole line: text behind the boundary makes it none. */
    "ending-boundaries",
    /* A boundary ends before its blanks (RFC 2046 5.1.1 forbids them). */
    "weird-boundary",
    /* A boundary over 511 bytes (RFC 2046 allows 70) is dropped. */
    "very-long-boundary", "very-very-long-boundary"};

/* ---- our own tree
 * -------------------------------------------------------------- */

/* A number that does not depend on line ends: the trees have LF only. */
static unsigned
checksum(struct slice s)
{
    unsigned sum = 5381;

    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\r')
            sum = sum * 33 + s.p[i];
    return sum;
}

static bool
decode_body(struct slice body, enum transfer transfer, struct buf *out)
{
    struct stream_memory from;
    AUTO(base64_reader) struct base64_reader *b = NULL;
    AUTO(quoted_reader) struct quoted_reader *q = NULL;
    struct stream *s = &from.s;
    struct problem p = {0};

    stream_memory_init(&from, body);
    if (transfer == TRANSFER_BASE64) {
        b = base64_reader_new(&from.s);
        s = base64_reader_stream(b);
    } else if (transfer == TRANSFER_QUOTED) {
        q = quoted_reader_new(&from.s);
        s = quoted_reader_stream(q);
    }
    return stream_read_all(s, LIMIT_FILE_BYTES, out, &p) == ERR_OK;
}

static void add_entity(struct slice bytes, bool digest, int depth,
                       struct buf *out);

static void
add_multipart(struct slice body, const struct content_type *t, int depth,
              struct buf *out)
{
    const char *boundary = content_type_find(t, "boundary");
    struct stream_memory none;
    AUTO(multipart) struct multipart *m = NULL;
    enum part_event event;
    struct problem p = {0};

    stream_memory_init(&none, slice_of(NULL, 0));
    m = multipart_new(body, &none.s, boundary ? boundary : "");
    buf_add_text(out, "multipart ");
    for (;;) {
        AUTO(buf) struct buf part = {0};

        assert_int_equal(multipart_next(m, &event, &p), ERR_OK);
        if (event != PART_BEGIN)
            break;
        assert_int_equal(
            stream_read_all(multipart_part(m), LIMIT_FILE_BYTES, &part, &p),
            ERR_OK);
        buf_add_text(out, "body-part ");
        add_entity(buf_slice(&part), strcmp(t->type, "multipart/digest") == 0,
                   depth + 1, out);
        buf_add_text(out, "/body-part ");
    }
    buf_add_text(out, "/multipart ");
}

static void
add_message(struct slice bytes, int depth, struct buf *out)
{
    buf_add_text(out, "message ");
    add_entity(bytes, false, depth + 1, out);
    buf_add_text(out, "/message ");
}

static void
add_entity(struct slice bytes, bool digest, int depth, struct buf *out)
{
    AUTO(header) struct header h = {0};
    AUTO(buf) struct buf body = {0};
    AUTO(buf) struct buf decoded = {0};
    struct stream_memory from;
    struct content_type t;
    struct problem p = {0};

    stream_memory_init(&from, bytes);
    if (depth > LIMIT_DEPTH || header_read(&from.s, &h, &body, &p) != ERR_OK) {
        buf_add_text(out, "refused ");
        return;
    }
    buf_add_slice(&body, from.rest);
    buf_addf(out, "header %zu ", h.count);
    (void)header_smime_kind(&h, &t);
    if (digest && header_count(&h, "Content-Type") == 0)
        strcpy(t.type, "message/rfc822");
    if (strncmp(t.type, "multipart/", 10) == 0 &&
        content_type_find(&t, "boundary"))
        add_multipart(buf_slice(&body), &t, depth, out);
    else if (!decode_body(buf_slice(&body), header_transfer(&h), &decoded))
        buf_add_text(out, "damaged ");
    else if (strcmp(t.type, "message/rfc822") == 0)
        add_message(buf_slice(&decoded), depth, out);
    else if (strncmp(t.type, "text", 4) == 0)
        buf_addf(out, "text %u ", checksum(buf_slice(&decoded)));
    else
        buf_add_text(out, "binary ");
}

/* ---- mime4j's tree
 * ------------------------------------------------------------- */

static bool
read_file(const char *name, struct buf *out)
{
    AUTO(buf) struct buf path = {0};
    struct problem p = {0};

    buf_addf(&path, "%s/%s", FOLDER, name);
    return file_read(buf_text(&path), LIMIT_FILE_BYTES, out, &p) == ERR_OK;
}

static void
add_text_file(const char *line, struct buf *out)
{
    AUTO(buf) struct buf body = {0};
    char name[256] = "";

    if (sscanf(line, "<text-body name=\"%255[^\"]", name) == 1 &&
        read_file(name, &body))
        buf_addf(out, "text %u ", checksum(buf_slice(&body)));
    else
        buf_add_text(out, "text ? ");
}

static bool
is_tag(const char *line, const char *tag)
{
    return strcmp(line, tag) == 0;
}

/* One line of a tree; texts in it are escaped, so a "<" is a tag. */
static void
add_line(const char *line, unsigned *fields, struct buf *out)
{
    static const char *const tags[] = {"message", "multipart", "body-part"};

    if (is_tag(line, "<header>"))
        *fields = 0;
    else if (is_tag(line, "<field>"))
        ++*fields;
    else if (is_tag(line, "</header>"))
        buf_addf(out, "header %u ", *fields);
    else if (strncmp(line, "<text-body", 10) == 0)
        add_text_file(line, out);
    else if (strncmp(line, "<binary-body", 12) == 0)
        buf_add_text(out, "binary ");
    for (size_t i = 0; i < ARRAY_COUNT(tags); i++) {
        size_t n = strlen(tags[i]);

        if (line[0] == '<' && strncmp(line + 1, tags[i], n) == 0)
            buf_addf(out, "%s ", tags[i]);
        if (line[0] == '<' && line[1] == '/' &&
            strncmp(line + 2, tags[i], n) == 0)
            buf_addf(out, "/%s ", tags[i]);
    }
}

static void
add_tree(struct buf *xml, struct buf *out)
{
    unsigned fields = 0;
    char *next = NULL;

    (void)buf_text(xml);
    for (char *line = strtok_r((char *)xml->data, "\r\n", &next); line;
         line = strtok_r(NULL, "\r\n", &next))
        add_line(line, &fields, out);
}

/* ---- the comparison
 * ------------------------------------------------------------ */

static bool
is_listed(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(different); i++)
        if (strcmp(different[i], name) == 0)
            return true;
    return false;
}

/* Are both readings of FOLDER/NAME.msg the same? */
static bool
is_read_alike(const char *name)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(buf) struct buf xml = {0};
    AUTO(buf) struct buf ours = {0};
    AUTO(buf) struct buf theirs = {0};
    AUTO(buf) struct buf file = {0};

    buf_addf(&file, "%s.msg", name);
    assert_true(read_file(buf_text(&file), &mail));
    buf_clear(&file);
    buf_addf(&file, "%s_decoded.xml", name);
    if (!read_file(buf_text(&file), &xml))
        return true; /* a mail without a tree */
    add_message(buf_slice(&mail), 0, &ours);
    add_tree(&xml, &theirs);
    if (slice_equal(buf_slice(&ours), buf_slice(&theirs)))
        return true;
    if (!is_listed(name))
        print_message("%s\n  ours   %s\n  theirs %s\n", name, buf_text(&ours),
                      buf_text(&theirs));
    return false;
}

static void
mails_are_read_as_mime4j_reads_them(void **state)
{
    DIR *folder = opendir(FOLDER);
    struct dirent *entry;
    size_t alike = 0, wrong = 0;

    (void)state;
    assert_non_null(folder);
    while ((entry = readdir(folder))) {
        size_t n = strlen(entry->d_name);

        if (n < 5 || strcmp(entry->d_name + n - 4, ".msg") != 0)
            continue;
        entry->d_name[n - 4] = '\0';
        if (is_read_alike(entry->d_name))
            alike++;
        else if (!is_listed(entry->d_name))
            wrong++;
    }
    closedir(folder);
    print_message("%zu mails are read alike\n", alike);
    assert_int_equal(wrong, 0);
    assert_true(alike > 50);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mails_are_read_as_mime4j_reads_them),
    };
    DIR *folder = opendir(FOLDER);

    if (!folder)
        return 77;
    closedir(folder);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
