/* Built-in anchors, and the list of all. */
#include "tests/unit/validator_check.h"

/* ---- built-in anchors ---------------------------------------------------- */

static int
list_fd(const struct made *one, uint64_t distrust_after, bool whole)
{
    AUTO(buf) struct buf list = {0};
    int fd = memfd_create("list", MFD_CLOEXEC);

    anchor_item_write(&list,
                      &(struct anchor_item){.der = one->der,
                                            .label = slice_text("Built in"),
                                            .distrust_after = distrust_after});
    if (whole)
        anchor_list_end(&list);
    assert_true(write(fd, list.data, list.len) == (ssize_t)list.len);
    return fd;
}

static void
a_distrusted_root_vouches_for_what_is_older(void **state)
{
    struct made leaf = person((struct cert_spec){.issuer = &stranger});
    int fd = list_fd(&stranger, (uint64_t)time(NULL) - 40 * DAY, true);

    (void)state;
    assert_true(anchors_add_builtin(v.anchors, fd));
    close(fd);
    assert_int_equal(anchors_count(v.anchors), 2);
    check(&leaf, NULL);
    assert_int_equal(cr.chain, CHAIN_UNTRUSTED);
    assert_true(check_says("issuer-distrusted"));
    fd = list_fd(&stranger, (uint64_t)time(NULL) - 20 * DAY, true);
    assert_true(anchors_add_builtin(v.anchors, fd));
    close(fd);
    check(&leaf, NULL);
    assert_int_equal(cr.chain, CHAIN_OK);
    assert_true(slice_is(cr.anchor, ANCHOR_SOURCE_NSS));
}

static void
a_list_that_is_cut_short_is_not_taken(void **state)
{
    int fd = list_fd(&stranger, 0, false);
    int empty = memfd_create("empty", MFD_CLOEXEC);

    (void)state;
    assert_false(anchors_add_builtin(v.anchors, fd));
    assert_false(anchors_add_builtin(v.anchors, empty));
    close(fd);
    close(empty);
}

static void
anchors_are_listed_page_by_page(void **state)
{
    AUTO(buf) struct buf store = {0};
    struct list_reply page;
    struct anchor_record one;

    (void)state;
    validator_list(&v, 0, &store, &page);
    assert_int_equal(page.records.n, anchors_count(v.anchors));
    assert_int_equal(page.next, 0);
    assert_true(
        record_decode(RECORD_anchor_record, page.records.item[0], &one));
    assert_true(one.described.n > 0);
    assert_true(strstr((const char *)one.source.p, "root.pem") != NULL);
    validator_list(&v, 1000, &store, &page);
    assert_int_equal(page.records.n, 0);
    assert_int_equal(page.next, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_distrusted_root_vouches_for_what_is_older),
        cmocka_unit_test(a_list_that_is_cut_short_is_not_taken),
        cmocka_unit_test(anchors_are_listed_page_by_page),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
