/* What an import's journal names is taken back, and nothing else. Keys on
 * curve 25519, which only SoftHSM's own way of storing them shows. */
#include "tests/unit/tokens_fixture.h"
#include "tokens/write.h"

/* SoftHSM2 2.6.1 leaks a few bytes for each use of an Ed25519 key that it
 * generated. */
#if defined(SMIME_SANITIZED) && !defined(SMIME_TSAN)
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_disable() (void)0
#define __lsan_enable()  (void)0
#endif

static struct soft_key rsa, ed, x;
static struct token_written notes[32];
static size_t note_count;

static enum tokens_err
take_note(void *arg, struct token *t, const struct token_written *w)
{
    (void)arg;
    assert_ptr_equal(t, token);
    assert_true(note_count < 32);
    notes[note_count++] = *w;
    return TOKENS_OK;
}

static enum tokens_err
refuse_note(void *arg, struct token *t, const struct token_written *w)
{
    (void)t;
    (void)w;
    return --*(int *)arg < 0 ? TOKENS_FAILED : TOKENS_OK;
}

static const struct token_journal journal = {take_note, NULL};

static int
start(void **state)
{
    login_start(state);
    soft_rsa(&rsa);
    soft_ed25519(&ed);
    soft_25519(&x, TOKEN_KEY_X25519);
    return 0;
}

static int
end(void **state)
{
    soft_drop(&rsa);
    soft_drop(&ed);
    soft_drop(&x);
    return fixture_end(state);
}

static size_t
count_identities(void)
{
    const struct token_identities *all = NULL;

    assert_int_equal(token_identities_read(token, &all), TOKENS_OK);
    size_t n = all->count;
    token_identities_drop(&all);
    return n;
}

static int
clean(void **state)
{
    const struct soft_key *const keys[] = {&rsa, &ed, &x};
    size_t n = 0;

    (void)state;
    note_count = 0;
    for (size_t i = 0; i < 3; i++)
        (void)token_remove_identity(token, keys[i]->id, 20, &n);
    assert_int_equal(count_identities(), 0);
    return 0;
}

/* K with a certificate named NAME, both noted. */
static void
import_noted(struct soft_key *k, const char *name)
{
    struct token_import *i = NULL;
    bool already = false;
    uint8_t *der = NULL;
    size_t n = soft_certificate(k, name, &der);

    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    token_import_set_journal(i, &journal);
    assert_int_equal(token_import_add_key(i, &k->parts, &already), TOKENS_OK);
    assert_int_equal(token_import_add_certificate(
                         i, der, n, (struct token_bytes){0}, name, &already),
                     TOKENS_OK);
    assert_int_equal(token_import_commit(i), TOKENS_OK);
    token_import_drop(&i);
    OPENSSL_free(der);
}

static void
what_was_noted_is_taken_back(void **state)
{
    size_t removed = 0;

    (void)state;
    import_noted(&rsa, "Ada");
    assert_int_equal(note_count, 3);
    assert_int_equal(notes[0].object, TOKEN_OBJECT_PRIVATE);
    assert_memory_equal(notes[0].id, rsa.id, 20);
    assert_int_equal(token_import_undo(token, notes, note_count, &removed),
                     TOKENS_OK);
    assert_int_equal(removed, 3);
    assert_int_equal(count_identities(), 0);
    assert_int_equal(token_import_undo(token, notes, note_count, &removed),
                     TOKENS_OK);
    assert_int_equal(removed, 0);
}

static void
half_of_it_is_taken_back(void **state)
{
    size_t removed = 0;

    (void)state;
    import_noted(&rsa, "Ada");
    assert_int_equal(token_import_undo(token, notes, 1, &removed), TOKENS_OK);
    /* The certificate is not in this journal: somebody finished the work. */
    assert_int_equal(removed, 0);
    assert_int_equal(token_import_undo(token, notes + 2, 1, &removed),
                     TOKENS_OK);
    assert_int_equal(removed, 1);
    assert_int_equal(token_import_undo(token, notes, 1, &removed), TOKENS_OK);
    assert_int_equal(removed, 1);
}

static void
what_was_there_before_stays(void **state)
{
    struct token_import *i = NULL;
    size_t removed = 0;
    bool already = false;
    uint8_t *der = NULL;
    size_t n = soft_certificate(&rsa, "Ada", &der);

    (void)state;
    import_noted(&rsa, "Ada");
    note_count = 0;
    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    token_import_set_journal(i, &journal);
    assert_int_equal(token_import_add_key(i, &rsa.parts, &already), TOKENS_OK);
    assert_true(already);
    assert_int_equal(token_import_add_certificate(
                         i, der, n, (struct token_bytes){0}, "Ada", &already),
                     TOKENS_OK);
    token_import_drop(&i);
    OPENSSL_free(der);
    assert_int_equal(token_import_undo(token, notes, note_count, &removed),
                     TOKENS_OK);
    assert_int_equal(removed, 0);
    assert_int_equal(count_identities(), 1);
}

static void
another_certificate_of_the_key_saves_it(void **state)
{
    struct token_written mine[32];
    size_t count, removed = 0;

    (void)state;
    import_noted(&rsa, "Ada");
    memcpy(mine, notes, sizeof(mine));
    count = note_count;
    import_noted(&rsa, "Ada Lovelace");
    assert_int_equal(token_import_undo(token, mine, count, &removed),
                     TOKENS_OK);
    assert_int_equal(removed, 0);
    assert_int_equal(count_identities(), 2);
}

static void
a_journal_that_fails_ends_the_import_before_the_object(void **state)
{
    struct token_import *i = NULL;
    bool already = false;
    int left = 1;
    const struct token_journal broken = {refuse_note, &left};

    (void)state;
    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    token_import_set_journal(i, &broken);
    faults("");
    fault_reset();
    assert_int_equal(token_import_add_key(i, &rsa.parts, &already),
                     TOKENS_FAILED);
    assert_int_equal(fault_count("C_CreateObject"), 1);
    assert_int_equal(token_import_rollback(i), TOKENS_OK);
    token_import_drop(&i);
    assert_int_equal(count_identities(), 0);
}

static void
undoing_needs_a_login(void **state)
{
    size_t removed = 0;

    (void)state;
    import_noted(&rsa, "Ada");
    assert_int_equal(token_logout(token), TOKENS_OK);
    assert_int_equal(token_import_undo(token, notes, note_count, &removed),
                     TOKENS_LOCKED);
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
}

static void
an_x25519_key_is_stored_and_agrees(void **state)
{
    struct soft_key peer;
    uint8_t there[64], here[64];
    size_t n = 0, m = sizeof(here);

    (void)state;
    soft_25519(&peer, TOKEN_KEY_X25519);
    import_key(&x);
    assert_int_equal(token_agree(token, x.id, 20, peer.parts.point.p, 32, NULL,
                                 there, sizeof(there), &n),
                     TOKENS_OK);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(peer.key, NULL);
    assert_int_equal(EVP_PKEY_derive_init(c), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(c, x.key), 1);
    assert_int_equal(EVP_PKEY_derive(c, here, &m), 1);
    EVP_PKEY_CTX_free(c);
    assert_int_equal(n, m);
    assert_memory_equal(here, there, n);
    soft_drop(&peer);
}

static void
an_ed25519_key_is_generated(void **state)
{
    const struct token_generation what = {.type = TOKEN_KEY_ED25519,
                                          .label = "new"};
    struct token_import *i = NULL;
    uint8_t id[TOKEN_ID_BYTES], sig[TOKEN_SIGNATURE_BYTES];
    size_t id_len = 0, n = 0, removed = 0;

    (void)state;
    __lsan_disable();
    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    token_import_set_journal(i, &journal);
    assert_int_equal(token_import_generate(i, &what, id, &id_len), TOKENS_OK);
    assert_int_equal(token_import_prove(i), TOKENS_OK);
    assert_int_equal(token_import_commit(i), TOKENS_OK);
    token_import_drop(&i);
    /* Both its names: the one it was born with, and the final one. */
    assert_int_equal(note_count, 4);
    assert_memory_equal(notes[2].id, id, 20);
    assert_int_equal(token_sign(token, id, id_len, TOKEN_EDDSA, TOKEN_HASH_NONE,
                                (const uint8_t *)"text", 4, NULL, sig,
                                sizeof(sig), &n),
                     TOKENS_OK);
    assert_int_equal(n, 64);
    assert_int_equal(token_import_undo(token, notes, note_count, &removed),
                     TOKENS_OK);
    assert_int_equal(removed, 2);
    __lsan_enable();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_was_noted_is_taken_back, clean),
        cmocka_unit_test_teardown(half_of_it_is_taken_back, clean),
        cmocka_unit_test_teardown(what_was_there_before_stays, clean),
        cmocka_unit_test_teardown(another_certificate_of_the_key_saves_it,
                                  clean),
        cmocka_unit_test_teardown(
            a_journal_that_fails_ends_the_import_before_the_object, clean),
        cmocka_unit_test_teardown(undoing_needs_a_login, clean),
        cmocka_unit_test_teardown(an_x25519_key_is_stored_and_agrees, clean),
        cmocka_unit_test_teardown(an_ed25519_key_is_generated, clean),
    };

    return cmocka_run_group_tests(tests, start, end);
}
