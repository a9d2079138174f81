/* The list of built-in anchors, and NSS's own module where it is there. */
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/anchors/list.h"
#include "agent/anchors/nss.h"

static struct buf list;

static void
an_item_is_read_as_it_was_written(void **state)
{
    struct anchor_item item = {.der = slice_text("der"),
                               .label = slice_text("A root"),
                               .distrust_after = 1661904000};
    struct anchor_item got;
    struct slice rest;

    (void)state;
    buf_clear(&list);
    anchor_item_write(&list, &item);
    assert_false(anchor_list_is_whole(buf_slice(&list)));
    anchor_list_end(&list);
    assert_true(anchor_list_is_whole(buf_slice(&list)));
    rest = buf_slice(&list);
    assert_true(anchor_item_read(&rest, &got));
    assert_true(slice_equal(got.der, item.der));
    assert_true(slice_equal(got.label, item.label));
    assert_int_equal(got.distrust_after, item.distrust_after);
    assert_false(anchor_item_read(&rest, &got));
}

static void
a_list_cut_anywhere_is_not_whole(void **state)
{
    struct anchor_item item = {.der = slice_text("der"),
                               .label = slice_text("A root")};

    (void)state;
    buf_clear(&list);
    anchor_item_write(&list, &item);
    anchor_list_end(&list);
    for (size_t n = 0; n < list.len; n++)
        assert_false(anchor_list_is_whole(slice_of(list.data, n)));
    buf_add_byte(&list, 0);
    assert_false(anchor_list_is_whole(buf_slice(&list)));
}

static void
lengths_over_their_limits_are_refused(void **state)
{
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 1, 2, 3};
    struct slice rest = slice_of(huge, sizeof(huge));
    struct anchor_item got;

    (void)state;
    assert_false(anchor_item_read(&rest, &got));
}

static void
distrust_times_are_read_strictly(void **state)
{
    static const char *const odd[] = {
        "220831000000",  "2208310000000", "",
        "221331000000Z", "220800000000Z", "220831240000Z",
        "22083100000aZ", "-20831000000Z", "2022083100000Z"};
    uint64_t t = 0;

    (void)state;
    assert_true(nss_time(slice_text("220831000000Z"), &t));
    assert_int_equal(t, 1661904000);
    assert_true(nss_time(slice_text("20220831000000Z"), &t));
    assert_int_equal(t, 1661904000);
    for (size_t i = 0; i < ARRAY_COUNT(odd); i++)
        assert_false(nss_time(slice_text(odd[i]), &t));
}

static void
what_is_no_module_is_not_loaded(void **state)
{
    struct nss *n = NULL;

    (void)state;
    assert_false(nss_load("/nonexistent/libnssckbi.so", &n));
    assert_false(nss_load("/proc/self/exe", &n));
    assert_false(nss_load("libc.so.6", &n));
    assert_null(n);
}

static void
nss_lists_its_roots_for_mail(void **state)
{
    struct nss *n = NULL;
    size_t count = 0, read = 0, limited = 0;
    struct anchor_item item;
    struct slice rest;
    int i = 0;

    (void)state;
    while (nss_places[i] && access(nss_places[i], R_OK) != 0)
        i++;
    if (!nss_places[i])
        skip();
    buf_clear(&list);
    assert_true(nss_load(nss_places[i], &n));
    assert_true(nss_list(n, &list, &count));
    nss_drop(&n);
    assert_true(count > 20 && count < LIMIT_BUILTIN_ANCHORS);
    assert_true(anchor_list_is_whole(buf_slice(&list)));
    for (rest = buf_slice(&list); anchor_item_read(&rest, &item); read++) {
        assert_int_equal(item.der.p[0], 0x30);
        assert_null(memchr(item.label.p, 0, item.label.n));
        limited += item.distrust_after != 0;
    }
    assert_int_equal(read, count);
    assert_true(limited < count);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_is_read_as_it_was_written),
        cmocka_unit_test(a_list_cut_anywhere_is_not_whole),
        cmocka_unit_test(lengths_over_their_limits_are_refused),
        cmocka_unit_test(distrust_times_are_read_strictly),
        cmocka_unit_test(what_is_no_module_is_not_loaded),
        cmocka_unit_test(nss_lists_its_roots_for_mail),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    buf_drop(&list);
    return failed;
}
