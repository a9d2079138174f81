/* The store's files: what fills them, and what lies in their folder. Included
 * once. */
#ifndef TESTS_UNIT_KEYRING_FILES_H
#define TESTS_UNIT_KEYRING_FILES_H

#include <sqlite3.h>

#include "keyring_lesson.h"

__attribute__((unused)) static void
learn_many(struct store *s, int n)
{
    char name[32];
    struct taught t;

    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "a%d@example.org", i);
        lesson_make(&t, 0, name);
        memcpy(t.fingerprint, &i, sizeof(i));
        assert_int_equal(learn(s, &t), LEARNED_NEW);
    }
}

__attribute__((unused)) static uint32_t
contacts_in(struct store *s)
{
    struct store_counts counts = {0};
    struct problem p = {0};

    assert_int_equal(store_count(s, &counts, &p), ERR_OK);
    return counts.contacts;
}

/* How many files of the folder have PART in their name. */
__attribute__((unused)) static int
files_with(const char *part)
{
    char command[256];
    FILE *pipe;
    int n = -1;

    snprintf(command, sizeof(command), "ls '%s' | grep -c -e '%s'", folder,
             part);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%d", &n), 1);
    pclose(pipe);
    return n;
}

__attribute__((unused)) static void
sql(const char *script)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, script, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#endif
