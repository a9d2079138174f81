/* smime-anchors run once by the broker; shell scripts play it. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/fd.h"
#include "agent/broker/builtin.h"

static char folder[] = "/tmp/smime-builtin-XXXXXX";
static char program[64];
static struct places places = {.config_system = (char[]){"/nonexistent/system"},
                               .config_user = (char[]){"/nonexistent/user"}};

static int
collect(const char *script, int patience_ms)
{
    FILE *f = fopen(program, "w");

    assert_non_null(f);
    fprintf(f, "#!/bin/sh\n%s\n", script);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(program, 0700), 0);
    return builtin_collect(folder, &places, patience_ms);
}

static void
what_it_wrote_is_kept_and_cannot_be_changed(void **state)
{
    char text[64] = "";
    int fd = collect("echo \"$1 $2 $3 $4\"", 60000);

    (void)state;
    assert_true(fd >= 0);
    assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
    assert_string_equal(text, "--config /nonexistent/system --config "
                              "/nonexistent/user\n");
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    close(fd);
}

static void
one_that_fails_gives_nothing(void **state)
{
    (void)state;
    assert_int_equal(collect("echo half; exit 1", 60000), -1);
    assert_int_equal(collect("echo half; kill -9 $$", 60000), -1);
}

static void
one_that_hangs_is_ended(void **state)
{
    int64_t begun = clock_ms();

    (void)state;
    assert_int_equal(collect("echo half; exec sleep 600", 200), -1);
    assert_true(clock_ms() - begun < 60000);
}

static void
one_that_is_missing_gives_nothing(void **state)
{
    (void)state;
    assert_int_equal(builtin_collect("/nonexistent", &places, 1000), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_wrote_is_kept_and_cannot_be_changed),
        cmocka_unit_test(one_that_fails_gives_nothing),
        cmocka_unit_test(one_that_hangs_is_ended),
        cmocka_unit_test(one_that_is_missing_gives_nothing),
    };
    int failed;

    if (!mkdtemp(folder))
        return 1;
    snprintf(program, sizeof(program), "%s/smime-anchors", folder);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(program);
    rmdir(folder);
    return failed;
}
