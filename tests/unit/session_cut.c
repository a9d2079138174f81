/*
 * Input that ends anywhere and output that fails anywhere, through the real
 * methods: a named error, and nothing written.
 */
#include "tests/unit/session_mail.h"

#include <signal.h>
#include <sys/resource.h>

#define HEAD                                                                   \
    "From: A <a@example.org>\nTo: b@example.org\nSubject: s\nMIME-Version: "   \
    "1.0\n"
#define TEXT HEAD "Content-Type: text/plain\n\nthe text, and more of it\n"
#define PARTED                                                                 \
    HEAD "Content-Type: multipart/mixed; boundary=m\n\n--m\n\nthe text\n"      \
         "--m\nContent-Type: application/pdf\nContent-Transfer-Encoding: "     \
         "base64\n\nJVBERi0=\n--m--\n"

static const struct kind {
    const char *name;
    method_handler *makes;
    const char *parameters;
    const char *mail;
} kinds[] = {
    {"signed", mail_sign, "{}", TEXT},
    {"signed, parted", mail_sign, "{}", PARTED},
    {"opaque", mail_sign, "{\"opaque\":true}", TEXT},
    {"protected", mail_sign, "{\"header_protection\":\"clear\"}", TEXT},
    {"encrypted", mail_encrypt, "{\"to\":[\"b@example.org\"]}", TEXT},
    {"CBC", mail_encrypt,
     "{\"to\":[\"b@example.org\"],\"cipher\":\"aes256-cbc\"}", TEXT},
    {"both", mail_encrypt,
     "{\"to\":[\"b@example.org\"],\"sign\":true,"
     "\"header_protection\":\"cipher\",\"legacy_display\":\"yes\"}",
     PARTED}};

static void
be_writer(void)
{
    people_clear();
    card_add(&alice, "a@example.org");
    contact_add(&bob, "b@example.org");
}

static void
make(const struct kind *k, const char *mail, struct outcome *out)
{
    be_writer();
    call_text(k->makes, json_loads(k->parameters, 0, NULL), mail, out);
}

static void
be_reader(void)
{
    people_clear();
    card_add(&bob, "b@example.org");
}

/* ---- input ----------------------------------------------------------------
 */

/* Nothing that a person could not understand, and nothing of ours. */
static void
assert_named(const struct outcome *o)
{
    char text[LIMIT_SENTENCE_BYTES];

    switch ((int)o->e) {
    case ERR_NOT_MAIL:
    case ERR_BAD_MESSAGE:
    case ERR_NOT_SMIME:
    case ERR_CANNOT_DECRYPT:
    case ERR_NOT_FOR_US:
    case ERR_UNSUPPORTED:
        break;
    default:
        print_error("%s\n", err_name(o->e));
        assert_true(false);
    }
    problem_text(&o->problem, 0, text, sizeof(text));
    assert_true(text[0] != '\0');
    assert_int_equal(o->output.len, 0);
}

/* Is what is cut off no more than line ends and the end of a delimiter that
 * says nothing? */
static bool
is_all_there(const struct buf *mail, size_t n)
{
    while (n < mail->len && strchr("\r\n-=", mail->data[n]))
        n++;
    return n == mail->len;
}

static void
assert_cut(method_handler *reads, const struct buf *mail, size_t n)
{
    AUTO(outcome) struct outcome o = {.e = ERR_OK};

    be_reader();
    call_mail(reads, NULL, slice_of(mail->data, n), &o);
    if (o.e != ERR_OK)
        assert_named(&o);
    else if (reads != mail_decrypt && strcmp(verdict_of(&o), "good") == 0)
        assert_true(is_all_there(mail, n));
    else if (reads == mail_decrypt)
        assert_true(is_all_there(mail, n));
}

static void
sweep(const struct kind *k, method_handler *reads)
{
    AUTO(outcome) struct outcome whole = {.e = ERR_OK};
    size_t step;

    make(k, k->mail, &whole);
    assert_int_equal(whole.e, ERR_OK);
    step = whole.output.len / 41 + 1;
    for (size_t n = 0; n < whole.output.len; n += step)
        assert_cut(reads, &whole.output, n);
    for (size_t n = 1; n < 12; n++)
        assert_cut(reads, &whole.output, whole.output.len - n);
}

static void
input_that_ends_anywhere_is_never_good_and_never_half(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        sweep(&kinds[i], mail_open);
        sweep(&kinds[i],
              kinds[i].makes == mail_sign ? mail_verify : mail_decrypt);
    }
}

/* One's own mail that is cut short is a mail all the same, or none. */
static void
a_draft_that_ends_anywhere_is_done_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i += 3)
        for (size_t n = 0; n < strlen(kinds[i].mail); n += 7) {
            char *cut = mem_text(slice_of(kinds[i].mail, n));
            AUTO(outcome) struct outcome o = {.e = ERR_OK};
            AUTO(outcome) struct outcome read = {.e = ERR_OK};

            make(&kinds[i], cut, &o);
            free(cut);
            if (o.e != ERR_OK) {
                assert_true(o.e == ERR_NOT_MAIL || o.e == ERR_BAD_MESSAGE ||
                            o.e == ERR_NO_KEY);
                assert_int_equal(o.output.len, 0);
                continue;
            }
            be_reader();
            call_mail(mail_open, NULL, buf_slice(&o.output), &read);
            assert_int_equal(read.e, ERR_OK);
        }
}

static void
an_input_that_cannot_be_read_is_told(void **state)
{
    method_handler *const all[] = {mail_sign, mail_open, mail_verify,
                                   mail_decrypt};
    int broken = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_true(broken >= 0);
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        struct world w = {0};
        AUTO(outcome) struct outcome o = {.e = ERR_OK};

        people_clear();
        card_add(&alice, "a@example.org");
        mail_world_open(&w);
        call_on(&w, all[i], NULL, broken, &o);
        mail_world_close(&w);
        assert_int_equal(o.e, ERR_INPUT);
        assert_int_equal(o.output.len, 0);
    }
    close(broken);
}

/* ---- output ---------------------------------------------------------------
 */

static struct rlimit before;

/* No file, in memory or not, may become longer than this. */
static void
room_is(rlim_t bytes)
{
    struct rlimit now = {bytes, before.rlim_max};

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
}

/* Of more than is gathered before anything is written. */
static void
long_mail(struct buf *out)
{
    buf_add_text(out, TEXT);
    while (out->len < 400 * 1024)
        buf_add_text(out, "a line of a long text, and one more of them\n");
}

/* HANDLER on INPUT with room for BYTES of output. */
static void
assert_full(method_handler *handler, const char *parameters,
            const struct buf *input, rlim_t bytes)
{
    AUTO(outcome) struct outcome o = {.e = ERR_OK};
    struct world w = {0};
    int fd = file_of(buf_slice(input));

    mail_world_open(&w);
    room_is(bytes);
    call_on(&w, handler, json_loads(parameters, 0, NULL), fd, &o);
    room_is(before.rlim_cur);
    mail_world_close(&w);
    close(fd);
    assert_int_equal(o.e, ERR_OUTPUT);
    assert_int_equal(o.output.len, 0);
}

static void
a_disk_that_is_full_anywhere_is_told_and_the_file_cut_back(void **state)
{
    AUTO(buf) struct buf mail = {0};

    (void)state;
    long_mail(&mail);
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        AUTO(outcome) struct outcome whole = {.e = ERR_OK};

        if (kinds[i].mail[strlen(kinds[i].mail) - 2] == '-')
            continue;
        make(&kinds[i], buf_text(&mail), &whole);
        assert_int_equal(whole.e, ERR_OK);
        for (size_t part = 0; part < 8; part++) {
            be_writer();
            assert_full(kinds[i].makes, kinds[i].parameters, &mail,
                        part * (whole.output.len - 1) / 7);
            be_reader();
            assert_full(mail_open, "{}", &whole.output,
                        part * (mail.len - 200) / 7);
        }
    }
}

/* Where the result has to wait, it is the waiting that fails. */
static void
a_scratch_that_is_full_is_told_and_a_pipe_gets_nothing(void **state)
{
    AUTO(buf) struct buf mail = {0};
    struct world w = {0};
    int pair[2], fd;
    json_t *reply = NULL;
    uint8_t byte;

    (void)state;
    buf_add_text(&mail, TEXT);
    while (mail.len < 3 * 1024 * 1024)
        buf_add_text(&mail, "a line of a long text, and one more of them\n");
    people_clear();
    card_add(&alice, "a@example.org");
    assert_int_equal(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
    fd = file_of(buf_slice(&mail));
    mail_world_open(&w);
    {
        struct request r = {
            .session = &w.s,
            .parameters = json_pack("{s:i,s:i}", "input", 0, "output", 1),
            .fds = {fd, pair[1], [2 ... LIMIT_REQUEST_FDS - 1] = -1},
            .fd_count = 2};

        room_is(1024 * 1024);
        assert_int_equal(mail_sign(&r, &reply), ERR_OUTPUT);
        room_is(before.rlim_cur);
        assert_non_null(strstr(r.problem.detail, "temporary space"));
        assert_null(reply);
        for (int i = 0; i < LIMIT_REQUEST_FDS; i++)
            fd_drop(&r.fds[i]);
        json_decref(r.parameters);
    }
    mail_world_close(&w);
    assert_int_equal(read(pair[0], &byte, 1), 0);
    close(pair[0]);
}

static int
begin(void **state)
{
    (void)signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_FSIZE, &before) != 0)
        return -1;
    return identities_make(state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(input_that_ends_anywhere_is_never_good_and_never_half),
        cmocka_unit_test(a_draft_that_ends_anywhere_is_done_or_refused),
        cmocka_unit_test(an_input_that_cannot_be_read_is_told),
        cmocka_unit_test(
            a_disk_that_is_full_anywhere_is_told_and_the_file_cut_back),
        cmocka_unit_test(
            a_scratch_that_is_full_is_told_and_a_pipe_gets_nothing)};

    return cmocka_run_group_tests(tests, begin, identities_drop);
}
