/*
 * A keyholder whose token is SoftHSM's behind the fault module, which tells
 * what reached the token and fails on demand.
 */
#ifndef TESTS_UNIT_KEYHOLDER_TRACED_H
#define TESTS_UNIT_KEYHOLDER_TRACED_H

#include <dirent.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "tests/unit/keyholder_session.h"

#define LOOKS 5 /* at a process that is to be asleep, not between two locks */

static const char faultmod[] =
    SMIME_BUILD_DIR "/tests/doubles/smime-faultmod.so";

static inline void
plan(const char *lines)
{
    write_file("plan.new", lines);
    assert_int_equal(rename(fixture_path("plan.new"), fixture_path("plan")), 0);
}

/* A keyholder with EXTRA in its agent.conf and nothing unlocked. */
static inline void
restart(const char *extra)
{
    char text[1024];

    assert_int_equal(keyholder_stop(), 0);
    snprintf(text, sizeof(text),
             "[modules]\nsystem = no\n[module softhsm]\npath = %s\n%s",
             faultmod, extra);
    write_file("agent.conf", text);
    plan("");
    keyholder_start();
}

static inline void
unlock_it(void)
{
    assert_int_equal(unlock("1234\n", RIGHT_MANAGE, VERB_MANAGE, NULL, NULL),
                     ERR_OK);
}

/* The card was reset: the login is lost at the next signature. */
static inline void
lose_login(void)
{
    plan("C_SignInit 0x101 1\n");
}

static inline size_t
count_of(const char *line)
{
    char name[64];
    size_t n = 0;
    FILE *f = fopen(fixture_path("trace"), "r");

    while (f && fgets(name, sizeof(name), f))
        n += strcmp(name, line) == 0;
    if (f)
        fclose(f);
    return n;
}

static inline void
trace_anew(void)
{
    (void)unlink(fixture_path("trace"));
}

static inline enum err
sign_it(void)
{
    struct problem p;

    return sign_once(buf_slice(&rsa_ref), &p);
}

/* Is every thread of the keyholder asleep? */
static inline bool
keyholder_sleeps(void)
{
    char path[64];
    bool sleeps = true;
    const struct dirent *entry;
    DIR *d;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)broker.pid);
    d = opendir(path);
    assert_non_null(d);
    while (sleeps && (entry = readdir(d))) {
        char name[340], state = '?';
        FILE *f;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s/stat", path, entry->d_name);
        f = fopen(name, "r");
        if (f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1)
            sleeps = state == 'S';
        if (f)
            fclose(f);
    }
    closedir(d);
    return sleeps;
}

/* Until the keyholder has read what was sent, and all of it waits. */
static inline void
wait_for_sleep(int fd)
{
    int unread = 1;

    for (int asleep = 0; asleep < LOOKS;) {
        poll(NULL, 0, 10);
        assert_int_equal(ioctl(fd, SIOCOUTQ, &unread), 0);
        asleep = unread == 0 && keyholder_sleeps() ? asleep + 1 : 0;
    }
}

static inline int
set_up_traced(void **state)
{
    if (set_up_keys(state) != 0)
        return -1;
    setenv("FAULT_MODULE", softhsm, 1);
    setenv("FAULT_PLAN", fixture_path("plan"), 1);
    setenv("FAULT_TRACE", fixture_path("trace"), 1);
    restart("");
    return 0;
}

#endif
