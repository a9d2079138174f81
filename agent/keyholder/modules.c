/*
 * MSG_MODULES: what each PKCS#11 module is doing, from memory: no module is
 * asked, so that the answer comes when all of them hang.
 */
#include "agent/keyholder/keyholder.h"

static enum module_state
state_of(const struct token_module_info *m)
{
    if (m->hangs)
        return MODULE_HANGS;
    switch (m->state) {
    case TOKEN_MODULE_STARTING:
        return MODULE_STARTING;
    case TOKEN_MODULE_FAILED:
        return MODULE_FAILED;
    case TOKEN_MODULE_SKIPPED:
        return MODULE_SKIPPED;
    case TOKEN_MODULE_READY:
    case TOKEN_MODULE_BUSY:
        break;
    }
    return m->rv != 0 ? MODULE_FAILING : MODULE_READY;
}

static void
record_fill(const struct token_module_info *m, struct module_record *out)
{
    *out = (struct module_record){.name = slice_text(m->name),
                                  .state = state_of(m),
                                  .own_process = m->remote};
    if (out->state == MODULE_HANGS || out->state == MODULE_SKIPPED)
        out->call = slice_text(m->hang.call ? m->hang.call : "");
    if (out->state == MODULE_HANGS || out->state == MODULE_SKIPPED)
        out->seconds = m->hang.ms / 1000;
    if (out->state == MODULE_FAILED && m->rv == 0)
        out->error = slice_of(m->why, strnlen(m->why, LIMIT_LABEL_BYTES));
    if ((out->state == MODULE_FAILED || out->state == MODULE_FAILING) &&
        m->rv != 0) {
        const char *error = tokens_rv_name(m->rv);

        out->call = slice_text(m->call);
        out->rv = (uint32_t)m->rv;
        out->error = slice_text(error ? error : "");
        out->token = slice_text(m->token);
    }
}

enum err
modules_list(struct client *c, const struct page *request,
             struct list_reply *out, struct reply_room *room, struct problem *p)
{
    struct token_store *store = c->keyholder->store;
    struct token_module_info info;
    size_t end[LIMIT_LIST_ITEMS];
    size_t made = 0, at = 0;

    (void)request;
    (void)p;
    while (made < LIMIT_LIST_ITEMS &&
           token_store_module_info(store, made, &info)) {
        struct module_record record;

        record_fill(&info, &record);
        record_encode(RECORD_module_record, &record, &room->bytes);
        end[made++] = room->bytes.len;
    }
    for (size_t i = 0; i < made; at = end[i++])
        if (!slice_list_add(&out->records,
                            slice_of(room->bytes.data + at, end[i] - at)))
            bug("a page of more records than a list takes");
    return ERR_OK;
}
