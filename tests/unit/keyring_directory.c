/*
 * Questions to the directory as the keyring keeps them: the test plays the
 * broker, sessions, and a fetcher that may say anything.
 */
#include "keyring_wires.h"

static struct {
    int fetcher;
    struct fetch fetch;
    struct frame frame;
} d;

/* ---- parts -------------------------------------------------------------- */

static void
ask_for(const char *address, bool forced)
{
    struct directory_ask q = {.forced = forced};

    q.addresses.item[q.addresses.n++] = slice_text(address);
    assert_true(channel_send(t.session, MSG_DIRECTORY_ASK, &q, NULL, 0));
}

/* The broker hears that a fetcher is wanted. */
static void
await_fetch(void)
{
    struct served s = {.fd = t.keyring_control, .self = PROCESS_BROKER};
    union any_record request;
    enum message m = MSG_NONE;

    assert_int_equal(fd_wait_readable(t.keyring_control, 20000), 1);
    assert_int_equal(channel_receive(&s, &d.frame, &m, &request),
                     RECEIVED_REQUEST);
    assert_int_equal(m, MSG_FETCH);
    d.fetch = request.fetch;
}

static void
give(enum directory_state state, bool with_fetcher)
{
    struct fetcher f = {
        .ticket = d.fetch.ticket, .state = state, .timeout_s = 60};
    struct served s = {.self = PROCESS_FETCHER};
    union any_record request;
    enum message m = MSG_NONE;
    int pair[2] = {-1, -1};

    if (with_fetcher)
        assert_true(channel_pair(pair));
    assert_true(channel_send(t.keyring_control, MSG_FETCHER, &f, &pair[1],
                             with_fetcher));
    fd_drop(&pair[1]);
    d.fetcher = pair[0];
    if (!with_fetcher)
        return;
    s.fd = d.fetcher;
    assert_int_equal(fd_wait_readable(d.fetcher, 20000), 1);
    assert_int_equal(channel_receive(&s, &d.frame, &m, &request),
                     RECEIVED_REQUEST);
    assert_int_equal(m, MSG_DIRECTORY_SEARCH);
}

static void
begin_question(const char *address, bool forced)
{
    session_new(VERB_ENCRYPT, RIGHT_MAIL);
    ask_for(address, forced);
    await_fetch();
    give(DIRECTORY_OK, true);
}

static struct directory_item
item_of(uint32_t address, struct slice der)
{
    struct directory_item i = {.address = address,
                               .dn = slice_text("uid=alice,dc=example")};

    i.certificates.item[i.certificates.n++] = der;
    i.certificates.item[i.certificates.n++] = ca.der;
    return i;
}

static void
say_item(const struct directory_item *i)
{
    assert_true(channel_send(d.fetcher, MSG_DIRECTORY_ITEM, i, NULL, 0));
}

static void
say_outcome(enum directory_state state)
{
    struct directory_outcome o = {.state = state,
                                  .server = slice_text("ldap://one")};

    assert_true(channel_send(d.fetcher, MSG_DIRECTORY_OUTCOME, &o, NULL, 0));
}

/* What the session is told; its first reason in REASON. */
static enum directory_state
await_answer(char reason[256])
{
    const struct channel_wait wait = {
        .lost = ERR_AGENT_LOST, .watch = -1, .timeout_ms = 30000};
    struct directory_answer a;
    struct problem p = {0};

    assert_int_equal(
        channel_collect(t.session, MSG_DIRECTORY_ASK, &wait, &t.frame, &a, &p),
        ERR_OK);
    fd_drop(&d.fetcher);
    snprintf(reason, 256, "%.*s", a.reasons.n ? (int)a.reasons.item[0].n : 0,
             a.reasons.n ? (const char *)a.reasons.item[0].p : "");
    return (enum directory_state)a.state;
}

/* ---- promises ------------------------------------------------------------ */

static void
a_certificate_of_the_directory_is_learned_and_its_age_known(void **state)
{
    struct directory_item i = item_of(0, alice.der);
    struct recipient_reply to;
    struct contacts_request all = {0};
    struct list_reply list;
    char reason[256];
    int waiting;

    (void)state;
    begin_question("Alice@example.org", false);
    assert_true(d.fetch.age_s == UINT64_MAX);
    /* Meanwhile another session is served. */
    waiting = fd_take(&t.session);
    session_new(VERB_LOOK, RIGHT_MAIL);
    assert_int_equal(ask(MSG_CONTACTS, &all, &list), ERR_OK);
    assert_int_equal(list.records.n, 0);
    fd_drop(&t.session);
    t.session = waiting;
    say_item(&i);
    say_outcome(DIRECTORY_OK);
    assert_int_equal(await_answer(reason), DIRECTORY_OK);
    assert_string_equal(reason, "");
    to = recipient(ALICE);
    assert_int_equal(to.state, RECIPIENT_OK);
    assert_int_equal(to.source, CONTACT_DIRECTORY);
    assert_true(slice_is(to.origin, "ldap://one uid=alice,dc=example"));
    assert_int_equal(to.capabilities.n, 0);

    session_new(VERB_ENCRYPT, RIGHT_MAIL);
    ask_for(ALICE, false);
    await_fetch();
    assert_true(d.fetch.age_s < 600);
    give(DIRECTORY_OK, false); /* young enough */
    assert_int_equal(await_answer(reason), DIRECTORY_OK);
    session_new(VERB_ENCRYPT, RIGHT_MAIL);
    ask_for(ALICE, true);
    await_fetch();
    assert_true(d.fetch.age_s == UINT64_MAX);
    give(DIRECTORY_OFF, false);
    assert_int_equal(await_answer(reason), DIRECTORY_OFF);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_OK);
}

static void
without_an_outcome_nothing_is_learned(void **state)
{
    struct directory_item i = item_of(0, alice.der);
    char reason[256];

    (void)state;
    begin_question(ALICE, false);
    say_item(&i);
    fd_drop(&d.fetcher);
    assert_int_equal(await_answer(reason), DIRECTORY_FAILED);
    begin_question(ALICE, false);
    say_item(&i);
    say_outcome(DIRECTORY_SILENT);
    assert_int_equal(await_answer(reason), DIRECTORY_SILENT);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_UNKNOWN);
}

static void
what_does_not_name_the_address_is_not_learned(void **state)
{
    struct directory_item other = item_of(7, alice.der);
    struct directory_item i = item_of(0, alice.der);
    char reason[256];

    (void)state;
    begin_question("bob@example.org", false);
    say_item(&i);
    say_outcome(DIRECTORY_OK);
    assert_int_equal(await_answer(reason), DIRECTORY_OK);
    assert_non_null(strstr(reason, "does not name the address"));
    begin_question(ALICE, false);
    say_item(&other); /* of an address that nobody asked for */
    say_outcome(DIRECTORY_OK);
    assert_int_equal(await_answer(reason), DIRECTORY_OK);
    assert_non_null(strstr(reason, "no certificate"));
    assert_int_equal(recipient(ALICE).state, RECIPIENT_UNKNOWN);
    assert_int_equal(recipient("bob@example.org").state, RECIPIENT_UNKNOWN);
}

/* userSMIMECertificate: what its holder's programs can read counts only under
 * its holder's signature. */
static void
capabilities_count_when_their_holder_signed_them(void **state)
{
    (void)state;
    for (int forged = 1; forged >= 0; forged--) {
        struct message_spec spec = {.signer = &alice,
                                    .others = {&ca},
                                    .from = ALICE,
                                    .signing_time = -60,
                                    .flags = MAKE_CAPABILITIES};
        struct directory_item i = item_of(0, alice.der);
        struct verify_request q;
        struct recipient_reply to;
        char reason[256];

        if (forged)
            spec.flags |= MAKE_BAD_SIGNATURE;
        make_request(&spec, &q);
        i.kind = DIRECTORY_SMIME;
        i.sid_issuer = q.sid_issuer;
        i.sid_serial = q.sid_serial;
        i.sid_key_id = q.sid_key_id;
        i.digest_algorithm = q.digest_algorithm;
        i.signature_algorithm = q.signature_algorithm;
        i.signed_attrs = q.signed_attrs;
        i.signature = q.signature;
        i.content_digest = q.content_digest;
        i.content_type = q.content_type;
        begin_question(ALICE, true);
        say_item(&i);
        say_outcome(DIRECTORY_OK);
        assert_int_equal(await_answer(reason), DIRECTORY_OK);
        to = recipient(ALICE);
        assert_int_equal(to.state, RECIPIENT_OK);
        assert_int_equal(to.source, CONTACT_DIRECTORY);
        assert_int_equal(to.capabilities.n > 0, !forged);
    }
}

static void
what_the_directory_has_no_more_is_forgotten(void **state)
{
    struct directory_item i = item_of(0, alice.der);
    char reason[256];

    (void)state;
    begin_question(ALICE, true);
    say_item(&i);
    say_outcome(DIRECTORY_OK);
    assert_int_equal(await_answer(reason), DIRECTORY_OK);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_OK);
    /* The row is of this second: it is older only in the next one. */
    for (time_t begun = time(NULL); time(NULL) == begun;)
        poll(NULL, 0, 20);
    begin_question(ALICE, true);
    say_outcome(DIRECTORY_OK);
    assert_int_equal(await_answer(reason), DIRECTORY_OK);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_UNKNOWN);
    /* What a mail taught stays. */
    assert_int_equal(verify((struct message_spec){.signing_time = -60}).learned,
                     LEARNED_NEW);
    begin_question(ALICE, true);
    say_outcome(DIRECTORY_OK);
    assert_int_equal(await_answer(reason), DIRECTORY_OK);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_OK);
    assert_int_equal(recipient(ALICE).source, CONTACT_MAIL);
}

static void
a_fetcher_that_says_what_it_may_not_is_dropped(void **state)
{
    struct directory_item i = item_of(0, alice.der);
    char reason[256];

    (void)state;
    begin_question(ALICE, false);
    for (int n = 0; n <= LIMIT_DIRECTORY_ITEMS; n++)
        say_item(&i);
    assert_int_equal(await_answer(reason), DIRECTORY_FAILED);
    begin_question(ALICE, false);
    assert_true(channel_send(d.fetcher, MSG_READY, NULL, NULL, 0));
    assert_int_equal(await_answer(reason), DIRECTORY_FAILED);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_UNKNOWN);
}

/* The channel's end is how a fetcher hears that nobody waits. */
static void
the_question_of_a_session_that_leaves_is_dropped(void **state)
{
    uint8_t byte;

    (void)state;
    begin_question(ALICE, false);
    fd_drop(&t.session);
    assert_int_equal(fd_wait_readable(d.fetcher, 20000), 1);
    assert_int_equal(read(d.fetcher, &byte, 1), 0);
    fd_drop(&d.fetcher);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_UNKNOWN);
}

static void
so_many_questions_at_once_and_no_more(void **state)
{
    int sessions[LIMIT_FETCHES], fetchers[LIMIT_FETCHES];
    char reason[256];

    (void)state;
    for (int i = 0; i < LIMIT_FETCHES; i++) {
        begin_question(ALICE, false);
        sessions[i] = fd_take(&t.session);
        fetchers[i] = fd_take(&d.fetcher);
    }
    session_new(VERB_ENCRYPT, RIGHT_MAIL);
    ask_for(ALICE, false);
    assert_int_equal(await_answer(reason), DIRECTORY_CROWDED);
    for (int i = 0; i < LIMIT_FETCHES; i++) {
        fd_drop(&t.session);
        t.session = sessions[i];
        d.fetcher = fetchers[i];
        say_outcome(DIRECTORY_OK);
        assert_int_equal(await_answer(reason), DIRECTORY_OK);
    }
}

static int
begin_directory(void **state)
{
    frame_init(&d.frame);
    d.fetcher = -1;
    return begin(state);
}

static int
end_directory(void **state)
{
    fd_drop(&d.fetcher);
    frame_drop(&d.frame);
    return end(state);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, begin_directory, end_directory)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_certificate_of_the_directory_is_learned_and_its_age_known),
        TEST(without_an_outcome_nothing_is_learned),
        TEST(what_does_not_name_the_address_is_not_learned),
        TEST(capabilities_count_when_their_holder_signed_them),
        TEST(what_the_directory_has_no_more_is_forgotten),
        TEST(a_fetcher_that_says_what_it_may_not_is_dropped),
        TEST(the_question_of_a_session_that_leaves_is_dropped),
        TEST(so_many_questions_at_once_and_no_more),
    };

    return cmocka_run_group_tests(tests, begin_all, end_all);
}
