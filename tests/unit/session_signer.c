#include "agent/session/signer.h"

#include "tests/unit/session_mail.h"

/* Chooses among CARDS as a session does; the id of what was chosen, or the
 * reason why there is none, in TEXT. */
static enum err
choose(const char *wanted, const char *from, char text[256])
{
    struct world w = {0};
    struct request r = {.session = &w.s};
    struct own_keys keys = {0};
    AUTO(signer) struct signer *s = NULL;
    enum err e;

    mail_world_open(&w);
    assert_int_equal(own_keys_load(&r, false, &keys), ERR_OK);
    e = signer_choose(&r, VERB_SIGN, wanted, from, &keys, &s);
    assert_int_equal(keys.count, 0); /* taken also on failure */
    snprintf(text, 256, "%.255s",
             s                       ? s->key->id
             : e == ERR_TOKEN_ABSENT ? r.problem.token
                                     : r.problem.detail);
    if (s) {
        assert_int_equal(w.s.verb, VERB_SIGN);
        assert_int_equal(w.s.key_len, s->key->ref.len);
        assert_memory_equal(w.s.key, s->key->ref.data, s->key->ref.len);
    } else {
        assert_null(s);
        assert_true(e == ERR_TOKEN_ABSENT || r.problem.subject[0] != '\0');
        assert_int_equal(w.s.verb, VERB_NONE); /* no key was named */
    }
    mail_world_close(&w);
    return e;
}

static void
assert_chosen(const char *wanted, const char *from, const char *id)
{
    char text[256];

    assert_int_equal(choose(wanted, from, text), ERR_OK);
    assert_string_equal(text, id);
}

static void
assert_none(const char *wanted, const char *from, const char *why)
{
    char text[256];

    assert_int_equal(choose(wanted, from, text), ERR_NO_KEY);
    assert_string_equal(text, why);
}

/* The hex of "id1" and so on, as cards are numbered. */
#define ID1 "696431"
#define ID2 "696432"

#define SEVERAL                                                                \
    "it means several keys: give more of the id, or a URI (smime keys --json)"

static void
the_address_chooses_the_key(void **state)
{
    (void)state;
    people_clear();
    card_add(&alice, "a@example.org");
    card_add(&bob, "b@example.org");
    assert_chosen(NULL, "a@example.org", ID1);
    assert_chosen(NULL, "b@example.org", ID2);
    assert_chosen(NULL, "B@Example.ORG", ID2);
    assert_none(NULL, "c@example.org",
                "no certificate on your tokens names it");
}

static void
a_key_that_waits_for_its_certificate_is_told_of(void **state)
{
    struct card *c;

    (void)state;
    people_clear();
    card_add(&alice, "a@example.org");
    c = card_add(&bob, "b@example.org");
    c->no_certificate = true;
    c->label = "B@example.org";
    assert_none(NULL, "b@example.org",
                "its key has no certificate yet; when a CA has issued it: "
                "smime install CERT");
    assert_none(NULL, "c@example.org",
                "no certificate on your tokens names it");
}

static void
each_address_of_a_certificate_counts(void **state)
{
    struct card *c;

    (void)state;
    people_clear();
    c = card_add(&alice, "a@example.org");
    c->address[1] = "alice@example.org";
    c->address[2] = "a@example.com";
    assert_chosen(NULL, "alice@example.org", ID1);
    assert_chosen(NULL, "a@example.com", ID1);
    assert_none(NULL, "alice@example.com",
                "no certificate on your tokens names it");
}

static void
the_newest_of_several_keys_is_taken(void **state)
{
    (void)state;
    people_clear();
    card_add(&alice, "a@example.org")->begins = -7200;
    card_add(&bob, "a@example.org")->begins = -3600;
    assert_chosen(NULL, "a@example.org", ID2);
    cards[0].begins = -60;
    assert_chosen(NULL, "a@example.org", ID1);
    cards[0].begins = 60; /* not yet */
    assert_chosen(NULL, "a@example.org", ID2);
}

static void
a_key_that_cannot_sign_now_says_why(void **state)
{
    char text[256];

    (void)state;
    people_clear();
    card_add(&alice, "a@example.org")->ends = -60;
    assert_int_equal(choose(NULL, "a@example.org", text), ERR_NO_KEY);
    assert_memory_equal(text, "its certificate expired on 2", 28);
    cards[0].ends = 7200;
    cards[0].begins = 3600;
    assert_int_equal(choose(NULL, "a@example.org", text), ERR_NO_KEY);
    assert_memory_equal(text, "its certificate is not valid before 2", 37);
    cards[0].begins = -3600;
    cards[0].flags = 0;
    assert_none(NULL, "a@example.org",
                "the token holds its certificate, but not the private key");
    cards[0].flags = KEY_PRIVATE_UNKNOWN; /* a locked token may have it */
    assert_chosen(NULL, "a@example.org", ID1);
    cards[0].uses = USE_DECRYPT;
    assert_none(NULL, "a@example.org", "its certificate is not for signing");
    cards[0].uses = USE_SIGN;
    cards[0].type = KEY_X25519;
    assert_none(NULL, "a@example.org", "keys of its type cannot sign");
}

static void
without_any_key_that_is_what_is_said(void **state)
{
    (void)state;
    people_clear();
    assert_none(NULL, "a@example.org", "there is no key on any token");
    assert_none(NULL, NULL, "there is no key on any token");
}

static void
a_key_without_certificate_is_not_taken(void **state)
{
    (void)state;
    people_clear();
    card_add(&alice, "a@example.org")->no_certificate = true;
    assert_none(NULL, "a@example.org",
                "no certificate on your tokens names it");
    assert_none(ID1, NULL, "the key has no certificate");
}

static void
the_beginning_of_an_id_chooses_from_four_characters(void **state)
{
    (void)state;
    people_clear();
    card_add(&alice, "a@example.org");
    strcpy(cards[0].cka_id, "abcd");
    card_add(&bob, "b@example.org");
    strcpy(cards[1].cka_id, "wxyz");
    assert_chosen("6162", NULL, "61626364");
    assert_chosen("7778797A", NULL, "7778797a");
    assert_none("616", NULL,
                "no key has this id; of a longer one give at least 4 digits");
    assert_none("", NULL,
                "no key has this id; of a longer one give at least 4 digits");
    assert_none("6162636465", NULL, "no key has an id that begins so");
    assert_none("6163", NULL, "no key has an id that begins so");
    assert_none("%s%n", NULL, "no key has an id that begins so");
}

static void
assert_away(const char *wanted, const char *from)
{
    char text[256];

    assert_int_equal(choose(wanted, from, text), ERR_TOKEN_ABSENT);
    assert_string_equal(text, "drawer");
}

static void
a_key_on_a_card_that_is_out_is_not_missing(void **state)
{
    (void)state;
    people_clear();
    card_add(&alice, "a@example.org");
    card_add(&bob, "b@example.org")->away = true;
    assert_away(NULL, "b@example.org");
    assert_away(ID2, NULL);
    assert_chosen(NULL, "a@example.org", ID1);
    assert_chosen(NULL, NULL, ID1);
    assert_none(NULL, "c@example.org",
                "no certificate on your tokens names it");
    assert_none(ID1, "b@example.org",
                "its certificate does not name this address");
    cards[1].ends = -60; /* it would not do either */
    assert_none(NULL, "b@example.org",
                "no certificate on your tokens names it");
}

static void
an_id_that_begins_like_two_keys_chooses_none(void **state)
{
    (void)state;
    people_clear();
    card_add(&alice, "a@example.org");
    card_add(&bob, "b@example.org");
    assert_none("6964", NULL, SEVERAL);
    assert_chosen("6964", "b@example.org", ID2); /* only one of them fits */
    cards[0].ends = -60;
    assert_chosen("6964", NULL, ID2);
    cards[0].ends = 60;
    strcpy(cards[0].cka_id, cards[1].cka_id); /* one key on two tokens */
    assert_chosen("6964", NULL, ID2);
}

static void
a_short_id_chooses_as_a_whole(void **state)
{
    (void)state;
    people_clear();
    card_add(&alice, "a@example.org");
    strcpy(cards[0].cka_id, "\x01");
    card_add(&bob, "b@example.org");
    strcpy(cards[1].cka_id, "abc");
    card_add(&alice, "c@example.org");
    strcpy(cards[2].cka_id, "ab");
    assert_chosen("01", NULL, "01");
    assert_chosen("6162", NULL, "6162"); /* the other only begins so */
    assert_none("0", NULL,
                "no key has this id; of a longer one give at least 4 digits");
}

static void
two_keys_that_cards_number_alike_are_told_apart(void **state)
{
    (void)state;
    people_clear();
    card_add(&alice, "a@example.org")->spki = "one";
    card_add(&bob, "a@example.org")->spki = "another";
    strcpy(cards[0].cka_id, "\x01");
    strcpy(cards[1].cka_id, "\x01");
    assert_none("01", NULL, SEVERAL);
    cards[1].spki = "one"; /* one key on two tokens */
    assert_chosen("01", NULL, "01");
}

static void
a_uri_chooses_only_as_a_whole(void **state)
{
    (void)state;
    people_clear();
    card_add(&alice, "a@example.org");
    assert_chosen("pkcs11:token=card", NULL, ID1);
    assert_none("pkcs11:token=car", NULL,
                "no key on your tokens fits this URI");
}

static void
a_wanted_key_has_to_name_the_address_asked_for(void **state)
{
    (void)state;
    people_clear();
    card_add(&alice, "a@example.org");
    assert_chosen(ID1, "a@example.org", ID1);
    assert_none(ID1, "b@example.org",
                "its certificate does not name this address");
}

static void
without_an_address_there_must_be_one_key_only(void **state)
{
    (void)state;
    people_clear();
    card_add(&alice, "a@example.org");
    assert_chosen(NULL, NULL, ID1);
    card_add(&bob, "b@example.org");
    assert_none(NULL, NULL, "you have several: choose with --from or --key");
    cards[1].uses = USE_DECRYPT;
    assert_chosen(NULL, NULL, ID1);
}

static void
the_digest_fits_the_key(void **state)
{
    static const struct {
        uint32_t type, bits;
        enum scheme scheme;
        enum hash hash;
    } cases[] = {{KEY_RSA, 4096, SCHEME_RSA_PKCS1, HASH_SHA256},
                 {KEY_EC, 256, SCHEME_ECDSA, HASH_SHA256},
                 {KEY_EC, 384, SCHEME_ECDSA, HASH_SHA384},
                 {KEY_EC, 521, SCHEME_ECDSA, HASH_SHA512},
                 {KEY_ED25519, 255, SCHEME_EDDSA, HASH_SHA512}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct world w = {0};
        struct request r = {.session = &w.s};
        struct own_keys keys = {0};
        AUTO(signer) struct signer *s = NULL;

        people_clear();
        card_add(&alice, "a@example.org")->type = cases[i].type;
        cards[0].bits = cases[i].bits;
        mail_world_open(&w);
        assert_int_equal(own_keys_load(&r, false, &keys), ERR_OK);
        assert_int_equal(signer_choose(&r, VERB_SIGN, NULL, NULL, &keys, &s),
                         ERR_OK);
        assert_int_equal(s->algorithm.scheme, cases[i].scheme);
        assert_int_equal(s->hash, cases[i].hash);
        assert_string_equal(s->address, "a@example.org");
        mail_world_close(&w);
    }
}

/* ---- one's own certificate to encrypt to
 * ----------------------------------------
 */

static const char *
encryption(const char *from)
{
    static char text[256];
    struct world w = {0};
    struct request r = {.session = &w.s};
    AUTO(own_keys) struct own_keys keys = {0};
    const struct own_key *k;
    const char *reason;

    mail_world_open(&w);
    assert_int_equal(own_keys_load(&r, false, &keys), ERR_OK);
    k = own_keys_find_encryption(&keys, from, &reason);
    snprintf(text, sizeof(text), "%s", k ? k->id : reason);
    mail_world_close(&w);
    return text;
}

static void
ones_own_copy_needs_a_key_that_can_read_it(void **state)
{
    (void)state;
    people_clear();
    card_add(&alice, "a@example.org");
    assert_string_equal(encryption("a@example.org"), ID1);
    assert_string_equal(encryption(NULL), ID1);
    assert_string_equal(encryption("b@example.org"),
                        "no certificate on your tokens names it");
    cards[0].uses = USE_SIGN;
    assert_string_equal(encryption("a@example.org"),
                        "its certificate is not for encryption");
    cards[0].uses = USE_DECRYPT;
    cards[0].flags = 0;
    assert_string_equal(
        encryption("a@example.org"),
        "the token holds its certificate, but not the private key");
    cards[0].flags = KEY_HAS_PRIVATE;
    cards[0].ends = -60;
    assert_string_equal(encryption("a@example.org"),
                        "its certificate is expired or not yet valid");
    card_add(&bob, "a@example.org");
    assert_string_equal(encryption("a@example.org"), ID2);
}

/* ---- the sender in a header
 * --------------------------------------------------------
 */

static void
a_sender_is_exactly_one_mailbox(void **state)
{
    static const struct {
        const char *header, *address;
    } cases[] = {{"From: A <a@example.org>\n\n", "a@example.org"},
                 {"from: a@example.org (A)\r\n\r\n", "a@example.org"},
                 {"From: a@example.org, b@example.org\n\n", NULL},
                 {"From: a@example.org\nFrom: b@example.org\n\n", NULL},
                 {"From: a@example.org\nFrom: a@example.org\n\n", NULL},
                 {"From: A\n\n", NULL},
                 {"From:\n\n", NULL},
                 {"Sender: a@example.org\n\n", NULL},
                 {"From: <a@@example.org>\n\n", NULL}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char address[LIMIT_ADDRESS_BYTES + 1] = "untouched";
        struct stream_memory m;
        AUTO(header) struct header h = {0};
        AUTO(buf) struct buf rest = {0};

        stream_memory_init(&m, slice_text(cases[i].header));
        assert_int_equal(header_read(&m.s, &h, &rest, NULL), ERR_OK);
        assert_int_equal(sender_of(&h, address, sizeof(address)),
                         cases[i].address != NULL);
        assert_string_equal(address,
                            cases[i].address ? cases[i].address : "untouched");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_address_chooses_the_key),
        cmocka_unit_test(a_key_that_waits_for_its_certificate_is_told_of),
        cmocka_unit_test(each_address_of_a_certificate_counts),
        cmocka_unit_test(the_newest_of_several_keys_is_taken),
        cmocka_unit_test(a_key_that_cannot_sign_now_says_why),
        cmocka_unit_test(without_any_key_that_is_what_is_said),
        cmocka_unit_test(a_key_without_certificate_is_not_taken),
        cmocka_unit_test(the_beginning_of_an_id_chooses_from_four_characters),
        cmocka_unit_test(a_key_on_a_card_that_is_out_is_not_missing),
        cmocka_unit_test(an_id_that_begins_like_two_keys_chooses_none),
        cmocka_unit_test(a_short_id_chooses_as_a_whole),
        cmocka_unit_test(two_keys_that_cards_number_alike_are_told_apart),
        cmocka_unit_test(a_uri_chooses_only_as_a_whole),
        cmocka_unit_test(a_wanted_key_has_to_name_the_address_asked_for),
        cmocka_unit_test(without_an_address_there_must_be_one_key_only),
        cmocka_unit_test(the_digest_fits_the_key),
        cmocka_unit_test(ones_own_copy_needs_a_key_that_can_read_it),
        cmocka_unit_test(a_sender_is_exactly_one_mailbox),
    };

    return cmocka_run_group_tests(tests, identities_make, identities_drop);
}
