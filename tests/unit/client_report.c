/*
 * The verdict in words: short, and nothing in it moves the cursor, turns the
 * text, or passes for somebody else.
 */
#include "client_command.h"

#define CERTIFICATE                                                            \
    "\"certificate\":{\"subject\":\"CN=Elena Example,O=Example\",\"issuer\":"  \
    "\"CN=Example CA\",\"addresses\":[\"elena@example.org\"]}"

static void
a_good_signature_is_said_in_one_line(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] =
        "{\"parameters\":{\"report\":{\"verdict\":\"good\",\"good\":true,"
        "\"reasons\":[],\"from\":[\"elena@example.org\"],\"layers\":[{\"kind\":"
        "\"encrypted\",\"cipher\":\"AES-256-CBC\",\"authenticated\":false},{"
        "\"kind\":\"signed\",\"signers\":[{\"good\":true,\"signing_time\":"
        "1767348000,\"learned\":\"new\"," CERTIFICATE "}]}]}}}";
    assert_int_equal(
        run_against(&s, "$S verify --at 2026-01-02T11:00:00+01:00 --learn "
                        "/dev/null"),
        0);
    assert_string_equal(
        output, "Good: signed by Elena Example <elena@example.org>, all of "
                "it.\n  signed 2026-01-02 10:00 UTC, issued by Example CA\n"
                "Encrypted with AES-256-CBC (not authenticated)\n"
                "elena@example.org is now in your contacts\n");
    assert_non_null(strstr(s.requests[0], "\"at\":1767348000"));
    assert_non_null(strstr(s.requests[0], "\"learn\":true"));
}

/* RFC 4514 writes a comma in a name as "\\," and a line end as "\\0A". */
static void
a_name_is_shown_without_the_marks_of_its_form(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] =
        "{\"parameters\":{\"report\":{\"verdict\":\"good\",\"good\":true,"
        "\"reasons\":[],\"layers\":[{\"kind\":\"signed\",\"signers\":[{"
        "\"good\":true,\"certificate\":{\"subject\":\"CN=Example\\\\, Elena "
        "\\\\C3\\\\A9\\\\0Ax,O=O\",\"issuer\":\"O=Acme\\\\, "
        "Inc.\\\\\\\\,C=DE\","
        "\"addresses\":[\"elena@example.org\"]}}]}]}}}";
    assert_int_equal(run_against(&s, "$S verify /dev/null"), 0);
    assert_string_equal(
        output, "Good: signed by Example, Elena \xc3\xa9\\x0ax "
                "<elena@example.org>, all of it.\n  issued by Acme, Inc.\\\n");
}

static void
a_note_is_not_why_it_is_bad(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = "{\"parameters\":{\"report\":{\"verdict\":\"bad\",\"good\":"
                   "false,\"reasons\":[\"odd-signing-time\",\"not-yet-valid\","
                   "\"weak-key\",\"more-parts\"],\"layers\":[]}}}";
    assert_int_equal(run_against(&s, "$S verify /dev/null"), 1);
    assert_string_equal(
        output,
        "NOT GOOD: the certificate was not yet valid at the time judged.\n"
        "  note: the signing time is in the future or before the "
        "certificate\n"
        "  also: a key in use is too short, or of a weak or unknown kind\n"
        "  note: there is more in the message than was looked at\n");
}

static void
what_to_compare_and_what_to_do_is_said(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] =
        "{\"parameters\":{\"report\":{\"verdict\":\"bad\",\"good\":false,"
        "\"reasons\":[\"untrusted-issuer\",\"from-mismatch\"],\"from\":["
        "\"eve\\u202e@evil.example\"],\"layers\":[{\"kind\":\"signed\","
        "\"signers\":[{\"good\":false," CERTIFICATE "}]}]}}}";
    assert_int_equal(run_against(&s, "$S verify /dev/null"), 1);
    assert_string_equal(
        output,
        "NOT GOOD: nobody you trust vouches for the certificate.\n"
        "  also: the certificate does not name the sender's address\n"
        "  claims to be signed by Elena Example <elena@example.org>\n"
        "  From says: eve\\xe2\\x80\\xae@evil.example\n"
        "  next: if you know who issued it, ask them for their root: man "
        "smime-agent, anchors\n");
}

/* As Italian gateways write: valid, and the gateway's. */
static void
whose_the_address_is_is_said_where_the_name_deceives(void **state)
{
    static const char report[] =
        "{\"parameters\":{\"report\":{\"verdict\":\"bad\",\"good\":false,"
        "\"reasons\":[\"deceiving-name\"],\"from\":[\"%s\"],\"layers\":[{"
        "\"kind\":\"signed\",\"place\":\"message\",\"signers\":[{"
        "\"good\":false,\"valid\":%s," CERTIFICATE "}]}]}}}";
    static const struct {
        const char *from, *valid;
        bool said;
    } rows[] = {{"Elena@example.org", "true", true},
                {"elena@example.org", "false", false},
                {"eve@evil.example", "true", false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        AUTO(buf) struct buf answer = {0};
        struct server s;

        server_listen(&s, "");
        buf_addf(&answer, report, rows[i].from, rows[i].valid);
        s.answers[0] = buf_text(&answer);
        assert_int_equal(run_against(&s, "$S verify /dev/null"), 1);
        assert_int_equal(strstr(output,
                                "\n  the signer is Elena@example.org, not whom "
                                "the name beside that address shows\n") != NULL,
                         rows[i].said);
    }
}

static void
a_bad_signature_ends_with_1_and_says_why(void **state)
{
    static const char bad[] =
        "{\"parameters\":{\"report\":{\"verdict\":\"bad\",\"good\":false,"
        "\"reasons\":[\"not-covered\",\"new\\u202eword\"],\"layers\":[{"
        "\"kind\":\"signed\",\"signers\":[{\"good\":false," CERTIFICATE
        "}]}]}}}";
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = s.answers[1] = s.answers[2] = bad;
    assert_int_equal(run_against(&s, "$S verify /dev/null; r=$?; $S open "
                                     "/dev/null; test $? = 1 || exit 99; $S "
                                     "verify --json /dev/null; exit $r"),
                     1);
    assert_non_null(strstr(output, "NOT GOOD: the signature does not cover"));
    assert_non_null(strstr(output, "\n  also: new\\xe2\\x80\\xaeword\n"));
    assert_non_null(strstr(
        output, "claims to be signed by Elena Example <elena@example.org>\n"));
    assert_non_null(strstr(errors, "NOT GOOD"));
    assert_non_null(strstr(output, "{\"report\":"));
    assert_non_null(strstr(output, "new\\u202Eword"));
}

/* One layer, or one signer of it. */
#define HELD(name, rest)                                                       \
    "{\"certificate\":{\"subject\":\"CN=" name "\",\"addresses\":[]}," rest "}"
#define AROUND(kind, rest)                                                     \
    "{\"kind\":\"" kind "\",\"place\":\"message\"," rest "}"

static void
several_layers_are_told_from_the_outside_in(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] =
        "{\"parameters\":{\"report\":{\"verdict\":\"bad\",\"good\":false,"
        "\"reasons\":[\"from-mismatch\"],\"layers\":[" AROUND(
            "signed",
            "\"signers\":[" HELD(
                "Max",
                "\"good\":true,\"valid\":true,"
                "\"sender\":\"matches\"") "]") "," AROUND("encrypted",
                                                          "\"cipher\":\"AES-"
                                                          "256-GCM\",\"key\":"
                                                          "\"ab\"") "," AROUND("signed",
                                                                               "\"signers\":[" HELD(
                                                                                   "Eve",
                                                                                   "\"good\":false,\"valid\":true,\"sender\":"
                                                                                   "\"differs\"") "," HELD("Bob",
                                                                                                           "\"good\":false,\"valid\":false,\"reasons\":["
                                                                                                           "\"expired\"]") "]") "]}}}";
    assert_int_equal(run_against(&s, "$S verify /dev/null"), 1);
    assert_non_null(strstr(
        output,
        "  layer 1, outermost: signed by Max, valid\n"
        "  layer 2: encrypted with AES-256-GCM\n"
        "  layer 3: signed by Eve, valid, not the sender; by Bob, NOT valid: "
        "the certificate was no longer valid at the time judged\n"));
}

/* A list's footer beside a signed part, a forwarded mail, a closed part. */
#define PARTED                                                                 \
    "{\"parameters\":{\"report\":{\"verdict\":\"partial\",\"good\":false,"     \
    "\"reasons\":[\"part-signed\",\"part-encrypted\"],\"layers\":[{\"kind\":"  \
    "\"signed\",\"place\":\"part\",\"valid\":true,\"reasons\":[],\"signers\":" \
    "["                                                                        \
    "{\"good\":false,\"valid\":true," CERTIFICATE "}]},{\"kind\":"             \
    "\"encrypted\",\"place\":\"part\",\"key\":null,\"cipher\":\"AES\"},{"      \
    "\"kind\":\"signed\",\"place\":\"attached\",\"valid\":false,\"reasons\":[" \
    "],"                                                                       \
    "\"signers\":[{\"valid\":false,\"reasons\":[\"digest-mismatch\"]"          \
    "," CERTIFICATE "}]}],\"parts\":[{\"path\":\"1.1.1\",\"type\":\"text/"     \
    "plain\",\"signature\":0},"                                                \
    "{\"path\":\"1.2\",\"type\":\"text/"                                       \
    "plain\",\"name\":\"a\\u001b[2Jb\\u202e\","                                \
    "\"signature\":null},{\"path\":\"1.3\",\"type\":\"application/"            \
    "pkcs7-mime\","                                                            \
    "\"encryption\":1},{\"path\":\"1.4\",\"type\":\"message/"                  \
    "rfc822\",\"from\":["                                                      \
    "\"m@example.org\"]},{\"path\":\"1.4.1\",\"type\":\"text/plain\","         \
    "\"signature\":2},{\"path\":\"9\",\"type\":\"a/b\",\"signature\":77}]}}}"

static void
parts_are_told_one_by_one(void **state)
{
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = s.answers[1] = PARTED;
    assert_int_equal(run_against(&s, "$S open /dev/null || exit 99; $S verify "
                                     "/dev/null"),
                     1);
    assert_string_equal(
        output,
        "NOT GOOD: only a part of it is signed.\n"
        "  note: an encrypted part was left closed: what stands beside it "
        "could leak it\n"
        "  part 1.1.1 (text/plain) is signed by Elena Example "
        "<elena@example.org>, valid\n"
        "  part 1.2 (text/plain, a\\x1b[2Jb\\xe2\\x80\\xae) is not signed\n"
        "  part 1.3 (application/pkcs7-mime) is not signed; it is encrypted "
        "and was left closed: save it as a file and open that alone\n"
        "  part 1.4 (attached message from m@example.org) is not signed\n"
        "  part 1.4.1 (text/plain) is signed by Elena Example "
        "<elena@example.org>, NOT valid: the content was changed after it was "
        "signed\n"
        "  part 9 (a/b) is not signed\n");
    assert_string_equal(errors, output);
}

/* ---- when
 * ------------------------------------------------------------------------ */

#define JUDGED(verdict, valid, integrity, source, revocation)                  \
    "{\"parameters\":{\"report\":{\"verdict\":\"" verdict                      \
    "\",\"good\":false,\"reasons\":[\"expired\"],\"layers\":[{\"kind\":"       \
    "\"signed\",\"signers\":[{\"good\":false,\"valid\":" valid                 \
    ",\"integrity\":\"" integrity "\",\"time_source\":\"" source               \
    "\",\"judged_at\":1767348000,\"revocation\":\"" revocation                 \
    "\"," CERTIFICATE "}]}]}}}"

/* What verify says of such an answer. */
static const char *
said(const char *answer)
{
    struct server s;

    server_listen(&s, "");
    s.answers[0] = answer;
    assert_int_equal(run_against(&s, "$S verify /dev/null"), 1);
    return output;
}

static void
what_time_it_was_judged_as_of_is_said_of_what_is_not_good_too(void **state)
{
    static const struct {
        const char *bad, *unseen, *words;
    } rows[] = {
#define ROW(source, revocation, words)                                         \
    {JUDGED("bad", "false", "ok", source, revocation),                         \
     JUDGED("unseen", "true", "ok", source, revocation),                       \
     "\n  judged " words "\n"}
        ROW("now", "clear", "as of now"),
        ROW("signing", "clear", "as of the signing time, the signer's word"),
        ROW("given", "clear", "as of the time you gave, 2026-01-02 10:00 UTC"),
        ROW("first_seen", "clear",
            "as of when the certificate was first seen, 2026-01-02 10:00 UTC"),
        ROW("signing", "not_checked",
            "as of the signing time, the signer's word; not checked: whether "
            "it was revoked"),
#undef ROW
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_non_null(strstr(said(rows[i].bad), rows[i].words));
        assert_non_null(strstr(output, "NOT GOOD"));
        assert_null(strstr(output, "issued by"));
        assert_non_null(strstr(said(rows[i].unseen), rows[i].words));
        assert_non_null(strstr(output, "no sender came with it"));
        assert_non_null(strstr(output, "issued by Example CA"));
    }
}

/* The signing time is nobody's word then. */
static void
of_a_signature_that_does_not_hold_no_time_is_said(void **state)
{
    (void)state;
    assert_null(strstr(
        said(JUDGED("bad", "false", "digest_wrong", "now", "not_checked")),
        "  judged "));
}

/* Whoever certified it: one line, no cursor, no turned text, no other
 * address. */
static void
a_hostile_name_cannot_deceive(void **state)
{
    static const char hostile[] =
        "{\"parameters\":{\"report\":{\"verdict\":\"good\",\"good\":true,"
        "\"reasons\":[],\"layers\":[{\"kind\":\"signed\",\"signers\":[{"
        "\"good\":true,\"certificate\":{\"addresses\":[\"e@x.org\\n"
        "Good: \"],\"subject\":\"CN=a\\u001b[2J\\u202eb\\nGood\",\"issuer\":"
        "\"CN=i\\u0007\\r\"}}]}]}}}";
    static const char posing[] =
        "{\"parameters\":{\"report\":{\"verdict\":\"good\",\"good\":true,"
        "\"reasons\":[],\"layers\":[{\"kind\":\"signed\",\"signers\":[{"
        "\"good\":true,\"certificate\":{\"addresses\":[\"e@x.org\"],"
        "\"subject\":\"CN=Boss <boss@x.org>\",\"issuer\":\"CN=i\"}}]}]}}}";
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = hostile;
    s.answers[1] = posing;
    assert_int_equal(run_against(&s, "$S verify /dev/null && $S verify "
                                     "/dev/null"),
                     0);
    assert_string_equal(output,
                        "Good: signed by a\\x1b[2J\\xe2\\x80\\xaeb\\x0aGood "
                        "<e@x.org\\x0aGood: >, all of it.\n"
                        "  issued by i\\x07\\x0d\n"
                        "Good: signed by e@x.org, all of it.\n  issued by i\n");
}

static void
an_unsigned_mail_is_not_verified_but_can_be_opened(void **state)
{
    static const char plain[] =
        "{\"parameters\":{\"report\":{\"verdict\":\"plain\",\"good\":false}}}";
    struct server s;

    (void)state;
    server_listen(&s, "");
    s.answers[0] = s.answers[1] = plain;
    assert_int_equal(run_against(&s, "$S open /dev/null || exit 99; $S verify "
                                     "/dev/null"),
                     1);
    assert_string_equal(output,
                        "Not signed: nobody vouches for who wrote it.\n");
    assert_string_equal(errors, output);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_signature_is_said_in_one_line),
        cmocka_unit_test(a_name_is_shown_without_the_marks_of_its_form),
        cmocka_unit_test(a_note_is_not_why_it_is_bad),
        cmocka_unit_test(what_to_compare_and_what_to_do_is_said),
        cmocka_unit_test(several_layers_are_told_from_the_outside_in),
        cmocka_unit_test(whose_the_address_is_is_said_where_the_name_deceives),
        cmocka_unit_test(a_bad_signature_ends_with_1_and_says_why),
        cmocka_unit_test(parts_are_told_one_by_one),
        cmocka_unit_test(
            what_time_it_was_judged_as_of_is_said_of_what_is_not_good_too),
        cmocka_unit_test(of_a_signature_that_does_not_hold_no_time_is_said),
        cmocka_unit_test(a_hostile_name_cannot_deceive),
        cmocka_unit_test(an_unsigned_mail_is_not_verified_but_can_be_opened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
