/* A CMS object's end, and what stands behind it. */
#include "agent/cms/object.h"

#include "tests/unit/cms_fixture.h"

#define PATTERN_BYTES 3000

static struct buf object;

static int
make_object(void **state)
{
    struct identity signer = identity_make("P-256", NULL);
    AUTO(buf) struct buf content = {0};

    (void)state;
    fill_pattern(&content, PATTERN_BYTES);
    sign_opaque(&signer, spec_for(&signer, SCHEME_ECDSA, HASH_SHA256),
                buf_slice(&content), 500, &object);
    identity_drop(&signer);
    return 0;
}

static int
drop_object(void **state)
{
    (void)state;
    buf_drop(&object);
    return 0;
}

/* A source that gives bytes and then fails with E, unless that is ERR_OK. */
struct failing {
    struct stream s;
    struct steps steps;
    enum err e;
};

static enum err
failing_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
             struct problem *p)
{
    struct failing *f = (struct failing *)s;
    enum err e = stream_read(&f->steps.s, out, size, got, p);

    if (e == ERR_OK && *got == 0 && f->e != ERR_OK)
        return fail(p, f->e, NULL);
    return e;
}

/* Reads the object and then what BEHIND it there is. */
static enum err
rest_of(struct slice behind, size_t step, enum err at_end, bool *out)
{
    AUTO(buf) struct buf bytes = {0};
    AUTO(buf) struct buf content = {0};
    AUTO(cms_object) struct cms_object *o = NULL;
    AUTO(signed_reader) struct signed_reader *r = NULL;
    AUTO(signed_data) struct signed_data data = {0};
    struct failing from = {.s = {.read = failing_read}, .e = at_end};

    buf_add_slice(&bytes, buf_slice(&object));
    buf_add_slice(&bytes, behind);
    steps_init(&from.steps, buf_slice(&bytes), step);
    assert_int_equal(cms_object_open(&from.s, &o, NULL), ERR_OK);
    assert_int_equal(signed_reader_begin(o, &data, &r, NULL), ERR_OK);
    assert_int_equal(
        read_in_steps(signed_reader_content(r), 1000, &content, NULL), ERR_OK);
    assert_int_equal(content.len, PATTERN_BYTES);
    assert_int_equal(signed_reader_finish(r, &data, NULL), ERR_OK);
    return cms_object_rest(o, out, NULL);
}

static const size_t steps[] = {1, 7, 4096, 100000};

static void
paddings_behind_it_are_nothing(void **state)
{
    static const char *const nothing[] = {"", "\r\n", " \t\v\f\n"};
    AUTO(buf) struct buf long_one = {0};

    (void)state;
    for (size_t i = 0; i < 20000; i++)
        buf_add_byte(&long_one, i % 3 ? '\0' : '\n');
    for (size_t k = 0; k < ARRAY_COUNT(steps); k++) {
        bool something = true;

        for (size_t i = 0; i < ARRAY_COUNT(nothing); i++) {
            something = true;
            assert_int_equal(
                rest_of(slice_text(nothing[i]), steps[k], ERR_OK, &something),
                ERR_OK);
            assert_false(something);
        }
        assert_int_equal(
            rest_of(buf_slice(&long_one), steps[k], ERR_OK, &something),
            ERR_OK);
        assert_false(something);
    }
}

static void
anything_else_is_something(void **state)
{
    static const char *const texts[] = {"x",    "\r\nlist", "\x1b",
                                        "\x7f", "0",        "x\n"};
    AUTO(buf) struct buf far_away = {0};

    (void)state;
    for (size_t i = 0; i < 20000; i++)
        buf_add_byte(&far_away, ' ');
    buf_add_byte(&far_away, 'x');
    for (size_t k = 0; k < ARRAY_COUNT(steps); k++) {
        bool something = false;

        for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
            something = false;
            assert_int_equal(
                rest_of(slice_text(texts[i]), steps[k], ERR_OK, &something),
                ERR_OK);
            assert_true(something);
        }
        something = false;
        assert_int_equal(
            rest_of(buf_slice(&far_away), steps[k], ERR_OK, &something),
            ERR_OK);
        assert_true(something);
    }
}

/* Letters that are no base64 any more are a text; a source that fails is no
 * answer. */
static void
a_damaged_source_is_a_text_and_a_lost_one_an_error(void **state)
{
    bool something = false;

    (void)state;
    assert_int_equal(
        rest_of(slice_text("\n"), 100, ERR_BAD_MESSAGE, &something), ERR_OK);
    assert_true(something);
    something = false;
    assert_int_equal(rest_of(slice_text("\n"), 100, ERR_INPUT, &something),
                     ERR_INPUT);
    assert_false(something);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paddings_behind_it_are_nothing),
        cmocka_unit_test(anything_else_is_something),
        cmocka_unit_test(a_damaged_source_is_a_text_and_a_lost_one_an_error),
    };

    return cmocka_run_group_tests(tests, make_object, drop_object);
}
