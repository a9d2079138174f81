/* What a session brings along, through the processes as they run. */
#include "keyring_wires.h"

static struct made stranger, bob;

static void
bring(enum trust_kind kind, struct slice bytes)
{
    struct trust_part part = {.kind = kind, .bytes = bytes};
    struct empty nothing;

    assert_int_equal(ask(MSG_TRUST, &part, &nothing), ERR_OK);
}

static struct verify_reply
verify_here(const struct made *signer, const char *from)
{
    struct verify_request q;
    struct verify_reply r;

    make_request(&(struct message_spec){.signer = signer,
                                        .others = {&ca, &stranger},
                                        .from = from},
                 &q);
    assert_int_equal(ask(MSG_VERIFY, &q, &r), ERR_OK);
    return r;
}

static void
people_make(void)
{
    if (bob.x)
        return;
    stranger = make_cert(
        &(struct cert_spec){.name = "Stranger", .key = "p256c", .ca = true});
    bob = make_cert(&(struct cert_spec){.name = "Bob",
                                        .key = "rsa2048",
                                        .issuer = &stranger,
                                        .email = "bob@example.org",
                                        .usage = "digitalSignature"});
}

static void
brought_anchors_vouch_but_do_not_teach(void **state)
{
    struct verify_reply r;

    (void)state;
    people_make();
    session_new(VERB_VERIFY, RIGHT_MAIL);
    bring(TRUST_ANCHORS, stranger.der);
    r = verify_here(&bob, "bob@example.org");
    assert_int_equal(r.good, 1);
    assert_int_equal(r.learned, LEARNED_NOTHING);
    assert_int_equal(recipient("bob@example.org").state, RECIPIENT_UNKNOWN);
    /* Whom the agent's own anchors vouch for too is learned. */
    session_new(VERB_VERIFY, RIGHT_MAIL);
    bring(TRUST_ANCHORS, root.der);
    r = verify_here(&alice, ALICE);
    assert_int_equal(r.good, 1);
    assert_int_equal(r.learned, LEARNED_NEW);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_OK);
}

static void
what_one_session_brings_is_not_anothers(void **state)
{
    int first;

    (void)state;
    people_make();
    session_new(VERB_VERIFY, RIGHT_MAIL);
    bring(TRUST_ANCHORS, stranger.der);
    assert_int_equal(verify_here(&bob, "bob@example.org").good, 1);
    first = t.session;
    t.session = -1;
    session_new(VERB_VERIFY, RIGHT_MAIL);
    assert_int_equal(verify_here(&bob, "bob@example.org").chain,
                     CHAIN_UNTRUSTED);
    bring(TRUST_ANCHORS, root.der);
    assert_int_equal(verify_here(&bob, "bob@example.org").chain,
                     CHAIN_UNTRUSTED);
    fd_drop(&t.session);
    t.session = first;
    assert_int_equal(verify_here(&bob, "bob@example.org").good, 1);
}

static void
a_new_validator_is_lent_it_anew(void **state)
{
    (void)state;
    people_make();
    session_new(VERB_VERIFY, RIGHT_MAIL);
    bring(TRUST_ANCHORS, stranger.der);
    assert_int_equal(verify_here(&bob, "bob@example.org").good, 1);
    kill(t.validator, SIGKILL);
    assert_int_equal(waitpid(t.validator, NULL, 0), t.validator);
    fd_drop(&t.validator_control);
    start_validator();
    assert_int_equal(verify_here(&bob, "bob@example.org").good, 1);
}

static void
a_revoked_signer_is_not_learned(void **state)
{
    struct verify_reply r;

    (void)state;
    session_new(VERB_VERIFY, RIGHT_MAIL);
    bring(TRUST_CRLS, make_crl(&(struct crl_spec){
                          .issuer = &ca, .revoked = &alice, .when = -DAY}));
    people_make();
    r = verify_here(&alice, ALICE);
    assert_int_equal(r.chain, CHAIN_REVOKED);
    assert_int_equal(r.learned, LEARNED_NOTHING);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_UNKNOWN);
}

static void
only_verifying_sessions_bring_trust(void **state)
{
    struct trust_part part = {.kind = TRUST_ANCHORS, .bytes = root.der};
    struct empty nothing;

    (void)state;
    session_new(VERB_OPEN, RIGHT_MAIL);
    assert_int_equal(ask(MSG_TRUST, &part, &nothing), ERR_NOT_ALLOWED);
    session_new(VERB_HARVEST, RIGHT_MAIL);
    assert_int_equal(ask(MSG_TRUST, &part, &nothing), ERR_NOT_ALLOWED);
    session_new(VERB_VERIFY, RIGHT_MAIL);
    part.kind = TRUST_FORGET;
    assert_int_equal(ask(MSG_TRUST, &part, &nothing), ERR_USAGE);
    part.kind = TRUST_KINDS;
    assert_int_equal(ask(MSG_TRUST, &part, &nothing), ERR_USAGE);
}

static void
more_than_a_request_may_bring_is_refused(void **state)
{
    AUTO(buf) struct buf zeros = {0};
    struct trust_part part = {.kind = TRUST_CRLS};
    struct empty nothing;

    (void)state;
    buf_reserve(&zeros, LIMIT_TRUST_CHUNK_BYTES);
    memset(zeros.data, 0, LIMIT_TRUST_CHUNK_BYTES);
    session_new(VERB_VERIFY, RIGHT_MAIL);
    for (size_t i = 0; i < LIMIT_TRUST_BYTES / LIMIT_TRUST_CHUNK_BYTES; i++)
        bring(TRUST_CRLS, slice_of(zeros.data, LIMIT_TRUST_CHUNK_BYTES));
    part.bytes = slice_text("x");
    assert_int_equal(ask(MSG_TRUST, &part, &nothing), ERR_LIMIT);
}

/* Each session keeps to its own limit; it is their sum that is too much. */
static void
more_than_all_requests_may_bring_is_refused(void **state)
{
    int others[LIMIT_BROUGHT_BYTES / LIMIT_TRUST_BYTES];
    AUTO(buf) struct buf zeros = {0};
    struct trust_part part = {.kind = TRUST_CRLS, .bytes = slice_text("x")};
    struct empty nothing;

    (void)state;
    buf_reserve(&zeros, LIMIT_TRUST_CHUNK_BYTES);
    memset(zeros.data, 0, LIMIT_TRUST_CHUNK_BYTES);
    for (size_t k = 0; k < ARRAY_COUNT(others); k++) {
        session_new(VERB_VERIFY, RIGHT_MAIL);
        for (size_t i = 0; i < LIMIT_TRUST_BYTES / LIMIT_TRUST_CHUNK_BYTES; i++)
            bring(TRUST_CRLS, slice_of(zeros.data, LIMIT_TRUST_CHUNK_BYTES));
        others[k] = t.session;
        t.session = -1;
    }
    session_new(VERB_VERIFY, RIGHT_MAIL);
    assert_int_equal(ask(MSG_TRUST, &part, &nothing), ERR_LIMIT);
    for (size_t k = 0; k < ARRAY_COUNT(others); k++)
        fd_drop(&others[k]);
}

static void
a_chain_is_checked(void **state)
{
    struct check_request q = {0};
    struct check_reply r;

    (void)state;
    session_new(VERB_VERIFY, RIGHT_MAIL);
    bring(TRUST_CERTIFICATE, alice.der);
    bring(TRUST_CHAIN, ca.der);
    assert_int_equal(ask(MSG_CHECK_PATH, &q, &r), ERR_OK);
    assert_int_equal(r.good, 1);
    assert_int_equal(r.path.n, 3);
    session_new(VERB_VERIFY, RIGHT_MAIL);
    assert_int_equal(ask(MSG_CHECK_PATH, &q, &r), ERR_BAD_CERTIFICATE);
}

static void
anchors_are_listed(void **state)
{
    struct page page = {0};
    struct list_reply list;
    struct anchor_record a;

    (void)state;
    session_new(VERB_LOOK, RIGHT_MAIL);
    assert_int_equal(ask(MSG_ANCHOR_LIST, &page, &list), ERR_OK);
    assert_int_equal(list.records.n, 1);
    assert_int_equal(list.next, 0);
    assert_true(record_decode(RECORD_anchor_record, list.records.item[0], &a));
    assert_true(slice_is(a.source, root_pem));
    session_new(VERB_VERIFY, RIGHT_MAIL);
    assert_int_equal(ask(MSG_ANCHOR_LIST, &page, &list), ERR_NOT_ALLOWED);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(brought_anchors_vouch_but_do_not_teach),
        TEST(what_one_session_brings_is_not_anothers),
        TEST(a_new_validator_is_lent_it_anew),
        TEST(a_revoked_signer_is_not_learned),
        TEST(only_verifying_sessions_bring_trust),
        TEST(more_than_a_request_may_bring_is_refused),
        TEST(more_than_all_requests_may_bring_is_refused),
        TEST(a_chain_is_checked),
        TEST(anchors_are_listed),
    };

    return cmocka_run_group_tests(tests, begin_all, end_all);
}
