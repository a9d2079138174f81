/*
 * A keyholder whose token is SoftHSM's behind the fault module, which tells
 * what reached the token and fails on demand.
 */
#ifndef TESTS_UNIT_KEYHOLDER_TRACED_H
#define TESTS_UNIT_KEYHOLDER_TRACED_H

#include "tests/unit/keyholder_session.h"

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
