/* smime-keyring and smime-validator as they run: in their sandboxes. */
#include "keyring_wires.h"

/* ---- promises ----------------------------------------------------------- */

static void
a_good_mail_teaches_its_sender(void **state)
{
    struct address a = {.address = slice_text("ALICE@example.org")};
    struct contacts_request all = {0};
    struct contact_record c;
    struct recipient_reply to;
    struct list_reply list;
    struct count_reply count;
    struct keyring_status status;
    struct verify_reply r = verify(
        (struct message_spec){.signing_time = -60, .flags = MAKE_CAPABILITIES});

    (void)state;
    assert_int_equal(r.good, 1);
    assert_int_equal(r.learned, LEARNED_NEW);
    r = verify(
        (struct message_spec){.signing_time = -60, .flags = MAKE_CAPABILITIES});
    assert_int_equal(r.learned, LEARNED_KNOWN);

    to = recipient("Alice@EXAMPLE.ORG");
    assert_int_equal(to.state, RECIPIENT_OK);
    assert_true(slice_equal(to.certificate, alice.der));
    assert_int_equal(to.capabilities.n, 15);
    assert_true(to.described.n > 0);
    to = recipient("bob@example.org");
    assert_int_equal(to.state, RECIPIENT_UNKNOWN);

    session_new(VERB_LOOK, RIGHT_MAIL);
    assert_int_equal(ask(MSG_CONTACTS, &all, &list), ERR_OK);
    assert_int_equal(list.records.n, 1);
    assert_int_equal(list.next, 0);
    assert_true(record_decode(RECORD_contact_record, list.records.item[0], &c));
    assert_true(slice_is(c.address, ALICE));
    assert_true(slice_is(c.origin, "open"));
    assert_int_equal(c.state, CONTACT_VERIFIED);
    assert_int_equal(c.can_encrypt, 1);
    all.match = slice_text("nobody");
    assert_int_equal(ask(MSG_CONTACTS, &all, &list), ERR_OK);
    assert_int_equal(list.records.n, 0);
    assert_int_equal(ask(MSG_CONTACT, &a, &list), ERR_OK);
    assert_int_equal(list.records.n, 1);
    assert_int_equal(ask(MSG_KEYRING_STATUS, NULL, &status), ERR_OK);
    assert_int_equal(status.contacts, 1);
    assert_int_equal(status.anchors, 1);
    assert_true(slice_is(status.path, contacts));

    session_new(VERB_MANAGE, RIGHT_MANAGE);
    assert_int_equal(ask(MSG_CONTACT_REMOVE, &a, &count), ERR_OK);
    assert_int_equal(count.count, 1);
    assert_int_equal(ask(MSG_CONTACT_REMOVE, &a, &count), ERR_NO_CONTACT);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_UNKNOWN);
}

static void
a_mail_that_is_not_good_teaches_nothing(void **state)
{
    struct message_spec bad[] = {
        {.from = "bob@example.org"},
        {.flags = MAKE_BAD_SIGNATURE},
        {.flags = MAKE_WRONG_DIGEST},
        {.hash = HASH_SHA1},
    };
    struct verify_request q;
    struct verify_reply r;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        r = verify(bad[i]);
        assert_int_equal(r.good, 0);
        assert_int_equal(r.learned, LEARNED_NOTHING);
    }
    make_request(&(struct message_spec){.signer = &alice,
                                        .others = {&ca},
                                        .from = ALICE},
                 &q);
    q.covers = 0;
    session_new(VERB_OPEN, RIGHT_MAIL);
    assert_int_equal(ask(MSG_VERIFY, &q, &r), ERR_OK);
    assert_int_equal(r.learned, LEARNED_NOTHING);
    q.covers = 1;
    q.learn = 0;
    assert_int_equal(ask(MSG_VERIFY, &q, &r), ERR_OK);
    assert_int_equal(r.good, 1);
    assert_int_equal(r.learned, LEARNED_NOTHING);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_UNKNOWN);
    /* The neighbour: nobody said who sent it, but all else is good. */
    q.learn = 1;
    q.from.n = 0;
    session_new(VERB_OPEN, RIGHT_MAIL);
    assert_int_equal(ask(MSG_VERIFY, &q, &r), ERR_OK);
    assert_int_equal(r.good, 0);
    assert_int_equal(r.learned, LEARNED_NEW);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_OK);
}

static void
rights_are_kept(void **state)
{
    struct address a = {.address = slice_text(ALICE)};
    struct attach forged = {.session = 2, .rights = RIGHT_MANAGE};
    struct narrow n = {.verb = VERB_MANAGE};
    struct count_reply count;
    struct empty nothing;
    int pair[2];

    (void)state;
    session_new(VERB_MANAGE, RIGHT_MAIL);
    assert_int_equal(ask(MSG_CONTACT_REMOVE, &a, &count), ERR_NOT_ALLOWED);
    session_new(VERB_LOOK, RIGHT_MAIL | RIGHT_MANAGE);
    assert_int_equal(ask(MSG_NARROW, &n, &nothing), ERR_NOT_ALLOWED);
    /* A session is no broker: it cannot make itself another one. */
    assert_true(channel_pair(pair));
    assert_true(channel_send(t.session, MSG_ATTACH, &forged, &pair[1], 1));
    close(pair[1]);
    fd_drop(&t.session);
    t.session = pair[0];
    assert_int_not_equal(ask(MSG_NARROW, &n, &nothing), ERR_OK);
}

/* What a session says of itself it has said before it asks. */
static void
who_narrows_itself_wrongly_is_dropped(void **state)
{
    struct address a = {.address = slice_text(ALICE)};
    struct narrow look = {.verb = VERB_LOOK}, manage = {.verb = VERB_MANAGE};
    struct count_reply count;
    struct list_reply list;

    (void)state;
    attach(RIGHT_MAIL | RIGHT_MANAGE);
    assert_true(channel_send(t.narrowing, MSG_NARROW, &look, NULL, 0));
    assert_true(channel_send(t.narrowing, MSG_NARROW, &look, NULL, 0));
    assert_int_equal(ask(MSG_CONTACT_REMOVE, &a, &count), ERR_NOT_ALLOWED);
    assert_int_equal(ask(MSG_CONTACT_FIND, &a, &list), ERR_OK);
    assert_true(channel_send(t.narrowing, MSG_NARROW, &manage, NULL, 0));
    assert_int_equal(ask(MSG_CONTACT_REMOVE, &a, &count), ERR_AGENT_LOST);

    attach(RIGHT_MAIL | RIGHT_MANAGE);
    assert_true(channel_send(t.narrowing, MSG_CONTACT_REMOVE, &a, NULL, 0));
    assert_int_equal(ask(MSG_CONTACT_REMOVE, &a, &count), ERR_AGENT_LOST);

    /* ... also when it leaves no answer a way back. */
    attach(RIGHT_MAIL | RIGHT_MANAGE);
    assert_true(channel_send(t.narrowing, MSG_NARROW, &look, NULL, 0));
    assert_true(channel_send(t.narrowing, MSG_NARROW, &manage, NULL, 0));
    fd_drop(&t.narrowing);
    assert_int_equal(ask(MSG_CONTACT_FIND, &a, &list), ERR_AGENT_LOST);

    /* Nothing is narrower than a side channel that was closed. */
    attach(RIGHT_MAIL);
    assert_true(channel_send(t.narrowing, MSG_NARROW, &look, NULL, 0));
    fd_drop(&t.narrowing);
    assert_int_equal(ask(MSG_CONTACT_FIND, &a, &list), ERR_OK);
}

static uint32_t
first_state(void)
{
    struct address a = {.address = slice_text(ALICE)};
    struct contact_record c;
    struct list_reply list;

    session_new(VERB_LOOK, RIGHT_MAIL);
    assert_int_equal(ask(MSG_CONTACT, &a, &list), ERR_OK);
    assert_true(list.records.n > 1);
    assert_true(record_decode(RECORD_contact_record, list.records.item[0], &c));
    return c.state;
}

static void
a_renewal_is_used_and_another_issuer_is_shown(void **state)
{
    struct cert_spec spec = {.name = "Alice",
                             .key = "p256d",
                             .issuer = &ca,
                             .email = ALICE,
                             .from = -DAY,
                             .until = 300 * DAY,
                             .usage = "digitalSignature,keyAgreement"};
    struct made renewed = make_cert(&spec), other;

    (void)state;
    spec.issuer = &root;
    spec.from = -DAY / 2;
    other = make_cert(&spec);
    assert_int_equal(verify((struct message_spec){0}).learned, LEARNED_NEW);
    assert_int_equal(verify((struct message_spec){.signer = &renewed}).learned,
                     LEARNED_NEW);
    assert_true(slice_equal(recipient(ALICE).certificate, renewed.der));
    assert_int_equal(first_state(), CONTACT_VERIFIED);
    assert_int_equal(verify((struct message_spec){.signer = &other}).learned,
                     LEARNED_CHANGED);
    assert_true(slice_equal(recipient(ALICE).certificate, other.der));
    assert_int_equal(first_state(), CONTACT_CHANGED);
}

/* ---- what the person decides -------------------------------------------- */

static enum err
change(struct slice fingerprint, enum contact_change what)
{
    struct change_request q = {.address = slice_text(ALICE),
                               .fingerprint = fingerprint,
                               .change = what};
    struct list_reply list;

    session_new(VERB_MANAGE, RIGHT_MANAGE);
    return ask(MSG_CONTACT_CHANGE, &q, &list);
}

static void
fingerprint_of(const struct made *m, uint8_t out[32])
{
    EVP_Digest(m->der.p, m->der.n, out, NULL, EVP_sha256(), NULL);
}

static void
the_pinned_one_is_used_and_the_blocked_one_is_not(void **state)
{
    struct made newer = make_cert(
        &(struct cert_spec){.name = "Alice",
                            .key = "p256d",
                            .issuer = &root,
                            .email = ALICE,
                            .from = -DAY,
                            .until = 300 * DAY,
                            .usage = "digitalSignature,keyAgreement"});
    struct undo_request undo = {.count = 1};
    struct slice old = slice_of((uint8_t[32]){0}, 32);
    struct list_reply list;

    (void)state;
    fingerprint_of(&alice, (uint8_t *)(uintptr_t)old.p);
    verify((struct message_spec){0});
    verify((struct message_spec){.signer = &newer});
    assert_true(slice_equal(recipient(ALICE).certificate, newer.der));
    assert_int_equal(change(slice_of(NULL, 0), CHANGE_PIN), ERR_USAGE);
    assert_int_equal(change(slice_of(alice.der.p, 32), CHANGE_PIN),
                     ERR_NO_CONTACT);
    assert_int_equal(change(old, CHANGE_PIN), ERR_OK);
    assert_int_equal(first_state(), CONTACT_PINNED);
    assert_true(slice_equal(recipient(ALICE).certificate, alice.der));
    /* What the pin was against is not agreed to when the pin goes. */
    assert_int_equal(change(old, CHANGE_UNPIN), ERR_OK);
    assert_true(recipient(ALICE).changed);
    assert_int_equal(change(old, CHANGE_PIN), ERR_OK);
    assert_false(recipient(ALICE).changed);
    assert_int_equal(change(old, CHANGE_BLOCK), ERR_OK);
    assert_true(slice_equal(recipient(ALICE).certificate, newer.der));
    assert_true(recipient(ALICE).changed);
    assert_int_equal(change(old, CHANGE_UNBLOCK), ERR_OK);
    assert_int_equal(change(old, CHANGE_PIN), ERR_OK);
    assert_false(recipient(ALICE).changed);
    assert_int_equal(ask(MSG_CONTACT_UNDO, &undo, &list), ERR_NOT_ALLOWED);
    session_new(VERB_MANAGE, RIGHT_MANAGE);
    assert_int_equal(ask(MSG_CONTACT_UNDO, &undo, &list), ERR_OK);
    assert_int_equal(list.records.n, 2);
    assert_int_equal(first_state(), CONTACT_CHANGED);
    assert_true(slice_equal(recipient(ALICE).certificate, newer.der));
    assert_int_equal(change(slice_of(NULL, 0), CHANGE_BLOCK), ERR_OK);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_UNUSABLE);
    assert_int_equal(change(slice_of(NULL, 0), CHANGE_UNBLOCK), ERR_OK);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_OK);
}

/* ---- what is handed over ------------------------------------------------ */

static struct stored_record
hand_over(const struct made *leaf, uint32_t source, const char *address)
{
    struct store_request q = {.source = source,
                              .address = slice_text(address),
                              .origin = slice_text("people.pem")};
    struct store_reply reply;
    struct stored_record one;

    q.certificates.item[q.certificates.n++] = ca.der;
    q.certificates.item[q.certificates.n++] = leaf->der;
    session_new(VERB_MANAGE, RIGHT_MANAGE);
    assert_int_equal(ask(MSG_CONTACT_STORE, &q, &reply), ERR_OK);
    assert_int_equal(reply.records.n, 2);
    assert_true(
        record_decode(RECORD_stored_record, reply.records.item[0], &one));
    assert_int_equal(one.learned, LEARNED_NOTHING);
    assert_true(
        record_decode(RECORD_stored_record, reply.records.item[1], &one));
    return one;
}

static void
what_is_handed_over_is_judged_like_a_mail(void **state)
{
    struct made stranger = make_cert(&(struct cert_spec){
        .name = "Self", .key = "p256e", .email = "self@example.org"});
    struct store_request odd = {.source = CONTACT_MAIL};
    struct store_reply reply;
    struct stored_record one;

    (void)state;
    one = hand_over(&stranger, CONTACT_IMPORT, NULL);
    assert_int_equal(one.learned, LEARNED_NOTHING);
    assert_true(one.reason.n > 0);
    assert_int_equal(recipient("self@example.org").state, RECIPIENT_UNKNOWN);
    one = hand_over(&alice, CONTACT_DIRECTORY, "bob@example.org");
    assert_int_equal(one.learned, LEARNED_NOTHING);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_UNKNOWN);
    one = hand_over(&alice, CONTACT_IMPORT, NULL);
    assert_int_equal(one.learned, LEARNED_NEW);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_OK);
    session_new(VERB_MANAGE, RIGHT_MANAGE);
    assert_int_equal(ask(MSG_CONTACT_STORE, &odd, &reply), ERR_USAGE);
}

static void
a_recipient_without_a_usable_certificate_says_why(void **state)
{
    struct made old = make_cert(
        &(struct cert_spec){.name = "Old",
                            .key = "p256e",
                            .issuer = &ca,
                            .email = "old@example.org",
                            .from = -25 * DAY,
                            .until = -20 * DAY,
                            .usage = "digitalSignature,keyAgreement"});
    struct made signs =
        make_cert(&(struct cert_spec){.name = "Signs",
                                      .key = "p256f",
                                      .issuer = &ca,
                                      .email = "signs@example.org",
                                      .usage = "digitalSignature"});
    struct recipient_reply to;
    char why[64];
    time_t when = time(NULL) - 20 * DAY;
    struct tm tm;

    (void)state;
    assert_int_equal(verify((struct message_spec){.signer = &old,
                                                  .from = "old@example.org",
                                                  .signing_time = -22 * DAY})
                         .learned,
                     LEARNED_NEW);
    verify(
        (struct message_spec){.signer = &signs, .from = "signs@example.org"});
    gmtime_r(&when, &tm);
    strftime(why, sizeof(why), "certificate expired on %Y-%m-%d", &tm);
    to = recipient("old@example.org");
    assert_int_equal(to.state, RECIPIENT_UNUSABLE);
    assert_true(slice_is(to.reason, why));
    to = recipient("signs@example.org");
    assert_int_equal(to.state, RECIPIENT_UNUSABLE);
    assert_true(slice_is(to.reason, "its certificate cannot encrypt"));

    verify((struct message_spec){0});
    assert_int_equal(recipient(ALICE).state, RECIPIENT_OK);
    unlink(root_pem);
    for (int i = 0; i < 3000 && recipient(ALICE).state == RECIPIENT_OK; i++)
        usleep(10000);
    to = recipient(ALICE);
    assert_int_equal(to.state, RECIPIENT_UNUSABLE);
    assert_true(slice_is(to.reason, "issuer no longer trusted"));
}

static void
long_lists_come_in_pages(void **state)
{
    struct contacts_request page = {0};
    struct list_reply list;
    char address[40][32];
    size_t seen = 0, pages = 0;

    (void)state;
    for (int i = 0; i < 40; i++) {
        struct made m;

        snprintf(address[i], sizeof(address[i]), "p%d@example.org", i);
        m = make_cert(
            &(struct cert_spec){.name = "Person",
                                .key = "p256g",
                                .issuer = &ca,
                                .email = address[i],
                                .usage = "digitalSignature,keyAgreement"});
        assert_int_equal(
            verify((struct message_spec){.signer = &m, .from = address[i]})
                .learned,
            LEARNED_NEW);
    }
    session_new(VERB_LOOK, RIGHT_MAIL);
    do {
        assert_int_equal(ask(MSG_CONTACTS, &page, &list), ERR_OK);
        assert_true(list.records.n <= 16);
        seen += list.records.n;
        page.cursor = list.next;
        pages++;
    } while (page.cursor != 0);
    assert_int_equal(seen, 40);
    assert_int_equal(pages, 3);
}

static void
contacts_survive_a_kill(void **state)
{
    int status;

    (void)state;
    verify((struct message_spec){0});
    kill(t.keyring, SIGKILL);
    waitpid(t.keyring, &status, 0);
    fd_drop(&t.keyring_control);
    stop(&t.validator, &t.validator_control);
    start_keyring();
    start_validator();
    assert_int_equal(recipient(ALICE).state, RECIPIENT_OK);
}

static void
a_lost_validator_is_replaced_or_missed(void **state)
{
    struct address a = {.address = slice_text(ALICE)};
    struct recipient_reply r;

    (void)state;
    verify((struct message_spec){0});
    kill(t.validator, SIGKILL);
    stop(&t.validator, &t.validator_control);
    start_validator();
    assert_int_equal(recipient(ALICE).state, RECIPIENT_OK);
    kill(t.validator, SIGKILL);
    stop(&t.validator, &t.validator_control);
    session_new(VERB_ENCRYPT, RIGHT_MAIL);
    assert_int_equal(ask(MSG_RECIPIENT, &a, &r), ERR_KEYRING_LOST);
    /* And it goes on as soon as there is one. */
    start_validator();
    assert_int_equal(ask(MSG_RECIPIENT, &a, &r), ERR_OK);
    assert_int_equal(r.state, RECIPIENT_OK);
}

static bool
has_filter(pid_t pid)
{
    char path[64], line[256];
    bool found = false;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f))
        found |= strcmp(line, "Seccomp:\t2\n") == 0;
    fclose(f);
    return found;
}

static void
both_run_in_their_sandbox(void **state)
{
    (void)state;
    if (!has_filter(getpid()) && access("/proc/sys/kernel/seccomp", F_OK) != 0)
        skip();
    assert_true(has_filter(t.keyring));
    assert_true(has_filter(t.validator));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_good_mail_teaches_its_sender),
        T(a_mail_that_is_not_good_teaches_nothing),
        T(rights_are_kept),
        T(who_narrows_itself_wrongly_is_dropped),
        T(a_renewal_is_used_and_another_issuer_is_shown),
        T(the_pinned_one_is_used_and_the_blocked_one_is_not),
        T(what_is_handed_over_is_judged_like_a_mail),
        T(a_recipient_without_a_usable_certificate_says_why),
        T(long_lists_come_in_pages),
        T(contacts_survive_a_kill),
        T(a_lost_validator_is_replaced_or_missed),
        T(both_run_in_their_sandbox),
    };

    return cmocka_run_group_tests(tests, begin_all, end_all);
}
