/*
 * What the tests of parts share: mails in multiparts and in other mails, and
 * what a report says of a part or a layer. Included once by each of them.
 */
#ifndef TESTS_UNIT_SESSION_PARTS_H
#define TESTS_UNIT_SESSION_PARTS_H

#include "agent/session/reading.h"

#include "tests/unit/session_mail.h"

#define HEAD  "From: A <a@example.org>\nTo: b@example.org\nSubject: s\n"
#define MIXED "Content-Type: multipart/mixed; boundary=\"=mix\"\n\n"
#define TEXT  "Content-Type: text/plain\n\nthe text\n"

UNUSED static void
alone(void)
{
    people_clear();
    card_add(&alice, "a@example.org");
}

/* MAIL becomes what HANDLER makes of it as ADDRESS, for ADDRESS. */
UNUSED static void
wrap_as(method_handler *handler, const char *address, struct buf *mail)
{
    AUTO(outcome) struct outcome o;

    call_mail(handler, json_pack("{s:[s],s:s}", "to", address, "from", address),
              buf_slice(mail), &o);
    assert_int_equal(o.e, ERR_OK);
    buf_clear(mail);
    buf_add_slice(mail, buf_slice(&o.output));
}

/* MAIL becomes what HANDLER makes of it, for ADDRESS. */
UNUSED static void
wrap_for(method_handler *handler, bool opaque, const char *address,
         struct buf *mail)
{
    AUTO(outcome) struct outcome o;
    json_t *parameters =
        handler == mail_sign
            ? json_pack("{s:b,s:s}", "opaque", opaque, "from", "a@example.org")
            : json_pack("{s:[s],s:s}", "to", address, "from", "a@example.org");

    call_mail(handler, parameters, buf_slice(mail), &o);
    assert_int_equal(o.e, ERR_OK);
    buf_clear(mail);
    buf_add_slice(mail, buf_slice(&o.output));
}

UNUSED static void
wrap(method_handler *handler, bool opaque, struct buf *mail)
{
    wrap_for(handler, opaque, "a@example.org", mail);
}

/* INNER (a mail or an entity) as the part before a list's footer. */
UNUSED static void
in_list(const struct buf *inner, struct buf *out)
{
    buf_add_text(out, HEAD MIXED "--=mix\n");
    buf_add_slice(out, buf_slice(inner));
    buf_add_text(out, "\n--=mix\nContent-Type: text/plain\n\nthe footer\n"
                      "--=mix--\n");
}

/* INNER attached to a text. */
UNUSED static void
attached(const struct buf *inner, struct buf *out)
{
    buf_add_text(out, HEAD MIXED "--=mix\n\nlook\n--=mix\n"
                                 "Content-Type: message/rfc822\n\n");
    buf_add_slice(out, buf_slice(inner));
    buf_add_text(out, "\n--=mix--\n");
}

UNUSED static void
spoil(struct buf *mail, const char *old, const char *new)
{
    uint8_t *at = memmem(mail->data, mail->len, old, strlen(old));

    assert_non_null(at);
    assert_int_equal(strlen(old), strlen(new));
    memcpy(at, new, strlen(new));
}

/* ---- the report
 * ------------------------------------------------------------------ */

UNUSED static json_t *
report_list(const struct outcome *o, const char *name)
{
    return json_object_get(json_object_get(o->reply, "report"), name);
}

UNUSED static json_t *
part_of(const struct outcome *o, const char *path)
{
    json_t *part;
    size_t i;

    json_array_foreach(report_list(o, "parts"), i, part)
    {
        if (strcmp(json_string_value(json_object_get(part, "path")), path) == 0)
            return part;
    }
    fail_msg("no part %s in %s", path, json_dumps(o->reply, 0));
    return NULL;
}

/* Number -1: none. */
UNUSED static void
assert_part(const struct outcome *o, const char *path, bool vouched,
            int signature, int encryption)
{
    json_t *part = part_of(o, path);
    json_t *s = json_object_get(part, "signature");
    json_t *e = json_object_get(part, "encryption");

    assert_int_equal(json_is_true(json_object_get(part, "vouched")), vouched);
    assert_int_equal(json_is_integer(s) ? json_integer_value(s) : -1,
                     signature);
    assert_int_equal(json_is_integer(e) ? json_integer_value(e) : -1,
                     encryption);
    assert_int_equal(json_is_true(json_object_get(part, "encrypted")),
                     encryption >= 0);
}

UNUSED static json_t *
layer_at(const struct outcome *o, size_t i)
{
    return json_array_get(report_list(o, "layers"), i);
}

UNUSED static void
assert_layer(const struct outcome *o, size_t i, const char *part,
             const char *place, bool valid)
{
    json_t *l = layer_at(o, i);

    assert_string_equal(json_string_value(json_object_get(l, "part")), part);
    assert_string_equal(json_string_value(json_object_get(l, "place")), place);
    assert_int_equal(json_is_true(json_object_get(l, "valid")), valid);
}

UNUSED static void
assert_nothing_asked_to_learn(void)
{
    for (size_t i = 0; i < asked_count && i < ARRAY_COUNT(asked); i++) {
        assert_int_equal(asked[i].learn, 0);
        assert_int_equal(asked[i].covers, 0);
    }
}

UNUSED static void
open_mail(const struct buf *mail, struct outcome *out)
{
    key_operations = 0;
    call_mail(mail_open, NULL, buf_slice(mail), out);
    assert_int_equal(out->e, ERR_OK);
}

#endif
