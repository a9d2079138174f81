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
};

#define SECTION(title)                 {title, NULL, 0, NULL, NULL},
#define LIMIT(name, value, unit, what) {NULL, #name, (value), unit, what},
static const struct row agent_rows[] = {
#include "agent/base/limits.def"
};
static const struct row token_rows[] = {
#include "tokens/limits.def"
};
#undef LIMIT
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

/* When this fails, `test_limits print` writes what the manual has to hold. */
static void
the_manual_shows_every_limit_as_it_is(void **state)
{
    AUTO(buf) struct buf table = {0};
    AUTO(buf) struct buf page = {0};

    (void)state;
    add_rows(agent_rows, ARRAY_COUNT(agent_rows), &table);
    add_rows(token_rows, ARRAY_COUNT(token_rows), &table);
    load(SMIME_SOURCE_DIR "/client/man/smime-limits.7", &page);
    assert_non_null(strstr(buf_text(&page), buf_text(&table)));
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
    assert_true(LIMIT_SERVED <= LIMIT_SESSIONS);
    assert_true(LIMIT_SERVED <= LIMIT_CLIENTS);
    assert_true(LIMIT_CERT_ADDRESSES <= LIMIT_LIST_ITEMS);
    assert_true(LIMIT_EVIDENCE_BYTES + LIMIT_SIGNED_ATTRS_BYTES +
                    LIMIT_ISSUER_BYTES + LIMIT_SIGNATURE_BYTES <
                LIMIT_FRAME_BYTES);
    assert_true(LIMIT_TRUST_CHUNK_BYTES < LIMIT_FRAME_BYTES);
    assert_true(LIMIT_P12_OPEN_MS > LIMIT_SECRET_MS + LIMIT_P12_CPU_SECONDS);
    assert_true(LIMIT_PROMPT_MS >= 1000 * LIMIT_PINENTRY_SECONDS);
    assert_true(LIMIT_CALL_MS > LIMIT_VALIDATOR_ANSWER_MS);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manual_shows_every_limit_as_it_is),
        cmocka_unit_test(no_limit_is_made_elsewhere),
        cmocka_unit_test(every_limit_has_a_reason_and_a_unit),
        cmocka_unit_test(the_client_library_has_the_same_limits),
        cmocka_unit_test(what_one_process_takes_the_next_one_takes_too),
    };

    if (argc == 2 && strcmp(argv[1], "print") == 0) {
        AUTO(buf) struct buf table = {0};

        add_rows(agent_rows, ARRAY_COUNT(agent_rows), &table);
        add_rows(token_rows, ARRAY_COUNT(token_rows), &table);
        printf("%s.El\n", buf_text(&table));
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
