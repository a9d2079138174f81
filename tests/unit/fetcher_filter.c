/* Foreign text in search filters: RFC 4515. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/fetcher/filter.h"

static void
assert_filled(const char *template, struct slice address, const char *filter)
{
    AUTO(buf) struct buf out = {0};

    filter_fill(template, address, &out);
    assert_string_equal(buf_text(&out), filter);
}

static void
an_address_stands_where_the_template_says(void **state)
{
    struct slice a = slice_text("alice@example.org");

    (void)state;
    assert_filled("(mail=%s)", a, "(mail=alice@example.org)");
    assert_filled("(|(mail=%s)(mailAlternateAddress=%s))", a,
                  "(|(mail=alice@example.org)"
                  "(mailAlternateAddress=alice@example.org))");
    assert_filled("(mail=%s)", slice_text("a%s%d@example.org"),
                  "(mail=a%s%d@example.org)");
    assert_filled("(mail=%s)", slice_text(""), "(mail=)");
}

/* RFC 4515 section 3: "*", "(", ")", "\" and NUL as \2a \28 \29 \5c \00. */
static void
nothing_in_an_address_means_anything(void **state)
{
    (void)state;
    assert_filled("(mail=%s)", slice_text("*"), "(mail=\\2a)");
    assert_filled("(mail=%s)", slice_text("x)(uid=*"),
                  "(mail=x\\29\\28uid=\\2a)");
    assert_filled("(mail=%s)", slice_text("a\\b@c"), "(mail=a\\5cb@c)");
    assert_filled("(mail=%s)", slice_of("a\0b", 3), "(mail=a\\00b)");
    assert_filled("(mail=%s)", slice_text("\xc3\xbc@x"), "(mail=\\c3\\bc@x)");
    assert_filled("(mail=%s)", slice_of("\n\x7f\xff", 3),
                  "(mail=\\0a\\7f\\ff)");
    assert_filled("(mail=%s)", slice_text("!&|=~<>@x"), "(mail=!&|=~<>@x)");
}

/* Every octet is back where it was when the escapes are undone. */
static void
every_octet_keeps_its_value(void **state)
{
    AUTO(buf) struct buf out = {0};
    AUTO(buf) struct buf back = {0};
    uint8_t all[256];

    (void)state;
    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    filter_escape(slice_of(all, sizeof(all)), &out);
    for (const char *at = buf_text(&out); *at;) {
        char hex[3] = {0};

        if (*at != '\\') {
            buf_add_byte(&back, (uint8_t)*at++);
            continue;
        }
        memcpy(hex, at + 1, 2);
        buf_add_byte(&back, (uint8_t)strtoul(hex, NULL, 16));
        at += 3;
    }
    assert_int_equal(back.len, sizeof(all));
    assert_memory_equal(back.data, all, sizeof(all));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_stands_where_the_template_says),
        cmocka_unit_test(nothing_in_an_address_means_anything),
        cmocka_unit_test(every_octet_keeps_its_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
