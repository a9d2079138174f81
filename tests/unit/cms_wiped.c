/*
 * Plaintext and content keys don't stay in memory that was given back. Linked
 * with --wrap=free: what the module frees is looked at first.
 */
#include <malloc.h>

#include "tests/unit/cms_fixture.h"

void __real_free(void *p);
void __wrap_free(void *p);

static const char marker[] = "This line is nobody else's business.\r\n";
static volatile bool watching; /* only while the module's own memory goes */
static volatile size_t freed, left;

static bool
holds_marker(const void *p)
{
    return memmem(p, malloc_usable_size((void *)(uintptr_t)p), marker, 16) !=
           NULL;
}

void
__wrap_free(void *p)
{
    if (p && watching) {
        freed++;
        left += holds_marker(p);
    }
    __real_free(p);
}

enum ending { READ_WHOLE, READ_BEGINNING, READ_CUT };

static void
read_some(struct stream *content, enum ending ending)
{
    static uint8_t piece[512];
    struct problem p = {0};
    size_t got = 1, total = 0;
    enum err e = ERR_OK;

    while (e == ERR_OK && got > 0 &&
           (ending != READ_BEGINNING || total < 2000)) {
        e = stream_read(content, piece, sizeof(piece), &got, &p);
        total += e == ERR_OK ? got : 0;
    }
    assert_int_equal(e, ending == READ_CUT ? ERR_CANNOT_DECRYPT : ERR_OK);
    memset(piece, 0, sizeof(piece));
}

/* Opens OBJECT with ID's key and leaves it again, as ENDING says. */
static void
open_and_leave(struct slice object, const struct identity *id,
               enum ending ending)
{
    struct cms_object *o = NULL;
    struct enveloped_reader *r = NULL;
    AUTO(secret) struct secret *cek = secret_new();
    struct stream *content = NULL;
    struct problem p = {0};
    struct steps from;

    steps_init(&from, object, 1000);
    assert_int_equal(cms_object_open(&from.s, &o, &p), ERR_OK);
    assert_int_equal(enveloped_reader_begin(o, &r, &p), ERR_OK);
    assert_true(key_unwrap(id->key, enveloped_recipient(r, 0),
                           enveloped_cipher(r)->key_bytes, cek));
    assert_int_equal(enveloped_reader_content(r, cek, &content, &p), ERR_OK);
    watching = true;
    read_some(content, ending);
    enveloped_reader_drop(&r);
    cms_object_drop(&o);
    watching = false;
}

static void
no_plaintext_is_left_behind(void **state)
{
    static const enum cipher ciphers[] = {CIPHER_AES256_CBC, CIPHER_AES256_GCM};
    struct identity id = identity_make("RSA", NULL);
    const struct identity *to[] = {&id};
    AUTO(buf) struct buf content = {0};

    (void)state;
    while (content.len < 100000)
        buf_add(&content, marker, sizeof(marker) - 1);
    for (size_t i = 0; i < ARRAY_COUNT(ciphers) * 3; i++) {
        AUTO(buf) struct buf object = {0};
        enum ending ending = (enum ending)(i % 3);
        struct problem p = {0};

        assert_int_equal(envelope(ciphers[i / 3], to, 1, false,
                                  buf_slice(&content), 1000, &object, &p),
                         ERR_OK);
        if (ending == READ_CUT)
            object.len -= 40;
        freed = left = 0;
        open_and_leave(buf_slice(&object), &id, ending);
        assert_int_not_equal(freed, 0);
        assert_int_equal(left, 0);
    }
    identity_drop(&id);
}

/* The test itself: what is not wiped is seen. */
static void
what_is_not_wiped_is_seen(void **state)
{
    static char *volatile seen; /* or it would never be in memory */
    char *p = seen = malloc(200);

    (void)state;
    assert_non_null(p);
    memset(p, 0, 200);
    memcpy(p + 50, marker, sizeof(marker));
    left = 0;
    watching = true;
    free(seen);
    watching = false;
    assert_int_equal(left, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_wiped_is_seen),
        cmocka_unit_test(no_plaintext_is_left_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
