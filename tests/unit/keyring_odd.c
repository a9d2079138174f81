/* Certificates that are odd: a clear answer, and nothing stored that should
 * not be. */
#include <string.h>

#include "keyring_wires.h"

static struct stored_record
hand_over(struct slice der)
{
    struct store_request q = {.source = CONTACT_IMPORT,
                              .origin = slice_text("odd.pem")};
    struct store_reply reply;
    struct stored_record one;

    q.certificates.item[q.certificates.n++] = der;
    q.certificates.item[q.certificates.n++] = ca.der;
    session_new(VERB_MANAGE, RIGHT_MANAGE);
    assert_int_equal(ask(MSG_CONTACT_STORE, &q, &reply), ERR_OK);
    assert_int_equal(reply.records.n, 2);
    assert_true(
        record_decode(RECORD_stored_record, reply.records.item[0], &one));
    return one;
}

static uint32_t
rows(void)
{
    struct keyring_status status;

    session_new(VERB_LOOK, RIGHT_MAIL);
    assert_int_equal(ask(MSG_KEYRING_STATUS, NULL, &status), ERR_OK);
    return status.contacts;
}

static void
is_refused(struct slice der, const char *why)
{
    struct stored_record one = hand_over(der);

    assert_int_equal(one.learned, LEARNED_NOTHING);
    assert_non_null(memmem(one.reason.p, one.reason.n, why, strlen(why)));
    assert_int_equal(rows(), 0);
}

static void
without_an_address(void **state)
{
    struct made nobody = make_cert(
        &(struct cert_spec){.name = "Nobody", .key = "p256d", .issuer = &ca});

    (void)state;
    is_refused(nobody.der, "no mail address");
    assert_int_equal(verify((struct message_spec){.signer = &nobody}).learned,
                     LEARNED_NOTHING);
    assert_int_equal(rows(), 0);
}

static void
with_a_nul_in_its_address(void **state)
{
    struct made odd =
        make_cert(&(struct cert_spec){.name = "Odd",
                                      .key = "p256d",
                                      .issuer = &ca,
                                      .email = "alice@example.org\0.evil.test",
                                      .email_len = 28});

    (void)state;
    is_refused(odd.der, "no mail address");
    assert_int_equal(
        verify((struct message_spec){.signer = &odd, .from = ALICE}).learned,
        LEARNED_NOTHING);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_UNKNOWN);
}

static void
of_its_own_making(void **state)
{
    struct made self = make_cert(&(struct cert_spec){
        .name = "Self", .key = "p256d", .email = "self@example.org"});

    (void)state;
    is_refused(self.der, "no path to a trust anchor");
}

static void
with_a_key_of_another_kind(void **state)
{
    struct made odd = make_cert(&(struct cert_spec){
        .name = "Odd", .key = "p256d", .issuer = &ca, .email = ALICE});
    X509_PUBKEY *spki = X509_get_X509_PUBKEY(odd.x);
    uint8_t *bits = OPENSSL_memdup("key", 3);

    (void)state;
    assert_int_equal(X509_PUBKEY_set0_param(spki, OBJ_nid2obj(NID_rsaesOaep),
                                            V_ASN1_UNDEF, NULL, bits, 3),
                     1);
    make_again(&odd, ca.key);
    is_refused(odd.der, "its key cannot be read");
}

static void
of_an_authority_or_of_nothing(void **state)
{
    uint8_t rubbish[300];

    (void)state;
    memset(rubbish, 0x30, sizeof(rubbish));
    is_refused(root.der, "an authority's");
    is_refused(slice_of(rubbish, sizeof(rubbish)), "cannot be read");
}

static struct made
of_addresses(int n)
{
    AUTO(buf) struct buf names = {0};

    for (int i = 0; i < n; i++)
        buf_addf(&names, "%semail:a%d@example.org", i ? "," : "", i);
    return make_cert(&(struct cert_spec){.name = "Many",
                                         .key = "p256d",
                                         .issuer = &ca,
                                         .usage = "digitalSignature,"
                                                  "keyAgreement",
                                         .extra_nid = NID_subject_alt_name,
                                         .extra = buf_text(&names)});
}

/* The limit is told in smime-limits(7): with more it is nobody's, rather than
 * known for some of them. */
static void
with_hundreds_of_addresses(void **state)
{
    struct made many = of_addresses(LIMIT_CERT_ADDRESSES + 1),
                most = of_addresses(LIMIT_CERT_ADDRESSES);
    struct verify_reply v;

    (void)state;
    is_refused(many.der, "more mail addresses");
    v = verify(
        (struct message_spec){.signer = &many, .from = "a0@example.org"});
    assert_int_equal(v.learned, LEARNED_NOTHING);
    assert_int_equal(rows(), 0);
    assert_int_equal(hand_over(most.der).learned, LEARNED_NEW);
    assert_int_equal(rows(), LIMIT_CERT_ADDRESSES);
    assert_int_equal(recipient("a0@example.org").state, RECIPIENT_OK);
}

static void
with_a_name_that_has_no_end(void **state)
{
    char name[20000];
    struct made big;
    struct contact_record c;
    struct contacts_request all = {0};
    struct list_reply list;

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    big = make_cert(&(struct cert_spec){.name = "Big",
                                        .key = "p256d",
                                        .issuer = &ca,
                                        .email = ALICE,
                                        .usage = "digitalSignature",
                                        .extra_nid = NID_netscape_comment,
                                        .extra = name});
    (void)hand_over(big.der);
    session_new(VERB_LOOK, RIGHT_MAIL);
    assert_int_equal(ask(MSG_CONTACTS, &all, &list), ERR_OK);
    for (size_t i = 0; i < list.records.n; i++)
        assert_true(
            record_decode(RECORD_contact_record, list.records.item[i], &c));
}

/* Two of one issuer and number are two, each for its own address. */
static void
with_the_serial_of_another(void **state)
{
    struct cert_spec spec = {.name = "One",
                             .key = "p256d",
                             .issuer = &ca,
                             .email = "one@example.org",
                             .usage = "digitalSignature,keyAgreement",
                             .serial = 4711};
    struct made one = make_cert(&spec), two;

    (void)state;
    spec.key = "p256e";
    spec.name = "Two";
    spec.email = "two@example.org";
    two = make_cert(&spec);
    assert_int_equal(hand_over(one.der).learned, LEARNED_NEW);
    assert_int_equal(hand_over(two.der).learned, LEARNED_NEW);
    assert_true(slice_equal(recipient("one@example.org").certificate, one.der));
    assert_true(slice_equal(recipient("two@example.org").certificate, two.der));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(without_an_address),         T(with_a_nul_in_its_address),
        T(of_its_own_making),          T(of_an_authority_or_of_nothing),
        T(with_hundreds_of_addresses), T(with_a_name_that_has_no_end),
        T(with_the_serial_of_another), T(with_a_key_of_another_kind),
    };

    return cmocka_run_group_tests(tests, begin_all, end_all);
}
