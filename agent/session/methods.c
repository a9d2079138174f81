#include "agent/session/methods.h"

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"

#define MAIL     "io.smimeagent.Mail."
#define KEYS     "io.smimeagent.Keys."
#define CONTACTS "io.smimeagent.Contacts."
#define AGENT    "io.smimeagent.Agent."
#define RAW      "io.smimeagent.Raw."

#define EVERY_RIGHT (RIGHT_MAIL | RIGHT_MANAGE | RIGHT_RAW)

static const struct method methods[] = {
    {MAIL "Sign", RIGHT_MAIL, true, mail_sign, parameters_of_sign},
    {MAIL "Encrypt", RIGHT_MAIL, true, mail_encrypt, parameters_of_encrypt},
    {MAIL "Decrypt", RIGHT_MAIL, false, mail_decrypt, parameters_of_decrypt},
    {MAIL "Verify", RIGHT_MAIL, false, mail_verify, parameters_of_verify},
    {MAIL "Open", RIGHT_MAIL, false, mail_open, parameters_of_open},
    {CONTACTS "Harvest", RIGHT_MAIL, false, contacts_harvest,
     parameters_of_harvest},
    {CONTACTS "Certificates", EVERY_RIGHT, false, contacts_certificates,
     parameters_of_certificates},
    {CONTACTS "List", EVERY_RIGHT, true, contacts_list, parameters_of_contacts},
    {CONTACTS "Show", EVERY_RIGHT, true, contacts_show,
     parameters_of_contact_shown},
    {CONTACTS "Remove", RIGHT_MANAGE, false, contacts_remove,
     parameters_of_contact},
    {CONTACTS "Find", EVERY_RIGHT, true, contacts_find, parameters_of_contact},
    {CONTACTS "Why", EVERY_RIGHT, false, contacts_why, parameters_of_contact},
    {CONTACTS "SetState", RIGHT_MANAGE, false, contacts_set_state,
     parameters_of_set_state},
    {CONTACTS "Import", RIGHT_MANAGE, false, contacts_import,
     parameters_of_contacts_import},
    {CONTACTS "Backup", RIGHT_MANAGE, false, contacts_backup,
     parameters_of_backup},
    {CONTACTS "Restore", RIGHT_MANAGE, false, contacts_restore,
     parameters_of_restore},
    {CONTACTS "Export", EVERY_RIGHT, false, contacts_export,
     parameters_of_export},
    {CONTACTS "Undo", RIGHT_MANAGE, false, contacts_undo, parameters_of_undo},
    {CONTACTS "History", EVERY_RIGHT, false, contacts_history,
     parameters_of_history},
    {CONTACTS "Announcement", RIGHT_MAIL, false, contacts_announcement,
     parameters_of_announcement},
    {CONTACTS "Publish", RIGHT_MANAGE, false, contacts_publish,
     parameters_of_publish},
    {KEYS "List", EVERY_RIGHT, false, keys_list, parameters_of_nothing},
    {KEYS "Tokens", EVERY_RIGHT, false, keys_tokens, parameters_of_nothing},
    {KEYS "Rescan", RIGHT_MANAGE, false, keys_rescan, parameters_of_nothing},
    {KEYS "Unlock", RIGHT_MANAGE, false, keys_unlock, parameters_of_unlock},
    {KEYS "Lock", RIGHT_MAIL | RIGHT_MANAGE, false, keys_lock,
     parameters_of_lock},
    {KEYS "Import", RIGHT_MANAGE, false, keys_import, parameters_of_import},
    {KEYS "Remove", RIGHT_MANAGE, false, keys_remove, parameters_of_key},
    {KEYS "Export", EVERY_RIGHT, false, keys_export, parameters_of_key},
    {KEYS "InitToken", RIGHT_MANAGE, false, keys_init_token,
     parameters_of_init_token},
    {KEYS "ChangePin", RIGHT_MANAGE, false, keys_change_pin,
     parameters_of_change_pin},
    {KEYS "UnblockPin", RIGHT_MANAGE, false, keys_unblock_pin,
     parameters_of_unblock_pin},
    {KEYS "Generate", RIGHT_MANAGE, false, keys_generate,
     parameters_of_generate},
    {KEYS "Install", RIGHT_MANAGE, false, keys_install, parameters_of_install},
    {KEYS "Check", EVERY_RIGHT, false, keys_check, parameters_of_nothing},
    {KEYS "Modules", EVERY_RIGHT, false, keys_modules, parameters_of_nothing},
    {KEYS "Clean", RIGHT_MANAGE, false, keys_clean, parameters_of_clean},
    {MAIL "Check", RIGHT_MAIL, false, mail_check, parameters_of_check},
    {RAW "List", RIGHT_RAW, false, use_list, parameters_of_raw_list},
    {RAW "SignDigest", RIGHT_RAW, true, use_sign, parameters_of_raw_sign},
    {RAW "UnwrapKey", RIGHT_RAW, true, use_unwrap, parameters_of_raw_unwrap},
    {RAW "AgreeKey", RIGHT_RAW, true, use_agree, parameters_of_raw_agree},
    {RAW "UnwrapContentKey", RIGHT_RAW, false, use_unwrap_content,
     parameters_of_raw_content},
    {RAW "Unlock", RIGHT_RAW, false, use_unlock, parameters_of_raw_unlock},
    {AGENT "Anchors", EVERY_RIGHT, false, agent_anchors, parameters_of_nothing},
    {AGENT "Directory", EVERY_RIGHT, false, agent_directory,
     parameters_of_nothing},
    {AGENT "Status", EVERY_RIGHT, false, agent_status, parameters_of_nothing},
};

const struct method *
method_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(methods); i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

static enum err
check_rights(struct request *r, const struct method *m)
{
    if ((r->session->rights & m->rights) != 0)
        return ERR_OK;
    return fail(&r->problem, ERR_NOT_ALLOWED, "%s is served on %s", m->name,
                m->rights & RIGHT_MAIL     ? "io.smimeagent"
                : m->rights & RIGHT_MANAGE ? "io.smimeagent.manage"
                                           : "io.smimeagent.raw");
}

static enum err
check_form(struct request *r, const struct method *m,
           const struct varlink_call *call, const struct message_in *in)
{
    const char *culprit = call->upgrade ? "upgrade"
                          : in->fds_cut ? "descriptors"
                                        : NULL;

    if (!culprit)
        return request_check(r, m->parameters);
    (void)fail(&r->problem, ERR_USAGE, "%s", culprit);
    problem_set_subject(&r->problem, culprit);
    return ERR_USAGE;
}

static enum err
run(struct request *r, const struct method *m, const struct varlink_call *call,
    const struct message_in *in, json_t **out)
{
    enum err e = check_rights(r, m);

    if (e == ERR_OK)
        e = check_form(r, m, call, in);
    if (e == ERR_OK)
        e = m->handler(r, out);
    if (e != ERR_OK && r->problem.code != e)
        (void)fail(&r->problem, e, NULL);
    return e;
}

static void
log_outcome(const struct request *r, const struct method *m, enum err e,
            int64_t begun)
{
    unsigned long long id = r->session->id;
    long long took = clock_ms() - begun;
    char sentence[LIMIT_SENTENCE_BYTES];

    if (e == ERR_OK) {
        log_debug("session %llu: %s: done, %lld ms", id, m->name, took);
        return;
    }
    problem_text(&r->problem, 0, sentence, sizeof(sentence));
    log_note("session %llu: %s: %s: %s, %lld ms", id, m->name, err_name(e),
             sentence, took);
}

static void
take_fds(struct request *r, struct message_in *in)
{
    for (int i = 0; i < LIMIT_REQUEST_FDS; i++)
        r->fds[i] = fd_take(&in->fds[i]);
    r->fd_count = in->fd_count;
    in->fd_count = 0;
}

json_t *
method_call(struct session *s, const struct varlink_call *call,
            struct message_in *in)
{
    const struct method *m = method_find(call->method);
    AUTO(request) struct request r = {.session = s, .more = call->more};
    int64_t begun = clock_ms();
    json_t *parameters = NULL;
    enum err e;

    take_fds(&r, in);
    if (!m) {
        log_note("session %llu: no method %.200s", (unsigned long long)s->id,
                 call->method);
        return varlink_not_found(call);
    }
    r.parameters = json_incref(call->parameters);
    e = run(&r, m, call, in, &parameters);
    log_outcome(&r, m, e, begun);
    if (e == ERR_OK)
        return varlink_reply(parameters);
    json_decref(parameters);
    return varlink_problem(call, &r.problem);
}
