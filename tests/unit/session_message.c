/* Replies around the room that most of them fit in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/session/message.h"

/* {"a":"aaa..."} of N bytes in all. */
static json_t *
reply_of(size_t n)
{
    char *text = malloc(n);
    json_t *reply;

    assert_true(n > 8);
    memset(text, 'a', n - 8);
    text[n - 8] = '\0';
    reply = json_pack("{s:s}", "a", text);
    free(text);
    return reply;
}

static void
is_written_whole(size_t n)
{
    char *got = malloc(n + 2);
    json_t *reply = reply_of(n);
    size_t have = 0;
    ssize_t more;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_true(message_write(pair[0], reply, 10000));
    close(pair[0]);
    while (have < n + 2 && (more = read(pair[1], got + have, n + 2 - have)) > 0)
        have += (size_t)more;
    assert_int_equal(have, n + 1);
    assert_int_equal(got[n], '\0');
    assert_memory_equal(got, "{\"a\":\"a", 7);
    assert_memory_equal(got + n - 3, "a\"}", 3);
    assert_int_equal(strlen(got), n);
    close(pair[1]);
    json_decref(reply);
    free(got);
}

static void
replies_of_every_length_are_whole(void **state)
{
    (void)state;
    for (size_t n = 9; n < 40; n++)
        is_written_whole(n);
    for (size_t n = 4080; n < 4110; n++)
        is_written_whole(n);
    for (size_t n = 8185; n < 8200; n++)
        is_written_whole(n);
    is_written_whole(100 * 1000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_of_every_length_are_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
