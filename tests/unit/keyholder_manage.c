/* Managing tokens and keys, as sessions ask the keyholder for it: rights,
 * prompts, generating, installing, removing, the audit. */
#include "tests/unit/keyholder_session.h"

static enum err
manage(enum message m, const void *request, void *reply, const char *first,
       const char *second, struct problem *p)
{
    AUTO(session) struct session s;
    int fds[2], n = 0;
    enum err e;

    if (first)
        fds[n++] = line_fd(first);
    if (second)
        fds[n++] = line_fd(second);
    session_open(&s, RIGHT_MANAGE);
    session_narrow(&s, VERB_MANAGE, 0, slice_of(NULL, 0));
    e = session_call_fds(&s, m, request, reply, fds, n);
    if (p)
        *p = s.problem;
    while (n > 0)
        close(fds[--n]);
    return e;
}

static enum err
pin(enum message m, const char *first, const char *second, const char *label,
    struct problem *p)
{
    struct pin_request request = {.token =
                                      slice_text(label ? "" : "test token"),
                                  .label = slice_text(label),
                                  .has_first = first != NULL,
                                  .has_second = second != NULL};
    struct token_record reply;

    return manage(m, &request, &reply, first, second, p);
}

static void
mail_may_manage_nothing(void **state)
{
    static const enum message all[] = {
        MSG_KEY_REMOVE, MSG_TOKEN_INIT, MSG_PIN_CHANGE, MSG_PIN_UNBLOCK,
        MSG_GENERATE,   MSG_INSTALL,    MSG_CLEAN};
    union any_record request, reply;

    (void)state;
    memset(&request, 0, sizeof(request));
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        AUTO(session) struct session mail;
        AUTO(session) struct session signs;

        session_open(&mail, RIGHT_MAIL | RIGHT_RAW);
        session_narrow(&mail, VERB_MANAGE, 0, slice_of(NULL, 0));
        assert_int_equal(session_call(&mail, all[i], &request, &reply),
                         ERR_NOT_ALLOWED);
        session_open(&signs, RIGHT_MANAGE);
        session_narrow(&signs, VERB_SIGN, 0, slice_of(NULL, 0));
        assert_int_equal(session_call(&signs, all[i], &request, &reply),
                         ERR_NOT_ALLOWED);
    }
}

static void
a_pin_is_changed_by_descriptors(void **state)
{
    struct problem p;

    (void)state;
    assert_int_equal(pin(MSG_PIN_CHANGE, "0000\n", "2345\n", NULL, &p),
                     ERR_PIN_WRONG);
    assert_string_equal(p.token, "test token");
    assert_int_equal(pin(MSG_PIN_CHANGE, "1234\n", "\n", NULL, NULL),
                     ERR_PIN_INVALID);
    assert_int_equal(pin(MSG_PIN_CHANGE, "1234\n", "2345\n", NULL, NULL),
                     ERR_OK);
    assert_int_equal(pin(MSG_PIN_CHANGE, "2345\n", "1234\n", NULL, NULL),
                     ERR_OK);
}

static void
a_pin_is_changed_by_prompts_and_typed_twice(void **state)
{
    struct problem p;

    (void)state;
    pinentry_expect("1234", "5555", "5556");
    assert_int_equal(pin(MSG_PIN_CHANGE, NULL, NULL, NULL, &p), ERR_CANCELLED);
    assert_int_equal(pinentry_count(&pinentry.asked), 4);
    assert_true(pinentry_saw("give the one it has now"));
    pinentry_expect("1234", "5555", "5555");
    assert_int_equal(pin(MSG_PIN_CHANGE, NULL, NULL, NULL, &p), ERR_OK);
    assert_int_equal(pin(MSG_PIN_CHANGE, "5555\n", "1234\n", NULL, NULL),
                     ERR_OK);
}

static void
the_puk_is_told_from_the_pin(void **state)
{
    struct problem p;

    (void)state;
    assert_int_equal(pin(MSG_PIN_UNBLOCK, "00000000\n", "1234\n", NULL, &p),
                     ERR_PUK_WRONG);
    assert_string_equal(p.token, "test token");
    assert_int_equal(pin(MSG_PIN_UNBLOCK, "12345678\n", "1234\n", NULL, NULL),
                     ERR_OK);
}

static void
only_an_empty_token_is_initialised(void **state)
{
    struct problem p;

    (void)state;
    assert_int_equal(
        pin(MSG_TOKEN_INIT, "87654321\n", "4321\n", "test token", &p),
        ERR_TOKEN_NOT_EMPTY);
    assert_string_equal(p.token, "test token");
    assert_int_equal(pin(MSG_TOKEN_INIT, "87654321\n", "4321\n", "", NULL),
                     ERR_USAGE);
    assert_int_equal(pin(MSG_TOKEN_INIT, "87654321\n", "4321\n", "new", NULL),
                     ERR_OK);
    assert_int_equal(pin(MSG_TOKEN_INIT, "87654321\n", "4321\n", "new", &p),
                     ERR_TOKEN_NOT_EMPTY);
    assert_string_equal(p.token, "new");
}

/* ---- keys -------------------------------------------------------------- */

static enum err
generate(const char *address, uint32_t type, uint32_t bits, struct buf *csr,
         struct buf *id)
{
    struct generate_request request = {.token = slice_text("test token"),
                                       .address = slice_text(address),
                                       .type = type,
                                       .bits = bits};
    AUTO(session) struct session s;
    struct generate_reply reply;
    enum err e;

    session_open(&s, RIGHT_MANAGE);
    session_narrow(&s, VERB_MANAGE, 0, slice_of(NULL, 0));
    e = session_call(&s, MSG_GENERATE, &request, &reply);
    if (e == ERR_OK) {
        buf_clear(csr);
        buf_clear(id);
        buf_add_slice(csr, reply.request);
        buf_add_slice(id, reply.id);
    }
    return e;
}

static void
a_request_is_signed_by_its_own_key_and_names_the_address(void **state)
{
    AUTO(buf) struct buf csr = {0};
    AUTO(buf) struct buf id = {0};
    const unsigned char *at;

    (void)state;
    assert_int_equal(generate("max@example.org", KEY_RSA, 1024, &csr, &id),
                     ERR_BAD_REQUEST);
    assert_int_equal(generate("max", KEY_EC, 256, &csr, &id), ERR_BAD_REQUEST);
    assert_int_equal(generate("a b@example.org", KEY_EC, 256, &csr, &id),
                     ERR_BAD_REQUEST);
    pinentry_expect("1234", NULL, NULL);
    assert_int_equal(generate("max@example.org", KEY_EC, 256, &csr, &id),
                     ERR_OK);
    at = csr.data;
    X509_REQ *req = d2i_X509_REQ(NULL, &at, (long)csr.len);
    assert_non_null(req);
    assert_int_equal(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), 1);
    X509_REQ_free(req);
    assert_non_null(memmem(csr.data, csr.len, "\x81\x0fmax@example.org", 17));
}

static enum err
install(struct slice der, uint32_t *records, uint32_t *already)
{
    struct install_request *request = mem_new(sizeof(*request));
    struct import_reply *reply = mem_new(sizeof(*reply));
    struct import_record record = {0};
    AUTO(session) struct session s;
    enum err e;

    session_open(&s, RIGHT_MANAGE);
    session_narrow(&s, VERB_MANAGE, 0, slice_of(NULL, 0));
    assert_true(slice_list_add(&request->certificates, der));
    e = session_call(&s, MSG_INSTALL, request, reply);
    *records = (uint32_t)reply->records.n;
    if (e == ERR_OK)
        assert_true(record_decode(RECORD_import_record, reply->records.item[0],
                                  &record));
    *already = record.already;
    free(request);
    free(reply);
    return e;
}

static void
a_certificate_goes_beside_its_key_and_nowhere_else(void **state)
{
    AUTO(buf) struct buf rsa = fixture_read(fixture_path("rsa.der"));
    AUTO(buf) struct buf ca = fixture_read(fixture_path("ca.der"));
    uint32_t records = 0, already = 0;

    (void)state;
    assert_int_equal(install(buf_slice(&rsa), &records, &already),
                     ERR_NO_KEY_FOR_CERTIFICATE);
    pinentry_expect("1234", NULL, NULL);
    assert_int_equal(import_file("modern.p12", "1234", false).code, ERR_OK);
    assert_int_equal(install(buf_slice(&rsa), &records, &already), ERR_OK);
    assert_int_equal(records, 1);
    assert_int_equal(already, 1);
    assert_int_equal(install(buf_slice(&ca), &records, &already),
                     ERR_NO_KEY_FOR_CERTIFICATE);
    assert_int_equal(
        install(slice_of(rsa.data, rsa.len - 1), &records, &already),
        ERR_BAD_CERTIFICATE);
}

static void
a_removed_key_is_gone(void **state)
{
    struct key_choice choice;
    struct count_reply reply;
    struct key_record record;
    AUTO(session) struct session s;
    AUTO(session) struct session again;
    size_t before;

    (void)state;
    learn_ref("My key", &rsa_ref);
    before = list_keys(NULL, NULL, &s);
    choice.key = buf_slice(&rsa_ref);
    assert_int_equal(manage(MSG_KEY_REMOVE, &choice, &reply, NULL, NULL, NULL),
                     ERR_OK);
    assert_int_equal(reply.count, 3);
    memset(&record, 0, sizeof(record));
    assert_int_equal(list_keys("My key", &record, &again), before - 1);
    assert_int_equal(record.id.n, 0);
    assert_int_equal(manage(MSG_KEY_REMOVE, &choice, &reply, NULL, NULL, NULL),
                     ERR_NO_KEY);
}

static void
the_audit_tells_what_was_managed(void **state)
{
    AUTO(buf)
    struct buf audit =
        fixture_read(fixture_path("state/smime-agent/audit.log"));
    const char *text = buf_text(&audit);

    (void)state;
    assert_non_null(strstr(text, "operation=initialize token=\"new\""));
    assert_non_null(strstr(text, "operation=change-pin token=\"test token\""));
    assert_non_null(strstr(text, "result=PukWrong"));
    assert_non_null(strstr(text, "operation=generate"));
    assert_non_null(strstr(text, "operation=install"));
    assert_non_null(strstr(text, "operation=remove"));
    assert_non_null(strstr(text, "operation=remove result=NotAllowed"));
    assert_null(strstr(text, "12345678"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_may_manage_nothing),
        cmocka_unit_test(a_pin_is_changed_by_descriptors),
        cmocka_unit_test(a_pin_is_changed_by_prompts_and_typed_twice),
        cmocka_unit_test(the_puk_is_told_from_the_pin),
        cmocka_unit_test(
            a_request_is_signed_by_its_own_key_and_names_the_address),
        cmocka_unit_test(a_certificate_goes_beside_its_key_and_nowhere_else),
        cmocka_unit_test(a_removed_key_is_gone),
        cmocka_unit_test(only_an_empty_token_is_initialised),
        cmocka_unit_test(the_audit_tells_what_was_managed),
    };

    if (access(softhsm, R_OK) != 0)
        return 77;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
