#include "agent/session/json_text.h"

#include "agent/base/err.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"

json_t *
json_text(struct slice text)
{
    json_t *valid = NULL;
    AUTO(buf) struct buf shown = {0};
    size_t room = 4 * text.n + 1;

    if (text.n == 0)
        return json_string("");
    if (memchr(text.p, 0, text.n) == NULL)
        valid = json_stringn((const char *)text.p, text.n);
    if (valid)
        return valid;
    buf_reserve(&shown, room);
    text_escape(text, (char *)shown.data, room);
    return json_string((const char *)shown.data);
}

json_t *
json_texts(const struct slice_list *list)
{
    json_t *out = json_array();

    for (size_t i = 0; i < list->n; i++)
        json_array_append_new(out, json_text(list->item[i]));
    return out;
}

json_t *
json_time(uint64_t seconds)
{
    return json_integer(seconds > INT64_MAX ? INT64_MAX : (int64_t)seconds);
}

json_t *
json_hex(struct slice bytes)
{
    char hex[2 * LIMIT_HEX_BYTES + 1];

    if (bytes.n > LIMIT_HEX_BYTES)
        bug("too many bytes to be shown as hex");
    text_hex(bytes, hex);
    return json_string(hex);
}
