#include "agent/fetcher/config.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/conf.h"
#include "agent/base/mem.h"

struct loading {
    struct directory_config *config;
    bool has_urls; /* of this file */
};

static void
urls_clear(struct directory_config *c)
{
    for (size_t i = 0; i < c->url_count; i++) {
        free(c->url[i]);
        c->url[i] = NULL;
    }
    c->url_count = 0;
}

void
directory_config_drop(struct directory_config *c)
{
    urls_clear(c);
    free(c->base);
    free(c->filter);
    free(c->ca);
    free(c->bind_dn);
    *c = (struct directory_config){0};
}

static bool
is_url(struct slice word)
{
    const char *kinds[] = {"ldap://", "ldaps://"};

    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        size_t n = strlen(kinds[i]);

        if (word.n > n && word.n <= LIMIT_TEXT_BYTES &&
            slice_is_nocase(slice_of(word.p, n), kinds[i]))
            return true;
    }
    return false;
}

/* One line may name several; an empty one takes away those of the file
 * before. */
static bool
set_urls(struct loading *l, const char *value)
{
    struct directory_config *c = l->config;

    if (!l->has_urls)
        urls_clear(c);
    l->has_urls = true;
    while (*value) {
        size_t n = strcspn(value, " ,\t");

        if (n > 0 && (c->url_count == LIMIT_DIRECTORY_URLS ||
                      !is_url(slice_of(value, n))))
            return false;
        if (n > 0)
            c->url[c->url_count++] = mem_text(slice_of(value, n));
        value += n;
        value += strspn(value, " ,\t");
    }
    return true;
}

static bool
set_text(char **out, const char *value)
{
    if (strlen(value) > LIMIT_TEXT_BYTES)
        return false;
    free(*out);
    *out = value[0] ? mem_text(slice_text(value)) : NULL;
    return true;
}

/* The address stands where %s does, once or more; no other % makes sense. */
static bool
set_filter(char **out, const char *value)
{
    const char *at = strchr(value, '%');

    if (value[0] != '(' || !at)
        return false;
    for (; at; at = strchr(at + 1, '%'))
        if (at[1] != 's')
            return false;
    return set_text(out, value);
}

/* An attribute's name is a filter in short. */
static bool
set_attribute(char **out, const char *value)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    char filter[128];

    if (value[0] == '\0' || value[strspn(value, letters)] != '\0' ||
        strlen(value) > 64)
        return false;
    snprintf(filter, sizeof(filter), "(%s=%%s)", value);
    return set_text(out, filter);
}

static bool
set_value(struct loading *all, const struct conf_line *l)
{
    struct directory_config *c = all->config;
    const char *name = l->name;
    const char *value = l->value;

    if (strcmp(name, "url") == 0)
        return set_urls(all, value);
    if (strcmp(name, "base") == 0)
        return set_text(&c->base, value);
    if (strcmp(name, "filter") == 0)
        return set_filter(&c->filter, value);
    if (strcmp(name, "attribute") == 0)
        return set_attribute(&c->filter, value);
    if (strcmp(name, "ca") == 0)
        return (value[0] == '/' || value[0] == '\0') && set_text(&c->ca, value);
    if (strcmp(name, "bind-dn") == 0)
        return set_text(&c->bind_dn, value);
    if (strcmp(name, "timeout") == 0)
        return conf_number(l, &c->timeout_s);
    if (strcmp(name, "cache") == 0)
        return conf_number(l, &c->cache_s);
    return strcmp(name, "start-tls") == 0 && conf_flag(value, &c->start_tls);
}

static enum conf_answer
take_line(void *user, const struct conf_line *l)
{
    if (strcmp(l->section, "directory") != 0)
        return CONF_OTHER;
    return set_value(user, l) ? CONF_TAKEN : CONF_WRONG;
}

static void
complain(void *user, const char *text)
{
    struct loading *l = user;

    if (!l->config->fault[0])
        snprintf(l->config->fault, sizeof(l->config->fault), "%s", text);
}

void
directory_config_load(const char *const *files, size_t count,
                      struct directory_config *out)
{
    *out = (struct directory_config){.timeout_s = DIRECTORY_TIMEOUT_S,
                                     .cache_s = DIRECTORY_CACHE_S};
    for (size_t i = 0; i < count; i++) {
        struct loading l = {.config = out};
        const struct conf_reader reader = {
            .take = take_line, .complain = complain, .user = &l};

        conf_read(files[i], &reader);
    }
    if (!out->filter)
        out->filter = mem_text(slice_text(DIRECTORY_FILTER));
}

bool
directory_config_is_on(const struct directory_config *c)
{
    return c->url_count > 0;
}
