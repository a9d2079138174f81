/*
 * Detached signatures whose multipart announces another digest, or none, or
 * is itself damaged: what is valid is judged right, from a file and from a
 * pipe, and nothing is taken for it.
 */
#include "tests/unit/session_parts.h"

#define PART      "Content-Type: text/plain\n\nthe text"
#define CANONICAL "Content-Type: text/plain\r\n\r\nthe text"

static void
put_base64(struct slice der, struct buf *out)
{
    struct base64_writer *w;
    struct problem p = {0};
    struct sink_buf to;

    sink_buf_init(&to, out, SIZE_MAX / 2);
    w = base64_writer_new(&to.s, false);
    assert_int_equal(sink_write(base64_writer_sink(w), der.p, der.n, &p),
                     ERR_OK);
    assert_int_equal(base64_writer_finish(w, &p), ERR_OK);
    base64_writer_drop(&w);
}

/* A multipart/signed with this micalg parameter (may be ""), signed with H;
 * LIES: over another text. */
static void
signed_with(enum hash h, const char *micalg, bool lies, struct buf *out)
{
    AUTO(buf) struct buf der = {0};

    sign_detached(&alice, spec_for(&alice, SCHEME_RSA_PKCS1, h),
                  slice_text(lies ? "another text" : CANONICAL), &der);
    buf_add_text(out, HEAD "Content-Type: multipart/signed;");
    buf_add_text(out, micalg);
    buf_add_text(out, " protocol=\"application/pkcs7-signature\";\n"
                      " boundary=x\n\n--x\n" PART
                      "\n--x\nContent-Type: application/pkcs7-signature\n"
                      "Content-Transfer-Encoding: base64\n\n");
    put_base64(buf_slice(&der), out);
    buf_add_text(out, "\n--x--\n");
}

static const char *const micalgs[] = {
    " micalg=sha-256;", " micalg=sha-384;",       " micalg=sha512;",
    " micalg=sha1;",    " micalg=md5;",           " micalg=sha-3-256;",
    " micalg=\"\";",    " micalg=\"a,sha-224\";", ""};
static const enum hash hashes[] = {HASH_SHA256, HASH_SHA384, HASH_SHA512,
                                   HASH_SHA3_384};

static void
whatever_is_announced_a_valid_signature_is_judged_right(void **state)
{
    (void)state;
    for (size_t h = 0; h < ARRAY_COUNT(hashes); h++)
        for (size_t m = 0; m < ARRAY_COUNT(micalgs); m++)
            for (int lies = 0; lies < 2; lies++) {
                AUTO(buf) struct buf mail = {0};
                AUTO(outcome) struct outcome o;
                AUTO(outcome) struct outcome p;

                alone();
                signed_with(hashes[h], micalgs[m], lies, &mail);
                open_mail(&mail, &o);
                assert_string_equal(verdict_of(&o), lies ? "bad" : "good");
                assert_int_equal(asked_count, 1);
                assert_true(asked[0].digest_n > 0);
                assert_true(holds(&o.output, "\nthe text"));
                call_mail(mail_verify, NULL, buf_slice(&mail), &p);
                assert_string_equal(verdict_of(&p), lies ? "bad" : "good");
            }
}

static void
verify_from_pipe(enum hash h, const char *micalg, size_t digest_bytes)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome o;
    struct world w = {0};
    int fds[2];

    alone();
    signed_with(h, micalg, false, &mail);
    assert_int_equal(pipe(fds), 0);
    assert_true(fd_write_all(fds[1], mail.data, mail.len));
    close(fds[1]);
    mail_world_open(&w);
    call_on(&w, mail_verify, NULL, fds[0], &o);
    mail_world_close(&w);
    close(fds[0]);
    assert_int_equal(asked_count, 1);
    assert_int_equal(asked[0].digest_n, digest_bytes);
    if (digest_bytes > 0)
        assert_string_equal(verdict_of(&o), "good");
}

/* Read once: all usual digests at once. */
static void
it_is_the_same_from_a_pipe(void **state)
{
    (void)state;
    for (size_t m = 0; m < ARRAY_COUNT(micalgs); m++)
        verify_from_pipe(HASH_SHA512, micalgs[m], 64);
}

/* SHA-3 only where it is announced, or nothing that is known: the validator
 * says then that the message does not announce it. */
static void
from_a_pipe_sha_3_is_computed_where_it_may_be_wanted(void **state)
{
    (void)state;
    verify_from_pipe(HASH_SHA3_384, " micalg=sha3-384;", 48);
    verify_from_pipe(HASH_SHA3_384, " micalg=unknown;", 48);
    verify_from_pipe(HASH_SHA3_384, "", 48);
    verify_from_pipe(HASH_SHA3_384, " micalg=sha-256;", 0);
}

/* ---- what is computed: each layer hashes all of the content
 * ---------------------------------------------------------------------- */

static unsigned
hashes_of(const struct reading *g, const char *micalg, const struct where *w)
{
    AUTO(buf) struct buf text = {0};
    AUTO(buf) struct buf rest = {0};
    struct entity e = {.is_entity = true};
    struct problem p = {0};
    struct stream_memory s;
    struct announced a;

    buf_addf(&text,
             "Content-Type: multipart/signed; boundary=x; "
             "protocol=\"application/pkcs7-signature\"; micalg=\"%s\"\n\n",
             micalg);
    stream_memory_init(&s, buf_slice(&text));
    assert_int_equal(header_read(&s.s, &e.header, &rest, &p), ERR_OK);
    announced_read(g, &e, w, &a);
    header_drop(&e.header);
    return a.hashes;
}

#define ONE(hash) (1U << (hash))

static void
the_first_pass_computes_what_is_announced_and_no_more(void **state)
{
    static struct reading g;
    struct where w = {.signature = -1, .encryption = -1};
    const unsigned usual = ONE(HASH_SHA256);

    (void)state;
    g.begins = 0;
    assert_int_equal(hashes_of(&g, "", &w), usual);
    assert_int_equal(hashes_of(&g, "unknown", &w), usual);
    assert_int_equal(hashes_of(&g, "sha-512", &w), usual | ONE(HASH_SHA512));
    assert_int_equal(
        hashes_of(&g, "sha3-256,sha3-384,sha3-512,sha-512,sha-1,md5", &w),
        usual | ONE(HASH_SHA3_256) | ONE(HASH_SHA3_384) | ONE(HASH_SHA3_512));
}

static void
read_once_only_outer_layers_have_all_digests(void **state)
{
    static struct reading g;
    struct where w = {.signature = -1, .encryption = -1};

    (void)state;
    g.begins = -1;
    for (int i = 0; i < 4; i++) {
        g.layer[i].at.signature = i - 1;
        w.signature = i - 1;
        assert_int_equal(hashes_of(&g, "", &w),
                         i < 2 ? ALL_HASHES : USUAL_HASHES);
        assert_int_equal(hashes_of(&g, "sha3-384", &w),
                         USUAL_HASHES | ONE(HASH_SHA3_384));
    }
}

static void
the_second_pass_computes_what_was_missing(void **state)
{
    static struct reading first, again;
    struct where w = {.signature = -1, .encryption = -1};

    (void)state;
    first.layer_count = 2;
    for (size_t i = 0; i < 2; i++) {
        first.layer[i].kind = LAYER_SIGNED;
        first.layer[i].digests = digests_new(ONE(HASH_SHA256));
        first.layer[i].data.signer_count = 2;
        first.layer[i].data.signer[0].hash = HASH_SHA256;
        first.layer[i].data.signer[1].hash = HASH_NONE;
    }
    first.layer[1].data.signer[1].hash = HASH_SHA3_384;
    again.first = &first;
    assert_int_equal(hashes_of(&again, "sha-512", &w), 0);
    again.layer_count = 1;
    assert_int_equal(hashes_of(&again, "sha-512", &w),
                     ONE(HASH_SHA256) | ONE(HASH_SHA3_384));
    again.layer_count = 2;
    assert_int_equal(hashes_of(&again, "sha-512", &w), 0);
    for (size_t i = 0; i < 2; i++)
        digests_drop(&first.layer[i].digests);
}

/* Inside encryption, which is not taken off twice; and in a part. */
static void
it_is_the_same_inside_layers_and_parts(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(buf) struct buf list = {0};
    AUTO(outcome) struct outcome o;
    AUTO(outcome) struct outcome p;

    (void)state;
    alone();
    signed_with(HASH_SHA512, " micalg=sha-256;", false, &mail);
    in_list(&mail, &list);
    open_mail(&list, &o);
    assert_layer(&o, 0, "1.1", "part", true);
    wrap(mail_encrypt, false, &mail);
    wrap(mail_sign, false, &mail);
    spoil(&mail, "micalg=sha-256", "micalg=sha-384");
    open_mail(&mail, &p);
    assert_int_equal(p.e, ERR_OK);
    assert_int_equal(key_operations, 1);
    assert_string_equal(verdict_of(&p), "good");
}

/* ---- a broken layer around a good one
 * ---------------------------------------------- */

static void
a_broken_outer_layer_is_never_good_and_the_inner_is_told(void **state)
{
    method_handler *const verbs[] = {mail_open, mail_verify};

    (void)state;
    for (size_t v = 0; v < ARRAY_COUNT(verbs); v++)
        for (int cut = 0; cut < 2; cut++) {
            AUTO(buf) struct buf mail = {0};
            AUTO(outcome) struct outcome o;

            alone();
            buf_add_text(&mail, HEAD TEXT);
            wrap(mail_sign, true, &mail);
            wrap(mail_sign, false, &mail);
            if (cut)
                spoil(&mail, "application/pkcs7-signature; name",
                      "application/pkcs7-s1gnature; nome");
            spoil(&mail, "filename=\"smime.p7s\"\n\nMI",
                  cut ? "filename=\"smime.p7s\"\n\nXX"
                      : "filename=\"smime.p7s\"\n\nMJ");
            call_mail(verbs[v], NULL, buf_slice(&mail), &o);
            assert_int_equal(o.e, ERR_OK);
            assert_string_equal(verdict_of(&o), "bad");
            assert_true(has_reason(&o, "signature-damaged"));
            assert_layer(&o, 0, "1", "message", false);
            assert_layer(&o, 1, "1.1", "message", true);
            assert_int_equal(asked_count, 1);
            assert_int_equal(asked[0].learn, 0);
        }
}

/* With nothing to tell inside, what is wrong with it is said. */
static void
a_damaged_signature_alone_is_an_error_of_verify(void **state)
{
    AUTO(buf) struct buf mail = {0};
    AUTO(outcome) struct outcome o;

    (void)state;
    alone();
    buf_add_text(&mail, HEAD TEXT);
    wrap(mail_sign, false, &mail);
    spoil(&mail, "filename=\"smime.p7s\"\n\nMI",
          "filename=\"smime.p7s\"\n\nXX");
    call_mail(mail_verify, NULL, buf_slice(&mail), &o);
    assert_int_equal(o.e, ERR_BAD_MESSAGE);
    /* In words of CMS, which nobody sees who looks at the mail. */
    assert_memory_equal(o.problem.detail, "its signature: ", 15);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            whatever_is_announced_a_valid_signature_is_judged_right),
        cmocka_unit_test(it_is_the_same_from_a_pipe),
        cmocka_unit_test(from_a_pipe_sha_3_is_computed_where_it_may_be_wanted),
        cmocka_unit_test(the_first_pass_computes_what_is_announced_and_no_more),
        cmocka_unit_test(read_once_only_outer_layers_have_all_digests),
        cmocka_unit_test(the_second_pass_computes_what_was_missing),
        cmocka_unit_test(it_is_the_same_inside_layers_and_parts),
        cmocka_unit_test(
            a_broken_outer_layer_is_never_good_and_the_inner_is_told),
        cmocka_unit_test(a_damaged_signature_alone_is_an_error_of_verify),
    };

    return cmocka_run_group_tests(tests, identities_make, identities_drop);
}
