/* A session that lies: what it says beside the evidence plants nothing. */
#include "keyring_wires.h"

static struct made stranger, eve, expired;

static void
people_make(void)
{
    if (eve.x)
        return;
    stranger = make_cert(
        &(struct cert_spec){.name = "Stranger", .key = "p256c", .ca = true});
    eve = make_cert(&(struct cert_spec){.name = "Eve",
                                        .key = "rsa2048",
                                        .issuer = &stranger,
                                        .email = ALICE,
                                        .usage = "digitalSignature,"
                                                 "keyEncipherment"});
    expired = make_cert(&(struct cert_spec){.name = "Old",
                                            .key = "p256d",
                                            .issuer = &ca,
                                            .email = ALICE,
                                            .from = -25 * DAY,
                                            .until = -20 * DAY,
                                            .usage = "digitalSignature,"
                                                     "keyAgreement"});
}

/* The request of an honest session, to be made worse. */
static struct verify_request
honest(const struct made *signer, unsigned flags, long signing_time)
{
    struct verify_request q;

    people_make();
    make_request(&(struct message_spec){.signer = signer,
                                        .others = {&ca, &stranger},
                                        .flags = flags,
                                        .signing_time = signing_time,
                                        .from = ALICE},
                 &q);
    q.learn = q.covers = 1;
    return q;
}

static struct verify_reply
told(const struct verify_request *q)
{
    struct verify_reply r;

    session_new(VERB_OPEN, RIGHT_MAIL);
    assert_int_equal(ask(MSG_VERIFY, q, &r), ERR_OK);
    return r;
}

static void
nothing_is_planted(const struct verify_request *q)
{
    assert_int_equal(told(q).learned, LEARNED_NOTHING);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_UNKNOWN);
}

/* ---- each lie ------------------------------------------------------------ */

static void
about_the_chain(void **state)
{
    struct verify_request q = honest(&eve, 0, -60);

    (void)state;
    nothing_is_planted(&q);
    /* The name of something lent that was not. */
    q.trust = 7;
    nothing_is_planted(&q);
    /* Somebody else's certificate in place of the signer's. */
    q = honest(&eve, 0, -60);
    q.certificates.item[0] = alice.der;
    nothing_is_planted(&q);
}

static void
about_capabilities(void **state)
{
    struct verify_request q = honest(&alice, MAKE_CAPABILITIES, -60);
    AUTO(buf) struct buf attributes = {0};

    (void)state;
    /* The last octet is one of the announced algorithm. */
    buf_add_slice(&attributes, q.signed_attrs);
    attributes.data[attributes.len - 1] ^= 1;
    q.signed_attrs = buf_slice(&attributes);
    nothing_is_planted(&q);
}

static void
about_attributes(void **state)
{
    struct verify_request q = honest(&alice, 0, -60);
    struct verify_request other = honest(&alice, MAKE_CAPABILITIES, -50);

    (void)state;
    /* Those of another message of the same signer. */
    q.signed_attrs = other.signed_attrs;
    nothing_is_planted(&q);
    q = honest(&alice, 0, -60);
    q.signed_attrs = slice_of(NULL, 0);
    nothing_is_planted(&q);
    q = honest(&alice, 0, -60);
    q.content_type = slice_of(NULL, 0);
    nothing_is_planted(&q);
}

static void
about_the_date(void **state)
{
    struct verify_request q = honest(&expired, 0, 0);

    (void)state;
    /* "Judge it as of then", and "it was seen while it was valid". */
    q.at = (uint64_t)(time(NULL) - 22 * DAY);
    assert_int_equal(told(&q).chain, CHAIN_OK);
    nothing_is_planted(&q);
    q.at = 0;
    q.first_seen = (uint64_t)(time(NULL) - 22 * DAY);
    nothing_is_planted(&q);
}

/* Signed for the future: it counts as of now, so that what comes later is
 * newer. */
static void
about_a_time_to_come(void **state)
{
    struct verify_request q = honest(&alice, MAKE_CAPABILITIES, 300 * DAY);
    struct address a = {.address = slice_text(ALICE)};
    struct choice_record c;
    struct why_reply why;

    (void)state;
    (void)told(&q);
    session_new(VERB_LOOK, RIGHT_MAIL);
    assert_int_equal(ask(MSG_CONTACT_WHY, &a, &why), ERR_OK);
    for (size_t i = 0; i < why.records.n; i++) {
        assert_true(
            record_decode(RECORD_choice_record, why.records.item[i], &c));
        assert_true((int64_t)c.capabilities_time <= (int64_t)time(NULL));
    }
}

static void
about_the_digest_and_what_is_covered(void **state)
{
    struct verify_request q = honest(&alice, MAKE_WRONG_DIGEST, -60);

    (void)state;
    nothing_is_planted(&q);
    q = honest(&alice, MAKE_BAD_SIGNATURE, -60);
    nothing_is_planted(&q);
    q = honest(&alice, 0, -60);
    q.covers = 0;
    nothing_is_planted(&q);
}

static void
about_where_it_came_from(void **state)
{
    struct verify_request q = honest(&alice, 0, -60);
    struct address a = {.address = slice_text(ALICE)};
    struct store_request s = {.source = CONTACT_IMPORT};
    struct store_reply stored;
    struct contact_record c;
    struct list_reply list;

    (void)state;
    q.source = CONTACT_IMPORT;
    assert_int_equal(told(&q).learned, LEARNED_NEW);
    session_new(VERB_LOOK, RIGHT_MAIL);
    assert_int_equal(ask(MSG_CONTACT, &a, &list), ERR_OK);
    assert_true(record_decode(RECORD_contact_record, list.records.item[0], &c));
    assert_int_equal(c.source, CONTACT_MAIL);
    /* A session that reads mail hands over nothing. */
    s.certificates.item[s.certificates.n++] = alice.der;
    session_new(VERB_OPEN, RIGHT_MAIL);
    assert_int_equal(ask(MSG_CONTACT_STORE, &s, &stored), ERR_NOT_ALLOWED);
    session_new(VERB_MANAGE, RIGHT_MAIL);
    assert_int_equal(ask(MSG_CONTACT_STORE, &s, &stored), ERR_NOT_ALLOWED);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(about_the_chain),          T(about_capabilities),
        T(about_attributes),         T(about_the_date),
        T(about_a_time_to_come),     T(about_the_digest_and_what_is_covered),
        T(about_where_it_came_from),
    };

    return cmocka_run_group_tests(tests, begin_all, end_all);
}
