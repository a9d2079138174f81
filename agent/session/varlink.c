#include "agent/session/varlink.h"

#include <stdio.h>

#include "agent/base/limits.h"
#include "agent/session/json_text.h"

/* ---- calls ----------------------------------------------------------------
 */

void
varlink_call_drop(struct varlink_call *c)
{
    json_decref(c->root);
    *c = (struct varlink_call){0};
}

/* False when it is there and no boolean. */
static bool
read_flag(const json_t *root, const char *name, bool *out)
{
    const json_t *value = json_object_get(root, name);

    *out = json_is_true(value);
    return !value || json_is_boolean(value);
}

static bool
read_method(struct varlink_call *c)
{
    const json_t *method = json_object_get(c->root, "method");
    const char *dot;

    if (!json_is_string(method))
        return false;
    c->method = json_string_value(method);
    dot = strrchr(c->method, '.');
    c->interface = slice_of(c->method, dot ? (size_t)(dot - c->method) : 0);
    return true;
}

static bool
read_parameters(struct varlink_call *c)
{
    c->parameters = json_object_get(c->root, "parameters");
    if (!c->parameters || json_is_null(c->parameters)) {
        c->parameters = json_object();
        json_object_set_new(c->root, "parameters", c->parameters);
    }
    return json_is_object(c->parameters);
}

/* Before it is parsed, for the parser takes stack for each level. What is no
 * JSON may be counted wrong; the parser finds that. */
static bool
is_too_deep(struct slice text)
{
    bool quoted = false;
    int depth = 0;

    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];

        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == ']' || c == '}'))
            depth--;
        else if (!quoted && (c == '[' || c == '{') &&
                 ++depth > LIMIT_REQUEST_DEPTH)
            return true;
    }
    return false;
}

bool
varlink_parse(struct slice text, struct varlink_call *out, struct problem *why)
{
    AUTO(varlink_call) struct varlink_call c = {0};
    json_error_t error;

    if (is_too_deep(text)) {
        (void)fail(why, ERR_LIMIT,
                   "more than %d objects and arrays in each other",
                   LIMIT_REQUEST_DEPTH);
        return false;
    }
    c.root = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES,
                        &error);
    if (!c.root) {
        (void)fail(why, ERR_USAGE, "%s", error.text);
        return false;
    }
    if (!read_method(&c) || !read_parameters(&c) ||
        !read_flag(c.root, "oneway", &c.oneway) ||
        !read_flag(c.root, "more", &c.more) ||
        !read_flag(c.root, "upgrade", &c.upgrade)) {
        (void)fail(why, ERR_USAGE, "this is not a Varlink call");
        return false;
    }
    *out = c;
    c = (struct varlink_call){0};
    return true;
}

json_t *
varlink_parameter(const struct varlink_call *c, const char *name)
{
    json_t *value = json_object_get(c->parameters, name);

    return json_is_null(value) ? NULL : value;
}

bool
varlink_is_service(const struct varlink_call *c)
{
    return slice_is(c->interface, VARLINK_SERVICE);
}

/* ---- replies --------------------------------------------------------------
 */

json_t *
varlink_reply(json_t *parameters)
{
    json_t *out = json_object();

    json_object_set_new(out, "parameters",
                        parameters ? parameters : json_object());
    return out;
}

static json_t *
error_new(json_t *name, json_t *parameters)
{
    json_t *out = json_object();

    json_object_set_new(out, "error", name);
    json_object_set_new(out, "parameters", parameters);
    return out;
}

json_t *
varlink_service_error(const char *name, const char *fact, struct slice value)
{
    json_t *parameters = json_object();

    json_object_set_new(parameters, fact, json_text(value));
    return error_new(json_sprintf("%s.%s", VARLINK_SERVICE, name), parameters);
}

static void
set_sentence(json_t *parameters, const char *key, const struct problem *p,
             int next)
{
    char text[LIMIT_SENTENCE_BYTES];

    problem_text(p, next, text, sizeof(text));
    json_object_set_new(parameters, key, json_text(slice_text(text)));
}

static void
set_fact(json_t *parameters, const char *key, const char *fact)
{
    if (fact[0] != '\0')
        json_object_set_new(parameters, key, json_text(slice_text(fact)));
}

json_t *
varlink_problem(const struct varlink_call *c, const struct problem *p)
{
    json_t *parameters;

    if (p->code == ERR_USAGE)
        return varlink_service_error(
            "InvalidParameter", "parameter",
            slice_text(p->subject[0] ? p->subject : p->detail));
    parameters = json_object();
    set_sentence(parameters, "message", p, 0);
    set_sentence(parameters, "next", p, 1);
    set_fact(parameters, "subject", p->subject);
    set_fact(parameters, "token", p->token);
    set_fact(parameters, "detail", p->detail);
    if (p->tries_left >= 0)
        json_object_set_new(parameters, "tries_left",
                            json_integer(p->tries_left));
    return error_new(json_sprintf("%.*s.%s", (int)c->interface.n,
                                  (const char *)c->interface.p,
                                  err_name(p->code)),
                     parameters);
}

/* ---- introspection --------------------------------------------------------
 */

static const struct varlink_interface *
interface_find(struct slice name)
{
    for (size_t i = 0; i < varlink_interface_count; i++)
        if (slice_is(name, varlink_interfaces[i].name))
            return &varlink_interfaces[i];
    return NULL;
}

json_t *
varlink_not_found(const struct varlink_call *c)
{
    if (!interface_find(c->interface))
        return varlink_service_error("InterfaceNotFound", "interface",
                                     c->interface);
    return varlink_service_error("MethodNotFound", "method",
                                 slice_text(c->method));
}

static json_t *
info_get(void)
{
    json_t *out = json_object();
    json_t *names = json_array();

    for (size_t i = 0; i < varlink_interface_count; i++)
        json_array_append_new(names, json_string(varlink_interfaces[i].name));
    json_object_set_new(out, "vendor", json_string("smime-agent"));
    json_object_set_new(out, "product", json_string("smime-agent"));
    json_object_set_new(out, "version", json_string(SMIME_VERSION));
    json_object_set_new(out, "url", json_string(""));
    json_object_set_new(out, "interfaces", names);
    return varlink_reply(out);
}

static json_t *
description_get(const struct varlink_call *c)
{
    const json_t *name = varlink_parameter(c, "interface");
    const struct varlink_interface *found;
    json_t *out;

    if (!json_is_string(name))
        return varlink_service_error("InvalidParameter", "parameter",
                                     slice_text("interface"));
    found = interface_find(slice_text(json_string_value(name)));
    if (!found)
        return varlink_service_error("InterfaceNotFound", "interface",
                                     slice_text(json_string_value(name)));
    out = json_object();
    json_object_set_new(out, "description", json_string(found->description));
    return varlink_reply(out);
}

json_t *
varlink_service(const struct varlink_call *c)
{
    if (strcmp(c->method, VARLINK_SERVICE ".GetInfo") == 0)
        return info_get();
    if (strcmp(c->method, VARLINK_SERVICE ".GetInterfaceDescription") == 0)
        return description_get(c);
    return varlink_not_found(c);
}
