/*
 * smime-gpgsm's words: lines of Assuan in, records for GPGME out. What is
 * foreign in them ends no line, no field and no escape.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "client/mail/gpgsm/engine.h"

/* ---- patterns ------------------------------------------------------------ */

static void
assert_patterns(const char *line, size_t n, const char *const *words)
{
    json_t *list = patterns_read(line);

    assert_int_equal(json_array_size(list), n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(json_string_value(json_array_get(list, i)),
                            words[i]);
    json_decref(list);
}
#define ASSERT_PATTERNS(line, ...)                                             \
    assert_patterns(line, ARRAY_COUNT(((const char *const[]){__VA_ARGS__})),   \
                    (const char *const[]){__VA_ARGS__})

static void
words_are_taken_apart_and_their_escapes_undone(void **state)
{
    (void)state;
    ASSERT_PATTERNS("max", "max");
    ASSERT_PATTERNS(" max  elena ", "max", "elena");
    ASSERT_PATTERNS("--with-secret -- --max", "--max");
    ASSERT_PATTERNS("--fast max", "max");
    ASSERT_PATTERNS("Max%20M%2b+X", "Max M+ X");
    ASSERT_PATTERNS("%", "%");
    ASSERT_PATTERNS("%4", "%4");
    ASSERT_PATTERNS("a%4", "a%4");
    ASSERT_PATTERNS("%zz%41", "%zzA");
    ASSERT_PATTERNS("a%00b", "a%00b");
    ASSERT_PATTERNS("%c3%bc", "\xc3\xbc");
    ASSERT_PATTERNS("%ff", "\\xff");
    assert_patterns("", 0, NULL);
    assert_patterns("--", 0, NULL);
}

static void
an_option_is_a_whole_word(void **state)
{
    (void)state;
    assert_true(has_option("--detached", "--detached"));
    assert_true(has_option("--data x", "--data"));
    assert_false(has_option("--database", "--data"));
    assert_false(has_option("x", "--data"));
}

/* ---- numbers ------------------------------------------------------------- */

static void
errors_and_algorithms_have_gnupgs_numbers(void **state)
{
    (void)state;
    assert_int_equal(code_of("NoKey"), GPG_ERR_NO_SECKEY);
    assert_int_equal(code_of("Cancelled"), GPG_ERR_CANCELED);
    assert_int_equal(code_of("NotReachable"), GPG_ERR_NO_AGENT);
    assert_int_equal(code_of("PinBlocked"), GPG_ERR_PIN_BLOCKED);
    assert_int_equal(code_of("SomethingElse"), GPG_ERR_GENERAL);
    assert_int_equal(algorithm_number("RSA-3072", true), 1);
    assert_int_equal(algorithm_number("P-256", false), 18);
    assert_int_equal(algorithm_number("P-256", true), 301);
    assert_int_equal(algorithm_number("brainpoolP384r1", true), 301);
    assert_int_equal(algorithm_number("secp256k1", false), 18);
    assert_int_equal(algorithm_number("unknown", true), 0);
    assert_int_equal(algorithm_bits("RSA-3072"), 3072);
    assert_int_equal(algorithm_bits("P-384"), 384);
    assert_int_equal(algorithm_bits("brainpoolP512r1"), 512);
    assert_int_equal(algorithm_bits("secp256k1"), 256);
    assert_int_equal(algorithm_bits("Ed25519"), 255);
    assert_int_equal(hash_number("sha-256"), 8);
    assert_int_equal(hash_number("SHA-512"), 10);
    assert_int_equal(hash_number("sha1"), 2);
    assert_int_equal(hash_number("rot13"), 0);
}

/* ---- records ------------------------------------------------------------- */

#define SHA1   "00112233445566778899aabbccddeeff00112233"
#define ISSUER "ff112233445566778899aabbccddeeff00112233"

/* A reply with one certificate; to be dropped. */
static json_t *
reply_with(const char *subject, const char *chain, const char *kind,
           json_t *key, json_int_t not_after)
{
    json_t *certificate = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:[s], s:i, s:I, s:s}", "sha1", SHA1,
        "fingerprint", SHA1 SHA1, "subject", subject, "issuer", "CN=A:B\\C",
        "serial", "0aff", "addresses", "max@example.org", "not_before",
        1577934245, "not_after", not_after, "key", "RSA-2048");

    return json_pack("{s:[{s:o, s:s, s:s, s:[s,s], s:b, s:b, s:o, s:s}]}",
                     "certificates", "certificate", certificate, "chain", chain,
                     "kind", kind, "uses", "sign", "decrypt", "ca", 0,
                     "blocked", 0, "key", key, "issuer_sha1", ISSUER);
}

static json_int_t
later(void)
{
    return (json_int_t)time(NULL) + 3600;
}

static void
assert_holds(struct buf *text, const char *what)
{
    if (!strstr(buf_text(text), what))
        fail_msg("%s\nis not in\n%s", what, buf_text(text));
}

static void
a_record_has_gpgsms_fields(void **state)
{
    json_t *reply =
        reply_with("CN=max", "ok", "contact", json_null(), 4102444800);
    AUTO(buf) struct buf out = {0};
    struct listed c;

    (void)state;
    certificates_at(reply, 0, &c);
    colons_write(&c, true, &out);
    assert_holds(&out, "crt:f:2048:1:CCDDEEFF00112233:20200102T030405:"
                       "21000101T000000:0AFF::CN=A\\x3aB\\x5cC::esES::::::\n");
    assert_holds(&out, "fpr:::::::::00112233445566778899AABBCCDDEEFF00112233"
                       ":::FF112233445566778899AABBCCDDEEFF00112233:\n");
    assert_holds(&out, "uid:f::::::::CN=max::\n");
    assert_holds(&out, "uid:f::::::::<max@example.org>::\n");
    json_decref(reply);
}

static void
foreign_text_ends_no_field(void **state)
{
    json_t *reply = reply_with("CN=x:\ncrt:u:\x7f\\", "untrusted", "own",
                               json_string("id"), later());
    AUTO(buf) struct buf out = {0};
    struct listed c;

    (void)state;
    certificates_at(reply, 0, &c);
    colons_write(&c, true, &out);
    assert_holds(&out, "CN=x\\x3a\\x0acrt\\x3au\\x3a\\x7f\\x5c:");
    assert_memory_equal(buf_text(&out), "crs:n:", 6);
    assert_null(strstr(buf_text(&out) + 1, "\ncrt"));
    json_decref(reply);
}

static void
validity_is_told_by_chain_kind_and_time(void **state)
{
    static const struct {
        const char *chain, *kind;
        bool old;
        char validity;
    } cases[] = {
        {"ok", "contact", false, 'f'},      {"ok", "contact", true, 'e'},
        {"expired", "contact", false, 'e'}, {"revoked", "contact", false, 'r'},
        {"untrusted", "own", false, 'n'},   {"purpose", "contact", false, 'i'},
        {"invalid", "contact", false, 'i'}, {"not_asked", "issuer", false, '-'},
        {"not_asked", "anchor", false, 'u'}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        json_t *reply = reply_with("CN=x", cases[i].chain, cases[i].kind,
                                   json_null(), cases[i].old ? 1 : later());
        AUTO(buf) struct buf out = {0};
        struct listed c;

        certificates_at(reply, 0, &c);
        colons_write(&c, false, &out);
        assert_int_equal(buf_text(&out)[4], cases[i].validity);
        json_decref(reply);
    }
}

static void
only_what_can_be_used_is_chosen(void **state)
{
    static const struct {
        const char *chain;
        bool own, old;
        int encrypting, signing;
    } cases[] = {
        {"ok", false, false, -1, 9},        {"ok", true, false, -1, -1},
        {"ok", true, true, 5, 5},           {"untrusted", false, false, 10, 9},
        {"untrusted", true, false, -1, -1}, {"revoked", true, false, 4, 4},
        {"purpose", false, false, 3, 9},    {"invalid", false, false, 10, 9}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        json_t *reply =
            reply_with("CN=x", cases[i].chain, "contact",
                       cases[i].own ? json_string("id") : json_null(),
                       cases[i].old ? 1 : later());
        struct listed c, chosen;
        int reason;

        certificates_at(reply, 0, &c);
        assert_int_equal(certificate_obstacle(&c, false), cases[i].encrypting);
        assert_int_equal(certificate_obstacle(&c, true), cases[i].signing);
        assert_int_equal(certificates_choose(reply, false, &chosen, &reason),
                         cases[i].encrypting < 0);
        if (cases[i].encrypting >= 0)
            assert_int_equal(reason, cases[i].encrypting);
        json_decref(reply);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_taken_apart_and_their_escapes_undone),
        cmocka_unit_test(an_option_is_a_whole_word),
        cmocka_unit_test(errors_and_algorithms_have_gnupgs_numbers),
        cmocka_unit_test(a_record_has_gpgsms_fields),
        cmocka_unit_test(foreign_text_ends_no_field),
        cmocka_unit_test(validity_is_told_by_chain_kind_and_time),
        cmocka_unit_test(only_what_can_be_used_is_chosen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
