#include "agent/session/request.h"

#include "agent/base/fd.h"

void
request_drop(struct request *r)
{
    for (int i = 0; i < LIMIT_REQUEST_FDS; i++)
        fd_drop(&r->fds[i]);
    r->fd_count = 0;
    json_decref(r->parameters);
    r->parameters = NULL;
}

static enum err
refuse(struct request *r, const char *name, const char *why)
{
    enum err e = fail(&r->problem, ERR_USAGE, "%s: %s", name, why);

    problem_set_subject(&r->problem, name);
    return e;
}

/* ---- the check ------------------------------------------------------------
 */

static bool
fits_text(const json_t *value, size_t limit)
{
    return json_is_string(value) && json_string_length(value) <= limit;
}

static bool
fits_fd(const struct request *r, const json_t *value)
{
    json_int_t n = json_integer_value(value);

    return json_is_integer(value) && n >= 0 && n < r->fd_count;
}

/* LIMIT_LIST_ITEMS does not bound these: a mail may have more recipients.
 * The message's own size does. */
static bool
fits_list(const struct request *r, const struct parameter *p,
          const json_t *list)
{
    const json_t *item;
    size_t i;

    if (!json_is_array(list))
        return false;
    json_array_foreach(list, i, item)
    {
        if (p->kind == PARAMETER_FDS ? !fits_fd(r, item)
                                     : !fits_text(item, p->limit))
            return false;
    }
    return true;
}

static bool fits_object(const struct request *r, const json_t *object,
                        const struct parameter *list, const char **culprit);

static bool
fits(const struct request *r, const struct parameter *p, const json_t *value)
{
    const char *culprit;

    switch (p->kind) {
    case PARAMETER_TEXT:
        return fits_text(value, p->limit);
    case PARAMETER_TEXTS:
    case PARAMETER_FDS:
        return fits_list(r, p, value);
    case PARAMETER_FLAG:
        return json_is_boolean(value);
    case PARAMETER_NUMBER:
        return json_is_integer(value) && json_integer_value(value) >= 0;
    case PARAMETER_FD:
        return fits_fd(r, value);
    case PARAMETER_CALLER:
        return json_is_object(value) &&
               fits_object(r, value, parameters_of_caller, &culprit);
    }
    bug("a parameter of no kind");
}

static const struct parameter *
parameter_find(const struct parameter *list, const char *name)
{
    for (; list->name; list++)
        if (strcmp(list->name, name) == 0)
            return list;
    return NULL;
}

/* An unknown name is refused: a mistyped `sign` must not send plain mail. */
static bool
fits_object(const struct request *r, const json_t *object,
            const struct parameter *list, const char **culprit)
{
    const json_t *value;
    void *at;

    for (at = json_object_iter((json_t *)(uintptr_t)object); at;
         at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
        const struct parameter *p;

        *culprit = json_object_iter_key(at);
        value = json_object_iter_value(at);
        p = parameter_find(list, *culprit);
        if (!p || (!json_is_null(value) && !fits(r, p, value)))
            return false;
    }
    for (const struct parameter *p = list; p->name; p++) {
        *culprit = p->name;
        value = json_object_get(object, p->name);
        if (p->required && (!value || json_is_null(value)))
            return false;
    }
    return true;
}

enum err
request_check(struct request *r, const struct parameter *list)
{
    const char *culprit = "";

    if (fits_object(r, r->parameters, list, &culprit))
        return ERR_OK;
    return refuse(r, culprit, "missing, unknown, or not what it must be");
}

/* ---- reading --------------------------------------------------------------
 */

const char *
request_text(const struct request *r, const char *name)
{
    return json_string_value(json_object_get(r->parameters, name));
}

bool
request_flag(const struct request *r, const char *name)
{
    return json_is_true(json_object_get(r->parameters, name));
}

int64_t
request_number(const struct request *r, const char *name, int64_t fallback)
{
    const json_t *value = json_object_get(r->parameters, name);

    return json_is_integer(value) ? (int64_t)json_integer_value(value)
                                  : fallback;
}

uint64_t
request_time(const struct request *r, const char *name)
{
    int64_t at = request_number(r, name, -1);

    return at < 0 ? 0 : at == 0 ? 1 : (uint64_t)at;
}

enum err
request_fd(struct request *r, const char *name, int *out)
{
    const json_t *value = json_object_get(r->parameters, name);
    json_int_t n = json_integer_value(value);

    if (!json_is_integer(value) || n < 0 || n >= r->fd_count)
        return refuse(r, name, "no such descriptor");
    if (r->fds[n] < 0)
        return refuse(r, name, "two parameters name one descriptor");
    *out = fd_take(&r->fds[n]);
    return ERR_OK;
}
