/* What the contacts know helps a verdict: issuers of earlier good mails, and
 * when a certificate was first seen. Through the processes as they run. */
#include "keyring_wires.h"

#include <sqlite3.h>

static struct made middle, issuing, bob, carol;

static void
people_make(void)
{
    if (bob.x)
        return;
    middle = make_cert(&(struct cert_spec){
        .name = "Middle", .key = "p256c", .ca = true, .issuer = &root});
    issuing = make_cert(&(struct cert_spec){
        .name = "Issuing", .key = "p256d", .ca = true, .issuer = &middle});
    bob = make_cert(&(struct cert_spec){.name = "Bob",
                                        .key = "rsa2048",
                                        .issuer = &issuing,
                                        .email = "bob@example.org",
                                        .usage = "digitalSignature"});
    carol = make_cert(&(struct cert_spec){.name = "Carol",
                                          .key = "rsa2048",
                                          .issuer = &issuing,
                                          .email = "carol@example.org",
                                          .usage = "digitalSignature"});
}

static struct verify_reply
verify_with(const struct message_spec *m, bool learn)
{
    struct verify_request q;
    struct verify_reply r;

    make_request(m, &q);
    q.learn = learn;
    session_new(VERB_OPEN, RIGHT_MAIL);
    assert_int_equal(ask(MSG_VERIFY, &q, &r), ERR_OK);
    return r;
}

static const struct message_spec of_bob = {
    .signer = &bob, .others = {&issuing, &middle}, .from = "bob@example.org"};
static const struct message_spec of_carol = {.signer = &carol,
                                             .from = "carol@example.org"};

static void
issuers_of_good_mail_complete_a_chain(void **state)
{
    struct verify_reply r;

    (void)state;
    people_make();
    r = verify_with(&of_carol, true);
    assert_int_equal(r.chain, CHAIN_UNTRUSTED);
    assert_int_equal(verify_with(&of_bob, true).good, 1);
    r = verify_with(&of_carol, true);
    assert_int_equal(r.good, 1);
    assert_int_equal(r.learned, LEARNED_NEW);
    /* Both issuers were kept with her too. */
    assert_int_equal(r.issuers.n, 2);
    /* A new keyring knows them still. */
    assert_int_equal(stop(&t.keyring, &t.keyring_control), 0);
    assert_int_equal(stop(&t.validator, &t.validator_control), 0);
    start_keyring();
    start_validator();
    assert_int_equal(verify_with(&of_carol, true).good, 1);
}

/* One more each round: who needs more rounds than there are is not trusted. */
static void
issuers_are_asked_for_so_often_and_no_more(void **state)
{
    static char names[LIMIT_ISSUER_ROUNDS + 1][8];
    struct made link[LIMIT_ISSUER_ROUNDS + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(link); i++) {
        struct verify_request q;
        struct verify_reply r;
        struct made first, second;

        snprintf(names[i], sizeof(names[i]), "R%zu", i);
        link[i] =
            make_cert(&(struct cert_spec){.name = names[i],
                                          .key = "p256f",
                                          .ca = true,
                                          .issuer = i ? &link[i - 1] : &root});
        if (i + 1 < LIMIT_ISSUER_ROUNDS)
            continue;
        first = make_cert(&(struct cert_spec){.name = "First",
                                              .key = "rsa2048",
                                              .issuer = &link[i],
                                              .email = "first@example.org",
                                              .usage = "digitalSignature"});
        second = make_cert(&(struct cert_spec){.name = "Second",
                                               .key = "rsa2048",
                                               .issuer = &link[i],
                                               .email = "second@example.org",
                                               .usage = "digitalSignature"});
        make_request(&(struct message_spec){.signer = &first,
                                            .from = "first@example.org"},
                     &q);
        for (size_t k = 0; k <= i; k++)
            assert_true(slice_list_add(&q.certificates, link[k].der));
        q.learn = true;
        session_new(VERB_OPEN, RIGHT_MAIL);
        assert_int_equal(ask(MSG_VERIFY, &q, &r), ERR_OK);
        assert_int_equal(r.good, 1);
        r = verify_with(&(struct message_spec){.signer = &second,
                                               .from = "second@example.org"},
                        false);
        assert_int_equal(r.good, i < LIMIT_ISSUER_ROUNDS);
    }
}

static void
issuers_of_mail_that_is_not_good_are_not_kept(void **state)
{
    struct message_spec bad = of_bob;
    struct verify_reply r;

    (void)state;
    people_make();
    bad.flags = MAKE_BAD_SIGNATURE;
    assert_int_equal(verify_with(&bad, true).good, 0);
    bad.flags = 0;
    bad.from = "eve@example.org";
    assert_int_equal(verify_with(&bad, true).good, 0);
    r = verify_with(&of_carol, true);
    assert_int_equal(r.chain, CHAIN_UNTRUSTED);
}

static void
known_issuers_are_no_anchors(void **state)
{
    struct trust_part part = {.kind = TRUST_ANCHORS};
    struct verify_request q;
    struct verify_reply r;
    struct empty nothing;
    struct made stranger = make_cert(
        &(struct cert_spec){.name = "Stranger", .key = "p256e", .ca = true});

    (void)state;
    people_make();
    assert_int_equal(verify_with(&of_bob, true).good, 1);
    session_new(VERB_VERIFY, RIGHT_MAIL);
    part.bytes = stranger.der;
    assert_int_equal(ask(MSG_TRUST, &part, &nothing), ERR_OK);
    make_request(&of_carol, &q);
    assert_int_equal(ask(MSG_VERIFY, &q, &r), ERR_OK);
    assert_int_equal(r.chain, CHAIN_UNTRUSTED);
}

static void
a_certificate_is_checked_with_known_issuers(void **state)
{
    struct trust_part part = {.kind = TRUST_CERTIFICATE};
    struct check_request q = {0};
    struct check_reply r;
    struct empty nothing;

    (void)state;
    people_make();
    part.bytes = carol.der;
    session_new(VERB_VERIFY, RIGHT_MAIL);
    assert_int_equal(ask(MSG_TRUST, &part, &nothing), ERR_OK);
    assert_int_equal(ask(MSG_CHECK_PATH, &q, &r), ERR_OK);
    assert_int_equal(r.chain, CHAIN_UNTRUSTED);
    assert_int_equal(verify_with(&of_bob, true).good, 1);
    session_new(VERB_VERIFY, RIGHT_MAIL);
    assert_int_equal(ask(MSG_TRUST, &part, &nothing), ERR_OK);
    assert_int_equal(ask(MSG_CHECK_PATH, &q, &r), ERR_OK);
    assert_int_equal(r.good, 1);
    assert_int_equal(r.path.n, 4);
}

/* The session cannot say when a certificate was first seen. */
static void
the_sessions_word_of_a_first_sight_is_not_taken(void **state)
{
    struct made old = make_cert(&(struct cert_spec){.name = "Old",
                                                    .key = "rsa2048",
                                                    .issuer = &ca,
                                                    .email = ALICE,
                                                    .usage = "digitalSignature",
                                                    .from = -20 * DAY,
                                                    .until = -10 * DAY});
    struct verify_request q;
    struct verify_reply r;

    (void)state;
    make_request(
        &(struct message_spec){.signer = &old, .others = {&ca}, .from = ALICE},
        &q);
    q.first_seen = (uint64_t)(time(NULL) - 15 * DAY);
    session_new(VERB_OPEN, RIGHT_MAIL);
    assert_int_equal(ask(MSG_VERIFY, &q, &r), ERR_OK);
    assert_int_equal(r.chain, CHAIN_EXPIRED);
}

static void
database_run(const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(contacts, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
what_was_seen_valid_excuses_a_message_without_time(void **state)
{
    struct made old = make_cert(&(struct cert_spec){.name = "Old",
                                                    .key = "rsa2048",
                                                    .issuer = &ca,
                                                    .email = ALICE,
                                                    .usage = "digitalSignature",
                                                    .from = -20 * DAY,
                                                    .until = -10 * DAY});
    struct message_spec m = {.signer = &old, .others = {&ca}, .from = ALICE};
    struct message_spec timed = m;
    struct verify_reply r;
    char sql[128];

    (void)state;
    timed.signing_time = -15 * DAY;
    assert_int_equal(verify_with(&timed, true).good, 1);
    assert_int_equal(verify_with(&m, true).chain, CHAIN_EXPIRED);
    /* As if it had been seen then, not just now. */
    snprintf(sql, sizeof(sql), "UPDATE contact SET first_seen = %lld",
             (long long)(time(NULL) - 15 * DAY));
    database_run(sql);
    r = verify_with(&m, true);
    assert_int_equal(r.good, 1);
    assert_int_equal(r.time_source, TIME_FIRST_SEEN);
    database_run("UPDATE contact SET sender_seen = 0");
    assert_int_equal(verify_with(&m, true).chain, CHAIN_EXPIRED);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(issuers_of_good_mail_complete_a_chain),
        TEST(issuers_are_asked_for_so_often_and_no_more),
        TEST(issuers_of_mail_that_is_not_good_are_not_kept),
        TEST(known_issuers_are_no_anchors),
        TEST(a_certificate_is_checked_with_known_issuers),
        TEST(the_sessions_word_of_a_first_sight_is_not_taken),
        TEST(what_was_seen_valid_excuses_a_message_without_time),
    };

    return cmocka_run_group_tests(tests, begin_all, end_all);
}
