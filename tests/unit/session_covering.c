/*
 * What a signature is worth as one over a mail: contents that are none,
 * objects that say they are over something else, authors inside.
 */
#include "agent/cms/oid.h"
#include "agent/session/reading.h"

#include "tests/unit/cms_fixture.h"

/* ---- the content
 * ---------------------------------------------------------------------- */

/* Reads CONTENT as a layer's, in pieces. */
static struct layer
watched(struct slice content, size_t piece)
{
    struct steps from;
    struct stream_watched w;
    AUTO(buf) struct buf got = {0};
    struct layer l = {0};

    steps_init(&from, content, piece);
    stream_watched_init(&w, &from.s);
    assert_int_equal(read_in_steps(&w.s, 100, &got, NULL), ERR_OK);
    assert_true(slice_equal(buf_slice(&got), content));
    stream_watched_end(&w, &l);
    stream_watched_drop(&w);
    return l;
}

static void
a_der_set_of_attributes_is_known_in_any_pieces(void **state)
{
    static const struct slice yes[] = {
        {(const uint8_t *)"\x31\x05\x30\x03\x06\x01\x2a", 7},
        {(const uint8_t *)"\x31\x81\x85\x30\x81\x82\x06\x81\x7f", 9},
        {(const uint8_t *)"\x31\x84\0\0\1\0\x30\x82\1\0\x06", 11}};
    static const struct slice no[] = {
        {(const uint8_t *)"", 0},
        {(const uint8_t *)"1 is the number", 15},
        {(const uint8_t *)"10\x03\x06", 3}, /* ends too early */
        {(const uint8_t *)"\x30\x05\x30\x03\x06\x01\x2a", 7},
        {(const uint8_t *)"\x31\x05\x31\x03\x06\x01\x2a", 7},
        {(const uint8_t *)"\x31\x05\x30\x03\x05\x01\x2a", 7},
        {(const uint8_t *)"\x31\x85\0\0\0\0\5\x30\x03\x06\x01", 11},
        {(const uint8_t *)"\x31\x84\0\0", 4}};

    (void)state;
    for (size_t piece = 1; piece < 20; piece += 6) {
        for (size_t i = 0; i < ARRAY_COUNT(yes); i++)
            assert_true(watched(yes[i], piece).attribute_like);
        for (size_t i = 0; i < ARRAY_COUNT(no); i++)
            assert_false(watched(no[i], piece).attribute_like);
    }
}

static void
a_text_that_is_elsewhere_is_a_flaw(void **state)
{
    struct layer l = watched(slice_text("Content-Type: text/plain\n\nx\n"), 5);

    (void)state;
    assert_null(l.flaw);
    l = watched(slice_text("Content-Type: message/external-body\n\nx\n"), 5);
    assert_string_equal(l.flaw, "content-elsewhere");
}

static void
the_first_flaw_stays(void **state)
{
    struct layer l = {0};

    (void)state;
    layer_flaw(&l, "one");
    layer_flaw(&l, "two");
    assert_string_equal(l.flaw, "one");
}

/* ---- the object
 * ----------------------------------------------------------------------- */

static struct layer
object_of(enum oid kind, size_t signers)
{
    struct layer l = {0};

    l.data.content_type = oid_bytes(kind);
    l.data.signer_count = signers;
    for (size_t i = 0; i < signers; i++)
        l.data.signer[i].signed_attrs = slice_text("attributes");
    layer_check_object(&l);
    return l;
}

static void
an_object_is_over_data_and_by_somebody(void **state)
{
    (void)state;
    assert_null(object_of(OID_DATA, 1).flaw);
    assert_string_equal(object_of(OID_DATA, 0).flaw, "no-signers");
    assert_string_equal(object_of(OID_SIGNED_DATA, 1).flaw,
                        "content-type-not-data");
}

/* Only a signature without attributes is one over a content of attributes;
 * one such among several is enough. */
static void
attributes_are_no_content_of_a_signer_without_attributes(void **state)
{
    (void)state;
    for (int like = 0; like < 2; like++)
        for (int bare = 0; bare < 2; bare++) {
            struct layer l = object_of(OID_DATA, 2);

            l.attribute_like = like;
            if (bare)
                l.data.signer[1].signed_attrs = slice_of(NULL, 0);
            layer_check_object(&l);
            if (like && bare)
                assert_string_equal(l.flaw, "attributes-as-content");
            else
                assert_null(l.flaw);
        }
}

/* ---- the author inside
 * ---------------------------------------------------------------- */

/* OUTER: the value of From, or NULL; INNER: an entity's header. */
static bool
differs_inside(const char *outer, const char *inner)
{
    struct reading *g = mem_new(sizeof(*g));
    struct entity e = {0};
    struct steps from;
    bool differs;

    if (outer)
        mailbox_list_parse(slice_text(outer), &g->author.from);
    steps_init(&from, slice_text(inner), 100);
    assert_int_equal(entity_read(&from.s, &e, NULL), ERR_OK);
    note_inner_from(g, &e);
    differs = (g->author.header_flags & HEADER_INNER_FROM) != 0;
    entity_drop(&e);
    mailbox_list_drop(&g->author.from);
    free(g);
    return differs;
}

static void
an_author_inside_is_the_one_outside(void **state)
{
    static const char *const same[] = {
        "Content-Type: a/b\n\nFrom: c@x\n",
        "From: a@x\n\n",
        "From: Other Name <A@X>\n\n",
        "From: \"a@x\" <a@x>\n\n",
    };
    static const char *const other[] = {
        "From: b@x\n\n",      "From: a@x\nFrom: a@x\n\n", "From: a@x, b@x\n\n",
        "From: a@x, a@x\n\n", "From: \"b@x\" <a@x>\n\n",  "From: <a@x\n\n",
        "From: \n\n",         "From: g: a@x;\n\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(same); i++)
        if (differs_inside("Max <a@x>", same[i]))
            fail_msg("another: %s", same[i]);
    for (size_t i = 0; i < ARRAY_COUNT(other); i++) {
        if (!differs_inside("Max <a@x>", other[i]))
            fail_msg("the same: %s", other[i]);
        /* Where nobody is outside there is nobody to compare with. */
        assert_false(differs_inside(NULL, other[i]));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_der_set_of_attributes_is_known_in_any_pieces),
        cmocka_unit_test(a_text_that_is_elsewhere_is_a_flaw),
        cmocka_unit_test(the_first_flaw_stays),
        cmocka_unit_test(an_object_is_over_data_and_by_somebody),
        cmocka_unit_test(
            attributes_are_no_content_of_a_signer_without_attributes),
        cmocka_unit_test(an_author_inside_is_the_one_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
