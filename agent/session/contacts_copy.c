/* Contacts.Backup and Restore: the descriptor goes to the keyring unread. */
#include "agent/base/fd.h"
#include "agent/session/channels.h"
#include "agent/session/json_text.h"
#include "agent/session/session.h"
#include "agent/session/try.h"

static enum err
copy_call(struct request *r, enum message m, const char *parameter,
          struct copy_reply *out)
{
    struct empty nothing = {0};
    int taken = -1;

    TRY(request_fd(r, parameter, &taken));
    AUTO(fd) int fd = taken;

    TRY(session_narrow(r, VERB_MANAGE, 0, slice_of(NULL, 0)));
    return keyring_call_fd(r, m, &nothing, fd, out);
}

enum err
contacts_backup(struct request *r, json_t **out)
{
    struct copy_reply reply;

    TRY(copy_call(r, MSG_CONTACTS_BACKUP, "output", &reply));
    *out = json_pack("{s:I, s:I}", "contacts", (json_int_t)reply.contacts,
                     "certificates", (json_int_t)reply.certificates);
    return ERR_OK;
}

enum err
contacts_restore(struct request *r, json_t **out)
{
    struct copy_reply reply;

    TRY(copy_call(r, MSG_CONTACTS_RESTORE, "input", &reply));
    *out = json_pack("{s:I, s:I, s:o}", "contacts", (json_int_t)reply.contacts,
                     "certificates", (json_int_t)reply.certificates, "aside",
                     json_text(reply.aside));
    return ERR_OK;
}
