/*
 * mail_encrypt and the round trip: what one side writes, the other reads.
 */
#include "tests/unit/session_mail.h"

#define HEAD "From: A <a@example.org>\nTo: b@example.org\nSubject: s\n"
#define MAIL HEAD "\nthe text\n"

static void
both(void)
{
    people_clear();
    card_add(&alice, "a@example.org");
    contact_add(&bob, "b@example.org");
}

static void
encrypt(json_t *to, bool sign, const char *mail, struct outcome *out)
{
    call_text(mail_encrypt, json_pack("{s:o,s:b}", "to", to, "sign", sign),
              mail, out);
}

static void
be(const struct identity *id, const char *address)
{
    people_clear();
    card_add(id, address);
}

static json_t *
json_to(const char *address)
{
    return json_pack("[s]", address);
}

static void
assert_opens(const struct outcome *encrypted, const char *holding,
             const char *verdict)
{
    AUTO(outcome) struct outcome o;

    call_mail(mail_open, NULL, buf_slice(&encrypted->output), &o);
    assert_int_equal(o.e, ERR_OK);
    assert_true(holds(&o.output, holding));
    assert_string_equal(verdict_of(&o), verdict);
}

/* ---- who can read it
 * ------------------------------------------------------------
 */

static void
the_recipient_and_the_sender_can_read_it_and_no_third(void **state)
{
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome third;

    (void)state;
    both();
    encrypt(json_to("b@example.org"), false, MAIL, &o);
    assert_int_equal(o.e, ERR_OK);
    assert_false(holds(&o.output, "the text"));
    assert_memory_equal(o.output.data, HEAD, strlen(HEAD));
    assert_opens(&o, "\nthe text\n", "plain");
    be(&bob, "b@example.org");
    assert_opens(&o, "\nthe text\n", "plain");
    be(&carol, "c@example.org");
    call_mail(mail_open, NULL, buf_slice(&o.output), &third);
    assert_int_equal(third.e, ERR_NOT_FOR_US);
    assert_non_null(strstr(third.problem.detail, "2 certificates"));
    assert_int_equal(third.output.len, 0);
    assert_int_equal(key_operations, 0);
}

static void
signed_and_encrypted_is_opened_as_both(void **state)
{
    AUTO(outcome) struct outcome o;

    (void)state;
    both();
    encrypt(json_to("b@example.org"), true, MAIL, &o);
    assert_int_equal(o.e, ERR_OK);
    assert_true(json_is_true(json_object_get(o.reply, "signed")));
    be(&bob, "b@example.org");
    assert_opens(&o, "\nthe text\n", "good");
    assert_int_equal(asked[0].covers, 1);
}

static void
bcc_is_not_in_the_encrypted_mail(void **state)
{
    AUTO(outcome) struct outcome o;

    (void)state;
    both();
    encrypt(json_to("b@example.org"), true,
            HEAD "Bcc: hidden@example.org\n\nthe text\n", &o);
    assert_int_equal(o.e, ERR_OK);
    assert_false(holds(&o.output, "hidden"));
    assert_opens(&o, "To: b@example.org\n", "good");
}

static void
nobody_is_encrypted_to_twice(void **state)
{
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome opened;
    const json_t *layer;

    (void)state;
    both();
    encrypt(json_pack("[ssss]", "b@example.org", "b@example.org",
                      "a@example.org", "A@Example.Org"),
            false, MAIL, &o);
    assert_int_equal(o.e, ERR_OK);
    assert_int_equal(json_array_size(json_object_get(o.reply, "recipients")),
                     4);
    call_mail(mail_open, NULL, buf_slice(&o.output), &opened);
    layer = json_array_get(
        json_object_get(json_object_get(opened.reply, "report"), "layers"), 0);
    assert_int_equal(json_integer_value(json_object_get(layer, "recipients")),
                     2);
}

/* ---- who cannot
 * ------------------------------------------------------------------
 */

static void
every_recipient_without_a_certificate_is_named_at_once(void **state)
{
    AUTO(outcome) struct outcome o;

    (void)state;
    both();
    contact_add(&carol, "old@example.org")->state = RECIPIENT_UNUSABLE;
    contacts[1].reason = "expired on 2020-01-01";
    encrypt(json_pack("[sssss]", "b@example.org", "x@example.org",
                      "old@example.org", "no address", "y@example.org"),
            true, MAIL, &o);
    assert_int_equal(o.e, ERR_NO_RECIPIENT);
    assert_string_equal(o.problem.subject,
                        "x@example.org (no certificate), "
                        "old@example.org (expired on 2020-01-01), "
                        "no address (this is no mail address), "
                        "y@example.org (no certificate)");
    assert_int_equal(o.output.len, 0);
    assert_int_equal(key_operations, 0);
}

static void
many_missing_recipients_are_cut_and_not_lost(void **state)
{
    AUTO(outcome) struct outcome o;
    json_t *to = json_array();
    char address[64];

    (void)state;
    both();
    for (int i = 0; i < 500; i++) {
        snprintf(address, sizeof(address), "nobody-%03d@example.org", i);
        json_array_append_new(to, json_string(address));
    }
    encrypt(to, false, MAIL, &o);
    assert_int_equal(o.e, ERR_NO_RECIPIENT);
    assert_memory_equal(o.problem.subject, "nobody-000@example.org", 22);
}

static void
one_to_five_hundred_addresses_and_no_more(void **state)
{
    AUTO(outcome) struct outcome none;
    AUTO(outcome) struct outcome many;
    json_t *to = json_array();

    (void)state;
    both();
    encrypt(json_array(), false, MAIL, &none);
    assert_int_equal(none.e, ERR_USAGE);
    for (int i = 0; i < 501; i++)
        json_array_append_new(to, json_string("b@example.org"));
    encrypt(to, false, MAIL, &many);
    assert_int_equal(many.e, ERR_USAGE);
    assert_int_equal(many.output.len, 0);
}

static void
a_sender_who_could_not_read_it_is_refused(void **state)
{
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome stranger;

    (void)state;
    both();
    cards[0].uses = USE_SIGN;
    encrypt(json_to("b@example.org"), false, MAIL, &o);
    assert_int_equal(o.e, ERR_NO_KEY);
    assert_non_null(strstr(o.problem.detail, "not for encryption"));
    assert_string_equal(o.problem.subject, "a@example.org");
    be(&alice, "z@example.org");
    contact_add(&bob, "b@example.org");
    encrypt(json_to("b@example.org"), false, MAIL, &stranger);
    assert_int_equal(stranger.e, ERR_NO_KEY);
    assert_int_equal(stranger.output.len, 0);
}

/* A certificate that only lies on the token is no contact, and not one's
 * own: the keyring decides. */
static void
a_certificate_on_the_token_without_its_key_is_nobody(void **state)
{
    AUTO(outcome) struct outcome o;

    (void)state;
    both();
    card_add(&carol, "c@example.org")->flags = 0;
    encrypt(json_to("c@example.org"), false, MAIL, &o);
    assert_int_equal(o.e, ERR_NO_RECIPIENT);
    assert_string_equal(o.problem.subject, "c@example.org (no certificate)");
}

/* ---- the cipher
 * ------------------------------------------------------------------
 */

static const char *
cipher_for(json_t *to)
{
    static char name[32];
    AUTO(outcome) struct outcome o;

    encrypt(to, false, MAIL, &o);
    assert_int_equal(o.e, ERR_OK);
    snprintf(name, sizeof(name), "%s",
             json_string_value(json_object_get(o.reply, "cipher")));
    assert_opens(&o, "\nthe text\n", "plain");
    return name;
}

static void
gcm_is_taken_when_every_recipient_announces_it(void **state)
{
    char gcm[32], cbc[32];

    (void)state;
    snprintf(gcm, sizeof(gcm), "%s", cipher_name(CIPHER_AES256_GCM));
    snprintf(cbc, sizeof(cbc), "%s", cipher_name(CIPHER_AES256_CBC));
    both();
    assert_string_equal(cipher_for(json_to("b@example.org")), cbc);
    assert_string_equal(cipher_for(json_to("a@example.org")), cbc);
    contacts[0].announces_gcm = true;
    assert_string_equal(cipher_for(json_to("b@example.org")), gcm);
    assert_string_equal(
        cipher_for(json_pack("[ss]", "b@example.org", "a@example.org")), gcm);
    contact_add(&carol, "c@example.org");
    assert_string_equal(
        cipher_for(json_pack("[ss]", "b@example.org", "c@example.org")), cbc);
}

/* ---- one session, several mails
 * ---------------------------------------------------
 */

static void
a_second_signature_asks_for_the_key_only(void **state)
{
    struct world w = {0};
    int fd = file_of(slice_text(MAIL));
    int requests = 0;

    (void)state;
    both();
    mail_world_open(&w);
    for (int i = 0; i < 3; i++) {
        AUTO(outcome) struct outcome o;

        requests = w.keyholder.requests;
        call_on(&w, mail_sign, json_pack("{s:s}", "from", "a@example.org"), fd,
                &o);
        assert_int_equal(o.e, ERR_OK);
        assert_true(holds(&o.output, "smime.p7s"));
    }
    assert_int_equal(w.keyholder.requests - requests, 1);
    assert_int_equal(key_operations, 3);
    mail_world_close(&w);
    close(fd);
}

/* Signs once more in W: how long the mail got, and how much was warned of. */
static size_t
sign_again(struct world *w, const char *mail, const char *announce,
           size_t *out_warnings)
{
    AUTO(outcome) struct outcome o;
    int fd = file_of(slice_text(mail));

    call_on(
        w, mail_sign,
        json_pack("{s:s,s:s}", "from", "a@example.org", "announce", announce),
        fd, &o);
    assert_int_equal(o.e, ERR_OK);
    *out_warnings = json_array_size(json_object_get(o.reply, "warnings"));
    close(fd);
    return o.output.len;
}

/* What a session keeps from one mail to the next is its own matter. */
static void
each_mail_of_a_session_is_signed_for_itself(void **state)
{
    static const char other[] = "From: c@example.org\n\nthe text\n";
    struct world w = {0};
    size_t gcm_bytes, cbc_bytes, warnings;

    (void)state;
    both();
    mail_world_open(&w);
    gcm_bytes = sign_again(&w, MAIL, "gcm", &warnings);
    assert_int_equal(warnings, 0);
    (void)sign_again(&w, other, "gcm", &warnings);
    assert_int_equal(warnings, 1);
    cbc_bytes = sign_again(&w, MAIL, "cbc", &warnings);
    assert_int_equal(warnings, 0);
    assert_true(cbc_bytes + 40 < gcm_bytes); /* fewer capabilities */
    assert_true(sign_again(&w, MAIL, "gcm", &warnings) > cbc_bytes + 40);
    mail_world_close(&w);
}

static void
encrypting_goes_on_in_one_session(void **state)
{
    struct world w = {0};
    int fd = file_of(slice_text(MAIL));

    (void)state;
    both();
    mail_world_open(&w);
    for (int i = 0; i < 2; i++) {
        AUTO(outcome) struct outcome o;

        call_on(&w, mail_encrypt,
                json_pack("{s:[s],s:s,s:b}", "to", "b@example.org", "from",
                          "a@example.org", "sign", 1),
                fd, &o);
        assert_int_equal(o.e, ERR_OK);
    }
    mail_world_close(&w);
    close(fd);
}

static void
an_output_that_cannot_be_written_is_told(void **state)
{
    struct world w = {0};
    int in = file_of(slice_text(MAIL));
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    json_t *reply = NULL;
    struct request r = {.session = &w.s,
                        .parameters =
                            json_pack("{s:i,s:i}", "input", 0, "output", 1),
                        .fds = {in, full, [2 ... LIMIT_REQUEST_FDS - 1] = -1},
                        .fd_count = 2};

    (void)state;
    both();
    mail_world_open(&w);
    assert_int_equal(mail_sign(&r, &reply), ERR_OUTPUT);
    assert_null(reply);
    assert_int_equal(r.fds[0], -1);
    assert_int_equal(r.fds[1], -1);
    json_decref(r.parameters);
    mail_world_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_recipient_and_the_sender_can_read_it_and_no_third),
        cmocka_unit_test(signed_and_encrypted_is_opened_as_both),
        cmocka_unit_test(bcc_is_not_in_the_encrypted_mail),
        cmocka_unit_test(nobody_is_encrypted_to_twice),
        cmocka_unit_test(
            every_recipient_without_a_certificate_is_named_at_once),
        cmocka_unit_test(many_missing_recipients_are_cut_and_not_lost),
        cmocka_unit_test(one_to_five_hundred_addresses_and_no_more),
        cmocka_unit_test(a_sender_who_could_not_read_it_is_refused),
        cmocka_unit_test(a_certificate_on_the_token_without_its_key_is_nobody),
        cmocka_unit_test(gcm_is_taken_when_every_recipient_announces_it),
        cmocka_unit_test(a_second_signature_asks_for_the_key_only),
        cmocka_unit_test(each_mail_of_a_session_is_signed_for_itself),
        cmocka_unit_test(encrypting_goes_on_in_one_session),
        cmocka_unit_test(an_output_that_cannot_be_written_is_told),
    };

    return cmocka_run_group_tests(tests, identities_make, identities_drop);
}
