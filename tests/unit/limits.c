/*
 * The tables of limits: the manual shows them as they are, nothing else
 * makes a constant of that name, and what one process takes the others do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#undef fail
#undef fail_msg
#define fail_msg(...) (print_error(__VA_ARGS__), _fail(__FILE__, __LINE__))

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "client/lib/smime_client.h"
#include "places_of_tests.h"

struct row {
    const char *section; /* begins here; NULL: a limit */
    const char *name;
    long value;
    const char *unit;
    const char *what;
    bool hostile;
};

#define SECTION(title)               {title, NULL, 0, NULL, NULL, false},
#define OWN(name, value, unit, what) {NULL, #name, (value), unit, what, false},
#define HOSTILE(name, value, unit, what)                                       \
    {NULL, #name, (value), unit, what, true},
static const struct row agent_rows[] = {
#include "agent/base/limits.def"
};
static const struct row token_rows[] = {
#include "tokens/limits.def"
};
#undef HOSTILE
#undef OWN
#undef SECTION

static void
add_amount(const struct row *r, struct buf *out)
{
    bool bytes = strcmp(r->unit, "bytes") == 0;

    if (bytes && r->value % (1024 * 1024) == 0)
        buf_addf(out, "%ld MiB", r->value / (1024 * 1024));
    else if (bytes && r->value % 1024 == 0)
        buf_addf(out, "%ld KiB", r->value / 1024);
    else if (strcmp(r->unit, "ms") == 0 && r->value % 1000 == 0)
        buf_addf(out, "%ld s", r->value / 1000);
    else
        buf_addf(out, "%ld %s", r->value, r->unit);
}

static void
add_rows(const struct row *rows, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct row *r = &rows[i];

        if (r->section) {
            buf_addf(out, "%s.Ss %s\n.Bl -tag -width Ds\n",
                     out->len > 0 ? ".El\n" : "", r->section);
            continue;
        }
        buf_addf(out, ".It Sy %s : No ", r->name);
        add_amount(r, out);
        buf_addf(out, "\n%s\n", r->what);
    }
}

static void
load(const char *path, struct buf *out)
{
    struct problem p = {0};

    if (file_read(path, 1024 * 1024, out, &p) != ERR_OK)
        fail_msg("%s: %s", path, p.detail);
}

#define MANUAL SMIME_SOURCE_DIR "/client/man/smime-limits.7"
#define BEGIN  ".Sh LIMITS\n"
#define END    ".Sh SEE ALSO\n"

/* The manual with the tables as they are. */
static void
write_manual(const char *was, struct buf *out)
{
    const char *begin = strstr(was, BEGIN), *end = strstr(was, END);
    AUTO(buf) struct buf table = {0};

    if (!begin || !end)
        fail_msg("%s has no section for limits", MANUAL);
    add_rows(agent_rows, ARRAY_COUNT(agent_rows), &table);
    add_rows(token_rows, ARRAY_COUNT(token_rows), &table);
    buf_add(out, was, (size_t)(begin - was) + strlen(BEGIN));
    buf_addf(out, "%s.El\n%s", buf_text(&table), end);
}

static void
the_manual_shows_every_limit_as_it_is(void **state)
{
    AUTO(buf) struct buf page = {0};
    AUTO(buf) struct buf right = {0};

    (void)state;
    load(MANUAL, &page);
    write_manual(buf_text(&page), &right);
    if (!slice_equal(buf_slice(&page), buf_slice(&right)))
        fail_msg("the tables have changed: run `test_limits write`, which "
                 "brings %s up to date",
                 MANUAL);
}

/* What `test_limits write` does. */
static int
update_manual(void)
{
    AUTO(buf) struct buf page = {0};
    AUTO(buf) struct buf right = {0};
    FILE *to;

    load(MANUAL, &page);
    write_manual(buf_text(&page), &right);
    to = fopen(MANUAL, "w");
    if (!to || fwrite(right.data, 1, right.len, to) != right.len ||
        fclose(to) != 0)
        return 1;
    return 0;
}

/* The lines that COMMAND writes. */
static void
output_of(const char *command, struct buf *out)
{
    FILE *from = popen(command, "r");
    char line[512];

    assert_non_null(from);
    while (fgets(line, sizeof(line), from))
        buf_add_text(out, line);
    pclose(from);
}

static void
no_limit_is_made_elsewhere(void **state)
{
    AUTO(buf) struct buf found = {0};

    (void)state;
    output_of(
        "grep -rn --include='*.[ch]' '^ *# *define  *LIMIT_' " SMIME_SOURCE_DIR
        "/agent " SMIME_SOURCE_DIR
        "/tokens | grep -v 'limits.h\\|tokens/internal.h'",
        &found);
    assert_string_equal(buf_text(&found), "");
}

/* Only what a test reads itself counts: neither this file, nor headers that
 * tests share, where a limit is the size of some room. */
static void
every_limit_on_what_is_hostile_is_named_in_a_test(void **state)
{
    AUTO(buf) struct buf found = {0};
    AUTO(buf) struct buf wrong = {0};

    (void)state;
    output_of("cd " SMIME_SOURCE_DIR "/tests && grep -rohw --exclude=limits.c "
              "--exclude='*.h' 'LIMIT_[A-Z0-9_]*' unit integration | sort -u",
              &found);
    for (size_t i = 0; i < ARRAY_COUNT(agent_rows); i++) {
        const struct row *r = &agent_rows[i];
        char line[64];

        if (r->section || !r->hostile)
            continue;
        snprintf(line, sizeof(line), "LIMIT_%s\n", r->name);
        if (!strstr(buf_text(&found), line))
            buf_addf(&wrong, "%s is named in no test\n", r->name);
    }
    assert_string_equal(buf_text(&wrong), "");
}

static void
every_limit_has_a_reason_and_a_unit(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(agent_rows); i++) {
        const struct row *r = &agent_rows[i];

        if (r->section)
            continue;
        assert_true(r->value > 0);
        assert_true(strlen(r->unit) > 1 && strlen(r->what) > 3);
        /* A line of a manual page. */
        assert_true(r->what[0] != '.' && r->what[0] != '\'');
    }
}

static void
the_client_library_has_the_same_limits(void **state)
{
    (void)state;
    assert_int_equal(SMIME_LIMIT_REQUEST_BYTES, LIMIT_REQUEST_BYTES);
    assert_int_equal(SMIME_LIMIT_REPLY_BYTES, LIMIT_REPLY_BYTES);
    assert_int_equal(SMIME_LIMIT_FDS, LIMIT_REQUEST_FDS);
}

/* What a session found within its limits, other processes take. */
static void
what_one_process_takes_the_next_one_takes_too(void **state)
{
    (void)state;
    assert_true(LIMIT_MAILBOX_BYTES <= LIMIT_ADDRESS_BYTES);
    assert_true(LIMIT_CERTIFICATE_BYTES <= LIMIT_CERT_BYTES);
    assert_true(LIMIT_ATTRS_BYTES <= LIMIT_SIGNED_ATTRS_BYTES);
    assert_true(LIMIT_ISSUER_BYTES <= LIMIT_NAME_BYTES);
    assert_true(LIMIT_CERTIFICATES <= LIMIT_LIST_ITEMS);
    assert_true(LIMIT_LIST_ITEMS <= LIMIT_INTERMEDIATES);
    assert_true(LIMIT_BUNDLE_CERTIFICATES <= LIMIT_INSTALL_CERTIFICATES);
    assert_true(LIMIT_SERVED <= LIMIT_SESSIONS);
    assert_true(LIMIT_SERVED <= LIMIT_CLIENTS);
    assert_true(LIMIT_CERT_ADDRESSES <= LIMIT_LIST_ITEMS);
    assert_true(LIMIT_EVIDENCE_BYTES + LIMIT_SIGNED_ATTRS_BYTES +
                    LIMIT_ISSUER_BYTES + LIMIT_SIGNATURE_BYTES <
                LIMIT_FRAME_BYTES);
    assert_true(LIMIT_TRUST_CHUNK_BYTES < LIMIT_FRAME_BYTES);
    assert_true(LIMIT_P12_OPEN_MS >
                LIMIT_SECRET_MS + LIMIT_P12_CPU_SECONDS * 1000);
    assert_true(LIMIT_PROMPT_MS > LIMIT_PINENTRY_SECONDS * 1000);
    assert_true(LIMIT_CALL_MS > LIMIT_VALIDATOR_ANSWER_MS);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manual_shows_every_limit_as_it_is),
        cmocka_unit_test(no_limit_is_made_elsewhere),
        cmocka_unit_test(every_limit_on_what_is_hostile_is_named_in_a_test),
        cmocka_unit_test(every_limit_has_a_reason_and_a_unit),
        cmocka_unit_test(the_client_library_has_the_same_limits),
        cmocka_unit_test(what_one_process_takes_the_next_one_takes_too),
    };

    if (argc == 2 && strcmp(argv[1], "write") == 0)
        return update_manual();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
