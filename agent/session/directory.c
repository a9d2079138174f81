#include "agent/session/directory.h"

#include <stdio.h>

#include "agent/base/log.h"
#include "agent/session/json_text.h"
#include "agent/session/try.h"

static const char *const state_names[DIRECTORY_STATES] = {
    [DIRECTORY_OK] = "ok",
    [DIRECTORY_OFF] = "off",
    [DIRECTORY_MISCONFIGURED] = "misconfigured",
    [DIRECTORY_CROWDED] = "crowded",
    [DIRECTORY_FAILED] = "failed",
    [DIRECTORY_SILENT] = "silent",
    [DIRECTORY_UNREACHABLE] = "unreachable",
    [DIRECTORY_TLS] = "tls",
    [DIRECTORY_WRONG] = "wrong",
    [DIRECTORY_REFERRED] = "referred",
    [DIRECTORY_TOO_MUCH] = "too_much",
    [DIRECTORY_REFUSED] = "refused",
    [DIRECTORY_NO_ENTRY] = "no_entry",
    [DIRECTORY_NO_RIGHTS] = "no_rights",
    [DIRECTORY_CREDENTIALS] = "credentials",
    [DIRECTORY_UNSURE] = "unsure"};

/* "silent", "unreachable", ...; of a number that is none: "failed". */
static const char *
directory_state_name(uint32_t state)
{
    return state < DIRECTORY_STATES ? state_names[state] : "failed";
}

/* Detail is about the server where a server was asked. */
static const char *
words_of_state(enum directory_state state, const char *detail)
{
    if (detail[0])
        return detail;
    if (state == DIRECTORY_OFF)
        return "agent.conf names none";
    if (state == DIRECTORY_CROWDED)
        return "too many questions to it at once";
    return "its process ended";
}

static void
text_copy(struct slice from, char *out, size_t size)
{
    snprintf(out, size, "%.*s", (int)from.n, (const char *)from.p);
}

/* ---- several addresses --------------------------------------------------- */

void
wanted_list_drop(struct wanted_list *l)
{
    free(l->item);
    *l = (struct wanted_list){0};
}

void
wanted_add(struct wanted_list *l, const char *address, struct slice why,
           bool ask)
{
    l->item = mem_resize(l->item, (l->n + 1) * sizeof(*l->item));
    l->item[l->n] = (struct wanted){.address = address, .ask = ask};
    text_copy(why, l->item[l->n].why, sizeof(l->item[l->n].why));
    l->n++;
}

static void
told_set(struct wanted *w, const struct directory_answer *a, size_t i)
{
    char detail[256], server[128];

    text_escape(a->detail, detail, sizeof(detail));
    text_escape(a->server, server, sizeof(server));
    if (a->state == DIRECTORY_OFF)
        return;
    if (a->state != DIRECTORY_OK)
        snprintf(w->told, sizeof(w->told), "the directory gave no answer: %s",
                 words_of_state((enum directory_state)a->state, detail));
    else if (i < a->reasons.n && a->reasons.item[i].n > 0)
        snprintf(w->told, sizeof(w->told), "the directory %s was asked: %.*s",
                 server, (int)a->reasons.item[i].n,
                 (const char *)a->reasons.item[i].p);
}

/* The next ones to ask for, from *AT on; gives their places. */
static size_t
batch_fill(const struct wanted_list *l, size_t *at, struct directory_ask *q,
           size_t places[LIMIT_DIRECTORY_ADDRESSES])
{
    for (; *at < l->n && q->addresses.n < LIMIT_DIRECTORY_ADDRESSES; ++*at)
        if (l->item[*at].ask) {
            places[q->addresses.n] = *at;
            q->addresses.item[q->addresses.n++] =
                slice_text(l->item[*at].address);
        }
    return q->addresses.n;
}

/* Once it does not answer, it is not asked again for the rest. */
enum err
directory_refresh(struct request *r, struct wanted_list *l)
{
    struct directory_answer answer = {.state = DIRECTORY_OK};
    size_t at = 0;

    while (at < l->n) {
        size_t places[LIMIT_DIRECTORY_ADDRESSES];
        struct directory_ask q = {.forced = 0};
        size_t n = batch_fill(l, &at, &q, places);

        if (n > 0 && answer.state == DIRECTORY_OK)
            TRY(keyring_call(r, MSG_DIRECTORY_ASK, &q, &answer));
        for (size_t i = 0; i < n; i++)
            told_set(&l->item[places[i]], &answer, i);
    }
    return ERR_OK;
}

/* ---- one ----------------------------------------------------------------- */

enum err
directory_ask(struct request *r, const char *address,
              struct directory_told *out)
{
    struct directory_ask q = {.forced = 1};
    struct directory_answer answer;

    if (address)
        q.addresses.item[q.addresses.n++] = slice_text(address);
    TRY(keyring_call(r, MSG_DIRECTORY_ASK, &q, &answer));
    *out = (struct directory_told){.state = (enum directory_state)answer.state};
    text_copy(answer.server, out->server, sizeof(out->server));
    text_copy(answer.detail, out->detail, sizeof(out->detail));
    if (out->state != DIRECTORY_OK && out->detail[0] == '\0')
        text_copy(slice_text(words_of_state(out->state, "")), out->detail,
                  sizeof(out->detail));
    if (answer.reasons.n > 0)
        text_copy(answer.reasons.item[0], out->reason, sizeof(out->reason));
    return ERR_OK;
}

json_t *
directory_json(const struct directory_told *told)
{
    json_t *out = json_object();

    json_object_set_new(out, "state",
                        json_string(directory_state_name(told->state)));
    json_object_set_new(out, "server", json_text(slice_text(told->server)));
    json_object_set_new(
        out, "detail",
        json_text(slice_text(told->state == DIRECTORY_OK ? told->reason
                                                         : told->detail)));
    return out;
}

/* Agent.Directory: does it answer? */
enum err
agent_directory(struct request *r, json_t **out)
{
    struct directory_told told;

    TRY(session_narrow(r, VERB_LOOK, 0, slice_of(NULL, 0)));
    TRY(directory_ask(r, NULL, &told));
    *out = json_pack("{s:o}", "directory", directory_json(&told));
    return ERR_OK;
}
