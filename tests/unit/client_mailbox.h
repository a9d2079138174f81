/* A folder of mail, and what is seen of it. */
#ifndef TESTS_UNIT_CLIENT_MAILBOX_H
#define TESTS_UNIT_CLIENT_MAILBOX_H

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/mem.h"
#include "client/cli/harvest_state.h"
#include "client/cli/mailbox.h"

#define MOST 64

struct seen {
    char origin[MOST][256];
    char *text[MOST], *as_stored[MOST];
    uint64_t key[MOST];
    bool is_named[MOST];
    size_t count, done;
    char faults[4096];
    int lost;
    uint64_t skip; /* this key is done */
    size_t stop_after;
};

static char *
text_of_fd(int fd)
{
    AUTO(buf) struct buf text = {0};
    char piece[4096];
    ssize_t n;

    if (fd < 0)
        return NULL;
    while ((n = read(fd, piece, sizeof(piece))) > 0)
        buf_add(&text, piece, (size_t)n);
    return mem_text(buf_slice(&text));
}

static inline bool
on_message(void *context, struct mail_found *m)
{
    struct seen *s = context;
    size_t i = s->count++;

    assert_true(i < MOST);
    snprintf(s->origin[i], sizeof(s->origin[i]), "%s", m->origin);
    s->text[i] = text_of_fd(m->fd);
    s->as_stored[i] = text_of_fd(m->as_stored);
    s->key[i] = m->key;
    s->is_named[i] = m->is_named;
    mail_found_drop(m);
    return s->stop_after == 0 || s->count < s->stop_after;
}

static inline bool
on_done(void *context, uint64_t key, uint64_t bytes)
{
    struct seen *s = context;

    (void)bytes;
    s->done += key == s->skip;
    return key == s->skip;
}

static inline void
on_fault(void *context, const char *path, const char *why, bool is_lost)
{
    struct seen *s = context;
    size_t n = strlen(s->faults);

    snprintf(s->faults + n, sizeof(s->faults) - n, "%s: %s\n", path, why);
    s->lost += is_lost;
}

static inline void
seen_drop(struct seen *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->text[i]);
        free(s->as_stored[i]);
    }
}

static inline enum mailbox
visit(const char *path, struct seen *s)
{
    const struct mailbox_visitor v = {on_message, on_done, on_fault, s};

    return mailbox_visit(path, &v);
}

static char folder[64];

static inline int
folder_make(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/client-mailbox.XXXXXX");
    assert_non_null(mkdtemp(folder));
    return chdir(folder);
}

static inline int
folder_remove(void **state)
{
    char line[128];

    (void)state;
    snprintf(line, sizeof(line), "cd / && rm -rf %s", folder);
    return chdir("/") != 0 || system(line) != 0;
}

static inline void
file_put(const char *name, const char *text)
{
    FILE *f = fopen(name, "we");

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

#define DATED "From a@b Mon Nov 30 09:00:00 2026\n"

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

#endif
