/*
 * The state of the contacts, and copies of them.
 */
#include "agent/base/log.h"
#include "agent/keyring/keyring.h"

#define CHANGED_SHOWN 8

/* Cut for the record, which has room for a text. */
static struct slice
cut(const char *text)
{
    struct slice s = slice_text(text);

    if (s.n > LIMIT_TEXT_BYTES)
        s.n = LIMIT_TEXT_BYTES;
    return s;
}

/* A store that answers nothing is a fact that is told, not an error. */
enum err
keyring_status(struct keyring *k, struct answer_bytes *bytes,
               struct keyring_status *out, struct problem *p)
{
    struct problem ignored = {0};
    struct store_counts counts = {0};
    struct slice_list some = {0};
    struct slice_list rotten_some = {0};
    uint32_t changed = 0, rotten = 0;
    enum err e;

    /* First, since the next answer is in the place of the last. */
    if (rotten_tell(k, &bytes->b, &rotten_some, &rotten, &ignored) != ERR_OK)
        rotten = 0;
    e = keyring_ask(k, MSG_ANCHORS, NULL, out, p);
    if (e != ERR_OK)
        return e;
    out->rotten = rotten;
    for (size_t i = 0; i < rotten_some.n; i++)
        out->rotten_some.item[out->rotten_some.n++] = rotten_some.item[i];
    if (store_count(k->store, &counts, &ignored) == ERR_OK &&
        store_changed(k->store, CHANGED_SHOWN, &bytes->a, &some, &changed,
                      &ignored) == ERR_OK) {
        out->contacts = counts.contacts;
        out->certificates = counts.certificates;
        out->changed = changed;
        for (size_t i = 0; i < some.n; i++)
            out->changed_some.item[out->changed_some.n++] = some.item[i];
    }
    out->path = cut(store_path(k->store));
    if (store_fault(k->store))
        out->fault = cut(store_fault(k->store));
    out->damaged = store_is_damaged(k->store);
    return ERR_OK;
}

/* ---- copies ---------------------------------------------------------------
 */

bool
keyring_backup_begin(struct keyring *k, size_t i, int to)
{
    struct problem p = {0};

    if (store_backup_begin(k->store, to, &k->backup[i], &p) == ERR_OK)
        return true;
    log_problem("backup", &p);
    return channel_refuse(k->session[i].fd, MSG_CONTACTS_BACKUP, &p);
}

/* Whoever does not take the answer is found gone when it is next read. */
static void
backup_step(struct keyring *k, size_t i)
{
    struct store_counts counts;
    struct problem p = {0};
    bool done, sent;
    enum err e = store_backup_step(k->backup[i], &counts, &done, &p);

    if (e == ERR_OK && !done)
        return;
    backup_drop(&k->backup[i]);
    if (e == ERR_OK) {
        struct copy_reply reply = {.contacts = counts.contacts,
                                   .certificates = counts.certificates};

        sent = channel_reply(k->session[i].fd, MSG_CONTACTS_BACKUP, &reply,
                             NULL, 0);
    } else {
        log_problem("backup", &p);
        sent = channel_refuse(k->session[i].fd, MSG_CONTACTS_BACKUP, &p);
    }
    if (!sent)
        log_note("a session does not take the answer to its backup");
}

bool
keyring_backups_step(struct keyring *k)
{
    bool any = false;

    for (size_t i = 0; i < LIMIT_SESSIONS; i++)
        if (k->backup[i]) {
            backup_step(k, i);
            any = true;
        }
    return any;
}

enum err
keyring_restore(struct keyring *k, int from, struct answer_bytes *bytes,
                struct copy_reply *out, struct problem *p)
{
    struct store_counts counts = {0};
    char *aside = NULL;
    enum err e = from < 0 ? fail(p, ERR_USAGE, "no descriptor came along")
                          : store_restore(k->store, from, &counts, &aside, p);

    if (e == ERR_OK) {
        buf_add_text(&bytes->a, aside);
        *out = (struct copy_reply){.contacts = counts.contacts,
                                   .certificates = counts.certificates,
                                   .aside = cut(buf_text(&bytes->a))};
    }
    free(aside);
    k->rotten = (struct rotten){0};
    return e;
}
