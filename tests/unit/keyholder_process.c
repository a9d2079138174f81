/* The keyholder as its broker and its sessions see it: tokens, import, lists,
 * the audit, its end. */
#include "agent/keyholder/crew.h"
#include "places_of_tests.h"
#include "tests/unit/keyholder_session.h"

#include <dirent.h>
#include <openssl/pkcs12.h>

/* ---- tokens, unlock, lock ---------------------------------------------- */

static void
a_token_is_listed_locked(void **state)
{
    AUTO(session) struct session s;
    struct list_reply *reply = mem_new(sizeof(*reply));
    struct page page = {0};
    struct token_record record;

    (void)state;
    session_open(&s, RIGHT_MANAGE);
    session_narrow(&s, VERB_LOOK, 0, slice_of(NULL, 0));
    assert_int_equal(session_call(&s, MSG_TOKENS, &page, reply), ERR_OK);
    assert_true(reply->records.n >= 1);
    assert_true(
        record_decode(RECORD_token_record, reply->records.item[0], &record));
    assert_true(slice_is(record.label, "test token"));
    assert_true(slice_is(record.module, "softhsm"));
    assert_int_equal(record.flags & (TOKEN_INITIALIZED | TOKEN_UNLOCKED),
                     TOKEN_INITIALIZED);
    free(reply);
}

static void
a_wrong_pin_is_refused_and_the_right_one_unlocks(void **state)
{
    struct problem p;
    uint32_t flags = 0;

    (void)state;
    assert_int_equal(unlock("9999\n", RIGHT_MANAGE, VERB_MANAGE, &p, NULL),
                     ERR_PIN_WRONG);
    assert_string_equal(p.token, "test token");
    assert_int_equal(unlock("\n", RIGHT_MANAGE, VERB_MANAGE, &p, NULL),
                     ERR_PIN_INVALID);
    assert_int_equal(unlock("1234\n", RIGHT_MANAGE, VERB_MANAGE, &p, &flags),
                     ERR_OK);
    assert_true(flags & TOKEN_UNLOCKED);
}

static void
mail_may_not_unlock(void **state)
{
    (void)state;
    assert_int_equal(unlock("1234\n", RIGHT_MAIL, VERB_MANAGE, NULL, NULL),
                     ERR_NOT_ALLOWED);
    assert_int_equal(unlock("1234\n", RIGHT_MANAGE, VERB_SIGN, NULL, NULL),
                     ERR_NOT_ALLOWED);
}

static void
locking_counts_what_was_unlocked(void **state)
{
    (void)state;
    assert_int_equal(unlock("1234\n", RIGHT_MANAGE, VERB_MANAGE, NULL, NULL),
                     ERR_OK);
    assert_int_equal(lock_all(), 1);
    assert_int_equal(lock_all(), 0);
}

/* ---- import ------------------------------------------------------------ */

static void
an_importer_that_dies_leaves_the_token_as_it_was(void **state)
{
    AUTO(session) struct session s;
    struct imported i;

    (void)state;
    assert_int_equal(unlock("1234\n", RIGHT_MANAGE, VERB_MANAGE, NULL, NULL),
                     ERR_OK);
    broker.importer = IMPORTER_DIES;
    i = import_file("modern.p12", "1234", false);
    assert_int_equal(i.code, ERR_P12_FORMAT);
    broker.importer = IMPORTER_LIES;
    i = import_file("modern.p12", "1234", false);
    assert_int_equal(i.code, ERR_P12_FORMAT);
    broker.importer = IMPORTER_REAL;
    assert_int_equal(list_keys(NULL, NULL, &s), 0);
}

static void
a_wrong_password_changes_nothing(void **state)
{
    AUTO(session) struct session s;

    (void)state;
    assert_int_equal(import_file("modern.p12", "12345", false).code,
                     ERR_P12_PASSWORD);
    assert_int_equal(import_file("nomac.p12", "1234", false).code,
                     ERR_P12_NO_MAC);
    assert_int_equal(import_file("rsa.crt", "1234", false).code,
                     ERR_P12_FORMAT);
    assert_int_equal(list_keys(NULL, NULL, &s), 0);
}

static void
a_file_is_imported_and_importing_it_again_says_so(void **state)
{
    struct imported i = import_file("modern.p12", "1234\n", false);

    (void)state;
    assert_int_equal(i.code, ERR_OK);
    assert_int_equal(i.records, 1);
    assert_int_equal(i.already, 0);
    assert_int_equal(i.chain, 1);
    assert_string_equal(i.warning, "");
    assert_string_equal(i.label, "My key");
    i = import_file("modern.p12", "1234\n", false);
    assert_int_equal(i.code, ERR_OK);
    assert_int_equal(i.already, 1);
    i = import_file("legacy.p12", "1234\n", false);
    assert_int_equal(i.code, ERR_OK);
    assert_int_equal(i.already, 1);
    assert_string_equal(i.warning,
                        "the file has legacy encryption (RC2, 3DES), "
                        "which is weak: let nobody copy it");
}

/* The file's first prime, which only the file and the token may know. */
static void
no_key_stays_in_memory(void **state)
{
    FILE *f = fopen(fixture_path("rsa.key"), "r");
    EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    BIGNUM *prime = NULL;
    uint8_t bytes[256], reversed[256];
    int n;

    (void)state;
    fclose(f);
    assert_true(
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_FACTOR1, &prime));
    n = BN_bn2bin(prime, bytes);
    for (int i = 0; i < n; i++)
        reversed[i] = bytes[n - 1 - i];
    assert_false(memory_holds(slice_of(bytes + 16, 32)));
    assert_false(memory_holds(slice_of(reversed + 16, 32)));
    BN_clear_free(prime);
    EVP_PKEY_free(key);
}

static void
ec_keys_and_chains_are_imported(void **state)
{
    (void)state;
    assert_int_equal(import_file("ec.p12", "1234", false).code, ERR_OK);
    assert_int_equal(import_file("deep.p12", "1234", false).chain, 2);
    learn_ref("My key", &rsa_ref);
    learn_ref("eve@example.org", &ec_ref);
    learn_ref("Deep", &deep_ref);
}

static void
bags_add(STACK_OF(PKCS12_SAFEBAG) * *bags, const char *key, const char *cert)
{
    FILE *f = fopen(fixture_path(key), "r");
    EVP_PKEY *k = PEM_read_PrivateKey(f, NULL, NULL, NULL);

    fclose(f);
    f = fopen(fixture_path(cert), "r");
    X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    assert_true(k && x);
    assert_non_null(PKCS12_add_cert(bags, x));
    assert_non_null(PKCS12_add_key(bags, k, 0, 2048, NID_aes_256_cbc, "1234"));
    X509_free(x);
    EVP_PKEY_free(k);
}

/* No command of OpenSSL's writes such a file, but people get them: a key to
 * sign and one to decrypt. */
static void
several_keys_of_one_file_are_imported(void **state)
{
    STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
    STACK_OF(PKCS7) *safes = NULL;
    struct imported i;

    (void)state;
    bags_add(&bags, "rsa.key", "rsa.crt");
    bags_add(&bags, "ec.key", "ec.crt");
    PKCS12_add_safe(&safes, bags, -1, 0, NULL);
    PKCS12 *p12 = PKCS12_add_safes(safes, 0);
    assert_int_equal(
        PKCS12_set_mac(p12, "1234", -1, NULL, 0, 2048, EVP_sha256()), 1);
    FILE *f = fopen(fixture_path("two.p12"), "w");
    assert_int_equal(i2d_PKCS12_fp(f, p12), 1);
    fclose(f);
    PKCS12_free(p12);
    sk_PKCS7_pop_free(safes, PKCS7_free);
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    i = import_file("two.p12", "wrong", false);
    assert_int_equal(i.code, ERR_P12_PASSWORD);
    i = import_file("two.p12", "1234", false);
    assert_int_equal(i.code, ERR_OK);
    assert_int_equal(i.records, 2);
    assert_int_equal(i.already, 1); /* the RSA key came before */
    i = import_file("two.p12", "1234", false);
    assert_int_equal(i.already, 2);
}

/* ---- lists ------------------------------------------------------------- */

static void
keys_are_listed_with_their_certificate(void **state)
{
    AUTO(buf) struct buf der = fixture_read(fixture_path("rsa.der"));
    AUTO(session) struct session s;
    struct key_record r = {0};

    (void)state;
    assert_int_equal(list_keys("My key", &r, &s), 3);
    assert_true(slice_equal(r.certificate, buf_slice(&der)));
    assert_int_equal(r.type, KEY_RSA);
    assert_int_equal(r.bits, 2048);
    assert_int_equal(r.uses, USE_SIGN | USE_DECRYPT);
    assert_true(r.flags & KEY_HAS_PRIVATE);
    assert_true(slice_is(r.token, "test token"));
}

static size_t
read_chain(struct slice ref, struct buf *first)
{
    AUTO(session) struct session s;
    struct key_choice choice = {.key = ref};
    struct chain_reply *reply = mem_new(sizeof(*reply));
    size_t n;

    session_open(&s, RIGHT_MAIL);
    session_narrow(&s, VERB_SIGN, 1, ref);
    assert_int_equal(session_call(&s, MSG_CHAIN, &choice, reply), ERR_OK);
    n = reply->certificates.n;
    if (n > 0)
        buf_add_slice(first, reply->certificates.item[0]);
    free(reply);
    return n;
}

static void
a_chain_goes_up_and_stops_below_the_root(void **state)
{
    AUTO(buf) struct buf mid = fixture_read(fixture_path("mid.der"));
    AUTO(buf) struct buf first = {0};

    (void)state;
    assert_int_equal(read_chain(buf_slice(&rsa_ref), &first), 0);
    assert_int_equal(read_chain(buf_slice(&deep_ref), &first), 1);
    assert_true(slice_equal(buf_slice(&first), buf_slice(&mid)));
}

/* ---- audit, end -------------------------------------------------------- */

static void
the_audit_tells_what_was_done_and_refused(void **state)
{
    const char *path = fixture_path("state/smime-agent/audit.log");
    AUTO(session) struct session manage;
    struct sign_reply reply;
    struct problem p;
    struct stat st;
    const char *text;
    struct buf audit;

    (void)state;
    assert_int_equal(sign_once(buf_slice(&rsa_ref), &p), ERR_OK);
    session_open(&manage, RIGHT_MANAGE);
    assert_int_equal(
        sign_with(&manage, buf_slice(&rsa_ref), SCHEME_RSA_PKCS1, &reply),
        ERR_NOT_ALLOWED);
    /* A refusal is answered first: the next answer comes after its line. */
    assert_int_equal(
        session_narrow_refused(&manage, VERB_RAW, 0, slice_of(NULL, 0)),
        ERR_NOT_ALLOWED);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    audit = fixture_read(path);
    text = buf_text(&audit);
    assert_non_null(strstr(text, "operation=sign token=\"test token\" key="));
    assert_non_null(strstr(text, "operation=sign result=NotAllowed"));
    assert_non_null(strstr(text, "operation=unlock result=NotAllowed"));
    assert_non_null(strstr(text, "token=\"test token\" result=PinWrong"));
    assert_non_null(strstr(text, "operation=import result=WrongPassword"));
    assert_null(strstr(text, "9999"));
    buf_drop(&audit);
}

static void
references_outlive_the_process(void **state)
{
    struct problem p;

    (void)state;
    assert_int_equal(keyholder_stop(), 0);
    keyholder_start();
    pinentry_expect("1234", NULL, NULL);
    assert_int_equal(sign_once(buf_slice(&rsa_ref), &p), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
}

static void
an_import_among_two_tokens_must_be_told_which(void **state)
{
    struct imported i;

    (void)state;
    assert_int_equal(keyholder_stop(), 0);
    fixture_run("softhsm2-util --init-token --free --label second "
                "--so-pin 12345678 --pin 1234\n");
    keyholder_start();
    i = import_file("modern.p12", "1234", false);
    assert_int_equal(i.code, ERR_TOKEN_CHOICE);
    assert_non_null(strstr(i.problem.detail, "test token"));
    assert_non_null(strstr(i.problem.detail, "second"));
}

static void
the_keyholder_knows_no_cms(void **state)
{
    (void)state;
    fixture_run("! nm -D " SMIME_BUILD_DIR
                "/libexec/smime-agent/smime-keyholder | grep ' CMS_'\n");
}

/* ---- threads -------------------------------------------------------------
 */

static int
threads(void)
{
    char path[64];
    int n = 0;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)broker.pid);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static enum err
call_once(struct session *s)
{
    struct list_reply *reply = mem_new(sizeof(*reply));
    struct page page = {0};
    enum err e = session_call(s, MSG_KEYS, &page, reply);

    free(reply);
    return e;
}

static bool
threads_become(int n)
{
    for (int i = 0; i < 6000 && threads() != n; i++)
        poll(NULL, 0, 10);
    return threads() == n;
}

/* What was read for a list has ended: their number stays for half a second. */
static int
threads_settle(void)
{
    int n = threads();

    for (int same = 0; same < 50; same++) {
        poll(NULL, 0, 10);
        if (threads() != n) {
            n = threads();
            same = 0;
        }
    }
    return n;
}

static void
a_session_that_never_asks_costs_no_thread(void **state)
{
    struct session silent[LIMIT_CLIENTS], late;

    (void)state;
    session_open(&late, RIGHT_MAIL);
    assert_int_equal(call_once(&late), ERR_OK);
    session_drop(&late);
    int before = threads_settle();
    for (int i = 0; i < LIMIT_CLIENTS; i++)
        session_open(&silent[i], RIGHT_MAIL);
    /* Silent ones count, too. */
    session_open(&late, RIGHT_MAIL);
    assert_int_equal(call_once(&late), ERR_KEYHOLDER_LOST);
    session_drop(&late);
    assert_true(threads_become(before));
    /* It takes the thread that waits; the next one has none. */
    assert_int_equal(call_once(&silent[0]), ERR_OK);
    assert_true(threads_become(before));
    assert_int_equal(call_once(&silent[2]), ERR_OK);
    assert_true(threads_become(before + 1));
    /* One that hangs up makes room. */
    session_drop(&silent[1]);
    enum err e = ERR_KEYHOLDER_LOST;
    for (int i = 0; i < 3000 && e != ERR_OK; i++) {
        poll(NULL, 0, 10);
        session_open(&late, RIGHT_MAIL);
        e = call_once(&late);
        session_drop(&late);
    }
    assert_int_equal(e, ERR_OK);
    for (int i = 0; i < LIMIT_CLIENTS; i++)
        if (i != 1)
            session_drop(&silent[i]);
    /* One waited already. */
    assert_true(threads_settle() < before + CREW_IDLE_MOST);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest root_tests[] = {
        cmocka_unit_test(a_wrong_pin_is_refused_and_the_right_one_unlocks),
        cmocka_unit_test(a_file_is_imported_and_importing_it_again_says_so),
        cmocka_unit_test(no_key_stays_in_memory),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_that_never_asks_costs_no_thread),
        cmocka_unit_test(a_token_is_listed_locked),
        cmocka_unit_test(a_wrong_pin_is_refused_and_the_right_one_unlocks),
        cmocka_unit_test(mail_may_not_unlock),
        cmocka_unit_test(locking_counts_what_was_unlocked),
        cmocka_unit_test(an_importer_that_dies_leaves_the_token_as_it_was),
        cmocka_unit_test(a_wrong_password_changes_nothing),
        cmocka_unit_test(a_file_is_imported_and_importing_it_again_says_so),
        cmocka_unit_test(several_keys_of_one_file_are_imported),
        cmocka_unit_test(ec_keys_and_chains_are_imported),
        cmocka_unit_test(keys_are_listed_with_their_certificate),
        cmocka_unit_test(a_chain_goes_up_and_stops_below_the_root),
        cmocka_unit_test(the_audit_tells_what_was_done_and_refused),
        cmocka_unit_test(references_outlive_the_process),
        cmocka_unit_test(an_import_among_two_tokens_must_be_told_which),
        cmocka_unit_test(the_keyholder_knows_no_cms),
    };

    if (access(softhsm, R_OK) != 0)
        return 77;
    if (argc > 1 && strcmp(argv[1], "root") == 0)
        return geteuid() != 0
                   ? 77
                   : cmocka_run_group_tests(root_tests, set_up, tear_down);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
