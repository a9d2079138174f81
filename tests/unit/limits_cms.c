/*
 * Each limit of a CMS structure: what has just as much is read, with one
 * more it is refused and the error says the limit, or it is passed over.
 */
#include "tests/unit/cms_fixture.h"

#include "agent/cms/ber.h"
#include "agent/cms/der.h"

/* ---- SignedData ---------------------------------------------------------- */

struct parts {
    struct buf digests, type, certificates, crls, signers;
};

static void
parts_drop(struct parts *p)
{
    buf_drop(&p->digests);
    buf_drop(&p->type);
    buf_drop(&p->certificates);
    buf_drop(&p->crls);
    buf_drop(&p->signers);
}

static void
put_object(const struct parts *p, struct buf *out)
{
    size_t a = der_open(out, TAG_SEQUENCE), b, c, d;

    der_put_oid(out, OID_SIGNED_DATA);
    b = der_open(out, TAG_CONTEXT_CONSTRUCTED);
    c = der_open(out, TAG_SEQUENCE);
    der_put_number(out, 1);
    der_put(out, TAG_SET, buf_slice(&p->digests));
    d = der_open(out, TAG_SEQUENCE);
    if (p->type.len > 0)
        der_put(out, TAG_OID, buf_slice(&p->type));
    else
        der_put_oid(out, OID_DATA);
    der_close(out, d);
    if (p->certificates.len > 0)
        der_put(out, TAG_CONTEXT_CONSTRUCTED, buf_slice(&p->certificates));
    if (p->crls.len > 0)
        der_put(out, TAG_CONTEXT_CONSTRUCTED + 1, buf_slice(&p->crls));
    der_put(out, TAG_SET, buf_slice(&p->signers));
    der_close(out, c);
    der_close(out, b);
    der_close(out, a);
}

/* An element with TAG whose whole is N bytes; a constructed one holds a
 * string. */
static void
put_element(uint8_t tag, size_t n, struct buf *out)
{
    size_t head = n < 0x82 ? 2 : n < 0x103 ? 3 : n < 0x10004 ? 4 : 5;
    AUTO(buf) struct buf body = {0};

    if ((tag & 0x20) && n > head) {
        put_element(TAG_OCTET_STRING, n - head, &body);
    } else {
        buf_reserve(&body, n);
        memset(body.data, 1, n);
        body.len = n - head;
    }
    der_put(out, tag, buf_slice(&body));
}

/* A field of N bytes in place of an ordinary one. */
enum field {
    NO_FIELD,
    ISSUER,
    SERIAL,
    KEY_ID,
    DIGEST_ALGORITHM,
    SIGNATURE_ALGORITHM,
    ATTRIBUTES,
    SIGNATURE
};

static void
put_signer(enum field f, size_t n, struct buf *out)
{
    size_t whole = der_open(out, TAG_SEQUENCE), sid;

    der_put_number(out, 1);
    if (f == KEY_ID) {
        put_element(TAG_CONTEXT, n + (n < 0x80 ? 2 : 3), out);
    } else {
        sid = der_open(out, TAG_SEQUENCE);
        put_element(TAG_SEQUENCE, f == ISSUER ? n : 2, out);
        put_element(TAG_INTEGER, f == SERIAL ? n + 2 : 3, out);
        der_close(out, sid);
    }
    put_element(TAG_SEQUENCE, f == DIGEST_ALGORITHM ? n : 2, out);
    if (f == ATTRIBUTES)
        put_element(TAG_CONTEXT_CONSTRUCTED, n, out);
    put_element(TAG_SEQUENCE, f == SIGNATURE_ALGORITHM ? n : 2, out);
    put_element(TAG_OCTET_STRING, f == SIGNATURE ? n + 4 : 3, out);
    der_close(out, whole);
}

static enum err
read_parts(const struct parts *p, struct signed_data *out,
           struct problem *problem)
{
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf content = {0};

    put_object(p, &object);
    return read_signed(buf_slice(&object), 4096, out, &content, problem);
}

static void
expect_over(const struct parts *p, const char *detail)
{
    AUTO(signed_data) struct signed_data read = {0};
    struct problem problem = {0};
    char sentence[512];

    assert_int_equal(read_parts(p, &read, &problem), ERR_LIMIT);
    assert_string_equal(problem.detail, detail);
    problem_text(&problem, 0, sentence, sizeof(sentence));
    assert_non_null(strstr(sentence, "too large: "));
    problem_text(&problem, 1, sentence, sizeof(sentence));
    assert_non_null(strstr(sentence, "man smime-limits"));
}

static void
sixteen_signers_are_read_and_no_more(void **state)
{
    AUTO(parts) struct parts p = {0};
    AUTO(signed_data) struct signed_data read = {0};

    (void)state;
    for (int i = 0; i < LIMIT_SIGNERS; i++)
        put_signer(NO_FIELD, 0, &p.signers);
    assert_int_equal(read_parts(&p, &read, NULL), ERR_OK);
    assert_int_equal(read.signer_count, LIMIT_SIGNERS);
    put_signer(NO_FIELD, 0, &p.signers);
    expect_over(&p, "more than 16 signers");
}

static void
thirty_two_certificates_are_read_and_no_more(void **state)
{
    AUTO(parts) struct parts p = {0};
    AUTO(signed_data) struct signed_data read = {0};

    (void)state;
    for (int i = 0; i < LIMIT_CERTIFICATES; i++)
        buf_add(&p.certificates, "\x30\x02\x05\x00", 4);
    assert_int_equal(read_parts(&p, &read, NULL), ERR_OK);
    assert_int_equal(read.certificate_count, LIMIT_CERTIFICATES);
    buf_add(&p.certificates, "\x30\x02\x05\x00", 4);
    expect_over(&p, "more than 32 certificates");
}

static void
certificates_of_other_kinds_are_counted(void **state)
{
    AUTO(parts) struct parts p = {0};
    AUTO(signed_data) struct signed_data read = {0};

    (void)state;
    for (int i = 0; i < LIMIT_CHOICES; i++)
        buf_add(&p.certificates, "\xa1\x02\x05\x00", 4);
    assert_int_equal(read_parts(&p, &read, NULL), ERR_OK);
    assert_int_equal(read.certificate_count, 0);
    buf_add(&p.certificates, "\xa1\x02\x05\x00", 4);
    expect_over(&p, "more than 1000 certificates");
}

static void
a_certificate_over_its_limit_is_passed_over(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        AUTO(parts) struct parts p = {0};
        AUTO(signed_data) struct signed_data read = {0};

        put_element(TAG_SEQUENCE, LIMIT_CERTIFICATE_BYTES + over,
                    &p.certificates);
        buf_add(&p.certificates, "\x30\x02\x05\x00", 4);
        assert_int_equal(read_parts(&p, &read, NULL), ERR_OK);
        assert_int_equal(read.certificate_count, 2 - over);
    }
}

static void
crls_over_their_number_or_size_are_passed_over(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        AUTO(parts) struct parts many = {0}, big = {0};
        AUTO(signed_data) struct signed_data of_many = {0}, of_big = {0};

        for (size_t i = 0; i < LIMIT_MESSAGE_CRLS + over; i++)
            put_element(TAG_SEQUENCE, 40, &many.crls);
        assert_int_equal(read_parts(&many, &of_many, NULL), ERR_OK);
        assert_int_equal(of_many.crl_count, LIMIT_MESSAGE_CRLS);
        put_element(TAG_SEQUENCE, LIMIT_MESSAGE_CRL_BYTES + over, &big.crls);
        assert_int_equal(read_parts(&big, &of_big, NULL), ERR_OK);
        assert_int_equal(of_big.crl_count, 1 - over);
    }
}

static void
what_follows_the_content_is_bounded_as_a_whole(void **state)
{
    const size_t most = LIMIT_SIGNED_TAIL_BYTES / LIMIT_CERTIFICATE_BYTES;
    AUTO(parts) struct parts p = {0};
    AUTO(signed_data) struct signed_data read = {0};

    (void)state;
    for (size_t i = 0; i < most; i++)
        put_element(TAG_SEQUENCE, LIMIT_CERTIFICATE_BYTES, &p.certificates);
    assert_int_equal(read_parts(&p, &read, NULL), ERR_OK);
    assert_int_equal(read.certificate_count, most);
    put_element(TAG_SEQUENCE, 4, &p.certificates);
    expect_over(&p, "more than 524288 bytes in one part of the structure");
}

static void
each_field_of_a_signer_is_bounded(void **state)
{
    static const struct {
        enum field field;
        size_t limit;
        const char *detail;
    } rows[] = {
        {ISSUER, LIMIT_ISSUER_BYTES,
         "signer 1: more than 4096 bytes of issuer"},
        {SERIAL, LIMIT_SERIAL_BYTES,
         "signer 1: more than 64 bytes of serial number"},
        {KEY_ID, LIMIT_KEY_ID_BYTES,
         "signer 1: more than 64 bytes of key identifier"},
        {DIGEST_ALGORITHM, LIMIT_DIGEST_ALGORITHM_BYTES,
         "signer 1: more than 256 bytes of digest algorithm"},
        {SIGNATURE_ALGORITHM, LIMIT_SIGNATURE_ALGORITHM_BYTES,
         "signer 1: more than 512 bytes of signature algorithm"},
        {ATTRIBUTES, LIMIT_ATTRS_BYTES,
         "signer 1: more than 32768 bytes of signed attributes"},
        {SIGNATURE, LIMIT_SIGNATURE_BYTES,
         "signer 1: more than 2048 bytes of signature"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        AUTO(parts) struct parts p = {0};
        AUTO(parts) struct parts over = {0};
        AUTO(signed_data) struct signed_data read = {0};

        put_signer(rows[i].field, rows[i].limit, &p.signers);
        assert_int_equal(read_parts(&p, &read, NULL), ERR_OK);
        assert_int_equal(read.signer_count, 1);
        put_signer(rows[i].field, rows[i].limit + 1, &over.signers);
        expect_over(&over, rows[i].detail);
    }
}

static void
the_head_of_signed_data_is_bounded(void **state)
{
    AUTO(parts) struct parts p = {0};
    AUTO(parts) struct parts type = {0};
    AUTO(signed_data) struct signed_data read = {0};
    AUTO(signed_data) struct signed_data named = {0};

    (void)state;
    /* Version and the type of content are in it too, and a SET's own head. */
    put_element(TAG_SEQUENCE, LIMIT_HEAD_BYTES - 40, &p.digests);
    assert_int_equal(read_parts(&p, &read, NULL), ERR_OK);
    put_element(TAG_SEQUENCE, 40, &p.digests);
    expect_over(&p, "more than 4096 bytes in one part of the structure");

    buf_reserve(&type.type, LIMIT_CONTENT_TYPE_BYTES + 1);
    memset(type.type.data, 0x2a, LIMIT_CONTENT_TYPE_BYTES + 1);
    type.type.len = LIMIT_CONTENT_TYPE_BYTES;
    assert_int_equal(read_parts(&type, &named, NULL), ERR_OK);
    assert_int_equal(named.content_type.n, LIMIT_CONTENT_TYPE_BYTES);
    type.type.len++;
    assert_int_equal(read_parts(&type, &read, NULL), ERR_BAD_MESSAGE);
}

/* ---- what every object has -------------------------------------------------
 */

static enum err
open_object(struct slice bytes, struct problem *p)
{
    AUTO(cms_object) struct cms_object *o = NULL;
    struct stream_memory from;

    stream_memory_init(&from, bytes);
    return cms_object_open(&from.s, &o, p);
}

static void
the_type_of_an_object_is_bounded(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        AUTO(buf) struct buf object = {0};
        size_t whole = der_open(&object, TAG_SEQUENCE);
        struct problem p = {0};

        put_element(TAG_OID, LIMIT_OID_BYTES + over, &object);
        der_close(&object, whole);
        assert_int_equal(open_object(buf_slice(&object), &p),
                         over ? ERR_LIMIT : ERR_OK);
        if (over)
            assert_string_equal(
                p.detail, "more than 64 bytes in one part of the structure");
    }
}

/* DEPTH elements in each other, the innermost empty. */
static enum err
skip_nested(int depth, struct problem *p)
{
    AUTO(buf) struct buf deep = {0};
    struct stream_memory from;
    struct ber b;
    enum err e;

    for (int i = 0; i < depth; i++)
        buf_add(&deep, "\x30\x80", 2);
    for (int i = 0; i < depth; i++)
        buf_add(&deep, "\0\0", 2);
    stream_memory_init(&from, buf_slice(&deep));
    ber_init(&b, &from.s);
    e = ber_skip(&b, p);
    ber_drop(&b);
    return e;
}

static void
elements_in_each_other_are_bounded(void **state)
{
    struct problem p = {0};

    (void)state;
    /* One place of the stack is the stream's own. */
    assert_int_equal(skip_nested(LIMIT_BER_DEPTH - 1, &p), ERR_OK);
    assert_int_equal(skip_nested(LIMIT_BER_DEPTH + 1, &p), ERR_LIMIT);
    assert_string_equal(p.detail, "more than 48 elements in each other");
}

static void
a_length_has_at_most_so_many_octets(void **state)
{
    uint8_t bytes[2 + LIMIT_BER_LENGTH_OCTETS + 1] = {0x30};

    (void)state;
    for (size_t over = 0; over < 2; over++) {
        size_t n = LIMIT_BER_LENGTH_OCTETS + over;
        struct stream_memory from;
        struct ber b;

        memset(bytes + 1, 0, sizeof(bytes) - 1);
        bytes[1] = (uint8_t)(0x80 | n);
        stream_memory_init(&from, slice_of(bytes, 2 + n));
        ber_init(&b, &from.s);
        assert_int_equal(ber_skip(&b, NULL), over ? ERR_BAD_MESSAGE : ERR_OK);
        ber_drop(&b);
    }
    for (size_t over = 0; over < 2; over++) {
        size_t n = LIMIT_DER_LENGTH_OCTETS + over;
        struct der d;

        memset(bytes + 1, 0, sizeof(bytes) - 1);
        bytes[1] = (uint8_t)(0x80 | n);
        d = der_of(slice_of(bytes, 2 + n));
        (void)der_take(&d, TAG_SEQUENCE);
        assert_int_equal(der_done(&d), !over);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sixteen_signers_are_read_and_no_more),
        cmocka_unit_test(thirty_two_certificates_are_read_and_no_more),
        cmocka_unit_test(certificates_of_other_kinds_are_counted),
        cmocka_unit_test(a_certificate_over_its_limit_is_passed_over),
        cmocka_unit_test(crls_over_their_number_or_size_are_passed_over),
        cmocka_unit_test(what_follows_the_content_is_bounded_as_a_whole),
        cmocka_unit_test(each_field_of_a_signer_is_bounded),
        cmocka_unit_test(the_head_of_signed_data_is_bounded),
        cmocka_unit_test(the_type_of_an_object_is_bounded),
        cmocka_unit_test(elements_in_each_other_are_bounded),
        cmocka_unit_test(a_length_has_at_most_so_many_octets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
