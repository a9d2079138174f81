/*
 * Each limit of certificates, paths and lists: as much as it allows is looked
 * at, one more is passed over, or refused and named.
 */
#include "validator_case.h"

#include <openssl/param_build.h>
#include <openssl/x509v3.h>

#include "agent/base/fd.h"
#include "agent/validator/bounds.h"

/* ---- one certificate ----------------------------------------------------- */

static void
so_many_addresses_of_a_certificate_count(void **state)
{
    AUTO(buf) struct buf list = {0};
    struct made many;

    (void)state;
    for (int i = 0; i <= LIMIT_CERT_ADDRESSES; i++)
        buf_addf(&list, "%semail:a%d@b.org", i ? "," : "", i);
    many = person((struct cert_spec){.extra_nid = NID_subject_alt_name,
                                     .extra = buf_text(&list)});
    for (int over = 0; over < 2; over++) {
        char from[32];

        snprintf(from, sizeof(from), "a%d@b.org",
                 LIMIT_CERT_ADDRESSES - 1 + over);
        judge((struct message_spec){.signer = &many, .from = from});
        assert_int_equal(r.chain, CHAIN_OK);
        assert_int_equal(r.good, !over);
        assert_int_equal(r.sender == SENDER_MATCHES, !over);
    }
}

static BIGNUM *
number_of(int bits)
{
    BIGNUM *n = BN_new();

    BN_set_bit(n, bits - 1);
    BN_set_bit(n, 0);
    return n;
}

static EVP_PKEY *
dsa_public(int bits)
{
    static const char *const names[] = {"p", "q", "g", "pub"};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DSA", NULL);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    BIGNUM *n[] = {number_of(bits), number_of(256), number_of(8), number_of(9)};
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params;

    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        OSSL_PARAM_BLD_push_BN(b, names[i], n[i]);
    params = OSSL_PARAM_BLD_to_param(b);
    EVP_PKEY_fromdata_init(ctx);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params),
                     1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(ctx);
    for (size_t i = 0; i < ARRAY_COUNT(n); i++)
        BN_free(n[i]);
    return key;
}

static void
a_dsa_key_is_bounded(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        EVP_PKEY *key = dsa_public(LIMIT_DSA_BITS + over);

        assert_int_equal(key_is_bounded(key), !over);
        EVP_PKEY_free(key);
    }
}

/* ---- paths --------------------------------------------------------------- */

static struct made
issuer_make(const char *name, const struct made *by, const char *key)
{
    return make_cert(&(struct cert_spec){
        .name = name, .key = key, .ca = true, .issuer = by});
}

static void
judge_with(const struct made *leaf, const struct made *issuers, size_t n)
{
    make_request(&(struct message_spec){.signer = leaf, .from = ALICE}, &q);
    for (size_t i = 0; i < n; i++)
        assert_true(slice_list_add(&q.certificates, issuers[i].der));
    validator_judge(&v, &q, &r);
}

static void
a_path_is_so_long_and_no_longer(void **state)
{
    struct made link[LIMIT_CHAIN_DEPTH + 1];
    static char names[LIMIT_CHAIN_DEPTH + 1][8];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(link); i++) {
        struct made leaf;

        snprintf(names[i], sizeof(names[i]), "L%zu", i);
        link[i] = issuer_make(names[i], i ? &link[i - 1] : &root, "p256d");
        if (i + 2 < ARRAY_COUNT(link))
            continue;
        leaf = person((struct cert_spec){.email = ALICE, .issuer = &link[i]});
        judge_with(&leaf, link, i + 1);
        assert_int_equal(r.chain == CHAIN_OK, i < LIMIT_CHAIN_DEPTH);
        assert_int_equal(r.good, i < LIMIT_CHAIN_DEPTH);
    }
}

static struct check_reply cr;

static void
lend(enum trust_kind kind, struct slice bytes)
{
    const struct lent_trust lent = {.name = 9, .kind = kind, .bytes = bytes};

    assert_true(trust_add(&v.trust, &lent));
}

static enum chain
check_under(const struct made *leaf, const struct made *anchors, size_t n)
{
    struct check_request cq = {.trust = 9};
    struct problem p = {0};

    lend(TRUST_FORGET, slice_of(NULL, 0));
    lend(TRUST_CERTIFICATE, leaf->der);
    for (size_t i = 0; i < n; i++)
        lend(TRUST_ANCHORS, anchors[i].der);
    assert_int_equal(validator_check(&v, &cq, &cr, &p), ERR_OK);
    return (enum chain)cr.chain;
}

/* Anchors of the issuer's name, the right one last: all but the one that
 * libcrypto tries have to be tried one by one. */
static void
so_many_paths_are_tried(void **state)
{
    struct made hub[LIMIT_PATHS + 1], leaf;
    struct made right = issuer_make("Hub", NULL, "p256e");

    (void)state;
    leaf = person((struct cert_spec){.email = ALICE, .issuer = &right});
    for (size_t i = 0; i < ARRAY_COUNT(hub); i++)
        hub[i] = make_cert(&(struct cert_spec){.name = "Hub",
                                               .key = "p256f",
                                               .ca = true,
                                               .from = -DAY,
                                               .until = 900 * DAY});
    for (size_t over = 0; over < 2; over++) {
        hub[LIMIT_PATHS - 1 + over] = right;
        assert_int_equal(
            check_under(&leaf, hub, LIMIT_PATHS + over) == CHAIN_OK, !over);
        hub[LIMIT_PATHS - 1] = hub[0];
    }
}

/* The leaf, fourteen that lead nowhere and one that does cost a look at all
 * there are each; whoever issued that one comes last. */
static void
so_many_certificates_are_looked_at(void **state)
{
    struct made nobody = issuer_make("Nobody", NULL, "p256f"), leaf;
    struct made top = issuer_make("Top", &root, "p256");
    struct made right = issuer_make("Hub", &top, "p256e");
    struct made all[33];

    (void)state;
    assert_int_equal((1 + 14 + 1) * 32, LIMIT_PATH_STEPS);
    leaf = person((struct cert_spec){.email = ALICE, .issuer = &right});
    for (size_t i = 0; i < ARRAY_COUNT(all); i++)
        all[i] = make_cert(&(struct cert_spec){.name = i < 14 ? "Hub" : "Other",
                                               .key = "p256f",
                                               .ca = true,
                                               .issuer = &nobody,
                                               .from = -DAY,
                                               .until = 900 * DAY});
    all[20] = right;
    for (size_t over = 0; over < 2; over++) {
        struct made last = all[31 + over];

        all[31 + over] = top;
        judge_with(&leaf, all, 32 + over);
        assert_int_equal(r.chain == CHAIN_OK, !over);
        all[31 + over] = last;
    }
}

/* What is kept of a good signer's issuers; those nearest to him. */
static void
issuers_to_keep_are_bounded_together(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        AUTO(buf) struct buf filler = {0};
        struct made one[2], leaf;
        size_t plain = ca.der.n, each;

        /* Comments that make both together as large as may be. */
        each = LIMIT_ISSUER_BYTES_TOTAL / 2 - plain - 60;
        for (size_t i = 0; i < each; i++)
            buf_add_byte(&filler, 'x');
        one[0] =
            make_cert(&(struct cert_spec){.name = "Big",
                                          .key = "p256d",
                                          .ca = true,
                                          .issuer = &root,
                                          .extra_nid = NID_netscape_comment,
                                          .extra = buf_text(&filler)});
        for (;;) {
            one[1] =
                make_cert(&(struct cert_spec){.name = "Bigger",
                                              .key = "p256d",
                                              .ca = true,
                                              .issuer = &one[0],
                                              .extra_nid = NID_netscape_comment,
                                              .extra = buf_text(&filler)});
            /* Signatures differ by a byte or two. */
            if (one[0].der.n + one[1].der.n == LIMIT_ISSUER_BYTES_TOTAL + over)
                break;
            if (one[0].der.n + one[1].der.n < LIMIT_ISSUER_BYTES_TOTAL + over)
                buf_add_byte(&filler, 'x');
            else
                filler.len--;
        }
        leaf = person((struct cert_spec){.email = ALICE, .issuer = &one[1]});
        judge_with(&leaf, one, 2);
        assert_int_equal(r.good, 1);
        assert_int_equal(r.issuers.n, 2 - over);
    }
}

/* ---- files --------------------------------------------------------------- */

static void
file_put(const char *folder, const char *name, struct slice bytes)
{
    char path[160];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
    assert_int_equal(fclose(f), 0);
}

static void
file_remove(const char *folder, const char *name)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

static void
wait_for_look(void)
{
    struct timespec t = {.tv_nsec = (FOLDER_LOOK_MS + 5) * 1000000L};

    nanosleep(&t, NULL);
}

static void
add_armoured(struct slice der, struct buf *out)
{
    static char text[4096];
    int n = EVP_EncodeBlock((unsigned char *)text, der.p, (int)der.n);

    buf_add_text(out, "-----BEGIN X509 CRL-----\n");
    for (int i = 0; i < n; i += 64)
        buf_addf(out, "%.*s\n", n - i < 64 ? n - i : 64, text + i);
    buf_add_text(out, "-----END X509 CRL-----\n");
}

static void
so_many_lists_are_kept(void **state)
{
    struct slice crl = make_crl(&(struct crl_spec){.issuer = &ca});
    AUTO(buf) struct buf all = {0};

    (void)state;
    for (int i = 0; i < LIMIT_CRLS; i++)
        add_armoured(crl, &all);
    for (int over = 0; over < 2; over++) {
        file_put(crl_folders[0], "all.crl", buf_slice(&all));
        wait_for_look();
        crls_refresh(v.crls);
        assert_int_equal(crls_count(v.crls), LIMIT_CRLS);
        assert_int_equal(crls_faulty(v.crls)->n, over);
        add_armoured(crl, &all);
    }
    file_remove(crl_folders[0], "all.crl");
    wait_for_look();
    crls_refresh(v.crls);
    assert_int_equal(crls_count(v.crls), 0);
}

static void
so_many_certificates_are_kept_beside_lists(void **state)
{
    struct slice crl = make_crl(&(struct crl_spec){.issuer = &ca});
    AUTO(buf) struct buf all = {0};

    (void)state;
    buf_add_slice(&all, crl);
    for (int i = 0; i < LIMIT_CRL_ISSUERS; i++)
        buf_add_slice(&all, stranger.der);
    for (int over = 0; over < 2; over++) {
        file_put(crl_folders[0], "all.crl", buf_slice(&all));
        wait_for_look();
        crls_refresh(v.crls);
        assert_int_equal(crls_count(v.crls), 1);
        assert_int_equal(crls_faulty(v.crls)->n, over);
        buf_add_slice(&all, stranger.der);
    }
    assert_non_null(
        strstr(crls_faulty(v.crls)->item[0].why, "more certificates"));
    file_remove(crl_folders[0], "all.crl");
    wait_for_look();
    crls_refresh(v.crls);
}

/* Two files as large as may be are all there may be. */
static void
all_files_of_lists_are_bounded_together(void **state)
{
    static const char *const names[] = {"a.crl", "b.crl"};
    struct slice crl = make_crl(&(struct crl_spec){.issuer = &ca});
    AUTO(buf) struct buf file = {0};
    AUTO(buf) struct buf small = {0};

    (void)state;
    assert_int_equal(LIMIT_CRL_BYTES, 2 * LIMIT_CRL_FILE_BYTES);
    add_armoured(crl, &file);
    add_armoured(crl, &small);
    buf_reserve(&file, LIMIT_CRL_FILE_BYTES);
    memset(file.data + file.len, '\n', LIMIT_CRL_FILE_BYTES - file.len);
    file.len = LIMIT_CRL_FILE_BYTES;
    for (size_t i = 0; i < 2; i++)
        file_put(crl_folders[0], names[i], buf_slice(&file));
    wait_for_look();
    crls_refresh(v.crls);
    assert_int_equal(crls_count(v.crls), 2);
    assert_int_equal(crls_faulty(v.crls)->n, 0);
    file_put(crl_folders[0], "c.crl", buf_slice(&small));
    wait_for_look();
    crls_refresh(v.crls);
    assert_int_equal(crls_count(v.crls), 2);
    assert_int_equal(crls_faulty(v.crls)->n, 1);
    assert_non_null(strstr(crls_faulty(v.crls)->item[0].why, "more CRLs"));
    file_remove(crl_folders[0], "a.crl");
    file_remove(crl_folders[0], "b.crl");
    file_remove(crl_folders[0], "c.crl");
}

static void
a_file_of_anchors_is_bounded(void **state)
{
    AUTO(buf) struct buf file = {0};
    struct problem p = {0};
    char path[160];

    (void)state;
    snprintf(path, sizeof(path), "%s/more.pem", folders[0]);
    make_pem(path, &stranger, 1);
    assert_int_equal(file_read(path, LIMIT_ANCHOR_FILE_BYTES, &file, &p),
                     ERR_OK);
    buf_reserve(&file, LIMIT_ANCHOR_FILE_BYTES + 1);
    memset(file.data + file.len, '\n', LIMIT_ANCHOR_FILE_BYTES + 1 - file.len);
    for (size_t over = 0; over < 2; over++) {
        file_put(folders[0], "more.pem",
                 slice_of(file.data, LIMIT_ANCHOR_FILE_BYTES + over));
        wait_for_look();
        anchors_refresh(v.anchors);
        assert_int_equal(anchors_count(v.anchors), 2 - over);
        assert_int_equal(anchors_faulty(v.anchors)->n, over);
    }
    assert_non_null(
        strstr(anchors_faulty(v.anchors)->item[0].why, "too large"));
    file_remove(folders[0], "more.pem");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_addresses_of_a_certificate_count),
        cmocka_unit_test(a_dsa_key_is_bounded),
        cmocka_unit_test(a_path_is_so_long_and_no_longer),
        cmocka_unit_test(so_many_paths_are_tried),
        cmocka_unit_test(so_many_certificates_are_looked_at),
        cmocka_unit_test(issuers_to_keep_are_bounded_together),
        cmocka_unit_test(so_many_lists_are_kept),
        cmocka_unit_test(so_many_certificates_are_kept_beside_lists),
        cmocka_unit_test(all_files_of_lists_are_bounded_together),
        cmocka_unit_test(a_file_of_anchors_is_bounded),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
