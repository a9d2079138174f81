/*
 * io.smimeagent.Mail.Decrypt, Verify and Open, and Contacts.Harvest: the
 * verbs that read someone else's mail.
 */
#include <stdio.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/session/json_text.h"
#include "agent/session/judge.h"
#include "agent/session/output.h"
#include "agent/session/raw.h"
#include "agent/session/trust.h"
#include "agent/session/try.h"

#define KEY_OPERATIONS (LIMIT_KEY_TRIES * LIMIT_LAYERS)

static bool
flag_or(const struct request *r, const char *name, bool fallback)
{
    return json_object_get(r->parameters, name) ? request_flag(r, name)
                                                : fallback;
}

/* Reads and judges; what is readable goes to TO (NULL: nobody wants it). */
static enum err
read_and_judge(struct request *r, enum verb verb, int fd, struct sink *to,
               const struct judging *how, struct own_keys *keys, json_t **out)
{
    struct reading *g = mem_new(sizeof(*g));
    enum err e;

    g->keys = *keys;
    *keys = (struct own_keys){0};
    g->to = to;
    e = reading_open(r, verb, fd, g);
    if (e == ERR_OK)
        e = reading_run(g);
    if (e == ERR_OK)
        e = judge_report(g, how, out);
    reading_drop(g);
    free(g);
    return e;
}

static struct judging
judging_of(const struct request *r, bool learn, const char *origin)
{
    const char *told = request_text(r, "origin");

    return (struct judging){.learn = learn,
                            .at = request_time(r, "at"),
                            .origin = told ? told : origin};
}

static enum err
narrow_reading(struct request *r, enum verb verb, uint32_t ops)
{
    return session_narrow(r, verb, ops, slice_of(NULL, 0));
}

/* A file is written as it is read and cut back on failure; a pipe gets
 * nothing before everything held. */
static enum err
read_to_output(struct request *r, enum verb verb, const struct judging *how,
               json_t **out)
{
    AUTO(own_keys) struct own_keys keys = {0};
    AUTO(output) struct output *o = NULL;
    AUTO(fd) int in_fd = -1;
    AUTO(fd) int out_fd = -1;
    json_t *report = NULL;
    enum err e;

    TRY(request_fd(r, "input", &in_fd));
    TRY(request_fd(r, "output", &out_fd));
    TRY(own_keys_load(r, false, &keys));
    TRY(narrow_reading(r, verb, KEY_OPERATIONS));
    TRY(output_open(fd_take(&out_fd), &r->session->scratch, &o, &r->problem));
    TRY(read_and_judge(r, verb, fd_take(&in_fd), output_sink(o), how, &keys,
                       &report));
    e = output_commit(o, &r->problem);
    if (e == ERR_OK)
        *out = json_pack("{s:o}", "report", report);
    else
        json_decref(report);
    return e;
}

enum err
mail_decrypt(struct request *r, json_t **out)
{
    struct judging how = judging_of(r, false, "decrypt");
    bool raw = false;

    TRY(raw_is_wanted(r, &raw));
    return raw ? raw_decrypt(r, out)
               : read_to_output(r, VERB_DECRYPT, &how, out);
}

enum err
mail_open(struct request *r, json_t **out)
{
    struct judging how = judging_of(r, flag_or(r, "learn", true), "open");

    return read_to_output(r, VERB_OPEN, &how, out);
}

enum err
mail_verify(struct request *r, json_t **out)
{
    struct judging how = judging_of(r, request_flag(r, "learn"), "verify");
    struct own_keys none = {0};
    AUTO(fd) int in_fd = -1;
    json_t *report = NULL;
    bool raw = false;

    TRY(raw_is_wanted(r, &raw));
    if (raw)
        return raw_verify(r, out);
    if (request_number(r, "output", -1) >= 0)
        return fail(&r->problem, ERR_USAGE,
                    "output: only with form \"cms\"; see Open");
    TRY(request_fd(r, "input", &in_fd));
    TRY(narrow_reading(r, VERB_VERIFY, 0));
    TRY(trust_bring(r, "anchors", TRUST_ANCHORS));
    TRY(trust_bring(r, "crls", TRUST_CRLS));
    TRY(read_and_judge(r, VERB_VERIFY, fd_take(&in_fd), NULL, &how, &none,
                       &report));
    *out = json_pack("{s:o}", "report", report);
    return ERR_OK;
}

/* ---- harvest
 * ----------------------------------------------------------------------- */

static bool
is_note(const char *reason)
{
    static const char *const words[] = {
#define X(word) word,
#include "agent/validator/notes.def"
#undef X
    };

    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (strcmp(reason, words[i]) == 0)
            return true;
    return false;
}

/* Why it taught nothing: its first fault, or what there is; NULL: nothing. */
static const char *
first_fault(const json_t *reasons)
{
    json_t *one;
    size_t i;

    json_array_foreach(reasons, i, one) if (
        !is_note(json_string_value(one))) return json_string_value(one);
    return json_string_value(json_array_get(reasons, 0));
}

/* The best of what a report's signers taught, and whom. */
static json_t *
harvested_json(const char *origin, json_t *report)
{
    static const char *const better[] = {"changed", "new", "known", "failed",
                                         "nothing"};
    const char *result = "nothing", *address = NULL, *reason = NULL;
    size_t rank = ARRAY_COUNT(better) - 1;
    size_t i, j;
    json_t *layer, *signer;

    json_array_foreach(json_object_get(report, "layers"), i, layer)
    {
        json_array_foreach(json_object_get(layer, "signers"), j, signer)
        {
            const char *learned =
                json_string_value(json_object_get(signer, "learned"));

            for (size_t k = 0; k < rank; k++)
                if (learned && strcmp(learned, better[k]) == 0) {
                    rank = k;
                    result = better[k];
                    address = json_string_value(json_array_get(
                        json_object_get(json_object_get(signer, "certificate"),
                                        "addresses"),
                        0));
                }
        }
    }
    reason = first_fault(json_object_get(report, "reasons"));
    return json_pack("{s:s, s:s, s:s?, s:s?, s:s?}", "origin", origin, "result",
                     result, "address", address, "reason",
                     rank == ARRAY_COUNT(better) - 1 ? reason : NULL, "error",
                     strcmp(result, "failed") == 0 ? err_name(ERR_STORE)
                                                   : NULL);
}

static json_t *
harvest_failed(struct request *r, const char *origin)
{
    char text[LIMIT_FACT_BYTES];

    problem_text(&r->problem, 0, text, sizeof(text));
    return json_pack("{s:s, s:s, s:n, s:o, s:s}", "origin", origin, "result",
                     "failed", "address", "reason", json_text(slice_text(text)),
                     "error", err_name(r->problem.code));
}

/* One message. A broken one is told and hinders no other; a lost process or
 * a full disk ends the batch. */
static enum err
harvest_one(struct request *r, int fd, const char *origin, json_t *list)
{
    struct judging how = {.learn = true, .later = true, .origin = origin};
    struct own_keys none = {0};
    json_t *report = NULL;
    enum err e;

    e = read_and_judge(r, VERB_HARVEST, fd, NULL, &how, &none, &report);
    if (e == ERR_OK)
        json_array_append_new(list, harvested_json(origin, report));
    else if (is_shape_error(e) || e == ERR_INPUT)
        json_array_append_new(list, harvest_failed(r, origin));
    else
        return e;
    json_decref(report);
    return ERR_OK;
}

/* All of the batch in one commit: nothing is told as learned before. */
static enum err
harvest_keep(struct request *r)
{
    struct empty nothing = {0};

    return keyring_call(r, MSG_CONTACTS_KEEP, &nothing, &nothing);
}

enum err
contacts_harvest(struct request *r, json_t **out)
{
    const json_t *inputs = json_object_get(r->parameters, "inputs");
    const json_t *origins = json_object_get(r->parameters, "origins");
    json_t *list = json_array();
    enum err e = narrow_reading(r, VERB_HARVEST, 0);

    for (size_t i = 0; e == ERR_OK && i < json_array_size(inputs); i++) {
        json_int_t n = json_integer_value(json_array_get(inputs, i));
        const char *origin = json_string_value(json_array_get(origins, i));

        if (n < 0 || n >= r->fd_count || r->fds[n] < 0)
            e = fail(&r->problem, ERR_USAGE, "inputs");
        else
            e = harvest_one(r, fd_take(&r->fds[n]), origin ? origin : "", list);
    }
    if (e == ERR_OK)
        e = harvest_keep(r);
    if (e == ERR_OK)
        *out = json_pack("{s:O}", "harvested", list);
    json_decref(list);
    return e;
}
