#include "client/cli/renewal.h"

#include <string.h>

#include "client/cli/cli.h"

bool
list_has(json_t *list, const char *text)
{
    json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (strcmp(json_string_value(one), text) == 0)
            return true;
    }
    return false;
}

bool
keys_cover(json_t *a, json_t *b, const char *name)
{
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(a, name), i, one)
    {
        if (!list_has(json_object_get(b, name), json_string_value(one)))
            return false;
    }
    return true;
}

bool
key_is_same(json_t *a, json_t *b)
{
    const char *x = text_of(a, "public_key"), *y = text_of(b, "public_key");

    return strcmp(text_of(a, "id"), text_of(b, "id")) == 0 &&
           (!x[0] || !y[0] || strcmp(x, y) == 0);
}

bool
key_has_newer(json_t *keys, json_t *key)
{
    json_t *other;
    size_t i;

    json_array_foreach(keys, i, other)
    {
        if (key_is_same(other, key) &&
            number_of(other, "not_before") >= number_of(key, "not_before") &&
            number_of(other, "not_after") > number_of(key, "not_after") &&
            keys_cover(key, other, "addresses"))
            return true;
    }
    return false;
}
