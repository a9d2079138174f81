/* The store alone: what is kept, what is refused, what a full disk leaves. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/fd.h"
#include "agent/keyring/store.h"
#include "keyring_lesson.h"

/* ---- promises ----------------------------------------------------------- */

static void
what_is_learned_is_there_after_opening_again(void **state)
{
    struct store *s = store_open(path);
    AUTO(buf) struct buf bytes = {0};
    struct slice_list issuers = {0};
    struct problem p = {0};
    struct seen_rows r;
    struct taught t;

    (void)state;
    assert_null(store_fault(s));
    lesson_make(&t, 1, "Alice@Example.org");
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    assert_int_equal(learn(s, &t), LEARNED_KNOWN);
    store_drop(&s);
    s = store_open(path);
    r = rows_of(s, "alice@example.ORG");
    assert_int_equal(r.n, 1);
    assert_int_equal(r.state[0], CONTACT_VERIFIED);
    assert_int_equal(store_issuers(s, r.certificate, &bytes, &issuers, &p),
                     ERR_OK);
    assert_int_equal(issuers.n, 2);
    assert_true(slice_is(issuers.item[1], "next issuer"));
    assert_int_equal(rows_of(s, "bob@example.org").n, 0);
    store_drop(&s);
}

/* What is learned of a second certificate that begins later. */
static enum learned
second(struct store *s, const char *issuer, uint32_t bits, long from)
{
    static uint8_t number = 2;
    struct taught t;

    lesson_make(&t, number++, "alice@example.org");
    t.about.issuer = slice_text(issuer);
    t.about.type = KEY_RSA;
    t.about.bits = bits;
    t.about.not_before = (uint64_t)from;
    t.about.not_after = (uint64_t)(from + YEAR);
    t.lesson.now = from + 1000;
    return learn(s, &t);
}

static void
a_renewal_is_no_change_and_anything_else_is(void **state)
{
    struct store *s;
    struct seen_rows r;
    struct taught t;
    static const struct {
        const char *issuer;
        uint32_t bits;
        long from;
        enum learned learned;
    } cases[] = {{"CN=CA", 3072, NOW + 5000, LEARNED_NEW},
                 {"CN=CA", 4096, NOW + YEAR, LEARNED_NEW},
                 {"CN=CA", 4096, NOW + 1, LEARNED_NEW}, /* the same second */
                 {"CN=CA", 2048, NOW + 1, LEARNED_CHANGED},
                 {"CN=Other", 3072, NOW + 5000, LEARNED_CHANGED},
                 {"CN=CA", 2048, NOW + 5000, LEARNED_CHANGED},
                 {"CN=CA", 3072, NOW + YEAR + 5000, LEARNED_CHANGED}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        s = store_open(path);
        lesson_make(&t, 1, "alice@example.org");
        t.about.type = KEY_RSA;
        t.about.bits = 3072;
        assert_int_equal(learn(s, &t), LEARNED_NEW);
        assert_int_equal(
            second(s, cases[i].issuer, cases[i].bits, cases[i].from),
            cases[i].learned);
        r = rows_of(s, "alice@example.org");
        assert_int_equal(r.n, 2);
        assert_int_equal(r.state[0], cases[i].learned == LEARNED_CHANGED
                                         ? CONTACT_CHANGED
                                         : CONTACT_VERIFIED);
        assert_int_equal(r.state[1], CONTACT_VERIFIED);
        store_drop(&s);
        assert_int_equal(unlink(path), 0);
    }
}

static void
one_to_sign_and_one_to_encrypt_are_no_change(void **state)
{
    struct store *s = store_open(path);
    struct taught a, b, old;

    (void)state;
    lesson_make(&a, 1, "alice@example.org");
    a.about.uses = USE_SIGN;
    lesson_make(&b, 2, "alice@example.org");
    b.about.uses = USE_DECRYPT;
    assert_int_equal(learn(s, &a), LEARNED_NEW);
    assert_int_equal(learn(s, &b), LEARNED_NEW);
    lesson_make(&old, 3, "alice@example.org");
    old.about.not_after = NOW;
    assert_int_equal(learn(s, &old), LEARNED_NEW);
    store_drop(&s);
}

static void
only_newer_capabilities_replace(void **state)
{
    struct store *s = store_open(path);
    struct taught t;

    (void)state;
    lesson_make(&t, 1, "alice@example.org");
    t.lesson.capabilities = slice_text("abc");
    t.lesson.capabilities_time = 100;
    learn(s, &t);
    t.lesson.capabilities = slice_text("abcde");
    t.lesson.capabilities_time = 99;
    learn(s, &t);
    assert_int_equal(rows_of(s, "alice@example.org").capabilities[0], 3);
    t.lesson.capabilities_time = 101;
    learn(s, &t);
    assert_int_equal(rows_of(s, "alice@example.org").capabilities[0], 5);
    store_drop(&s);
}

static void
removal_takes_all_rows_of_one_address_only(void **state)
{
    struct store *s = store_open(path);
    struct store_counts counts;
    struct problem p = {0};
    uint32_t count = 9;
    struct taught t;

    (void)state;
    lesson_make(&t, 1, "alice@example.org");
    learn(s, &t);
    t.addresses.item[0] = slice_text("alice@example.net");
    learn(s, &t);
    lesson_make(&t, 2, "alice@example.org");
    learn(s, &t);
    assert_int_equal(
        store_remove(s, slice_text("ALICE@example.org"), NOW, &count, &p),
        ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(rows_of(s, "alice@example.org").n, 0);
    assert_int_equal(rows_of(s, "alice@example.net").n, 1);
    assert_int_equal(store_count(s, &counts, &p), ERR_OK);
    assert_int_equal(counts.contacts, 1);
    assert_int_equal(counts.certificates, 1);
    assert_int_equal(
        store_remove(s, slice_text("alice@example.org"), NOW, &count, &p),
        ERR_OK);
    assert_int_equal(count, 0);
    store_drop(&s);
}

static void
fill(const char *file, const char *byte, size_t n)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    while (n-- > 0)
        assert_true(fd_write_all(fd, byte, 1));
    close(fd);
}

static void
a_damaged_file_is_refused_and_left_alone(void **state)
{
    struct store *s;
    enum learned out;
    struct problem p = {0};
    struct store_counts counts;
    struct stat st;
    struct taught t;

    (void)state;
    fill(path, "x", 8192);
    s = store_open(path);
    assert_non_null(store_fault(s));
    assert_true(store_is_damaged(s));
    lesson_make(&t, 1, "alice@example.org");
    assert_int_equal(store_learn(s, &t.lesson, 1, false, &out, &p),
                     ERR_STORE_DAMAGED);
    assert_int_equal(store_count(s, &counts, &p), ERR_STORE_DAMAGED);
    store_drop(&s);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 8192);
}

static void
a_file_damaged_in_the_middle_is_refused(void **state)
{
    struct store *s = store_open(path);
    char name[32];
    struct taught t;
    struct stat st;
    int fd;

    (void)state;
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "a%d@example.org", i);
        lesson_make(&t, (uint8_t)i, name);
        learn(s, &t);
    }
    store_drop(&s);
    assert_int_equal(stat(path, &st), 0);
    fd = open(path, O_WRONLY);
    for (off_t at = 4096; at < st.st_size; at += 4096)
        assert_int_equal(pwrite(fd, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, at),
                         8);
    close(fd);
    s = store_open(path);
    assert_non_null(store_fault(s));
    assert_true(store_is_damaged(s));
    store_drop(&s);
}

static void
a_newer_file_is_refused(void **state)
{
    struct store *s = store_open(path);
    int fd;

    (void)state;
    store_drop(&s);
    /* user_version: bytes 60 to 63 of the header. */
    fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "\0\0\0\x63", 4, 60), 4);
    close(fd);
    s = store_open(path);
    assert_non_null(strstr(store_fault(s), "newer"));
    store_drop(&s);
}

static void
a_missing_folder_is_a_fault(void **state)
{
    struct store *s = store_open("/nonexistent/folder/contacts.db");
    struct store_counts counts;
    struct problem p = {0};

    (void)state;
    assert_int_equal(store_count(s, &counts, &p), ERR_STORE);
    assert_true(p.detail[0] != '\0');
    store_drop(&s);
}

/* Learns until the limit on file sizes stops it; gives how many went in. */
static int
learn_until_full(void)
{
    struct store *s = store_open(path);
    struct problem p = {0};
    enum learned out;
    struct taught t;
    char name[32];
    int i = 0;

    for (; i < 2000; i++) {
        snprintf(name, sizeof(name), "a%d@example.org", i);
        lesson_make(&t, 0, name);
        memcpy(t.fingerprint, &i, sizeof(i));
        if (store_learn(s, &t.lesson, 1, false, &out, &p) != ERR_OK)
            break;
    }
    if (i == 0 || i == 2000 || p.code != ERR_STORE || !p.detail[0])
        return -1;
    store_drop(&s);
    return i;
}

static void
a_full_disk_leaves_what_was_acknowledged(void **state)
{
    struct store_counts counts;
    struct problem p = {0};
    int pipe_fds[2], learned = 0, status;
    struct store *s;
    pid_t pid;

    (void)state;
    s = store_open(path);
    store_drop(&s);
    assert_int_equal(pipe(pipe_fds), 0);
    pid = fork();
    if (pid == 0) {
        struct rlimit limit = {200 * 1024, 200 * 1024};

        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        learned = learn_until_full();
        _exit(write(pipe_fds[1], &learned, sizeof(learned)) < 0);
    }
    assert_int_equal(read(pipe_fds[0], &learned, sizeof(learned)),
                     sizeof(learned));
    waitpid(pid, &status, 0);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    assert_true(learned > 0);
    s = store_open(path);
    assert_null(store_fault(s));
    assert_int_equal(store_count(s, &counts, &p), ERR_OK);
    assert_int_equal(counts.certificates, learned);
    assert_int_equal(counts.contacts, learned);
    store_drop(&s);
}

/* Certificates of one name are looked at one by one: the newest do. */
static void
so_many_issuers_of_a_name_are_given(void **state)
{
    struct store *s = store_open(path);
    static const uint8_t name[32] = {7};
    struct slice_list names = {.n = 1, .item = {{name, 32}}};
    struct problem p = {0};

    (void)state;
    for (uint8_t i = 1; i <= LIMIT_ISSUERS_OF_NAME + 1; i++) {
        AUTO(buf) struct buf bytes = {0};
        struct slice_list found = {0};
        struct taught t;
        char issuer[16];

        snprintf(issuer, sizeof(issuer), "issuer %d", i);
        lesson_make(&t, i, "alice@example.org");
        t.issuers.n = 1;
        t.issuers.item[0] = slice_text(issuer);
        t.lesson.issuer_names = &names;
        (void)learn(s, &t);
        assert_int_equal(
            store_issuers_named(s, slice_of(name, 32), &bytes, &found, &p),
            ERR_OK);
        assert_int_equal(found.n,
                         i > LIMIT_ISSUERS_OF_NAME ? LIMIT_ISSUERS_OF_NAME : i);
        assert_true(slice_is(found.item[0], issuer));
    }
    store_drop(&s);
}

struct news {
    size_t revoked, not_revoked, undoable;
};

static bool
note_event(void *ctx, const struct happened *h)
{
    struct news *n = ctx;

    n->revoked += slice_is(h->what, "revoked");
    n->not_revoked += slice_is(h->what, "not revoked");
    n->undoable += h->undoable;
    return true;
}

static void
mark(struct store *s, const struct taught *t, bool revoked)
{
    struct problem p = {0};

    assert_int_equal(
        store_mark_revoked(s, t->about.fingerprint, revoked, 1700000000, &p),
        ERR_OK);
}

static void
what_is_revoked_stays_so_until_it_is_cleared(void **state)
{
    struct store *s = store_open(path);
    struct problem p = {0};
    struct taught t, other;
    struct news n = {0};
    bool found;

    (void)state;
    lesson_make(&t, 1, "alice@example.org");
    lesson_make(&other, 2, "bob@example.org");
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    mark(s, &t, true);
    mark(s, &t, true);
    mark(s, &other, true); /* nobody's */
    store_drop(&s);
    s = store_open(path);
    assert_int_equal(rows_of(s, "alice@example.org").state[0], CONTACT_REVOKED);
    assert_int_equal(store_history(s, 0, slice_of(NULL, 0), note_event, &n, &p),
                     ERR_OK);
    assert_int_equal(n.revoked, 1);
    assert_int_equal(n.undoable, 1); /* that it was learned */
    mark(s, &t, false);
    assert_int_equal(rows_of(s, "alice@example.org").state[0],
                     CONTACT_VERIFIED);
    mark(s, &t, true);
    /* Undo takes back what was learned, not what a CRL says. */
    assert_int_equal(store_undo(s, 1700000001, note_event, &n, &found, &p),
                     ERR_OK);
    assert_true(found);
    assert_int_equal(rows_of(s, "alice@example.org").n, 0);
    store_drop(&s);
}

static void
counts_are(struct store *s, uint32_t contacts, uint32_t certificates)
{
    struct store_counts counts = {0};
    struct problem p = {0};

    assert_int_equal(store_count(s, &counts, &p), ERR_OK);
    assert_int_equal(counts.contacts, contacts);
    assert_int_equal(counts.certificates, certificates);
}

static void
remove_all(struct store *s, const char *address)
{
    struct problem p = {0};
    uint32_t count;

    assert_int_equal(store_remove(s, slice_text(address), NOW, &count, &p),
                     ERR_OK);
}

/* An address with two certificates, a certificate of two addresses. */
static void
only_what_is_not_removed_is_counted(void **state)
{
    struct store *s = store_open(path);
    struct taught t;

    (void)state;
    counts_are(s, 0, 0);
    for (uint8_t i = 1; i <= 2; i++) {
        lesson_make(&t, i, "alice@example.org");
        (void)learn(s, &t);
    }
    lesson_make(&t, 3, "bob@example.org");
    t.addresses.item[t.addresses.n++] = slice_text("carol@example.org");
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    counts_are(s, 3, 3);
    remove_all(s, "bob@example.org");
    counts_are(s, 2, 3);
    remove_all(s, "carol@example.org");
    counts_are(s, 1, 2);
    remove_all(s, "alice@example.org");
    counts_are(s, 0, 0);
    lesson_make(&t, 2, "alice@example.org");
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    counts_are(s, 1, 1);
    store_drop(&s);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(what_is_revoked_stays_so_until_it_is_cleared),
        T(what_is_learned_is_there_after_opening_again),
        T(a_renewal_is_no_change_and_anything_else_is),
        T(one_to_sign_and_one_to_encrypt_are_no_change),
        T(only_newer_capabilities_replace),
        T(removal_takes_all_rows_of_one_address_only),
        T(only_what_is_not_removed_is_counted),
        T(a_damaged_file_is_refused_and_left_alone),
        T(a_file_damaged_in_the_middle_is_refused),
        T(a_newer_file_is_refused),
        T(so_many_issuers_of_a_name_are_given),
        T(a_missing_folder_is_a_fault),
        T(a_full_disk_leaves_what_was_acknowledged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
