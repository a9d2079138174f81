/*
 * NIST's path validation test suite (PKITS 1.0.1): every case through the
 * code that judges a chain, with exactly the certificates, CRLs and inputs
 * it names. Skipped when the suite is not beside the checkout.
 */
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/fd.h"
#include "agent/cms/algorithm.h"
#include "agent/validator/validator.h"
#include "places_of_tests.h"

#define BESIDE   SMIME_SOURCE_DIR "/../shared/data"
#define CASES    249
#define POLICIES "2.16.840.1.101.3.2.1.48."

struct line {
    char *number, *name, *valid, *path, *crls, *policies, *explicit_policy,
        *inhibit_mapping, *inhibit_any;
};

static struct validator v;
static char suite[400]; /* its folder */
static char verdicts[256 * 1024];

/* ---- one case ------------------------------------------------------------ */

static bool
line_split(char *text, struct line *out)
{
    char **field[] = {&out->number,
                      &out->name,
                      &out->valid,
                      &out->path,
                      &out->crls,
                      &out->policies,
                      &out->explicit_policy,
                      &out->inhibit_mapping,
                      &out->inhibit_any};

    for (size_t i = 0; i < ARRAY_COUNT(field); i++) {
        *field[i] = strsep(&text, "\t");
        if (!*field[i])
            return false;
    }
    return true;
}

static void
file_lend(enum trust_kind kind, const char *folder, const char *name,
          const char *extension)
{
    AUTO(buf) struct buf bytes = {0};
    struct lent_trust lent = {.name = 1, .kind = kind};
    struct problem p = {0};
    char path[512];

    snprintf(path, sizeof(path), "%s/%s/%s.%s", suite, folder, name, extension);
    if (file_read(path, LIMIT_TRUST_CHUNK_BYTES, &bytes, &p) != ERR_OK)
        fail_msg("%s is missing", path);
    lent.bytes = buf_slice(&bytes);
    assert_true(trust_add(&v.trust, &lent));
}

static void
path_lend(char *path)
{
    char *names[16];
    size_t n = 0;

    while (path && n < ARRAY_COUNT(names))
        names[n++] = strsep(&path, ",");
    assert_true(n >= 2);
    file_lend(TRUST_ANCHORS, "certs", names[0], "crt");
    file_lend(TRUST_CERTIFICATE, "certs", names[n - 1], "crt");
    for (size_t i = 1; i + 1 < n; i++)
        file_lend(TRUST_CHAIN, "certs", names[i], "crt");
}

static void
policies_set(char *names, struct check_request *q)
{
    static char text[16][64];

    while (names && *names && strcmp(names, "anyPolicy") != 0) {
        char *name = strsep(&names, ",");
        const char *number = strrchr(name, '-');

        assert_non_null(number);
        snprintf(text[q->policies.n], sizeof(text[0]), POLICIES "%s",
                 number + 1);
        q->policies.item[q->policies.n] = slice_text(text[q->policies.n]);
        q->policies.n++;
    }
}

static bool
case_holds(struct line *l, enum check_purpose purpose)
{
    static const struct lent_trust forget = {.name = 1};
    struct check_request q = {.trust = 1, .purpose = purpose};
    struct check_reply r;
    struct problem p = {0};
    char path[1024], crls[1024], policies[256];
    char *rest = crls;

    snprintf(path, sizeof(path), "%s", l->path);
    snprintf(crls, sizeof(crls), "%s", l->crls);
    snprintf(policies, sizeof(policies), "%s", l->policies);
    assert_true(trust_add(&v.trust, &forget));
    path_lend(path);
    while (rest && *rest)
        file_lend(TRUST_CRLS, "crls", strsep(&rest, ","), "crl");
    policies_set(policies, &q);
    q.policy_flags |= l->explicit_policy[0] == '1' ? POLICY_EXPLICIT : 0;
    q.policy_flags |= l->inhibit_mapping[0] == '1' ? POLICY_INHIBIT_MAPPING : 0;
    q.policy_flags |= l->inhibit_any[0] == '1' ? POLICY_INHIBIT_ANY : 0;
    if (validator_check(&v, &q, &r, &p) != ERR_OK) {
        print_message("%s %s: %s\n", l->number, l->name, p.detail);
        return l->valid[0] == '0';
    }
    if ((r.chain == CHAIN_OK) == (l->valid[0] == '1'))
        return true;
    print_message("%s %s: valid %s, chain %u %.*s\n", l->number, l->name,
                  l->valid, r.chain,
                  (int)(r.reasons.n ? r.reasons.item[0].n : 0),
                  r.reasons.n ? (const char *)r.reasons.item[0].p : "");
    return false;
}

static void
all_cases_hold(enum check_purpose purpose)
{
    char *rest, *text;
    size_t held = 0, seen = 0;
    static char copy[sizeof(verdicts)];

    memcpy(copy, verdicts, sizeof(copy));
    rest = copy;
    (void)strsep(&rest, "\n"); /* the names of the columns */
    while ((text = strsep(&rest, "\n")) && *text) {
        struct line l;

        assert_true(line_split(text, &l));
        seen++;
        held += case_holds(&l, purpose);
    }
    print_message("%zu of %zu\n", held, seen);
    assert_int_equal(seen, CASES);
    assert_int_equal(held, seen);
}

/* ---- tests --------------------------------------------------------------- */

static void
every_chain_is_judged_as_the_suite_says(void **state)
{
    (void)state;
    all_cases_hold(PURPOSE_ANY);
}

static void
every_chain_is_judged_so_for_mail_too(void **state)
{
    (void)state;
    all_cases_hold(PURPOSE_EMAIL);
}

static FILE *
suite_open(void)
{
    const char *data = getenv("DATA");
    char path[512];

    snprintf(suite, sizeof(suite), "%s/pkits-1.0.1",
             data && data[0] ? data : BESIDE);
    snprintf(path, sizeof(path), "%s/verdicts.tsv", suite);
    return fopen(path, "r");
}

int
main(void)
{
    static const char *const none[] = {NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_chain_is_judged_as_the_suite_says),
        cmocka_unit_test(every_chain_is_judged_so_for_mail_too),
    };
    FILE *f = suite_open();
    int failed;

    if (!f) {
        printf("skipped: there is no %s\n", suite);
        return 77;
    }
    verdicts[fread(verdicts, 1, sizeof(verdicts) - 1, f)] = '\0';
    fclose(f);
    algorithm_warm_up();
    validator_init(&v, none, none);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    validator_drop(&v);
    return failed;
}
