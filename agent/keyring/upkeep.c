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
    else if (store_unwritable(k->store))
        out->fault = cut(store_unwritable(k->store));
    out->damaged = store_is_damaged(k->store);
    return ERR_OK;
}

/* ---- copies ---------------------------------------------------------------
 */

bool
keyring_copies(const struct keyring *k, size_t i)
{
    return k->backup[i] || k->restore[i];
}

bool
keyring_copy_begin(struct keyring *k, size_t i, enum message m, int fd)
{
    struct problem p = {0};
    enum err e = m == MSG_CONTACTS_BACKUP
                     ? store_backup_begin(k->store, fd, &k->backup[i], &p)
                     : store_restore_begin(k->store, fd, &k->restore[i], &p);

    if (e == ERR_OK)
        return true;
    log_problem(message_row(m)->name, &p);
    return channel_refuse(k->session[i].fd, m, &p);
}

/* Whoever does not take the answer is found gone when it is next read. */
static void
copy_answer(struct keyring *k, size_t i, enum message m,
            const struct copy_reply *reply, const struct problem *p)
{
    bool sent;

    if (reply) {
        sent = channel_reply(k->session[i].fd, m, reply, NULL, 0);
    } else {
        log_problem(message_row(m)->name, p);
        sent = channel_refuse(k->session[i].fd, m, p);
    }
    if (!sent)
        log_note("a session does not take the answer about its copy");
}

static struct copy_reply
reply_of(const struct store_counts *counts)
{
    return (struct copy_reply){.contacts = counts->contacts,
                               .certificates = counts->certificates};
}

static void
backup_step(struct keyring *k, size_t i)
{
    struct store_counts counts;
    struct problem p = {0};
    bool done;
    enum err e = store_backup_step(k->backup[i], &counts, &done, &p);
    struct copy_reply reply;

    if (e == ERR_OK && !done)
        return;
    backup_drop(&k->backup[i]);
    reply = reply_of(&counts);
    copy_answer(k, i, MSG_CONTACTS_BACKUP, e == ERR_OK ? &reply : NULL, &p);
}

static void
restore_step(struct keyring *k, size_t i)
{
    struct store_counts counts;
    struct problem p = {0};
    bool done;
    enum err e = store_restore_step(k->restore[i], &counts, &done, &p);
    struct copy_reply reply;

    if (e == ERR_OK && !done)
        return;
    reply = reply_of(&counts);
    if (e == ERR_OK)
        reply.aside = cut(restore_aside(k->restore[i]));
    copy_answer(k, i, MSG_CONTACTS_RESTORE, e == ERR_OK ? &reply : NULL, &p);
    restore_drop(&k->restore[i]);
    k->rotten = (struct rotten){0};
}

bool
keyring_copies_step(struct keyring *k)
{
    bool any = false;

    for (size_t i = 0; i < LIMIT_SESSIONS; i++) {
        any = any || keyring_copies(k, i);
        if (k->backup[i])
            backup_step(k, i);
        else if (k->restore[i])
            restore_step(k, i);
    }
    return any;
}
