/* The methods of io.smimeagent.Keys for a token and its PIN: InitToken,
 * ChangePin, UnblockPin. The descriptors of the PINs travel on unread. */
#include "agent/base/fd.h"
#include "agent/session/channels.h"
#include "agent/session/json_text.h"

static enum err
take_fd(struct request *r, const char *name, int *out)
{
    return request_number(r, name, -1) >= 0 ? request_fd(r, name, out) : ERR_OK;
}

/* FIRST and SECOND name the parameters with the two secrets. */
static enum err
call_with_pins(struct request *r, enum message m, const char *first,
               const char *second, const char *label, json_t **out)
{
    struct pin_request request = {.token = slice_text(request_text(r, "token")),
                                  .label = slice_text(label)};
    struct token_record reply;
    AUTO(fd) int one = -1;
    AUTO(fd) int two = -1;
    int fds[2], n = 0;
    enum err e = take_fd(r, first, &one);

    if (e == ERR_OK)
        e = take_fd(r, second, &two);
    if (e == ERR_OK)
        e = session_narrow(r, VERB_MANAGE, 0, slice_of(NULL, 0));
    if (one >= 0)
        fds[n++] = one;
    if (two >= 0)
        fds[n++] = two;
    request.has_first = one >= 0;
    request.has_second = two >= 0;
    if (e == ERR_OK)
        e = keyholder_call(r, m, &request, fds, n, &reply);
    if (e != ERR_OK)
        return e;
    *out = json_object();
    json_object_set_new(*out, "token", json_text(reply.label));
    return ERR_OK;
}

enum err
keys_init_token(struct request *r, json_t **out)
{
    return call_with_pins(r, MSG_TOKEN_INIT, "so_pin", "pin",
                          request_text(r, "label"), out);
}

enum err
keys_change_pin(struct request *r, json_t **out)
{
    return call_with_pins(r, MSG_PIN_CHANGE, "old_pin", "pin", NULL, out);
}

enum err
keys_unblock_pin(struct request *r, json_t **out)
{
    return call_with_pins(r, MSG_PIN_UNBLOCK, "puk", "pin", NULL, out);
}
