/* The [directory] section of agent.conf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/mem.h"
#include "agent/fetcher/config.h"

static char folder[] = "/tmp/smime-directory-XXXXXX";
static char names[2][64];

static void
put(int which, const char *text)
{
    FILE *to = fopen(names[which], "w");

    assert_non_null(to);
    assert_true(fputs(text, to) >= 0);
    assert_int_equal(fclose(to), 0);
}

static void
load(const char *system, const char *user, struct directory_config *out)
{
    const char *const files[] = {names[0], names[1]};

    (void)unlink(names[0]);
    (void)unlink(names[1]);
    if (system)
        put(0, system);
    if (user)
        put(1, user);
    directory_config_load(files, 2, out);
}

static void
without_a_url_there_is_no_directory(void **state)
{
    const char *const off[] = {NULL, "", "[directory]\nbase = dc=example\n",
                               "[directory]\nurl =\n",
                               "[other]\nurl = ldap://a\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(off); i++) {
        AUTO(directory_config) struct directory_config c;

        load(NULL, off[i], &c);
        assert_false(directory_config_is_on(&c));
        assert_string_equal(c.fault, "");
    }
}

static void
replicas_keep_their_order(void **state)
{
    AUTO(directory_config) struct directory_config c;

    (void)state;
    load(NULL,
         "[directory]\nurl = ldaps://a, ldap://b:390\nurl = LDAP://c\n"
         "base = dc=example,dc=org\ntimeout = 3\ncache = 60\nstart-tls = yes\n"
         "ca = /etc/ca.pem\nbind-dn = uid=max\nattribute = mailAlt\n",
         &c);
    assert_string_equal(c.fault, "");
    assert_int_equal(c.url_count, 3);
    assert_string_equal(c.url[0], "ldaps://a");
    assert_string_equal(c.url[1], "ldap://b:390");
    assert_string_equal(c.url[2], "LDAP://c");
    assert_string_equal(c.base, "dc=example,dc=org");
    assert_string_equal(c.filter, "(mailAlt=%s)");
    assert_string_equal(c.ca, "/etc/ca.pem");
    assert_string_equal(c.bind_dn, "uid=max");
    assert_int_equal(c.timeout_s, 3);
    assert_int_equal(c.cache_s, 60);
    assert_true(c.start_tls);
}

static void
what_is_not_given_is_as_the_manual_says(void **state)
{
    AUTO(directory_config) struct directory_config c;

    (void)state;
    load(NULL, "[directory]\nurl = ldap://a\n", &c);
    assert_string_equal(c.filter, "(mail=%s)");
    assert_int_equal(c.timeout_s, 5);
    assert_int_equal(c.cache_s, 604800);
    assert_false(c.start_tls);
    assert_null(c.ca);
}

static void
a_persons_own_urls_replace_the_systems(void **state)
{
    AUTO(directory_config) struct directory_config c, none;

    (void)state;
    load("[directory]\nurl = ldap://system\nbase = dc=system\n",
         "[directory]\nurl = ldap://mine\n", &c);
    assert_int_equal(c.url_count, 1);
    assert_string_equal(c.url[0], "ldap://mine");
    assert_string_equal(c.base, "dc=system");
    load("[directory]\nurl = ldap://system\n", "[directory]\nurl =\n", &none);
    assert_false(directory_config_is_on(&none));
}

/* Half a configuration might ask the wrong directory, or without TLS. */
static void
what_is_not_understood_is_named(void **state)
{
    const char *const bad[] = {
        "url = http://a",   "url = ldap://",       "url = ldap://a mail",
        "timeout = 0",      "timeout = 21",        "timeout = 5s",
        "cache = -1",       "cache = 31536001",    "start-tls = maybe",
        "filter = mail=%s", "filter = (mail=max)", "filter = (mail=%d)",
        "attribute = a=b",  "attribute =",         "ca = relative.pem",
        "tls = yes"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        AUTO(directory_config) struct directory_config c;
        char text[128], name[32] = "";

        snprintf(text, sizeof(text), "[directory]\n%s\n", bad[i]);
        sscanf(bad[i], "%31s", name);
        load(NULL, text, &c);
        if (!strstr(c.fault, ", line 2: [directory]") ||
            !strstr(c.fault, name) ||
            (!strstr(c.fault, "not understood; allowed: ") &&
             !strstr(c.fault, "; it has: url, base, ")))
            fail_msg("%s: %s", bad[i], c.fault);
    }
}

static void
only_so_many_replicas(void **state)
{
    AUTO(buf) struct buf text = {0};

    (void)state;
    buf_add_text(&text, "[directory]\nurl =");
    for (int i = 0; i < LIMIT_DIRECTORY_URLS; i++)
        buf_addf(&text, " ldap://r%d", i);
    for (int more = 0; more < 2; more++) {
        AUTO(directory_config) struct directory_config c;

        load(NULL, buf_text(&text), &c);
        assert_int_equal(c.url_count, LIMIT_DIRECTORY_URLS);
        assert_int_equal(c.fault[0] != '\0', more);
        buf_add_text(&text, " ldap://more");
    }
}

static int
begin(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    for (int i = 0; i < 2; i++)
        snprintf(names[i], sizeof(names[i]), "%s/%d.conf", folder, i);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    (void)unlink(names[0]);
    (void)unlink(names[1]);
    return rmdir(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_url_there_is_no_directory),
        cmocka_unit_test(replicas_keep_their_order),
        cmocka_unit_test(what_is_not_given_is_as_the_manual_says),
        cmocka_unit_test(a_persons_own_urls_replace_the_systems),
        cmocka_unit_test(what_is_not_understood_is_named),
        cmocka_unit_test(only_so_many_replicas),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
